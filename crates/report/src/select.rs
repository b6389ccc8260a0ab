//! Selects the cases of a figure and divides them into groups.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{Axes, CASE_SCHEMA, CaseRecord, FigureSpec, SCHEMA_VERSION, Status};

use crate::Results;
use crate::compare::{self, COMPARED};
use crate::quantity::{Quantity, words};
use crate::text::counted;

/// Columns that are chosen by the experiment rather than measured.
pub(crate) const AXES: [&str; 21] = [
    "pipeline",
    "settings",
    "deduplicate",
    "strategy",
    "order",
    "slack_ms",
    "sources",
    "idle_ms",
    "idle",
    "eviction",
    "workers",
    "processes",
    "records_per_epoch",
    "load",
    "rate_events_per_s",
    "rate_share",
    "trace",
    "seed",
    "world",
    "fault",
    "live",
];

/// Columns that hold words a reader can compare at a glance.
pub(crate) const WORDED: [&str; 18] = [
    "part",
    "pipeline",
    "settings",
    "deduplicate",
    "strategy",
    "order",
    "sources",
    "idle",
    "eviction",
    "load",
    "trace",
    "world",
    "fault",
    "live",
    "outcome",
    "growth_verdict",
    "growth_decided_by",
    "doubts",
];

/// Kinds of histograms in `latency.hlog`.
pub(crate) const HISTOGRAMS: [&str; 8] =
    ["latency", "processing-delay", "driver-lag", "from-admission", "acknowledged", "shown", "lost-time", "hiccup"];

/// Cells of a case by column name.
pub(crate) type Cells = BTreeMap<&'static str, Cell>;

/// The selected cases of a figure.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    /// Selected cases that have numbers.
    pub(crate) cases: Vec<Chosen<'a>>,
    /// Selected cases that were run and have no numbers.
    pub(crate) without: Vec<(&'a CaseRecord, Cells)>,
    /// Names of the groups in the order of their first case; one empty name if there is only one group.
    pub(crate) groups: Vec<String>,
    /// The index of the colour of each group: that of its strategy, the same in all figures of a run, if the figure
    /// distinguishes strategies, else its own.
    pub(crate) colours: Vec<usize>,
    /// True if the colours are those of strategies.
    pub(crate) colours_are_strategies: bool,
    /// Notes that say why some cases are not drawn.
    pub(crate) notes: Vec<String>,
}

impl<'a> Selection<'a> {
    /// Returns the cases of one group, or of all groups for `None`.
    pub(crate) fn of_group(&self, group: Option<usize>) -> impl Iterator<Item = &Chosen<'a>> {
        self.cases.iter().filter(move |case| group.is_none_or(|group| case.group == group))
    }
}

impl Selection<'_> {
    /// Treats cases that differ only in their seed as repeats of one choice.
    fn take_seeds_as_repeats(&mut self) {
        let first = self.cases.first().map(|case| case.record.axes.seed);
        if self.cases.iter().all(|case| Some(case.record.axes.seed) == first) {
            return;
        }
        let mut firsts: BTreeMap<String, (usize, Option<u64>)> = BTreeMap::new();
        for case in &mut self.cases {
            let seed = case.record.axes.seed;
            let (choice, first) = *firsts.entry(apart_from_seed(case.record)).or_insert((case.choice, seed));
            if first != seed {
                case.choice = choice;
            }
        }
    }

    /// Returns the maximum number of measurements of one choice.
    pub(crate) fn repeats(&self) -> usize {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        self.cases.iter().for_each(|case| *counts.entry(case.choice).or_default() += 1);
        counts.into_values().max().unwrap_or(0)
    }
}

/// Returns all that was chosen for a case except its seed; a rate found by a search was not chosen.
pub(crate) fn apart_from_seed(case: &CaseRecord) -> String {
    let mut axes = Axes { seed: None, ..case.axes.clone() };
    if axes.rate_share.is_some() || axes.load.starts_with("search") {
        (axes.rate_events_per_s, axes.records_per_epoch) = (None, 0);
    }
    format!("{axes:?}")
}

/// Returns true if a figure distinguishes cases by this column.
fn names(spec: &FigureSpec, column: &str) -> bool {
    spec.x == column || spec.by.iter().any(|by| by == column)
}

/// A selected case with numbers.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) record: &'a CaseRecord,
    pub(crate) group: usize,
    /// Number of the first case of the same choice: it differs at most in its repeat, or in its seed where the figure
    /// does not name the seed.
    pub(crate) choice: usize,
    pub(crate) cells: Cells,
}

impl Chosen<'_> {
    /// Returns the value of a column, empty if there is no such column.
    pub(crate) fn cell(&self, column: &str) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }
}

/// Returns the names of the columns that a figure may use: those of `cases.csv`, and those that compare a case with
/// others.
pub fn case_columns() -> Vec<&'static str> {
    recorded_columns().into_iter().chain(COMPARED).collect()
}

/// Returns the names of the columns of `cases.csv`, which follow from one case alone.
pub fn recorded_columns() -> Vec<&'static str> {
    let axes = Axes {
        pipeline: String::new(),
        settings: Vec::new(),
        deduplicate: false,
        strategy: String::new(),
        order: String::new(),
        slack_ms: 0,
        sources: String::new(),
        idle: String::new(),
        idle_ms: None,
        eviction: String::new(),
        workers: 0,
        processes: 0,
        records_per_epoch: 0,
        load: String::new(),
        rate_events_per_s: None,
        rate_share: None,
        trace: String::new(),
        seed: None,
        world: String::new(),
        fault: None,
        live: None,
    };
    let (part, status, doubts) = (String::new(), Status::Ok, Vec::new());
    let case = CaseRecord {
        schema: CASE_SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        part,
        case: 0,
        repeat: 0,
        axes,
        status,
        numbers: None,
        doubts,
        segment: 0,
    };
    case.columns().into_iter().map(|(name, _)| name).collect()
}

/// Selects the cases of a figure: those of its question that have the values it asks for.
pub(crate) fn select<'a>(results: &'a Results, part: &str, spec: &FigureSpec) -> Selection<'a> {
    let mut selection = Selection {
        cases: Vec::new(),
        without: Vec::new(),
        groups: Vec::new(),
        colours: Vec::new(),
        colours_are_strategies: spec.by.iter().any(|column| column == "strategy"),
        notes: Vec::new(),
    };
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for record in results.cases.iter().filter(|case| case.part == part) {
        let cells: Cells = compare::columns(results, record).into_iter().collect();
        let wanted = |(column, value): (&String, &String)| cells.get(column.as_str()).is_some_and(|c| is(c, value));
        if !spec.only.iter().all(wanted) {
            continue;
        }
        if record.numbers.is_none() {
            selection.without.push((record, cells));
            continue;
        }
        let name = group_name(&cells, &spec.by);
        let group = *groups.entry(name.clone()).or_insert(selection.groups.len());
        if group == selection.groups.len() {
            let of_strategy = selection.colours_are_strategies.then(|| results.colour_of(&record.axes.strategy));
            selection.colours.push(of_strategy.unwrap_or(group));
            selection.groups.push(name);
        }
        selection.cases.push(Chosen { record, group, choice: record.case, cells });
    }
    if !names(spec, "seed") {
        selection.take_seeds_as_repeats();
    }
    selection.notes = why_not(&selection.without, selection.cases.len());
    selection
}

/// Returns the axes whose values vary between cases.
pub(crate) fn varying_axes<'a>(cases: impl Iterator<Item = &'a CaseRecord>) -> Vec<&'static str> {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for case in cases {
        for (column, cell) in case.columns().into_iter().filter(|(column, _)| AXES.contains(column)) {
            seen.entry(column).or_default().insert(cell.to_string());
        }
    }
    AXES.into_iter().filter(|axis| seen.get(axis).is_some_and(|values| values.len() > 1)).collect()
}

/// Returns the axes that distinguish cases for a reader: those that vary, without epoch sizes that merely follow from
/// the rate.
pub(crate) fn telling_axes(cases: &[&CaseRecord]) -> Vec<&'static str> {
    let mut axes = varying_axes(cases.iter().copied());
    let mut of_rate: BTreeMap<Option<u64>, usize> = BTreeMap::new();
    let follows = cases.iter().all(|case| {
        let (rate, records) = (case.axes.rate_events_per_s.map(f64::to_bits), case.axes.records_per_epoch);
        *of_rate.entry(rate).or_insert(records) == records
    });
    if follows {
        axes.retain(|axis| *axis != "records_per_epoch");
    }
    axes
}

/// Names a case by its values in some columns: `exchange, 2 workers, slack 1 min`.
pub(crate) fn case_name(case: &CaseRecord, columns: &[&str]) -> String {
    let cells: BTreeMap<&str, Cell> = case.columns().into_iter().collect();
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    group_name(&cells, &columns)
}

/// Formats a cell for a table.
pub(crate) fn readable(column: &str, cell: &Cell) -> String {
    match cell.number() {
        // Chosen numbers are read better in full: 8192 records, not 8.19k.
        Some(_) if matches!(cell, Cell::Integer(_)) && Quantity::of(column) == Quantity::Count => cell.to_string(),
        Some(number) => Quantity::of(column).human(number),
        None => cell.to_string(),
    }
}

/// Names a group by its values in some columns, separated by commas.
pub(crate) fn group_name(cells: &BTreeMap<&str, Cell>, by: &[String]) -> String {
    let names: Vec<String> = by.iter().filter_map(|column| value_name(column, cells.get(column.as_str())?)).collect();
    names.join(", ")
}

/// Names a value with as much of its column's name as a reader needs: `2 workers`, `slack 1 min`.
pub(crate) fn value_name(column: &str, cell: &Cell) -> Option<String> {
    Some(match (column, cell) {
        ("fault", Cell::Empty) => "no fault".to_owned(),
        ("live", Cell::Empty) => "not live".to_owned(),
        ("live", cell) if cell.to_string() == "on" => "live".to_owned(),
        ("rate_events_per_s", Cell::Empty) => "no fixed rate".to_owned(),
        ("rate_share", Cell::Empty) => "no share of a search".to_owned(),
        ("world", Cell::Empty) => "the world as it is".to_owned(),
        ("seed", Cell::Empty) => "the seed of the run".to_owned(),
        ("idle_ms", Cell::Empty) => "never idle".to_owned(),
        (_, Cell::Empty) => format!("no {}", words(column)),
        ("slack_ms", Cell::Integer(0)) => "no slack".to_owned(),
        ("workers" | "total_workers", Cell::Integer(1)) => "1 worker".to_owned(),
        ("workers" | "total_workers", cell) => format!("{cell} workers"),
        ("processes", Cell::Integer(1)) => "1 process".to_owned(),
        ("processes", cell) => format!("{cell} processes"),
        ("idle_ms", cell) => format!("idle after {}", readable(column, cell)),
        ("deduplicate", cell) => (if cell.to_string() == "true" { "deduplicated" } else { "as delivered" }).to_owned(),
        ("order" | "strategy" | "pipeline" | "trace" | "settings" | "world" | "live", cell) => cell.to_string(),
        ("rate_events_per_s", cell) => readable(column, cell),
        ("rate_share", cell) => format!("{} of sustainable", readable(column, cell)),
        (column, cell) => format!("{} {}", words(column), readable(column, cell)),
    })
}

/// Reads a value as it is written in a figure or a claim.
pub(crate) fn cell_of(value: &str) -> Cell {
    match (value.parse::<i64>(), value.parse::<f64>()) {
        _ if value.is_empty() => Cell::Empty,
        (Ok(whole), _) => Cell::Integer(whole),
        (_, Ok(number)) => Cell::Number(number),
        _ => Cell::Text(value.to_owned()),
    }
}

fn is(cell: &Cell, value: &str) -> bool {
    cell.to_string() == value || cell.number().is_some_and(|number| value.parse() == Ok(number))
}

/// Returns notes on the cases without numbers and their causes.
fn why_not(without: &[(&CaseRecord, Cells)], with: usize) -> Vec<String> {
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for (case, _) in without {
        let cause = match &case.status {
            Status::Failed { cause, .. } => format!("failed: {cause}"),
            Status::Invalid { .. } => "wrong answers where exact ones are guaranteed".to_owned(),
            Status::Ok => "no numbers recorded".to_owned(),
        };
        *causes.entry(cause).or_default() += 1;
    }
    if with == 0 && without.is_empty() {
        return vec!["No finished case matches this figure.".to_owned()];
    }
    if without.is_empty() {
        return Vec::new();
    }
    let causes: Vec<String> = causes.into_iter().map(|(cause, n)| format!("{n} × {cause}")).collect();
    let all = counted(with + without.len(), "case");
    vec![format!("{} of {all} without numbers, not drawn ({}).", without.len(), causes.join("; "))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_are_the_columns_between_repeat_and_outcome() {
        let columns = case_columns();
        let at = |name: &str| columns.iter().position(|column| *column == name).unwrap();
        assert_eq!(columns[at("repeat") + 1..at("outcome")], AXES);
    }

    #[test]
    fn columns_that_hold_words_exist() {
        let columns = case_columns();
        WORDED.iter().for_each(|column| assert!(columns.contains(column), "{column}"));
    }

    #[test]
    fn a_group_is_named_by_its_values_as_people_say_them() {
        let by = ["strategy", "workers", "slack_ms", "deduplicate", "rate_share", "fault"].map(str::to_owned);
        let cells = [
            ("strategy", Cell::Text("exchange".into())),
            ("workers", Cell::Integer(2)),
            ("slack_ms", Cell::Integer(60_000)),
            ("deduplicate", Cell::Text("false".into())),
            ("rate_share", Cell::Number(0.8)),
            ("fault", Cell::Empty),
        ];
        let name = group_name(&cells.into_iter().collect(), &by);
        assert_eq!(name, "exchange, 2 workers, slack 1 min, as delivered, 80 % of sustainable, no fault");
    }
}

//! Tables of how the strategies of a question scale, with a family for each choice of everything else, such as a
//! pipeline.

use std::collections::BTreeMap;

use flowbench_measurement::record::CaseRecord;
use flowbench_measurement::repeats::{SCATTERED_RATES, Spread};

use crate::Results;
use crate::chart::Point;
use crate::compare::{self, SINGLE_THREAD, compared_with, is_closed, total_workers};
use crate::figures::scaling::{Scaled, THROUGHPUT, off, parameter, warnings_note};
use crate::quantity::{Quantity, spread_words};
use crate::select::{Cells, case_name, readable, telling_axes};
use crate::table::{Column, LEFT, NONE, RIGHT, Table};

/// Axes that describe how work is distributed: cases of a family differ only in these.
const SPREAD: [&str; 4] = ["strategy", "workers", "processes", "records_per_epoch"];
/// Measured columns of the first table and their titles.
const MEASURED: [(&str, &str); 8] = [
    (THROUGHPUT, "events/s"),
    ("speed_up", "speed-up"),
    ("efficiency", "efficiency"),
    ("cpu_s_per_million_events", "CPU per M events"),
    ("records_imbalance", "record imbalance"),
    ("busy_imbalance", "time imbalance"),
    ("exchanged_bytes_per_event", "sent per event"),
    ("view_skew_p99_records", "skew p99, records"),
];

/// Cases that differ only in how work is distributed.
pub(crate) struct Family {
    /// Name of the family, and its best strategy.
    pub(crate) summary: String,
    /// Table with a row for each case.
    pub(crate) cases: Table,
    /// Table with COST and the scalability law for each strategy except the single thread.
    pub(crate) laws: Table,
    /// Reasons to distrust the laws; absent if there are none.
    pub(crate) careful: Option<String>,
}

/// Returns the families of a question that contain a single thread and other strategies.
pub(crate) fn families(results: &Results, part: &str) -> Vec<Family> {
    let of_part = |case: &&CaseRecord| case.part == part && case.numbers.is_some() && is_closed(case);
    let mut alike: Vec<Vec<&CaseRecord>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for case in results.cases.iter().filter(of_part) {
        let place = *places.entry(compared_with(case)).or_insert(alike.len());
        alike.resize_with(alike.len().max(place + 1), Vec::new);
        alike[place].push(case);
    }
    let is_single = |case: &&CaseRecord| case.axes.strategy == SINGLE_THREAD;
    alike.retain(|family| family.iter().any(is_single) && !family.iter().all(is_single));
    let mut axes = telling_axes(&alike.concat());
    axes.retain(|axis| !SPREAD.contains(axis));
    if axes.is_empty() {
        axes.push("pipeline");
    }
    alike.into_iter().map(|cases| family(results, &case_name(cases[0], &axes), &cases)).collect()
}

/// A case with the spreads over its repeats.
struct Row<'a> {
    case: &'a CaseRecord,
    axes: Cells,
    spreads: BTreeMap<&'static str, Spread>,
}

fn family(results: &Results, name: &str, cases: &[&CaseRecord]) -> Family {
    let mut repeats: BTreeMap<usize, Vec<&CaseRecord>> = BTreeMap::new();
    for case in cases {
        repeats.entry(case.case).or_default().push(case);
    }
    let rows: Vec<Row> = repeats.values().map(|repeats| row(results, repeats)).collect();
    let scaled = scaled(&rows, results.run.machine.usable_cores);
    Family {
        summary: format!("{name}: {}", best(&rows)),
        cases: cases_table(&rows),
        laws: laws_table(&scaled),
        careful: warnings_note(&scaled),
    }
}

fn row<'a>(results: &Results, repeats: &[&'a CaseRecord]) -> Row<'a> {
    let columns: Vec<Cells> =
        repeats.iter().map(|case| compare::columns(results, case).into_iter().collect()).collect();
    let of_column = |column: &'static str| {
        let values: Vec<f64> = columns.iter().filter_map(|cells| cells.get(column)?.number()).collect();
        Some((column, Spread::of(&values)?))
    };
    let mut spreads: BTreeMap<&str, Spread> = MEASURED.iter().filter_map(|(column, _)| of_column(column)).collect();
    spreads.extend(compare::speed_up_spread(results, repeats).map(|spread| ("speed_up", spread)));
    Row { case: repeats[0], axes: columns.into_iter().next().unwrap_or_default(), spreads }
}

/// Describes the best strategy and how certain it is: `exchange on 2 workers, 1.6× sequential`.
fn best(rows: &[Row]) -> String {
    let others = rows.iter().filter(|row| row.case.axes.strategy != SINGLE_THREAD);
    let speed_up = |row: &Row| row.spreads.get("speed_up").copied();
    let best = others.filter_map(|row| Some((row, speed_up(row)?))).max_by(|a, b| a.1.median.total_cmp(&b.1.median));
    let Some((best, Spread { median, low, high, repeats })) = best else {
        return format!("nothing beats {SINGLE_THREAD}");
    };
    let alone = best.case.axes.processes == 1;
    let on = case_name(best.case, if alone { &["workers"] } else { &["workers", "processes"] });
    let (strategy, value) = (&best.case.axes.strategy, Quantity::Factor.human(median));
    match (repeats, median > 1.0) {
        (1, true) => format!("{strategy} on {on}, {value} {SINGLE_THREAD}, measured once"),
        (1, false) => format!("nothing clearly beats {SINGLE_THREAD}, measured once"),
        _ if low > 1.0 => format!("{strategy} on {on}, {value} {SINGLE_THREAD}"),
        _ if high < 1.0 => format!("nothing beats {SINGLE_THREAD}"),
        _ => format!("nothing clearly beats {SINGLE_THREAD} ({strategy} on {on}, {value}, is not distinguishable)"),
    }
}

fn cases_table(rows: &[Row]) -> Table {
    let titles = ["strategy", "workers", "processes", "epoch"];
    let mut columns = vec![Column { title: titles[0], ..LEFT }];
    columns.extend(
        titles[1..].iter().chain(MEASURED.iter().map(|(_, title)| title)).map(|title| Column { title, ..RIGHT }),
    );
    let cells = |row: &Row| {
        let axis = |axis: &&str| row.axes.get(*axis).map_or(String::new(), |cell| readable(axis, cell));
        let measured = |(column, _): &(&'static str, &str)| {
            let quantity = Quantity::of(column);
            let words = |spread| spread_words(spread, SCATTERED_RATES, |value| quantity.tick(value));
            row.spreads.get(column).map_or(NONE.to_owned(), words)
        };
        SPREAD.iter().map(axis).chain(MEASURED.iter().map(measured)).collect()
    };
    let mut table = Table { columns, rows: rows.iter().map(cells).collect() };
    for title in ["processes", "epoch"] {
        table.drop_if_same(title);
    }
    for (_, title) in MEASURED {
        table.drop_if_all(title, &[NONE]);
    }
    table
}

/// Returns how each strategy except the single thread scales, in the order of their first cases.
fn scaled(rows: &[Row], usable_cores: usize) -> Vec<Scaled> {
    let throughput = |row: &&Row| row.spreads.get(THROUGHPUT).copied();
    let single = rows.iter().filter(|row| row.case.axes.strategy == SINGLE_THREAD).find_map(|row| throughput(&row));
    let mut strategies: Vec<(&str, Vec<Point>)> = Vec::new();
    for row in rows.iter().filter(|row| row.case.axes.strategy != SINGLE_THREAD) {
        let point = throughput(&row).map(|spread| Point::of(total_workers(row.case) as f64, spread));
        match strategies.iter_mut().find(|(strategy, _)| *strategy == row.case.axes.strategy) {
            Some((_, points)) => points.extend(point),
            None => strategies.push((&row.case.axes.strategy, point.into_iter().collect())),
        }
    }
    strategies.into_iter().map(|(name, points)| Scaled::of(name.to_owned(), points, single, usable_cores)).collect()
}

fn laws_table(scaled: &[Scaled]) -> Table {
    let mut columns = vec![Column { title: "strategy", ..LEFT }, Column { title: "COST", ..LEFT }];
    let titles = ["λ, events/s", "σ", "κ", "peak, workers", "typical error"];
    columns.extend(titles.map(|title| Column { title, ..RIGHT }));
    let row = |scaled: &Scaled| {
        let law = scaled.law.as_ref().map(|law| {
            let peak = law.peak_workers.map_or(NONE.to_owned(), |peak| format!("{peak:.0}"));
            let lambda = Quantity::Count.human(law.lambda_events_per_s);
            [lambda, parameter(law.sigma), parameter(law.kappa), peak, off(law)]
        });
        let cost = scaled.cost.map_or(NONE.to_owned(), |cost| cost.to_string());
        let mut row = vec![scaled.name.clone(), cost];
        row.extend(law.unwrap_or([NONE; 5].map(str::to_owned)));
        row
    };
    Table { columns, rows: scaled.iter().map(row).collect() }
}

//! `operators`: the busy time of cases with operator logging, as a bar for each group and worker, stacked by operator.

use std::collections::BTreeMap;

use flowbench_measurement::record::{CaseRecord, FigureSpec, OperatorTime};

use crate::Results;
use crate::chart::{Chart, Mark, Panel, Point, Series, SeriesStyle, X};
use crate::figures::sweep::mixed_note;
use crate::operator_profile;
use crate::quantity::Quantity;
use crate::results::rows_of;
use crate::select::Selection;
use crate::text::counted;

/// Maximum number of parts of a bar that a reader tells apart.
const PARTS: usize = 7;

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection, results: &Results) -> Chart {
    let bars: Vec<Bar> = (0..selection.groups.len()).flat_map(|group| bars(selection, group, results)).collect();
    let parts = parts(&bars);
    let part = |(n, part): (usize, &Part)| {
        let point = |(row, bar): (usize, &Bar)| {
            let of_part = bar.operators.iter().filter(|of| part.operators.contains(&of.operator.as_str()));
            let times: Vec<u64> = of_part.map(|of| of.busy_ns).collect();
            (!times.is_empty()).then(|| Point::exact(row as f64, times.iter().sum::<u64>() as f64))
        };
        let look = SeriesStyle::Nth { colour: n, marker: n, dash: n };
        Series::new(&part.name, look, bars.iter().enumerate().filter_map(point).collect())
    };
    let series = parts.iter().enumerate().map(part).collect();
    let column = spec.by.iter().map(String::as_str).chain(["worker"]).collect::<Vec<_>>().join("+");
    let x = X::Names { column, names: bars.iter().map(|bar| bar.name.clone()).collect(), mark: Mark::Stack };
    let panel = Panel::new("time in operators", Quantity::Nanoseconds, series);
    Chart { notes: notes(spec, selection, results), ..Chart::new(&spec.name, &spec.question, x, vec![panel]) }
}

/// One worker of a group.
struct Bar {
    name: String,
    operators: Vec<OperatorTime>,
}

fn bars(selection: &Selection, group: usize, results: &Results) -> Vec<Bar> {
    let cases: Vec<&CaseRecord> = selection.of_group(Some(group)).map(|case| case.record).collect();
    let operators = operator_profile::operators(results, &cases);
    let of_workers: Vec<&[OperatorTime]> = operators.chunk_by(|a, b| a.worker == b.worker).collect();
    let name = |worker: usize| {
        let names = [selection.groups[group].clone(), format!("worker {worker}")];
        let names = names.into_iter().take(if of_workers.len() > 1 { 2 } else { 1 });
        let name = names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
        if name.is_empty() { "all cases".to_owned() } else { name }
    };
    of_workers.iter().map(|of| Bar { name: name(of[0].worker), operators: of.to_vec() }).collect()
}

/// The operators that share one colour.
struct Part<'a> {
    name: String,
    operators: Vec<&'a str>,
}

/// Assigns a colour to each operator, by descending busy time; the rest share one when the colours run out.
fn parts(bars: &[Bar]) -> Vec<Part<'_>> {
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for of in bars.iter().flat_map(|bar| &bar.operators) {
        *times.entry(&of.operator).or_default() += of.busy_ns;
    }
    let mut operators: Vec<&str> = times.keys().copied().collect();
    operators.sort_by_key(|operator| u64::MAX - times[operator]);
    let alone = if operators.len() > PARTS { PARTS - 1 } else { operators.len() };
    let others = operators.split_off(alone);
    let mut parts: Vec<Part> =
        operators.iter().map(|name| Part { name: (*name).to_owned(), operators: vec![name] }).collect();
    if !others.is_empty() {
        parts.push(Part { name: counted(others.len(), "other"), operators: others });
    }
    parts
}

fn notes(spec: &FigureSpec, selection: &Selection, results: &Results) -> Vec<String> {
    let logged = |case: &CaseRecord| !rows_of(&results.operators, |row| (row.case, row.repeat), case).is_empty();
    let mut notes = Vec::new();
    let without = selection.cases.iter().filter(|case| !logged(case.record)).count();
    if without > 0 {
        notes.push(format!(
            "Operator activity was not logged in {without} of {}.",
            counted(selection.cases.len(), "measurement")
        ));
    }
    if selection.cases.iter().any(|case| case.record.repeat > 1) {
        notes.push("Medians of the repeats for each operator; their sum is written beside the bar.".to_owned());
    }
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    notes.extend(mixed_note(&selection.cases, &by));
    notes
}

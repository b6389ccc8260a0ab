//! Columns that compare a case with others, such as its speed-up over the single thread. They follow those of
//! `cases.csv` wherever a figure or a table asks for one.
//!
//! Decision D-502.

use std::collections::BTreeMap;

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{Axes, CaseRecord};
use flowbench_measurement::repeats::Spread;
use flowbench_measurement::scaling;

use crate::Results;
use crate::chart::Point;

/// The baseline strategy: a plain loop on one thread.
pub(crate) const SINGLE_THREAD: &str = "sequential";

/// The columns computed here, each with its meaning.
pub(crate) const COMPARED_COLUMNS: [(&str, &str); 3] = [
    ("total_workers", "Number of workers of all processes together."),
    ("speed_up", "Throughput of a closed loop as a multiple of that of the single thread with the same choices."),
    ("efficiency", "Speed-up divided by the number of workers of all processes."),
];
/// Names of the columns computed here.
pub(crate) const COMPARED: [&str; 3] = [COMPARED_COLUMNS[0].0, COMPARED_COLUMNS[1].0, COMPARED_COLUMNS[2].0];

/// Returns all columns of a case: those of `cases.csv`, then [`COMPARED`].
pub(crate) fn columns(results: &Results, case: &CaseRecord) -> Vec<(&'static str, Cell)> {
    let total_workers = total_workers(case);
    let speed_up = speed_up(results, case);
    let efficiency = speed_up.and_then(|speed_up| scaling::efficiency(speed_up, total_workers));
    let mut row = case.columns();
    row.extend(COMPARED.into_iter().zip([total_workers.into(), speed_up.into(), efficiency.into()]));
    row
}

/// Returns the value of one of the [`columns`]; absent if there is no such column.
pub(crate) fn column(results: &Results, case: &CaseRecord, name: &str) -> Option<Cell> {
    columns(results, case).into_iter().find(|(column, _)| *column == name).map(|(_, cell)| cell)
}

/// Returns the number of workers in all processes together.
pub(crate) fn total_workers(case: &CaseRecord) -> usize {
    case.axes.workers.saturating_mul(case.axes.processes)
}

/// Returns the throughput of a closed-loop case divided by that of the single thread; absent without a comparable
/// single thread.
pub(crate) fn speed_up(results: &Results, case: &CaseRecord) -> Option<f64> {
    let numbers = case.numbers.as_ref().filter(|_| is_closed(case))?;
    scaling::speed_up(numbers.throughput_events_per_s, single_thread(results, case)?.median)
}

/// Throughputs of the single threads by what they are compared with, see [`compared_with`], in events/s.
pub(crate) type SingleThreads = BTreeMap<String, Spread>;

/// Returns the throughput of the single thread in the same part with comparable choices, in events/s. Choices that are
/// being compared, namely how work is distributed and divided into epochs, may differ.
fn single_thread(results: &Results, case: &CaseRecord) -> Option<Spread> {
    let singles = results.single_threads.get_or_init(|| single_threads(results));
    singles.get(&compared_with(case)).copied()
}

fn single_threads(results: &Results) -> SingleThreads {
    let mut throughputs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for case in results.cases.iter().filter(|case| case.axes.strategy == SINGLE_THREAD) {
        let throughput = case.numbers.as_ref().map(|numbers| numbers.throughput_events_per_s);
        throughputs.entry(compared_with(case)).or_default().extend(throughput);
    }
    throughputs.into_iter().filter_map(|(key, values)| Some((key, Spread::of(&values)?))).collect()
}

/// Returns the speed-up of the repeats of a case. Its range includes the spread of the single thread: it reaches 1
/// exactly where the ranges of the two overlap.
pub(crate) fn speed_up_spread(results: &Results, repeats: &[&CaseRecord]) -> Option<Spread> {
    let case = repeats.iter().find(|case| is_closed(case))?;
    let single = single_thread(results, case)?;
    let throughputs = repeats.iter().filter_map(|case| Some(case.numbers.as_ref()?.throughput_events_per_s));
    let own = Spread::of(&throughputs.collect::<Vec<_>>())?;
    Some(Spread {
        median: scaling::speed_up(own.median, single.median)?,
        low: scaling::speed_up(own.low, single.high)?,
        high: scaling::speed_up(own.high, single.low)?,
        repeats: own.repeats.min(single.repeats),
    })
}

/// Returns true if one of two medians is known to exceed the other: their ranges do not overlap. A single measurement
/// of a quantity that `scatters` has no range, so it decides nothing.
pub(crate) fn told_apart(scatters: bool, one: &Point, other: &Point) -> bool {
    let known = !scatters || one.repeats > 1 && other.repeats > 1;
    known && (one.low > other.high || other.low > one.high)
}

/// Returns true for a closed-loop case: only its throughput says how fast a strategy is.
pub(crate) fn is_closed(case: &CaseRecord) -> bool {
    case.axes.load == "closed"
}

/// Returns what a case is compared within: its part and all its choices, except how work is distributed and divided into
/// epochs.
pub(crate) fn compared_with(case: &CaseRecord) -> String {
    let strategy = String::new();
    let axes = Axes { strategy, workers: 0, processes: 0, records_per_epoch: 0, ..case.axes.clone() };
    format!("{}\n{axes:?}", case.part)
}

//! What can only be said of a case beside others: how many times the single thread it is. These columns stand after
//! those of `cases.csv` wherever a figure or a table asks for one.
//!
//! Decision D-502.

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{Axes, CaseRecord};
use flowbench_measurement::repeats::Spread;
use flowbench_measurement::scaling;

use crate::Results;
use crate::chart::Point;

/// The strategy that others are compared with: one thread, one plain loop.
pub(crate) const SINGLE_THREAD: &str = "sequential";

/// The columns that are worked out here.
pub(crate) const COMPARED: [&str; 3] = ["total_workers", "speed_up", "efficiency"];

/// All columns of a case: those of `cases.csv`, then [`COMPARED`].
pub(crate) fn columns(results: &Results, case: &CaseRecord) -> Vec<(&'static str, Cell)> {
    let total_workers = total_workers(case);
    let speed_up = speed_up(results, case);
    let efficiency = speed_up.and_then(|speed_up| scaling::efficiency(speed_up, total_workers));
    let mut row = case.columns();
    row.extend(COMPARED.into_iter().zip([total_workers.into(), speed_up.into(), efficiency.into()]));
    row
}

/// The value of one of the [`columns`]; absent if there is no such column.
pub(crate) fn column(results: &Results, case: &CaseRecord, name: &str) -> Option<Cell> {
    columns(results, case).into_iter().find(|(column, _)| *column == name).map(|(_, cell)| cell)
}

/// Workers of all processes together.
pub(crate) fn total_workers(case: &CaseRecord) -> usize {
    case.axes.workers.saturating_mul(case.axes.processes)
}

/// Throughput of a closed-loop case over that of the single thread; absent if there is no single thread to compare
/// with.
pub(crate) fn speed_up(results: &Results, case: &CaseRecord) -> Option<f64> {
    let numbers = case.numbers.as_ref().filter(|_| is_closed(case))?;
    scaling::speed_up(numbers.throughput_events_per_s, single_thread(results, case)?.median)
}

/// Throughput of the single thread in the same part with the same choices, in events/s. How the work is spread
/// and cut into epochs is what is compared, so these choices may differ.
fn single_thread(results: &Results, case: &CaseRecord) -> Option<Spread> {
    let comparable = |other: &&CaseRecord| {
        other.axes.strategy == SINGLE_THREAD && other.part == case.part && are_alike(&other.axes, &case.axes)
    };
    let throughputs: Vec<f64> = (results.cases.iter().filter(comparable))
        .filter_map(|other| other.numbers.as_ref().map(|numbers| numbers.throughput_events_per_s))
        .collect();
    Spread::of(&throughputs)
}

/// Speed-up of the repeats of a case, with what the repeats of the single thread add to its spread: it reaches 1 exactly
/// where the two overlap.
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

/// True if one of two medians is known to be above the other: their ranges do not overlap. One measurement has no range,
/// so of what `scatters` it tells nothing.
pub(crate) fn told_apart(scatters: bool, one: &Point, other: &Point) -> bool {
    let known = !scatters || one.repeats > 1 && other.repeats > 1;
    known && (one.low > other.high || other.low > one.high)
}

/// True for a case that took events as fast as it could: only such a throughput says how fast it is.
pub(crate) fn is_closed(case: &CaseRecord) -> bool {
    case.axes.load == "closed"
}

/// True if two choices differ at most in how the work is spread and cut into epochs.
pub(crate) fn are_alike(one: &Axes, other: &Axes) -> bool {
    let spread_alike = Axes {
        strategy: other.strategy.clone(),
        workers: other.workers,
        processes: other.processes,
        records_per_epoch: other.records_per_epoch,
        ..one.clone()
    };
    one.pipeline == other.pipeline && spread_alike == *other
}

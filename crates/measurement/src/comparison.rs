//! Two runs compared case by case: how each metric has changed, how sure that is, and what differs that should not.
//!
//! A metric is *better* or *worse* if the change is significant (Mann-Whitney's test, adjusted by Holm's procedure over all
//! cells of the comparison, at 5 %) and its estimate is beyond the practical threshold of the metric. It is the *same* if the
//! whole interval of the ratio is within the threshold. Otherwise the comparison is *inconclusive*: more repeats are needed.
//!
//! Decision D-311.

mod calibration;
mod exact;
mod experiment_difference;
mod gaps;
mod metric_change;
mod obstacles;
mod pairs;

pub use self::calibration::{Calibration, Sensitivity, calibrate};
pub use self::exact::{ExactChange, exact_changes};
pub use self::gaps::{CaseFailure, NotCompared};
pub use self::metric_change::{Compared, IMPLAUSIBLE, MetricChange, REPEATS_MIN, SIGNIFICANT, compare};
pub use self::obstacles::{Obstacle, obstacles};
pub use self::pairs::{Pair, Paired, pair, timed, values};
use crate::metrics::{METRICS, Metric};
use crate::record::{CaseRecord, RunRecord};
use crate::statistics::least_probability;

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What keeps the times of the two runs from being compared; the cells are doubtful if there is anything.
    pub obstacles: Vec<Obstacle>,
    /// Metrics of the cases that both runs have, in the order of the first run.
    pub cells: Vec<Compared>,
    /// Metrics with values before that cannot be compared, of the cases that both runs have.
    pub not_compared: Vec<NotCompared>,
    /// Cases with repeats after that failed or are invalid, more often than before.
    pub new_failures: Vec<CaseFailure>,
    /// Cases without numbers in either run: nothing is known of them.
    pub without_numbers: Vec<CaseFailure>,
    /// Columns that have to be equal and are not.
    pub exact: Vec<ExactChange>,
    /// Number of cells that were compared exactly.
    pub exact_compared: usize,
    /// Names of the cases that only the run before has.
    pub only_before: Vec<String>,
    /// Names of the cases that only the run after has.
    pub only_after: Vec<String>,
}

impl Comparison {
    /// Compares two runs with their cases by all metrics.
    pub fn of(before: (&RunRecord, &[CaseRecord]), after: (&RunRecord, &[CaseRecord])) -> Comparison {
        Comparison::by(&METRICS, before, after)
    }

    /// Compares two runs with their cases by these metrics.
    pub fn by(
        metrics: &[Metric],
        before: (&RunRecord, &[CaseRecord]),
        after: (&RunRecord, &[CaseRecord]),
    ) -> Comparison {
        let Paired { pairs, without_numbers, only_before, only_after } = pair(before.1, after.1);
        let (exact, exact_compared) = exact_changes(&pairs);
        let new_failures = gaps::new_failures(&pairs);
        let mut obstacles = obstacles(before.0, after.0);
        obstacles.extend(traces(&exact));
        let untimed = [before.0.untimed_parts.as_slice(), &after.0.untimed_parts].concat();
        let timed = timed(pairs, &untimed);
        Comparison {
            obstacles,
            cells: compare(&timed, metrics),
            not_compared: gaps::not_compared(&timed, metrics),
            new_failures,
            without_numbers: without_numbers.iter().map(gaps::failure).collect(),
            exact,
            exact_compared,
            only_before,
            only_after,
        }
    }

    /// Leaves open every time and rate that was disturbed. Runs that were not measured in turn have nothing else that tells a
    /// busy machine from a slow build.
    pub fn leave_open_what_was_disturbed(&mut self) {
        let disturbed = self.cells.iter_mut().filter(|cell| cell.disturbed_by.is_some());
        disturbed.for_each(|cell| cell.change = MetricChange::Inconclusive);
    }

    /// Returns how many metrics have changed in this way.
    pub fn count(&self, change: MetricChange) -> usize {
        self.cells.iter().filter(|cell| cell.change == change).count()
    }

    /// Returns true if the runs have nothing in common that could be compared.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.exact_compared == 0 && self.without_numbers.is_empty()
    }

    /// Returns how many repeats a side takes for any change to be significant, where no metric has as many; `None` if
    /// there are enough, or no metric.
    pub fn repeats_needed(&self) -> Option<usize> {
        let least = |cell: &Compared| least_probability(cell.repeats.0, cell.repeats.1) * self.cells.len() as f64;
        let can_be_seen = self.cells.iter().any(|cell| least(cell) <= SIGNIFICANT);
        (!can_be_seen && !self.cells.is_empty()).then(|| repeats_needed(self.cells.len()))
    }

    /// Returns the minimum number of repeats of any metric on either side; `None` if no metric was compared.
    pub fn repeats_min(&self) -> Option<usize> {
        self.cells.iter().map(|cell| cell.repeats.0.min(cell.repeats.1)).min()
    }
}

/// Returns how many repeats a side takes for a change in one of as many metrics to be significant, however large it is.
fn repeats_needed(metrics: usize) -> usize {
    let is_enough = |repeats: &usize| least_probability(*repeats, *repeats) * metrics as f64 <= SIGNIFICANT;
    (REPEATS_MIN..).find(is_enough).unwrap_or(REPEATS_MIN)
}

/// Returns the difference of the traces of the two runs, where there is one.
fn traces(exact: &[ExactChange]) -> Option<Obstacle> {
    let change = exact.iter().find(|change| change.column == "trace_digest")?;
    Some(Obstacle { field: "trace_digest", before: change.before.clone(), after: change.after.join(" or ") })
}

#[cfg(test)]
mod tests;

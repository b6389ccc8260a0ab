//! Two runs compared case by case: how each metric has changed, how sure that is, and what differs that should not.
//!
//! A metric is *better* or *worse* if the change is significant (Mann-Whitney's test, adjusted by Holm's procedure over all
//! cells of the comparison, at 5 %) and its estimate is beyond the practical threshold of the metric. It is the *same* if the
//! whole interval of the ratio is within the threshold. Otherwise the comparison is *inconclusive*: more repeats are needed.
//!
//! Decision D-311.

mod calibration;
mod exact;
mod metric_change;
mod obstacles;
mod pairs;

pub use self::calibration::{Calibration, Sensitivity, calibrate};
pub use self::exact::{ExactChange, exact_changes};
pub use self::metric_change::{Compared, IMPLAUSIBLE, MetricChange, REPEATS_MIN, SIGNIFICANT, compare};
pub use self::obstacles::{Obstacle, obstacles};
pub use self::pairs::{Pair, Paired, pair, timed};
use crate::record::{CaseRecord, RunRecord};

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What keeps the times of the two runs from being compared; the cells are doubtful if there is anything.
    pub obstacles: Vec<Obstacle>,
    /// Metrics of the cases that both runs have, in the order of the first run.
    pub cells: Vec<Compared>,
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
    /// Compares two runs with their cases.
    pub fn of(before: (&RunRecord, &[CaseRecord]), after: (&RunRecord, &[CaseRecord])) -> Comparison {
        let Paired { pairs, only_before, only_after } = pair(before.1, after.1);
        let (exact, exact_compared) = exact_changes(&pairs);
        let untimed = [before.0.untimed_parts.as_slice(), &after.0.untimed_parts].concat();
        let timed = timed(pairs, &untimed);
        Comparison {
            obstacles: obstacles(before.0, after.0),
            cells: compare(&timed),
            exact,
            exact_compared,
            only_before,
            only_after,
        }
    }

    /// Returns how many metrics have changed in this way.
    pub fn count(&self, change: MetricChange) -> usize {
        self.cells.iter().filter(|cell| cell.change == change).count()
    }

    /// Returns the minimum number of repeats of any metric on either side; `None` if no metric was compared.
    pub fn repeats_min(&self) -> Option<usize> {
        self.cells.iter().map(|cell| cell.repeats.0.min(cell.repeats.1)).min()
    }
}

#[cfg(test)]
mod tests;

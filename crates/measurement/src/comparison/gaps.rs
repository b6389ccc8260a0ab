//! What a comparison cannot compare although one of the runs has it: repeats without numbers, metrics without values.

use super::pairs::{Pair, values};
use crate::metrics::{Metric, MetricUnit};
use crate::record::{CaseRecord, Status};
use crate::statistics::Ratio;

/// A case with repeats that failed or are invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    /// Name of the case.
    pub case: String,
    /// Number of repeats after without numbers.
    pub failed: usize,
    /// Number of repeats after.
    pub repeats: usize,
    /// How the first of them ended, and why.
    pub cause: String,
}

/// A metric of a case that has values before and cannot be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct NotCompared {
    /// Name of the case.
    pub case: String,
    /// The metric.
    pub metric: Metric,
    /// True if no repeat after has a value; false if a value on either side is not above 0, so that there is no ratio, or if
    /// every run after was over before its memory was sampled.
    pub is_missing_after: bool,
}

/// Returns the cases that have begun to fail, or fail more often than before.
pub(super) fn new_failures(pairs: &[Pair<'_>]) -> Vec<CaseFailure> {
    let share =
        |failed: &[&CaseRecord], ok: &[&CaseRecord]| failed.len() as f64 / (failed.len() + ok.len()).max(1) as f64;
    let is_new = |pair: &&Pair<'_>| share(&pair.failed_after, &pair.after) > share(&pair.failed_before, &pair.before);
    pairs.iter().filter(is_new).map(failure).collect()
}

/// Returns how the repeats after failed.
pub(super) fn failure(pair: &Pair<'_>) -> CaseFailure {
    let first = pair.failed_after.first().map(|case| &case.status);
    let cause = |status: &Status| format!("{}: {}", status.word(), status.cause().unwrap_or_default());
    CaseFailure {
        case: pair.name.clone(),
        failed: pair.failed_after.len(),
        repeats: pair.failed_after.len() + pair.after.len(),
        cause: first.map(cause).unwrap_or_default(),
    }
}

/// Returns those of the metrics that only seem to be compared.
pub(super) fn not_compared(pairs: &[Pair<'_>], metrics: &[Metric]) -> Vec<NotCompared> {
    let gap = |pair: &Pair<'_>, metric: &Metric| {
        pair.before.first().filter(|case| metric.applies_to(&case.axes))?;
        let (before, after) = (values(&pair.before, metric.column), values(&pair.after, metric.column));
        let is_a_gap = !before.is_empty() && Ratio::of(&before, &after).is_none();
        let is_missing_after = after.is_empty() && !pair.after.iter().all(|case| was_too_short(case, metric));
        is_a_gap.then(|| NotCompared { case: pair.name.clone(), metric: *metric, is_missing_after })
    };
    pairs.iter().flat_map(|pair| metrics.iter().filter_map(move |metric| gap(pair, metric))).collect()
}

/// Returns true if a run was over before its memory was sampled, so that the metric has no value, whatever the build.
fn was_too_short(case: &CaseRecord, metric: &Metric) -> bool {
    metric.unit == MetricUnit::Bytes && case.doubts.iter().any(|doubt| doubt.code == "memory-unsampled")
}

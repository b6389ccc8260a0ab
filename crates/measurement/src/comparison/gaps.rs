//! What a comparison cannot compare although one of the runs has it: repeats without numbers, metrics without values.

use super::pairs::{Pair, values};
use crate::metrics::Metric;
use crate::statistics::Ratio;

/// A case with repeats that failed or are invalid after, although all of them had numbers before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFailure {
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
    /// True if no repeat after has a value; false if a value on either side is not above 0, so that there is no ratio.
    pub is_missing_after: bool,
}

/// Returns the cases that have begun to fail.
pub(super) fn new_failures(pairs: &[Pair<'_>]) -> Vec<NewFailure> {
    let failure = |pair: &Pair<'_>| {
        let first = pair.failed_after.first().filter(|_| pair.failed_before.is_empty())?;
        Some(NewFailure {
            case: pair.name.clone(),
            failed: pair.failed_after.len(),
            repeats: pair.failed_after.len() + pair.after.len(),
            cause: format!("{}: {}", first.status.word(), first.status.cause().unwrap_or_default()),
        })
    };
    pairs.iter().filter_map(failure).collect()
}

/// Returns those of the metrics that only seem to be compared.
pub(super) fn not_compared(pairs: &[Pair<'_>], metrics: &[Metric]) -> Vec<NotCompared> {
    let gap = |pair: &Pair<'_>, metric: &Metric| {
        pair.before.first().filter(|case| metric.applies_to(&case.axes))?;
        let (before, after) = (values(&pair.before, metric.column), values(&pair.after, metric.column));
        let is_a_gap = !before.is_empty() && Ratio::of(&before, &after).is_none();
        is_a_gap.then(|| NotCompared { case: pair.name.clone(), metric: *metric, is_missing_after: after.is_empty() })
    };
    pairs.iter().flat_map(|pair| metrics.iter().filter_map(move |metric| gap(pair, metric))).collect()
}

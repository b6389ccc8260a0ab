//! A metric of a case in two runs: its ratio, and what became of it.

use super::pairs::{Pair, values};
use crate::case_name::identity;
use crate::metrics::{Better, Metric};
use crate::record::CaseRecord;
use crate::statistics::{Ratio, holm, mann_whitney, median};

/// Probability below which a change is significant.
pub const SIGNIFICANT: f64 = 0.05;
/// Factor beyond which an improvement is implausible, and may well mean that work is left out.
pub const IMPLAUSIBLE: f64 = 2.0;
/// Minimum number of repeats on each side that a comparison should have.
pub const REPEATS_MIN: usize = 5;

/// What became of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricChange {
    /// It is worse, significantly and by more than the practical threshold.
    Worse,
    /// It cannot be told.
    Inconclusive,
    /// It is better, significantly and by more than the practical threshold.
    Better,
    /// It has not changed by as much as the practical threshold.
    Same,
}

impl MetricChange {
    /// Returns the word used in tables.
    pub fn word(self) -> &'static str {
        match self {
            MetricChange::Worse => "worse",
            MetricChange::Inconclusive => "inconclusive",
            MetricChange::Better => "better",
            MetricChange::Same => "same",
        }
    }
}

/// One metric of one case in two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Name of the case, unique in the comparison.
    pub case: String,
    /// The part and the axes of the case, the same in every comparison.
    pub case_id: String,
    /// The part it belongs to.
    pub part: String,
    /// The metric.
    pub metric: Metric,
    /// Median before.
    pub before: f64,
    /// Median after.
    pub after: f64,
    /// Number of repeats before and after.
    pub repeats: (usize, usize),
    /// Factor from before to after.
    pub ratio: Ratio,
    /// Probability of such a difference between repeats of one build, adjusted for the number of comparisons.
    pub probability: f64,
    /// What became of the metric.
    pub change: MetricChange,
    /// The doubt that says what disturbed most repeats of a side, if the metric is a time or a rate and anything did.
    pub disturbed_by: Option<&'static str>,
}

/// Doubts which say that the machine took time from a case, or lowered its clocks.
const DISTURBANCES: [&str; 5] = ["lost-time", "steal", "throttled", "swapping", "on-battery"];

impl Compared {
    /// Returns true if this is an improvement beyond [`IMPLAUSIBLE`].
    pub fn is_implausible(&self) -> bool {
        self.change == MetricChange::Better && self.ratio.estimate.max(1.0 / self.ratio.estimate) > IMPLAUSIBLE
    }
}

/// Compares these metrics of all pairs. A metric that a side lacks, or that is not above 0, is left out.
pub fn compare(pairs: &[Pair<'_>], metrics: &[Metric]) -> Vec<Compared> {
    let cells = pairs.iter().flat_map(|pair| metrics.iter().filter_map(|metric| cell(pair, metric)));
    let mut cells: Vec<Compared> = cells.collect();
    let adjusted = holm(&cells.iter().map(|cell| cell.probability).collect::<Vec<_>>());
    for (cell, probability) in cells.iter_mut().zip(adjusted) {
        cell.probability = probability;
        cell.change = judged(&cell.metric, cell.before, &cell.ratio, probability);
    }
    cells
}

/// Returns the comparison of two samples of a metric, among `comparisons` in all.
pub(super) fn change_of(metric: &Metric, before: &[f64], after: &[f64], comparisons: usize) -> Option<MetricChange> {
    let adjusted = (mann_whitney(before, after) * comparisons as f64).min(1.0);
    Some(judged(metric, median(before)?, &Ratio::of(before, after)?, adjusted))
}

fn cell(pair: &Pair<'_>, metric: &Metric) -> Option<Compared> {
    let first = pair.before.first().filter(|case| metric.applies_to(&case.axes))?;
    let (before, after) = (values(&pair.before, metric.column), values(&pair.after, metric.column));
    Some(Compared {
        case: pair.name.clone(),
        case_id: identity(first),
        part: first.part.clone(),
        metric: *metric,
        before: median(&before)?,
        after: median(&after)?,
        repeats: (before.len(), after.len()),
        ratio: Ratio::of(&before, &after)?,
        probability: mann_whitney(&before, &after),
        change: MetricChange::Inconclusive,
        disturbed_by: disturbance(pair).filter(|_| metric.is_of_time()),
    })
}

/// Returns the doubt about the machine that most repeats of a side have.
fn disturbance(pair: &Pair<'_>) -> Option<&'static str> {
    let has = |code: &str, case: &CaseRecord| case.doubts.iter().any(|doubt| doubt.code == code);
    let most = |code: &str, side: &[&CaseRecord]| 2 * side.iter().filter(|case| has(code, case)).count() > side.len();
    DISTURBANCES.into_iter().find(|code| most(code, &pair.before) || most(code, &pair.after))
}

/// Returns what became of a metric whose median was `before`, by its ratio and its adjusted probability.
fn judged(metric: &Metric, before: f64, ratio: &Ratio, adjusted: f64) -> MetricChange {
    let material = metric.material_share_at(before);
    let (least, most) = (1.0 - material, 1.0 + material);
    if ratio.is_interval && least <= ratio.low && ratio.high <= most {
        return MetricChange::Same;
    }
    let is_beyond = ratio.estimate > most || ratio.estimate < least;
    if !ratio.is_interval || adjusted > SIGNIFICANT || !is_beyond {
        return MetricChange::Inconclusive;
    }
    let is_better = (ratio.estimate > 1.0) == (metric.better == Better::Higher);
    if is_better { MetricChange::Better } else { MetricChange::Worse }
}

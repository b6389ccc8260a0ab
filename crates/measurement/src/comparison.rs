//! Two runs compared case by case: how each metric has changed, how sure that is, and what differs that should not.
//!
//! A metric is *better* or *worse* if the change is significant (Mann-Whitney's test, adjusted by Holm's procedure over all
//! cells of the comparison, at 5 %) and its estimate is beyond the practical threshold of the metric. It is the *same* if the
//! whole interval of the ratio is within the threshold. Otherwise the comparison is *inconclusive*: more repeats are needed.
//!
//! Decision D-311.

mod calibration;
mod exact;
mod obstacles;

use std::collections::BTreeMap;

pub use self::calibration::{Calibration, Sensitivity, calibrate};
pub use self::exact::{ExactChange, exact_changes};
pub use self::obstacles::{Obstacle, obstacles};
use crate::metrics::{Better, METRICS, Metric};
use crate::record::{Axes, CaseRecord, RunRecord, Status};
use crate::statistics::{Ratio, holm, mann_whitney, median};

/// Probability below which a change is significant.
pub const SIGNIFICANT: f64 = 0.05;
/// Factor beyond which an improvement is implausible, and may well mean that work is left out.
pub const IMPLAUSIBLE: f64 = 2.0;
/// Minimum number of repeats on each side that a comparison should have.
pub const REPEATS_MIN: usize = 5;

/// What became of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is worse, significantly and by more than the practical threshold.
    Worse,
    /// It cannot be told.
    Inconclusive,
    /// It is better, significantly and by more than the practical threshold.
    Better,
    /// It has not changed by as much as the practical threshold.
    Same,
}

impl Change {
    /// Returns the word used in tables.
    pub fn word(self) -> &'static str {
        match self {
            Change::Worse => "worse",
            Change::Inconclusive => "inconclusive",
            Change::Better => "better",
            Change::Same => "same",
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
    pub metric: &'static Metric,
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
    pub change: Change,
}

impl Compared {
    /// Returns true if this is an improvement beyond [`IMPLAUSIBLE`].
    pub fn is_implausible(&self) -> bool {
        self.change == Change::Better && self.ratio.estimate.max(1.0 / self.ratio.estimate) > IMPLAUSIBLE
    }
}

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
        let is_timed = |pair: &Pair<'_>| {
            let part = pair.before.first().map(|case| &case.part);
            !part.is_some_and(|part| before.0.untimed_parts.contains(part) || after.0.untimed_parts.contains(part))
        };
        let timed: Vec<Pair<'_>> = pairs.into_iter().filter(is_timed).collect();
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
    pub fn count(&self, change: Change) -> usize {
        self.cells.iter().filter(|cell| cell.change == change).count()
    }

    /// Returns the minimum number of repeats of any metric on either side; `None` if no metric was compared.
    pub fn repeats_min(&self) -> Option<usize> {
        self.cells.iter().map(|cell| cell.repeats.0.min(cell.repeats.1)).min()
    }
}

/// The repeats of one case in two runs.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// Name of the case, unique in the comparison.
    pub name: String,
    /// The repeats before.
    pub before: Vec<&'a CaseRecord>,
    /// The repeats after.
    pub after: Vec<&'a CaseRecord>,
}

/// The cases of two runs side by side.
#[derive(Debug, Clone)]
pub struct Paired<'a> {
    /// The cases that both runs have.
    pub pairs: Vec<Pair<'a>>,
    /// Names of the cases that only the run before has.
    pub only_before: Vec<String>,
    /// Names of the cases that only the run after has.
    pub only_after: Vec<String>,
}

/// Pairs the cases of two runs by part and axes. The rate that a search found is not part of what a case is.
pub fn pair<'a>(before: &'a [CaseRecord], after: &'a [CaseRecord]) -> Paired<'a> {
    let (mut before, mut after) = (by_identity(before), by_identity(after));
    let mut identities: Vec<&String> = before.keys().chain(after.keys()).collect();
    identities.sort_unstable();
    identities.dedup();
    let firsts =
        identities.iter().filter_map(|identity| before.get(*identity).or(after.get(*identity))?.first().copied());
    let names = names(&firsts.collect::<Vec<_>>());
    let named: Vec<(String, String)> = identities.into_iter().cloned().zip(names).collect();
    let mut paired = Paired { pairs: Vec::new(), only_before: Vec::new(), only_after: Vec::new() };
    for (identity, name) in named {
        match (before.remove(&identity), after.remove(&identity)) {
            (Some(before), Some(after)) => paired.pairs.push(Pair { name, before, after }),
            (Some(_), None) => paired.only_before.push(name),
            _ => paired.only_after.push(name),
        }
    }
    paired.pairs.sort_by_key(|pair| pair.before.first().map_or(0, |case| case.case));
    paired
}

/// Compares all metrics of all pairs. A metric that a side lacks, or that is not above 0, is left out.
pub fn compare(pairs: &[Pair<'_>]) -> Vec<Compared> {
    let cells = pairs.iter().flat_map(|pair| METRICS.iter().filter_map(|metric| cell(pair, metric)));
    let mut cells: Vec<Compared> = cells.collect();
    let adjusted = holm(&cells.iter().map(|cell| cell.probability).collect::<Vec<_>>());
    for (cell, probability) in cells.iter_mut().zip(adjusted) {
        cell.probability = probability;
        cell.change = judged(cell.metric, cell.before, &cell.ratio, probability);
    }
    cells
}

/// Returns the comparison of two samples of a metric, among `comparisons` in all.
fn change_of(metric: &'static Metric, before: &[f64], after: &[f64], comparisons: usize) -> Option<Change> {
    let adjusted = (mann_whitney(before, after) * comparisons as f64).min(1.0);
    Some(judged(metric, median(before)?, &Ratio::of(before, after)?, adjusted))
}

/// Returns the values of a column in those repeats that have it.
pub fn values(cases: &[&CaseRecord], column: &str) -> Vec<f64> {
    cases.iter().filter_map(|case| case.column(column)?.number()).collect()
}

fn cell(pair: &Pair<'_>, metric: &'static Metric) -> Option<Compared> {
    let first = pair.before.first().filter(|case| metric.applies_to(&case.axes))?;
    let (before, after) = (values(&pair.before, metric.column), values(&pair.after, metric.column));
    Some(Compared {
        case: pair.name.clone(),
        case_id: identity(first),
        part: first.part.clone(),
        metric,
        before: median(&before)?,
        after: median(&after)?,
        repeats: (before.len(), after.len()),
        ratio: Ratio::of(&before, &after)?,
        probability: mann_whitney(&before, &after),
        change: Change::Inconclusive,
    })
}

/// Returns what became of a metric whose median was `before`, by its ratio and its adjusted probability.
fn judged(metric: &Metric, before: f64, ratio: &Ratio, adjusted: f64) -> Change {
    let material = metric.material_share_at(before);
    let (least, most) = (1.0 - material, 1.0 + material);
    if ratio.is_interval && least <= ratio.low && ratio.high <= most {
        return Change::Same;
    }
    let is_beyond = ratio.estimate > most || ratio.estimate < least;
    if !ratio.is_interval || adjusted > SIGNIFICANT || !is_beyond {
        return Change::Inconclusive;
    }
    let is_better = (ratio.estimate > 1.0) == (metric.better == Better::Higher);
    if is_better { Change::Better } else { Change::Worse }
}

fn by_identity(cases: &[CaseRecord]) -> BTreeMap<String, Vec<&CaseRecord>> {
    let mut found: BTreeMap<String, Vec<&CaseRecord>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.status == Status::Ok) {
        found.entry(identity(case)).or_default().push(case);
    }
    found
}

/// Returns text that is equal for the repeats of a case in any run.
fn identity(case: &CaseRecord) -> String {
    let mut axes = case.axes.clone();
    if follows_search(&axes) {
        (axes.rate_events_per_s, axes.records_per_epoch) = (None, 0);
    }
    format!("{} {}", case.part, serde_json::to_string(&axes).unwrap_or_default())
}

/// Returns true if the rate of the case was found by a search, so that its trace differs from run to run.
pub(crate) fn follows_search(axes: &Axes) -> bool {
    axes.rate_share.is_some() || axes.load.starts_with("search")
}

/// Returns names of cases: the part, the pipeline, and the value on every other axis on which they differ.
fn names(cases: &[&CaseRecord]) -> Vec<String> {
    let rows: Vec<Vec<(&str, String)>> = cases.iter().map(|case| axis_values(case)).collect();
    let varies = |at: usize| rows.iter().any(|row| row[at].1 != rows[0][at].1);
    let name = |row: &Vec<(&str, String)>| {
        let told = |(at, (axis, value)): (usize, &(&str, String))| {
            let is_told = *axis == "pipeline" || (varies(at) && !value.is_empty());
            is_told.then(|| if says_itself(axis) { value.clone() } else { format!("{axis}={value}") })
        };
        row.iter().enumerate().filter_map(told).collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(name).collect()
}

fn axis_values(case: &CaseRecord) -> Vec<(&'static str, String)> {
    let found = follows_search(&case.axes);
    let is_axis = |name: &str| !["case", "repeat"].contains(&name);
    let columns = case.columns().into_iter().take_while(|(name, _)| *name != "outcome");
    let value = |name: &str, cell: crate::columns::Cell| match name {
        "rate_events_per_s" | "records_per_epoch" if found => String::new(),
        _ => cell.to_string(),
    };
    columns.filter(|(name, _)| is_axis(name)).map(|(name, cell)| (name, value(name, cell))).collect()
}

/// Returns true if a value on this axis needs no name beside it.
fn says_itself(axis: &str) -> bool {
    ["part", "pipeline", "settings", "strategy", "order", "eviction", "load", "trace", "world"].contains(&axis)
}

#[cfg(test)]
mod tests;

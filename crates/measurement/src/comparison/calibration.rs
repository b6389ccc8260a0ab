//! What a comparison can see on a machine: how often it alarms without reason, and the smallest change it finds.
//!
//! Both are asked of repeats of one build. They are divided at random into a run before and a run after, many times.

use rand::seq::SliceRandom;

use super::metric_change::{MetricChange, change_of};
use super::pairs::{Pair, values};
use crate::metrics::{Better, Metric};
use crate::random::draws;
use crate::statistics::median;

/// Number of divisions in which alarms are counted.
const DIVISIONS: u64 = 200;
/// Number of divisions in which a change is looked for.
const DIVISIONS_OF_EFFECTS: u64 = 40;
/// Share of divisions in which a change has to be found.
const POWER: f64 = 0.8;
/// Steps in which a change is enlarged: by a hundredth, from one to a hundred of them.
const STEP: f64 = 0.01;
/// Number of those steps; a change that takes more is not found.
const STEPS: usize = 200;

/// What comparisons of as many repeats can see.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Number of times that the repeats were divided.
    pub divisions: usize,
    /// Number of divisions in which any metric of any case was called worse or better.
    pub false_alarms: usize,
    /// The smallest change that is found, for each metric of each case.
    pub sensitivities: Vec<Sensitivity>,
}

/// The smallest change of a metric that is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// Name of the case.
    pub case: String,
    /// The metric.
    pub metric: Metric,
    /// Number of repeats in each half.
    pub repeats: usize,
    /// The change for the worse, as a share of the value, that is found in four of five divisions; `None` if none up to
    /// a factor of three is.
    pub smallest_share: Option<f64>,
}

/// The values of a metric of a case in all repeats.
struct Sample {
    case: String,
    metric: Metric,
    values: Vec<f64>,
}

/// Returns what comparisons by these metrics see whose sides have half as many repeats as each pair has on both sides
/// together, all of one build.
pub fn calibrate(pairs: &[Pair<'_>], metrics: &[Metric], seed: u64) -> Calibration {
    let samples: Vec<Sample> = pairs.iter().flat_map(|pair| samples(pair, metrics)).collect();
    let alarms = |division: &u64| {
        let is_alarm = |sample: &Sample| {
            let (before, after) = divided(&sample.values, seed ^ *division);
            let change = change_of(&sample.metric, &before, &after, samples.len());
            matches!(change, Some(MetricChange::Worse | MetricChange::Better))
        };
        samples.iter().any(is_alarm)
    };
    Calibration {
        divisions: DIVISIONS as usize,
        false_alarms: (0..DIVISIONS).filter(alarms).count(),
        sensitivities: samples.iter().map(|sample| sensitivity(sample, samples.len(), seed)).collect(),
    }
}

fn samples(pair: &Pair<'_>, metrics: &[Metric]) -> Vec<Sample> {
    let cases = [pair.before.as_slice(), pair.after.as_slice()].concat();
    let Some(first) = cases.first() else { return Vec::new() };
    let of = |metric: &Metric| {
        let values = values(&cases, metric.column);
        let has_sides = values.len() >= 2 && median(&values).is_some_and(|value| value > 0.0);
        (has_sides && metric.applies_to(&first.axes)).then(|| Sample {
            case: pair.name.clone(),
            metric: *metric,
            values,
        })
    };
    metrics.iter().filter_map(of).collect()
}

/// Returns the values in two halves by lot; all metrics of a seed are divided alike, as the repeats of one run are.
fn divided(values: &[f64], seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.shuffle(&mut draws(seed));
    let (before, after) = order.split_at(values.len() / 2);
    let of = |half: &[usize]| half.iter().map(|at| values[*at]).collect();
    (of(before), of(after))
}

fn sensitivity(sample: &Sample, comparisons: usize, seed: u64) -> Sensitivity {
    let is_found = |step: usize| {
        let share = step as f64 * STEP;
        let factor = if sample.metric.better == Better::Lower { 1.0 + share } else { 1.0 / (1.0 + share) };
        let worse = |division: &u64| {
            let (before, mut after) = divided(&sample.values, seed ^ *division);
            after.iter_mut().for_each(|value| *value *= factor);
            change_of(&sample.metric, &before, &after, comparisons) == Some(MetricChange::Worse)
        };
        (0..DIVISIONS_OF_EFFECTS).filter(worse).count() as f64 >= POWER * DIVISIONS_OF_EFFECTS as f64
    };
    // A larger change is found at least as often, so the least one is found by halving.
    let steps: Vec<usize> = (1..=STEPS).collect();
    let first = steps.partition_point(|step| !is_found(*step));
    Sensitivity {
        case: sample.case.clone(),
        metric: sample.metric,
        repeats: sample.values.len() / 2,
        smallest_share: steps.get(first).map(|step| *step as f64 * STEP),
    }
}

//! The values of the metrics that are exported.

use crate::columns::Cell;
use crate::metrics::{METRICS, Metric, MetricUnit};
use crate::record::CaseRecord;
use crate::repeats::Spread;
use crate::statistics::median;

use super::source::MeasuredCase;

/// Returns the value of one repeat; `None` if it is no result of such a case, was not measured, or is not finite.
pub(crate) fn value(metric: &Metric, case: &CaseRecord) -> Option<f64> {
    case.numbers.as_ref().filter(|_| metric.applies_to(&case.axes))?;
    case.column(metric.column).as_ref().and_then(Cell::number).filter(|value| value.is_finite())
}

/// Returns the values of all repeats that have one.
pub(crate) fn values(metric: &Metric, case: &MeasuredCase<'_>) -> Vec<f64> {
    case.repeats.iter().filter_map(|repeat| value(metric, repeat)).collect()
}

/// Returns the median of the repeats with its ends; `None` if no repeat has a value.
pub(crate) fn spread(metric: &Metric, case: &MeasuredCase<'_>) -> Option<Spread> {
    Spread::of(&values(metric, case))
}

/// Returns the metrics of a case that have a value, each with the median and its ends.
pub(crate) fn spreads(case: &MeasuredCase<'_>) -> Vec<(Metric, Spread)> {
    METRICS.into_iter().filter_map(|metric| Some((metric, spread(&metric, case)?))).collect()
}

/// Returns what a case took, in ns for each repeat, for formats that know nothing but times: its latencies, how
/// long a worker is busy with an event, and the time per event, which is what a throughput comes to.
pub(crate) fn durations_ns(case: &MeasuredCase<'_>) -> Vec<(&'static str, Vec<f64>)> {
    let mut durations: Vec<(&'static str, Vec<f64>)> = Vec::new();
    for metric in METRICS {
        let values = values(&metric, case);
        match metric.unit {
            MetricUnit::Ns | MetricUnit::NsPerEvent => durations.push((metric.column, values)),
            MetricUnit::EventsPerS if metric.column == "throughput_events_per_s" => {
                let per_event = values.iter().filter(|rate| **rate > 0.0).map(|rate| 1e9 / rate);
                durations.push(("time_per_event_ns", per_event.collect()));
            }
            MetricUnit::EventsPerS | MetricUnit::Bytes | MetricUnit::BytesPerEvent => {}
        }
    }
    durations.retain(|(_, values)| !values.is_empty());
    durations
}

/// What formats with a mean say of some values; there is at least one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) mean: f64,
    pub(crate) median: f64,
    /// Standard deviation of the sample; absent for one value.
    pub(crate) std_dev: Option<f64>,
    /// Median of the distances from the median.
    pub(crate) median_abs_dev: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// Returns the summary; `None` if there are no values.
    pub(crate) fn of(values: &[f64]) -> Option<Summary> {
        let Spread { median: middle, low: min, high: max, .. } = Spread::range(values)?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        Some(Summary {
            mean,
            median: middle,
            std_dev: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()),
            median_abs_dev: median(&distances)?,
            min,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_that_of_a_sample() {
        let summary = Summary::of(&[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((summary.mean, summary.median, summary.min, summary.max), (3.0, 2.0, 1.0, 6.0));
        assert_eq!((summary.std_dev, summary.median_abs_dev), (Some(7_f64.sqrt()), 1.0));
        assert_eq!(Summary::of(&[4.0]).unwrap().std_dev, None);
        assert_eq!(Summary::of(&[]), None);
    }
}

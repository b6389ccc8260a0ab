//! The metrics that are exported, and their values.

use crate::columns::Cell;
use crate::metrics::Better;
use crate::record::CaseRecord;
use crate::repeats::Spread;
use crate::statistics::median;

use super::source::MeasuredCase;

/// A metric: a column of the cases with its unit and its better direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExportedMetric {
    /// Column of [`CaseRecord::columns`].
    pub(crate) column: &'static str,
    /// Unit of the values.
    pub(crate) unit: MetricUnit,
    /// Which way is better.
    pub(crate) better: Better,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricUnit {
    /// Events per second.
    EventsPerS,
    /// Nanoseconds.
    Ns,
    /// Nanoseconds of CPU time for each event.
    NsPerEvent,
    /// Bytes.
    Bytes,
}

impl MetricUnit {
    /// Returns the unit in words.
    pub(crate) fn word(self) -> &'static str {
        match self {
            MetricUnit::EventsPerS => "events/s",
            MetricUnit::Ns => "ns",
            MetricUnit::NsPerEvent => "ns/event",
            MetricUnit::Bytes => "bytes",
        }
    }
}

/// All metrics, in the order in which they are exported.
pub(crate) const EXPORTED_METRICS: [ExportedMetric; 7] = [
    exported("throughput_events_per_s", MetricUnit::EventsPerS),
    exported("sustainable_events_per_s", MetricUnit::EventsPerS),
    exported("latency_p50_ns", MetricUnit::Ns),
    exported("latency_p99_ns", MetricUnit::Ns),
    exported("latency_p999_ns", MetricUnit::Ns),
    exported("live_bytes_peak", MetricUnit::Bytes),
    exported("cpu_ns_per_event", MetricUnit::NsPerEvent),
];

const fn exported(column: &'static str, unit: MetricUnit) -> ExportedMetric {
    ExportedMetric { column, unit, better: Better::of(column) }
}

impl ExportedMetric {
    /// Returns the value of one repeat; `None` if it was not measured or is not finite.
    pub(crate) fn value(&self, case: &CaseRecord) -> Option<f64> {
        case.numbers.as_ref()?;
        case.column(self.column).as_ref().and_then(Cell::number).filter(|value| value.is_finite())
    }

    /// Returns the values of all repeats that have one.
    pub(crate) fn values(&self, case: &MeasuredCase<'_>) -> Vec<f64> {
        case.repeats.iter().filter_map(|repeat| self.value(repeat)).collect()
    }

    /// Returns the median of the repeats with its ends; `None` if no repeat has a value.
    pub(crate) fn spread(&self, case: &MeasuredCase<'_>) -> Option<Spread> {
        Spread::of(&self.values(case))
    }
}

/// Returns the metrics of a case that have a value, each with the median and its ends.
pub(crate) fn spreads(case: &MeasuredCase<'_>) -> Vec<(ExportedMetric, Spread)> {
    EXPORTED_METRICS.into_iter().filter_map(|metric| Some((metric, metric.spread(case)?))).collect()
}

/// Returns what a case took, in ns for each repeat, for formats that know nothing but times: its latencies, the CPU
/// time of an event, and the time per event, which is what a throughput comes to.
pub(crate) fn durations_ns(case: &MeasuredCase<'_>) -> Vec<(&'static str, Vec<f64>)> {
    let mut durations: Vec<(&'static str, Vec<f64>)> = Vec::new();
    for metric in EXPORTED_METRICS {
        let values = metric.values(case);
        match metric.unit {
            MetricUnit::Ns | MetricUnit::NsPerEvent => durations.push((metric.column, values)),
            MetricUnit::EventsPerS if metric.column == "throughput_events_per_s" => {
                let per_event = values.iter().filter(|rate| **rate > 0.0).map(|rate| 1e9 / rate);
                durations.push(("time_per_event_ns", per_event.collect()));
            }
            MetricUnit::EventsPerS | MetricUnit::Bytes => {}
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
    use crate::record::example;

    #[test]
    fn every_metric_is_a_column_and_its_name_ends_in_its_unit() {
        let columns = example::case(1, 1).columns();
        for metric in EXPORTED_METRICS {
            assert!(columns.iter().any(|(name, _)| *name == metric.column), "{}", metric.column);
        }
    }

    #[test]
    fn a_summary_is_that_of_a_sample() {
        let summary = Summary::of(&[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((summary.mean, summary.median, summary.min, summary.max), (3.0, 2.0, 1.0, 6.0));
        assert_eq!((summary.std_dev, summary.median_abs_dev), (Some(7_f64.sqrt()), 1.0));
        assert_eq!(Summary::of(&[4.0]).unwrap().std_dev, None);
        assert_eq!(Summary::of(&[]), None);
    }
}

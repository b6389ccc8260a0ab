//! What two runs are compared by, and what is exported: the measured columns with their unit, their direction and the change
//! that matters, and the columns that follow from trace and configuration alone.

use crate::record::Axes;

/// A measured column by which runs are compared, and which is exported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Name of the column, which ends in its unit.
    pub column: &'static str,
    /// Unit of the values, in which the name of the column ends.
    pub unit: MetricUnit,
    /// Which way is better. It follows from the unit and cannot be declared otherwise.
    pub better: Better,
    /// Heading of a column of values that have their unit beside them.
    pub title: &'static str,
    /// What the values are, in a sentence.
    pub summary: &'static str,
    /// The practical threshold: a change by less than this share of the value does not matter.
    pub material_share: f64,
    /// Nor does a change by less than this, in the unit of the column.
    pub material_least: f64,
    /// The cases in which the column is a result; elsewhere it was chosen, or says little.
    of: Load,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Events per second.
    EventsPerS,
    /// Nanoseconds.
    Ns,
    /// Nanoseconds for each event.
    NsPerEvent,
    /// Bytes.
    Bytes,
    /// Bytes for each event.
    BytesPerEvent,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better: rates.
    Higher,
    /// Less is better: times and sizes.
    Lower,
}

/// The kinds of load under which a metric is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Closed,
    Open,
    Search,
    Any,
}

/// The measured metrics. The thresholds of latencies grow with the quantile, because fewer events make it.
pub const METRICS: [Metric; 10] = [
    Metric::new("throughput_events_per_s", Load::Closed, 0.05, 0.0).called("events/s", "Events completed per second."),
    Metric::new("busy_ns_per_event", Load::Closed, 0.05, 0.5)
        .called("busy per event", "Time for which a worker works on an event."),
    Metric::new("sustainable_events_per_s", Load::Search, 0.10, 0.0)
        .called("sustainable events/s", "The highest rate that was sustained."),
    Metric::new("latency_p50_ns", Load::Open, 0.10, 1_000.0).called("p50", "Median of the latency."),
    Metric::new("latency_p99_ns", Load::Open, 0.15, 5_000.0).called("p99", "99th percentile of the latency."),
    Metric::new("latency_p999_ns", Load::Open, 0.25, 20_000.0).called("p99.9", "99.9th percentile of the latency."),
    Metric::new("processing_delay_p50_ns", Load::Open, 0.10, 1_000.0)
        .called("delay p50", "Median of the processing delay."),
    Metric::new("processing_delay_p99_ns", Load::Open, 0.15, 5_000.0)
        .called("delay p99", "99th percentile of the processing delay."),
    Metric::new("live_bytes_peak", Load::Any, 0.05, 65_536.0)
        .called("live bytes, peak", "Peak of the live bytes of state and queues."),
    Metric::new("allocated_bytes_per_event", Load::Closed, 0.05, 1.0)
        .called("allocated per event", "Bytes that the workers allocate in all per event, freed or not."),
];

/// Columns that are functions of trace, pipeline and configuration, the same on every machine, and compared exactly; but see
/// [`is_exact`].
pub const EXACT: [&str; 20] = [
    "events",
    "trace_digest",
    "answers_digest",
    "truth",
    "given",
    "missing",
    "spurious",
    "wrong",
    "retractions",
    "corrected",
    "late",
    "dropped_as_late",
    "out_of_order_share",
    "duplicates_share",
    "event_time_wait_p50_ms",
    "event_time_wait_p99_ms",
    "watermark_lag_peak_ms",
    "entries_residual",
    "exchanged_records_per_event",
    "exchanged_bytes_per_event",
];

/// Columns whose values follow from the answers as they were given.
const OF_ANSWERS: [&str; 5] = ["answers_digest", "given", "missing", "spurious", "wrong"];
/// Columns that count what was taken back.
const OF_CORRECTIONS: [&str; 2] = ["retractions", "corrected"];
/// Columns that count what went from worker to worker.
const OF_EXCHANGES: [&str; 2] = ["exchanged_records_per_event", "exchanged_bytes_per_event"];

/// Returns true if a column of [`EXACT`] does not depend on timing on these axes.
///
/// What is taken back under `speculative` depends on the steps in which events are applied, the answers under `arrival` on
/// how workers take turns, and how much `pre-aggregate` combines before it sends on how much waits. What a live session records
/// depends on what was posted by when.
pub fn is_exact(column: &str, axes: &Axes) -> bool {
    let is_alone = axes.workers * axes.processes == 1;
    match column {
        _ if axes.live.is_some() => false,
        _ if OF_ANSWERS.contains(&column) => is_alone || axes.order != "arrival",
        _ if OF_CORRECTIONS.contains(&column) => axes.order != "speculative",
        _ if OF_EXCHANGES.contains(&column) => is_alone || axes.strategy != "pre-aggregate",
        _ => true,
    }
}

impl Metric {
    /// Returns true for a duration or a rate by the clock, which a machine that is busy with something else disturbs.
    pub fn is_of_time(&self) -> bool {
        matches!(self.unit, MetricUnit::EventsPerS | MetricUnit::Ns)
    }

    /// Returns a metric whose unit is that of its column, and whose direction is that of its unit.
    const fn new(column: &'static str, of: Load, material_share: f64, material_least: f64) -> Self {
        let unit = MetricUnit::of(column);
        Self { column, unit, better: unit.better(), title: "", summary: "", material_share, material_least, of }
    }

    /// Returns the metric with its heading and its meaning.
    const fn called(self, title: &'static str, summary: &'static str) -> Self {
        Self { title, summary, ..self }
    }

    /// Returns the metric with another practical threshold, a share of the value.
    pub fn with_material_share(self, material_share: f64) -> Self {
        Self { material_share, ..self }
    }

    /// Returns the metric of a column; `None` if it is not among [`METRICS`].
    pub fn of_column(column: &str) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.column == column)
    }

    /// Returns true if the column is a result of a case on these axes.
    pub fn applies_to(&self, axes: &Axes) -> bool {
        match self.of {
            Load::Closed => axes.load == "closed",
            Load::Open => axes.load.starts_with("open"),
            Load::Search => axes.load.starts_with("search"),
            Load::Any => !axes.load.starts_with("search"),
        }
    }

    /// Returns the least change from `value` that matters, as a share of it.
    pub fn material_share_at(&self, value: f64) -> f64 {
        if value > 0.0 { self.material_share.max(self.material_least / value) } else { f64::INFINITY }
    }
}

impl MetricUnit {
    /// Returns the unit in which a column ends. A column without a known unit is an error of the compilation.
    const fn of(column: &str) -> MetricUnit {
        if ends_with(column, "_events_per_s") {
            MetricUnit::EventsPerS
        } else if ends_with(column, "_ns_per_event") {
            MetricUnit::NsPerEvent
        } else if ends_with(column, "_ns") {
            MetricUnit::Ns
        } else if ends_with(column, "_bytes_peak") {
            MetricUnit::Bytes
        } else if ends_with(column, "_bytes_per_event") {
            MetricUnit::BytesPerEvent
        } else {
            panic!("the column of a metric ends in a unit whose direction is known")
        }
    }

    /// Returns which way is better for values of this unit.
    const fn better(self) -> Better {
        if matches!(self, MetricUnit::EventsPerS) { Better::Higher } else { Better::Lower }
    }

    /// Returns the unit in words.
    pub fn word(self) -> &'static str {
        match self {
            MetricUnit::EventsPerS => "events/s",
            MetricUnit::Ns => "ns",
            MetricUnit::NsPerEvent => "ns/event",
            MetricUnit::Bytes => "bytes",
            MetricUnit::BytesPerEvent => "bytes/event",
        }
    }
}

const fn ends_with(text: &str, ending: &str) -> bool {
    let (text, ending) = (text.as_bytes(), ending.as_bytes());
    let mut from_end = 0;
    while from_end < ending.len() {
        from_end += 1;
        if from_end > text.len() || text[text.len() - from_end] != ending[ending.len() - from_end] {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example;

    #[test]
    fn every_metric_is_a_column_and_has_the_direction_of_its_unit() {
        let case = example::case(1, 1);
        for column in METRICS.iter().map(|metric| metric.column).chain(EXACT) {
            assert!(case.column(column).is_some(), "{column}");
        }
        for metric in METRICS {
            let is_rate = metric.column.ends_with("_per_s");
            assert_eq!(metric.better == Better::Higher, is_rate, "{metric:?}");
            assert!(!metric.title.is_empty() && metric.summary.ends_with('.'), "{metric:?}");
            assert!(metric.material_share > 0.0 && Metric::of_column(metric.column) == Some(&metric));
        }
    }

    #[test]
    fn what_depends_on_timing_is_not_exact() {
        let axes = |order: &str, strategy: &str, workers| Axes {
            order: order.to_owned(),
            strategy: strategy.to_owned(),
            workers,
            ..example::axes()
        };
        let moved = |strategy, workers| is_exact("exchanged_bytes_per_event", &axes("watermark", strategy, workers));
        assert_eq!([moved("pre-aggregate", 2), moved("pre-aggregate", 1), moved("exchange", 2)], [false, true, true]);
        let answers = |order, workers| is_exact("answers_digest", &axes(order, "exchange", workers));
        assert_eq!([answers("arrival", 2), answers("arrival", 1), answers("speculative", 2)], [false, true, true]);
        assert!(
            !is_exact("retractions", &axes("speculative", "exchange", 1)) && is_exact("late", &axes("arrival", "x", 2))
        );
        assert!(!is_exact("events", &Axes { live: Some("on".to_owned()), ..example::axes() }));
    }

    #[test]
    fn a_rate_that_was_offered_is_no_result() {
        let throughput = Metric::of_column("throughput_events_per_s").unwrap();
        let axes = |load: &str| Axes { load: load.to_owned(), ..example::axes() };
        let applies = ["closed", "open", "open-poisson", "search"].map(|load| throughput.applies_to(&axes(load)));
        assert_eq!(applies, [true, false, false, false]);
    }

    #[test]
    fn a_change_of_little_matters_only_where_the_value_is_large() {
        let bytes = Metric::of_column("live_bytes_peak").unwrap();
        assert_eq!(bytes.material_share_at(65_536.0 * 100.0), 0.05);
        assert_eq!(bytes.material_share_at(65_536.0), 1.0);
        assert_eq!(bytes.material_share_at(0.0), f64::INFINITY);
    }
}

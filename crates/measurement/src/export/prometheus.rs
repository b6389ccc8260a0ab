//! The text exposition format 0.0.4 of Prometheus, for the text file collector of the node exporter, in base units.

use super::metric::spread;
use super::source::{ExportSource, ExportedFile, MeasuredCase};
use crate::metrics::{METRICS, Metric, MetricUnit};

/// Returns a gauge for each metric, with the median of each case and its ends, one that says which cases ended well,
/// and one that describes the run.
pub(crate) fn prometheus(source: &ExportSource) -> Vec<ExportedFile> {
    let cases = source.measured();
    let (run, build) = (&source.run, &source.run.build);
    let labels = labels(&[
        ("experiment", &run.experiment),
        ("version", &build.flowbench),
        ("commit", build.commit.as_deref().unwrap_or("unknown")),
        ("started_at", &run.started_at),
        ("machine", &run.machine.line),
    ]);
    let mut text = family("flowbench_run_info", "The run, described by the labels.", &[format!("{{{labels}}} 1")]);
    let is_ok = |case: &MeasuredCase<'_>| {
        format!("{{{}}} {}", case_labels(&run.experiment, case), u8::from(case.outcome() == "ok"))
    };
    let samples: Vec<String> = cases.iter().map(is_ok).collect();
    text.push_str(&family("flowbench_case_ok", "1 if every repeat of the case ended with right answers.", &samples));
    for metric in METRICS {
        let (name, scale) = in_base_units(metric);
        let samples: Vec<String> =
            cases.iter().flat_map(|case| metric_samples(metric, case, &run.experiment, scale)).collect();
        text.push_str(&family(&name, metric.summary, &samples));
    }
    ExportedFile::only(text)
}

/// Returns the name of a metric in base units, and what its values are divided by.
fn in_base_units(metric: Metric) -> (String, f64) {
    let (ending, in_base, scale) = match metric.unit {
        MetricUnit::EventsPerS => ("_events_per_s", "_events_per_second", 1.0),
        MetricUnit::Ns => ("_ns", "_seconds", 1e9),
        MetricUnit::NsPerEvent => ("_ns_per_event", "_seconds_per_event", 1e9),
        MetricUnit::Bytes => ("_bytes_peak", "_peak_bytes", 1.0),
        MetricUnit::BytesPerEvent => ("_bytes_per_event", "_bytes_per_event", 1.0),
    };
    (format!("flowbench_{}{in_base}", metric.column.trim_end_matches(ending)), scale)
}

fn metric_samples(metric: Metric, case: &MeasuredCase<'_>, experiment: &str, scale: f64) -> Vec<String> {
    let Some(spread) = spread(&metric, case) else { return Vec::new() };
    let labels = case_labels(experiment, case);
    let ends = [("median", spread.median), ("low", spread.low), ("high", spread.high)];
    ends.map(|(stat, value)| format!("{{{labels},stat=\"{stat}\"}} {}", value / scale)).to_vec()
}

/// Returns a family: its help, its type and its samples, each of which begins with its labels.
fn family(name: &str, help: &str, samples: &[String]) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let samples: String = samples.iter().map(|sample| format!("{name}{sample}\n")).collect();
    format!("# HELP {name} {help}\n# TYPE {name} gauge\n{samples}")
}

fn case_labels(experiment: &str, case: &MeasuredCase<'_>) -> String {
    labels(&[("experiment", experiment), ("part", &case.first().part), ("case", &case.name.text())])
}

fn labels(labels: &[(&str, &str)]) -> String {
    let pairs = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// Returns the value of a label within its quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_quotes() {
        assert_eq!(labels(&[("a", "b\\c\"d\ne")]), "a=\"b\\\\c\\\"d\\ne\"");
    }
}

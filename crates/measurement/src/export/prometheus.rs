//! The text exposition format 0.0.4 of Prometheus, for the text file collector of the node exporter, in base units.

use super::metric::{EXPORTED_METRICS, ExportedMetric};
use super::source::{ExportSource, ExportedFile, MeasuredCase};

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
    for metric in EXPORTED_METRICS {
        let (name, help, scale) = described(metric);
        let samples: Vec<String> =
            cases.iter().flat_map(|case| metric_samples(metric, case, &run.experiment, scale)).collect();
        text.push_str(&family(name, help, &samples));
    }
    ExportedFile::only(text)
}

/// Returns the name of a metric in base units, its help text, and what its values are divided by.
fn described(metric: ExportedMetric) -> (&'static str, &'static str, f64) {
    match metric.column {
        "throughput_events_per_s" => ("flowbench_throughput_events_per_second", "Events completed per second.", 1.0),
        "sustainable_events_per_s" => {
            ("flowbench_sustainable_events_per_second", "The highest rate that was sustained.", 1.0)
        }
        "latency_p50_ns" => ("flowbench_latency_p50_seconds", "Median of the latency.", 1e9),
        "latency_p99_ns" => ("flowbench_latency_p99_seconds", "99th percentile of the latency.", 1e9),
        "latency_p999_ns" => ("flowbench_latency_p999_seconds", "99.9th percentile of the latency.", 1e9),
        "live_bytes_peak" => ("flowbench_live_peak_bytes", "Peak of the live bytes of state and queues.", 1.0),
        _ => ("flowbench_cpu_seconds_per_event", "CPU time of the workers for each event.", 1e9),
    }
}

fn metric_samples(metric: ExportedMetric, case: &MeasuredCase<'_>, experiment: &str, scale: f64) -> Vec<String> {
    let Some(spread) = metric.spread(case) else { return Vec::new() };
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

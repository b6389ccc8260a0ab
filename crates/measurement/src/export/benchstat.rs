//! The text format of Go benchmarks, which benchstat reads: one line for each repeat.

use super::metric::value;
use super::source::{ExportSource, ExportedFile};
use crate::case_name::CaseName;
use crate::metrics::{Better, METRICS, Metric, MetricUnit};

/// Returns the configuration, the units with their better direction, and a line for each repeat with numbers.
pub(crate) fn benchstat(source: &ExportSource) -> Vec<ExportedFile> {
    let run = &source.run;
    let commit = run.build.commit.as_deref().unwrap_or("unknown");
    let mut text = String::new();
    let mut line = |key: &str, value: &str| text.push_str(&format!("{key}: {}\n", one_line(value)));
    line("experiment", &run.experiment);
    line("flowbench", &run.build.flowbench);
    line("commit", commit);
    line("started-at", &run.started_at);
    line("cpu", &run.machine.cpu);
    for metric in METRICS {
        let better = if metric.better == Better::Higher { "higher" } else { "lower" };
        text.push_str(&format!("Unit {} better={better}\n", unit(metric)));
    }
    for case in source.measured() {
        let name = benchmark_name(&case.name);
        for repeat in case.repeats {
            let Some(numbers) = &repeat.numbers else { continue };
            let values = METRICS.iter().filter_map(|metric| Some((metric, value(metric, repeat)?)));
            let values: String = values.map(|(metric, value)| format!(" {value} {}", unit(*metric))).collect();
            text.push_str(&format!("{name} {}{values}\n", numbers.events.max(1)));
        }
    }
    ExportedFile::only(text)
}

/// Returns the name of the metric as a unit. What ends in `-ns` is shown in seconds with a prefix, what ends in `-B`
/// with a binary one.
fn unit(metric: Metric) -> String {
    let name = |ending: &str| metric.column.trim_end_matches(ending).replace('_', "-");
    match metric.unit {
        MetricUnit::EventsPerS => format!("{}-events/s", name("_events_per_s")),
        MetricUnit::Ns => format!("{}-ns", name("_ns")),
        MetricUnit::NsPerEvent => format!("{}-ns/event", name("_ns_per_event")),
        MetricUnit::Bytes => "live-peak-B".to_owned(),
        MetricUnit::BytesPerEvent => format!("{}-B/event", name("_bytes_per_event")),
    }
}

/// Returns `Benchmark`, the part with a capital, and `key=value` for each other choice.
fn benchmark_name(name: &CaseName) -> String {
    let (part, others) = name.choices().split_first().map_or(("", &[][..]), |((_, part), others)| (part, others));
    let mut letters = part.chars();
    let part: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let others: String = others.iter().map(|(axis, value)| format!("/{axis}={value}")).collect();
    format!("Benchmark{part}{others}")
}

fn one_line(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

//! Tables in GitHub Flavored Markdown, for comments and job summaries.

use crate::metrics::{METRICS, Metric, MetricUnit};
use crate::record::Status;
use crate::repeats::Spread;

use super::metric::spread;
use super::source::{ExportSource, ExportedFile, MeasuredCase};

/// Returns a table for each part, with the medians and their ends.
pub(crate) fn markdown(source: &ExportSource) -> Vec<ExportedFile> {
    let (run, build) = (&source.run, &source.run.build);
    let commit = build.commit.as_deref().unwrap_or("unknown commit");
    let dirty = if build.dirty { " with uncommitted changes" } else { "" };
    let mut text = format!("## {}: {}\n\n", escaped(&run.experiment), escaped(&run.title));
    let machine = escaped(&run.machine.line);
    text.push_str(&format!("flowbench {}, {commit}{dirty}, {}, on {machine}\n", build.flowbench, run.started_at));
    let cases = source.measured();
    for part in cases.chunk_by(|one, other| one.first().part == other.first().part) {
        let name = &part[0].first().part;
        let question = run.parts.iter().find(|question| question.name == *name);
        let question = question.map(|question| format!(": {}", escaped(&question.question))).unwrap_or_default();
        text.push_str(&format!("\n### {}{question}\n\n{}", escaped(name), table(part)));
    }
    ExportedFile::only(text)
}

fn table(cases: &[MeasuredCase<'_>]) -> String {
    let is_measured = |metric: &Metric| cases.iter().any(|case| spread(metric, case).is_some());
    let metrics: Vec<Metric> = METRICS.into_iter().filter(is_measured).collect();
    let titles: String = metrics.iter().map(|metric| format!(" {} |", metric.title)).collect();
    let mut text = format!("| case | outcome |{titles} doubts |\n|---|---|{}---|\n", "---:|".repeat(metrics.len()));
    for case in cases {
        let name = case.name.text();
        let name = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest);
        let cells = metrics.iter().map(|metric| cell(metric.unit, spread(metric, case)));
        let cells: String = cells.map(|cell| format!(" {cell} |")).collect();
        text.push_str(&format!("| {} | {} |{cells} {} |\n", escaped(name), outcome(case), escaped(&case.doubts())));
    }
    text
}

fn outcome(case: &MeasuredCase<'_>) -> String {
    let word = case.outcome();
    let worst = case.repeats.iter().find(|repeat| repeat.status.word() == word);
    match worst.map(|repeat| &repeat.status) {
        Some(Status::Failed { cause, .. } | Status::Invalid { cause }) => format!("**{word}**: {}", escaped(cause)),
        _ => word.to_owned(),
    }
}

fn cell(unit: MetricUnit, spread: Option<Spread>) -> String {
    let Some(Spread { median, low, high, repeats }) = spread else { return "–".to_owned() };
    let median = readable(unit, median);
    if repeats < 2 { median } else { format!("{median} [{} – {}]", readable(unit, low), readable(unit, high)) }
}

/// Returns three significant digits with a prefix.
fn readable(unit: MetricUnit, value: f64) -> String {
    let prefixes = match unit {
        MetricUnit::EventsPerS => [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")],
        MetricUnit::Ns | MetricUnit::NsPerEvent => [(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1.0, " ns")],
        MetricUnit::Bytes | MetricUnit::BytesPerEvent => [(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")],
    };
    // What would be rounded up to 1000 has the next prefix.
    let fitting = prefixes.into_iter().find(|(factor, _)| value.abs() >= factor * 0.9995);
    let (factor, prefix) = fitting.unwrap_or(prefixes[3]);
    let scaled = value / factor;
    let decimals = if scaled.abs() >= 99.95 { 0 } else { 1 + usize::from(scaled.abs() < 9.995) };
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{prefix}")
}

/// Returns text for a cell: nothing in it is markup, and it has one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '@' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_and_a_prefix() {
        let of = |value| readable(MetricUnit::EventsPerS, value);
        assert_eq!([0.0, 1.234, 999.4, 999.6, 54_321.0, 2e6].map(of), ["0", "1.23", "999", "1k", "54.3k", "2M"]);
        assert_eq!(readable(MetricUnit::Ns, 6_039.0), "6.04 µs");
        assert_eq!(readable(MetricUnit::Bytes, 131_112.0), "131 kB");
    }

    #[test]
    fn no_text_breaks_out_of_its_cell() {
        assert_eq!(escaped("a|b\n<c> `d` _e_"), "a\\|b &lt;c&gt; \\`d\\` \\_e\\_");
    }
}

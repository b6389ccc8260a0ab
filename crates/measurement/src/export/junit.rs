//! JUnit XML: a test suite for each part, a test case for each case.

use std::ops::Add;

use crate::record::Status;

use super::source::{ExportSource, ExportedFile, MeasuredCase};

/// Returns the cases as tests: wrong answers are failures, failed processes errors, doubts output.
pub(crate) fn junit(source: &ExportSource) -> Vec<ExportedFile> {
    let cases = source.measured();
    let experiment = &source.run.experiment;
    let missing = usize::from(source.cases.len() < source.run.planned_cases);
    let head = format!("name=\"{}\" {}", escaped(experiment), counts(&cases, missing));
    let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {head}>\n");
    for suite in cases.chunk_by(|one, other| one.first().part == other.first().part) {
        let part = &suite[0].first().part;
        let class = escaped(&format!("{experiment}.{part}"));
        let started_at = escaped(source.run.started_at.split(['.', 'Z']).next().unwrap_or_default());
        let counts = counts(suite, 0);
        text.push_str(&format!("  <testsuite name=\"{}\" timestamp=\"{started_at}\" {counts}>\n", escaped(part)));
        suite.iter().for_each(|case| text.push_str(&test_case(case, &class)));
        text.push_str("  </testsuite>\n");
    }
    text.push_str(&not_run(source));
    text.push_str("</testsuites>\n");
    ExportedFile::only(text)
}

/// Returns a test that is in error if the run has fewer results than were planned.
fn not_run(source: &ExportSource) -> String {
    let (found, planned) = (source.cases.len(), source.run.planned_cases);
    if found >= planned {
        return String::new();
    }
    format!(
        "  <testsuite name=\"results\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
         <testcase classname=\"{}\" name=\"planned results\">\n      \
         <error type=\"incomplete\" message=\"{found} of {planned} planned results\"></error>\n    \
         </testcase>\n  </testsuite>\n",
        escaped(&source.run.experiment)
    )
}

/// Returns the attributes that count the tests of some cases, and as many more that are in error.
fn counts(cases: &[MeasuredCase<'_>], more_errors: usize) -> String {
    let count = |outcome: &str| cases.iter().filter(|case| case.outcome() == outcome).count();
    let seconds = cases.iter().map(seconds).fold(0.0, f64::add);
    let (failures, errors) = (count("invalid"), count("failed") + more_errors);
    let tests = cases.len() + more_errors;
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"{seconds:.3}\"")
}

/// Returns the measured time of all repeats together.
fn seconds(case: &MeasuredCase<'_>) -> f64 {
    let elapsed = case.repeats.iter().filter_map(|repeat| repeat.numbers.as_ref());
    elapsed.map(|numbers| numbers.elapsed_ns as f64 / 1e9).fold(0.0, f64::add)
}

fn test_case(case: &MeasuredCase<'_>, class: &str) -> String {
    let name = escaped(&case.name.text());
    let head = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{:.3}\"", seconds(case));
    let mut inside = String::new();
    // A test has one result: the first of the worst kind, which names the repeat.
    let worst = case.repeats.iter().find(|repeat| repeat.status.word() == case.outcome());
    if let Some(repeat) = worst {
        let result = |tag: &str, kind: &str, cause: &str, text: &str| {
            let message = escaped(&format!("repeat {}: {cause}", repeat.repeat));
            format!("      <{tag} type=\"{kind}\" message=\"{message}\">{}</{tag}>\n", escaped(text))
        };
        match &repeat.status {
            Status::Ok => {}
            Status::Invalid { cause } => inside.push_str(&result("failure", "wrong-answers", cause, cause)),
            Status::Failed { cause, stderr_tail } => inside.push_str(&result("error", "failed", cause, stderr_tail)),
        }
    }
    if !case.doubts().is_empty() {
        inside.push_str(&format!("      <system-out>doubts: {}</system-out>\n", escaped(&case.doubts())));
    }
    if inside.is_empty() { format!("{head}/>\n") } else { format!("{head}>\n{inside}    </testcase>\n") }
}

/// Returns text for an element or an attribute in quotes. What XML cannot hold is replaced, such as most control
/// characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced_and_the_rest_escaped() {
        assert_eq!(
            escaped("a<b> & \"c\"\n\u{1b}[0m\u{ffff}"),
            "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}[0m\u{fffd}"
        );
    }
}

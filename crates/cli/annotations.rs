//! Annotations: in a workflow of GitHub, what a reviewer should see is also a command of the workflow, on standard error.

use crate::failure::eprint;

/// Annotations of one kind that GitHub shows for a step; it drops the rest.
const SHOWN_MAX: usize = 10;

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
}

/// Prints a message for each finding, all with this title; nothing outside of a workflow.
pub(crate) fn annotate(level: Level, title: &str, findings: impl IntoIterator<Item = String>) {
    if std::env::var("GITHUB_ACTIONS").is_ok_and(|set| set == "true") {
        lines(level, title, findings).iter().for_each(eprint);
    }
}

/// Returns the commands; the last one that is shown says how many are not.
fn lines(level: Level, title: &str, findings: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut findings: Vec<String> = findings.into_iter().collect();
    if findings.len() > SHOWN_MAX {
        let rest = findings.split_off(SHOWN_MAX - 1).len();
        findings.push(format!("and {rest} more, see the log"));
    }
    let command = match level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let title = escaped(title).replace(':', "%3A").replace(',', "%2C");
    findings.iter().map(|finding| format!("::{command} title={title}::{}", escaped(finding))).collect()
}

/// Returns a text in one line, as workflow commands take it.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_its_title_cannot_end_early() {
        let found = lines(Level::Error, "gate: a, b", ["100% worse:\r\n::warning::no".to_owned()]);
        assert_eq!(found, ["::error title=gate%3A a%2C b::100%25 worse:%0D%0A::warning::no"]);
    }

    #[test]
    fn no_more_are_printed_than_are_shown_and_the_rest_is_counted() {
        let found = lines(Level::Warning, "t", (0..25).map(|number| number.to_string()));
        assert_eq!((found.len(), found[8].as_str()), (10, "::warning title=t::8"));
        assert_eq!(found[9], "::warning title=t::and 16 more, see the log");
        assert_eq!(lines(Level::Warning, "t", (0..10).map(|number| number.to_string()))[9], "::warning title=t::9");
    }
}

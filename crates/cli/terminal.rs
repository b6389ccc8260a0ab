//! How the command line talks: what is printed on which stream, how much of it, and in which style.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use flowbench_report::{Screen, harmless};

/// Width of a screen that has none of its own, such as a file.
const WIDTH: usize = 80;
/// The range of widths that tables are laid out for.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=140;

const HEADING: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();
const DETAIL: Style = Style::new().dimmed();
/// The words with which a line on standard error may begin, and their styles.
const BEGINNINGS: [(&str, Style); 5] =
    [("error:", ERROR), ("warning:", WARNING), ("hint:", HINT), ("help:", HINT), ("note:", HEADING)];
/// Words in a line on standard error that are set apart.
const FAILURES: [&str; 2] = ["INVALID", "FAILED"];

/// How much the command line says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Talk {
    /// True to draw no progress bar.
    pub(crate) no_progress: bool,
    /// True to say what is done.
    pub(crate) is_verbose: bool,
}

static TALK: OnceLock<Talk> = OnceLock::new();

/// Fixes how the command line talks, once, before the command begins.
pub(crate) fn settle(talk: Talk) {
    let _ = TALK.set(talk);
    if talk.is_verbose && log::set_logger(&Details).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

/// Returns how the command line talks.
pub(crate) fn talk() -> Talk {
    TALK.get().copied().unwrap_or_default()
}

/// Fixes whether there are colours, on both streams.
pub(crate) fn set_color(color: ColorChoice) {
    let choice = match color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Returns the screen that standard output is.
pub(crate) fn screen() -> Screen {
    let stdout = std::io::stdout();
    let width = terminal_size::terminal_size_of(&stdout).filter(|_| stdout.is_terminal());
    let width = width.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(*WIDTHS.start(), *WIDTHS.end()));
    Screen { width, is_styled: AutoStream::choice(&stdout) != anstream::ColorChoice::Never }
}

/// Returns a heading as standard output shows it.
pub(crate) fn heading(text: &str) -> String {
    if screen().is_styled { format!("{HEADING}{text}{HEADING:#}") } else { text.to_owned() }
}

/// Returns a line that tells of a failure, in its style.
pub(crate) fn failed(line: &str) -> String {
    format!("{ERROR}{line}{ERROR:#}")
}

/// Prints a line on standard error, without control characters, because text of a file may be quoted in it. A standard
/// error that cannot be written to is ignored.
pub(crate) fn eprint(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{}", styled(&plain(text)));
}

/// Returns the text without control characters, which could steer the terminal.
pub(crate) fn plain(text: impl Display) -> String {
    text.to_string().chars().map(|letter| if letter == '\n' { letter } else { harmless(letter) }).collect()
}

/// Returns the text with the beginnings of its lines, and words that tell of failures, in their styles.
fn styled(text: &str) -> String {
    let line = |line: &str| {
        if let Some((beginning, style)) = BEGINNINGS.iter().find(|(beginning, _)| line.starts_with(beginning)) {
            return line.replacen(beginning, &format!("{style}{beginning}{style:#}"), 1);
        }
        let failure = FAILURES.iter().find(|word| line.contains(&format!(": {word}: ")));
        failure.map_or(line.to_owned(), |word| line.replacen(word, &format!("{ERROR}{word}{ERROR:#}"), 1))
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Prints what is done, as the harness and the readers and writers of files tell it.
struct Details;

impl log::Log for Details {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("flowbench")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let _ = writeln!(anstream::stderr(), "{DETAIL}{}{DETAIL:#}", plain(record.args()));
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_and_failures_have_a_style_and_nothing_else_has() {
        for (text, begins) in [
            ("error: no", "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no"),
            ("hint: do", "\u{1b}[36mhint:\u{1b}[0m do"),
            ("an error: no", "an error: no"),
            ("[1/2] a: INVALID: b", "[1/2] a: \u{1b}[1m\u{1b}[31mINVALID\u{1b}[0m: b"),
            ("first\nnote: second", "first\n\u{1b}[1mnote:\u{1b}[0m second"),
        ] {
            assert_eq!(styled(text), begins);
        }
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\u{fffd}[31m\nb");
    }
}

//! `list`: names, each with a line about it.

use flowbench_pipelines::{Registry, RunConfig, Strategy};
use serde_json::Value;

use super::entries::{Entry, KINDS, entries, files};
use crate::args::{List, Listed, Wanted};
use crate::failure::{Failure, OK, print};
use crate::json_output::print_json;
use crate::terminal::{heading, screen};

/// The widest name beside which lines begin at one place.
const NAME_WIDTH_MAX: usize = 24;

pub(crate) fn list(args: &List, registry: Registry) -> Result<i32, Failure> {
    let json = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.json).collect::<Value>();
    if let Some(Wanted::Folder(folder)) = &args.what {
        let files = files(folder)?;
        match args.json {
            true => print_json("list", serde_json::json!({ "pipelines": json(files) }))?,
            false => print(&format!("{}\n{}", heading("pipelines"), lines(&files, screen().width)))?,
        }
        return Ok(OK);
    }
    let is_wanted = |kind| args.what.as_ref().is_none_or(|what| *what == Wanted::Kind(kind));
    let wanted = KINDS.into_iter().filter(|(kind, ..)| is_wanted(*kind));
    if args.json {
        let all: serde_json::Map<String, Value> = wanted
            .map(|(kind, name, _)| Ok((name.to_owned(), json(entries(kind, registry)?))))
            .collect::<Result<_, Failure>>()?;
        print_json("list", Value::Object(all))?;
        return Ok(OK);
    }
    let mut text = String::new();
    for (kind, name, _) in wanted {
        text.push_str(&format!("{}\n", heading(name)));
        text.push_str(&lines(&entries(kind, registry)?, screen().width));
        if kind == Listed::Strategies {
            text.push_str(&matrix(registry));
        }
    }
    print(&text)?;
    Ok(OK)
}

/// Returns a line for each entry, wrapped below its beginning where it is too wide.
fn lines(entries: &[Entry], width: usize) -> String {
    let widest = |of: fn(&Entry) -> &str| entries.iter().map(|entry| of(entry).chars().count()).max().unwrap_or(0);
    let name_width = widest(|entry| &entry.name).min(NAME_WIDTH_MAX);
    let mark_width = widest(|entry| &entry.mark);
    let mut text = String::new();
    for Entry { name, mark, summary, .. } in entries {
        let gap = if mark_width > 0 { "  " } else { "" };
        let begin = format!("  {name:<name_width$}{gap}{mark:<mark_width$}  ");
        let indent = 2 + name_width + gap.len() + mark_width + 2;
        let beyond = begin.chars().count().saturating_sub(indent);
        // What a file says of itself may have anything in it.
        let summary = summary.replace(char::is_control, " ");
        let words = wrapped(&summary, width.saturating_sub(indent).max(NAME_WIDTH_MAX), beyond);
        let words = words.replace('\n', &format!("\n{}", " ".repeat(indent)));
        text.push_str(&format!("{begin}{words}\n"));
    }
    text
}

/// Breaks a paragraph into lines of at most `width` characters, of which the first has room for `beyond` fewer.
pub(super) fn wrapped(text: &str, width: usize, beyond: usize) -> String {
    let mut lines = vec![String::new()];
    let length = |text: &str| text.chars().count();
    for word in text.split_whitespace() {
        let room = if lines.len() == 1 { width.saturating_sub(beyond) } else { width };
        if lines.last().is_some_and(|line| !line.is_empty() && length(line) + 1 + length(word) > room) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// Returns `word` and what stands beside it, wrapped.
pub(super) fn field(word: &str, text: &str) -> String {
    let lines = wrapped(text, screen().width.saturating_sub(12), 0);
    format!("{word:<12}{}\n", lines.replace('\n', &format!("\n{:12}", "")))
}

/// Returns a table with a row for each pipeline and a column for each strategy, with the reasons for the gaps.
fn matrix(registry: Registry) -> String {
    let mut text =
        "\n  which strategy serves which pipeline, in the order above (a letter: it does not, for the reason below)\n"
            .to_owned();
    let mut reasons: Vec<&str> = Vec::new();
    for pipeline in registry.pipelines() {
        let mut mark = |strategy: &Strategy| {
            let Some(reason) = pipeline.unsupported_reason(&RunConfig::plain(*strategy)) else { return '✓' };
            let at = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            (b'a' + at as u8) as char
        };
        let marks: Vec<String> = Strategy::ALL.iter().map(|strategy| mark(strategy).to_string()).collect();
        text.push_str(&format!("  {:<22}{}\n", pipeline.name(), marks.join(" ")));
    }
    for (letter, reason) in (b'a'..).zip(reasons) {
        text.push_str(&format!("  {}: {reason}\n", letter as char));
    }
    text
}

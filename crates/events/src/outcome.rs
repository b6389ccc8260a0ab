//! The outcome of reading a log: its summary, its rejected rows, and the error that ended it early.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use thiserror::Error;

use crate::fields::{FIELD_BYTES_MAX, Field, HEADER, shown};
use crate::files::FileError;
use crate::names::clean;
use crate::recording::Recording;

/// A bad row, with its place and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// The name of the column to blame, as in the file; empty if it is the row as a whole.
    pub column: String,
    /// The reason, as the end of a sentence.
    pub reason: String,
}

/// What became of the rows of a log, where `rows = used + skipped + rejects`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// The rows of the log, without its header and blank lines.
    pub rows: u64,
    /// The rows that became events or parts of one.
    pub used: u64,
    /// The events, one for each row unless a mapping makes one of several rows or several of one.
    pub events: u64,
    /// The rows of a kind that the mapping does not list, and those without any of the times of their events.
    pub skipped: u64,
    /// The rows that were skipped because they have no time.
    pub skipped_without_time: u64,
    /// The bad rows.
    pub rejects: u64,
    /// The first few kinds that were skipped, each with its number of rows.
    pub skipped_kinds: BTreeMap<String, u64>,
    /// The first few columns that the interchange format does not have. With a mapping there are none, since it says
    /// which columns are used.
    pub ignored_columns: Vec<String>,
    /// The paths that the mapping asks for and no object of JSON Lines has.
    pub missing_paths: Vec<String>,
    /// What was recognised of the file and not stated by a mapping, such as `';'-separated`.
    pub assumed: Vec<String>,
    /// What may not be intended about the log as a whole, one sentence each.
    pub remarks: Vec<String>,
    /// What a live session recorded beside the events; [`read_trace`](crate::read_trace) moves it into the trace.
    pub recording: Recording,
}

/// An error that ended the reading of a log.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The log cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// Reading failed in the middle, because of the disk or of a compressed stream that is damaged or cut off.
    #[error("{input}: reading stopped after {rows} rows: {source}; is the file complete?")]
    Interrupted {
        /// The log.
        input: String,
        /// The number of rows read before.
        rows: u64,
        /// The failure of the operating system or the decoder.
        source: io::Error,
    },
    /// A CSV file has not even a header.
    #[error("{input} is empty; expected a header line such as {}", HEADER)]
    Empty {
        /// The log.
        input: String,
    },
    /// The header lacks a column that is needed, or has it twice.
    #[error("{input}: {problem}")]
    Columns {
        /// The log.
        input: String,
        /// What is missing, which columns there are, and the likely fix.
        problem: String,
    },
    /// A row is bad and [`ReadOptions::strict`](crate::ReadOptions::strict) is set.
    #[error("{input}, {reject}")]
    Strict {
        /// The log.
        input: String,
        /// The bad row.
        reject: Reject,
    },
    /// A function of the caller failed.
    #[error("{input}: the events cannot be passed on: {source}")]
    Caller {
        /// The log.
        input: String,
        /// The error that it returned.
        source: io::Error,
    },
}

impl ReadSummary {
    /// Counts a skipped row by its kind, if few enough kinds are named so far.
    pub(crate) fn skip(&mut self, kind: &str) {
        if let Some(count) = self.skipped_kinds.get_mut(kind) {
            *count += 1;
        } else if self.skipped_kinds.len() < NAMED_MAX && kind.len() < FIELD_BYTES_MAX {
            self.skipped_kinds.insert(kind.to_owned(), 1);
        }
    }
}

/// The maximum number of ignored columns, and of skipped kinds, that are named.
pub(crate) const NAMED_MAX: usize = 20;

impl ReadError {
    /// Appends `words` to an error about columns; other errors stay as they are.
    pub(crate) fn with(self, words: &str) -> ReadError {
        match self {
            ReadError::Columns { input, problem } => ReadError::Columns { input, problem: problem + words },
            other => other,
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(out, ", column {}", clean(&self.column))?;
        }
        write!(out, ": {}", self.reason)
    }
}

impl fmt::Display for ReadSummary {
    /// Writes one sentence, such as `25900 rows: 25897 events, 3 skipped ('adjustment' 3), 0 rejected`. If events are
    /// not one for each row, it begins with `25900 rows: 3000 events of 25897 rows`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} rows: {} events", self.rows, self.events)?;
        if self.events != self.used {
            write!(out, " of {} rows", self.used)?;
        }
        write!(out, ", {} skipped", self.skipped)?;
        let mut skipped: Vec<String> =
            self.skipped_kinds.iter().map(|(kind, rows)| format!("{} {rows}", kind_in_words(kind))).collect();
        if self.skipped_without_time > 0 {
            skipped.push(format!("without a time {}", self.skipped_without_time));
        }
        if !skipped.is_empty() {
            write!(out, " ({})", skipped.join(", "))?;
        }
        write!(out, ", {} rejected", self.rejects)?;
        if !self.ignored_columns.is_empty() {
            let columns: Vec<String> = self.ignored_columns.iter().map(|name| ignored(name)).collect();
            write!(out, "; ignored columns: {}", columns.join(", "))?;
        }
        if !self.missing_paths.is_empty() {
            let paths: Vec<String> = self.missing_paths.iter().map(|path| shown(path)).collect();
            write!(out, "; in no row: {}", paths.join(", "))?;
        }
        Ok(())
    }
}

fn kind_in_words(kind: &str) -> String {
    if kind.is_empty() { "an empty kind".to_owned() } else { shown(kind) }
}

/// Returns an ignored column as messages show it. If it is one of ours in another case, that one is suggested.
fn ignored(name: &str) -> String {
    let same = |field: &Field| field.name().eq_ignore_ascii_case(name);
    match Field::ALL.into_iter().find(same) {
        Some(field) if field.name() != name => format!("{} (did you mean '{}'?)", shown(name), field.name()),
        _ => shown(name),
    }
}

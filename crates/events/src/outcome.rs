//! What a reading comes to: its summary, its rejected rows, and the error that ended it early.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use thiserror::Error;

use crate::fields::{FIELD_BYTES_MAX, Field, HEADER, shown};
use crate::files::FileError;
use crate::names::clean;

/// A bad row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    /// The column that is to blame, by the name the file gives it; empty if it is the row as a whole.
    pub column: String,
    /// What is wrong.
    pub reason: String,
}

/// What became of the rows: `rows = used + skipped + rejects`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// Rows of the log; a header and blank lines are none.
    pub rows: u64,
    /// Rows that became events, or parts of one.
    pub used: u64,
    /// Events: one a row, unless a mapping makes one of several rows or several of one.
    pub events: u64,
    /// Rows of a kind that the mapping does not list, and rows without any of the times of their events.
    pub skipped: u64,
    /// Skipped rows that were skipped for lack of a time.
    pub skipped_without_time: u64,
    /// Bad rows.
    pub rejects: u64,
    /// The skipped kinds and their rows, for the first few of them.
    pub skipped_kinds: BTreeMap<String, u64>,
    /// Columns that are none of ours, for the first few of them. A mapping ignores what it does not name in silence.
    pub ignored_columns: Vec<String>,
    /// Paths that the mapping asks for and no object of JSON Lines has.
    pub missing_paths: Vec<String>,
    /// What was recognised of the file and is not said by a mapping, such as `';'-separated`.
    pub assumed: Vec<String>,
    /// What is striking about the log as a whole and may not be meant, a sentence each.
    pub remarks: Vec<String>,
}

/// Why a log was not read to its end.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It could not be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// Reading failed in the middle: the disk, or a compressed stream that is damaged or cut off.
    #[error("{input}: reading stopped after {rows} rows: {source}; is the file complete?")]
    Interrupted {
        /// The log.
        input: String,
        /// Rows read until then.
        rows: u64,
        /// What happened.
        source: io::Error,
    },
    /// A CSV file without even a header.
    #[error("{input} is empty; expected a header line such as {}", HEADER)]
    Empty {
        /// The log.
        input: String,
    },
    /// The header does not offer what is needed.
    #[error("{input}: {problem}")]
    Columns {
        /// The log.
        input: String,
        /// What is missing, what there is, and the likely fix.
        problem: String,
    },
    /// The first bad row of a strict reading.
    #[error("{input}, {reject}")]
    Strict {
        /// The log.
        input: String,
        /// The bad row.
        reject: Reject,
    },
    /// One of the caller's functions failed.
    #[error("{input}: what was read cannot be passed on: {source}")]
    Caller {
        /// The log.
        input: String,
        /// What it said.
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

/// How many ignored columns or skipped kinds are named.
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
    /// One sentence: `25900 rows: 25897 events, 3 skipped ('adjustment' 3), 0 rejected`; where rows and events are not one
    /// to one, `25900 rows: 3000 events of 25897 rows, ...`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} rows: {} events", self.rows, self.events)?;
        if self.events != self.used {
            write!(out, " of {} rows", self.used)?;
        }
        write!(out, ", {} skipped", self.skipped)?;
        let mut skipped: Vec<String> =
            self.skipped_kinds.iter().map(|(kind, rows)| format!("{} {rows}", shown(kind))).collect();
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

/// An ignored column as it is told; one of ours in another case is likely to be meant.
fn ignored(name: &str) -> String {
    let same = |field: &Field| field.name().eq_ignore_ascii_case(name);
    match Field::ALL.into_iter().find(same) {
        Some(field) if field.name() != name => format!("{} (did you mean '{}'?)", shown(name), field.name()),
        _ => shown(name),
    }
}

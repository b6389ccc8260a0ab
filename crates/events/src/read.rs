//! From a log to events: nothing that goes wrong with a row stops the reading, and nothing disappears.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use thiserror::Error;

use crate::event::Event;
use crate::fields::{Decoder, Field, Texts, shown};
use crate::files::{FileError, Format, Input};
use crate::mapping::Mapping;
use crate::symbols::Symbols;
use crate::trace::Trace;
use crate::{csv, jsonl};

/// A field of more bytes than this is rejected.
pub(crate) const FIELD_BYTES_MAX: usize = 1 << 20;

/// How a log is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// `None`: told by the file's ending; failing that, JSON Lines if the first byte that is no space is a `{`, or CSV.
    pub format: Option<Format>,
    /// For somebody's CSV; without it, the columns are those of the interchange format.
    pub mapping: Option<Mapping>,
    /// The first bad row is an error.
    pub strict: bool,
}

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

/// What became of the rows: `rows = events + skipped + rejects`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// Rows of the log; a header and blank lines are none.
    pub rows: u64,
    /// Rows that became events.
    pub events: u64,
    /// Rows of a kind that the mapping does not list.
    pub skipped: u64,
    /// Bad rows.
    pub rejects: u64,
    /// The skipped kinds and their rows, for the first few of them.
    pub skipped_kinds: BTreeMap<String, u64>,
    /// Columns that are none of ours, for the first few of them. A mapping ignores what it does not name in silence.
    pub ignored_columns: Vec<String>,
    /// What should be known of the file, a sentence each.
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
    #[error("{input} is empty; expected a header line such as {}", csv::HEADER)]
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
    /// A mapping was given for JSON Lines.
    #[error("{input}: a mapping reads CSV, and this is JSON Lines; leave the mapping out or convert the file")]
    MappingOfJsonl {
        /// The log.
        input: String,
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

/// Reads a whole log into memory, in the order of the file, which is the arrival order.
///
/// `on_reject` sees each bad row. Rows without an event id get their row number (from 1) as one.
pub fn read_trace(
    input: &Input,
    options: &ReadOptions,
    on_reject: &mut dyn FnMut(&Reject) -> io::Result<()>,
) -> Result<(Trace, ReadSummary), ReadError> {
    let mut trace = Trace::default();
    let events = &mut trace.events;
    let mut keep = |event, _: &Symbols| {
        events.push(event);
        Ok(())
    };
    let summary = read_events(input, options, &mut trace.symbols, &mut keep, on_reject)?;
    Ok((trace, summary))
}

/// Reads a log row by row, in constant memory but for `symbols`, which gathers the texts.
pub fn read_events(
    input: &Input,
    options: &ReadOptions,
    symbols: &mut Symbols,
    on_event: &mut dyn FnMut(Event, &Symbols) -> io::Result<()>,
    on_reject: &mut dyn FnMut(&Reject) -> io::Result<()>,
) -> Result<ReadSummary, ReadError> {
    let mut remarks = Vec::new();
    let mut bytes = input.open_remarking(&mut remarks)?;
    let mut delivery = Delivery {
        input: input.to_string(),
        strict: options.strict,
        native: Decoder::native(),
        mapping: options.mapping.as_ref(),
        symbols,
        on_event,
        on_reject,
        summary: ReadSummary { remarks, ..ReadSummary::default() },
    };
    let format = match options.format.or_else(|| input.format()) {
        Some(format) => format,
        None if options.mapping.is_some() => Format::Csv,
        None => guess_format(&mut bytes).map_err(|source| delivery.interrupted(source))?,
    };
    match (format, &options.mapping) {
        (Format::Csv, mapping) => csv::read(bytes, mapping.as_ref(), &mut delivery)?,
        (Format::Jsonl, None) => jsonl::read(bytes, &mut delivery)?,
        (Format::Jsonl, Some(_)) => return Err(ReadError::MappingOfJsonl { input: delivery.input }),
    }
    Ok(delivery.summary)
}

/// Where rows go: decoded, counted, and passed on.
pub(crate) struct Delivery<'a> {
    input: String,
    strict: bool,
    native: Decoder,
    mapping: Option<&'a Mapping>,
    symbols: &'a mut Symbols,
    on_event: &'a mut dyn FnMut(Event, &Symbols) -> io::Result<()>,
    on_reject: &'a mut dyn FnMut(&Reject) -> io::Result<()>,
    summary: ReadSummary,
}

impl Delivery<'_> {
    /// What the log is called.
    pub(crate) fn input(&self) -> &str {
        &self.input
    }

    /// Takes a row whose fields could be told apart; `name` is what the log calls a field.
    pub(crate) fn row(&mut self, line: u64, texts: &Texts, name: impl Fn(Field) -> String) -> Result<(), ReadError> {
        let decoder = self.mapping.map_or(&self.native, Mapping::decoder);
        match decoder.decode(texts, self.summary.rows + 1, self.symbols) {
            Ok(Some(event)) => {
                self.summary.rows += 1;
                self.summary.events += 1;
                (self.on_event)(event, self.symbols).map_err(|source| self.caller(source))
            }
            Ok(None) => {
                self.summary.rows += 1;
                self.skip(texts[Field::Kind]);
                Ok(())
            }
            Err(bad) => self.reject(line, &name(bad.field), bad.reason),
        }
    }

    /// Takes a bad row.
    pub(crate) fn reject(&mut self, line: u64, column: &str, reason: String) -> Result<(), ReadError> {
        let reject = Reject { line, column: column.to_owned(), reason };
        if self.strict {
            return Err(ReadError::Strict { input: self.input.clone(), reject });
        }
        self.summary.rows += 1;
        self.summary.rejects += 1;
        (self.on_reject)(&reject).map_err(|source| self.caller(source))
    }

    /// Notes a column that is none of ours, once.
    pub(crate) fn ignored_column(&mut self, name: &str) {
        let ignored = &mut self.summary.ignored_columns;
        if ignored.len() < NAMED_MAX && !ignored.iter().any(|known| known == name) {
            ignored.push(name.to_owned());
        }
    }

    /// The error for a failed read.
    pub(crate) fn interrupted(&self, source: io::Error) -> ReadError {
        ReadError::Interrupted { input: self.input.clone(), rows: self.summary.rows, source }
    }

    fn skip(&mut self, kind: &str) {
        self.summary.skipped += 1;
        let kinds = &mut self.summary.skipped_kinds;
        if let Some(count) = kinds.get_mut(kind) {
            *count += 1;
        } else if kinds.len() < NAMED_MAX && kind.len() < FIELD_BYTES_MAX {
            kinds.insert(kind.to_owned(), 1);
        }
    }

    fn caller(&self, source: io::Error) -> ReadError {
        ReadError::Caller { input: self.input.clone(), source }
    }
}

/// How many ignored columns or skipped kinds are named.
const NAMED_MAX: usize = 20;

impl fmt::Display for Reject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(out, ", column {}", self.column)?;
        }
        write!(out, ": {}", self.reason)
    }
}

impl fmt::Display for ReadSummary {
    /// One sentence: `25900 rows: 25897 events, 3 skipped ('adjustment' 3), 0 rejected`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} rows: {} events, {} skipped", self.rows, self.events, self.skipped)?;
        if !self.skipped_kinds.is_empty() {
            let kinds: Vec<String> =
                self.skipped_kinds.iter().map(|(kind, rows)| format!("{} {rows}", shown(kind))).collect();
            write!(out, " ({})", kinds.join(", "))?;
        }
        write!(out, ", {} rejected", self.rejects)?;
        if !self.ignored_columns.is_empty() {
            let columns: Vec<String> = self.ignored_columns.iter().map(|name| shown(name)).collect();
            write!(out, "; ignored columns: {}", columns.join(", "))?;
        }
        Ok(())
    }
}

fn guess_format(bytes: &mut dyn BufRead) -> io::Result<Format> {
    let first = bytes.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(if first == Some(&b'{') { Format::Jsonl } else { Format::Csv })
}

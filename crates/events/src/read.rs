//! From a log to events: nothing that goes wrong with a row stops the reading, and nothing disappears.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use thiserror::Error;

use crate::decimal::NumberStyle;
use crate::dialect::{DecimalComma, Text};
use crate::event::Event;
use crate::fields::{BadField, Decoded, Decoder, Field, Texts, shown};
use crate::files::{FileError, Format, Input};
use crate::groups::Groups;
use crate::mapping::Mapping;
use crate::names::clean;
use crate::remarks::Notes;
use crate::symbols::Symbols;
use crate::trace::Trace;
use crate::{array, csv, jsonl};

/// A field of more bytes than this is rejected.
pub(crate) const FIELD_BYTES_MAX: usize = 1 << 20;

/// How a log is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// `None`: told by the file's ending; failing that, JSON Lines if the text begins with `{` or `[{`, or CSV.
    pub format: Option<Format>,
    /// For a foreign log; without it, the columns are those of the interchange format.
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
/// `on_reject` sees each bad row. An event without an id equals no other event; it is shown by the number of its row (from
/// 1). Event ids compare as texts do, by (length, bytes), whatever the order of the rows.
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
    trace.symbols.order_event_ids(&mut trace.events);
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
    let raw = input.open_remarking(&mut remarks)?;
    let mapping = options.mapping.as_ref();
    let mut delivery = Delivery {
        input: input.to_string(),
        strict: options.strict,
        decoders: mapping.map_or_else(|| vec![Decoder::native()], Mapping::decoders),
        symbols,
        on_event,
        on_reject,
        summary: ReadSummary { remarks, ..ReadSummary::default() },
        notes: Notes::default(),
        groups: mapping.and_then(Mapping::group).map(Groups::new),
        row: RowSoFar::WithoutTime,
        other_kind: String::new(),
        complete: Vec::new(),
    };
    let encoding = mapping.and_then(|mapping| mapping.layout().encoding);
    let text = Text::open(raw, encoding).map_err(|source| delivery.interrupted(source))?;
    if let Some(encoding) = text.assumed {
        delivery.assume(encoding.name().to_owned());
    }
    match options.format.or_else(|| input.format()).unwrap_or_else(|| guess_format(&text.sample)) {
        Format::Csv => csv::read(text, mapping, &mut delivery)?,
        Format::Jsonl => jsonl::read(text, mapping, &mut delivery)?,
    }
    delivery.finish()
}

/// Where rows go: decoded, counted, and passed on.
pub(crate) struct Delivery<'a> {
    input: String,
    strict: bool,
    /// For each event that a row may have.
    decoders: Vec<Decoder>,
    symbols: &'a mut Symbols,
    on_event: &'a mut dyn FnMut(Event, &Symbols) -> io::Result<()>,
    on_reject: &'a mut dyn FnMut(&Reject) -> io::Result<()>,
    summary: ReadSummary,
    notes: Notes,
    /// The groups of a log in which several rows make one event.
    groups: Option<Groups>,
    row: RowSoFar,
    /// The first of its kinds to skip, for the summary if the row is skipped.
    other_kind: String,
    /// Events that the row completes.
    complete: Vec<Event>,
}

/// What a row has come to so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowSoFar {
    /// None of its events has a time.
    WithoutTime,
    /// Those that have one are of kinds to skip.
    OfOtherKind,
    /// It has an event, or belongs to one.
    Used,
}

impl Delivery<'_> {
    /// What the log is called.
    pub(crate) fn input(&self) -> &str {
        &self.input
    }

    /// Takes a row of one event whose fields could be told apart; `name` is what the log calls a field.
    pub(crate) fn row(&mut self, line: u64, texts: &Texts, name: impl Fn(Field) -> String) -> Result<(), ReadError> {
        self.begin_row();
        match self.event(0, texts) {
            Ok(()) => self.end_row(),
            Err(bad) => self.reject(line, &name(bad.field), bad.reason),
        }
    }

    /// Begins a row that may have several events.
    #[inline]
    pub(crate) fn begin_row(&mut self) {
        self.notes.next_row();
        self.row = RowSoFar::WithoutTime;
    }

    /// Takes what the row says of the event of that number, from 0. If that is an error, none of its events is used: it
    /// is a bad row.
    pub(crate) fn event(&mut self, number: usize, texts: &Texts) -> Result<(), BadField> {
        let decoder = &self.decoders[number];
        if let Some(groups) = &mut self.groups
            && groups.go_on(decoder, texts, &mut self.notes)?
        {
            self.row = RowSoFar::Used;
            return Ok(());
        }
        let event_id = self.summary.rows * self.decoders.len() as u64 + number as u64 + 1;
        match decoder.decode(texts, event_id, self.symbols, &mut self.notes)? {
            Decoded::Event(event) => {
                self.row = RowSoFar::Used;
                match &mut self.groups {
                    None => self.complete.push(event),
                    Some(groups) => {
                        let key = decoder.present(texts, Field::Group, &mut self.notes);
                        self.complete.extend(groups.begin(key, event).into_iter().flatten());
                    }
                }
            }
            Decoded::OtherKind if self.row < RowSoFar::OfOtherKind => {
                self.other_kind.clear();
                self.other_kind.push_str(texts[Field::Kind]);
                self.row = RowSoFar::OfOtherKind;
            }
            Decoded::OtherKind | Decoded::NoTime => {}
        }
        Ok(())
    }

    /// Ends a row, and passes on the events that are complete with it.
    #[inline]
    pub(crate) fn end_row(&mut self) -> Result<(), ReadError> {
        self.summary.rows += 1;
        match self.row {
            RowSoFar::Used => self.summary.used += 1,
            RowSoFar::OfOtherKind => {
                self.summary.skipped += 1;
                self.summary.skip(&self.other_kind);
            }
            RowSoFar::WithoutTime => {
                self.summary.skipped += 1;
                self.summary.skipped_without_time += 1;
            }
        }
        self.pass_on()
    }

    /// Takes a bad row.
    pub(crate) fn reject(&mut self, line: u64, column: &str, reason: String) -> Result<(), ReadError> {
        self.complete.clear();
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

    /// Notes what was recognised and not told.
    pub(crate) fn assume(&mut self, what: String) {
        self.summary.assumed.push(what);
    }

    /// Reads decimals with a comma from now on.
    pub(crate) fn assume_decimal_comma(&mut self, decimals: DecimalComma) {
        for decoder in &mut self.decoders {
            decoder.set_numbers(NumberStyle { decimal: ',', thousands: decimals.thousands });
        }
        self.assume("decimal comma".to_owned());
    }

    /// Notes a path that no object has.
    pub(crate) fn missing_path(&mut self, path: &str) {
        self.summary.missing_paths.push(path.to_owned());
    }

    /// True if there was no row yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.summary.rows == 0
    }

    /// True if the text is a time of the event of that number.
    pub(crate) fn is_time(&self, number: usize, text: &str) -> bool {
        self.decoders[number].event_time.parse(text).is_ok()
    }

    /// The error for a failed read.
    pub(crate) fn interrupted(&self, source: io::Error) -> ReadError {
        ReadError::Interrupted { input: self.input.clone(), rows: self.summary.rows, source }
    }

    /// Ends the reading: what is still open is complete now.
    fn finish(mut self) -> Result<ReadSummary, ReadError> {
        self.complete.extend(self.groups.as_mut().and_then(Groups::end));
        self.pass_on()?;
        self.summary.remarks.extend(self.notes.remarks(&self.decoders));
        self.summary.remarks.extend(self.groups.as_ref().and_then(Groups::remark));
        Ok(self.summary)
    }

    fn pass_on(&mut self) -> Result<(), ReadError> {
        for event in &self.complete {
            (self.on_event)(*event, self.symbols).map_err(|source| self.caller(source))?;
        }
        self.summary.events += self.complete.len() as u64;
        self.complete.clear();
        Ok(())
    }

    fn caller(&self, source: io::Error) -> ReadError {
        ReadError::Caller { input: self.input.clone(), source }
    }
}

impl ReadSummary {
    fn skip(&mut self, kind: &str) {
        if let Some(count) = self.skipped_kinds.get_mut(kind) {
            *count += 1;
        } else if self.skipped_kinds.len() < NAMED_MAX && kind.len() < FIELD_BYTES_MAX {
            self.skipped_kinds.insert(kind.to_owned(), 1);
        }
    }
}

/// How many ignored columns or skipped kinds are named.
const NAMED_MAX: usize = 20;

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

/// What a text without a telling name begins with.
pub(crate) fn guess_format(sample: &[u8]) -> Format {
    let first = sample.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') || array::begins(sample) { Format::Jsonl } else { Format::Csv }
}

//! The sink of all rows of a log, which decodes and counts them and passes them on as events or rejects.

use std::io;

use crate::decimal::NumberStyle;
use crate::decoder::{BadField, Decoded, Decoder};
use crate::dialect::DecimalComma;
use crate::event::Event;
use crate::fields::{Field, Texts};
use crate::groups::Groups;
use crate::outcome::{NAMED_MAX, ReadError, ReadSummary, Reject};
use crate::recording::{Heartbeat, RecordingLine};
use crate::remarks::Notes;
use crate::symbols::Symbols;
use crate::time_format::TimeFormats;

/// Takes rows, decodes and counts them, and passes them on.
pub(crate) struct RowSink<'a> {
    input: String,
    strict: bool,
    /// The decoder of each event that a row may have.
    decoders: Vec<Decoder>,
    symbols: &'a mut Symbols,
    on_event: &'a mut dyn FnMut(Event, &Symbols) -> io::Result<()>,
    on_reject: &'a mut dyn FnMut(&Reject) -> io::Result<()>,
    summary: ReadSummary,
    notes: Notes,
    /// The groups of a log in which several rows are one event.
    groups: Option<Groups>,
    row: RowSoFar,
    /// The first kind of the row that is not listed, for the summary if the row is skipped.
    other_kind: String,
    /// The events that the row completes.
    complete: Vec<Event>,
}

/// What has been found of a row so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowSoFar {
    /// No event of the row has a time.
    WithoutTime,
    /// The events that have a time are of kinds to skip.
    OfOtherKind,
    /// The row has an event or belongs to one.
    Used,
}

impl<'a> RowSink<'a> {
    /// Returns a sink that has taken no row yet. `decoders` read the events that a row may have, and `group` is the
    /// column whose text the rows of one event share.
    pub(crate) fn new(
        input: String,
        decoders: Vec<Decoder>,
        group: Option<&str>,
        symbols: &'a mut Symbols,
        on_event: &'a mut dyn FnMut(Event, &Symbols) -> io::Result<()>,
        on_reject: &'a mut dyn FnMut(&Reject) -> io::Result<()>,
    ) -> RowSink<'a> {
        RowSink {
            input,
            strict: false,
            decoders,
            symbols,
            on_event,
            on_reject,
            summary: ReadSummary::default(),
            notes: Notes::default(),
            groups: group.map(Groups::new),
            row: RowSoFar::WithoutTime,
            other_kind: String::new(),
            complete: Vec::new(),
        }
    }

    /// Makes the first bad row an error if `strict` is true.
    pub(crate) fn strict(mut self, strict: bool) -> RowSink<'a> {
        self.strict = strict;
        self
    }

    /// Puts remarks on the file before those on its rows.
    pub(crate) fn remarking(mut self, remarks: Vec<String>) -> RowSink<'a> {
        self.summary.remarks = remarks;
        self
    }

    /// Returns the name of the log in messages.
    pub(crate) fn input(&self) -> &str {
        &self.input
    }

    /// Takes a row of one event. `name` returns the name of a field in the log.
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

    /// Takes what the row says about the event with this number, from 0.
    ///
    /// # Errors
    ///
    /// Returns the bad field, which makes the row a bad row without events.
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

    /// Ends a row and passes on the events that are complete with it.
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

    /// Takes a line of a recording that is no event.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the line.
    pub(crate) fn recorded(&mut self, line: &str) -> Result<(), String> {
        let recording = &mut self.summary.recording;
        match RecordingLine::parse(line).transpose()? {
            Some(RecordingLine::Begin { slack_ms }) => recording.slack_ms = Some(slack_ms),
            Some(RecordingLine::Cut { newest_ms, .. }) => {
                recording.heartbeats.push(Heartbeat { events_before: self.summary.events as usize, newest_ms });
            }
            Some(RecordingLine::Queued(_)) | None => {}
        }
        Ok(())
    }

    /// Notes a column that the interchange format does not have, once.
    pub(crate) fn ignored_column(&mut self, name: &str) {
        let ignored = &mut self.summary.ignored_columns;
        if ignored.len() < NAMED_MAX && !ignored.iter().any(|known| known == name) {
            ignored.push(name.to_owned());
        }
    }

    /// Notes what was recognised and not stated by a mapping.
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

    /// Notes what a user should know about the log.
    pub(crate) fn remark(&mut self, sentence: String) {
        self.summary.remarks.push(sentence);
    }

    /// Notes a path that no object has.
    pub(crate) fn missing_path(&mut self, path: &str) {
        self.summary.missing_paths.push(path.to_owned());
    }

    /// Returns true if there has been no row yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.summary.rows == 0
    }

    /// Returns true if the text is a time of the event with this number.
    pub(crate) fn is_time(&self, number: usize, text: &str) -> bool {
        self.decoders[number].event_time.parse(text).is_ok()
    }

    /// Returns the error for a failed read.
    pub(crate) fn interrupted(&self, source: io::Error) -> ReadError {
        ReadError::Interrupted { input: self.input.clone(), rows: self.summary.rows, source }
    }

    /// Ends the reading, which completes an open group.
    pub(crate) fn finish(mut self) -> Result<ReadSummary, ReadError> {
        self.complete.extend(self.groups.as_mut().and_then(Groups::end));
        self.pass_on()?;
        let times: Vec<&TimeFormats> = self.decoders.iter().map(|decoder| &decoder.event_time).collect();
        self.summary.remarks.extend(self.notes.remarks(&self.decoders[0].absent, &times));
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

//! Writes events as a log, and bad rows as a list.

use std::io::{self, Write as _};

use crate::cloud_events::CloudEventLines;
use crate::csv_writer::EventRows;
use crate::event::Event;
use crate::fields::HEADER;
use crate::files::{Format, Output, WriteError};
use crate::jsonl;
use crate::outcome::Reject;
use crate::symbols::Symbols;

const FLUSH_BYTES: usize = 1 << 16;
const SOURCE_DEFAULT: &str = "/flowbench";

/// Writes events in one of the interchange formats.
///
/// Values have three decimals and times have milliseconds, so that the events can be read back unchanged. The log is
/// complete only when [`EventWriter::finish`] has returned.
///
/// # Examples
///
/// ```
/// use flowbench_events::{Event, EventWriter, Format, Kind, Output, Record, Symbols};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("log.csv");
/// let event = Event::try_from(Record::new(1, Kind::PageViewed, 1_767_600_000_000))?;
/// let mut writer = EventWriter::new(Output::create(&path)?, Format::Csv);
/// writer.write(&[event], &Symbols::default())?;
/// writer.finish()?;
///
/// let row = "1,page_viewed,2026-01-05T08:00:00.000Z,2026-01-05T08:00:00.000Z,,,,,,,,";
/// assert_eq!(std::fs::read_to_string(path)?.lines().nth(1), Some(row));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventWriter {
    output: Output,
    format: Format,
    rows: EventRows,
    cloud_events: CloudEventLines,
    text: String,
}

/// Writes bad rows as CSV with the columns `line,column,reason`. Texts of more than 1000 bytes are cut.
#[derive(Debug)]
pub struct RejectWriter {
    writer: csv::Writer<Output>,
}

impl EventWriter {
    /// Returns a writer of a log without events so far; CSV begins with its header.
    pub fn new(output: Output, format: Format) -> EventWriter {
        let mut text = String::with_capacity(FLUSH_BYTES + 1024);
        if format == Format::Csv {
            text.push_str(HEADER);
            text.push('\n');
        }
        let cloud_events = CloudEventLines::new(SOURCE_DEFAULT);
        EventWriter { output, format, rows: EventRows::default(), cloud_events, text }
    }

    /// Names the source of the events by a URI reference, which CloudEvents state. It is `/flowbench` by default.
    ///
    /// An id identifies an event within its source only, so events of different worlds need different sources.
    pub fn with_source(mut self, source: &str) -> EventWriter {
        self.cloud_events = CloudEventLines::new(source);
        self
    }

    /// Appends events whose texts are in `symbols`.
    ///
    /// # Errors
    ///
    /// Returns [`WriteError`] if the output cannot be written.
    pub fn write(&mut self, events: &[Event], symbols: &Symbols) -> Result<(), WriteError> {
        for event in events {
            match self.format {
                Format::Csv => self.rows.push(event, symbols, &mut self.text),
                Format::Jsonl => jsonl::push_line(event, symbols, &mut self.text),
                Format::CloudEvents => self.cloud_events.push(event, symbols, &mut self.text),
            }
            if self.text.len() >= FLUSH_BYTES {
                self.pass_on()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and finishes the output.
    ///
    /// # Errors
    ///
    /// Returns [`WriteError`] if the output cannot be written.
    pub fn finish(mut self) -> Result<(), WriteError> {
        self.pass_on()?;
        self.output.finish()
    }

    fn pass_on(&mut self) -> Result<(), WriteError> {
        let written = self.output.write_all(self.text.as_bytes());
        self.text.clear();
        written.map_err(|source| self.output.error(source))
    }
}

impl RejectWriter {
    /// The first line of every list, with its line end.
    pub const HEADER: &str = "line,column,reason\n";

    /// Returns a writer of a list without rejects so far.
    pub fn new(output: Output) -> RejectWriter {
        let mut writer = csv::Writer::from_writer(output);
        // The header fits into the writer's buffer, so nothing is written yet that could fail.
        let _ = writer.write_record(Self::HEADER.trim_end().split(','));
        RejectWriter { writer }
    }

    /// Appends a reject.
    ///
    /// # Errors
    ///
    /// Returns [`WriteError`] if the output cannot be written.
    pub fn write(&mut self, reject: &Reject) -> Result<(), WriteError> {
        self.row([&reject.line.to_string(), cut(&reject.column), cut(&reject.reason)])
    }

    /// Writes what is left, with a last row if there are `more` rejects that are not listed, and finishes the output.
    ///
    /// # Errors
    ///
    /// Returns [`WriteError`] if the output cannot be written.
    pub fn finish(mut self, more: u64) -> Result<(), WriteError> {
        if more > 0 {
            self.row(["", "", &format!("and {more} more rows that are not listed")])?;
        }
        match self.writer.into_inner() {
            Ok(output) => output.finish(),
            Err(failed) => {
                let source = io::Error::new(failed.error().kind(), failed.error().to_string());
                Err(failed.into_inner().get_ref().error(source))
            }
        }
    }

    fn row(&mut self, cells: [&str; 3]) -> Result<(), WriteError> {
        self.writer.write_record(cells).map_err(|error| {
            let source = match error.into_kind() {
                csv::ErrorKind::Io(source) => source,
                other => io::Error::other(format!("{other:?}")), // rows of unequal lengths, which do not occur
            };
            self.writer.get_ref().error(source)
        })
    }
}

/// Returns the beginning of a text that is too long to be read.
fn cut(text: &str) -> &str {
    const BYTES_MAX: usize = 1000;
    &text[..text.floor_char_boundary(BYTES_MAX)]
}

//! From events to a log, and from bad rows to the list of them.

use std::io::{self, Write as _};

use crate::csv_writer::EventRows;
use crate::event::Event;
use crate::fields::HEADER;
use crate::files::{Format, Output, WriteError};
use crate::jsonl;
use crate::outcome::Reject;
use crate::symbols::Symbols;

const FLUSH_BYTES: usize = 1 << 16;

/// Writes events in one of the interchange formats.
///
/// Values have three decimals and times milliseconds, so that what is read back is the same. Only
/// [`EventWriter::finish`] tells that everything was written.
#[derive(Debug)]
pub struct EventWriter {
    output: Output,
    format: Format,
    rows: EventRows,
    text: String,
}

/// Writes bad rows as CSV with the columns `line,column,reason`; texts of more than 1000 bytes are cut.
#[derive(Debug)]
pub struct RejectWriter {
    writer: csv::Writer<Output>,
}

impl EventWriter {
    /// A log of no events yet; CSV begins with its header.
    pub fn new(output: Output, format: Format) -> EventWriter {
        let mut text = String::with_capacity(FLUSH_BYTES + 1024);
        if format == Format::Csv {
            text.push_str(HEADER);
            text.push('\n');
        }
        EventWriter { output, format, rows: EventRows::default(), text }
    }

    /// Appends events whose texts are in `symbols`.
    pub fn write(&mut self, events: &[Event], symbols: &Symbols) -> Result<(), WriteError> {
        for event in events {
            match self.format {
                Format::Csv => self.rows.push(event, symbols, &mut self.text),
                Format::Jsonl => jsonl::push_line(event, symbols, &mut self.text),
            }
            if self.text.len() >= FLUSH_BYTES {
                self.pass_on()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and the end of a compressed stream.
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
    /// The first line of every list.
    pub const HEADER: &str = "line,column,reason\n";

    /// A list of no rejects yet, with its header.
    pub fn new(output: Output) -> RejectWriter {
        let mut writer = csv::Writer::from_writer(output);
        // The header fits into the writer's buffer, so nothing is written yet that could fail.
        let _ = writer.write_record(Self::HEADER.trim_end().split(','));
        RejectWriter { writer }
    }

    /// Appends one.
    pub fn write(&mut self, reject: &Reject) -> Result<(), WriteError> {
        self.row([&reject.line.to_string(), cut(&reject.column), cut(&reject.reason)])
    }

    /// Writes what is left, with a last row if there are `more` rejects than those listed.
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
                other => io::Error::other(format!("{other:?}")), // rows of other lengths, which there are not
            };
            self.writer.get_ref().error(source)
        })
    }
}

/// The beginning of a text that nobody will read to its end.
fn cut(text: &str) -> &str {
    const BYTES_MAX: usize = 1000;
    &text[..text.floor_char_boundary(BYTES_MAX)]
}

//! Rows with quotes.
//!
//! A quoted field without quotes or line ends in it is copied as it stands. All others are read by `csv-core`, the
//! engine of the `csv` crate. It accepts any text, so a stray quote is recognised here: by the text behind the quote
//! that closes a field.
//!
//! Decision D-104.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter};

use crate::lines::without_line_end;

/// Reads one row at a time, line by line, reusing its memory.
pub(crate) struct QuotedRow {
    engine: Reader,
    separator: u8,
    /// The fields with their quotes resolved, one separator between them.
    text: Vec<u8>,
    /// Where the fields end in `text`.
    ends: Vec<usize>,
    /// The field that the engine is reading.
    open: Option<OpenField>,
}

struct OpenField {
    /// Where it begins in the text.
    start: usize,
    /// The bytes of the file that it has taken so far, its separator or line end included.
    bytes_read: usize,
}

/// What a line is to its row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RowLine {
    /// The row ends with it.
    Last,
    /// A quoted field is still open at its end, so the next line belongs to the row.
    Open,
}

impl QuotedRow {
    /// Returns a reader of rows whose fields are separated by this byte.
    pub(crate) fn new(separator: u8) -> QuotedRow {
        let engine = ReaderBuilder::new().delimiter(separator).build();
        QuotedRow { engine, separator, text: Vec::new(), ends: Vec::new(), open: None }
    }

    /// Begins a row, and forgets the one before.
    pub(crate) fn begin(&mut self) {
        self.text.clear();
        self.ends.clear();
        if self.open.take().is_some() {
            self.engine.reset();
        }
    }

    /// Reads the next line of the row, its line end included.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the field behind those in [`fields`](Self::fields).
    pub(crate) fn read_line(&mut self, line: &[u8]) -> Result<RowLine, &'static str> {
        let row = without_line_end(line);
        let mut at = 0;
        loop {
            let copied = if self.open.is_none() { self.copy_field(&row[at..]) } else { None };
            at += match copied {
                Some(length) => length,
                None => match self.read_field(&line[at..])? {
                    Some(length) => length,
                    None => return Ok(RowLine::Open),
                },
            };
            self.ends.push(self.text.len());
            let Some(separator) = row.get(at) else { return Ok(RowLine::Last) };
            self.text.push(*separator);
            at += 1;
        }
    }

    /// Copies the first field of a row and returns its length with its quotes; `None` if it takes more than a copy.
    fn copy_field(&mut self, row: &[u8]) -> Option<usize> {
        let (field, length) = match row.strip_prefix(b"\"") {
            Some(quoted) => {
                let length = memchr(b'"', quoted)?;
                (&quoted[..length], length + 2)
            }
            None => {
                let length = memchr(self.separator, row).unwrap_or(row.len());
                (&row[..length], length)
            }
        };
        if row.get(length).is_some_and(|byte| *byte != self.separator) {
            return None;
        }
        self.text.extend_from_slice(field);
        Some(length)
    }

    /// Reads on in a quoted field; returns its length in this line with its quotes, or `None` if it stays open.
    fn read_field(&mut self, line: &[u8]) -> Result<Option<usize>, &'static str> {
        let start = self.text.len();
        // No field is longer than the bytes it is read from, so the engine never runs out of room.
        self.text.resize(start + line.len() + 1, 0);
        let (result, read, written) = self.engine.read_field(line, &mut self.text[start..]);
        self.text.truncate(start + written);
        let field = self.open.get_or_insert(OpenField { start, bytes_read: 0 });
        field.bytes_read += read;
        if !matches!(result, ReadFieldResult::Field { .. }) {
            return Ok(None);
        }
        let length = read - 1; // without the separator or line end
        // Nothing follows the closing quote if the field ends with a quote and has taken one byte for each of the quotes
        // around it, for the double of each quote within, and for its separator.
        let text = &self.text[field.start..];
        let closes_at_end = field.bytes_read == text.len() + memchr_iter(b'"', text).count() + 3;
        if !closes_at_end || !line[..length].ends_with(b"\"") {
            return Err(TEXT_BEHIND_QUOTE);
        }
        self.open = None;
        Ok(Some(length))
    }

    /// Returns the fields read so far, one byte between them, and where each ends.
    pub(crate) fn fields(&self) -> (&[u8], &[usize]) {
        (&self.text, &self.ends)
    }
}

const TEXT_BEHIND_QUOTE: &str = "text follows the quote that closes this field; double a quote that is part of a text";

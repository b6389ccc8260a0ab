//! The objects of JSON Lines, or of an array of objects, one by one in bounded memory.

use std::io::{self, BufRead};

use crate::array::{self, Element, Elements};
use crate::dialect::Text;
use crate::lines::{LINE_BYTES_MAX, Line, TOO_LONG, next_line, skip_line, without_line_end};

/// Reads the bytes of each object, whether or not they are JSON.
pub(crate) enum ObjectReader {
    /// One object on each line that is not blank.
    Lines(ObjectLines),
    /// The elements of an array.
    Array(Elements<Box<dyn BufRead>>),
}

/// The lines of a text.
pub(crate) struct ObjectLines {
    reader: Box<dyn BufRead>,
    /// The number of lines before the next one.
    line: u64,
    bytes: Vec<u8>,
    /// Whether the rest of the current line is to be skipped since it is too long.
    skips_line: bool,
}

impl ObjectReader {
    pub(crate) fn new(input: Text) -> ObjectReader {
        if array::begins(&input.sample) {
            return ObjectReader::Array(Elements::new(input.reader));
        }
        ObjectReader::Lines(ObjectLines { reader: input.reader, line: 0, bytes: Vec::new(), skips_line: false })
    }

    /// Returns the next object, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Element<'_>>> {
        match self {
            ObjectReader::Lines(lines) => lines.next(),
            ObjectReader::Array(elements) => elements.next(),
        }
    }
}

impl ObjectLines {
    fn next(&mut self) -> io::Result<Option<Element<'_>>> {
        loop {
            if std::mem::take(&mut self.skips_line) {
                skip_line(&mut self.reader)?;
            }
            self.bytes.clear();
            self.line += 1;
            match next_line(&mut self.reader, &mut self.bytes, LINE_BYTES_MAX)? {
                Line::None => return Ok(None),
                Line::TooLong => {
                    self.skips_line = true;
                    return Ok(Some((self.line, Err(TOO_LONG))));
                }
                Line::Whole => {}
            }
            if !without_line_end(&self.bytes).iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((self.line, Ok(without_line_end(&self.bytes)))));
            }
        }
    }
}

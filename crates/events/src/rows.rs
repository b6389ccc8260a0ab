//! The rows of a CSV file, with the lines they stand on.
//!
//! The rules are those of RFC 4180, with any separator; blank lines are no rows. A quote that opens a field must close it
//! just before a separator or a line end, and a row that spans lines must have the width of the header. Where that is not so, the quote
//! is a stray one: only the line it stands on is malformed, and reading goes on with the next line, however many lines
//! the quote seemed to span. So one stray quote costs one row, not the rest of the file, and every row has its exact
//! line number.

use std::io::{self, BufRead};

use memchr::{memchr, memchr_iter};

/// A quoted field that spans more than this has a stray quote.
const QUOTED_BYTES_MAX: usize = 64 << 20;

/// Reads rows one by one, reusing its memory.
pub(crate) struct Rows<R> {
    reader: R,
    separator: u8,
    /// Lines read and not done with.
    bytes: Vec<u8>,
    /// Where the next row begins in `bytes`.
    start: usize,
    /// Lines before the next row.
    line: u64,
    /// The row with its quotes resolved, if it had any.
    unquoted: Vec<u8>,
    /// Where the fields end.
    ends: Vec<usize>,
    /// How many fields a row has that spans lines, once known.
    width: Option<usize>,
}

/// The fields of one row, as bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a> {
    row: &'a [u8], // the fields, one byte between them
    ends: &'a [usize],
}

/// Why a row has no fields: the column if one is to blame, and the reason.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) column: Option<usize>,
    pub(crate) reason: String,
}

/// The line a row begins on, counted from 1, and its fields.
pub(crate) type Row<'a> = (u64, Result<Cells<'a>, Malformed>);

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(reader: R) -> Rows<R> {
        Rows {
            reader,
            separator: b',',
            bytes: Vec::new(),
            start: 0,
            line: 0,
            unquoted: Vec::new(),
            ends: Vec::new(),
            width: None,
        }
    }

    /// Fields are separated by this byte, not by commas.
    pub(crate) fn separated_by(mut self, separator: u8) -> Rows<R> {
        self.separator = separator;
        self
    }

    /// Tells how many fields the header has.
    pub(crate) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        let (first, end) = loop {
            if self.start == self.bytes.len() {
                self.bytes.clear();
                self.start = 0;
            }
            let first = self.start;
            let Some(end) = self.line_end(first)? else { return Ok(None) };
            self.start = end;
            self.line += 1;
            if !without_line_end(&self.bytes[first..end]).is_empty() {
                break (first, end);
            }
        };
        let line = self.line;
        self.ends.clear();
        if memchr(b'"', &self.bytes[first..end]).is_none() {
            let row = without_line_end(&self.bytes[first..end]);
            self.ends.extend(memchr_iter(self.separator, row));
            self.ends.push(row.len());
            return Ok(Some((line, Ok(Cells { row, ends: &self.ends }))));
        }
        match self.unquote(first, end)? {
            Ok(()) => Ok(Some((line, Ok(Cells { row: &self.unquoted, ends: &self.ends })))),
            Err(reason) => {
                let malformed = Malformed { column: Some(self.ends.len()), reason: reason.to_owned() };
                Ok(Some((line, Err(malformed))))
            }
        }
    }

    /// Resolves the quotes of the row that begins at `first`, whose first line ends at `end`, and moves past the row
    /// if that succeeds.
    fn unquote(&mut self, first: usize, mut end: usize) -> io::Result<Result<(), &'static str>> {
        self.unquoted.clear();
        let mut at = first;
        let mut lines = 0;
        let mut spanning = None;
        loop {
            if self.bytes[at..end].starts_with(b"\"") {
                at += 1;
                while let Some(more) = self.unquote_line(&mut at, end) {
                    let next = if more - first > QUOTED_BYTES_MAX { None } else { self.line_end(more)? };
                    let Some(next) = next else {
                        return Ok(Err("a quote opens this field and nothing closes it; only this line is left out"));
                    };
                    end = next;
                    lines += 1;
                    spanning.get_or_insert(self.ends.len());
                }
            } else {
                let rest = without_line_end(&self.bytes[at..end]);
                let length = memchr(self.separator, rest).unwrap_or(rest.len());
                self.unquoted.extend_from_slice(&rest[..length]);
                at += length;
            }
            self.ends.push(self.unquoted.len());
            let rest = &self.bytes[at..end];
            if without_line_end(rest).is_empty() {
                if let Some(column) = spanning
                    && self.width.is_some_and(|width| !Cells { row: &self.unquoted, ends: &self.ends }.fit(width))
                {
                    self.ends.truncate(column);
                    return Ok(Err("a quote opens this field, and where it closes the row does not fit the header"));
                }
                self.start = end;
                self.line += lines;
                return Ok(Ok(()));
            }
            if rest[0] != self.separator {
                self.ends.pop();
                return Ok(Err("text follows the quote that closes this field; double a quote that is part of a text"));
            }
            self.unquoted.push(self.separator);
            at += 1;
        }
    }

    /// Resolves a quoted field from `at` up to its closing quote, and moves `at` past it. If it does not close before
    /// `end`, gives back `end`: the next line belongs to it.
    fn unquote_line(&mut self, at: &mut usize, end: usize) -> Option<usize> {
        loop {
            let rest = &self.bytes[*at..end];
            let Some(length) = memchr(b'"', rest) else {
                self.unquoted.extend_from_slice(rest);
                *at = end;
                return Some(end);
            };
            self.unquoted.extend_from_slice(&rest[..length]);
            *at += length + 1;
            if rest.get(length + 1) != Some(&b'"') {
                return None;
            }
            self.unquoted.push(b'"');
            *at += 1;
        }
    }

    /// Where the line that begins at `from` ends, its line end included; reads it if need be.
    fn line_end(&mut self, from: usize) -> io::Result<Option<usize>> {
        if let Some(length) = memchr(b'\n', &self.bytes[from..]) {
            return Ok(Some(from + length + 1));
        }
        self.reader.read_until(b'\n', &mut self.bytes)?;
        Ok((self.bytes.len() > from).then_some(self.bytes.len()))
    }
}

impl<'a> Cells<'a> {
    /// The fields that end there in `row`, one byte between them.
    pub(crate) fn new(row: &'a [u8], ends: &'a [usize]) -> Cells<'a> {
        Cells { row, ends }
    }

    /// How many fields there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field by number; panics if there is none.
    pub(crate) fn get(&self, column: usize) -> &'a [u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] + 1 };
        &self.row[start..self.ends[column]]
    }

    /// All fields, one byte between them.
    pub(crate) fn row(&self) -> &'a [u8] {
        self.row
    }

    /// Where each field ends in the row.
    pub(crate) fn ends(&self) -> &'a [usize] {
        self.ends
    }

    /// True if these are so many fields; more may follow that are empty, as trailing separators leave them.
    pub(crate) fn fit(&self, width: usize) -> bool {
        self.len() == width || (self.len() > width && (width..self.len()).all(|column| self.get(column).is_empty()))
    }
}

pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every row as line and fields; a malformed one as its reason.
    fn rows(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut rows = Rows::new(text);
        let mut all = Vec::new();
        while let Some((line, cells)) = rows.next().unwrap() {
            let fields = cells.map(|cells| (0..cells.len()).map(|column| field(&cells, column)).collect());
            all.push((line, fields.map_err(|malformed| malformed.reason)));
        }
        all
    }

    fn field(cells: &Cells, column: usize) -> String {
        String::from_utf8(cells.get(column).to_vec()).unwrap()
    }

    fn good(text: &str) -> Vec<(u64, Vec<String>)> {
        rows(text.as_bytes()).into_iter().map(|(line, fields)| (line, fields.unwrap())).collect()
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn rows_know_their_lines() {
        let text = "a,b\r\n\r\n1,\n\n\"x\ny\n\",\"\"\n,\"he said \"\"no\"\"\"\nlast,one";
        let expected = [
            row(1, &["a", "b"]),
            row(3, &["1", ""]),
            row(5, &["x\ny\n", ""]),
            row(8, &["", "he said \"no\""]),
            row(9, &["last", "one"]),
        ];
        assert_eq!(good(text), expected);
        assert_eq!(good(""), []);
        assert_eq!(good("\n\r\n"), []);
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        for stray in ["1,\"never closed,x", "1,\"a\"b,x", "1,\"\"\",x"] {
            let text = format!("{stray}\n2,two,y\n3,\"three\",z\n4,four,w\n");
            let read = rows(text.as_bytes());
            assert_eq!(read.len(), 4, "{stray}: {read:?}");
            assert!(read[0].1.as_ref().unwrap_err().contains("quote"), "{stray}");
            assert!(read[1..].iter().all(|(_, fields)| fields.as_ref().unwrap().len() == 3), "{stray}");
            assert_eq!(read[3].0, 4);
        }
    }

    #[test]
    fn a_row_that_spans_lines_has_the_width_of_the_header_or_a_stray_quote() {
        let text = "1,\"6 feet,x\n2,two,y\n3,6\",z\n4,\"a\nb\",w\n";
        let mut rows = Rows::new(text.as_bytes());
        rows.expect_width(3);
        let mut widths = Vec::new();
        while let Some((line, cells)) = rows.next().unwrap() {
            widths.push((line, cells.map(|cells| cells.len()).map_err(|malformed| malformed.column)));
        }
        // Taken at its word, the first quote closes in line 3 and makes one row of three fields.
        assert_eq!(widths, [(1, Ok(3)), (4, Ok(3))]);
        let text = text.replace("6\",z", "6\",z,and more");
        let mut rows = Rows::new(text.as_bytes());
        rows.expect_width(3);
        assert_eq!(rows.next().unwrap().unwrap().1.unwrap_err().column, Some(1));
        let (line, cells) = rows.next().unwrap().unwrap();
        assert_eq!((line, field(&cells.unwrap(), 1)), (2, "two".to_owned()));
    }

    #[test]
    fn a_quote_inside_a_plain_field_is_text() {
        assert_eq!(good("5\" tube,6\"\n"), [row(1, &["5\" tube", "6\""])]);
    }

    #[test]
    fn any_byte_can_separate() {
        for separator in [';', '\t', '|', '\u{1}'] {
            let text = "a,b;1\n\"x;y\";\"2;\n\"\n;\n".replace(';', &separator.to_string());
            let mut rows = Rows::new(text.as_bytes()).separated_by(separator as u8);
            let mut first = Vec::new();
            while let Some((line, cells)) = rows.next().unwrap() {
                first.push((line, field(&cells.unwrap(), 0)));
            }
            let quoted = format!("x{separator}y");
            assert_eq!(first, [(1, "a,b".to_owned()), (2, quoted), (4, String::new())]);
        }
    }

    #[test]
    fn trailing_separators_are_no_more_fields() {
        let mut rows = Rows::new(b"a,b,,\n\"a\nb\",c,,\na,b,,x\na\n".as_slice());
        rows.expect_width(2);
        let mut fits = Vec::new();
        while let Some((line, cells)) = rows.next().unwrap() {
            fits.push((line, cells.unwrap().fit(2)));
        }
        assert_eq!(fits, [(1, true), (2, true), (4, false), (5, false)]);
    }

    proptest! {
        #[test]
        fn well_formed_rows_are_what_the_csv_library_reads(
            table in prop::collection::vec(prop::collection::vec("[a\",\r\nü ]{0,4}", 3), 0..6),
            crlf: bool,
        ) {
            let mut writer = csv::WriterBuilder::new();
            writer.terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') });
            let mut writer = writer.from_writer(Vec::new());
            for fields in &table {
                writer.write_record(fields).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let ours: Vec<Vec<String>> = rows(&text).into_iter().map(|(_, fields)| fields.unwrap()).collect();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&text[..]);
            let theirs: Vec<Vec<String>> =
                reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(&ours, &table);
        }

        #[test]
        fn nothing_makes_it_panic_or_lose_a_line(text in "[a\",\n]{0,40}") {
            let read = rows(text.as_bytes());
            let mut lines: Vec<u64> = read.iter().map(|(line, _)| *line).collect();
            prop_assert!(lines.is_sorted());
            lines.dedup();
            prop_assert_eq!(lines.len(), read.len());
            // Every line with text stands in a row: it begins one, or is part of a quoted field above it.
            let newlines = |fields: &Vec<String>| fields.iter().map(|field| field.matches('\n').count() as u64).sum();
            for (number, content) in (1..).zip(text.split('\n')) {
                let covered = read.iter().any(|(line, fields)| {
                    let spans: u64 = fields.as_ref().map_or(0, newlines);
                    (*line..=line + spans).contains(&number)
                });
                prop_assert!(content.is_empty() || covered, "line {} of {:?}", number, text);
            }
        }
    }
}

//! The rows of a CSV file and their line numbers.
//!
//! The rules are those of RFC 4180, with any separator. Blank lines are skipped, and LF, CR LF and CR all end a line. A
//! quoted field must end just before a separator or a line end, and a row that spans lines must be as wide as the
//! header. Otherwise the quote is a stray one. Then only its line is malformed, and reading resumes at the next line,
//! however many lines the quote seemed to span. So one stray quote costs one row and not the rest of the file, and
//! every row has its exact line number. A line that is too long is malformed as well, and is never held in memory as a
//! whole.
//!
//! Decision D-104.

use std::io::{self, BufRead};

use memchr::{memchr, memchr_iter};

use crate::lines::{LINE_BYTES_MAX, Line, TOO_LONG, line_length, next_line, skip_line, without_line_end};
use crate::quotes::{QuotedRow, RowLine};

/// Reads rows one by one and reuses its memory.
pub(crate) struct Rows<R> {
    reader: R,
    separator: u8,
    /// The lines that have been read and are still needed.
    bytes: Vec<u8>,
    /// Where the next row begins in `bytes`.
    start: usize,
    /// The number of lines before the next row.
    line: u64,
    /// The current row if it has quotes.
    quoted: QuotedRow,
    /// Where the fields of a row without quotes end.
    ends: Vec<usize>,
    /// The number of fields in the header, once it is known.
    width: Option<usize>,
    /// The maximum number of bytes of a row. Line ends count in a row that spans lines.
    bytes_max: usize,
    /// Whether the rest of the current line is to be skipped since it is too long.
    skips_line: bool,
}

/// Where a line ends, including its line end.
enum LineEnd {
    At(usize),
    TooFar,
    NoLine,
}

/// The fields of one row as bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a> {
    row: &'a [u8], // the fields, one byte between them
    ends: &'a [usize],
}

/// The column to blame for a malformed row, if there is one, and the reason.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) column: Option<usize>,
    pub(crate) reason: String,
}

/// The line on which a row begins, from 1, and its fields.
pub(crate) type Row<'a> = (u64, Result<Cells<'a>, Malformed>);

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(reader: R) -> Rows<R> {
        Rows {
            reader,
            separator: b',',
            bytes: Vec::new(),
            start: 0,
            line: 0,
            quoted: QuotedRow::new(b','),
            ends: Vec::new(),
            width: None,
            bytes_max: LINE_BYTES_MAX,
            skips_line: false,
        }
    }

    /// Sets the separator of fields, which is a comma by default.
    pub(crate) fn separated_by(mut self, separator: u8) -> Rows<R> {
        self.separator = separator;
        self.quoted = QuotedRow::new(separator);
        self
    }

    /// Sets the number of fields in the header.
    pub(crate) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// Returns the next row, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        let (first, end) = loop {
            self.forget_what_is_done_with()?;
            let first = self.start;
            let end = match self.line_end(first)? {
                LineEnd::At(end) => end,
                LineEnd::NoLine => return Ok(None),
                LineEnd::TooFar => return Ok(Some(self.too_long())),
            };
            self.start = end;
            self.line += 1;
            if !without_line_end(&self.bytes[first..end]).is_empty() {
                break (first, end);
            }
        };
        let line = self.line;
        if memchr(b'"', &self.bytes[first..end]).is_some() {
            return Ok(Some((line, self.quoted_row(first, end)?)));
        }
        let row = without_line_end(&self.bytes[first..end]);
        self.ends.clear();
        self.ends.extend(memchr_iter(self.separator, row));
        self.ends.push(row.len());
        Ok(Some((line, Ok(Cells { row, ends: &self.ends }))))
    }

    /// Reads the row with quotes that begins at `first`, whose first line ends at `end`. Moves past all its lines if
    /// that succeeds, and otherwise only past the first.
    fn quoted_row(&mut self, first: usize, end: usize) -> io::Result<Result<Cells<'_>, Malformed>> {
        self.quoted.begin();
        let read = self.read_lines(first, end)?;
        Ok(read.map(|()| Cells::of(&self.quoted)))
    }

    /// Reads a row that may span lines.
    fn read_lines(&mut self, first: usize, mut end: usize) -> io::Result<Result<(), Malformed>> {
        let (mut at, mut lines) = (first, 0);
        let mut spanning = None; // the first field that spans lines
        loop {
            let line = self.quoted.read_line(&self.bytes[at..end]);
            let column = Cells::of(&self.quoted).len();
            match line {
                Err(reason) => return Ok(Err(Malformed::at(column, reason))),
                Ok(RowLine::Last) => break,
                Ok(RowLine::Open) => {}
            }
            let first_open = *spanning.get_or_insert(column);
            if self.width.is_some_and(|width| width <= column) {
                return Ok(Err(Malformed::at(first_open, DOES_NOT_FIT)));
            }
            at = end;
            end = match self.line_end(at)? {
                LineEnd::At(end) if end - first <= self.bytes_max => end,
                _ => return Ok(Err(Malformed::at(column, NOT_CLOSED))),
            };
            lines += 1;
        }
        if let Some(first_open) = spanning
            && self.width.is_some_and(|width| !Cells::of(&self.quoted).fit(width))
        {
            return Ok(Err(Malformed::at(first_open, DOES_NOT_FIT)));
        }
        self.start = end;
        self.line += lines;
        Ok(Ok(()))
    }

    /// Returns where the line that begins at `from` ends, and reads it if it has not been read.
    fn line_end(&mut self, from: usize) -> io::Result<LineEnd> {
        if let Some(length) = line_length(&self.bytes[from..]) {
            return Ok(LineEnd::At(from + length));
        }
        let room = self.bytes_max.saturating_sub(self.bytes.len() - from);
        Ok(match next_line(&mut self.reader, &mut self.bytes, room)? {
            Line::TooLong => LineEnd::TooFar,
            Line::None if self.bytes.len() == from => LineEnd::NoLine,
            Line::None | Line::Whole => {
                if !self.bytes.ends_with(b"\n") && !self.bytes.ends_with(b"\r") {
                    self.bytes.push(b'\n'); // which the last line of a file may lack
                }
                LineEnd::At(self.bytes.len())
            }
        })
    }

    /// Returns the line at `start`, which is all that is held, as a malformed row. Its rest is skipped only when the
    /// next row is requested, since it may have no end.
    fn too_long(&mut self) -> Row<'_> {
        self.line += 1;
        self.bytes.clear();
        self.start = 0;
        self.skips_line = true;
        (self.line, Err(Malformed { column: None, reason: TOO_LONG.to_owned() }))
    }

    fn forget_what_is_done_with(&mut self) -> io::Result<()> {
        const WORTH_MOVING_BYTES: usize = 1 << 16;
        if self.skips_line {
            self.skips_line = false;
            skip_line(&mut self.reader)?;
        }
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        } else if self.start > WORTH_MOVING_BYTES.max(self.bytes.len() / 2) {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        Ok(())
    }
}

const NOT_CLOSED: &str = "a quote opens this field and nothing closes it within 16 MiB; only this line is left out";
const DOES_NOT_FIT: &str = "a quote opens this field, and where it closes the row does not fit the header";

impl Malformed {
    fn at(column: usize, reason: &str) -> Malformed {
        Malformed { column: Some(column), reason: reason.to_owned() }
    }
}

impl<'a> Cells<'a> {
    fn of(row: &'a QuotedRow) -> Cells<'a> {
        let (row, ends) = row.fields();
        Cells { row, ends }
    }

    /// Returns the fields of a row with one byte between them, which end at `ends`.
    pub(crate) fn new(row: &'a [u8], ends: &'a [usize]) -> Cells<'a> {
        Cells { row, ends }
    }

    /// Returns the number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns a field by its number.
    ///
    /// # Panics
    ///
    /// Panics if there is no such field.
    pub(crate) fn get(&self, column: usize) -> &'a [u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] + 1 };
        &self.row[start..self.ends[column]]
    }

    /// Returns all fields with one byte between them.
    pub(crate) fn row(&self) -> &'a [u8] {
        self.row
    }

    /// Returns where each field ends in the row.
    pub(crate) fn ends(&self) -> &'a [usize] {
        self.ends
    }

    /// Returns true if there are `width` fields. Trailing separators may add empty ones.
    pub(crate) fn fit(&self, width: usize) -> bool {
        self.len() == width || (self.len() > width && (width..self.len()).all(|column| self.get(column).is_empty()))
    }
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
        let strays = ["\"never closed", "\"a\"b", "\"\"\"", "\"a\"b\"", "\"a\"\"b\"c", "\"a\"b\"\"c\""];
        for stray in strays.map(|field| format!("1,{field},x")) {
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

    #[test]
    fn cr_and_lf_and_both_end_rows_and_are_text_in_quotes() {
        let rows_of = |end: &str| ["a,b", "\"x\ry\",\"p\r\nq\"", "1,2", ""].join(end);
        for end in ["\n", "\r", "\r\n", "\r\r\n"] {
            let read: Vec<Vec<String>> = good(&rows_of(end)).into_iter().map(|(_, fields)| fields).collect();
            assert_eq!(read, [vec!["a", "b"], vec!["x\ry", "p\r\nq"], vec!["1", "2"]], "{end:?}");
        }
        let mixed = "a,b\r1,2\n3,4\r\n5,6";
        assert_eq!(good(mixed), [row(1, &["a", "b"]), row(2, &["1", "2"]), row(3, &["3", "4"]), row(4, &["5", "6"])]);
    }

    /// The line of a row, and its number of fields or what is wrong.
    type Read = (u64, Result<usize, String>);

    /// Rows of at most 1000 bytes, and the most memory that lines took.
    fn bounded(text: &str) -> (Vec<Read>, usize) {
        let mut rows = Rows::new(text.as_bytes());
        rows.bytes_max = 1000;
        rows.expect_width(2);
        let (mut read, mut peak_bytes) = (Vec::new(), 0);
        while let Some((line, cells)) = rows.next().unwrap() {
            read.push((line, cells.map(|cells| cells.len()).map_err(|malformed| malformed.reason)));
            peak_bytes = peak_bytes.max(rows.bytes.capacity());
        }
        (read, peak_bytes)
    }

    #[test]
    fn a_line_that_is_too_long_is_one_bad_row_and_held_nowhere() {
        let long = "x".repeat(1_000_000);
        let text = format!("1,2\n{long}\r\n3,4\n\"{long}\n5,6\n7,\"{long}\",8\n{long}");
        let (read, peak_bytes) = bounded(&text);
        let long = |line| (line, Err(TOO_LONG.to_owned()));
        assert_eq!(read, [(1, Ok(2)), long(2), (3, Ok(2)), long(4), (5, Ok(2)), long(6), long(7)]);
        assert!(peak_bytes <= 4000, "{peak_bytes}");
    }

    #[test]
    fn a_quote_that_stays_open_looks_ahead_so_far_and_no_farther() {
        let rest = "a,b\n".repeat(5000);
        let (read, peak_bytes) = bounded(&format!("1,\"open\n{rest}"));
        assert_eq!(read.len(), 5001);
        assert_eq!(read[0], (1, Err(NOT_CLOSED.to_owned())));
        assert!(read[1..].iter().all(|(_, fields)| *fields == Ok(2)));
        assert!(peak_bytes <= 4000, "{peak_bytes}");
        let (read, peak_bytes) = bounded(&format!("\"open,2\n{}\n3,4\n", "x".repeat(100_000)));
        assert_eq!(read, [(1, Err(NOT_CLOSED.to_owned())), (2, Err(TOO_LONG.to_owned())), (3, Ok(2))]);
        assert!(peak_bytes <= 4000, "{peak_bytes}");
    }

    #[test]
    fn rows_that_all_look_ahead_do_not_gather_what_is_done_with() {
        let text = format!("1,\"open\n{}", "2,3\n".repeat(20)).repeat(5000);
        let (read, peak_bytes) = bounded(&text);
        assert_eq!(read.len(), 21 * 5000);
        assert!(peak_bytes <= 1 << 18, "{peak_bytes}");
        // Each of these lines stays open beside the one above.
        let (read, peak_bytes) = bounded(&"a\",\"\"\"\n".repeat(50_000));
        assert_eq!(read.len(), 50_000);
        assert!(peak_bytes <= 1 << 18, "{peak_bytes}");
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

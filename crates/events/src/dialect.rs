//! The dialect of a file: separator, encoding, header, decimal comma. What a mapping does not state is recognised from
//! the first rows.
//!
//! Decision D-105.

use std::io::{self, BufRead, Cursor, Read};

use toml::Spanned;
use toml::de::DeValue;

use crate::encoding::{CharacterEncoding, Transcoder};
use crate::rows::Rows;
use crate::toml_text::Wrong;

/// What a mapping states about the file as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) separator: Option<u8>,
    pub(crate) encoding: Option<StatedEncoding>,
    /// The names of the columns in place of those of a header.
    pub(crate) columns: Option<Vec<String>>,
    /// Whether there is a header line. `None` if that follows from `columns`.
    pub(crate) header: Option<bool>,
    /// Whether the mapping states how decimals are written.
    pub(crate) tells_decimals: bool,
}

/// An encoding as a mapping may give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatedEncoding {
    /// UTF-16, whose byte order the file determines.
    Utf16,
    Plain(CharacterEncoding),
}

/// The text of a file, and its first part, by which the dialect is recognised.
pub(crate) struct Text {
    pub(crate) reader: Box<dyn BufRead>,
    pub(crate) sample: Vec<u8>,
    /// The encoding if it was recognised and not stated.
    pub(crate) assumed: Option<CharacterEncoding>,
}

/// How the rows of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) separator: u8,
    /// Whether the separator is neither stated nor a comma.
    pub(crate) is_assumed: bool,
    /// Whether the first line only states the separator, as in `sep=;`.
    pub(crate) has_separator_line: bool,
}

/// The thousands separator of amounts with a decimal comma, such as the point in `1.203,39`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecimalComma {
    pub(crate) thousands: Option<char>,
}

/// The size of the first part of a file by which the dialect is recognised.
const SAMPLE_BYTES: u64 = 1 << 16;
/// The maximum number of rows that are compared to find the separator.
const ROWS_COMPARED: usize = 50;
const SEPARATORS: [u8; 4] = *b",;\t|";

impl Layout {
    /// Takes a key of a mapping if it states something about the file.
    pub(crate) fn take(&mut self, key: &str, value: &Spanned<DeValue>) -> Result<(), Wrong> {
        let wrong = |problem: &str| (problem.to_owned(), value.span());
        let text = || value.get_ref().as_str().ok_or_else(|| wrong(&format!("{key} must be a text in quotes")));
        match key {
            "separator" => self.separator = Some(separator(text()?).map_err(|problem| wrong(&problem))?),
            "encoding" => {
                let encoding = CharacterEncoding::named(text()?).map_err(|problem| wrong(&problem))?;
                self.encoding = Some(encoding.map_or(StatedEncoding::Utf16, StatedEncoding::Plain));
            }
            "header" => {
                let DeValue::Boolean(header) = value.get_ref() else {
                    return Err(wrong("write it like header = false"));
                };
                self.header = Some(*header);
            }
            "columns" => {
                let names = value.get_ref().as_array().and_then(|names| {
                    names.iter().map(|name| name.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
                });
                let names = names.filter(|names| !names.is_empty());
                self.columns =
                    Some(names.ok_or_else(|| wrong("write it like columns = [\"user\", \"item\", \"when\"]"))?);
            }
            "decimal" | "thousands" => self.tells_decimals = true,
            _ => {}
        }
        Ok(())
    }

    /// Returns true if the first row is a header.
    pub(crate) fn has_header(&self) -> bool {
        self.header.unwrap_or(self.columns.is_none())
    }
}

impl Text {
    /// Takes a sample of a file and recognises its encoding unless the mapping states it.
    pub(crate) fn open(raw: Box<dyn BufRead>, stated: Option<StatedEncoding>) -> io::Result<Text> {
        Text::with_sample(raw, stated, SAMPLE_BYTES)
    }

    /// Does what [`Text::open`] does, with a sample of this size.
    pub(crate) fn with_sample(
        raw: Box<dyn BufRead>,
        stated: Option<StatedEncoding>,
        sample_bytes: u64,
    ) -> io::Result<Text> {
        let (sample, raw) = sample(raw, sample_bytes)?;
        let encoding = match stated {
            Some(StatedEncoding::Plain(encoding)) => encoding,
            Some(StatedEncoding::Utf16) => CharacterEncoding::utf16(&sample).unwrap_or(CharacterEncoding::Utf16Le),
            None => CharacterEncoding::recognise(&sample),
        };
        if encoding == CharacterEncoding::Utf8 {
            return Ok(Text { reader: raw, sample: whole_lines(sample, sample_bytes), assumed: None });
        }
        let (sample, reader) = self::sample(Box::new(Transcoder::new(raw, encoding)), sample_bytes)?;
        let assumed = stated.is_none().then_some(encoding);
        Ok(Text { reader, sample: whole_lines(sample, sample_bytes), assumed })
    }
}

impl Dialect {
    /// Returns the dialect that the mapping states; failing that, the one that yields the wanted columns; failing that,
    /// the one in which the rows are widest and agree on their width.
    pub(crate) fn recognise(sample: &[u8], layout: &Layout, wanted: &[&str]) -> Dialect {
        let line = separator_line(sample);
        let has_separator_line = line.is_some();
        if let Some(separator) = layout.separator {
            return Dialect { separator, is_assumed: false, has_separator_line };
        }
        let offers = |separator: &u8| {
            let header = first_rows(sample, *separator, has_separator_line, 1);
            header.first().is_some_and(|header| wanted.iter().all(|name| header.iter().any(|cell| cell == name)))
        };
        let named = layout.has_header() && layout.columns.is_none() && !wanted.is_empty();
        let by_header = || if named { SEPARATORS.into_iter().find(offers) } else { None };
        let by_width = || {
            let width = |separator| width(sample, separator, has_separator_line);
            let wanted = layout.columns.as_ref().map(Vec::len);
            if let Some(separator) = SEPARATORS.into_iter().find(|separator| Some(width(*separator)) == wanted) {
                return Some(separator);
            }
            // The last maximum wins, so that a comma is preferred.
            SEPARATORS.into_iter().rev().max_by_key(|separator| width(*separator))
        };
        let separator = line.or_else(by_header).or_else(by_width).unwrap_or(b',');
        Dialect { separator, is_assumed: separator != b',', has_separator_line }
    }

    /// Returns the first rows of a sample as texts, without malformed ones.
    pub(crate) fn first_rows(self, sample: &[u8], rows_max: usize) -> Vec<Vec<String>> {
        first_rows(sample, self.separator, self.has_separator_line, rows_max)
    }

    /// Returns the likely fix for a column that is not found, as the end of a message.
    pub(crate) fn likely_fix(self, sample: &[u8]) -> String {
        if self.is_assumed {
            return format!("; read as {}, unless a mapping says otherwise", self.name());
        }
        let width = |separator| first_rows(sample, separator, self.has_separator_line, 1).first().map_or(0, Vec::len);
        let other = SEPARATORS.into_iter().find(|other| width(*other) > 1);
        match other {
            Some(other) if width(self.separator) == 1 => {
                let (stated, other) = (char::from(self.separator), char::from(other));
                format!("; it has no {stated:?} but {other:?}: say separator = {other:?} in the mapping")
            }
            _ => String::new(),
        }
    }

    /// Returns the name in messages.
    pub(crate) fn name(self) -> String {
        match self.separator {
            b'\t' => "tab-separated".to_owned(),
            separator => format!("'{}'-separated", char::from(separator).escape_default()),
        }
    }
}

/// Returns the first rows of a sample as texts, without malformed ones.
pub(crate) fn first_rows(sample: &[u8], separator: u8, has_separator_line: bool, rows_max: usize) -> Vec<Vec<String>> {
    let mut rows = Rows::new(sample).separated_by(separator);
    let mut first = Vec::new();
    let mut is_skipped = !has_separator_line;
    while let Ok(Some((_, cells))) = rows.next() {
        if !is_skipped {
            is_skipped = true;
            continue;
        }
        if let Ok(cells) = cells {
            let text = |column| String::from_utf8_lossy(cells.get(column)).into_owned();
            first.push((0..cells.len()).map(text).collect());
        }
        if first.len() == rows_max {
            break;
        }
    }
    first
}

/// Returns the style of amounts if they have a decimal comma, as `2,55` and `1.203,39` do. `1,203` is ambiguous and
/// does not decide.
pub(crate) fn decimal_comma<'a>(cells: impl IntoIterator<Item = &'a str>) -> Option<DecimalComma> {
    let mut has_comma = false;
    let mut thousands = None;
    for cell in cells {
        let amount = cell.trim_matches(|letter: char| !letter.is_ascii_digit());
        let (whole, decimals) = amount.rsplit_once(',').unwrap_or((amount, ""));
        if decimals.contains('.') || (decimals.is_empty() && is_point_decimal(amount)) {
            return None;
        }
        let between = whole.chars().find(|letter| !letter.is_ascii_digit());
        let is_number = decimals.bytes().all(|byte| byte.is_ascii_digit())
            && between.is_none_or(|letter| matches!(letter, '.' | ' ' | '\'' | '\u{a0}' | '\u{202f}'));
        if !is_number {
            return None;
        }
        has_comma |= !decimals.is_empty() && (decimals.len() != 3 || between.is_some());
        thousands = thousands.or(between.map(|letter| if letter.is_whitespace() { ' ' } else { letter }));
    }
    has_comma.then_some(DecimalComma { thousands })
}

/// Returns true if an amount has one point with other than three digits after it, which is a decimal point.
fn is_point_decimal(amount: &str) -> bool {
    amount.split_once('.').is_some_and(|(_, behind)| behind.len() != 3 && !behind.contains('.'))
}

/// Returns the separator that the first line states, as spreadsheets write it.
fn separator_line(sample: &[u8]) -> Option<u8> {
    let line = sample.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line.get(..4)?.eq_ignore_ascii_case(b"sep=").then(|| &line[4..])? {
        [separator] if may_separate(*separator) => Some(*separator),
        _ => None,
    }
}

/// Returns the number of fields in most of the first rows, or 1 if they do not agree.
fn width(sample: &[u8], separator: u8, has_separator_line: bool) -> usize {
    let rows = first_rows(sample, separator, has_separator_line, ROWS_COMPARED);
    let Some(width) = rows.first().map(Vec::len) else { return 1 };
    let alike = rows.iter().filter(|row| row.len() == width).count();
    if alike * 5 >= rows.len() * 4 { width } else { 1 }
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if may_separate(*byte) => Ok(*byte),
        _ => Err("a separator is one character such as separator = \";\", or \"\\t\" for a tab".to_owned()),
    }
}

fn may_separate(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r' | b'.' | b'-' | 0)
}

/// Returns the first part of a text and a reader of all of it. If that part is buffered, the reader stays as it is.
fn sample(mut reader: Box<dyn BufRead>, bytes: u64) -> io::Result<(Vec<u8>, Box<dyn BufRead>)> {
    if let Ok(buffered) = reader.fill_buf()
        && buffered.len() as u64 >= bytes
    {
        return Ok((buffered[..bytes as usize].to_vec(), reader));
    }
    let mut sample = Vec::new();
    reader.by_ref().take(bytes).read_to_end(&mut sample)?;
    Ok((sample.clone(), Box::new(Cursor::new(sample).chain(reader))))
}

/// Removes the incomplete line at the end of a sample.
fn whole_lines(mut sample: Vec<u8>, sample_bytes: u64) -> Vec<u8> {
    if sample.len() as u64 == sample_bytes
        && let Some(end) = sample.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'))
    {
        sample.truncate(end + 1);
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_one_that_gives_the_columns_wanted_or_rows_of_one_width() {
        for (sample, wanted, separator) in [
            ("kind,event_time\na;b;c,d\n", &["kind", "event_time"][..], ','),
            ("a;kind;event_time\n", &["kind", "event_time"], ';'),
            ("kind\tevent_time\n", &["kind", "event_time"], '\t'),
            ("a|b,c\n1|2,3\n", &["b,c"], '|'),
            ("no;such;names\n1,5;2,5;3\n", &["x"], ';'),
            ("one\n1;2\n", &["x"], ','),
            ("\"a;b\",c\n", &["x"], ','),
            ("", &["x"], ','),
        ] {
            let dialect = Dialect::recognise(sample.as_bytes(), &Layout::default(), wanted);
            assert_eq!(char::from(dialect.separator), separator, "{sample}");
            assert_eq!(dialect.is_assumed, separator != ',');
        }
    }

    #[test]
    fn a_line_may_tell_the_separator() {
        for (sample, expected) in
            [("sep=;\na;b", Some(b';')), ("\"sep=|\"\r\n", Some(b'|')), ("sep=ab\n", None), ("sep", None)]
        {
            assert_eq!(separator_line(sample.as_bytes()), expected, "{sample}");
        }
        let layout = Layout { separator: Some(b'\t'), ..Layout::default() };
        let dialect = Dialect::recognise(b"sep=;\na\tb\n", &layout, &[]);
        assert_eq!(dialect, Dialect { separator: b'\t', is_assumed: false, has_separator_line: true });
    }

    #[test]
    fn a_decimal_comma_is_taken_for_one_only_where_it_can_be_nothing_else() {
        let comma = |thousands| Some(DecimalComma { thousands });
        for (cells, expected) in [
            (&["2,55", "", "7"][..], comma(None)),
            (&["2,55", "1.203,39"], comma(Some('.'))),
            (&["1.203", "2,5"], comma(Some('.'))),
            (&["1 203,39 €", "-2,5"], comma(Some(' '))),
            (&["1\u{a0}203,39"], comma(Some(' '))),
            (&["1,203", "4"], None),
            (&["2,55", "2.55"], None),
            (&["1,203.39"], None),
            (&["1,203,390"], None),
            (&["2.55"], None),
            (&[], None),
        ] {
            assert_eq!(decimal_comma(cells.iter().copied()), expected, "{cells:?}");
        }
    }
}

//! The column of a log, or the constant, that each field of an event comes from.

use memchr::memchr;
use regex::{CaptureLocations, Regex};

use crate::dialect::decimal_comma;
use crate::fields::{FIELD_BYTES_MAX, Field, Texts, shown};
use crate::names::{clean, listed};
use crate::outcome::ReadError;
use crate::row_sink::RowSink;
use crate::rows::{Cells, Malformed};
use crate::suggest::did_you_mean;
use crate::time::parse_rfc3339_ms;

/// Where each field of a row comes from, given the header.
#[derive(Debug)]
pub(crate) struct Columns<'m> {
    header: Vec<String>,
    /// The sources of each event that a row may have.
    events: Vec<FieldSources<'m>>,
}

/// Where the fields of an event come from. Those that are not listed are absent.
pub(crate) type FieldSources<'m> = Vec<(Field, FieldSource<'m>)>;

/// Where one field comes from.
#[derive(Debug)]
pub(crate) enum FieldSource<'m> {
    Constant(&'m str),
    Column(usize),
    /// The first capture group of a pattern in a column.
    Found(usize, &'m Regex, CaptureLocations),
}

/// The cells of a row as text. If a cell that is not used is not text, the cells that are not used are empty.
#[derive(Debug, Clone, Copy)]
struct Fields<'a> {
    text: &'a str,
    ends: &'a [usize],
}

/// A buffer for the used cells of a row whose other cells are not text.
#[derive(Debug, Default)]
pub(crate) struct Used {
    text: String,
    ends: Vec<usize>,
}

impl<'m> Columns<'m> {
    /// Returns the columns of a foreign log.
    pub(crate) fn new(header: Vec<String>, events: Vec<FieldSources<'m>>) -> Columns<'m> {
        Columns { header, events }
    }

    /// Returns the columns of the interchange format, which may be in any order. Other columns are ignored and named in
    /// the summary.
    pub(crate) fn native(header: Vec<String>, out: &mut RowSink) -> Result<Columns<'static>, ReadError> {
        let mut sources = FieldSources::new();
        for field in Field::ALL {
            match find(&header, field.name()) {
                Ok(column) => sources.push((field, FieldSource::Column(column))),
                Err(no_column) if REQUIRED.contains(&field) || no_column.is_twice => {
                    let problem = no_column.in_words + likely_fix(&header, field, no_column.is_twice);
                    return Err(ReadError::Columns { input: out.input().to_owned(), problem });
                }
                Err(_) => {}
            }
        }
        for name in header.iter().filter(|name| Field::from_name(name).is_none()) {
            out.ignored_column(name);
        }
        Ok(Columns { header, events: vec![sources] })
    }

    /// Delivers a row or rejects it.
    pub(crate) fn deliver(
        &mut self,
        line: u64,
        cells: Result<Cells, Malformed>,
        used: &mut Used,
        out: &mut RowSink,
    ) -> Result<(), ReadError> {
        match cells.and_then(|cells| self.check(cells, used)) {
            Ok(fields) => self.deliver_events(line, &fields, out),
            Err(Malformed { column, reason }) => out.reject(line, &self.cell_name(column), reason),
        }
    }

    fn check<'a>(&self, cells: Cells<'a>, used: &'a mut Used) -> Result<Fields<'a>, Malformed> {
        let width = self.header.len();
        if !cells.fit(width) {
            let reason = format!("the row has {} fields, the header {width}", cells.len());
            return Err(Malformed { column: None, reason });
        }
        match std::str::from_utf8(cells.row()) {
            Ok(text) if text.len() <= FIELD_BYTES_MAX && memchr(0, text.as_bytes()).is_none() => {
                Ok(Fields { text, ends: cells.ends() })
            }
            _ => self.check_used(cells, used),
        }
    }

    /// Checks a row that has a bad cell, which matters only if the cell is used.
    #[cold]
    fn check_used<'a>(&self, cells: Cells<'a>, used: &'a mut Used) -> Result<Fields<'a>, Malformed> {
        used.text.clear();
        used.ends.clear();
        for column in 0..self.header.len() {
            if column > 0 {
                used.text.push(',');
            }
            if self.uses(column) {
                let text = text(cells.get(column)).map_err(|reason| Malformed { column: Some(column), reason })?;
                used.text.push_str(text);
            }
            used.ends.push(used.text.len());
        }
        Ok(Fields { text: &used.text, ends: &used.ends })
    }

    fn uses(&self, column: usize) -> bool {
        self.events.iter().flatten().any(|(_, source)| source.column() == Some(column))
    }

    fn deliver_events(&mut self, line: u64, fields: &Fields, out: &mut RowSink) -> Result<(), ReadError> {
        out.begin_row();
        for number in 0..self.events.len() {
            let texts = self.texts(number, fields);
            if let Err(bad) = out.event(number, &texts) {
                return out.reject(line, &self.name(number, bad.field), bad.reason);
            }
        }
        out.end_row()
    }

    /// Returns the texts of the event with this number.
    fn texts<'a>(&mut self, number: usize, fields: &Fields<'a>) -> Texts<'a>
    where
        'm: 'a,
    {
        let mut texts = Texts::default();
        for (field, source) in &mut self.events[number] {
            texts[*field] = match source {
                FieldSource::Constant(constant) => constant,
                FieldSource::Column(column) => fields.get(*column),
                FieldSource::Found(column, pattern, groups) => first_group(pattern, groups, fields.get(*column)),
            };
        }
        texts
    }

    /// Returns an error if the header looks like a row, since the first row of a file without a header would be lost.
    pub(crate) fn refuse_a_row_as_header(&self, out: &RowSink) -> Result<(), ReadError> {
        let mut names = self.columns_of(Field::EventTime).map(|(number, column)| (number, &self.header[column]));
        let Some((_, time)) = names.find(|(number, name)| out.is_time(*number, name)) else { return Ok(()) };
        let problem = format!(
            "the first line is a row and not a header: {} is a time; name the columns in the mapping, columns = [...], \
             or say header = true",
            shown(time)
        );
        Err(ReadError::Columns { input: out.input().to_owned(), problem })
    }

    /// Looks for a decimal comma in the amounts. The column separator must not be a comma.
    pub(crate) fn look_at_decimals(&self, rows: &[Vec<String>], out: &mut RowSink) {
        let of_value = self.columns_of(Field::Value);
        let amounts = of_value.flat_map(|(_, column)| rows.iter().filter_map(move |row| row.get(column)));
        if let Some(decimals) = decimal_comma(amounts.map(String::as_str)) {
            out.assume_decimal_comma(decimals);
        }
    }

    /// Returns the columns that this field comes from, each with the number of the event.
    fn columns_of(&self, field: Field) -> impl Iterator<Item = (usize, usize)> {
        let sources =
            self.events.iter().enumerate().flat_map(|(number, sources)| {
                sources.iter().map(move |(known, source)| (number, *known, source.column()))
            });
        sources.filter_map(move |(number, known, column)| (known == field).then_some((number, column?)))
    }

    fn name(&self, number: usize, field: Field) -> String {
        match self.events[number].iter().find(|(known, _)| *known == field) {
            Some((_, FieldSource::Column(column) | FieldSource::Found(column, ..))) => self.header[*column].clone(),
            _ => field.name().to_owned(),
        }
    }

    fn cell_name(&self, column: Option<usize>) -> String {
        column.and_then(|column| self.header.get(column)).cloned().unwrap_or_default()
    }
}

impl FieldSource<'_> {
    /// Returns the column that the field comes from, or `None` for a constant.
    fn column(&self) -> Option<usize> {
        match self {
            FieldSource::Constant(_) => None,
            FieldSource::Column(column) | FieldSource::Found(column, ..) => Some(*column),
        }
    }
}

impl<'a> Fields<'a> {
    /// Returns a field by its number.
    ///
    /// # Panics
    ///
    /// Panics if there is no such field.
    fn get(&self, column: usize) -> &'a str {
        let start = if column == 0 { 0 } else { self.ends[column - 1] + 1 };
        &self.text[start..self.ends[column]]
    }
}

/// A column does not exist, or exists twice.
pub(crate) struct NoColumn {
    /// True if the column exists more than once.
    pub(crate) is_twice: bool,
    /// The message without the name of the file.
    pub(crate) in_words: String,
}

/// Returns the number of the column with this name.
pub(crate) fn find(header: &[String], name: &str) -> Result<usize, NoColumn> {
    let mut at = (0..header.len()).filter(|column| header[*column] == name);
    match (at.next(), at.next()) {
        (Some(column), None) => Ok(column),
        (Some(_), Some(_)) => {
            let in_words = format!("two columns are called '{}'; rename one of them", clean(name));
            Err(NoColumn { is_twice: true, in_words })
        }
        (None, _) => {
            // A header that a wrong separator leaves in one piece is not a name.
            let is_whole = |name: &str| header.len() == 1 && name.contains([',', ';', '\t', '|']);
            let near = did_you_mean(name, header.iter().map(String::as_str).filter(|name| !is_whole(name)));
            let in_words = format!("there is no column '{}'{near} (columns: {})", clean(name), listed(header));
            Err(NoColumn { is_twice: false, in_words })
        }
    }
}

/// Returns the likely fix for a header that lacks a column.
fn likely_fix(header: &[String], field: Field, is_twice: bool) -> &'static str {
    match header {
        _ if is_twice => "",
        [only, ..] if only.trim_start_matches('[').starts_with('{') => {
            "; it looks like JSON Lines: use the ending .jsonl or --format jsonl"
        }
        _ if header.iter().any(|name| name.contains('\u{fffd}')) => "; it is not UTF-8: is this a CSV file?",
        _ if header.iter().any(|name| is_data(name)) => {
            "; this looks like a row: for a file without a header, name the columns in a mapping, columns = [...]"
        }
        _ if did_you_mean(field.name(), header.iter().map(String::as_str)).is_empty() => {
            "; to read a log with other columns, give a mapping (`flowbench map` drafts one)"
        }
        _ => "",
    }
}

/// Returns true for a number or a time, since no column has such a name.
fn is_data(name: &str) -> bool {
    name.parse::<f64>().is_ok_and(f64::is_finite) || parse_rfc3339_ms(name).is_ok()
}

/// The columns that every log must have.
pub(crate) const REQUIRED: [Field; 2] = [Field::Kind, Field::EventTime];

/// Returns a cell as text, or the reason why it cannot be used.
pub(crate) fn text(cell: &[u8]) -> Result<&str, String> {
    if cell.len() > FIELD_BYTES_MAX {
        return Err(format!("the field has {} bytes, more than 1 MiB", cell.len()));
    }
    if memchr(0, cell).is_some() {
        return Err("the field holds a NUL byte".to_owned());
    }
    std::str::from_utf8(cell).map_err(|_| "the field is not UTF-8".to_owned())
}

fn first_group<'a>(pattern: &Regex, groups: &mut CaptureLocations, text: &'a str) -> &'a str {
    let found = pattern.captures_read(groups, text).and_then(|_| groups.get(1));
    found.map_or("", |(start, end)| &text[start..end])
}

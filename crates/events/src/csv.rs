//! Events in rows of cells: reading by header name, writing with quotes where RFC 4180 wants them.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use memchr::memchr;
use regex::{CaptureLocations, Regex};

use crate::dialect::{Dialect, Layout, Text, decimal_comma};
use crate::event::Event;
use crate::fields::{Field, Texts, shown};
use crate::mapping::Mapping;
use crate::names::{clean, listed};
use crate::read::{Delivery, FIELD_BYTES_MAX, ReadError};
use crate::rows::{Cells, Malformed, Rows};
use crate::suggest::did_you_mean;
use crate::symbols::{Symbols, push_number};
use crate::time::{parse_rfc3339_ms, push_rfc3339};

/// The header line of the interchange format.
pub(crate) const HEADER: &str = "event_id,kind,event_time,arrival_time,customer,order,product,value,country,\
                                 load_time_ms,rating,channel";

/// Where each field of a row comes from, for one header.
#[derive(Debug)]
pub(crate) struct Columns<'m> {
    header: Vec<String>,
    /// For each event that a row may have.
    events: Vec<Sources<'m>>,
}

/// Where the fields of an event come from; those that are not there are absent.
pub(crate) type Sources<'m> = Vec<(Field, Source<'m>)>;

/// Where one field comes from.
#[derive(Debug)]
pub(crate) enum Source<'m> {
    Constant(&'m str),
    Column(usize),
    /// The first group of a pattern found in a column.
    Found(usize, &'m Regex, CaptureLocations),
}

/// Cells that are text as far as they are used; the others are empty where one of them is none.
#[derive(Debug, Clone, Copy)]
struct Fields<'a> {
    text: &'a str,
    ends: &'a [usize],
}

/// Where the used cells of a row stand whose other cells are no text.
#[derive(Debug, Default)]
pub(crate) struct Used {
    text: String,
    ends: Vec<usize>,
}

/// Reads the header and all rows, through the mapping if there is one.
pub(crate) fn read(input: Text, mapping: Option<&Mapping>, out: &mut Delivery) -> Result<(), ReadError> {
    let Text { reader, sample, .. } = input;
    let stated = Layout::default();
    let layout = mapping.map_or(&stated, Mapping::layout);
    let wanted = mapping.map_or(REQUIRED.map(Field::name).to_vec(), Mapping::column_names);
    let dialect = Dialect::recognise(&sample, layout, &wanted);
    if dialect.is_assumed {
        out.assume(dialect.name());
    }
    let mut rows = Rows::new(reader).separated_by(dialect.separator);
    let header = header(&mut rows, &sample, dialect, layout, out)?;
    rows.expect_width(header.len());
    let mut columns = match mapping {
        Some(mapping) => {
            mapping.columns(header, out.input()).map_err(|error| error.with(&dialect.likely_fix(&sample)))?
        }
        None => Columns::native(header, out).map_err(|error| error.with(&dialect.likely_fix(&sample)))?,
    };
    if layout.header.is_none() && layout.has_header() {
        columns.refuse_a_row_as_header(out)?;
    }
    if dialect.separator != b',' && !layout.tells_decimals {
        let rows = dialect.first_rows(&sample, usize::MAX);
        columns.look_at_decimals(&rows[usize::from(layout.has_header()).min(rows.len())..], out);
    }
    let mut used = Used::default();
    while let Some((line, cells)) = rows.next().map_err(|source| out.interrupted(source))? {
        columns.deliver(line, cells, &mut used, out)?;
    }
    Ok(())
}

/// Appends one event as a row.
pub(crate) fn push_row(event: &Event, symbols: &Symbols, row: &mut String) {
    let record = event.record();
    if !record.event_id.is_absent() {
        push_text(row, |row| symbols.push_event_id(record.event_id, row));
    }
    row.push(',');
    row.push_str(record.kind.name());
    row.push(',');
    push_rfc3339(record.event_time_ms, row);
    row.push(',');
    push_rfc3339(record.arrival_time_ms, row);
    for id in [record.customer, record.order, record.product] {
        row.push(',');
        push_text(row, |row| symbols.push_id(id, row));
    }
    row.push(',');
    if let Some(value) = record.value {
        // Writing to a String cannot fail.
        let _ = write!(row, "{value}");
    }
    row.push(',');
    push_text(row, |row| row.push_str(symbols.country_name(record.country)));
    row.push(',');
    if let Some(load_time_ms) = record.load_time_ms {
        push_number(u64::from(load_time_ms), row);
    }
    row.push(',');
    if let Some(rating) = record.rating {
        push_number(u64::from(rating), row);
    }
    row.push(',');
    row.push_str(record.channel.map_or("", |channel| channel.name()));
    row.push('\n');
}

/// Appends a text, in quotes if it holds a comma, a quote or a line end.
pub(crate) fn push_text(row: &mut String, push: impl FnOnce(&mut String)) {
    let start = row.len();
    push(row);
    let special = |byte| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if row.as_bytes()[start..].iter().copied().any(special) {
        let quoted = row[start..].replace('"', "\"\"");
        row.truncate(start);
        row.extend(["\"", &quoted, "\""]);
    }
}

impl<'m> Columns<'m> {
    /// The columns of a foreign CSV.
    pub(crate) fn new(header: Vec<String>, events: Vec<Sources<'m>>) -> Columns<'m> {
        Columns { header, events }
    }

    /// The columns of the interchange format, in any order; other columns are ignored, and named in the summary.
    fn native(header: Vec<String>, out: &mut Delivery) -> Result<Columns<'static>, ReadError> {
        let mut sources = Sources::new();
        for field in Field::ALL {
            match find(&header, field.name()) {
                Ok(column) => sources.push((field, Source::Column(column))),
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

    /// Delivers a row, or rejects it.
    pub(crate) fn deliver(
        &mut self,
        line: u64,
        cells: Result<Cells, Malformed>,
        used: &mut Used,
        out: &mut Delivery,
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

    /// Something is wrong with a cell: only if it is used, it matters.
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

    fn deliver_events(&mut self, line: u64, fields: &Fields, out: &mut Delivery) -> Result<(), ReadError> {
        out.begin_row();
        for number in 0..self.events.len() {
            let texts = self.texts(number, fields);
            if let Err(bad) = out.event(number, &texts) {
                return out.reject(line, &self.name(number, bad.field), bad.reason);
            }
        }
        out.end_row()
    }

    /// What a row says of the event of that number.
    fn texts<'a>(&mut self, number: usize, fields: &Fields<'a>) -> Texts<'a>
    where
        'm: 'a,
    {
        let mut texts = Texts::default();
        for (field, source) in &mut self.events[number] {
            texts[*field] = match source {
                Source::Constant(constant) => constant,
                Source::Column(column) => fields.get(*column),
                Source::Found(column, pattern, groups) => first_group(pattern, groups, fields.get(*column)),
            };
        }
        texts
    }

    /// A file without a header would lose its first row unseen.
    fn refuse_a_row_as_header(&self, out: &Delivery) -> Result<(), ReadError> {
        let mut names = self.columns_of(Field::EventTime).map(|(number, column)| (number, &self.header[column]));
        let Some((_, time)) = names.find(|(number, name)| out.is_time(*number, name)) else { return Ok(()) };
        let problem = format!(
            "the first line is a row and not a header: {} is a time; name the columns in the mapping, columns = [...], \
             or say header = true",
            shown(time)
        );
        Err(ReadError::Columns { input: out.input().to_owned(), problem })
    }

    /// Where decimals have a comma, commas are no separators.
    fn look_at_decimals(&self, rows: &[Vec<String>], out: &mut Delivery) {
        let of_value = self.columns_of(Field::Value);
        let amounts = of_value.flat_map(|(_, column)| rows.iter().filter_map(move |row| row.get(column)));
        if let Some(decimals) = decimal_comma(amounts.map(String::as_str)) {
            out.assume_decimal_comma(decimals);
        }
    }

    /// Where the events have that field from: their numbers, and the columns.
    fn columns_of(&self, field: Field) -> impl Iterator<Item = (usize, usize)> {
        let sources =
            self.events.iter().enumerate().flat_map(|(number, sources)| {
                sources.iter().map(move |(known, source)| (number, *known, source.column()))
            });
        sources.filter_map(move |(number, known, column)| (known == field).then_some((number, column?)))
    }

    fn name(&self, number: usize, field: Field) -> String {
        match self.events[number].iter().find(|(known, _)| *known == field) {
            Some((_, Source::Column(column) | Source::Found(column, ..))) => self.header[*column].clone(),
            _ => field.name().to_owned(),
        }
    }

    fn cell_name(&self, column: Option<usize>) -> String {
        column.and_then(|column| self.header.get(column)).cloned().unwrap_or_default()
    }
}

impl Source<'_> {
    /// The column it reads.
    fn column(&self) -> Option<usize> {
        match self {
            Source::Constant(_) => None,
            Source::Column(column) | Source::Found(column, ..) => Some(*column),
        }
    }
}

impl<'a> Fields<'a> {
    /// A field by number; panics if there is none.
    fn get(&self, column: usize) -> &'a str {
        let start = if column == 0 { 0 } else { self.ends[column - 1] + 1 };
        &self.text[start..self.ends[column]]
    }
}

/// Why a column cannot be used.
pub(crate) struct NoColumn {
    /// True if it is there more than once.
    pub(crate) is_twice: bool,
    /// The message, without the file.
    pub(crate) in_words: String,
}

/// The column of that name.
pub(crate) fn find(header: &[String], name: &str) -> Result<usize, NoColumn> {
    let mut at = (0..header.len()).filter(|column| header[*column] == name);
    match (at.next(), at.next()) {
        (Some(column), None) => Ok(column),
        (Some(_), Some(_)) => {
            let in_words = format!("two columns are called '{}'; rename one of them", clean(name));
            Err(NoColumn { is_twice: true, in_words })
        }
        (None, _) => {
            // A header that a wrong separator leaves in one piece is no name.
            let is_whole = |name: &str| header.len() == 1 && name.contains([',', ';', '\t', '|']);
            let near = did_you_mean(name, header.iter().map(String::as_str).filter(|name| !is_whole(name)));
            let in_words = format!("there is no column '{}'{near} (columns: {})", clean(name), listed(header));
            Err(NoColumn { is_twice: false, in_words })
        }
    }
}

/// The names of the columns: those the mapping gives, those of the header line, or numbers from 1.
fn header(
    rows: &mut Rows<Box<dyn BufRead>>,
    sample: &[u8],
    dialect: Dialect,
    layout: &Layout,
    out: &Delivery,
) -> Result<Vec<String>, ReadError> {
    let mut next = |line_in_words: &str| match rows.next().map_err(|source: io::Error| out.interrupted(source))? {
        None => Err(ReadError::Empty { input: out.input().to_owned() }),
        Some((_, Ok(cells))) if memchr(0, cells.row()).is_none() => Ok(names(&cells)),
        Some((_, cells)) => {
            let reason = cells.err().map_or("it holds NUL bytes".to_owned(), |malformed| malformed.reason);
            let problem = format!("the {line_in_words} line cannot be read: {reason}; is this a CSV file?");
            Err(ReadError::Columns { input: out.input().to_owned(), problem })
        }
    };
    if dialect.has_separator_line {
        next("sep=")?;
    }
    let named = if layout.has_header() { Some(next("header")?) } else { None };
    Ok(match (&layout.columns, named) {
        (Some(columns), _) => columns.clone(),
        (None, Some(header)) => header,
        (None, None) => {
            let width = dialect.first_rows(sample, 1).first().map_or(0, Vec::len);
            (1..=width).map(|number| number.to_string()).collect()
        }
    })
}

/// The cells of a header line; those that trailing separators leave are none. A name that is not UTF-8 can still not be
/// asked for.
fn names(cells: &Cells) -> Vec<String> {
    let name = |column| String::from_utf8_lossy(cells.get(column)).into_owned();
    let mut names: Vec<String> = (0..cells.len()).map(name).collect();
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

/// What may be the matter with a header that lacks a column.
fn likely_fix(header: &[String], field: Field, is_twice: bool) -> &'static str {
    match header {
        _ if is_twice => "",
        [only, ..] if only.trim_start_matches('[').starts_with('{') => {
            "; it looks like JSON Lines, tell that by the ending .jsonl or --format jsonl"
        }
        _ if header.iter().any(|name| name.contains('\u{fffd}')) => "; it is not UTF-8: is this a CSV file?",
        _ if header.iter().any(|name| is_data(name)) => {
            "; this looks like a row: for a file without a header, name the columns in a mapping, columns = [...]"
        }
        _ if did_you_mean(field.name(), header.iter().map(String::as_str)).is_empty() => {
            "; to read a log with columns of its own, give a mapping (`flowbench map` drafts one)"
        }
        _ => "",
    }
}

/// A number or a time, which no column is called.
fn is_data(name: &str) -> bool {
    name.parse::<f64>().is_ok_and(f64::is_finite) || parse_rfc3339_ms(name).is_ok()
}

/// The columns that an event cannot be without.
const REQUIRED: [Field; 2] = [Field::Kind, Field::EventTime];

/// A cell as text, or why it cannot be used.
fn text(cell: &[u8]) -> Result<&str, String> {
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

//! Comma-separated events: reading by header name, writing with quotes where RFC 4180 wants them.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use memchr::memchr;
use regex::{CaptureLocations, Regex};

use crate::event::Event;
use crate::fields::{Field, Texts};
use crate::mapping::Mapping;
use crate::read::{Delivery, FIELD_BYTES_MAX, ReadError};
use crate::rows::{Cells, Malformed, Rows};
use crate::suggest::did_you_mean;
use crate::symbols::{Symbols, push_number};
use crate::time::push_rfc3339;

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

/// Reads the header and all rows, through the mapping if there is one.
pub(crate) fn read(input: Box<dyn BufRead>, mapping: Option<&Mapping>, out: &mut Delivery) -> Result<(), ReadError> {
    let mut rows = Rows::new(input);
    let header = header(&mut rows, out)?;
    rows.expect_width(header.len());
    let mut columns = match mapping {
        Some(mapping) => mapping.columns(header, out.input())?,
        None => Columns::native(header, out)?,
    };
    loop {
        let row = rows.next().map_err(|source| out.interrupted(source))?;
        let Some((line, cells)) = row else { return Ok(()) };
        match cells.and_then(|cells| columns.check(cells)) {
            Ok(cells) => {
                columns.deliver(line, &cells, out)?;
            }
            Err(Malformed { column, reason }) => out.reject(line, &columns.cell_name(column), reason)?,
        }
    }
}

/// Appends one event as a row.
pub(crate) fn push_row(event: &Event, symbols: &Symbols, row: &mut String) {
    let record = event.record();
    push_text(row, |row| symbols.push_event_id(record.event_id, row));
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
    /// The columns of somebody's CSV.
    pub(crate) fn new(header: Vec<String>, events: Vec<Sources<'m>>) -> Columns<'m> {
        Columns { header, events }
    }

    /// The columns of the interchange format, in any order; other columns are ignored, and named in the summary.
    fn native(header: Vec<String>, out: &mut Delivery) -> Result<Columns<'static>, ReadError> {
        let mut sources = Sources::new();
        for field in Field::ALL {
            match find(&header, field.name()) {
                Ok(column) => sources.push((field, Source::Column(column))),
                Err(no_column) if is_required(field) || no_column.is_twice => {
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

    fn check<'a>(&self, cells: Cells<'a>) -> Result<Cells<'a>, Malformed> {
        let found = cells.len();
        if found != self.header.len() {
            let reason = format!("the row has {found} fields, the header {}", self.header.len());
            return Err(Malformed { column: None, reason });
        }
        if cells.text().len() > FIELD_BYTES_MAX
            && let Some(column) = (0..found).find(|column| cells.get(*column).len() > FIELD_BYTES_MAX)
        {
            let reason = format!("the field has {} bytes, more than 1 MiB", cells.get(column).len());
            return Err(Malformed { column: Some(column), reason });
        }
        if memchr(0, cells.text().as_bytes()).is_some() {
            let column = (0..found).find(|column| cells.get(*column).contains('\0'));
            return Err(Malformed { column, reason: "the field holds a NUL byte".to_owned() });
        }
        Ok(cells)
    }

    fn deliver(&mut self, line: u64, cells: &Cells, out: &mut Delivery) -> Result<(), ReadError> {
        out.begin_row();
        for number in 0..self.events.len() {
            let texts = self.texts(number, cells);
            if let Err(bad) = out.event(number, &texts) {
                return out.reject(line, &self.name(number, bad.field), bad.reason);
            }
        }
        out.end_row()
    }

    /// What a row says of the event of that number.
    fn texts<'a>(&mut self, number: usize, cells: &Cells<'a>) -> Texts<'a>
    where
        'm: 'a,
    {
        let mut texts = Texts::default();
        for (field, source) in &mut self.events[number] {
            texts[*field] = match source {
                Source::Constant(constant) => constant,
                Source::Column(column) => cells.get(*column),
                Source::Found(column, pattern, groups) => first_group(pattern, groups, cells.get(*column)),
            };
        }
        texts
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
            let in_words = format!("two columns are called '{name}'; rename one of them");
            Err(NoColumn { is_twice: true, in_words })
        }
        (None, _) => {
            let near = did_you_mean(name, header.iter().map(String::as_str));
            let in_words = format!("there is no column '{name}'{near} (columns: {})", header.join(", "));
            Err(NoColumn { is_twice: false, in_words })
        }
    }
}

fn header(rows: &mut Rows<Box<dyn BufRead>>, out: &Delivery) -> Result<Vec<String>, ReadError> {
    let input = || out.input().to_owned();
    let first = rows.next().map_err(|source: io::Error| out.interrupted(source))?;
    let Some((_, cells)) = first else { return Err(ReadError::Empty { input: input() }) };
    let unreadable = |malformed: Malformed| {
        let problem = format!("the header line cannot be read: {}; is this a CSV file in UTF-8?", malformed.reason);
        ReadError::Columns { input: input(), problem }
    };
    let cells = cells.map_err(unreadable)?;
    if cells.text().contains('\0') {
        return Err(unreadable(Malformed { column: None, reason: "it holds NUL bytes".to_owned() }));
    }
    Ok((0..cells.len()).map(|column| cells.get(column).to_owned()).collect())
}

/// What may be the matter with a header that lacks a column.
fn likely_fix(header: &[String], field: Field, is_twice: bool) -> &'static str {
    match header {
        _ if is_twice => "",
        [only, ..] if only.starts_with('{') => "; it looks like JSON Lines, tell that by the ending .jsonl",
        [only] if only.contains([';', '\t', '|']) => "; columns must be separated by commas",
        _ if did_you_mean(field.name(), header.iter().map(String::as_str)).is_empty() => {
            "; to read a log with columns of its own, give a mapping"
        }
        _ => "",
    }
}

fn is_required(field: Field) -> bool {
    matches!(field, Field::Kind | Field::EventTime)
}

fn first_group<'a>(pattern: &Regex, groups: &mut CaptureLocations, text: &'a str) -> &'a str {
    let found = pattern.captures_read(groups, text).and_then(|_| groups.get(1));
    found.map_or("", |(start, end)| &text[start..end])
}

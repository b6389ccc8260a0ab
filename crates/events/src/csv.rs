//! Events in rows of cells: reading by header name, writing with quotes where RFC 4180 wants them.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use memchr::memchr;

use crate::columns::{Columns, REQUIRED, Used};
use crate::dialect::{Dialect, Layout, Text};
use crate::event::Event;
use crate::fields::Field;
use crate::mapping::Mapping;
use crate::outcome::ReadError;
use crate::row_sink::RowSink;
use crate::rows::{Cells, Rows};
use crate::symbols::{Symbols, push_number};
use crate::time::push_rfc3339;

/// Reads the header and all rows, through the mapping if there is one.
pub(crate) fn read(input: Text, mapping: Option<&Mapping>, out: &mut RowSink) -> Result<(), ReadError> {
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

/// The names of the columns: those the mapping gives, those of the header line, or numbers from 1.
fn header(
    rows: &mut Rows<Box<dyn BufRead>>,
    sample: &[u8],
    dialect: Dialect,
    layout: &Layout,
    out: &RowSink,
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

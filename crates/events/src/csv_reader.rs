//! Reads CSV as events: first the dialect and the header, then row by row.

use std::io::{self, BufRead};

use memchr::memchr;

use crate::columns::{Columns, REQUIRED, Used};
use crate::dialect::{Dialect, Layout, Text};
use crate::fields::Field;
use crate::mapping::Mapping;
use crate::outcome::ReadError;
use crate::row_sink::RowSink;
use crate::rows::{Cells, Rows};

/// Reads the header and all rows, through a mapping if there is one.
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

/// Returns the names of the columns, which are those of the mapping, those of the header line, or numbers from 1.
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

/// Returns the cells of a header line without the empty ones at its end. A name that is not UTF-8 cannot match any
/// other.
fn names(cells: &Cells) -> Vec<String> {
    let name = |column| String::from_utf8_lossy(cells.get(column)).into_owned();
    let mut names: Vec<String> = (0..cells.len()).map(name).collect();
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

//! Events as JSON Lines, which have one object on each line, with the names of the CSV columns or those of a mapping.
//! An array of objects can be read as well.
//!
//! Ids and money are written as strings, so that no reader rounds them, and absent fields are left out. In a log that
//! is read they may be numbers; their digits are taken as they are and never become floating point.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::columns::{Columns, Used};
use crate::dialect::Text;
use crate::event::Event;
use crate::fields::{FIELDS, Field, Texts};
use crate::json_text::{field_text, push_string};
use crate::mapping::Mapping;
use crate::members::members;
use crate::objects::ObjectReader;
use crate::outcome::ReadError;
use crate::paths::Paths;
use crate::recording::{OFFERED, RecordingLine};
use crate::row_sink::RowSink;
use crate::symbols::Symbols;
use crate::time::push_rfc3339;

/// The field to blame for a bad line, if there is one, and the reason.
pub(crate) type Wrong = (Option<Field>, String);

/// Reads all objects, which are the lines that are not blank or the elements of an array.
pub(crate) fn read(input: Text, mapping: Option<&Mapping>, out: &mut RowSink) -> Result<(), ReadError> {
    let mut objects = match mapping {
        None => Objects::Native,
        Some(mapping) => {
            let names = mapping.column_names();
            let header = names.iter().map(|name| (*name).to_owned()).collect();
            let columns = mapping.columns(header, out.input())?;
            Objects::Mapped(Box::new(Mapped { columns, paths: Paths::new(&names), used: Used::default() }))
        }
    };
    let mut reader = ObjectReader::new(input);
    while let Some((line, object)) = reader.next().map_err(|source| out.interrupted(source))? {
        match object {
            Ok(object) => objects.deliver(object, line, out)?,
            Err(reason) => out.reject(line, "", reason.to_owned())?,
        }
    }
    if let Objects::Mapped(mapped) = objects
        && !out.is_empty()
    {
        mapped.paths.missing().for_each(|path| out.missing_path(path));
    }
    Ok(())
}

/// How objects become events.
enum Objects<'m> {
    /// The names are those of the interchange format.
    Native,
    Mapped(Box<Mapped<'m>>),
}

/// The names are the paths of a mapping.
struct Mapped<'m> {
    columns: Columns<'m>,
    paths: Paths,
    used: Used,
}

impl Objects<'_> {
    fn deliver(&mut self, object: &[u8], line: u64, out: &mut RowSink) -> Result<(), ReadError> {
        match self {
            Objects::Mapped(mapped) => {
                let Mapped { columns, paths, used } = &mut **mapped;
                columns.deliver(line, paths.cells(object), used, out)
            }
            Objects::Native if RecordingLine::is_one(object) => match out.recorded(&String::from_utf8_lossy(object)) {
                Ok(()) => Ok(()),
                Err(reason) => out.reject(line, "", reason),
            },
            Objects::Native => match read_native(object, line, out)? {
                Ok(()) => Ok(()),
                Err((field, reason)) => out.reject(line, field.map_or("", Field::name), reason),
            },
        }
    }
}

/// Appends one event as a line.
pub(crate) fn push_line(event: &Event, symbols: &Symbols, line: &mut String) {
    let record = event.record();
    line.push('{');
    if !record.event_id.is_absent() {
        push_name(Field::EventId, line);
        push_string(line, |line| symbols.push_event_id(record.event_id, line));
    }
    push_name(Field::Kind, line);
    line.extend(["\"", record.kind.name(), "\",\"event_time\":\""]);
    push_rfc3339(record.event_time_ms, line);
    line.push_str("\",\"arrival_time\":\"");
    push_rfc3339(record.arrival_time_ms, line);
    line.push('"');
    push_details(event, symbols, line);
    line.push_str("}\n");
}

/// Appends an event as a line of JSON with its end, in the interchange format; `offered`, if it is not empty, is a JSON
/// object that says what the event was offered as, and that readers of logs skip.
pub fn push_json_line(event: &Event, symbols: &Symbols, offered: &str, line: &mut String) {
    push_line(event, symbols, line);
    if !offered.is_empty() {
        line.truncate(line.len() - 2);
        line.extend([",\"", OFFERED, "\":", offered, "}\n"]);
    }
}

/// Appends an event as a line of JSON with its end that says neither when it happened nor what its id is: a live session takes
/// it for one that happens when it arrives.
pub fn push_undated_json_line(event: &Event, symbols: &Symbols, line: &mut String) {
    line.push('{');
    push_name(Field::Kind, line);
    line.extend(["\"", event.kind().name(), "\""]);
    push_details(event, symbols, line);
    line.push_str("}\n");
}

/// Appends the members of an object for the fields from the customer to the channel that are present.
pub(crate) fn push_details(event: &Event, symbols: &Symbols, line: &mut String) {
    for (field, id) in
        [(Field::Customer, event.customer()), (Field::Order, event.order()), (Field::Product, event.product())]
    {
        if let Some(id) = id {
            push_name(field, line);
            push_string(line, |line| symbols.push_id(id, line));
        }
    }
    // Writing to a String cannot fail.
    if let Some(value) = event.value() {
        push_name(Field::Value, line);
        let _ = write!(line, "\"{value}\"");
    }
    if event.country() != 0 {
        push_name(Field::Country, line);
        push_string(line, |line| line.push_str(symbols.country_name(event.country())));
    }
    if let Some(load_time_ms) = event.load_time_ms() {
        push_name(Field::LoadTimeMs, line);
        let _ = write!(line, "{load_time_ms}");
    }
    if let Some(rating) = event.rating() {
        push_name(Field::Rating, line);
        let _ = write!(line, "{rating}");
    }
    if let Some(channel) = event.channel() {
        push_name(Field::Channel, line);
        line.extend(["\"", channel.name(), "\""]);
    }
}

/// Reads one object and delivers it, or returns what is wrong with it.
fn read_native(object: &[u8], line: u64, out: &mut RowSink) -> Result<Result<(), Wrong>, ReadError> {
    // A byte that is not text does not matter in a value that is not used.
    let lossy = String::from_utf8_lossy(object);
    let is_lossy = matches!(lossy, Cow::Owned(_));
    let on_other = |name: &str| {
        if name != OFFERED {
            out.ignored_column(name);
        }
    };
    let owned = match texts_of(&lossy, is_lossy, on_other) {
        Ok(owned) => owned,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let texts = Texts(std::array::from_fn(|at| &*owned[at]));
    out.row(line, &texts, |field| field.name().to_owned()).map(Ok)
}

/// Returns the texts of an object with the names of the interchange format; `on_other` is called with each other name.
///
/// # Errors
///
/// Returns the field to blame, if there is one, and the reason.
pub(crate) fn texts_of(
    object: &str,
    is_lossy: bool,
    on_other: impl FnMut(&str),
) -> Result<[Cow<'_, str>; FIELDS], Wrong> {
    let values = members(object, Field::ALL.map(Field::name), on_other).map_err(|reason| (None, reason))?;
    let mut texts: [Cow<str>; FIELDS] = Default::default();
    for (field, value) in Field::ALL.into_iter().zip(values) {
        if let Some(value) = value {
            texts[field as usize] = text_of(field, value.get(), is_lossy).map_err(|reason| (Some(field), reason))?;
        }
    }
    Ok(texts)
}

/// Returns the text of a field of the interchange format.
pub(crate) fn text_of(field: Field, value: &str, is_lossy: bool) -> Result<Cow<'_, str>, String> {
    let is_id = matches!(field, Field::EventId | Field::Customer | Field::Order | Field::Product);
    if is_id && value.starts_with(|first: char| first != '"') && value.contains(['.', 'e', 'E']) {
        return Err(format!("an id is a text or a whole number, not {value}"));
    }
    field_text(value, is_lossy)
}

/// Begins a member of an object.
fn push_name(field: Field, line: &mut String) {
    if !line.ends_with('{') {
        line.push(',');
    }
    line.extend(["\"", field.name(), "\":"]);
}

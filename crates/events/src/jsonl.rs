//! Events as JSON Lines, which have one object on each line, with the names of the CSV columns or those of a mapping.
//! An array of objects can be read as well.
//!
//! Ids and money are written as strings, so that no reader rounds them, and absent fields are left out. In a log that
//! is read they may be numbers; their digits are taken as they are and never become floating point.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::columns::{Columns, Used};
use crate::dialect::Text;
use crate::event::Event;
use crate::fields::{FIELD_BYTES_MAX, FIELDS, Field, Texts};
use crate::json_text::{NEITHER, not_an_object, text};
use crate::mapping::Mapping;
use crate::objects::ObjectReader;
use crate::outcome::ReadError;
use crate::paths::Paths;
use crate::row_sink::RowSink;
use crate::symbols::Symbols;
use crate::time::push_rfc3339;

/// The values of one object as they are written in the line.
type Values<'a> = [Option<&'a RawValue>; FIELDS];

/// The field to blame for a bad line, if there is one, and the reason.
type Wrong = (Option<Field>, String);

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
        line.push_str("\"event_id\":");
        push_string(line, |line| symbols.push_event_id(record.event_id, line));
        line.push(',');
    }
    line.push_str("\"kind\":\"");
    line.push_str(record.kind.name());
    line.push_str("\",\"event_time\":\"");
    push_rfc3339(record.event_time_ms, line);
    line.push_str("\",\"arrival_time\":\"");
    push_rfc3339(record.arrival_time_ms, line);
    line.push('"');
    for (field, id) in
        [(Field::Customer, event.customer()), (Field::Order, event.order()), (Field::Product, event.product())]
    {
        if let Some(id) = id {
            push_name(field, line);
            push_string(line, |line| symbols.push_id(id, line));
        }
    }
    // Writing to a String cannot fail.
    if let Some(value) = record.value {
        let _ = write!(line, ",\"value\":\"{value}\"");
    }
    if record.country != 0 {
        push_name(Field::Country, line);
        push_string(line, |line| line.push_str(symbols.country_name(record.country)));
    }
    if let Some(load_time_ms) = record.load_time_ms {
        let _ = write!(line, ",\"load_time_ms\":{load_time_ms}");
    }
    if let Some(rating) = record.rating {
        let _ = write!(line, ",\"rating\":{rating}");
    }
    if let Some(channel) = record.channel {
        let _ = write!(line, ",\"channel\":\"{}\"", channel.name());
    }
    line.push_str("}\n");
}

/// Reads one object and delivers it, or returns what is wrong with it.
fn read_native(object: &[u8], line: u64, out: &mut RowSink) -> Result<Result<(), Wrong>, ReadError> {
    // A byte that is not text does not matter in a value that is not used.
    let lossy = String::from_utf8_lossy(object);
    let is_lossy = matches!(lossy, Cow::Owned(_));
    let values = match parse(&lossy, out) {
        Ok(values) => values,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let mut owned: [Cow<str>; FIELDS] = Default::default();
    for (field, value) in Field::ALL.into_iter().zip(values) {
        if let Some(value) = value {
            match field_text(value.get(), field) {
                Ok(text) if is_lossy && text.contains(char::REPLACEMENT_CHARACTER) => {
                    return Ok(Err((Some(field), "the field is not UTF-8".to_owned())));
                }
                Ok(text) => owned[field as usize] = text,
                Err(reason) => return Ok(Err((Some(field), reason))),
            }
        }
    }
    let texts = Texts(std::array::from_fn(|at| &*owned[at]));
    out.row(line, &texts, |field| field.name().to_owned()).map(Ok)
}

fn parse<'a>(object: &'a str, out: &mut RowSink) -> Result<Values<'a>, Wrong> {
    let mut json = serde_json::Deserializer::from_str(object);
    let values = json.deserialize_map(ObjectVisitor(out)).and_then(|values| json.end().map(|()| values));
    values.map_err(|error| (None, not_an_object(&error)))
}

/// Returns the text of a field of the interchange format.
fn field_text(value: &str, field: Field) -> Result<Cow<'_, str>, String> {
    let is_id = matches!(field, Field::EventId | Field::Customer | Field::Order | Field::Product);
    if is_id && value.starts_with(|first: char| first != '"') && value.contains(['.', 'e', 'E']) {
        return Err(format!("an id is a text or a whole number, not {value}"));
    }
    if matches!(value, "true" | "false") {
        return Err(NEITHER.to_owned());
    }
    let text = text(value)?;
    if text.len() > FIELD_BYTES_MAX {
        return Err(format!("the field has {} bytes, more than 1 MiB", text.len()));
    }
    if text.contains('\0') {
        return Err("the field holds a NUL byte".to_owned());
    }
    Ok(text)
}

struct ObjectVisitor<'d, 'o>(&'d mut RowSink<'o>);

impl<'de> Visitor<'de> for ObjectVisitor<'_, '_> {
    type Value = Values<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Values<'de>, A::Error> {
        let mut values = Values::default();
        while let Some(field) = object.next_key_seed(NameSeed(self.0))? {
            let value: &RawValue = object.next_value()?;
            if let Some(field) = field
                && values[field as usize].replace(value).is_some()
            {
                return Err(A::Error::custom(format!("{} is there twice", field.name())));
            }
        }
        Ok(values)
    }
}

/// Reads a name as the field that it means, and notes other names as ignored.
struct NameSeed<'d, 'o>(&'d mut RowSink<'o>);

impl<'de> DeserializeSeed<'de> for NameSeed<'_, '_> {
    type Value = Option<Field>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Option<Field>, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_, '_> {
    type Value = Option<Field>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<Field>, E> {
        let field = Field::from_name(name);
        if field.is_none() {
            self.0.ignored_column(name);
        }
        Ok(field)
    }
}

fn push_name(field: Field, line: &mut String) {
    line.extend([",\"", field.name(), "\":"]);
}

fn push_string(line: &mut String, push: impl FnOnce(&mut String)) {
    line.push('"');
    let start = line.len();
    push(line);
    if line.as_bytes()[start..].iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let plain = line.split_off(start);
        for letter in plain.chars() {
            match letter {
                '"' | '\\' => line.extend(['\\', letter]),
                '\0'..'\x20' => {
                    // Writing to a String cannot fail.
                    let _ = write!(line, "\\u{:04x}", letter as u32);
                }
                _ => line.push(letter),
            }
        }
    }
    line.push('"');
}

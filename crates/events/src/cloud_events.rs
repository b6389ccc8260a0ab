//! Events as CloudEvents 1.0 in JSON, one on each line (the structured mode), or as the elements of an array (a batch).
//!
//! What the specification has an attribute for stands in the envelope, and all other fields in `data`. `subject`,
//! `partitionkey` and `sequence` are for those who route or store events. They are not read, since intermediaries may
//! change or drop them.
//!
//! Decision D-110.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::dialect::Text;
use crate::event::{Event, Id};
use crate::fields::{FIELDS, Field, Texts, shown};
use crate::json_text::{field_text, push_string};
use crate::jsonl::{push_details, text_of};
use crate::members::members;
use crate::objects::ObjectReader;
use crate::outcome::ReadError;
use crate::row_sink::RowSink;
use crate::symbols::Symbols;
use crate::time::push_rfc3339;

const VERSION: &str = "1.0";
/// What the types of events begin with; the name of the kind follows.
const TYPE_PREFIX: &str = "flowbench.";

/// The attributes that are read, with the payload.
const ATTRIBUTES: [&str; 9] =
    ["specversion", "id", "source", "type", "time", "recordedtime", "idassigned", "data", "data_base64"];

/// The fields in the payload.
const DETAILS: [Field; 8] = [
    Field::Customer,
    Field::Order,
    Field::Product,
    Field::Value,
    Field::Country,
    Field::LoadTimeMs,
    Field::Rating,
    Field::Channel,
];

/// Writes events from one source, and numbers them.
#[derive(Debug)]
pub(crate) struct CloudEventLines {
    /// The source as a JSON string.
    source: String,
    /// The number of events so far.
    events: u64,
}

/// A line that has been read.
struct CloudEvent<'a> {
    source: Cow<'a, str>,
    fields: [Cow<'a, str>; FIELDS],
}

/// The attribute or field to blame for a bad line, and the reason.
type Wrong = (String, String);

impl CloudEventLines {
    /// Returns a writer of events from the source that this URI reference names.
    pub(crate) fn new(source: &str) -> CloudEventLines {
        let mut text = String::new();
        push_string(&mut text, |text| text.push_str(source));
        CloudEventLines { source: text, events: 0 }
    }

    /// Appends one event as a line.
    pub(crate) fn push(&mut self, event: &Event, symbols: &Symbols, line: &mut String) {
        self.events += 1;
        line.extend(["{\"specversion\":\"", VERSION, "\",\"id\":"]);
        // Writing to a String cannot fail.
        if event.event_id().is_absent() {
            let _ = write!(line, "\"row-{:020}\",\"idassigned\":true", self.events);
        } else {
            push_string(line, |line| symbols.push_event_id(event.event_id(), line));
        }
        line.extend([",\"source\":", &self.source, ",\"type\":\"", TYPE_PREFIX, event.kind().name(), "\""]);
        if let Some((prefix, id)) = subject(event) {
            push_attribute("subject", line, |line| {
                line.push_str(prefix);
                symbols.push_id(id, line);
            });
        }
        line.push_str(",\"time\":\"");
        push_rfc3339(event.event_time_ms(), line);
        line.push_str("\",\"recordedtime\":\"");
        push_rfc3339(event.arrival_time_ms(), line);
        line.push('"');
        if let Some(customer) = event.customer() {
            push_attribute("partitionkey", line, |line| symbols.push_id(customer, line));
        }
        let _ = write!(line, ",\"sequence\":\"{:020}\"", self.events);
        line.push_str(",\"datacontenttype\":\"application/json\",\"data\":{");
        push_details(event, symbols, line);
        line.push_str("}}\n");
    }
}

/// Returns true if the first object of a text has a `specversion`, so that they are CloudEvents. Lines before it that
/// are no objects do not count.
pub(crate) fn begins(sample: &[u8]) -> bool {
    let text = sample.trim_ascii_start();
    let found = match text {
        [b'[', first @ ..] => has_version(first),
        _ => text.split(|byte| matches!(byte, b'\n' | b'\r')).find_map(has_version),
    };
    found == Some(true)
}

/// Reads all objects, which are the lines that are not blank or the elements of an array.
pub(crate) fn read(input: Text, out: &mut RowSink) -> Result<(), ReadError> {
    let mut reader = ObjectReader::new(input);
    let mut source: Option<String> = None;
    let mut is_mixed = false;
    while let Some((line, object)) = reader.next().map_err(|source| out.interrupted(source))? {
        // A byte that is not text does not matter in a value that is not used.
        let object = object.map(String::from_utf8_lossy);
        let read = match &object {
            Ok(object) => cloud_event(object, matches!(object, Cow::Owned(_)), |name| out.ignored_column(name)),
            Err(reason) => Err((String::new(), (*reason).to_owned())),
        };
        match read {
            Ok(event) => {
                is_mixed |= *source.get_or_insert_with(|| event.source.to_string()) != event.source;
                let texts = Texts(std::array::from_fn(|at| &*event.fields[at]));
                out.row(line, &texts, name)?;
            }
            Err((column, reason)) => out.reject(line, &column, reason)?,
        }
    }
    if is_mixed {
        out.remark("the events come from several sources, and an id counts as the same whatever its source".to_owned());
    }
    Ok(())
}

/// Reads one object. `is_lossy` tells that bytes which are no text were replaced; `on_other` is called with each name in
/// the payload that is no field.
fn cloud_event<'a>(object: &'a str, is_lossy: bool, on_other: impl FnMut(&str)) -> Result<CloudEvent<'a>, Wrong> {
    if object.trim_ascii_start().starts_with('[') {
        return Err((String::new(), "it is a batch; write one event on each line, or one array only".to_owned()));
    }
    let found = members(object, ATTRIBUTES, |_| {}).map_err(|reason| (String::new(), reason))?;
    let [version, id, source, kind, time, recorded_time, id_assigned, data, binary] = found;
    let required = |name, value| required(name, value, is_lossy);
    let version = required("specversion", version)?;
    if version != VERSION {
        return wrong("specversion", format!("{} is not a version that can be read; {VERSION} is", shown(&version)));
    }
    let mut fields: [Cow<str>; FIELDS] = Default::default();
    let (id, source) = (required("id", id)?, required("source", source)?);
    if id_assigned.is_none_or(|value| value.get() != "true") {
        fields[Field::EventId as usize] = id;
    }
    fields[Field::Kind as usize] = kind_of(required("type", kind)?)?;
    fields[Field::EventTime as usize] = attribute("time", time, is_lossy)?;
    fields[Field::ArrivalTime as usize] = attribute("recordedtime", recorded_time, is_lossy)?;
    if binary.is_some_and(|value| value.get() != "null") {
        return wrong("data_base64", "binary data cannot be read; write it as JSON in data");
    }
    match data.map_or("null", RawValue::get) {
        "null" => {}
        data => take_details(data, &mut fields, is_lossy, on_other)?,
    }
    Ok(CloudEvent { source, fields })
}

/// Takes the fields in the payload.
fn take_details<'a>(
    data: &'a str,
    fields: &mut [Cow<'a, str>; FIELDS],
    is_lossy: bool,
    on_other: impl FnMut(&str),
) -> Result<(), Wrong> {
    if !data.starts_with('{') {
        return wrong("data", "expected an object, such as {\"customer\":\"7\"}; a mapping reads other data");
    }
    let values = members(data, DETAILS.map(Field::name), on_other).map_err(|reason| ("data".to_owned(), reason))?;
    for (field, value) in DETAILS.into_iter().zip(values) {
        if let Some(value) = value {
            fields[field as usize] = text_of(field, value.get(), is_lossy).map_err(|reason| (name(field), reason))?;
        }
    }
    Ok(())
}

/// Returns an attribute that each event has.
fn required<'a>(name: &str, value: Option<&'a RawValue>, is_lossy: bool) -> Result<Cow<'a, str>, Wrong> {
    let text = attribute(name, value, is_lossy)?;
    if text.is_empty() { wrong(name, "it is missing or empty, and each CloudEvent has one") } else { Ok(text) }
}

/// Returns an attribute, which is empty if it is missing or `null`.
fn attribute<'a>(name: &str, value: Option<&'a RawValue>, is_lossy: bool) -> Result<Cow<'a, str>, Wrong> {
    let Some(value) = value.map(RawValue::get) else { return Ok(Cow::Borrowed("")) };
    if value != "null" && !value.starts_with('"') {
        return wrong(name, "expected a text in quotes");
    }
    field_text(value, is_lossy).map_err(|reason| (name.to_owned(), reason))
}

/// Returns the text of the kind that a type means.
fn kind_of(name: Cow<'_, str>) -> Result<Cow<'_, str>, Wrong> {
    let kind = match &name {
        Cow::Borrowed(name) => name.strip_prefix(TYPE_PREFIX).map(Cow::Borrowed),
        Cow::Owned(name) => name.strip_prefix(TYPE_PREFIX).map(|kind| Cow::Owned(kind.to_owned())),
    };
    kind.map_or_else(|| wrong("type", format!("{} is not a type of ours, {OTHERS}", shown(&name))), Ok)
}

const OTHERS: &str = "such as flowbench.order_placed; a mapping reads events of others";

fn wrong<T>(name: &str, reason: impl Into<String>) -> Result<T, Wrong> {
    Err((name.to_owned(), reason.into()))
}

/// Returns the name of a field in messages.
fn name(field: Field) -> String {
    match field {
        Field::EventId => "id".to_owned(),
        Field::Kind => "type".to_owned(),
        Field::EventTime => "time".to_owned(),
        Field::ArrivalTime => "recordedtime".to_owned(),
        other => format!("data.{}", other.name()),
    }
}

/// Returns what an event is about, which is its order or else its product.
fn subject(event: &Event) -> Option<(&'static str, Id)> {
    let order = event.order().map(|order| ("order/", order));
    order.or_else(|| event.product().map(|product| ("product/", product)))
}

/// Appends an attribute unless its text has characters that the specification forbids.
fn push_attribute(name: &str, line: &mut String, push: impl FnOnce(&mut String)) {
    let before = line.len();
    line.extend([",\"", name, "\":"]);
    let mut is_allowed = true;
    push_string(line, |line| {
        let start = line.len();
        push(line);
        is_allowed = line[start..].chars().all(may_be_in_an_attribute);
    });
    if !is_allowed {
        line.truncate(before);
    }
}

/// Returns false for control characters and for what Unicode calls noncharacters.
fn may_be_in_an_attribute(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{fdd0}'..='\u{fdef}') && letter as u32 & 0xfffe != 0xfffe
}

/// Returns whether an object has a `specversion`, and `None` if the text does not begin with an object.
fn has_version(text: &[u8]) -> Option<bool> {
    let mut is_there = false;
    let mut json = serde_json::Deserializer::from_slice(text);
    let object = json.deserialize_map(Names(&mut is_there));
    (object.is_ok() || is_there).then_some(is_there)
}

/// Looks for the name of a member.
struct Names<'f>(&'f mut bool);

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<Cow<str>>()? {
            *self.0 |= name == ATTRIBUTES[0];
            object.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

//! CloudEvents 1.0: any event with its context attributes, and its JSON form.
//!
//! The specification is at <https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents>.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use thiserror::Error;

/// The version of the specification.
pub(crate) const VERSION: &str = "1.0";

/// An event of any type, from any source.
#[derive(Debug, Clone)]
pub struct CloudEvent {
    /// The id, which together with [`source`](Self::source) identifies the event.
    pub id: String,
    /// The URI reference of what the event comes from.
    pub source: String,
    /// The type, such as `flowbench.order_placed`.
    pub kind: String,
    /// Optional attributes and extensions by name, such as `time`, `subject` or `datacontenttype`.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The payload.
    pub data: Option<EventData>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// A text, which times and URIs are as well.
    Text(String),
    /// A number of 32 bits.
    Integer(i32),
    /// True or false.
    Boolean(bool),
}

/// The payload of an event.
#[derive(Debug, Clone)]
pub enum EventData {
    /// A value in JSON; for a content type that is text but not JSON, a string.
    Json(Box<RawValue>),
    /// Bytes that are no text.
    Binary(Vec<u8>),
}

/// Why something is no CloudEvent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{reason}", if attribute.is_empty() { String::new() } else { format!("{attribute}: ") })]
pub struct CloudEventError {
    /// The attribute to blame; empty if it is the whole event.
    pub attribute: String,
    /// What is wrong, with the likely fix.
    pub reason: String,
}

impl CloudEvent {
    /// Returns the length of the data in bytes.
    pub fn data_bytes(&self) -> usize {
        match &self.data {
            None => 0,
            Some(EventData::Json(json)) => json.get().len(),
            Some(EventData::Binary(bytes)) => bytes.len(),
        }
    }

    /// Returns an event without optional attributes and data.
    pub fn new(id: impl Into<String>, source: impl Into<String>, kind: impl Into<String>) -> CloudEvent {
        let (id, source, kind) = (id.into(), source.into(), kind.into());
        CloudEvent { id, source, kind, attributes: BTreeMap::new(), data: None }
    }

    /// Returns the value of a context attribute, required ones included.
    pub fn attribute(&self, name: &str) -> Option<AttributeValue> {
        let required = match name {
            "specversion" => VERSION,
            "id" => &self.id,
            "source" => &self.source,
            "type" => &self.kind,
            _ => return self.attributes.get(name).cloned(),
        };
        Some(AttributeValue::Text(required.to_owned()))
    }

    /// Returns an optional attribute that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads an event in structured mode, which is one JSON object.
    ///
    /// # Errors
    ///
    /// Returns what is missing, of a wrong type, or against the specification.
    pub fn from_json(text: &str) -> Result<CloudEvent, CloudEventError> {
        let mut members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(text).map_err(|error| wrong("", format!("not an object in JSON: {error}")))?;
        let version = required(&mut members, "specversion")?;
        if version != VERSION {
            return Err(wrong("specversion", format!("'{version}' is not a version that can be read; {VERSION} is")));
        }
        let mut event = CloudEvent::new(
            required(&mut members, "id")?,
            required(&mut members, "source")?,
            required(&mut members, "type")?,
        );
        event.data = payload(members.remove("data"), members.remove("data_base64"))?;
        for (name, value) in members {
            if value.get() == "null" {
                continue;
            }
            check_name(&name)?;
            let value = attribute_value(value.get()).ok_or_else(|| {
                wrong(&name, "an attribute is a text, a whole number of 32 bits, or true or false".to_owned())
            })?;
            event.attributes.insert(name, value);
        }
        event.check()?;
        Ok(event)
    }

    /// Returns the event in structured mode, as one line of JSON without a line end.
    pub fn to_json(&self) -> String {
        let mut object = Map::new();
        for (name, text) in [("specversion", VERSION), ("id", &self.id), ("source", &self.source), ("type", &self.kind)]
        {
            object.insert(name.to_owned(), text.into());
        }
        for (name, value) in &self.attributes {
            object.insert(name.clone(), value.to_json());
        }
        let mut line = Value::Object(object).to_string();
        let (name, value) = match &self.data {
            None => return line,
            // Outside of texts a line end is only space.
            Some(EventData::Json(value)) => ("data", value.get().replace(['\n', '\r'], " ")),
            Some(EventData::Binary(bytes)) => ("data_base64", format!("\"{}\"", STANDARD.encode(bytes))),
        };
        line.truncate(line.len() - 1);
        line.extend([",\"", name, "\":", &value, "}"]);
        line
    }

    /// Checks what all modes have in common.
    ///
    /// # Errors
    ///
    /// Returns the first attribute that is empty or has characters the specification forbids.
    pub(crate) fn check(&self) -> Result<(), CloudEventError> {
        for (name, text) in [("id", &self.id), ("source", &self.source), ("type", &self.kind)] {
            if text.is_empty() {
                return Err(wrong(name, "it is empty, and each CloudEvent has one".to_owned()));
            }
        }
        Ok(())
    }
}

impl AttributeValue {
    /// Returns the value as text, which is its canonical form in headers.
    pub fn to_text(&self) -> String {
        match self {
            AttributeValue::Text(text) => text.clone(),
            AttributeValue::Integer(number) => number.to_string(),
            AttributeValue::Boolean(truth) => truth.to_string(),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            AttributeValue::Text(text) => text.clone().into(),
            AttributeValue::Integer(number) => (*number).into(),
            AttributeValue::Boolean(truth) => (*truth).into(),
        }
    }
}

/// Checks the name of an extension: lower-case letters and digits only.
pub(crate) fn check_name(name: &str) -> Result<(), CloudEventError> {
    let is_allowed = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if is_allowed {
        return Ok(());
    }
    Err(wrong(name, "the name of an attribute is of lower-case letters and digits".to_owned()))
}

fn required(members: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Result<String, CloudEventError> {
    let value = members.remove(name).filter(|value| value.get() != "null");
    let value = value.ok_or_else(|| wrong(name, "it is missing, and each CloudEvent has one".to_owned()))?;
    serde_json::from_str(value.get()).map_err(|_| wrong(name, "expected a text in quotes".to_owned()))
}

fn payload(json: Option<Box<RawValue>>, binary: Option<Box<RawValue>>) -> Result<Option<EventData>, CloudEventError> {
    let binary = binary.filter(|value| value.get() != "null");
    match (json, binary) {
        (Some(_), Some(_)) => Err(wrong("data_base64", "an event has data or data_base64, not both".to_owned())),
        (Some(json), None) => Ok(Some(EventData::Json(json))),
        (None, None) => Ok(None),
        (None, Some(binary)) => {
            let text: String = serde_json::from_str(binary.get())
                .map_err(|_| wrong("data_base64", "expected a text in quotes".to_owned()))?;
            let bytes = STANDARD.decode(text).map_err(|error| wrong("data_base64", format!("not Base64: {error}")))?;
            Ok(Some(EventData::Binary(bytes)))
        }
    }
}

fn attribute_value(json: &str) -> Option<AttributeValue> {
    match serde_json::from_str(json).ok()? {
        Value::String(text) => Some(AttributeValue::Text(text)),
        Value::Bool(truth) => Some(AttributeValue::Boolean(truth)),
        Value::Number(number) => {
            number.as_i64().and_then(|number| i32::try_from(number).ok()).map(AttributeValue::Integer)
        }
        _ => None,
    }
}

pub(crate) fn wrong(attribute: &str, reason: String) -> CloudEventError {
    CloudEventError { attribute: attribute.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_after_writing_and_reading() {
        let text = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"flowbench.order_placed","count":3,"is":true,"subject":"order/7","data":{"value":"12.50"}}"#;
        let event = CloudEvent::from_json(text).unwrap();
        assert_eq!(event.attribute("count"), Some(AttributeValue::Integer(3)));
        assert_eq!(event.attribute("type"), Some(AttributeValue::Text("flowbench.order_placed".to_owned())));
        let again = CloudEvent::from_json(&event.to_json()).unwrap();
        assert_eq!(again.to_json(), event.to_json());
        assert!(event.to_json().ends_with(r#","data":{"value":"12.50"}}"#));
        let lines = text.replace("{\"value\"", "{\r\n \"value\"");
        assert!(!CloudEvent::from_json(&lines).unwrap().to_json().contains(['\n', '\r']));
    }

    #[test]
    fn what_is_no_event_says_why() {
        let wrong = |text: &str| CloudEvent::from_json(text).unwrap_err().to_string();
        assert!(wrong("7").starts_with("not an object in JSON"));
        assert!(wrong(r#"{"specversion":"0.3","id":"1","source":"/","type":"t"}"#).starts_with("specversion: '0.3'"));
        assert!(wrong(r#"{"specversion":"1.0","id":"","source":"/","type":"t"}"#).starts_with("id: it is empty"));
        assert!(
            wrong(r#"{"specversion":"1.0","id":"1","source":"/","type":"t","Big":"x"}"#).starts_with("Big: the name")
        );
        assert!(
            wrong(r#"{"specversion":"1.0","id":"1","source":"/","type":"t","x":1.5}"#).starts_with("x: an attribute")
        );
        assert!(
            wrong(r#"{"specversion":"1.0","id":"1","source":"/","type":"t","data_base64":"%"}"#).contains("Base64")
        );
    }
}

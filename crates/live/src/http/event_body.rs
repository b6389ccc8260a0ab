//! What a posted body holds: one CloudEvent, a batch of them, or lines of the interchange format.
//!
//! Decision D-618.

use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cloud_event::CloudEvent;
use crate::http::binary_mode;
use crate::http::json_depth::check_depth;
use crate::http::limits::HttpLimits;
use crate::http::refusal::Refusal;
use crate::intake::{Offered, RejectedOffer};

/// The types of bodies that are taken, for those who sent another one.
const TAKEN: &str = "application/cloudevents+json (one event), application/cloudevents-batch+json (an array of events), \
                     application/x-ndjson or application/jsonl (an event a line), or any type with the headers of \
                     binary mode (ce-specversion, ce-id, ce-source, ce-type); all in UTF-8 and not compressed";

/// How events are laid out in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Attributes in headers, the payload in the body.
    Binary,
    /// One event in JSON.
    Structured,
    /// An array of events in JSON.
    Batch,
    /// JSON Lines.
    Lines,
}

/// The events of a body, those that could be read apart from those that could not.
#[derive(Debug, Default)]
pub(crate) struct EventBody {
    /// What can be offered.
    pub(crate) offers: Vec<Offered>,
    /// The index of each offer in the body, from 0.
    pub(crate) indexes: Vec<usize>,
    /// What could not be read.
    pub(crate) rejects: Vec<RejectedOffer>,
}

/// A line of JSON, of which only this matters.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    specversion: Option<&'a RawValue>,
}

impl Layout {
    /// Tells the layout from the headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Layout, Refusal> {
        let is_plain = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !is_plain(value)) {
            return Err(unsupported("a compressed body"));
        }
        if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
            return Err(unsupported("a body of two types"));
        }
        let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("not in ASCII"));
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        let (media_type, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
        let layout = match media_type.trim() {
            "application/cloudevents+json" => Layout::Structured,
            "application/cloudevents-batch+json" => Layout::Batch,
            other if other.starts_with("application/cloudevents") => return Err(unsupported(other)),
            _ if binary_mode::has_attributes(headers) => return Ok(Layout::Binary),
            "application/x-ndjson" | "application/jsonl" => Layout::Lines,
            "" => return Err(unsupported("a body without Content-Type")),
            other => return Err(unsupported(other)),
        };
        if is_utf8(parameters) { Ok(layout) } else { Err(unsupported(&content_type)) }
    }
}

impl EventBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Refuses it if it is not what its type says, or has too many events.
    pub(crate) fn read(
        layout: Layout,
        headers: &HeaderMap,
        body: &[u8],
        limits: &HttpLimits,
    ) -> Result<EventBody, Refusal> {
        let mut events = EventBody::default();
        match layout {
            Layout::Binary => {
                let event = binary_mode::read_event(headers, body, limits.depth);
                events.take(0, event.map(offered).map_err(|error| error.to_string()));
            }
            Layout::Structured => events.take(0, utf8(body).and_then(|text| read_event(text, limits.depth))),
            Layout::Batch => {
                let batch: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
                    Refusal::new(StatusCode::BAD_REQUEST, format!("a batch is a JSON array of events: {error}"))
                })?;
                check_count(batch.len(), limits.batch_events, "events")?;
                for (index, event) in batch.into_iter().enumerate() {
                    events.take(index, read_event(event.get(), limits.depth));
                }
            }
            Layout::Lines => {
                let lines = || body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                check_count(lines().count(), limits.batch_lines, "lines")?;
                for (index, line) in lines().enumerate() {
                    events.take(index, utf8(line).and_then(|line| read_line(line, limits.depth)));
                }
            }
        }
        Ok(events)
    }

    fn take(&mut self, index: usize, offer: Result<Offered, String>) {
        match offer {
            Ok(offer) => {
                self.offers.push(offer);
                self.indexes.push(index);
            }
            Err(reason) => self.rejects.push(RejectedOffer { index, reason }),
        }
    }
}

fn read_event(json: &str, depth_max: usize) -> Result<Offered, String> {
    check_depth(json, depth_max)?;
    CloudEvent::from_json(json).map(offered).map_err(|error| error.to_string())
}

/// Reads a line: an event if it says the version of the specification, and otherwise one without envelope.
fn read_line(line: &str, depth_max: usize) -> Result<Offered, String> {
    let line = line.trim();
    check_depth(line, depth_max)?;
    if !line.starts_with('{') {
        return Err("a line is an object in JSON".to_owned());
    }
    let parsed: Line<'_> = serde_json::from_str(line).map_err(|error| format!("not an object in JSON: {error}"))?;
    match parsed.specversion {
        Some(_) => read_event(line, depth_max),
        None => Ok(Offered::Line(line.to_owned())),
    }
}

fn offered(event: CloudEvent) -> Offered {
    Offered::Event(Box::new(event))
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))
}

/// Returns true if the parameters of a type name no other encoding than UTF-8.
fn is_utf8(parameters: &str) -> bool {
    let charset = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim() == "charset").then(|| value.trim().trim_matches('"').to_owned())
    };
    parameters.split(';').filter_map(charset).all(|charset| matches!(&*charset, "utf-8" | "utf8" | "us-ascii"))
}

fn check_count(count: usize, max: usize, what: &str) -> Result<(), Refusal> {
    if count <= max {
        return Ok(());
    }
    let reason = format!("a body has at most {max} {what}, not {count}; send several");
    Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason))
}

fn unsupported(what: &str) -> Refusal {
    let what: String = what.chars().take(100).collect();
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{what} cannot be read; what can: {TAKEN}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Something that may stand in a body: events, what resembles them, and noise.
    fn item() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":[1]}}"#.to_owned()),
            Just(r#"{"specversion":"1.0","id":""}"#.to_owned()),
            Just(r#"{"event":"order"}"#.to_owned()),
            "[ -~]{1,12}".prop_filter("a blank line is none", |text| !text.trim().is_empty()),
            Just(format!("{}{}", "[".repeat(70), "]".repeat(70))),
        ]
    }

    fn indexes(body: &EventBody) -> Vec<usize> {
        let mut indexes: Vec<usize> = body.rejects.iter().map(|reject| reject.index).collect();
        indexes.extend(&body.indexes);
        indexes.sort_unstable();
        indexes
    }

    proptest! {
        #[test]
        fn each_line_is_offered_or_rejected_under_its_index(items in prop::collection::vec(item(), 0..12)) {
            let text = items.join("\n");
            let body = EventBody::read(Layout::Lines, &HeaderMap::new(), text.as_bytes(), &HttpLimits::default()).unwrap();
            prop_assert_eq!(body.offers.len(), body.indexes.len());
            prop_assert_eq!(indexes(&body), (0..items.len()).collect::<Vec<_>>());
        }

        #[test]
        fn no_body_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), layout in 0..4) {
            let layout = [Layout::Binary, Layout::Structured, Layout::Batch, Layout::Lines][layout as usize];
            let _ = EventBody::read(layout, &HeaderMap::new(), &bytes, &HttpLimits::default());
        }
    }
}

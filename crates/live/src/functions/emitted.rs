//! What functions emit, made into events.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::cloud_event::{AttributeValue, CloudEvent};

use super::batch::Batch;
use super::instance::BatchFailure;

/// Returns the events a function emitted for a batch. What the function left out is given: `specversion`, `source` as in
/// `/functions/orders.count`, and an `id` by which the same batch gives the same ids again. Each has come through one
/// function more than any event of the batch.
///
/// # Errors
///
/// Returns the first of them that is no CloudEvent.
pub(super) fn events(emitted: &[Vec<u8>], function: &str, batch: &Batch) -> Result<Vec<CloudEvent>, BatchFailure> {
    let event = |(index, json): (usize, &Vec<u8>)| {
        let id = format!("{}-{}-{index}", batch.start.0, batch.end.0);
        let mut event = event(json, &id, function).map_err(|reason| BatchFailure::BadEmit { index, reason })?;
        event.attributes.insert("hops".to_owned(), AttributeValue::Integer(batch.hops.saturating_add(1)));
        Ok(event)
    };
    emitted.iter().enumerate().map(event).collect()
}

fn event(json: &[u8], id: &str, function: &str) -> Result<CloudEvent, String> {
    let text = std::str::from_utf8(json).map_err(|error| format!("it is not text in UTF-8: {error}"))?;
    let mut members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(text).map_err(|error| format!("it is not an object in JSON: {error}"))?;
    members.retain(|name, value| name != "hops" && value.get() != "null");
    for (name, value) in [("specversion", "1.0"), ("id", id), ("source", &format!("/functions/{function}"))] {
        if !members.contains_key(name) {
            let value = serde_json::value::to_raw_value(value).map_err(|error| error.to_string())?;
            members.insert(name.to_owned(), value);
        }
    }
    let complete = serde_json::to_string(&members).map_err(|error| error.to_string())?;
    CloudEvent::from_json(&complete).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Cursor;

    fn emitted(texts: &[&[u8]]) -> Result<Vec<CloudEvent>, BatchFailure> {
        let batch = Batch { lines: Vec::new(), events: 3, refused: 0, hops: 2, start: Cursor(40), end: Cursor(43) };
        events(&texts.iter().map(|text| text.to_vec()).collect::<Vec<_>>(), "orders.count", &batch)
    }

    #[test]
    fn what_is_missing_is_given_and_what_is_there_stays() {
        let events = emitted(&[
            br#"{"type":"counted","data":{"n":100}}"#,
            br#"{"specversion":"1.0","id":"mine","source":"/mine","type":"t","hops":"x","subject":"s"}"#,
        ])
        .unwrap();
        assert_eq!(
            events[0].to_json(),
            r#"{"hops":3,"id":"40-43-0","source":"/functions/orders.count","specversion":"1.0","type":"counted","data":{"n":100}}"#
        );
        assert_eq!(
            events[1].to_json(),
            r#"{"hops":3,"id":"mine","source":"/mine","specversion":"1.0","subject":"s","type":"t"}"#
        );
    }

    #[test]
    fn what_is_no_event_says_which_and_why() {
        let wrong = |text: &[u8]| emitted(&[br#"{"type":"t"}"#, text]).unwrap_err().to_string();
        assert!(wrong(b"\xff").contains("event 1 that it emitted is no CloudEvent: it is not text in UTF-8"));
        assert!(wrong(b"[1]").contains("not an object in JSON"));
        assert!(wrong(b"{}").contains("type: it is missing"));
        assert!(wrong(br#"{"type":"t","Big":1}"#).contains("Big: the name of an attribute"));
        assert!(wrong(br#"{"type":"t","specversion":"0.3"}"#).contains("specversion: '0.3'"));
    }
}

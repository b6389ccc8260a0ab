//! The newest events of any types, as a list.

use std::collections::VecDeque;

use flowbench_events::parse_rfc3339_ms;
use serde_json::Value;

use crate::cloud_event::{CloudEvent, EventData};
use crate::shortened::shortened;
use crate::wall::content::ListedEvent;
use crate::wall::row::{takes_back, text};

/// Characters of the words about an event at most.
const WORDS_MAX: usize = 120;

/// The newest events, the newest first.
pub(super) struct NewestEvents {
    last: usize,
    events: VecDeque<ListedEvent>,
}

impl NewestEvents {
    pub(super) fn new(last: usize) -> NewestEvents {
        NewestEvents { last, events: VecDeque::new() }
    }

    /// Puts an event behind those that are newer; one without a time is as new as it can be.
    pub(super) fn take(&mut self, event: &CloudEvent) {
        let listed = listed(event);
        let is_newer = |other: &ListedEvent| listed.time_ms.is_some() && other.time_ms > listed.time_ms;
        let at = self.events.iter().position(|other| !is_newer(other)).unwrap_or(self.events.len());
        self.events.insert(at, listed);
        self.events.truncate(self.last);
    }

    pub(super) fn list(&self) -> Vec<ListedEvent> {
        self.events.iter().cloned().collect()
    }

    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.events.iter().filter_map(|event| event.time_ms).max()
    }
}

fn listed(event: &CloudEvent) -> ListedEvent {
    let data = match &event.data {
        Some(EventData::Json(data)) => serde_json::from_str(data.get()).ok().map(|value: Value| in_words(&value)),
        _ => None,
    };
    let subject = event.text("subject").map(str::to_owned);
    let words: Vec<String> = [subject, data].into_iter().flatten().filter(|words| !words.is_empty()).collect();
    ListedEvent {
        time_ms: event.text("time").and_then(|time| parse_rfc3339_ms(time).ok()),
        kind: shortened(&event.kind, 80),
        words: shortened(&words.join(": "), WORDS_MAX),
        takes_back: takes_back(event),
    }
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Object(columns) => {
            let pairs = columns.iter().filter_map(|(name, value)| Some(format!("{name} {}", text(value)?)));
            pairs.take(12).collect::<Vec<_>>().join(", ")
        }
        other => text(other).unwrap_or_default(),
    }
}

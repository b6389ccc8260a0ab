//! A rule: its condition, its place in its feed, and what it emits.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowbench_live::{
    AttributeValue, CloudEvent, Cursor, EMISSION_BYTES_MAX, Emissions, EventData, EventQueue, EventSink,
    refused_emissions,
};
use flowbench_pipelines::plan::RowCondition;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// What is shown of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleState {
    /// The name.
    pub name: String,
    /// The feed it watches.
    pub feed: String,
    /// The position of the next event.
    pub cursor: u64,
    /// Events it has looked at in this session.
    pub seen: u64,
    /// Events it has emitted in this session.
    pub emitted: u64,
    /// Events it has emitted that the session refused.
    pub rejected: u64,
    /// Events it could not look at, because its feed no longer kept them.
    pub missed: u64,
}

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    pub(super) name: String,
    pub(super) on: String,
    pub(super) when: String,
    pub(super) emit: String,
    pub(super) data: Option<Vec<String>>,
}

/// A rule that runs.
pub(super) struct Rule {
    pub(super) text: RuleText,
    condition: RowCondition,
    queue: Arc<EventQueue>,
    pub(super) emissions: Emissions,
    pub(super) state: RuleState,
}

/// An event that has come through as many rules and functions goes through no other.
const HOPS_MAX: i32 = 8;

/// Events a rule looks at before the next one has its turn.
const BATCH: usize = 1_000;

impl Rule {
    /// Returns a rule that begins at a position of its feed.
    pub(super) fn new(text: RuleText, condition: RowCondition, queue: Arc<EventQueue>, cursor: u64) -> Rule {
        let state = RuleState {
            name: text.name.clone(),
            feed: text.on.clone(),
            cursor,
            seen: 0,
            emitted: 0,
            rejected: 0,
            missed: 0,
        };
        Rule { text, condition, queue, emissions: Emissions::default(), state }
    }

    /// Lets it begin with what comes next.
    pub(super) fn begin(&mut self) {
        self.state.cursor = self.queue.end().0;
    }

    /// Returns the position to go on from after a crash.
    pub(super) fn kept_cursor(&mut self) -> u64 {
        self.settle();
        self.emissions.kept_cursor(Cursor(self.state.cursor)).0
    }

    /// Returns true if there are receipts to wait for.
    pub(super) fn is_waiting(&mut self) -> bool {
        self.settle();
        self.emissions.is_waiting()
    }

    pub(super) fn cursor_name(&self) -> String {
        cursor_name(&self.state.name, &self.state.feed)
    }

    /// Looks what of that which was emitted is recorded by now.
    fn settle(&mut self) {
        if let Some((events, reason)) = refused_emissions(&self.emissions.settle()) {
            self.state.rejected += events;
            log::warn!("rule {}: an event that it emitted was refused: {reason}", self.state.name);
        }
    }

    /// Looks at the next events, and offers what it emits for them. Returns true if there were any.
    pub(super) fn run(&mut self, sink: &EventSink) -> bool {
        self.settle();
        if self.emissions.is_full() {
            return false;
        }
        let (oldest, end) = (self.queue.oldest().0, self.queue.end().0);
        if self.state.cursor > end {
            self.state.cursor = oldest; // of another recording
        }
        self.state.missed += oldest.saturating_sub(self.state.cursor);
        let start = self.state.cursor.max(oldest);
        let Ok(events) = self.queue.read(Cursor(start), BATCH) else { return false };
        let (mut emitted, mut bytes, mut next) = (Vec::new(), 0, start);
        for queued in &events {
            if bytes >= EMISSION_BYTES_MAX {
                break;
            }
            if let Some(event) = self.answer(&queued.event, queued.position) {
                bytes += event.data_bytes();
                emitted.push(event);
            }
            next = queued.position + 1;
        }
        let count = emitted.len() as u64;
        if count > 0 && !self.emissions.offer(Cursor(start), emitted, sink) {
            return false;
        }
        self.state.emitted += count;
        self.state.seen += next - start;
        self.state.cursor = next;
        next > start
    }

    /// Returns what the rule emits for an event, unless it takes an answer back: what was told cannot be untold. Its id is
    /// the position, so it counts once however often it is emitted.
    fn answer(&self, event: &CloudEvent, position: u64) -> Option<CloudEvent> {
        let hops = match event.attributes.get("hops") {
            Some(AttributeValue::Integer(hops)) => *hops,
            _ => 0,
        };
        let data = members(event);
        let cell = |name: &str| match data.get(name) {
            Some(value) => Some(text_of(value)),
            None => event.attribute(name).map(|value| value.to_text()),
        };
        let takes_back = event.attributes.get("change") == Some(&AttributeValue::Integer(-1));
        if takes_back || hops >= HOPS_MAX || !self.condition.holds(&cell) {
            return None;
        }
        let RuleText { name, on, emit, data: wanted, .. } = &self.text;
        let mut emitted = CloudEvent::new(format!("{on}-{position}"), format!("/flowbench/rules/{name}"), emit);
        if let Some(time) = event.attributes.get("time") {
            emitted.attributes.insert("time".to_owned(), time.clone());
        }
        emitted.attributes.insert("hops".to_owned(), AttributeValue::Integer(hops + 1));
        let chosen: BTreeMap<&str, serde_json::Value> = match wanted {
            None => {
                data.iter().filter_map(|(name, value)| Some((*name, serde_json::from_str(value.get()).ok()?))).collect()
            }
            Some(wanted) => wanted.iter().filter_map(|name| Some((name.as_str(), cell(name)?.into()))).collect(),
        };
        emitted.data = to_raw_value(&chosen).ok().map(EventData::Json);
        Some(emitted)
    }
}

/// Returns the name of a cursor: a rule that watches another feed begins anew.
pub(super) fn cursor_name(rule: &str, feed: &str) -> String {
    format!("{rule} on {feed}")
}

/// Returns the members of the payload, if it is an object.
fn members(event: &CloudEvent) -> BTreeMap<&str, &RawValue> {
    match &event.data {
        Some(EventData::Json(json)) => serde_json::from_str(json.get()).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}

/// Returns a value as a cell: a text without its quotes, and anything else as it is written.
fn text_of(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

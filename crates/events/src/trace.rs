//! Events in arrival order.

use crate::digest::TraceDigest;
use crate::event::Event;
use crate::symbols::Symbols;

/// What a run is fed: events in arrival order with their text.
///
/// Readers keep the order of the file; the order *is* the arrival order, whatever the arrival times say.
#[derive(Debug, Default, Clone)]
pub struct Trace {
    /// In arrival order.
    pub events: Vec<Event>,
    /// The text behind the ids.
    pub symbols: Symbols,
}

impl Trace {
    /// The digest that identifies this trace.
    pub fn digest(&self) -> String {
        let mut digest = TraceDigest::default();
        digest.update(&self.events, &self.symbols);
        digest.finish()
    }

    /// The slack that loses nothing: how far the newest event time ever ran ahead of an arriving event, in ms.
    pub fn slack_to_lose_nothing_ms(&self) -> i64 {
        let mut newest = i64::MIN;
        let mut slack = 0;
        for event in &self.events {
            newest = newest.max(event.event_time_ms());
            slack = slack.max(newest - event.event_time_ms());
        }
        slack
    }
}

//! Events in arrival order.

use crate::digest::TraceDigest;
use crate::event::Event;
use crate::symbols::Symbols;

/// Events in arrival order, with their texts.
///
/// The order of a file is the arrival order, whatever its arrival times say.
#[derive(Debug, Default, Clone)]
pub struct Trace {
    /// The events in arrival order.
    pub events: Vec<Event>,
    /// The texts of the ids.
    pub symbols: Symbols,
}

impl Trace {
    /// Returns the digest that identifies this trace, as 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut digest = TraceDigest::default();
        digest.update(&self.events, &self.symbols);
        digest.finish()
    }

    /// Returns the smallest slack in ms with which no event is late, which is the maximum by which an arriving event
    /// was older than the newest event time.
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

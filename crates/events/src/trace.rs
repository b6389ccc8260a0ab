//! Events in arrival order.

use crate::digest::TraceDigest;
use crate::event::Event;
use crate::recording::Recording;
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
    /// What the session that recorded it live says beside its events.
    pub recording: Recording,
}

impl Trace {
    /// Returns the digest that identifies this trace, as 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut digest = TraceDigest::default();
        digest.update(&self.events, &self.symbols);
        digest.finish()
    }
}

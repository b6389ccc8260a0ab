//! How far event time has come.

/// How far event time has come when some epochs are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventTimeProgress {
    /// No event below this will come that is not late.
    pub watermark_ms: i64,
    /// The watermark without the slack: where it would be if nothing were out of order.
    pub ahead_ms: i64,
    /// The newest event time that has come.
    pub newest_ms: i64,
    /// The number of deliveries of the trace that have arrived.
    pub deliveries: i64,
    /// What is still to come arrives at this time or later, in ms.
    pub arrivals_from_ms: i64,
}

impl EventTimeProgress {
    pub(crate) const NOTHING: EventTimeProgress = EventTimeProgress::all(i64::MIN);
    pub(crate) const EVERYTHING: EventTimeProgress = EventTimeProgress::all(i64::MAX);

    const fn all(at: i64) -> EventTimeProgress {
        EventTimeProgress { watermark_ms: at, ahead_ms: at, newest_ms: at, deliveries: at, arrivals_from_ms: at }
    }
}

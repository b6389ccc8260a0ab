//! What was done with each token.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counts of one token that grow while the service runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    accepted: AtomicU64,
    denied: AtomicU64,
    events_in: AtomicU64,
    events_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// What was done with one token since the service began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TokenCounts {
    /// Requests that were let in.
    pub accepted: u64,
    /// Requests that were refused: unknown, revoked or expired token, or one without the scope.
    pub denied: u64,
    /// Events that were posted and accepted.
    pub events_in: u64,
    /// Events that were handed out by feeds.
    pub events_out: u64,
    /// Bytes of the bodies that were posted.
    pub bytes_in: u64,
    /// Bytes that feeds handed out.
    pub bytes_out: u64,
}

impl Tally {
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn deny(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn take_in(&self, events: usize, bytes: usize) {
        self.events_in.fetch_add(events as u64, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn hand_out(&self, events: usize, bytes: usize) {
        self.events_out.fetch_add(events as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> TokenCounts {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TokenCounts {
            accepted: count(&self.accepted),
            denied: count(&self.denied),
            events_in: count(&self.events_in),
            events_out: count(&self.events_out),
            bytes_in: count(&self.bytes_in),
            bytes_out: count(&self.bytes_out),
        }
    }
}

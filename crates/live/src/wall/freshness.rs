//! How far answers are behind arrivals.
//!
//! Decision D-653.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The newest arrival and the newest one that is fully answered, in ms of the wall clock since the Unix epoch.
///
/// Whoever takes events in calls [`arrived`](Self::arrived), and [`answered`](Self::answered) once the answers to all
/// arrivals up to a time are in their queues.
#[derive(Debug, Default)]
pub struct Freshness {
    arrivals: Mutex<Arrivals>,
}

/// Arrivals and answers at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Arrivals {
    arrived_ms: Option<i64>,
    pub(super) answered_ms: Option<i64>,
    /// The events of the trace whose answers are in their queues.
    pub(super) answered_events: u64,
    /// The first arrival after the last time at which all were answered.
    busy_since_ms: i64,
}

impl Freshness {
    /// Notes that an event has arrived at this time.
    pub fn arrived(&self, at_ms: i64) {
        let mut arrivals = self.lock();
        if arrivals.arrived_ms <= arrivals.answered_ms {
            arrivals.busy_since_ms = at_ms;
        }
        arrivals.arrived_ms = arrivals.arrived_ms.max(Some(at_ms));
    }

    /// Notes that the answers to everything that arrived up to this time, the first `events` of the trace, are in their
    /// queues.
    pub fn answered(&self, up_to_ms: i64, events: u64) {
        let mut arrivals = self.lock();
        arrivals.answered_ms = arrivals.answered_ms.max(Some(up_to_ms));
        arrivals.answered_events = arrivals.answered_events.max(events);
    }

    /// Returns the number of events of the trace whose answers are in their queues.
    pub fn answered_events(&self) -> u64 {
        self.lock().answered_events
    }

    pub(super) fn now(&self) -> Arrivals {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrivals {
    /// Returns the age of the oldest arrival whose answers are not shown, in ms, where answers up to `shown_ms` are: 0 if
    /// all are, `None` before the first arrival.
    pub(super) fn behind_ms(self, shown_ms: Option<i64>, now_ms: i64) -> Option<i64> {
        let arrived_ms = self.arrived_ms?;
        if shown_ms.is_some_and(|shown_ms| shown_ms >= arrived_ms) {
            return Some(0);
        }
        let is_idle_before = shown_ms == self.answered_ms;
        let since_ms = match shown_ms {
            Some(shown_ms) if !is_idle_before => shown_ms,
            Some(shown_ms) => shown_ms.max(self.busy_since_ms),
            None => self.busy_since_ms,
        };
        Some((now_ms - since_ms).max(0))
    }

    /// Returns for how long nothing has arrived, in ms; `None` before the first arrival.
    pub(super) fn quiet_ms(self, now_ms: i64) -> Option<i64> {
        self.arrived_ms.map(|arrived_ms| (now_ms - arrived_ms).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_answered_is_not_behind_however_long_nothing_comes() {
        let freshness = Freshness::default();
        assert_eq!((freshness.now().behind_ms(None, 5), freshness.now().quiet_ms(5)), (None, None));
        freshness.arrived(1_000);
        assert_eq!(freshness.now().behind_ms(None, 1_300), Some(300));
        freshness.answered(1_000, 1);
        assert_eq!(freshness.now().behind_ms(Some(1_000), 61_000), Some(0));
        assert_eq!(freshness.now().quiet_ms(61_000), Some(60_000));
        // The pause does not count for what comes after it.
        freshness.arrived(60_900);
        freshness.arrived(60_950);
        assert_eq!(freshness.now().behind_ms(Some(1_000), 61_000), Some(100));
        freshness.answered(60_900, 2);
        assert_eq!(freshness.now().behind_ms(Some(60_900), 61_000), Some(100));
        // Answers that are there and not shown yet count as not there.
        freshness.answered(60_950, 3);
        assert_eq!(freshness.now().behind_ms(Some(60_900), 62_000), Some(1_100));
    }
}

//! How far somebody has come on a way of several steps that must be taken within a time.

use serde::{Deserialize, Serialize};

use crate::logic::EMPTY_STATE;

/// The open way of a key, in 8 bytes: when it began, and how many steps are taken (0: none is open).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Progress(i64);

impl Progress {
    /// How many steps a way has at most.
    pub(crate) const STEPS_MAX: usize = 15;

    fn new(start_ms: i64, taken: usize) -> Self {
        Self(start_ms << 4 | taken as i64)
    }

    fn start_ms(self) -> i64 {
        self.0 >> 4
    }

    fn taken(self) -> usize {
        (self.0 & 15) as usize
    }

    /// Takes the next step if an event is that, and returns its number from 1 on and the time since the first one, ms.
    /// After the last step, and after `within_ms`, the next event may begin again.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        event_time_ms: i64,
        within_ms: i64,
        steps: usize,
        is_next: impl FnOnce(usize) -> bool,
    ) -> Option<(usize, i64)> {
        if event_time_ms > self.expires_at_ms(within_ms) {
            *self = Self::default();
        }
        let taken = self.taken();
        if !is_next(taken) {
            return None;
        }
        let start_ms = if taken == 0 { event_time_ms } else { self.start_ms() };
        let is_complete = taken + 1 == steps;
        *self = if is_complete { Self::default() } else { Self::new(start_ms, taken + 1) };
        Some((taken + 1, event_time_ms - start_ms))
    }

    /// Returns the last event time at which a next step is in time.
    #[inline]
    pub(crate) fn expires_at_ms(self, within_ms: i64) -> i64 {
        if self.taken() == 0 { EMPTY_STATE } else { self.start_ms().saturating_add(within_ms) }
    }
}

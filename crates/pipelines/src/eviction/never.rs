//! Forget nothing.
//!
//! Decision D-024.

use super::policy::{AfterExpiry, EvictionPolicy};

/// Keeps every state forever. Where expiry gives answers (timers), they are given when due, and the empty state is
/// set aside instead of dropped: a later event of the key starts afresh, as it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Never;

impl EvictionPolicy for Never {
    const NAME: &'static str = "never";
    const SUMMARY: &'static str = "forget nothing; timers still answer when they are due";
    const EXPLANATION: &'static str = "Every state is kept to the end of the run, needed or not. Timers answer when they \
        are due, and what they leave behind is set aside. Memory grows with the number of keys that have come, and \
        where states end by a timer or an event (sessions, orders), with the number of states. Of evictions, \
        only timers take time, and their states are counted as forgotten when they are set aside: the others are \
        compared with it.";
    const DEFAULT: Self = Self;

    fn serves(self) -> &'static str {
        "serves; memory grows with the keys that have come"
    }

    fn retention_ms(self, _needed_ms: Option<i64>) -> Option<i64> {
        None
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::Retire
    }
}

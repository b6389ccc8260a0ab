//! Forget a state when its key is touched after its expiry.

use super::policy::{AfterExpiry, EvictionPolicy};

/// Does nothing until an event comes: one that finds an expired state drops it and starts afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lazy;

impl EvictionPolicy for Lazy {
    const NAME: &'static str = "lazy";
    const SUMMARY: &'static str = "forget an expired state when its key is touched; timers answer when they are due";
    const EXPLANATION: &'static str = "An expired state stays until the next event of its key, which drops it and starts \
        afresh. Nothing is scheduled but timers, which answer when they are due. A key that never comes back is never \
        forgotten: memory is bounded only where the keys are.";
    const DEFAULT: Self = Self;

    fn serves(self) -> &'static str {
        "serves, and is exact; keys that never come back are kept"
    }

    fn retention_ms(self, _needed_ms: Option<i64>) -> Option<i64> {
        None
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::Leave
    }
}

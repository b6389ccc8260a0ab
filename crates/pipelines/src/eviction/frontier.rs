//! Forget a state exactly when the watermark passes its expiry.

use super::policy::{AfterExpiry, EvictionPolicy};

/// Keeps live states only, at the cost of one scheduled key per live state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frontier;

impl EvictionPolicy for Frontier {
    const NAME: &'static str = "frontier";
    const SUMMARY: &'static str = "forget a state exactly when the watermark passes its expiry";
    const EXPLANATION: &'static str = "A state is dropped at the first advance of the watermark that passes its expiry, \
        and not before: what is held is what an event may still need. The key of every state stands in a calendar of \
        buckets of event time, of 65.5 s or wider. When its turn comes, the state is asked for its exact expiry, and scheduled \
        again if that has become later.";
    const DEFAULT: Self = Self;

    fn serves(self) -> &'static str {
        "serves, and is exact: keeps what may still be needed"
    }

    fn is_by_compaction(self) -> bool {
        true
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::Forget
    }
}

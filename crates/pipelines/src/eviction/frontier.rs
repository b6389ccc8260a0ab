//! Forget a state exactly when the watermark passes its expiry.

use super::expiry_queue::ExpiryQueue;
use super::policy::{EvictionPolicy, Evictor};
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Expired, States};

/// Keeps live states only, at the cost of one scheduled key per live state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frontier;

impl EvictionPolicy for Frontier {
    const NAME: &'static str = "frontier";
    const SUMMARY: &'static str = "forget a state exactly when the watermark passes its expiry";
    const DEFAULT: Self = Self;

    type Evictor<M: KeyedStateMachine> = Expiry<M>;

    fn serves(self) -> &'static str {
        "serves, and is exact: keeps what may still be needed"
    }

    fn is_by_compaction(self) -> bool {
        true
    }

    fn evictor<M: KeyedStateMachine>(self) -> Expiry<M> {
        Expiry { queue: ExpiryQueue::default() }
    }
}

/// Drops states as they expire.
pub struct Expiry<M: KeyedStateMachine> {
    queue: ExpiryQueue<M::Key>,
}

impl<M: KeyedStateMachine> Evictor<M> for Expiry<M> {
    fn created(&mut self, key: M::Key, expires_at_ms: i64) {
        self.queue.schedule(key, expires_at_ms);
    }

    fn rescheduled(&mut self, key: M::Key, expires_at_ms: i64) {
        self.queue.reschedule(key, expires_at_ms);
    }

    fn cleared(&mut self, _key: M::Key, _state: M::State) {
        self.queue.allow_duplicates();
    }

    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>) {
        while let Some(key) = self.queue.next_due(until_ms) {
            if let Some(Expired::Keep(expires_at_ms)) = states.expire(key, until_ms, out) {
                self.queue.schedule(key, expires_at_ms);
            }
        }
        states.shrink();
    }
}

//! Forget a state exactly when the watermark passes its expiry.

use super::Eviction;
use super::expiry_queue::ExpiryQueue;
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Expired, States};

/// Keeps live states only, at the cost of one scheduled key per live state.
pub struct Frontier<M: KeyedStateMachine> {
    queue: ExpiryQueue<M::Key>,
}

impl<M: KeyedStateMachine> Default for Frontier<M> {
    fn default() -> Self {
        Self { queue: ExpiryQueue::default() }
    }
}

impl<M: KeyedStateMachine> Eviction<M> for Frontier<M> {
    fn schedule(&mut self, key: M::Key, expires_at_ms: i64) {
        self.queue.schedule(key, expires_at_ms);
    }

    fn reschedule(&mut self, key: M::Key, expires_at_ms: i64) {
        self.queue.reschedule(key, expires_at_ms);
    }

    fn spent(&mut self, _key: M::Key, _state: M::State) {
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

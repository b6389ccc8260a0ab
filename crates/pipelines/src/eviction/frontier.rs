//! Forget a state exactly when the watermark passes its expiry.

use super::Eviction;
use super::expiry_queue::ExpiryQueue;
use crate::machine::Machine;
use crate::states::{Expired, States};

/// Keeps live states only, at the cost of one scheduled key per live state.
pub struct Frontier<M: Machine> {
    queue: ExpiryQueue<M::Key>,
}

impl<M: Machine> Default for Frontier<M> {
    fn default() -> Self {
        Self { queue: ExpiryQueue::default() }
    }
}

impl<M: Machine> Eviction<M> for Frontier<M> {
    fn file(&mut self, key: M::Key, expires_at_ms: i64) {
        self.queue.file(key, expires_at_ms);
    }

    fn file_again(&mut self, key: M::Key, expires_at_ms: i64) {
        self.queue.file_again(key, expires_at_ms);
    }

    fn spent(&mut self, _key: M::Key, _state: M::State) {
        self.queue.may_repeat();
    }

    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>) {
        while let Some(key) = self.queue.next_due(until_ms) {
            if let Some(Expired::LivesOn(expires_at_ms)) = states.expire(key, until_ms, out) {
                self.queue.file(key, expires_at_ms);
            }
        }
        states.shrink();
    }
}

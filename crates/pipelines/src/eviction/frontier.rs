//! Forget a state exactly when the watermark passes its expiry.

use super::Eviction;
use super::expiry_queue::ExpiryQueue;
use crate::logic::KeyedLogic;
use crate::part::States;

/// Keeps the live states only. Costs one filed key per live state.
pub struct Frontier<L: KeyedLogic> {
    queue: ExpiryQueue<L::Key>,
}

impl<L: KeyedLogic> Default for Frontier<L> {
    fn default() -> Self {
        Self { queue: ExpiryQueue::default() }
    }
}

impl<L: KeyedLogic> Eviction<L> for Frontier<L> {
    fn born(&mut self, key: L::Key, expires_at_ms: i64) {
        self.queue.file(key, expires_at_ms);
    }

    fn advance(&mut self, watermark_ms: i64, states: &mut States<L>, out: &mut Vec<L::Row>) {
        while let Some(key) = self.queue.next_expired(watermark_ms, |key| states.expires_at_ms(key)) {
            states.expire(key, out);
        }
        states.shrink();
    }
}

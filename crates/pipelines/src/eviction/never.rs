//! Forget nothing.

use super::Eviction;
use super::expiry_queue::ExpiryQueue;
use crate::logic::KeyedLogic;
use crate::part::States;

/// Keeps every state for ever. Where expiry answers (timers), it does so when due, and the spent state is buried, not
/// dropped: a later event of the key begins anew, as it must.
pub struct Never<L: KeyedLogic> {
    timers: ExpiryQueue<L::Key>,
    buried: Vec<(L::Key, L::State)>,
}

impl<L: KeyedLogic> Default for Never<L> {
    fn default() -> Self {
        Self { timers: ExpiryQueue::default(), buried: Vec::new() }
    }
}

impl<L: KeyedLogic> Eviction<L> for Never<L> {
    fn born(&mut self, key: L::Key, expires_at_ms: i64) {
        if L::HAS_TIMERS {
            self.timers.file(key, expires_at_ms);
        }
    }

    fn advance(&mut self, watermark_ms: i64, states: &mut States<L>, out: &mut Vec<L::Row>) {
        while let Some(key) = self.timers.next_expired(watermark_ms, |key| states.expires_at_ms(key)) {
            self.buried.extend(states.expire(key, out).map(|state| (key, state)));
        }
    }

    fn buried(&self) -> usize {
        self.buried.len()
    }
}

//! Forget nothing.
//!
//! Decision D-024.

use super::Eviction;
use super::expiry_queue::ExpiryQueue;
use crate::machine::Machine;
use crate::states::{Expired, States};

/// Keeps every state forever. Where expiry gives answers (timers), they are given when due, and the empty state is
/// set aside instead of dropped: a later event of the key starts afresh, as it must.
pub struct Never<M: Machine> {
    timers: ExpiryQueue<M::Key>,
    buried: Vec<(M::Key, M::State)>,
}

impl<M: Machine> Default for Never<M> {
    fn default() -> Self {
        Self { timers: ExpiryQueue::default(), buried: Vec::new() }
    }
}

impl<M: Machine> Eviction<M> for Never<M> {
    fn file(&mut self, key: M::Key, expires_at_ms: i64) {
        if M::HAS_TIMERS {
            self.timers.file(key, expires_at_ms);
        }
    }

    fn file_again(&mut self, key: M::Key, expires_at_ms: i64) {
        if M::HAS_TIMERS {
            self.timers.file_again(key, expires_at_ms);
        }
    }

    fn spent(&mut self, key: M::Key, state: M::State) {
        self.timers.may_repeat();
        self.buried.push((key, state));
    }

    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>) {
        while let Some(key) = self.timers.next_due(until_ms) {
            match states.expire(key, until_ms, out) {
                Some(Expired::Gone(state)) => self.buried.push((key, state)),
                Some(Expired::LivesOn(expires_at_ms)) => self.timers.file(key, expires_at_ms),
                None => {}
            }
        }
    }

    fn buried(&self) -> usize {
        self.buried.len()
    }
}

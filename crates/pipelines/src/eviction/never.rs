//! Forget nothing.
//!
//! Decision D-024.

use super::Eviction;
use super::expiry_queue::ExpiryQueue;
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Expired, States};

/// Keeps every state forever. Where expiry gives answers (timers), they are given when due, and the empty state is
/// set aside instead of dropped: a later event of the key starts afresh, as it must.
pub struct Never<M: KeyedStateMachine> {
    timers: ExpiryQueue<M::Key>,
    retired: Vec<(M::Key, M::State)>,
}

impl<M: KeyedStateMachine> Default for Never<M> {
    fn default() -> Self {
        Self { timers: ExpiryQueue::default(), retired: Vec::new() }
    }
}

impl<M: KeyedStateMachine> Eviction<M> for Never<M> {
    fn schedule(&mut self, key: M::Key, expires_at_ms: i64) {
        if M::HAS_TIMERS {
            self.timers.schedule(key, expires_at_ms);
        }
    }

    fn reschedule(&mut self, key: M::Key, expires_at_ms: i64) {
        if M::HAS_TIMERS {
            self.timers.reschedule(key, expires_at_ms);
        }
    }

    fn spent(&mut self, key: M::Key, state: M::State) {
        self.timers.allow_duplicates();
        self.retired.push((key, state));
    }

    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>) {
        while let Some(key) = self.timers.next_due(until_ms) {
            match states.expire(key, until_ms, out) {
                Some(Expired::Gone(state)) => self.retired.push((key, state)),
                Some(Expired::Keep(expires_at_ms)) => self.timers.schedule(key, expires_at_ms),
                None => {}
            }
        }
    }

    fn retired(&self) -> usize {
        self.retired.len()
    }
}

//! Forget nothing.
//!
//! Decision D-024.

use super::expiry_queue::ExpiryQueue;
use super::policy::{EvictionPolicy, Evictor};
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Expired, States};

/// Keeps every state forever. Where expiry gives answers (timers), they are given when due, and the empty state is
/// set aside instead of dropped: a later event of the key starts afresh, as it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Never;

impl EvictionPolicy for Never {
    const NAME: &'static str = "never";
    const SUMMARY: &'static str = "forget nothing; timers still answer when they are due";
    const DEFAULT: Self = Self;

    type Evictor<M: KeyedStateMachine> = Keeper<M>;

    fn serves(self) -> &'static str {
        "serves; memory grows with the keys that have come"
    }

    fn keeps_forever(self) -> bool {
        true
    }

    fn evictor<M: KeyedStateMachine>(self) -> Keeper<M> {
        Keeper { timers: ExpiryQueue::default(), retired: Vec::new() }
    }
}

/// Lets timers answer and keeps what they leave.
pub struct Keeper<M: KeyedStateMachine> {
    timers: ExpiryQueue<M::Key>,
    retired: Vec<(M::Key, M::State)>,
}

impl<M: KeyedStateMachine> Evictor<M> for Keeper<M> {
    fn created(&mut self, key: M::Key, expires_at_ms: i64) {
        if M::HAS_TIMERS {
            self.timers.schedule(key, expires_at_ms);
        }
    }

    fn rescheduled(&mut self, key: M::Key, expires_at_ms: i64) {
        if M::HAS_TIMERS {
            self.timers.reschedule(key, expires_at_ms);
        }
    }

    fn cleared(&mut self, key: M::Key, state: M::State) {
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

    fn retired_entries(&self) -> usize {
        self.retired.len()
    }
}

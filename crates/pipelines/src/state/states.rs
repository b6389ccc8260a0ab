//! The states of one worker, and what messages and timers do to them.

use crate::logic::{EMPTY_STATE, TimerOutcome};
use crate::state::state_machine::KeyedStateMachine;
use crate::state::table::Table;

/// The states of one worker, by key.
pub struct States<M: KeyedStateMachine> {
    pub(crate) machine: M,
    pub(crate) table: Table<M::Key, M::State>,
}

/// What applying a message did to a state.
pub(crate) enum Applied<S> {
    /// It existed before; the eviction knows it.
    Known,
    /// It is new and expires at this event time.
    New(i64),
    /// It expires sooner than before: at this event time.
    Sooner(i64),
    /// It holds nothing any more and has been removed; `None` if it never held anything.
    Empty(Option<S>),
}

/// What happened to a state that may have expired.
pub enum Expired<S> {
    /// It has been removed.
    Gone(S),
    /// It lives on until this event time at least.
    Keep(i64),
}

impl<M: KeyedStateMachine> States<M> {
    /// Lets the timer of `key` answer if it is due below `until_ms`. Returns `None` if there is no such state any
    /// more.
    pub fn expire(&mut self, key: M::Key, until_ms: i64, out: &mut Vec<M::Row>) -> Option<Expired<M::State>> {
        let Self { machine, table } = self;
        let state = table.get_mut(key)?;
        let expires_at_ms = machine.expires_at_ms(key, state);
        if expires_at_ms >= until_ms {
            return Some(Expired::Keep(expires_at_ms));
        }
        if machine.on_expiry(key, state, out) == TimerOutcome::Keep {
            return Some(Expired::Keep(machine.expires_at_ms(key, state)));
        }
        table.remove(key).map(Expired::Gone)
    }

    /// Shrinks the table when most of it is empty.
    pub fn shrink(&mut self) {
        self.table.shrink();
    }

    #[inline]
    pub(crate) fn take(&mut self, key: M::Key, message: &M::Message, out: &mut Vec<M::Row>) -> Applied<M::State> {
        let Self { machine, table } = self;
        let (state, new) = table.get_or_default(key);
        let before_ms = if new { i64::MAX } else { machine.expires_at_ms(key, state) };
        machine.take(key, state, message, out);
        match machine.expires_at_ms(key, state) {
            EMPTY_STATE => Applied::Empty(table.remove(key).filter(|_| !new)),
            after_ms if new => Applied::New(after_ms),
            after_ms if after_ms < before_ms => Applied::Sooner(after_ms),
            _ => Applied::Known,
        }
    }
}

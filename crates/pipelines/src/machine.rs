//! What a part runs: keyed logic together with what an order policy adds to it.

use flowbench_events::Event;

use crate::feed::Reached;
use crate::logic::{Afterwards, Key, KeyedLogic, take};

/// Keyed logic as a part of the states runs it: with what its keys share on one worker, and rows that may be changes.
pub trait Machine: 'static {
    /// Which memory an event needs.
    type Key: Key;
    /// The memory of one key.
    type State: Default + 'static;
    /// What comes out.
    type Row: Copy + 'static;

    /// True if expiry must be seen even where nothing is forgotten.
    const HAS_TIMERS: bool;

    /// The key of `event`.
    fn key(&self, event: &Event) -> Option<Self::Key>;

    /// Takes the next event of `key`.
    fn take(&mut self, key: Self::Key, state: &mut Self::State, event: &Event, out: &mut Vec<Self::Row>);

    /// When the state has to be looked at: an event time below which [`reached`](Machine::reached) has to stay. `SPENT` if it
    /// holds nothing.
    fn expires_at_ms(&self, key: Self::Key, state: &Self::State) -> i64;

    /// That has been passed.
    fn on_expiry(&mut self, key: Self::Key, state: &mut Self::State, out: &mut Vec<Self::Row>) -> Afterwards;

    /// Event time has come so far, when the events released by that have been taken; tells below which event time states
    /// expire then.
    fn reached(&mut self, reached: Reached) -> i64;

    /// All events below that have been taken.
    fn settle(&mut self) {}

    /// Events kept for all keys together.
    fn kept(&self) -> usize {
        0
    }

    /// Bytes the state holds outside itself.
    fn heap_bytes(&self, state: &Self::State) -> usize;
}

/// Logic as it is: events come in the right order, or what comes of it is taken.
pub(crate) struct Plain<L>(pub(crate) L);

impl<L: KeyedLogic> Machine for Plain<L> {
    type Key = L::Key;
    type State = L::State;
    type Row = L::Row;

    const HAS_TIMERS: bool = L::HAS_TIMERS;

    #[inline]
    fn key(&self, event: &Event) -> Option<L::Key> {
        self.0.key(event)
    }

    #[inline]
    fn take(&mut self, key: L::Key, state: &mut L::State, event: &Event, out: &mut Vec<L::Row>) {
        take(&self.0, key, state, event, out);
    }

    #[inline]
    fn expires_at_ms(&self, key: L::Key, state: &L::State) -> i64 {
        self.0.expires_at_ms(key, state)
    }

    fn on_expiry(&mut self, key: L::Key, state: &mut L::State, out: &mut Vec<L::Row>) -> Afterwards {
        self.0.on_expiry(key, state, out)
    }

    fn reached(&mut self, reached: Reached) -> i64 {
        reached.watermark_ms
    }

    fn heap_bytes(&self, state: &L::State) -> usize {
        self.0.heap_bytes(state)
    }
}

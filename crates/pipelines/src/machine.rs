//! What a part runs: keyed logic together with what an order policy or a strategy adds to it.

use flowbench_events::Event;

use crate::feed::Reached;
use crate::logic::{Afterwards, Key, KeyedLogic, Mergeable, Piece, Timed, fire_until, take};

/// Keyed logic as a part of the states runs it: with what its keys share on one worker, and rows that may be changes.
pub trait Machine: Send + 'static {
    /// What is applied: events, or parts of states.
    type Message: Timed;
    /// Which memory a message needs.
    type Key: Key;
    /// The memory of one key.
    type State: Default + Send + 'static;
    /// What comes out.
    type Row: Copy + Send + 'static;

    /// True if expiry must be seen even where nothing is forgotten.
    const HAS_TIMERS: bool;

    /// The key of `message`.
    fn key(&self, message: &Self::Message) -> Option<Self::Key>;

    /// Takes the next message of `key`.
    fn take(&mut self, key: Self::Key, state: &mut Self::State, message: &Self::Message, out: &mut Vec<Self::Row>);

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
    type Message = Event;
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

/// Logic whose events come put together: parts of states, merged in the order in which they begin.
pub(crate) struct Merged<L>(pub(crate) L);

impl<L: Mergeable> Machine for Merged<L> {
    type Message = Piece<L::Key, L::State>;
    type Key = L::Key;
    type State = L::State;
    type Row = L::Row;

    const HAS_TIMERS: bool = L::HAS_TIMERS;

    #[inline]
    fn key(&self, piece: &Self::Message) -> Option<L::Key> {
        Some(piece.key)
    }

    #[inline]
    fn take(&mut self, key: L::Key, state: &mut L::State, piece: &Self::Message, out: &mut Vec<L::Row>) {
        if L::HAS_TIMERS {
            fire_until(&self.0, key, state, piece.event_time_ms().saturating_sub(1), out);
        }
        if !self.0.merge(key, state, &piece.state) {
            // Out of order only: the state is older than it should be for this piece, or the piece than it should be for it.
            self.0.on_expiry(key, state, out);
            *state = piece.state;
        }
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

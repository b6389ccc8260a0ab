//! Keyed logic together with what an order policy or a strategy adds to it.

use flowbench_events::Event;

use crate::feed::EventTimeProgress;
use crate::logic::{KeyedLogic, Mergeable, PartialState, TimerOutcome, fire_until, take};
use crate::message::{Key, Message, Timed};

/// Keyed logic as an operator runs it: with what its keys share on one worker, and rows that may be changes.
pub(crate) trait KeyedStateMachine: Send + 'static {
    /// What is applied: events, partial states, or inputs of windows.
    type Message: Message;
    /// Identifies the state a message needs.
    type Key: Key;
    /// The state of one key.
    type State: Default + Send + 'static;
    /// What comes out.
    type Row: Copy + Send + 'static;

    /// True if expiry must be handled even where nothing is forgotten.
    const HAS_TIMERS: bool;

    /// Key aside, the bytes that a state must hold inline, without what an order policy or a strategy adds.
    const STATE_BYTES: usize = std::mem::size_of::<Self::State>();

    /// Returns the key of `message`; `None` if the message does not concern the logic.
    fn key(&self, message: &Self::Message) -> Option<Self::Key>;

    /// Applies the next message of `key` and pushes its rows to `out`.
    fn take(&mut self, key: Self::Key, state: &mut Self::State, message: &Self::Message, out: &mut Vec<Self::Row>);

    /// Returns when `message` touches the state of `key`: a time on the clock of [`reached`](KeyedStateMachine::reached).
    fn touched_ms(&self, key: Self::Key, message: &Self::Message) -> i64;

    /// Returns when the state must be looked at: an event time that [`reached`](KeyedStateMachine::reached) must not pass
    /// before. `EMPTY_STATE` if it holds nothing.
    fn expires_at_ms(&self, key: Self::Key, state: &Self::State) -> i64;

    /// Handles the expiry of a state, which the watermark has passed; returns whether the state lives on.
    fn on_expiry(&mut self, key: Self::Key, state: &mut Self::State, out: &mut Vec<Self::Row>) -> TimerOutcome;

    /// Reports the progress of event time, once the events it released have been applied; returns the event time
    /// below which states expire.
    fn reached(&mut self, reached: EventTimeProgress) -> i64;

    /// Reports that all events below the reached time have been applied.
    fn finish_step(&mut self) {}

    /// Returns the number of events kept for all keys together.
    fn logged_events(&self) -> usize {
        0
    }

    /// Returns the bytes that the state owns on the heap.
    fn heap_bytes(&self, state: &Self::State) -> usize;
}

/// Logic as it is: events come in the right order, or whatever results is accepted.
pub(crate) struct Plain<L>(pub(crate) L);

impl<L: KeyedLogic> KeyedStateMachine for Plain<L> {
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
    fn touched_ms(&self, _key: L::Key, event: &Event) -> i64 {
        event.event_time_ms()
    }

    #[inline]
    fn expires_at_ms(&self, key: L::Key, state: &L::State) -> i64 {
        self.0.expires_at_ms(key, state)
    }

    fn on_expiry(&mut self, key: L::Key, state: &mut L::State, out: &mut Vec<L::Row>) -> TimerOutcome {
        self.0.on_expiry(key, state, out)
    }

    fn reached(&mut self, reached: EventTimeProgress) -> i64 {
        reached.watermark_ms
    }

    fn heap_bytes(&self, state: &L::State) -> usize {
        self.0.heap_bytes(state)
    }
}

/// Logic whose events come combined: partial states, merged in the order of their start.
pub(crate) struct Merged<L>(pub(crate) L);

impl<L: Mergeable> KeyedStateMachine for Merged<L> {
    type Message = PartialState<L::Key, L::State>;
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
    fn touched_ms(&self, _key: L::Key, piece: &Self::Message) -> i64 {
        piece.event_time_ms()
    }

    #[inline]
    fn expires_at_ms(&self, key: L::Key, state: &L::State) -> i64 {
        self.0.expires_at_ms(key, state)
    }

    fn on_expiry(&mut self, key: L::Key, state: &mut L::State, out: &mut Vec<L::Row>) -> TimerOutcome {
        self.0.on_expiry(key, state, out)
    }

    fn reached(&mut self, reached: EventTimeProgress) -> i64 {
        reached.watermark_ms
    }

    fn heap_bytes(&self, state: &L::State) -> usize {
        self.0.heap_bytes(state)
    }
}

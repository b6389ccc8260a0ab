//! What a pipeline author writes: pure logic, applied to events in the order the policy decides.

use std::cmp::Ordering;
use std::hash::Hash;

use flowbench_events::{Event, EventId, Id, mix};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answers::Row;

/// An answer to a single event, without memory.
pub trait StatelessLogic: Clone + Send + Sync + 'static {
    /// One row of answers, or what a [`WindowLogic`] sums up.
    type Row: Message + Ord;

    /// The answer to `event`, if the pipeline is concerned with it.
    fn answer(&self, event: &Event) -> Option<Self::Row>;
}

/// Answers that need memory, one state per key.
///
/// The state of a key sees its events one at a time, in the order the policy decides; in canonical order the answers are
/// the truth. In any other order `apply` must not panic, and may be wrong.
pub trait KeyedLogic: Clone + Send + Sync + 'static {
    /// Which memory an event needs.
    type Key: Key;
    /// The memory of one key; `Default` is "nothing seen yet".
    type State: Default + Clone + Send + 'static;
    /// One row of answers, or what a [`WindowLogic`] sums up.
    type Row: Message + Ord;

    /// True if [`on_expiry`](KeyedLogic::on_expiry) answers, so that a state may not just be dropped.
    const HAS_TIMERS: bool = false;

    /// The key of `event`; `None` if the pipeline is not concerned with it.
    fn key(&self, event: &Event) -> Option<Self::Key>;

    /// True if `event` would concern the pipeline but has no key (no customer): counted, not used.
    fn lacks_key(&self, event: &Event) -> bool;

    /// Applies one event of `key` and pushes its answers.
    fn apply(&self, key: Self::Key, state: &mut Self::State, event: &Event, out: &mut Vec<Self::Row>);

    /// The last event time (ms) at which an event can need this state as it is: until its next timer, or its end.
    /// `i64::MAX` if it is needed for ever, [`SPENT`] if it holds nothing (any more): then it is forgotten at once.
    fn expires_at_ms(&self, key: Self::Key, state: &Self::State) -> i64;

    /// The state has expired: what timers answer. [`Afterwards::LivesOn`] if it has a later expiry now.
    fn on_expiry(&self, _key: Self::Key, _state: &mut Self::State, _out: &mut Vec<Self::Row>) -> Afterwards {
        Afterwards::Forgotten
    }

    /// Bytes the state holds outside itself.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }
}

/// The expiry of a state that holds nothing.
pub const SPENT: i64 = i64::MIN;

/// What becomes of a state that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// It is forgotten; a later event of the key begins anew.
    Forgotten,
    /// Only a timer was due; the state has a later expiry now.
    LivesOn,
}

/// Takes the next event of `key`: the timers due before it answer, then it is applied.
#[inline]
pub(crate) fn take<L: KeyedLogic>(logic: &L, key: L::Key, state: &mut L::State, event: &Event, out: &mut Vec<L::Row>) {
    if L::HAS_TIMERS {
        fire_until(logic, key, state, event.event_time_ms().saturating_sub(1), out);
    }
    logic.apply(key, state, event, out);
}

/// Lets all timers of a state answer that are due at `until_ms` or before; what is forgotten by that begins anew.
pub(crate) fn fire_until<L: KeyedLogic>(
    logic: &L,
    key: L::Key,
    state: &mut L::State,
    until_ms: i64,
    out: &mut Vec<L::Row>,
) {
    loop {
        let expires_at_ms = logic.expires_at_ms(key, state);
        if expires_at_ms == SPENT || expires_at_ms > until_ms {
            return;
        }
        if logic.on_expiry(key, state, out) == Afterwards::Forgotten {
            *state = L::State::default();
            return;
        }
        debug_assert!(logic.expires_at_ms(key, state) > expires_at_ms, "a state that lives on has a later expiry");
    }
}

/// Keyed logic whose state can be built in parts, each from some events of the key, in whatever order, and put together.
///
/// Only where that is true; it unlocks the strategies that combine before they exchange. A part is a state like any other:
/// that of its own events alone.
pub trait Mergeable: KeyedLogic<Key: Message, State: Message> {
    /// The part that one event makes.
    fn part(&self, key: Self::Key, event: &Event) -> Self::State;

    /// Event time (ms) of the first event of a part. Parts are put together in this order, when the watermark has passed it.
    fn begins_at_ms(&self, key: Self::Key, part: &Self::State) -> i64;

    /// Puts `part` and `into` together, of one key, whichever is the earlier; false if both must stay what they are. Anything
    /// can be put together with `State::default()`.
    fn merge(&self, key: Self::Key, into: &mut Self::State, part: &Self::State) -> bool;
}

/// A part of a state on its way to where it is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece<K, S> {
    pub(crate) key: K,
    pub(crate) begins_at_ms: i64,
    pub(crate) state: S,
}

impl<K: Copy, S> Piece<K, S> {
    /// Becomes one with another piece of the same key, if they may.
    #[inline]
    pub(crate) fn join<L: Mergeable<Key = K, State = S>>(&mut self, other: &Self, logic: &L) -> bool {
        let merged = logic.merge(self.key, &mut self.state, &other.state);
        if merged {
            self.begins_at_ms = self.begins_at_ms.min(other.begins_at_ms);
        }
        merged
    }
}

/// Sums over groups that come to an end, such as windows and days: what a stage before gives, added up per key and answered
/// when the group closes.
///
/// The order in which inputs are added does not matter, and what was added may be taken back. So no order policy is
/// needed in front, and corrections of the stage before are corrections of the sum.
pub trait WindowLogic: Clone + Send + Sync + 'static {
    /// What is added up: a row of the stage before.
    type Input: Message + Ord;
    /// The group.
    type Key: Key;
    /// The sum of a group; `Default` is that of nothing.
    type Sum: Default + Send + 'static;
    /// One row of answers.
    type Row: Row;

    /// The group of `input`.
    fn key(&self, input: &Self::Input) -> Self::Key;

    /// True if [`combine`](WindowLogic::combine) may succeed.
    const COMBINES: bool = false;

    /// Makes `into` stand for both inputs, which are of one group; false if it cannot.
    fn combine(&self, _into: &mut Self::Input, _other: &Self::Input) -> bool {
        false
    }

    /// Adds `input` so many times; -1 takes it back.
    fn add(&self, sum: &mut Self::Sum, input: &Self::Input, times: i64);

    /// When the watermark is above this event time (ms), nothing can be added to the group any more.
    fn closes_at_ms(&self, key: Self::Key) -> i64;

    /// The answers of a group: none if its sum is that of nothing.
    fn answer(&self, key: Self::Key, sum: &Self::Sum, out: &mut Vec<Self::Row>);

    /// Bytes the sum holds outside itself.
    fn heap_bytes(&self, _sum: &Self::Sum) -> usize {
        0
    }
}

/// What has to be known of a delivery to tell whether it counts, and what is made of one that does.
pub trait Delivered: Message {
    /// What is made of it.
    type Row: Message;

    /// What has to be known of `event`.
    fn of(event: &Event) -> Self;
    /// The event it is a delivery of.
    fn event_id(&self) -> EventId;
    /// When it arrived, ms.
    fn arrival_ms(&self) -> i64;
    /// What is made of it.
    fn row(&self) -> Self::Row;
}

impl Delivered for Event {
    type Row = Event;

    #[inline]
    fn of(event: &Event) -> Self {
        *event
    }

    #[inline]
    fn event_id(&self) -> EventId {
        Event::event_id(self)
    }

    #[inline]
    fn arrival_ms(&self) -> i64 {
        self.arrival_time_ms()
    }

    #[inline]
    fn row(&self) -> Event {
        *self
    }
}

/// What may travel between workers.
pub trait Message: Copy + Send + Serialize + DeserializeOwned + 'static {}

impl<T: Copy + Send + Serialize + DeserializeOwned + 'static> Message for T {}

/// Something that happens at an event time and waits for its turn.
pub trait Timed: Message {
    /// When it happens, ms.
    fn event_time_ms(&self) -> i64;

    /// The canonical order: by event time, then by what breaks ties.
    fn turn(&self) -> Turn;

    /// False if it makes no difference which of two of the same turn comes first.
    const BREAKS_TIES: bool = false;

    /// The whole order: by turn, then by whatever else makes a difference.
    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.turn().cmp(&other.turn())
    }
}

/// A place in an order: by time, then by what breaks ties.
pub type Turn = (i64, u64);

impl Timed for Event {
    #[inline]
    fn event_time_ms(&self) -> i64 {
        Event::event_time_ms(self)
    }

    #[inline]
    fn turn(&self) -> Turn {
        (Event::event_time_ms(self), self.event_id().rank())
    }

    const BREAKS_TIES: bool = true;

    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.canonical_cmp(other)
    }
}

/// Pieces that begin at the same time may be put together in any order.
impl<K: Message, S: Message> Timed for Piece<K, S> {
    fn event_time_ms(&self) -> i64 {
        self.begins_at_ms
    }

    fn turn(&self) -> Turn {
        (self.begins_at_ms, 0)
    }
}

/// A key: small, ordered, and with a routing number that is the same on every machine.
pub trait Key: Copy + Eq + Ord + Hash + Send + std::fmt::Debug + 'static {
    /// Spread evenly over 64 bits.
    fn route(self) -> u64;
}

impl Key for Id {
    #[inline]
    fn route(self) -> u64 {
        mix(u64::from(self.0))
    }
}

impl Key for i32 {
    #[inline]
    fn route(self) -> u64 {
        mix(self as u64)
    }
}

impl Key for i64 {
    #[inline]
    fn route(self) -> u64 {
        mix(self as u64)
    }
}

impl Key for u64 {
    #[inline]
    fn route(self) -> u64 {
        mix(self)
    }
}

impl Key for EventId {
    #[inline]
    fn route(self) -> u64 {
        mix(self.word())
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    #[inline]
    fn route(self) -> u64 {
        mix(self.0.route() ^ self.1.route().rotate_left(32))
    }
}

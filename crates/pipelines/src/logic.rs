//! What a pipeline author writes: pure logic, applied to events in the order the policy decides.

use std::hash::Hash;

use flowbench_events::{Event, Id, mix};

use crate::answers::Row;

/// An answer to a single event, without memory.
pub trait StatelessLogic: Clone + Send + Sync + 'static {
    /// One row of answers.
    type Row: Row;

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
    type State: Default + 'static;
    /// One row of answers.
    type Row: Row;

    /// True if [`on_expiry`](KeyedLogic::on_expiry) answers, so that a state may not just be dropped.
    const HAS_TIMERS: bool = false;

    /// The key of `event`; `None` if the pipeline is not concerned with it.
    fn key(&self, event: &Event) -> Option<Self::Key>;

    /// True if `event` would concern the pipeline but has no key (no customer): counted, not used.
    fn lacks_key(&self, event: &Event) -> bool;

    /// Applies one event of `key` and pushes its answers.
    fn apply(&self, key: Self::Key, state: &mut Self::State, event: &Event, out: &mut Vec<Self::Row>);

    /// The last event time (ms) at which an event can need this state; `i64::MAX` if it is needed for ever. Must not
    /// become smaller by `apply`.
    fn expires_at_ms(&self, key: Self::Key, state: &Self::State) -> i64;

    /// The state has expired: what timers answer. Afterwards the state is forgotten.
    fn on_expiry(&self, _key: Self::Key, _state: &mut Self::State, _out: &mut Vec<Self::Row>) {}

    /// Bytes the state holds outside itself.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
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

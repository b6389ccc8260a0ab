//! What travels between workers: messages, the time they wait for, and the keys that route them.

use std::cmp::Ordering;
use std::hash::Hash;

use flowbench_events::{Event, EventId, Id, mix};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type that may travel between workers.
pub trait Message: Copy + Send + Serialize + DeserializeOwned + 'static {}

impl<T: Copy + Send + Serialize + DeserializeOwned + 'static> Message for T {}

/// Something that happens at an event time and waits for its turn.
pub trait Timed: Message {
    /// Returns its event time, ms.
    fn event_time_ms(&self) -> i64;

    /// Returns its place in the canonical order: by event time, then by what breaks ties.
    fn order_key(&self) -> OrderKey;

    /// False if two items with the same turn may come in either order.
    const BREAKS_TIES: bool = false;

    /// Compares by turn, then by whatever else makes a difference.
    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.order_key().cmp(&other.order_key())
    }
}

/// A place in an order: by time, then by what breaks ties.
pub type OrderKey = (i64, u64);

impl Timed for Event {
    #[inline]
    fn event_time_ms(&self) -> i64 {
        Event::event_time_ms(self)
    }

    #[inline]
    fn order_key(&self) -> OrderKey {
        (Event::event_time_ms(self), self.event_id().rank())
    }

    const BREAKS_TIES: bool = true;

    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.canonical_cmp(other)
    }
}

/// A key: small, ordered, and with a routing number that is the same on every machine.
pub trait Key: Copy + Eq + Ord + Hash + Send + std::fmt::Debug + 'static {
    /// Returns a routing number, spread evenly over 64 bits.
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

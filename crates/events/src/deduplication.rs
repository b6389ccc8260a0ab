//! Which delivery of an event counts if transport delivers it more than once.
//!
//! Decisions D-025 and D-026.

use foldhash::fast::RandomState;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use crate::digest::mix;
use crate::event::{Event, EventId};

/// The *arrival time* in ms within which a repeated delivery does not count.
///
/// The first delivery of an event id in the order of the trace counts. A later one counts only if it arrives a horizon
/// or more after the last one that counted, so never if arrival time runs backwards. Events without an id are never
/// repeated. Which deliveries count is therefore a function of the trace, and an event id may be forgotten once all
/// further arrivals are a horizon or more after the delivery that counted. Late events are dropped before, and are no
/// deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Horizon(i64);

impl Horizon {
    /// The horizon that has no end, so that no event id is ever forgotten; the default of `replay` and `inspect`.
    pub const FOR_GOOD: Horizon = Horizon(i64::MAX);
    /// The horizon of one day, which bounds memory; the default of experiments.
    pub const DAY: Horizon = Horizon(24 * 3_600_000);

    /// Returns a horizon of this length in ms; less than 1 counts as 1.
    pub fn from_ms(horizon_ms: i64) -> Horizon {
        Horizon(horizon_ms.max(1))
    }

    /// Returns true if a delivery that arrives at `arrival_ms` repeats one that counted and arrived at `counted_ms`.
    #[inline]
    pub fn covers(self, counted_ms: i64, arrival_ms: i64) -> bool {
        arrival_ms.saturating_sub(counted_ms) < self.0
    }

    /// Returns the last arrival time in ms at which a delivery repeats one that counted and arrived at `counted_ms`, or
    /// `i64::MAX` if there is none.
    #[inline]
    pub fn last_ms(self, counted_ms: i64) -> i64 {
        if self == Self::FOR_GOOD { i64::MAX } else { counted_ms.saturating_add(self.0 - 1) }
    }
}

/// Decides for each delivery of a whole trace, in order, whether it counts. It forgets no event id.
#[derive(Debug)]
pub struct Deduplicator {
    horizon: Horizon,
    counted: Counted,
    events: u64, // those that counted
}

/// The event ids that have counted.
#[derive(Debug)]
enum Counted {
    /// The ids, in 8 bytes each plus spare room. Of many small tables only one doubles at a time, so they waste less
    /// than a single large one, which would need half as much again.
    ForGood(Vec<HashSet<EventId, RandomState>>),
    /// The arrival time in ms of the last delivery that counted.
    At(HashMap<EventId, i64, RandomState>),
}

/// The number of tables in [`Counted::ForGood`].
const TABLES: u64 = 64;

impl Deduplicator {
    /// Returns a deduplicator that has seen no delivery.
    pub fn new(horizon: Horizon) -> Self {
        let tables = || (0..TABLES).map(|_| HashSet::default()).collect();
        let counted =
            if horizon == Horizon::FOR_GOOD { Counted::ForGood(tables()) } else { Counted::At(HashMap::default()) };
        Self { horizon, counted, events: 0 }
    }

    /// Takes the next delivery and returns true if it counts.
    pub fn take(&mut self, event: &Event) -> bool {
        let counts = event.event_id().is_absent() || self.counts(event.event_id(), event.arrival_time_ms());
        self.events += u64::from(counts);
        counts
    }

    /// Returns the number of deliveries that have counted.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn counts(&mut self, event_id: EventId, arrival_ms: i64) -> bool {
        match &mut self.counted {
            Counted::ForGood(tables) => tables[(mix(event_id.word()) % TABLES) as usize].insert(event_id),
            Counted::At(counted) => match counted.entry(event_id) {
                Entry::Vacant(new) => {
                    new.insert(arrival_ms);
                    true
                }
                Entry::Occupied(counted) if self.horizon.covers(*counted.get(), arrival_ms) => false,
                Entry::Occupied(mut counted) => {
                    counted.insert(arrival_ms);
                    true
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Record};

    fn counting(horizon: Horizon, deliveries: &[(EventId, i64)]) -> Vec<usize> {
        let mut first = Deduplicator::new(horizon);
        let event = |(id, arrival_time_ms): &(EventId, i64)| {
            Event::pack(Record {
                arrival_time_ms: *arrival_time_ms,
                ..Record::new(*id, Kind::PageViewed, -*arrival_time_ms)
            })
        };
        (0..deliveries.len()).filter(|at| first.take(&event(&deliveries[*at]))).collect()
    }

    #[test]
    fn the_one_that_arrives_first_counts_until_the_horizon_is_over() {
        let (one, two) = (EventId::number(1), EventId::symbol(1));
        let deliveries = [(one, 100), (two, 50), (one, 109), (one, 40), (one, 110), (two, 59), (one, 119), (one, 120)];
        assert_eq!(counting(Horizon::from_ms(10), &deliveries), [0, 1, 4, 7]);
        assert_eq!(counting(Horizon::FOR_GOOD, &deliveries), [0, 1]);
        assert_eq!((Horizon::from_ms(10).last_ms(100), Horizon::FOR_GOOD.last_ms(100)), (109, i64::MAX));
    }

    #[test]
    fn events_without_an_id_always_count() {
        let deliveries = [(EventId::number(3), 1), (EventId::absent(3), 1), (EventId::absent(4), 1)];
        assert_eq!(counting(Horizon::FOR_GOOD, &deliveries), [0, 1, 2]);
    }

    #[test]
    fn ids_that_are_known_for_good_take_little_room() {
        let mut first = Deduplicator::new(Horizon::FOR_GOOD);
        let room = |first: &Deduplicator| match &first.counted {
            Counted::ForGood(tables) => tables.iter().map(HashSet::capacity).sum::<usize>(),
            Counted::At(_) => unreachable!(),
        };
        let event = |id: u64| Event::pack(Record::new(id * 3, Kind::PageViewed, 0));
        for id in 0..200_000 {
            let before = room(&first);
            assert!(first.take(&event(id)));
            // Only a small part of the ids is copied at a time.
            assert!(room(&first) - before <= 64 + before / 16, "at {id}");
        }
        assert!((0..200_000).all(|id| !first.take(&event(id))));
        assert_eq!(first.events(), 200_000);
        assert!(room(&first) <= 2 * 200_000);
    }
}

//! Which delivery of an event counts, where transport may deliver it more than once.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::event::{Event, EventId};

/// How long second deliveries are told from first ones, in ms of *arrival time*.
///
/// Of the deliveries with one event id the one that arrives first counts, whatever the others say. "First" is the order of
/// the trace. A later one counts as well only if it arrives a horizon or more after the last one that counted; where arrival
/// time runs backwards it does not. Events without an id are never repeated. So what counts is a function of the trace,
/// and an event id may be forgotten when all that is still to come arrives a horizon or more after the delivery that
/// counted. Events that are dropped as late are dropped before: they are no deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Horizon(i64);

impl Horizon {
    /// An event id is never forgotten: what `replay` and `inspect` mean unless they are told otherwise.
    pub const FOR_GOOD: Horizon = Horizon(i64::MAX);
    /// What experiments mean: the memory it takes has a bound.
    pub const DAY: Horizon = Horizon(24 * 3_600_000);

    /// A horizon of so many ms, at least 1.
    pub fn from_ms(horizon_ms: i64) -> Horizon {
        Horizon(horizon_ms.max(1))
    }

    /// True if a delivery that arrives at `arrival_ms` repeats one that counted and arrived at `counted_ms`.
    #[inline]
    pub fn covers(self, counted_ms: i64, arrival_ms: i64) -> bool {
        arrival_ms.saturating_sub(counted_ms) < self.0
    }

    /// The last arrival time (ms) at which a delivery would repeat the one that counted and arrived at `counted_ms`;
    /// `i64::MAX` if there is no last one.
    #[inline]
    pub fn last_ms(self, counted_ms: i64) -> i64 {
        if self == Self::FOR_GOOD { i64::MAX } else { counted_ms.saturating_add(self.0 - 1) }
    }
}

/// Tells first deliveries from others while walking a whole trace, and forgets nothing.
#[derive(Debug)]
pub struct FirstDeliveries {
    horizon: Horizon,
    counted_ms: HashMap<EventId, i64, RandomState>,
    events: u64, // that counted
}

impl FirstDeliveries {
    /// At the beginning of a trace.
    pub fn new(horizon: Horizon) -> Self {
        Self { horizon, counted_ms: HashMap::default(), events: 0 }
    }

    /// Takes the next delivery; true if it counts.
    pub fn take(&mut self, event: &Event) -> bool {
        let (event_id, arrival_ms) = (event.event_id(), event.arrival_time_ms());
        let first = event_id.is_absent()
            || match self.counted_ms.get_mut(&event_id) {
                Some(counted_ms) if self.horizon.covers(*counted_ms, arrival_ms) => false,
                Some(counted_ms) => {
                    *counted_ms = arrival_ms;
                    true
                }
                None => self.counted_ms.insert(event_id, arrival_ms).is_none(),
            };
        self.events += u64::from(first);
        first
    }

    /// How many deliveries have counted.
    pub fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Record};

    fn counting(horizon: Horizon, deliveries: &[(EventId, i64)]) -> Vec<usize> {
        let mut first = FirstDeliveries::new(horizon);
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
}

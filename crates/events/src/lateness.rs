//! Which events are late, from the trace alone.

use crate::digest::mix;
use crate::event::Event;

/// The bounded-disorder watermark while walking a trace in arrival order: it stands `slack_ms` behind the newest event
/// time that had arrived. An event is *late* if its event time is below the watermark at its arrival.
#[derive(Debug, Clone, Copy)]
pub struct Lateness {
    slack_ms: i64,
    newest_ms: i64, // i64::MIN: nothing has arrived
}

impl Lateness {
    /// At the beginning of the trace.
    pub fn new(slack_ms: i64) -> Self {
        Self::resume(slack_ms, i64::MIN)
    }

    /// In the middle of a trace whose newest event time so far was `newest_ms` (`i64::MIN` for none).
    pub fn resume(slack_ms: i64, newest_ms: i64) -> Self {
        Self { slack_ms, newest_ms }
    }

    /// The watermark now: `i64::MIN` before the first event.
    #[inline]
    pub fn watermark_ms(&self) -> i64 {
        self.newest_ms.saturating_sub(self.slack_ms)
    }

    /// The newest event time that has arrived; `i64::MIN` before the first event.
    #[inline]
    pub fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Takes the next arrival; true if it was late.
    #[inline]
    pub fn arrive(&mut self, event: &Event) -> bool {
        let event_time_ms = event.event_time_ms();
        let late = event_time_ms < self.watermark_ms();
        self.newest_ms = self.newest_ms.max(event_time_ms);
        late
    }
}

/// A set of late events as count and order-insensitive sum, so that parts found by different workers add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LateSet {
    /// How many deliveries were late.
    pub count: u64,
    /// Wrapping sum of mixed (event id, arrival time).
    pub sum: u64,
}

impl LateSet {
    /// The late set of a whole trace in arrival order, for this slack.
    pub fn of(events: &[Event], slack_ms: i64) -> LateSet {
        let mut lateness = Lateness::new(slack_ms);
        let mut late = LateSet::default();
        for event in events {
            if lateness.arrive(event) {
                late.insert(event);
            }
        }
        late
    }

    /// Adds one late delivery.
    #[inline]
    pub fn insert(&mut self, event: &Event) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(mix(event.event_id() ^ mix(event.arrival_time_ms() as u64)));
    }

    /// Adds the deliveries of another, disjoint part.
    pub fn merge(&mut self, other: LateSet) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Record};

    fn at(times: &[i64]) -> Vec<Event> {
        times.iter().zip(1..).map(|(time, id)| Event::pack(Record::new(id, Kind::PageViewed, *time))).collect()
    }

    #[test]
    fn late_is_strictly_below_the_watermark_at_arrival() {
        let events = at(&[100, 90, 89, 120, 110, 109]);
        assert_eq!(LateSet::of(&events, 10).count, 2); // 89 and 109
        assert_eq!(LateSet::of(&events, 0).count, 4);
        assert_eq!(LateSet::of(&events, 1000).count, 0);
        assert_eq!(LateSet::of(&[], 0), LateSet::default());
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let events = at(&[100, 90, 89, 120, 110, 109, 5]);
        let whole = LateSet::of(&events, 0);
        let mut parts = LateSet::default();
        let mut newest = i64::MIN;
        for chunk in events.chunks(2) {
            let mut lateness = Lateness::resume(0, newest);
            let mut part = LateSet::default();
            for event in chunk {
                if lateness.arrive(event) {
                    part.insert(event);
                }
            }
            newest = lateness.newest_ms();
            parts.merge(part);
        }
        assert_eq!(parts, whole);
    }
}

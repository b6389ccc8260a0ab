//! First deliveries only: what can be put in front of any pipeline.

use std::collections::BTreeMap;

use flowbench_events::Event;
use hashbrown::HashSet;

use crate::pipeline::Choice;

/// Remembers the event ids it has let through, for `horizon_ms` of event time beyond the watermark.
///
/// Under the `watermark` policy a horizon of 0 is exact: once the watermark has passed an event's time, a second delivery
/// of it is late and never gets here. Without an expiry (`None`) it remembers for ever.
#[derive(Debug)]
pub(crate) struct FirstDeliveries {
    seen: HashSet<u64, foldhash::fast::RandomState>,
    by_age: BTreeMap<i64, Vec<u64>>,
    horizon_ms: Option<i64>,
}

/// Width of the age classes, ms: forgetting is this coarse.
const AGE_CLASS_MS: i64 = 60_000;

impl FirstDeliveries {
    /// What `choice` asks for.
    pub(crate) fn asked_for(choice: &Choice) -> Option<Self> {
        choice.deduplicate.then(|| Self::new(choice.duplicate_horizon_ms()))
    }

    pub(crate) fn new(horizon_ms: Option<i64>) -> Self {
        Self { seen: HashSet::default(), by_age: BTreeMap::new(), horizon_ms }
    }

    /// True for the first delivery of an event.
    pub(crate) fn is_first(&mut self, event: &Event) -> bool {
        let first = self.seen.insert(event.event_id());
        if first && self.horizon_ms.is_some() {
            let class = event.event_time_ms().div_euclid(AGE_CLASS_MS);
            self.by_age.entry(class).or_default().push(event.event_id());
        }
        first
    }

    /// Forgets what the watermark has passed by more than the horizon; tells how many event ids are remembered.
    pub(crate) fn advance(&mut self, watermark_ms: i64) -> usize {
        let horizon_ms = self.horizon_ms.unwrap_or(0);
        while let Some(class) = self.by_age.first_entry() {
            let end_ms = (class.key() + 1) * AGE_CLASS_MS;
            if watermark_ms.saturating_sub(horizon_ms) < end_ms {
                break;
            }
            for event_id in class.remove() {
                self.seen.remove(&event_id);
            }
        }
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowbench_events::{Kind, Record};

    #[test]
    fn the_second_delivery_is_held_back_until_the_first_is_forgotten() {
        let event = |id, time| Event::pack(Record::new(id, Kind::PageViewed, time));
        let mut first = FirstDeliveries::new(Some(0));
        assert!(first.is_first(&event(1, 10)) && !first.is_first(&event(1, 10)) && first.is_first(&event(2, 10)));
        first.advance(11);
        assert!(!first.is_first(&event(1, 10)), "forgetting may be late, never early");
        assert_eq!(first.advance(AGE_CLASS_MS), 0);
        let mut forever = FirstDeliveries::new(None);
        forever.is_first(&event(1, 10));
        assert_eq!(forever.advance(i64::MAX), 1);
    }
}

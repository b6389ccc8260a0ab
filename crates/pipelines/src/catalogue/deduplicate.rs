//! First deliveries: every event once, however often it was delivered.

use flowbench_events::{Event, Symbols};
use serde::{Deserialize, Serialize};

use super::identity::Answer;
use crate::answers::Row;
use crate::logic::{KeyedLogic, SPENT};
use crate::pipeline::{Keyed, Pipeline, Prepared, WithDifferential};
use crate::settings::{Parameter, SettingError, Settings};
use crate::strategy::differential::lives::Remembering;

/// See [`Pipeline::question`].
pub(super) struct Deduplicate;

impl Pipeline for Deduplicate {
    fn name(&self) -> &'static str {
        "deduplicate"
    }
    fn question(&self) -> &'static str {
        "Which deliveries are the first of their event within a day?"
    }
    fn sql(&self) -> &'static str {
        "WITH RECURSIVE first AS (
  SELECT event_id, min(event_time) AS event_time FROM events GROUP BY event_id
  UNION ALL
  SELECT again.event_id, min(again.event_time) FROM first JOIN events AS again
    ON again.event_id = first.event_id AND again.event_time >= first.event_time + to_milliseconds({horizon:ms})
  GROUP BY again.event_id)
SELECT event_time, event_id FROM first"
    }
    fn unclear(&self) -> &'static str {
        "The horizon counts from the delivery that was let through, in event time: repeats do not prolong it, and one at \
         exactly the horizon is let through and is a first again. Deliveries with the same event id are one event, whatever \
         else they say. The SQL is over all deliveries, not over every event once."
    }
    fn state(&self) -> &'static str {
        "per event id: the time of the delivery that was let through; needed until it is a horizon old"
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "horizon",
            default: "24h",
            meaning: "duration, from 1ms: repeats within [t, t + horizon) of a first at t are held back",
        }]
    }
    fn columns(&self) -> &'static [&'static str] {
        Answer::COLUMNS
    }
    fn prepare(&self, settings: &[String], _symbols: &Symbols) -> Result<Box<dyn Prepared>, SettingError> {
        let settings = Settings::new(self.parameters(), settings)?;
        let logic = Logic { horizon_ms: settings.duration_ms("horizon")? };
        Ok(Box::new(WithDifferential(Keyed(logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    horizon_ms: i64,
}

/// The time of the delivery that was let through.
#[derive(Clone, Serialize, Deserialize)]
struct First {
    event_time_ms: i64, // i64::MIN: none yet
}

impl Default for First {
    fn default() -> Self {
        Self { event_time_ms: i64::MIN }
    }
}

impl KeyedLogic for Logic {
    type Key = u64;
    type State = First;
    type Row = Answer;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        Some(event.event_id())
    }

    fn lacks_key(&self, _event: &Event) -> bool {
        false
    }

    fn apply(&self, event_id: u64, first: &mut First, event: &Event, out: &mut Vec<Answer>) {
        let event_time_ms = event.event_time_ms();
        // Out of order a delivery may be before the one that was let through; as near to it, it is a repeat as well.
        let apart_ms = event_time_ms.abs_diff(first.event_time_ms);
        if first.event_time_ms == i64::MIN || apart_ms >= self.horizon_ms.unsigned_abs() {
            first.event_time_ms = first.event_time_ms.max(event_time_ms);
            out.push(Answer { event_time_ms, event_id });
        }
    }

    fn expires_at_ms(&self, _event_id: u64, first: &First) -> i64 {
        match first.event_time_ms {
            i64::MIN => SPENT,
            // At first + horizon it does not hold anything back any more.
            first_ms => first_ms.saturating_add(self.horizon_ms - 1),
        }
    }
}

impl Remembering for Logic {
    fn longest_ms(&self) -> i64 {
        self.horizon_ms
    }
}

#[cfg(test)]
mod tests {
    use super::Deduplicate;
    use crate::catalogue::{check, tests::parse};
    use crate::oracle;
    use crate::pipeline::Pipeline;

    #[test]
    fn an_event_that_is_delivered_again_is_answered_once() {
        let events = "
            page_viewed  2026-01-01T00:00:00 id=1
            order_placed 2026-01-01T00:00:00 id=2 c=7
            page_viewed  2026-01-01T00:00:00 id=1
            page_viewed  2026-01-01T00:00:01 id=3
            order_placed 2026-01-01T00:00:00 id=2 c=7
            page_viewed  2026-01-01T00:00:00 id=1";
        let answers = ["2026-01-01T00:00:00.000Z,1", "2026-01-01T00:00:00.000Z,2", "2026-01-01T00:00:01.000Z,3"];
        check(&Deduplicate, &[], events, &answers);
        check(&Deduplicate, &["horizon=1ms"], events, &answers);
        check(&Deduplicate, &[], "", &[]);
    }

    #[test]
    fn a_repeat_at_another_time_of_the_same_day_is_held_back_whatever_it_says() {
        let events = "
            page_viewed  2026-01-01T00:00:00 id=1 c=7
            order_placed 2026-01-01T00:00:00.001 id=1
            page_viewed  2026-01-01T23:59:59.999 id=1 c=8";
        check(&Deduplicate, &[], events, &["2026-01-01T00:00:00.000Z,1"]);
        assert_eq!(deliveries(&["horizon=1ms"], events).len(), 3);
    }

    // Such a log has event ids that mean several events, which `check` and its truth do not know of.
    fn deliveries(settings: &[&str], events: &str) -> Vec<String> {
        use crate::driver::Unhurried;
        use crate::{Choice, EvictionName, Feed, Site, Strategy};
        use std::sync::Arc;

        let trace = Arc::new(parse(events));
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let prepared = Deduplicate.prepare(&settings, &trace.symbols).unwrap();
        let truth = prepared.oracle(&oracle::delivered(&trace.events, None, false)).lines(&trace.symbols);
        for records_per_epoch in [1, 100] {
            let slack_ms = trace.slack_to_lose_nothing_ms();
            let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
            let answers = |choice| {
                let end = prepared.run(&Site::new(choice, &feed, Unhurried::drivers())).unwrap();
                end.answers.lines(&trace.symbols)
            };
            for eviction in EvictionName::ALL {
                for order in [crate::OrderName::Watermark, crate::OrderName::Speculative] {
                    let choice = Choice { eviction, order, ..Choice::plain(Strategy::Exchange) };
                    assert_eq!(answers(choice), truth, "{choice:?}, {records_per_epoch} per epoch");
                }
            }
            assert_eq!(answers(Choice::plain(Strategy::Differential)), truth, "{records_per_epoch} per epoch");
        }
        truth
    }

    #[test]
    fn at_exactly_the_horizon_it_is_a_first_again_and_repeats_do_not_prolong_it() {
        let events = "
            page_viewed 2026-01-03T00:00:00 id=1
            page_viewed 2026-01-01T00:00:00 id=1
            page_viewed 2026-01-01T23:59:59.999 id=1
            page_viewed 2026-01-02T00:00:00 id=1
            page_viewed 2026-01-02T00:00:00 id=1
            page_viewed 2026-01-02T23:59:59.999 id=1";
        let firsts = ["2026-01-01T00:00:00.000Z,1", "2026-01-02T00:00:00.000Z,1", "2026-01-03T00:00:00.000Z,1"];
        assert_eq!(deliveries(&[], events), firsts);
        assert_eq!(deliveries(&["horizon=86400001ms"], events), [firsts[0], "2026-01-02T23:59:59.999Z,1"]);
        assert_eq!(deliveries(&["horizon=3d"], events), firsts[..1]);
    }

    #[test]
    fn before_the_epoch_and_with_the_longest_horizon() {
        let events = "
            page_viewed 1969-12-31T23:59:59 id=1
            page_viewed 1970-01-01T00:00:00 id=1
            page_viewed 2026-01-01T00:00:00 id=1";
        assert_eq!(deliveries(&[], events), ["1969-12-31T23:59:59.000Z,1", "2026-01-01T00:00:00.000Z,1"]);
        assert_eq!(deliveries(&["horizon=1000000d"], events), ["1969-12-31T23:59:59.000Z,1"]);
    }
}

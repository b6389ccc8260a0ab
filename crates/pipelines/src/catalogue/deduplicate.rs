//! First deliveries: every event once, however often it was delivered.

use flowbench_events::{Event, EventId, Horizon, Symbols};
use serde::{Deserialize, Serialize};

use super::identity::Answer;
use crate::answers::Row;
use crate::logic::Delivered;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::FirstDeliveries;

/// See [`Pipeline::question`].
pub(super) struct Deduplicate;

impl Pipeline for Deduplicate {
    fn about(&self) -> &'static About {
        &About {
            name: "deduplicate",
            question: "Which deliveries are the first of their event within a day?",
            sql: "WITH RECURSIVE first AS (
  SELECT event_id, min(delivery) AS delivery FROM deliveries WHERE event_id IS NOT NULL GROUP BY event_id
  UNION ALL
  SELECT again.event_id, min(again.delivery)
  FROM first JOIN deliveries AS counted ON counted.delivery = first.delivery
    JOIN deliveries AS again ON again.event_id = first.event_id AND again.delivery > first.delivery
      AND again.arrival_time >= counted.arrival_time + to_milliseconds({horizon:ms})
  GROUP BY first.delivery, again.event_id)
SELECT event_time, event_id FROM deliveries WHERE event_id IS NULL OR delivery IN (SELECT delivery FROM first)",
            edge_cases: "First is what arrives first, in the order of the log, whatever the deliveries say about time, kind or anything \
         else. The horizon counts in arrival time from the delivery that was let through: repeats do not prolong it, and one \
         that arrives exactly a horizon later is let through and is a first again; where arrival time runs backwards it is \
         a repeat. An event without an id is repeated by no other. The SQL is over all deliveries, numbered as they came, \
         not over every event once.",
            state: "per event id: the arrival time of the delivery that was let through; needed until all that is still to come arrives a \
         horizon or more after it",
            parameters: &[Parameter {
                name: "horizon",
                default: "24h",
                meaning: "duration of arrival time, from 1ms: repeats before t + horizon of a first that arrived at t are held back",
            }],
            columns: Answer::COLUMNS,
        }
    }

    fn goes_by_arrival(&self) -> bool {
        true
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(FirstDeliveries::<Seen>::within(Horizon::from_ms(settings.duration_ms("horizon")?))))
    }
}

/// A delivery, as far as it matters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Seen {
    event_id: EventId,
    event_time_ms: i64,
    arrival_ms: i64,
}

impl Delivered for Seen {
    type Row = Answer;

    #[inline]
    fn of(event: &Event) -> Self {
        Self { event_id: event.event_id(), event_time_ms: event.event_time_ms(), arrival_ms: event.arrival_time_ms() }
    }

    #[inline]
    fn event_id(&self) -> EventId {
        self.event_id
    }

    #[inline]
    fn arrival_ms(&self) -> i64 {
        self.arrival_ms
    }

    #[inline]
    fn row(&self) -> Answer {
        Answer { event_time_ms: self.event_time_ms, event_id: self.event_id }
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
        use crate::driver::UnpacedDriver;
        use crate::{Eviction, Feed, OrderName, RunConfig, RunContext, RunError, Strategy};
        use std::sync::Arc;

        let trace = Arc::new(parse(events));
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let prepared = Deduplicate.prepare(&settings, &trace.symbols).unwrap();
        let counted = oracle::delivered(&trace, None, prepared.counts(None));
        let truth = prepared.oracle(&counted).lines(&trace.symbols);
        let mut exact = Eviction::ALL.into_iter().filter(|eviction| eviction.is_exact()).cycle();
        for (records_per_epoch, strategy) in [1, 2, 100].into_iter().flat_map(|one| Strategy::ALL.map(|all| (one, all)))
        {
            let slack_ms = trace.slack_to_lose_nothing_ms();
            for order in OrderName::ALL {
                let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, order.drops_late()));
                for (workers, eviction) in [1, 3, 1, 3, 1].into_iter().zip(exact.by_ref()) {
                    let config = RunConfig { workers, eviction, order, ..RunConfig::plain(strategy) };
                    match prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())) {
                        Err(RunError::Unsupported { .. } | RunError::Workers { .. }) => {}
                        end => assert_eq!(end.unwrap().answers.lines(&trace.symbols), truth, "{config:?}"),
                    }
                }
            }
        }
        truth
    }

    #[test]
    fn at_exactly_the_horizon_it_is_a_first_again_and_repeats_do_not_prolong_it() {
        let events = "
            page_viewed 2026-01-01T00:00:00 id=1
            page_viewed 2026-01-01T23:59:59.999 id=1
            page_viewed 2026-01-02T00:00:00 id=1
            page_viewed 2026-01-02T00:00:00 id=1
            page_viewed 2026-01-02T23:59:59.999 id=1
            page_viewed 2026-01-03T00:00:00 id=1";
        let firsts = ["2026-01-01T00:00:00.000Z,1", "2026-01-02T00:00:00.000Z,1", "2026-01-03T00:00:00.000Z,1"];
        assert_eq!(deliveries(&[], events), firsts);
        assert_eq!(deliveries(&["horizon=86400001ms"], events), [firsts[0], "2026-01-02T23:59:59.999Z,1"]);
        assert_eq!(deliveries(&["horizon=3d"], events), firsts[..1]);
    }

    #[test]
    fn what_arrives_first_counts_though_it_happened_last() {
        let events = "
            page_viewed 2026-01-03T00:00:00 id=1
            page_viewed 2026-01-01T00:00:00 id=1
            page_viewed 2026-01-04T00:00:00 id=1
            page_viewed 2026-01-03T12:00:00 id=1";
        assert_eq!(deliveries(&[], events), ["2026-01-03T00:00:00.000Z,1", "2026-01-04T00:00:00.000Z,1"]);
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

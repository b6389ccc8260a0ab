//! Customers who place several high-value orders within a day.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols, Value};

use crate::answer;
use crate::answers::Row;
use crate::logic::KeyedLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::recent::Recent;
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Keyed, WithDifferential};
use crate::strategy::differential::arrangements::Arrangements;
use crate::strategy::differential::collections::{Events, Incremental, Rows};
use crate::strategy::differential::running_count::{Order, running_count};

/// See [`Pipeline::question`].
pub(super) struct RepeatHighValue;

impl Pipeline for RepeatHighValue {
    fn about(&self) -> &'static About {
        &About {
            name: "repeat-high-value",
            question: "Which placed orders above a value are at least the third such order of their customer within 24 hours?",
            sql: "SELECT event_time, customer, \"order\", n FROM (
  SELECT event_time, customer, \"order\",
    (SELECT count(*) FROM events AS earlier
      WHERE earlier.kind = 'order_placed' AND earlier.value > {threshold} AND earlier.customer = e.customer
        AND earlier.event_time > e.event_time - to_milliseconds({window:ms})
        AND (earlier.event_time, length(earlier.event_id), earlier.event_id)
          <= (e.event_time, length(e.event_id), e.event_id)) AS n
  FROM events AS e WHERE kind = 'order_placed' AND value > {threshold} AND customer IS NOT NULL)
WHERE n >= {count}",
            edge_cases: "Orders are counted one at a time in canonical order: of two in the same millisecond, the one with the lower event \
         id comes first and does not see the other (SQL's RANGE frame would). An order exactly the window ago is out.",
            state: "per customer: the times of the high-value orders of the last window; needed until the newest of them is a window \
         old",
            parameters: &[
                Parameter { name: "threshold", default: "500", meaning: "currency units; strictly above it counts" },
                Parameter { name: "count", default: "3", meaning: "from which order on, 1 to 1000000" },
                Parameter { name: "window", default: "24h", meaning: "duration, from 1ms: counts (t - window, t]" },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let logic = Logic {
            threshold: settings.value("threshold")?,
            count: settings.count("count")?,
            window_ms: settings.duration_ms("window")?,
        };
        Ok(Box::new(WithDifferential(Keyed(logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    threshold: Value,
    count: usize,
    window_ms: i64,
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Recent;
    type Row = Answer;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        let concerned = event.is_rarely(Kind::OrderPlaced) && event.value_above(self.threshold);
        if concerned { event.customer() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        event.kind() == Kind::OrderPlaced && event.value_above(self.threshold) && event.customer().is_none()
    }

    fn apply(&self, customer: Id, recent: &mut Recent, event: &Event, out: &mut Vec<Answer>) {
        let event_time_ms = event.event_time_ms();
        let n = recent.count(event_time_ms, self.window_ms);
        if n >= self.count {
            let order = event.order().unwrap_or(Id::ABSENT);
            out.push(Answer { event_time_ms, customer, order, n: n as u32 });
        }
    }

    fn expires_at_ms(&self, _customer: Id, recent: &Recent) -> i64 {
        recent.expires_at_ms(self.window_ms)
    }

    fn heap_bytes(&self, recent: &Recent) -> usize {
        recent.heap_bytes()
    }
}

/// A running count of what the window holds: each order is in it from 1 ms after it was placed until it is a window old.
impl Incremental for Logic {
    type What = Order;
    type Row = Answer;

    fn select(&self, event: &Event) -> Option<(i64, Order)> {
        self.key(event).map(|customer| (i64::from(customer.0), Order::of(event)))
    }

    fn answers<'s>(&self, events: Events<'s, Order>, arrangements: &Arrangements) -> Rows<'s, Answer> {
        running_count(events, Some(self.window_ms), self.count as i64, arrangements).map(|(customer, counted)| {
            let event_time_ms = counted.timed.event_time_ms;
            let (customer, order) = (Id(customer as u32), counted.timed.what.order);
            (event_time_ms, Answer { event_time_ms, customer, order, n: counted.orders as u32 })
        })
    }
}

answer! {
    struct Answer about (customer, order) {
        customer: Id = id,
        order: Id = id,
        n: u32 = text,
    }
}

#[cfg(test)]
mod tests {
    use super::RepeatHighValue;
    use crate::catalogue::check;

    #[test]
    fn the_third_within_the_window_counts_and_so_does_every_one_after_it() {
        let events = "
            order_placed 2026-01-01T00:00:00 o=1 c=7 v=501
            order_placed 2026-01-01T10:00:00 o=2 c=7 v=501
            order_placed 2026-01-01T11:00:00 o=3 c=8 v=501
            order_placed 2026-01-01T12:00:00 o=4 c=7 v=500
            order_placed 2026-01-01T23:59:59.999 o=5 c=7 v=501
            order_placed 2026-01-02T05:00:00 o=6 c=7 v=501";
        let answers = ["2026-01-01T23:59:59.999Z,7,5,3", "2026-01-02T05:00:00.000Z,7,6,3"];
        check(&RepeatHighValue, &[], events, &answers);
    }

    #[test]
    fn an_order_exactly_the_window_ago_is_out() {
        let events = "
            order_placed 2026-01-01T00:00:00 o=1 c=7 v=501
            order_placed 2026-01-01T10:00:00 o=2 c=7 v=501
            order_placed 2026-01-02T00:00:00 o=3 c=7 v=501";
        check(&RepeatHighValue, &[], events, &[]);
        check(
            &RepeatHighValue,
            &["count=2"],
            events,
            &["2026-01-01T10:00:00.000Z,7,2,2", "2026-01-02T00:00:00.000Z,7,3,2"],
        );
    }

    #[test]
    fn an_order_is_still_seen_while_the_watermark_stands_at_its_last_moment() {
        let events = "
            order_placed 2026-01-01T00:00:00 o=1 c=7 v=501
            order_placed 2026-01-01T23:59:59.999 o=2 c=7 v=501
            page_viewed  2026-01-02T00:00:00 c=7";
        check(&RepeatHighValue, &["count=2"], events, &["2026-01-01T23:59:59.999Z,7,2,2"]);
    }

    #[test]
    fn ties_are_counted_one_at_a_time_by_event_id() {
        let events = "
            order_placed 2026-01-01T00:00:00 o=1 c=7 v=501
            order_placed 2026-01-01T00:00:00 o=2 c=7 v=501
            order_placed 2026-01-01T00:00:00 o=3 c=7 v=501
            order_placed 2026-01-01T00:00:00 o=4 c=7 v=501";
        check(&RepeatHighValue, &[], events, &["2026-01-01T00:00:00.000Z,7,3,3", "2026-01-01T00:00:00.000Z,7,4,4"]);
    }

    #[test]
    fn disorder_within_the_slack_changes_nothing_and_nobody_is_no_customer() {
        let events = "
            order_placed 2026-01-01T03:00:00 o=3 c=x v=501
            order_placed 2026-01-01T02:00:00 o=2 c=x v=501
            order_placed 2026-01-01T01:00:00 o=1 c=x v=501
            order_placed 2026-01-01T03:00:00 o=4 v=501
            order_placed 2026-01-01T03:00:00 o=5 v=501
            order_placed 2026-01-01T03:00:00 o=6 v=501";
        check(&RepeatHighValue, &[], events, &["2026-01-01T03:00:00.000Z,x,3,3"]);
    }

    #[test]
    fn a_customer_who_comes_back_after_the_window_begins_again() {
        let events = "
            order_placed 2026-01-01T00:00:00 o=1 c=7 v=501
            order_placed 2026-01-01T00:00:01 o=2 c=7 v=501
            page_viewed  2026-01-05T00:00:00 c=7
            order_placed 2026-01-05T00:00:00 o=3 c=7 v=501";
        check(&RepeatHighValue, &[], events, &[]);
    }
}

//! Bad reviews of orders that were dispatched late.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols};
use serde::{Deserialize, Serialize};

use super::dispatch_overdue::Moment;
use crate::answer;
use crate::answers::Row;
use crate::logic::{EMPTY_STATE, KeyedLogic};
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Keyed, WithDifferential};
use crate::strategy::differential::key_lifetimes::ReplayableLogic;

/// See [`Pipeline::question`].
pub(super) struct LateThenUnhappy;

impl Pipeline for LateThenUnhappy {
    fn about(&self) -> &'static About {
        &About {
            name: "late-then-unhappy",
            question: "Which bad reviews are about orders that were dispatched late, or not yet when the review was posted?",
            sql: "WITH RECURSIVE step AS (
  SELECT \"order\", customer, rating, kind, event_time AS t,
    row_number() OVER history AS n, lead(event_time) OVER history AS next
  FROM events WHERE \"order\" IS NOT NULL
    AND (kind IN ('order_placed', 'order_dispatched') OR kind = 'review_posted' AND rating <= {rating})
  WINDOW history AS (PARTITION BY \"order\" ORDER BY event_time, length(event_id), event_id)),
life AS ( -- what is known of an order after its n-th event
  SELECT \"order\", n, t, next, CASE WHEN kind = 'order_placed' THEN t END AS placed,
    CASE WHEN kind = 'order_dispatched' THEN t END AS dispatched
  FROM step WHERE n = 1
  UNION ALL
  SELECT step.\"order\", step.n, step.t, step.next,
    CASE WHEN known AND placed IS NOT NULL THEN placed WHEN kind = 'order_placed' THEN step.t END,
    CASE WHEN known AND dispatched IS NOT NULL THEN dispatched WHEN kind = 'order_dispatched' THEN step.t END
  FROM ( -- known: still so when the next event comes
    SELECT *, next <= coalesce(placed, dispatched) + to_milliseconds({within:ms}) AS known FROM life) AS life
  JOIN step ON step.\"order\" = life.\"order\" AND step.n = life.n + 1)
SELECT t AS event_time, \"order\", customer, rating FROM life JOIN step USING (\"order\", n, t)
WHERE kind = 'review_posted' AND placed IS NOT NULL
  AND (dispatched IS NULL OR dispatched > placed + to_milliseconds({limit:ms}))",
            edge_cases: "A dispatch exactly the limit after the placing is not late; one before it (the clocks say so) is not either. Until \
         its dispatch an order counts as late from the start. A review exactly `within` after the placing counts, one \
         before it in canonical order does not. The first placing and the first dispatch count. Each bad review is a row, \
         with the customer of the review, not of the order. Events without an order are counted, not used; a review \
         without a rating is not bad.",
            state: "per order: the time of its placing and whether its dispatch was late; needed until placed + within. Before the \
         placing: the time of the dispatch; needed until dispatched + within",
            parameters: &[
                Parameter { name: "rating", default: "2", meaning: "1 to 5; a review with it or less is bad" },
                Parameter { name: "limit", default: "48h", meaning: "duration, from 1ms: strictly later is late" },
                Parameter { name: "within", default: "30d", meaning: "duration, from 1ms: reviews count that long" },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let logic = Logic {
            rating: settings.rating("rating")?,
            limit_ms: settings.duration_ms("limit")?,
            within_ms: settings.duration_ms("within")?,
        };
        Ok(Box::new(WithDifferential(Keyed(logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    rating: u8,
    limit_ms: i64,
    within_ms: i64,
}

/// What is known of an order, 8 bytes.
#[derive(Clone, Default, Serialize, Deserialize)]
enum Order {
    /// Nothing (any more).
    #[default]
    Unknown,
    /// It was dispatched; its placing is still to come.
    Dispatched(Moment),
    /// It was placed.
    Placed(Moment, Dispatch),
}

/// The dispatch of a placed order.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Dispatch {
    Pending,
    InTime,
    Late,
}

impl Logic {
    fn concerned(&self, event: &Event) -> bool {
        match event.kind() {
            Kind::OrderPlaced | Kind::OrderDispatched => true,
            Kind::ReviewPosted => event.rating().is_some_and(|rating| rating <= self.rating),
            _ => false,
        }
    }

    fn dispatch(&self, placed: Moment, dispatched: Moment) -> Dispatch {
        let late = dispatched.ms() - placed.ms() > self.limit_ms; // both have 48 bits
        if late { Dispatch::Late } else { Dispatch::InTime }
    }
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Order;
    type Row = Answer;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        if self.concerned(event) { event.order() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.concerned(event) && event.order().is_none()
    }

    fn apply(&self, order: Id, known: &mut Order, event: &Event, out: &mut Vec<Answer>) {
        let now = Moment::of(event);
        if now.ms() > self.expires_at_ms(order, known) {
            *known = Order::Unknown;
        }
        match (event.kind(), &*known) {
            (Kind::OrderPlaced, Order::Unknown) => *known = Order::Placed(now, Dispatch::Pending),
            (Kind::OrderPlaced, Order::Dispatched(then)) => *known = Order::Placed(now, self.dispatch(now, *then)),
            (Kind::OrderDispatched, Order::Unknown) => *known = Order::Dispatched(now),
            (Kind::OrderDispatched, Order::Placed(placed, Dispatch::Pending)) => {
                *known = Order::Placed(*placed, self.dispatch(*placed, now));
            }
            (Kind::ReviewPosted, Order::Placed(placed, dispatch)) if *dispatch != Dispatch::InTime => {
                // Out of order a review may come after a placing that it was posted before.
                out.extend(Answer::new(order, event).filter(|_| now.ms() >= placed.ms()));
            }
            _ => {}
        }
    }

    fn expires_at_ms(&self, _order: Id, known: &Order) -> i64 {
        match known {
            Order::Unknown => EMPTY_STATE,
            Order::Dispatched(at) | Order::Placed(at, _) => at.ms().saturating_add(self.within_ms),
        }
    }
}

impl ReplayableLogic for Logic {
    fn longest_ms(&self) -> i64 {
        self.within_ms
    }
}

answer! {
    struct Answer about (order) {
        order: Id = id,
        customer: Id = id,
        rating: u8 = text,
    }
}

impl Answer {
    fn new(order: Id, review: &Event) -> Option<Self> {
        let customer = review.customer().unwrap_or(Id::ABSENT);
        Some(Self { event_time_ms: review.event_time_ms(), order, customer, rating: review.rating()? })
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::Symbols;

    use super::{LateThenUnhappy, Order};
    use crate::catalogue::check;
    use crate::pipeline::Pipeline;

    #[test]
    fn late_is_strictly_after_the_limit() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1 c=7
            order_dispatched 2026-01-03T00:00:00 o=1 c=7
            review_posted    2026-01-05T00:00:00 o=1 c=7 r=1
            order_placed     2026-01-01T00:00:00 o=2 c=8
            order_dispatched 2026-01-03T00:00:00.001 o=2 c=8
            review_posted    2026-01-05T00:00:00 o=2 c=8 r=1";
        let late = "2026-01-05T00:00:00.000Z,2,8,1";
        check(&LateThenUnhappy, &[], events, &[late]);
        check(&LateThenUnhappy, &["limit=2d"], events, &[late]);
        check(&LateThenUnhappy, &["limit=172800001ms"], events, &[]);
        check(&LateThenUnhappy, &["limit=47h"], events, &["2026-01-05T00:00:00.000Z,1,7,1", late]);
    }

    #[test]
    fn each_review_up_to_the_rating_is_a_row_with_its_own_customer() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=a c=x
            order_dispatched 2026-01-04T00:00:00 o=a c=x
            review_posted    2026-01-05T00:00:03 o=a c=y r=1
            review_posted    2026-01-05T00:00:02 o=a r=2
            review_posted    2026-01-05T00:00:01 o=a c=x r=3
            review_posted    2026-01-05T00:00:00 o=a c=x
            review_posted    2026-01-05T00:00:03 o=a c=y r=1";
        let (no_customer, other) = ("2026-01-05T00:00:02.000Z,a,,2", "2026-01-05T00:00:03.000Z,a,y,1");
        check(&LateThenUnhappy, &[], events, &[no_customer, other, other]);
        check(&LateThenUnhappy, &["rating=1"], events, &[other, other]);
        let all = ["2026-01-05T00:00:01.000Z,a,x,3", no_customer, other, other];
        check(&LateThenUnhappy, &["rating=5"], events, &all);
    }

    #[test]
    fn until_its_dispatch_an_order_counts_as_late_and_ties_go_by_event_id() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1
            review_posted    2026-01-01T00:00:00 o=1 r=1
            review_posted    2026-01-02T00:00:00 o=1 r=2
            order_dispatched 2026-01-02T00:00:00 o=1
            review_posted    2026-01-02T00:00:00 o=1 r=1
            review_posted    2026-01-03T00:00:00 o=1 r=1
            order_delivered  2026-01-03T00:00:00 o=1 r=1";
        check(&LateThenUnhappy, &[], events, &["2026-01-01T00:00:00.000Z,1,,1", "2026-01-02T00:00:00.000Z,1,,2"]);
    }

    #[test]
    fn a_review_counts_from_the_placing_to_exactly_within() {
        let events = "
            review_posted 2025-12-31T23:59:59.999 o=1 r=1
            review_posted 2026-01-01T00:00:00 o=1 r=2
            order_placed  2026-01-01T00:00:00 o=1
            review_posted 2026-01-31T00:00:00 o=1 r=1
            review_posted 2026-01-31T00:00:00.001 o=1 r=2";
        check(&LateThenUnhappy, &[], events, &["2026-01-31T00:00:00.000Z,1,,1"]);
        let longer = ["2026-01-31T00:00:00.000Z,1,,1", "2026-01-31T00:00:00.001Z,1,,2"];
        check(&LateThenUnhappy, &["within=2592000001ms"], events, &longer);
        check(&LateThenUnhappy, &["within=1d"], events, &[]);
    }

    #[test]
    fn a_dispatch_before_the_placing_is_not_late_as_long_as_it_is_remembered() {
        let events = "
            review_posted    2026-01-03T00:00:00 o=1 r=1
            order_placed     2026-01-02T00:00:00 o=1
            order_dispatched 2026-01-01T00:00:00 o=1
            order_dispatched 2026-01-01T00:00:00 o=2
            order_placed     2026-01-02T00:00:00.001 o=2
            review_posted    2026-01-02T00:00:00.001 o=2 r=1
            order_dispatched 2026-01-01T00:00:00 o=3
            order_dispatched 2026-01-01T12:00:00 o=3
            order_placed     2026-01-02T00:00:00.001 o=3
            review_posted    2026-01-03T00:00:00.001 o=3 r=2";
        let answers = ["2026-01-02T00:00:00.001Z,2,,1", "2026-01-03T00:00:00.001Z,3,,2"];
        check(&LateThenUnhappy, &["within=1d"], events, &answers);
        check(&LateThenUnhappy, &[], events, &[]);
    }

    #[test]
    fn the_first_placing_and_the_first_dispatch_count_until_the_order_begins_again() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1
            order_placed     2026-01-03T00:00:00 o=1
            order_dispatched 2026-01-04T00:00:00 o=1
            review_posted    2026-01-05T00:00:00 o=1 r=1
            order_placed     2026-01-01T00:00:00 o=2
            order_dispatched 2026-01-02T00:00:00 o=2
            order_dispatched 2026-01-04T00:00:00 o=2
            review_posted    2026-01-05T00:00:00 o=2 r=1
            order_placed     2026-01-31T00:00:00 o=2
            review_posted    2026-01-31T00:00:00 o=2 r=1
            order_placed     2026-01-31T00:00:00.001 o=2
            review_posted    2026-01-31T00:00:00.002 o=2 r=2";
        let answers = ["2026-01-05T00:00:00.000Z,1,,1", "2026-01-31T00:00:00.002Z,2,,2"];
        check(&LateThenUnhappy, &[], events, &answers);
    }

    #[test]
    fn what_has_no_order_is_counted_and_a_good_review_is_no_concern() {
        let events = "
            order_placed     2026-01-01T00:00:00 c=7
            order_dispatched 2026-01-09T00:00:00 c=7
            review_posted    2026-01-09T00:00:00 c=7 r=2
            review_posted    2026-01-09T00:00:00 c=7 r=3
            review_posted    2026-01-09T00:00:00 c=7
            review_posted    2026-01-09T00:00:00 o=1 r=1";
        check(&LateThenUnhappy, &[], events, &[]);
        let trace = crate::catalogue::tests::parse(events);
        let prepared = LateThenUnhappy.prepare(&[], &trace.symbols).unwrap();
        assert_eq!(prepared.without_key(&trace.events), 3);
    }

    #[test]
    fn the_rating_is_one_and_the_state_is_small() {
        for rating in ["0", "6", "two", "2.0"] {
            let error = LateThenUnhappy.prepare(&[format!("rating={rating}")], &Symbols::default()).err().unwrap();
            assert!(error.to_string().contains("from 1 to 5"), "{error}");
        }
        assert_eq!((size_of::<Order>(), align_of::<Order>()), (8, 2));
    }
}

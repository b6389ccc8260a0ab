//! Orders that are not dispatched in time, and how long dispatching took.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols};
use serde::{Deserialize, Serialize};

use crate::answers::{Cells, Row};
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome};
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Keyed, WithDifferential};
use crate::strategy::differential::key_lifetimes::ReplayableLogic;

/// See [`Pipeline::question`].
pub(super) struct DispatchOverdue;

impl Pipeline for DispatchOverdue {
    fn about(&self) -> &'static About {
        &About {
            name: "dispatch-overdue",
            question: "Which orders are neither dispatched nor cancelled within 48 hours of being placed, and how long did each dispatch \
         take?",
            sql: "WITH RECURSIVE step AS (
  SELECT \"order\", customer, kind, event_time AS t,
    row_number() OVER history AS n, lead(event_time) OVER history AS next
  FROM events WHERE kind IN ('order_placed', 'order_dispatched', 'order_cancelled') AND \"order\" IS NOT NULL
  WINDOW history AS (PARTITION BY \"order\" ORDER BY event_time, length(event_id), event_id)),
life AS ( -- what is known of an order after its n-th event
  SELECT \"order\", n, t, next, CASE WHEN kind = 'order_placed' THEN t END AS placed,
    CASE WHEN kind = 'order_placed' THEN customer END AS customer,
    CASE WHEN kind = 'order_dispatched' THEN t END AS dispatched,
    CASE WHEN kind = 'order_cancelled' THEN t END AS cancelled
  FROM step WHERE n = 1
  UNION ALL
  SELECT step.\"order\", step.n, step.t, step.next,
    CASE WHEN known AND placed IS NOT NULL THEN placed WHEN kind = 'order_placed' THEN step.t END,
    CASE WHEN known AND placed IS NOT NULL THEN life.customer WHEN kind = 'order_placed' THEN step.customer END,
    CASE WHEN known AND dispatched IS NOT NULL THEN dispatched WHEN kind = 'order_dispatched' THEN step.t END,
    CASE WHEN known AND (dispatched IS NOT NULL OR cancelled IS NOT NULL) THEN cancelled
      WHEN kind = 'order_cancelled' THEN step.t END
  FROM ( -- known: still so when the next event comes
    SELECT *, (placed IS NULL OR dispatched IS NULL)
      AND next <= coalesce(placed, dispatched, cancelled) + to_milliseconds({horizon:ms}) AS known
    FROM life) AS life
  JOIN step ON step.\"order\" = life.\"order\" AND step.n = life.n + 1)
SELECT placed + to_milliseconds({limit:ms}) AS event_time, \"order\", customer, 'overdue' AS state, NULL AS lead_ms
FROM life WHERE dispatched IS NULL AND cancelled IS NULL AND t <= placed + to_milliseconds({limit:ms})
  AND (next IS NULL OR next > placed + to_milliseconds({limit:ms}))
UNION ALL
SELECT t, \"order\", customer, 'dispatched', epoch_ms(dispatched) - epoch_ms(placed)
FROM life WHERE placed IS NOT NULL AND dispatched IS NOT NULL",
            edge_cases: "A dispatch or cancellation at exactly placed + limit is in time. An order may be overdue and later dispatched: two \
         rows. A cancelled one is never overdue, but dispatched if it is. The lead is negative if the dispatch lies before \
         the placing; the row then has the time of the placing. The first event of each kind counts, and the customer is \
         that of the placing, if it has one. An order that is placed and dispatched is over, and its id is free for a new \
         one. A cancellation after a dispatch whose placing is still to come changes nothing. Events without an order are \
         counted, not used.",
            state: "per order: the time of its placing, its customer, and whether it is still to become overdue; needed until it is \
         dispatched, else until placed + horizon. Before the placing: the time of the dispatch, or of the cancellation; \
         needed for the horizon",
            parameters: &[
                Parameter { name: "limit", default: "48h", meaning: "duration, from 1ms to horizon: overdue after it" },
                Parameter {
                    name: "horizon",
                    default: "60d",
                    meaning: "duration, from limit: placing and dispatch belong together up to it",
                },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let horizon_ms = settings.duration_ms("horizon")?;
        let logic = Logic { limit_ms: settings.duration_up_to_ms("limit", "horizon")?, horizon_ms };
        Ok(Box::new(WithDifferential(Keyed(logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    limit_ms: i64,
    horizon_ms: i64,
}

/// What is known of an order, 12 bytes.
#[derive(Clone, Default, Serialize, Deserialize)]
enum Order {
    /// Nothing (any more).
    #[default]
    Unknown,
    /// It was dispatched; its placing is still to come.
    Dispatched(Moment),
    /// It was cancelled and not dispatched; its placing is still to come.
    Cancelled(Moment),
    /// It was placed and is not dispatched. `open` if it is neither cancelled nor overdue.
    Placed { at: Moment, open: bool, customer: Id },
}

/// An event time in the 48 bits it needs, for small states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment([u16; 3]);

impl Moment {
    /// When `event` happened.
    #[inline]
    pub(super) fn of(event: &Event) -> Self {
        let ms = event.event_time_ms();
        Self([(ms >> 32) as u16, (ms >> 16) as u16, ms as u16])
    }

    /// Event time, ms.
    #[inline]
    pub(super) fn ms(self) -> i64 {
        let [high, middle, low] = self.0;
        i64::from(high as i16) << 32 | i64::from(middle) << 16 | i64::from(low)
    }
}

impl Logic {
    /// The answer that an order was dispatched; `None` if that is too far from its placing.
    fn dispatched(&self, order: Id, customer: Id, placed_ms: i64, dispatched_ms: i64) -> Option<Answer> {
        let lead_ms = dispatched_ms - placed_ms; // both have 48 bits
        let event_time_ms = dispatched_ms.max(placed_ms);
        (lead_ms.abs() <= self.horizon_ms).then_some(Answer { event_time_ms, order, customer, lead_ms: Some(lead_ms) })
    }

    fn place(&self, order: Id, known: &mut Order, event: &Event, out: &mut Vec<Answer>) {
        let (at, customer) = (Moment::of(event), event.customer().unwrap_or(Id::ABSENT));
        let pair = match *known {
            Order::Placed { .. } => return,
            Order::Dispatched(then) => self.dispatched(order, customer, at.ms(), then.ms()),
            Order::Unknown | Order::Cancelled(_) => None,
        };
        *known = match pair {
            Some(_) => Order::Unknown,
            None => Order::Placed { at, open: !matches!(known, Order::Cancelled(_)), customer },
        };
        out.extend(pair);
    }

    fn dispatch(&self, order: Id, known: &mut Order, event: &Event, out: &mut Vec<Answer>) {
        match *known {
            Order::Dispatched(_) => {}
            Order::Unknown | Order::Cancelled(_) => *known = Order::Dispatched(Moment::of(event)),
            Order::Placed { at, customer, .. } => {
                if let Some(pair) = self.dispatched(order, customer, at.ms(), event.event_time_ms()) {
                    *known = Order::Unknown;
                    out.push(pair);
                }
            }
        }
    }

    fn cancel(&self, known: &mut Order, event: &Event) {
        match known {
            Order::Unknown => *known = Order::Cancelled(Moment::of(event)),
            Order::Placed { open, .. } => *open = false,
            Order::Dispatched(_) | Order::Cancelled(_) => {}
        }
    }
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Order;
    type Row = Answer;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        if concerned(event) { event.order() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        concerned(event) && event.order().is_none()
    }

    fn apply(&self, order: Id, known: &mut Order, event: &Event, out: &mut Vec<Answer>) {
        match event.kind() {
            Kind::OrderPlaced => self.place(order, known, event, out),
            Kind::OrderDispatched => self.dispatch(order, known, event, out),
            _ => self.cancel(known, event),
        }
    }

    fn expires_at_ms(&self, _order: Id, known: &Order) -> i64 {
        match known {
            Order::Unknown => EMPTY_STATE,
            Order::Placed { at, open: true, .. } => at.ms().saturating_add(self.limit_ms),
            Order::Placed { at, .. } | Order::Dispatched(at) | Order::Cancelled(at) => {
                at.ms().saturating_add(self.horizon_ms)
            }
        }
    }

    fn on_expiry(&self, order: Id, known: &mut Order, out: &mut Vec<Answer>) -> TimerOutcome {
        let Order::Placed { at, open: open @ true, customer } = known else { return TimerOutcome::Evict };
        *open = false;
        let event_time_ms = at.ms().saturating_add(self.limit_ms);
        out.push(Answer { event_time_ms, order, customer: *customer, lead_ms: None });
        if self.horizon_ms > self.limit_ms { TimerOutcome::Keep } else { TimerOutcome::Evict }
    }
}

impl ReplayableLogic for Logic {
    fn longest_ms(&self) -> i64 {
        self.horizon_ms
    }
}

#[inline]
fn concerned(event: &Event) -> bool {
    matches!(event.kind(), Kind::OrderPlaced | Kind::OrderDispatched | Kind::OrderCancelled)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answer {
    event_time_ms: i64,
    order: Id,
    customer: Id,
    lead_ms: Option<i64>, // none: overdue
}

impl Row for Answer {
    const COLUMNS: &'static [&'static str] = &["order", "customer", "state", "lead_ms"];

    fn subject(&self) -> impl Hash {
        (self.order, self.lead_ms.is_some())
    }
    fn subject_columns() -> Vec<&'static str> {
        vec!["order", "state"]
    }

    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        cells.id(self.order);
        cells.id(self.customer);
        match self.lead_ms {
            Some(lead_ms) => {
                cells.text("dispatched");
                cells.text(lead_ms);
            }
            None => {
                cells.text("overdue");
                cells.text("");
            }
        }
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Kind, Record, Symbols, TIME_MS_MAX, TIME_MS_MIN};

    use super::{DispatchOverdue, Event, Moment, Order};
    use crate::catalogue::check;
    use crate::pipeline::Pipeline;

    #[test]
    fn overdue_at_the_limit_unless_dispatched_or_cancelled_by_then() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1 c=7
            order_placed     2026-01-01T00:00:00 o=2 c=8
            order_placed     2026-01-01T00:00:00 o=3 c=9
            order_placed     2026-01-01T00:00:00 o=4 c=10
            order_placed     2026-01-01T00:00:00 o=5 c=11
            order_dispatched 2026-01-02T23:59:59.999 o=1 c=7
            order_dispatched 2026-01-03T00:00:00 o=2 c=8
            order_cancelled  2026-01-03T00:00:00 o=3 c=9
            order_cancelled  2026-01-03T00:00:00.001 o=4 c=10
            order_dispatched 2026-01-03T00:00:00.001 o=5 c=11";
        let answers = [
            "2026-01-02T23:59:59.999Z,1,7,dispatched,172799999",
            "2026-01-03T00:00:00.000Z,2,8,dispatched,172800000",
            "2026-01-03T00:00:00.000Z,4,10,overdue,",
            "2026-01-03T00:00:00.000Z,5,11,overdue,",
            "2026-01-03T00:00:00.001Z,5,11,dispatched,172800001",
        ];
        check(&DispatchOverdue, &[], events, &answers);
    }

    #[test]
    fn what_is_pending_when_the_input_ends_becomes_overdue() {
        let events = "
            order_placed 2026-01-01T00:00:00 o=a c=x
            page_viewed  2026-01-02T00:00:00 o=a c=x
            order_packed 2026-01-02T00:00:00 o=a c=x";
        check(&DispatchOverdue, &[], events, &["2026-01-03T00:00:00.000Z,a,x,overdue,"]);
        check(&DispatchOverdue, &["limit=1ms"], events, &["2026-01-01T00:00:00.001Z,a,x,overdue,"]);
    }

    #[test]
    fn a_dispatch_before_its_placing_has_a_negative_lead_and_the_time_of_the_placing() {
        let events = "
            order_placed     2026-01-01T10:00:00 o=1 c=7
            order_dispatched 2026-01-01T09:00:00 o=1 c=8
            order_dispatched 2026-01-01T10:00:00 o=2
            order_placed     2026-01-01T10:00:00 o=2
            order_placed     2026-01-01T10:00:00 o=3
            order_dispatched 2026-01-01T10:00:00 o=3";
        let answers = [
            "2026-01-01T10:00:00.000Z,1,7,dispatched,-3600000",
            "2026-01-01T10:00:00.000Z,2,,dispatched,0",
            "2026-01-01T10:00:00.000Z,3,,dispatched,0",
        ];
        check(&DispatchOverdue, &[], events, &answers);
    }

    #[test]
    fn placing_and_dispatch_belong_together_up_to_the_horizon_in_both_directions() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1
            order_dispatched 2026-01-02T00:00:00 o=1
            order_placed     2026-01-01T00:00:00 o=2
            order_dispatched 2026-01-02T00:00:00.001 o=2
            order_dispatched 2026-01-01T00:00:00 o=3
            order_placed     2026-01-02T00:00:00 o=3
            order_dispatched 2026-01-01T00:00:00 o=4
            order_placed     2026-01-02T00:00:00.001 o=4";
        let answers = [
            "2026-01-01T01:00:00.000Z,1,,overdue,",
            "2026-01-01T01:00:00.000Z,2,,overdue,",
            "2026-01-02T00:00:00.000Z,1,,dispatched,86400000",
            "2026-01-02T00:00:00.000Z,3,,dispatched,-86400000",
            "2026-01-02T01:00:00.001Z,4,,overdue,",
        ];
        check(&DispatchOverdue, &["limit=1h", "horizon=1d"], events, &answers);
    }

    #[test]
    fn a_cancelled_order_is_never_overdue_but_may_be_dispatched() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1 c=7
            order_cancelled  2026-01-01T01:00:00 o=1
            order_dispatched 2026-02-01T00:00:00 o=1
            order_cancelled  2026-01-01T00:00:00 o=2
            order_placed     2026-03-02T00:00:00 o=2 c=7
            order_cancelled  2026-01-01T00:00:00 o=3
            order_placed     2026-03-02T00:00:00.001 o=3 c=7
            order_cancelled  2026-01-01T00:00:00 o=4
            order_dispatched 2026-01-01T01:00:00 o=4
            order_placed     2026-01-01T02:00:00 o=4 c=7";
        let answers = [
            "2026-01-01T02:00:00.000Z,4,7,dispatched,-3600000",
            "2026-02-01T00:00:00.000Z,1,7,dispatched,2678400000",
            "2026-03-04T00:00:00.001Z,3,7,overdue,",
        ];
        check(&DispatchOverdue, &[], events, &answers);
    }

    #[test]
    fn a_cancellation_between_dispatch_and_placing_changes_nothing() {
        let events = "
            order_dispatched 2026-01-01T00:00:00 o=1
            order_cancelled  2026-01-01T23:00:00 o=1
            order_placed     2026-01-02T01:00:00 o=1";
        check(&DispatchOverdue, &["horizon=1d", "limit=1h"], events, &["2026-01-02T02:00:00.000Z,1,,overdue,"]);
    }

    #[test]
    fn what_comes_again_changes_nothing_until_the_order_is_over() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1 c=7
            order_placed     2026-01-01T00:00:00 o=1 c=8
            order_placed     2026-01-02T00:00:00 o=1 c=9
            order_dispatched 2026-01-03T00:00:00 o=1
            order_placed     2026-01-05T00:00:00 o=1 c=8
            order_dispatched 2026-01-01T00:00:00 o=2
            order_dispatched 2026-01-01T01:00:00 o=2
            order_placed     2026-01-01T02:00:00 o=2
            order_dispatched 2026-01-01T03:00:00 o=2";
        let answers = [
            "2026-01-01T02:00:00.000Z,2,,dispatched,-7200000",
            "2026-01-03T00:00:00.000Z,1,7,dispatched,172800000",
            "2026-01-07T00:00:00.000Z,1,8,overdue,",
        ];
        check(&DispatchOverdue, &[], events, &answers);
    }

    #[test]
    fn an_order_begins_again_after_the_horizon_which_may_be_the_limit() {
        let events = "
            order_placed     2026-01-01T00:00:00 o=1 c=7
            order_placed     2026-01-01T01:00:00 o=1 c=8
            order_placed     2026-01-01T01:00:00.001 o=1 c=9
            order_dispatched 2026-01-01T02:00:00.001 o=1";
        let answers = ["2026-01-01T01:00:00.000Z,1,7,overdue,", "2026-01-01T02:00:00.001Z,1,9,dispatched,3600000"];
        check(&DispatchOverdue, &["limit=1h", "horizon=1h"], events, &answers);
    }

    #[test]
    fn events_without_an_order_are_counted_and_the_horizon_is_not_below_the_limit() {
        let events = "
            order_placed     2026-01-01T00:00:00 c=7
            order_dispatched 2026-01-01T00:00:00 c=7
            order_cancelled  2026-01-01T00:00:00 c=7
            order_packed     2026-01-01T00:00:00 c=7
            order_placed     2026-01-01T00:00:00 o=1";
        check(&DispatchOverdue, &[], events, &["2026-01-03T00:00:00.000Z,1,,overdue,"]);
        let trace = crate::catalogue::tests::parse(events);
        let prepared = DispatchOverdue.prepare(&[], &trace.symbols).unwrap();
        assert_eq!(prepared.without_key(&trace.events), 3);
        let error = DispatchOverdue.prepare(&["horizon=1d".to_owned()], &Symbols::default()).err().unwrap().to_string();
        assert!(error.contains("limit = '48h'") && error.contains("horizon = '1d'"), "{error}");
    }

    #[test]
    fn the_state_is_small_and_loses_no_time() {
        assert_eq!((size_of::<Order>(), align_of::<Order>()), (12, 4));
        for ms in [TIME_MS_MIN, -65_537, -1, 0, 1, 65_535, 1_767_225_600_123, TIME_MS_MAX] {
            assert_eq!(Moment::of(&Event::pack(Record::new(1, Kind::OrderPlaced, ms))).ms(), ms);
        }
    }
}

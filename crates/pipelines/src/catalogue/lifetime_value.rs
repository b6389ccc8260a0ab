//! What each customer has spent so far.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols};

use crate::answer;
use crate::answers::Row;
use crate::logic::KeyedLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{SettingError, Settings};
use crate::shapes::{Keyed, WithDifferential};
use crate::strategy::differential::arrangements::Arrangements;
use crate::strategy::differential::collections::{Events, Incremental, Rows};
use crate::strategy::differential::running_count::{Order, running_count};
use crate::total::Total;

/// See [`Pipeline::question`].
pub(super) struct LifetimeValue;

impl Pipeline for LifetimeValue {
    fn about(&self) -> &'static About {
        &About {
            name: "lifetime-value",
            question: "How many orders has a customer placed by now, and what have they spent in total, at each order?",
            sql: "SELECT event_time, customer,
  count(*) OVER so_far AS orders, coalesce(sum(value) OVER so_far, 0) AS spent
FROM events WHERE kind = 'order_placed' AND customer IS NOT NULL
WINDOW so_far AS (PARTITION BY customer ORDER BY event_time, length(event_id), event_id
  ROWS UNBOUNDED PRECEDING)",
            edge_cases: "An order without a value counts and adds nothing; a cancelled order stays counted. Sums are exact, however large.",
            state: "per customer: count and sum; needed forever, so no eviction can bound it without losing answers",
            parameters: &[],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, _settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(WithDifferential(Keyed(Logic), Logic)))
    }
}

#[derive(Clone)]
struct Logic;

#[derive(Clone, Default)]
struct Spent {
    orders: u64,
    spent: Total,
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Spent;
    type Row = Answer;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        if event.is_rarely(Kind::OrderPlaced) { event.customer() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        event.kind() == Kind::OrderPlaced && event.customer().is_none()
    }

    fn apply(&self, customer: Id, state: &mut Spent, event: &Event, out: &mut Vec<Answer>) {
        state.orders += 1;
        state.spent += event.value().unwrap_or_default();
        let Spent { orders, spent } = *state;
        out.push(Answer { event_time_ms: event.event_time_ms(), customer, orders, spent });
    }

    fn expires_at_ms(&self, _customer: Id, _state: &Spent) -> i64 {
        i64::MAX
    }
}

/// A running count and sum that nothing ever leaves.
impl Incremental for Logic {
    type What = Order;
    type Row = Answer;

    fn select(&self, event: &Event) -> Option<(i64, Order)> {
        self.key(event).map(|customer| (i64::from(customer.0), Order::of(event)))
    }

    fn answers<'s>(&self, events: Events<'s, Order>, arrangements: &Arrangements) -> Rows<'s, Answer> {
        running_count(events, None, 1, arrangements).map(|(customer, counted)| {
            let event_time_ms = counted.timed.event_time_ms;
            let (customer, orders) = (Id(customer as u32), counted.orders as u64);
            (event_time_ms, Answer { event_time_ms, customer, orders, spent: counted.spent() })
        })
    }
}

answer! {
    struct Answer about (customer, orders) {
        customer: Id = id,
        orders: u64 = text,
        spent: Total = total,
    }
}

#[cfg(test)]
mod tests {
    use super::LifetimeValue;
    use crate::catalogue::check;

    #[test]
    fn every_order_adds_up_in_canonical_order() {
        let events = "
            order_placed 2026-01-02T00:00:00 o=2 c=7 v=2.5
            order_placed 2026-01-01T00:00:00 o=1 c=7 v=0.125
            order_placed 2026-01-02T00:00:00 o=3 c=7
            order_placed 2026-01-02T00:00:00 o=4 v=9
            order_cancelled 2026-01-03T00:00:00 o=2 c=7
            order_placed 2026-02-02T00:00:00 o=5 c=7 v=-1";
        let answers = [
            "2026-01-01T00:00:00.000Z,7,1,0.125",
            "2026-01-02T00:00:00.000Z,7,2,2.625",
            "2026-01-02T00:00:00.000Z,7,3,2.625",
            "2026-02-02T00:00:00.000Z,7,4,1.625",
        ];
        check(&LifetimeValue, &[], events, &answers);
    }

    #[test]
    fn a_sum_passes_the_bounds_of_a_value_and_comes_back() {
        let events = "
            order_placed 2026-01-01T00:00:00 c=7 v=9223372036854775.807
            order_placed 2026-01-02T00:00:00 c=7 v=9223372036854775.807
            order_placed 2026-01-03T00:00:00 c=7 v=-9223372036854775.807
            order_placed 2026-01-04T00:00:00 c=7 v=-9223372036854775.806";
        let answers = [
            "2026-01-01T00:00:00.000Z,7,1,9223372036854775.807",
            "2026-01-02T00:00:00.000Z,7,2,18446744073709551.614",
            "2026-01-03T00:00:00.000Z,7,3,9223372036854775.807",
            "2026-01-04T00:00:00.000Z,7,4,0.001",
        ];
        check(&LifetimeValue, &[], events, &answers);
    }
}

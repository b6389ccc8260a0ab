//! Count and total of the orders of each calendar day.

use std::hash::Hash;

use differential_dataflow::operators::CountTotal;
use flowbench_events::{Event, Kind, Symbols, Value, Zone};
use serde::{Deserialize, Serialize};

use crate::answers::{Cells, Row};
use crate::logic::{StatelessLogic, WindowLogic};
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Stateless, Windowed, WithDifferential};
use crate::strategy::differential::arrangements::Arrangements;
use crate::strategy::differential::collections::{Events, Incremental, Rows, sums_at};
use crate::total::Total;

/// See [`Pipeline::question`].
pub(super) struct DispatchedToday;

impl Pipeline for DispatchedToday {
    fn about(&self) -> &'static About {
        &About {
            name: "dispatched-today",
            question: "How many orders were dispatched on each calendar day of a time zone, and what were they worth?",
            sql: "SELECT CAST(day + 1 AS TIMESTAMP) AT TIME ZONE '{timezone}' AS event_time,
  day, count(*) AS orders, coalesce(sum(value), 0) AS total
FROM (
  SELECT CAST(event_time AT TIME ZONE '{timezone}' AS DATE) AS day, value FROM events WHERE kind = '{on}')
GROUP BY day",
            edge_cases: "A day without any gives no row. An order without a value counts and adds nothing. The event time of a row is the \
         end of its day, which in local time may be 23 or 25 hours after its beginning. A day that a clock change \
         brings back ends when it ends for the last time. Orders are counted with or without a customer. Totals are exact, \
         however large.",
            state: "per day: count and total; needed until the day ends",
            parameters: &[
                Parameter { name: "on", default: "order_dispatched", meaning: "event kind" },
                Parameter { name: "timezone", default: "Europe/London", meaning: "IANA time zone of the day" },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let logic = Logic { on: settings.kind("on")?, zone: settings.zone("timezone")? };
        Ok(Box::new(WithDifferential(Windowed(Stateless(logic.clone()), logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    on: Kind,
    zone: Zone,
}

/// Orders of a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Sale {
    day: i32,
    orders: u32,
    value: Value, // of all together
}

impl StatelessLogic for Logic {
    type Row = Sale;

    #[inline]
    fn answer(&self, event: &Event) -> Option<Sale> {
        let day = |event: &Event| self.zone.day(event.event_time_ms());
        let sale = || Sale { day: day(event), orders: 1, value: event.value().unwrap_or_default() };
        event.is_rarely(self.on).then(sale)
    }
}

/// The sales of a day.
#[derive(Default)]
struct Day {
    orders: i64,
    total_thousandths: i128,
}

impl WindowLogic for Logic {
    type Input = Sale;
    type Key = i32;
    type Sum = Day;
    type Row = Answer;

    fn key(&self, sale: &Sale) -> i32 {
        sale.day
    }

    const COMBINES: bool = true;

    /// Unless the bounds of 64 bits would be passed.
    #[inline]
    fn combine(&self, into: &mut Sale, other: &Sale) -> bool {
        let orders = into.orders.checked_add(other.orders);
        let Some((orders, value)) = orders.zip(into.value.0.checked_add(other.value.0)) else { return false };
        (into.orders, into.value) = (orders, Value(value));
        true
    }

    #[inline]
    fn add(&self, sum: &mut Day, sale: &Sale, times: i64) {
        sum.orders += times * i64::from(sale.orders);
        sum.total_thousandths += i128::from(sale.value.0) * i128::from(times);
    }

    fn closes_at_ms(&self, day: i32) -> i64 {
        self.zone.day_end_ms(day) - 1
    }

    fn answer(&self, day: i32, sum: &Day, out: &mut Vec<Answer>) {
        if sum.orders > 0 {
            let event_time_ms = self.zone.day_end_ms(day);
            let total = Total::from(sum.total_thousandths);
            out.push(Answer { event_time_ms, day, orders: sum.orders as u64, total });
        }
    }
}

/// The sales of a day are differences at its last millisecond: they add up while they wait for it.
impl Incremental for Logic {
    type What = Value;
    type Row = Answer;

    fn select(&self, event: &Event) -> Option<(i64, Value)> {
        StatelessLogic::answer(self, event).map(|sale| (i64::from(sale.day), sale.value))
    }

    fn answers<'s>(&self, events: Events<'s, Value>, arrangements: &Arrangements) -> Rows<'s, Answer> {
        let (closing, answering) = (self.clone(), self.clone());
        let sales = sums_at(events, move |day| closing.closes_at_ms(*day as i32), |sale| (1, sale.what.0.into()));
        arrangements.arrange(sales, "sales").count_total().flat_map(move |(day, (orders, total_thousandths))| {
            let (day, mut rows) = (day as i32, Vec::new());
            WindowLogic::answer(&answering, day, &Day { orders, total_thousandths }, &mut rows);
            let due_ms = answering.closes_at_ms(day);
            rows.into_iter().map(move |row| (due_ms, row))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answer {
    event_time_ms: i64,
    day: i32,
    orders: u64,
    total: Total,
}

impl Row for Answer {
    const COLUMNS: &'static [&'static str] = &["day", "orders", "total"];

    fn subject(&self) -> impl Hash {
        self.day
    }
    fn subject_columns() -> Vec<&'static str> {
        vec!["day"]
    }

    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        cells.text(Zone::date(self.day));
        cells.text(self.orders);
        cells.total(self.total);
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::DispatchedToday;
    use crate::catalogue::check;

    #[test]
    fn days_are_those_of_the_zone_and_empty_ones_give_no_row() {
        let events = "
            order_dispatched 2026-07-01T22:59:59.999 v=1.001 c=1
            order_dispatched 2026-07-01T23:00:00 v=-2
            order_dispatched 2026-07-02T01:00:00
            order_placed     2026-07-02T01:00:00 v=100
            order_dispatched 2026-07-05T01:00:00 v=0";
        let london = [
            "2026-07-01T23:00:00.000Z,2026-07-01,1,1.001",
            "2026-07-02T23:00:00.000Z,2026-07-02,2,-2.000",
            "2026-07-05T23:00:00.000Z,2026-07-05,1,0.000",
        ];
        check(&DispatchedToday, &[], events, &london);
        let utc = [
            "2026-07-02T00:00:00.000Z,2026-07-01,2,-0.999",
            "2026-07-03T00:00:00.000Z,2026-07-02,1,0.000",
            "2026-07-06T00:00:00.000Z,2026-07-05,1,0.000",
        ];
        check(&DispatchedToday, &["timezone=UTC"], events, &utc);
        check(
            &DispatchedToday,
            &["timezone=UTC", "on=order_placed"],
            events,
            &["2026-07-03T00:00:00.000Z,2026-07-02,1,100.000"],
        );
    }

    #[test]
    fn a_day_that_comes_twice_has_one_row() {
        // At one minute past midnight of 7 November the clocks of Newfoundland went back by an hour, into the day before.
        let events = "
            order_dispatched 2010-11-07T02:29:00 v=1
            order_dispatched 2010-11-07T02:30:30 v=2
            order_dispatched 2010-11-07T02:31:00 v=4
            order_dispatched 2010-11-07T03:29:59 v=8
            order_dispatched 2010-11-07T03:30:00 v=16";
        let answers = ["2010-11-07T03:30:00.000Z,2010-11-06,3,13.000", "2010-11-08T03:30:00.000Z,2010-11-07,2,18.000"];
        check(&DispatchedToday, &["timezone=America/St_Johns"], events, &answers);
    }

    #[test]
    fn a_total_passes_the_bounds_of_a_value() {
        let events = "
            order_dispatched 2026-01-01T01:00:00 v=9223372036854775.807
            order_dispatched 2026-01-01T02:00:00 v=9223372036854775.807
            order_dispatched 2026-01-02T02:00:00 v=-9223372036854775.807
            order_dispatched 2026-01-02T03:00:00 v=-9223372036854775.807";
        let answers = [
            "2026-01-02T00:00:00.000Z,2026-01-01,2,18446744073709551.614",
            "2026-01-03T00:00:00.000Z,2026-01-02,2,-18446744073709551.614",
        ];
        check(&DispatchedToday, &[], events, &answers);
    }

    #[test]
    fn an_event_of_yesterday_that_comes_today_still_belongs_to_yesterday() {
        let events = "
            order_dispatched 2026-01-02T00:00:01 v=1
            order_dispatched 2026-01-01T23:59:59 v=2";
        let answers = ["2026-01-02T00:00:00.000Z,2026-01-01,1,2.000", "2026-01-03T00:00:00.000Z,2026-01-02,1,1.000"];
        check(&DispatchedToday, &[], events, &answers);
    }
}

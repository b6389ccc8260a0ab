//! A reference number for every order.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols, Zone};
use serde::{Deserialize, Serialize};

use crate::answers::{Cells, Row};
use crate::logic::StatelessLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::Stateless;

/// See [`Pipeline::question`].
pub(super) struct OrderReference;

impl Pipeline for OrderReference {
    fn about(&self) -> &'static About {
        &About {
            name: "order-reference",
            question: "What is the reference of each placed order: ORD-<yyyymmdd>-<order>, by the date in a time zone?",
            sql: "SELECT event_time, \"order\",
  'ORD-' || strftime(event_time AT TIME ZONE '{timezone}', '%Y%m%d') || '-' || coalesce(\"order\", '') AS reference
FROM events WHERE kind = 'order_placed'",
            edge_cases: "An order placed without an order id has a reference that ends in the dash.",
            state: "",
            parameters: &[Parameter { name: "timezone", default: "UTC", meaning: "IANA time zone of the date" }],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(Stateless(Logic { zone: settings.zone("timezone")? })))
    }
}

#[derive(Clone)]
struct Logic {
    zone: Zone,
}

impl StatelessLogic for Logic {
    type Row = Answer;

    #[inline]
    fn answer(&self, event: &Event) -> Option<Answer> {
        if !event.is_rarely(Kind::OrderPlaced) {
            return None;
        }
        let event_time_ms = event.event_time_ms();
        Some(Answer { event_time_ms, order: event.order().unwrap_or(Id::ABSENT), day: self.zone.day(event_time_ms) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answer {
    event_time_ms: i64,
    order: Id,
    day: i32, // days since 1970-01-01; printed when the row is
}

impl Row for Answer {
    const COLUMNS: &'static [&'static str] = &["order", "reference"];

    fn subject(&self) -> impl Hash {
        self.order
    }
    fn subject_columns() -> Vec<&'static str> {
        vec!["order"]
    }

    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        cells.id(self.order);
        cells.composed(|line, symbols| {
            line.push_str("ORD-");
            line.extend(Zone::date(self.day).chars().filter(|letter| *letter != '-'));
            line.push('-');
            symbols.push_id(self.order, line);
        });
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::OrderReference;
    use crate::catalogue::check;

    #[test]
    fn the_date_is_that_of_the_zone() {
        let events = "
            order_placed 2026-07-01T23:30:00 o=C-9
            order_packed 2026-07-01T23:31:00 o=C-9";
        check(&OrderReference, &[], events, &["2026-07-01T23:30:00.000Z,C-9,ORD-20260701-C-9"]);
        let london = ["2026-07-01T23:30:00.000Z,C-9,ORD-20260702-C-9"];
        check(&OrderReference, &["timezone=Europe/London"], events, &london);
    }
}

//! High-value orders that leave the country.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols, Value};

use crate::answer;
use crate::answers::Row;
use crate::logic::StatelessLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::Stateless;

/// See [`Pipeline::question`].
pub(super) struct ExportReview;

impl Pipeline for ExportReview {
    fn about(&self) -> &'static About {
        &About {
            name: "export-review",
            question: "Which orders above a value go abroad, and so have to be reviewed by hand?",
            sql: "SELECT event_time, \"order\", customer, value, country FROM events
WHERE kind = '{on}' AND value > {threshold} AND country <> '{home}'",
            edge_cases: "A value of exactly the threshold does not count. An order without a country is not known to go abroad and does \
         not count (as in SQL). An order without a customer does.",
            state: "",
            parameters: &[
                Parameter { name: "on", default: "order_dispatched", meaning: "event kind" },
                Parameter { name: "threshold", default: "500", meaning: "currency units; strictly above it counts" },
                Parameter {
                    name: "home",
                    default: "GB",
                    meaning: "country that is not abroad, as written in the events",
                },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(Stateless(Logic {
            on: settings.kind("on")?,
            threshold: settings.value("threshold")?,
            home: symbols.find_country(settings.text("home")).unwrap_or(0),
        })))
    }
}

#[derive(Clone)]
struct Logic {
    on: Kind,
    threshold: Value,
    home: u16, // 0, which no order abroad has either, if the trace does not know it
}

impl StatelessLogic for Logic {
    type Row = Answer;

    #[inline]
    fn answer(&self, event: &Event) -> Option<Answer> {
        let abroad = event.country() != self.home && event.country() != 0;
        if !event.is_rarely(self.on) || !event.value_above(self.threshold) || !abroad {
            return None;
        }
        Some(Answer {
            event_time_ms: event.event_time_ms(),
            order: event.order().unwrap_or(Id::ABSENT),
            customer: event.customer().unwrap_or(Id::ABSENT),
            value: event.value()?,
            country: event.country(),
        })
    }
}

answer! {
    struct Answer about (order) {
        order: Id = id,
        customer: Id = id,
        value: Value = value,
        country: u16 = country,
    }
}

#[cfg(test)]
mod tests {
    use super::ExportReview;
    use crate::catalogue::check;

    const EVENTS: &str = "
        order_dispatched 2026-01-01T00:00:01 o=1 c=7 v=500.001 country=FR
        order_dispatched 2026-01-01T00:00:02 o=2 c=7 v=500 country=FR
        order_dispatched 2026-01-01T00:00:03 o=3 c=7 v=900 country=GB
        order_dispatched 2026-01-01T00:00:04 o=4 v=900 country=DE
        order_dispatched 2026-01-01T00:00:05 o=5 c=7 v=900
        order_dispatched 2026-01-01T00:00:06 o=6 c=7 country=DE
        order_placed     2026-01-01T00:00:07 o=7 c=7 v=900 country=DE";

    #[test]
    fn strictly_above_and_abroad_with_or_without_a_customer() {
        let answers = ["2026-01-01T00:00:01.000Z,1,7,500.001,FR", "2026-01-01T00:00:04.000Z,4,,900.000,DE"];
        check(&ExportReview, &[], EVENTS, &answers);
    }

    #[test]
    fn kind_threshold_and_home_can_be_set() {
        check(
            &ExportReview,
            &["on=order_placed", "threshold=899.999"],
            EVENTS,
            &["2026-01-01T00:00:07.000Z,7,7,900.000,DE"],
        );
        let all_but_germany = ["2026-01-01T00:00:03.000Z,3,7,900.000,GB"];
        check(&ExportReview, &["home=DE", "threshold=501"], EVENTS, &all_but_germany);
    }

    #[test]
    fn a_home_the_trace_does_not_know_makes_all_orders_abroad() {
        let answers = ["2026-01-01T00:00:03.000Z,3,7,900.000,GB", "2026-01-01T00:00:04.000Z,4,,900.000,DE"];
        check(&ExportReview, &["home=Atlantis", "threshold=501"], EVENTS, &answers);
    }
}

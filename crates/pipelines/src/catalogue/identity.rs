//! Every event: the floor under all numbers.

use std::hash::Hash;

use flowbench_events::{Event, EventId, Symbols};

use crate::answer;
use crate::answers::Row;
use crate::logic::StatelessLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{SettingError, Settings};
use crate::shapes::Stateless;

/// See [`Pipeline::question`].
pub(super) struct Identity;

impl Pipeline for Identity {
    fn about(&self) -> &'static About {
        &About {
            name: "identity",
            question: "Every event. The floor under all numbers: what moving events costs without asking anything of them.",
            sql: "SELECT event_time, event_id FROM events",
            edge_cases: "A second delivery is an answer of its own, unless first deliveries are asked for.",
            state: "",
            parameters: &[],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, _settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(Stateless(Logic)))
    }
}

#[derive(Clone)]
struct Logic;

impl StatelessLogic for Logic {
    type Row = Answer;

    #[inline]
    fn answer(&self, event: &Event) -> Option<Answer> {
        Some(Answer { event_time_ms: event.event_time_ms(), event_id: event.event_id() })
    }
}

answer! {
    /// An event, by its id.
    pub(super) struct Answer about (event_id) {
        event_id: EventId = event_id,
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;
    use crate::catalogue::check;

    #[test]
    fn every_event_is_an_answer() {
        let events = "page_viewed 2026-01-01T00:00:01\n order_placed 2026-01-01T00:00:00";
        check(&Identity, &[], events, &["2026-01-01T00:00:00.000Z,2", "2026-01-01T00:00:01.000Z,1"]);
        check(&Identity, &[], "", &[]);
    }
}

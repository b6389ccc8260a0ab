//! Every event: the floor under all numbers.

use std::hash::Hash;

use flowbench_events::{Event, EventId, Symbols};
use serde::{Deserialize, Serialize};

use crate::answers::{Cells, Row};
use crate::logic::StatelessLogic;
use crate::pipeline::{BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::Stateless;

/// See [`Pipeline::question`].
pub(super) struct Identity;

impl Pipeline for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }
    fn question(&self) -> &'static str {
        "Every event. The floor under all numbers: what moving events costs without asking anything of them."
    }
    fn sql(&self) -> &'static str {
        "SELECT event_time, event_id FROM events"
    }
    fn edge_cases(&self) -> &'static str {
        "A second delivery is an answer of its own, unless first deliveries are asked for."
    }
    fn state(&self) -> &'static str {
        ""
    }
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }
    fn columns(&self) -> &'static [&'static str] {
        Answer::COLUMNS
    }
    fn prepare(&self, settings: &[String], _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Settings::new(self.parameters(), settings)?;
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

/// An event, by its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) event_time_ms: i64,
    pub(super) event_id: EventId,
}

impl Row for Answer {
    const COLUMNS: &'static [&'static str] = &["event_id"];

    fn subject(&self) -> impl Hash {
        self.event_id
    }
    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        cells.event_id(self.event_id);
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
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

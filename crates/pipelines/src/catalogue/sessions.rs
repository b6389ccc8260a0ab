//! What each customer does in one go.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols};
use serde::{Deserialize, Serialize};

use crate::answers::{Cells, Row};
use crate::logic::{EMPTY_STATE, KeyedLogic, Mergeable, TimerOutcome};
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Merging, WithDifferential};
use crate::strategy::differential::key_lifetimes::ReplayableLogic;

/// See [`Pipeline::question`].
pub(super) struct Sessions;

impl Pipeline for Sessions {
    fn about(&self) -> &'static About {
        &About {
            name: "sessions",
            question: "When did each session of a customer begin and end, and how many events did it have?",
            sql: "SELECT max(event_time) AS event_time, customer, min(event_time) AS start, max(event_time) AS \"end\",
  count(*) AS events
FROM (
  SELECT customer, event_time, count(*) FILTER (begins) OVER so_far AS session FROM (
    SELECT customer, event_time, event_id,
      lag(event_time) OVER so_far + to_milliseconds({gap:ms}) < event_time AS begins
    FROM events WHERE ('{on}' = 'any' OR kind = '{on}') AND customer IS NOT NULL
    WINDOW so_far AS (PARTITION BY customer ORDER BY event_time, length(event_id), event_id))
  WINDOW so_far AS (
    PARTITION BY customer ORDER BY event_time, length(event_id), event_id ROWS UNBOUNDED PRECEDING))
GROUP BY customer, session",
            edge_cases: "Two events exactly the gap apart are in one session. A session of one event ends when it begins. Its row is known \
         only when the gap has passed, but has the event time of the last event. Events without a customer are in no \
         session.",
            state: "per customer: start, end and count of the open session; needed until its last event is a gap old",
            parameters: &[
                Parameter { name: "on", default: "page_viewed", meaning: "event kind, or any" },
                Parameter {
                    name: "gap",
                    default: "30min",
                    meaning: "duration, from 1ms: a longer pause begins a new session",
                },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let logic = Logic { on: settings.kind_or_any("on")?, gap_ms: settings.duration_ms("gap")? };
        Ok(Box::new(WithDifferential(Merging(logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    on: Option<Kind>, // none: any
    gap_ms: i64,
}

impl Logic {
    #[inline]
    fn is_concerned(&self, event: &Event) -> bool {
        self.on.is_none_or(|kind| kind == event.kind())
    }
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Session {
    start_ms: i64,
    last_ms: i64,
    events: u32, // 0: none is open
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Session;
    type Row = Answer;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        if self.is_concerned(event) { event.customer() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.is_concerned(event) && event.customer().is_none()
    }

    fn apply(&self, _customer: Id, session: &mut Session, event: &Event, _out: &mut Vec<Answer>) {
        let event_time_ms = event.event_time_ms();
        if session.events == 0 {
            *session = Session { start_ms: event_time_ms, last_ms: event_time_ms, events: 0 };
        }
        session.start_ms = session.start_ms.min(event_time_ms);
        session.last_ms = session.last_ms.max(event_time_ms);
        session.events += 1;
    }

    fn expires_at_ms(&self, _customer: Id, session: &Session) -> i64 {
        if session.events == 0 { EMPTY_STATE } else { session.last_ms.saturating_add(self.gap_ms) }
    }

    fn on_expiry(&self, customer: Id, session: &mut Session, out: &mut Vec<Answer>) -> TimerOutcome {
        let Session { start_ms, last_ms, events } = *session;
        out.push(Answer { event_time_ms: last_ms, customer, start_ms, events });
        TimerOutcome::Evict
    }
}

/// Two stretches of a session are one if no gap is between them.
impl Mergeable for Logic {
    fn partial_state(&self, _customer: Id, event: &Event) -> Session {
        Session { start_ms: event.event_time_ms(), last_ms: event.event_time_ms(), events: 1 }
    }

    fn begins_at_ms(&self, _customer: Id, part: &Session) -> i64 {
        part.start_ms
    }

    #[inline]
    fn merge(&self, _customer: Id, into: &mut Session, part: &Session) -> bool {
        let gap_ms = (part.start_ms - into.last_ms).max(into.start_ms - part.last_ms);
        if into.events == 0 {
            *into = *part;
        } else if gap_ms > self.gap_ms {
            return false;
        } else {
            into.start_ms = into.start_ms.min(part.start_ms);
            into.last_ms = into.last_ms.max(part.last_ms);
            into.events += part.events;
        }
        true
    }
}

impl ReplayableLogic for Logic {
    fn longest_ms(&self) -> i64 {
        self.gap_ms
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answer {
    event_time_ms: i64, // the end
    customer: Id,
    start_ms: i64,
    events: u32,
}

impl Row for Answer {
    const COLUMNS: &'static [&'static str] = &["customer", "start", "end", "events"];

    fn subject(&self) -> impl Hash {
        (self.customer, self.start_ms)
    }
    fn subject_columns() -> Vec<&'static str> {
        vec!["customer", "start"]
    }

    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        cells.id(self.customer);
        cells.time(self.start_ms);
        cells.time(self.event_time_ms);
        cells.text(self.events);
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::Sessions;
    use crate::catalogue::check;

    #[test]
    fn a_pause_of_exactly_the_gap_is_still_the_same_session() {
        let events = "
            page_viewed  2026-01-01T00:00:00 c=7
            page_viewed  2026-01-01T00:10:00 c=x
            order_placed 2026-01-01T00:20:00 c=x
            page_viewed  2026-01-01T00:30:00 c=7
            page_viewed  2026-01-01T00:40:00.001 c=x
            page_viewed  2026-01-01T01:00:00.001 c=7
            page_viewed  2026-01-01T01:30:00 c=7";
        let answers = [
            "2026-01-01T00:10:00.000Z,x,2026-01-01T00:10:00.000Z,2026-01-01T00:10:00.000Z,1",
            "2026-01-01T00:30:00.000Z,7,2026-01-01T00:00:00.000Z,2026-01-01T00:30:00.000Z,2",
            "2026-01-01T00:40:00.001Z,x,2026-01-01T00:40:00.001Z,2026-01-01T00:40:00.001Z,1",
            "2026-01-01T01:30:00.000Z,7,2026-01-01T01:00:00.001Z,2026-01-01T01:30:00.000Z,2",
        ];
        check(&Sessions, &[], events, &answers);
    }

    #[test]
    fn kind_and_gap_can_be_set() {
        let events = "
            page_viewed   2026-01-01T00:00:00 c=7
            review_posted 2026-01-01T00:00:01 c=7
            review_posted 2026-01-01T00:00:01.001 c=7
            review_posted 2026-01-01T00:00:01.003 c=7";
        let any = ["2026-01-01T00:00:01.003Z,7,2026-01-01T00:00:00.000Z,2026-01-01T00:00:01.003Z,4"];
        check(&Sessions, &["on=any", "gap=1s"], events, &any);
        let reviews = [
            "2026-01-01T00:00:01.001Z,7,2026-01-01T00:00:01.000Z,2026-01-01T00:00:01.001Z,2",
            "2026-01-01T00:00:01.003Z,7,2026-01-01T00:00:01.003Z,2026-01-01T00:00:01.003Z,1",
        ];
        check(&Sessions, &["on=review_posted", "gap=1ms"], events, &reviews);
    }

    #[test]
    fn an_event_between_two_sessions_that_comes_late_makes_them_one() {
        let events = "
            page_viewed 2026-01-01T00:50:00 c=7
            page_viewed 2026-01-01T00:00:00 c=7
            page_viewed 2026-01-01T03:00:00 c=7
            page_viewed 2026-01-01T00:25:00 c=7";
        let answers = [
            "2026-01-01T00:50:00.000Z,7,2026-01-01T00:00:00.000Z,2026-01-01T00:50:00.000Z,3",
            "2026-01-01T03:00:00.000Z,7,2026-01-01T03:00:00.000Z,2026-01-01T03:00:00.000Z,1",
        ];
        check(&Sessions, &[], events, &answers);
    }

    #[test]
    fn events_of_one_millisecond_all_count_and_nobody_has_no_session() {
        let events = "
            page_viewed 1969-12-31T23:59:59.999 c=7
            page_viewed 1969-12-31T23:59:59.999 c=7
            page_viewed 1969-12-31T23:59:59.999 c=7
            page_viewed 1969-12-31T23:59:59.999
            page_viewed 1970-01-01T00:00:00";
        let answers = ["1969-12-31T23:59:59.999Z,7,1969-12-31T23:59:59.999Z,1969-12-31T23:59:59.999Z,3"];
        check(&Sessions, &[], events, &answers);
    }
}

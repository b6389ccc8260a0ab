//! How far customers come on a way of several stages.

use std::hash::Hash;

use flowbench_events::{Event, Id, Kind, Symbols};

use crate::answer;
use crate::answers::Row;
use crate::logic::KeyedLogic;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::progress::Progress;
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Keyed, WithDifferential};
use crate::strategy::differential::key_lifetimes::ReplayableLogic;

/// See [`Pipeline::question`].
pub(super) struct Funnel;

impl Pipeline for Funnel {
    fn about(&self) -> &'static About {
        &About {
            name: "funnel",
            question: "Which stages, from a page view over a download to an order, does each customer reach within 7 days, and how long \
         after the first?",
            sql: "WITH RECURSIVE numbered AS (
  SELECT customer, event_time, kind,
    row_number() OVER (PARTITION BY customer ORDER BY event_time, length(event_id), event_id) AS n
  FROM events WHERE customer IS NOT NULL AND kind IN ({stages:list})),
-- One step an event: the stages that are reached after it, of a funnel that began at `start`.
steps AS (
  SELECT customer, 0::BIGINT AS n, event_time, event_time AS start, 0 AS reached, false AS advances
  FROM numbered WHERE n = 1
  UNION ALL
  SELECT customer, n, event_time, CASE WHEN reached = 0 THEN event_time ELSE start END,
    CASE WHEN advances THEN reached + 1 ELSE reached END, advances
  FROM (
    SELECT *, kind = [{stages:list}][reached + 1] AS advances FROM (
      SELECT e.customer, e.n, e.event_time, e.kind, s.start,
        CASE WHEN s.reached = len([{stages:list}]) OR e.event_time > s.start + to_milliseconds({within:ms})
          THEN 0 ELSE s.reached END AS reached
      FROM steps AS s JOIN numbered AS e ON e.customer = s.customer AND e.n = s.n + 1)))
SELECT event_time, customer, [{stages:list}][reached] AS stage, epoch_ms(event_time) - epoch_ms(start) AS since_start_ms
FROM steps WHERE advances",
            edge_cases: "Stages are reached one event at a time in canonical order, so two of them may share a millisecond. An event that \
         is not the next stage changes nothing: neither a page view while a funnel is open nor an order before the \
         download. A stage exactly `within` after the first still counts; a later event finds the funnel over, and may \
         begin the next one. Events without a customer are not used.",
            state: "per customer: start and stage of the open funnel, in 8 bytes; needed until it is complete or `within` has passed \
         since its start",
            parameters: &[
                Parameter {
                    name: "stages",
                    default: "page_viewed,info_downloaded,order_placed",
                    meaning: "1 to 8 event kinds in their order, separated by commas; a kind may come again",
                },
                Parameter {
                    name: "within",
                    default: "7d",
                    meaning: "duration, from 1ms: from the first stage to the last",
                },
            ],
            columns: Answer::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let logic = Logic { stages: settings.kinds("stages")?, within_ms: settings.duration_ms("within")? };
        Ok(Box::new(WithDifferential(Keyed(logic.clone()), logic)))
    }
}

#[derive(Clone)]
struct Logic {
    stages: Vec<Kind>,
    within_ms: i64,
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Progress;
    type Row = Answer;

    #[inline]
    fn key(&self, event: &Event) -> Option<Id> {
        if self.stages.contains(&event.kind()) { event.customer() } else { None }
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.stages.contains(&event.kind()) && event.customer().is_none()
    }

    fn apply(&self, customer: Id, progress: &mut Progress, event: &Event, out: &mut Vec<Answer>) {
        let event_time_ms = event.event_time_ms();
        let is_next = |reached: usize| event.kind() == self.stages[reached];
        if let Some((_, since_start_ms)) = progress.advance(event_time_ms, self.within_ms, self.stages.len(), is_next) {
            out.push(Answer { event_time_ms, customer, stage: event.kind(), since_start_ms });
        }
    }

    fn expires_at_ms(&self, _customer: Id, progress: &Progress) -> i64 {
        progress.expires_at_ms(self.within_ms)
    }
}

impl ReplayableLogic for Logic {
    fn longest_ms(&self) -> i64 {
        self.within_ms
    }
}

answer! {
    struct Answer about (customer, event_time_ms, stage) {
        customer: Id = id,
        stage: Kind = text,
        since_start_ms: i64 = text,
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::Symbols;

    use super::Funnel;
    use crate::catalogue::check;
    use crate::pipeline::Pipeline;

    #[test]
    fn only_the_next_stage_counts_and_after_the_last_it_starts_again() {
        let events = "
            page_viewed     2026-01-01T00:00:00 c=7
            page_viewed     2026-01-01T00:01:00 c=7
            order_placed    2026-01-01T00:02:00 c=7
            order_placed    2026-01-01T00:02:00 c=8
            info_downloaded 2026-01-01T01:00:00 c=7
            info_downloaded 2026-01-01T02:00:00 c=7
            order_placed    2026-01-02T00:00:00 c=7
            order_placed    2026-01-02T00:00:01 c=7
            page_viewed     2026-01-03T00:00:00 c=7";
        let answers = [
            "2026-01-01T00:00:00.000Z,7,page_viewed,0",
            "2026-01-01T01:00:00.000Z,7,info_downloaded,3600000",
            "2026-01-02T00:00:00.000Z,7,order_placed,86400000",
            "2026-01-03T00:00:00.000Z,7,page_viewed,0",
        ];
        check(&Funnel, &[], events, &answers);
    }

    #[test]
    fn within_is_inclusive_and_counts_from_the_first_stage() {
        let events = "
            page_viewed     2026-01-01T00:00:00 c=1
            page_viewed     2026-01-01T00:00:00 c=2
            page_viewed     2026-01-01T00:00:00 c=3
            info_downloaded 2026-01-07T00:00:00 c=1
            order_placed    2026-01-08T00:00:00 c=1
            info_downloaded 2026-01-08T00:00:00.001 c=2
            page_viewed     2026-01-08T00:00:00 c=3
            page_viewed     2026-01-08T00:00:00.001 c=3";
        let answers = [
            "2026-01-01T00:00:00.000Z,1,page_viewed,0",
            "2026-01-01T00:00:00.000Z,2,page_viewed,0",
            "2026-01-01T00:00:00.000Z,3,page_viewed,0",
            "2026-01-07T00:00:00.000Z,1,info_downloaded,518400000",
            "2026-01-08T00:00:00.000Z,1,order_placed,604800000",
            "2026-01-08T00:00:00.001Z,3,page_viewed,0",
        ];
        check(&Funnel, &[], events, &answers);
        let short = &answers[..3];
        let again = ["2026-01-08T00:00:00.000Z,3,page_viewed,0"];
        check(&Funnel, &["within=1d"], events, &[short, &again].concat());
    }

    #[test]
    fn ties_are_stages_one_after_the_other_by_event_id() {
        let events = "
            info_downloaded 2026-01-01T00:00:00 c=7 id=1
            page_viewed     2026-01-01T00:00:00 c=7 id=2
            order_placed    2026-01-01T00:00:00 c=7 id=3
            order_placed    2026-01-01T00:00:00 c=8 id=13
            page_viewed     2026-01-01T00:00:00 c=8 id=11
            info_downloaded 2026-01-01T00:00:00 c=8 id=12";
        let answers = [
            "2026-01-01T00:00:00.000Z,7,page_viewed,0",
            "2026-01-01T00:00:00.000Z,8,info_downloaded,0",
            "2026-01-01T00:00:00.000Z,8,order_placed,0",
            "2026-01-01T00:00:00.000Z,8,page_viewed,0",
        ];
        check(&Funnel, &[], events, &answers);
    }

    #[test]
    fn reversed_time_changes_nothing_and_nobody_has_no_funnel() {
        let events = "
            order_placed    1970-01-01T00:00:00 c=x
            info_downloaded 1969-12-31T12:00:00 c=x
            info_downloaded 1969-12-31T12:00:00
            page_viewed     1969-12-31T00:00:00 c=x
            page_viewed     1969-12-31T00:00:00";
        let answers = [
            "1969-12-31T00:00:00.000Z,x,page_viewed,0",
            "1969-12-31T12:00:00.000Z,x,info_downloaded,43200000",
            "1970-01-01T00:00:00.000Z,x,order_placed,86400000",
        ];
        check(&Funnel, &[], events, &answers);
    }

    #[test]
    fn stages_can_be_set_and_may_come_again() {
        let events = "
            page_viewed 2026-01-01T00:00:00 c=7
            page_viewed 2026-01-01T00:00:01 c=7
            page_viewed 2026-01-01T00:00:01.001 c=7";
        let view = |time: &str, since: u32| format!("2026-01-01T{time}Z,7,page_viewed,{since}");
        let check = |stages: &str, answers: [String; 3]| {
            check(&Funnel, &[&format!("stages={stages}")], events, &answers.each_ref().map(String::as_str));
        };
        check("page_viewed", [view("00:00:00.000", 0), view("00:00:01.000", 0), view("00:00:01.001", 0)]);
        check(
            "page_viewed,page_viewed",
            [view("00:00:00.000", 0), view("00:00:01.000", 1000), view("00:00:01.001", 0)],
        );
        let eight = ["page_viewed"; 8].join(", ");
        check(&eight, [view("00:00:00.000", 0), view("00:00:01.000", 1000), view("00:00:01.001", 1001)]);
    }

    #[test]
    fn stages_that_cannot_be_are_errors_that_name_the_kinds() {
        for stages in ["", "page_viewed,", "page_view", &["page_viewed"; 9].join(",")] {
            let error = Funnel.prepare(&[format!("stages={stages}")], &Symbols::default()).err().unwrap().to_string();
            assert!(error.contains("stages") && error.contains("info_downloaded"), "{error}");
        }
    }
}

//! Plans with sessions: stretches of events of a key without a longer pause, answered when the pause has passed.

use std::sync::Arc;

use flowbench_events::{Event, EventId};
use serde::{Deserialize, Serialize};

use super::aggregate::{Aggregate, NOTHING, Place, Words, in_order, shares};
use super::per_event::Selecting;
use super::row::PlanRow;
use super::tumbling::{answer_of_window, slots_of};
use crate::logic::{EMPTY_STATE, KeyedLogic, Mergeable, TimerOutcome};

/// A plan with sessions.
#[derive(Debug, Clone)]
pub(super) struct Sessions(pub(super) Arc<SessionPlan>);

/// Sessions, and what is computed of each.
#[derive(Debug)]
pub(super) struct SessionPlan {
    pub(super) selecting: Selecting,
    pub(super) gap_ms: i64,
    pub(super) aggregates: Box<[Aggregate]>,
}

/// The open session of a key.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct OpenSession {
    events: i64, // 0: none is open
    start_ms: i64,
    last: Place, // of the last event
    words: Words,
}

impl Default for OpenSession {
    fn default() -> Self {
        OpenSession { events: 0, start_ms: 0, last: (0, EventId::absent(0)), words: NOTHING }
    }
}

impl Sessions {
    fn of(&self, event: &Event) -> OpenSession {
        let SessionPlan { selecting, aggregates, .. } = &*self.0;
        let words = shares(aggregates, event, &selecting.answering.failures);
        OpenSession { events: 1, start_ms: event.event_time_ms(), last: event.canonical_key(), words }
    }

    fn join(&self, into: &mut OpenSession, part: &OpenSession) {
        let SessionPlan { selecting, aggregates, .. } = &*self.0;
        for (at, aggregate) in aggregates.iter().enumerate() {
            let [earlier, later] = in_order(aggregate.how, (into.last, into.words[at]), (part.last, part.words[at]));
            match aggregate.how.joined(earlier, later) {
                Ok(joined) => into.words[at] = joined,
                Err(_) => selecting.answering.failures.note_sum(part.last),
            }
        }
        into.events += part.events;
        into.start_ms = into.start_ms.min(part.start_ms);
        into.last = into.last.max(part.last);
    }
}

impl KeyedLogic for Sessions {
    type Key = u64;
    type State = OpenSession;
    type Row = PlanRow;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        self.0.selecting.key(event)
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.0.selecting.lacks_key(event)
    }

    fn apply(&self, _key: u64, session: &mut OpenSession, event: &Event, _out: &mut Vec<PlanRow>) {
        let one = self.of(event);
        if session.events == 0 { *session = one } else { self.join(session, &one) }
    }

    fn expires_at_ms(&self, _key: u64, session: &OpenSession) -> i64 {
        if session.events == 0 { EMPTY_STATE } else { session.last.0.saturating_add(self.0.gap_ms) }
    }

    fn on_expiry(&self, key: u64, session: &mut OpenSession, out: &mut Vec<PlanRow>) -> TimerOutcome {
        let SessionPlan { selecting, aggregates, .. } = &*self.0;
        let results = aggregates.iter().zip(&session.words).map(|(aggregate, word)| aggregate.how.result(*word));
        let (start_ms, end_ms) = (session.start_ms, session.last.0);
        let slots = slots_of(&selecting.key, key, results, [start_ms, end_ms]);
        out.extend(answer_of_window(&selecting.answering, end_ms, &slots));
        TimerOutcome::Evict
    }
}

/// Two stretches of a session are one if no longer pause is between them.
impl Mergeable for Sessions {
    fn partial_state(&self, _key: u64, event: &Event) -> OpenSession {
        self.of(event)
    }

    fn begins_at_ms(&self, _key: u64, part: &OpenSession) -> i64 {
        part.start_ms
    }

    fn merge(&self, _key: u64, into: &mut OpenSession, part: &OpenSession) -> bool {
        if into.events == 0 {
            *into = *part;
            return true;
        }
        let pause_ms = (part.start_ms - into.last.0).max(into.start_ms - part.last.0);
        if pause_ms <= self.0.gap_ms {
            self.join(into, part);
        }
        pause_ms <= self.0.gap_ms
    }
}

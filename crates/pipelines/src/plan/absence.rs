//! Plans that answer when something does not happen in time.

use std::sync::Arc;

use flowbench_events::{Event, Zone};

use super::expression::node::{Node, Scope};
use super::per_event::Selecting;
use super::row::PlanRow;
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome};

/// A plan that waits.
#[derive(Debug, Clone)]
pub(super) struct Absence(pub(super) Arc<Wait>);

/// What is waited for, and how long.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) selecting: Selecting,
    pub(super) limit: Limit,
    /// What begins to wait.
    pub(super) starts: Node,
    /// What is waited for.
    pub(super) ends: Node,
}

/// How long is waited.
#[derive(Debug)]
pub(super) enum Limit {
    /// A time, ms.
    After(i64),
    /// Until the last ms of the calendar day.
    EndOfDay(Zone),
}

impl Limit {
    fn due_ms(&self, start_ms: i64) -> i64 {
        match self {
            Limit::After(ms) => start_ms.saturating_add(*ms),
            Limit::EndOfDay(zone) => zone.day_end_ms(zone.day(start_ms)) - 1,
        }
    }
}

/// The answer of a key that waits, to be given at its event time.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting(Option<PlanRow>);

impl KeyedLogic for Absence {
    type Key = u64;
    type State = Waiting;
    type Row = PlanRow;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        self.0.selecting.key(event)
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.0.selecting.lacks_key(event)
    }

    fn apply(&self, _key: u64, waiting: &mut Waiting, event: &Event, _out: &mut Vec<PlanRow>) {
        let Wait { selecting, limit, starts, ends } = &*self.0;
        let scope = Scope { event, slots: &[], failures: &selecting.answering.failures };
        if ends.holds(&scope) {
            waiting.0 = None;
        }
        if waiting.0.is_none() && starts.holds(&scope) {
            let due_ms = limit.due_ms(event.event_time_ms());
            waiting.0 = selecting.answering.answer(due_ms, event, &[due_ms]);
        }
    }

    fn expires_at_ms(&self, _key: u64, waiting: &Waiting) -> i64 {
        waiting.0.map_or(EMPTY_STATE, |row| row.event_time_ms)
    }

    fn on_expiry(&self, _key: u64, waiting: &mut Waiting, out: &mut Vec<PlanRow>) -> TimerOutcome {
        out.extend(waiting.0);
        TimerOutcome::Evict
    }
}

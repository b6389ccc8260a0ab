//! Plans that say how far a key has come on a way of several steps.

use std::sync::Arc;

use flowbench_events::Event;

use super::expression::node::{Node, Scope};
use super::per_event::Selecting;
use super::row::PlanRow;
use crate::logic::KeyedLogic;
use crate::progress::Progress;

/// How many steps a sequence has at most.
pub(super) const STEPS_MAX: usize = Progress::STEPS_MAX;

/// A plan with steps.
#[derive(Debug, Clone)]
pub(super) struct Sequence(pub(super) Arc<Steps>);

/// Steps in their order, and how long all of them may take.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) selecting: Selecting,
    pub(super) steps: Box<[Node]>,
    pub(super) within_ms: i64,
}

impl KeyedLogic for Sequence {
    type Key = u64;
    type State = Progress;
    type Row = PlanRow;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        self.0.selecting.key(event)
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.0.selecting.lacks_key(event)
    }

    fn apply(&self, _key: u64, progress: &mut Progress, event: &Event, out: &mut Vec<PlanRow>) {
        let Steps { selecting, steps, within_ms } = &*self.0;
        let scope = Scope { event, slots: &[], failures: &selecting.answering.failures };
        let event_time_ms = event.event_time_ms();
        let is_next = |reached: usize| steps[reached].holds(&scope);
        if let Some((step, since_start_ms)) = progress.advance(event_time_ms, *within_ms, steps.len(), is_next) {
            out.extend(selecting.answering.answer(event_time_ms, event, &[step as i64, since_start_ms]));
        }
    }

    fn expires_at_ms(&self, _key: u64, progress: &Progress) -> i64 {
        progress.expires_at_ms(self.0.within_ms)
    }
}

//! Plans that answer at each event: without state, with running aggregates, or with a count of the last while.

use std::marker::PhantomData;
use std::sync::Arc;

use flowbench_events::Event;

use super::aggregate::{Aggregate, NOTHING, Words};
use super::expression::conjunction::Conjunction;
use super::expression::node::{Failures, Node, Scope};
use super::key::PlanKey;
use super::row::{PlanRow, RowWords, WORDS_MAX};
use crate::logic::{KeyedLogic, StatelessLogic};
use crate::pipeline::BoundPipeline;
use crate::recent::Recent;
use crate::shapes::Stateless;

/// What is answered, and when.
#[derive(Debug, Clone)]
pub(super) struct Answering {
    /// What must be true of an answer.
    pub(super) filter: Box<[Node]>,
    pub(super) cells: Box<[Node]>,
    pub(super) failures: Failures,
}

impl Answering {
    /// Returns the answer to an event with what was computed of it.
    #[inline]
    pub(super) fn answer<W: RowWords>(&self, event_time_ms: i64, event: &Event, slots: &[i64]) -> Option<PlanRow<W>> {
        let scope = Scope { event, slots, failures: &self.failures };
        let is_answered = self.filter.iter().all(|node| node.holds(&scope));
        is_answered.then(|| PlanRow::of(event_time_ms, &self.cells, &scope))
    }
}

/// A plan of filters and maps.
#[derive(Debug, Clone)]
pub(super) struct EachEvent(pub(super) Arc<(Conjunction, Answering)>);

impl EachEvent {
    /// Returns the pipeline, with the smallest rows that have all cells: as it may answer most events, what rows take is
    /// what they cost.
    pub(super) fn bound(self) -> Box<dyn BoundPipeline> {
        match self.0.1.cells.len() {
            0..=1 => Box::new(Stateless(WithRows::<[i64; 1]>(self, PhantomData))),
            2..=3 => Box::new(Stateless(WithRows::<[i64; 3]>(self, PhantomData))),
            _ => Box::new(Stateless(WithRows::<[i64; WORDS_MAX]>(self, PhantomData))),
        }
    }
}

/// A plan of filters and maps whose rows have these words.
#[derive(Debug)]
struct WithRows<W>(EachEvent, PhantomData<fn() -> W>);

impl<W> Clone for WithRows<W> {
    fn clone(&self) -> Self {
        WithRows(self.0.clone(), PhantomData)
    }
}

impl<W: RowWords> StatelessLogic for WithRows<W> {
    type Row = PlanRow<W>;

    #[inline]
    fn answer(&self, event: &Event) -> Option<PlanRow<W>> {
        let (filter, answering) = &*self.0.0;
        let is_concerned = filter.holds(event, &answering.failures);
        if is_concerned { answering.answer(event.event_time_ms(), event, &[]) } else { None }
    }
}

/// What plans with a key have in common.
#[derive(Debug, Clone)]
pub(super) struct Selecting {
    pub(super) filter: Conjunction,
    pub(super) key: PlanKey,
    pub(super) answering: Answering,
}

impl Selecting {
    #[inline(always)]
    pub(super) fn key(&self, event: &Event) -> Option<u64> {
        let failures = &self.answering.failures;
        let is_concerned = self.filter.holds(event, failures);
        if is_concerned { self.key.of(event, failures) } else { None }
    }

    pub(super) fn lacks_key(&self, event: &Event) -> bool {
        let failures = &self.answering.failures;
        self.filter.holds(event, failures) && self.key.of(event, failures).is_none()
    }
}

/// A plan with aggregates of everything so far.
#[derive(Debug, Clone)]
pub(super) struct Running(pub(super) Arc<(Selecting, Box<[Aggregate]>)>);

/// The aggregates of a key.
#[derive(Debug, Clone)]
pub(super) struct SoFar(Words);

impl Default for SoFar {
    fn default() -> Self {
        SoFar(NOTHING)
    }
}

impl KeyedLogic for Running {
    type Key = u64;
    type State = SoFar;
    type Row = PlanRow;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        self.0.0.key(event)
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.0.0.lacks_key(event)
    }

    fn apply(&self, _key: u64, state: &mut SoFar, event: &Event, out: &mut Vec<PlanRow>) {
        let (Selecting { answering, .. }, aggregates) = &*self.0;
        let scope = Scope { event, slots: &[], failures: &answering.failures };
        let mut slots = NOTHING;
        for ((aggregate, word), slot) in aggregates.iter().zip(&mut state.0).zip(&mut slots) {
            let share = aggregate.share(&scope);
            match aggregate.how.joined(*word, share) {
                Ok(joined) => *word = joined,
                Err(_) => answering.failures.note_sum(event.canonical_key()),
            }
            *slot = aggregate.how.result(*word);
        }
        out.extend(answering.answer(event.event_time_ms(), event, &slots));
    }

    fn expires_at_ms(&self, _key: u64, _state: &SoFar) -> i64 {
        i64::MAX
    }
}

/// A plan with a count of the last while.
#[derive(Debug, Clone)]
pub(super) struct CountIn {
    pub(super) selecting: Arc<Selecting>,
    pub(super) within_ms: i64,
}

impl KeyedLogic for CountIn {
    type Key = u64;
    type State = Recent;
    type Row = PlanRow;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        self.selecting.key(event)
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.selecting.lacks_key(event)
    }

    fn apply(&self, _key: u64, recent: &mut Recent, event: &Event, out: &mut Vec<PlanRow>) {
        let event_time_ms = event.event_time_ms();
        let count = recent.count(event_time_ms, self.within_ms);
        out.extend(self.selecting.answering.answer(event_time_ms, event, &[count as i64]));
    }

    fn expires_at_ms(&self, _key: u64, recent: &Recent) -> i64 {
        recent.expires_at_ms(self.within_ms)
    }

    fn heap_bytes(&self, recent: &Recent) -> usize {
        recent.heap_bytes()
    }
}

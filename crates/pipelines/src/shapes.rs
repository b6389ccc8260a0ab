//! The shapes of pipelines: each makes a [`BoundPipeline`] of logic, which every strategy that supports it can run.

use std::marker::PhantomData;

use flowbench_events::{Event, Horizon};

use crate::answers::{Answers, Row};
use crate::logic::{Delivered, EMPTY_STATE, KeyedLogic, Mergeable, StatelessLogic, TimerOutcome, WindowLogic};
use crate::oracle;
use crate::pipeline::BoundPipeline;
use crate::run::{RunConfig, RunContext, RunEnd, RunError};
use crate::strategy::differential::Incremental;
use crate::strategy::{Strategy, UnsupportedReason, run, support};

/// The number of events examined to find out how long states are kept.
const PROBED: usize = 20_000;

/// Makes a [`BoundPipeline`] of stateless logic.
pub struct Stateless<L>(pub L);

impl<L: StatelessLogic> BoundPipeline for Stateless<L>
where
    L::Row: Row,
{
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::stateless(&self.0, canonical))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::stateless(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        run::run_stateless(&self.0, context)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

/// Makes a [`BoundPipeline`] of the first delivery of each event within a horizon.
pub struct FirstDeliveries<W>(Horizon, PhantomData<fn(W)>);

impl<W> FirstDeliveries<W> {
    /// Within `horizon`.
    pub fn within(horizon: Horizon) -> Self {
        Self(horizon, PhantomData)
    }
}

impl<W: Delivered<Row: Row>> BoundPipeline for FirstDeliveries<W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(canonical.iter().map(|event| W::of(event).row()).collect::<Vec<W::Row>>())
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        asked.max(Some(self.0))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::deliveries(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        let horizon = context.config.deduplicate.map_or(self.0, |asked| asked.max(self.0));
        run::run_deliveries::<W>(horizon, context)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

/// Makes a [`BoundPipeline`] of keyed logic.
pub struct Keyed<L>(pub L);

impl<L: KeyedLogic> BoundPipeline for Keyed<L>
where
    L::Row: Row,
{
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::keyed(&self.0, canonical))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::keyed(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        run::run_keyed(&self.0, context)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`BoundPipeline`] of keyed logic whose rows are summed up by window logic.
pub struct Chained<L, W>(pub L, pub W);

impl<L: KeyedLogic, W: WindowLogic<Input = L::Row>> BoundPipeline for Chained<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::keyed(&self.0, canonical)))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::chained(config, W::COMBINES)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        run::run_chained(&self.0, &self.1, context)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`BoundPipeline`] of stateless logic whose rows are summed up by window logic.
pub struct Grouped<L, W>(pub L, pub W);

impl<L: StatelessLogic, W: WindowLogic<Input = L::Row>> BoundPipeline for Grouped<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::stateless(&self.0, canonical)))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::grouped(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        run::run_grouped(&self.0, &self.1, context)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

/// Makes a [`BoundPipeline`] of keyed logic whose states can be merged.
pub struct Merging<L>(pub L);

impl<L: Mergeable> BoundPipeline for Merging<L>
where
    L::Row: Row,
{
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::keyed(&self.0, canonical))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::merging(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        run::run_merging(&self.0, context)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`BoundPipeline`] of keyed logic whose states can be merged and whose rows are summed up by window logic.
pub struct MergingChained<L, W>(pub L, pub W);

impl<L: Mergeable, W: WindowLogic<Input = L::Row>> BoundPipeline for MergingChained<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::keyed(&self.0, canonical)))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        support::merging(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        run::run_merging_chained(&self.0, &self.1, context)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`BoundPipeline`] that can also be run by [`Strategy::Differential`]: `D` says how, `P` serves the other strategies.
pub struct WithDifferential<P, D>(pub P, pub D);

impl<P: BoundPipeline, D: Incremental> BoundPipeline for WithDifferential<P, D> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        self.0.oracle(canonical)
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        self.0.counts(asked)
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        match config.strategy {
            Strategy::Differential => support::incremental(config),
            _ => self.0.unsupported_reason(config),
        }
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        match context.config.strategy {
            Strategy::Differential => run::run_incremental(&self.1, context),
            _ => self.0.run(context),
        }
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        self.0.without_key(events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        self.0.retention_ms(events)
    }
}

fn without_key<L: KeyedLogic>(logic: &L, events: &[Event]) -> u64 {
    events.iter().filter(|event| logic.lacks_key(event)).count() as u64
}

fn retention_ms<L: KeyedLogic>(logic: &L, events: &[Event]) -> Option<i64> {
    let mut longest_ms = None;
    for event in &events[..events.len().min(PROBED)] {
        let Some(key) = logic.key(event) else { continue };
        let (mut state, mut out) = (L::State::default(), Vec::new());
        logic.apply(key, &mut state, event, &mut out);
        match last_expiry_ms(logic, key, &mut state, &mut out) {
            EMPTY_STATE => {}
            i64::MAX => return None,
            expiry_ms => longest_ms = longest_ms.max(Some(expiry_ms.saturating_sub(event.event_time_ms()))),
        }
    }
    longest_ms
}

/// Returns when a state is gone if only its timers answer.
fn last_expiry_ms<L: KeyedLogic>(logic: &L, key: L::Key, state: &mut L::State, out: &mut Vec<L::Row>) -> i64 {
    loop {
        let expiry_ms = logic.expires_at_ms(key, state);
        if matches!(expiry_ms, EMPTY_STATE | i64::MAX) || logic.on_expiry(key, state, out) == TimerOutcome::Evict {
            return expiry_ms;
        }
    }
}

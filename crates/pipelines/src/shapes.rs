//! The shapes of pipelines: each makes a [`Prepared`] of logic, which every strategy that supports it can run.

use std::marker::PhantomData;

use flowbench_events::{Event, Horizon};

use crate::answers::{Answers, Row};
use crate::logic::{Afterwards, Delivered, KeyedLogic, Mergeable, SPENT, StatelessLogic, WindowLogic};
use crate::oracle;
use crate::pipeline::Prepared;
use crate::run::{Choice, RunEnd, RunError, Site};
use crate::strategy::differential::Incremental;
use crate::strategy::{Strategy, StrategyGap, run, support};

/// The number of events examined to find out how long states are kept.
const PROBED: usize = 20_000;

/// Makes a [`Prepared`] of stateless logic.
pub struct Stateless<L>(pub L);

impl<L: StatelessLogic> Prepared for Stateless<L>
where
    L::Row: Row,
{
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::stateless(&self.0, canonical))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_stateless(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        run::run_stateless(&self.0, site)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

/// Makes a [`Prepared`] of the first delivery of each event within a horizon.
pub struct FirstDeliveries<W>(Horizon, PhantomData<fn(W)>);

impl<W> FirstDeliveries<W> {
    /// Within `horizon`.
    pub fn within(horizon: Horizon) -> Self {
        Self(horizon, PhantomData)
    }
}

impl<W: Delivered<Row: Row>> Prepared for FirstDeliveries<W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(canonical.iter().map(|event| W::of(event).row()).collect::<Vec<W::Row>>())
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        asked.max(Some(self.0))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_deliveries(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        let horizon = site.choice.deduplicate.map_or(self.0, |asked| asked.max(self.0));
        run::run_deliveries::<W>(horizon, site)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

/// Makes a [`Prepared`] of keyed logic.
pub struct Keyed<L>(pub L);

impl<L: KeyedLogic> Prepared for Keyed<L>
where
    L::Row: Row,
{
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::keyed(&self.0, canonical))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_keyed(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        run::run_keyed(&self.0, site)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`Prepared`] of keyed logic whose rows are summed up by window logic.
pub struct Chained<L, W>(pub L, pub W);

impl<L: KeyedLogic, W: WindowLogic<Input = L::Row>> Prepared for Chained<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::keyed(&self.0, canonical)))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_chained(choice, W::COMBINES)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        run::run_chained(&self.0, &self.1, site)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`Prepared`] of stateless logic whose rows are summed up by window logic.
pub struct Grouped<L, W>(pub L, pub W);

impl<L: StatelessLogic, W: WindowLogic<Input = L::Row>> Prepared for Grouped<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::stateless(&self.0, canonical)))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_grouped(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        run::run_grouped(&self.0, &self.1, site)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

/// Makes a [`Prepared`] of keyed logic whose states can be merged.
pub struct Merging<L>(pub L);

impl<L: Mergeable> Prepared for Merging<L>
where
    L::Row: Row,
{
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::keyed(&self.0, canonical))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_merging(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        run::run_merging(&self.0, site)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`Prepared`] of keyed logic whose states can be merged and whose rows are summed up by window logic.
pub struct MergingChained<L, W>(pub L, pub W);

impl<L: Mergeable, W: WindowLogic<Input = L::Row>> Prepared for MergingChained<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::keyed(&self.0, canonical)))
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        support::gap_of_merging(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        run::run_merging_chained(&self.0, &self.1, site)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        without_key(&self.0, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }
}

/// Makes a [`Prepared`] that can also be run by [`Strategy::Differential`]: `D` says how, `P` serves the other strategies.
pub struct WithDifferential<P, D>(pub P, pub D);

impl<P: Prepared, D: Incremental> Prepared for WithDifferential<P, D> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        self.0.oracle(canonical)
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        self.0.counts(asked)
    }

    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        match choice.strategy {
            Strategy::Differential => support::gap_of_incremental(choice),
            _ => self.0.gap(choice),
        }
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        match site.choice.strategy {
            Strategy::Differential => run::run_incremental(&self.1, site),
            _ => self.0.run(site),
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
            SPENT => {}
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
        if matches!(expiry_ms, SPENT | i64::MAX) || logic.on_expiry(key, state, out) == Afterwards::Forgotten {
            return expiry_ms;
        }
    }
}

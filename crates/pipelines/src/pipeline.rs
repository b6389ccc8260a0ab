//! A pipeline as seen from outside: by name, with its axes chosen and its answers type-erased.

use std::marker::PhantomData;
use std::sync::Arc;

use flowbench_events::{Event, Horizon, LateSet, Symbols};
use thiserror::Error;
use timely::worker::Worker;

use crate::answers::{Answers, Changes, Row};
use crate::driver::Drivers;
use crate::eviction::EvictionName;
use crate::fault::Fault;
use crate::feed::Feed;
use crate::home::Home;
use crate::logic::{Afterwards, Delivered, KeyedLogic, Mergeable, SPENT, StatelessLogic, WindowLogic};
use crate::oracle;
use crate::order::OrderName;
use crate::settings::{Parameter, SettingError};
use crate::strategy::differential::Incremental;
use crate::strategy::{self, Strategy};

/// A named question with exact semantics: one entry of the catalogue.
pub trait Pipeline: Sync {
    /// Returns its name on the command line and in experiments.
    fn name(&self) -> &'static str;
    /// Returns the question in one or two sentences.
    fn question(&self) -> &'static str;
    /// Returns the question as reference SQL over a table `events`.
    fn sql(&self) -> &'static str;
    /// Returns the edge cases, and how each is decided.
    fn unclear(&self) -> &'static str;
    /// Returns what is remembered and for how long; empty for a stateless pipeline.
    fn state(&self) -> &'static str;
    /// True if every answer is to a single event, whatever came before.
    fn is_stateless(&self) -> bool {
        self.state().is_empty()
    }
    /// True if event time does not matter to it: its answers are exact under every order policy, and none waits.
    fn goes_by_arrival(&self) -> bool {
        self.is_stateless()
    }
    /// Returns the parameters it takes.
    fn parameters(&self) -> &'static [Parameter];
    /// Returns the columns of its answers after `event_time`.
    fn columns(&self) -> &'static [&'static str];
    /// Returns why `choice` cannot serve this pipeline; `None` if it can.
    fn gap(&self, choice: &Choice) -> Option<StrategyGap> {
        self.prepare(&[], &Symbols::default()).ok()?.gap(choice)
    }
    /// Fixes the parameters (`KEY=VALUE`) for a trace with these symbols. Fails with the first setting that is
    /// unknown, given twice, or out of range.
    fn prepare(&self, settings: &[String], symbols: &Symbols) -> Result<Box<dyn Prepared>, SettingError>;
}

/// Why a strategy cannot serve a pipeline, in words.
pub type StrategyGap = &'static str;

/// A pipeline with its parameters fixed.
pub trait Prepared: Send + Sync {
    /// Returns the truth for events in canonical order (see [`oracle::occurrences`] and [`oracle::delivered`]): those
    /// that [`counts`](Prepared::counts) describes.
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers>;
    /// Returns within which horizon only first deliveries count, where `asked` is requested in front of the pipeline;
    /// `None` if all count.
    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        asked
    }
    /// Returns why it cannot run with `choice`; `None` if it can.
    fn gap(&self, choice: &Choice) -> Option<StrategyGap>;
    /// Runs it, and returns when everything is answered.
    fn run(&self, site: &Site) -> Result<RunEnd, RunError>;
    /// Returns how many of `events` would concern the pipeline but have no key.
    fn without_key(&self, events: &[Event]) -> u64;
    /// Returns how long a state is kept if nothing follows the event that created it, ms of event time: the maximum
    /// over the first 20,000 of `events`. `None` where one is kept forever, or nothing is kept.
    fn retention_ms(&self, _events: &[Event]) -> Option<i64> {
        None
    }
}

/// The number of events examined to find out how long states are kept.
const PROBED: usize = 20_000;

/// The value of every axis that a pipeline knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// How work is spread.
    pub strategy: Strategy,
    /// When an event is applied.
    pub order: OrderName,
    /// When state is forgotten.
    pub eviction: EvictionName,
    /// Number of workers of each process, at least 1.
    pub workers: usize,
    /// If set, only first deliveries count, within this horizon.
    pub deduplicate: Option<Horizon>,
    /// A planted fault.
    pub fault: Option<Fault>,
}

impl Choice {
    /// Returns the plain configuration: one worker, `watermark`, `frontier`.
    pub fn plain(strategy: Strategy) -> Self {
        Self {
            strategy,
            order: OrderName::Watermark,
            eviction: EvictionName::Frontier,
            workers: 1,
            deduplicate: None,
            fault: None,
        }
    }
}

/// What a run needs: configuration, input, drivers, and where its workers live.
pub struct Site {
    /// The choice on every axis.
    pub choice: Choice,
    /// What is fed.
    pub feed: Arc<Feed>,
    /// Makes the driver of each worker.
    pub drivers: Drivers,
    /// Where the workers live.
    pub home: Home,
    /// Called on every worker before its dataflow is built.
    pub hook: Option<WorkerHook>,
}

/// Does something to a worker of the dataflow, such as registering a logger.
pub type WorkerHook = Arc<dyn Fn(&mut Worker) + Send + Sync>;

impl Site {
    /// Returns the context of a run in threads of this process, without a hook.
    pub fn new(choice: Choice, feed: &Arc<Feed>, drivers: Drivers) -> Self {
        Self { choice, feed: Arc::clone(feed), drivers, home: Home::Threads, hook: None }
    }

    /// Returns the number of workers of all processes.
    pub fn workers(&self) -> usize {
        self.choice.workers * self.home.processes()
    }
}

/// The result of a run.
pub struct RunEnd {
    /// The answers of all workers, without retracted ones.
    pub answers: Box<dyn Answers>,
    /// How the answers came about, if they may be retracted.
    pub changes: Option<Changes>,
    /// The events that were dropped as late.
    pub late: LateSet,
    /// Mean key and state bytes of a live entry at the end of the input; `None` without entries.
    pub payload_bytes_per_entry: Option<f64>,
    /// What each worker did, by its number over all processes.
    pub workers: Vec<WorkerEnd>,
    /// True if the planted fault has struck, on whichever worker.
    pub struck: bool,
}

/// What one worker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerEnd {
    /// Messages applied to its states.
    pub records: u64,
    /// Messages it sent to other workers.
    pub exchanged_records: u64,
    /// Their size in memory, bytes.
    pub exchanged_bytes: u64,
}

/// Why a run was not possible or went wrong.
#[derive(Debug, Error)]
pub enum RunError {
    /// The strategy does not run on this number of workers.
    #[error("strategy '{strategy}' runs on {allowed}, not on {workers} workers; set workers accordingly")]
    Workers {
        /// Name of the strategy.
        strategy: &'static str,
        /// The numbers of workers it runs on.
        allowed: &'static str,
        /// The requested number of workers.
        workers: usize,
    },
    /// The strategy does not support the pipeline, or not with the other choices.
    #[error("strategy '{strategy}' cannot do this: {gap}")]
    Gap {
        /// Name of the strategy.
        strategy: &'static str,
        /// Why.
        gap: StrategyGap,
    },
    /// More was retracted than given: a bug of flowbench; the answers of such a run cannot be trusted.
    #[error("an answer was taken back more often than it was given; please report this")]
    TakenBack,
    /// The dataflow could not be started or ended badly.
    #[error("the dataflow failed: {0}")]
    Dataflow(String),
}

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
        strategy::gap_of_stateless(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        strategy::run_stateless(&self.0, site)
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
        strategy::gap_of_deliveries(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        let horizon = site.choice.deduplicate.map_or(self.0, |asked| asked.max(self.0));
        strategy::run_deliveries::<W>(horizon, site)
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
        strategy::gap_of_keyed(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        strategy::run_keyed(&self.0, site)
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
        strategy::gap_of_chained(choice, W::COMBINES)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        strategy::run_chained(&self.0, &self.1, site)
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
        strategy::gap_of_grouped(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        strategy::run_grouped(&self.0, &self.1, site)
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
        strategy::gap_of_merging(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        strategy::run_merging(&self.0, site)
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
        strategy::gap_of_merging(choice)
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        strategy::run_merging_chained(&self.0, &self.1, site)
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
            Strategy::Differential => strategy::gap_of_incremental(choice),
            _ => self.0.gap(choice),
        }
    }

    fn run(&self, site: &Site) -> Result<RunEnd, RunError> {
        match site.choice.strategy {
            Strategy::Differential => strategy::run_incremental(&self.1, site),
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

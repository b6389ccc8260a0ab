//! A pipeline as the outside sees it: by name, with its axes chosen, its answers erased.

use std::sync::Arc;

use flowbench_events::{Event, LateSet, Symbols};
use thiserror::Error;

use crate::answers::{Answers, Changes, Row};
use crate::driver::Drivers;
use crate::eviction::EvictionName;
use crate::fault::Fault;
use crate::feed::Feed;
use crate::logic::{KeyedLogic, StatelessLogic, WindowLogic};
use crate::oracle;
use crate::order::OrderName;
use crate::settings::{Parameter, SettingError};
use crate::strategy::{self, Strategy};

/// A named question with exact semantics: one entry of the catalogue.
pub trait Pipeline: Sync {
    /// Name for the command line and experiments.
    fn name(&self) -> &'static str;
    /// The question in one or two sentences.
    fn question(&self) -> &'static str;
    /// The question in SQL over a table `events`, as reference.
    fn sql(&self) -> &'static str;
    /// What is unclear at first sight, and how it is decided.
    fn unclear(&self) -> &'static str;
    /// What is kept in memory and for how long; empty for a stateless pipeline.
    fn state(&self) -> &'static str;
    /// True if every answer is that to a single event, whatever came before.
    fn is_stateless(&self) -> bool {
        self.state().is_empty()
    }
    /// The parameters it takes.
    fn parameters(&self) -> &'static [Parameter];
    /// The columns of its answers after `event_time`.
    fn columns(&self) -> &'static [&'static str];
    /// Why `strategy` cannot serve this pipeline, if so.
    fn gap(&self, _strategy: Strategy) -> Option<StrategyGap> {
        None
    }
    /// Fixes the parameters (`KEY=VALUE`), for a trace with these symbols.
    fn prepare(&self, settings: &[String], symbols: &Symbols) -> Result<Box<dyn Prepared>, SettingError>;
}

/// Why a strategy cannot serve a pipeline, in words.
pub type StrategyGap = &'static str;

/// A pipeline with its parameters fixed.
pub trait Prepared: Send + Sync {
    /// The truth for events in canonical order (see [`oracle::occurrences`] and [`oracle::delivered`]).
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers>;
    /// Runs it. Returns when everything is answered.
    fn run(&self, choice: &Choice, feed: &Arc<Feed>, drivers: &Drivers) -> Result<RunEnd, RunError>;
    /// How many of `events` would concern the pipeline but have no key.
    fn without_key(&self, events: &[Event]) -> u64;
}

/// The choice on every axis that a pipeline knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// How work is spread.
    pub strategy: Strategy,
    /// When an event is applied.
    pub order: OrderName,
    /// When state is forgotten.
    pub eviction: EvictionName,
    /// Number of workers, at least 1.
    pub workers: usize,
    /// First deliveries only.
    pub deduplicate: bool,
    /// A planted fault.
    pub fault: Option<Fault>,
}

impl Choice {
    /// The plain choice: one worker, `watermark`, `frontier`.
    pub fn plain(strategy: Strategy) -> Self {
        Self {
            strategy,
            order: OrderName::Watermark,
            eviction: EvictionName::Frontier,
            workers: 1,
            deduplicate: false,
            fault: None,
        }
    }

    /// Event time for which second deliveries are recognised, ms; `None` for ever.
    pub(crate) fn duplicate_horizon_ms(&self) -> Option<i64> {
        match (self.eviction, self.order) {
            (EvictionName::Never, _) => None,
            // A second delivery that the watermark has passed is late and does not get here.
            (_, order) if order.drops_late() => Some(0),
            _ => Some(24 * 3_600_000),
        }
    }
}

/// What a run leaves.
pub struct RunEnd {
    /// The answers of all workers; what was taken back is not among them.
    pub answers: Box<dyn Answers>,
    /// How they came about, if answers may be taken back.
    pub changes: Option<Changes>,
    /// The events that were dropped as late.
    pub late: LateSet,
    /// Mean key and state bytes of a live entry when the input had ended; `None` without entries.
    pub payload_bytes_per_entry: Option<f64>,
}

/// A run that could not be.
#[derive(Debug, Error)]
pub enum RunError {
    /// More than one worker where there can be only one, or none.
    #[error("strategy '{strategy}' runs on {allowed}, not on {workers} workers; set workers accordingly")]
    Workers {
        /// Name of the strategy.
        strategy: &'static str,
        /// What it runs on.
        allowed: &'static str,
        /// What was asked for.
        workers: usize,
    },
    /// A bug of flowbench: the answers of such a run cannot be trusted.
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

    fn run(&self, choice: &Choice, feed: &Arc<Feed>, drivers: &Drivers) -> Result<RunEnd, RunError> {
        strategy::run_stateless(&self.0, choice, feed, drivers)
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

    fn run(&self, choice: &Choice, feed: &Arc<Feed>, drivers: &Drivers) -> Result<RunEnd, RunError> {
        strategy::run_keyed(&self.0, choice, feed, drivers)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        events.iter().filter(|event| self.0.lacks_key(event)).count() as u64
    }
}

/// Makes a [`Prepared`] of keyed logic whose rows are summed up by window logic.
pub struct Chained<L, W>(pub L, pub W);

impl<L: KeyedLogic, W: WindowLogic<Input = L::Row>> Prepared for Chained<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::keyed(&self.0, canonical)))
    }

    fn run(&self, choice: &Choice, feed: &Arc<Feed>, drivers: &Drivers) -> Result<RunEnd, RunError> {
        strategy::run_chained(&self.0, &self.1, choice, feed, drivers)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        events.iter().filter(|event| self.0.lacks_key(event)).count() as u64
    }
}

/// Makes a [`Prepared`] of stateless logic whose rows are summed up by window logic.
pub struct Grouped<L, W>(pub L, pub W);

impl<L: StatelessLogic, W: WindowLogic<Input = L::Row>> Prepared for Grouped<L, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &oracle::stateless(&self.0, canonical)))
    }

    fn run(&self, choice: &Choice, feed: &Arc<Feed>, drivers: &Drivers) -> Result<RunEnd, RunError> {
        strategy::run_grouped(&self.0, &self.1, choice, feed, drivers)
    }

    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }
}

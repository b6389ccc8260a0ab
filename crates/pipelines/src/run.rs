//! What a run is told, and what it returns.

use std::sync::Arc;

use flowbench_events::{Horizon, LateSet};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use timely::worker::Worker;

use crate::answers::{Answers, Changes};
use crate::deployment::Deployment;
use crate::disorder::OrderName;
use crate::driver::Drivers;
use crate::eviction::{Eviction, Frontier};
use crate::fault::Fault;
use crate::feed::Feed;
use crate::strategy::declaration::{Strategy, UnsupportedReason};

/// The value of every axis that a pipeline knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunConfig {
    /// How work is spread.
    pub strategy: Strategy,
    /// When an event is applied.
    pub order: OrderName,
    /// When state is forgotten.
    pub eviction: Eviction,
    /// Number of workers of each process, at least 1.
    pub workers: usize,
    /// If set, only first deliveries count, within this horizon.
    pub deduplicate: Option<Horizon>,
    /// A planted fault.
    pub fault: Option<Fault>,
}

impl RunConfig {
    /// Returns the plain configuration: one worker, `watermark`, `frontier`.
    pub fn plain(strategy: Strategy) -> Self {
        Self {
            strategy,
            order: OrderName::Watermark,
            eviction: Frontier.into(),
            workers: 1,
            deduplicate: None,
            fault: None,
        }
    }
}

/// Takes answers as they are given and taken back, on whichever worker.
pub type ChangesOutlet = Arc<dyn Fn(Changes) + Send + Sync>;

/// What a run needs: configuration, input, drivers, and where its workers live.
#[derive(Clone)]
pub struct RunContext {
    /// The choice on every axis.
    pub config: RunConfig,
    /// What is fed.
    pub feed: Arc<Feed>,
    /// Makes the driver of each worker.
    pub drivers: Drivers,
    /// Where the workers live.
    pub deployment: Deployment,
    /// Called on every worker before its dataflow is built.
    pub hook: Option<WorkerHook>,
    /// Where answers go as soon as they are given, before the epochs that gave them are completed. Without one they are
    /// kept until the end.
    pub outlet: Option<ChangesOutlet>,
}

/// Does something to a worker of the dataflow, such as registering a logger.
pub type WorkerHook = Arc<dyn Fn(&mut Worker) + Send + Sync>;

impl RunContext {
    /// Returns the context of a run in threads of this process, without a hook.
    pub fn new(config: RunConfig, feed: &Arc<Feed>, drivers: Drivers) -> Self {
        Self { config, feed: Arc::clone(feed), drivers, deployment: Deployment::Threads, hook: None, outlet: None }
    }

    /// Returns the number of workers of all processes.
    pub fn workers(&self) -> usize {
        self.config.workers * self.deployment.processes()
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
    /// Entries that had not expired at the end of the input.
    pub live_entries: usize,
    /// Mean key and state bytes of a live entry at the end of the input; `None` without entries.
    pub payload_bytes_per_entry: Option<f64>,
    /// What each worker did, by its number over all processes.
    pub workers: Vec<WorkerEnd>,
    /// True if the planted fault has fired, on whichever worker.
    pub fault_fired: bool,
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
    #[error("strategy '{strategy}' cannot do this: {reason}")]
    Unsupported {
        /// Name of the strategy.
        strategy: &'static str,
        /// Why.
        reason: UnsupportedReason,
    },
    /// More was retracted than given: a bug of flowbench; the answers of such a run cannot be trusted.
    #[error("an answer was taken back more often than it was given; please report this")]
    TakenBack,
    /// A calculation of a pipeline from a file has no result.
    #[error(
        "the pipeline cannot calculate {what}: event {event_id} of {event_time}; give it a filter that leaves such events out"
    )]
    Calculation {
        /// What there is no result of.
        what: &'static str,
        /// The id of the event, 0 if it was the aggregate of a window.
        event_id: String,
        /// Its event time, or the end of the window.
        event_time: String,
    },
    /// The dataflow could not be started or ended badly.
    #[error("the dataflow failed: {0}")]
    Dataflow(String),
}

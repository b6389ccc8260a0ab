//! What a strategy says of itself: its name, what it can serve, and which executor runs it.
//!
//! Decision D-029.

use std::fmt;

use super::dataflow::routing::Placement;

/// Why a strategy cannot serve a pipeline, in words.
pub type UnsupportedReason = &'static str;

/// What stands against running a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrategyProblem {
    /// It cannot serve the pipeline, or not with the other choices.
    Unsupported(UnsupportedReason),
    /// It runs on other numbers of workers: these.
    Workers(&'static str),
}

/// How work is spread over workers. The strategies are constants, such as [`Strategy::EXCHANGE`]; [`Strategy::ALL`]
/// lists them.
#[derive(Clone, Copy)]
pub struct Strategy(pub(crate) &'static Declaration);

/// The declaration of a strategy. A strategy is a file with one of these and a line in the list of `strategy/mod.rs`.
pub(crate) struct Declaration {
    /// Name in files and on the command line.
    pub(crate) name: &'static str,
    /// One line for `flowbench list`.
    pub(crate) summary: &'static str,
    /// Returns what it runs on if it cannot run on this number of workers of all processes.
    pub(crate) allowed_workers: fn(usize) -> Option<&'static str>,
    /// Why it cannot run in several processes; `None` if it can.
    pub(crate) between_processes: Option<UnsupportedReason>,
    /// Returns why it cannot serve such a pipeline with such a configuration; `None` if it can.
    pub(crate) unsupported: fn(&Request) -> Option<UnsupportedReason>,
    /// Returns how many of the workers read; each reads its own epochs, taken in turn.
    pub(crate) readers: fn(usize) -> usize,
    /// Runs it.
    pub(crate) executor: Executor,
}

/// What runs the stages of a pipeline.
#[derive(Clone, Copy)]
pub(crate) enum Executor {
    /// One loop on one thread.
    Sequential,
    /// A dataflow that only differs in who reads, who holds state and what goes where.
    Dataflow(Topology),
    /// A dataflow with one map of all states in shared memory.
    Shared,
    /// A dataflow with two workers for each hot key.
    HotSplit,
    /// Collections that change with event time.
    Differential,
}

/// How a dataflow spreads the work.
#[derive(Clone, Copy)]
pub(crate) struct Topology {
    /// Returns the placement as seen by one worker.
    pub(crate) placement: fn(PlacementRequest) -> Placement,
    /// True if the input is partitioned by key before the clock starts.
    pub(crate) prepartitioned: bool,
    /// True if readers and stages combine messages of one key before they send them, where the logic can.
    pub(crate) combines: bool,
    /// True if stateless logic without windows answers where events are read, so that only answers travel.
    pub(crate) answers_where_read: bool,
}

/// One worker asks where it stands.
#[derive(Clone, Copy)]
pub(crate) struct PlacementRequest {
    pub(crate) worker: usize,
    /// Workers of all processes.
    pub(crate) workers: usize,
    /// True if repeated deliveries are removed in front of the pipeline.
    pub(crate) deduplicates: bool,
}

/// What a strategy is asked to serve: the shape of a pipeline, and what the other axes ask of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) shape: Shape,
    /// True if events wait for the watermark.
    pub(crate) waits: bool,
    /// True if answers may be retracted.
    pub(crate) retracts: bool,
    /// True if state is forgotten as compaction does: when the watermark has passed its expiry, exactly or by a lag.
    pub(crate) evicts_by_compaction: bool,
}

/// The shape of a pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// What its first stage needs.
    pub(crate) first: FirstShape,
    /// The windows behind the first stage, if there are any.
    pub(crate) windows: Option<WindowShape>,
    /// True if it is also written as collections that change with event time.
    pub(crate) incremental: bool,
}

/// What a first stage needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstShape {
    /// Nothing but the event.
    Stateless,
    /// The ids of events that have been delivered.
    Deliveries,
    /// A state for each key, which depends on the order of its events.
    Keyed,
    /// A state for each key, which can be merged from partial states.
    Mergeable,
}

/// What windows can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowShape {
    /// True if two inputs of one window can be combined into one.
    pub(crate) combines: bool,
}

impl Declaration {
    /// A dataflow over any number of workers and processes that serves everything.
    pub(crate) const fn dataflow(name: &'static str, summary: &'static str, topology: Topology) -> Self {
        Self {
            name,
            summary,
            allowed_workers: any_number,
            between_processes: None,
            unsupported: |_| None,
            readers: |workers| workers,
            executor: Executor::Dataflow(topology),
        }
    }
}

impl Topology {
    /// Workers that read their own share of the trace and send each message by itself.
    pub(crate) const fn by(placement: fn(PlacementRequest) -> Placement) -> Self {
        Self { placement, prepartitioned: false, combines: false, answers_where_read: false }
    }
}

/// Why an eviction that only arrangements can carry out is not offered by strategies that hold states in tables.
pub(crate) const NO_HISTORY: UnsupportedReason =
    "it keeps no history that could be compacted: a state is what is known now, and is forgotten as a whole";

/// Returns what is required if there is no worker; any other number is allowed.
pub(crate) fn any_number(workers: usize) -> Option<&'static str> {
    (workers == 0).then_some("1 worker or more")
}

/// Returns why a strategy that only matters for state is not offered: a pipeline without any.
pub(crate) fn needs_state(request: &Request) -> Option<UnsupportedReason> {
    let Shape { first, windows, .. } = request.shape;
    (first == FirstShape::Stateless && windows.is_none())
        .then_some("without state there is nothing to spread but reading, as exchange does")
}

impl Strategy {
    /// Returns the name used in files and on the command line.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns a one-line summary for `flowbench list`.
    pub fn summary(self) -> &'static str {
        self.0.summary
    }

    /// Returns what it runs on if it cannot run on this number of workers of all processes; `None` if it can.
    pub fn allowed_workers(self, workers: usize) -> Option<&'static str> {
        (self.0.allowed_workers)(workers)
    }

    /// Returns why it cannot run in this number of processes; `None` if it can.
    pub fn unsupported_between_processes(self, processes: usize) -> Option<UnsupportedReason> {
        self.0.between_processes.filter(|_| processes > 1)
    }

    /// Checks that it can run a pipeline that gives `reason` against it, if any, on `workers` of all processes together.
    ///
    /// # Errors
    ///
    /// Fails with what stands against it: the reason first, then the processes, then the workers.
    pub fn check(
        self,
        reason: Option<UnsupportedReason>,
        workers: usize,
        processes: usize,
    ) -> Result<(), StrategyProblem> {
        match reason.or_else(|| self.unsupported_between_processes(processes)) {
            Some(reason) => Err(StrategyProblem::Unsupported(reason)),
            None => self.allowed_workers(workers).map_or(Ok(()), |allowed| Err(StrategyProblem::Workers(allowed))),
        }
    }

    /// Returns why it cannot answer a trace that is still being written; `None` if it can.
    pub fn unsupported_live(self) -> Option<UnsupportedReason> {
        match self.0.executor {
            Executor::Dataflow(topology) if topology.prepartitioned => Some("it partitions the whole trace in advance"),
            Executor::Shared => Some("it keeps its answers until the end of the input"),
            Executor::Differential => Some("it fits its steps to the length of the trace"),
            Executor::Sequential | Executor::HotSplit | Executor::Dataflow(_) => None,
        }
    }

    /// Returns how many of `workers` read; each reads its own epochs, taken in turn.
    pub fn readers(self, workers: usize) -> usize {
        (self.0.readers)(workers)
    }
}

impl PartialEq for Strategy {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Strategy {}

impl fmt::Debug for Strategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

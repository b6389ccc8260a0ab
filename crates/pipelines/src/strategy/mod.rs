//! How work is spread.
//!
//! Decisions D-005 and D-010.

mod broadcast;
mod co_partitioned;
mod dataflow;
pub(crate) mod differential;
mod exchange;

mod hot_split;

mod plan;
mod pre_aggregate;

pub(crate) mod run;
mod sequential;
mod shared;
mod single_writer;
mod staged;
pub(crate) mod support;

/// Why a strategy cannot serve a pipeline, in words.
pub type UnsupportedReason = &'static str;

/// The strategies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One plain loop, no dataflow.
    Sequential,
    /// Messages to the worker of their key.
    Exchange,
    /// The input is split by key beforehand.
    CoPartitioned,
    /// Combined where it is read, then exchanged.
    PreAggregate,
    /// All state on one worker.
    SingleWriter,
    /// Everyone sees everything.
    Broadcast,
    /// One map in shared memory.
    Shared,
    /// Some workers read, others hold the state.
    Staged,
    /// Two workers for a hot key.
    HotSplit,
    /// Collections that change with event time.
    Differential,
}

impl Strategy {
    /// All strategies, as `flowbench list` shows them.
    pub const ALL: [Strategy; 10] = [
        Strategy::Sequential,
        Strategy::Exchange,
        Strategy::CoPartitioned,
        Strategy::PreAggregate,
        Strategy::SingleWriter,
        Strategy::Broadcast,
        Strategy::Shared,
        Strategy::Staged,
        Strategy::HotSplit,
        Strategy::Differential,
    ];

    /// Returns the name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Sequential => "sequential",
            Strategy::Exchange => "exchange",
            Strategy::CoPartitioned => "co-partitioned",
            Strategy::PreAggregate => "pre-aggregate",
            Strategy::SingleWriter => "single-writer",
            Strategy::Broadcast => "broadcast",
            Strategy::Shared => "shared",
            Strategy::Staged => "staged",
            Strategy::HotSplit => "hot-split",
            Strategy::Differential => "differential",
        }
    }

    /// Returns a one-line summary for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            Strategy::Sequential => "one plain loop on one thread, no dataflow: what the others have to beat",
            Strategy::Exchange => "every event goes to the worker of its key (stateless: stays where read)",
            Strategy::CoPartitioned => "the input is split by key beforehand: nothing is exchanged",
            Strategy::PreAggregate => "each worker combines what it reads, then parts of states are exchanged",
            Strategy::SingleWriter => "all workers read and filter, one holds all state",
            Strategy::Broadcast => "every worker sees everything and keeps what is its own",
            Strategy::Shared => "nothing is exchanged: one map behind locks, in the memory of one process",
            Strategy::Staged => "half of the workers read and filter, the other half holds the state",
            Strategy::HotSplit => "by key, but two workers share a hot key and merge later",
            Strategy::Differential => "collections that change with event time, in arrangements: differential dataflow",
        }
    }

    /// Returns what it runs on instead if it cannot run on this number of workers (of all processes together).
    pub fn allowed_workers(self, workers: usize) -> Option<&'static str> {
        match self {
            Strategy::Sequential if workers != 1 => Some("exactly 1 worker"),
            Strategy::Staged if workers < 2 => Some("2 workers or more"),
            _ if workers == 0 => Some("1 worker or more"),
            _ => None,
        }
    }

    /// Returns why it cannot run in this number of processes; `None` if it can.
    pub fn unsupported_between_processes(self, processes: usize) -> Option<UnsupportedReason> {
        (self == Strategy::Shared && processes > 1).then_some("processes share no memory")
    }
}

#[cfg(test)]
mod tests;

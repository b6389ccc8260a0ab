//! Every message goes to the worker that holds the state of its key. Stateless work stays where it is read.
//!
//! What anybody can have, and the one to beat beside the single thread. On two cores two workers of it are 1.0 to 1.75
//! times as fast as `sequential`, best or next to `co-partitioned` for most pipelines; one worker is at 0.87 on average
//! (reference run of the experiment `parallelism`). It loses where one key has much: its worker is the bound.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::pipeline::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread: by_key, dealt: false };
/// Of stateless work.
pub(super) const WHERE_READ: Topology = Topology { spread: where_read, dealt: false };

/// States by key over all workers.
fn by_key(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let all = Targets::ByRoute { first: 0, count: workers };
    Spread { readers: workers, states: all.clone(), windows: all.clone(), deliveries: all, holders: 0..workers }
}

/// Answers where events are read; only event ids are remembered by key.
fn where_read(choice: &Choice, worker: usize, workers: usize) -> Spread {
    Spread { states: Targets::One(worker), ..by_key(choice, worker, workers) }
}

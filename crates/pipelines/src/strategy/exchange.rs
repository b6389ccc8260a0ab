//! Every message goes to the worker that holds the state of its key. Stateless work stays where it is read.
//!
//! This is what everybody can have, and the strategy to beat besides the single thread. It loses where one key has
//! much of the load: the worker of that key is the bottleneck. `experiments/parallelism.md` has the measurements.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::run::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread: by_key, dealt: false };
/// The topology of stateless work: it is done where events are read.
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

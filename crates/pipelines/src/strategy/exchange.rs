//! Every message goes to the worker that holds the state of its key. Stateless work stays where it is read.
//!
//! This is what everybody can have, and the strategy to beat besides the single thread. It loses where one key has
//! much of the load: the worker of that key is the bottleneck. `experiments/parallelism.md` has the measurements.

use super::dataflow::Placement;
use super::dataflow::routing::Routing;
use super::plan::Topology;
use crate::run::RunConfig;

pub(super) const TOPOLOGY: Topology = Topology { placement: by_key, prepartitioned: false };
/// The topology of stateless work: it is done where events are read.
pub(super) const WHERE_READ: Topology = Topology { placement: where_read, prepartitioned: false };

/// States by key over all workers.
fn by_key(_choice: &RunConfig, _worker: usize, workers: usize) -> Placement {
    let all = Routing::ByRoute { first: 0, count: workers };
    Placement {
        readers: workers,
        states: all.clone(),
        windows: all.clone(),
        deliveries: all,
        state_workers: 0..workers,
    }
}

/// Answers where events are read; only event ids are remembered by key.
fn where_read(config: &RunConfig, worker: usize, workers: usize) -> Placement {
    Placement { states: Routing::One(worker), ..by_key(config, worker, workers) }
}

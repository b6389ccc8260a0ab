//! Pipeline parallelism: one half of the workers reads and filters, the other half holds the states.
//!
//! Reading and state never compete for a core, and each has its own cache. It could only win where both halves have
//! equal work; whichever has more limits the whole, and the other one waits. Every event changes cores. It is here
//! because people build it: a thread that parses in front of one that works. With an odd number of workers the
//! readers are one more.

use super::dataflow::Placement;
use super::dataflow::routing::Routing;
use super::plan::Topology;
use crate::run::RunConfig;

pub(super) const TOPOLOGY: Topology = Topology { placement, prepartitioned: false };

/// States by key over the second half of the workers.
fn placement(_choice: &RunConfig, _worker: usize, workers: usize) -> Placement {
    let readers = readers(workers);
    let second_half = Routing::ByRoute { first: readers, count: workers - readers };
    Placement {
        readers,
        states: second_half.clone(),
        windows: second_half.clone(),
        deliveries: second_half,
        state_workers: readers..workers,
    }
}

/// How many of so many workers read.
pub(super) fn readers(workers: usize) -> usize {
    workers.div_ceil(2)
}

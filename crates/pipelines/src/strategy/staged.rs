//! Pipeline parallelism: one half of the workers reads and filters, the other half holds the states.
//!
//! Reading and state never compete for a core, and each has its own cache. It could only win where both halves have
//! equal work; whichever has more limits the whole, and the other one waits. Every event changes cores. It is here
//! because people build it: a thread that parses in front of one that works. With an odd number of workers the
//! readers are one more.

use super::dataflow::routing::{Placement, Routing};
use super::declaration::{Declaration, PlacementRequest, Topology};

pub(super) const STRATEGY: Declaration = Declaration {
    allowed_workers: |workers| (workers < 2).then_some("2 workers or more"),
    readers,
    ..Declaration::dataflow(
        "staged",
        "half of the workers read and filter, the other half holds the state",
        Topology::by(placement),
    )
};

/// Puts states by key over the second half of the workers.
fn placement(PlacementRequest { workers, .. }: PlacementRequest) -> Placement {
    let readers = readers(workers);
    let second_half = Routing::ByRoute { first: readers, count: workers - readers };
    Placement {
        readers,
        states: second_half.clone(),
        windows: second_half.clone(),
        event_ids: second_half,
        state_workers: readers..workers,
    }
}

/// Returns how many of the workers read.
fn readers(workers: usize) -> usize {
    workers.div_ceil(2)
}

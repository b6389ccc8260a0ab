//! Every message goes to the worker that holds the state of its key. Stateless work stays where it is read.
//!
//! This is what everybody can have, and the strategy to beat besides the single thread. It loses where one key has
//! much of the load: the worker of that key is the bottleneck. `experiments/parallelism.md` has the measurements.

use super::dataflow::routing::{Placement, Routing};
use super::declaration::{Declaration, PlacementRequest, Topology};

pub(super) const STRATEGY: Declaration = Declaration::dataflow(
    "exchange",
    "every event goes to the worker of its key (stateless: stays where read)",
    Topology { answers_where_read: true, ..Topology::by(by_key) },
);

/// Returns the placement with all states by key over all workers.
pub(super) fn by_key(PlacementRequest { workers, .. }: PlacementRequest) -> Placement {
    let all = Routing::ByRoute { first: 0, count: workers };
    Placement { readers: workers, states: all.clone(), windows: all.clone(), event_ids: all, state_workers: 0..workers }
}

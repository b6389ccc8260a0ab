//! All workers read and filter; one of them holds all state.
//!
//! It buys that states need no agreement: one order, one view, no key. It wins where filtering is the work and next
//! to nothing is left, because one worker then keeps up with the rest and has all of it in its cache. It loses as
//! soon as the state is the work, since that is done by one worker, which also carries the dataflow.

use super::dataflow::routing::{Placement, Routing};
use super::declaration::{Declaration, PlacementRequest, Topology};

pub(super) const STRATEGY: Declaration =
    Declaration::dataflow("single-writer", "all workers read and filter, one holds all state", Topology::by(placement));

/// Puts all states on the first worker.
fn placement(PlacementRequest { workers, .. }: PlacementRequest) -> Placement {
    let first = Routing::One(0);
    Placement { readers: workers, states: first.clone(), windows: first.clone(), event_ids: first, state_workers: 0..1 }
}

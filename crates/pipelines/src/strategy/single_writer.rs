//! All workers read and filter; one of them holds all state.
//!
//! It buys that states need no agreement: one order, one view, no key. It wins where filtering is the work and next
//! to nothing is left, because one worker then keeps up with the rest and has all of it in its cache. It loses as
//! soon as the state is the work, since that is done by one worker, which also carries the dataflow.

use super::dataflow::Placement;
use super::dataflow::routing::Routing;
use super::plan::Topology;
use crate::run::RunConfig;

pub(super) const TOPOLOGY: Topology = Topology { placement, prepartitioned: false };

/// States on the first worker.
fn placement(_choice: &RunConfig, _worker: usize, workers: usize) -> Placement {
    let first = Routing::One(0);
    Placement {
        readers: workers,
        states: first.clone(),
        windows: first.clone(),
        deliveries: first,
        state_workers: 0..1,
    }
}

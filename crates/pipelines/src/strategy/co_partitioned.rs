//! The input is already partitioned by key, like a log with one partition per worker: no message of the first stage
//! moves.
//!
//! The partitioning is done before the clock starts, and with it late events are removed. So this is the least that
//! any strategy by key could cost, and it is not free: the cost is paid upstream. It wins wherever
//! the exchange is what costs. A hot key stays as hot as it is.

use super::dataflow::routing::{Placement, Routing};
use super::declaration::{Declaration, PlacementRequest, Topology, needs_state};

pub(super) const STRATEGY: Declaration = Declaration {
    unsupported: needs_state,
    ..Declaration::dataflow(
        "co-partitioned",
        "the input is split by key beforehand: nothing is exchanged",
        Topology { prepartitioned: true, ..Topology::by(placement) },
    )
};

/// Keeps every message on its worker. A second stage has other keys, so its rows are exchanged. Where repeated
/// deliveries are removed in front, that is the first stage: the input is partitioned by event id.
fn placement(PlacementRequest { worker, workers, deduplicates }: PlacementRequest) -> Placement {
    let (own, by_route) = (Routing::One(worker), Routing::ByRoute { first: 0, count: workers });
    let states = if deduplicates { by_route.clone() } else { own.clone() };
    Placement { readers: workers, states, windows: by_route, event_ids: own, state_workers: 0..workers }
}

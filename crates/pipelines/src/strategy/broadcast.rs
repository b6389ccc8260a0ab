//! Every worker sees every message and keeps those of its own keys.
//!
//! Nobody needs to know who holds which key, and a worker that joins only has to listen. The price: every message is
//! copied and examined once per worker. It never wins, loses more with each worker, and loses most where filters let
//! much through. It shows what a shared log with many readers costs.

use super::dataflow::routing::{Placement, Routing};
use super::declaration::{Declaration, PlacementRequest, Topology};

pub(super) const STRATEGY: Declaration = Declaration::dataflow(
    "broadcast",
    "every worker sees everything and keeps what is its own",
    Topology::by(placement),
);

/// Sends messages to all workers, and event ids by key.
fn placement(PlacementRequest { workers, .. }: PlacementRequest) -> Placement {
    let (all, by_route) = (Routing::All(workers), Routing::ByRoute { first: 0, count: workers });
    Placement { readers: workers, states: all.clone(), windows: all, event_ids: by_route, state_workers: 0..workers }
}

//! Every worker sees every message and keeps those of its own keys.
//!
//! Nobody needs to know who holds which key, and a worker that joins only has to listen. The price: every message is
//! copied and examined once per worker. It never wins, loses more with each worker, and loses most where filters let
//! much through. It shows what a shared log with many readers costs.

use super::dataflow::Placement;
use super::dataflow::routing::Routing;
use super::plan::Topology;
use crate::run::RunConfig;

pub(super) const TOPOLOGY: Topology = Topology { placement, prepartitioned: false };

/// Messages to all workers, event ids by key.
fn placement(_choice: &RunConfig, _worker: usize, workers: usize) -> Placement {
    let (all, by_route) = (Routing::All(workers), Routing::ByRoute { first: 0, count: workers });
    Placement { readers: workers, states: all.clone(), windows: all, deliveries: by_route, state_workers: 0..workers }
}

//! The input is already partitioned by key, like a log with one partition per worker: no message of the first stage
//! moves.
//!
//! The partitioning is done before the clock starts, and with it late events are removed. So this is the least that
//! any strategy by key could cost, not one that comes for free: somebody upstream has paid for it. It wins wherever
//! the exchange is what costs. A hot key stays as hot as it is.

use super::dataflow::Placement;
use super::dataflow::routing::Routing;
use super::plan::Topology;
use crate::run::RunConfig;

pub(super) const TOPOLOGY: Topology = Topology { placement, prepartitioned: true };

/// Every worker its own; a second stage has other keys, so its rows are exchanged. Where first deliveries are told before,
/// that is a first stage: the input is split by event id.
fn placement(config: &RunConfig, worker: usize, workers: usize) -> Placement {
    let (ownership, by_route) = (Routing::One(worker), Routing::ByRoute { first: 0, count: workers });
    let states = if config.deduplicate.is_some() { by_route.clone() } else { ownership.clone() };
    Placement { readers: workers, states, windows: by_route, deliveries: ownership, state_workers: 0..workers }
}

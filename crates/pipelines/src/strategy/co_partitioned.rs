//! The input is already partitioned by key, like a log with one partition per worker: no message of the first stage
//! moves.
//!
//! The partitioning is done before the clock starts, and with it late events are removed. So this is the least that
//! any strategy by key could cost, not one that comes for free: somebody upstream has paid for it. It wins wherever
//! the exchange is what costs. A hot key stays as hot as it is.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::run::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread, dealt: true };

/// Every worker its own; a second stage has other keys, so its rows are exchanged. Where first deliveries are told before,
/// that is a first stage: the input is split by event id.
fn spread(choice: &Choice, worker: usize, workers: usize) -> Spread {
    let (own, by_route) = (Targets::One(worker), Targets::ByRoute { first: 0, count: workers });
    let states = if choice.deduplicate.is_some() { by_route.clone() } else { own.clone() };
    Spread { readers: workers, states, windows: by_route, deliveries: own, holders: 0..workers }
}

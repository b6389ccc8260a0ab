//! Every worker sees every message and keeps those of its own keys.
//!
//! Nobody needs to know who holds which key, and a worker that joins only has to listen. The price: every message is
//! copied and examined once per worker. It never wins, loses more with each worker, and loses most where filters let
//! much through. It shows what a shared log with many readers costs.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::run::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread, dealt: false };

/// Messages to all workers, event ids by key.
fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let (all, by_route) = (Targets::All(workers), Targets::ByRoute { first: 0, count: workers });
    Spread { readers: workers, states: all.clone(), windows: all, deliveries: by_route, holders: 0..workers }
}

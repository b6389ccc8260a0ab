//! Every worker sees every message and keeps those of its own keys.
//!
//! Nobody has to know who holds which key, and a worker that joins only has to listen. That is all it is for: each
//! message is copied and looked at as often as there are workers. It never wins: with filters that let little through
//! it is as good as an exchange by key, with states a fifth below, and with more workers further. It shows what a
//! shared log with many readers costs.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::pipeline::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread, dealt: false };

/// Messages to all workers, event ids by key.
fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let (all, by_route) = (Targets::All(workers), Targets::ByRoute { first: 0, count: workers });
    Spread { readers: workers, states: all.clone(), windows: all, deliveries: by_route, holders: 0..workers }
}

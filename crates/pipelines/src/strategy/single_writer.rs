//! All workers read and filter; one of them holds all state.
//!
//! It buys that states need no agreement: one order, one view, no key. It wins where filtering is the work and next
//! to nothing is left, because one worker then keeps up with the rest and has all of it in its cache. It loses as
//! soon as the state is the work, since that is done by one worker, which also carries the dataflow.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::run::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread, dealt: false };

/// States on the first worker.
fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let first = Targets::One(0);
    Spread { readers: workers, states: first.clone(), windows: first.clone(), deliveries: first, holders: 0..1 }
}

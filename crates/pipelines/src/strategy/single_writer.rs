//! All workers read and filter; one of them holds all state.
//!
//! What it buys is that nothing has to be agreed upon between states: one order, one view, no key. It wins where the
//! filter is the work and next to nothing is left (`dispatched-today`: 1.96 times the single thread on two workers, the
//! best of its row in the reference run): then one worker keeps up with what is left, and its cache holds all of it. It
//! loses as soon as the state is the work, for that is done by one worker, and has the dataflow to carry beside it: 0.5
//! to 0.9 of the single thread.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::pipeline::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread, dealt: false };

/// States on the first worker.
fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let first = Targets::One(0);
    Spread { readers: workers, states: first.clone(), windows: first.clone(), deliveries: first, holders: 0..1 }
}

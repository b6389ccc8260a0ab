//! Pipeline parallel: one half of the workers reads and filters, the other half holds the states.
//!
//! Reader and state never compete for one core, and each has its own cache. It could win only where both halves have as
//! much to do; whichever has more is the bound for all, and the other one waits. In the reference run it never did: 0.6
//! to 1.2 times the single thread on two cores, since each event changes its core, and there are two workers to begin
//! with. It is here because people build it: a thread that parses in front of one that works. With an odd number the
//! readers are one more.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::pipeline::Choice;

pub(super) const TOPOLOGY: Topology = Topology { spread, dealt: false };

/// States by key over the second half of the workers.
fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let readers = readers(workers);
    let second_half = Targets::ByRoute { first: readers, count: workers - readers };
    Spread {
        readers,
        states: second_half.clone(),
        windows: second_half.clone(),
        deliveries: second_half,
        holders: readers..workers,
    }
}

/// How many of so many workers read.
pub(super) fn readers(workers: usize) -> usize {
    workers.div_ceil(2)
}

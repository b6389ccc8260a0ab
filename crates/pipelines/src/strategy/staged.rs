//! Pipeline parallelism: one half of the workers reads and filters, the other half holds the states.
//!
//! Reading and state never compete for a core, and each has its own cache. It could only win where both halves have
//! equal work; whichever has more limits the whole, and the other one waits. Every event changes cores. It is here
//! because people build it: a thread that parses in front of one that works. With an odd number of workers the
//! readers are one more.

use super::dataflow::Spread;
use super::messages::Targets;
use super::plan::Topology;
use crate::run::Choice;

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

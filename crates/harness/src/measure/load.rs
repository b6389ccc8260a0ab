//! How events are offered in one run, and what workers without work do.

use flowbench_measurement::offered_load::Schedule;
use serde::{Deserialize, Serialize};

/// How events are offered in one run.
#[derive(Debug, Clone)]
pub enum Load {
    /// Open loop: events are offered at their due times. Those that are open at `stop_ns` are censored.
    Open {
        /// The due time of each event.
        schedule: Schedule,
        /// The time at which the run is given up, ns since it began.
        stop_ns: u64,
    },
    /// Closed loop: events are offered as soon as there is room.
    Closed,
}

/// What a worker without work does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// It looks for work again at once: the lowest latency, and a core that is never free.
    #[default]
    Spin,
    /// After 50 µs without work it sleeps until its next epoch is due, a message arrives, or 10 ms have passed.
    Park,
}

impl Idle {
    pub(crate) const ALL: [Idle; 2] = [Idle::Spin, Idle::Park];

    /// Returns the name used in files and records.
    pub fn name(self) -> &'static str {
        match self {
            Idle::Spin => "spin",
            Idle::Park => "park",
        }
    }
}

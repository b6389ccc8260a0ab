//! How events are offered in one run, and what workers do meanwhile.

use flowbench_measurement::offered_load::Schedule;
use serde::{Deserialize, Serialize};

/// How events are offered in one run.
#[derive(Debug, Clone)]
pub enum Load {
    /// Events are offered at their due times; what is open at `stop_ns` is censored.
    Open {
        /// When each event is due.
        schedule: Schedule,
        /// When the run is given up, ns since it began.
        stop_ns: u64,
    },
    /// Events are offered as soon as there is room.
    Closed,
}

/// What a worker without work does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// It looks again at once: the lowest latency, and a core that is never free.
    #[default]
    Spin,
    /// After 50 µs without work it sleeps until its next epoch is due or a message comes.
    Park,
}

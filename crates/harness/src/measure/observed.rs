//! The measurements of a run, of one process or of all of them.

use flowbench_measurement::record::Wire;
use flowbench_measurement::timeline::Reading;

use crate::measure::operator_profile::Activity;
use crate::measure::worker_log::WorkerLog;

/// The measurements of a run: of one process, or of all of them.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) logs: Vec<WorkerLog>,
    pub(crate) observations: Observations,
    pub(crate) activity: Option<Activity>,
    pub(crate) wire: Option<Wire>,
}

/// Everything observed during a run besides latencies.
#[derive(Debug, Clone)]
pub struct Observations {
    /// Memory and entries over time.
    pub readings: Vec<Reading>,
    /// CPU time of the process from the start of the run to its end, ns.
    pub cpu_ns: u64,
    /// Share (0 to 1) of the machine's CPU time stolen meanwhile; absent where it is too little to tell from nothing.
    pub steal_share: Option<f64>,
    /// Share (0 to 1) of the run in which a quota held the process back.
    pub throttled_share: Option<f64>,
}

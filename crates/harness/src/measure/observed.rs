//! What is observed during a run, by one process or by all of them.

use flowbench_measurement::doubts::SwapUse;
use flowbench_measurement::record::Wire;
use flowbench_measurement::timeline::Reading;

use crate::measure::operator_profile::Activity;
use crate::measure::worker_log::WorkerLog;

/// The measurements of one process, or of all of them.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) logs: Vec<WorkerLog>,
    pub(crate) observations: Observations,
    pub(crate) activity: Option<Activity>,
    pub(crate) wire: Option<Wire>,
}

/// What is observed during a run besides latencies.
#[derive(Debug, Clone)]
pub struct Observations {
    /// Memory and entries over time.
    pub readings: Vec<Reading>,
    /// CPU time of the process from the start of the run to its end, ns.
    pub cpu_ns: u64,
    /// Share (0 to 1) of the machine's CPU time that the hypervisor gave to others; absent if it is too small to tell
    /// from nothing.
    pub steal_share: Option<f64>,
    /// Share (0 to 1) of the run in which a CPU quota held the process back; absent without a quota.
    pub throttled_share: Option<f64>,
    /// Proportional set size when the run was over, bytes.
    pub pss_bytes: Option<u64>,
    /// Memory that the machine moved to and from swap during the run, in bytes; absent if the kernel does not say.
    pub swapped_bytes: Option<u64>,
    /// Use of the swap when the run began; absent if the kernel does not say.
    pub swap: Option<SwapUse>,
    /// True if the machine ran on its battery when the run was over; absent if the kernel does not say.
    pub on_battery: Option<bool>,
}

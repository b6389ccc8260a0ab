//! Offers a trace to a pipeline by a plan fixed before the run, and measures what happens.

mod allocation;
mod allocator;
mod clock;
pub(crate) mod completions;
pub(crate) mod drive;
mod gauges;
mod hiccups;
pub(crate) mod load;
pub(crate) mod observed;
pub(crate) mod operator_profile;
pub(crate) mod pinning;
pub(crate) mod release_times;
pub(crate) mod request_to_end;
pub(crate) mod resident_set;
mod run_state;
mod sampler;
pub(crate) mod scheduling;
mod view_skew;
mod worker_driver;
pub(crate) mod worker_log;

pub use completions::{Completions, Latencies};
pub use drive::{Measured, Setting, measure, source_ceiling_events_per_s};
pub use hiccups::{Spin, spin, wake_up_delays};
pub use load::{Idle, Load};
pub use observed::Observations;
pub use release_times::ReleaseTimes;

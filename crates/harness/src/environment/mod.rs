//! The build and the machine that numbers come from, and what may disturb them.

mod build;
mod disturbance;
mod findings;
mod kernel_files;
mod machine;
mod power_supply;

pub use self::build::{build, lock_digest, lock_file, set_lock_file};
pub use self::disturbance::{
    Counters, RunCounters, RunDisturbance, surroundings, surroundings_since, swap_use, throttled_ns,
};
pub use self::findings::{Finding, cautions, findings};
pub use self::machine::{available_disk_bytes, available_memory_bytes, host_names, machine, usable_cores};
pub use self::power_supply::on_battery;

/// Returns the present time in UTC as it stands in the name of a folder, `20260131T100000Z`.
pub fn utc_stamp() -> String {
    stamp_of(&flowbench_events::rfc3339(jiff::Timestamp::now().as_millisecond()))
}

/// Returns a time of RFC 3339 in UTC as it stands in the name of a folder.
pub(crate) fn stamp_of(rfc3339: &str) -> String {
    let stamp: String = rfc3339.chars().filter(|letter| !"-:".contains(*letter)).take(15).collect();
    stamp + "Z"
}

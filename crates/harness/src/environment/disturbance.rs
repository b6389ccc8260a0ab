//! What a machine does beside a run: its load, time stolen by the hypervisor, time withheld by a quota, memory in swap and
//! on its way there, clocks slowed by heat or to spare the battery.

use flowbench_measurement::doubts::SwapUse;
use flowbench_measurement::record::Surroundings;

use super::kernel_files::{field_of, kib, read};
use super::machine::{CPUS, online_cpus};
use super::power_supply::on_battery;

/// The CPU time since boot, in ticks: all of it, and the part that the hypervisor gave to others.
#[derive(Debug, Clone, Copy, Default)]
struct CpuTicks {
    all: u64,
    stolen: u64,
}

/// The number of ticks, of 10 ms each, from which stolen time counts.
const TICKS_MIN: u64 = 3;

impl CpuTicks {
    /// Reads the current counts; `None` if there is no /proc/stat.
    fn now() -> Option<CpuTicks> {
        let stat = read("/proc/stat")?;
        let ticks: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
        Some(CpuTicks { all: ticks.iter().take(8).sum(), stolen: *ticks.get(7)? })
    }

    /// Returns the share (0 to 1) of the CPU time since `before` that was stolen, 0 if none was; `None` if no tick
    /// has passed.
    fn share_since(&self, before: &CpuTicks) -> Option<f64> {
        let all = self.all.saturating_sub(before.all);
        (all > 0).then(|| self.stolen.saturating_sub(before.stolen) as f64 / all as f64)
    }

    /// Returns the share (0 to 1) of the CPU time since `before` that was stolen; `None` below three ticks, because in
    /// a short run a single one would be a large share.
    fn stolen_share_since(&self, before: &CpuTicks) -> Option<f64> {
        let is_enough = self.stolen.saturating_sub(before.stolen) >= TICKS_MIN;
        self.share_since(before).filter(|_| is_enough)
    }
}

/// What the kernel had counted by the beginning of a measured run.
#[derive(Debug, Clone, Copy)]
pub struct RunCounters {
    ticks: Option<CpuTicks>,
    throttled_ns: Option<u64>,
    swapped_bytes: Option<u64>,
}

/// What took time or memory from a measured run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RunDisturbance {
    /// Share (0 to 1) of the machine's CPU time that the hypervisor gave to others; absent if it is too small to tell from
    /// nothing.
    pub steal_share: Option<f64>,
    /// Share (0 to 1) of the run in which a CPU quota held the process back; absent without a quota.
    pub throttled_share: Option<f64>,
    /// Memory that the machine moved to and from swap, in bytes; absent if the kernel does not say.
    pub swapped_bytes: Option<u64>,
}

impl RunCounters {
    /// Reads the counters.
    pub fn now() -> RunCounters {
        RunCounters { ticks: CpuTicks::now(), throttled_ns: throttled_ns(), swapped_bytes: swapped_bytes() }
    }

    /// Returns what has happened since, in a run that took `elapsed_ns`.
    pub fn since(&self, elapsed_ns: u64) -> RunDisturbance {
        let grown = |before: Option<u64>, now: fn() -> Option<u64>| Some(now()?.saturating_sub(before?));
        let throttled_ns = grown(self.throttled_ns, throttled_ns);
        RunDisturbance {
            steal_share: self.ticks.and_then(|before| CpuTicks::now()?.stolen_share_since(&before)),
            throttled_share: throttled_ns.map(|ns| ns as f64 / elapsed_ns.max(1) as f64),
            swapped_bytes: grown(self.swapped_bytes, swapped_bytes),
        }
    }
}

/// Returns the time for which a CPU quota has held this cgroup back so far, ns; `None` without a quota.
pub fn throttled_ns() -> Option<u64> {
    let stat = read("/sys/fs/cgroup/cpu.stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("throttled_usec "))?;
    Some(line.trim().parse::<u64>().ok()? * 1000)
}

/// Returns the memory that the machine has moved to and from swap so far, bytes; `None` if the kernel does not say.
fn swapped_bytes() -> Option<u64> {
    Some(swapped_pages(&read("/proc/vmstat")?)? * rustix::param::page_size() as u64)
}

/// Returns how much memory is in swap now, and how much is available without swapping; `None` if the kernel does not say.
pub fn swap_use() -> Option<SwapUse> {
    swap_use_of(&read("/proc/meminfo")?)
}

/// Returns the same by what `/proc/meminfo` says.
fn swap_use_of(meminfo: &str) -> Option<SwapUse> {
    let bytes = |name: &str| Some(kib(&field_of(meminfo, name)?)? << 10);
    let used_bytes = bytes("SwapTotal:")?.saturating_sub(bytes("SwapFree:")?);
    Some(SwapUse { used_bytes, available_bytes: bytes("MemAvailable:")? })
}

/// Returns the pages moved to and from swap, as `/proc/vmstat` counts them.
fn swapped_pages(vmstat: &str) -> Option<u64> {
    let count = |name: &str| vmstat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(count("pswpin ")? + count("pswpout ")?)
}

/// Returns how many times cores have been slowed because of heat so far; `None` if the kernel does not say, as in
/// virtual machines.
fn thermal_throttles() -> Option<u64> {
    let count =
        |cpu: usize| read(&format!("{CPUS}/cpu{cpu}/thermal_throttle/core_throttle_count"))?.parse::<u64>().ok();
    online_cpus()?.into_iter().map(count).sum()
}

/// What the kernel counts since it was started.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    ticks: Option<CpuTicks>,
    thermal_throttles: Option<u64>,
}

impl Counters {
    /// Reads the current counts.
    pub fn now() -> Counters {
        Counters { ticks: CpuTicks::now(), thermal_throttles: thermal_throttles() }
    }
}

/// Returns what the machine does now, with what the kernel has counted since the machine was started.
pub fn surroundings() -> Surroundings {
    surroundings_since(&Counters { ticks: Some(CpuTicks::default()), thermal_throttles: Some(0) })
}

/// Returns what the machine does now, with what the kernel has counted since `before`.
pub fn surroundings_since(before: &Counters) -> Surroundings {
    let now = Counters::now();
    let throttles = now.thermal_throttles.zip(before.thermal_throttles);
    Surroundings {
        load: read("/proc/loadavg").and_then(|text| load(&text)),
        stolen_share: now.ticks.zip(before.ticks).and_then(|(now, before)| now.share_since(&before)),
        thermal_throttles: throttles.map(|(now, before)| now.saturating_sub(before)),
        on_battery: on_battery(),
        swap_used_bytes: swap_use().map(|swap| swap.used_bytes),
    }
}

/// Parses the load average of the last minute.
fn load(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stolen_is_0_and_no_time_is_absent() {
        let before = CpuTicks { all: 100, stolen: 10 };
        assert_eq!(CpuTicks { all: 200, stolen: 10 }.share_since(&before), Some(0.0));
        assert_eq!(CpuTicks { all: 200, stolen: 15 }.share_since(&before), Some(0.05));
        assert_eq!(before.share_since(&before), None);
    }

    #[test]
    fn pages_in_and_out_of_swap_add_up_and_without_both_nothing_is_known() {
        assert_eq!(swapped_pages("nr_free_pages 5\npswpin 3\npswpout 40\npswpout_zero 9"), Some(43));
        assert_eq!(swapped_pages("pswpin 3"), None);
        let (before, after) = (swapped_bytes(), swapped_bytes());
        assert!(before <= after, "it only grows");
    }

    #[test]
    fn swap_in_use_is_what_is_not_free_of_it() {
        let meminfo =
            "MemTotal: 2048 kB\nMemAvailable:    512 kB\nSwapCached: 1 kB\nSwapTotal: 1000 kB\nSwapFree:  100 kB";
        let found = SwapUse { used_bytes: 900 << 10, available_bytes: 512 << 10 };
        assert_eq!(swap_use_of(meminfo), Some(found));
        assert_eq!(swap_use_of("SwapTotal: 0 kB\nSwapFree: 0 kB\nMemAvailable: 1 kB").unwrap().used_bytes, 0);
        assert_eq!(swap_use_of("SwapTotal: 1000 kB"), None);
    }

    #[test]
    fn what_is_counted_is_counted_since_the_counts_before() {
        let before = Counters { ticks: Some(CpuTicks::default()), thermal_throttles: None };
        assert_eq!(surroundings_since(&before).thermal_throttles, None);
        let found = surroundings_since(&Counters::now()).thermal_throttles;
        assert!(found.is_none_or(|count| count < 1_000_000), "{found:?} since now");
    }

    #[test]
    fn the_load_is_the_first_number() {
        assert_eq!(load("0.52 0.58 0.59 3/602 29413"), Some(0.52));
        assert_eq!(load(""), None);
    }
}

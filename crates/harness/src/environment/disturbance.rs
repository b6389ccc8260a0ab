//! What a machine does beside a run: its load, time stolen by the hypervisor, time withheld by a quota.

use flowbench_measurement::record::Surroundings;

use super::kernel_files::read;

/// The CPU time since boot, in ticks: all of it, and the part that the hypervisor gave to others.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTicks {
    all: u64,
    stolen: u64,
}

/// The number of ticks, of 10 ms each, from which stolen time counts.
const TICKS_MIN: u64 = 3;

impl CpuTicks {
    /// Reads the current counts; `None` if there is no /proc/stat.
    pub fn now() -> Option<CpuTicks> {
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
    pub fn stolen_share_since(&self, before: &CpuTicks) -> Option<f64> {
        let is_enough = self.stolen.saturating_sub(before.stolen) >= TICKS_MIN;
        self.share_since(before).filter(|_| is_enough)
    }
}

/// Returns the time for which a CPU quota has held this cgroup back so far, ns; `None` without a quota.
pub fn throttled_ns() -> Option<u64> {
    let stat = read("/sys/fs/cgroup/cpu.stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("throttled_usec "))?;
    Some(line.trim().parse::<u64>().ok()? * 1000)
}

/// Returns what the machine does now: its load, and the share of the CPU time since it was started that was stolen.
pub fn surroundings() -> Surroundings {
    surroundings_since(Some(&CpuTicks::default()))
}

/// Returns what the machine does now: its load, and the share of the CPU time since `before` that was stolen, if
/// that is known.
pub fn surroundings_since(before: Option<&CpuTicks>) -> Surroundings {
    Surroundings {
        load: read("/proc/loadavg").and_then(|text| load(&text)),
        stolen_share: before.and_then(|before| CpuTicks::now()?.share_since(before)),
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
    fn the_load_is_the_first_number() {
        assert_eq!(load("0.52 0.58 0.59 3/602 29413"), Some(0.52));
        assert_eq!(load(""), None);
    }
}

//! The build and the machine that numbers come from, and what may disturb them.

use std::fs;
use std::num::NonZero;

use flowbench_measurement::record::{Build, Machine};

/// The lock file of this build, which has the exact version of every dependency.
const CARGO_LOCK: &str = include_str!("../../../Cargo.lock");

/// Returns what this program was built from.
pub fn build() -> Build {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Build {
        flowbench: env!("CARGO_PKG_VERSION").to_owned(),
        timely: locked_version("timely").unwrap_or("unknown").to_owned(),
        differential: locked_version("differential-dataflow").map(str::to_owned),
        rustc: env!("FLOWBENCH_RUSTC").to_owned(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        commit: known(env!("FLOWBENCH_COMMIT")),
        dirty: !env!("FLOWBENCH_DIRTY").is_empty(),
        lock_digest: blake3::hash(CARGO_LOCK.as_bytes()).to_hex()[..16].to_owned(),
        allocator: "jemalloc".to_owned(),
        measuring_digest: known(env!("FLOWBENCH_MEASURING")),
    }
}

/// Returns the present time in UTC as it stands in the name of a folder, `20260131T100000Z`.
pub fn utc_stamp() -> String {
    stamp_of(&flowbench_events::rfc3339(jiff::Timestamp::now().as_millisecond()))
}

/// Returns a time of RFC 3339 in UTC as it stands in the name of a folder.
pub(crate) fn stamp_of(rfc3339: &str) -> String {
    let stamp: String = rfc3339.chars().filter(|letter| !"-:".contains(*letter)).take(15).collect();
    stamp + "Z"
}

/// Describes this machine, without its name.
pub fn machine() -> Machine {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory_bytes = field("/proc/meminfo", "MemTotal").and_then(|text| kib(&text)).unwrap_or(0) * 1024;
    let kernel = format!("Linux {}", read("/proc/sys/kernel/osrelease").unwrap_or_default());
    let virtualised = virtualised();
    let usable_cores = usable_cores();
    let gib = memory_bytes as f64 / f64::from(1 << 30);
    let virtual_word = virtualised.as_ref().map_or(String::new(), |kind| format!(", {kind}"));
    Machine {
        line: format!("{usable_cores} cores of {cpu}, {gib:.0} GiB, {kernel}{virtual_word}"),
        cpu,
        usable_cores,
        memory_bytes,
        kernel,
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtualised,
        cgroup_cores: cgroup_cores(),
    }
}

/// Returns the number of cores this process may use by its affinity and cgroup quota, at least 1.
pub fn usable_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

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

    /// Returns the share (0 to 1) of the CPU time since `before` that was stolen; `None` below three ticks, because in
    /// a short run a single one would be a large share.
    pub fn stolen_share_since(&self, before: &CpuTicks) -> Option<f64> {
        let stolen = self.stolen.saturating_sub(before.stolen);
        let all = self.all.saturating_sub(before.all).max(1);
        (stolen >= TICKS_MIN).then_some(stolen as f64 / all as f64)
    }
}

/// Returns the time for which a CPU quota has held this cgroup back so far, ns; `None` without a quota.
pub fn throttled_ns() -> Option<u64> {
    let stat = read("/sys/fs/cgroup/cpu.stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("throttled_usec "))?;
    Some(line.trim().parse::<u64>().ok()? * 1000)
}

/// One finding of `flowbench doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// True if the finding speaks against measuring here.
    pub bad: bool,
    /// The aspect of the machine or the build.
    pub what: &'static str,
    /// The state of that aspect, and what to do about it.
    pub seen: String,
}

/// Returns static facts about whether this machine is fit to measure on. Jitter is measured by the caller.
pub fn findings() -> Vec<Finding> {
    let machine = machine();
    let build = build();
    let finding = |bad, what, seen: String| Finding { bad, what, seen };
    let mut findings = vec![
        finding(false, "machine", machine.line.clone()),
        finding(
            machine.usable_cores < 2,
            "cores",
            match machine.usable_cores {
                1 => "1 usable core: driver, sampler and worker share it; use 2 or more".to_owned(),
                cores => format!("{cores} usable cores; keep workers below that: what measures needs one, too"),
            },
        ),
        finding(
            build.profile == "debug",
            "build",
            format!(
                "{} build{}",
                build.profile,
                match build.profile.as_str() {
                    "debug" => "; use --release",
                    _ => "",
                }
            ),
        ),
        finding(false, "commit", commit_words(&build)),
    ];
    findings.extend(machine.cgroup_cores.map(|cores| {
        finding(true, "cgroup quota", format!("{cores:.1} cores: the kernel may pause the process; prefer a cpuset"))
    }));
    findings.push(match &machine.governor {
        Some(governor) => {
            finding(governor != "performance", "governor", format!("{governor} (performance is steadiest)"))
        }
        None => finding(false, "governor", "not readable here (usual in virtual machines)".to_owned()),
    });
    findings.extend(machine.virtualised.map(|kind| {
        finding(true, "virtualised", format!("{kind}: neighbours may steal time; trust ratios within one run"))
    }));
    let swap = field("/proc/meminfo", "SwapTotal").and_then(|text| kib(&text)).unwrap_or(0);
    findings.push(finding(
        swap > 0,
        "swap",
        match swap {
            0 => "off".to_owned(),
            kib => format!("{} MiB: state that swaps measures the disk; swapoff -a", kib / 1024),
        },
    ));
    let load = read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0);
    findings.push(finding(load > 0.5, "load", format!("{load:.2} over the last minute (quiet is below 0.5)")));
    findings
}

fn commit_words(build: &Build) -> String {
    match (&build.commit, build.dirty) {
        (Some(commit), false) => commit.clone(),
        (Some(commit), true) => format!("{commit} with uncommitted changes: results are marked dirty"),
        (None, _) => "not built from a checkout".to_owned(),
    }
}

fn locked_version(package: &str) -> Option<&'static str> {
    let entry = CARGO_LOCK.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}

fn virtualised() -> Option<String> {
    if fs::exists("/.dockerenv").unwrap_or(false) {
        return Some("container".to_owned());
    }
    let hypervisor =
        read("/proc/cpuinfo")?.lines().any(|line| line.starts_with("flags") && line.contains(" hypervisor"));
    hypervisor.then(|| "virtual machine".to_owned())
}

fn cgroup_cores() -> Option<f64> {
    let text = read("/sys/fs/cgroup/cpu.max")?;
    let (quota, period) = text.split_once(' ')?;
    Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kib(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_names_the_versions_of_the_lock_file() {
        assert_eq!(build().timely, "0.32.0");
        assert_eq!(build().differential.as_deref(), Some("0.26.0"));
        assert_eq!(build().lock_digest.len(), 16);
    }

    #[test]
    fn the_machine_has_a_line_without_its_name() {
        let machine = machine();
        assert!(machine.usable_cores >= 1 && machine.line.contains("cores of"));
        let host = read("/proc/sys/kernel/hostname").unwrap_or_default();
        assert!(host.is_empty() || !machine.line.contains(&host));
        assert!(findings().len() > 4);
    }
}

//! The machine of a run, how its kernel is set up, and what else it did.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The machine on which numbers were measured; it has no host name and no path in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Summary shown below figures: `2 cores of AMD EPYC …, 24 GiB, Linux 6.1, virtual`.
    pub line: String,
    /// Processor model.
    pub cpu: String,
    /// Number of cores this process may use, within its affinity and cgroup quota.
    pub usable_cores: usize,
    /// Logical processors that the affinity of the process allows, as the kernel lists them: `0-3,8`; absent if it does
    /// not tell, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_cpus: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel and version.
    pub kernel: String,
    /// Frequency governor; absent if it cannot be read.
    pub governor: Option<String>,
    /// Hypervisor or container; absent if none was recognised.
    pub virtualised: Option<String>,
    /// CPU quota of the cgroup, in cores; absent if there is none.
    pub cgroup_cores: Option<f64>,
    /// Memory limit of the cgroup, in bytes; absent if there is none, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup_memory_bytes: Option<u64>,
    /// How processor and kernel are set up; without any fact in older records.
    #[serde(default)]
    pub setup: MachineSetup,
}

/// How processor and kernel are set up. A fact that the kernel does not tell is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MachineSetup {
    /// Number of processor packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<usize>,
    /// Number of physical cores that are online, of all packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<usize>,
    /// Number of hardware threads of a core; the maximum, if cores differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_per_core: Option<usize>,
    /// True if several hardware threads share a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
    /// True if the processor may exceed its base frequency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turbo: Option<bool>,
    /// Address space randomisation: 0 for none, 1 for part of the address space, 2 for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aslr: Option<u8>,
    /// Use of transparent huge pages: `always`, `madvise` or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<String>,
    /// Size of the level 1 data cache of the first core, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1d_bytes: Option<u64>,
    /// Size of the level 2 cache of the first core, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l2_bytes: Option<u64>,
    /// Size of the level 3 cache of the first core, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l3_bytes: Option<u64>,
    /// Number of NUMA nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numa_nodes: Option<usize>,
}

/// What else a machine did before or during a run. A fact that the kernel does not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Surroundings {
    /// Load average of the last minute: tasks that ran or waited for a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Share (0 to 1) of the CPU time that the hypervisor gave to other machines: before a run since the machine was
    /// started, after it since the run began or was last resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stolen_share: Option<f64>,
    /// Number of times that a core was slowed because of heat, over the same time; absent where the kernel does not
    /// count, as in virtual machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thermal_throttles: Option<u64>,
    /// True if the machine ran on its battery at that instant; absent where the kernel does not say, as on most servers, and
    /// in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_battery: Option<bool>,
    /// Memory that was in swap at that instant, of all programs, in bytes; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_used_bytes: Option<u64>,
}

/// Writes the facts that are known, such as `SMT on, ASLR 2, L2 1 MiB`; nothing if none is.
impl fmt::Display for MachineSetup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switch = |name: &str, on: bool| format!("{name} {}", if on { "on" } else { "off" });
        let cache = |name: &str, bytes: u64| format!("{name} {}", binary_size(bytes));
        let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        let facts = [
            self.packages.map(|n| count(n, "package")),
            self.cores.map(|n| count(n, "core")),
            self.threads_per_core.map(|n| count(n, "thread") + " a core"),
            self.smt.map(|on| switch("SMT", on)),
            self.turbo.map(|on| switch("turbo", on)),
            self.aslr.map(|level| format!("ASLR {level}")),
            self.huge_pages.as_ref().map(|when| format!("huge pages {when}")),
            self.l1d_bytes.map(|bytes| cache("L1d", bytes)),
            self.l2_bytes.map(|bytes| cache("L2", bytes)),
            self.l3_bytes.map(|bytes| cache("L3", bytes)),
            self.numa_nodes.map(|n| count(n, "NUMA node")),
        ];
        let known: Vec<String> = facts.into_iter().flatten().collect();
        formatter.write_str(&known.join(", "))
    }
}

/// Writes the facts that are known, such as `load 0.12, 0.0 % stolen`; nothing if none is.
impl fmt::Display for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = self.load.map(|load| format!("load {load:.2}"));
        let stolen = self.stolen_share.map(|share| format!("{:.1} % of the CPU time stolen", share * 100.0));
        let slowed = self.thermal_throttles.map(|count| format!("cores slowed by heat {count} times"));
        let supply = self.on_battery.map(|on| if on { "on battery" } else { "on external power" }.to_owned());
        let swap = self.swap_used_bytes.map(|bytes| match bytes {
            0 => "nothing in swap".to_owned(),
            bytes => format!("{} in swap", binary_size(bytes)),
        });
        let known: Vec<String> = [load, stolen, slowed, supply, swap].into_iter().flatten().collect();
        formatter.write_str(&known.join(", "))
    }
}

fn binary_size(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_written() {
        let setup =
            MachineSetup { smt: Some(false), l2_bytes: Some(1 << 20), l1d_bytes: Some(48 << 10), ..Default::default() };
        assert_eq!(setup.to_string(), "SMT off, L1d 48 KiB, L2 1 MiB");
        let topology =
            MachineSetup { packages: Some(1), cores: Some(8), threads_per_core: Some(2), ..Default::default() };
        assert_eq!(topology.to_string(), "1 package, 8 cores, 2 threads a core");
        assert_eq!(MachineSetup::default().to_string(), "");
        let quiet = Surroundings { load: Some(0.0), stolen_share: Some(0.0), ..Surroundings::default() };
        assert_eq!(quiet.to_string(), "load 0.00, 0.0 % of the CPU time stolen");
        let hot = Surroundings { thermal_throttles: Some(3), ..Surroundings::default() };
        assert_eq!(hot.to_string(), "cores slowed by heat 3 times");
        let unplugged =
            Surroundings { on_battery: Some(true), swap_used_bytes: Some(3 << 20), ..Surroundings::default() };
        assert_eq!(unplugged.to_string(), "on battery, 3 MiB in swap");
        let plugged_in = Surroundings { on_battery: Some(false), swap_used_bytes: Some(0), ..unplugged };
        assert_eq!(plugged_in.to_string(), "on external power, nothing in swap");
        assert_eq!(Surroundings::default().to_string(), "");
    }

    #[test]
    fn what_is_unknown_is_not_written_and_reads_as_unknown() {
        assert_eq!(serde_json::to_string(&MachineSetup::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<MachineSetup>("{}").unwrap(), MachineSetup::default());
    }
}

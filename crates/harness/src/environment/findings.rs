//! Whether a machine is fit to measure on: what `flowbench doctor` says without measuring.

use flowbench_measurement::record::{Build, MachineSetup, Surroundings};

use super::build::build;
use super::disturbance::surroundings;
use super::kernel_files::{field, kib};
use super::machine::{cgroup_memory_bytes, listed, machine, online_cpus};

/// The load up to which a machine counts as quiet.
const LOAD_QUIET: f64 = 0.5;

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
    findings.extend(machine.allowed_cpus.as_deref().and_then(|allowed| affinity(allowed, online_cpus().as_deref())));
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
    let surroundings = surroundings();
    findings.extend(cautions(&surroundings));
    findings.extend(surroundings.load.map(|load| {
        finding(load > LOAD_QUIET, "load", format!("{load:.2} over the last minute (quiet is below {LOAD_QUIET})"))
    }));
    findings.extend(memory_findings(machine.memory_bytes));
    findings.extend(setup_findings(&machine.setup));
    findings
}

/// Returns what surrounds a run and speaks against measuring, whatever the setup of the machine: power from a battery, and
/// memory in swap.
pub fn cautions(surroundings: &Surroundings) -> Vec<Finding> {
    let bad = |what, seen| Finding { bad: true, what, seen };
    let battery = surroundings.on_battery.filter(|on| *on).map(|_| {
        bad("battery", "in use: clocks follow what is left of it; plug the machine in before measuring".to_owned())
    });
    let swap_used = surroundings.swap_used_bytes.filter(|bytes| *bytes > 0).map(|bytes| {
        let mib = bytes as f64 / f64::from(1 << 20);
        bad(
            "swap in use",
            format!("{mib:.1} MiB: memory of programs is on disk; end those that need much, or swapoff -a"),
        )
    });
    battery.into_iter().chain(swap_used).collect()
}

/// Returns which of the logical processors that are online this process may use; `None` if `allowed` is no list of them.
fn affinity(allowed: &str, online: Option<&[usize]>) -> Option<Finding> {
    let cpus = listed(allowed)?;
    let is_left_out = |cpu: &&usize| !cpus.contains(cpu);
    let left_out = online.map_or(0, |online| online.iter().filter(is_left_out).count());
    let seen = match left_out {
        0 => format!("CPUs {allowed}: all that are online"),
        others => format!("CPUs {allowed}; {others} more are online, and other programs may run there"),
    };
    Some(Finding { bad: false, what: "affinity", seen })
}

/// The least memory with which every shipped experiment runs, bytes.
const MEMORY_LEAST_BYTES: u64 = 6 << 30;

/// Returns how much memory a process may use: that of the machine, or less in a cgroup.
fn memory_findings(memory_bytes: u64) -> Option<Finding> {
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let cgroup_bytes = cgroup_memory_bytes().filter(|bytes| *bytes < memory_bytes);
    let usable_bytes = cgroup_bytes.unwrap_or(memory_bytes);
    let limited = cgroup_bytes.map_or(String::new(), |_| format!(" by a cgroup, of {}", gib(memory_bytes)));
    let little =
        if usable_bytes < MEMORY_LEAST_BYTES { "; large experiments may be killed: set memory_cap_mib" } else { "" };
    (memory_bytes > 0).then(|| Finding {
        bad: usable_bytes < MEMORY_LEAST_BYTES,
        what: "memory",
        seen: format!("{}{limited}{little}", gib(usable_bytes)),
    })
}

/// Returns how processor and kernel are set up, as far as it is known.
fn setup_findings(setup: &MachineSetup) -> Vec<Finding> {
    let on_or_off = |on: bool| if on { "on" } else { "off" };
    let smt = setup.smt.map(|on| match on {
        true => "on: two workers may share a core; pin = true does not keep them apart".to_owned(),
        false => on_or_off(on).to_owned(),
    });
    let turbo = setup.turbo.map(|on| match on {
        true => "on: the frequency depends on heat and on the other cores; off is steadiest".to_owned(),
        false => on_or_off(on).to_owned(),
    });
    let &MachineSetup { packages, cores, threads_per_core, l1d_bytes, l2_bytes, l3_bytes, numa_nodes, .. } = setup;
    let topology = MachineSetup { packages, cores, threads_per_core, ..MachineSetup::default() }.to_string();
    let caches = MachineSetup { l1d_bytes, l2_bytes, l3_bytes, numa_nodes, ..MachineSetup::default() }.to_string();
    let facts = [
        ("topology", Some(topology).filter(|known| !known.is_empty())),
        ("SMT", smt),
        ("turbo", turbo),
        ("ASLR", setup.aslr.map(|level| format!("{level} (0 is none; with 2, layouts differ from run to run)"))),
        ("huge pages", setup.huge_pages.as_deref().map(huge_pages_words)),
        ("caches", Some(caches).filter(|known| !known.is_empty())),
    ];
    let known = facts.into_iter().filter_map(|(what, seen)| Some((what, seen?)));
    known.map(|(what, seen)| Finding { bad: false, what, seen }).collect()
}

/// Returns what a setting of transparent huge pages means for the numbers.
fn huge_pages_words(setting: &str) -> String {
    match setting {
        "always" => "always: pages may be merged while a case runs; madvise or never is steadiest".to_owned(),
        setting => setting.to_owned(),
    }
}

fn commit_words(build: &Build) -> String {
    match (&build.commit, build.dirty) {
        (Some(commit), false) => commit.clone(),
        (Some(commit), true) => format!("{commit} with uncommitted changes: results are marked dirty"),
        (None, _) => "not built from a checkout".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_the_build_are_among_the_findings() {
        assert!(findings().len() > 4);
    }

    #[test]
    fn battery_and_swap_in_use_are_cautions_and_their_absence_is_none() {
        let quiet = Surroundings { on_battery: Some(false), swap_used_bytes: Some(0), ..Surroundings::default() };
        assert_eq!((cautions(&quiet), cautions(&Surroundings::default())), (vec![], vec![]));
        let found = cautions(&Surroundings { on_battery: Some(true), swap_used_bytes: Some(3 << 19), ..quiet });
        assert!(found.iter().all(|finding| finding.bad));
        assert_eq!(found.iter().map(|finding| finding.what).collect::<Vec<_>>(), ["battery", "swap in use"]);
        assert!(found[1].seen.starts_with("1.5 MiB"), "{}", found[1].seen);
    }

    #[test]
    fn an_affinity_says_how_many_processors_are_left_out() {
        let seen = |allowed, online| affinity(allowed, online).map(|finding| finding.seen);
        assert_eq!(seen("0-1", Some(&[0, 1])).as_deref(), Some("CPUs 0-1: all that are online"));
        assert_eq!(seen("0-1", None), seen("0-1", Some(&[0, 1])));
        let some = seen("0,4-5", Some(&[0, 1, 2, 3, 4, 5])).unwrap();
        assert!(some.starts_with("CPUs 0,4-5; 3 more are online"), "{some}");
        assert_eq!(seen("all of them", None), None);
    }

    #[test]
    fn memory_is_judged_by_what_may_be_used() {
        let [little, enough] = [4, 64].map(|gib: u64| memory_findings(gib << 30).unwrap());
        assert!(little.bad && little.seen.starts_with("4.0 GiB") && little.seen.contains("memory_cap_mib"));
        assert!(enough.what == "memory" && memory_findings(0).is_none());
    }

    #[test]
    fn a_fact_that_is_not_known_is_no_finding() {
        assert_eq!(setup_findings(&MachineSetup::default()), []);
        let setup = MachineSetup { aslr: Some(2), l2_bytes: Some(1 << 20), ..MachineSetup::default() };
        let seen: Vec<_> = setup_findings(&setup).into_iter().map(|one| (one.what, one.seen)).collect();
        assert_eq!((seen[0].0, seen[1].0, seen[1].1.as_str(), seen.len()), ("ASLR", "caches", "L2 1 MiB", 2));
    }
}

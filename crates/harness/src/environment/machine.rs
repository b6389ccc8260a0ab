//! The machine, and how its processor and kernel are set up.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZero;
use std::path::Path;

use flowbench_measurement::record::{Machine, MachineSetup};

use super::kernel_files::{field, kib, read};

/// The folder in which the kernel describes its processors.
pub(super) const CPUS: &str = "/sys/devices/system/cpu";

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
        allowed_cpus: field("/proc/self/status", "Cpus_allowed_list").filter(|list| listed(list).is_some()),
        memory_bytes,
        kernel,
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtualised,
        cgroup_cores: cgroup_cores(),
        cgroup_memory_bytes: cgroup_memory_bytes(),
        setup: setup(),
    }
}

/// Returns the memory that can be had without swapping, within the limit of the control group, bytes; `None` if it is not
/// known.
pub fn available_memory_bytes() -> Option<u64> {
    let number = |path: &str| read(path).and_then(|text| text.parse::<u64>().ok());
    let of_machine = field("/proc/meminfo", "MemAvailable").and_then(|text| kib(&text)).map(|kib| kib * 1024);
    let limit = number("/sys/fs/cgroup/memory.max");
    let of_group = limit.zip(number("/sys/fs/cgroup/memory.current")).map(|(limit, used)| limit.saturating_sub(used));
    of_machine.into_iter().chain(of_group).min()
}

/// Returns the space that is left for files in a folder, or in the nearest folder around it that exists, bytes; `None` if
/// it is not known.
pub fn available_disk_bytes(folder: &Path) -> Option<u64> {
    let absolute = std::path::absolute(folder).ok()?;
    let disk = absolute.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    // What the kernel shows as files, such as /proc, has no blocks at all.
    if disk.f_blocks == 0 { None } else { disk.f_bavail.checked_mul(disk.f_frsize) }
}

/// Returns the number of cores this process may use by its affinity and cgroup quota, at least 1.
pub fn usable_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Returns the names of this machine, of which no record has any.
pub fn host_names() -> Vec<String> {
    read("/proc/sys/kernel/hostname").into_iter().filter(|name| !name.is_empty()).collect()
}

/// Returns how processor and kernel are set up.
fn setup() -> MachineSetup {
    let caches = (0..).map_while(|index| cache(&format!("{CPUS}/cpu0/cache/index{index}")));
    let caches: Vec<(String, String, u64)> = caches.collect();
    let size = |level: &str, not: &str| {
        let found = caches.iter().find(|(of, kind, _)| of == level && kind != not);
        found.map(|(_, _, bytes)| *bytes)
    };
    let topology = topology();
    MachineSetup {
        packages: topology.map(|found| found.packages),
        cores: topology.map(|found| found.cores),
        threads_per_core: topology.map(|found| found.threads_per_core),
        smt: read(&format!("{CPUS}/smt/active")).and_then(|text| switch(&text)),
        turbo: turbo(),
        aslr: read("/proc/sys/kernel/randomize_va_space").and_then(|text| text.parse().ok()),
        huge_pages: read("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|text| chosen(&text)),
        l1d_bytes: size("1", "Instruction"),
        l2_bytes: size("2", "Instruction"),
        l3_bytes: size("3", "Instruction"),
        numa_nodes: read("/sys/devices/system/node/online").and_then(|text| Some(listed(&text)?.len())),
    }
}

fn turbo() -> Option<bool> {
    let boost = read(&format!("{CPUS}/cpufreq/boost")).and_then(|text| switch(&text));
    boost.or_else(|| read(&format!("{CPUS}/intel_pstate/no_turbo")).and_then(|text| switch(&text)).map(|off| !off))
}

/// Returns level, type and size in bytes of the cache that a folder describes.
fn cache(folder: &str) -> Option<(String, String, u64)> {
    let of = |name: &str| read(&format!("{folder}/{name}"));
    Some((of("level")?, of("type")?, size_bytes(&of("size")?)?))
}

/// Parses a size such as `48K`.
fn size_bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix('K') {
        Some(number) => (number, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |number| (number, 1 << 20)),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// Returns the word in brackets, as in `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// Returns the numbers of a list such as `0-3,8`.
pub(super) fn listed(text: &str) -> Option<Vec<usize>> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        (first <= last && last <= CPUS_MAX).then_some(first..=last)
    };
    Some(text.split(',').map(range).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The greatest number that a list of processors or nodes is believed.
const CPUS_MAX: usize = 1 << 16;

/// Returns the numbers of the logical processors that are online.
pub(super) fn online_cpus() -> Option<Vec<usize>> {
    listed(&read(&format!("{CPUS}/online"))?)
}

/// How the logical processors of a machine share cores and packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Topology {
    packages: usize,
    cores: usize,
    threads_per_core: usize,
}

fn topology() -> Option<Topology> {
    let of = |cpu: usize, name: &str| read(&format!("{CPUS}/cpu{cpu}/topology/{name}"));
    let place = |cpu| Some((of(cpu, "physical_package_id")?, of(cpu, "core_id")?));
    topology_of(&online_cpus()?.into_iter().map(place).collect::<Option<Vec<_>>>()?)
}

/// Returns the topology of logical processors, each given by its package and its core; `None` without any.
fn topology_of(places: &[(String, String)]) -> Option<Topology> {
    let cores: BTreeSet<&(String, String)> = places.iter().collect();
    let packages: BTreeSet<&String> = places.iter().map(|(package, _)| package).collect();
    let threads = |core: &&(String, String)| places.iter().filter(|place| place == core).count();
    Some(Topology { packages: packages.len(), cores: cores.len(), threads_per_core: cores.iter().map(threads).max()? })
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

/// Returns the memory that the cgroup allows this process, bytes; `None` without a limit.
pub(super) fn cgroup_memory_bytes() -> Option<u64> {
    read("/sys/fs/cgroup/memory.max")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_line_without_its_name() {
        let machine = machine();
        assert!(machine.usable_cores >= 1 && machine.line.contains("cores of"));
        let host = read("/proc/sys/kernel/hostname").unwrap_or_default();
        assert!(host.is_empty() || !machine.line.contains(&host));
    }

    #[test]
    fn the_allowed_processors_are_those_of_the_affinity_and_no_fewer_than_the_usable_cores() {
        let machine = machine();
        let allowed = listed(&machine.allowed_cpus.unwrap()).unwrap();
        assert!(allowed.len() >= machine.usable_cores && allowed.is_sorted(), "{allowed:?}");
    }

    #[test]
    fn processors_of_one_package_and_core_are_threads_of_that_core() {
        let places = |text: &[(&str, &str)]| {
            text.iter().map(|(package, core)| ((*package).to_owned(), (*core).to_owned())).collect::<Vec<_>>()
        };
        let two_packages = places(&[("0", "0"), ("0", "1"), ("1", "0"), ("1", "1"), ("0", "0"), ("1", "1")]);
        assert_eq!(topology_of(&two_packages), Some(Topology { packages: 2, cores: 4, threads_per_core: 2 }));
        assert_eq!(topology_of(&places(&[])), None);
    }

    #[test]
    fn what_the_kernel_writes_is_read_and_nothing_else_is() {
        assert_eq!([switch("0"), switch("1"), switch("notsupported")], [Some(false), Some(true), None]);
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
        let counts = ["0", "0-1", "0-3,8", "", "3-1", "0-99999999999"].map(|text| Some(listed(text)?.len()));
        assert_eq!(counts, [Some(1), Some(2), Some(5), None, None, None]);
        let sizes = ["48K", "2M", "512", "big"].map(size_bytes);
        assert_eq!(sizes, [Some(48 << 10), Some(2 << 20), Some(512), None]);
    }
}

//! Workers bound to cores of their own, where an experiment asks for it.
//!
//! Decision D-428.

use flowbench_measurement::doubts::NotPinned;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that the workers of this process are bound to, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cores {
    first_worker: usize,
    cores: Result<Vec<usize>, NotPinned>,
}

impl Cores {
    /// Chooses a core for each of the `workers` of this process, which are numbered from `first_worker` on. All
    /// processes on this machine have as many, and where there is not a core for every worker of theirs, none has one.
    pub(crate) fn choose(first_worker: usize, workers: usize, here: ProcessesHere) -> Cores {
        let usable = sched_getaffinity(None).map(|set| members(&set)).unwrap_or_default();
        Cores { first_worker, cores: own(&usable, workers, here) }
    }

    /// Binds this thread, which runs a worker, to the core of that worker. Returns the core.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or if the kernel refuses; the thread then runs wherever it did.
    pub(crate) fn bind(&self, worker: usize) -> Result<usize, NotPinned> {
        let cores = self.cores.as_ref().map_err(|why| *why)?;
        let core = *cores.get(worker.wrapping_sub(self.first_worker)).ok_or(NotPinned::TooFewCores)?;
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).map_err(|_| NotPinned::Refused)?;
        // What counts is where the kernel lets it run.
        let allowed = sched_getaffinity(None).map(|set| members(&set));
        if allowed.is_ok_and(|allowed| allowed == [core]) { Ok(core) } else { Err(NotPinned::Refused) }
    }
}

/// The processes of a case that run on one machine, as one of them sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessesHere {
    /// Number of those with a lower index.
    pub(crate) before: usize,
    /// Number of all.
    pub(crate) all: usize,
}

impl ProcessesHere {
    /// One process that runs a case by itself.
    pub(crate) const ALONE: ProcessesHere = ProcessesHere { before: 0, all: 1 };

    /// Returns the processes whose addresses, `host:port`, have the host of the one with index `process`.
    pub(crate) fn of(addresses: &[String], process: usize) -> ProcessesHere {
        let host = |address: &String| address.rsplit_once(':').map_or(address.clone(), |(host, _)| host.to_owned());
        let own = addresses.get(process).map(host);
        let here = |addresses: &[String]| addresses.iter().filter(|other| Some(host(other)) == own).count();
        ProcessesHere { before: here(&addresses[..process.min(addresses.len())]), all: here(addresses).max(1) }
    }
}

/// The cores that a thread may use, which it gets back when this is dropped: a strategy may run its only worker on the
/// thread that measures.
pub(crate) struct Affinity(Option<CpuSet>);

impl Affinity {
    /// Notes the cores that this thread may use.
    pub(crate) fn of_this_thread() -> Affinity {
        Affinity(sched_getaffinity(None).ok())
    }
}

impl Drop for Affinity {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = sched_setaffinity(None, before); // it was allowed before
        }
    }
}

/// Returns the share of a process in the usable cores.
fn own(usable: &[usize], workers: usize, here: ProcessesHere) -> Result<Vec<usize>, NotPinned> {
    if here.all.saturating_mul(workers) > usable.len() {
        return Err(NotPinned::TooFewCores);
    }
    Ok(usable.iter().skip(here.before * workers).take(workers).copied().collect())
}

fn members(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<usize> {
        sched_getaffinity(None).map(|set| members(&set)).unwrap()
    }

    #[test]
    fn processes_take_their_cores_side_by_side_and_none_shares_one() {
        let usable = [0, 2, 5, 7];
        let of = |workers, before, all| own(&usable, workers, ProcessesHere { before, all });
        assert_eq!([of(2, 0, 2), of(2, 1, 2)], [Ok(vec![0, 2]), Ok(vec![5, 7])]);
        assert_eq!(of(4, 0, 1), Ok(vec![0, 2, 5, 7]));
        // Not even the first has cores where the last would have none.
        assert_eq!([of(2, 0, 3), of(5, 0, 1)], [Err(NotPinned::TooFewCores), Err(NotPinned::TooFewCores)]);
        assert_eq!(of(usize::MAX, 1, 2), Err(NotPinned::TooFewCores));
    }

    #[test]
    fn processes_of_one_host_are_side_by_side_and_those_of_another_are_elsewhere() {
        let addresses = ["a:1", "b:1", "a:2", "b:2", "a:3"].map(str::to_owned);
        let of = |process| ProcessesHere::of(&addresses, process);
        assert_eq!([of(0).before, of(2).before, of(4).before, of(4).all], [0, 1, 2, 3]);
        assert_eq!([of(1).before, of(3).before, of(3).all], [0, 1, 2]);
        assert_eq!(ProcessesHere::of(&addresses[..1], 0), ProcessesHere::ALONE);
    }

    #[test]
    fn a_thread_is_bound_to_the_core_of_its_worker_and_free_again_afterwards() {
        let before = allowed();
        let last = before.len() - 1;
        let cores = Cores::choose(10, 1, ProcessesHere { before: last, all: last + 1 });
        {
            let _affinity = Affinity::of_this_thread();
            assert_eq!(cores.bind(10), Ok(before[last]));
            assert_eq!(allowed(), [before[last]]);
        }
        assert_eq!(allowed(), before);
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused_and_the_thread_stays_free() {
        let before = allowed();
        let cores = Cores { first_worker: 0, cores: Ok(vec![CpuSet::MAX_CPU - 1]) };
        assert_eq!(cores.bind(0), Err(NotPinned::Refused));
        assert_eq!(Cores::choose(0, before.len() + 1, ProcessesHere::ALONE).bind(0), Err(NotPinned::TooFewCores));
        assert_eq!(allowed(), before);
    }
}

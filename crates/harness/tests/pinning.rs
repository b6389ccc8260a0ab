//! Workers that are bound to cores: asked on their own threads, while they run.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::{Hook, Hooked, calm, prepared};
use flowbench_harness::measure::{Idle, Load, Measured, Setting, measure};
use flowbench_pipelines::{Driver, Feed, RunConfig, Strategy};
use rustix::thread::{CpuSet, sched_getaffinity};

type Seen = Arc<Mutex<Vec<(usize, Vec<usize>)>>>;

/// Asks the kernel in every round where the thread of a worker may run.
struct Asks {
    worker: usize,
    seen: Seen,
}

impl Hook for Asks {
    fn admissible(&mut self, driver: &mut dyn Driver) -> u64 {
        self.seen.lock().unwrap().push((self.worker, allowed()));
        driver.admissible()
    }
}

fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// Runs workers and returns where each of them might run in any of its rounds, and what was measured.
fn run(strategy: Strategy, workers: usize, pin: bool) -> (Vec<(usize, Vec<usize>)>, Measured) {
    let trace = calm(2_000);
    let (pipeline, seen) = (prepared("sessions", &trace), Seen::default());
    let in_hook = Arc::clone(&seen);
    let hook = move |worker| Asks { worker, seen: Arc::clone(&in_hook) };
    let hooked = Hooked { prepared: &*pipeline, hook };
    let feed = Arc::new(Feed::new(trace, 100, 0, true));
    let config = RunConfig { workers, ..RunConfig::plain(strategy) };
    let (idle, load) = (Idle::Spin, &Load::Closed);
    let setting = Setting { prepared: &hooked, config, feed: &feed, load, idle, pin, process_group: None };
    let measured = measure(&setting, false).unwrap().unwrap();
    let mut places = seen.lock().unwrap().clone();
    places.sort();
    places.dedup();
    (places, measured)
}

#[test]
fn each_worker_runs_on_a_core_of_its_own_and_the_record_has_its_number() {
    let usable = allowed();
    for (strategy, workers) in [(Strategy::SEQUENTIAL, 1), (Strategy::EXCHANGE, 1), (Strategy::EXCHANGE, usable.len())]
    {
        let (places, measured) = run(strategy, workers, true);
        let wanted: Vec<_> = (0..workers).map(|worker| (worker, vec![usable[worker]])).collect();
        assert_eq!(places, wanted);
        let recorded: Vec<_> = measured.sharing.workers.iter().map(|worker| worker.core).collect();
        assert_eq!(recorded, usable[..workers].iter().copied().map(Some).collect::<Vec<_>>());
        // The thread that measures goes where it may go, as before.
        assert_eq!(allowed(), usable);
    }
}

#[test]
fn workers_that_are_not_pinned_run_anywhere_and_so_do_too_many() {
    let usable = allowed();
    for (workers, pin) in [(1, false), (usable.len() + 1, true)] {
        let (places, measured) = run(Strategy::EXCHANGE, workers, pin);
        assert!(places.iter().all(|(_, cores)| *cores == usable), "{places:?}");
        assert!(measured.sharing.workers.iter().all(|worker| worker.core.is_none()));
    }
}

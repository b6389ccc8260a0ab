//! Stalls planted in three places, each of which must show up in its own part of the latency: in an operator, in
//! whoever drives a worker, and in the machine, which stops the whole process.
//!
//! Stalls on the CPU last for an amount of CPU time, so what else the machine does to the test is not taken for them.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use common::{Hook, Hooked, calm, prepared, run};
use flowbench_harness::measure::{Idle, Load, Measured};
use flowbench_measurement::latency::Window;
use flowbench_measurement::offered_load::Schedule;
use flowbench_measurement::record::LatencyComponents;
use flowbench_pipelines::{Driver, Feed, RunConfig, Strategy};
use rustix::time::{ClockId, clock_gettime};

const STALL_MS: u64 = 120;
const EVENTS: usize = 6_000;
const RATE_EVENTS_PER_S: f64 = 20_000.0;
/// After so many epochs.
const AT_EPOCH: u64 = 100;
const RECORDS_PER_EPOCH: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stall {
    Operator,
    Driver,
    Machine,
}

/// Stalls a worker once.
struct Stalling {
    admitted: u64,
    stall: Option<Stall>, // until it has struck
}

impl Stalling {
    fn strike(&mut self, here: fn(Stall) -> bool) {
        match self.stall.take_if(|stall| here(*stall)) {
            Some(Stall::Machine) => stop_this_process(),
            Some(Stall::Operator | Stall::Driver) => work_for_nothing(),
            None => {}
        }
    }
}

impl Hook for Stalling {
    /// A stall while the worker has nothing to do is the driver's.
    fn admissible(&mut self, driver: &mut dyn Driver) -> u64 {
        let admissible = driver.admissible();
        if admissible <= self.admitted && self.admitted >= AT_EPOCH {
            self.strike(|stall| stall != Stall::Operator);
        }
        admissible
    }

    /// The loop is at work from here on: a stall is that of what it does.
    fn on_admitted(&mut self, epochs: u64) {
        self.admitted = epochs;
        if epochs >= AT_EPOCH {
            self.strike(|stall| stall == Stall::Operator);
        }
    }
}

fn work_for_nothing() {
    let cpu = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let until = cpu() + Duration::from_millis(STALL_MS);
    while cpu() < until {
        std::hint::spin_loop();
    }
}

fn stop_this_process() {
    let script = format!("kill -STOP $PPID; sleep {}; kill -CONT $PPID", STALL_MS as f64 / 1e3);
    let stopped = Command::new("sh").args(["-c", &script]).status().unwrap();
    assert!(stopped.success());
}

/// A run whose first worker is stalled.
fn stalled(strategy: Strategy, workers: usize, stall: Stall) -> Measured {
    let trace = calm(EVENTS as u64);
    let prepared = prepared("sessions", &trace);
    let hook = move |worker| Stalling { admitted: 0, stall: (worker == 0).then_some(stall) };
    let feed = Arc::new(Feed::new(trace, RECORDS_PER_EPOCH, 0, true));
    let schedule = Schedule::constant(RATE_EVENTS_PER_S).unwrap();
    let load = Load::Open { schedule, stop_ns: 60_000_000_000 };
    let config = RunConfig { workers, ..RunConfig::plain(strategy) };
    run(&Hooked { prepared: &*prepared, hook }, config, &feed, &load, Idle::Spin)
}

/// Where the events spent their time, ns on average.
fn mean(run: &Measured) -> LatencyComponents {
    let latencies = run.completions.latencies(Window::EVERYTHING);
    assert!(latencies.latency.quantile_ns(1.0).unwrap() >= STALL_MS * 1_000_000);
    run.completions.attribution(Window::EVERYTHING, &latencies).mean.unwrap()
}

/// One after the other: a stopped process stops all its tests.
#[test]
fn a_stall_shows_up_in_the_part_of_the_latency_to_which_it_belongs() {
    // Whatever is due while it lasts waits for its end: half of it on average.
    let due = RATE_EVENTS_PER_S * STALL_MS as f64 / 1e3;
    let waited_ns = due * STALL_MS as f64 * 1e6 / 2.0 / EVENTS as f64;
    for strategy in Strategy::ALL {
        for workers in (1..=2).filter(|workers| strategy.allowed_workers(*workers).is_none()) {
            for stall in [Stall::Operator, Stall::Driver, Stall::Machine] {
                let parts = mean(&stalled(strategy, workers, stall));
                let LatencyComponents { driver_lag_ns, off_cpu_ns, queueing_ns, compute_ns } = parts;
                let what = format!("{} x{workers}, {stall:?}: {parts:?}", strategy.name());
                let mine_ns = match stall {
                    Stall::Operator => queueing_ns + compute_ns,
                    Stall::Driver => driver_lag_ns * workers as f64, // to the others, it is a worker that takes long
                    Stall::Machine => off_cpu_ns,
                };
                assert!(mine_ns >= 0.6 * waited_ns, "{what}");
                assert!(stall == Stall::Driver || driver_lag_ns <= 0.3 * waited_ns, "{what}");
            }
        }
    }
}

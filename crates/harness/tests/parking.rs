//! Workers that park while they have nothing to do. The only test of its process, whose CPU time is looked at.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;

use common::{calm, prepared, run};
use flowbench_harness::measure::{Idle, Load};
use flowbench_measurement::offered_load::Schedule;
use flowbench_pipelines::{Feed, RunConfig, Strategy};

#[test]
fn an_idle_worker_that_parks_leaves_the_cpu_and_gives_the_same_answers() {
    let trace = calm(300);
    let sessions = prepared("sessions", &trace);
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 1, 0, true));
    let load = Load::Open { schedule: Schedule::constant(1_000.0).unwrap(), stop_ns: 60_000_000_000 };
    for (strategy, workers) in [(Strategy::SEQUENTIAL, 1), (Strategy::EXCHANGE, 1), (Strategy::EXCHANGE, 2)] {
        let config = RunConfig { workers, ..RunConfig::plain(strategy) };
        let [spinning, parking] = [Idle::Spin, Idle::Park].map(|idle| run(&*sessions, config, &feed, &load, idle));
        let what = format!("{} x{workers}", strategy.name());
        assert_eq!(parking.end.answers.lines(&trace.symbols), spinning.end.answers.lines(&trace.symbols), "{what}");
        let elapsed_ns = parking.completions.elapsed_ns() as f64;
        let cpu_ns = parking.observations.cpu_ns as f64;
        assert!(cpu_ns < 0.5 * elapsed_ns * workers as f64, "{what}: {cpu_ns} of {elapsed_ns} ns");
    }
}

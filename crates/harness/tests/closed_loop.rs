//! What the latencies of a closed loop must look like, whatever the machine is like.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;

use common::{calm, prepared, run};
use flowbench_harness::measure::{Idle, Load, Measured};
use flowbench_measurement::latency::Window;
use flowbench_measurement::record::LatencyComponents;
use flowbench_pipelines::{Feed, RunConfig, Strategy};

fn mean_ns(run: &Measured) -> f64 {
    let latencies = run.completions.latencies(Window::EVERYTHING);
    let LatencyComponents { driver_lag_ns, off_cpu_ns, queueing_ns, compute_ns } =
        run.completions.attribution(Window::EVERYTHING, &latencies).mean.unwrap();
    driver_lag_ns + off_cpu_ns + queueing_ns + compute_ns
}

/// Little's law: the mean time an epoch is open times the epochs per second is how many are open on average. That is
/// one at least, or nearly, if its time is taken from before the work; and as many as may be at most.
#[test]
fn an_epoch_of_a_closed_loop_is_open_from_before_it_is_worked_on() {
    let (trace, records_per_epoch) = (calm(60_000), 250);
    let sessions = prepared("sessions", &trace);
    let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, 0, true));
    for strategy in Strategy::ALL {
        for workers in (1..=2).filter(|workers| strategy.allowed_workers(*workers).is_none()) {
            let config = RunConfig { workers, ..RunConfig::plain(strategy) };
            let run = run(&*sessions, config, &feed, &Load::Closed, Idle::Spin);
            let epochs = trace.events.len() / records_per_epoch;
            let open = mean_ns(&run) * epochs as f64 / run.completions.elapsed_ns() as f64;
            let may_be_open = 4.0 * workers as f64;
            // Each worker may read a step ahead of the epochs that all have completed.
            assert!((0.5..=may_be_open * 1.5).contains(&open), "{} x{workers}: {open} open", strategy.name());
        }
    }
}

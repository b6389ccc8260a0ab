//! Workers that park while they have nothing to do. The only test of its process, whose CPU time is looked at.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::sync::Arc;

use flowbench_events::Trace;
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_harness::drive::{Idle, Load, Measured, Setting, measure};
use flowbench_measurement::offered_load::Schedule;
use flowbench_pipelines::{Choice, Feed, Strategy, catalogue};

fn trace(events: u64) -> Arc<Trace> {
    let generator = Generator::new(&Profile::named("calm").unwrap(), 1).unwrap();
    let events = flowbench_harness::generate::trace(&generator, Amount::Events(events), 1).events;
    Arc::new(Trace { events, ..Trace::default() })
}

fn run(choice: Choice, trace: &Arc<Trace>, load: &Load, idle: Idle) -> Measured {
    let prepared = catalogue::find("sessions").unwrap().prepare(&[], &trace.symbols).unwrap();
    let feed = Arc::new(Feed::new(Arc::clone(trace), 1, 0, true));
    let setting = Setting { prepared: &*prepared, choice, feed: &feed, load, idle, company: None };
    measure(&setting, false).unwrap().unwrap()
}

#[test]
fn an_idle_worker_that_parks_leaves_the_cpu_and_gives_the_same_answers() {
    let trace = trace(300);
    let load = Load::Open { schedule: Schedule::constant(1_000.0).unwrap(), stop_ns: 60_000_000_000 };
    for (strategy, workers) in [(Strategy::Sequential, 1), (Strategy::Exchange, 1), (Strategy::Exchange, 2)] {
        let choice = Choice { workers, ..Choice::plain(strategy) };
        let [spinning, parking] = [Idle::Spin, Idle::Park].map(|idle| run(choice, &trace, &load, idle));
        let what = format!("{} x{workers}", strategy.name());
        assert_eq!(parking.end.answers.lines(&trace.symbols), spinning.end.answers.lines(&trace.symbols), "{what}");
        let elapsed_ns = parking.completions.elapsed_ns() as f64;
        let cpu_ns = parking.observations.cpu_ns as f64;
        assert!(cpu_ns < 0.5 * elapsed_ns * workers as f64, "{what}: {cpu_ns} of {elapsed_ns} ns");
    }
}

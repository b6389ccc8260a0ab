//! What measuring costs: the same run with everything the harness notes and watches, and with a driver that only says
//! what may be offered. In pairs, so that what the machine does meanwhile falls on both; the median of the ratios is
//! printed with its 95 % interval.
//!
//! Both are timed from when the last worker is ready until the last completion. The open loops are offered more than
//! can be done, so that they are as fast as they can be, too.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use flowbench_generators::{Amount, Generator, Profile};
use flowbench_harness::measure::{Idle, Load, Setting, measure};
use flowbench_measurement::offered_load::Schedule;
use flowbench_measurement::statistics::median_interval;
use flowbench_pipelines::{BoundPipeline, Driver, Feed, Registry, RunConfig, RunContext, StateCounts, Strategy};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Events of one run: 2 GiB.
const EVENTS: u64 = 40_000_000;
/// Pairs of runs, at least.
const PAIRS: usize = 25;
/// What the runs of one kind last in all, at least, unless they are [`PAIRS_MAX`].
const LENGTH_NS: u64 = 15_000_000_000;
/// Pairs of runs, at most.
const PAIRS_MAX: usize = 150;
/// More than any pipeline here can do.
const RATE_EVENTS_PER_S: f64 = 4e9;
/// As the harness has.
const EPOCHS_IN_FLIGHT: u64 = 4;

struct Shared {
    load: Load,
    workers: usize,
    waiting: AtomicUsize,
    begun: OnceLock<Instant>,
    weighed_ns: AtomicU64, // the longest of the workers: no part of the run
    elapsed_ns: AtomicU64,
}

/// Says what may be offered, and when the last epoch was completed.
struct Plain {
    shared: Arc<Shared>,
    is_ready: bool,
    weighing: Option<Instant>,
    completed: u64,
    epochs: u64,
    records_per_epoch: u64,
    events: u64,
}

impl Driver for Plain {
    fn admissible(&mut self) -> u64 {
        if !self.is_ready {
            self.is_ready = true;
            if self.shared.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _ = self.shared.begun.set(Instant::now());
            }
        }
        let Some(begun) = self.shared.begun.get() else { return 0 };
        match &self.shared.load {
            Load::Closed => self.completed + EPOCHS_IN_FLIGHT * self.shared.workers as u64,
            Load::Open { schedule, .. } => {
                let due = schedule.due_before(begun.elapsed().as_nanos() as u64 + 1).min(self.events);
                if due == self.events { u64::MAX } else { due / self.records_per_epoch }
            }
        }
    }

    fn on_admitted(&mut self, _epochs: u64) {}

    fn on_completed(&mut self, epochs: u64) {
        self.completed = epochs;
        if let Some(begun) = self.shared.begun.get().filter(|_| epochs >= self.epochs) {
            let elapsed_ns = begun.elapsed().as_nanos() as u64 - self.shared.weighed_ns.load(Ordering::Acquire);
            self.shared.elapsed_ns.fetch_max(elapsed_ns, Ordering::Relaxed);
        }
    }

    fn on_state(&mut self, _census: StateCounts) {}

    fn begin_weighing(&mut self) {
        self.weighing = Some(Instant::now());
    }

    fn end_weighing(&mut self) {
        let length_ns = self.weighing.take().map_or(0, |begun| begun.elapsed().as_nanos() as u64);
        self.shared.weighed_ns.fetch_max(length_ns, Ordering::AcqRel);
    }
}

fn off_ns(prepared: &dyn BoundPipeline, config: RunConfig, feed: &Arc<Feed>, load: &Load) -> u64 {
    let shared = Arc::new(Shared {
        load: load.clone(),
        workers: config.workers,
        waiting: AtomicUsize::new(config.workers),
        begun: OnceLock::new(),
        weighed_ns: AtomicU64::new(0),
        elapsed_ns: AtomicU64::new(0),
    });
    let (epochs, records_per_epoch) = (feed.epochs(), feed.records_per_epoch() as u64);
    let (events, of_run) = (feed.trace().events.len() as u64, Arc::clone(&shared));
    let driver = move |_| -> Box<dyn Driver> {
        let shared = Arc::clone(&of_run);
        Box::new(Plain { shared, is_ready: false, weighing: None, completed: 0, epochs, records_per_epoch, events })
    };
    prepared.run(&RunContext::new(config, feed, Arc::new(driver))).expect("the run ends well");
    shared.elapsed_ns.load(Ordering::Relaxed)
}

fn on_ns(prepared: &dyn BoundPipeline, config: RunConfig, feed: &Arc<Feed>, load: &Load) -> u64 {
    let setting = Setting { prepared, config, feed, load, idle: Idle::Spin, pin: false, process_group: None };
    let run = measure(&setting, false).expect("the run ends well").expect("there is one process");
    run.completions.elapsed_ns()
}

fn main() {
    let generator = Generator::new(&Profile::named("calm").expect("calm is shipped"), 42).expect("the world is valid");
    let trace = Arc::new(generator.trace(Amount::Events(EVENTS)));
    let open =
        || Load::Open { schedule: Schedule::constant(RATE_EVENTS_PER_S).expect("it is a rate"), stop_ns: u64::MAX };
    let arms = [
        ("closed", "repeat-high-value", 16_384, Load::Closed),
        ("closed", "sessions", 16_384, Load::Closed),
        ("open", "repeat-high-value", 256, open()),
        ("open", "sessions", 256, open()),
        ("open", "sessions", 1, open()),
    ];
    println!("load    pipeline            records/epoch  workers  run       measured takes longer by (95 % interval)");
    for (name, pipeline, records_per_epoch, load) in arms {
        let pipeline = Registry::default().find(pipeline).expect("the benches name pipelines that are there");
        let prepared = pipeline.prepare(&[], &trace.symbols).expect("the settings are good");
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, 0, true));
        for workers in [1, 2] {
            let config = RunConfig { workers, ..RunConfig::plain(Strategy::EXCHANGE) };
            let mut ratios = Vec::new();
            let (mut shortest_ns, mut lasted_ns) = (u64::MAX, 0);
            for pair in 0..=PAIRS_MAX {
                if pair > PAIRS && lasted_ns > LENGTH_NS {
                    break;
                }
                let off = || off_ns(&*prepared, config, &feed, &load) as f64;
                let on = || on_ns(&*prepared, config, &feed, &load) as f64;
                // Whoever is first may find a colder machine: in turn. The first pair touches memory and does not
                // count.
                let (off, on) = if pair % 2 == 0 {
                    let off = off();
                    (off, on())
                } else {
                    let on = on();
                    (off(), on)
                };
                if pair > 0 {
                    ratios.push(on / off - 1.0);
                    shortest_ns = shortest_ns.min(off as u64);
                    lasted_ns += off as u64;
                }
            }
            let interval = median_interval(&ratios).expect("there are enough pairs");
            println!(
                "{name:<7} {:<19} {records_per_epoch:>13} {workers:>8}  {:>5.2} s  {:>6.2} % ({:.2} to {:.2} %)",
                pipeline.name(),
                shortest_ns as f64 / 1e9,
                interval.estimate * 100.0,
                interval.low * 100.0,
                interval.high * 100.0
            );
        }
    }
}

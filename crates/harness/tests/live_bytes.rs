//! Live bytes against an independent count: an allocator that counts every request of the whole process.
//!
//! The two do not count the same. The harness adds up what each worker has been given, in the size classes of the
//! allocator, which may be a quarter larger than what was asked for; the count here is of what was asked for, by any
//! thread. Beyond that they may differ by [`SLACK_BYTES`].

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cap::Cap;
use common::{Hook, Hooked, prepared, run};
use flowbench_events::{Event, Id, Kind, Record, Trace, Value};
use flowbench_harness::measure::{Idle, Load, Measured};
use flowbench_pipelines::eviction::Never;
use flowbench_pipelines::{Driver, Feed, RunConfig, Strategy};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Cap<Jemalloc> = Cap::new(Jemalloc, usize::MAX);

/// Bytes that are not state: buffers of a worker, and what other threads of the process allocate and free.
const SLACK_BYTES: i64 = 96 << 10;
/// What the workers may give back of what they were built with before the run.
const GIVEN_BACK_BYTES: i64 = 64 << 10;
/// How much larger than a request its size class may be.
const ROUNDED_UP: f64 = 1.25;
/// What a run without any state may show: buffers in which messages travel.
const BUFFERS_BYTES: i64 = 256 << 10;

/// The bytes that the whole process has requested and not freed.
fn requested_bytes() -> i64 {
    ALLOCATOR.allocated() as i64
}

/// Counts the requests of the process from when the first worker begins, which is when all are ready, until all are done.
struct Counting {
    has_begun: bool,
    before: Arc<AtomicI64>,
    after: Arc<AtomicI64>,
}

impl Hook for Counting {
    fn admissible(&mut self, driver: &mut dyn Driver) -> u64 {
        if self.has_begun {
            return driver.admissible();
        }
        std::thread::sleep(Duration::from_millis(2)); // time for readers to see the last reading
        let requested = requested_bytes();
        let admissible = driver.admissible();
        self.has_begun = admissible > 0;
        if self.has_begun {
            // The first worker to begin may have been given memory before the others look.
            self.before.fetch_min(requested, Ordering::AcqRel);
        }
        admissible
    }

    fn on_drained(&mut self) {
        // The first worker may have freed what it held before the last one gets here.
        self.after.fetch_max(requested_bytes(), Ordering::AcqRel);
    }
}

/// An order of another customer every second.
fn orders(count: u64) -> Trace {
    let order = |id: u64| {
        let mut record = Record::new(id, Kind::OrderPlaced, id as i64 * 1_000);
        (record.customer, record.order) = (Id(id as u32), Id(id as u32));
        record.value = Some(Value(600_000));
        Event::pack(record)
    };
    Trace { events: (0..count).map(order).collect(), ..Trace::default() }
}

/// Runs a pipeline that forgets nothing and answers nothing; returns the run and the bytes the process requested during
/// it.
fn measured(pipeline: &str, config: RunConfig, orders: Trace, records_per_epoch: usize) -> (Measured, i64) {
    let trace = Arc::new(orders);
    let prepared = prepared(pipeline, &trace);
    let [before, after] = [i64::MAX, i64::MIN].map(|none| Arc::new(AtomicI64::new(none)));
    let of_run = [&before, &after].map(Arc::clone);
    let hook = move |_| {
        let [before, after] = of_run.clone();
        Counting { has_begun: false, before, after }
    };
    let feed = Arc::new(Feed::new(trace, records_per_epoch, 0, true));
    let measured = run(&Hooked { prepared: &*prepared, hook }, config, &feed, &Load::Closed, Idle::Spin);
    (measured, after.load(Ordering::Acquire) - before.load(Ordering::Acquire))
}

fn choices() -> [RunConfig; 2] {
    let never = |strategy| RunConfig { eviction: Never.into(), ..RunConfig::plain(strategy) };
    [never(Strategy::SEQUENTIAL), RunConfig { workers: 2, ..never(Strategy::EXCHANGE) }]
}

/// In one test, for the count is of the whole process.
#[test]
fn live_bytes_are_those_of_an_independent_count() {
    for config in choices() {
        for count in [1, 10, 100, 1_000, 5_000, 20_000, 60_000, 200_000, 600_000, 1_500_000] {
            let (run, requested) = measured("repeat-high-value", config, orders(count), 1_000);
            let readings = &run.observations.readings;
            let last = readings.last().unwrap();
            let live = last.live_bytes.unwrap();
            let what = format!("{} orders, {} workers: {live} live, {requested} requested", count, config.workers);
            println!("{what}");
            assert_eq!(last.entries, count, "{what}");
            assert!(live >= requested - SLACK_BYTES, "{what}");
            assert!(live as f64 <= requested as f64 * ROUNDED_UP + SLACK_BYTES as f64, "{what}");
            for reading in readings {
                let least = reading.least_bytes as i64 - GIVEN_BACK_BYTES;
                assert!(reading.live_bytes.unwrap() >= least, "{what}: {reading:?}");
            }
        }
        // No state, and more epochs than the harness once had room for.
        let (run, _) = measured("identity", config, orders(100_000), 1);
        let live: Vec<i64> = run.observations.readings.iter().map(|reading| reading.live_bytes.unwrap()).collect();
        assert!(live.iter().all(|bytes| bytes.abs() <= BUFFERS_BYTES), "{live:?}");
    }
}

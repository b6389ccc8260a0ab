//! What evictions lose that do not wait for the expiry of a state: exactly what a plain loop loses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flowbench_events::Trace;
use proptest::prelude::*;

use super::tests::{events, random_events};
use crate::driver::{Driver, Drivers, StateCounts, UnpacedDriver};
use crate::eviction::{Capacity, Frontier, Lazy, Loss, Sweep, Ttl, Wheel};
use crate::pipeline::BoundPipeline;
use crate::run::{RunConfig, RunContext, RunError};
use crate::{Eviction, Feed, OrderName, Registry, Strategy as Parallelism, catalogue};

/// The pipelines of one keyed stage, and of deliveries, with times of their own that matter within hours.
const OF_ONE_STAGE: [(&str, &[&str]); 7] = [
    ("deduplicate", &["horizon=20h"]),
    ("repeat-high-value", &["count=2"]),
    ("dispatch-overdue", &["limit=5h", "horizon=30h"]),
    ("sessions", &["on=any", "gap=5h"]),
    ("funnel", &["stages=page_viewed,order_placed,page_viewed", "within=30h"]),
    ("late-then-unhappy", &["rating=5", "limit=5h", "within=30h"]),
    ("lifetime-value", &[]),
];

/// Those that bring the events of a key one by one to its state.
const EVENT_BY_EVENT: [Parallelism; 7] = [
    Parallelism::SEQUENTIAL,
    Parallelism::EXCHANGE,
    Parallelism::CO_PARTITIONED,
    Parallelism::SINGLE_WRITER,
    Parallelism::BROADCAST,
    Parallelism::SHARED,
    Parallelism::STAGED,
];

fn prepared(name: &str, settings: &[&str], trace: &Trace) -> Box<dyn BoundPipeline> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    Registry::default().find(name).unwrap().prepare(&settings, &trace.symbols).unwrap()
}

/// The number of workers, or else the first one that the strategy can have.
fn allowed(strategy: Parallelism, workers: usize) -> usize {
    [workers, 1, 2].into_iter().find(|workers| strategy.allowed_workers(*workers).is_none()).unwrap()
}

/// Durations at which states of `random_events` are lost now and then: next to nothing, around whole hours, and days.
fn durations_ms() -> impl Strategy<Value = i64> {
    let around_hours = (0_i64..60, -2_i64..4).prop_map(|(hours, beside_ms)| (hours * 3_600_000 + beside_ms).max(1));
    prop_oneof![1 => 1_i64..10_000, 6 => around_hours, 1 => 1_i64..5 * 86_400_000]
}

/// The answers of a run that completes one epoch after the other.
fn answers_of(prepared: &dyn BoundPipeline, feed: &Arc<Feed>, config: RunConfig) -> Result<Vec<String>, RunError> {
    let context = RunContext::new(config, feed, UnpacedDriver::one_at_a_time());
    Ok(prepared.run(&context)?.answers.lines(&feed.trace().symbols))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ttl_loses_what_has_not_been_touched_for_that_long_and_nothing_else(
        events in random_events(), after_ms in durations_ms(), records_per_epoch in 1_usize..20,
        workers in prop::sample::select(vec![1_usize, 2, 4]),
    ) {
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, trace.slack_to_lose_nothing_ms(), true));
        for (name, settings) in OF_ONE_STAGE {
            let prepared = prepared(name, settings, &trace);
            let answers = prepared.oracle_with_loss(&trace.events, &Loss::Ttl { after_ms }).unwrap();
            let answers = answers.lines(&trace.symbols);
            for strategy in EVENT_BY_EVENT {
                let (workers, eviction) = (allowed(strategy, workers), Ttl { after_ms }.into());
                let config = RunConfig { workers, eviction, ..RunConfig::plain(strategy) };
                prop_assert_eq!(&answers_of(&*prepared, &feed, config).unwrap(), &answers, "{} {:?}", name, config);
            }
        }
    }

    #[test]
    fn capacity_loses_the_least_recently_used_states_and_nothing_else(
        events in random_events(), states in 1_usize..9, records_per_epoch in 1_usize..20,
    ) {
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, trace.slack_to_lose_nothing_ms(), true));
        let watermarks_ms = (1..=feed.epochs()).map(|epochs| feed.reached(epochs).watermark_ms).collect();
        let loss = Loss::Capacity { states, watermarks_ms };
        for (name, settings) in OF_ONE_STAGE {
            let prepared = prepared(name, settings, &trace);
            let answers = prepared.oracle_with_loss(&trace.events, &loss).unwrap().lines(&trace.symbols);
            let config = RunConfig { eviction: Capacity { states }.into(), ..RunConfig::plain(Parallelism::SEQUENTIAL) };
            prop_assert_eq!(&answers_of(&*prepared, &feed, config).unwrap(), &answers, "{} {:?}", name, config);
        }
    }
}

/// So the judges of the tests above have something to say: what is lost changes answers, and with a loss that comes too
/// late to matter they are those of the oracle.
#[test]
fn what_is_lost_is_missed_and_without_losses_nothing_is() {
    let trace = Arc::new(Trace { events: events(600), ..Trace::default() });
    let watermarks_ms = || vec![i64::MAX];
    for (name, settings) in OF_ONE_STAGE {
        let prepared = prepared(name, settings, &trace);
        let truth = prepared.oracle(&crate::oracle::delivered(&trace, None, prepared.counts(None)));
        let with_loss = |loss| prepared.oracle_with_loss(&trace.events, &loss).unwrap().lines(&trace.symbols);
        let truth = truth.lines(&trace.symbols);
        assert_eq!(with_loss(Loss::Ttl { after_ms: 1 << 40 }), truth, "{name}");
        assert_eq!(with_loss(Loss::Capacity { states: 1000, watermarks_ms: watermarks_ms() }), truth, "{name}");
        if name != "deduplicate" {
            assert_ne!(with_loss(Loss::Ttl { after_ms: 1 }), truth, "{name}");
            assert_ne!(with_loss(Loss::Capacity { states: 1, watermarks_ms: watermarks_ms() }), truth, "{name}");
        }
    }
}

/// A driver that knows the most that all workers have held together, by what each has last said.
struct HeldTogether {
    worker: usize,
    unpaced: Box<dyn Driver>,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    entries: BTreeMap<usize, usize>, // by worker
    peak: usize,
}

impl Driver for HeldTogether {
    fn admissible(&mut self) -> u64 {
        self.unpaced.admissible()
    }

    fn on_admitted(&mut self, epochs: u64) {
        self.unpaced.on_admitted(epochs);
    }

    fn on_completed(&mut self, epochs: u64) {
        self.unpaced.on_completed(epochs);
    }

    fn on_state(&mut self, state_counts: StateCounts) {
        let mut held = self.held.lock().unwrap();
        held.entries.insert(self.worker, state_counts.entries);
        held.peak = held.peak.max(held.entries.values().sum());
    }
}

/// The most that all workers have held together in a run.
fn held_at_most(prepared: &dyn BoundPipeline, feed: &Arc<Feed>, config: RunConfig) -> Result<usize, RunError> {
    let held = Arc::new(Mutex::new(Held::default()));
    let (unpaced, kept) = (UnpacedDriver::drivers(), Arc::clone(&held));
    let drivers: Drivers =
        Arc::new(move |worker| Box::new(HeldTogether { worker, unpaced: unpaced(worker), held: Arc::clone(&kept) }));
    prepared.run(&RunContext::new(config, feed, drivers))?;
    let peak = held.lock().unwrap().peak;
    Ok(peak)
}

#[test]
fn capacity_is_never_exceeded_by_all_workers_together() {
    let trace = Arc::new(Trace { events: events(600), ..Trace::default() });
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 16, trace.slack_to_lose_nothing_ms(), true));
    let mut filled = 0;
    for pipeline in catalogue::CATALOGUE.iter().filter(|pipeline| !pipeline.is_stateless()) {
        // Each stage has room of its own.
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        let stages = if ["load-time-conversion", "trending-products"].contains(&pipeline.name()) { 2 } else { 1 };
        for (strategy, order) in Parallelism::ALL.iter().flat_map(|one| OrderName::ALL.map(|order| (*one, order))) {
            for (workers, states) in [(1, 3), (2, 6), (4, 3)] {
                let eviction = Capacity { states }.into();
                let config = RunConfig { workers, eviction, order, ..RunConfig::plain(strategy) };
                let held = match held_at_most(&*prepared, &feed, config) {
                    Err(RunError::Unsupported { .. } | RunError::Workers { .. }) => continue,
                    held => held.unwrap(),
                };
                assert!(held <= stages * states, "{} {config:?}: {held}", pipeline.name());
                filled += usize::from(held >= states);
            }
        }
    }
    assert!(filled > 100, "only {filled} runs have filled their room");
}

/// A driver of one worker that notes what is held after each step, by the number of epochs until then. It offers so many
/// epochs at a time, and lets it ask so often before it does.
struct Noting {
    epochs_at_a_time: u64,
    patience: u64,
    asked: u64,
    admitted: u64,
    completed: u64,
    entries: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl Driver for Noting {
    fn admissible(&mut self) -> u64 {
        self.asked += 1;
        let is_time = self.asked.is_multiple_of(self.patience);
        self.completed + if is_time { self.epochs_at_a_time } else { 0 }
    }

    fn on_admitted(&mut self, epochs: u64) {
        self.admitted = epochs;
    }

    fn on_completed(&mut self, epochs: u64) {
        self.completed = epochs;
    }

    fn on_state(&mut self, state_counts: StateCounts) {
        self.entries.lock().unwrap().insert(self.admitted, state_counts.entries);
    }
}

/// What is held after each step of a run at this pace, by the number of epochs until then.
fn noted(
    prepared: &dyn BoundPipeline,
    feed: &Arc<Feed>,
    eviction: Eviction,
    (epochs_at_a_time, patience): (u64, u64),
) -> BTreeMap<u64, usize> {
    let entries = Arc::new(Mutex::new(BTreeMap::new()));
    let kept = Arc::clone(&entries);
    let drivers: Drivers = Arc::new(move |_| {
        let entries = Arc::clone(&kept);
        Box::new(Noting { epochs_at_a_time, patience, asked: 0, admitted: 0, completed: 0, entries })
    });
    let config = RunConfig { eviction, ..RunConfig::plain(Parallelism::SEQUENTIAL) };
    prepared.run(&RunContext::new(config, feed, drivers)).unwrap();
    std::mem::take(&mut *entries.lock().unwrap())
}

/// Retention is a matter of event time, not of the pace at which events are offered. Two things go by steps, too: a sweep
/// drops the states that have answered by the time it comes, and windows are used in the order in which their inputs come.
#[test]
fn what_is_held_after_an_epoch_does_not_depend_on_the_pace() {
    let trace = Arc::new(Trace { events: events(600), ..Trace::default() });
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 4, trace.slack_to_lose_nothing_ms(), true));
    let hour_ms = 3_600_000;
    let wheel = Wheel { tick_ms: hour_ms };
    let evictions: [Eviction; 6] = [
        Frontier.into(),
        Lazy.into(),
        wheel.into(),
        Ttl { after_ms: hour_ms }.into(),
        Sweep { period_ms: hour_ms }.into(),
        Capacity { states: 5 }.into(),
    ];
    for pipeline in catalogue::CATALOGUE.iter().filter(|pipeline| !pipeline.is_stateless()) {
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        for eviction in evictions {
            let slow = noted(&*prepared, &feed, eviction, (1, 1));
            assert_eq!(slow.len() as u64, feed.epochs());
            assert_eq!(slow, noted(&*prepared, &feed, eviction, (1, 3)), "{} {eviction}", pipeline.name());
            let has_one_stage = OF_ONE_STAGE.iter().any(|(name, _)| *name == pipeline.name());
            let by_steps = eviction.name() == "sweep" || (eviction.name() == "capacity" && !has_one_stage);
            for epochs_at_a_time in [2, 7].into_iter().filter(|_| !by_steps) {
                let fast = noted(&*prepared, &feed, eviction, (epochs_at_a_time, 1));
                assert!(fast.len() > 20 && fast.len() < slow.len());
                let differs = fast.iter().find(|(epochs, entries)| slow[epochs] != **entries);
                assert_eq!(differs, None, "{} {eviction}, {epochs_at_a_time} epochs at a time", pipeline.name());
            }
        }
    }
}

//! What is special about collections that change with event time. That the answers are right is shown with those of the
//! other strategies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowbench_events::{Event, Id, Kind, Record, Trace, Value};
use proptest::prelude::*;

use crate::driver::{Driver, Drivers, StateCounts, UnpacedDriver};
use crate::eviction::{Compaction, Frontier};
use crate::registry::Registry;
use crate::strategy::declaration::NO_HISTORY;
use crate::{Eviction, Feed, RunConfig, RunContext, RunError, Strategy as Parallelism, catalogue, oracle};

const HOUR_MS: i64 = 3_600_000;

/// Remembers the updates that were held on one worker.
struct Watched(Box<dyn Driver>, Arc<Held>);

/// The most updates that were held on one worker, and the last.
#[derive(Default)]
struct Held {
    most: AtomicUsize,
    last: AtomicUsize,
}

impl Driver for Watched {
    fn admissible(&mut self) -> u64 {
        self.0.admissible()
    }

    fn on_admitted(&mut self, epochs: u64) {
        self.0.on_admitted(epochs);
    }

    fn on_completed(&mut self, epochs: u64) {
        self.0.on_completed(epochs);
    }

    fn on_state(&mut self, state_counts: StateCounts) {
        self.1.most.fetch_max(state_counts.entries, Ordering::Relaxed);
        self.1.last.store(state_counts.entries, Ordering::Relaxed);
    }
}

/// Runs a pipeline as [`held_updates`] does, and tells the most updates it has held.
fn most_updates(pipeline: &str, settings: &[&str], events: Vec<Event>, slack_ms: i64) -> usize {
    held_updates(pipeline, settings, events, slack_ms, Frontier.into()).most.load(Ordering::Relaxed)
}

/// Runs a pipeline one epoch after the other, holds its answers against the oracle, and tells the updates it has held.
fn held_updates(pipeline: &str, settings: &[&str], events: Vec<Event>, slack_ms: i64, eviction: Eviction) -> Arc<Held> {
    let trace = Arc::new(Trace { events, ..Trace::default() });
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let prepared = Registry::default().find(pipeline).unwrap().prepare(&settings, &trace.symbols).unwrap();
    let (held, one_at_a_time) = (Arc::<Held>::default(), UnpacedDriver::one_at_a_time());
    let drivers: Drivers = {
        let held = Arc::clone(&held);
        Arc::new(move |worker| Box::new(Watched(one_at_a_time(worker), Arc::clone(&held))))
    };
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 13, slack_ms, true));
    let config = RunConfig { eviction, ..RunConfig::plain(Parallelism::DIFFERENTIAL) };
    let end = prepared.run(&RunContext::new(config, &feed, drivers)).unwrap();
    let truth = prepared.oracle(&oracle::delivered(&trace, Some(slack_ms.into()), None));
    assert_eq!(end.answers.lines(&trace.symbols), truth.lines(&trace.symbols), "{pipeline}");
    assert!(!truth.is_empty(), "{pipeline} had nothing to answer");
    held
}

/// A view, a download, an order and its dispatch every four hours, of customers and orders that come and go.
fn coming_and_going(count: u64) -> Vec<Event> {
    let kinds = [Kind::PageViewed, Kind::InfoDownloaded, Kind::OrderPlaced, Kind::OrderDispatched];
    let record = |at: u64| {
        let mut record = Record::new(at, kinds[at as usize % 4], at as i64 * HOUR_MS);
        (record.customer, record.order) = (Id(at as u32 / 8), Id(at as u32 / 4));
        (record.product, record.value, record.load_time_ms) = (Id(7), Some(Value(900_000)), Some(1000));
        record
    };
    (0..count).map(|at| Event::pack(record(at))).collect()
}

#[test]
fn what_has_expired_is_given_back() {
    for (pipeline, settings) in [
        ("dispatch-overdue", &["limit=2h", "horizon=1d"][..]),
        ("sessions", &["on=any", "gap=2h"]),
        ("funnel", &["within=1d"]),
        ("repeat-high-value", &["count=2"]),
        ("load-time-conversion", &["within=5h"]),
        ("trending-products", &[]),
        ("dispatched-today", &[]),
    ] {
        let most = most_updates(pipeline, settings, coming_and_going(3000), 0);
        assert!(most > 0 && most < 500, "{pipeline} has held {most} updates for 3000 events");
    }
}

#[test]
fn what_is_needed_forever_is_held() {
    let most = most_updates("lifetime-value", &[], coming_and_going(3000), 0);
    assert!(most >= 375, "the sums of 375 customers were held in {most} updates");
}

#[test]
fn epochs_are_completed_although_the_watermark_stands_still() {
    let mut events = coming_and_going(200);
    // The last one comes first: nothing is settled before the end.
    events.reverse();
    most_updates("funnel", &[], events.clone(), 200 * HOUR_MS);
    most_updates("sessions", &[], events, 200 * HOUR_MS);
}

/// Events on the hour, so that many meet the end of a life, or of each other's window, exactly.
fn on_the_hour() -> impl Strategy<Value = Vec<Event>> {
    let event = |(at, (hour, of, kind)): (usize, (i64, u32, usize))| {
        let mut record = Record::new(at as u64, Kind::ALL[kind], hour * HOUR_MS);
        (record.customer, record.order, record.product) = (Id(of), Id(of), Id(of));
        (record.value, record.load_time_ms, record.rating) = (Some(Value(900_000)), Some(1000), Some(1));
        Event::pack(record)
    };
    prop::collection::vec((0_i64..60, 0_u32..2, 0_usize..8), 0..100)
        .prop_map(move |rows| rows.into_iter().enumerate().map(event).collect())
}

/// Pipelines that forget, and one that does not.
const PIPELINES: [(&str, &[&str]); 8] = [
    ("dispatch-overdue", &["limit=2h", "horizon=1d"]),
    ("sessions", &["on=any", "gap=2h"]),
    ("funnel", &["within=1d"]),
    ("repeat-high-value", &["count=2"]),
    ("load-time-conversion", &["within=5h"]),
    ("trending-products", &[]),
    ("dispatched-today", &[]),
    ("lifetime-value", &[]),
];

fn compaction(lag_ms: i64) -> Eviction {
    Compaction { lag_ms }.into()
}

#[test]
fn history_is_held_for_the_lag_and_given_back_at_the_end() {
    const SPAN_DAYS: i64 = 125;
    for (pipeline, settings) in PIPELINES {
        let held = |eviction| {
            let held = held_updates(pipeline, settings, coming_and_going(SPAN_DAYS as u64 * 24), 0, eviction);
            (held.most.load(Ordering::Relaxed), held.last.load(Ordering::Relaxed))
        };
        let under_frontier = held(Frontier.into());
        assert_eq!(held(compaction(0)), under_frontier, "{pipeline}");
        let mut most_before = under_frontier.0;
        let mut left = Vec::new();
        for lag_days in [7, 30, 90, 1000] {
            let (most, last) = held(compaction(lag_days * 24 * HOUR_MS));
            assert!(
                most > most_before || (lag_days > SPAN_DAYS && most == most_before),
                "{pipeline}, {lag_days} d: {most} held, {most_before} with less of a lag"
            );
            most_before = most;
            left.push(last);
        }
        // Frontier also leaves what no merge has met.
        assert!(left.iter().all(|last| *last == left[0] && *last <= under_frontier.1), "{pipeline}: {left:?} left");
    }
}

#[test]
fn history_changes_no_answer() {
    let trace = Arc::new(Trace { events: coming_and_going(400), ..Trace::default() });
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, 24 * HOUR_MS, true));
    let mut served = 0;
    for pipeline in catalogue::CATALOGUE {
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        let truth = prepared.oracle(&oracle::delivered(&trace, Some((24 * HOUR_MS).into()), None));
        for (lag_ms, workers) in
            [0, 1, HOUR_MS, 10_000 * HOUR_MS, i64::MAX].into_iter().flat_map(|lag| [(lag, 1), (lag, 2)])
        {
            let differential = RunConfig::plain(Parallelism::DIFFERENTIAL);
            let config = RunConfig { workers, eviction: compaction(lag_ms), ..differential };
            if let Some(reason) = prepared.unsupported_reason(&config) {
                assert_eq!(prepared.unsupported_reason(&differential), Some(reason), "{}", pipeline.name());
                continue;
            }
            let end = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())).unwrap();
            assert_eq!(
                end.answers.lines(&trace.symbols),
                truth.lines(&trace.symbols),
                "{} {config:?}",
                pipeline.name()
            );
            served += 1;
        }
    }
    assert!(served >= 90, "{served} runs");
}

#[test]
fn only_arrangements_have_a_history() {
    let trace = Arc::new(Trace { events: coming_and_going(20), ..Trace::default() });
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, 0, true));
    for pipeline in ["identity", "sessions", "trending-products", "lifetime-value"] {
        let prepared = Registry::default().find(pipeline).unwrap().prepare(&[], &trace.symbols).unwrap();
        for strategy in Parallelism::ALL {
            let config = RunConfig { workers: strategy.readers(2).max(1), ..RunConfig::plain(strategy) };
            let lagging = RunConfig { eviction: compaction(HOUR_MS), ..config };
            let reason = prepared.unsupported_reason(&config);
            let due = reason.or((strategy != Parallelism::DIFFERENTIAL).then_some(NO_HISTORY));
            assert_eq!(prepared.unsupported_reason(&lagging), due, "{pipeline} {}", strategy.name());
            if let Some(due) = due {
                let end = prepared.run(&RunContext::new(lagging, &feed, UnpacedDriver::drivers()));
                assert!(matches!(end.err(), Some(RunError::Unsupported { reason, .. }) if reason == due));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Short lives and windows, which end again and again before the input does.
    #[test]
    fn what_is_forgotten_makes_no_difference(
        events in on_the_hour(), slack_h in 0_i64..60, records_per_epoch in 1_usize..20, workers in 1_usize..3,
        lag_h in prop::sample::select(vec![0_i64, 1, 7, 1000]),
    ) {
        let slack_ms = slack_h * HOUR_MS;
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
        let canonical = oracle::delivered(&trace, Some(slack_ms.into()), None);
        for (pipeline, settings) in [
            ("dispatch-overdue", &["limit=2h", "horizon=5h"][..]),
            ("dispatch-overdue", &["limit=3h", "horizon=3h"]),
            ("sessions", &["on=any", "gap=2h"]),
            ("funnel", &["within=4h"]),
            ("funnel", &["within=1h", "stages=page_viewed,page_viewed"]),
            ("late-then-unhappy", &["limit=1h", "within=4h"]),
            ("dispatch-overdue", &["limit=6h", "horizon=30h"]),
            ("sessions", &["on=any", "gap=9h"]),
            ("funnel", &["within=30h", "stages=page_viewed,order_placed,order_placed,review_posted"]),
            ("late-then-unhappy", &["limit=5h", "within=30h"]),
            ("repeat-high-value", &["window=3h", "count=2"]),
            ("load-time-conversion", &["within=2h"]),
            ("trending-products", &["size=3h", "slide=1h"]),
        ] {
            let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
            let prepared = Registry::default().find(pipeline).unwrap().prepare(&settings, &trace.symbols).unwrap();
            let eviction = compaction(lag_h * HOUR_MS);
            let config = RunConfig { workers, eviction, ..RunConfig::plain(Parallelism::DIFFERENTIAL) };
            let end = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())).unwrap();
            let truth = prepared.oracle(&canonical).lines(&trace.symbols);
            prop_assert_eq!(end.answers.lines(&trace.symbols), truth, "{} {:?}", pipeline, settings);
        }
    }
}

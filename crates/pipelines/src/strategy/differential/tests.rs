//! What is special about collections that change with event time. That the answers are right is shown with those of the
//! other strategies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowbench_events::{Event, Id, Kind, Record, Trace, Value};
use proptest::prelude::*;

use crate::driver::{Driver, Drivers, StateCounts, UnpacedDriver};
use crate::registry::Registry;
use crate::{Feed, RunConfig, RunContext, Strategy as Parallelism, oracle};

const HOUR_MS: i64 = 3_600_000;

/// Remembers the most updates that were held on one worker.
struct Watched(Box<dyn Driver>, Arc<AtomicUsize>);

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
        self.1.fetch_max(state_counts.entries, Ordering::Relaxed);
    }
}

/// Runs a pipeline one epoch after the other, holds its answers against the oracle, and tells the most updates it has held.
fn most_updates(pipeline: &str, settings: &[&str], events: Vec<Event>, slack_ms: i64) -> usize {
    let trace = Arc::new(Trace { events, ..Trace::default() });
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let prepared = Registry::default().find(pipeline).unwrap().prepare(&settings, &trace.symbols).unwrap();
    let (most, one_at_a_time) = (Arc::new(AtomicUsize::new(0)), UnpacedDriver::one_at_a_time());
    let drivers: Drivers = {
        let most = Arc::clone(&most);
        Arc::new(move |worker| Box::new(Watched(one_at_a_time(worker), Arc::clone(&most))))
    };
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 13, slack_ms, true));
    let config = RunConfig::plain(Parallelism::DIFFERENTIAL);
    let end = prepared.run(&RunContext::new(config, &feed, drivers)).unwrap();
    let truth = prepared.oracle(&oracle::delivered(&trace.events, Some(slack_ms.into()), None));
    assert_eq!(end.answers.lines(&trace.symbols), truth.lines(&trace.symbols), "{pipeline}");
    assert!(!truth.is_empty(), "{pipeline} had nothing to answer");
    most.load(Ordering::Relaxed)
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Short lives and windows, which end again and again before the input does.
    #[test]
    fn what_is_forgotten_makes_no_difference(
        events in on_the_hour(), slack_h in 0_i64..60, records_per_epoch in 1_usize..20, workers in 1_usize..3,
    ) {
        let slack_ms = slack_h * HOUR_MS;
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
        let canonical = oracle::delivered(&trace.events, Some(slack_ms.into()), None);
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
            let config = RunConfig { workers, ..RunConfig::plain(Parallelism::DIFFERENTIAL) };
            let end = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())).unwrap();
            let truth = prepared.oracle(&canonical).lines(&trace.symbols);
            prop_assert_eq!(end.answers.lines(&trace.symbols), truth, "{} {:?}", pipeline, settings);
        }
    }
}

//! A slow leak planted in what is forgotten is called growing; the same run without it is not.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;

use common::run;
use flowbench_events::{Event, Id, Kind, Record, Trace};
use flowbench_harness::measure::{Idle, Load};
use flowbench_measurement::memory;
use flowbench_measurement::offered_load::Schedule;
use flowbench_measurement::record::{TimelinePoint, Verdict};
use flowbench_pipelines::eviction::{Frontier, Wheel};
use flowbench_pipelines::{Eviction, Feed, Keyed, KeyedLogic, RunConfig, Strategy, answer};

const EVENTS: u64 = 400_000;
/// How long a state is needed: 5,000 are live at a time.
const NEEDED_MS: i64 = 5_000_000;

answer! {
    struct Nothing about (customer) {
        customer: Id = id,
    }
}

/// Remembers each customer for a while; of every hundredth one, the expiry is lost.
#[derive(Clone)]
struct Visits {
    leaks: bool,
}

impl KeyedLogic for Visits {
    type Key = Id;
    type State = i64; // the last visit, ms
    type Row = Nothing;

    fn key(&self, event: &Event) -> Option<Id> {
        event.customer()
    }

    fn lacks_key(&self, event: &Event) -> bool {
        event.customer().is_none()
    }

    fn apply(&self, _customer: Id, visited_ms: &mut i64, event: &Event, _out: &mut Vec<Nothing>) {
        *visited_ms = event.event_time_ms();
    }

    fn expires_at_ms(&self, customer: Id, visited_ms: &i64) -> i64 {
        if self.leaks && customer.0.is_multiple_of(100) { i64::MAX } else { visited_ms + NEEDED_MS }
    }
}

/// A visit of another customer every second.
fn visits() -> Arc<Trace> {
    let visit = |id: u64| {
        let record = Record::new(id, Kind::PageViewed, id as i64 * 1_000);
        Event::pack(Record { customer: Id(id as u32), ..record })
    };
    Arc::new(Trace { events: (0..EVENTS).map(visit).collect(), ..Trace::default() })
}

/// The verdict on a run of one second.
fn verdict(leaks: bool, eviction: Eviction) -> Verdict {
    let feed = Arc::new(Feed::new(visits(), 500, 0, true));
    let load = Load::Open { schedule: Schedule::constant(EVENTS as f64).unwrap(), stop_ns: u64::MAX };
    let config = RunConfig { eviction, ..RunConfig::plain(Strategy::EXCHANGE) };
    let run = run(&Keyed(Visits { leaks }), config, &feed, &load, Idle::Spin);
    let point = |reading: &flowbench_measurement::timeline::Reading| TimelinePoint {
        at_ns: reading.at_ns,
        admitted: reading.admitted,
        live_bytes: reading.live_bytes.or(Some(0)),
        entries: reading.entries,
        ..TimelinePoint::default()
    };
    let points: Vec<TimelinePoint> = run.observations.readings.iter().map(point).collect();
    memory::growth(&points).unwrap().verdict
}

#[test]
fn a_slow_leak_is_called_growing_and_its_absence_is_not() {
    for eviction in [Frontier.into(), Wheel { tick_ms: 60_000 }.into()] {
        assert_eq!(verdict(true, eviction), Verdict::Growing, "{eviction}");
        assert_ne!(verdict(false, eviction), Verdict::Growing, "{eviction}");
    }
}

//! Is `sequential` a competent single thread? Three questions beside a loop that somebody wrote for nothing but that
//! question on input in order: the same answers, each as soon as event time has passed, and nothing kept that is not
//! needed.
//!
//! Read ratios within one run. Before anything is timed, the answers of both are compared.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flowbench_events::{Event, Id, Kind, Value, Zone};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::{BoundPipeline, Feed, Registry, RunConfig, RunContext, Strategy, UnpacedDriver};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const EVENTS: u64 = 8_000_000;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
/// As the harness chooses in a closed loop.
const RECORDS_PER_EPOCH: usize = 16384;

/// What a loop by hand gives: how many answers, and a sum over them by which two loops can be compared.
type Tally = (usize, i64);
/// Pipeline, settings, and the loop.
type ByHand = (&'static str, &'static [&'static str], fn(&[Event]) -> Tally);

fn by_hand(criterion: &mut Criterion) {
    let profile = Profile::named("calm").expect("calm is shipped");
    let trace = Arc::new(Generator::new(&profile, 42).expect("calm is valid").trace(Amount::Events(EVENTS)));
    let feed = Arc::new(Feed::new(Arc::clone(&trace), RECORDS_PER_EPOCH, 0, true));
    let loops: [ByHand; 4] = [
        ("repeat-high-value", &[], |events| repeat_high_value(events, Value(500_000))),
        ("repeat-high-value-all", &["threshold=-1"], |events| repeat_high_value(events, Value(-1_000))),
        ("dispatched-today", &[], dispatched_today),
        ("sessions", &[], sessions),
    ];
    for (name, settings, by_hand) in loops {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let pipeline =
            Registry::default().find(name.trim_end_matches("-all")).expect("the benches name pipelines that are there");
        let prepared = pipeline.prepare(&settings, &trace.symbols).expect("the settings are good");
        assert_eq!(answers(&*prepared, &feed), by_hand(&trace.events).0, "answers of {name}");
        let mut group = criterion.benchmark_group(format!("by-hand-{name}"));
        group.throughput(Throughput::Elements(EVENTS)).sample_size(20).warm_up_time(WARM_UP).measurement_time(MEASURED);
        group.bench_function(BenchmarkId::from_parameter("loop"), |bencher| {
            bencher.iter(|| black_box(by_hand(black_box(&trace.events))));
        });
        group.bench_function(BenchmarkId::from_parameter("sequential"), |bencher| {
            bencher.iter(|| black_box(answers(&*prepared, &feed)));
        });
        group.finish();
    }
}

fn answers(prepared: &dyn BoundPipeline, feed: &Arc<Feed>) -> usize {
    let context = RunContext::new(RunConfig::plain(Strategy::SEQUENTIAL), feed, UnpacedDriver::drivers());
    prepared.run(&context).expect("sequential runs").answers.len()
}

/// A customer, the order, its rank, and when.
type Repeated = (i64, Id, Option<Id>, u32);

/// Every third high-value order of a customer within a day. The times of a customer's orders are kept for a day.
fn repeat_high_value(events: &[Event], threshold: Value) -> Tally {
    const WINDOW_MS: i64 = 24 * 3_600_000;
    let mut recent: HashMap<Id, VecDeque<i64>, RandomState> = HashMap::default();
    let mut by_time: VecDeque<(i64, Id)> = VecDeque::new();
    let mut answers: Vec<Repeated> = Vec::new();
    for event in events {
        if event.kind() != Kind::OrderPlaced || !event.value_above(threshold) {
            continue;
        }
        let Some(customer) = event.customer() else { continue };
        let now_ms = event.event_time_ms();
        while let Some((time_ms, customer)) = by_time.pop_front_if(|(time_ms, _)| *time_ms <= now_ms - WINDOW_MS) {
            let times = recent.get_mut(&customer);
            if times.is_some_and(|times| {
                while times.pop_front_if(|other| *other <= time_ms).is_some() {}
                times.is_empty()
            }) {
                recent.remove(&customer);
            }
        }
        let times = recent.entry(customer).or_default();
        times.push_back(now_ms);
        by_time.push_back((now_ms, customer));
        if times.len() >= 3 {
            answers.push((now_ms, customer, event.order(), times.len() as u32));
        }
    }
    (answers.len(), answers.iter().map(|(time_ms, ..)| time_ms).sum())
}

/// Count and total of each day of London.
fn dispatched_today(events: &[Event]) -> Tally {
    let zone = Zone::named("Europe/London").expect("a zone");
    let mut answers: Vec<(i32, u64, i128)> = Vec::new();
    let mut today = (i32::MIN, 0, 0);
    for event in events.iter().filter(|event| event.kind() == Kind::OrderDispatched) {
        let day = zone.day(event.event_time_ms());
        if day != today.0 {
            answers.extend((today.1 > 0).then_some(today));
            today = (day, 0, 0);
        }
        today.1 += 1;
        today.2 += i128::from(event.value().unwrap_or_default().0);
    }
    answers.extend((today.1 > 0).then_some(today));
    (answers.len(), answers.iter().map(|(_, orders, _)| *orders as i64).sum())
}

/// Sessions with a gap of half an hour. Each is answered when event time has passed its end by that.
fn sessions(events: &[Event]) -> Tally {
    const GAP_MS: i64 = 30 * 60_000;
    let mut open: HashMap<Id, (i64, i64, u32), RandomState> = HashMap::default();
    let mut by_last: VecDeque<(i64, Id)> = VecDeque::new();
    let mut answers: Vec<(Id, i64, i64, u32)> = Vec::new();
    for event in events.iter().filter(|event| event.kind() == Kind::PageViewed) {
        let Some(customer) = event.customer() else { continue };
        let now_ms = event.event_time_ms();
        while let Some((time_ms, customer)) = by_last.pop_front_if(|(time_ms, _)| *time_ms + GAP_MS < now_ms) {
            let Some((start_ms, last_ms, count)) = open.get(&customer).copied() else { continue };
            if last_ms == time_ms {
                open.remove(&customer);
                answers.push((customer, start_ms, last_ms, count));
            } else if last_ms > time_ms && last_ms + GAP_MS < now_ms {
                by_last.push_front((last_ms, customer));
            }
        }
        let session = open.entry(customer).or_insert_with(|| {
            by_last.push_back((now_ms, customer));
            (now_ms, now_ms, 0)
        });
        session.2 += 1;
        if session.1 != now_ms {
            session.1 = now_ms;
            by_last.push_back((now_ms, customer));
        }
    }
    answers.extend(open.into_iter().map(|(customer, (start_ms, last_ms, count))| (customer, start_ms, last_ms, count)));
    (answers.len(), answers.iter().map(|(_, start_ms, ..)| start_ms).sum())
}

criterion_group!(benches, by_hand);
criterion_main!(benches);

use std::sync::Arc;

use flowbench_events::{Event, Id, Kind, Record, Symbols, Trace, Value, rfc3339};
use proptest::prelude::*;

use super::Firsts;
use crate::catalogue::tests::parse;
use crate::driver::UnpacedDriver;
use crate::eviction::{Capacity, Frontier, Lazy, Loss, Never, Sweep, Ttl, Wheel};
use crate::pipeline::BoundPipeline;
use crate::plan::FilePipeline;
use crate::plan::tests::{answers, prepared};
use crate::run::{RunConfig, RunContext};
use crate::{Eviction, Feed, OrderName, Strategy as Parallelism, oracle};

const REVIEWS: &str = r#"
    [[stage]]
    key = ["order"]
    [[stage]]
    match = "2h"
    first = 'kind == "order_dispatched"'
    then = 'kind == "review_posted"'
    keep = ["dispatched = event_time", "worth = value", "by = customer"]
    [[stage]]
    filter = "rating <= 2"
    [[stage]]
    emit = ["order", "rating", "dispatched", "worth", "by", "since_first"]"#;

#[test]
fn a_later_event_is_joined_with_each_earlier_one_of_its_key_up_to_exactly_the_limit() {
    answers(
        REVIEWS,
        "
        order_dispatched 2026-01-01T00:00:00 o=1 c=7 v=5
        order_dispatched 2026-01-01T00:00:00.001 o=1
        review_posted    2026-01-01T01:00:00 o=2 r=1
        review_posted    2026-01-01T01:00:00 r=1
        review_posted    2026-01-01T01:00:00 o=1 r=3
        order_placed     2026-01-01T01:30:00 o=1 r=1
        review_posted    2026-01-01T02:00:00 o=1 r=2
        review_posted    2026-01-01T02:00:00.001 o=1 r=1
        review_posted    2026-01-01T02:00:00.002 o=1 r=1
        order_dispatched 2026-01-01T03:00:00 o=1 v=6",
        &[
            "2026-01-01T02:00:00.000Z,1,2,2026-01-01T00:00:00.000Z,5.000,7,2h",
            "2026-01-01T02:00:00.000Z,1,2,2026-01-01T00:00:00.001Z,,,1h59min59s999ms",
            "2026-01-01T02:00:00.001Z,1,1,2026-01-01T00:00:00.001Z,,,2h",
        ],
    );
}

#[test]
fn of_two_events_in_a_millisecond_the_second_finds_the_first_and_not_the_reverse() {
    answers(
        REVIEWS,
        "
        review_posted    2026-01-01T00:00:00 o=1 r=1 id=2
        order_dispatched 2026-01-01T00:00:00 o=1 id=1
        review_posted    2026-01-01T00:00:00 o=2 r=1 id=3
        order_dispatched 2026-01-01T00:00:00 o=2 id=4",
        &["2026-01-01T00:00:00.000Z,1,1,2026-01-01T00:00:00.000Z,,,0s"],
    );
}

#[test]
fn an_event_of_both_kinds_is_joined_with_those_before_it_and_never_with_itself() {
    let stages = r#"
        [[stage]]
        filter = 'kind == "order_placed"'
        [[stage]]
        key = ["customer"]
        [[stage]]
        match = "20min"
        first = "true"
        then = "value >= 0"
        keep = ["earlier = order"]
        [[stage]]
        emit = ["customer", "order", "earlier"]"#;
    answers(
        stages,
        "
        order_placed 2026-01-01T00:00:00 o=1 c=7 v=5
        order_placed 2026-01-01T00:00:00 o=2 c=7 v=5
        order_placed 2026-01-01T00:10:00 o=3 c=7 v=-1
        order_placed 2026-01-01T00:20:00 o=4 c=7 v=5
        order_placed 2026-01-01T00:21:00 o=5 c=8 v=5",
        &[
            "2026-01-01T00:00:00.000Z,7,2,1",
            "2026-01-01T00:20:00.000Z,7,4,1",
            "2026-01-01T00:20:00.000Z,7,4,2",
            "2026-01-01T00:20:00.000Z,7,4,3",
        ],
    );
}

#[test]
fn what_is_late_is_what_the_order_policy_makes_of_it() {
    let trace = Arc::new(parse(
        "
        order_dispatched 2026-01-01T00:10:00 o=1
        review_posted    2026-01-01T00:20:00 o=1 r=2
        order_dispatched 2026-01-01T00:05:00 o=1
        review_posted    2026-01-01T00:07:00 o=1 r=1
        review_posted    2026-01-01T00:30:00 o=1 r=2",
    ));
    let stages = REVIEWS.replace("\"dispatched\", \"worth\", \"by\", ", "");
    let bound = prepared(FilePipeline::parse("x.toml", &stages).unwrap(), &[], &trace);
    let given = |order: OrderName, slack_ms: i64| {
        let feed = Arc::new(Feed::new(Arc::clone(&trace), 1, slack_ms, order.drops_late()));
        let config = RunConfig { order, ..RunConfig::plain(Parallelism::SEQUENTIAL) };
        let end = bound.run(&RunContext::new(config, &feed, UnpacedDriver::one_at_a_time())).unwrap();
        let lines = end.answers.lines(&trace.symbols);
        lines.iter().map(|line| line.replace("2026-01-01T00:", "").replace(":00.000Z,1", "")).collect::<Vec<_>>()
    };
    let of_all = ["07,1,2min", "20,2,10min", "20,2,15min", "30,2,20min", "30,2,25min"];
    for order in OrderName::ALL.into_iter().filter(|order| order.drops_late()) {
        assert_eq!(given(order, 0), ["20,2,10min", "30,2,20min"], "{order:?}");
        assert_eq!(given(order, 15 * 60_000), of_all, "{order:?}");
    }
    // Too late for the review at 00:20, not for that of 00:07, which is older than the other dispatch.
    let arrival = OrderName::ALL.into_iter().find(|order| !order.drops_late()).unwrap();
    assert_eq!(given(arrival, 0), ["07,1,2min", "20,2,10min", "30,2,20min", "30,2,25min"]);
}

#[test]
fn what_is_remembered_is_in_order_and_no_older_than_the_limit_before_the_newest() {
    let mut firsts = Firsts::default();
    let mut remember = |time_ms: i64, word| {
        firsts.remember(time_ms, 10, 2, [word].into_iter());
        assert!(firsts.0.capacity() <= 2 * firsts.0.len() + 4, "{firsts:?} has room for {}", firsts.0.capacity());
        firsts.0.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(remember(20, 1), [20, 1]);
    assert_eq!(remember(30, 2), [20, 1, 30, 2]);
    assert_eq!(remember(20, 3), [20, 1, 20, 3, 30, 2]);
    assert_eq!(remember(19, 4), [20, 1, 20, 3, 30, 2], "too old");
    assert_eq!(remember(31, 5), [30, 2, 31, 5]);
    (32..40).for_each(|time_ms| {
        remember(time_ms, 6);
    });
    assert_eq!(remember(60, 7), [60, 7]);
    assert_eq!(remember(i64::MAX, 8), [i64::MAX, 8]);
    assert_eq!(Firsts::default().newest_ms(2), None);
}

const MINUTE_MS: i64 = 60_000;

/// Any event may be a first one, a later one, both or neither.
const NUMBERED: &str = r#"
    [parameters]
    within = { type = "duration", default = "1min", meaning = "how long after" }
    [[stage]]
    key = ["customer"]
    [[stage]]
    match = "{within}"
    first = "rating in [1, 3]"
    then = "rating in [2, 3]"
    keep = ["first_id = event_id", "worth = value"]
    [[stage]]
    filter = "!(worth > value)"
    [[stage]]
    emit = ["event_id", "first_id", "worth", "ms = since_first / duration('1ms')"]"#;

/// Events of three customers that tie in minutes, run backwards, and lack values and customers.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_i64..40, 0_u32..4, 0_u8..4, prop::option::of(0_i64..3), 0_usize..8);
    prop::collection::vec(event, 0..60).prop_map(|rows| {
        let pack = |(id, (minute, customer, rating, value, kind)): (u64, (i64, u32, u8, Option<i64>, usize))| {
            let mut record = Record::new(id * 7 % 61, Kind::ALL[kind], minute * MINUTE_MS);
            record.customer = if customer == 3 { Id::ABSENT } else { Id(customer) };
            record.rating = (rating > 0).then_some(rating);
            record.value = value.map(Value);
            Event::pack(record)
        };
        (1..).zip(rows).map(pack).collect()
    })
}

/// Every pair of events, looked at; with `once`, a first event whose later one has come before is in none.
fn pairs(canonical: &[Event], within_ms: i64, once: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, later) in canonical.iter().enumerate() {
        for (first_at, first) in canonical[..at].iter().enumerate() {
            let has_come = canonical[first_at + 1..at]
                .iter()
                .any(|between| between.customer() == first.customer() && matches!(between.rating(), Some(2 | 3)));
            if once && has_come {
                continue;
            }
            let since_ms = later.event_time_ms() - first.event_time_ms();
            let is_pair = first.customer().is_some()
                && first.customer() == later.customer()
                && matches!((first.rating(), later.rating()), (Some(1 | 3), Some(2 | 3)))
                && since_ms <= within_ms;
            let is_let_through = first.value().zip(later.value()).is_some_and(|(worth, value)| worth <= value);
            if is_pair && is_let_through {
                let worth = first.value().map_or(String::new(), |value| value.to_string());
                let [id, first_id] = [later, first].map(id_of);
                lines.push(format!("{},{id},{first_id},{worth},{since_ms}", rfc3339(later.event_time_ms())));
            }
        }
    }
    lines.sort_unstable();
    lines
}

fn id_of(event: &Event) -> String {
    let mut text = String::new();
    Symbols::default().push_event_id(event.event_id(), &mut text);
    text
}

fn bound(within_ms: i64, once: bool, trace: &Trace) -> Box<dyn BoundPipeline> {
    let file = NUMBERED.replace("keep =", &format!("once = {once}\n    keep ="));
    let file = FilePipeline::parse("numbered.toml", &file).unwrap();
    prepared(file, &[&format!("within={within_ms}ms")], trace)
}

fn lines_of(bound: &dyn BoundPipeline, config: RunConfig, feed: &Arc<Feed>) -> Vec<String> {
    let end = bound.run(&RunContext::new(config, feed, UnpacedDriver::one_at_a_time()));
    end.unwrap_or_else(|error| panic!("{config:?}: {error}")).answers.lines(&feed.trace().symbols)
}

fn exact_evictions() -> Vec<Eviction> {
    vec![
        Never.into(),
        Frontier.into(),
        Lazy.into(),
        Sweep { period_ms: MINUTE_MS }.into(),
        Wheel { tick_ms: MINUTE_MS }.into(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_run_finds_the_pairs_that_a_look_at_all_pairs_finds(
        events in events(), within_minutes in 0_i64..50, records_per_epoch in 1_usize..12, workers in 1_usize..4,
        once in any::<bool>(), order in prop::sample::select(OrderName::ALL.into_iter().filter(|order| order.drops_late()).collect::<Vec<_>>()),
        eviction in prop::sample::select(exact_evictions()),
    ) {
        let within_ms = (within_minutes * MINUTE_MS).max(1);
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let canonical = oracle::delivered(&trace, None, None);
        let expected = pairs(&canonical, within_ms, once);
        let bound = bound(within_ms, once, &trace);
        prop_assert_eq!(&bound.oracle(&canonical).lines(&trace.symbols), &expected);
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, trace.slack_to_lose_nothing_ms(), true));
        for (strategy, workers) in [(Parallelism::SEQUENTIAL, 1), (Parallelism::EXCHANGE, workers)] {
            let config = RunConfig { workers, order, eviction, ..RunConfig::plain(strategy) };
            prop_assert_eq!(&lines_of(&*bound, config, &feed), &expected, "{:?}", config);
        }
    }

    #[test]
    fn states_that_are_lost_are_missed_and_nothing_else_is(
        events in events(), within_minutes in 1_i64..50, after_ms in 1_i64..20 * MINUTE_MS, states in 1_usize..3,
        records_per_epoch in 1_usize..12,
    ) {
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let bound = bound(within_minutes * MINUTE_MS, states == 1, &trace);
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, trace.slack_to_lose_nothing_ms(), true));
        let watermarks_ms = (1..=feed.epochs()).map(|epochs| feed.reached(epochs).watermark_ms).collect();
        for (eviction, loss) in [
            (Eviction::from(Ttl { after_ms }), Loss::Ttl { after_ms }),
            (Capacity { states }.into(), Loss::Capacity { states, watermarks_ms }),
        ] {
            let expected = bound.oracle_with_loss(&trace.events, &loss).unwrap().lines(&trace.symbols);
            let config = RunConfig { eviction, ..RunConfig::plain(Parallelism::SEQUENTIAL) };
            prop_assert_eq!(&lines_of(&*bound, config, &feed), &expected, "{:?}", config);
        }
    }
}

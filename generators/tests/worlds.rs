//! What worlds promise exactly: the same events everywhere, in the right order, of which effects follow causes.
//!
//! The oracle for order is the plain one: all deliveries of enough waves, sorted.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::collections::{HashMap, HashSet};

use flowbench_events::{Channel, Event, EventId, Kind, Trace};
use flowbench_generators::{
    ALGORITHM_VERSION, Amount, Facts, Generator, Profile, WORLD_LENGTH_MS, WORLD_START_MS, Wave,
};

fn profile(name: &str, settings: &[(&str, &str)]) -> Profile {
    let mut profile = Profile::named(name).unwrap();
    for (key, value) in settings {
        profile.set(key, value).unwrap();
    }
    profile
}

fn world(name: &str, settings: &[(&str, &str)]) -> Generator {
    Generator::new(&profile(name, settings), 42).unwrap()
}

fn digest(generator: &Generator, events: Vec<Event>) -> String {
    Trace { events, symbols: generator.symbols().clone(), ..Trace::default() }.digest()
}

/// Everything that arrives before `end_ms`, by brute force.
fn sorted_waves(generator: &Generator, end_ms: i64) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for number in 0.. {
        let Some(wave) = generator.wave(number) else { break };
        events.extend(wave.events.iter().filter(|event| event.arrival_time_ms() < end_ms));
        if wave.complete_before_ms >= end_ms {
            break;
        }
    }
    events.sort_by_key(|event| (event.arrival_time_ms(), event.event_id()));
    events
}

/// Over the beginning of the trace, and a wave with the whole lives of its walks. A digest here changes only with a
/// deliberate change of what worlds are; results of before are then not comparable, and `ALGORITHM_VERSION` goes up.
#[test]
fn the_digest_of_every_profile_is_fixed_for_each_version_of_the_algorithm() {
    let (version, golden) = GOLDEN;
    assert_eq!(version, ALGORITHM_VERSION);
    for (name, expected) in golden {
        let generator = world(name, &[]);
        let mut events = generator.trace(Amount::Events(20_000)).events;
        events.extend(generator.wave(5).unwrap().events);
        assert_eq!(digest(&generator, events), expected, "{name}");
    }
    assert_eq!(golden.map(|(name, _)| name), Profile::NAMES);
}

const GOLDEN: (u32, [(&str, &str); 5]) = (
    1,
    [
        ("tiny", "e7adfebec559ba412d90413b8085c4eae4df5a919eccdc831c70d8ea90d51bd5"),
        ("retail", "df4aed0a2cf68e49479c6c36245b0aced9bbe1f0d5e5f5605566cbc58bc9f6d6"),
        ("calm", "c284f8f3fb59880e9676ee9a84cf06a2173bd7efa6588fa4c08ee95b0b7d7c2e"),
        ("stormy", "2dc58bd6d9e1c5624bda014d02a00f903c3af72c51ce53fc8268af6c3823650d"),
        ("flash-sale", "f6be3c75da6eea14fc9abcf02b8d808cf14d816181bfbf35e87233d314f891ce"),
    ],
);

#[test]
fn another_seed_is_another_world() {
    let profile = profile("tiny", &[]);
    let digest = |seed| Generator::new(&profile, seed).unwrap().trace(Amount::Events(1000)).digest();
    assert_ne!(digest(1), digest(2));
    assert_eq!(digest(1), digest(1));
}

fn one_two_and_four_threads_make_the_same_trace(name: &str) {
    let generator = world(name, &[]);
    let alone = generator.trace(Amount::Events(60_000)).digest();
    for threads in [1, 2, 4] {
        let mut merger = generator.merger(Amount::Events(60_000));
        let mut events = Vec::new();
        let mut next = 0;
        while !merger.is_finished() {
            let waves: Vec<Wave> = std::thread::scope(|scope| {
                let workers: Vec<_> = (next..next + threads)
                    .map(|number| {
                        scope.spawn({
                            let generator = &generator;
                            move || generator.wave(number).unwrap()
                        })
                    })
                    .collect();
                workers.into_iter().map(|worker| worker.join().unwrap()).collect()
            });
            next += threads;
            for wave in waves {
                merger.push(&wave);
                while merger.append_batch(&mut events) {}
            }
        }
        assert_eq!(digest(&generator, events), alone, "{threads} threads");
    }
}

#[test]
fn one_two_and_four_threads_make_the_same_retail() {
    one_two_and_four_threads_make_the_same_trace("retail");
}

#[test]
fn one_two_and_four_threads_make_the_same_storm() {
    one_two_and_four_threads_make_the_same_trace("stormy");
}

#[test]
fn a_wave_does_not_depend_on_the_waves_before_it() {
    let (one, other) = (world("retail", &[]), world("retail", &[]));
    let ahead = one.wave(7).unwrap();
    for number in 0..7 {
        other.wave(number).unwrap();
    }
    assert_eq!(ahead.events, other.wave(7).unwrap().events);
    assert_ne!(ahead.events, other.wave(8).unwrap().events);
}

fn the_stream_is_the_sorted_waves(name: &str, settings: &[(&str, &str)], days: u64) {
    let generator = world(name, settings);
    let expected = sorted_waves(&generator, WORLD_START_MS + days as i64 * 86_400_000);
    let streamed: Vec<Event> = generator.stream(Amount::Days(days)).flatten().collect();
    assert!(streamed == expected, "{} streamed, {} expected", streamed.len(), expected.len());
    for count in [0, 1, 999, expected.len() as u64 / 2] {
        let trace = generator.trace(Amount::Events(count));
        assert!(trace.events == expected[..count as usize], "the first {count}");
    }
}

#[test]
fn the_stream_of_tiny_is_its_waves_in_arrival_order() {
    the_stream_is_the_sorted_waves("tiny", &[], 30);
}

#[test]
fn the_stream_of_retail_is_its_waves_in_arrival_order() {
    the_stream_is_the_sorted_waves("retail", &[], 1);
}

#[test]
fn the_stream_of_a_storm_is_its_waves_in_arrival_order() {
    the_stream_is_the_sorted_waves("stormy", &[], 1);
}

#[test]
fn the_stream_of_a_flash_sale_is_its_waves_in_arrival_order() {
    the_stream_is_the_sorted_waves("flash-sale", &[("campaigns.every", "1d")], 1);
}

#[test]
fn arrivals_that_tie_are_in_the_order_of_their_ids() {
    // Everything from the warehouse arrives at multiples of a day.
    let ties = [("transport.warehouse.batch_every", "1d"), ("transport.warehouse.upload_mean", "0")];
    the_stream_is_the_sorted_waves("tiny", &ties, 20);
}

#[test]
fn calm_is_in_order_with_every_arrival_at_its_event_time() {
    let trace = world("calm", &[]).trace(Amount::Events(100_000));
    assert!(trace.events.iter().all(|event| event.arrival_time_ms() == event.event_time_ms()));
    let facts = Facts::of(&trace, 0);
    assert_eq!((facts.out_of_order, facts.late, facts.duplicates), (0, 0, Some(0)));
}

#[test]
fn effects_follow_causes_within_every_walk() {
    let generator = world("tiny", &[]);
    let mut orders: HashMap<u32, Vec<Event>> = HashMap::new();
    for event in (0..4).flat_map(|number| generator.wave(number).unwrap().events) {
        assert!(event.arrival_time_ms() >= event.event_time_ms() && event.event_time_ms() >= WORLD_START_MS);
        if let Some(order) = event.order() {
            orders.entry(order.0).or_default().push(event);
        }
    }
    assert!(orders.len() > 500);
    for mut steps in orders.into_values() {
        steps.sort_by_key(Event::event_id);
        steps.dedup_by_key(|event| event.event_id());
        let path: Vec<Kind> = steps.iter().map(Event::kind).collect();
        use Kind::{OrderCancelled, OrderDelivered, OrderDispatched, OrderPacked, OrderPlaced, ReviewPosted};
        let paths: [&[Kind]; 4] = [
            &[OrderPlaced, OrderCancelled],
            &[OrderPlaced, OrderPacked, OrderCancelled],
            &[OrderPlaced, OrderPacked, OrderDispatched, OrderDelivered],
            &[OrderPlaced, OrderPacked, OrderDispatched, OrderDelivered, ReviewPosted],
        ];
        assert!(paths.contains(&path.as_slice()), "{path:?}");
        assert!(steps.is_sorted_by(|one, next| one.event_time_ms() < next.event_time_ms()));
        assert!(
            steps.iter().all(|step| step.customer() == steps[0].customer() && step.country() == steps[0].country())
        );
    }
}

#[test]
fn fields_that_do_not_apply_are_absent() {
    let generator = world("tiny", &[]);
    let events = generator.trace(Amount::Events(20_000)).events;
    assert_eq!(events.len(), 20_000);
    for event in events {
        let kind = event.kind();
        let of_order = !matches!(kind, Kind::PageViewed | Kind::InfoDownloaded);
        assert_eq!(event.load_time_ms().is_some(), kind == Kind::PageViewed);
        assert_eq!(event.rating().is_some(), kind == Kind::ReviewPosted);
        assert_eq!(event.order().is_some(), of_order);
        assert_eq!(event.value().is_some(), of_order && kind != Kind::ReviewPosted);
        let by_warehouse = matches!(kind, Kind::OrderPacked | Kind::OrderDispatched | Kind::OrderDelivered);
        assert_eq!(event.channel() == Some(Channel::Warehouse), by_warehouse);
        assert!(event.customer().is_some() && event.product().is_some() && event.country() > 0);
    }
}

#[test]
fn transport_changes_when_events_arrive_and_nothing_else() {
    let settings = [
        ("transport.mobile.offline_share", "0.5"),
        ("transport.duplicates.share", "0.3"),
        ("transport.outage.length", "5h"),
        ("transport.web.delay_mean", "1h"),
        ("transport.web.offline_share", "0.1"),
        ("transport.warehouse.offline_share", "0.1"),
        ("transport.disorder.share", "0.2"),
    ];
    let (one, other) = (world("retail", &[]), world("retail", &settings));
    let happened = |generator: &Generator| {
        let mut events: Vec<Event> = generator.wave(3).unwrap().events;
        events.iter_mut().for_each(|event| *event = event.arriving_at(0));
        events.sort_by_key(Event::event_id);
        events.dedup();
        events
    };
    let (one, other) = (happened(&one), happened(&other));
    assert_eq!(one, other);
    let ids: HashSet<EventId> = one.iter().map(Event::event_id).collect();
    assert_eq!(ids.len(), one.len(), "an event id is used once");
}

#[test]
fn an_idle_source_leaves_its_events_out_and_changes_nothing_else() {
    for (channel, name) in [(Channel::Web, "web"), (Channel::Mobile, "mobile"), (Channel::Warehouse, "warehouse")] {
        let settings =
            [("transport.idle.channel", name), ("transport.idle.start", "1d"), ("transport.idle.length", "6h")];
        let deliveries = |settings: &[(&str, &str)]| -> Vec<Event> {
            let held_back = [("transport.disorder.share", "0.3")];
            let generator = world("tiny", &[&held_back, settings].concat());
            (0..8).flat_map(|number| generator.wave(number).unwrap().events).collect()
        };
        let (mut all, idle) = (deliveries(&[]), deliveries(&settings));
        let silent_ms = WORLD_START_MS + 86_400_000..WORLD_START_MS + 30 * 3_600_000;
        all.retain(|event| event.channel() != Some(channel) || !silent_ms.contains(&event.event_time_ms()));
        assert!(idle == all, "{name}: {} came, {} should", idle.len(), all.len());
        let sent_before = |event: &&Event| event.channel() == Some(channel) && event.event_time_ms() < silent_ms.start;
        let still_on_the_way = |event: &Event| silent_ms.contains(&event.arrival_time_ms());
        assert!(idle.iter().filter(sent_before).any(still_on_the_way), "{name}: what was sent before still arrives");
    }
}

#[test]
fn a_source_that_is_idle_is_as_silent_at_both_edges_as_it_says() {
    let times = |settings: &[(&str, &str)]| -> Vec<i64> {
        let generator = world("calm", settings);
        let events = (0..60).flat_map(|number| generator.wave(number).unwrap().events);
        events.filter(|event| event.channel() == Some(Channel::Web)).map(|event| event.event_time_ms()).collect()
    };
    let mut all = times(&[]);
    all.sort_unstable();
    let (first_ms, end_ms) = (all[5000], all[9000]); // idle from one event to just before another
    assert!(all[4999] < first_ms && all[9000] > all[8999]);
    let start = format!("{}ms", first_ms - WORLD_START_MS);
    let length = format!("{}ms", end_ms - first_ms);
    let settings = [
        ("transport.idle.channel", "web"),
        ("transport.idle.start", start.as_str()),
        ("transport.idle.length", &length),
    ];
    let mut left = times(&settings);
    left.sort_unstable();
    assert_eq!(left, [&all[..5000], &all[9000..]].concat());
}

#[test]
fn a_duplicate_is_the_same_event_arriving_later() {
    let generator = world("stormy", &[("transport.duplicates.share", "0.2")]);
    let mut first: HashMap<EventId, Event> = HashMap::new();
    let mut duplicates = 0;
    for event in generator.trace(Amount::Events(30_000)).events {
        if let Some(earlier) = first.insert(event.event_id(), event) {
            duplicates += 1;
            assert!(event.arrival_time_ms() > earlier.arrival_time_ms());
            assert_eq!(event.arriving_at(0), earlier.arriving_at(0));
        }
    }
    assert!(duplicates > 1000);
}

#[test]
fn amounts_of_nothing_and_of_one() {
    let generator = world("tiny", &[]);
    for nothing in [Amount::Events(0), Amount::Days(0)] {
        assert!(generator.trace(nothing).events.is_empty());
        assert_eq!(generator.stream(nothing).next(), None);
    }
    assert_eq!(generator.trace(Amount::Events(1)).events.len(), 1);
}

#[test]
fn a_world_with_only_new_customers_sees_none_twice() {
    let generator = world("tiny", &[("customers.new_customer_share", "1"), ("customers.whale_share", "0")]);
    let mut walks_of: HashMap<u32, HashSet<u64>> = HashMap::new();
    for event in generator.wave(0).unwrap().events {
        walks_of.entry(event.customer().unwrap().0).or_default().insert(event.event_id().word() >> 8);
    }
    assert_eq!(walks_of.len(), 1024);
    assert!(walks_of.values().all(|walks| walks.len() == 1));
}

#[test]
fn the_world_ends_after_ten_years_with_everything_delivered() {
    let generator = world("tiny", &[("arrivals.walks_per_day", "1"), ("campaigns.every", "0")]);
    assert_eq!(generator.waves(), 3); // 3650 walks, rounded down to waves of 1024
    let trace = generator.trace(Amount::Events(u64::MAX));
    let all: usize = (0..3).map(|number| generator.wave(number).unwrap().events.len()).sum();
    assert_eq!(trace.events.len(), all);
    assert!(generator.wave(3).is_none());
    assert_eq!(generator.trace(Amount::Days(100_000)).events.len(), all);
}

#[test]
fn every_parameter_may_stand_at_either_end_of_its_range() {
    let mut tried = 0;
    for parameter in profile("tiny", &[]).parameters() {
        for end in parameter.range.split(" to ").filter(|_| parameter.range.contains(" to ")) {
            let mut profile = profile("tiny", &[]);
            if profile.set(parameter.key, end).is_err() {
                continue; // excluded by another parameter
            }
            tried += 1;
            let generator = Generator::new(&profile, 1).unwrap();
            let events = generator.trace(Amount::Events(300)).events;
            assert_eq!(events.len(), 300, "{} = {end}", parameter.key);
            for event in events {
                let times = WORLD_START_MS..WORLD_START_MS + 2 * WORLD_LENGTH_MS;
                assert!(times.contains(&event.event_time_ms()), "{} = {end}", parameter.key);
                assert!(event.arrival_time_ms() >= event.event_time_ms(), "{} = {end}", parameter.key);
            }
        }
    }
    assert!(tried > 100, "{tried} ends of ranges");
}

#[test]
fn what_is_held_back_does_not_grow_with_the_trace() {
    // Walks that end within some days, so that the steady state is reached early.
    let settings = [("visits.gap_max", "1d"), ("arrivals.walks_per_day", "20000")];
    let generator = world("retail", &settings);
    let mut stream = generator.stream(Amount::Events(3_000_000));
    let (mut batch, mut given, mut early, mut late) = (Vec::new(), 0, 0, 0);
    while stream.next_batch(&mut batch) {
        given += batch.len();
        let greatest = if given < 1_500_000 { &mut early } else { &mut late };
        *greatest = stream.pending().max(*greatest);
    }
    assert_eq!(given, 3_000_000);
    assert!(late < early + early / 5 && late < 100_000, "{early} then {late} pending");
}

#[test]
fn the_profiles_are_as_disordered_as_they_say() {
    let facts = |name| Facts::of(&world(name, &[]).trace(Amount::Events(600_000)), 60_000);
    let (retail, stormy, flash_sale) = (facts("retail"), facts("stormy"), facts("flash-sale"));
    assert!((0.25..0.35).contains(&stormy.out_of_order_share), "{}", stormy.out_of_order_share);
    assert!((0.05..0.20).contains(&retail.out_of_order_share), "{}", retail.out_of_order_share);
    assert!(stormy.late > 2 * retail.late && stormy.duplicates > retail.duplicates.map(|count| 3 * count));
    assert!(stormy.lateness_ms.max > 20 * 3_600_000);
    assert!(flash_sale.hottest_percent_share > 1.5 * retail.hottest_percent_share);
}

#[test]
fn the_share_out_of_order_is_the_share_asked_for() {
    for share in ["0", "0.01", "0.05", "0.2", "0.5"] {
        let profile = profile("calm", &[("transport.disorder.share", share)]);
        let asked = profile.asked().out_of_order_share.unwrap();
        assert_eq!(asked, share.parse::<f64>().unwrap());
        for seed in [1, 2] {
            let facts = Facts::of(&Generator::new(&profile, seed).unwrap().trace(Amount::Events(300_000)), 0);
            let found = facts.out_of_order_share;
            assert!((found - asked).abs() < 0.005, "seed {seed}: {found} out of order, {asked} asked for");
            assert!(asked > 0.0 || facts.out_of_order == 0);
        }
    }
}

#[test]
fn the_share_of_duplicates_is_the_share_asked_for() {
    for share in ["0", "0.05", "1"] {
        let settings = [("transport.duplicates.share", share), ("transport.disorder.share", "0.3")];
        let profile = profile("calm", &settings);
        let facts = Facts::of(&Generator::new(&profile, 1).unwrap().trace(Amount::Events(300_000)), 0);
        let (found, asked) = (facts.duplicates_share.unwrap(), profile.asked().duplicates_share);
        assert!((found - asked).abs() < 0.005, "{found} twice, {asked} asked for");
        assert!(asked > 0.0 || facts.duplicates == Some(0));
    }
}

#[test]
fn retail_has_customers_with_three_high_value_orders_within_a_day() {
    let trace = world("retail", &[]).trace(Amount::Events(1_000_000));
    let mut high: Vec<(u32, i64)> = trace
        .events
        .iter()
        .filter(|event| event.kind() == Kind::OrderPlaced && event.value_above(flowbench_events::Value(500_000)))
        .map(|event| (event.customer().unwrap().0, event.event_time_ms()))
        .collect();
    high.sort_unstable();
    let repeats = high.windows(3).filter(|three| three[0].0 == three[2].0 && three[2].1 - three[0].1 < 86_400_000);
    assert!(repeats.count() > 20);
    let days = Facts::of(&trace, 0).span_ms as f64 / 86_400_000.0;
    assert!((3.0..6.0).contains(&days), "a million events cover {days} days");
}

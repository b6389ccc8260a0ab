//! What worlds promise on average: shares, distributions and planted effects, at fixed seeds.
//!
//! Method: one world per promise with everything else switched off, all deliveries of some waves, and a test whose
//! statistic a right generator exceeds once in a thousand seeds: Kolmogorov-Smirnov for continuous laws, chi-square for
//! categories, the normal approximation for single shares. The seeds are fixed, so a test passes always or never.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::collections::{BTreeMap, HashMap};

use flowbench_events::{Channel, Event, Kind};
use flowbench_generators::{Generator, Profile, WORLD_START_MS};

/// Every walk is one visit of one page view, nobody orders, nothing is delayed.
const PLAIN: [(&str, &str); 5] = [
    ("visits.pages_mean", "1"),
    ("visits.return_share", "0"),
    ("downloads.share", "0"),
    ("conversion.base_share", "0"),
    ("loyalty.return_share", "0"),
];

/// Every visit becomes an order.
const ORDERS: [(&str, &str); 4] = [
    ("conversion.base_share", "1"),
    ("conversion.half_at", "1min"),
    ("conversion.steepness", "1ms"),
    ("orders.cancel_share", "0"),
];

/// The 0.999 quantile of the standard normal distribution, two-sided 0.002.
const Z: f64 = 3.09;

fn events(settings: &[&[(&str, &str)]], waves: u64) -> Vec<Event> {
    let mut profile = Profile::named("calm").unwrap();
    for (key, value) in PLAIN.iter().chain(settings.iter().copied().flatten()) {
        profile.set(key, value).unwrap();
    }
    let generator = Generator::new(&profile, 7).unwrap();
    (0..waves).flat_map(|number| generator.wave(number).unwrap().events).collect()
}

fn count(events: &[Event], kind: Kind) -> usize {
    events.iter().filter(|event| event.kind() == kind).count()
}

/// Gaps in ms between an event of `from` and the next event of its walk if that is a `to`.
fn gaps(events: &[Event], from: Kind, to: Kind) -> Vec<f64> {
    let gap = |pair: &[Event]| (pair[1].event_time_ms() - pair[0].event_time_ms()) as f64;
    let same_walk = |pair: &&[Event]| pair[0].event_id().word() >> 8 == pair[1].event_id().word() >> 8;
    let kinds = |pair: &&[Event]| pair[0].kind() == from && pair[1].kind() == to;
    events.windows(2).filter(same_walk).filter(kinds).map(gap).collect()
}

fn assert_share(part: usize, whole: usize, expected: f64) {
    let deviation = (expected * (1.0 - expected) / whole as f64).sqrt();
    let found = part as f64 / whole as f64;
    assert!(whole > 1000 && (found - expected).abs() < Z * deviation, "{found} of {whole}, expected {expected}");
}

/// Kolmogorov-Smirnov: the sample, in whole ms, follows the law below `censored_at`.
fn assert_follows(mut sample: Vec<f64>, censored_at: f64, law: impl Fn(f64) -> f64) {
    sample.sort_by(f64::total_cmp);
    let size = sample.len() as f64;
    assert!(size > 5000.0, "{size}");
    let mut distance: f64 = 0.0;
    for (rank, value) in sample.iter().enumerate().filter(|(_, value)| **value < censored_at - 1.0) {
        let expected = law(*value);
        distance = distance.max((expected - rank as f64 / size).abs()).max((expected - (rank + 1) as f64 / size).abs());
    }
    assert!(distance * size.sqrt() < 1.95, "distance {distance} with {size} draws"); // 0.999 quantile
}

fn assert_fits(observed: &[f64], expected: &[f64]) {
    let statistic: f64 = observed.iter().zip(expected).map(|(found, wanted)| (found - wanted).powi(2) / wanted).sum();
    assert!(expected.iter().all(|wanted| *wanted > 5.0));
    let freedom = observed.len() as f64 - 1.0;
    let step = 2.0 / (9.0 * freedom); // Wilson-Hilferty
    let critical = freedom * (1.0 - step + Z * step.sqrt()).powi(3);
    assert!(statistic < critical, "chi-square {statistic}, critical {critical}: {observed:?} against {expected:?}");
}

fn log_normal(median: f64, sigma: f64) -> impl Fn(f64) -> f64 {
    move |x| 0.5 * libm::erfc(-(x / median).ln() / sigma / std::f64::consts::SQRT_2)
}

fn exponential(mean: f64) -> impl Fn(f64) -> f64 {
    move |x| 1.0 - (-x / mean).exp()
}

fn pareto(least: f64, shape: f64) -> impl Fn(f64) -> f64 {
    move |x| if x <= least { 0.0 } else { 1.0 - (least / x).powf(shape) }
}

const MINUTE: f64 = 60_000.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

#[test]
fn pages_of_a_visit_are_geometric() {
    let events = events(&[&[("visits.pages_mean", "4")]], 60);
    let mut pages: HashMap<u64, usize> = HashMap::new();
    for event in &events {
        *pages.entry(event.event_id().word() >> 8).or_default() += 1;
    }
    let walks = pages.len() as f64;
    let mut observed = vec![0.0; 20];
    pages.values().for_each(|count| observed[(count - 1).min(19)] += 1.0);
    let mut expected: Vec<f64> = (0..20).map(|further| walks * 0.25 * 0.75_f64.powi(further)).collect();
    expected[19] = walks * 0.75_f64.powi(19);
    assert_fits(&observed, &expected);
}

#[test]
fn downloads_have_their_share() {
    let events = events(&[&[("downloads.share", "0.15")]], 60);
    assert_share(count(&events, Kind::InfoDownloaded), count(&events, Kind::PageViewed), 0.15);
}

#[test]
fn gaps_to_a_download_and_to_a_cancellation_are_log_normal() {
    let download = events(&[&[("downloads.share", "1")]], 40);
    assert_follows(gaps(&download, Kind::PageViewed, Kind::InfoDownloaded), HOUR, log_normal(MINUTE, 1.0));
    // Nothing is packed before 30 days, so every cancellation takes effect.
    let cancel = [("orders.cancel_share", "1"), ("orders.pack_gap_median", "30d"), ("orders.pack_gap_sigma", "0")];
    let gaps = gaps(&events(&[&ORDERS, &cancel], 40), Kind::OrderPlaced, Kind::OrderCancelled);
    assert_follows(gaps, f64::INFINITY, log_normal(5.0 * HOUR, 1.0));
}

#[test]
fn returns_have_their_share() {
    let events = events(&[&[("visits.return_share", "0.3"), ("visits.most", "2")]], 60);
    assert_share(count(&events, Kind::PageViewed) - 60 * 1024, 60 * 1024, 0.3);
}

#[test]
fn cancellations_and_reviews_have_their_shares() {
    let quick = [("orders.cancel_share", "0.2"), ("orders.cancel_gap_median", "1ms"), ("reviews.share", "0.35")];
    let events = events(&[&ORDERS, &quick], 40);
    assert_share(count(&events, Kind::OrderCancelled), count(&events, Kind::OrderPlaced), 0.2);
    assert_share(count(&events, Kind::ReviewPosted), count(&events, Kind::OrderDelivered), 0.35);
}

#[test]
fn an_order_that_is_not_cancelled_goes_all_the_way() {
    let events = events(&[&ORDERS], 5);
    for kind in [Kind::OrderPlaced, Kind::OrderPacked, Kind::OrderDispatched, Kind::OrderDelivered] {
        assert_eq!(count(&events, kind), 5 * 1024, "{kind:?}");
    }
}

#[test]
fn orders_in_the_visit_and_later_have_their_share_and_gaps() {
    let settings = [("conversion.same_visit_share", "0.6"), ("conversion.checkout_gap_median", "3min")];
    let later = [("conversion.later_gap_median", "2d"), ("conversion.later_gap_sigma", "0.3")];
    let gaps = gaps(&events(&[&ORDERS, &settings, &later], 40), Kind::PageViewed, Kind::OrderPlaced);
    let (soon, late): (Vec<f64>, Vec<f64>) = gaps.iter().partition(|gap| **gap < 8.0 * HOUR);
    assert_share(soon.len(), gaps.len(), 0.6);
    assert_follows(soon, f64::INFINITY, log_normal(3.0 * MINUTE, 0.7));
    assert_follows(late, f64::INFINITY, log_normal(2.0 * DAY, 0.3));
}

#[test]
fn gaps_between_pages_are_log_normal() {
    let events = events(&[&[("visits.pages_mean", "4")]], 40);
    assert_follows(gaps(&events, Kind::PageViewed, Kind::PageViewed), f64::INFINITY, log_normal(25_000.0, 1.2));
}

#[test]
fn gaps_to_a_return_visit_are_log_normal_and_cut() {
    let settings = [("visits.return_share", "1"), ("visits.return_gap_sigma", "2"), ("visits.gap_max", "10d")];
    let gaps = gaps(&events(&[&settings], 40), Kind::PageViewed, Kind::PageViewed);
    assert!(gaps.iter().all(|gap| *gap <= 10.0 * DAY + 1.0));
    let cut = gaps.iter().filter(|gap| **gap > 10.0 * DAY - 1.0).count();
    assert_share(cut, gaps.len(), 1.0 - log_normal(20.0 * HOUR, 2.0)(10.0 * DAY));
    assert_follows(gaps, 10.0 * DAY, log_normal(20.0 * HOUR, 2.0));
}

#[test]
fn steps_of_an_order_are_log_normal() {
    let events = events(&[&ORDERS, &[("reviews.share", "1")]], 40);
    for (from, to, median, sigma) in [
        (Kind::OrderPlaced, Kind::OrderPacked, 6.0 * HOUR, 0.6),
        (Kind::OrderPacked, Kind::OrderDispatched, 14.0 * HOUR, 0.8),
        (Kind::OrderDispatched, Kind::OrderDelivered, 30.0 * HOUR, 0.5),
        (Kind::OrderDelivered, Kind::ReviewPosted, 48.0 * HOUR, 0.9),
    ] {
        assert_follows(gaps(&events, from, to), 30.0 * DAY, log_normal(median, sigma));
    }
}

#[test]
fn gaps_to_a_visit_after_the_delivery_are_pareto() {
    let settings = [("loyalty.return_share", "1"), ("reviews.share", "0")];
    let events = events(&[&ORDERS, &settings], 40);
    let gaps = gaps(&events, Kind::OrderDelivered, Kind::PageViewed);
    assert_eq!(gaps.len(), 40 * 1024);
    assert_follows(gaps, 30.0 * DAY, pareto(DAY, 1.2));
}

#[test]
fn order_values_are_log_normal_and_businesses_buy_more() {
    for (business_share, median) in [("0", 60.0), ("1", 300.0)] {
        let events = events(&[&ORDERS, &[("customers.business_share", business_share)]], 40);
        let placed = events.iter().filter(|event| event.kind() == Kind::OrderPlaced);
        let values = placed.map(|event| event.value().unwrap().0 as f64 / 1000.0).collect();
        assert_follows(values, f64::INFINITY, log_normal(median, 1.15));
    }
}

#[test]
fn load_times_are_log_normal() {
    let events = events(&[], 60);
    let loads = events.iter().map(|event| f64::from(event.load_time_ms().unwrap()) + 0.5).collect();
    // One page a visit: the two factors are one log-normal.
    assert_follows(loads, f64::INFINITY, log_normal(1200.0, (0.6_f64.powi(2) + 0.3_f64.powi(2)).sqrt()));
}

#[test]
fn slow_pages_convert_less_by_the_stated_curve() {
    let settings = [("visits.pages_mean", "4"), ("conversion.base_share", "0.5"), ("pages.load_time_median", "2s")];
    let events = events(&[&settings], 100);
    let mut walks: BTreeMap<u64, (u32, u32, bool)> = BTreeMap::new(); // load time, pages, ordered
    for event in &events {
        let (load, pages, ordered) = walks.entry(event.event_id().word() >> 8).or_default();
        *ordered |= event.kind() == Kind::OrderPlaced;
        if !*ordered {
            *load += event.load_time_ms().unwrap_or(0);
            *pages += 1;
        }
    }
    let mut bins = [(0.0, 0.0, 0.0); 12]; // orders found, expected, variance, by half seconds
    for (load, pages, ordered) in walks.into_values() {
        let mean_ms = f64::from(load / pages);
        let chance = 0.5 / (1.0 + ((mean_ms - 3000.0) / 700.0).exp());
        let bin = &mut bins[((mean_ms / 500.0) as usize).min(11)];
        *bin = (bin.0 + f64::from(u8::from(ordered)), bin.1 + chance, bin.2 + chance * (1.0 - chance));
    }
    let statistic: f64 = bins.iter().map(|(found, wanted, variance)| (found - wanted).powi(2) / variance).sum();
    assert!(statistic < 32.9, "{statistic}: {bins:?}"); // chi-square with 12 degrees of freedom, 0.999
    assert!(bins[1].0 > 20.0 * bins[10].0, "the effect is large: {bins:?}");
}

#[test]
fn late_dispatch_makes_unhappy_reviews() {
    let settings = [("reviews.share", "1"), ("orders.dispatch_gap_median", "40h")];
    let events = events(&[&ORDERS, &settings], 60);
    let mut placed = 0;
    let mut late = false;
    let mut reviews = [(0, 0); 2]; // (unhappy, all) in time and late
    for event in &events {
        match event.kind() {
            Kind::OrderPlaced => placed = event.event_time_ms(),
            Kind::OrderDispatched => late = event.event_time_ms() - placed > 48 * 3_600_000,
            Kind::ReviewPosted => {
                let (unhappy, all) = &mut reviews[usize::from(late)];
                *unhappy += usize::from(event.rating().unwrap() <= 2);
                *all += 1;
            }
            _ => {}
        }
    }
    assert_share(reviews[0].0, reviews[0].1, 0.08);
    assert_share(reviews[1].0, reviews[1].1, 0.5);
}

/// Asked as of a log: by order number alone, knowing nothing of walks and event ids.
#[test]
fn unhappy_reviews_of_late_orders_are_found_by_order_number() {
    let events = events(&[&ORDERS, &[("reviews.share", "1"), ("orders.dispatch_gap_median", "40h")]], 60);
    let times = |kind: Kind| -> HashMap<u32, i64> {
        let of_kind = events.iter().filter(|event| event.kind() == kind);
        of_kind.map(|event| (event.order().unwrap().0, event.event_time_ms())).collect()
    };
    let (placed, dispatched) = (times(Kind::OrderPlaced), times(Kind::OrderDispatched));
    let mut reviews = [(0, 0); 2]; // (unhappy, all) in time and late
    for review in events.iter().filter(|event| event.kind() == Kind::ReviewPosted) {
        let order = review.order().unwrap().0;
        let (unhappy, all) = &mut reviews[usize::from(dispatched[&order] - placed[&order] > 48 * 3_600_000)];
        *unhappy += usize::from(review.rating().unwrap() <= 2);
        *all += 1;
    }
    assert_share(reviews[0].0, reviews[0].1, 0.08);
    assert_share(reviews[1].0, reviews[1].1, 0.5);
}

/// Shares of the page views up to 2.5 s, up to 4 s and above whose customer places an order within half an hour.
fn conversion_by_band(settings: &[(&str, &str)]) -> [f64; 3] {
    let usual = [("visits.pages_mean", "4"), ("conversion.base_share", "0.5"), ("pages.load_time_median", "2s")];
    let events = events(&[&usual, settings], 100);
    let mut orders: HashMap<u32, Vec<i64>> = HashMap::new();
    for order in events.iter().filter(|event| event.kind() == Kind::OrderPlaced) {
        orders.entry(order.customer().unwrap().0).or_default().push(order.event_time_ms());
    }
    let mut bands = [(0.0, 0.0); 3]; // (converted, all)
    for view in events.iter().filter(|event| event.kind() == Kind::PageViewed) {
        let (converted, all) = &mut bands[[2500, 4000].partition_point(|limit| view.load_time_ms().unwrap() > *limit)];
        let window = view.event_time_ms() + 1..=view.event_time_ms() + 1_800_000;
        let times = orders.get(&view.customer().unwrap().0);
        *converted += f64::from(u8::from(times.is_some_and(|times| times.iter().any(|time| window.contains(time)))));
        *all += 1.0;
    }
    bands.map(|(converted, all)| converted / all)
}

#[test]
fn slow_pages_convert_less_for_a_question_that_joins_views_and_orders_by_customer() {
    let [good, middling, poor] = conversion_by_band(&[]);
    assert!(good > 1.2 * middling && middling > 1.2 * poor, "{good}, {middling}, {poor} convert");
    // The control: where load times do not matter, the same question finds nothing.
    let flat = conversion_by_band(&[("conversion.half_at", "1min"), ("conversion.steepness", "1min")]);
    let least = flat.into_iter().fold(f64::INFINITY, f64::min);
    assert!(flat.iter().all(|share| *share < 1.05 * least), "{flat:?} convert");
}

#[test]
fn ratings_are_spread_as_documented() {
    let events = events(&[&ORDERS, &[("reviews.share", "1"), ("reviews.late_after", "60d")]], 40);
    let mut observed = [0.0; 5];
    for rating in events.iter().filter_map(Event::rating) {
        observed[usize::from(rating) - 1] += 1.0;
    }
    let all: f64 = observed.iter().sum();
    assert_fits(&observed, &[0.04, 0.04, 0.184, 0.276, 0.46].map(|share| share * all));
}

fn customers_follow_zipf(exponent: &str) {
    let settings = [
        ("customers.zipf_exponent", exponent),
        ("customers.population", "10000"),
        ("customers.new_customer_share", "0"),
    ];
    let events = events(&[&settings], 200);
    let power: f64 = exponent.parse().unwrap();
    // Single ranks at the head, ranges over the exact ranks, the binned ones, and both.
    let edges: Vec<u32> = (1..=20).chain([50, 200, 511, 530, 600, 1000, 2500, 5000, 10_001]).collect();
    let mut observed = vec![0.0; edges.len() - 1];
    for event in &events {
        let rank = event.customer().unwrap().0;
        observed[edges.partition_point(|edge| *edge <= rank) - 1] += 1.0;
    }
    let weight = |from: u32, to: u32| (from..to).map(|rank| f64::from(rank).powf(-power)).sum::<f64>();
    let scale = events.len() as f64 / weight(1, 10_001);
    let expected: Vec<f64> = edges.windows(2).map(|edge| scale * weight(edge[0], edge[1])).collect();
    assert_fits(&observed, &expected);
}

#[test]
fn customers_without_skew_are_equally_likely() {
    customers_follow_zipf("0");
}

#[test]
fn customers_follow_zipf_with_exponent_1() {
    customers_follow_zipf("1");
}

#[test]
fn customers_follow_zipf_with_exponent_1_and_a_half() {
    customers_follow_zipf("1.5");
}

#[test]
fn new_customers_the_whale_and_the_regulars_have_their_shares() {
    let settings =
        [("customers.new_customer_share", "0.3"), ("customers.whale_share", "0.1"), ("customers.population", "1000")];
    let customers: Vec<u32> = events(&[&settings], 40).iter().map(|event| event.customer().unwrap().0).collect();
    let of =
        |range: std::ops::RangeInclusive<u32>| customers.iter().filter(|customer| range.contains(customer)).count();
    assert_share(of(1..=1000), customers.len(), 0.6);
    assert_share(of(1001..=1001), customers.len(), 0.1);
    assert_share(of(1002..=u32::MAX), customers.len(), 0.3);
}

#[test]
fn the_hot_set_moves_after_its_period() {
    let settings =
        [("customers.hot_drift_period", "6h"), ("customers.zipf_exponent", "1.5"), ("customers.population", "1000")];
    let mut hottest = Vec::new();
    let events = events(&[&settings], 200);
    for period in 0..4 {
        let begin_ms = WORLD_START_MS + period * 6 * 3_600_000;
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for event in events.iter().filter(|event| (begin_ms..begin_ms + 6 * 3_600_000).contains(&event.event_time_ms()))
        {
            *counts.entry(event.customer().unwrap().0).or_default() += 1;
        }
        hottest.push(counts.into_iter().max_by_key(|(_, count)| *count).unwrap().0);
    }
    assert_eq!(hottest, [1, 619, 237, 855]);
}

#[test]
fn traits_of_customers_have_their_shares() {
    let events = events(&[&[("customers.new_customer_share", "1")]], 40);
    let mobile = events.iter().filter(|event| event.channel() == Some(Channel::Mobile)).count();
    assert_share(mobile, events.len(), 0.35);
    assert_share(events.iter().filter(|event| event.country() == 1).count(), events.len(), 0.6);
    assert_share(events.iter().filter(|event| event.country() == 2).count(), events.len(), 0.4 * 0.2);
}

/// Delays in ms of the first deliveries on one channel.
fn delays(settings: &[(&str, &str)], channel: Channel) -> Vec<f64> {
    let events = events(&[&ORDERS, settings], 30);
    let delay = |event: &Event| (event.arrival_time_ms() - event.event_time_ms()) as f64;
    events.iter().filter(|event| event.channel() == Some(channel)).map(delay).collect()
}

#[test]
fn web_delays_are_exponential() {
    assert_follows(delays(&[("transport.web.delay_mean", "20s")], Channel::Web), f64::INFINITY, exponential(20_000.0));
}

/// 30 % of the events of a channel are offline for 10 min to a day; online its delay is an exponential of 10 s.
fn delays_are_exponential_online_and_pareto_offline(channel: Channel, online_mean: &str) {
    let name = channel.name();
    let offline = [("share", "0.3"), ("max", "1d"), ("min", "10min"), ("shape", "0.9")];
    let offline = offline.map(|(knob, value)| (format!("transport.{name}.offline_{knob}"), value));
    let mut settings: Vec<(&str, &str)> = offline.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    settings.push((online_mean, "10s"));
    let delays = delays(&settings, channel);
    let (offline, online): (Vec<f64>, Vec<f64>) = delays.iter().partition(|delay| **delay >= 10.0 * MINUTE);
    assert_share(offline.len(), delays.len(), 0.3);
    assert!(offline.iter().all(|delay| *delay <= DAY));
    assert_follows(offline, DAY, pareto(10.0 * MINUTE, 0.9));
    assert_follows(online, f64::INFINITY, exponential(10_000.0));
}

#[test]
fn web_delays_are_exponential_online_and_pareto_offline() {
    delays_are_exponential_online_and_pareto_offline(Channel::Web, "transport.web.delay_mean");
}

#[test]
fn mobile_delays_are_exponential_online_and_pareto_offline() {
    delays_are_exponential_online_and_pareto_offline(Channel::Mobile, "transport.mobile.delay_mean");
}

#[test]
fn warehouse_delays_are_exponential_online_and_pareto_offline() {
    delays_are_exponential_online_and_pareto_offline(Channel::Warehouse, "transport.warehouse.upload_mean");
}

#[test]
fn a_warehouse_that_is_offline_waits_for_no_batch() {
    let settings = [
        ("transport.warehouse.batch_every", "15min"),
        ("transport.warehouse.offline_share", "0.3"),
        ("transport.warehouse.offline_min", "10min"),
        ("transport.warehouse.offline_shape", "0.9"),
    ];
    // Online the wait for the next quarter of an hour is uniform; offline there is the Pareto law and nothing else.
    let mixture = |x: f64| 0.7 * (x / (15.0 * MINUTE)).min(1.0) + 0.3 * pareto(10.0 * MINUTE, 0.9)(x);
    assert_follows(delays(&settings, Channel::Warehouse), 12.0 * HOUR, mixture);
}

#[test]
fn the_disorder_asked_for_has_its_share_and_delay_on_every_channel() {
    for channel in [Channel::Web, Channel::Mobile, Channel::Warehouse] {
        let delays = delays(&[("transport.disorder.share", "0.3")], channel);
        let held: Vec<f64> = delays.iter().copied().filter(|delay| *delay > 0.0).collect();
        assert_share(held.len(), delays.len(), 0.3);
        assert!(held.iter().all(|delay| (MINUTE..=6.0 * HOUR).contains(delay)));
        let cut = held.iter().filter(|delay| **delay > 6.0 * HOUR - 1.0).count();
        assert_share(cut, held.len(), 1.0 - pareto(MINUTE, 1.1)(6.0 * HOUR));
        assert_follows(held, 6.0 * HOUR, pareto(MINUTE, 1.1));
    }
}

#[test]
fn being_held_back_has_nothing_to_do_with_being_offline_or_delivered_twice() {
    let settings = [
        ("customers.mobile_share", "1"),
        ("transport.mobile.offline_share", "0.3"),
        ("transport.disorder.share", "0.2"),
        ("transport.disorder.delay_max", "1d"),
        ("transport.disorder.delay_min", "1d"), // held back: by a day exactly, on top of at most half a day offline
        ("transport.duplicates.share", "0.25"),
    ];
    let mut found = [0.0; 8];
    let mut again = Vec::new(); // ms from the first delivery of what was held back to the second
    let events = events(&[&settings], 120);
    for deliveries in events.chunk_by(|one, next| one.event_id() == next.event_id()) {
        let delay_ms = deliveries[0].arrival_time_ms() - deliveries[0].event_time_ms();
        let (held, offline, twice) = (delay_ms >= 86_400_000, delay_ms % 86_400_000 > 0, deliveries.len() > 1);
        found[usize::from(held) << 2 | usize::from(offline) << 1 | usize::from(twice)] += 1.0;
        if held && twice {
            again.push((deliveries[1].arrival_time_ms() - deliveries[0].arrival_time_ms()) as f64);
        }
    }
    let share = |bit: usize, cell: usize, share: f64| if cell >> bit & 1 == 1 { share } else { 1.0 - share };
    let expected: [f64; 8] =
        std::array::from_fn(|cell| 120.0 * 1024.0 * share(2, cell, 0.2) * share(1, cell, 0.3) * share(0, cell, 0.25));
    assert_fits(&found, &expected);
    assert_follows(again, f64::INFINITY, exponential(30_000.0));
}

#[test]
fn warehouse_events_arrive_just_after_the_next_quarter_of_an_hour() {
    let settings = [("transport.warehouse.batch_every", "15min"), ("transport.warehouse.upload_mean", "10s")];
    let events = events(&[&ORDERS, &settings], 20);
    let mut uploads = Vec::new();
    for event in events.iter().filter(|event| event.channel() == Some(Channel::Warehouse)) {
        let batch_ms = (event.event_time_ms() + 899_999) / 900_000 * 900_000;
        uploads.push((event.arrival_time_ms() - batch_ms) as f64);
    }
    assert_follows(uploads, f64::INFINITY, exponential(10_000.0));
}

#[test]
fn duplicates_have_their_share_and_delay() {
    let events = events(&[&[("transport.duplicates.share", "0.25"), ("transport.duplicates.delay_mean", "5min")]], 60);
    let second: Vec<f64> = events
        .windows(2)
        .filter(|pair| pair[0].event_id() == pair[1].event_id())
        .map(|pair| (pair[1].arrival_time_ms() - pair[0].arrival_time_ms()) as f64)
        .collect();
    assert_share(second.len(), 60 * 1024, 0.25);
    assert_follows(second, f64::INFINITY, exponential(5.0 * MINUTE));
}

#[test]
fn being_delivered_twice_has_nothing_to_do_with_being_offline() {
    let settings = [
        ("customers.mobile_share", "1"),
        ("transport.mobile.offline_share", "0.3"),
        ("transport.mobile.delay_mean", "0"),
        ("transport.duplicates.share", "0.25"),
    ];
    let mut found = [(0, 0); 2]; // (delivered twice, all) on- and offline
    let events = events(&[&settings], 60);
    for deliveries in events.chunk_by(|one, next| one.event_id() == next.event_id()) {
        let offline = deliveries[0].arrival_time_ms() > deliveries[0].event_time_ms();
        let (twice, all) = &mut found[usize::from(offline)];
        *twice += deliveries.len() - 1;
        *all += 1;
    }
    assert_share(found[0].0, found[0].1, 0.25);
    assert_share(found[1].0, found[1].1, 0.25);
}

#[test]
fn an_outage_is_silent_and_ends_in_a_burst() {
    let settings = [
        ("transport.outage.channel", "web"),
        ("transport.outage.start", "2h"),
        ("transport.outage.length", "1h"),
        ("transport.outage.reconnect_over", "10s"),
        ("transport.duplicates.share", "0.1"),
    ];
    let events = events(&[&settings], 12);
    let down = WORLD_START_MS + 7_200_000..WORLD_START_MS + 10_800_000;
    let arrived_while_down = |channel| {
        let mut of_channel = events.iter().filter(|event| event.channel() == Some(channel));
        of_channel.any(|event| down.contains(&event.arrival_time_ms()))
    };
    assert!(!arrived_while_down(Channel::Web) && arrived_while_down(Channel::Mobile));
    let held = |event: &&Event| event.channel() == Some(Channel::Web) && down.contains(&event.event_time_ms());
    let burst: Vec<&Event> = events.iter().filter(held).collect();
    let in_burst = |event: &&&Event| (down.end..down.end + 10_000).contains(&event.arrival_time_ms());
    assert!(burst.len() > 500 && burst.iter().filter(in_burst).count() > burst.len() * 9 / 10);
}

#[test]
fn a_burst_keeps_its_order_unless_it_is_shuffled() {
    let furthest_behind_ms = |shuffle| {
        let settings = [
            ("transport.outage.channel", "web"),
            ("transport.outage.start", "2h"),
            ("transport.outage.length", "1h"),
            ("transport.outage.reconnect_over", "10s"),
            ("transport.outage.shuffle", shuffle),
            ("transport.web.delay_mean", "0"),
        ];
        let queued = WORLD_START_MS + 7_200_000..WORLD_START_MS + 10_810_000; // with what comes during the burst
        let mut burst: Vec<Event> = events(&[&settings], 12);
        burst.retain(|event| event.channel() == Some(Channel::Web) && queued.contains(&event.event_time_ms()));
        burst.sort_by_key(|event| (event.arrival_time_ms(), event.event_id()));
        assert!(burst.len() > 500);
        let mut newest_ms = i64::MIN;
        let behind_ms = burst.iter().map(|event| {
            newest_ms = newest_ms.max(event.event_time_ms());
            newest_ms - event.event_time_ms()
        });
        behind_ms.max().unwrap()
    };
    // An hour comes within 10 s: 360 ms of it in the same ms.
    assert!(furthest_behind_ms("0") <= 360, "{} ms", furthest_behind_ms("0"));
    assert!((600_000..1_200_000).contains(&furthest_behind_ms("0.2")), "{} ms", furthest_behind_ms("0.2"));
    assert!(furthest_behind_ms("1") > 3_000_000);
}

#[test]
fn campaigns_promote_one_product() {
    let settings = [
        ("campaigns.every", "1d"),
        ("campaigns.length", "1d"), // always
        ("campaigns.focus_share", "0.4"),
        ("products.focus_share", "1"),
        ("products.zipf_exponent", "0"),
        ("products.count", "1000000"),
    ];
    let events: Vec<Event> = events(&[&settings], 60)
        .into_iter()
        .filter(|event| event.event_time_ms() < WORLD_START_MS + 86_400_000)
        .collect();
    let mut views: HashMap<u32, usize> = HashMap::new();
    for event in &events {
        *views.entry(event.product().unwrap().0).or_default() += 1;
    }
    assert_share(views.into_values().max().unwrap(), events.len(), 0.4);
}

//! Pipelines find the effects that a world was given, as large as they were given, and none where there is none.
//!
//! Method: whole lives from `retail`, so that nothing is cut off; what a pipeline counts is compared with what the
//! parameters of the world make of it, in units of its standard deviation. A right program would fail a comparison for
//! one seed in a thousand; the seeds are fixed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use flowbench_events::{Event, Horizon, Kind, Trace};
use flowbench_generators::{ConversionProfile, Generator, Profile};
use flowbench_harness::replay::{ReplayRequest, replay};
use flowbench_pipelines::{Deployment, Registry, RunConfig, Strategy};

/// Within so many standard deviations lie 99.9 % of a normal distribution.
const Z: f64 = 3.29;

/// One visit a walk, each by a customer of its own. Else the order after a view may be that of another visit: a few
/// customers of `retail` visit so often that they convert whatever their pages do.
const SEPARATE: [(&str, &str); 2] = [("visits.return_share", "0"), ("customers.new_customer_share", "1")];

#[test]
fn load_time_conversion_recovers_the_logistic_law() {
    let (profile, trace) = lives(&SEPARATE, 60);
    let (visits, counts) = (visits(&trace), counted(&trace));
    for band in 0..3 {
        let share_of_band = std::array::from_fn(|at| f64::from(u8::from(at == band)) / counts[at].views);
        assert_expected(&counts, &visits, &profile.conversion, share_of_band);
    }
    for (faster, slower) in [(0, 1), (1, 2)] {
        let (found, _, deviation) = compared(&counts, &visits, &profile.conversion, contrast(&counts, faster, slower));
        assert!(found > 3.0 * Z * deviation, "bands {faster} and {slower} differ by {found}, deviation {deviation}");
    }
}

#[test]
fn load_time_conversion_finds_nothing_where_load_times_do_not_matter() {
    let flat = [("conversion.half_at", "1min"), ("conversion.steepness", "1ms")];
    let (profile, trace) = lives(&[&SEPARATE[..], &flat].concat(), 60);
    let (visits, counts) = (visits(&trace), counted(&trace));
    for (faster, slower) in [(0, 1), (1, 2), (0, 2)] {
        let weights = contrast(&counts, faster, slower);
        let (found, _, deviation) = compared(&counts, &visits, &profile.conversion, weights);
        assert!(found.abs() < Z * deviation, "bands {faster} and {slower} differ by {found}, deviation {deviation}");
        assert_expected(&counts, &visits, &profile.conversion, weights);
    }
}

#[test]
fn late_then_unhappy_finds_as_many_as_late_dispatch_makes() {
    let (profile, trace) = lives(&[], 150);
    let (in_time, late) = reviews(&trace);
    let of_late = answers("late-then-unhappy", &[], &trace).len();
    // With hardly any time to dispatch, every order is late: the others are those in time.
    let of_all = answers("late-then-unhappy", &["limit=1ms"], &trace).len();
    assert_share(of_late, late, profile.reviews.unhappy_share_late);
    assert_share(of_all - of_late, in_time, profile.reviews.unhappy_share);
}

#[test]
fn late_then_unhappy_finds_no_excess_where_late_dispatch_annoys_nobody() {
    let (profile, trace) = lives(&[("reviews.unhappy_share_late", "0.08")], 150);
    let (_, late) = reviews(&trace);
    assert_share(answers("late-then-unhappy", &[], &trace).len(), late, profile.reviews.unhappy_share);
}

/// All that ever happens in the first walks of a `retail` world, as it arrives.
fn lives(settings: &[(&str, &str)], waves: u64) -> (Profile, Arc<Trace>) {
    let mut profile = Profile::named("retail").unwrap();
    for (key, value) in settings {
        profile.set(key, value).unwrap();
    }
    let generator = Generator::new(&profile, 11).unwrap();
    let mut events: Vec<Event> = (0..waves).flat_map(|number| generator.wave(number).unwrap().events).collect();
    events.sort_by_key(|event| (event.arrival_time_ms(), event.event_id()));
    (profile, Arc::new(Trace { events, symbols: generator.symbols().clone(), ..Trace::default() }))
}

/// The answers of a pipeline, each event counted once.
fn answers(pipeline: &str, settings: &[&str], trace: &Arc<Trace>) -> Vec<String> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let config = RunConfig { deduplicate: Some(Horizon::FOR_GOOD), ..RunConfig::plain(Strategy::EXCHANGE) };
    let pipeline = Registry::default().find(pipeline).unwrap();
    replay(&ReplayRequest::new(pipeline, &settings, config), trace, Deployment::Threads)
        .unwrap()
        .answers
        .lines(&trace.symbols)
}

/// The views of one band that `load-time-conversion` counts, over all hours.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    views: f64,
    conversions: f64,
}

/// By band: good, needs-improvement, poor.
fn counted(trace: &Arc<Trace>) -> [Counted; 3] {
    let mut counts = [Counted::default(); 3];
    for row in answers("load-time-conversion", &[], trace) {
        let cells: Vec<&str> = row.split(',').collect();
        let band = ["good", "needs-improvement", "poor"].iter().position(|band| *band == cells[2]).unwrap();
        counts[band].views += cells[3].parse::<f64>().unwrap();
        counts[band].conversions += cells[4].parse::<f64>().unwrap();
    }
    counts
}

/// The views of a visit, and what decides whether they convert.
#[derive(Default)]
struct Visit {
    views: Vec<(i64, u32)>, // time, load time, ms
    end_ms: i64,            // the last view or download: from here the order is drawn
}

/// The visits before orders, by event ids, which say what belongs to which walk and in which order.
fn visits(trace: &Trace) -> Vec<Visit> {
    let mut events = trace.events.clone();
    events.sort_by_key(Event::event_id);
    events.dedup_by_key(|event| event.event_id());
    let mut visits: BTreeMap<u64, Visit> = BTreeMap::new();
    let mut ordered = HashSet::new();
    for event in &events {
        let walk = event.event_id().word() >> 8;
        let visit = visits.entry(walk).or_default();
        match (event.kind(), event.load_time_ms()) {
            (Kind::OrderPlaced, _) => _ = ordered.insert(walk),
            _ if ordered.contains(&walk) => {} // a visit after the delivery, which has no order
            (Kind::PageViewed, Some(load_ms)) => visit.views.push((event.event_time_ms(), load_ms)),
            (Kind::InfoDownloaded, _) => {}
            _ => panic!("{event:?} before an order"),
        }
        if !ordered.contains(&walk) {
            visit.end_ms = event.event_time_ms();
        }
    }
    visits.into_values().collect()
}

impl Visit {
    /// For each view its band, and the chance that an order follows within half an hour.
    fn chances(&self, law: &ConversionProfile) -> Vec<(usize, f64)> {
        let mean_ms = f64::from(self.views.iter().map(|(_, load_ms)| load_ms).sum::<u32>()) / self.views.len() as f64;
        let orders = law.base_share / (1.0 + ((mean_ms - law.half_at.0 as f64) / law.steepness.0 as f64).exp());
        let in_time = |left_ms: i64| {
            let checkout = log_normal(left_ms as f64, law.checkout_gap_median.0 as f64, 0.7);
            let later = log_normal(left_ms as f64, law.later_gap_median.0 as f64, law.later_gap_sigma);
            law.same_visit_share * checkout + (1.0 - law.same_visit_share) * later
        };
        let chance = |(time_ms, load_ms): &(i64, u32)| {
            let band = [2500, 4000].partition_point(|limit| load_ms > limit);
            (band, orders * in_time(time_ms + 1_800_000 - self.end_ms))
        };
        self.views.iter().map(chance).collect()
    }
}

/// The shares of two bands, one less the other.
fn contrast(counts: &[Counted; 3], plus: usize, minus: usize) -> [f64; 3] {
    let sign = |band| f64::from(u8::from(band == plus)) - f64::from(u8::from(band == minus));
    std::array::from_fn(|band| sign(band) / counts[band].views)
}

/// A weighted sum of the conversions of the bands: as counted, as expected by the law, and its standard deviation.
///
/// Given the pages, the visits are independent, but the views of one visit are not: one order converts all views it is
/// in time for. So of two views of a visit, both convert with the lower of their chances.
fn compared(counts: &[Counted; 3], visits: &[Visit], law: &ConversionProfile, weights: [f64; 3]) -> (f64, f64, f64) {
    let (mut expected, mut variance) = (0.0, 0.0);
    for visit in visits {
        let chances = visit.chances(law);
        let mean: f64 = chances.iter().map(|(band, chance)| weights[*band] * chance).sum();
        let pairs = chances.iter().flat_map(|one| chances.iter().map(move |other| (one, other)));
        let square: f64 = pairs.map(|(one, other)| weights[one.0] * weights[other.0] * one.1.min(other.1)).sum();
        expected += mean;
        variance += square - mean * mean;
    }
    let found = counts.iter().zip(weights).map(|(count, weight)| count.conversions * weight).sum();
    (found, expected, variance.sqrt())
}

fn assert_expected(counts: &[Counted; 3], visits: &[Visit], law: &ConversionProfile, weights: [f64; 3]) {
    let (found, expected, deviation) = compared(counts, visits, law, weights);
    let off = (found - expected) / deviation;
    assert!(off.abs() < Z, "{found}, expected {expected}, {off} standard deviations off: {counts:?}, {weights:?}");
}

/// How many reviews there are within 30 days of orders dispatched within 48 hours, and later.
fn reviews(trace: &Trace) -> (usize, usize) {
    let times = |kind: Kind| -> HashMap<u32, i64> {
        let of_kind = trace.events.iter().filter(|event| event.kind() == kind);
        of_kind.map(|event| (event.order().unwrap().0, event.event_time_ms())).collect()
    };
    let [placed, dispatched, reviewed] = [Kind::OrderPlaced, Kind::OrderDispatched, Kind::ReviewPosted].map(times);
    let in_30_days = reviewed.iter().filter(|(order, time_ms)| **time_ms - placed[order] <= 30 * 86_400_000);
    let (late, in_time): (Vec<_>, Vec<_>) =
        in_30_days.partition(|(order, _)| dispatched[order] - placed[order] > 48 * 3_600_000);
    (in_time.len(), late.len())
}

fn assert_share(part: usize, whole: usize, expected: f64) {
    let deviation = (expected * (1.0 - expected) / whole as f64).sqrt();
    let found = part as f64 / whole as f64;
    assert!(whole > 500 && (found - expected).abs() < Z * deviation, "{found} of {whole}, expected {expected}");
}

/// The share of a log-normal distribution below `x`.
fn log_normal(x: f64, median: f64, sigma: f64) -> f64 {
    if x <= 0.0 { 0.0 } else { normal((x / median).ln() / sigma) }
}

/// The standard normal distribution, to seven digits (Abramowitz and Stegun, 26.2.17).
fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let coefficients = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let series = t * coefficients.iter().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let above = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt() * series;
    if x < 0.0 { above } else { 1.0 - above }
}

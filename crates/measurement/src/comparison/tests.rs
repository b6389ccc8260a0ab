use super::*;
use crate::metrics::{Better, METRICS};
use crate::random::{Exponential, draws};
use crate::record::{Segment, Status, example};
use rand::RngExt;

/// Repeats of a closed loop at these rates.
fn closed(rates: &[f64]) -> Vec<CaseRecord> {
    let case = |(repeat, rate): (usize, &f64)| {
        let mut case = example::case(1, repeat + 1);
        case.axes.load = "closed".to_owned();
        let numbers = case.numbers.as_mut().unwrap();
        numbers.throughput_events_per_s = *rate;
        numbers.memory.live_bytes_peak = Some(10_000_000);
        case
    };
    rates.iter().enumerate().map(case).collect()
}

fn throughput(before: &[f64], after: &[f64]) -> Compared {
    let (before, after) = (closed(before), closed(after));
    let compared = compare(&pair(&before, &after).pairs, &METRICS);
    compared.into_iter().find(|cell| cell.metric.column == "throughput_events_per_s").unwrap()
}

const STEADY: [f64; 6] = [100e6, 101e6, 99e6, 100.5e6, 99.5e6, 100.2e6];

fn times(factor: f64) -> Vec<f64> {
    STEADY.iter().map(|rate| rate * factor).collect()
}

#[test]
fn a_change_counts_if_it_is_significant_and_beyond_the_threshold() {
    let change = |factor| throughput(&STEADY, &times(factor)).change;
    let found = [0.8, 0.94, 1.0, 1.03, 1.1, 1.3].map(change);
    assert_eq!(
        found,
        [
            MetricChange::Worse,
            MetricChange::Worse,
            MetricChange::Same,
            MetricChange::Same,
            MetricChange::Better,
            MetricChange::Better
        ]
    );
    let halved = throughput(&STEADY, &times(0.5));
    assert!((halved.ratio.estimate - 0.5).abs() < 0.01 && halved.repeats == (6, 6), "{halved:?}");
    assert!(throughput(&STEADY, &times(3.0)).is_implausible() && !throughput(&STEADY, &times(1.5)).is_implausible());
}

#[test]
fn with_few_repeats_or_much_noise_it_cannot_be_told() {
    assert_eq!(throughput(&STEADY[..3], &times(0.5)[..3]).change, MetricChange::Inconclusive);
    let noisy = [50e6, 150e6, 80e6, 120e6, 100e6, 70e6];
    assert_eq!(throughput(&noisy, &STEADY).change, MetricChange::Inconclusive);
}

#[test]
fn repeats_that_get_slower_are_worse_for_times_and_better_for_nothing() {
    let open = |p50_ns: u64| -> Vec<CaseRecord> {
        let case = |repeat| {
            let mut case = example::case(1, repeat);
            case.numbers.as_mut().unwrap().latency.p50_ns = Some(p50_ns + repeat as u64 * 100);
            case
        };
        (1..=6).map(case).collect()
    };
    let (before, after) = (open(100_000), open(130_000));
    let cells = compare(&pair(&before, &after).pairs, &METRICS);
    let of = |column: &str| cells.iter().find(|cell| cell.metric.column == column).map(|cell| cell.change);
    assert_eq!(of("latency_p50_ns"), Some(MetricChange::Worse));
    assert_eq!(of("latency_p99_ns"), Some(MetricChange::Same));
    assert_eq!(of("throughput_events_per_s"), None, "it was offered");
}

#[test]
fn cases_are_paired_by_what_they_are_and_not_by_their_number() {
    let mut before = closed(&STEADY);
    let mut after = closed(&STEADY);
    after.iter_mut().for_each(|case| case.case = 7);
    let paired = pair(&before, &after);
    assert_eq!(
        (paired.pairs.len(), paired.pairs[0].name.as_str()),
        (1, "delay/sessions/gap=10min,any/exchange/x2/watermark/frontier/closed/rate=50000")
    );
    after.iter_mut().for_each(|case| case.axes.workers = 4);
    let paired = pair(&before, &after);
    assert!(paired.pairs.is_empty());
    assert_eq!(
        (paired.only_before, paired.only_after),
        (
            vec!["delay/sessions/gap=10min,any/exchange/x2/watermark/frontier/closed/rate=50000".into()],
            vec!["delay/sessions/gap=10min,any/exchange/x4/watermark/frontier/closed/rate=50000".into()]
        )
    );

    for (case, rate) in before.iter_mut().zip([1e6, 2e6]) {
        (case.axes.rate_share, case.axes.rate_events_per_s) = (Some(0.5), Some(rate));
    }
    assert_eq!(pair(&before[..1], &before[1..2]).pairs.len(), 1, "the rate of a share is found");
}

#[test]
fn exact_columns_are_compared_with_all_values_that_the_repeats_before_had() {
    let before = closed(&STEADY);
    let mut after = before.clone();
    let of = |before: &[CaseRecord], after: &[CaseRecord]| exact_changes(&pair(before, after).pairs);
    let (changes, compared) = of(&before, &after);
    assert!(changes.is_empty() && compared > 10, "{compared}");
    after[3].numbers.as_mut().unwrap().accuracy.missing += 1;
    let (changes, _) = of(&before, &after);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].column, changes[0].after.len()), ("missing", 2));
    assert_eq!(of(&after, &before).0, [], "some repeats had this value");
    let mut other = before.clone();
    other.iter_mut().for_each(|case| case.numbers.as_mut().unwrap().accuracy.missing += 5);
    let (changes, as_many) = of(&after, &other);
    assert_eq!((changes.len(), changes[0].column, as_many), (1, "missing", compared));
    assert!(changes[0].before.contains(" or "), "{changes:?}");
    let wait = |case: &mut CaseRecord| case.numbers.as_mut().unwrap().event_time_wait_ms.p50_ms = None;
    let mut absent = before.clone();
    absent.iter_mut().for_each(wait);
    let (changes, _) = of(&before, &absent);
    assert_eq!(
        (changes[0].column, changes[0].after.as_slice()),
        ("event_time_wait_p50_ms", ["absent".to_owned()].as_slice())
    );
    after.iter_mut().for_each(|case| case.axes.rate_share = Some(0.5));
    assert_eq!(of(&after, &after).1, 0);
}

#[test]
fn what_differs_between_runs_is_named() {
    let before = example::run();
    let mut after = before.clone();
    assert_eq!(obstacles(&before, &after), []);
    after.machine.cpu = "another processor".to_owned();
    after.resolved_experiment.push_str("seed = 8\n");
    let found = obstacles(&before, &after);
    let named: Vec<(&str, &str)> = found.iter().map(|obstacle| (obstacle.field, obstacle.after.as_str())).collect();
    assert_eq!(named, [("experiment", "seed = 8"), ("machine.cpu", "another processor")]);
}

#[test]
fn a_run_of_several_builds_or_machines_is_compared_with_nothing() {
    let before = example::run();
    let (started_at, build, machine) = (before.started_at.clone(), before.build.clone(), before.machine.clone());
    let mixed = RunRecord { segments: vec![Segment { started_at, build, machine }], ..before.clone() };
    for (one, other) in [(&before, &mixed), (&mixed, &before), (&mixed, &mixed)] {
        assert_eq!(obstacles(one, other).iter().map(|found| found.field).collect::<Vec<_>>(), ["segments"]);
    }
}

/// Rates of a machine whose repeats scatter by some percent, mostly downwards.
fn noisy(seed: u64, factor: f64) -> Vec<f64> {
    draws(seed).sample_iter(Exponential).take(10).map(|drawn| factor * 100e6 / (1.0 + 0.04 * drawn)).collect()
}

#[test]
fn a_fifth_slower_is_found_in_ten_repeats_and_builds_that_are_alike_hardly_alarm() {
    let worse = |seed: &u64, factor| {
        throughput(&noisy(2 * seed, 1.0), &noisy(2 * seed + 1, factor)).change == MetricChange::Worse
    };
    assert_eq!((0..200).filter(|seed| worse(seed, 1.0 / 1.2)).count(), 200);
    let alarms = (0..200).filter(|seed| worse(seed, 1.0)).count();
    assert!(alarms <= 5, "{alarms} of 200");
}

#[test]
fn a_calibration_says_which_change_is_found_and_hardly_alarms() {
    let of = |rates: Vec<f64>| {
        let (before, after) = (closed(&rates[..10]), closed(&rates[10..]));
        calibrate(&pair(&before, &after).pairs, &METRICS, 7)
    };
    let noise: Vec<f64> = noisy(1, 1.0).into_iter().chain(noisy(2, 1.0)).collect();
    let found = of(noise.clone());
    assert!(found.false_alarms <= found.divisions / 20, "{found:?}");
    let share = |calibration: &Calibration| {
        let of_throughput = calibration.sensitivities.iter().find(|one| one.metric.better == Better::Higher);
        of_throughput.and_then(|one| one.smallest_share)
    };
    let smallest = share(&found).unwrap();
    assert!((0.05..0.2).contains(&smallest), "{smallest}");
    // Ten times the noise hides more.
    let louder = noise.iter().map(|rate| rate * (rate / 100e6).powi(9)).collect();
    assert!(share(&of(louder)).is_none_or(|hidden| hidden > 2.0 * smallest));
    let few = calibrate(&pair(&closed(&STEADY[..3]), &closed(&STEADY[..3])).pairs, &METRICS, 7);
    assert!(few.sensitivities.iter().all(|one| one.smallest_share.is_none() && one.repeats == 3), "{few:?}");
}

#[test]
fn a_metric_that_was_hardly_ever_sampled_is_not_calibrated() {
    let mut cases = closed(&STEADY);
    cases[1..].iter_mut().for_each(|case| case.numbers.as_mut().unwrap().memory.live_bytes_peak = None);
    let found = calibrate(&pair(&cases[..3], &cases[3..]).pairs, &METRICS, 7).sensitivities;
    assert!(!found.is_empty() && found.iter().all(|one| one.repeats == 3), "{found:?}");
}

#[test]
fn a_case_that_begins_to_fail_is_a_new_failure_however_few_repeats_do() {
    let (before, mut after) = (closed(&STEADY), closed(&STEADY));
    after[4].status = Status::Invalid { cause: "lost answers".to_owned() };
    let run = example::run();
    let compared = Comparison::of((&run, &before), (&run, &after));
    let failure = &compared.new_failures[0];
    assert_eq!((failure.failed, failure.repeats, failure.cause.as_str()), (1, 6, "invalid: lost answers"));
    assert_eq!(Comparison::of((&run, &after), (&run, &after)).new_failures, []);
    assert_eq!(Comparison::of((&run, &after), (&run, &before)).new_failures, []);
    // One repeat had failed before, and now all but one do.
    let mut worse = after.clone();
    worse[1..].iter_mut().for_each(|case| case.status = Status::Invalid { cause: "lost answers".to_owned() });
    assert_eq!(Comparison::of((&run, &after), (&run, &worse)).new_failures[0].failed, 5);
}

#[test]
fn a_metric_that_drops_out_is_told() {
    let (before, mut after) = (closed(&STEADY), closed(&STEADY));
    let run = example::run();
    after[0].numbers.as_mut().unwrap().throughput_events_per_s = 0.0;
    after.iter_mut().for_each(|case| case.numbers.as_mut().unwrap().memory.live_bytes_peak = None);
    let compared = Comparison::of((&run, &before), (&run, &after));
    let told: Vec<_> = compared.not_compared.iter().map(|gap| (gap.metric.column, gap.is_missing_after)).collect();
    assert!(
        told.contains(&("throughput_events_per_s", false)) && told.contains(&("live_bytes_peak", true)),
        "{told:?}"
    );
    // Runs that were too short to be sampled say nothing of the build.
    let unsampled = crate::record::Doubt { code: "memory-unsampled".into(), text: "short".into() };
    after.iter_mut().for_each(|case| case.doubts.push(unsampled.clone()));
    let compared = Comparison::of((&run, &before), (&run, &after));
    assert!(compared.not_compared.iter().all(|gap| !gap.is_missing_after), "{:?}", compared.not_compared);
}

#[test]
fn too_few_repeats_for_so_many_metrics_are_told_with_how_many_it_takes() {
    let run = example::run();
    let of = |repeats: usize| {
        let cases = closed(&STEADY.repeat(2)[..repeats]);
        let compared = Comparison::of((&run, &cases), (&run, &cases));
        (compared.cells.len(), compared.repeats_needed())
    };
    assert!(of(5).0 < 7, "{}", of(5).0);
    assert_eq!((of(5).1, of(4).1), (None, Some(5)));
    assert_eq!([6, 7, 23, 24, 948].map(repeats_needed), [5, 6, 6, 7, 9]);
}

#[test]
fn a_repeat_that_is_recorded_twice_counts_once() {
    let before = closed(&STEADY);
    let after = [closed(&times(0.5)), closed(&times(0.5))].concat();
    let cells = compare(&pair(&before, &after).pairs, &METRICS);
    assert!(cells.iter().all(|cell| cell.repeats == (6, 6)));
}

#[test]
fn only_the_metrics_that_were_chosen_are_compared_by_the_thresholds_they_have() {
    let run = example::run();
    let (before, after) = (closed(&STEADY), closed(&times(0.8)));
    let by = |metric| Comparison::by(&[metric], (&run, &before), (&run, &after)).cells;
    let changes = [0.05, 0.5]
        .map(|share| by(METRICS[0].with_material_share(share)).iter().map(|cell| cell.change).collect::<Vec<_>>());
    assert_eq!(changes, [vec![MetricChange::Worse], vec![MetricChange::Same]]);
}

//! What else the data say about a question, sentence by sentence: what fell behind, memory, accuracy, corrections, doubts.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::record::{CaseRecord, Numbers, Status};

use super::said::sentence;
use crate::quantity::Quantity;
use crate::select::{apart_from_seed, case_name, telling_axes};
use crate::tables::{self, KEPT_UP};
use crate::text::counted;

/// Maximum number of cases for which each verdict is named with its case.
const NAMED_CASES: usize = 4;
/// Number of true answers below which a share says little.
const FEW_ANSWERS: u64 = 100;

/// Returns the sentences.
pub(super) fn sentences(cases: &[&CaseRecord], measured: &[&CaseRecord]) -> Vec<String> {
    let sentences = [
        fell_behind(measured),
        memory(measured),
        Some(accuracy(measured)),
        corrections(measured),
        doubts(measured),
        (measured.len() < cases.len()).then(|| coverage(cases, measured.len())),
    ];
    sentences.into_iter().flatten().map(|text| sentence(&text)).collect()
}

/// Says if there are too few true answers for their shares to mean much, and some are not exact.
pub(super) fn few_answers(measured: &[&CaseRecord]) -> Option<String> {
    let truth = numbers(measured).map(|numbers| numbers.accuracy.truth).min()?;
    let differ = numbers(measured).any(|numbers| !tables::is_exact(numbers));
    (differ && truth < FEW_ANSWERS).then(|| {
        format!(
            "The smallest set of true answers has only {}, so its shares mean little",
            counted(truth as usize, "answer")
        )
    })
}

pub(super) fn measured_once(measured: &[&CaseRecord]) -> Option<String> {
    // The worlds of several seeds are as good as repeats.
    let choices: BTreeSet<String> = measured.iter().map(|case| apart_from_seed(case)).collect();
    let once = measured.len() > 1 && choices.len() == measured.len();
    once.then(|| "Each case was measured only once, so small differences may be due to chance".to_owned())
}

fn fell_behind(measured: &[&CaseRecord]) -> Option<String> {
    let behind = |case: &&&CaseRecord| {
        let completed = case.numbers.as_ref().map(|numbers| numbers.throughput_events_per_s);
        completed.zip(case.axes.rate_events_per_s).is_some_and(|(completed, rate)| completed < KEPT_UP * rate)
    };
    let n = measured.iter().filter(behind).count();
    (n > 0).then(|| {
        format!("Fewer events were completed than offered in {n} of {}", counted(measured.len(), "measurement"))
    })
}

/// Returns the memory verdicts, named with their cases if there are few and counted otherwise.
fn memory(measured: &[&CaseRecord]) -> Option<String> {
    let by_case: BTreeMap<usize, &CaseRecord> = measured.iter().map(|case| (case.case, *case)).collect();
    let verdict = |case: &CaseRecord| Some(case.numbers.as_ref()?.memory.growth?.verdict);
    let agree = measured.iter().all(|case| verdict(case) == verdict(by_case[&case.case]));
    if agree
        && (2..=NAMED_CASES).contains(&by_case.len())
        && by_case.values().any(|case| verdict(case) != verdict(measured[0]))
    {
        let axes = telling_axes(measured);
        let named = |case: &&CaseRecord| Some(format!("{} ({})", verdict(case)?.word(), case_name(case, &axes)));
        return Some(format!("Memory {}", by_case.values().filter_map(named).collect::<Vec<_>>().join(", ")));
    }
    let growths = numbers(measured).filter_map(|numbers| numbers.memory.growth);
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for growth in growths {
        *verdicts.entry(growth.verdict.word()).or_default() += 1;
    }
    let words: Vec<String> = verdicts.iter().map(|(verdict, n)| format!("{verdict} in {n}")).collect();
    (!words.is_empty()).then(|| match measured.len() {
        1 => format!("Memory {}", words[0].trim_end_matches(" in 1")),
        all => format!("Memory {} of {}", words.join(", "), counted(all, "measurement")),
    })
}

fn accuracy(measured: &[&CaseRecord]) -> String {
    let off = |numbers: &&Numbers| !tables::is_exact(numbers);
    let (differ, all) = (numbers(measured).filter(off).count(), measured.len());
    if differ == 0 && all == 1 {
        return "Answers exact".to_owned();
    }
    if differ == 0 {
        return format!("Answers exact in all {}", counted(all, "measurement"));
    }
    let share = |part: fn(&Numbers) -> u64| {
        let shares = numbers(measured).map(|numbers| part(numbers) as f64 / numbers.accuracy.truth.max(1) as f64);
        let most = shares.fold(0.0, f64::max);
        (most > 0.0).then(|| Quantity::Share.human(most))
    };
    let shares = [
        (share(|n| n.accuracy.missing), "missing"),
        (share(|n| n.accuracy.spurious), "spurious"),
        (share(|n| n.accuracy.wrong), "wrong"),
    ];
    let most = shares.into_iter().filter_map(|(share, kind)| Some(format!("{} {kind}", share?)));
    let most = most.collect::<Vec<_>>().join(", ");
    format!(
        "Answers differ from the truth, as their settings allow, in {differ} of {}: up to {most}",
        counted(all, "measurement")
    )
}

/// Returns the maximum of retractions per answer; absent if nothing was retracted.
fn corrections(measured: &[&CaseRecord]) -> Option<String> {
    let churn = |case: &&CaseRecord| case.column("churn").and_then(|cell| cell.number());
    let most = measured.iter().filter_map(churn).fold(0.0, f64::max);
    (most > 0.0).then(|| format!("At most {} retractions per answer given", Quantity::Count.human(most)))
}

fn doubts(measured: &[&CaseRecord]) -> Option<String> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for doubt in measured.iter().flat_map(|case| &case.doubts) {
        *codes.entry(&doubt.code).or_default() += 1;
    }
    let doubted = measured.iter().filter(|case| !case.doubts.is_empty()).count();
    let codes: Vec<String> = codes.iter().map(|(code, n)| format!("{code} {n} ×")).collect();
    let all = counted(measured.len(), "measurement");
    let codes = codes.join(", ");
    (doubted > 0).then(|| match measured.len() {
        1 => format!("The measurement carries doubts ({codes})"),
        _ => format!("{doubted} of {all} carry doubts ({codes})"),
    })
}

pub(super) fn coverage(cases: &[&CaseRecord], measured: usize) -> String {
    let failed = cases.iter().filter(|case| matches!(case.status, Status::Failed { .. })).count();
    let invalid = cases.iter().filter(|case| matches!(case.status, Status::Invalid { .. })).count();
    format!("{} of {} have numbers, {failed} failed, {invalid} invalid", measured, counted(cases.len(), "measurement"))
}

fn numbers<'a>(measured: &'a [&CaseRecord]) -> impl Iterator<Item = &'a Numbers> {
    measured.iter().filter_map(|case| case.numbers.as_ref())
}

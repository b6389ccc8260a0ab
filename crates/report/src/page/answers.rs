//! The answer to a question in one paragraph, derived from the data alone.

use std::collections::BTreeMap;

use flowbench_measurement::record::{CaseRecord, FigureKind, FigureSpec, Numbers, QuestionRecord, Status};
use flowbench_measurement::repeats::Spread;

use crate::figures::check::check_figure;
use crate::figures::panels::is_floor;
use crate::figures::scaling::THROUGHPUT;
use crate::figures::{at_level, heat_map};
use crate::quantity::{Quantity, spread_words, words};
use crate::select::{case_name, select, telling_axes};
use crate::tables::{self, KEPT_UP};
use crate::text::counted;
use crate::{Results, compare};

/// Maximum number of headline columns of a question, to keep the paragraph short.
const HEADLINES: usize = 3;
/// Maximum number of cases for which each verdict is named with its case.
const NAMED_CASES: usize = 4;
/// Number of true answers below which a share says little.
const FEW_ANSWERS: u64 = 100;

/// Returns the paragraph: minimum and maximum of the headline columns, how far to trust them, memory and accuracy.
pub(crate) fn in_short(results: &Results, part: &QuestionRecord) -> String {
    let cases: Vec<&CaseRecord> = results.cases.iter().filter(|case| case.part == part.name).collect();
    let measured: Vec<&CaseRecord> = cases.iter().copied().filter(|case| case.numbers.is_some()).collect();
    if measured.is_empty() {
        let without = if cases.is_empty() { "no case has finished".to_owned() } else { coverage(&cases, 0) };
        return format!("No answer: {without}.");
    }
    let columns = headline_columns(part, &measured);
    let mut sentences: Vec<Option<String>> =
        vec![part.figures.iter().find_map(|spec| best_of_rows(results, part, spec))];
    sentences.extend(part.figures.iter().map(|spec| at_level(results, part, spec)));
    sentences.extend(columns.iter().map(|column| headline(results, &measured, column)));
    sentences.extend([
        doubts(&measured),
        measured_once(&measured),
        fell_behind(&measured),
        memory(&measured),
        Some(accuracy(&measured)),
        corrections(&measured),
        (measured.len() < cases.len()).then(|| coverage(&cases, measured.len())),
    ]);
    sentences.into_iter().flatten().map(|sentence| capitalised(&sentence) + ".").collect::<Vec<_>>().join(" ")
}

/// Summarises an at-level figure: where the level is reached.
fn at_level(results: &Results, part: &QuestionRecord, spec: &FigureSpec) -> Option<String> {
    let sound = spec.kind == FigureKind::AtLevel && check_figure(spec).is_ok();
    sound.then(|| at_level::in_short(spec, &select(results, &part.name, spec)))?
}

/// Summarises a heat map: the best in each row.
fn best_of_rows(results: &Results, part: &QuestionRecord, spec: &FigureSpec) -> Option<String> {
    let sound = spec.kind == FigureKind::HeatMap && check_figure(spec).is_ok();
    sound.then(|| heat_map::in_short(spec, &select(results, &part.name, spec)))?
}

/// Returns the distinct columns that the figures are about; without figures, the column that suits the load.
fn headline_columns(part: &QuestionRecord, measured: &[&CaseRecord]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for column in part.figures.iter().filter_map(headline_column) {
        if columns.len() < HEADLINES && !columns.contains(&column) {
            columns.push(column);
        }
    }
    if columns.is_empty() && part.figures.is_empty() {
        // An open loop completes what it is offered: its throughput says nothing.
        let open = measured.iter().all(|case| case.axes.rate_events_per_s.is_some());
        columns.push(if open { "latency_p99_ns" } else { "throughput_events_per_s" }.to_owned());
    }
    columns
}

/// Returns the column that a figure is about; absent if the figure has a sentence of its own.
fn headline_column(figure: &FigureSpec) -> Option<String> {
    let not_floor = figure.columns().find(|column| !is_floor(column));
    let first = not_floor.or(figure.columns().next()).unwrap_or("");
    match (figure.kind, first) {
        (FigureKind::AtLevel | FigureKind::HeatMap | FigureKind::Operators | FigureKind::Answers, _) => None,
        (FigureKind::Sweep | FigureKind::Bars | FigureKind::Stacked, column) => Some(column.to_owned()),
        (FigureKind::Scaling, "") => Some(THROUGHPUT.to_owned()),
        (FigureKind::Scaling, column) => Some(column.to_owned()),
        (FigureKind::Distribution | FigureKind::Ccdf, kind) => Some(format!("{}_p99_ns", kind.replace('-', "_"))),
        (FigureKind::OverTime, column @ ("live_bytes" | "rss_bytes" | "entries" | "buffered" | "backlog")) => {
            Some(format!("{column}_peak"))
        }
        (FigureKind::OverTime, "latency_p50_ns" | "latency_max_ns") => Some(first.to_owned()),
        (FigureKind::OverTime, "newest_event_time_ms" | "watermark_ms") => Some("watermark_lag_peak_ms".to_owned()),
        (FigureKind::OverTime, _) => Some("throughput_events_per_s".to_owned()),
    }
}

/// Returns the minimum and maximum median of a column over the cases; absent if no case has a value.
fn headline(results: &Results, measured: &[&CaseRecord], column: &str) -> Option<String> {
    let mut by_case: BTreeMap<usize, (&CaseRecord, Vec<f64>)> = BTreeMap::new();
    for case in measured {
        if let Some(value) = compare::column(results, case, column).and_then(|cell| cell.number()) {
            by_case.entry(case.case).or_insert((case, Vec::new())).1.push(value);
        }
    }
    let spreads: Vec<(&CaseRecord, Spread)> =
        by_case.into_values().filter_map(|(case, values)| Some((case, Spread::of(&values)?))).collect();
    let by_median = |a: &&(&CaseRecord, Spread), b: &&(&CaseRecord, Spread)| a.1.median.total_cmp(&b.1.median);
    let (highest, lowest) = (spreads.iter().max_by(by_median)?, spreads.iter().min_by(by_median)?);
    let (quantity, name) = (Quantity::of(column), words(column));
    let in_words = |spread: &Spread| spread_words(spread, f64::INFINITY, |value| quantity.human(value));
    if quantity.human(highest.1.median) == quantity.human(lowest.1.median) {
        let cases = match spreads.len() {
            1 => String::new(),
            2 => " in both cases".to_owned(),
            n => format!(" in all {n} cases"),
        };
        return Some(format!("{name} {}{cases}", in_words(&highest.1)));
    }
    let axes = telling_axes(measured);
    let one = |(case, spread): &(&CaseRecord, Spread)| format!("{} ({})", in_words(spread), case_name(case, &axes));
    let ratio = highest.1.median / lowest.1.median;
    let factor = match quantity {
        _ if highest.1.low <= lowest.1.high => ", not distinguishable".to_owned(),
        Quantity::Share => String::new(),
        _ if lowest.1.median > 0.0 => format!(", a factor of {}", Quantity::Count.human(ratio)),
        _ => String::new(),
    };
    Some(format!("{name} between {} and {}{factor}", one(lowest), one(highest)))
}

fn measured_once(measured: &[&CaseRecord]) -> Option<String> {
    let once = measured.len() > 1 && measured.iter().all(|case| case.repeat == 1);
    once.then(|| "each case was measured only once, so small differences may be due to chance".to_owned())
}

fn fell_behind(measured: &[&CaseRecord]) -> Option<String> {
    let behind = |case: &&&CaseRecord| {
        let completed = case.numbers.as_ref().map(|numbers| numbers.throughput_events_per_s);
        completed.zip(case.axes.rate_events_per_s).is_some_and(|(completed, rate)| completed < KEPT_UP * rate)
    };
    let n = measured.iter().filter(behind).count();
    (n > 0).then(|| {
        format!("fewer events were completed than offered in {n} of {}", counted(measured.len(), "measurement"))
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
        return Some(format!("memory {}", by_case.values().filter_map(named).collect::<Vec<_>>().join(", ")));
    }
    let growths = numbers(measured).filter_map(|numbers| numbers.memory.growth);
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for growth in growths {
        *verdicts.entry(growth.verdict.word()).or_default() += 1;
    }
    let words: Vec<String> = verdicts.iter().map(|(verdict, n)| format!("{verdict} in {n}")).collect();
    (!words.is_empty()).then(|| format!("memory {} of {}", words.join(", "), counted(measured.len(), "measurement")))
}

fn accuracy(measured: &[&CaseRecord]) -> String {
    let off = |numbers: &&Numbers| !tables::is_exact(numbers);
    let (differ, all) = (numbers(measured).filter(off).count(), measured.len());
    if differ == 0 {
        return format!("answers exact in all {}", counted(all, "measurement"));
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
    let truth = numbers(measured).map(|numbers| numbers.accuracy.truth).min().unwrap_or(0);
    let few = match truth < FEW_ANSWERS {
        true => format!(
            "; the smallest set of true answers has only {}, so its shares mean little",
            counted(truth as usize, "answer")
        ),
        false => String::new(),
    };
    format!(
        "answers differ from the truth, as their settings allow, in {differ} of {}: up to {most}{few}",
        counted(all, "measurement")
    )
}

/// Returns the maximum of retractions per answer; absent if nothing was retracted.
fn corrections(measured: &[&CaseRecord]) -> Option<String> {
    let churn = |case: &&CaseRecord| case.column("churn").and_then(|cell| cell.number());
    let most = measured.iter().filter_map(churn).fold(0.0, f64::max);
    (most > 0.0).then(|| format!("at most {} retractions per answer given", Quantity::Count.human(most)))
}

fn doubts(measured: &[&CaseRecord]) -> Option<String> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for doubt in measured.iter().flat_map(|case| &case.doubts) {
        *codes.entry(&doubt.code).or_default() += 1;
    }
    let doubted = measured.iter().filter(|case| !case.doubts.is_empty()).count();
    let codes: Vec<String> = codes.iter().map(|(code, n)| format!("{code} {n} ×")).collect();
    let all = counted(measured.len(), "measurement");
    (doubted > 0).then(|| format!("caution: {doubted} of {all} carry doubts ({}), listed below", codes.join(", ")))
}

fn coverage(cases: &[&CaseRecord], measured: usize) -> String {
    let failed = cases.iter().filter(|case| matches!(case.status, Status::Failed { .. })).count();
    let invalid = cases.iter().filter(|case| matches!(case.status, Status::Invalid { .. })).count();
    format!("{} of {} have numbers, {failed} failed, {invalid} invalid", measured, counted(cases.len(), "measurement"))
}

fn numbers<'a>(measured: &'a [&CaseRecord]) -> impl Iterator<Item = &'a Numbers> {
    measured.iter().filter_map(|case| case.numbers.as_ref())
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

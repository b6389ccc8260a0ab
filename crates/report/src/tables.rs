//! Tables of the cases for the report, and the words of their cells.

use std::collections::BTreeMap;

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{Accuracy, CaseRecord, Numbers, Verdict};
use flowbench_measurement::repeats::{SCATTERED_LATENCIES, SCATTERED_RATES, Spread};
use flowbench_measurement::statistics::{MEDIAN_INTERVAL_SAMPLES, median};

use crate::Results;
use crate::compare;
use crate::doubted::DIRTY_TREE;
use crate::quantity::{Quantity, SpreadForm, spread_words, spread_words_as};
use crate::select::{case_name, readable, telling_axes};
use crate::table::{Column, LEFT, NONE, RIGHT, Table, WORDS};

/// Share of the offered rate at which an open loop counts as having kept up: the last events complete shortly after
/// they are due.
pub(crate) const KEPT_UP: f64 = 0.98;

/// Returns cases of a question, given their repeats, as a table: a column for each axis that varies, medians over the
/// repeats, the worst verdict and the first doubt.
pub(crate) fn cases_of(results: &Results, repeats: &[&Vec<&CaseRecord>]) -> Table {
    let all: Vec<&CaseRecord> = repeats.iter().flat_map(|of_case| of_case.iter().copied()).collect();
    let mut axes = telling_axes(&all);
    // The rate stands in the column of the throughput.
    axes.retain(|axis| *axis != "rate_events_per_s");
    if axes.is_empty() {
        axes.push("pipeline");
    }
    let mut columns = vec![Column { title: "#", ..RIGHT }];
    columns.extend(axes.iter().map(|axis| axis_column(axis)));
    columns.extend([
        Column { title: "n", ..RIGHT },
        Column { title: "events/s", ..RIGHT },
        Column { title: "speed-up", ..RIGHT },
        Column { title: "p50", ..RIGHT },
        Column { title: "p99", ..RIGHT },
        Column { title: "memory", ..LEFT },
        Column { title: "answers", ..LEFT },
        Column { title: "churn", ..LEFT },
        Column { title: "doubts", is_doubt: true, ..WORDS },
    ]);
    let rows = repeats.iter().map(|repeats| row(results, repeats, &axes)).collect();
    let mut table = Table { columns, rows };
    if repeats.iter().all(|of_case| of_case.len() == repeats[0].len()) {
        table.drop_column("n");
    }
    table.drop_if_all("speed-up", &[NONE]);
    table.drop_if_all("memory", &[NONE]);
    table.drop_if_all("churn", &[NONE, "0"]);
    table
}

/// Returns the measured repeats of each case of a question, by case number.
pub(crate) fn repeats_of_cases<'a>(results: &'a Results, part: &str) -> BTreeMap<usize, Vec<&'a CaseRecord>> {
    let mut repeats: BTreeMap<usize, Vec<&CaseRecord>> = BTreeMap::new();
    for case in results.cases.iter().filter(|case| case.part == part && case.numbers.is_some()) {
        repeats.entry(case.case).or_default().push(case);
    }
    repeats
}

/// Returns ` (medians of 3 repeats, with the range in brackets)`, or ` (each measured once)`.
pub(crate) fn repeats_words(results: &Results, part: &str) -> String {
    match spread_kind(results, part) {
        None => String::new(),
        Some((_, None)) => " (each measured once)".to_owned(),
        Some((count, Some(kind))) => format!(" (medians of {count} repeats, with {kind} in brackets)"),
    }
}

/// Returns the number of repeats of the cases of a question, such as `3` or `2 to 3`, and what their range is; absent
/// without numbers, and no range if each case was measured once.
pub(crate) fn spread_kind(results: &Results, part: &str) -> Option<(String, Option<String>)> {
    let counts = || repeats_of_cases(results, part).into_values().map(|repeats| repeats.len());
    let (least, most) = (counts().min()?, counts().max()?);
    let kind = match Spread::kind(least) == Spread::kind(most) {
        true => Spread::kind(most).to_owned(),
        false => format!("{}, from {MEDIAN_INTERVAL_SAMPLES} on {}", Spread::kind(least), Spread::kind(most)),
    };
    let count = if least < most { format!("{least} to {most}") } else { most.to_string() };
    Some((count, (most > 1).then_some(kind)))
}

/// Returns the cases without numbers and their causes as a table.
pub(crate) fn failures(results: &Results) -> Table {
    let axes = telling_axes(&results.cases.iter().collect::<Vec<_>>());
    let columns = vec![
        Column { title: "case", ..RIGHT },
        Column { title: "what", ..WORDS },
        Column { title: "outcome", ..LEFT },
        Column { title: "cause", ..WORDS },
    ];
    let row = |case: &CaseRecord| {
        let cause = case.status.cause().unwrap_or("no numbers recorded").to_owned();
        vec![case.tag(), case_name(case, &axes), case.status.word().to_owned(), cause]
    };
    Table { columns, rows: results.cases.iter().filter(|case| case.numbers.is_none()).map(row).collect() }
}

/// Returns the requested and the generated disorder as a table, with a row for each trace for which disorder was
/// requested.
pub(crate) fn asked(results: &Results) -> Table {
    let columns = vec![
        Column { title: "trace", ..LEFT },
        Column { title: "world", ..LEFT },
        Column { title: "out of order: requested", ..RIGHT },
        Column { title: "generated", ..RIGHT },
        Column { title: "duplicates: requested", ..RIGHT },
        Column { title: "generated", ..RIGHT },
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for case in &results.cases {
        let disorder = case.numbers.as_ref().map(|numbers| numbers.disorder).unwrap_or_default();
        if disorder.out_of_order_share_asked.or(disorder.duplicates_share_asked).is_none() {
            continue;
        }
        let columns = [
            "trace",
            "world",
            "out_of_order_share_asked",
            "out_of_order_share",
            "duplicates_share_asked",
            "duplicates_share",
        ];
        let row = columns.map(|column| axis_value(column, &case.column(column).unwrap_or(Cell::Empty))).to_vec();
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let mut table = Table { columns, rows };
    table.drop_if_all("world", &[NONE]);
    table
}

/// Returns true if the answers are exactly the true ones.
pub(crate) fn is_exact(numbers: &Numbers) -> bool {
    let accuracy = numbers.accuracy;
    accuracy.missing == 0 && accuracy.spurious == 0 && accuracy.wrong == 0
}

/// Formats the accuracy of a case: `exact`, or missing, spurious and wrong answers in whole percent of the true ones.
fn answers(numbers: &Numbers) -> String {
    let accuracy = numbers.accuracy;
    if is_exact(numbers) {
        return "exact".to_owned();
    }
    let signed =
        |sign: char, n: u64| (n > 0).then(|| format!("{sign}{}", percent(n as f64 / accuracy.truth.max(1) as f64)));
    let words = [signed('-', accuracy.missing), signed('+', accuracy.spurious), signed('≠', accuracy.wrong)];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn row(results: &Results, repeats: &[&CaseRecord], axes: &[&str]) -> Vec<String> {
    let numbers: Vec<&Numbers> = repeats.iter().filter_map(|case| case.numbers.as_ref()).collect();
    let latency = |value: fn(&Numbers) -> Option<u64>| {
        let values: Vec<f64> = numbers.iter().filter_map(|numbers| value(numbers)).map(|ns| ns as f64).collect();
        let words = |spread| spread_words(&spread, SCATTERED_LATENCIES, |ns| Quantity::Nanoseconds.human(ns));
        Spread::of(&values).map_or(NONE.to_owned(), words)
    };
    let cells: BTreeMap<&str, Cell> = repeats[0].columns().into_iter().collect();
    let mut row = vec![repeats[0].case.to_string()];
    row.extend(axes.iter().map(|axis| axis_value(axis, &cells[axis])));
    row.extend([
        repeats.len().to_string(),
        throughput(repeats, SpreadForm::Ends),
        speed_up(results, repeats),
        latency(|numbers| numbers.latency.p50_ns),
        latency(|numbers| numbers.latency.p99_ns),
        verdict(&numbers),
        worst_answers(&numbers),
        churn(&numbers),
        codes(repeats),
    ]);
    row
}

/// Formats a speed-up without its range, to save width: `~` says that the range includes 1. The single thread has 1 by
/// definition.
pub(crate) fn speed_up(results: &Results, repeats: &[&CaseRecord]) -> String {
    let Some(spread) = compare::speed_up_spread(results, repeats) else { return NONE.to_owned() };
    let is_single = repeats[0].axes.strategy == compare::SINGLE_THREAD;
    let reaches_1 = spread.repeats > 1 && spread.low <= 1.0 && spread.high >= 1.0;
    let about = if reaches_1 && !is_single { "~" } else { "" };
    format!("{about}{}", Quantity::Factor.human(spread.median))
}

/// Returns the column of an axis, with a short title.
pub(crate) fn axis_column(axis: &'static str) -> Column {
    match axis {
        "slack_ms" => Column { title: "slack", ..RIGHT },
        "workers" => Column { title: "workers", ..RIGHT },
        "records_per_epoch" => Column { title: "epoch", ..RIGHT },
        "deduplicate" => Column { title: "dedup", ..LEFT },
        "idle_ms" => Column { title: "idle", ..RIGHT },
        "rate_share" => Column { title: "share", ..RIGHT },
        title => Column { title, ..WORDS },
    }
}

pub(crate) fn axis_value(axis: &str, cell: &Cell) -> String {
    match (axis, cell) {
        (_, Cell::Empty) => NONE.to_owned(),
        ("slack_ms", Cell::Integer(0)) => "0".to_owned(),
        ("deduplicate", cell) => (if cell.to_string() == "true" { "yes" } else { "no" }).to_owned(),
        (axis, cell) => readable(axis, cell),
    }
}

/// Formats the events completed per second: in an open loop the offered rate, or `612k of 2M` where it fell behind; for
/// a search the rate it found.
pub(crate) fn throughput(repeats: &[&CaseRecord], form: SpreadForm) -> String {
    let rate = |numbers: &Numbers| match &numbers.sustainable {
        Some(found) => found.rate_events_per_s,
        None => numbers.throughput_events_per_s,
    };
    let values: Vec<f64> = repeats.iter().filter_map(|case| case.numbers.as_ref()).map(rate).collect();
    let given = repeats.iter().filter(|case| !case.axes.load.starts_with("search"));
    let offered = median(&given.filter_map(|case| case.axes.rate_events_per_s).collect::<Vec<_>>());
    let Some(completed) = Spread::of(&values) else { return NONE.to_owned() };
    let words = |value| Quantity::Count.human(value);
    match offered {
        Some(offered) if completed.median < KEPT_UP * offered => {
            format!("{} of {}", words(completed.median), words(offered))
        }
        Some(offered) => words(offered),
        None => spread_words_as(form, &completed, SCATTERED_RATES, words),
    }
}

/// Returns the worst memory verdict of the repeats: growing before inconclusive before bounded.
pub(crate) fn verdict(numbers: &[&Numbers]) -> String {
    let verdicts = || numbers.iter().filter_map(|numbers| numbers.memory.growth).map(|growth| growth.verdict);
    let worst = [Verdict::Growing, Verdict::Inconclusive, Verdict::Bounded];
    let worst = worst.into_iter().find(|verdict| verdicts().any(|other| other == *verdict));
    worst.map_or(NONE, |verdict| verdict.word()).to_owned()
}

pub(crate) fn worst_answers(numbers: &[&Numbers]) -> String {
    let off = |accuracy: &Accuracy| accuracy.missing + accuracy.spurious + accuracy.wrong;
    let worst = numbers.iter().max_by_key(|numbers| off(&numbers.accuracy));
    worst.map_or(NONE.to_owned(), |numbers| answers(numbers))
}

/// Formats the retractions per answer given and the share of answers that were corrected: `0.27, 12%`.
pub(crate) fn churn(numbers: &[&Numbers]) -> String {
    let middle = |count: fn(&Accuracy) -> u64| {
        let answered = numbers.iter().map(|numbers| &numbers.accuracy).filter(|accuracy| accuracy.given > 0);
        median(&answered.map(|accuracy| count(accuracy) as f64 / accuracy.given as f64).collect::<Vec<_>>())
    };
    match (middle(|accuracy| accuracy.retractions), middle(|accuracy| accuracy.corrected)) {
        (Some(0.0), _) => "0".to_owned(),
        (Some(churn), Some(corrected)) if churn < 0.01 => format!("<0.01, {}", percent(corrected)),
        (Some(churn), Some(corrected)) => format!("{churn:.2}, {}", percent(corrected)),
        _ => NONE.to_owned(),
    }
}

/// Formats a share in whole percent.
fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent < 1.0 => "<1%".to_owned(),
        // Nearly all is not all.
        percent if percent < 100.0 => format!("{:.0}%", percent.min(99.0)),
        percent => format!("{percent:.0}%"),
    }
}

/// Returns the code of the first doubt and the number of others; the report lists them all. That the tree was dirty comes
/// last, for it concerns every case and no number.
pub(crate) fn codes(repeats: &[&CaseRecord]) -> String {
    let mut codes: Vec<&str> = repeats.iter().flat_map(|case| &case.doubts).map(|doubt| doubt.code.as_str()).collect();
    codes.sort_unstable_by_key(|code| (*code == DIRTY_TREE, *code));
    codes.dedup();
    match codes.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, others @ ..] => format!("{first} +{}", others.len()),
    }
}

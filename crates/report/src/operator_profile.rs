//! Busy time by operator and load by channel of cases with operator logging: medians over the repeats, and tables.

use std::collections::BTreeMap;

use flowbench_measurement::record::{CaseRecord, ChannelLoad, OperatorTime};
use flowbench_measurement::statistics::median;

use crate::Results;
use crate::quantity::Quantity;
use crate::results::rows_of;
use crate::table::{Column, LEFT, RIGHT, Table};

/// Returns the busy time by worker and operator, the busiest operator of a worker first, as medians over the logged
/// ones of these cases.
pub(crate) fn operators(results: &Results, cases: &[&CaseRecord]) -> Vec<OperatorTime> {
    let of_cases = cases.iter().flat_map(|case| rows_of(&results.operators, |row| (row.case, row.repeat), case));
    let rows = of_cases.map(|row| {
        let seen = &row.seen;
        ((row.case, row.repeat), (seen.worker, seen.operator.as_str()), [seen.activations, seen.busy_ns])
    });
    let mut operators: Vec<OperatorTime> = (medians(rows).into_iter())
        .map(|(worker, operator, [activations, busy_ns])| OperatorTime { worker, operator, activations, busy_ns })
        .collect();
    operators.sort_by_key(|of| (of.worker, u64::MAX - of.busy_ns));
    operators
}

/// Returns the load by worker and channel, the busiest channel of a worker first, as medians over the logged ones of
/// these cases.
fn channels(results: &Results, cases: &[&CaseRecord]) -> Vec<ChannelLoad> {
    let of_cases = cases.iter().flat_map(|case| rows_of(&results.channels, |row| (row.case, row.repeat), case));
    let rows = of_cases.map(|row| {
        let seen = &row.seen;
        ((row.case, row.repeat), (seen.worker, seen.channel.as_str()), [seen.messages, seen.records])
    });
    let mut channels: Vec<ChannelLoad> = (medians(rows).into_iter())
        .map(|(worker, channel, [messages, records])| ChannelLoad { worker, channel, messages, records })
        .collect();
    channels.sort_by_key(|of| (of.worker, u64::MAX - of.records));
    channels
}

/// Returns true if operators or channels were logged in any of these cases.
pub(crate) fn is_logged(results: &Results, cases: &[&CaseRecord]) -> bool {
    cases.iter().any(|case| {
        let operators = rows_of(&results.operators, |row| (row.case, row.repeat), case);
        !operators.is_empty() || !rows_of(&results.channels, |row| (row.case, row.repeat), case).is_empty()
    })
}

/// Returns the tables of operators and of channels of a case, given its repeats; both are empty without logging.
pub(crate) fn tables(results: &Results, repeats: &[&CaseRecord]) -> [Table; 2] {
    [operators_table(&operators(results, repeats)), channels_table(&channels(results, repeats))]
}

/// Returns a sentence on the overhead of logging in the cases of a part; absent if no case was run with and without
/// logging.
pub(crate) fn cost_of_logging(results: &Results, part: &str) -> Option<String> {
    let of_part = results.cases.iter().filter(|case| case.part == part);
    let share = |case: &CaseRecord| case.numbers.as_ref()?.sharing.logging_overhead_share;
    let shares: Vec<f64> = of_part.filter_map(share).collect();
    let least = shares.iter().copied().min_by(f64::total_cmp)?;
    let most = shares.iter().copied().max_by(f64::total_cmp)?;
    let longer = match median(&shares)? {
        middle if middle > 0.0 => format!("{} longer", Quantity::Share.human(middle)),
        _ => "no longer than without it".to_owned(),
    };
    let [least, most] = [least, most].map(|share| Quantity::Share.human(share));
    Some(format!(
        "With operator logging, workers were busy {longer} (median; {least} to {most}). All other numbers come from \
         runs without logging."
    ))
}

fn operators_table(operators: &[OperatorTime]) -> Table {
    let of_worker = |worker| operators.iter().filter(|of| of.worker == worker).map(|of| of.busy_ns).sum::<u64>();
    let duration = |ns: u64| Quantity::Nanoseconds.human(ns as f64);
    let row = |of: &OperatorTime| {
        vec![
            of.worker.to_string(),
            of.operator.clone(),
            duration(of.busy_ns),
            Quantity::Share.human(of.busy_ns as f64 / of_worker(of.worker).max(1) as f64),
            Quantity::Count.human(of.activations as f64),
            duration(of.busy_ns / of.activations.max(1)),
        ]
    };
    let columns = columns("operator", &["busy", "of its worker", "activations", "each"]);
    Table { columns, rows: operators.iter().map(row).collect() }
}

fn channels_table(channels: &[ChannelLoad]) -> Table {
    let count = |count: f64| Quantity::Count.human(count);
    let row = |of: &ChannelLoad| {
        let each = of.records as f64 / of.messages.max(1) as f64;
        vec![
            of.worker.to_string(),
            of.channel.clone(),
            count(of.messages as f64),
            count(of.records as f64),
            count(each),
        ]
    };
    Table { columns: columns("channel", &["messages", "records", "each"]), rows: channels.iter().map(row).collect() }
}

fn columns(named: &'static str, counted: &[&'static str]) -> Vec<Column> {
    let first = [Column { title: "worker", ..RIGHT }, Column { title: named, ..LEFT }];
    first.into_iter().chain(counted.iter().map(|title| Column { title, ..RIGHT })).collect()
}

/// Two counts by case number and repeat.
type ByCase = BTreeMap<(usize, usize), [u64; 2]>;

/// Returns medians of two counts over the measurements of some rows, by worker and name. Counts that share a name within a case are
/// summed.
fn medians<'a>(
    rows: impl Iterator<Item = ((usize, usize), (usize, &'a str), [u64; 2])>,
) -> Vec<(usize, String, [u64; 2])> {
    let mut counts: BTreeMap<(usize, &str), ByCase> = BTreeMap::new();
    for (case, of, [first, second]) in rows {
        let sums = counts.entry(of).or_default().entry(case).or_default();
        *sums = [sums[0].saturating_add(first), sums[1].saturating_add(second)];
    }
    let middle = |counts: &ByCase, n: usize| {
        let counts: Vec<f64> = counts.values().map(|counts| counts[n] as f64).collect();
        median(&counts).map_or(0, |count| count.round() as u64)
    };
    let row = |((worker, name), counts): ((usize, &str), ByCase)| {
        (worker, name.to_owned(), [middle(&counts, 0), middle(&counts, 1)])
    };
    counts.into_iter().map(row).collect()
}

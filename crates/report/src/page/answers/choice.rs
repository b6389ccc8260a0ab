//! The choices of a question: the repeats of a case together, with what they lose and what is doubted of them.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{CaseRecord, Doubt, Verdict};
use flowbench_measurement::repeats::{SCATTERED_LATENCIES, SCATTERED_RATES, Spread};

use crate::Results;
use crate::compare::speed_up_spread;
use crate::quantity::{Quantity, scatters, spread_words, words};
use crate::select::{AXES, Chosen, Selection, telling_axes, value_name};
use crate::tables::KEPT_UP;

/// Axes that a question is asked about; the others are answers to it.
const GIVEN: [&str; 9] =
    ["pipeline", "settings", "trace", "seed", "world", "fault", "load", "rate_events_per_s", "rate_share"];
/// Doubts about memory alone.
const OF_MEMORY: [&str; 4] = ["short-run", "memory-count", "memory-unsampled", "memory-uncounted"];

/// The measured repeats of one choice.
pub(super) struct Choice<'a> {
    cases: Vec<&'a Chosen<'a>>,
    /// Speed-up with the spread of the single thread included; absent without one.
    pub(super) speed_up: Option<Spread>,
}

/// Returns the choices of a selection in the order of their numbers.
pub(super) fn choices<'a>(results: &Results, selection: &'a Selection<'a>) -> Vec<Choice<'a>> {
    let mut by_number: BTreeMap<usize, Vec<&Chosen>> = BTreeMap::new();
    for case in &selection.cases {
        by_number.entry(case.choice).or_default().push(case);
    }
    let choice = |cases: Vec<&'a Chosen<'a>>| {
        let records: Vec<&CaseRecord> = cases.iter().map(|case| case.record).collect();
        Choice { cases, speed_up: speed_up_spread(results, &records) }
    };
    by_number.into_values().map(choice).collect()
}

/// Returns the axes that tell choices apart, divided into those that are given and those that are chosen.
pub(super) fn given_and_chosen(choices: &[Choice]) -> (Vec<&'static str>, Vec<&'static str>) {
    let records: Vec<&CaseRecord> = choices.iter().map(Choice::record).collect();
    let mut axes = telling_axes(&records);
    // What a search finds is a result, and settings that follow from the pipeline say nothing new.
    if records.iter().any(|record| record.axes.rate_share.is_some()) {
        axes.retain(|axis| !["rate_events_per_s", "records_per_epoch"].contains(axis));
    }
    let mut of_pipeline: BTreeMap<&str, &[String]> = BTreeMap::new();
    let follow = records.iter().all(|record| {
        let settings = record.axes.settings.as_slice();
        *of_pipeline.entry(&record.axes.pipeline).or_insert(settings) == settings
    });
    if follow {
        axes.retain(|axis| *axis != "settings");
    }
    axes.into_iter().partition(|axis| is_given(axis))
}

/// Returns true for a column that belongs to the question: a given axis, or a property of the trace.
pub(super) fn is_given(column: &str) -> bool {
    GIVEN.contains(&column) || column.ends_with("_asked")
}

/// Returns true for a column whose values are chosen to answer the question.
pub(super) fn is_chosen(column: &str) -> bool {
    AXES.contains(&column) && !is_given(column) || column == "total_workers"
}

impl<'a> Choice<'a> {
    /// Returns the first repeat.
    pub(super) fn record(&self) -> &'a CaseRecord {
        self.cases[0].record
    }

    /// Returns all repeats, in the worlds of all seeds.
    pub(super) fn records(&self) -> impl Iterator<Item = &'a CaseRecord> {
        self.cases.iter().map(|case| case.record)
    }

    pub(super) fn cell(&self, column: &str) -> &'a Cell {
        self.cases[0].cell(column)
    }

    pub(super) fn spread(&self, column: &str) -> Option<Spread> {
        let values: Vec<f64> = self.cases.iter().filter_map(|case| case.cell(column).number()).collect();
        Spread::of(&values)
    }

    /// Returns the share of the true answers that the worst repeat loses.
    pub(super) fn loss(&self) -> f64 {
        let losses = self.cases.iter().filter_map(|case| {
            let accuracy = case.record.numbers.as_ref()?.accuracy;
            let lost = accuracy.missing + accuracy.spurious + accuracy.wrong;
            Some(lost as f64 / accuracy.truth.max(1) as f64)
        });
        losses.fold(0.0, f64::max)
    }

    /// Says what share of the answers is not right: `5 % of the answers lost`, or `lost or wrong`.
    pub(super) fn lost(&self, loss: f64) -> String {
        let accuracy = self.records().filter_map(|record| Some(record.numbers.as_ref()?.accuracy));
        let is_lost = accuracy.map(|accuracy| accuracy.spurious + accuracy.wrong).sum::<u64>() == 0;
        let how = if is_lost { "lost" } else { "lost or wrong" };
        format!("{} of the answers {how}", Quantity::Share.human(loss))
    }

    /// Returns the worst memory verdict of the repeats; absent if memory was not judged.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let verdicts = self.cases.iter().filter_map(|case| Some(case.record.numbers.as_ref()?.memory.growth?.verdict));
        verdicts.max_by_key(|verdict| match verdict {
            Verdict::Bounded => 0,
            Verdict::Inconclusive => 1,
            Verdict::Growing => 2,
        })
    }

    /// Returns true if every repeat of an open loop completed what it was offered, in time.
    pub(super) fn keeps_up(&self) -> bool {
        self.cases.iter().all(|case| {
            let completed = case.record.numbers.as_ref().map(|numbers| numbers.throughput_events_per_s);
            let offered = case.record.axes.rate_events_per_s;
            let in_time = case.record.doubts.iter().all(|doubt| doubt.code != "not-sustained");
            in_time && completed.zip(offered).is_some_and(|(completed, offered)| completed >= KEPT_UP * offered)
        })
    }

    /// Returns the codes of the doubts that concern a column. What follows from the trace alone is not in doubt.
    pub(super) fn doubts_of(&self, column: &str) -> BTreeSet<String> {
        let about_memory = is_memory(column);
        // Repeats scatter in what the doubt names.
        let named = words(column);
        let concerns = |doubt: &&Doubt| doubt.code != "scattered" || !is_latency(column) || doubt.text.contains(&named);
        let doubts = self.cases.iter().flat_map(|case| &case.record.doubts).filter(concerns);
        let codes = doubts.map(|doubt| doubt.code.as_str());
        codes.filter(|code| scatters(column) && OF_MEMORY.contains(code) == about_memory).map(str::to_owned).collect()
    }

    /// Formats the median of a column with its interval: `14 µs [13–15]`; `~` says that the interval is wide.
    pub(super) fn words(&self, column: &str) -> String {
        self.spread(column).map_or(String::new(), |spread| value_words(column, &spread))
    }

    /// Names the choice by some columns: `exchange, 2 workers`.
    pub(super) fn name(&self, columns: &[&str]) -> String {
        let names = columns.iter().filter_map(|column| match (*column, self.cell(column)) {
            ("eviction", cell) => Some(cell.to_string()),
            ("settings", cell) if cell.to_string().is_empty() => Some("defaults".to_owned()),
            ("settings", cell) => Some(cell.to_string()),
            ("world", cell) if cell.to_string().contains('=') => Some(short_world(&cell.to_string())),
            (column, cell) => value_name(column, cell),
        });
        names.collect::<Vec<_>>().join(", ")
    }
}

/// Returns the last two words of a parameter: `disorder.share=0.2` for `transport.disorder.share=0.2`.
fn short_world(world: &str) -> String {
    let (name, value) = world.split_once('=').unwrap_or((world, ""));
    let words: Vec<&str> = name.split('.').collect();
    format!("{}={value}", words[words.len().saturating_sub(2)..].join("."))
}

/// Returns true for a quantile of the latency that repeats are compared by.
fn is_latency(column: &str) -> bool {
    ["latency_p50_ns", "latency_p99_ns"].contains(&column)
}

/// Returns true for a column about what is held.
pub(super) fn is_memory(column: &str) -> bool {
    ["bytes_peak", "bytes_residual", "growth", "live_bytes", "rss_bytes", "payload_ratio"]
        .iter()
        .any(|word| column.contains(word))
}

/// Formats a spread in the unit of its column.
pub(super) fn value_words(column: &str, spread: &Spread) -> String {
    let factor = if column.ends_with("_ns") { SCATTERED_LATENCIES } else { SCATTERED_RATES };
    let quantity = Quantity::of(column);
    spread_words(spread, factor, |value| quantity.human(value))
}

/// Returns the quotient of two medians with the interval that it may have.
pub(super) fn ratio(over: &Spread, under: &Spread) -> Option<Spread> {
    let sound = under.low > 0.0 && over.low >= 0.0;
    sound.then(|| Spread {
        median: over.median / under.median,
        low: over.low / under.high,
        high: over.high / under.low,
        repeats: over.repeats.min(under.repeats),
    })
}

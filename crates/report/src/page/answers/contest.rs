//! Which choice is best: contenders, such as strategies, in rows that are not to be compared, such as pipelines. A choice
//! whose answers differ from the truth does not compete with one whose answers are exact.

use std::collections::BTreeMap;

use flowbench_measurement::repeats::Spread;

use super::choice::{Choice, is_given};
use super::said::{joined, strong};
use crate::chart::Point;
use crate::compare::{SINGLE_THREAD, told_apart};
use crate::quantity::{more_is_better, scatters, words};
use crate::select::varying_axes;

/// Difference of the lost shares up to which two inexact choices compete.
const SAME_LOSS: f64 = 1e-4;

/// The choices of a question by row and contender.
pub(super) struct Contest<'a> {
    pub(super) column: &'a str,
    /// What the rows are, such as `pipelines`.
    pub(super) rows_are: String,
    pub(super) rows: Vec<Row<'a>>,
}

pub(super) struct Row<'a> {
    pub(super) name: String,
    pub(super) entries: Vec<Entry<'a>>,
}

/// The best choice of a contender in a row.
pub(super) struct Entry<'a> {
    pub(super) contender: String,
    /// How it differs from other choices of the contender: `2 workers`.
    on: String,
    pub(super) choice: &'a Choice<'a>,
    pub(super) spread: Spread,
    pub(super) loss: f64,
}

/// What became of a row.
pub(super) struct Outcome<'c, 'a> {
    pub(super) winner: &'c Entry<'a>,
    /// Contenders that cannot be told from the winner.
    pub(super) tied: Vec<&'c Entry<'a>>,
    /// A contender with a better number that loses more answers.
    pub(super) tempting: Option<&'c Entry<'a>>,
    /// The single thread, or the choice that never forgets; else the next best one.
    pub(super) against: Option<&'c Entry<'a>>,
}

impl<'a> Contest<'a> {
    pub(super) fn of(choices: &'a [Choice<'a>], rows: &[&str], contenders: &[&str], column: &'a str) -> Contest<'a> {
        let differ = differing_axes(choices, rows, contenders);
        // Nobody chooses a world: what it costs is compared whatever is lost in it.
        let all_given = contenders.iter().all(|column| is_given(column));
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut contest = Contest { column, rows_are: rows_are(rows), rows: Vec::new() };
        for choice in choices {
            let Some(spread) = choice.spread(column) else { continue };
            let name = choice.name(rows);
            let place = *places.entry(name.clone()).or_insert(contest.rows.len());
            if place == contest.rows.len() {
                contest.rows.push(Row { name, entries: Vec::new() });
            }
            let (contender, on) = (choice.name(contenders), choice.name(&differ));
            let loss = if all_given { 0.0 } else { choice.loss() };
            let entry = Entry { contender, on, choice, spread, loss };
            contest.rows[place].admit(entry, column);
        }
        contest
    }
}

impl<'a> Row<'a> {
    /// Adds an entry, or replaces that of the same contender if the new one is better.
    fn admit(&mut self, entry: Entry<'a>, column: &str) {
        match self.entries.iter_mut().find(|known| known.contender == entry.contender) {
            Some(known) => {
                let better = is_better(column, &entry, known);
                if (entry.loss < known.loss - SAME_LOSS) || better && entry.loss <= known.loss + SAME_LOSS {
                    *known = entry;
                }
            }
            None => self.entries.push(entry),
        }
    }

    /// Returns the number of entries that lose as little as any other.
    pub(super) fn competing(&self) -> usize {
        self.eligible().count()
    }

    fn eligible(&self) -> impl Iterator<Item = &Entry<'a>> {
        let least = self.entries.iter().map(|entry| entry.loss).fold(f64::INFINITY, f64::min);
        let limit = if least == 0.0 { 0.0 } else { least + SAME_LOSS };
        self.entries.iter().filter(move |entry| entry.loss <= limit)
    }

    pub(super) fn outcome(&self, column: &str) -> Option<Outcome<'_, 'a>> {
        let winner = self.eligible().reduce(|best, other| if is_better(column, other, best) { other } else { best })?;
        let point = |entry: &Entry| Point::of(0.0, entry.spread);
        let same = |entry: &&Entry| !told_apart(scatters(column), &point(winner), &point(entry));
        let others = || self.eligible().filter(|entry| entry.contender != winner.contender);
        let once = scatters(column) && winner.spread.repeats == 1;
        let tied = if once { Vec::new() } else { others().filter(same).collect() };
        let lossy = self
            .entries
            .iter()
            .filter(|entry| entry.loss > winner.loss + SAME_LOSS && is_better(column, entry, winner));
        let tempting = lossy.reduce(|best, other| if is_better(column, other, best) { other } else { best });
        let base = self.entries.iter().find(|entry| entry.is_baseline() && entry.contender != winner.contender);
        let next = others().filter(|entry| !same(entry));
        let next = next.reduce(|best, other| if is_better(column, other, best) { other } else { best });
        Some(Outcome { winner, tied, tempting, against: base.or(next) })
    }
}

impl Entry<'_> {
    /// Returns `exchange on 2 workers`.
    pub(super) fn name(&self) -> String {
        strong(&if self.on.is_empty() { self.contender.clone() } else { format!("{} on {}", self.contender, self.on) })
    }

    /// Returns true if its eviction or order policy may lose answers by design.
    pub(super) fn may_lose(&self) -> bool {
        let axes = &self.choice.record().axes;
        let evicts = ["ttl", "capacity"].iter().any(|name| axes.eviction.starts_with(name));
        evicts || axes.order == "arrival"
    }

    pub(super) fn is_baseline(&self) -> bool {
        self.contender == SINGLE_THREAD || self.contender == "never"
    }
}

/// Returns the axes in which choices of one contender differ within a row.
fn differing_axes(choices: &[Choice], rows: &[&str], contenders: &[&str]) -> Vec<&'static str> {
    let mut alike: BTreeMap<(String, String), Vec<&Choice>> = BTreeMap::new();
    for choice in choices {
        alike.entry((choice.name(rows), choice.name(contenders))).or_default().push(choice);
    }
    let mut differ: Vec<&'static str> = Vec::new();
    for same in alike.into_values().filter(|same| same.len() > 1) {
        for axis in varying_axes(same.iter().map(|choice| choice.record())) {
            if !differ.contains(&axis) && axis != "records_per_epoch" && axis != "seed" {
                differ.push(axis);
            }
        }
    }
    differ
}

fn is_better(column: &str, one: &Entry, other: &Entry) -> bool {
    let sign = if more_is_better(column) { 1.0 } else { -1.0 };
    sign * one.spread.median > sign * other.spread.median
}

pub(super) fn superlative(column: &str) -> &'static str {
    if more_is_better(column) { "highest" } else { "lowest" }
}

pub(super) fn rows_are(rows: &[&str]) -> String {
    match rows {
        [only] if only.ends_with('s') => words(only),
        [only] => format!("{}s", words(only)),
        [] => "cases".to_owned(),
        _ => {
            let names: Vec<String> = rows.iter().map(|row| words(row)).collect();
            format!("combinations of {}", joined(&names))
        }
    }
}

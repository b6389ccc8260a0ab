//! What became of a contest, in words: with few rows each is named, with many they are counted.

use std::collections::BTreeMap;

use super::choice::{ratio, value_words};
use super::contest::{Contest, Entry, Outcome, Row, superlative};
use super::said::{Said, joined, median_of, strong};
use crate::compare::SINGLE_THREAD;
use crate::quantity::{Quantity, scatters, words};

/// Maximum number of rows that are named one by one in the answer.
const NAMED_ROWS: usize = 3;
/// Maximum number of contenders named in the answer.
const NAMED_CONTENDERS: usize = 3;

impl Contest<'_> {
    pub(super) fn said(&self) -> Said {
        let outcomes: Vec<(&Row, Outcome)> =
            self.rows.iter().filter_map(|row| Some((row, row.outcome(self.column)?))).collect();
        let mut said = Said::default();
        for (_, Outcome { winner, against, .. }) in &outcomes {
            said.numbers.push(winner.choice.doubts_of(self.column));
            said.numbers.extend(against.map(|against| against.choice.doubts_of(self.column)));
        }
        if outcomes.len() <= NAMED_ROWS {
            said.sentences = outcomes.iter().map(|(row, outcome)| self.in_words(row, outcome)).collect();
        } else {
            said.sentences = self.counted(&outcomes);
            said.more = outcomes.iter().map(|(row, outcome)| self.in_words(row, outcome)).collect();
        }
        said
    }

    /// Says who is best in one row, by how much, and who cannot be told from it.
    fn in_words(&self, row: &Row, outcome: &Outcome) -> String {
        let Outcome { winner, tied, tempting, against } = outcome;
        let name = if row.name.is_empty() { String::new() } else { format!("{}: ", row.name) };
        let alone = tied.is_empty();
        let mut text = match (self.column, alone, winner.spread.repeats) {
            ("speed_up", ..) => format!("{name}{}", speed_up_words(winner, alone)),
            (_, false, _) if tied.len() + 1 == row.competing() => {
                let value = value_words(self.column, &winner.spread);
                let all = joined(&with(winner, tied));
                return format!("{name}{all} are not distinguishable ({} {value} for the first)", words(self.column))
                    + &self.losses(winner, *tempting);
            }
            (_, _, 1) if scatters(self.column) => {
                format!("{name}{} {}, measured only once, so not known to be best", winner.name(), self.is_best(winner))
            }
            _ => format!("{name}{} {}", winner.name(), self.is_best(winner)),
        };
        if let Some(against) = against.filter(|_| self.column != "speed_up") {
            text += &ratio_words(winner, against);
        }
        if !alone {
            text += &not_told_apart(tied);
        }
        text + &self.losses(winner, *tempting)
    }

    /// Returns `is fastest, 25.3M events/s [24–26]`.
    fn is_best(&self, winner: &Entry) -> String {
        let value = value_words(self.column, &winner.spread);
        match self.column {
            "throughput_events_per_s" => format!("is fastest, {value}"),
            "sustainable_events_per_s" => format!("sustains the highest rate, {value}"),
            column => format!("has the {} {}, {value}", superlative(column), words(column)),
        }
    }

    /// Says what the winner loses, and which better number is out of the running.
    fn losses(&self, winner: &Entry, tempting: Option<&Entry>) -> String {
        let own = match winner.loss {
            loss if loss > 0.0 => format!(", with {}", winner.choice.lost(loss)),
            _ if winner.may_lose() => ", losing no answer here".to_owned(),
            _ => String::new(),
        };
        let other = tempting.map_or(String::new(), |entry| {
            let value = Quantity::of(self.column).human(entry.spread.median);
            format!(" ({} would have {value}, but with {})", entry.contender, entry.choice.lost(entry.loss))
        });
        own + &other
    }

    /// Says how many rows each contender wins.
    fn counted(&self, outcomes: &[(&Row, Outcome)]) -> Vec<String> {
        let mut won: BTreeMap<String, Vec<(&Row, &Outcome)>> = BTreeMap::new();
        for (row, outcome) in outcomes {
            let name = if self.nothing_gained(outcome) { String::new() } else { outcome.winner.contender.clone() };
            won.entry(name).or_default().push((row, outcome));
        }
        let none = won.remove("");
        let mut won: Vec<(String, Vec<(&Row, &Outcome)>)> = won.into_iter().collect();
        won.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        let mut parts: Vec<String> = Vec::new();
        for (n, (name, rows)) in won.iter().take(NAMED_CONTENDERS).enumerate() {
            let of = format!("in {} of {} {}", rows.len(), outcomes.len(), self.rows_are);
            let typical = self.typical(rows);
            let tied = rows.iter().filter(|(_, outcome)| !outcome.tied.is_empty()).count();
            let unsure = match tied {
                0 => String::new(),
                tied if tied == rows.len() => " (never distinguishable from the next)".to_owned(),
                tied => format!(" (in {tied} of them not distinguishable from the next)"),
            };
            let harmless = rows.iter().any(|(_, outcome)| outcome.winner.may_lose() && outcome.winner.loss == 0.0);
            let harmless = if harmless { ", losing no answer here" } else { "" };
            let best = if self.is_speed() { "is fastest" } else { "is best" };
            parts.push(match n {
                0 => format!("{} {best} {of}{typical}{unsure}{harmless}", strong(name)),
                _ => format!("{name} in {}{typical}{unsure}{harmless}", rows.len()),
            });
        }
        if won.len() > NAMED_CONTENDERS {
            let rest: usize = won[NAMED_CONTENDERS..].iter().map(|(_, rows)| rows.len()).sum();
            parts.push(format!("others in {rest}"));
        }
        if let Some(rows) = none {
            let names: Vec<String> = rows.iter().map(|(row, _)| row.name.clone()).collect();
            let which = if names.len() <= NAMED_ROWS { format!(" ({})", joined(&names)) } else { String::new() };
            parts.push(format!("nothing clearly beats {SINGLE_THREAD} in {} of {}{which}", rows.len(), outcomes.len()));
        }
        let mut sentences = vec![parts.join("; ")];
        if !self.is_speed() {
            sentences[0] = format!("By {} {}: {}", superlative(self.column), words(self.column), sentences[0]);
        }
        let once = scatters(self.column) && outcomes.iter().all(|(_, outcome)| outcome.winner.spread.repeats == 1);
        sentences
            .extend(once.then(|| "Each case was measured only once, so the best are not known to be best".to_owned()));
        sentences.extend(lossy_rows(outcomes));
        sentences
    }

    fn is_speed(&self) -> bool {
        matches!(self.column, "speed_up" | "throughput_events_per_s")
    }

    /// Returns true if nothing clearly beats the single thread.
    fn nothing_gained(&self, outcome: &Outcome) -> bool {
        let spread = outcome.winner.choice.speed_up.as_ref().unwrap_or(&outcome.winner.spread);
        let is_certain = spread.median > 1.0 && (spread.repeats == 1 || spread.low > 1.0);
        self.column == "speed_up" && (outcome.winner.contender == SINGLE_THREAD || !is_certain)
    }

    /// Returns the middle of what is gained in some rows: `, typically 1.4× sequential`.
    fn typical(&self, rows: &[(&Row, &Outcome)]) -> String {
        let typically = if rows.len() > 1 { "typically " } else { "" };
        if self.column == "speed_up" {
            let gains = rows.iter().map(|(_, outcome)| outcome.winner.spread.median);
            return median_of(gains).map_or(String::new(), |gain| {
                format!(", {typically}{} {SINGLE_THREAD}", Quantity::Factor.human(gain))
            });
        }
        let gains = rows.iter().filter_map(|(_, outcome)| {
            let against = outcome.against.filter(|entry| entry.is_baseline())?;
            Some((against.contender.clone(), ratio(&outcome.winner.spread, &against.spread)?.median))
        });
        let gains: Vec<(String, f64)> = gains.collect();
        let typical = median_of(gains.iter().map(|(_, gain)| *gain)).filter(|_| gains.len() == rows.len());
        typical.map_or(String::new(), |gain| {
            format!(", {typically}{} that of {}", Quantity::Factor.human(gain), gains[0].0)
        })
    }
}

fn speed_up_words(winner: &Entry, alone: bool) -> String {
    let spread = winner.choice.speed_up.as_ref().unwrap_or(&winner.spread);
    let nothing = if alone { "nothing beats" } else { "nothing clearly beats" };
    if winner.contender == SINGLE_THREAD {
        return format!("{nothing} {SINGLE_THREAD}");
    }
    let (name, value) = (winner.name(), value_words("speed_up", spread));
    match spread.repeats {
        _ if spread.high < 1.0 => format!("nothing beats {SINGLE_THREAD} ({name} is {value} as fast)"),
        1 => format!("nothing is known to beat {SINGLE_THREAD}: measured only once, {name} had {value} of it"),
        _ if spread.low <= 1.0 => format!("nothing clearly beats {SINGLE_THREAD} ({name} is {value} as fast)"),
        _ => format!("{name} is fastest, {value} {SINGLE_THREAD}"),
    }
}

/// Returns `, 1.2× [1.1–1.3] that of never`.
fn ratio_words(winner: &Entry, against: &Entry) -> String {
    ratio(&winner.spread, &against.spread)
        .map_or(String::new(), |ratio| format!(", {} that of {}", value_words("speed_up", &ratio), against.contender))
}

/// Returns `, not distinguishable from staged, shared and 2 more`.
fn not_told_apart(tied: &[&Entry]) -> String {
    let mut names: Vec<String> = tied.iter().take(NAMED_CONTENDERS).map(|entry| entry.contender.clone()).collect();
    if tied.len() > NAMED_CONTENDERS {
        names.push(format!("{} more", tied.len() - NAMED_CONTENDERS));
    }
    format!(", not distinguishable from {}", joined(&names))
}

fn with(winner: &Entry, tied: &[&Entry]) -> Vec<String> {
    let mut names = vec![winner.name()];
    names.extend(tied.iter().take(NAMED_CONTENDERS).map(|entry| entry.name()));
    if tied.len() > NAMED_CONTENDERS {
        names.push(format!("{} more", tied.len() - NAMED_CONTENDERS));
    }
    names
}

/// Says where a better number is out of the running, and that winners lose answers.
fn lossy_rows(outcomes: &[(&Row, Outcome)]) -> Vec<String> {
    let mut lossy: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in outcomes.iter().filter_map(|(_, outcome)| outcome.tempting) {
        *lossy.entry(&entry.contender).or_default() += 1;
    }
    let names: Vec<String> = lossy.iter().map(|(name, n)| format!("{name} (in {n})")).collect();
    let tempting = (!names.is_empty())
        .then(|| format!("Out of the running, with better numbers and answers that differ: {}", joined(&names)));
    let losing: Vec<f64> = outcomes.iter().map(|(_, outcome)| outcome.winner.loss).filter(|loss| *loss > 0.0).collect();
    let winners = median_of(losing.iter().copied()).map(|loss| {
        let (n, all, loss) = (losing.len(), outcomes.len(), Quantity::Share.human(loss));
        format!("In {n} of {all} no choice is exact, and the best loses answers too (typically {loss})")
    });
    [tempting, winners].into_iter().flatten().collect()
}

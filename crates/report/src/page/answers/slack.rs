//! How much slack is enough: where completeness reaches a level, where answers are exact, and what that costs.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::repeats::Spread;

use super::choice::{Choice, given_and_chosen, ratio, value_words};
use super::said::{Said, joined, median_of, strong};
use crate::quantity::{Quantity, words};

/// The axis.
pub(super) const SLACK: &str = "slack_ms";
/// Level that is looked for unless a figure names another.
pub(super) const LEVEL: f64 = 0.99;
const WAIT: &str = "event_time_wait_p50_ms";
const THROUGHPUT: &str = "throughput_events_per_s";
/// Maximum number of different results that are told in full, with what they cost.
const IN_FULL: usize = 2;
/// Maximum number of groups of which the slack alone is told.
const LISTED: usize = 12;
/// What is held: its growth with the slack is told, if a figure shows it.
const HELD: [&str; 3] = ["live_bytes_peak", "buffered_peak", "entries_peak"];
/// Corrections an answer from which they are told.
const CHURN_MIN: f64 = 0.001;

/// Slacks, each with the contenders that need it.
type Slacks = Vec<(String, Vec<String>)>;

/// The choices of one group by ascending slack.
struct Ladder<'a> {
    /// What is not compared, such as a pipeline, and what is, such as an order policy.
    row: String,
    contender: String,
    steps: Vec<&'a Choice<'a>>,
}

/// The steps at which a level is reached and answers are exact, and the best completeness if the level is never reached.
#[derive(PartialEq)]
struct Reached {
    level: Option<usize>,
    exact: Option<usize>,
    best: String,
}

/// Says where the level is reached and where answers are exact. `shown` are the columns of the figures.
pub(super) fn said(choices: &[Choice], level: f64, shown: &[&str]) -> Said {
    let ladders = ladders(choices);
    let mut results: Vec<(Reached, Vec<&Ladder>)> = Vec::new();
    for ladder in &ladders {
        let reached = ladder.reached(level);
        match results.iter_mut().find(|(known, _)| *known == reached) {
            Some((_, same)) => same.push(ladder),
            None => results.push((reached, vec![ladder])),
        }
    }
    results.sort_by_key(|(reached, _)| (reached.level.is_none(), reached.level));
    let in_full = || results.iter().map(|(reached, same)| reached.in_words(same, level, ladders.len(), shown));
    let mut said = Said::default();
    match results.len() {
        n if n <= IN_FULL => said.sentences.extend(in_full()),
        _ if ladders.len() <= LISTED => said.sentences.push(listed(&ladders, level)),
        _ => said.sentences.push(counted(&ladders, level)),
    }
    if results.len() > IN_FULL {
        said.more.extend(in_full());
    }
    if let [only] = ladders.as_slice() {
        said.sentences.extend(only.slower(level, &mut said.numbers));
    }
    said
}

fn ladders<'a>(choices: &'a [Choice<'a>]) -> Vec<Ladder<'a>> {
    let (rows, mut contenders) = given_and_chosen(choices);
    contenders.retain(|axis| *axis != SLACK);
    let mut ladders: Vec<Ladder> = Vec::new();
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    for choice in choices {
        let (row, contender) = (choice.name(&rows), choice.name(&contenders));
        let place = *places.entry((row.clone(), contender.clone())).or_insert(ladders.len());
        if place == ladders.len() {
            ladders.push(Ladder { row, contender, steps: Vec::new() });
        }
        ladders[place].steps.push(choice);
    }
    ladders.iter_mut().for_each(|ladder| ladder.steps.sort_by_key(|choice| choice.record().axes.slack_ms));
    ladders
}

impl Ladder<'_> {
    fn name(&self) -> String {
        let names = [self.row.as_str(), self.contender.as_str()];
        names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn reached(&self, level: f64) -> Reached {
        let completeness = |choice: &Choice| choice.spread("completeness").map_or(0.0, |spread| spread.median);
        let at = self.steps.iter().position(|choice| completeness(choice) >= level);
        let exact = self.steps.iter().position(|choice| choice.loss() == 0.0);
        let best = self.steps.iter().max_by(|a, b| completeness(a).total_cmp(&completeness(b)));
        let best = best.filter(|_| at.is_none()).map_or(String::new(), |best| best.words("completeness"));
        Reached { level: at, exact, best }
    }

    fn slack(&self, step: usize) -> String {
        match self.steps[step].record().axes.slack_ms {
            0 => "no slack".to_owned(),
            slack_ms => format!("{} of slack", Quantity::Milliseconds.human(slack_ms as f64)),
        }
    }

    /// Returns true if more slack makes the answers worse, as it does where it lets duplicates through.
    fn falls(&self) -> bool {
        let ends = self.steps.first().zip(self.steps.last());
        ends.is_some_and(|(first, last)| last.loss() > first.loss() + 0.01)
    }

    /// Returns what the slack of a step costs, in the columns that figures show: the wait, what is held more than with
    /// the least slack, and the corrections.
    fn cost(&self, step: usize, shown: &[&str]) -> String {
        let (least, here) = (self.steps[0], self.steps[step]);
        let mut costs = Vec::new();
        if shown.iter().any(|column| column.starts_with("event_time_wait")) {
            costs.push(format!("the median event waits {} of event time", here.words(WAIT)));
        }
        let held = HELD.iter().find(|column| shown.contains(column)).and_then(|column| {
            let growth = ratio(&here.spread(column)?, &least.spread(column)?)?;
            (step > 0 && (growth.low > 1.0 || growth.high < 1.0))
                .then(|| format!("the {} grows {}", words(column), Quantity::Factor.human(growth.median)))
        });
        costs.extend(held);
        let churn = here.spread("churn").filter(|churn| churn.median > CHURN_MIN);
        costs.extend(churn.map(|churn| format!("{} corrections an answer", Quantity::Count.human(churn.median))));
        costs.join(", ")
    }

    /// Returns what the slack that is exact, or else reaches the level, costs in speed.
    fn slower(&self, level: f64, numbers: &mut Vec<BTreeSet<String>>) -> Option<String> {
        let reached = self.reached(level);
        let closed = self.steps[0].record().axes.load == "closed";
        let step = reached.exact.or(reached.level).filter(|step| *step > 0 && closed)?;
        let (here, least) = (throughput(self.steps[step])?, throughput(self.steps[0])?);
        numbers.extend([self.steps[step].doubts_of(THROUGHPUT), self.steps[0].doubts_of(THROUGHPUT)]);
        let with = format!("The throughput with {}", self.slack(step));
        if here.low <= least.high && least.low <= here.high {
            return Some(format!("{with} is not distinguishable from that with {}", self.slack(0)));
        }
        let ratio = value_words("speed_up", &ratio(&here, &least)?);
        Some(format!("{with} is {ratio} that with {}", self.slack(0)))
    }
}

impl Reached {
    /// Says where the result is reached: `watermark: 99 % complete from 6 h of slack on, exact from 1 d of slack on`.
    fn in_words(&self, same: &[&Ladder], level: f64, all: usize, shown: &[&str]) -> String {
        let (first, level_words) = (same[0], Quantity::Share.human(level));
        let names: Vec<String> = same.iter().map(|ladder| ladder.name()).filter(|name| !name.is_empty()).collect();
        let name = match names.len() {
            0 => String::new(),
            1.. if names.len() == all && all > 2 => format!("All {all} groups of cases: "),
            _ if names.iter().any(|name| name.contains(',')) => format!("{}: ", names.join("; ")),
            _ => format!("{}: ", joined(&names)),
        };
        let before = |step: usize| match step.checked_sub(1).map(|step| (step, first.steps[step])) {
            Some((step, choice)) if same.len() == 1 && !first.falls() => {
                format!(" ({} gives {})", first.slack(step), choice.words("completeness"))
            }
            _ => String::new(),
        };
        let mut text = match (self.level, self.exact) {
            (None, _) => format!("no slack gives {level_words} of the true answers, {} at most", self.best),
            (Some(at), Some(exact)) if at == exact => {
                format!("answers are exact from {} on{}", strong(&first.slack(exact)), before(exact))
            }
            (Some(at), Some(exact)) => {
                let (at_words, exact) = (strong(&first.slack(at)), strong(&first.slack(exact)));
                format!("answers are {level_words} complete from {at_words} on{}, exact from {exact} on", before(at))
            }
            (Some(at), None) => {
                format!(
                    "answers are {level_words} complete from {} on{}, but never exact",
                    strong(&first.slack(at)),
                    before(at)
                )
            }
        };
        if first.falls() {
            let last = first.steps.len() - 1;
            let loss = Quantity::Share.human(first.steps[last].loss());
            text = text.replace(" from ", " with ").replace(" on,", ",");
            text = text.strip_suffix(" on").unwrap_or(&text).to_owned();
            text += &format!("; more slack makes them worse, {loss} are lost with {}", first.slack(last));
        }
        let text = if name.is_empty() { capitalised(&text) } else { text };
        format!("{name}{text}{}", self.cost_words(same, shown))
    }

    /// Says what the slack costs; nothing if it is reached by too many groups.
    fn cost_words(&self, same: &[&Ladder], shown: &[&str]) -> String {
        let Some(step) = self.level.or(self.exact) else { return String::new() };
        let costs: Vec<String> = same.iter().map(|ladder| ladder.cost(step, shown)).collect();
        let at = same[0].slack(step);
        match costs.as_slice() {
            _ if costs.iter().all(String::is_empty) => String::new(),
            [only] => format!("; with {at}, {only}"),
            few if few.len() <= 2 => {
                let of = |(ladder, cost): (&&Ladder, &String)| format!("{}: {cost}", ladder.name());
                format!(" (with {at}, {})", same.iter().zip(few).map(of).collect::<Vec<_>>().join("; "))
            }
            _ => growths(same, step, shown).map_or(String::new(), |growths| format!("; with {at}, {growths}")),
        }
    }
}

/// Returns the throughput of a choice; if it was measured only once, with the range of the runs of its closed loop.
fn throughput(choice: &Choice) -> Option<Spread> {
    let spread = choice.spread(THROUGHPUT)?;
    let runs = |column: &str| choice.cell(column).number().filter(|_| spread.repeats == 1);
    let (low, high) = (runs("throughput_min_events_per_s"), runs("throughput_max_events_per_s"));
    Some(Spread { low: low.unwrap_or(spread.low), high: high.unwrap_or(spread.high), ..spread })
}

/// Says how much more is held with the slack of a step, by contender.
fn growths(same: &[&Ladder], step: usize, shown: &[&str]) -> Option<String> {
    let column = HELD.iter().find(|column| shown.contains(column))?;
    let mut contenders: Vec<(&str, Vec<f64>)> = Vec::new();
    for ladder in same {
        let spreads = ladder.steps[step].spread(column).zip(ladder.steps[0].spread(column));
        let Some(growth) = spreads.and_then(|(here, least)| ratio(&here, &least)) else { continue };
        match contenders.iter_mut().find(|(name, _)| *name == ladder.contender) {
            Some((_, growths)) => growths.push(growth.median),
            None => contenders.push((&ladder.contender, vec![growth.median])),
        }
    }
    let of = |(name, growths): &(&str, Vec<f64>)| {
        let growth = Quantity::Factor.human(median_of(growths.iter().copied())?);
        Some(if name.is_empty() { growth } else { format!("{growth} ({name})") })
    };
    let growths: Vec<String> = contenders.iter().filter_map(of).collect();
    (!growths.is_empty()).then(|| format!("the {} typically grows {}", words(column), joined(&growths)))
}

/// Returns the slack of each group: `sessions: no slack (arrival), 10 min of slack (watermark and speculative)`.
fn listed(ladders: &[Ladder], level: f64) -> String {
    let mut rows: Vec<(&str, Slacks)> = Vec::new();
    for ladder in ladders {
        let slack = ladder.reached(level).level.map_or("never".to_owned(), |step| ladder.slack(step));
        let place = rows.iter().position(|(row, _)| *row == ladder.row).unwrap_or(rows.len());
        if place == rows.len() {
            rows.push((&ladder.row, Vec::new()));
        }
        match rows[place].1.iter_mut().find(|(known, _)| *known == slack) {
            Some((_, names)) => names.push(ladder.contender.clone()),
            None => rows[place].1.push((slack, vec![ladder.contender.clone()])),
        }
    }
    let slacks = |slacks: &[(String, Vec<String>)]| {
        let of = |(slack, names): &(String, Vec<String>)| match joined(names).as_str() {
            "" => slack.clone(),
            names => format!("{slack} ({names})"),
        };
        slacks.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    let row = |(row, of_row): &(&str, Slacks)| match *row {
        "" => slacks(of_row),
        row => format!("{row} {}", slacks(of_row)),
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("Slack for {} complete answers: {}", Quantity::Share.human(level), rows.join("; "))
}

/// Says how many groups reach the level, and with how much slack at the middle.
fn counted(ladders: &[Ladder], level: f64) -> String {
    let (level_words, all) = (Quantity::Share.human(level), ladders.len());
    let at = |ladder: &Ladder| {
        let step = ladder.reached(level).level?;
        Some((ladder.steps[step].record().axes.slack_ms, ladder.slack(step)))
    };
    let mut slacks: Vec<(i64, String)> = ladders.iter().filter_map(at).collect();
    slacks.sort();
    match slacks.get(slacks.len() / 2).zip(slacks.last()) {
        None => format!("None of {all} groups of cases is ever {level_words} complete"),
        Some(((_, middle), (_, last))) => format!(
            "{} of {all} groups of cases are {level_words} complete at some slack, half of them with {middle} or less and \
             the last with {last}",
            slacks.len()
        ),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

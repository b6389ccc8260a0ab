//! How fast events may come: the highest rate that a choice keeps up with, and the latency there.

use std::collections::BTreeMap;

use super::choice::{Choice, given_and_chosen, value_words};
use super::contest::Contest;
use super::said::{Said, joined, strong};
use crate::quantity::Quantity;

const P99: &str = "latency_p99_ns";
const SUSTAINED: &str = "sustainable_events_per_s";
/// Share of a sustainable rate at which the latency of the fastest choice is told.
const SHARE: f64 = 0.8;
/// Maximum number of groups whose latencies are told one by one.
const NAMED: usize = 4;

/// The choices of one group by ascending rate.
struct Climb<'a> {
    name: String,
    steps: Vec<&'a Choice<'a>>,
}

/// Says up to which of the offered rates each group keeps up, and p99 there.
pub(super) fn offered<'a>(choices: &'a [Choice<'a>]) -> Said {
    let climbs = climbs(choices);
    let mut said = Said::default();
    let highest = climbs.iter().filter_map(|climb| rate(climb.steps.last()?)).fold(0.0, f64::max);
    let mut by_rate: BTreeMap<u64, Vec<(&Climb, &Choice)>> = BTreeMap::new();
    let mut never: Vec<String> = Vec::new();
    for climb in &climbs {
        // A higher rate that is kept up with says nothing if a lower one is not.
        match climb.steps.iter().take_while(|choice| choice.keeps_up()).last() {
            Some(choice) => by_rate.entry(rate(choice).unwrap_or(0.0) as u64).or_default().push((climb, choice)),
            None => never.push(climb.name.clone()),
        }
    }
    for (reached, group) in by_rate.iter().rev() {
        let words = strong(&Quantity::EventsPerSecond.human(*reached as f64));
        let who = match (group.len() == climbs.len(), group.len()) {
            (true, 1) => "All cases keep".to_owned(),
            (true, _) => format!("All {} groups of cases keep", climbs.len()),
            (false, 1) => format!("{} keeps", group[0].0.name),
            (false, n) if n <= NAMED => format!("{} keep", joined(&names(group))),
            (false, n) => format!("{n} of {} groups of cases keep", climbs.len()),
        };
        let top = if *reached as f64 >= highest { ", the highest rate offered" } else { "" };
        said.numbers.extend(group.iter().map(|(_, choice)| choice.doubts_of(P99)));
        said.sentences.push(format!("{who} up with {words}{top}{}", latencies(group)));
    }
    if !never.is_empty() {
        said.sentences.push(match never.len() {
            n if n <= NAMED => format!("No offered rate is kept up with by {}", joined(&never)),
            n => format!("{n} of {} groups keep up with no offered rate", climbs.len()),
        });
    }
    // The lowest rates come last and matter least.
    said.more = said.sentences.split_off(said.sentences.len().min(3));
    said
}

/// Says which choice sustains the highest rate that was searched for, and its p99 at a share of it.
pub(super) fn searched<'a>(searches: &'a [Choice<'a>], shares: &'a [Choice<'a>]) -> Said {
    let (rows, chosen) = given_and_chosen(searches);
    let found = ["load", "rate_events_per_s", "rate_share"];
    let rows: Vec<&str> = rows.into_iter().filter(|axis| !found.contains(axis)).collect();
    let contenders: Vec<&str> = chosen.into_iter().filter(|axis| *axis != "records_per_epoch").collect();
    let contest = Contest::of(searches, &rows, &contenders, SUSTAINED);
    let mut said = contest.said();
    let at_share = |choice: &&Choice| choice.record().axes.rate_share.is_some_and(|share| (share - SHARE).abs() < 1e-6);
    let at_share: Vec<&Choice> = shares.iter().filter(at_share).collect();
    let steady = |choice: &&&Choice| choice.keeps_up();
    let best = at_share.iter().filter(steady).filter_map(|choice| Some((*choice, choice.spread(P99)?)));
    if let Some((choice, spread)) = best.min_by(|a, b| a.1.median.total_cmp(&b.1.median)) {
        let kept = at_share.iter().filter(steady).count();
        said.numbers.push(choice.doubts_of(P99));
        said.sentences.push(format!(
            "At {} of its own sustainable rate the lowest p99 latency is {} ({}); {kept} of {} keep up there",
            Quantity::Share.human(SHARE),
            value_words(P99, &spread),
            choice.name(&contenders),
            at_share.len()
        ));
    }
    said
}

fn climbs<'a>(choices: &'a [Choice<'a>]) -> Vec<Climb<'a>> {
    let (given, chosen) = given_and_chosen(choices);
    let axes: Vec<&str> = given.into_iter().chain(chosen).filter(|axis| *axis != "rate_events_per_s").collect();
    let mut climbs: Vec<Climb> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for choice in choices.iter().filter(|choice| rate(choice).is_some()) {
        let name = choice.name(&axes);
        let place = *places.entry(name.clone()).or_insert(climbs.len());
        if place == climbs.len() {
            climbs.push(Climb { name, steps: Vec::new() });
        }
        climbs[place].steps.push(choice);
    }
    let by_rate = |a: &&Choice, b: &&Choice| rate(a).unwrap_or(0.0).total_cmp(&rate(b).unwrap_or(0.0));
    climbs.iter_mut().for_each(|climb| climb.steps.sort_by(by_rate));
    climbs
}

fn rate(choice: &Choice) -> Option<f64> {
    choice.record().axes.rate_events_per_s
}

fn names(group: &[(&Climb, &Choice)]) -> Vec<String> {
    group.iter().map(|(climb, _)| climb.name.clone()).collect()
}

/// Says p99 of each group, or the lowest of many.
fn latencies(group: &[(&Climb, &Choice)]) -> String {
    let mut known: Vec<(&Climb, &Choice, f64)> =
        group.iter().filter_map(|(climb, choice)| Some((*climb, *choice, choice.spread(P99)?.median))).collect();
    known.sort_by(|a, b| a.2.total_cmp(&b.2));
    let of = |(climb, choice, _): &(&Climb, &Choice, f64)| match climb.name.as_str() {
        "" => choice.words(P99),
        name => format!("{} ({name})", choice.words(P99)),
    };
    match known.as_slice() {
        [] => String::new(),
        few if few.len() <= NAMED => {
            format!("; p99 latency there: {}", few.iter().map(of).collect::<Vec<_>>().join(", "))
        }
        [first, second, ..] => {
            let apart = first.1.spread(P99).zip(second.1.spread(P99)).is_some_and(|(one, two)| one.high < two.low);
            let unsure = if apart { "" } else { ", not distinguishable from the next" };
            format!("; the lowest p99 latency there: {}{unsure}", of(first))
        }
        [only] => format!("; p99 latency there: {}", of(only)),
    }
}

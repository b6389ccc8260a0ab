//! Where along a numeric choice, such as the records of an epoch, a column is close to its best.

use std::collections::BTreeMap;

use super::choice::{Choice, given_and_chosen};
use super::contest::superlative;
use super::said::{Said, strong};
use crate::quantity::{Quantity, more_is_better, words};
use crate::select::value_name;

/// Share of the best value within which a value is as good.
const CLOSE: f64 = 0.1;
/// Maximum number of groups told one by one.
const NAMED: usize = 4;

/// Says from where to where along `x` each group is within a tenth of its best.
pub(super) fn said<'a>(choices: &'a [Choice<'a>], x: &str, column: &'a str) -> Said {
    let (given, chosen) = given_and_chosen(choices);
    let axes: Vec<&str> = given.into_iter().chain(chosen).filter(|axis| *axis != x).collect();
    let mut groups: Vec<(String, Vec<(f64, &Choice)>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for choice in choices {
        let Some(at) = choice.cell(x).number().filter(|_| choice.spread(column).is_some()) else { continue };
        let name = choice.name(&axes);
        let place = *places.entry(name.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((name, Vec::new()));
        }
        groups[place].1.push((at, choice));
    }
    let mut said = Said::default();
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for (name, steps) in &mut groups {
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((range, choice)) = plateau(steps, x, column) else { continue };
        said.numbers.push(choice.doubts_of(column));
        let value = choice.words(column);
        let words = if name.is_empty() { value } else { format!("{name}: {value}") };
        match told.iter_mut().find(|(known, _)| *known == range) {
            Some((_, values)) => values.push(words),
            None => told.push((range, vec![words])),
        }
    }
    told.sort_by_key(|(_, values)| std::cmp::Reverse(values.len()));
    let range = |(range, values): &(String, Vec<String>)| match values.len() {
        n if n <= NAMED => format!("{} ({})", strong(range), values.join("; ")),
        n => format!("{} in {n} of {}", strong(range), groups.len()),
    };
    let told: Vec<String> = told.iter().map(range).collect();
    let close = format!("Within {} of the {} {}", Quantity::Share.human(CLOSE), superlative(column), words(column));
    let (first, rest) = told.split_at(told.len().min(NAMED));
    said.sentences = vec![format!("{close}: {}", first.join("; "))];
    said.more = rest.to_vec();
    said
}

/// Returns where the steps around the best one are as good as it, and the best one.
fn plateau<'a>(steps: &[(f64, &'a Choice<'a>)], x: &str, column: &str) -> Option<(String, &'a Choice<'a>)> {
    let value = |step: &(f64, &Choice)| step.1.spread(column).map_or(f64::NAN, |spread| spread.median);
    let sign = if more_is_better(column) { 1.0 } else { -1.0 };
    let best = (0..steps.len()).max_by(|a, b| (sign * value(&steps[*a])).total_cmp(&(sign * value(&steps[*b]))))?;
    let top = value(&steps[best]);
    let close = |n: &usize| (value(&steps[*n]) - top).abs() <= CLOSE * top.abs();
    let first = (0..=best).rev().take_while(close).last().unwrap_or(best);
    let last = (best..steps.len()).take_while(close).last().unwrap_or(best);
    let at = |n: usize| place_words(x, steps[n].0);
    let range = match (first, last + 1 == steps.len()) {
        (0, true) => "everywhere".to_owned(),
        (0, false) if last == 0 => format!("only with {}", at(0)),
        (0, false) => format!("up to {}", at(last)),
        (_, true) if first + 1 == steps.len() => format!("only with {}", at(first)),
        (_, true) => format!("from {} on", at(first)),
        _ if first == last => format!("only with {}", at(best)),
        _ => format!("from {} to {}", at(first), at(last)),
    };
    Some((range, steps[best].1))
}

/// Returns a place along the axis with its unit: `1024 records per epoch`, `2 workers`.
fn place_words(x: &str, at: f64) -> String {
    let cell = flowbench_measurement::columns::Cell::Integer(at as i64);
    match x {
        "workers" | "total_workers" => value_name(x, &cell).unwrap_or_default(),
        "records_per_epoch" if at == 1.0 => "1 record an epoch".to_owned(),
        "records_per_epoch" => format!("{at} records an epoch"),
        _ => Quantity::of(x).human(at),
    }
}

//! Which choices hold a bounded amount of memory, which grow, and what the bounded ones save and lose.

use std::collections::BTreeMap;

use flowbench_measurement::record::Verdict;

use super::choice::{Choice, given_and_chosen, ratio, value_words};
use super::contest::rows_are;
use super::said::{Said, ends_of, joined, median_of, strong};
use crate::quantity::{Quantity, words};

/// The eviction that forgets nothing: what others are compared with.
const NEVER: &str = "never";
const P50: &str = "latency_p50_ns";
const THROUGHPUT: &str = "throughput_events_per_s";
/// Maximum number of contenders named one by one.
const NAMED: usize = 4;
/// Difference of the lost shares that is none.
const SAME_LOSS: f64 = 1e-4;
/// Share by which speeds may differ and be called the same.
const SAME_SPEED: f64 = 0.05;

/// A contender in all rows, beside the choice that never forgets in the same row.
struct Held<'a> {
    name: String,
    rows: Vec<(&'a Choice<'a>, Option<&'a Choice<'a>>)>,
}

/// Says which contenders are bounded and which grow; `column` is what their peaks are told in.
pub(super) fn said(choices: &[Choice], column: &str) -> Said {
    let (given, chosen) = given_and_chosen(choices);
    let (rows, contenders) = if chosen.contains(&"eviction") {
        (given.into_iter().chain(chosen).filter(|axis| *axis != "eviction").collect(), vec!["eviction"])
    } else if chosen.is_empty() {
        (Vec::new(), given)
    } else {
        (given, chosen)
    };
    let held = contenders_of(choices, &rows, &contenders);
    let numbers = held.iter().flat_map(|one| &one.rows).map(|(choice, _)| choice.doubts_of(column)).collect();
    let mut said = Said { numbers, ..Said::default() };
    let (never, others): (Vec<Held>, Vec<Held>) = held.into_iter().partition(|one| one.name == NEVER);
    if never.is_empty() {
        said.sentences.extend(by_verdict(&others, column));
        said.sentences.extend(needed(choices));
        return said;
    }
    let rows_are = rows_are(&rows);
    let (lossless, lossy): (Vec<Held>, Vec<Held>) = others.into_iter().partition(Held::is_lossless);
    said.sentences.extend(lossless_words(&lossless, column, &rows_are));
    said.sentences
        .extend(never.iter().map(|one| format!("Without eviction ({NEVER}), it {}", one.verdicts(&rows_are))));
    let lossy: Vec<String> = lossy.iter().take(NAMED).map(|one| one.lossy_words(&rows_are)).collect();
    said.sentences.extend((!lossy.is_empty()).then(|| lossy.join("; ")));
    said.sentences.extend(needed(choices));
    said
}

/// Says how many events a verdict needs where there is none; nothing if that is not known.
fn needed(choices: &[Choice]) -> Option<String> {
    let undecided = choices.iter().filter(|choice| choice.verdict() == Some(Verdict::Inconclusive));
    let events = undecided.filter_map(|choice| choice.spread("growth_events_needed")).map(|spread| spread.median);
    let (least, most) = ends_of(events)?;
    let human = |events: f64| Quantity::Count.human(events);
    let range = match (human(least), human(most)) {
        (least, most) if least == most => least,
        (least, most) => format!("{least} to {most}"),
    };
    Some(format!("A verdict where there is none would need about {range} events"))
}

fn contenders_of<'a>(choices: &'a [Choice<'a>], rows: &[&str], contenders: &[&str]) -> Vec<Held<'a>> {
    let nevers = choices.iter().filter(|choice| choice.record().axes.eviction == NEVER);
    let never: BTreeMap<String, &Choice> = nevers.map(|choice| (choice.name(rows), choice)).collect();
    let mut held: Vec<Held> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for choice in choices {
        let name = choice.name(contenders);
        let place = *places.entry(name.clone()).or_insert(held.len());
        if place == held.len() {
            held.push(Held { name, rows: Vec::new() });
        }
        held[place].rows.push((choice, never.get(&choice.name(rows)).copied()));
    }
    held
}

/// Says what those that lose nothing hold, save and cost: the first in full, the others in how many rows they are bounded.
fn lossless_words(lossless: &[Held], column: &str, rows_are: &str) -> Vec<String> {
    let mut held: Vec<&Held> = lossless.iter().collect();
    held.sort_by_key(|one| std::cmp::Reverse(one.count(Verdict::Bounded)));
    let Some((first, others)) = held.split_first() else {
        return vec![format!("Every other choice loses more answers than {NEVER}")];
    };
    let mut sentences = vec![first.in_full(column, rows_are)];
    let words: Vec<String> = others.iter().take(NAMED).map(|one| one.in_short(column)).collect();
    let more = others.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; {more} more lose nothing either") } else { String::new() };
    sentences.extend((!words.is_empty()).then(|| format!("Losing as little: {}{more}", words.join(", "))));
    sentences
}

/// Says of all contenders which are bounded, which grow, and of which it is not certain.
fn by_verdict(held: &[Held], column: &str) -> Vec<String> {
    let words_of = |one: &Held| match one.rows.as_slice() {
        [(choice, _)] => format!("{} ({})", one.name, choice.words(column)),
        _ => one.name.clone(),
    };
    let worst = |one: &Held| one.rows.iter().filter_map(|(choice, _)| choice.verdict()).max_by_key(badness);
    let all = |wanted: Option<Verdict>| -> Vec<String> {
        held.iter().filter(|one| worst(one) == wanted).map(words_of).collect()
    };
    let told = [
        ("Bounded", all(Some(Verdict::Bounded))),
        ("growing", all(Some(Verdict::Growing))),
        ("not certain", all(Some(Verdict::Inconclusive))),
    ];
    let told = told.into_iter().filter(|(_, names)| !names.is_empty()).map(|(verdict, names)| match names.len() {
        n if n <= 2 * NAMED => format!("{verdict}: {}", joined(&names)),
        n => format!("{verdict}: {n} of {}", held.len()),
    });
    let told: Vec<String> = told.collect();
    let what = words(column);
    if told.is_empty() { vec![format!("There is no verdict on the {what}")] } else { vec![told.join("; ")] }
}

fn badness(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Bounded => 0,
        Verdict::Inconclusive => 1,
        Verdict::Growing => 2,
    }
}

impl Held<'_> {
    /// Returns true if it loses no more answers than the one that never forgets, or none at all.
    fn is_lossless(&self) -> bool {
        self.rows.iter().all(|(choice, never)| {
            let least = never.map_or(0.0, Choice::loss);
            choice.loss() <= least + if least > 0.0 { SAME_LOSS } else { 0.0 }
        })
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|(choice, _)| choice.verdict() == Some(verdict)).count()
    }

    /// Returns `frontier is bounded at a live bytes peak of 433 KiB, 0.16× that of never, and loses no answer; ...`.
    fn in_full(&self, column: &str, rows_are: &str) -> String {
        let lossless = match self.rows.iter().all(|(choice, _)| choice.loss() == 0.0) {
            true => "and it loses no answer".to_owned(),
            false => format!("and it loses no more answers than {NEVER}"),
        };
        let what = match (self.rows.as_slice(), self.saved(column)) {
            ([(choice, _)], Some(saved)) => {
                format!(", its {} of {} is {saved} that of {NEVER}", words(column), choice.words(column))
            }
            (_, Some(saved)) => format!(", its {} is {saved} that of {NEVER}", words(column)),
            _ => String::new(),
        };
        format!("{} {}{what}, {lossless}{}", strong(&self.name), self.verdicts(rows_are), self.cost())
    }

    /// Returns `wheel(1min) bounded in 4 of 6 (0.2×)`.
    fn in_short(&self, column: &str) -> String {
        let saved = self.saved(column).map_or(String::new(), |saved| format!(" ({})", saved.replace("typically ", "")));
        match self.rows.as_slice() {
            [(choice, _)] => {
                let verdict = choice.verdict().map_or("without a verdict", |verdict| verdict.word());
                format!("{} {verdict}{saved}", self.name)
            }
            rows => match self.count(Verdict::Bounded) {
                0 => format!("{} nowhere bounded{saved}", self.name),
                bounded => format!("{} bounded in {bounded} of {}{saved}", self.name, rows.len()),
            },
        }
    }

    /// Returns `is bounded`, or `is bounded in 5 of 6 pipelines and grows in 1`.
    fn verdicts(&self, rows_are: &str) -> String {
        let all = self.rows.len();
        let (bounded, growing) = (self.count(Verdict::Bounded), self.count(Verdict::Growing));
        let everywhere = match all {
            1 => String::new(),
            2 => format!(" in both {rows_are}"),
            _ => format!(" in all {all} {rows_are}"),
        };
        match (bounded, growing) {
            (b, _) if b == all => format!("is bounded{everywhere}"),
            (_, g) if g == all => format!("grows{everywhere}"),
            (0, 0) if all == 1 => "is not certain to be bounded".to_owned(),
            (0, 0) => format!("is nowhere certain to be bounded or to grow, in {all} {rows_are}"),
            (0, g) => format!("grows in {g} of {all} {rows_are}, and is not certain to be bounded in the others"),
            (b, 0) => format!("is bounded in {b} of {all} {rows_are}, not certain in the others"),
            (b, g) if b + g == all => format!("is bounded in {b} of {all} {rows_are} and grows in {g}"),
            (b, g) => format!("is bounded in {b} of {all} {rows_are}, grows in {g}, not certain in the others"),
        }
    }

    /// Returns the peak as a multiple of that of the one that never forgets: `0.16× [0.15–0.17]`, or `typically 0.2×`.
    fn saved(&self, column: &str) -> Option<String> {
        let ratios =
            self.rows.iter().filter_map(|(choice, never)| ratio(&choice.spread(column)?, &(*never)?.spread(column)?));
        let ratios: Vec<_> = ratios.collect();
        match ratios.as_slice() {
            [only] => Some(value_words("speed_up", only)),
            _ => Some(format!("typically {}", Quantity::Factor.human(median_of(ratios.iter().map(|one| one.median))?))),
        }
    }

    /// Says what it costs in speed against the one that never forgets; empty without that one.
    fn cost(&self) -> String {
        let column = if self.rows[0].0.record().axes.load == "closed" { THROUGHPUT } else { P50 };
        let pairs: Vec<_> = (self.rows.iter())
            .filter_map(|(choice, never)| Some((choice.spread(column)?, (*never)?.spread(column)?)))
            .collect();
        let apart = pairs.iter().filter(|(own, never)| own.low > never.high || own.high < never.low).count();
        let what = words(column);
        let ratios = pairs.iter().map(|(own, never)| own.median / never.median);
        let human = |ratio: f64| Quantity::Factor.human(ratio);
        let Some((least, most)) = ends_of(ratios) else { return String::new() };
        match pairs.len() {
            _ if apart == 0 => format!("; its {what} cannot be told from that of {NEVER}"),
            _ if 1.0 - least < SAME_SPEED && most - 1.0 < SAME_SPEED => {
                format!("; its {what} is that of {NEVER}, within {}", Quantity::Share.human(SAME_SPEED))
            }
            1 => format!("; its {what} is {} that of {NEVER}", human(least)),
            _ => format!("; its {what} is {} to {} that of {NEVER}", human(least), human(most)),
        }
    }

    fn lossy_words(&self, rows_are: &str) -> String {
        let losses: Vec<f64> = self.rows.iter().map(|(choice, _)| choice.loss()).filter(|loss| *loss > 0.0).collect();
        let loss = Quantity::Share.human(median_of(losses.iter().copied()).unwrap_or(0.0));
        let (name, verdicts) = (&self.name, self.verdicts(rows_are));
        match self.rows.len() {
            1 => format!("{name} {verdicts}, but with {}", self.rows[0].0.lost(losses.first().copied().unwrap_or(0.0))),
            all => format!("{name} {verdicts}, but loses answers in {} of {all} (typically {loss})", losses.len()),
        }
    }
}

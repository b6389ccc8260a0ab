//! What slow pages cost: how bands of load time convert, and what faster pages would win beside the truth.

use std::collections::BTreeMap;

use flowbench_measurement::record::WhatIf;
use flowbench_measurement::repeats::{SCATTERED_RATES, Spread};
use flowbench_measurement::statistics::ConfidenceInterval;
use flowbench_measurement::what_if::{BANDS, BandHour, band_rates};

use super::choice::Choice;
use super::said::{Said, ends_of, joined, median_of, strong};
use crate::quantity::{Quantity, spread_words};

/// The column whose figures this answers.
pub(super) const WON: &str = "conversions_won";
/// Maximum number of worlds that are told of after the first.
const TOLD: usize = 4;

/// Says how the views of each band convert; `None` unless the answers are those of `load-time-conversion`.
pub(super) fn bands(answers_csv: &str) -> Option<Said> {
    let rates = band_rates(&BandHour::read(answers_csv).ok()?);
    let words: Vec<String> =
        rates.iter().map(|rate| format!("{} of the {} ones", share(&rate.rate), strong(BANDS[rate.band]))).collect();
    let mut sentences = vec![format!("Of all page views, these lead to an order: {}", joined(&words))];
    if let [fastest, .., slowest] = rates.as_slice() {
        sentences.push(compared(BANDS[fastest.band], &fastest.rate, BANDS[slowest.band], &slowest.rate));
    }
    (!rates.is_empty()).then(|| Said { sentences, ..Said::default() })
}

/// Says by how much two rates differ, if their intervals are apart.
fn compared(fast: &str, fast_rate: &ConfidenceInterval, slow: &str, slow_rate: &ConfidenceInterval) -> String {
    let times = fast_rate.estimate / slow_rate.estimate;
    match (fast_rate.low > slow_rate.high, fast_rate.high < slow_rate.low) {
        (true, _) => {
            format!("Views that are {fast} lead to an order {times:.1} times as often as those that are {slow}")
        }
        (_, true) => {
            format!("Views that are {slow} lead to an order {:.1} times as often as those that are {fast}", 1.0 / times)
        }
        _ => format!("Views that are {fast} and those that are {slow} do not differ beyond chance"),
    }
}

/// Returns a rate with its interval, if it has one: `21 % [20–22]`.
fn share(rate: &ConfidenceInterval) -> String {
    spread(rate.estimate, rate.low, rate.high, |share| Quantity::Share.human(share))
}

/// Says what would be won in each world if every page were one band faster, beside the truth.
pub(super) fn won(choices: &[Choice]) -> Said {
    // Repeats of one seed have the same answers.
    let mut worlds: Vec<(String, BTreeMap<Option<u64>, WhatIf>)> = Vec::new();
    for choice in choices {
        let found = choice.records().filter_map(|case| Some((case.axes.seed, case.numbers.as_ref()?.what_if?)));
        match worlds.iter_mut().find(|(world, _)| *world == choice.name(&["world"])) {
            Some((_, known)) => known.extend(found),
            None => worlds.push((choice.name(&["world"]), found.collect())),
        }
    }
    worlds.retain(|(_, found)| !found.is_empty());
    let mut told = worlds.iter().map(|(world, found)| {
        let estimate = estimate(&found.values().copied().collect::<Vec<_>>());
        if world.is_empty() { estimate } else { format!("{}: {estimate}", strong(world)) }
    });
    let first = told.next().unwrap_or_else(|| "The answers do not tell what faster pages would win".to_owned());
    let sentences = std::iter::once(first).chain(told.by_ref().take(TOLD)).collect();
    Said { sentences, more: told.collect(), ..Said::default() }
}

/// Says what is estimated over the seeds of a world, and how far that is from the truth.
fn estimate(found: &[WhatIf]) -> String {
    let won = range(found.iter().map(|what_if| what_if.won));
    let seeds = if found.len() > 1 { format!(" ({} seeds)", found.len()) } else { String::new() };
    let truths: Vec<f64> = found.iter().filter_map(|what_if| what_if.truth).map(|truth| truth as f64).collect();
    if truths.is_empty() {
        return format!("one band faster would win {won} conversions{seeds}");
    }
    let covered = found.iter().filter(|one| one.truth.and_then(|truth| one.covers(truth as f64)) == Some(true)).count();
    let covers = match (covered, found.len()) {
        (1, 1) => "its interval covers the truth".to_owned(),
        (0, 1) => "its interval does not cover the truth".to_owned(),
        (covered, all) => format!("{covered} of {all} intervals cover the truth"),
    };
    let errors =
        found.iter().filter_map(|one| one.truth.filter(|truth| *truth != 0).map(|truth| one.won / truth as f64 - 1.0));
    let error = match off(&errors.collect::<Vec<_>>()) {
        Some(words) => format!("{words}; "),
        None => String::new(),
    };
    format!(
        "one band faster would win {won} conversions{seeds}, and in truth wins {}; {error}{covers}",
        range(truths.iter().copied())
    )
}

/// Says how far estimates are from the truth: `the estimate is 4 to 12 % too high`.
fn off(errors: &[f64]) -> Option<String> {
    let percent = |error: f64| (error * 100.0).round();
    let (low, high) = ends_of(errors.iter().copied().map(percent))?;
    let between = |low: f64, high: f64| if low == high { format!("{low}") } else { format!("{low} to {high}") };
    Some(match (low, high) {
        (0.0, 0.0) => "the estimate is right to a percent".to_owned(),
        (low, high) if low >= 0.0 => format!("the estimate is {} % too high", between(low, high)),
        (low, high) if high <= 0.0 => format!("the estimate is {} % too low", between(-high, -low)),
        (low, high) => format!("the estimate is between {} % too low and {high} % too high", -low),
    })
}

/// Returns a value, or the median of several and their range: `5.57k [5.5k–5.65k]`.
fn range(values: impl Iterator<Item = f64> + Clone) -> String {
    let (low, high) = ends_of(values.clone()).unwrap_or((f64::NAN, f64::NAN));
    spread(median_of(values).unwrap_or(f64::NAN), low, high, |count| Quantity::Count.human(count))
}

fn spread(median: f64, low: f64, high: f64, human: impl Fn(f64) -> String) -> String {
    spread_words(&Spread { median, low, high, repeats: 1 }, SCATTERED_RATES, human)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_compared_only_if_their_intervals_are_apart() {
        let hour = |hour: u32, band: &str, views: u32, conversions: u32| {
            format!("2026-01-05T{hour:02}:00:00.000Z,{band},{views},{conversions}\n")
        };
        let csv = |slow: u32, step: u32| {
            let poor = |at: u32| hour(at, "poor", 100, slow + at % 5 * step);
            let rows = (0..24).map(|at| hour(at, "good", 1000, 200 + at % 3) + &poor(at));
            "hour,band,views,conversions\n".to_owned() + &rows.collect::<String>()
        };
        let told = |slow: u32, step: u32| bands(&csv(slow, step)).unwrap().sentences.join(". ");
        assert!(told(5, 1).contains("times as often as those that are poor"), "{}", told(5, 1));
        assert!(told(40, 1).contains("Views that are poor lead to an order 2.1 times as often"), "{}", told(40, 1));
        assert!(told(12, 4).contains("do not differ beyond chance"), "{}", told(12, 4));
        assert!(bands("hour,band\n").is_none() && bands("hour,band,views,conversions\n").is_none());
    }

    #[test]
    fn an_estimate_is_held_to_the_truth() {
        let what_if = |won: f64, truth: Option<i64>| WhatIf {
            views: 1000,
            conversions: 100,
            won,
            low: Some(won - 5.0),
            high: Some(won + 5.0),
            truth,
        };
        assert_eq!(estimate(&[what_if(110.0, None)]), "one band faster would win 110 conversions");
        let several = estimate(&[what_if(110.0, Some(100)), what_if(104.0, Some(100)), what_if(106.0, Some(100))]);
        assert!(several.contains("106 [104–110] conversions (3 seeds), and in truth wins 100"), "{several}");
        assert!(several.ends_with("the estimate is 4 to 10 % too high; 1 of 3 intervals cover the truth"), "{several}");
        let none = estimate(&[what_if(3.0, Some(0))]);
        assert!(none.ends_with("in truth wins 0; its interval covers the truth"), "{none}");
    }
}

//! How often the verdict is wrong or inconclusive on simulated runs.

use super::growth;
use super::worlds::{READINGS, WORLDS, World, run};
use crate::record::{TimelinePoint, Verdict};
use crate::timeline::thin;

/// Returns the number of wrong and of inconclusive verdicts.
fn counts(runs: u64, grows: bool, timeline: impl Fn(u64) -> Vec<TimelinePoint>) -> (usize, usize) {
    let found: Vec<Verdict> = (0..runs).map(|seed| growth(&timeline(seed)).unwrap().verdict).collect();
    let wrong = if grows { Verdict::Bounded } else { Verdict::Growing };
    let count = |verdict: Verdict| found.iter().filter(|found| **found == verdict).count();
    (count(wrong), count(Verdict::Inconclusive))
}

/// A run of 8 s, thinned to 400 points as it is kept.
fn thinned(world: World, seed: u64) -> Vec<TimelinePoint> {
    thin(&run(world, seed, READINGS), 200, |point| point.live_bytes)
}

#[test]
fn of_twenty_verdicts_one_is_wrong_and_three_are_inconclusive_at_most() {
    const TWENTIES: u64 = 3;
    for (world, grows) in WORLDS {
        let of_readings = counts(20 * TWENTIES, grows, |seed| run(world, seed, READINGS));
        let of_few_points = counts(20 * TWENTIES, grows, |seed| thinned(world, seed));
        for (wrong, inconclusive) in [of_readings, of_few_points] {
            let is_held = wrong as u64 <= TWENTIES && inconclusive as u64 <= 3 * TWENTIES;
            assert!(is_held, "{world:?}: {of_readings:?} {of_few_points:?}");
        }
    }
}

/// Returns how many of the first 20 inconclusive runs of a world at this length are conclusive, and right, with as many
/// events as they say they need.
fn settled(world: World, readings: usize) -> (usize, usize) {
    let grows = WORLDS.contains(&(world, true));
    let right = if grows { Verdict::Growing } else { Verdict::Bounded };
    let longer = |seed: u64| {
        let points = run(world, seed, readings);
        let times = growth(&points)?.events_needed? / points.last()?.admitted as f64;
        Some(growth(&run(world, seed, (readings as f64 * times).ceil() as usize))?.verdict)
    };
    let found: Vec<Verdict> = (0..).filter_map(longer).take(20).collect();
    let conclusive = found.iter().filter(|verdict| **verdict != Verdict::Inconclusive).count();
    (conclusive, found.iter().filter(|verdict| **verdict == right).count())
}

#[test]
fn a_run_with_as_many_events_as_are_said_to_be_needed_is_conclusive() {
    let runs = [
        (World::Waves, 500),
        (World::LeakUnderWaves, 500),
        (World::Waves, 800),
        (World::Sawtooth, 400),
        (World::SteadyTable, 600),
        (World::DriftingHotSet, 1_000),
    ];
    for (world, readings) in runs {
        let (conclusive, right) = settled(world, readings);
        assert!(conclusive >= 17 && right >= 17, "{world:?} of {readings} readings: {conclusive}, {right} right");
    }
}

#[test]
fn only_an_inconclusive_verdict_needs_more_events() {
    for (world, readings) in [(World::Waves, 500), (World::Waves, READINGS), (World::Leak, READINGS)] {
        let found = growth(&run(world, 0, readings)).unwrap();
        assert_eq!(found.events_needed.is_some(), found.verdict == Verdict::Inconclusive, "{found:?}");
    }
}

#[test]
#[ignore = "prints the table of the comment of `memory.rs`, which takes a minute"]
fn the_table_of_the_comment() {
    const RUNS: u64 = 200;
    for (world, grows) in WORLDS {
        let of = |timeline: &dyn Fn(u64) -> Vec<TimelinePoint>| counts(RUNS, grows, timeline);
        let cells = [
            of(&|seed| run(world, seed, READINGS)),
            of(&|seed| thinned(world, seed)),
            of(&|seed| run(world, seed, 10 * READINGS)),
        ];
        let [short, few, long] = cells.map(|(wrong, inconclusive)| format!("{wrong} / {inconclusive}"));
        println!("//! | {world:?} | {} | {short} | {few} | {long} |", if grows { "growing" } else { "bounded" });
    }
}

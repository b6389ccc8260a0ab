//! Simulated runs whose truth is known by construction, on which the verdict is calibrated.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_xoshiro::SplitMix64;

use crate::random::{draws, mix};
use crate::record::TimelinePoint;

/// Readings in a run of 8 s, one every 4 ms; all times of a world are in readings.
pub(super) const READINGS: usize = 2_000;
/// Readings in the last half of such a run.
const HALF: f64 = READINGS as f64 / 2.0;
/// Readings in a day and in a week of event time, at 7.6 days a second.
const DAY: f64 = 1_000.0 / 4.0 / 7.6;
const WEEK: f64 = 7.0 * DAY;
/// Events admitted between two readings, on average.
pub(super) const EVENTS: f64 = 2_500.0;

/// How the state of a simulated run changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    SteadyTable,
    Waves,
    Sawtooth,
    FillThatEnds,
    FillTowardsALevel,
    DriftingHotSet,
    BurstInTheFirstHalf,
    BurstInTheLastHalf,
    SlightGrowth,
    LinearGrowth,
    GrowthAsTheRoot,
    GrowthAsTheLogarithm,
    Leak,
    LeakUnderWaves,
    LeakUnderASawtooth,
    LeakUnderABurst,
    LeakOfBytes,
}

/// All worlds, and whether they grow.
pub(super) const WORLDS: [(World, bool); 17] = [
    (World::SteadyTable, false),
    (World::Waves, false),
    (World::Sawtooth, false),
    (World::FillThatEnds, false),
    (World::FillTowardsALevel, false),
    (World::DriftingHotSet, false),
    (World::BurstInTheFirstHalf, false),
    (World::BurstInTheLastHalf, false),
    (World::SlightGrowth, false),
    (World::LinearGrowth, true),
    (World::GrowthAsTheRoot, true),
    (World::GrowthAsTheLogarithm, true),
    (World::Leak, true),
    (World::LeakUnderWaves, true),
    (World::LeakUnderASawtooth, true),
    (World::LeakUnderABurst, true),
    (World::LeakOfBytes, true),
];

/// Draws of one simulated run.
struct Draws(SplitMix64);

impl Draws {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.0.random::<f64>()).sum::<f64>() - 6.0
    }
}

/// Normal noise whose correlation fades with time.
struct Noise {
    share: f64,
    keep: f64,
    now: f64,
}

impl Noise {
    fn new(draws: &mut Draws, share: (f64, f64), correlated_over: (f64, f64)) -> Noise {
        let share = draws.between(share.0, share.1);
        let keep = (-1.0 / draws.between(correlated_over.0, correlated_over.1)).exp();
        Noise { share, keep, now: draws.normal() }
    }

    fn next(&mut self, draws: &mut Draws) -> f64 {
        self.now = self.keep * self.now + (1.0 - self.keep * self.keep).sqrt() * draws.normal();
        self.share * self.now
    }
}

/// Entries at a time, as a multiple of their level.
type Shape = Box<dyn Fn(f64) -> f64>;

/// A wave of 5 to 30 % of the level, with a second harmonic.
fn wave(draws: &mut Draws, period: f64) -> Shape {
    let [height, phase, second, second_phase] =
        [(0.05, 0.3), (0.0, 1.0), (0.0, 0.3), (0.0, 1.0)].map(|(low, high)| draws.between(low, high));
    Box::new(move |at| {
        let turn = at / period;
        height * ((TAU * (turn + phase)).sin() + second * (TAU * (2.0 * turn + second_phase)).sin())
    })
}

fn waves(draws: &mut Draws) -> Shape {
    let (day, week) = (wave(draws, DAY), wave(draws, WEEK));
    Box::new(move |at| 1.0 + day(at) + week(at))
}

/// A sweep every 1/50 to 1/5 of the half, of 10 to 60 % of the level.
fn sawtooth(draws: &mut Draws) -> Shape {
    let teeth = 5.0 * 10.0_f64.powf(draws.between(0.0, 1.0));
    let (phase, height) = (draws.between(0.0, 1.0), draws.between(0.1, 0.6));
    Box::new(move |at| 1.0 + height * (at / HALF * teeth + phase).fract())
}

/// What a retention holds of a steady rate that is ten times as high from one time on, for a while.
fn burst(draws: &mut Draws, from: (f64, f64)) -> Shape {
    let [retention, lasts, begin] =
        [(0.05 * HALF, 0.15 * HALF), (0.03 * HALF, 0.1 * HALF), from].map(|(low, high)| draws.between(low, high));
    Box::new(move |at| {
        let overlap = (at.min(begin + lasts) - (at - retention).max(begin)).max(0.0);
        (at.min(retention) + 9.0 * overlap) / retention
    })
}

/// Adds a leak by which the level rises by 10 to 20 % over the last half.
fn leaking(draws: &mut Draws, shape: Shape) -> Shape {
    let rise = draws.between(0.1, 0.2);
    Box::new(move |at| shape(at) + rise * at / HALF)
}

fn shape(world: World, draws: &mut Draws, half: f64) -> Shape {
    match world {
        World::SteadyTable | World::DriftingHotSet | World::LeakOfBytes => Box::new(|_| 1.0),
        World::Waves => waves(draws),
        World::Sawtooth => sawtooth(draws),
        World::FillThatEnds => {
            let end = draws.between(0.3 * HALF, 0.97 * HALF);
            Box::new(move |at| (at / end).min(1.0))
        }
        World::FillTowardsALevel => {
            let time = draws.between(0.1 * HALF, 0.25 * HALF);
            Box::new(move |at| 1.0 - (-at / time).exp())
        }
        World::BurstInTheFirstHalf => burst(draws, (0.2 * HALF, 0.9 * HALF)),
        World::BurstInTheLastHalf => burst(draws, (HALF, 1.2 * HALF)),
        World::SlightGrowth => {
            let rise = draws.between(-0.02, 0.02);
            Box::new(move |at| 1.0 + rise * at / half)
        }
        World::LinearGrowth => Box::new(|at| at / HALF),
        World::GrowthAsTheRoot => Box::new(|at| (at / HALF).sqrt()),
        World::GrowthAsTheLogarithm => {
            let scale = draws.between(0.02 * HALF, 0.2 * HALF);
            Box::new(move |at| (1.0 + at / scale).ln())
        }
        World::Leak => leaking(draws, Box::new(|_| 1.0)),
        World::LeakUnderWaves => {
            let waves = waves(draws);
            leaking(draws, waves)
        }
        World::LeakUnderASawtooth => {
            let sawtooth = sawtooth(draws);
            leaking(draws, sawtooth)
        }
        World::LeakUnderABurst => {
            let burst = burst(draws, (HALF, 1.2 * HALF));
            leaking(draws, burst)
        }
    }
}

/// Returns a run of this many readings. A seed gives the same world at every length.
pub(super) fn run(world: World, seed: u64, readings: usize) -> Vec<TimelinePoint> {
    let mut draws = Draws(draws(mix(seed) ^ world as u64));
    let level = draws.between(2e4, 2e5);
    let [payload, of_waiting] = [(40.0, 200.0), (0.0, 20.0)].map(|(low, high)| draws.between(low, high));
    let shape = shape(world, &mut draws, readings as f64 / 2.0);
    let leak_of_bytes = if world == World::LeakOfBytes { draws.between(0.15, 0.25) * payload / HALF } else { 0.0 };
    let mut noise = Noise::new(&mut draws, (0.002, 0.015), (2.0, 30.0));
    let mut noise_of_bytes = Noise::new(&mut draws, (0.1, 0.4), (1.0, 10.0));
    let mut hot_set = Noise::new(&mut draws, (0.003, 0.01), (0.02 * HALF, 0.08 * HALF));
    let has_table = world != World::LeakOfBytes && draws.0.random::<bool>() || world == World::SteadyTable;
    let (mut slots, mut admitted) = (1024.0, 0);
    (0..readings)
        .map(|reading| {
            let at = reading as f64;
            let drift = if world == World::DriftingHotSet { hot_set.next(&mut draws) } else { 0.0 };
            let entries = (level * (shape(at) + drift) * (1.0 + noise.next(&mut draws))).max(0.0);
            while has_table && entries > slots * 7.0 / 8.0 {
                slots *= 2.0;
            }
            let waiting = level * of_waiting * (1.0 + noise_of_bytes.next(&mut draws));
            let bytes = slots * 17.0 + entries * payload + waiting + level * leak_of_bytes * at;
            admitted += draws.between(0.8 * EVENTS, 1.2 * EVENTS) as u64;
            TimelinePoint {
                at_ns: reading as u64 * 4_000_000,
                admitted,
                live_bytes: Some(bytes as i64),
                entries: entries as u64,
                ..TimelinePoint::default()
            }
        })
        .collect()
}

//! The trend of one series over the last half of a run, and the verdict on it.

use crate::record::{TimelinePoint, Verdict};
use crate::statistics::{BLOCKS, Line, block_means, quantile, slope_beside};
use crate::waves::{slow_wave, waves};

/// Minimum number of points in the last half for a verdict: two per block.
pub const POINTS: usize = 2 * BLOCKS;
/// Minimum share of the mean level that counts as growth.
pub const MATERIAL_SHARE: f64 = 0.05;
/// Minimum growth that counts, in bytes: an allocator may move this much by itself.
pub const MATERIAL_BYTES: f64 = 65_536.0;
/// Minimum growth that counts, in entries.
pub const MATERIAL_ENTRIES: f64 = 100.0;
/// Number of means that a half is reduced to before waves are looked for.
const MEANS: usize = 256;
/// Distance of a burst above the upper quartile, in distances between the quartiles.
const FAR_OUT: f64 = 3.0;
/// Minimum factor by which a run is to be lengthened.
const TIMES_MIN: f64 = 1.5;
/// Maximum factor: what keeps the interval wider than that is not noise that averages out.
const TIMES_MAX: f64 = 10.0;
/// Share of a material growth that the one-sided limit has to be from the estimate, for a verdict to be likely.
const REACH_SHARE: f64 = 0.5;
/// Number of periods of a wave that the last half has to hold, with some room for its period being misjudged.
const PERIODS: f64 = 2.5;

/// What is known about one series over the last half.
pub(super) struct Trend {
    /// The line, with an error that allows for correlation.
    pub(super) line: Line,
    /// Number of events admitted in the half.
    events: f64,
    points: usize,
    /// Growth that counts, over the half.
    material: f64,
    /// The series without burst and waves; empty below [`POINTS`] points.
    rest: Vec<(f64, f64)>,
}

impl Trend {
    /// Returns the trend of a series whose growth counts from `least` on; `None` with fewer than three points, or where a
    /// value is absent.
    pub(super) fn of(half: &[TimelinePoint], least: f64, value: fn(&TimelinePoint) -> Option<f64>) -> Option<Trend> {
        let valued = half.iter().map(|point| Some((point.admitted as f64, value(point)?)));
        let points: Vec<(f64, f64)> = valued.collect::<Option<_>>()?;
        let (first, last) = (points.first()?, points.last()?);
        let (line, rest) = if points.len() < POINTS { (Line::fit(&points)?, Vec::new()) } else { trend(&points)? };
        let level = points.iter().map(|(_, y)| y).sum::<f64>() / points.len() as f64;
        let material = (level * MATERIAL_SHARE).max(least);
        Some(Trend { line, events: last.0 - first.0, points: points.len(), material, rest })
    }

    /// Returns the verdict of this series alone.
    pub(super) fn verdict(&self) -> Verdict {
        let (rise, reach) = (self.line.slope * self.events, self.line.slope_reach_to_one_side() * self.events);
        if self.points < POINTS {
            Verdict::Inconclusive
        } else if rise > reach && rise >= self.material {
            Verdict::Growing
        } else if rise + reach < self.material {
            Verdict::Bounded
        } else {
            Verdict::Inconclusive
        }
    }

    /// Returns how many times as long the run has to be for a verdict.
    pub(super) fn times_as_long(&self) -> f64 {
        if self.points < POINTS {
            return POINTS as f64 / self.points as f64 * TIMES_MIN;
        }
        let slow = slow_wave(&self.rest);
        let (line, periods) = slow.map_or((self.line, f64::INFINITY), |(cycles, line)| (line, cycles));
        let reach = line.slope_reach_to_one_side() * self.events;
        (reach / (self.material * REACH_SHARE)).powi(2).max(PERIODS / periods).clamp(TIMES_MIN, TIMES_MAX)
    }
}

/// Returns the line through a half and what it was fitted to: the half without a burst that was given back, and without
/// its waves.
fn trend(points: &[(f64, f64)]) -> Option<(Line, Vec<(f64, f64)>)> {
    let found = waves(without_burst(&block_means(points, MEANS)));
    let slow = found.cycles.iter().filter(|cycles| **cycles < BLOCKS as f64 / 2.0).count();
    Some((slope_beside(&found.rest, 2 * slow)?, found.rest))
}

/// Returns what follows the burst of a series, if it was given back in the first half of it.
fn without_burst(means: &[(f64, f64)]) -> &[(f64, f64)] {
    let values: Vec<f64> = means.iter().map(|(_, y)| *y).collect();
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|q| quantile(&values, q).unwrap_or(0.0));
    let is_far_out = |y: &f64| *y > high + FAR_OUT * (high - low);
    let Some(last) = values.iter().rposition(is_far_out) else { return means };
    let back = values[last..].iter().position(|y| *y <= middle).map_or(values.len(), |at| last + at);
    if 2 * back <= values.len() { &means[back..] } else { means }
}

//! Regular waves in a series: found by its own spectrum, and taken out before a trend is judged.

use std::f64::consts::{PI, TAU};

use crate::statistics::{Line, median, slope_beside};

/// Minimum number of periods in a series for a wave to be found: one period alone may be a trend that turns.
pub(crate) const PERIODS_MIN: f64 = 2.0;
/// Minimum power of a wave, as a multiple of the median power beside it.
const POWER_MIN: f64 = 8.0;
/// Minimum share of the variance about the line, and the waves before it, that a wave explains.
const SHARE_MIN: f64 = 0.1;
/// Maximum difference of a wave between the halves of a series, as a share of the sum of both.
const UNSTEADY_MAX: f64 = 0.85;
/// Minimum share of the variance about a line for a wave with fewer periods.
const SLOW_SHARE: f64 = 0.5;
/// Maximum number of waves that are taken out.
const WAVES_MAX: usize = 8;
/// Distance between the frequencies that are tried, in cycles over the series.
const STEP: f64 = 0.25;
/// Distance in cycles from a wave to where its own power has faded (the taper spreads it over two), and how far the
/// power beside it is looked at.
const BESIDE: (f64, f64) = (2.0, 6.0);

/// A series as its waves and what is left.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Waves {
    /// Number of cycles over the series of each wave, the strongest first.
    pub(crate) cycles: Vec<f64>,
    /// The series without them.
    pub(crate) rest: Vec<(f64, f64)>,
}

/// Returns the waves of a series (x, y) in ascending order of x, and the series without them.
///
/// A wave is a sine at a peak of a spectrum tapered by Hann's window that
///
/// - explains [`SHARE_MIN`] of the variance about the line and the waves before it,
/// - has at least [`POWER_MIN`] times the median power beside it, where the power at higher frequencies is taken as if it
///   fell with the square of the frequency, as that of a random walk does: noise that is only correlated has no waves,
/// - is there in both halves of the series, about as high and at the same phase: a burst is no wave.
///
/// Waves are taken out one after the other, always fitted together with a straight line, so that they do not take the
/// trend along. A regular shape that is no sine, such as a sawtooth, is several waves.
pub(crate) fn waves(points: &[(f64, f64)]) -> Waves {
    let mut waves = Waves { cycles: Vec::new(), rest: points.to_vec() };
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return waves };
    let span = last.0 - first.0;
    if points.len() < 16 || span <= 0.0 {
        return waves;
    }
    let scaled: Vec<(f64, f64)> = points.iter().map(|(x, y)| ((x - first.0) / span, *y)).collect();
    while waves.cycles.len() < WAVES_MAX {
        let Some(cycles) = strongest(&residuals(&scaled, &waves.cycles)) else { break };
        waves.cycles.push(cycles);
        let newest = waves.cycles.len() - 1;
        refine(&scaled, &mut waves.cycles, newest);
    }
    refine(&scaled, &mut waves.cycles, 0);
    waves.rest = without(points, &scaled, &waves.cycles);
    waves
}

/// Returns the wave of fewer periods than [`PERIODS_MIN`] that a series may have, as its number of cycles over the series,
/// and the line through the series without it; `None` if no such wave explains [`SLOW_SHARE`] of what a line leaves.
pub(crate) fn slow_wave(points: &[(f64, f64)]) -> Option<(f64, Line)> {
    let (first, last) = (points.first()?, points.last()?);
    let span = last.0 - first.0;
    let scaled: Vec<(f64, f64)> = points.iter().map(|(x, y)| ((x - first.0) / span, *y)).collect();
    let power = |cycles: &[f64]| residuals(&scaled, cycles).iter().map(|(_, y)| y * y).sum::<f64>();
    let tried = (1..).map(|step| STEP * f64::from(step)).take_while(|cycles| *cycles <= PERIODS_MIN + STEP);
    let (cycles, left) = tried.map(|cycles| (cycles, power(&[cycles]))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    if left > (1.0 - SLOW_SHARE) * power(&[]) {
        return None;
    }
    let line = slope_beside(&without(points, &scaled, &[cycles]), 2)?;
    Some((cycles, line))
}

/// Returns the points without waves of these frequencies.
fn without(points: &[(f64, f64)], scaled: &[(f64, f64)], cycles: &[f64]) -> Vec<(f64, f64)> {
    let fitted = fit(scaled, cycles);
    points.iter().zip(scaled).map(|((x, y), (u, _))| (*x, y - sines(*u, cycles, &fitted))).collect()
}

/// Moves each frequency, from the given one on, to where its own power is largest once all others are taken out.
fn refine(scaled: &[(f64, f64)], cycles: &mut [f64], from: usize) {
    const SHIFT: f64 = 0.1;
    for at in from..cycles.len() {
        let fitted = fit(scaled, cycles);
        let own = [fitted[0], fitted[1], fitted[2 + 2 * at], fitted[3 + 2 * at]];
        let alone: Vec<(f64, f64)> = residuals_of(scaled, cycles, &fitted)
            .map(|(u, rest)| (u, rest + sines(u, &cycles[at..=at], &own)))
            .collect();
        let power = [-SHIFT, 0.0, SHIFT].map(|by| power_at(&alone, cycles[at] + by).ln());
        cycles[at] += (SHIFT * peak_of_parabola(power)).clamp(-STEP, STEP);
    }
}

/// Returns where a parabola through three values at −1, 0 and 1 has its peak; 0 if it has none.
fn peak_of_parabola([left, middle, right]: [f64; 3]) -> f64 {
    let bend = left - 2.0 * middle + right;
    let at = (left - right) / (2.0 * bend);
    if bend < 0.0 && at.is_finite() { at } else { 0.0 }
}

/// Returns the frequency of the strongest wave; `None` if there is none.
fn strongest(residuals: &[(f64, f64)]) -> Option<f64> {
    let spectrum = spectrum(residuals);
    let power_beside = |at: usize| {
        let (cycles, _) = spectrum[at];
        let near = |steps: f64| (steps / STEP) as usize;
        let below = at.saturating_sub(near(BESIDE.1))..(at + 1).saturating_sub(near(BESIDE.0));
        let above = (at + near(BESIDE.0)).min(spectrum.len())..(at + near(BESIDE.1)).min(spectrum.len());
        let mut beside: Vec<f64> = spectrum[below].iter().map(|(_, power)| *power).collect();
        beside.extend(spectrum[above].iter().map(|(other, power)| power * (other / cycles).powi(2)));
        median(&beside)
    };
    // A sine of height h has the power (h n / 4)² in a tapered spectrum, and the variance h² / 2.
    let variance_sum = residuals.iter().map(|(_, y)| y * y).sum::<f64>();
    let material = SHARE_MIN * variance_sum * residuals.len() as f64 / 8.0;
    let power = |at: usize| spectrum[at].1;
    let is_peak = |at: usize| power(at) > material && power(at) >= power(at - 1).max(power(at + 1));
    let stands_out = |at: usize| power_beside(at).is_some_and(|beside| power(at) > POWER_MIN * beside);
    let inner = 1..spectrum.len().saturating_sub(1);
    let mut found: Vec<(f64, f64)> =
        inner.filter(|at| is_peak(*at) && stands_out(*at)).map(|at| spectrum[at]).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.into_iter().map(|(cycles, _)| cycles).find(|cycles| is_steady(residuals, *cycles))
}

/// Returns true if both halves of a series show a wave, about as high and at the same phase.
fn is_steady(residuals: &[(f64, f64)], cycles: f64) -> bool {
    let of_half = |from: f64| {
        let half = residuals.iter().filter(|(u, _)| (from..from + 0.5).contains(u));
        half.fold((0.0, 0.0), |(re, im), (u, y)| {
            let (sin, cos) = (TAU * cycles * u).sin_cos();
            let tapered = y * (TAU * (u - from)).sin().powi(2);
            (re + tapered * cos, im + tapered * sin)
        })
    };
    let ((re, im), (other_re, other_im)) = (of_half(0.0), of_half(0.5));
    (re - other_re).hypot(im - other_im) < UNSTEADY_MAX * (re + other_re).hypot(im + other_im)
}

/// Returns the power of a series at each frequency that is tried: (cycles over the series, power).
fn spectrum(residuals: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let lowest = PERIODS_MIN - STEP; // so that the first one that counts has a neighbour on either side
    let count = ((residuals.len() as f64 / 3.0 - lowest) / STEP) as usize;
    let mut powers = vec![(0.0, 0.0); count];
    for (u, y) in residuals {
        let tapered = y * (PI * u).sin().powi(2);
        let (mut sin, mut cos) = (TAU * lowest * u).sin_cos();
        let (turn_sin, turn_cos) = (TAU * STEP * u).sin_cos();
        for (re, im) in &mut powers {
            *re += tapered * cos;
            *im += tapered * sin;
            (sin, cos) = (sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin);
        }
    }
    let cycles = |at: usize| lowest + STEP * at as f64;
    powers.iter().enumerate().map(|(at, (re, im))| (cycles(at), re * re + im * im)).collect()
}

/// Returns the power of a series at one frequency.
fn power_at(residuals: &[(f64, f64)], cycles: f64) -> f64 {
    let (re, im) = residuals.iter().fold((0.0, 0.0), |(re, im), (u, y)| {
        let (sin, cos) = (TAU * cycles * u).sin_cos();
        let tapered = y * (PI * u).sin().powi(2);
        (re + tapered * cos, im + tapered * sin)
    });
    re * re + im * im
}

/// Returns the coefficients of the least-squares fit of 1, u, and the cosine and sine of each frequency.
fn fit(scaled: &[(f64, f64)], cycles: &[f64]) -> Vec<f64> {
    let size = 2 + 2 * cycles.len();
    let mut system = vec![vec![0.0; size + 1]; size];
    let mut terms = vec![0.0; size + 1];
    for (u, y) in scaled {
        (terms[0], terms[1], terms[size]) = (1.0, u - 0.5, *y);
        for (at, cycles) in cycles.iter().enumerate() {
            (terms[3 + 2 * at], terms[2 + 2 * at]) = (TAU * cycles * u).sin_cos();
        }
        for (row, left) in system.iter_mut().zip(&terms) {
            row.iter_mut().zip(&terms).for_each(|(cell, right)| *cell += left * right);
        }
    }
    solve(system)
}

/// Solves a symmetric positive definite system, each row with its right side at the end; a column that depends on those
/// before it gets 0.
fn solve(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let size = system.len();
    let scale: Vec<f64> = (0..size).map(|at| system[at][at]).collect();
    for column in 0..size {
        if system[column][column] <= 1e-9 * scale[column] {
            system[column].iter_mut().for_each(|cell| *cell = 0.0);
            system[column][column] = 1.0;
        }
        let pivot = system[column].clone();
        for row in (0..size).filter(|row| *row != column) {
            let factor = system[row][column] / pivot[column];
            system[row].iter_mut().zip(&pivot).for_each(|(cell, other)| *cell -= factor * other);
        }
    }
    (0..size).map(|row| system[row][size] / system[row][row]).collect()
}

/// Returns the sum of the sines of a fit at `u`.
fn sines(u: f64, cycles: &[f64], fitted: &[f64]) -> f64 {
    let pairs = cycles.iter().zip(fitted[2..].chunks_exact(2));
    let sine = |(cycles, pair): (&f64, &[f64])| {
        let (sin, cos) = (TAU * cycles * u).sin_cos();
        pair[0] * cos + pair[1] * sin
    };
    pairs.map(sine).sum()
}

fn residuals(scaled: &[(f64, f64)], cycles: &[f64]) -> Vec<(f64, f64)> {
    let fitted = fit(scaled, cycles);
    residuals_of(scaled, cycles, &fitted).collect()
}

fn residuals_of<'a>(
    scaled: &'a [(f64, f64)],
    cycles: &'a [f64],
    fitted: &'a [f64],
) -> impl Iterator<Item = (f64, f64)> + 'a {
    scaled.iter().map(|(u, y)| (*u, y - fitted[0] - fitted[1] * (u - 0.5) - sines(*u, cycles, fitted)))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::draws;

    /// A series with noise of a standard deviation of about 0.6.
    fn series(y: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut draws = draws(1);
        let mut noise = || 2.0 * draws.random::<f64>() - 1.0;
        (0..256).map(|at| (1e6 + 1e3 * f64::from(at), y(f64::from(at) / 255.0) + noise())).collect()
    }

    fn sine(cycles: f64, u: f64) -> f64 {
        (TAU * cycles * u + 1.0).sin()
    }

    #[test]
    fn waves_are_found_at_their_frequencies_and_the_line_is_left() {
        let found = waves(&series(|u| 100.0 + 20.0 * u + 30.0 * sine(4.3, u) + 10.0 * sine(30.4, u)));
        assert_eq!(found.cycles.len(), 2, "{:?}", found.cycles);
        assert!((found.cycles[0] - 4.3).abs() < 0.02 && (found.cycles[1] - 30.4).abs() < 0.02, "{:?}", found.cycles);
        for ((_, left), (_, line)) in found.rest.iter().zip(series(|u| 100.0 + 20.0 * u)) {
            assert!((left - line).abs() < 0.7, "{left} {line}");
        }
    }

    #[test]
    fn a_line_a_step_a_burst_and_a_curve_have_no_waves() {
        let shapes: [fn(f64) -> f64; 4] = [
            |u| 30.0 * u,
            |u| if u < 0.6 { 10.0 } else { 20.0 },
            |u| if (0.7..0.8).contains(&u) { 50.0 } else { 10.0 },
            |u| 100.0 * u.sqrt(),
        ];
        for (at, shape) in shapes.into_iter().enumerate() {
            assert_eq!(waves(&series(shape)).cycles, [0.0; 0], "shape {at}");
        }
    }

    #[test]
    fn noise_has_hardly_ever_waves() {
        for keep in [0.0, 0.9, 0.99] {
            let count = |seed: u64| {
                let (mut draws, mut y) = (draws(seed), 0.0);
                let noise: Vec<f64> = (0..256)
                    .map(|_| {
                        y = keep * y + draws.random::<f64>() - 0.5;
                        y
                    })
                    .collect();
                usize::from(!waves(&series(|u| noise[(u * 255.0).round() as usize])).cycles.is_empty())
            };
            let found = (0..100).map(count).sum::<usize>();
            assert!(found <= 20, "{found} of 100 at {keep}");
        }
    }

    #[test]
    fn a_wave_of_one_period_is_left_and_named() {
        let points = series(|u| 100.0 + 30.0 * sine(1.1, u));
        assert_eq!(waves(&points).cycles, [0.0; 0]);
        let (cycles, line) = slow_wave(&points).unwrap();
        assert!((cycles - 1.1).abs() <= STEP, "{cycles}");
        assert!(line.slope.abs() * 255e3 < 10.0, "{line:?}");
        assert_eq!(slow_wave(&series(|u| 30.0 * u + 10.0 * sine(40.0, u))), None);
        assert_eq!(slow_wave(&[]), None);
    }

    #[test]
    fn few_or_equal_points_are_left_as_they_are() {
        assert_eq!(waves(&[]), Waves::default());
        let few = &series(|u| sine(4.0, u))[..10];
        assert_eq!(waves(few).rest, few);
        let equal = [(1.0, 2.0); 40];
        assert_eq!(waves(&equal).rest, equal);
    }
}

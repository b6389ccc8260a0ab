//! Scaling with workers: speed-up, efficiency, the COST of a strategy, and the Universal Scalability Law.
//!
//! COST is the configuration that outperforms a single thread (McSherry, Isard, Murray: Scalability! But at what COST?,
//! HotOS 2015). The Universal Scalability Law (Gunther: Guerrilla Capacity Planning, 2007) explains a throughput by two
//! losses: σ, workers that wait for each other, and κ, workers that have to agree with every other one. It describes
//! what was measured; its warnings say how little it may say beyond.
//!
//! Decision D-307.

use std::fmt;

/// Maximum residual without a warning: above it, the law does not describe the point.
pub const RESIDUAL_SHARE: f64 = 0.10;
/// Minimum number of different worker counts for which a point can contradict the three parameters.
pub const COUNTS_FOR_LAW: usize = 4;

/// Throughput at a number of workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalingPoint {
    /// Workers of all processes together, from 1.
    pub workers: usize,
    /// Measured throughput, in events/s.
    pub throughput_events_per_s: f64,
}

/// Returns a throughput as a multiple of the baseline, in the same unit; `None` unless both are above zero.
pub fn speed_up(throughput: f64, baseline: f64) -> Option<f64> {
    let sound = throughput > 0.0 && baseline > 0.0 && throughput.is_finite() && baseline.is_finite();
    sound.then(|| throughput / baseline)
}

/// Returns the speed-up per worker: 1 if n workers are n times as fast as the baseline, above 1 if they are faster than
/// that; `None` for no workers.
pub fn efficiency(speed_up: f64, total_workers: usize) -> Option<f64> {
    (total_workers > 0).then(|| speed_up / total_workers as f64)
}

/// The number of workers it takes to outperform a single thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// The minimum number of workers that is faster.
    Workers(usize),
    /// No measured number of workers is faster.
    Never {
        /// The maximum number that was measured.
        up_to: usize,
    },
}

/// Formats as `2 workers` or `never up to 4 workers`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cost::Workers(workers) => f.write_str(&counted(*workers)),
            Cost::Never { up_to } => write!(f, "never up to {}", counted(*up_to)),
        }
    }
}

/// Returns the COST of a strategy against the throughput of a single thread, in events/s; any throughput above it
/// counts as faster. `None` without a point.
pub fn cost(points: &[ScalingPoint], single_thread_events_per_s: f64) -> Option<Cost> {
    let up_to = points.iter().map(|point| point.workers).max()?;
    let faster = points.iter().filter(|point| point.throughput_events_per_s > single_thread_events_per_s);
    Some(faster.map(|point| point.workers).min().map_or(Cost::Never { up_to }, Cost::Workers))
}

/// The Universal Scalability Law, X(N) = λN / (1 + σ(N−1) + κN(N−1)), as it fits some points best.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingLaw {
    /// λ: throughput of one worker, events/s; above 0.
    pub lambda_events_per_s: f64,
    /// σ, contention: share of the work that only one worker can do at a time; 0 or more.
    pub sigma: f64,
    /// κ, coherence: what every pair of workers costs, as a share of the work; 0 or more.
    pub kappa: f64,
    /// Measured / law − 1 for each point, in the order of the points.
    pub residuals: Vec<f64>,
    /// Square root of the mean square of the residuals: 0.05 if the points are typically 5 % off.
    pub residual_rms: f64,
    /// N* = √((1−σ)/κ): with more workers than this the throughput falls. Absent where the law has no peak.
    pub peak_workers: Option<f64>,
    /// Reasons not to trust the law, in words; empty if there are none.
    pub warnings: Vec<String>,
}

impl ScalingLaw {
    /// Returns the law with the minimum sum of squared residuals; `None` with fewer than two measured worker counts, if
    /// a throughput is not above zero, or if a single worker of unlimited speed would describe the points best.
    ///
    /// N/X is linear in 1/λ, σ/λ and κ/λ, and so is the residual, X times it minus 1: non-negative least squares gives
    /// the exact minimum. `usable_cores` is for the warnings; `None` if unknown.
    pub fn fit(points: &[ScalingPoint], usable_cores: Option<usize>) -> Option<ScalingLaw> {
        let sound = |point: &ScalingPoint| {
            point.workers > 0 && point.throughput_events_per_s > 0.0 && point.throughput_events_per_s.is_finite()
        };
        let counts = counts(points);
        if counts.len() < 2 || !points.iter().all(sound) {
            return None;
        }
        let greatest = points.iter().map(|point| point.throughput_events_per_s).fold(0.0, f64::max);
        let terms: [fn(f64) -> f64; 3] = [|_| 1.0, |n| n - 1.0, |n| n * (n - 1.0)];
        let columns = terms.map(|term| {
            let of_point = |point: &ScalingPoint| {
                let n = point.workers as f64;
                term(n) * point.throughput_events_per_s / greatest / n
            };
            points.iter().map(of_point).collect()
        });
        let [one, sigma, kappa] = non_negative_least_squares(&columns).filter(|factors| factors[0] > 0.0)?;
        let mut law = ScalingLaw::of(greatest / one, sigma / one, kappa / one, points);
        law.warnings = law.warnings_about(points, &counts, usable_cores);
        Some(law)
    }

    /// Returns the throughput that the law predicts for a number of workers, in events/s.
    pub fn throughput_events_per_s(&self, workers: f64) -> f64 {
        let n = workers;
        self.lambda_events_per_s * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    fn of(lambda_events_per_s: f64, sigma: f64, kappa: f64, points: &[ScalingPoint]) -> ScalingLaw {
        let peak_workers = (kappa > 0.0 && sigma < 1.0).then(|| ((1.0 - sigma) / kappa).sqrt());
        let (residuals, warnings) = (Vec::new(), Vec::new());
        let mut law =
            ScalingLaw { lambda_events_per_s, sigma, kappa, residuals, residual_rms: 0.0, peak_workers, warnings };
        let residual = |point: &ScalingPoint| {
            point.throughput_events_per_s / law.throughput_events_per_s(point.workers as f64) - 1.0
        };
        law.residuals = points.iter().map(residual).collect();
        law.residual_rms = (law.residuals.iter().map(|r| r * r).sum::<f64>() / points.len() as f64).sqrt();
        law
    }

    fn warnings_about(&self, points: &[ScalingPoint], counts: &[usize], usable_cores: Option<usize>) -> Vec<String> {
        let (least, most) = (counts[0], counts[counts.len() - 1]);
        let few = (counts.len() < COUNTS_FOR_LAW)
            .then(|| format!("{} worker counts cannot contradict a law of three parameters", counts.len()));
        let small =
            (most <= 2).then(|| format!("nothing was measured beyond {}: σ and κ cannot be told apart", counted(most)));
        let far = points.iter().zip(&self.residuals).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let far = far.filter(|(_, residual)| residual.abs() > RESIDUAL_SHARE).map(|(point, residual)| {
            format!("it misses the throughput on {} by {:.0} %", counted(point.workers), residual.abs() * 100.0)
        });
        let outside = self.peak_workers.is_some_and(|peak| peak < least as f64 || peak > most as f64);
        let outside =
            outside.then(|| format!("its peak lies outside of the {least} to {most} workers that were measured"));
        let extrapolated = (least > 1)
            .then(|| format!("λ is no throughput that was measured: there is none below {}", counted(least)));
        let contended = (self.sigma > 1.0).then(|| {
            let sigma = self.sigma;
            format!("σ {sigma:.1} is no share: by this law a second worker makes the first one slower")
        });
        let crowded = oversubscribed(counts, usable_cores);
        [few, small, crowded, extrapolated, contended, far, outside].into_iter().flatten().collect()
    }
}

fn oversubscribed(counts: &[usize], usable_cores: Option<usize>) -> Option<String> {
    let cores = usable_cores?;
    let crowded: Vec<String> = counts.iter().filter(|n| **n > cores).map(ToString::to_string).collect();
    let text = match cores {
        1 => format!("{} workers share 1 usable core", crowded.join(", ")),
        cores => format!("{} workers share {cores} usable cores", crowded.join(", ")),
    };
    (!crowded.is_empty()).then(|| text + ": there the time slices are fitted, not the strategy")
}

/// Returns the different worker counts in ascending order.
fn counts(points: &[ScalingPoint]) -> Vec<usize> {
    let mut counts: Vec<usize> = points.iter().map(|point| point.workers).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// Returns the non-negative factors with which the columns add up to ones as closely as possible. A factor that would
/// be negative is zero at the minimum, so every way to leave out columns is tried; fewer columns win a tie.
fn non_negative_least_squares(columns: &[Vec<f64>; 3]) -> Option<[f64; 3]> {
    const WAYS: [&[usize]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
    let mut best: Option<(f64, [f64; 3])> = None;
    for way in WAYS {
        let Some(found) = least_squares(way.iter().map(|column| columns[*column].clone()).collect()) else { continue };
        let mut factors = [0.0; 3];
        way.iter().zip(found).for_each(|(column, factor)| factors[*column] = factor);
        let off = |n: usize| factors.iter().zip(columns).map(|(factor, column)| factor * column[n]).sum::<f64>() - 1.0;
        let squares = (0..columns[0].len()).map(|n| off(n).powi(2)).sum::<f64>();
        // A part in 10⁹ of a residual is the rounding of the computation, not a better description.
        let better = best.is_none_or(|(least, _)| squares < least * (1.0 - 1e-9) - 1e-18);
        if better && factors.iter().all(|factor| *factor >= 0.0) {
            best = Some((squares, factors));
        }
    }
    best.map(|(_, factors)| factors)
}

/// Returns the factors with which the columns add up to ones as closely as possible (least squares, by
/// orthogonalisation); `None` if a column depends linearly on those before it.
fn least_squares(mut columns: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let terms = columns.len();
    // Row k: how the columns from k on consist of the k-th orthogonal one; last, how the target does.
    let mut triangle = vec![vec![0.0; terms + 1]; terms];
    columns.push(vec![1.0; columns[0].len()]);
    let before: Vec<f64> = columns.iter().map(|column| dot(column, column)).collect();
    for k in 0..terms {
        let square = dot(&columns[k], &columns[k]);
        if square <= before[k] * 1e-18 {
            return None;
        }
        let (done, rest) = columns.split_at_mut(k + 1);
        for (j, column) in (k + 1..).zip(rest) {
            triangle[k][j] = dot(&done[k], column) / square;
            column.iter_mut().zip(&done[k]).for_each(|(value, unit)| *value -= triangle[k][j] * unit);
        }
    }
    let mut factors = vec![0.0; terms];
    for k in (0..terms).rev() {
        factors[k] = triangle[k][terms] - dot(&triangle[k][k + 1..terms], &factors[k + 1..]);
    }
    Some(factors)
}

fn counted(workers: usize) -> String {
    if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(of: &[(usize, f64)]) -> Vec<ScalingPoint> {
        of.iter().map(|(workers, x)| ScalingPoint { workers: *workers, throughput_events_per_s: *x }).collect()
    }

    /// Exact points of a law, each off by a share of its own.
    fn of_law((lambda, sigma, kappa): (f64, f64, f64), off: &[(usize, f64)]) -> Vec<ScalingPoint> {
        let x = |n: f64| lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0));
        points(&off.iter().map(|(n, off)| (*n, x(*n as f64) * (1.0 + off))).collect::<Vec<_>>())
    }

    const COUNTS: [usize; 6] = [1, 2, 4, 8, 16, 32];

    #[test]
    fn speed_up_and_efficiency_are_ratios_of_what_is_there() {
        assert_eq!(speed_up(30.0, 20.0), Some(1.5));
        assert_eq!(efficiency(1.5, 2), Some(0.75));
        for (throughput, baseline) in [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(speed_up(throughput, baseline), None);
        }
        assert_eq!(efficiency(1.5, 0), None);
    }

    #[test]
    fn cost_is_the_least_number_of_workers_that_beats_the_single_thread() {
        let measured = points(&[(4, 50.0), (1, 15.0), (2, 21.0)]);
        assert_eq!(cost(&measured, 20.0), Some(Cost::Workers(2)));
        assert_eq!(cost(&measured, 14.9), Some(Cost::Workers(1)));
        assert_eq!(cost(&measured, 50.0), Some(Cost::Never { up_to: 4 }), "as fast is not faster");
        assert_eq!(cost(&[], 1.0), None);
        assert_eq!(Cost::Never { up_to: 4 }.to_string(), "never up to 4 workers");
        assert_eq!(Cost::Workers(1).to_string(), "1 worker");
    }

    #[test]
    fn linear_and_constant_throughputs_have_the_plainest_law() {
        let linear = ScalingLaw::fit(&points(&COUNTS.map(|n| (n, 3e6 * n as f64))), None).unwrap();
        assert_eq!((linear.sigma, linear.kappa, linear.peak_workers), (0.0, 0.0, None));
        let constant = ScalingLaw::fit(&points(&COUNTS.map(|n| (n, 3e6))), None).unwrap();
        assert!((constant.sigma - 1.0).abs() < 1e-9 && constant.kappa < 1e-9, "{constant:?}");
        assert_eq!(constant.peak_workers, None);
        let more_than_linear = ScalingLaw::fit(&points(&COUNTS.map(|n| (n, (n * n) as f64))), None).unwrap();
        assert_eq!((more_than_linear.sigma, more_than_linear.kappa), (0.0, 0.0));
        assert!(more_than_linear.warnings[0].contains("misses the throughput"), "{more_than_linear:?}");
    }

    #[test]
    fn what_no_law_can_describe_has_none() {
        for none in [&[][..], &[(2, 5.0)], &[(2, 5.0), (2, 6.0), (2, 7.0), (2, 8.0)], &[(1, 5.0), (2, 0.0)]] {
            assert_eq!(ScalingLaw::fit(&points(none), Some(2)), None, "{none:?}");
        }
        assert_eq!(ScalingLaw::fit(&points(&[(1, f64::NAN), (2, 1.0)]), None), None);
        assert_eq!(ScalingLaw::fit(&points(&[(0, 1.0), (2, 1.0)]), None), None);
    }

    #[test]
    fn the_warnings_name_what_the_points_cannot_support() {
        let two = ScalingLaw::fit(&points(&[(1, 10.0), (2, 15.0)]), Some(2)).unwrap();
        assert_eq!(
            two.warnings,
            [
                "2 worker counts cannot contradict a law of three parameters",
                "nothing was measured beyond 2 workers: σ and κ cannot be told apart",
            ]
        );
        let crowded = of_law((1e6, 0.1, 1e-4), &[1, 2, 4, 8].map(|n| (n, 0.0)));
        let crowded = ScalingLaw::fit(&crowded, Some(2)).unwrap().warnings;
        assert!(crowded[0].starts_with("4, 8 workers share 2 usable cores"), "{crowded:?}");
        assert!(crowded[1].contains("its peak lies outside of the 1 to 8 workers"), "{crowded:?}");
        let far = of_law((1e6, 0.1, 0.02), &[(1, 0.0), (2, 0.5), (4, 0.0), (8, 0.0)]);
        let far = ScalingLaw::fit(&far, None).unwrap().warnings;
        assert!(far.iter().any(|warning| warning.starts_with("it misses the throughput on 2 workers by ")), "{far:?}");
    }

    #[test]
    fn a_law_is_doubted_where_its_sigma_is_no_share_or_its_lambda_was_never_measured() {
        let warnings =
            |measured: &[(usize, f64)]| ScalingLaw::fit(&points(measured), None).unwrap().warnings.join("; ");
        // As `staged` was reported: from 2 to 4 workers, with a λ four times the throughput of the single thread.
        let staged = of_law((68.7e6, 7.6, 0.0), &[(2, 0.0), (3, 0.0), (4, 0.0)]);
        let staged = ScalingLaw::fit(&staged, None).unwrap().warnings.join("; ");
        assert!(staged.contains("λ is no throughput that was measured: there is none below 2 workers"), "{staged}");
        assert!(
            staged.contains("σ 7.6 is no share: by this law a second worker makes the first one slower"),
            "{staged}"
        );
        let plain = warnings(&[(1, 10.0), (2, 19.0), (4, 34.0), (8, 55.0)]);
        assert!(!plain.contains('λ') && !plain.contains("no share"), "{plain}");
    }

    proptest! {
        #[test]
        fn exact_points_give_back_their_law(lambda in 1.0..1e9_f64, sigma in 0.0..1.5_f64, kappa in 0.0..0.3_f64) {
            let law = ScalingLaw::fit(&of_law((lambda, sigma, kappa), &COUNTS.map(|n| (n, 0.0))), None).unwrap();
            prop_assert!((law.lambda_events_per_s / lambda - 1.0).abs() < 1e-6, "{law:?}");
            prop_assert!((law.sigma - sigma).abs() < 1e-6 && (law.kappa - kappa).abs() < 1e-6, "{law:?}");
            prop_assert!(law.residuals.iter().all(|residual| residual.abs() < 1e-6), "{law:?}");
        }

        #[test]
        fn noisy_points_give_nearly_their_law(sigma in 0.0..0.5_f64, kappa in 0.0..0.02_f64,
                                              noise in prop::array::uniform6(-0.02..0.02_f64)) {
            let off: Vec<(usize, f64)> = COUNTS.into_iter().zip(noise).collect();
            let law = ScalingLaw::fit(&of_law((1e6, sigma, kappa), &off), None).unwrap();
            // The true law is off by the noise, and none fits better than the best.
            prop_assert!(law.residual_rms <= 0.02, "{law:?}");
            prop_assert!((law.lambda_events_per_s / 1e6 - 1.0).abs() < 0.06, "{law:?}");
            prop_assert!((law.sigma - sigma).abs() < 0.12 && (law.kappa - kappa).abs() < 0.008, "{law:?}");
        }

        #[test]
        fn no_other_law_fits_better(throughputs in prop::array::uniform6(1.0..10.0_f64),
                                    other in (1.0..10.0_f64, 0.0..2.0_f64, 0.0..0.5_f64)) {
            let measured = points(&COUNTS.into_iter().zip(throughputs).collect::<Vec<_>>());
            let law = ScalingLaw::fit(&measured, None);
            prop_assume!(law.is_some(), "a single worker has no limit");
            let law = law.unwrap();
            let other = of_law(other, &COUNTS.map(|n| (n, 0.0)));
            let ratio = |(x, law): (&ScalingPoint, &ScalingPoint)| {
                x.throughput_events_per_s / law.throughput_events_per_s
            };
            let squares = measured.iter().zip(&other).map(|pair| (ratio(pair) - 1.0).powi(2));
            prop_assert!(law.residual_rms <= (squares.sum::<f64>() / 6.0).sqrt() + 1e-8, "{law:?}");
        }

        #[test]
        fn whatever_was_measured_the_law_is_sound(of in prop::collection::vec((1_usize..200, 1e-3..1e9_f64), 0..12)) {
            let law = ScalingLaw::fit(&points(&of), Some(2));
            prop_assume!(law.is_some(), "fewer than two worker counts, or a single worker has no limit");
            let law = law.unwrap();
            prop_assert!(law.lambda_events_per_s > 0.0 && law.sigma >= 0.0 && law.kappa >= 0.0, "{law:?}");
            prop_assert!(law.lambda_events_per_s.is_finite() && law.residual_rms.is_finite(), "{law:?}");
            prop_assert_eq!(law.residuals.len(), of.len());
            let peak = law.peak_workers.unwrap_or(1.0);
            prop_assert!(law.throughput_events_per_s(peak) >= law.throughput_events_per_s(peak + 1.0)
                || law.peak_workers.is_none());
        }
    }
}

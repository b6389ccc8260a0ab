//! Medians, quantiles, confidence intervals, regression lines and comparisons by rank, with which all else is judged.

mod order;
mod ranks;

use self::order::sorted;
pub use self::order::{median, quantile};
pub use self::ranks::{Ratio, holm, least_probability, mann_whitney};

/// An estimate with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceInterval {
    /// The point estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Number of blocks in which a series is averaged before a line is fitted to it.
pub const BLOCKS: usize = 16;
/// Maximum correlation of neighbouring blocks, at which there is effectively one sample.
const CORRELATION_MAX: f64 = 0.95;
/// A line leaves residuals that turn back more often than the errors themselves: their correlation comes out too small,
/// by about (2 + 4r) over the number of blocks.
const CORRELATION_BIAS: (f64, f64) = (2.0, 4.0);
/// Minimum degrees of freedom of a slope, however strongly the blocks are correlated.
const DEGREES_OF_FREEDOM_MIN: f64 = 6.0;

/// Minimum number of repeats for which an exact 95 % interval of the median exists.
pub const MEDIAN_INTERVAL_SAMPLES: usize = 6;

/// Returns the median with an interval that covers the true median in at least 95 % of cases, whatever the
/// distribution: the k-th value from either end, with k from the binomial distribution. It assumes independent repeats.
/// `None` below [`MEDIAN_INTERVAL_SAMPLES`], because five repeats or fewer cannot give 95 %.
pub fn median_interval(sample: &[f64]) -> Option<ConfidenceInterval> {
    let sorted = sorted(sample);
    let rank = median_rank(sorted.len()).checked_sub(1)?;
    Some(ConfidenceInterval { estimate: median(sample)?, low: sorted[rank], high: sorted[sorted.len() - 1 - rank] })
}

/// A straight line through points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Change of y for 1 of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// Standard error of the slope, for independent errors of equal spread.
    pub slope_error: f64,
    /// Points less the two parameters.
    pub degrees_of_freedom: usize,
}

impl Line {
    /// Returns the least-squares line through (x, y); `None` with fewer than three points or if all x are equal.
    pub fn fit(points: &[(f64, f64)]) -> Option<Line> {
        let degrees_of_freedom = points.len().checked_sub(2).filter(|df| *df > 0)?;
        let n = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / n;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / n;
        let spread = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>();
        if spread <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
        let mut line = Line { slope, intercept: mean_y - slope * mean_x, slope_error: 0.0, degrees_of_freedom };
        let unexplained = points.iter().map(|point| line.residual(*point).powi(2)).sum::<f64>();
        line.slope_error = (unexplained / degrees_of_freedom as f64 / spread).sqrt();
        Some(line)
    }

    /// Returns the distance of the point above the line.
    pub fn residual(&self, (x, y): (f64, f64)) -> f64 {
        y - self.intercept - self.slope * x
    }

    /// Returns the slope with its 95 % interval.
    pub fn slope_interval(&self) -> ConfidenceInterval {
        let reach = student_t_975(self.degrees_of_freedom) * self.slope_error;
        ConfidenceInterval { estimate: self.slope, low: self.slope - reach, high: self.slope + reach }
    }

    /// Returns how far the true slope lies from the estimate to one side, at most, in 95 % of cases.
    pub(crate) fn slope_reach_to_one_side(&self) -> f64 {
        student_t_95(self.degrees_of_freedom) * self.slope_error
    }
}

/// Returns the slope of a series of samples (x, y) in ascending order of x, with its 95 % interval; `None` with fewer
/// than three points or if all x are equal.
///
/// Samples that lie close together hardly differ, so their errors are not independent, and a line through all of them
/// would claim far too narrow an interval. They are averaged in [`BLOCKS`] consecutive blocks; neighbouring block means
/// are nearly independent when whatever makes the series go up and down is shorter than a block. What correlation is
/// left between neighbours (r, from the residuals, freed of its bias, never taken below 0) widens the interval by
/// √((1 + r) / (1 − r)), and makes of n blocks n (1 − r) / (1 + r) independent ones, from which Student's t is taken.
/// Block means were preferred to a Newey-West estimate because its usual bandwidths are too short for a slow sawtooth
/// and the result cannot be checked with a ruler.
///
/// How often it holds the true slope, instead of the nominal 95 %: 97 % if the blocks are independent, 94 % if errors are
/// correlated over half a block or a whole one, 90 % over 4 blocks, 83 % over 16, which is all of them. A test simulates
/// it.
pub fn slope_over_blocks(points: &[(f64, f64)]) -> Option<ConfidenceInterval> {
    slope_beside(points, 0).map(|line| line.slope_interval())
}

/// Returns the line whose slope is that of [`slope_over_blocks`], for a series from which as many other parameters as
/// `fitted` were taken out that vary from block to block: each takes a degree of freedom.
pub(crate) fn slope_beside(points: &[(f64, f64)], fitted: usize) -> Option<Line> {
    let means = block_means(points, BLOCKS);
    let mut line = Line::fit(&means)?;
    let residuals: Vec<f64> = means.iter().map(|point| line.residual(*point)).collect();
    let correlation = neighbour_correlation(&residuals);
    let widening = (1.0 + correlation) / (1.0 - correlation);
    let left = line.degrees_of_freedom.saturating_sub(fitted).max(1) as f64;
    line.slope_error *= (widening * line.degrees_of_freedom as f64 / left).sqrt();
    line.degrees_of_freedom = (means.len() as f64 / widening - 2.0).min(left).max(DEGREES_OF_FREEDOM_MIN) as usize;
    Some(line)
}

/// Returns the correlation of neighbouring errors, from the residuals of a line: 0 to [`CORRELATION_MAX`].
fn neighbour_correlation(residuals: &[f64]) -> f64 {
    let n = residuals.len() as f64;
    let power: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let shared: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let (bias, bias_slope) = CORRELATION_BIAS;
    let freed = (n * shared / power + bias) / (n - bias_slope);
    if n > bias_slope && power > 0.0 { freed.clamp(0.0, CORRELATION_MAX) } else { 0.0 }
}

/// Returns the means of as many groups of consecutive points, as equal in size as possible; fewer points are
/// returned as they are.
pub(crate) fn block_means(points: &[(f64, f64)], blocks: usize) -> Vec<(f64, f64)> {
    let blocks = blocks.min(points.len());
    let bound = |block: usize| block * points.len() / blocks;
    let mean = |block: &[(f64, f64)]| {
        let (x, y) = block.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (x / block.len() as f64, y / block.len() as f64)
    };
    (0..blocks).map(|block| mean(&points[bound(block)..bound(block + 1)])).collect()
}

/// Returns the 0.975 quantile of Student's t, for two-sided 95 % intervals, exact to 1e-5; infinite for 0 degrees of
/// freedom.
pub fn student_t_975(degrees_of_freedom: usize) -> f64 {
    const FIRST: [f64; 11] = [
        f64::INFINITY,
        12.706205,
        4.302653,
        3.182446,
        2.776445,
        2.570582,
        2.446912,
        2.364624,
        2.306004,
        2.262157,
        2.228139,
    ];
    if let Some(known) = FIRST.get(degrees_of_freedom) {
        return *known;
    }
    student_t(1.959963984540054, degrees_of_freedom)
}

/// Returns the 0.95 quantile of Student's t, for one-sided 95 % limits, exact to 1e-4; infinite for 0 degrees of
/// freedom.
pub(crate) fn student_t_95(degrees_of_freedom: usize) -> f64 {
    const FIRST: [f64; 6] = [f64::INFINITY, 6.313752, 2.919986, 2.353363, 2.131847, 2.015048];
    FIRST.get(degrees_of_freedom).copied().unwrap_or_else(|| student_t(1.6448536269514722, degrees_of_freedom))
}

/// Returns a quantile of Student's t by its expansion around the same quantile `z` of the normal distribution
/// (Abramowitz and Stegun 26.7.5).
fn student_t(z: f64, degrees_of_freedom: usize) -> f64 {
    let n = degrees_of_freedom as f64;
    let terms = [
        z,
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z) / 92160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| sum / n + term)
}

/// Returns the maximum k for which P(fewer than k of n values lie below the median) is at most 2.5 %; 0 if there is
/// none.
fn median_rank(n: usize) -> usize {
    if n > 1000 {
        // 2^-n leaves the range of f64; the normal approximation is good to a rank, and rounded outwards.
        return (n as f64 / 2.0 - 0.98 * (n as f64).sqrt()).floor() as usize;
    }
    let mut probability = 0.5_f64.powi(n as i32);
    let mut cumulated = probability;
    let mut rank = 0;
    while cumulated <= 0.025 {
        rank += 1;
        probability *= (n + 1 - rank) as f64 / rank as f64;
        cumulated += probability;
    }
    rank
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::random::draws;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let sample = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        for (q, expected) in [(0.0, 1.0), (0.1, 1.0), (0.25, 1.75), (0.5, 3.5), (0.9, 6.9), (1.0, 9.0)] {
            let value = quantile(&sample, q).unwrap();
            assert!((value - expected).abs() < 1e-12, "{q}: {value}");
        }
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
    }

    #[test]
    fn the_ranks_of_the_median_interval_are_those_of_the_binomial_distribution() {
        // From SciPy's binom.cdf.
        for (n, rank) in
            [(5, 0), (6, 1), (7, 1), (10, 2), (11, 2), (25, 8), (50, 18), (100, 40), (999, 469), (1000, 469)]
        {
            assert_eq!(median_rank(n), rank, "{n}");
        }
        assert_eq!((median_rank(1001), median_rank(5000)), (469, 2430)); // exact: 470, 2431; rounded outwards
        let nine = [9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0];
        assert_eq!(median_interval(&nine), Some(ConfidenceInterval { estimate: 5.0, low: 2.0, high: 8.0 }));
        assert_eq!(median_interval(&nine[..5]), None);
        assert_eq!(median_interval(&[]), None);
    }

    #[test]
    fn student_t_is_that_of_the_tables() {
        for (df, expected) in
            [(1, 12.706205), (10, 2.228139), (11, 2.200985), (12, 2.178813), (20, 2.085963), (1000, 1.962339)]
        {
            let value = student_t_975(df);
            assert!((value - expected).abs() < 1e-5, "{df}: {value}");
        }
        assert_eq!(student_t_975(0), f64::INFINITY);
        for (df, expected) in
            [(1, 6.313752), (5, 2.015048), (6, 1.943180), (10, 1.812461), (14, 1.761310), (1000, 1.646379)]
        {
            let value = student_t_95(df);
            assert!((value - expected).abs() < 1e-4, "{df}: {value}");
        }
        assert_eq!(student_t_95(0), f64::INFINITY);
    }

    #[test]
    fn the_line_is_that_of_scipy() {
        let y = [2.1, 3.9, 6.2, 7.8, 10.1, 12.2, 13.8, 16.1];
        let points: Vec<_> = y.iter().zip(1..).map(|(y, x)| (f64::from(x), *y)).collect();
        let line = Line::fit(&points).unwrap();
        let interval = line.slope_interval();
        let found = [line.slope, line.intercept, line.slope_error, interval.low, interval.high];
        for (found, expected) in found.iter().zip([1.997619, 0.035714, 0.027800, 1.929594, 2.065644]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    /// How often, in percent, the interval holds the slope of a series without one, whose errors are correlated over
    /// this many blocks (and independent for 0).
    fn coverage_percent(correlated_over_blocks: f64) -> f64 {
        const SAMPLES: usize = 192;
        const SERIES: u64 = 2_000;
        let keep = if correlated_over_blocks > 0.0 {
            (-(BLOCKS as f64) / (SAMPLES as f64 * correlated_over_blocks)).exp()
        } else {
            0.0
        };
        let holds = |seed: &u64| {
            let mut draws = draws(*seed);
            let mut normal = || (0..12).map(|_| draws.random::<f64>()).sum::<f64>() - 6.0;
            let mut error = normal();
            let points: Vec<(f64, f64)> = (0..SAMPLES)
                .map(|x| {
                    error = keep * error + (1.0 - keep * keep).sqrt() * normal();
                    (x as f64, error)
                })
                .collect();
            let ConfidenceInterval { low, high, .. } = slope_over_blocks(&points).unwrap();
            low <= 0.0 && 0.0 <= high
        };
        100.0 * (0..SERIES).filter(holds).count() as f64 / SERIES as f64
    }

    #[test]
    fn the_interval_of_a_slope_holds_what_its_comment_says() {
        let found = [0.0, 0.5, 1.0, 4.0, 16.0].map(coverage_percent);
        for (found, said) in found.iter().zip([97.0, 94.0, 94.0, 90.0, 83.0]) {
            assert!((found - said).abs() <= 1.0, "{found:?}");
        }
    }

    /// How wide the interval of a slope is.
    fn width(interval: ConfidenceInterval) -> f64 {
        interval.high - interval.low
    }

    /// A line through 16 blocks of `samples` points each, with something added that is constant within a block.
    fn blocks(samples: usize, added: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        (0..BLOCKS * samples).map(|at| (at as f64, 3.0 * at as f64 + added(at / samples))).collect()
    }

    #[test]
    fn a_slow_wave_widens_the_interval_of_the_slope() {
        let wave = |block: usize| (block as f64 / BLOCKS as f64 * 2.0 * std::f64::consts::TAU).sin();
        for samples in [1, 10] {
            let points = blocks(samples, wave);
            let independent = Line::fit(&block_means(&points, BLOCKS)).unwrap().slope_interval();
            let found = slope_over_blocks(&points).unwrap();
            assert_eq!(found.estimate, independent.estimate);
            assert!(width(found) > 1.5 * width(independent), "{found:?} {independent:?}");
            assert!((found.low + found.high - 2.0 * found.estimate).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn the_interval_of_the_slope_is_in_the_unit_of_the_samples() {
        let wave = |block: usize| (block as f64 / BLOCKS as f64 * 2.0 * std::f64::consts::TAU).sin();
        let in_unit = |unit: f64| {
            let points: Vec<_> = blocks(3, wave).into_iter().map(|(x, y)| (x, y * unit)).collect();
            width(slope_over_blocks(&points).unwrap()) / unit
        };
        for unit in [1e-3, 1e3, 1e6] {
            assert!((in_unit(unit) / in_unit(1.0) - 1.0).abs() < 1e-9, "{unit}");
        }
        let level: Vec<_> = (0..100).map(|x| (f64::from(x), 5.0)).collect();
        assert_eq!(slope_over_blocks(&level), Some(ConfidenceInterval { estimate: 0.0, low: 0.0, high: 0.0 }));
    }

    #[test]
    fn errors_that_alternate_never_narrow_the_interval_of_the_slope() {
        let points = blocks(1, |block| if block % 2 == 0 { 1.0 } else { -1.0 });
        let independent = Line::fit(&points).unwrap().slope_interval();
        assert!(width(slope_over_blocks(&points).unwrap()) >= width(independent) * 0.999);
    }

    #[test]
    fn blocks_share_their_points_out_evenly() {
        let means =
            |count: i32| block_means(&(0..count).map(|x| (f64::from(x), f64::from(-x))).collect::<Vec<_>>(), BLOCKS);
        assert_eq!(means(3), [(0.0, 0.0), (1.0, -1.0), (2.0, -2.0)]);
        let of_40 = means(40); // 2, 3, 2, 3, ... points
        assert_eq!((of_40.len(), &of_40[..3]), (BLOCKS, &[(0.5, -0.5), (3.0, -3.0), (5.5, -5.5)][..]));
        assert_eq!(of_40[BLOCKS - 1], (38.0, -38.0));
    }

    #[test]
    fn there_is_no_line_through_two_points_or_one_x() {
        assert_eq!(Line::fit(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(Line::fit(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }

    proptest! {
        #[test]
        fn the_median_lies_within_its_interval(sample in prop::collection::vec(-1e6..1e6_f64, 6..60)) {
            let ConfidenceInterval { estimate, low, high } = median_interval(&sample).unwrap();
            prop_assert!(low <= estimate && estimate <= high);
        }

        #[test]
        fn points_on_a_line_give_back_the_line(slope in -1e3..1e3_f64, intercept in -1e3..1e3_f64, n in 3_i32..50) {
            let points: Vec<_> = (0..n).map(|x| (f64::from(x), slope * f64::from(x) + intercept)).collect();
            let line = Line::fit(&points).unwrap();
            prop_assert!((line.slope - slope).abs() < 1e-8 && (line.intercept - intercept).abs() < 1e-8);
            prop_assert!(line.slope_error < 1e-8);
        }
    }
}

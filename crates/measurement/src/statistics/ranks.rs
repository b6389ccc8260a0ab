//! Two samples compared by the ranks of their values: whether they differ, by which factor, and how sure that is.
//!
//! Nothing is assumed about the distribution, and an outlier counts no more than any other value at that end.

use super::order::{median, sorted};

/// Total number of values up to which the distribution of the rank sum is counted out; beyond it is taken as normal.
const EXACT_VALUES_MAX: usize = 60;
/// Probability that is cut off at either end of an interval of 95 %.
const TAIL: f64 = 0.025;
/// The 0.975 quantile of the normal distribution.
const NORMAL_975: f64 = 1.959963984540054;

/// The factor by which the values of one sample are above those of another, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The median of the ratios of all pairs of values (Hodges and Lehmann 1963).
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// True if the ends are those of a 95 % interval; false if there are too few values for one, and they are the
    /// smallest and the largest ratio of any pair.
    pub is_interval: bool,
}

impl Ratio {
    /// Returns by which factor `after` is above `before`; `None` if either is empty, or has a value that is not
    /// above 0.
    ///
    /// The interval is the exact one that belongs to [`mann_whitney`]: the k-th ratio of a pair from either end, with k
    /// from the distribution of the rank sum, so that a shift of all values by one factor is covered in at least 95 % of
    /// cases.
    pub fn of(before: &[f64], after: &[f64]) -> Option<Ratio> {
        let is_positive = |value: &f64| *value > 0.0 && value.is_finite();
        if !before.iter().chain(after).all(is_positive) {
            return None;
        }
        let pairs: Vec<f64> = after.iter().flat_map(|after| before.iter().map(move |before| after / before)).collect();
        let sorted = sorted(&pairs);
        let rank = pair_rank(before.len(), after.len());
        let from_end = rank.unwrap_or(0);
        let last = sorted.len().checked_sub(1)?;
        Some(Ratio {
            estimate: median(&sorted)?,
            low: sorted[from_end],
            high: sorted[last - from_end],
            is_interval: rank.is_some(),
        })
    }
}

/// Returns the two-sided probability that two samples of the same distribution differ in their rank sums by as much as
/// these do or more (Mann and Whitney 1947); 1 if either is empty.
///
/// Up to 60 values it is exact, also where values are equal: every way to divide the values between the samples is as
/// likely as any other. Beyond, the rank sum is taken as normal, with the corrections for equal values and for continuity.
pub fn mann_whitney(before: &[f64], after: &[f64]) -> f64 {
    let all = [before, after].concat();
    if before.is_empty() || after.is_empty() {
        return 1.0;
    }
    let doubled = doubled_ranks(&all);
    let sum: usize = doubled[..before.len()].iter().sum();
    let expected = before.len() as f64 * (all.len() + 1) as f64;
    let distance = (sum as f64 - expected).abs();
    if all.len() > EXACT_VALUES_MAX {
        return normal_two_sided(distance, &doubled, before.len());
    }
    let ways = ways_by_sum(&doubled, before.len());
    let total: f64 = ways.iter().sum();
    let as_far = |at: &usize| (*at as f64 - expected).abs() >= distance;
    (0..ways.len()).filter(as_far).map(|at| ways[at]).sum::<f64>() / total
}

/// Returns the smallest probability that [`mann_whitney`] can have for samples of these sizes: all values of one are above
/// all of the other. It is 1 if either is empty.
pub fn least_probability(before: usize, after: usize) -> f64 {
    if before.min(after) == 0 {
        return 1.0;
    }
    let ways: f64 = (1..=before).map(|k| (after + k) as f64 / k as f64).product();
    2.0 / ways
}

/// Returns the probabilities adjusted for being looked at together (Holm 1979), in the same order: when all below 5 % are
/// believed, at least one is believed in error in at most 5 % of cases.
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut adjusted = vec![1.0; probabilities.len()];
    let mut so_far = 0.0_f64;
    for (place, index) in order.iter().enumerate() {
        so_far = so_far.max(probabilities[*index] * (probabilities.len() - place) as f64).min(1.0);
        adjusted[*index] = so_far;
    }
    adjusted
}

/// Returns twice the rank of each value, from 2, so that the mean rank of equal values is a whole number.
fn doubled_ranks(values: &[f64]) -> Vec<usize> {
    let sorted = sorted(values);
    let below = |value: &f64| sorted.partition_point(|other| other.total_cmp(value).is_lt());
    let up_to = |value: &f64| sorted.partition_point(|other| other.total_cmp(value).is_le());
    values.iter().map(|value| below(value) + up_to(value) + 1).collect()
}

/// Returns, for each sum, in how many ways `chosen` of the ranks have it.
fn ways_by_sum(ranks: &[usize], chosen: usize) -> Vec<f64> {
    let most: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0_f64; most + 1]; chosen + 1];
    ways[0][0] = 1.0;
    for rank in ranks {
        for count in (1..=chosen).rev() {
            let (fewer, these) = ways.split_at_mut(count);
            for sum in *rank..=most {
                these[0][sum] += fewer[count - 1][sum - rank];
            }
        }
    }
    ways.pop().unwrap_or_default()
}

fn normal_two_sided(distance: f64, doubled_ranks: &[usize], chosen: usize) -> f64 {
    let n = doubled_ranks.len() as f64;
    let mean = n + 1.0;
    let variance_of_one = doubled_ranks.iter().map(|rank| (*rank as f64 - mean).powi(2)).sum::<f64>() / n;
    let (chosen, left) = (chosen as f64, n - chosen as f64);
    let deviation = (chosen * left / (n - 1.0) * variance_of_one).sqrt();
    if deviation == 0.0 {
        return 1.0;
    }
    2.0 * normal_above(((distance - 1.0) / deviation).max(0.0))
}

/// Returns the share of the normal distribution above `z`, for z from 0 on, to 1e-7 (Abramowitz and Stegun 26.2.17).
fn normal_above(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let polynomial = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    polynomial * (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

/// Returns how many of the sorted ratios of pairs are cut off at either end for an interval of 95 %; `None` if there are too
/// few values for one.
fn pair_rank(before: usize, after: usize) -> Option<usize> {
    let n = before + after;
    if n > EXACT_VALUES_MAX {
        let pairs = before as f64 * after as f64;
        let deviation = (pairs * (n as f64 + 1.0) / 12.0).sqrt();
        return Some((pairs / 2.0 - NORMAL_975 * deviation - 1.0).max(0.0).floor() as usize);
    }
    let ranks: Vec<usize> = (1..=n).collect();
    let ways = ways_by_sum(&ranks, before);
    let total: f64 = ways.iter().sum();
    let least = before * (before + 1) / 2;
    let mut tail = 0.0;
    let within = ways[least..].iter().take_while(|ways| {
        tail += **ways;
        tail <= TAIL * total
    });
    within.count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::{Exponential, draws};

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-6
    }

    #[test]
    fn nothing_is_less_probable_than_samples_apart() {
        for (before, after) in [(1, 1), (5, 5), (10, 6), (3, 20)] {
            let values: Vec<f64> = (0..before + after).map(f64::from).collect();
            let (low, high) = values.split_at(before as usize);
            let apart = mann_whitney(low, high);
            assert!((least_probability(low.len(), high.len()) - apart).abs() < 1e-9, "{before} {after} {apart}");
        }
        assert_eq!(least_probability(0, 5), 1.0);
    }

    #[test]
    fn the_exact_test_is_that_of_scipy() {
        // scipy.stats.mannwhitneyu(x, y, method="exact").
        let five = ([1.1, 2.2, 3.3, 4.4, 5.5], [3.0, 6.0, 7.0, 8.0, 9.0]);
        assert!(near(mann_whitney(&five.0, &five.1), 0.05555555555555555), "{}", mann_whitney(&five.0, &five.1));
        let apart = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!(near(mann_whitney(&apart.0, &apart.1), 2.0 / 252.0));
        let uneven = ([0.8, 0.9, 1.5], [1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.7]);
        assert!(near(mann_whitney(&uneven.0, &uneven.1), 0.26666666666666666));
        assert_eq!(mann_whitney(&[], &[1.0]), 1.0);
        assert_eq!(mann_whitney(&[3.0; 5], &[3.0; 5]), 1.0);
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(doubled_ranks(&[2.0, 1.0, 2.0, 3.0]), [5, 2, 5, 8]);
        // By hand: of the 6 ways to choose 2 of the ranks 1, 2.5, 2.5, 4, the sums are 3.5, 3.5, 5, 5, 6.5, 6.5.
        assert!(near(mann_whitney(&[1.0, 2.0], &[2.0, 3.0]), 4.0 / 6.0));
        assert!(near(mann_whitney(&[1.0, 3.0], &[2.0, 2.0]), 1.0));
    }

    #[test]
    fn the_normal_approximation_is_that_of_scipy() {
        let before: Vec<f64> = (0..40).map(f64::from).collect();
        let after: Vec<f64> = (0..40).map(|value| f64::from(value) + 9.5).collect();
        // scipy.stats.mannwhitneyu(x, y, method="asymptotic").
        assert!(near(mann_whitney(&before, &after), 0.0012876067249747993), "{}", mann_whitney(&before, &after));
        let tied: Vec<f64> = (0..40).map(|value| f64::from(value / 4 * 4 + 8)).collect();
        assert!(near(mann_whitney(&before, &tied), 0.021053444303947056), "{}", mann_whitney(&before, &tied));
        assert_eq!(mann_whitney(&[1.0; 40], &[1.0; 40]), 1.0);
    }

    #[test]
    fn holm_is_that_of_statsmodels() {
        // statsmodels.stats.multitest.multipletests(p, method="holm").
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (found, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 0.5]) {
            assert!(near(*found, expected), "{adjusted:?}");
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn the_interval_of_the_ratio_is_that_of_r() {
        // wilcox.test(log(y), log(x), conf.int = TRUE): ranks 3 and 23 of the 25 pairs.
        assert_eq!(pair_rank(5, 5), Some(2));
        assert_eq!([pair_rank(3, 3), pair_rank(4, 4), pair_rank(3, 5)], [None, Some(0), Some(0)]);
        assert_eq!(pair_rank(10, 10), Some(23));
        let before = [1.0, 1.0, 1.0, 1.0, 1.0];
        let ratio = Ratio::of(&before, &[2.0, 2.0, 2.0, 2.0, 8.0]).unwrap();
        assert_eq!(ratio, Ratio { estimate: 2.0, low: 2.0, high: 8.0, is_interval: true });
        let few = Ratio::of(&[1.0, 2.0], &[2.0]).unwrap();
        assert_eq!((few.estimate, few.low, few.high, few.is_interval), (1.5, 1.0, 2.0, false));
        assert_eq!([Ratio::of(&[], &[1.0]), Ratio::of(&[0.0], &[1.0]), Ratio::of(&[1.0], &[f64::NAN])], [None; 3]);
    }

    /// Durations that are skewed as those of a shared machine are, about 1.
    fn durations(seed: u64, repeats: usize, factor: f64) -> Vec<f64> {
        draws(seed).sample_iter(Exponential).take(repeats).map(|drawn| factor * (1.0 + 0.1 * drawn)).collect()
    }

    #[test]
    fn the_interval_holds_the_true_factor_and_the_test_rarely_alarms() {
        let (mut held, mut alarms) = (0, 0);
        for seed in 0..2_000_u64 {
            let before = durations(2 * seed, 8, 1.0);
            let ratio = Ratio::of(&before, &durations(2 * seed + 1, 8, 1.2)).unwrap();
            held += usize::from(ratio.low <= 1.2 && 1.2 <= ratio.high);
            alarms += usize::from(mann_whitney(&before, &durations(2 * seed + 1, 8, 1.0)) <= 0.05);
        }
        assert!((1_890..=2_000).contains(&held), "{held}");
        assert!(alarms <= 120, "{alarms}");
    }

    #[test]
    fn the_test_and_the_interval_agree() {
        for seed in 0..200_u64 {
            let before = durations(2 * seed, 6, 1.0);
            let after = durations(2 * seed + 1, 6, 1.0 + draws(seed).random::<f64>() / 5.0);
            let ratio = Ratio::of(&before, &after).unwrap();
            let excludes = ratio.low > 1.0 || ratio.high < 1.0;
            assert_eq!(excludes, mann_whitney(&before, &after) <= 0.05, "{before:?} {after:?}");
        }
    }
}

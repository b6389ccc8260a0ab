//! Draws that are the same on every machine and in every release.
//!
//! Decision D-310.

use rand::distr::Distribution;
use rand::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// The exponential distribution with mean 1.
///
/// It is drawn by von Neumann's comparison method (1951), which needs no logarithm: the last digit of one differs between
/// machines.
pub(crate) struct Exponential;

/// Returns the generator for a seed. It is enough for planning arrivals, not for anything secret.
pub(crate) fn draws(seed: u64) -> SplitMix64 {
    SplitMix64::seed_from_u64(mix(seed))
}

/// Returns a number that looks random and depends on `number` alone: the first output of SplitMix64 (Steele, Lea and Flood
/// 2014) seeded with it.
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    SplitMix64::seed_from_u64(number).next_u64()
}

impl Distribution<f64> for Exponential {
    fn sample<R: Rng + ?Sized>(&self, draws: &mut R) -> f64 {
        for whole in 0_u32.. {
            let first = draws.next_u64();
            let mut last = first;
            let mut falling = 1;
            loop {
                let next = draws.next_u64();
                if next >= last {
                    break;
                }
                last = next;
                falling += 1;
            }
            if falling % 2 == 1 {
                return f64::from(whole) + (first >> 11) as f64 / (1_u64 << 53) as f64;
            }
        }
        unreachable!("a falling run of odd length comes after a few tries")
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn the_first_output_for_seed_0_is_the_published_one() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn the_draws_of_a_seed_are_fixed_for_good() {
        let drawn: Vec<u64> = draws(7).random_iter().take(2).collect();
        assert_eq!(drawn, [0xb8b4_c297_7eab_ce45, 0xa653_05fd_338e_c8fe]);
        let drawn: Vec<f64> = draws(7).sample_iter(Exponential).take(3).collect();
        assert_eq!(drawn, [0.7215081806049702, 1.9018761881871844, 2.3127214761946515]);
    }

    #[test]
    fn exponential_draws_have_the_shape_of_the_distribution() {
        let draws = draws(7);
        let mut sample: Vec<f64> = draws.sample_iter(Exponential).take(100_000).collect();
        sample.sort_by(f64::total_cmp);
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / sample.len() as f64;
        assert!((mean - 1.0).abs() < 0.015, "{mean}");
        assert!((variance - 1.0).abs() < 0.04, "{variance}");
        // Kolmogorov-Smirnov distance to 1 - exp(-x); 0.00515 is the 1 % point for this many.
        let distance = (sample.iter().enumerate())
            .map(|(index, x)| ((index as f64 + 0.5) / sample.len() as f64 - (1.0 - (-x).exp())).abs())
            .fold(0.0, f64::max);
        assert!(distance < 0.00515, "{distance}");
    }
}

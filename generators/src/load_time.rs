//! The load time of a visit, as it is or as it would be if every visit were one or two bands faster.
//!
//! Decision D-203.

use rand::Rng;
use rand::distr::Distribution;

use crate::draws::Quantiles;

/// The upper ends of the bands of page speed, in ms: what is slower than both is in the third. They are those of the
/// pipelines `beacon-band` and `load-time-conversion`.
pub const BANDS_MS: [u32; 2] = [2500, 4000];

/// The law of the load time of a visit, in ms.
#[derive(Debug, Clone)]
pub(crate) struct LoadTime {
    law: Quantiles,
    /// Random bits, from where on a visit is in the second band and in the third.
    slower_from: [u64; 2],
    bands_faster: u32,
}

impl LoadTime {
    pub(crate) fn new(law: Quantiles, bands_faster: u32) -> Self {
        let slower_from = BANDS_MS.map(|band_ms| first_above(&law, f64::from(band_ms)));
        Self { law, slower_from, bands_faster }
    }

    /// Returns the bits of the visit in the next faster band that stands where this one stands in its own; a visit of
    /// the fastest band stays as it is.
    fn one_band_faster(&self, bits: u64) -> u64 {
        let [second, third] = self.slower_from;
        if bits >= third {
            scaled(bits - third, (u64::MAX - third).saturating_add(1), second, third - second)
        } else if bits >= second {
            scaled(bits - second, third - second, 0, second)
        } else {
            bits
        }
    }
}

impl Distribution<f64> for LoadTime {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, draws: &mut R) -> f64 {
        let mut bits = draws.next_u64();
        for _ in 0..self.bands_faster {
            bits = self.one_band_faster(bits);
        }
        self.law.at(bits)
    }
}

/// Returns the least bits whose draw is above `limit`, or the greatest bits if there are none.
fn first_above(law: &Quantiles, limit: f64) -> u64 {
    let (mut low, mut high) = (0, u64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if law.at(middle) > limit { high = middle } else { low = middle + 1 }
    }
    low
}

/// Returns what is in a range of `width` from `from` on, where `at` is in one of `of`, at least 1.
fn scaled(at: u64, of: u64, from: u64, width: u64) -> u64 {
    from + (u128::from(at) * u128::from(width) / u128::from(of.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::draws::{Law, draws_of};

    fn load_time(sigma: f64, bands_faster: u32) -> LoadTime {
        LoadTime::new(Quantiles::new(Law::LogNormal { median: 1200.0, sigma }, 120_000.0), bands_faster)
    }

    fn band(load_ms: f64) -> usize {
        BANDS_MS.iter().filter(|band_ms| load_ms > f64::from(**band_ms)).count()
    }

    /// Draws of the same bits from both laws.
    fn pairs(sigma: f64, bands_faster: u32) -> Vec<(f64, f64)> {
        let bits: Vec<u64> = draws_of(7, 1).random_iter().take(50_000).collect();
        let (as_is, faster) = (load_time(sigma, 0), load_time(sigma, bands_faster));
        let draw = |law: &LoadTime, bits: u64| {
            let bits = (0..law.bands_faster).fold(bits, |bits, _| law.one_band_faster(bits));
            law.law.at(bits)
        };
        bits.iter().map(|bits| (draw(&as_is, *bits), draw(&faster, *bits))).collect()
    }

    #[test]
    fn each_visit_is_in_the_band_before_its_own_and_those_of_the_fastest_stay() {
        for bands_faster in 0..=2 {
            for (as_is, faster) in pairs(0.6, bands_faster) {
                assert_eq!(band(faster), band(as_is).saturating_sub(bands_faster as usize), "{as_is} to {faster}");
                assert!(band(as_is) > 0 || as_is == faster);
            }
        }
    }

    #[test]
    fn what_was_made_faster_is_distributed_as_its_new_band_is() {
        for slow in [1, 2] {
            let pairs = pairs(0.6, 1);
            let moved: Vec<f64> = pairs.iter().filter(|(as_is, _)| band(*as_is) == slow).map(|pair| pair.1).collect();
            let there: Vec<f64> = pairs.iter().map(|pair| pair.0).filter(|ms| band(*ms) == slow - 1).collect();
            let mean = |sample: &[f64]| sample.iter().sum::<f64>() / sample.len() as f64;
            assert!(moved.len() > 500, "{}", moved.len());
            let ratio = mean(&moved) / mean(&there);
            assert!((ratio - 1.0).abs() < 0.03, "band {slow}: {ratio}");
        }
    }

    #[test]
    fn a_law_without_a_faster_band_comes_to_the_end_of_it() {
        let law = Quantiles::new(Law::LogNormal { median: 5000.0, sigma: 0.0 }, 120_000.0);
        let constant = LoadTime::new(law, 2);
        assert_eq!(draws_of(7, 1).sample(&constant), 5000.0, "there is no other load time");
        assert!(pairs(0.0, 1).iter().all(|(as_is, faster)| as_is == faster && *as_is == 1200.0));
    }
}

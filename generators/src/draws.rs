//! Random draws that are the same on every machine.
//!
//! Bits come from PCG (O'Neill 2014), seeded per walk, or are hashes of ids; both are generators of `rand`. The continuous laws
//! and Zipf's law are tables built once, with transcendental functions from `libm` only (software, no platform differences); a
//! draw is then a lookup and one linear interpolation in IEEE arithmetic. The outermost cells of a continuous law use the exact
//! formula, so tails are not cut.
//!
//! Decision D-202.

use std::convert::Infallible;

use flowbench_events::mix;
use rand::distr::Distribution;
use rand::rand_core::utils::fill_bytes_via_next_word;
use rand::{Rng, TryRng};
use rand_pcg::Pcg64Mcg;

/// A Bernoulli distribution, as a threshold on 64 random bits.
///
/// Unlike `Bernoulli` of `rand` it takes a draw for a share of 1 as well, so that a share never changes what is drawn
/// later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(u64);

/// A generator that follows from a number alone, such as an event id: each output is the hash of the one before.
/// Seeding it costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct HashChain(u64);

/// A continuous distribution on [0, ∞) by its quantile function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Law {
    Exponential { mean: f64 },
    LogNormal { median: f64, sigma: f64 },
    Pareto { least: f64, shape: f64 },
}

/// A law, censored at a maximum value, as a table: fast to draw from.
#[derive(Debug, Clone)]
pub(crate) struct Quantiles {
    knots: Box<[f64; CELLS + 1]>,
    law: Law,
    at_most: f64,
}

/// A choice among weighted possibilities in constant time (Walker 1977; construction after Vose 1991).
#[derive(Debug, Clone)]
pub(crate) struct Alias(Vec<(u32, u32)>); // (keep below this fraction of 2^32, else this one)

/// Ranks 0..population with probability proportional to 1 / (rank + 1)^exponent.
///
/// The first 512 ranks are exact; beyond, ranks share bins about 1.6 % wide and are equally likely within one, so the
/// table stays in the cache for any population.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    alias: Alias,
    bins: Vec<(u32, u32)>, // (first rank, number of ranks)
}

const CELLS: usize = 512;
const EXACT_RANKS: u32 = 512;
const BIN_FRACTION: u32 = 64;

/// Returns the generator of walk `number` in the world of `seed`.
#[inline]
pub(crate) fn draws_of(seed: u64, number: u64) -> Pcg64Mcg {
    let high = mix(seed ^ mix(number));
    Pcg64Mcg::new(u128::from(high) << 64 | u128::from(mix(high ^ number)))
}

impl Chance {
    /// Returns the distribution that is true with this share, 0 to 1.
    pub(crate) fn new(share: f64) -> Self {
        Self((share * 2_f64.powi(64)) as u64)
    }
}

impl Distribution<bool> for Chance {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, draws: &mut R) -> bool {
        draws.next_u64() < self.0
    }
}

impl HashChain {
    /// Returns the generator whose outputs are the hash of `number`, the hash of that, and so on.
    #[inline]
    pub(crate) fn after(number: u64) -> Self {
        Self(number)
    }
}

impl TryRng for HashChain {
    type Error = Infallible;

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = mix(self.0);
        Ok(self.0)
    }

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        fill_bytes_via_next_word(bytes, || self.try_next_u64())
    }
}

impl Law {
    /// Returns the value below which a share `below` of the draws lies. `above` is `1 - below`, passed separately
    /// because it is more precise in the upper tail.
    pub(crate) fn quantile(self, below: f64, above: f64) -> f64 {
        match self {
            Law::Exponential { mean } => -mean * libm::log(above),
            Law::LogNormal { median, sigma } if below < 0.5 => median * libm::exp(sigma * normal_quantile(below)),
            Law::LogNormal { median, sigma } => median * libm::exp(-sigma * normal_quantile(above)),
            Law::Pareto { least, shape } => least * libm::pow(above, -1.0 / shape),
        }
    }
}

impl Quantiles {
    /// Returns the table of `law`, with draws above `at_most` set to `at_most`.
    pub(crate) fn new(law: Law, at_most: f64) -> Self {
        let mut knots = Box::new([at_most; CELLS + 1]);
        for (cell, knot) in knots.iter_mut().enumerate().take(CELLS).skip(1) {
            let below = cell as f64 / CELLS as f64;
            *knot = law.quantile(below, 1.0 - below).min(at_most);
        }
        Self { knots, law, at_most }
    }

    /// Returns the draw for 64 random bits.
    #[inline]
    pub(crate) fn at(&self, bits: u64) -> f64 {
        let cell = (bits >> (64 - CELLS.ilog2())) as usize;
        let within = (bits << CELLS.ilog2() >> 11) as i64 as f64 * (1.0 / 2_f64.powi(53));
        if cell == 0 || cell == CELLS - 1 {
            return self.exact(cell, within);
        }
        let (low, high) = (self.knots[cell], self.knots[cell + 1]);
        low + within * (high - low)
    }

    /// Draws a value and truncates it to a whole number.
    #[inline]
    pub(crate) fn whole(&self, draws: &mut impl Rng) -> i64 {
        self.at(draws.next_u64()) as i64
    }

    /// Draws a gap in whole ms, at least 1.
    #[inline]
    pub(crate) fn gap_ms(&self, draws: &mut impl Rng) -> i64 {
        1 + self.whole(draws)
    }

    #[cold]
    fn exact(&self, cell: usize, within: f64) -> f64 {
        // Half a step keeps both ends open: quantiles of 0 and 1 may be infinite.
        let below = (cell as f64 + within + 0.5 / 2_f64.powi(53)) / CELLS as f64;
        let above = ((CELLS - cell) as f64 - within - 0.5 / 2_f64.powi(53)) / CELLS as f64;
        self.law.quantile(below, above).min(self.at_most)
    }
}

impl Distribution<f64> for Quantiles {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, draws: &mut R) -> f64 {
        self.at(draws.next_u64())
    }
}

impl Alias {
    /// Returns the table for weights: at least one, none negative, not all zero.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let (mut poor, mut rich): (Vec<usize>, Vec<usize>) = (0..shares.len()).partition(|at| shares[*at] < 1.0);
        let mut columns: Vec<(u32, u32)> = (0..shares.len()).map(|at| (u32::MAX, at as u32)).collect();
        while let (Some(giver), Some(taker)) = (rich.last().copied(), poor.pop()) {
            columns[taker] = ((shares[taker] * 2_f64.powi(32)) as u32, giver as u32);
            shares[giver] -= 1.0 - shares[taker];
            if shares[giver] < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
        Self(columns)
    }

    /// Returns the index chosen by 32 random bits.
    #[inline]
    pub(crate) fn at(&self, bits: u32) -> usize {
        let product = u64::from(bits) * self.0.len() as u64;
        let column = (product >> 32) as usize;
        let (keep_below, otherwise) = self.0[column];
        if (product as u32) < keep_below { column } else { otherwise as usize }
    }
}

impl Zipf {
    /// Returns the distribution for a population of 1 or more; exponent 0 is uniform.
    pub(crate) fn new(population: u32, exponent: f64) -> Self {
        let mut bins = Vec::new();
        let mut weights = Vec::new();
        let mut first = 0;
        while first < population {
            let width = if first < EXACT_RANKS { 1 } else { (first / BIN_FRACTION).min(population - first) };
            bins.push((first, width));
            weights.push(zipf_weight(first, width, exponent));
            first += width;
        }
        Self { alias: Alias::new(&weights), bins }
    }
}

impl Distribution<u32> for Zipf {
    /// Takes one draw of 64 bits: the upper half chooses the bin, the lower half the rank within it.
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, draws: &mut R) -> u32 {
        let bits = draws.next_u64();
        let (first, width) = self.bins[self.alias.at((bits >> 32) as u32)];
        first + ((u64::from(bits as u32) * u64::from(width)) >> 32) as u32
    }
}

/// Returns the weight of `width` ranks from `first`: exact for one, the integral (relative error below 1e-6 here) for
/// more.
fn zipf_weight(first: u32, width: u32, exponent: f64) -> f64 {
    if width == 1 {
        return libm::pow(f64::from(first) + 1.0, -exponent);
    }
    let (from, to) = (f64::from(first) + 0.5, f64::from(first) + f64::from(width) + 0.5);
    let power = 1.0 - exponent;
    if power.abs() < 1e-9 { libm::log(to / from) } else { (libm::pow(to, power) - libm::pow(from, power)) / power }
}

/// The lower half of the standard normal quantile function, by P. J. Acklam's rational approximation (2003), relative
/// error below 1.2e-9; `below` in (0, 0.5].
fn normal_quantile(below: f64) -> f64 {
    const CENTRE: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const CENTRE_BELOW: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const TAIL: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const TAIL_BELOW: [f64; 5] =
        [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    if below < 0.02425 {
        let depth = libm::sqrt(-2.0 * libm::log(below));
        return polynomial(&TAIL, depth) / polynomial(&TAIL_BELOW, depth);
    }
    let offset = below - 0.5;
    let square = offset * offset;
    polynomial(&CENTRE, square) * offset / polynomial(&CENTRE_BELOW, square)
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn the_normal_quantile_inverts_the_error_function() {
        for step in 1..=5000 {
            let below = f64::from(step) / 10_000.0;
            let back = 0.5 * libm::erfc(-normal_quantile(below) / std::f64::consts::SQRT_2);
            assert!((back / below - 1.0).abs() < 1e-7, "{below}: {back}");
        }
        assert!((normal_quantile(1e-12) + 7.034_484).abs() < 1e-5);
    }

    #[test]
    fn tables_follow_their_laws_from_end_to_end() {
        for law in [
            Law::Exponential { mean: 100.0 },
            Law::LogNormal { median: 100.0, sigma: 1.5 },
            Law::Pareto { least: 100.0, shape: 1.1 },
        ] {
            let table = Quantiles::new(law, f64::INFINITY);
            // Even steps through all 64-bit inputs; the far tail is in them.
            for step in 1..100_000_u64 {
                let bits = step * (u64::MAX / 100_000);
                let below = bits as f64 / 2_f64.powi(64);
                let drawn = table.at(bits);
                let slack = 0.0005; // in probability
                let least = if below > slack { law.quantile(below - slack, 1.0 - below + slack) } else { 0.0 };
                let most =
                    if below < 1.0 - slack { law.quantile(below + slack, 1.0 - below - slack) } else { f64::MAX };
                assert!((least..=most).contains(&drawn), "{law:?} {below}: {drawn}");
            }
            assert!(table.at(u64::MAX).is_finite() && table.at(u64::MAX) > table.at(u64::MAX - (1 << 54)));
        }
    }

    #[test]
    fn chances_of_nought_and_one_never_and_always_happen() {
        let happened =
            |share| draws_of(1, 2).sample_iter(Chance::new(share)).take(10_000).filter(|happens| *happens).count();
        assert_eq!((happened(0.0), happened(1.0)), (0, 10_000));
    }

    #[test]
    fn an_alias_table_gives_every_possibility_its_weight() {
        let weights = [5.0, 0.0, 1.0, 3.0, 1.0];
        let alias = Alias::new(&weights);
        let mut counts = [0_u32; 5];
        for step in 0..1_000_000_u64 {
            counts[alias.at((step * ((1 << 32) / 1_000_000)) as u32)] += 1;
        }
        for (count, weight) in counts.iter().zip(weights) {
            assert!((f64::from(*count) / 1e6 - weight / 10.0).abs() < 2e-3, "{counts:?}");
        }
    }

    #[test]
    fn the_draws_are_fixed_for_good() {
        let first: Vec<u64> = draws_of(42, 7).random_iter().take(3).collect();
        assert_eq!(first, draws_of(42, 7).random_iter().take(3).collect::<Vec<u64>>());
        assert_ne!(first[0], draws_of(42, 8).next_u64());
        assert_ne!(first[0], draws_of(43, 7).next_u64());
    }
}

//! A fixed mixing function and the draws made from it: the same on every machine and in every release.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// SplitMix64: enough for planning arrivals, not for anything secret.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// Uniform over all 64-bit numbers.
    pub(crate) fn next(&mut self) -> u64 {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        drawn
    }

    /// Uniform from 0 to 1.
    #[cfg(test)]
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with mean 1, by von Neumann's comparison method (1951): it needs no logarithm, whose last digit
    /// differs between machines.
    pub(crate) fn exponential(&mut self) -> f64 {
        for whole in 0_u32.. {
            let first = self.next();
            let mut last = first;
            let mut falling = 1;
            loop {
                let next = self.next();
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
    use super::*;

    #[test]
    fn the_first_output_for_seed_0_is_the_published_one() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn exponential_draws_have_the_shape_of_the_distribution() {
        let mut draws = Draws::new(7);
        let mut sample: Vec<f64> = (0..100_000).map(|_| draws.exponential()).collect();
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

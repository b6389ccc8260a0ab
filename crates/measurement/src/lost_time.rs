//! Time lost by a worker: it was off the CPU, or idle and kept from its loop.
//!
//! What counts for latencies is not the length of the gaps but the wait of an event that is due at a random instant: a
//! gap of 10 ms in a run of one second is one in thousands of rounds, and holds up one event in a hundred.

use serde::{Deserialize, Serialize};

use crate::latency::LatencyHistogram;

/// One interval in which a worker lost time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gap {
    /// Start of the gap, in ns since the run began.
    pub from_ns: u64,
    /// End of the gap, in ns since the run began.
    pub to_ns: u64,
    /// Time in the gap for which the worker was involuntarily off the CPU, in ns.
    pub off_cpu_ns: u64,
    /// True if the worker was idle: then the whole gap is lost, on the CPU or not.
    pub idle: bool,
}

impl Gap {
    /// Returns the time lost in the gap, in ns.
    pub fn lost_ns(&self) -> u64 {
        let length_ns = self.to_ns.saturating_sub(self.from_ns);
        if self.idle { length_ns } else { self.off_cpu_ns.min(length_ns) }
    }

    /// Returns the time lost in the gap after `from_ns`, in ns, assuming that it is spread evenly.
    pub fn lost_after_ns(&self, from_ns: u64) -> u64 {
        let length_ns = self.to_ns.saturating_sub(self.from_ns).max(1);
        let after_ns = self.to_ns.saturating_sub(from_ns.max(self.from_ns));
        (self.lost_ns() as f64 * after_ns as f64 / length_ns as f64) as u64
    }
}

/// Time of one kind that was spent in gaps, as a function of the time of the run; within a gap it counts as spread
/// evenly.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GapTime {
    stretches: Vec<Stretch>, // by time
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from_ns: u64,
    to_ns: u64,
    spent_ns: u64,
    before_ns: u64, // in all stretches before
}

impl GapTime {
    /// Returns the time off the CPU, from the gaps of one worker in any order; they must not overlap.
    pub fn off_cpu(gaps: &[Gap]) -> Self {
        Self::new(gaps, |gap| gap.off_cpu_ns)
    }

    /// Returns the time off the CPU while the worker had work.
    pub fn off_cpu_at_work(gaps: &[Gap]) -> Self {
        Self::new(gaps, |gap| if gap.idle { 0 } else { gap.off_cpu_ns })
    }

    /// Returns the time on the CPU for which the worker was idle and kept from its loop.
    pub fn idle_on_cpu(gaps: &[Gap]) -> Self {
        Self::new(gaps, |gap| if gap.idle { gap.lost_ns().saturating_sub(gap.off_cpu_ns) } else { 0 })
    }

    fn new(gaps: &[Gap], spent_ns: fn(&Gap) -> u64) -> Self {
        let stretch =
            |gap: &Gap| Stretch { from_ns: gap.from_ns, to_ns: gap.to_ns, spent_ns: spent_ns(gap), before_ns: 0 };
        let long = |stretch: &Stretch| stretch.spent_ns > 0 && stretch.to_ns > stretch.from_ns;
        let mut stretches: Vec<Stretch> = gaps.iter().map(stretch).filter(long).collect();
        stretches.sort_unstable_by_key(|stretch| stretch.from_ns);
        let mut sum_ns = 0;
        for stretch in &mut stretches {
            stretch.before_ns = sum_ns;
            sum_ns += stretch.spent_ns;
        }
        Self { stretches }
    }

    /// Returns the time between two instants, in ns; it is never longer than the interval.
    pub fn between_ns(&self, from_ns: u64, to_ns: u64) -> f64 {
        if self.stretches.is_empty() || to_ns <= from_ns {
            return 0.0;
        }
        (self.until_ns(to_ns) - self.until_ns(from_ns)).clamp(0.0, (to_ns - from_ns) as f64)
    }

    fn until_ns(&self, at_ns: u64) -> f64 {
        let last = self.stretches.partition_point(|stretch| stretch.from_ns < at_ns).checked_sub(1);
        last.map_or(0.0, |last| {
            let Stretch { from_ns, to_ns, spent_ns, before_ns } = self.stretches[last];
            let share = (at_ns.min(to_ns) - from_ns) as f64 / (to_ns - from_ns) as f64;
            before_ns as f64 + spent_ns as f64 * share
        })
    }
}

/// Returns the quantile `q` (0 to 1), in ns, of the wait of an event that is due at a random instant of `length_ns` and
/// waits for the end of the gap it falls into; 0 if that share of the events falls into none.
///
/// A gap of length g makes the share (g − x) / `length_ns` of all instants wait longer than x.
pub fn wait_ns(lost_ns: &[u64], length_ns: u64, q: f64) -> u64 {
    let mut longest_first = lost_ns.to_vec();
    longest_first.sort_unstable_by(|a, b| b.cmp(a));
    let longer_ns = (1.0 - q).max(0.0) * length_ns as f64;
    let mut sum_ns = 0.0;
    for (count, gap_ns) in (1..).zip(&longest_first) {
        sum_ns += *gap_ns as f64;
        let wait_ns = (sum_ns - longer_ns) / f64::from(count);
        let next_ns = longest_first.get(count as usize).copied().unwrap_or(0);
        if wait_ns >= next_ns as f64 {
            return wait_ns as u64;
        }
    }
    0
}

/// Returns the distribution of the waits of events that are due at random instants of `length_ns`, with one sample per
/// µs.
pub fn waits(lost_ns: &[u64], length_ns: u64) -> LatencyHistogram {
    const STEPS: u64 = 64;
    let mut waits = LatencyHistogram::new();
    for gap_ns in lost_ns {
        let samples = gap_ns / 1_000;
        for step in 0..STEPS {
            let count = samples * (step + 1) / STEPS - samples * step / STEPS;
            waits.record_many_ns((gap_ns * (2 * step + 1) / (2 * STEPS)) as i64, count);
        }
    }
    waits.record_many_ns(0, (length_ns / 1_000).saturating_sub(waits.count()));
    waits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gap(from_ns: u64, to_ns: u64, off_cpu_ns: u64) -> Gap {
        Gap { from_ns, to_ns, off_cpu_ns, idle: false }
    }

    #[test]
    fn time_off_the_cpu_is_spread_over_its_gap() {
        let off = GapTime::off_cpu(&[gap(100, 200, 50), gap(10, 20, 10), gap(30, 40, 0)]);
        assert_eq!(off.between_ns(0, 1000), 60.0);
        assert_eq!(off.between_ns(12, 15), 3.0);
        assert_eq!(off.between_ns(20, 100), 0.0);
        assert_eq!(off.between_ns(15, 120), 15.0);
        assert_eq!(off.between_ns(50, 50), 0.0);
        assert_eq!(GapTime::default().between_ns(0, 10), 0.0);
    }

    #[test]
    fn an_idle_worker_is_off_the_cpu_or_on_it() {
        let gaps = [Gap { idle: true, ..gap(10, 30, 5) }, gap(40, 50, 2)];
        assert_eq!(GapTime::idle_on_cpu(&gaps).between_ns(0, 100), 15.0);
        assert_eq!(GapTime::off_cpu(&gaps).between_ns(0, 100), 7.0);
        assert_eq!(GapTime::off_cpu_at_work(&gaps).between_ns(0, 100), 2.0);
    }

    #[test]
    fn a_gap_of_a_busy_worker_counts_as_long_as_it_was_off_the_cpu() {
        assert_eq!(gap(10, 30, 5).lost_ns(), 5);
        assert_eq!(Gap { idle: true, ..gap(10, 30, 5) }.lost_ns(), 20);
        assert_eq!([0, 10, 20, 30, 40].map(|from_ns| gap(10, 30, 6).lost_after_ns(from_ns)), [6, 6, 3, 0, 0]);
    }

    #[test]
    fn an_event_due_at_a_random_instant_waits_for_the_rest_of_the_gap() {
        // One gap of 10 ms in a second: one event in a hundred falls into it, one in a thousand waits longer than 9 ms.
        let wait = |q| wait_ns(&[10_000_000], 1_000_000_000, q);
        assert_eq!((wait(0.98), wait(0.99), wait(1.0)), (0, 0, 10_000_000));
        assert!(wait(0.999).abs_diff(9_000_000) <= 1);
        assert!(wait(0.995).abs_diff(5_000_000) <= 1);
        assert_eq!(wait_ns(&[], 1_000, 0.99), 0);
    }

    #[test]
    fn the_distribution_of_waits_has_their_quantiles() {
        let (lost_ns, length_ns) = ([10_000_000, 3_000_000], 1_000_000_000);
        let waits = waits(&lost_ns, length_ns);
        assert_eq!(waits.count(), 1_000_000);
        for q in [0.5, 0.99, 0.995, 0.999] {
            let (read, exact) = (waits.quantile_ns(q).unwrap() as f64, wait_ns(&lost_ns, length_ns, q) as f64);
            assert!((read - exact).abs() <= 200_000.0, "{q}: {read} {exact}");
        }
    }

    proptest! {
        #[test]
        fn the_wait_is_that_of_every_instant_looked_at(gaps in prop::collection::vec(0_u64..50, 0..20), q in 0.0..1.0_f64) {
            let length = gaps.iter().sum::<u64>() + 100;
            let mut waits: Vec<u64> = gaps.iter().flat_map(|gap| 1..=*gap).collect();
            waits.resize(length as usize, 0);
            waits.sort_unstable();
            let exact = waits[((q * length as f64) as usize).min(waits.len() - 1)];
            prop_assert!(wait_ns(&gaps, length, q).abs_diff(exact) <= 1, "{} {exact}", wait_ns(&gaps, length, q));
        }
    }
}

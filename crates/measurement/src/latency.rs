//! Histograms of durations: recording, merging, quantiles.

use std::ops::Range;

use hdrhistogram::Histogram;

use crate::offered_load::Schedule;
use crate::record::Quantiles;

/// Maximum duration, in ns: one hour.
pub const LONGEST_NS: u64 = 3_600_000_000_000;
/// Significant decimal digits of every recorded duration.
pub const DIGITS: u8 = 3;
/// Minimum number of samples for quantiles other than the maximum: ten on either side of the median.
pub const SAMPLES_FOR_QUANTILES: u64 = 20;

/// A histogram of durations from 0 ns to one hour with three significant digits; it takes about 250 KiB.
///
/// A quantile is the upper end of its bucket: at most 0.1 % too high and never too low.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyHistogram {
    buckets: Histogram<u64>,
    negative: u64,
    saturated: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl LatencyHistogram {
    /// Returns an empty histogram.
    pub fn new() -> Self {
        let buckets = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("these constants are in range");
        Self { buckets, negative: 0, saturated: 0 }
    }

    /// Records one duration in ns. A negative one, which means a faulty clock or plan, is counted by
    /// [`negative`](Self::negative) and is not a sample; one above an hour is a sample of one hour and is counted by
    /// [`saturated`](Self::saturated).
    #[inline]
    pub fn record_ns(&mut self, duration_ns: i64) {
        self.record_many_ns(duration_ns, 1);
    }

    /// Records `count` events of the same duration.
    #[inline]
    pub fn record_many_ns(&mut self, duration_ns: i64, count: u64) {
        match u64::try_from(duration_ns) {
            Ok(ns) if ns <= LONGEST_NS => self.buckets.saturating_record_n(ns, count),
            Ok(_) => {
                self.buckets.saturating_record_n(LONGEST_NS, count);
                self.saturated += count;
            }
            Err(_) => self.negative += count,
        }
    }

    /// Adds the samples of another histogram.
    pub fn merge(&mut self, other: &LatencyHistogram) {
        self.merge_buckets(&other.buckets);
        self.negative += other.negative;
        self.saturated += other.saturated;
    }

    /// Removes all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.buckets.reset();
        self.negative = 0;
        self.saturated = 0;
    }

    /// Returns the number of samples, without negative ones.
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// Returns the number of negative durations.
    pub fn negative(&self) -> u64 {
        self.negative
    }

    /// Returns the number of durations above one hour.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// Returns the quantile `q` (0 to 1) in ns, however small the sample; `None` if there is no sample.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        (self.count() > 0).then(|| self.buckets.value_at_quantile(q).min(self.buckets.max()))
    }

    /// Returns the quantiles that the sample is large enough for; [`Quantiles`] states the minimum counts.
    pub fn quantiles(&self) -> Quantiles {
        let from = |samples: u64, q: f64| self.quantile_ns(q).filter(|_| self.count() >= samples);
        Quantiles {
            count: self.count(),
            p50_ns: from(SAMPLES_FOR_QUANTILES, 0.5),
            p90_ns: from(100, 0.9),
            p99_ns: from(1_000, 0.99),
            p999_ns: from(10_000, 0.999),
            p9999_ns: from(100_000, 0.9999),
            max_ns: from(1, 1.0),
        }
    }

    /// Returns (quantile, ns) from the minimum to the maximum sample, with `steps` points for each halving of the
    /// remaining share: even steps on a 1/(1 - quantile) axis.
    pub fn curve(&self, steps: u32) -> Vec<(f64, u64)> {
        let points = self.buckets.iter_quantiles(steps.max(1));
        points.map(|point| (point.quantile_iterated_to(), point.value_iterated_to())).collect()
    }

    pub(crate) fn buckets(&self) -> &Histogram<u64> {
        &self.buckets
    }

    /// Returns a histogram that was read elsewhere, in the range of this type.
    pub(crate) fn from_buckets(buckets: Histogram<u64>) -> Self {
        if (buckets.low(), buckets.high(), buckets.sigfig()) == (1, LONGEST_NS, DIGITS) && !buckets.is_auto_resize() {
            return Self { buckets, negative: 0, saturated: 0 };
        }
        let mut histogram = Self::new();
        histogram.merge_buckets(&buckets);
        histogram
    }

    fn merge_buckets(&mut self, other: &Histogram<u64>) {
        if self.buckets.add(other).is_err() {
            // Somebody else's histogram with a wider range.
            for bucket in other.iter_recorded() {
                self.buckets.saturating_record_n(bucket.value_iterated_to(), bucket.count_at_value());
            }
        }
    }
}

/// The events to record. The warm-up is excluded by clipping the range of an epoch once, without a test for each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Index of the first event to record, from 0.
    pub from_index: u64,
    /// Index of the first event after the window.
    pub to_index: u64,
}

impl Window {
    /// Returns the window of all events.
    pub const EVERYTHING: Window = Window { from_index: 0, to_index: u64::MAX };

    /// Returns the window from event `from_index` on.
    pub fn from_index(from_index: u64) -> Self {
        Self { from_index, ..Self::EVERYTHING }
    }

    /// Returns the window of the events due at `from_ns` or later. It depends on the plan alone, so the same events
    /// count in every run.
    pub fn from_ns(schedule: &Schedule, from_ns: u64) -> Self {
        Self::from_index(schedule.due_before(from_ns))
    }

    /// Returns the part of `events` to record, which may be empty.
    #[inline]
    pub fn clip(&self, events: Range<u64>) -> Range<u64> {
        let start = events.start.max(self.from_index);
        start..events.end.min(self.to_index).max(start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: impl IntoIterator<Item = i64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        durations.into_iter().for_each(|ns| histogram.record_ns(ns));
        histogram
    }

    #[test]
    fn quantiles_the_sample_cannot_support_are_absent() {
        let present = |n| {
            let q = of(1..=n).quantiles();
            [q.p50_ns, q.p90_ns, q.p99_ns, q.p999_ns, q.p9999_ns].map(|value| value.is_some())
        };
        for (at, least) in [20, 100, 1_000, 10_000, 100_000].into_iter().enumerate() {
            let supported = |quantiles: usize| std::array::from_fn(|quantile| quantile < quantiles);
            assert_eq!((present(least - 1), present(least)), (supported(at), supported(at + 1)), "{least}");
        }
        assert_eq!([0, 1].map(|n| of(1..=n).quantiles().max_ns), [None, Some(1)]);
        assert_eq!(of([]).quantile_ns(0.5), None);
    }

    #[test]
    fn nothing_is_clamped_in_silence() {
        let mut histogram = of([-1, i64::MIN, 0, 5, LONGEST_NS as i64, LONGEST_NS as i64 + 1, i64::MAX]);
        assert_eq!((histogram.count(), histogram.negative(), histogram.saturated()), (5, 2, 2));
        let max_ns = histogram.quantiles().max_ns.unwrap();
        assert!((LONGEST_NS..=LONGEST_NS / 1000 * 1001).contains(&max_ns), "{max_ns}");
        histogram.merge(&histogram.clone());
        assert_eq!((histogram.count(), histogram.negative(), histogram.saturated()), (10, 4, 4));
        histogram.merge(&of([-1, i64::MAX]));
        assert_eq!((histogram.count(), histogram.negative(), histogram.saturated()), (11, 5, 5));
        histogram.clear();
        assert_eq!(histogram, LatencyHistogram::new());
    }

    #[test]
    fn the_curve_goes_from_the_least_to_the_greatest() {
        let curve = of(1..=1000).curve(5);
        assert_eq!(curve.first().map(|point| point.1), Some(1));
        assert_eq!(curve.last(), Some(&(1.0, 1000)));
        assert!(curve.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
        assert!(of([]).curve(5).is_empty());
    }

    #[test]
    fn the_window_follows_the_plan() {
        let schedule = Schedule::constant(1000.0).unwrap();
        let window = Window::from_ns(&schedule, 10_000_000);
        assert_eq!(window, Window::from_index(10));
        assert_eq!(window.clip(0..5), 10..10);
        assert_eq!(window.clip(5..15), 10..15);
        assert_eq!(window.clip(15..20), 15..20);
        assert_eq!(Window { from_index: 3, to_index: 6 }.clip(5..9), 5..6);
        assert!(Window { from_index: 3, to_index: 6 }.clip(7..9).is_empty());
        assert_eq!(Window::EVERYTHING.clip(5..9), 5..9);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_thousandth_above_the_exact_ones(
            mut sample in prop::collection::vec(0_i64..2_000_000_000_000, 1..300),
            q in 0.0..=1.0_f64,
        ) {
            let histogram = of(sample.iter().copied());
            sample.sort_unstable();
            let rank = ((q * sample.len() as f64).ceil() as usize).max(1);
            let exact = sample[rank - 1] as u64;
            let read = histogram.quantile_ns(q).unwrap();
            prop_assert!(read >= exact && read <= exact + exact / 1000 + 1, "{read} for {exact}");
        }

        #[test]
        fn merging_is_recording_in_one(left in prop::collection::vec(-5_i64..5_000_000, 0..50),
                                       right in prop::collection::vec(-5_i64..5_000_000_000_000, 0..50)) {
            let mut merged = of(left.iter().copied());
            merged.merge(&of(right.iter().copied()));
            prop_assert_eq!(merged, of(left.into_iter().chain(right)));
        }
    }
}

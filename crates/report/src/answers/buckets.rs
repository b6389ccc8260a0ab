//! Buckets of event time, as wide as the span asks for.

use crate::answers::times::duration_words;
use crate::clock_units::{DAY_MS, HOUR_MS, MINUTE_MS, MONDAY_MS, SECOND_MS, WEEK_MS};

/// Maximum number of buckets of a drawing, so that their columns stay apart on 720 px.
const BUCKETS_MOST: i64 = 72;
/// Widths, in ms. Beyond, each is twice the one before.
const WIDTHS_MS: [i64; 22] = [
    1,
    10,
    100,
    SECOND_MS,
    5 * SECOND_MS,
    10 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    WEEK_MS,
    2 * WEEK_MS,
    4 * WEEK_MS,
];

/// Buckets of equal width, without a gap, that begin at round times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    first_ms: i64,
    pub(super) width_ms: i64,
    pub(super) count: usize,
}

impl Buckets {
    /// Returns buckets over times, each at least `width_least_ms` wide; `None` without a time.
    pub(super) fn over(times_ms: impl Iterator<Item = i64> + Clone, width_least_ms: i64) -> Option<Buckets> {
        let (oldest_ms, newest_ms) = (times_ms.clone().min()?, times_ms.max()?);
        let doubled = std::iter::successors(WIDTHS_MS.last().copied(), |width_ms| width_ms.checked_mul(2)).skip(1);
        let mut widths_ms = WIDTHS_MS.into_iter().chain(doubled).filter(|width_ms| *width_ms >= width_least_ms);
        let of_width = |width_ms| {
            let first_ms = start_ms(oldest_ms, width_ms);
            let count = (newest_ms - first_ms) / width_ms + 1;
            (count <= BUCKETS_MOST).then_some(Buckets { first_ms, width_ms, count: count as usize })
        };
        widths_ms.find_map(of_width)
    }

    /// Returns the bucket of a time that is within the span.
    pub(super) fn at(&self, ms: i64) -> usize {
        (((ms - self.first_ms).max(0) / self.width_ms) as usize).min(self.count - 1)
    }

    /// Returns the beginning of a bucket, in ms since the Unix epoch.
    pub(super) fn start_ms(&self, bucket: usize) -> f64 {
        (self.first_ms + bucket as i64 * self.width_ms) as f64
    }

    /// Returns true if a time is in one of the buckets.
    pub(super) fn contain(&self, ms: i64) -> bool {
        (self.first_ms..self.first_ms + self.count as i64 * self.width_ms).contains(&ms)
    }

    /// Returns the sentence about the buckets.
    pub(super) fn note(&self) -> String {
        format!("Each column and point stands for {} from its time on.", duration_words(self.width_ms))
    }
}

/// Returns the beginning of the bucket of a time; those of a week and more begin on a Monday.
fn start_ms(ms: i64, width_ms: i64) -> i64 {
    let from_ms = if width_ms % WEEK_MS == 0 { MONDAY_MS } else { 0 };
    ms - (ms - from_ms).rem_euclid(width_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_follows_the_span() {
        let over =
            |span_ms: i64, least_ms: i64| Buckets::over([HOUR_MS, HOUR_MS + span_ms].into_iter(), least_ms).unwrap();
        for (span_ms, width_ms) in [(0, 1), (71, 1), (72, 10), (HOUR_MS, MINUTE_MS), (DAY_MS, 30 * MINUTE_MS)] {
            assert_eq!(over(span_ms, 1).width_ms, width_ms, "{span_ms}");
        }
        assert_eq!(over(HOUR_MS, HOUR_MS), Buckets { first_ms: HOUR_MS, width_ms: HOUR_MS, count: 2 });
        assert_eq!(over(400 * DAY_MS, 1).width_ms, WEEK_MS);
        assert!(over(1 << 50, 1).count <= BUCKETS_MOST as usize);
        assert_eq!(Buckets::over(std::iter::empty(), 1), None);
    }

    #[test]
    fn every_time_is_in_its_bucket_and_weeks_begin_on_mondays() {
        let times = [-5 * HOUR_MS, 0, 1, 70 * HOUR_MS - 1];
        let buckets = Buckets::over(times.into_iter(), HOUR_MS).unwrap();
        for ms in times {
            let start_ms = buckets.start_ms(buckets.at(ms)) as i64;
            assert!(buckets.contain(ms) && (start_ms..start_ms + buckets.width_ms).contains(&ms), "{ms}");
        }
        assert!(!buckets.contain(-7 * HOUR_MS));
        let weeks = Buckets::over([1_767_571_200_000, 1_767_571_200_000 + 300 * DAY_MS].into_iter(), 1).unwrap();
        assert_eq!((weeks.width_ms, weeks.start_ms(0)), (WEEK_MS, 1_767_571_200_000.0), "2026-01-05 is a Monday");
    }
}

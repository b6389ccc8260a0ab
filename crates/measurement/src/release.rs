//! What a state gives back after a burst.

use crate::record::{BurstRelease, TimelinePoint};
use crate::statistics::median;

/// Minimum peak of the live bytes for a burst, as a multiple of their median before the peak.
pub const PEAK_MIN: f64 = 3.0;
/// Share of the extra bytes that is given back at the end of a release.
pub const GIVEN_BACK_SHARE: f64 = 0.9;
/// Minimum peak of the entries, as a multiple of their median before the peak of the bytes: without it, it was queues and
/// buffers that grew, not the state.
const ENTRIES_PEAK_MIN: f64 = 1.5;
/// Maximum share of the extra entries, above their median before the peak, that is left when entries have fallen again.
const ENTRIES_LEFT_SHARE: f64 = 0.5;
/// Minimum number of points before the peak for a level.
const POINTS_BEFORE: usize = 3;

/// Returns how the live bytes came down from their peak; `None` without a burst, or where bytes were not measured.
///
/// A burst is a peak of the live bytes of at least [`PEAK_MIN`] times their median before it. The entries rose with them, to
/// at least one and a half times their own median before the peak, and fell again: at the last admission, at most half of
/// what they had gained is left. Points
/// before the first entry do not count for these levels, so that a state that only fills itself is judged by its filling:
/// it reaches its highest level at the end, and has no burst. Points after the last admission, where everything expires,
/// do not count at all.
pub fn burst_release(points: &[TimelinePoint]) -> Option<BurstRelease> {
    let begin = points.iter().position(|point| point.entries > 0)?;
    let end = points.partition_point(|point| point.admitted < points[points.len() - 1].admitted);
    let points = points.get(begin..=end)?;
    let bytes: Vec<f64> =
        points.iter().map(|point| point.live_bytes.map(|bytes| bytes as f64)).collect::<Option<_>>()?;
    let peak = (0..points.len()).rev().max_by(|a, b| bytes[*a].total_cmp(&bytes[*b]))?;
    let level = median(&bytes[..peak]).filter(|level| peak >= POINTS_BEFORE && *level > 0.0)?;
    if bytes[peak] < PEAK_MIN * level || !have_fallen(points, peak) {
        return None;
    }
    let given_back_share = |at: usize| (bytes[peak] - bytes[at]) / (bytes[peak] - level);
    let back = (peak..points.len()).find(|at| given_back_share(*at) >= GIVEN_BACK_SHARE);
    let event_time_ms = |at: usize| points[at].newest_event_time_ms;
    Some(BurstRelease {
        given_back_share: given_back_share(points.len() - 1),
        release_ms: back.and_then(|back| Some(event_time_ms(back)? - event_time_ms(peak)?)),
    })
}

/// Returns true if the entries rose in the burst and are, at the last point, nearer to their level than to their peak.
fn have_fallen(points: &[TimelinePoint], peak: usize) -> bool {
    let entries: Vec<f64> = points.iter().map(|point| point.entries as f64).collect();
    let (Some(level), Some(last)) = (median(&entries[..peak]), entries.last()) else { return false };
    let highest = entries.iter().copied().fold(0.0, f64::max);
    highest >= ENTRIES_PEAK_MIN * level && last - level <= ENTRIES_LEFT_SHARE * (highest - level)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of 1,000 events and 10 ms of event time a point, from its live bytes and entries.
    fn run(values: impl IntoIterator<Item = (i64, u64)>) -> Vec<TimelinePoint> {
        let values = values.into_iter().zip(0..);
        let point = |((live_bytes, entries), at): ((i64, u64), u64)| TimelinePoint {
            at_ns: at * 1_000_000,
            admitted: at * 1_000,
            live_bytes: Some(live_bytes),
            entries,
            newest_event_time_ms: Some(at as i64 * 10),
            ..TimelinePoint::default()
        };
        values.map(point).collect()
    }

    /// A level of 100 kB and 1,000 entries, a burst to ten times as many, then `after`.
    fn burst(after: &[(i64, u64)]) -> Vec<TimelinePoint> {
        let level = [(100_000, 1_000); 20];
        run(level.into_iter().chain([(500_000, 5_000), (1_000_000, 10_000)]).chain(after.iter().copied()))
    }

    #[test]
    fn all_that_a_burst_took_is_given_back_and_the_time_is_that_of_nine_tenths() {
        let points = burst(&[(800_000, 8_000), (400_000, 4_000), (190_000, 2_000), (100_000, 1_000)]);
        assert_eq!(burst_release(&points), Some(BurstRelease { given_back_share: 1.0, release_ms: Some(30) }));
    }

    #[test]
    fn a_table_that_keeps_its_room_gives_back_a_part_and_is_never_done() {
        let points = burst(&[(1_000_000, 8_000), (900_000, 2_000), (550_000, 1_000), (550_000, 1_000)]);
        assert_eq!(burst_release(&points), Some(BurstRelease { given_back_share: 0.5, release_ms: None }));
    }

    #[test]
    fn the_first_of_equal_peaks_is_where_the_release_begins() {
        let points = burst(&[(1_000_000, 10_000), (100_000, 1_000)]);
        assert_eq!(burst_release(&points).unwrap().release_ms, Some(20));
    }

    #[test]
    fn what_expires_after_the_last_admission_was_not_given_back() {
        let mut points = burst(&[(1_000_000, 1_000), (1_000_000, 1_000)]);
        let last = points[points.len() - 1];
        points.push(TimelinePoint { live_bytes: Some(0), entries: 0, ..last });
        assert_eq!(burst_release(&points), Some(BurstRelease { given_back_share: 0.0, release_ms: None }));
    }

    #[test]
    fn without_a_peak_of_three_times_the_level_there_is_no_burst() {
        let with_peak = |peak| {
            let level = [(100_000, 1_000); 20];
            burst_release(&run(level.into_iter().chain([(peak, 4_000), (100_000, 1_000)]))).is_some()
        };
        assert_eq!([299_999, 300_000].map(with_peak), [false, true]);
    }

    #[test]
    fn a_state_that_grows_or_fills_or_keeps_its_entries_has_no_burst() {
        assert_eq!(burst_release(&run((1..100).map(|at| (at * 1_000, at as u64 * 10)))), None);
        assert_eq!(burst_release(&run((0..100).map(|at| (at.min(40) * 1_000, at.min(40) as u64 * 10)))), None);
        assert_eq!(burst_release(&burst(&[(900_000, 9_000), (900_000, 9_000)])), None);
    }

    #[test]
    fn queues_that_grow_while_the_state_does_not_are_no_burst() {
        let with_entries = |entries| {
            let level = [(100_000, 1_000); 20];
            burst_release(&run(level.into_iter().chain([(500_000, entries), (100_000, 1_000)]))).is_some()
        };
        assert_eq!([1_000, 1_499, 1_500].map(with_entries), [false, false, true]);
    }

    #[test]
    fn what_is_empty_or_was_not_measured_has_no_burst() {
        assert_eq!(burst_release(&[]), None);
        assert_eq!(burst_release(&run([(0, 0); 50])), None);
        let mut points = burst(&[(100_000, 1_000)]);
        points.iter_mut().for_each(|point| point.newest_event_time_ms = None);
        assert_eq!(burst_release(&points), Some(BurstRelease { given_back_share: 1.0, release_ms: None }));
        points[5].live_bytes = None;
        assert_eq!(burst_release(&points), None);
    }
}

//! When the warm-up of an open loop ends. Decision D-313.
//!
//! **The rule.** The time in which events are due is cut into [`INTERVALS`] equal intervals. The warm-up ends with the
//! first interval whose median latency is at most [`TOLERANCE`] times the highest one in the second half of the run. Had
//! nothing changed since the start, the first interval would fail this in less than 1 of 21 runs.
//!
//! Only what precedes the first steady interval is left out, so a stall or a burst later on counts however early it
//! comes. A run that is overloaded has its lowest latencies at the start and no warm-up at all.
//!
//! ```
//! use flowbench_measurement::steadiness::first_steady;
//!
//! let medians_ns = [90, 40, 15, 10, 300, 11, 12, 10, 13, 11].map(Some);
//! assert_eq!(first_steady(&medians_ns, 0), Some(2)); // the burst of 300 is kept
//! assert_eq!(first_steady(&[90, 80, 70, 14, 12, 10].map(Some), 0), None);
//! ```

/// The number of intervals into which the offered time is cut.
pub const INTERVALS: usize = 40;
/// How much higher than in the second half, as a factor, latency may be in a run that is steady. A machine that is a
/// little busier at first would otherwise cost half of the samples.
pub const TOLERANCE: f64 = 1.25;

/// Returns the index of the first steady interval at `earliest` or later; `None` if there is none in the first half.
///
/// `medians_ns` has the median latency of every interval, in ns; `None` where too few events were due for one.
/// An interval without a median is not steady, unless the second half has none either: then nothing is known and
/// `earliest` is returned.
pub fn first_steady(medians_ns: &[Option<u64>], earliest: usize) -> Option<usize> {
    let half = medians_ns.len().div_ceil(2);
    let Some(highest_ns) = medians_ns[half..].iter().flatten().max() else { return Some(earliest) };
    let bound_ns = *highest_ns as f64 * TOLERANCE;
    let is_steady = |index: &usize| medians_ns[*index].is_some_and(|median_ns| median_ns as f64 <= bound_ns);
    (earliest..half).find(is_steady).or((earliest >= half).then_some(earliest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cold_start_is_left_out_and_a_steady_one_is_not() {
        assert_eq!(first_steady(&[50, 9, 9, 8, 9, 8].map(Some), 0), Some(1));
        assert_eq!(first_steady(&[125, 99, 99, 98, 100, 99].map(Some), 0), Some(0), "a little slower is steady");
        assert_eq!(first_steady(&[126, 99, 99, 98, 100, 99].map(Some), 0), Some(1));
        assert_eq!(first_steady(&[8, 9, 9, 8, 9, 8].map(Some), 0), Some(0));
        assert_eq!(first_steady(&[8, 9, 9, 8, 9, 8].map(Some), 2), Some(2));
    }

    #[test]
    fn a_run_that_falls_behind_has_no_warm_up() {
        assert_eq!(first_steady(&[1, 2, 3, 4, 5, 6].map(Some), 0), Some(0));
    }

    #[test]
    fn a_run_that_improves_throughout_is_never_steady() {
        assert_eq!(first_steady(&[60, 50, 40, 30, 20, 10].map(Some), 0), None);
    }

    #[test]
    fn without_medians_the_plan_decides() {
        assert_eq!(first_steady(&[None; 4], 1), Some(1));
        assert_eq!(first_steady(&[], 0), Some(0));
        assert_eq!(first_steady(&[None, Some(3), Some(4), None], 0), Some(1));
        assert_eq!(first_steady(&[Some(9), Some(9), Some(4), Some(4)], 3), Some(3));
    }

    proptest! {
        #[test]
        fn whatever_comes_after_the_first_steady_interval_is_kept(
            medians_ns in prop::collection::vec(prop::option::of(0_u64..50), 0..60), earliest in 0_usize..60,
        ) {
            let earliest = earliest.min(medians_ns.len());
            let half = medians_ns.len().div_ceil(2);
            match first_steady(&medians_ns, earliest) {
                Some(first) => {
                    prop_assert!(first >= earliest && first <= half.max(earliest));
                    let highest_ns = medians_ns[half..].iter().flatten().max();
                    let skipped = medians_ns[earliest..first].iter().flatten();
                    prop_assert!(skipped.into_iter().all(|median_ns| highest_ns.is_some_and(|ns| *median_ns as f64 > *ns as f64 * TOLERANCE)));
                }
                None => prop_assert!(medians_ns[half..].iter().any(Option::is_some)),
            }
        }
    }
}

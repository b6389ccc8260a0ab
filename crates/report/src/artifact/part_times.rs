//! How long each part of an experiment took.

use flowbench_measurement::record::CaseRecord;

use crate::Results;

/// Returns how long the measurements of a part took, s; absent while the run is not complete.
///
/// From the beginning of one measurement to that of the next is the time of one, its start and its check included.
/// The mean of those of the part stands for one whose beginning is not known, and where none is, that of the whole run.
pub(super) fn part_s(results: &Results, part: &str) -> Option<f64> {
    let wall_s = results.run.wall_s?;
    let begun: Vec<(&CaseRecord, f64)> = begun_s(results);
    let lengths = lengths_s(&begun.iter().map(|(_, begun_s)| *begun_s).collect::<Vec<_>>(), wall_s);
    let known = begun.iter().zip(lengths).filter(|((case, _), _)| case.part == part).map(|(_, length_s)| length_s);
    let cases = results.cases.iter().filter(|case| case.part == part).count();
    Some(sum_s(&known.collect::<Vec<_>>(), cases, wall_s, results.cases.len()))
}

/// Returns the measurements with a known beginning, s since the run began, in the order of time.
fn begun_s(results: &Results) -> Vec<(&CaseRecord, f64)> {
    let begun = |case| {
        let tag = format!("{}.latency", CaseRecord::tag(case));
        let latencies = results.histograms.tagged(&tag).next()?;
        Some((case, latencies.start_ns as f64 / 1e9))
    };
    let mut begun: Vec<_> = results.cases.iter().filter_map(begun).collect();
    begun.sort_by(|one, other| one.1.total_cmp(&other.1));
    begun
}

/// Returns the time from each beginning to the next, and from the last to the end of the run, s.
fn lengths_s(begun_s: &[f64], wall_s: f64) -> Vec<f64> {
    let ends = begun_s.iter().skip(1).copied().chain([wall_s]);
    begun_s.iter().zip(ends).map(|(begun_s, end_s)| (end_s - begun_s).max(0.0)).collect()
}

/// Returns the time of `of_part` measurements from the `known` ones of them, or from all `measured` ones of the run, s.
fn sum_s(known: &[f64], of_part: usize, wall_s: f64, measured: usize) -> f64 {
    let mean_s = match known.len() {
        0 => wall_s / measured.max(1) as f64,
        count => known.iter().sum::<f64>() / count as f64,
    };
    (mean_s * of_part as f64).min(wall_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_lasts_until_the_next_begins() {
        assert_eq!(lengths_s(&[0.0, 1.5, 4.0], 10.0), [1.5, 2.5, 6.0]);
        // That of a resumed run may begin after the time that the run has taken in all.
        assert_eq!(lengths_s(&[0.0, 5.0], 4.0), [5.0, 0.0]);
        assert_eq!(lengths_s(&[], 4.0), [] as [f64; 0]);
    }

    #[test]
    fn what_is_not_known_is_like_the_rest_of_its_part_and_never_more_than_the_run() {
        assert_eq!(sum_s(&[1.0, 3.0], 3, 100.0, 10), 6.0);
        assert_eq!(sum_s(&[], 3, 100.0, 10), 30.0);
        assert_eq!(sum_s(&[60.0], 3, 100.0, 10), 100.0);
        assert_eq!(sum_s(&[], 0, 100.0, 0), 0.0);
    }
}

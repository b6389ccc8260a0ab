//! How long each part of an experiment took.

use flowbench_measurement::record::{CaseRecord, RunRecord};

use crate::Results;

/// Returns how long the measurements of a part took, s; absent while the run is not complete.
///
/// From the beginning of one case to that of the next is the time of a case, its start and its check included. The
/// mean of the part counts where a beginning is not known, and that of the run where none of the part is.
pub(super) fn part_s(results: &Results, part: &str) -> Option<f64> {
    let wall_s = results.run.wall_s?;
    let of_part = |case: &CaseRecord| case.part == part;
    let lengths = case_lengths_s(&results.run, &begun_s(results));
    let own: Vec<f64> = lengths.iter().filter(|(case, _)| of_part(case)).map(|(_, length_s)| *length_s).collect();
    let mean_s = match own.len() {
        0 => wall_s / results.cases.len().max(1) as f64,
        known => own.iter().sum::<f64>() / known as f64,
    };
    Some((mean_s * results.cases.iter().filter(|case| of_part(case)).count() as f64).min(wall_s))
}

/// Returns the cases with a known beginning, s since the run began, in the order of time.
fn begun_s(results: &Results) -> Vec<(&CaseRecord, f64)> {
    let begun = |case| {
        let of = |kind: &str| results.histograms.tagged(&format!("{}.{kind}", CaseRecord::tag(case))).next();
        Some((case, of("latency")?.start_ns as f64 / 1e9))
    };
    let mut begun: Vec<_> = results.cases.iter().filter_map(begun).collect();
    begun.sort_by(|one, other| one.1.total_cmp(&other.1));
    begun
}

fn case_lengths_s<'a>(run: &RunRecord, begun: &[(&'a CaseRecord, f64)]) -> Vec<(&'a CaseRecord, f64)> {
    let ends = begun.iter().skip(1).map(|(_, begun_s)| *begun_s).chain(run.wall_s);
    begun.iter().zip(ends).map(|((case, begun_s), end_s)| (*case, (end_s - begun_s).max(0.0))).collect()
}

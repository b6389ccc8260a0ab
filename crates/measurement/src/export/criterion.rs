//! The directory tree of Criterion, which critcmp reads.

use serde_json::{Value, json};

use super::metric::{Summary, durations_ns};
use super::source::{ExportSource, ExportedFile};

/// Returns `benchmark.json` and `estimates.json` for each time of each case, below the name of the run as the baseline:
/// the exports of several runs into one folder are compared by `critcmp`. Bytes have no place in the format.
pub(crate) fn criterion(source: &ExportSource) -> Vec<ExportedFile> {
    let baseline = baseline(source);
    let mut files = Vec::new();
    for case in source.measured() {
        let group = case.name.text();
        for (function, values) in durations_ns(&case) {
            let Some(summary) = Summary::of(&values) else { continue };
            let folder = format!("criterion/{}/{function}/{baseline}", case.name.file());
            // The elements of a throughput are those of one iteration: here, of one event.
            let is_throughput = function == "time_per_event_ns";
            let benchmark = json!({
                "group_id": group,
                "function_id": function,
                "value_str": null,
                "throughput": is_throughput.then(|| json!({ "Elements": 1 })),
                "full_id": format!("{group}/{function}"),
                "directory_name": format!("{}/{function}", case.name.file()),
                "title": format!("{group}/{function}"),
            });
            files.push(ExportedFile::named(format!("{folder}/benchmark.json"), format!("{benchmark:#}\n")));
            let estimates = format!("{:#}\n", estimates(&summary, values.len()));
            files.push(ExportedFile::named(format!("{folder}/estimates.json"), estimates));
        }
    }
    files
}

/// Returns the name of the run: its start and its commit, as in `20260131T100000Z_0123456789ab`.
fn baseline(source: &ExportSource) -> String {
    let started_at: String = source.run.started_at.chars().filter(char::is_ascii_alphanumeric).collect();
    let seconds = started_at.get(..15).unwrap_or(&started_at);
    format!("{seconds}Z_{}", source.run.build.commit.as_deref().unwrap_or("unknown"))
}

/// Returns the estimates: the mean within its standard error, the median within the range of the repeats, and the
/// others without an interval.
fn estimates(summary: &Summary, repeats: usize) -> Value {
    let std_dev = summary.std_dev.unwrap_or(0.0);
    let error = std_dev / (repeats as f64).sqrt();
    // The median of all runs lies between the least and the greatest of n repeats with probability 1 - 2^(1-n).
    let covered = 1.0 - 0.5_f64.powf(repeats as f64 - 1.0);
    let Summary { mean, median, min, max, median_abs_dev, .. } = *summary;
    json!({
        "mean": estimate(mean, (mean - error, mean + error), 0.683, error),
        "median": estimate(median, (min, max), covered, error),
        "median_abs_dev": estimate(median_abs_dev, (median_abs_dev, median_abs_dev), 0.0, 0.0),
        "slope": null,
        "std_dev": estimate(std_dev, (std_dev, std_dev), 0.0, 0.0),
    })
}

fn estimate(value: f64, (low, high): (f64, f64), level: f64, error: f64) -> Value {
    let interval = json!({ "confidence_level": level, "lower_bound": low, "upper_bound": high });
    json!({ "confidence_interval": interval, "point_estimate": value, "standard_error": error })
}

//! The JSON of hyperfine, which its plot scripts and Bencher read.

use serde_json::{Map, Value, json};

use super::metric::{Summary, durations_ns};
use super::source::{ExportSource, ExportedFile};

/// Returns a result for each time of each case, in seconds, with the time of each repeat.
///
/// The format asks for user and system time and for exit codes. They are 0: a latency has none.
pub(crate) fn hyperfine(source: &ExportSource) -> Vec<ExportedFile> {
    let mut results: Vec<Value> = Vec::new();
    for case in source.measured() {
        for (duration, values) in durations_ns(&case) {
            let times: Vec<f64> = values.iter().map(|ns| ns / 1e9).collect();
            let Some(summary) = Summary::of(&times) else { continue };
            let mut parameters: Map<String, Value> =
                case.name.choices().iter().map(|(axis, value)| ((*axis).to_owned(), value.as_str().into())).collect();
            parameters.insert("time".to_owned(), duration.into());
            results.push(json!({
                "command": format!("{} {duration}", case.name.text()),
                "mean": summary.mean,
                "stddev": summary.std_dev,
                "median": summary.median,
                "user": 0.0,
                "system": 0.0,
                "min": summary.min,
                "max": summary.max,
                "times": times,
                "exit_codes": vec![0; times.len()],
                "parameters": parameters,
            }));
        }
    }
    ExportedFile::only(format!("{:#}\n", json!({ "results": results })))
}

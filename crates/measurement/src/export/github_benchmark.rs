//! Files of github-action-benchmark: `customSmallerIsBetter` and `customBiggerIsBetter`, one file for each direction.

use crate::metrics::Better;
use serde_json::{Value, json};

use super::metric::spreads;
use super::source::{ExportSource, ExportedFile};

/// Returns the metrics of which less is better.
pub(crate) fn smaller_is_better(source: &ExportSource) -> Vec<ExportedFile> {
    entries(source, Better::Lower)
}

/// Returns the metrics of which more is better.
pub(crate) fn bigger_is_better(source: &ExportSource) -> Vec<ExportedFile> {
    entries(source, Better::Higher)
}

fn entries(source: &ExportSource, better: Better) -> Vec<ExportedFile> {
    let mut entries: Vec<Value> = Vec::new();
    for case in source.measured() {
        let of_direction = spreads(&case).into_iter().filter(|(one, _)| one.better == better);
        for (metric, spread) in of_direction {
            let name = format!("{} {}", case.name.text(), metric.column);
            let mut entry = json!({ "name": name, "unit": metric.unit.word(), "value": spread.median });
            if spread.repeats > 1 {
                entry["range"] = format!("{} to {}", spread.low, spread.high).into();
            }
            if !case.doubts().is_empty() {
                entry["extra"] = format!("doubts: {}", case.doubts()).into();
            }
            entries.push(entry);
        }
    }
    ExportedFile::only(format!("{:#}\n", Value::Array(entries)))
}

//! Bencher Metric Format: one object for each case, with one for each metric.

use serde_json::{Map, Value, json};

use super::metric::spreads;
use super::source::{ExportSource, ExportedFile};

/// Maximum length of the name of a benchmark, in bytes.
const NAME_MAX: usize = 1024;

/// Returns the medians as JSON. The ends are left out where there is one repeat, about whose spread nothing is known.
pub(crate) fn bencher(source: &ExportSource) -> Vec<ExportedFile> {
    let mut benchmarks = Map::new();
    for case in source.measured() {
        let mut measures = Map::new();
        for (metric, spread) in spreads(&case) {
            let value = if spread.repeats > 1 {
                json!({ "value": spread.median, "lower_value": spread.low, "upper_value": spread.high })
            } else {
                json!({ "value": spread.median })
            };
            measures.insert(metric.column.replace('_', "-"), value);
        }
        if !measures.is_empty() {
            let name = Some(case.name.text()).filter(|name| name.len() <= NAME_MAX);
            benchmarks.insert(name.unwrap_or_else(|| case.name.file().to_owned()), Value::Object(measures));
        }
    }
    ExportedFile::only(format!("{:#}\n", Value::Object(benchmarks)))
}

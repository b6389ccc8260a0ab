//! Which doubts about a measurement concern one of its columns.

use flowbench_measurement::record::CaseRecord;

use crate::quantity::{Quantity, scatters};

/// Beginnings of the columns of durations of single events.
const DURATIONS: [&str; 7] =
    ["latency", "processing", "driver", "from_admission", "attribution", "acknowledged", "shown"];
/// Doubts about durations of single events alone.
const OF_DURATIONS: [&str; 5] = ["few-samples", "driver-lag", "censored", "negative-latency", "saturated-latency"];

/// The doubt that the program was built from uncommitted changes.
pub(crate) const DIRTY_TREE: &str = "dirty-tree";

/// Returns true if a doubt about a case concerns the values of a column. What follows from the trace alone is beyond
/// doubts about clocks and machines; doubts about memory concern bytes, and those about latency durations.
pub(crate) fn is_doubted(case: &CaseRecord, column: &str) -> bool {
    case.doubts.iter().any(|doubt| concerns(&doubt.code, column))
}

fn concerns(code: &str, column: &str) -> bool {
    match code {
        // It says what was built, not that a number is wrong.
        DIRTY_TREE => false,
        _ if code.starts_with("memory") || code == "short-run" => is_of_memory(column),
        _ if OF_DURATIONS.contains(&code) => DURATIONS.iter().any(|begin| column.starts_with(begin)),
        _ => scatters(column) && !is_of_memory(column),
    }
}

fn is_of_memory(column: &str) -> bool {
    Quantity::of(column) == Quantity::Bytes || column.starts_with("growth")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_concerns_the_columns_that_it_speaks_of() {
        assert!(concerns("lost-time", "latency_p99_ns") && concerns("steal", "throughput_events_per_s"));
        assert!(!concerns("lost-time", "completeness") && !concerns("steal", "live_bytes_peak"));
        assert!(concerns("memory-count", "live_bytes_peak") && !concerns("memory-count", "latency_p99_ns"));
        assert!(concerns("few-samples", "latency") && !concerns("few-samples", "throughput_events_per_s"));
    }
}

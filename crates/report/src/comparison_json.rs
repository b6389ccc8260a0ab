//! The comparison of two runs as JSON, for programs.

use flowbench_measurement::comparison::{CaseFailure, Compared, Comparison, MetricChange};
use serde_json::{Value, json};

/// Returns the comparison of two runs with every metric, whatever became of it. A number that is not known is null.
pub fn comparison_json(comparison: &Comparison) -> Value {
    let changes = [MetricChange::Worse, MetricChange::Better, MetricChange::Same, MetricChange::Inconclusive];
    let counts = changes.map(|change| (change.word().to_owned(), comparison.count(change).into()));
    let exact = comparison.exact.iter().map(|change| {
        json!({ "case": change.case, "column": change.column, "before": change.before, "after": change.after })
    });
    let gaps = comparison
        .not_compared
        .iter()
        .map(|gap| json!({ "case": gap.case, "column": gap.metric.column, "is_missing_after": gap.is_missing_after }));
    let obstacles = comparison
        .obstacles
        .iter()
        .map(|obstacle| json!({ "field": obstacle.field, "before": obstacle.before, "after": obstacle.after }));
    json!({
        "counts": counts.into_iter().collect::<serde_json::Map<_, _>>(),
        "metrics": comparison.cells.iter().map(metric).collect::<Vec<_>>(),
        "repeats_needed": comparison.repeats_needed(),
        "not_compared": gaps.collect::<Vec<_>>(),
        "new_failures": comparison.new_failures.iter().map(failure).collect::<Vec<_>>(),
        "without_numbers": comparison.without_numbers.iter().map(failure).collect::<Vec<_>>(),
        "exact_compared": comparison.exact_compared,
        "exact_changes": exact.collect::<Vec<_>>(),
        "only_before": comparison.only_before,
        "only_after": comparison.only_after,
        "obstacles": obstacles.collect::<Vec<_>>(),
    })
}

fn failure(failure: &CaseFailure) -> Value {
    json!({ "case": failure.case, "failed": failure.failed, "repeats": failure.repeats, "cause": failure.cause })
}

fn metric(cell: &Compared) -> Value {
    json!({
        "case": cell.case,
        "part": cell.part,
        "column": cell.metric.column,
        "before": cell.before,
        "after": cell.after,
        "repeats_before": cell.repeats.0,
        "repeats_after": cell.repeats.1,
        "ratio": cell.ratio.estimate,
        "ratio_low": cell.ratio.low,
        "ratio_high": cell.ratio.high,
        "ratio_is_interval": cell.ratio.is_interval,
        "probability": cell.probability,
        "change": cell.change.word(),
        "disturbed_by": cell.disturbed_by,
        "is_implausible": cell.is_implausible(),
    })
}

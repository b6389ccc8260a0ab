//! Columns that follow from trace and configuration alone, compared exactly.

use std::collections::BTreeSet;

use super::pairs::Pair;
use crate::case_name::follows_search;
use crate::metrics::{EXACT, is_exact};
use crate::record::CaseRecord;

/// A column that must be the same in both runs and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactChange {
    /// Name of the case.
    pub case: String,
    /// Name of the column.
    pub column: &'static str,
    /// The value in all repeats before.
    pub before: String,
    /// The values in the repeats after, in ascending order.
    pub after: Vec<String>,
}

/// Returns the exact columns that differ, and the number of those that were compared.
///
/// A column is compared where all repeats before have the same value. The cases of a search, and those at a share of
/// the rate it found, are left out: their traces are as long as that rate asks for. So is a column that either side
/// lacks.
pub fn exact_changes(pairs: &[Pair<'_>]) -> (Vec<ExactChange>, usize) {
    let mut changes = Vec::new();
    let mut compared = 0;
    for pair in pairs.iter().filter(|pair| !pair.before.iter().any(|case| follows_search(&case.axes))) {
        let axes = pair.before.first().map(|case| &case.axes);
        for column in EXACT.into_iter().filter(|column| axes.is_some_and(|axes| is_exact(column, axes))) {
            let (before, after) = (distinct(&pair.before, column), distinct(&pair.after, column));
            let (Some(value), false) = (before.first().filter(|_| before.len() == 1), after.is_empty()) else {
                continue;
            };
            compared += 1;
            if before != after {
                let (case, before) = (pair.name.clone(), value.clone());
                changes.push(ExactChange { case, column, before, after: after.into_iter().collect() });
            }
        }
    }
    (changes, compared)
}

/// Returns the values that the repeats have, without empty ones.
fn distinct(cases: &[&CaseRecord], column: &str) -> BTreeSet<String> {
    let values = cases.iter().filter_map(|case| case.column(column)).map(|cell| cell.to_string());
    values.filter(|value| !value.is_empty()).collect()
}

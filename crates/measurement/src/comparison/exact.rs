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
    /// The value in all repeats before; several if they did not agree.
    pub before: String,
    /// The values in the repeats after, in ascending order.
    pub after: Vec<String>,
}

/// Returns the exact columns that differ, and the number of those that were compared.
///
/// Where the repeats before do not agree, a value that none of them had is a change. So is a value that is absent after.
/// Cases of a search, and those at a share of the rate it found, are left out: their traces are as long as that
/// rate asks for.
pub fn exact_changes(pairs: &[Pair<'_>]) -> (Vec<ExactChange>, usize) {
    let mut changes = Vec::new();
    let mut compared = 0;
    for pair in pairs.iter().filter(|pair| !pair.before.iter().any(|case| follows_search(&case.axes))) {
        let axes = pair.before.first().map(|case| &case.axes);
        for column in EXACT.into_iter().filter(|column| axes.is_some_and(|axes| is_exact(column, axes))) {
            let (before, after) = (distinct(&pair.before, column), distinct(&pair.after, column));
            // A column that a later version has added says nothing of the build before.
            if before.is_empty() || pair.after.is_empty() {
                continue;
            }
            compared += 1;
            let is_as_before = if before.len() == 1 { before == after } else { after.is_subset(&before) };
            if !is_as_before || after.is_empty() {
                let (case, before) = (pair.name.clone(), before.into_iter().collect::<Vec<_>>().join(" or "));
                let none = after.is_empty().then(|| "absent".to_owned());
                changes.push(ExactChange { case, column, before, after: after.into_iter().chain(none).collect() });
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

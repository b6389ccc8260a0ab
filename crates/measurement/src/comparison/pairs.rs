//! The cases of two runs, paired by what they are.

use std::collections::BTreeMap;

use crate::record::{Axes, CaseRecord, Status};

/// The repeats of one case in two runs.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// Name of the case, unique in the comparison.
    pub name: String,
    /// The repeats before.
    pub before: Vec<&'a CaseRecord>,
    /// The repeats after.
    pub after: Vec<&'a CaseRecord>,
    /// The repeats before that have no numbers.
    pub failed_before: Vec<&'a CaseRecord>,
    /// The repeats after that have no numbers.
    pub failed_after: Vec<&'a CaseRecord>,
}

/// The cases of two runs side by side.
#[derive(Debug, Clone)]
pub struct Paired<'a> {
    /// The cases that both runs have.
    pub pairs: Vec<Pair<'a>>,
    /// Names of the cases that only the run before has.
    pub only_before: Vec<String>,
    /// Names of the cases that only the run after has.
    pub only_after: Vec<String>,
}

/// Pairs the cases of two runs by part and axes. The rate that a search found is not part of what a case is.
pub fn pair<'a>(before: &'a [CaseRecord], after: &'a [CaseRecord]) -> Paired<'a> {
    let (mut failed_before, mut failed_after) = (by_identity(before, false), by_identity(after, false));
    let (mut before, mut after) = (by_identity(before, true), by_identity(after, true));
    let mut identities: Vec<&String> = before.keys().chain(after.keys()).collect();
    identities.sort_unstable();
    identities.dedup();
    let firsts =
        identities.iter().filter_map(|identity| before.get(*identity).or(after.get(*identity))?.first().copied());
    let names = names(&firsts.collect::<Vec<_>>());
    let named: Vec<(String, String)> = identities.into_iter().cloned().zip(names).collect();
    let mut paired = Paired { pairs: Vec::new(), only_before: Vec::new(), only_after: Vec::new() };
    for (identity, name) in named {
        match (before.remove(&identity), after.remove(&identity)) {
            (Some(before), Some(after)) => {
                let failed_before = failed_before.remove(&identity).unwrap_or_default();
                let failed_after = failed_after.remove(&identity).unwrap_or_default();
                paired.pairs.push(Pair { name, before, after, failed_before, failed_after });
            }
            (Some(_), None) => paired.only_before.push(name),
            _ => paired.only_after.push(name),
        }
    }
    paired.pairs.sort_by_key(|pair| pair.before.first().map_or(0, |case| case.case));
    paired
}

/// Returns the values of a column in those repeats that have it.
pub(super) fn values(cases: &[&CaseRecord], column: &str) -> Vec<f64> {
    cases.iter().filter_map(|case| case.column(column)?.number()).collect()
}

/// Returns the pairs whose times are compared: those of other parts than these.
pub fn timed<'a>(pairs: Vec<Pair<'a>>, untimed_parts: &[String]) -> Vec<Pair<'a>> {
    let is_timed = |pair: &Pair<'_>| pair.before.first().is_none_or(|case| !untimed_parts.contains(&case.part));
    pairs.into_iter().filter(is_timed).collect()
}

/// Returns the cases with numbers, or those without, by their identity. A repeat that is recorded twice counts once.
fn by_identity(cases: &[CaseRecord], with_numbers: bool) -> BTreeMap<String, Vec<&CaseRecord>> {
    let mut found: BTreeMap<String, Vec<&CaseRecord>> = BTreeMap::new();
    for case in cases.iter().filter(|case| (case.status == Status::Ok) == with_numbers) {
        let repeats = found.entry(identity(case)).or_default();
        if repeats.iter().all(|other| (other.case, other.repeat) != (case.case, case.repeat)) {
            repeats.push(case);
        }
    }
    found
}

/// Returns text that is equal for the repeats of a case in any run.
pub(super) fn identity(case: &CaseRecord) -> String {
    let mut axes = case.axes.clone();
    if follows_search(&axes) {
        (axes.rate_events_per_s, axes.records_per_epoch) = (None, 0);
    }
    format!("{} {}", case.part, serde_json::to_string(&axes).unwrap_or_default())
}

/// Returns true if the rate of the case was found by a search, so that its trace differs from run to run.
pub(super) fn follows_search(axes: &Axes) -> bool {
    axes.rate_share.is_some() || axes.load.starts_with("search")
}

/// Returns names of cases: the part, the pipeline, and the value on every other axis on which they differ.
fn names(cases: &[&CaseRecord]) -> Vec<String> {
    let rows: Vec<Vec<(&str, String)>> = cases.iter().map(|case| axis_values(case)).collect();
    let varies = |at: usize| rows.iter().any(|row| row[at].1 != rows[0][at].1);
    let name = |row: &Vec<(&str, String)>| {
        let told = |(at, (axis, value)): (usize, &(&str, String))| {
            let is_told = *axis == "pipeline" || (varies(at) && !value.is_empty());
            is_told.then(|| if says_itself(axis) { value.clone() } else { format!("{axis}={value}") })
        };
        row.iter().enumerate().filter_map(told).collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(name).collect()
}

fn axis_values(case: &CaseRecord) -> Vec<(&'static str, String)> {
    let found = follows_search(&case.axes);
    let is_axis = |name: &str| !["case", "repeat"].contains(&name);
    let columns = case.columns().into_iter().take_while(|(name, _)| *name != "outcome");
    let value = |name: &str, cell: crate::columns::Cell| match name {
        "rate_events_per_s" | "records_per_epoch" if found => String::new(),
        _ => cell.to_string(),
    };
    columns.filter(|(name, _)| is_axis(name)).map(|(name, cell)| (name, value(name, cell))).collect()
}

/// Returns true if a value on this axis needs no name beside it.
fn says_itself(axis: &str) -> bool {
    ["part", "pipeline", "settings", "strategy", "order", "eviction", "load", "trace", "world"].contains(&axis)
}

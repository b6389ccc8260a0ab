//! The cases of two runs, paired by what they are.

use std::collections::BTreeMap;

use crate::case_name::{identity, names_by_identity};
use crate::record::{CaseRecord, Status};

/// The repeats of one case in two runs.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// Name of the case, unique in the comparison, and the same as in exports.
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
    /// The cases that have numbers in both runs.
    pub pairs: Vec<Pair<'a>>,
    /// The cases of both runs that have numbers in neither.
    pub without_numbers: Vec<Pair<'a>>,
    /// Names of the cases that only the run before has.
    pub only_before: Vec<String>,
    /// Names of the cases that only the run after has.
    pub only_after: Vec<String>,
}

/// Pairs the cases of two runs by part and axes. The rate that a search found is not part of what a case is.
pub fn pair<'a>(before: &'a [CaseRecord], after: &'a [CaseRecord]) -> Paired<'a> {
    // Cases without results are named as well, so that the name of a case does not depend on what became of others.
    let names = names_by_identity(before.iter().chain(after));
    let (mut failed_before, mut failed_after) = (by_identity(before, false), by_identity(after, false));
    let (mut before, mut after) = (by_identity(before, true), by_identity(after, true));
    let mut paired =
        Paired { pairs: Vec::new(), without_numbers: Vec::new(), only_before: Vec::new(), only_after: Vec::new() };
    for (identity, name) in names {
        let [failed_before, failed_after] =
            [&mut failed_before, &mut failed_after].map(|failed| failed.remove(&identity).unwrap_or_default());
        match (before.remove(&identity), after.remove(&identity)) {
            (Some(before), Some(after)) => {
                paired.pairs.push(Pair { name, before, after, failed_before, failed_after });
            }
            (Some(_), None) => paired.only_before.push(name),
            (None, Some(_)) => paired.only_after.push(name),
            (None, None) if failed_before.is_empty() || failed_after.is_empty() => {}
            (None, None) => {
                let (before, after) = (Vec::new(), Vec::new());
                paired.without_numbers.push(Pair { name, before, after, failed_before, failed_after });
            }
        }
    }
    paired.pairs.sort_by_key(|pair| pair.before.first().map_or(0, |case| case.case));
    paired
}

/// Returns the values of a column in those repeats that have it.
pub fn values(cases: &[&CaseRecord], column: &str) -> Vec<f64> {
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

//! Shares of a sustainable rate: which search each refers to, and the rate it has found.
//!
//! Decision D-305.

use std::collections::HashMap;

use flowbench_measurement::doubts::search_capped;
use flowbench_measurement::record::{CaseRecord, Doubt, Status};

use crate::case_spec::CaseSpec;
use crate::rate::Rate;

/// Finds the search of each share among the cases from `first` on, and adds missing ones; returns how many were
/// added.
pub(crate) fn add_searches(cases: &mut Vec<CaseSpec>, first: usize) -> usize {
    let listed = cases.len();
    let asked = |case: &CaseSpec| serde_json::to_string(&CaseSpec { case: 0, ..case.clone() }).unwrap_or_default();
    let mut searches: HashMap<String, usize> = HashMap::new();
    for search in cases[first..].iter().filter(|case| case.rate == Rate::Search) {
        searches.entry(asked(search)).or_insert(search.case);
    }
    for at in first..listed {
        let Rate::Share { share, .. } = cases[at].rate else { continue };
        let (wanted, next) = (cases[at].searching(), cases.len() + 1);
        let search = *searches.entry(asked(&wanted)).or_insert(next);
        if search == next {
            cases.push(CaseSpec { case: search, ..wanted });
        }
        cases[at].rate = Rate::Share { share, search };
    }
    cases.len() - listed
}

/// Orders the cases of one repeat so that each search comes before the first case that is a share of its result.
pub(crate) fn searches_first(round: Vec<CaseSpec>) -> Vec<CaseSpec> {
    let place: HashMap<usize, usize> = round.iter().enumerate().map(|(at, case)| (case.case, at)).collect();
    let search_of = |case: &CaseSpec| match case.rate {
        Rate::Share { search, .. } => place.get(&search).copied(),
        _ => None,
    };
    let searches: Vec<Option<usize>> = round.iter().map(search_of).collect();
    let mut round: Vec<Option<CaseSpec>> = round.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(round.len());
    for (at, search) in searches.into_iter().enumerate() {
        for next in search.into_iter().chain([at]) {
            ordered.extend(round[next].take());
        }
    }
    ordered
}

/// Resolves the rate of a case that is a share of what a search has found, by the record of the same repeat. Each
/// repeat is thus a measurement of its own, whatever ran before it and however often it was interrupted. Fails with
/// the reason if there is no such rate.
pub(crate) fn settled(spec: &CaseSpec, records: &[CaseRecord]) -> Result<CaseSpec, String> {
    let Rate::Share { share, search } = spec.rate else { return Ok(spec.clone()) };
    let record = records.iter().find(|record| (record.case, record.repeat) == (search, spec.repeat));
    let found = record.and_then(|record| record.numbers.as_ref()?.sustainable.as_ref());
    if let Some(found) = found {
        return Ok(spec.as_long_as(share * found.rate_events_per_s).at((share * found.rate_events_per_s).round()));
    }
    let why = match record.map(|record| &record.status) {
        Some(Status::Failed { cause, .. } | Status::Invalid { cause }) => cause,
        Some(Status::Ok) => "it has recorded none",
        None => "it has not been run",
    };
    Err(format!("not run: case {search} did not find the sustainable rate that this is a share of: {why}"))
}

/// Returns the doubt about a share of the result of a search that could not try a higher rate.
pub(crate) fn share_of_capped(spec: &CaseSpec, records: &[CaseRecord]) -> Option<Doubt> {
    let Rate::Share { search, .. } = spec.rate else { return None };
    let record = records.iter().find(|record| (record.case, record.repeat) == (search, spec.repeat))?;
    let Doubt { code, text } = search_capped(record.numbers.as_ref()?.sustainable.as_ref()?)?;
    Some(Doubt { code, text: format!("The rate is a share of what case {search} found. {text}") })
}

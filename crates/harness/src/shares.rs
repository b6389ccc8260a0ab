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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case;
    use crate::protocol::failed;
    use crate::rate::tests::{plan, search};
    use crate::run::record;

    #[test]
    fn every_choice_of_which_a_share_is_asked_is_searched_once_and_before_it() {
        let shares =
            "pipeline = [\"identity\", \"sessions\"]\nworkers = [1, 2]\nrate = [\"50%\", \"closed\", \"80%\", 1000]";
        let plan = plan(shares);
        assert_eq!(plan.cases.len(), 3 * 4 * (4 + 1));
        assert_eq!(plan.added, ["part 'only': 4 searches for the sustainable rate that shares are asked of"]);
        for round in plan.cases.chunks(4 * 5) {
            for (at, case) in round.iter().enumerate() {
                let Rate::Share { share, search } = case.rate else { continue };
                let searched = round[..at].iter().find(|other| other.case == search).unwrap();
                assert_eq!((case.axes.rate_share, case.axes.load.as_str()), (Some(share), "open"));
                assert_eq!((searched.rate, searched.axes.load.as_str()), (Rate::Search, "search"));
                assert_eq!((&searched.axes.pipeline, searched.axes.workers), (&case.axes.pipeline, case.axes.workers));
            }
        }
        let order = |repeat: usize| plan.cases[repeat * 20..][..20].iter().map(|case| case.case).collect::<Vec<_>>();
        assert!(order(0) != order(1) && order(1) != order(2), "the shuffle stays");
    }

    #[test]
    fn a_search_that_is_listed_is_not_added_and_other_arrivals_are_another_choice() {
        let listed = plan("pipeline = \"identity\"\nrate = [\"search\", \"50%\"]");
        assert_eq!((listed.cases.len(), listed.added.len()), (3 * 2, 0));
        let arrivals = plan("pipeline = \"identity\"\nrate = \"50%\"\narrivals = [\"constant\", \"poisson\"]");
        let loads: Vec<&str> = arrivals.cases.iter().map(|case| case.axes.load.as_str()).collect();
        assert!(loads.contains(&"search") && loads.contains(&"search-poisson"), "{loads:?}");
        assert_eq!(arrivals.cases.len(), 3 * 4);
    }

    #[test]
    fn a_share_is_of_what_the_search_of_its_own_repeat_has_found() {
        let plan = plan("pipeline = \"identity\"\nrate = \"50%\"");
        let of = |repeat: usize, rate: fn(&Rate) -> bool| {
            plan.cases.iter().find(|case| case.repeat == repeat && rate(&case.rate)).unwrap()
        };
        let share = |repeat| of(repeat, |rate| matches!(rate, Rate::Share { .. }));
        let searched = |repeat| of(repeat, |rate| *rate == Rate::Search);
        let mut found = case::run(&search("1s"), None).unwrap();
        let numbers = found.numbers.as_mut().unwrap();
        numbers.sustainable.as_mut().unwrap().rate_events_per_s = 3_000.0;
        let records = [record(searched(2), &found), record(searched(1), &failed("deadline".to_owned(), String::new()))];
        let settled = |repeat| settled(share(repeat), &records).map(|case| case.axes);
        let axes = settled(2).unwrap();
        assert_eq!((axes.rate_events_per_s, axes.rate_share, axes.load.as_str()), (Some(1_500.0), Some(0.5), "open"));
        assert_eq!(records[0].axes.rate_events_per_s, Some(3_000.0));
        let numbers = found.numbers.as_mut().unwrap();
        let sustainable = numbers.sustainable.as_mut().unwrap();
        (sustainable.rate_events_per_s, sustainable.high_events_per_s) = (1e6, None);
        let capped = [record(searched(2), &found)];
        let doubt = share_of_capped(share(2), &capped).unwrap();
        assert_eq!(doubt.code, "search-capped");
        assert!(
            doubt
                .text
                .starts_with("The rate is a share of what case 2 found. The trace is too short to find the limit"),
            "{doubt:?}"
        );
        assert_eq!(super::settled(share(2), &capped).unwrap().trace.events, 100_000, "200 ms of half a million");
        let numbers = found.numbers.as_mut().unwrap();
        numbers.sustainable.as_mut().unwrap().high_events_per_s = Some(2e6);
        assert_eq!(share_of_capped(share(2), &[record(searched(2), &found)]), None);
        assert_eq!(share_of_capped(searched(2), &capped), None);
        let wanted = "not run: case 2 did not find the sustainable rate that this is a share of";
        assert_eq!(settled(1).unwrap_err(), format!("{wanted}: deadline"));
        assert_eq!(settled(3).unwrap_err(), format!("{wanted}: it has not been run"));
    }
}

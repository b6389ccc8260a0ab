//! Shares of a sustainable rate: which search each refers to, and the rate it has found.
//!
//! Decision D-305.

use std::collections::HashMap;

use flowbench_measurement::doubts::search_capped;
use flowbench_measurement::record::{CaseRecord, Doubt, Status};

use crate::experiment::case_spec::CaseSpec;
use crate::experiment::rate::OfferedLoad;

/// Finds the search of each share among the cases from `first` on, and adds missing ones; returns how many were
/// added.
pub(crate) fn add_searches(cases: &mut Vec<CaseSpec>, first: usize) -> usize {
    let listed = cases.len();
    let key = |case: &CaseSpec| serde_json::to_string(&CaseSpec { case: 0, ..case.clone() }).unwrap_or_default();
    let mut searches: HashMap<String, usize> = HashMap::new();
    for case in cases[first..].iter().filter(|case| matches!(case.load, OfferedLoad::Search { .. })) {
        searches.entry(key(case)).or_insert(case.case);
    }
    for at in first..listed {
        let OfferedLoad::ShareOf { share, arrivals, .. } = cases[at].load else { continue };
        let needed = CaseSpec { load: OfferedLoad::Search { arrivals }, ..cases[at].clone() };
        let next = cases.len() + 1;
        let search = *searches.entry(key(&needed)).or_insert(next);
        if search == next {
            cases.push(CaseSpec { case: search, ..needed });
        }
        cases[at].load = OfferedLoad::ShareOf { search, share, arrivals };
    }
    cases.len() - listed
}

/// Orders the cases of one repeat so that each search comes before the first case that is a share of its result.
pub(crate) fn searches_first(round: Vec<CaseSpec>) -> Vec<CaseSpec> {
    let place: HashMap<usize, usize> = round.iter().enumerate().map(|(at, case)| (case.case, at)).collect();
    let search_of = |case: &CaseSpec| match case.load {
        OfferedLoad::ShareOf { search, .. } => place.get(&search).copied(),
        OfferedLoad::Closed | OfferedLoad::Open { .. } | OfferedLoad::Search { .. } => None,
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
/// repeat is thus a measurement of its own, whatever ran before it and however often it was interrupted. Other cases
/// are returned as they are.
///
/// # Errors
///
/// Fails with the reason if the search found no rate.
pub(crate) fn resolve_share(spec: &CaseSpec, records: &[CaseRecord]) -> Result<CaseSpec, String> {
    let OfferedLoad::ShareOf { search, share, arrivals } = spec.load else { return Ok(spec.clone()) };
    let record = records.iter().find(|record| (record.case, record.repeat) == (search, spec.repeat));
    let found = record.and_then(|record| record.numbers.as_ref()?.sustainable.as_ref());
    if let Some(found) = found {
        let rate_events_per_s = share * found.rate_events_per_s;
        return Ok(spec.as_long_as(rate_events_per_s).at(rate_events_per_s.round(), arrivals, Some(share)));
    }
    let why = match record.map(|record| &record.status) {
        Some(Status::Failed { cause, .. } | Status::Invalid { cause }) => cause,
        Some(Status::Ok) => "it has recorded none",
        None => "it has not been run",
    };
    Err(format!("not run: case {search} did not find the sustainable rate that this is a share of: {why}"))
}

/// Returns the doubt about a share of the result of a search that could not try a higher rate. `spec` is the case as it
/// was planned.
pub(crate) fn share_of_capped(spec: &CaseSpec, records: &[CaseRecord]) -> Option<Doubt> {
    let OfferedLoad::ShareOf { search, .. } = spec.load else { return None };
    let record = records.iter().find(|record| (record.case, record.repeat) == (search, spec.repeat))?;
    let Doubt { code, text } = search_capped(record.numbers.as_ref()?.sustainable.as_ref()?)?;
    Some(Doubt { code, text: format!("The rate is a share of what case {search} found. {text}") })
}

#[cfg(test)]
pub(crate) mod tests {
    use flowbench_measurement::record::Sustainable;

    use super::*;
    use crate::case::child;
    use crate::experiment::rate::tests::{case_of, plan};
    use crate::run::protocol::{CaseResult, failed};
    use crate::run::session::record;
    use flowbench_pipelines::Registry;

    /// The result of a search that has found a rate, and refused `high_events_per_s`.
    pub(crate) fn search_result(rate_events_per_s: f64, high_events_per_s: Option<f64>) -> CaseResult {
        let mut result = child::run(&case_of("pipeline = \"identity\""), Registry::default(), None).unwrap();
        result.numbers.as_mut().unwrap().sustainable = Some(Sustainable {
            rate_events_per_s,
            low_events_per_s: Some(rate_events_per_s),
            high_events_per_s,
            slo_p99_ns: 1,
            probes: Vec::new(),
        });
        result
    }

    #[test]
    fn every_configuration_with_a_share_is_searched_once_and_before_it() {
        let shares =
            "pipeline = [\"identity\", \"sessions\"]\nworkers = [1, 2]\nrate = [\"50%\", \"closed\", \"80%\", 1000]";
        let plan = plan(shares);
        assert_eq!(plan.cases.len(), 3 * 4 * (4 + 1));
        assert_eq!(plan.added, ["part 'only': 4 searches for the sustainable rate that shares are asked of"]);
        for round in plan.cases.chunks(4 * 5) {
            for (at, case) in round.iter().enumerate() {
                let OfferedLoad::ShareOf { search, share, .. } = case.load else { continue };
                let searched = round[..at].iter().find(|other| other.case == search).unwrap();
                let (axes, searched) = (case.axes(None), searched.axes(None));
                assert_eq!((axes.rate_share, axes.load.as_str()), (Some(share), "open"));
                assert_eq!((searched.rate_share, searched.load.as_str()), (None, "search"));
                assert_eq!((searched.pipeline, searched.workers), (axes.pipeline, axes.workers));
            }
        }
        let order = |repeat: usize| plan.cases[repeat * 20..][..20].iter().map(|case| case.case).collect::<Vec<_>>();
        assert!(order(0) != order(1) && order(1) != order(2), "the shuffle stays");
    }

    #[test]
    fn a_listed_search_is_not_added_and_other_arrivals_need_another_search() {
        let listed = plan("pipeline = \"identity\"\nrate = [\"search\", \"50%\"]");
        assert_eq!((listed.cases.len(), listed.added.len()), (3 * 2, 0));
        let arrivals = plan("pipeline = \"identity\"\nrate = \"50%\"\narrivals = [\"constant\", \"poisson\"]");
        let loads: Vec<String> = arrivals.cases.iter().map(|case| case.load.column()).collect();
        assert!(["search", "search-poisson"].iter().all(|load| loads.iter().any(|one| one == load)), "{loads:?}");
        assert_eq!(arrivals.cases.len(), 3 * 4);
    }

    #[test]
    fn a_share_is_of_what_the_search_of_its_own_repeat_has_found() {
        let plan = plan("pipeline = \"identity\"\nrate = \"50%\"");
        let of = |repeat: usize, load: fn(&OfferedLoad) -> bool| {
            plan.cases.iter().find(|case| case.repeat == repeat && load(&case.load)).unwrap()
        };
        let share = |repeat| of(repeat, |load| matches!(load, OfferedLoad::ShareOf { .. }));
        let searched = |repeat| of(repeat, |load| matches!(load, OfferedLoad::Search { .. }));
        let found = search_result(3_000.0, Some(4_000.0));
        let records = [record(searched(2), &found), record(searched(1), &failed("deadline".to_owned(), String::new()))];
        let resolved = |repeat| resolve_share(share(repeat), &records).map(|case| case.axes(None));
        let axes = resolved(2).unwrap();
        assert_eq!((axes.rate_events_per_s, axes.rate_share, axes.load.as_str()), (Some(1_500.0), Some(0.5), "open"));
        assert_eq!(records[0].axes.rate_events_per_s, Some(3_000.0));
        let capped = [record(searched(2), &search_result(1e6, None))];
        let doubt = share_of_capped(share(2), &capped).unwrap();
        assert_eq!(doubt.code, "search-capped");
        assert!(
            doubt
                .text
                .starts_with("The rate is a share of what case 2 found. The trace is too short to find the limit"),
            "{doubt:?}"
        );
        assert_eq!(super::resolve_share(share(2), &capped).unwrap().trace.events, 100_000, "200 ms of half a million");
        assert_eq!(share_of_capped(share(2), &[record(searched(2), &search_result(1e6, Some(2e6)))]), None);
        assert_eq!(share_of_capped(searched(2), &capped), None);
        let wanted = "not run: case 2 did not find the sustainable rate that this is a share of";
        assert_eq!(resolved(1).unwrap_err(), format!("{wanted}: deadline"));
        assert_eq!(resolved(3).unwrap_err(), format!("{wanted}: it has not been run"));
    }
}

//! From a comparison to regressions: what looks worse is measured again, and what was accepted is set aside.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::comparison::{CaseFailure, Compared, Comparison, MetricChange, NotCompared};
use jiff::civil::Date;

use super::{Accepted, GateError};

/// Number of times that what looks worse is measured again.
const CONFIRMATIONS: usize = 3;
/// Number of measurements, the first included, in which it has to be worse.
const CONFIRMED: usize = 3;
/// The column of a case that has no results any more.
const CASE: &str = "case";

/// What the gate has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What fails the gate.
    pub regressions: Vec<Judged>,
    /// Regressions that were accepted, with the reason.
    pub accepted: Vec<Judged>,
    /// Entries of the accepted regressions that have expired, although they are needed.
    pub expired: Vec<Accepted>,
    /// Entries of the accepted regressions that nothing was about.
    pub unneeded: Vec<Accepted>,
    /// What looked worse at first and was not when measured again.
    pub dismissed: Vec<Judged>,
    /// Improvements too large to be believed.
    pub implausible: Vec<Judged>,
    /// Cases without results in either run, of which nothing can be said.
    pub not_judged: Vec<Judged>,
    /// Number of metrics that could not be told apart, or were not judged.
    pub inconclusive: usize,
}

/// One finding about a column of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Name of the case.
    pub case: String,
    /// Name of the column.
    pub column: String,
    /// The finding in words.
    pub finding: String,
}

/// Number of measurements in which a metric of a case was worse.
type Seen = BTreeMap<(String, &'static str), usize>;

/// Measures parts of the experiment again and compares them.
pub(super) type Again<'a> = &'a mut dyn FnMut(usize, &BTreeSet<String>) -> Result<Comparison, GateError>;

/// Judges a comparison on a day by itself. `timed` says whether times and sizes are judged.
pub(super) fn judge(comparison: &Comparison, timed: bool, accepted: &[Accepted], day: Date) -> Judgement {
    judge_by(comparison, timed, accepted, day, &Seen::new())
}

/// Judges a comparison on a day; what looks worse and is not accepted is measured `again` before it counts.
///
/// # Errors
///
/// Fails as `again` does.
pub(super) fn judge_again(
    comparison: &Comparison,
    timed: bool,
    accepted: &[Accepted],
    day: Date,
    again: Again<'_>,
) -> Result<Judgement, GateError> {
    let seen = if timed { confirmed(&suspects(comparison, accepted, day).1, again)? } else { Seen::new() };
    Ok(judge_by(comparison, timed, accepted, day, &seen))
}

/// Judges a comparison, with the number of measurements in which each suspect was worse; one that is not among `seen`
/// counts as it is.
fn judge_by(comparison: &Comparison, timed: bool, accepted: &[Accepted], day: Date, seen: &Seen) -> Judgement {
    let mut judgement = findings(comparison, timed, accepted, day, seen);
    let is_needed = |one: &Accepted| judgement.accepted.iter().any(|found| one.is_about(&found.case, &found.column));
    judgement.unneeded = accepted.iter().filter(|one| one.holds_on(day) && !is_needed(one)).cloned().collect();
    judgement
}

/// Returns what [`judge_by`] finds, apart from the accepted regressions that nothing is about.
fn findings(comparison: &Comparison, timed: bool, accepted: &[Accepted], day: Date, seen: &Seen) -> Judgement {
    let without = |failure: &CaseFailure| {
        judged(&failure.case, CASE, format!("it has results in neither run ({})", failure.cause))
    };
    let not_judged = comparison.without_numbers.iter().map(without).collect();
    let mut judgement = Judgement { not_judged, ..Judgement::default() };
    for case in &comparison.only_before {
        judgement.add(judged(case, CASE, "it had results before and has none now".to_owned()), accepted, day);
    }
    for failure in &comparison.new_failures {
        let (failed, repeats, cause) = (failure.failed, failure.repeats, &failure.cause);
        let finding = format!("{failed} of {repeats} repeats have no results, more than before ({cause})");
        judgement.add(judged(&failure.case, CASE, finding), accepted, day);
    }
    for change in &comparison.exact {
        let finding = format!("was {} and is {}", change.before, change.after.join(" or "));
        judgement.add(judged(&change.case, change.column, finding), accepted, day);
    }
    if !timed {
        judgement.inconclusive = comparison.cells.len();
        return judgement;
    }
    let (gone, without_ratio): (Vec<&NotCompared>, Vec<&NotCompared>) =
        comparison.not_compared.iter().partition(|gap| gap.is_missing_after);
    for gap in gone {
        let finding = "it had values before and has none now".to_owned();
        judgement.add(judged(&gap.case, gap.metric.column, finding), accepted, day);
    }
    judgement.inconclusive = comparison.count(MetricChange::Inconclusive) + without_ratio.len();
    let implausible = comparison.cells.iter().filter(|cell| cell.is_implausible());
    judgement.implausible = implausible.map(|cell| judged(&cell.case, cell.metric.column, ratio(cell))).collect();
    let (known, open) = suspects(comparison, accepted, day);
    for cell in known.into_iter().chain(open) {
        let finding = judged(&cell.case, cell.metric.column, ratio(cell));
        let is_dismissed = seen.get(&key(cell)).is_some_and(|times| *times < CONFIRMED);
        if is_dismissed { judgement.dismissed.push(finding) } else { judgement.add(finding, accepted, day) }
    }
    judgement
}

/// Returns what looks worse: what is accepted on this day, and the rest.
fn suspects<'a>(
    comparison: &'a Comparison,
    accepted: &[Accepted],
    day: Date,
) -> (Vec<&'a Compared>, Vec<&'a Compared>) {
    let is_accepted =
        |cell: &Compared| accepted.iter().any(|one| one.is_about(&cell.case, cell.metric.column) && one.holds_on(day));
    let worse = comparison.cells.iter().filter(|cell| cell.change == MetricChange::Worse);
    worse.partition(|cell| is_accepted(cell))
}

impl Judgement {
    /// Adds a regression, among the accepted ones if it is.
    fn add(&mut self, found: Judged, accepted: &[Accepted], day: Date) {
        let mut about = accepted.iter().filter(|one| one.is_about(&found.case, &found.column));
        match about.clone().find(|one| one.holds_on(day)) {
            Some(one) => {
                let finding =
                    format!("{}; accepted until {}: {} ({})", found.finding, one.expires, one.reason, one.commit);
                self.accepted.push(Judged { finding, ..found });
            }
            None => {
                self.expired.extend(about.next().cloned());
                self.regressions.push(found);
            }
        }
    }
}

/// Returns in how many measurements each suspect was worse, the first included. A suspect is not measured any more once it
/// is decided.
fn confirmed(suspects: &[&Compared], again: Again<'_>) -> Result<Seen, GateError> {
    let mut worse: Seen = suspects.iter().map(|cell| (key(cell), 1)).collect();
    for attempt in 1..=CONFIRMATIONS {
        let left = CONFIRMATIONS - attempt + 1;
        let is_open = |cell: &&&Compared| (CONFIRMED - left..CONFIRMED).contains(&worse[&key(cell)]);
        let open: Vec<&Compared> = suspects.iter().filter(is_open).copied().collect();
        if open.is_empty() {
            break;
        }
        let parts = open.iter().map(|cell| cell.part.clone()).collect();
        let comparison = again(attempt, &parts)?;
        for cell in open {
            let is_same = |other: &&Compared| other.case_id == cell.case_id && other.metric == cell.metric;
            let is_worse =
                comparison.cells.iter().find(is_same).is_some_and(|other| other.change == MetricChange::Worse);
            *worse.entry(key(cell)).or_default() += usize::from(is_worse);
        }
    }
    Ok(worse)
}

fn key(cell: &Compared) -> (String, &'static str) {
    (cell.case.clone(), cell.metric.column)
}

fn judged(case: &str, column: &str, finding: String) -> Judged {
    Judged { case: case.to_owned(), column: column.to_owned(), finding }
}

fn ratio(cell: &Compared) -> String {
    let (word, ratio) = (cell.change.word(), cell.ratio);
    format!("{word}: {:.2} times what it was [{:.2}–{:.2}]", ratio.estimate, ratio.low, ratio.high)
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::comparison::ExactChange;
    use flowbench_measurement::metrics::METRICS;
    use flowbench_measurement::statistics::Ratio;

    use super::*;

    fn cell(case: &str, change: MetricChange, estimate: f64) -> Compared {
        let ratio = Ratio { estimate, low: estimate, high: estimate, is_interval: true };
        Compared {
            case: case.to_owned(),
            case_id: case.to_owned(),
            part: format!("part of {case}"),
            metric: METRICS[0],
            before: 1.0,
            after: estimate,
            repeats: (10, 10),
            ratio,
            probability: 0.0,
            change,
            disturbed_by: None,
        }
    }

    fn comparison(cells: Vec<Compared>) -> Comparison {
        let none = Vec::new();
        Comparison {
            cells,
            obstacles: vec![],
            not_compared: vec![],
            new_failures: vec![],
            without_numbers: vec![],
            exact: vec![],
            exact_compared: 0,
            only_before: none.clone(),
            only_after: none,
        }
    }

    const DAY: &str = "2026-12-01";

    fn judged_with(comparison: &Comparison, accepted: &[Accepted], again: Option<Again<'_>>) -> Judgement {
        let day = DAY.parse().unwrap();
        match again {
            Some(again) => judge_again(comparison, true, accepted, day, again).unwrap(),
            None => judge(comparison, true, accepted, day),
        }
    }

    fn accepted(column: &str, expires: &str) -> Accepted {
        let text = |text: &str| text.to_owned();
        let expires = expires.parse().unwrap();
        Accepted { case: text("a"), column: text(column), commit: text("abc"), reason: text("known"), expires }
    }

    #[test]
    fn three_of_four_confirm_and_no_more_is_measured_than_needed() {
        let first = comparison(vec![
            cell("a", MetricChange::Worse, 0.7),
            cell("b", MetricChange::Worse, 0.7),
            cell("c", MetricChange::Same, 1.0),
        ]);
        let mut measured = Vec::new();
        let mut again = |attempt: usize, parts: &BTreeSet<String>| {
            measured.push((attempt, parts.len()));
            // `b` was worse the first time only.
            Ok(comparison(vec![cell("a", MetricChange::Worse, 0.7), cell("b", MetricChange::Inconclusive, 0.9)]))
        };
        let found = judged_with(&first, &[], Some(&mut again));
        let names = |found: &[Judged]| found.iter().map(|one| one.case.clone()).collect::<Vec<_>>();
        assert_eq!((names(&found.regressions), names(&found.dismissed)), (vec!["a".into()], vec!["b".into()]));
        assert_eq!(measured, [(1, 2), (2, 2)], "after three measurements both are decided");
        assert_eq!(judged_with(&first, &[], None).regressions.len(), 2);
    }

    #[test]
    fn what_is_accepted_does_not_fail_until_it_expires() {
        let worse = comparison(vec![cell("a", MetricChange::Worse, 0.7)]);
        let column = METRICS[0].column;
        let mut never = |_: usize, _: &BTreeSet<String>| panic!("what is accepted is not measured again");
        let found = judged_with(&worse, &[accepted(column, "2026-12-01")], Some(&mut never));
        assert!(
            found.regressions.is_empty()
                && found.accepted[0].finding.contains("accepted until 2026-12-01: known (abc)")
        );
        let found = judged_with(&worse, &[accepted(column, "2026-11-30")], None);
        assert_eq!((found.regressions.len(), found.expired.len()), (1, 1));
        assert_eq!(judged_with(&worse, &[accepted("latency_p50_ns", "2027-01-01")], None).regressions.len(), 1);
    }

    #[test]
    fn exact_changes_and_lost_cases_fail_whatever_the_machine() {
        let change = ExactChange { case: "a".into(), column: "late", before: "3".into(), after: vec!["4".into()] };
        let cells = vec![cell("a", MetricChange::Worse, 0.5), cell("b", MetricChange::Inconclusive, 1.0)];
        let other = Comparison { exact: vec![change], only_before: vec!["b".into()], ..comparison(cells) };
        let found = judge(&other, false, &[], DAY.parse().unwrap());
        let columns: Vec<&str> = found.regressions.iter().map(|one| one.column.as_str()).collect();
        assert_eq!((columns, found.inconclusive), (vec!["case", "late"], 2), "times are not judged");
        let found = judge(&other, true, &[accepted("late", "2027-01-01")], DAY.parse().unwrap());
        assert_eq!((found.regressions.len(), found.accepted.len(), found.inconclusive), (2, 1, 1));
    }

    #[test]
    fn a_case_that_fails_now_and_then_and_a_metric_without_values_are_regressions() {
        let failure =
            CaseFailure { case: "a".into(), failed: 1, repeats: 10, cause: "invalid: lost answers".to_owned() };
        let gap = |is_missing_after| NotCompared { case: "a".into(), metric: METRICS[0], is_missing_after };
        let found =
            Comparison { new_failures: vec![failure], not_compared: vec![gap(true), gap(false)], ..comparison(vec![]) };
        let judgement = judged_with(&found, &[], None);
        let columns: Vec<&str> = judgement.regressions.iter().map(|one| one.column.as_str()).collect();
        assert_eq!((columns, judgement.inconclusive), (vec!["case", METRICS[0].column], 1));
        assert!(judgement.regressions[0].finding.contains("1 of 10 repeats have no results"));
    }

    #[test]
    fn a_case_that_fails_in_both_runs_is_not_judged_and_told() {
        let failure = CaseFailure { case: "a".into(), failed: 3, repeats: 3, cause: "failed: deadline".to_owned() };
        let found = Comparison { without_numbers: vec![failure], ..comparison(vec![]) };
        let judgement = judged_with(&found, &[], None);
        assert!(judgement.regressions.is_empty() && !found.is_empty());
        assert_eq!(judgement.not_judged[0].finding, "it has results in neither run (failed: deadline)");
    }

    #[test]
    fn an_acceptance_that_nothing_is_about_is_told() {
        let worse = comparison(vec![cell("a", MetricChange::Worse, 0.7)]);
        let entries = [accepted(METRICS[0].column, "2027-01-01"), accepted("throughput", "2027-01-01")];
        assert_eq!(judged_with(&worse, &entries, None).unneeded, [entries[1].clone()]);
    }

    #[test]
    fn an_improvement_that_is_too_good_is_named() {
        let found = judged_with(
            &comparison(vec![cell("a", MetricChange::Better, 5.0), cell("b", MetricChange::Better, 1.3)]),
            &[],
            None,
        );
        assert_eq!((found.implausible.len(), found.regressions.len()), (1, 0));
    }
}

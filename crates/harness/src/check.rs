//! Are the answers right? Against the truth, and against what a choice must give exactly.

use std::collections::HashSet;

use flowbench_events::{Event, LateSet, Trace, WatermarkRule};
use flowbench_measurement::accuracy::{self, AnswersDigest, Difference};
use flowbench_measurement::record::Accuracy;
use flowbench_pipelines::{Answers, Choice, Pipeline, Prepared, RunEnd, oracle};

/// What a check finds.
pub(crate) struct Check {
    /// The answers against the truth: every event once, in canonical order.
    pub(crate) accuracy: Accuracy,
    /// Deliveries of events that had come before.
    pub(crate) duplicates: u64,
    /// What is wrong, if the answers are not what this choice must give.
    pub(crate) wrong: Option<String>,
}

/// Subjects and fingerprints of answers.
type Prints = Vec<(u64, u128)>;

impl Check {
    pub(crate) fn new(
        prepared: &dyn Prepared,
        pipeline: &dyn Pipeline,
        choice: &Choice,
        trace: &Trace,
        rule: WatermarkRule,
        end: &RunEnd,
    ) -> Check {
        let late = LateSet::of(&trace.events, rule);
        let occurrences = oracle::occurrences(&trace.events);
        let truth = prepared.oracle(&occurrences);
        let mut given = prints(&*end.answers);
        let against_truth = accuracy::compare_by_subject(&mut prints(&*truth), &mut given);
        let wrong = exact_events(prepared, pipeline, choice, trace, rule)
            .and_then(|delivered| {
                // Most often nothing was lost and nothing came twice: then this is the truth, and compared already.
                if delivered == occurrences {
                    return wrong_answers(&against_truth, &*truth, trace, end);
                }
                let expected = prepared.oracle(&delivered);
                let against_expected = accuracy::compare_by_subject(&mut prints(&*expected), &mut given);
                wrong_answers(&against_expected, &*expected, trace, end)
            })
            .or_else(|| wrong_late_set(choice, late, end.late));
        let mut digest = AnswersDigest::default();
        given.iter().for_each(|(_, print)| digest.insert(*print as u64));
        let accuracy = Accuracy {
            truth: against_truth.truth,
            given: against_truth.given,
            missing: against_truth.missing,
            spurious: against_truth.spurious,
            wrong: against_truth.wrong,
            retractions: end.changes.as_ref().map_or(0, flowbench_pipelines::Changes::retractions),
            corrected: end.changes.as_ref().map_or(0, flowbench_pipelines::Changes::corrected_subjects),
            late: late.count,
            dropped_as_late: end.late.count,
            digest: digest.value(),
        };
        let duplicates = (trace.events.len() - occurrences.len()) as u64;
        Check { accuracy, duplicates, wrong }
    }
}

fn prints(answers: &dyn Answers) -> Prints {
    answers.subjects().into_iter().zip(answers.fingerprints()).collect()
}

/// The events, in canonical order, from which this choice must answer exactly; `None` if its error is a result.
fn exact_events(
    prepared: &dyn Prepared,
    pipeline: &dyn Pipeline,
    choice: &Choice,
    trace: &Trace,
    rule: WatermarkRule,
) -> Option<Vec<Event>> {
    let deduplicate = prepared.counts(choice.deduplicate);
    if choice.order.drops_late() {
        return Some(oracle::delivered(&trace.events, Some(rule), deduplicate));
    }
    let in_order = || choice.workers == 1 && trace.events.is_sorted_by_key(Event::canonical_key);
    (pipeline.goes_by_arrival() || in_order()).then(|| oracle::delivered(&trace.events, None, deduplicate))
}

fn wrong_answers(found: &Difference, expected: &dyn Answers, trace: &Trace, end: &RunEnd) -> Option<String> {
    if found.is_exact() {
        return None;
    }
    let example = |answers: &dyn Answers, other: &dyn Answers| {
        let known: HashSet<u128> = other.fingerprints().into_iter().collect();
        let at = answers.fingerprints().iter().position(|print| !known.contains(print));
        at.map_or("one that is there, but not as often as due".to_owned(), |at| answers.line(at, &trace.symbols))
    };
    let given = &*end.answers;
    let mut cause = format!("the answers are wrong: {} due, {} given", found.truth, found.given);
    if found.missing + found.wrong > 0 {
        let missing = found.missing + found.wrong;
        cause.push_str(&format!("; {missing} missing, such as {}", example(expected, given)));
    }
    if found.spurious + found.wrong > 0 {
        let spurious = found.spurious + found.wrong;
        cause.push_str(&format!("; {spurious} too many, such as {}", example(given, expected)));
    }
    Some(cause)
}

/// What is wrong with what was dropped as late, if it is not what is late of the trace.
pub(crate) fn wrong_late_set(choice: &Choice, of_trace: LateSet, dropped: LateSet) -> Option<String> {
    let due = if choice.order.drops_late() { of_trace } else { LateSet::default() };
    (due != dropped).then(|| {
        format!(
            "{} events were dropped as late, but {} of the trace are{}",
            dropped.count,
            due.count,
            if due.count == dropped.count { ", other ones" } else { "" }
        )
    })
}

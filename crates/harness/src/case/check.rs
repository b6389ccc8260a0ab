//! Checks the answers: against the truth, and against what a configuration must give exactly.
//!
//! Decision D-302.

use std::collections::HashSet;

use flowbench_events::{Event, LateSet, Trace, WatermarkRule};
use flowbench_measurement::accuracy::{self, AnswersDigest, Difference};
use flowbench_measurement::record::Accuracy;
use flowbench_pipelines::{Answers, BoundPipeline, Pipeline, RunConfig, RunEnd, oracle};

/// The result of a check.
pub(crate) struct Check {
    /// The answers against the truth: every event once, in canonical order.
    pub(crate) accuracy: Accuracy,
    /// Repeated deliveries.
    pub(crate) duplicates: u64,
    /// What is wrong, if the answers are not what this configuration must give.
    pub(crate) wrong: Option<String>,
}

/// Subjects and fingerprints of answers.
type Prints = Vec<(u64, u128)>;

impl Check {
    pub(crate) fn new(
        prepared: &dyn BoundPipeline,
        pipeline: &dyn Pipeline,
        config: &RunConfig,
        trace: &Trace,
        rule: WatermarkRule,
        end: &RunEnd,
    ) -> Check {
        let late = LateSet::of(trace, rule);
        let occurrences = oracle::occurrences(&trace.events);
        let truth = prepared.oracle(&occurrences);
        let mut given = prints(&*end.answers);
        let against_truth = accuracy::compare_by_subject(&mut prints(&*truth), &mut given);
        let wrong = exact_events(prepared, pipeline, config, trace, rule)
            .and_then(|delivered| {
                // Most often nothing was lost and nothing came twice: then this is the truth, and compared already.
                if delivered == occurrences {
                    return wrong_answers(&against_truth, &*truth, trace, end);
                }
                let expected = prepared.oracle(&delivered);
                let against_expected = accuracy::compare_by_subject(&mut prints(&*expected), &mut given);
                wrong_answers(&against_expected, &*expected, trace, end)
            })
            .or_else(|| wrong_late_set(config, late, end.late));
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

/// Returns the events, in canonical order, from which this configuration must answer exactly; `None` if its error is
/// a result.
fn exact_events(
    prepared: &dyn BoundPipeline,
    pipeline: &dyn Pipeline,
    config: &RunConfig,
    trace: &Trace,
    rule: WatermarkRule,
) -> Option<Vec<Event>> {
    let deduplicate = prepared.counts(config.deduplicate);
    if !config.eviction.is_exact() {
        return None;
    }
    if config.order.drops_late() {
        return Some(oracle::delivered(trace, Some(rule), deduplicate));
    }
    let in_order = || config.workers == 1 && trace.events.is_sorted_by_key(Event::canonical_key);
    (pipeline.goes_by_arrival() || in_order()).then(|| oracle::delivered(trace, None, deduplicate))
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

/// Returns what is wrong with the events dropped as late, if they are not the late events of the trace.
pub(crate) fn wrong_late_set(config: &RunConfig, of_trace: LateSet, dropped: LateSet) -> Option<String> {
    let due = if config.order.drops_late() { of_trace } else { LateSet::default() };
    (due != dropped).then(|| {
        format!(
            "{} events were dropped as late, but {} of the trace are{}",
            dropped.count,
            due.count,
            if due.count == dropped.count { ", other ones" } else { "" }
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowbench_events::{Horizon, Id, Kind, Record, Symbols, Value};
    use flowbench_pipelines::{Feed, OrderName, Registry, RunContext, Strategy, UnpacedDriver};

    use super::*;

    /// Orders of customer 7 by event id, minute and value, as they arrive.
    fn trace(orders: &[(u64, i64, i64)]) -> Trace {
        let event = |(id, minute, units): &(u64, i64, i64)| {
            let record = Record::new(*id, Kind::OrderPlaced, minute * MINUTE_MS);
            Event::pack(Record { customer: Id(7), value: Some(Value(units * 1000)), ..record })
        };
        Trace { events: orders.iter().map(event).collect(), symbols: Symbols::default(), ..Trace::default() }
    }

    const MINUTE_MS: i64 = 60_000;

    fn config(order: OrderName) -> RunConfig {
        RunConfig { order, ..RunConfig::plain(Strategy::EXCHANGE) }
    }

    /// The check of a run that has answered what is true of the events `answered`, with a slack of a minute.
    fn check(pipeline: &str, config: &RunConfig, trace: &Trace, answered: &Trace, late: LateSet) -> Check {
        let pipeline = Registry::default().find(pipeline).unwrap();
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        let answers = prepared.oracle(&oracle::delivered(answered, None, None));
        let end = RunEnd {
            answers,
            changes: None,
            late,
            live_entries: 0,
            payload_bytes_per_entry: None,
            fault_fired: false,
            workers: Vec::new(),
        };
        Check::new(&*prepared, pipeline, config, trace, MINUTE_MS.into(), &end)
    }

    /// The check of a run that dropped nothing, for `lifetime-value`.
    fn spent(config: &RunConfig, trace: &Trace, answered: &Trace) -> Check {
        check("lifetime-value", config, trace, answered, LateSet::default())
    }

    #[test]
    fn right_answers_are_counted_and_nothing_is_wrong() {
        let orders = trace(&[(1, 0, 10), (2, 1, 20), (3, 1, 30)]);
        let found = spent(&config(OrderName::Watermark), &orders, &orders);
        assert_eq!((found.wrong, found.duplicates), (None, 0));
        let Accuracy { truth, given, missing, spurious, wrong, .. } = found.accuracy;
        assert_eq!((truth, given, missing, spurious, wrong), (3, 3, 0, 0, 0));
        let other_order = spent(&config(OrderName::Watermark), &orders, &trace(&[(3, 1, 30), (2, 1, 20), (1, 0, 10)]));
        assert_eq!(other_order.accuracy, found.accuracy);
        let other = spent(&config(OrderName::Watermark), &orders, &trace(&[(1, 0, 10), (2, 1, 20), (3, 1, 31)]));
        assert_ne!(other.accuracy.digest, found.accuracy.digest);
    }

    #[test]
    fn wrong_answers_are_counted_and_the_cause_has_an_example_of_each() {
        let orders = trace(&[(1, 0, 10), (2, 1, 20)]);
        for (answered, counts, cause) in [
            (
                trace(&[(1, 0, 10)]),
                (1, 0, 0),
                "the answers are wrong: 2 due, 1 given; 1 missing, such as 1970-01-01T00:01:00.000Z,7,2,30.000",
            ),
            (
                trace(&[(1, 0, 10), (2, 1, 20), (3, 2, 5)]),
                (0, 1, 0),
                "the answers are wrong: 2 due, 3 given; 1 too many, such as 1970-01-01T00:02:00.000Z,7,3,35.000",
            ),
            (
                trace(&[(1, 0, 10), (2, 1, 21)]),
                (0, 0, 1),
                "the answers are wrong: 2 due, 2 given; 1 missing, such as 1970-01-01T00:01:00.000Z,7,2,30.000; \
                 1 too many, such as 1970-01-01T00:01:00.000Z,7,2,31.000",
            ),
        ] {
            let Check { accuracy, wrong, .. } = spent(&config(OrderName::Watermark), &orders, &answered);
            assert_eq!((accuracy.missing, accuracy.spurious, accuracy.wrong), counts);
            assert_eq!(wrong.as_deref(), Some(cause));
        }
        let twice = trace(&[(1, 0, 10), (2, 1, 20), (2, 1, 20)]);
        let found = check("identity", &config(OrderName::Watermark), &orders, &twice, LateSet::default());
        let cause =
            "the answers are wrong: 2 due, 3 given; 1 too many, such as one that is there, but not as often as due";
        assert_eq!(found.wrong.as_deref(), Some(cause));
    }

    #[test]
    fn repeated_deliveries_count_unless_only_first_ones_are_requested() {
        let twice = trace(&[(1, 0, 10), (2, 1, 20), (1, 0, 10)]);
        let once = trace(&[(1, 0, 10), (2, 1, 20)]);
        let as_it_comes = config(OrderName::Watermark);
        let first_only = RunConfig { deduplicate: Some(Horizon::FOR_GOOD), ..as_it_comes };
        let of_first = spent(&first_only, &twice, &once);
        assert_eq!((of_first.wrong, of_first.duplicates, of_first.accuracy.truth), (None, 1, 2));
        assert!(spent(&first_only, &twice, &twice).wrong.is_some());
        let of_all = spent(&as_it_comes, &twice, &twice);
        let Accuracy { truth, given, missing, spurious, wrong, .. } = of_all.accuracy;
        assert_eq!((of_all.wrong, of_all.duplicates), (None, 1));
        assert_eq!((truth, given, missing, spurious, wrong), (2, 3, 0, 1, 1));
        assert!(spent(&as_it_comes, &twice, &once).wrong.unwrap().contains("3 due, 2 given"));
    }

    #[test]
    fn what_is_late_is_to_be_dropped_and_nothing_else() {
        let orders = trace(&[(1, 0, 10), (2, 10, 20), (3, 5, 30)]);
        let in_time = trace(&[(1, 0, 10), (2, 10, 20)]);
        let late = LateSet::of(&orders, MINUTE_MS);
        let watermark = config(OrderName::Watermark);
        let found = check("lifetime-value", &watermark, &orders, &in_time, late);
        assert_eq!((found.wrong, found.accuracy.late, found.accuracy.dropped_as_late), (None, 1, 1));
        assert_eq!(
            (found.accuracy.missing, found.accuracy.wrong),
            (1, 1),
            "against the truth, to which nothing is late"
        );
        let other = LateSet { sum: late.sum + 1, ..late };
        for (order, answered, dropped, wanted) in [
            (
                OrderName::Watermark,
                &in_time,
                LateSet::default(),
                "0 events were dropped as late, but 1 of the trace are",
            ),
            (
                OrderName::Watermark,
                &in_time,
                other,
                "1 events were dropped as late, but 1 of the trace are, other ones",
            ),
            (
                OrderName::Speculative,
                &in_time,
                LateSet::default(),
                "0 events were dropped as late, but 1 of the trace are",
            ),
            (OrderName::Arrival, &orders, late, "1 events were dropped as late, but 0 of the trace are"),
        ] {
            let found = check("lifetime-value", &config(order), &orders, answered, dropped);
            assert_eq!(found.wrong.as_deref(), Some(wanted));
        }
    }

    #[test]
    fn by_arrival_only_what_is_in_order_on_one_worker_has_to_be_right() {
        let in_order = trace(&[(1, 0, 10), (2, 5, 20)]);
        let disordered = trace(&[(2, 5, 20), (1, 0, 10)]);
        let wrong = trace(&[(1, 0, 10), (2, 5, 21)]);
        let one = config(OrderName::Arrival);
        let two = RunConfig { workers: 2, ..one };
        assert!(spent(&one, &in_order, &wrong).wrong.is_some());
        for (config, orders) in [(&two, &in_order), (&one, &disordered), (&two, &disordered)] {
            let found = spent(config, orders, &wrong);
            assert_eq!((found.wrong, found.accuracy.wrong), (None, 1), "its error is a result");
        }
        // Where only arrival matters, everything has to be right.
        for config in [&one, &two] {
            let found = check("identity", config, &disordered, &trace(&[(1, 0, 10)]), LateSet::default());
            assert!(found.wrong.unwrap().contains("2 due, 1 given"));
        }
    }

    #[test]
    fn answers_taken_back_are_counted_and_so_are_their_subjects() {
        let orders = Arc::new(trace(&[(1, 0, 10), (4, 10, 40), (2, 9, 20), (3, 9, 30)]));
        let config = config(OrderName::Speculative);
        let pipeline = Registry::default().find("lifetime-value").unwrap();
        let prepared = pipeline.prepare(&[], &orders.symbols).unwrap();
        let feed = Arc::new(Feed::new(Arc::clone(&orders), 1, MINUTE_MS, true));
        let end = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::one_at_a_time())).unwrap();
        let found = Check::new(&*prepared, pipeline, &config, &orders, MINUTE_MS.into(), &end);
        assert_eq!(found.wrong, None);
        // The answer to order 4 is corrected twice, first about two orders, then about three.
        assert_eq!((found.accuracy.retractions, found.accuracy.corrected), (2, 2));
    }
}

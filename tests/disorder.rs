//! What is dropped as late is the trace's own late set: the same for any slack, strategy and number of workers.

use std::collections::HashSet;
use std::sync::Arc;

use flowbench_events::{LateSet, Trace, parse_rfc3339_ms};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::{Choice, Feed, Strategy, Unhurried, catalogue};

use crate::command::Scratch;

const SLACKS: [(&str, i64); 4] = [("0s", 0), ("1s", 1000), ("1min", 60_000), ("1h", 3_600_000)];

#[test]
fn any_number_of_workers_drops_exactly_the_late_set_of_the_trace() {
    let trace = stormy();
    let mut counts = Vec::new();
    for (_, slack_ms) in SLACKS {
        let truth = LateSet::of(&trace.events, slack_ms);
        counts.push(truth.count);
        for records_per_epoch in [100, 4096] {
            let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
            for (strategy, workers) in
                [(Strategy::Sequential, 1), (Strategy::Exchange, 1), (Strategy::Exchange, 2), (Strategy::Exchange, 4)]
            {
                for pipeline in ["identity", "repeat-high-value"] {
                    let prepared = catalogue::find(pipeline).unwrap().prepare(&[], &trace.symbols).unwrap();
                    let choice = Choice { workers, ..Choice::plain(strategy) };
                    let end = prepared.run(&choice, &feed, &Unhurried::drivers()).unwrap();
                    assert_eq!(end.late, truth, "{pipeline}, {choice:?}, slack {slack_ms} ms");
                }
            }
        }
    }
    let shrinking = counts.windows(2).all(|pair| pair[0] > pair[1]);
    assert!(shrinking && counts[3] > 0, "this trace tells nothing: {counts:?} late");
}

#[test]
fn replay_drops_as_many_as_inspect_finds_late() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile stormy --events 30000 --seed 7 -o trace.csv");
    for (slack, _) in SLACKS {
        let facts = scratch.ok(&format!("flowbench inspect trace.csv --slack {slack} --json")).json();
        let (late, events) = (facts["late"].as_u64().unwrap(), facts["events"].as_u64().unwrap());
        for way in ["--strategy sequential", "--workers 1", "--workers 2", "--workers 4"] {
            let line = format!("flowbench replay trace.csv --pipeline identity --slack {slack} {way}");
            let ended = scratch.ok(&line);
            let words = format!("{late} events dropped as late");
            assert!(ended.stderr.contains(&words), "{line} does not say '{words}':\n{}", ended.stderr);
            assert_eq!(ended.answers().len() as u64 + late, events, "{line}");
        }
    }
}

#[test]
fn inspect_counts_what_a_plain_loop_over_the_file_counts() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile stormy --events 20000 --seed 7 -o trace.csv");
    let rows: Vec<(String, i64)> = scratch.text("trace.csv").lines().skip(1).map(id_and_event_time).collect();
    let distinct: HashSet<&String> = rows.iter().map(|(id, _)| id).collect();
    for (slack, slack_ms) in SLACKS {
        let (mut newest_ms, mut out_of_order, mut late) = (i64::MIN, 0, 0);
        for (_, event_time_ms) in &rows {
            out_of_order += u64::from(*event_time_ms < newest_ms);
            late += u64::from(*event_time_ms < newest_ms.saturating_sub(slack_ms));
            newest_ms = newest_ms.max(*event_time_ms);
        }
        let facts = scratch.ok(&format!("flowbench inspect trace.csv --slack {slack} --json")).json();
        assert_eq!((&facts["out_of_order"], &facts["late"]), (&out_of_order.into(), &late.into()), "{slack}");
        assert_eq!((&facts["events"], &facts["duplicates"]), (&20_000.into(), &(20_000 - distinct.len()).into()));
        let per_kind = facts["per_kind"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
        assert_eq!(per_kind.sum::<u64>(), 20_000);
        assert!(facts["digest"].is_string());
    }
}

#[test]
fn order_policy_arrival_drops_nothing() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile stormy --events 5000 -o trace.csv");
    let ended = scratch.ok("flowbench replay trace.csv --pipeline identity --order arrival --slack 0s");
    assert_eq!(ended.answers().len(), 5000);
    assert!(ended.stderr.contains(" 0 events dropped as late"), "{}", ended.stderr);
}

fn stormy() -> Arc<Trace> {
    let generator = Generator::new(&Profile::named("stormy").unwrap(), 7).unwrap();
    Arc::new(generator.trace(Amount::Events(50_000)))
}

/// Of a row of the interchange format.
fn id_and_event_time(row: &str) -> (String, i64) {
    let cells: Vec<&str> = row.split(',').collect();
    (cells[0].to_owned(), parse_rfc3339_ms(cells[2]).unwrap())
}

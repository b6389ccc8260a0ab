//! What is dropped as late is the trace's own late set: the same for any slack, strategy and number of workers. What is
//! taken back on the way leaves the answers that waiting would have given.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use flowbench_events::{LateSet, Trace, parse_rfc3339_ms};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::{Feed, OrderName, Registry, RunConfig, RunContext, Strategy, UnpacedDriver};

use crate::command::Scratch;

const SLACKS: [(&str, i64); 4] = [("0s", 0), ("1s", 1000), ("1min", 60_000), ("1h", 3_600_000)];

#[test]
fn any_number_of_workers_drops_exactly_the_late_set_of_the_trace() {
    let trace = stormy();
    let mut counts = Vec::new();
    for (_, slack_ms) in SLACKS {
        let truth = LateSet::of(&trace, slack_ms);
        counts.push(truth.count);
        for records_per_epoch in [100, 4096] {
            let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
            for (strategy, workers) in
                [(Strategy::SEQUENTIAL, 1), (Strategy::EXCHANGE, 1), (Strategy::EXCHANGE, 2), (Strategy::EXCHANGE, 4)]
            {
                for (pipeline, order) in [
                    ("identity", OrderName::Watermark),
                    ("repeat-high-value", OrderName::Watermark),
                    ("identity", OrderName::Speculative),
                    ("repeat-high-value", OrderName::Speculative),
                ] {
                    let prepared = Registry::default().find(pipeline).unwrap().prepare(&[], &trace.symbols).unwrap();
                    let config = RunConfig { workers, order, ..RunConfig::plain(strategy) };
                    let end = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())).unwrap();
                    assert_eq!(end.late, truth, "{pipeline}, {config:?}, slack {slack_ms} ms");
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
        for way in [
            "--strategy sequential",
            "--workers 1",
            "--workers 2",
            "--workers 4",
            "--strategy sequential --order speculative",
            "--workers 2 --order speculative",
        ] {
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

#[test]
fn what_speculative_gives_and_takes_back_leaves_the_answers_of_watermark() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{HELD_BACK} -o trace.csv"));
    for (pipeline, settings, takes_back) in CORRECTED {
        let ask = |options: &str| {
            let line = format!("flowbench replay trace.csv --pipeline {pipeline} {settings} --slack 12h --deduplicate");
            scratch.ok(&format!("{line} {options}")).stdout
        };
        let changes = ask("--order speculative --changes");
        assert_eq!(changes.contains(",-1\n"), takes_back, "{pipeline}");
        let answers = ask("--order speculative");
        assert!(answers.lines().count() > 1, "{pipeline} answers nothing");
        assert!(answers == ask("--order watermark"), "{pipeline}: speculative ends elsewhere than watermark");
        assert_eq!(left(&changes), rows(&answers), "{pipeline}");
        for way in ["--workers 2", "--workers 4", "--strategy sequential"] {
            let other = ask(&format!("--order speculative --changes {way}"));
            assert!(rows(&other) == rows(&changes), "{pipeline} {way}: other changes than with one worker");
        }
    }
}

#[test]
fn an_order_out_of_order_corrects_what_was_said_of_later_ones() {
    let scratch = out_of_order();
    let line = "flowbench replay log.csv --pipeline lifetime-value --order speculative --changes";
    let said = "event_time,customer,orders,spent,change\n\
                2026-01-05T08:00:00.000Z,ann,1,10.000,+1\n\
                2026-01-05T10:00:00.000Z,ann,2,30.000,+1\n\
                2026-01-05T09:00:00.000Z,ann,2,15.000,+1\n\
                2026-01-05T10:00:00.000Z,ann,2,30.000,-1\n\
                2026-01-05T10:00:00.000Z,ann,3,35.000,+1\n\
                2026-01-05T11:00:00.000Z,bob,1,1.000,+1\n";
    for way in ["", "--strategy sequential", "--slack 1h"] {
        let ended = scratch.ok(&format!("{line} {way}"));
        assert_eq!(ended.stdout, said, "{way}");
        assert!(ended.stderr.contains("1 answers taken back on the way"), "{}", ended.stderr);
    }
    // A minute less of slack, and the order at 9:00 is late: nothing to correct.
    let ended = scratch.ok(&format!("{line} --slack 59min"));
    let never_said = ["2026-01-05T09", "2026-01-05T10:00:00.000Z,ann,3", "-1"];
    let kept: Vec<&str> = said.lines().filter(|line| !never_said.iter().any(|part| line.contains(part))).collect();
    assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), kept);
    assert!(ended.stderr.contains(" 1 events dropped as late"), "{}", ended.stderr);
}

#[test]
fn changes_want_an_order_policy_that_takes_answers_back() {
    let scratch = out_of_order();
    for order in ["", "--order watermark", "--order arrival"] {
        let line = format!("flowbench replay log.csv --pipeline lifetime-value --changes {order}");
        assert_eq!(scratch.fails(&line, 2, &["--changes", "--order speculative"]).stdout, "");
    }
}

/// All pipelines, with settings that make them say something here; true if they have to take answers back.
const CORRECTED: [(&str, &str, bool); 14] = [
    ("identity", "", false),
    ("export-review", "", false),
    ("order-reference", "", false),
    ("beacon-band", "", false),
    ("deduplicate", "", false),
    ("repeat-high-value", "--set window=5d", true),
    ("dispatched-today", "", true),
    ("dispatch-overdue", "--set limit=24h", true),
    ("sessions", "", true),
    ("funnel", "", true),
    ("load-time-conversion", "", true),
    ("late-then-unhappy", "--set rating=5 --set limit=36h", true),
    ("trending-products", "", true),
    ("lifetime-value", "", true),
];

/// A world of few customers who buy often, where much is held back for hours and some of it comes too late.
const HELD_BACK: &str = "flowbench generate -q --profile tiny --seed 5 --events 3000 \
    --set arrivals.walks_per_day=60 --set customers.population=8 --set visits.pages_mean=2 \
    --set conversion.base_share=1 --set orders.value_median=2000 --set orders.dispatch_gap_median=30h \
    --set orders.delivery_gap_median=10min --set reviews.share=1 --set reviews.gap_median=10min \
    --set transport.disorder.share=0.3 --set transport.disorder.delay_min=3h --set transport.disorder.delay_max=1d";

/// A log whose third row happened before its second.
fn out_of_order() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "log.csv",
        "event_id,kind,event_time,customer,order,value\n\
         1,order_placed,2026-01-05T08:00:00.000Z,ann,a,10\n\
         2,order_placed,2026-01-05T10:00:00.000Z,ann,b,20\n\
         3,order_placed,2026-01-05T09:00:00.000Z,ann,c,5\n\
         4,order_placed,2026-01-05T11:00:00.000Z,bob,d,1\n",
    );
    scratch
}

/// The rows below the header, sorted.
fn rows(answers: &str) -> Vec<&str> {
    let mut rows: Vec<&str> = answers.lines().skip(1).collect();
    rows.sort_unstable();
    rows
}

/// What changes leave, sorted: each row as often as it was given and not taken back.
fn left(changes: &str) -> Vec<&str> {
    let mut times: BTreeMap<&str, i64> = BTreeMap::new();
    for (row, change) in rows(changes).iter().map(|line| line.rsplit_once(',').unwrap()) {
        *times.entry(row).or_default() += change.parse::<i64>().unwrap();
    }
    let often = |times: i64| usize::try_from(times).expect("more was taken back than given");
    times.into_iter().flat_map(|(row, times)| std::iter::repeat_n(row, often(times))).collect()
}

fn stormy() -> Arc<Trace> {
    let generator = Generator::new(&Profile::named("stormy").unwrap(), 7).unwrap();
    Arc::new(generator.trace(Amount::Events(50_000)))
}

/// Returns id and event time of a row of the interchange format.
fn id_and_event_time(row: &str) -> (String, i64) {
    let cells: Vec<&str> = row.split(',').collect();
    (cells[0].to_owned(), parse_rfc3339_ms(cells[2]).unwrap())
}

/// Cases on a stormy trace: every order policy on 1, 2 and 4 workers, with the watermark by channel beside the usual
/// one.
const AXES: &str = r#"
name = "axes"
title = "the order of things"
seed = 7
repeats = 1
deadline = "60s"
memory_cap_mib = 2048

[[part]]
name = "orders"
question = "?"
trace = { profile = "stormy", events = 20_000, set = ["arrivals.walks_per_day=4000"] }
[part.axes]
pipeline = "sessions"
order = ["arrival", "watermark", "speculative"]
workers = [1, 2, 4]
slack = "2h"
sources = ["merged", "channel"]
idle_timeout = "20min"
deduplicate = true
records_per_epoch = 500

[[part]]
name = "dose"
question = "?"
trace = { profile = "calm", events = 50_000, set = ["arrivals.run_in=2d"] }
[part.axes]
pipeline = "lifetime-value"
world = ["transport.disorder.share=0", "transport.disorder.share=0.05", "transport.disorder.share=0.2"]
slack = "6h"
"#;

#[test]
fn what_follows_from_the_trace_is_the_same_for_any_number_of_workers() {
    let scratch = Scratch::new();
    scratch.write("axes.toml", AXES);
    scratch.ok("flowbench run ./axes.toml --out results --set dose.trace.events=100");
    let cases = scratch.ndjson("results/cases.ndjson");
    let of_orders = |case: &&serde_json::Value| case["part"] == "orders";
    let mut waits = Vec::new();
    for case in cases.iter().filter(of_orders) {
        let (axes, numbers) = (&case["axes"], &case["numbers"]);
        let same = |other: &&serde_json::Value| {
            ["order", "sources"].iter().all(|axis| other["axes"][axis] == axes[axis]) && other["part"] == "orders"
        };
        for other in cases.iter().filter(same).map(|other| &other["numbers"]) {
            for fact in ["event_time_wait_ms", "disorder"] {
                assert_eq!(numbers[fact], other[fact], "{fact}, {axes}");
            }
            assert_eq!(numbers["progress"]["watermark_lag_peak_ms"], other["progress"]["watermark_lag_peak_ms"]);
            assert_eq!(numbers["accuracy"]["late"], other["accuracy"]["late"]);
            if axes["order"] != "arrival" {
                assert_eq!(numbers["accuracy"]["digest"], other["accuracy"]["digest"], "{axes}");
            }
        }
        waits.push((axes["order"].to_string(), numbers["event_time_wait_ms"]["p50_ms"].as_i64().unwrap()));
    }
    assert_eq!(waits.len(), 18);
    let wait = |order: &str| waits.iter().find(|(name, _)| name.contains(order)).unwrap().1;
    assert!(wait("watermark") >= 7_200_000 && wait("arrival") < 60_000, "{waits:?}");
    assert_eq!(wait("arrival"), wait("speculative"));
}

#[test]
fn speculative_gives_what_watermark_gives_and_says_what_it_took_back() {
    let scratch = Scratch::new();
    scratch.write("axes.toml", AXES);
    scratch.ok("flowbench run ./axes.toml --out results --set orders.workers=1 --set dose.trace.events=100");
    let cases = scratch.ndjson("results/cases.ndjson");
    let accuracy = |order: &str, sources: &str| {
        let wanted = |case: &&serde_json::Value| case["axes"]["order"] == order && case["axes"]["sources"] == sources;
        cases.iter().find(|case| case["part"] == "orders" && wanted(case)).unwrap()["numbers"]["accuracy"].clone()
    };
    for sources in ["merged", "channel"] {
        let (watermark, speculative) = (accuracy("watermark", sources), accuracy("speculative", sources));
        for count in ["truth", "given", "missing", "spurious", "wrong", "late", "dropped_as_late", "digest"] {
            assert_eq!(watermark[count], speculative[count], "{count}, {sources}");
        }
        assert!(speculative["retractions"].as_u64() >= speculative["corrected"].as_u64());
        assert!(speculative["corrected"].as_u64() > Some(0) && watermark["retractions"] == 0);
    }
    assert_ne!(accuracy("watermark", "merged")["late"], accuracy("watermark", "channel")["late"]);
    assert!(accuracy("arrival", "merged")["wrong"].as_u64() > Some(0), "disorder does no harm here");
}

#[test]
fn the_disorder_asked_for_is_the_one_there_is() {
    let scratch = Scratch::new();
    scratch.write("axes.toml", AXES);
    scratch.ok("flowbench run ./axes.toml --out results --set orders.trace.events=100 --set orders.workers=1");
    let cases = scratch.ndjson("results/cases.ndjson");
    let mut shares = Vec::new();
    for case in cases.iter().filter(|case| case["part"] == "dose") {
        let (disorder, events) = (&case["numbers"]["disorder"], case["numbers"]["events"].as_f64().unwrap());
        let asked = disorder["out_of_order_share_asked"].as_f64().unwrap();
        let share = disorder["out_of_order"].as_f64().unwrap() / events;
        assert!((share - asked).abs() < 0.005, "{asked} asked for, {share} there");
        shares.push(asked);
    }
    shares.sort_by(f64::total_cmp);
    assert_eq!(shares, [0.0, 0.05, 0.2]);
    let report = scratch.text("results/report.html");
    assert!(report.contains("requested") && report.contains("transport.disorder.share=0.2"), "not in the report");
}

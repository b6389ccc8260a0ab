//! Answers do not depend on how events travel: through pipes, files, formats, compression, in process, or on any
//! number of workers.

use std::collections::BTreeSet;
use std::sync::Arc;

use flowbench_events::{Horizon, Trace};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_harness::replay::{ReplayRequest, replay};
use flowbench_pipelines::{Deployment, Registry, RunConfig, Strategy, catalogue};

use crate::command::Scratch;

/// A world with duplicates and disorder, slow enough for whole lives of orders, of few customers who buy dearly and
/// wait long.
const WORLD: &str = "flowbench generate -q --profile stormy --seed 5 --events 20000 --set arrivals.walks_per_day=400 \
                     --set customers.population=50 --set orders.value_median=2000 \
                     --set orders.dispatch_gap_median=40h";

/// All of them.
fn pipelines() -> impl Iterator<Item = &'static str> {
    catalogue::CATALOGUE.iter().map(|pipeline| pipeline.name())
}

#[test]
fn a_piped_trace_is_answered_as_the_same_trace_in_a_file_and_in_process() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o trace.csv"));
    let trace = world();
    for pipeline in pipelines() {
        for deduplicate in [false, true] {
            let option = if deduplicate { "--deduplicate" } else { "" };
            let piped = scratch.ok(&format!("{WORLD} -o - | flowbench replay - --pipeline {pipeline} {option}"));
            let filed = scratch.ok(&format!("flowbench replay trace.csv --pipeline {pipeline} {option}")).stdout;
            let in_process = answered(pipeline, deduplicate, &trace);
            assert!(piped.answers().len() > 1, "{pipeline} answers next to nothing");
            assert!(
                piped.stdout == in_process,
                "{pipeline} {option}: {}",
                first_difference(&piped.stdout, &in_process)
            );
            assert!(filed == in_process, "{pipeline} {option}: {}", first_difference(&filed, &in_process));
        }
    }
}

#[test]
fn every_format_and_compression_gives_the_same_answers() {
    let scratch = Scratch::new();
    let piped = scratch.ok(&format!("{WORLD} | flowbench replay - --pipeline lifetime-value")).stdout;
    assert!(piped.lines().count() > 100, "{piped}");
    for file in
        ["trace.csv", "trace.jsonl", "trace.csv.gz", "trace.csv.zst", "trace.jsonl.gz", "trace.cloudevents.jsonl.zst"]
    {
        scratch.ok(&format!("{WORLD} -o {file}"));
        let from_file = scratch.ok(&format!("flowbench replay {file} --pipeline lifetime-value")).stdout;
        let from_stdin = scratch.ok(&format!("flowbench replay - --pipeline lifetime-value < {file}")).stdout;
        assert!(from_file == piped, "{file}: {}", first_difference(&from_file, &piped));
        assert!(from_stdin == piped, "{file} on standard input: {}", first_difference(&from_stdin, &piped));
    }
}

#[test]
fn a_trace_keeps_its_digest_through_every_format() {
    let scratch = Scratch::new();
    let digest = |log: &str| scratch.ok(&format!("flowbench inspect {log} --json")).json()["digest"].clone();
    for file in ["trace.csv", "trace.jsonl", "trace.csv.gz", "trace.jsonl.zst", "trace.cloudevents.jsonl"] {
        scratch.ok(&format!("{WORLD} -o {file}"));
        assert_eq!(digest(file), world().digest(), "{file}");
    }
}

#[test]
fn cloud_events_of_every_profile_keep_its_digest_and_name_its_world() {
    let scratch = Scratch::new();
    let settings = "--set transport.duplicates.share=0.05 --set products.count=9";
    for profile in Profile::NAMES {
        let generate = format!("flowbench generate -q --profile {profile} --events 3000 {settings} --seed 7");
        scratch.ok(&format!("{generate} -o {profile}.csv && {generate} --format cloudevents > {profile}.events"));
        let digest = |log: &str| scratch.ok(&format!("flowbench inspect {log} --json")).json()["digest"].clone();
        let events = format!("{profile}.events");
        assert_eq!(digest(&events), digest(&format!("{profile}.csv")), "{profile}");
        let first: serde_json::Value = serde_json::from_str(scratch.text(&events).lines().next().unwrap()).unwrap();
        let source = format!("/flowbench/{profile}/7?products.count=9&transport.duplicates.share=0.05");
        assert_eq!((&first["source"], &first["sequence"]), (&source.into(), &format!("{:020}", 1).into()));
    }
}

#[test]
fn bad_cloud_events_are_counted_and_limited_like_other_rows() {
    let scratch = Scratch::new();
    let bad = "{\"specversion\":\"0.3\"}";
    let log = format!("{{ flowbench generate -q --profile tiny --events 99 --format cloudevents; echo '{bad}'; }}");
    let replay = "flowbench replay - --pipeline identity -o answers.csv --rejects rejects.csv";
    let told = "line 100, column specversion: '0.3' is not a version";
    scratch.fails(&format!("{log} | {replay} --max-bad 0"), 1, &["1 of 100 rows are bad", told]);
    scratch.fails(&format!("{log} | {replay} --strict"), 1, &[told]);
    let ended = scratch.ok(&format!("{log} | {replay} --max-bad 1%"));
    assert!(ended.stderr.contains("100 rows: 99 events, 0 skipped, 1 rejected"), "{}", ended.stderr);
    assert!(scratch.text("rejects.csv").contains("100,specversion,'0.3' is not a version"));
}

#[test]
fn any_number_of_generating_threads_writes_the_same_bytes() {
    let scratch = Scratch::new();
    for threads in [1, 2, 4] {
        scratch.ok(&format!("{WORLD} --threads {threads} -o {threads}.csv"));
    }
    assert!(scratch.bytes("1.csv") == scratch.bytes("2.csv") && scratch.bytes("1.csv") == scratch.bytes("4.csv"));
}

#[test]
fn any_number_of_workers_and_any_strategy_writes_the_same_bytes() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o trace.csv"));
    for pipeline in pipelines() {
        let ask = |way: &str| scratch.ok(&format!("flowbench replay trace.csv --pipeline {pipeline} {way}")).stdout;
        let alone = ask("--strategy sequential");
        assert!(alone.lines().count() > 2, "{pipeline} answers next to nothing");
        for way in ["--workers 1", "--workers 2", "--workers 4", "--workers 2 --eviction never"] {
            let answers = ask(way);
            assert!(answers == alone, "{pipeline} {way}: {}", first_difference(&answers, &alone));
        }
    }
}

#[test]
fn the_default_slack_loses_nothing() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile stormy --events 30000 -o trace.csv");
    for workers in [1, 2, 4] {
        let ended = scratch.ok(&format!("flowbench replay trace.csv --pipeline identity --workers {workers}"));
        assert_eq!(ended.answers().len(), 30_000);
        assert!(ended.stderr.contains(" 0 events dropped as late"), "{}", ended.stderr);
    }
}

#[test]
fn the_origin_of_a_generated_log_lies_beside_it_and_makes_it_again() {
    let scratch = Scratch::new();
    let settings = "--set transport.mobile.offline_share=0.3 --set products.count=9";
    let ended =
        scratch.ok(&format!("flowbench generate --profile stormy --seed 5 --events 3000 {settings} -o a.csv.zst"));
    let origin = scratch.json("a.csv.zst.origin.json");
    let facts = scratch.ok("flowbench inspect a.csv.zst --json").json();
    assert_eq!((&origin["digest"], &facts["origin"]), (&facts["digest"], &origin));
    let said = format!(", digest {}", origin["digest"].as_str().unwrap());
    assert!(ended.stderr.contains(&said) && ended.stderr.contains("seed 5"), "{}", ended.stderr);

    let field = |name: &str| origin[name].as_str().map_or(origin[name].to_string(), str::to_owned);
    let again = format!(
        "flowbench generate --profile {} --seed {} --events {}",
        field("profile"),
        field("seed"),
        field("events")
    );
    let overrides = origin["overrides"].as_array().unwrap().iter();
    let overrides: String = overrides.map(|setting| format!(" --set {}", setting.as_str().unwrap())).collect();
    let streamed = scratch.ok(&format!("{again}{overrides} | tee b.csv | flowbench inspect - --json")).json();
    assert_eq!((&streamed["digest"], &streamed["origin"]), (&facts["digest"], &serde_json::Value::Null));
    assert!(!scratch.path("b.csv.origin.json").exists() && !scratch.path("-.origin.json").exists());
    assert_eq!(origin["parameters"]["transport.mobile.offline_share"], "0.3");
    assert_eq!((&origin["parameters"]["products.count"], &origin["days"]), (&"9".into(), &serde_json::Value::Null));
    let table = scratch.ok("flowbench inspect a.csv.zst").stdout;
    assert!(table.contains("\ngenerated                 profile stormy, seed 5, transport.mobile"), "{table}");
}

#[test]
fn an_origin_is_that_of_its_log_only_and_replaces_nothing_of_others() {
    let scratch = Scratch::new();
    let generate = "flowbench generate --profile tiny --events 100";
    scratch.ok(&format!("{generate} -o log.csv"));
    scratch.ok("flowbench generate --profile tiny --seed 2 --days 1 -o log.csv");
    assert_eq!(
        (&scratch.json("log.csv.origin.json")["seed"], &scratch.json("log.csv.origin.json")["days"]),
        (&2.into(), &1.into())
    );
    scratch.ok("head -n 50 log.csv > part.csv && mv part.csv log.csv");
    let ended = scratch.ok("flowbench inspect log.csv --json");
    assert!(ended.json()["origin"].is_null() && ended.stderr.contains("is of another trace"), "{}", ended.stderr);
    scratch.write("mine.csv.origin.json", "{\"origin\": \"mine\"}\n");
    scratch.fails(&format!("{generate} -o mine.csv"), 2, &["mine.csv.origin.json", "is not replaced"]);
    assert_eq!(scratch.text("mine.csv.origin.json"), "{\"origin\": \"mine\"}\n");
    assert!(!scratch.path("mine.csv").exists());
}

#[test]
fn answers_have_a_header_and_are_sorted_by_event_time_then_text() {
    let scratch = Scratch::new();
    let ended = scratch.ok(&format!("{WORLD} | flowbench replay - --pipeline export-review --workers 2"));
    assert_eq!(ended.stdout.lines().next(), Some("event_time,order,customer,value,country"));
    assert!(ended.answers().len() > 100, "{}", ended.stdout);
    // The times have a fixed width, so that text order is time order.
    assert!(ended.answers().is_sorted(), "{}", ended.stdout);
    assert!(ended.stdout.ends_with('\n'));
}

#[test]
fn deduplicate_counts_each_event_once() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o trace.csv"));
    let duplicates = scratch.ok("flowbench inspect trace.csv --json").json()["duplicates"].as_u64().unwrap() as usize;
    assert!(duplicates > 0);
    let all = scratch.ok("flowbench replay trace.csv --pipeline identity");
    let once = scratch.ok("flowbench replay trace.csv --pipeline identity --deduplicate --workers 2");
    assert_eq!((all.answers().len(), once.answers().len()), (20_000, 20_000 - duplicates));
    let distinct: BTreeSet<&str> = all.answers().into_iter().collect();
    assert_eq!(once.answers(), distinct.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_repeats_of_events_without_ids_are_not_known() {
    let scratch = Scratch::new();
    let row = "order_placed,2026-03-01T10:00:00Z\n";
    scratch.write("none.csv", format!("kind,event_time\n{row}{row}"));
    scratch.write("some.csv", format!("event_id,kind,event_time\n1,{row}1,{row},{row}"));
    let inspect = |log: &str| scratch.ok(&format!("flowbench inspect {log}")).stdout;
    let json = |log: &str| scratch.ok(&format!("flowbench inspect {log} --json")).json();
    let not_known = "\nduplicates                not known: no event has an id (event_id in a mapping)\n";
    assert!(inspect("none.csv").contains(not_known), "{}", inspect("none.csv"));
    assert!(json("none.csv")["duplicates"].is_null() && json("none.csv")["duplicates_share"].is_null());
    assert!(inspect("some.csv").contains("\nduplicates                1\n"), "{}", inspect("some.csv"));
    assert_eq!((&json("some.csv")["duplicates"], &json("some.csv")["duplicates_share"]), (&1.into(), &0.5.into()));
    let replay = |log: &str| scratch.ok(&format!("flowbench replay {log} --pipeline identity --deduplicate")).stderr;
    assert!(replay("some.csv").contains("1 repeats of an event not counted"), "{}", replay("some.csv"));
    let none = replay("none.csv");
    assert!(none.contains("no event of this log has an id") && !none.contains("repeats of an event"), "{none}");
}

#[test]
fn deduplicate_finds_nothing_to_do_behind_deduplicate() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o trace.csv"));
    let ask = |options: &str| scratch.ok(&format!("flowbench replay trace.csv --pipeline {options}")).stdout;
    let alone = ask("deduplicate");
    assert!(alone.lines().count() > 10_000, "{} lines", alone.lines().count());
    for other in ["deduplicate --deduplicate", "deduplicate --workers 2", "identity --deduplicate"] {
        let answers = ask(other);
        assert!(answers == alone, "{other}: {}", first_difference(&answers, &alone));
    }
}

#[test]
fn answers_go_to_standard_output_or_a_file_and_words_to_standard_error() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o trace.csv"));
    let shown = scratch.ok("flowbench replay trace.csv --pipeline order-reference");
    assert!(shown.stderr.contains("20000 rows: 20000 events, 0 skipped, 0 rejected"), "{}", shown.stderr);
    let filed = scratch.ok("flowbench replay trace.csv --pipeline order-reference -o answers.csv");
    assert_eq!((filed.stdout.as_str(), filed.stderr), ("", shown.stderr));
    assert_eq!(scratch.text("answers.csv"), shown.stdout);
    scratch.ok("flowbench replay trace.csv --pipeline order-reference -o answers.csv.gz");
    assert_eq!(scratch.ok("gzip -dc answers.csv.gz").stdout, shown.stdout);
}

#[test]
fn quiet_says_nothing() {
    let scratch = Scratch::new();
    for line in [
        "flowbench generate --quiet --profile tiny --events 500 -o trace.csv",
        "flowbench replay trace.csv --pipeline identity --quiet",
        "flowbench inspect trace.csv --quiet",
    ] {
        assert_eq!(scratch.ok(line).stderr, "", "{line}");
    }
}

#[test]
fn settings_change_the_question() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o trace.csv"));
    let count = |settings: &str| {
        scratch.ok(&format!("flowbench replay trace.csv --pipeline export-review {settings}")).answers().len()
    };
    let plain = count("");
    assert!(count("--set threshold=5000") < plain && plain < count("--set threshold=50"));
    assert!(count("--set threshold=50 --set home=IE --set on=order_placed") > 0);
}

#[test]
fn bad_rows_go_beside_the_answers_and_the_good_ones_are_answered() {
    let scratch = spoiled();
    let ended = scratch.ok("flowbench replay log.csv --pipeline identity -o answers.csv");
    assert_eq!(scratch.text("answers.csv").lines().count(), 1 + 2);
    assert_eq!(
        scratch.text("answers.rejects.csv").lines().map(line_and_column).collect::<Vec<_>>(),
        ["line,column", "3,event_time", "4,value", "6,"]
    );
    assert!(ended.stderr.contains("5 rows: 2 events, 0 skipped, 3 rejected"), "{}", ended.stderr);
    assert!(ended.stderr.contains("answers.rejects.csv"), "{}", ended.stderr);
}

#[test]
fn bad_rows_of_standard_input_are_kept_as_well() {
    let scratch = spoiled();
    let ended = scratch.ok("flowbench replay - --pipeline identity < log.csv");
    assert_eq!(ended.answers().len(), 2);
    assert_eq!(scratch.text("stdin.rejects.csv").lines().count(), 1 + 3);
}

#[test]
fn no_bad_row_leaves_no_file_of_rejects() {
    let scratch = Scratch::new();
    scratch
        .ok("flowbench generate --profile tiny --events 100 | flowbench replay - --pipeline identity -o answers.csv");
    assert!(!scratch.path("answers.rejects.csv").exists());
}

#[test]
fn strict_stops_at_the_first_bad_row() {
    let scratch = spoiled();
    let line = "flowbench replay log.csv --pipeline identity --strict";
    let ended = scratch.fails(line, 1, &["log.csv", "line 3", "event_time", "yesterday"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_log_is_never_replaced_by_its_own_answers() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 100 -o log.csv");
    let before = scratch.bytes("log.csv");
    scratch.sh("flowbench replay log.csv --pipeline identity -o log.csv");
    let after = scratch.bytes("log.csv");
    assert!(after == before, "of the log, {} of {} bytes are left", after.len(), before.len());
}

#[test]
fn columns_and_constants_and_patterns_of_a_mapping_become_events() {
    let scratch = Scratch::new();
    scratch.write("map.toml", MAPPING);
    scratch.write("log.csv", "when,who,what,worth,extra\n1767603600,ann,buy,12.5,score=4\n1767607200,bob,look,,\n");
    let ended = scratch.ok("flowbench replay log.csv --map map.toml --pipeline lifetime-value");
    assert_eq!(ended.stdout, "event_time,customer,orders,spent\n2026-01-05T09:00:00.000Z,ann,1,12.500\n");
    assert!(ended.stderr.contains("1 skipped ('look' 1)"), "{}", ended.stderr);
}

const MAPPING: &str = r#"
time     = { column = "when", format = "epoch_s" }
kind     = { column = "what", values = { buy = "order_placed" } }
customer = { column = "who" }
value    = { column = "worth" }
rating   = { column = "extra", pattern = "score=(\\d)" }
country  = { constant = "GB" }
"#;

/// A log of five rows, two of them good.
fn spoiled() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "log.csv",
        "event_id,kind,event_time,customer,value\n\
         1,order_placed,2026-01-05T08:00:00.000Z,ann,10\n\
         2,order_placed,yesterday,ann,10\n\
         3,order_placed,2026-01-05T09:00:00.000Z,ann,1.2345\n\
         4,order_placed,2026-01-05T10:00:00.000Z,bob,10\n\
         5,order_placed\n",
    );
    scratch
}

fn line_and_column(reject: &str) -> &str {
    let ends: Vec<usize> = reject.match_indices(',').map(|(at, _)| at).collect();
    &reject[..ends[1]]
}

/// Returns the trace that [`WORLD`] writes.
fn world() -> Arc<Trace> {
    let mut profile = Profile::named("stormy").unwrap();
    for (key, value) in [
        ("arrivals.walks_per_day", "400"),
        ("customers.population", "50"),
        ("orders.value_median", "2000"),
        ("orders.dispatch_gap_median", "40h"),
    ] {
        profile.set(key, value).unwrap();
    }
    Arc::new(Generator::new(&profile, 5).unwrap().trace(Amount::Events(20_000)))
}

/// The answers in process, as the command writes them.
fn answered(pipeline: &str, deduplicate: bool, trace: &Arc<Trace>) -> String {
    let config =
        RunConfig { deduplicate: deduplicate.then_some(Horizon::FOR_GOOD), ..RunConfig::plain(Strategy::EXCHANGE) };
    let request = ReplayRequest::new(Registry::default().find(pipeline).unwrap(), &[], config);
    let replayed = replay(&request, trace, Deployment::Threads).unwrap();
    let lines = replayed.answers.lines(&trace.symbols);
    std::iter::once(replayed.answers.header()).chain(lines).map(|line| line + "\n").collect()
}

fn first_difference(left: &str, right: &str) -> String {
    let mut pairs = left.lines().zip(right.lines()).zip(1..);
    pairs.find(|((left, right), _)| left != right).map_or_else(
        || format!("{} lines against {}", left.lines().count(), right.lines().count()),
        |((left, right), line)| format!("line {line} is '{left}' against '{right}'"),
    )
}

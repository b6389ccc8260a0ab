//! Before a run: its plan, what is picked and left out, where each value comes from, and the formats of files.

use serde_json::Value;

use crate::command::Scratch;

/// An experiment with two parts and a profile.
const EXPERIMENT: &str = "repeats = 2\n\
    [[part]]\nname = \"closed\"\ntrace = { profile = \"tiny\", events = \"2k\" }\n\
    [part.axes]\npipeline = [\"identity\", \"sessions\"]\nstrategy = [\"sequential\", \"exchange\"]\nworkers = [1, 2]\n\
    [[part]]\nname = \"open\"\ntrace = { profile = \"tiny\", events = 2000 }\nduration = \"100ms\"\n\
    [part.axes]\npipeline = \"identity\"\nrate = [10_000, \"20k\"]\n\
    [sizes.quick]\nrepeats = 1\n[sizes.paper]\ninherits = \"quick\"\n\"open.rate\" = 10_000\n";

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("mine.toml", EXPERIMENT);
    scratch
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_dry_run_prints_the_plan_and_runs_nothing() {
    let scratch = scratch();
    let ended = scratch.ok("flowbench run ./mine.toml --dry-run --out results");
    assert!(!scratch.path("results").exists());
    let text = &ended.stdout;
    assert!(text.contains("closed") && text.contains("open") && text.contains("in all"), "{text}");
    let plan = json(&scratch.ok("flowbench run ./mine.toml --dry-run --json").stdout);
    let all = |key: &str| plan["all"][key].as_f64().unwrap();
    let sum = |key: &str| plan["parts"].as_array().unwrap().iter().map(|part| part[key].as_f64().unwrap()).sum::<f64>();
    assert_eq!((all("cases"), all("processes")), (2.0 * (2.0 * 3.0 + 2.0), 16.0));
    assert_eq!((all("cases"), all("disk_bytes")), (sum("cases"), sum("disk_bytes")));
    assert!((all("seconds") - sum("seconds")).abs() <= 2.0, "each is rounded up: {plan}");
    assert_eq!(all("seconds_max"), 16.0 * 60.0);
}

#[test]
fn a_plan_that_cannot_fit_the_memory_is_refused_with_its_case_and_key() {
    let scratch = scratch();
    let large = "--set open.trace.events=1G --set memory_cap=1TiB --set open.rate=1G --set open.duration=1s";
    let words = ["part 'open', case", "GB of memory are available", "--set"];
    for command in ["--dry-run", "--out results"] {
        // Whatever the machine has, six processes with 48 GB each are too much for it.
        scratch.fails(&format!("flowbench run ./mine.toml {large} --processes 64 {command}"), 2, &words);
    }
    assert!(!scratch.path("results").exists());
}

#[test]
fn cases_are_picked_and_left_out_by_parts_and_filters() {
    let scratch = scratch();
    let cases = |more: &str| {
        let ended = scratch.ok(&format!("flowbench run ./mine.toml --dry-run --json --profile quick {more}"));
        json(&ended.stdout)["all"]["cases"].as_u64().unwrap()
    };
    assert_eq!(cases(""), 8);
    for (filter, picked) in
        [("closed", 6), ("'workers>=2'", 2), ("'pipeline=sessions & strategy!=sequential'", 2), ("'rate=10k|20000'", 2)]
    {
        assert_eq!((cases(&format!("--only {filter}")), cases(&format!("--skip {filter}"))), (picked, 8 - picked));
    }
    assert_eq!(cases("--only open --only 'workers=2' --skip 'pipeline=sessions'"), 3);
    let wrong = |more: &str, code, word| {
        scratch.fails(&format!("flowbench run ./mine.toml {more} --out results"), code, &[word]);
        assert!(!scratch.path("results").exists());
    };
    wrong("--only clsed", 2, "did you mean 'closed'?");
    wrong("--only 'wokers=2'", 2, "did you mean 'workers'?");
    wrong("--only 'pipeline=sesions'", 4, "no case has pipeline=sesions\nhint: did you mean 'sessions'?");
    wrong("--profile quik", 2, "did you mean 'quick'?");
}

#[test]
fn a_run_of_a_filter_says_what_it_lacks_is_resumed_as_it_was_and_says_what_is_next() {
    let scratch = scratch();
    let ended =
        scratch.ok("flowbench run ./mine.toml --profile quick --only 'strategy=exchange & workers=2' --out results");
    assert!(ended.stderr.contains("part 'closed': the baseline is filtered out"), "{}", ended.stderr);
    for next in ["next: flowbench reproduce results", "next: flowbench export results", "next: flowbench pack results"]
    {
        assert!(ended.stderr.contains(next), "{}", ended.stderr);
    }
    assert_eq!(scratch.ndjson("results/cases.ndjson").len(), 2);
    let parts = scratch.json("results/run.json")["parts"].as_array().unwrap().len();
    assert_eq!(parts, 1, "the part without cases is gone");
    let lines = scratch.text("results/cases.ndjson");
    scratch.write("results/cases.ndjson", format!("{}\n", lines.lines().next().unwrap()));
    scratch.ok("flowbench run --resume results");
    assert_eq!(scratch.ndjson("results/cases.ndjson").len(), 2);
    let quiet = scratch.ok("flowbench run ./mine.toml --profile quick --only open --out more --quiet");
    assert_eq!(quiet.stderr, "");
}

#[test]
fn each_value_of_an_experiment_is_shown_with_its_origin() {
    let scratch = scratch();
    let shown = |line: &str| {
        let values = json(&scratch.ok(&format!("{line} --json")).stdout);
        let of = move |key: &str| {
            let value = values["values"].as_array().unwrap().iter().find(|value| value["key"] == key);
            value.map(|value| (value["value"].to_string(), value["layer"].as_str().unwrap().to_owned()))
        };
        move |key: &str, value: &str, layer: &str| {
            assert_eq!(of(key), Some((value.to_owned(), layer.to_owned())), "{key}");
        }
    };
    let plain = shown("flowbench config show ./mine.toml --resolved");
    plain("repeats", "2", "file");
    plain("name", "\"mine\"", "default");
    plain("deadline", "\"60s\"", "default");
    plain("open.duration", "\"100ms\"", "file");
    let all = shown(
        "FLOWBENCH_RUN_SET='repeats=5; open.slack=1s' flowbench config show ./mine.toml --resolved --profile paper \
         --set open.slack=2s",
    );
    all("repeats", "5", "environment");
    all("open.rate", "10000", "profile");
    all("open.slack", "\"2s\"", "argument");
    let text = scratch.ok("flowbench config show ./mine.toml --profile paper").stdout;
    let line = |key: &str| text.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap_or_default();
    assert!(line("closed.workers").ends_with("[1, 2]                   ./mine.toml:8"), "{text}");
    assert!(line("repeats").contains("profile quick, ./mine.toml:"), "{text}");
    assert!(!text.contains("deadline"), "what nobody gave is shown with --resolved: {text}");
}

#[test]
fn the_formats_are_printed_as_json_schema() {
    let scratch = Scratch::new();
    for (of, title) in
        [("experiment", "flowbench experiment"), ("mapping", "flowbench mapping"), ("results", "flowbench results")]
    {
        let schema = json(&scratch.ok(&format!("flowbench schema {of}")).stdout);
        assert_eq!(schema["title"], title);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    scratch.write("newer.toml", format!("schema_version = 2\n{EXPERIMENT}"));
    let words = ["newer.toml:1:18", "of a newer flowbench", "update flowbench"];
    scratch.fails("flowbench run ./newer.toml --out results", 2, &words);
}

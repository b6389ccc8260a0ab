//! Pipelines in files: a path goes wherever the name of a pipeline goes, and a run keeps what it was.

use std::sync::Arc;

use flowbench_events::{Event, Trace};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{
    BoundPipeline, Eviction, Feed, Pipeline, Registry, RunConfig, RunContext, Strategy, UnpacedDriver,
};

use crate::command::{Scratch, repository};

/// The questions that ship as files, with settings that make the answers say something.
const FILES: [(&str, &[&str]); 25] = [
    ("identity", &[]),
    ("export-review", &["threshold=60"]),
    ("order-reference", &["timezone=America/New_York"]),
    ("beacon-band", &["good=1s"]),
    ("repeat-high-value", &["threshold=100", "count=2", "window=72h"]),
    ("dispatched-today", &["timezone=America/New_York"]),
    ("sessions", &["gap=6h"]),
    ("funnel", &["within=3d"]),
    ("trending-products", &["k=3", "size=6h", "slide=2h"]),
    ("lifetime-value", &[]),
    ("best-sellers", &["k=2", "timezone=Asia/Kolkata"]),
    ("bought-again", &[]),
    ("daily-revenue", &[]),
    ("delivery-time", &[]),
    ("download-without-order", &["limit=1d"]),
    ("lost-after-slow-page", &["slow=2s", "quiet=1d"]),
    ("not-dispatched", &["limit=20h"]),
    ("order-after-download", &[]),
    ("order-after-slow-page", &["slow=1s", "within=2h"]),
    ("packed-not-dispatched", &[]),
    ("product-views", &["size=6h", "slide=2h"]),
    ("sessions-with-orders", &["gap=6h"]),
    ("slow-pages", &["limit=1s"]),
    ("unhappy-after-dispatch", &["bad=4"]),
    ("unhappy-again", &["bad=4"]),
];

/// A world of few events a day, which is put in order.
const QUIET: [(&str, &str); 7] = [
    ("arrivals.walks_per_day", "8"),
    ("customers.population", "12"),
    ("products.count", "20"),
    ("orders.value_median", "400"),
    ("orders.dispatch_gap_median", "30h"),
    ("reviews.share", "0.9"),
    ("conversion.half_at", "4s"),
];

/// A world with duplicates and disorder.
const MESSY: [(&str, &str); 7] = [
    ("arrivals.walks_per_day", "300"),
    ("arrivals.run_in", "5d"),
    ("customers.population", "50"),
    ("products.count", "40"),
    ("reviews.share", "1"),
    ("orders.value_median", "2000"),
    ("transport.duplicates.share", "0.05"),
];

/// The pipeline that ships as a file.
fn shipped(name: &str) -> String {
    std::fs::read_to_string(repository(&format!("experiments/pipelines/{name}.toml"))).unwrap()
}

/// In order, nothing is late; in disorder, the slack is too short for some events.
#[test]
fn whoever_runs_a_file_gives_the_answers_of_the_pipeline_it_was_written_after() {
    let mut quiet = world("tiny", &QUIET);
    quiet.events.sort_by_key(Event::canonical_key);
    let feeds = [feed(quiet, 0), feed(world("stormy", &MESSY), 3_600_000)];
    for (name, settings) in FILES {
        let mut answers = 0;
        for feed in &feeds {
            let file = prepared(FilePipeline::parse(name, &shipped(name)).unwrap(), settings, feed.trace());
            let native = Registry::default().find(name).map(|native| prepared(native, settings, feed.trace()));
            let truth = digest(&**native.as_ref().unwrap_or(&file), RunConfig::plain(Strategy::SEQUENTIAL), feed);
            let configs: Vec<RunConfig> =
                configs().filter(|config| file.unsupported_reason(config).is_none()).collect();
            for config in &configs {
                assert_eq!(digest(&*file, *config, feed), truth, "{name} {config:?}");
            }
            assert!(configs.len() >= 20, "{name} is served by next to nothing: {} runs", configs.len());
            answers += truth.len();
        }
        assert!(answers > 0, "{name} answers nothing");
    }
}

fn world(profile: &str, settings: &[(&str, &str)]) -> Trace {
    let mut profile = Profile::named(profile).unwrap();
    settings.iter().for_each(|(key, text)| profile.set(key, text).unwrap());
    Generator::new(&profile, 5).unwrap().trace(Amount::Events(2000))
}

fn feed(trace: Trace, slack_ms: i64) -> Arc<Feed> {
    Arc::new(Feed::new(Arc::new(trace), 64, slack_ms, true))
}

fn prepared(pipeline: &dyn Pipeline, settings: &[&str], trace: &Trace) -> Box<dyn BoundPipeline> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    pipeline.prepare(&settings, &trace.symbols).unwrap()
}

/// Every strategy on one, two and four workers, if nothing is forgotten and if the watermark decides.
fn configs() -> impl Iterator<Item = RunConfig> {
    let evictions = ["never", "frontier"].map(|name| name.parse::<Eviction>().unwrap());
    let ways = Strategy::ALL.into_iter().flat_map(|strategy| [1, 2, 4].map(|workers| (strategy, workers)));
    ways.filter(|(strategy, workers)| strategy.allowed_workers(*workers).is_none()).flat_map(
        move |(strategy, workers)| {
            evictions.map(|eviction| RunConfig { workers, eviction, ..RunConfig::plain(strategy) })
        },
    )
}

/// The fingerprints of all answers, sorted.
fn digest(bound: &dyn BoundPipeline, config: RunConfig, feed: &Arc<Feed>) -> Vec<u128> {
    let end = bound.run(&RunContext::new(config, feed, UnpacedDriver::drivers()));
    let mut prints = end.unwrap_or_else(|error| panic!("{config:?}: {error}")).answers.fingerprints();
    prints.sort_unstable();
    prints
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("mine.toml", shipped("repeat-high-value"));
    scratch.ok("flowbench generate --profile tiny --events 3000 -o log.csv");
    scratch
}

#[test]
fn replay_answers_a_file_as_it_answers_the_pipeline_it_was_written_after() {
    let scratch = scratch();
    for more in ["", "--set threshold=20 --set count=2", "--strategy sequential --set window=7d --set threshold=5"] {
        let file = scratch.ok(&format!("flowbench replay log.csv --pipeline ./mine.toml {more}"));
        let built_in = scratch.ok(&format!("flowbench replay log.csv --pipeline repeat-high-value {more}"));
        assert_eq!(file.stdout, built_in.stdout, "{more}");
    }
    let digest = |pipeline: &str| {
        scratch.ok(&format!(
            "flowbench replay log.csv --pipeline {pipeline} --set threshold=5 --set count=2 --stats-json s.json -o a.csv"
        ));
        scratch.json("s.json")["answers_digest"].clone()
    };
    assert_eq!(digest("mine.toml"), digest("repeat-high-value"));
    scratch.ok("flowbench plot a.csv --pipeline ./mine.toml -o figure.svg");
    scratch.fails(
        "flowbench replay log.csv --pipeline ./mine.toml --set treshold=1",
        2,
        &["did you mean 'threshold'?"],
    );
}

#[test]
fn explain_says_of_a_file_what_it_says_of_a_name() {
    let scratch = scratch();
    let text = scratch.ok("flowbench explain ./mine.toml").stdout;
    for words in
        ["./mine.toml", "event_time,customer,order,n", "parameter   threshold = 500", "state       per customer"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("strategies  sequential, exchange"), "{text}");
}

/// A file of SQL goes where a file of TOML goes; `explain` writes one as the other.
#[test]
fn sql_is_a_second_way_to_write_the_same_file() {
    let scratch = scratch();
    let text = scratch.ok("flowbench explain ./mine.toml").stdout;
    let (_, sql) = text.split_once("as a file of SQL\n").unwrap();
    scratch.write("mine.sql", sql.trim());
    for more in ["", "--set threshold=20 --set count=2", "--strategy sequential --set window=7d --set threshold=5"] {
        let from_sql = scratch.ok(&format!("flowbench replay log.csv --pipeline mine.sql {more}"));
        let from_toml = scratch.ok(&format!("flowbench replay log.csv --pipeline ./mine.toml {more}"));
        assert_eq!(from_sql.stdout, from_toml.stdout, "{more}");
    }
    scratch.write("bad.sql", "SELECT customer\nFROM events\nLIMIT 5\n");
    scratch.fails("flowbench replay log.csv --pipeline bad.sql", 2, &["bad.sql:3:1", "LIMIT 5", "the stage top_k"]);
}

#[test]
fn what_is_wrong_in_a_file_is_shown_in_its_lines() {
    let scratch = scratch();
    scratch.write(
        "bad.toml",
        "[[stage]]\nfilter = 'valeu > 5 && kind == \"order_plced\"'\n\n[[stage]]\nemit = [\"ordr\"]\n",
    );
    let words = [
        "bad.toml:2:11",
        "'valeu > 5",
        "^^^^^",
        "did you mean 'value'?",
        "'order_placed'",
        "bad.toml:5:10",
        "3 problems",
    ];
    scratch.fails("flowbench replay log.csv --pipeline ./bad.toml", 2, &words);
    scratch.fails("flowbench explain bad.toml", 2, &words);
    scratch.fails("flowbench bench log.csv --pipeline ./bad.toml", 2, &words);
    scratch.fails("flowbench replay log.csv --pipeline ./none.toml", 2, &["none.toml", "cannot be read"]);
    let axes = "[[part]]\ntrace = { profile = \"tiny\", events = 100 }\n[part.axes]\npipeline = ";
    scratch.write("bad-experiment.toml", format!("{axes}\"./bad.toml\"\n"));
    scratch.fails("flowbench run ./bad-experiment.toml", 2, &words);
    scratch.write("no-file.toml", format!("{axes}[\"identity\", \"./none.toml\"]\n"));
    scratch.fails("flowbench run ./no-file.toml", 2, &["no-file.toml:4:25", "'./none.toml' cannot be read"]);
}

#[test]
fn an_experiment_measures_a_file_beside_the_pipeline_it_was_written_after_and_records_it() {
    let scratch = scratch();
    std::fs::create_dir(scratch.path("mine")).unwrap();
    scratch.write("mine/question.toml", shipped("repeat-high-value"));
    scratch.write(
        "mine/experiment.toml",
        "repeats = 1\n[[part]]\ntrace = { profile = \"tiny\", events = 3000 }\n[part.axes]\n\
         pipeline = [\"./question.toml\", \"repeat-high-value\"]\nsettings = [\"threshold=5\", \"count=2\"]\n\
         strategy = [\"sequential\", \"exchange\"]\nslack = \"7d\"\n",
    );
    scratch.ok("flowbench run mine/experiment.toml --out results");
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), 4);
    for case in &cases {
        assert_eq!(case["status"]["outcome"], "ok", "{case}");
        assert_eq!(case["numbers"]["accuracy"]["digest"], cases[0]["numbers"]["accuracy"]["digest"]);
    }
    assert!(cases[0]["numbers"]["accuracy"]["given"].as_u64().unwrap() > 0, "{}", cases[0]);
    assert!(scratch.text("results/run.json").contains("count_in"), "the text of the file is recorded");

    // As a crash leaves it, and the file is gone.
    let lines: Vec<String> = scratch.text("results/cases.ndjson").lines().map(str::to_owned).collect();
    scratch.write("results/cases.ndjson", format!("{}\n", lines[0]));
    std::fs::remove_file(scratch.path("mine/question.toml")).unwrap();
    scratch.ok("flowbench run --resume results");
    let resumed = scratch.ndjson("results/cases.ndjson");
    assert_eq!(resumed.len(), 4);
    assert!(resumed.iter().all(|case| case["status"]["outcome"] == "ok"));
}

#[test]
fn answers_from_elsewhere_are_judged_by_a_file() {
    let scratch = scratch();
    let settings = "--set threshold=5 --set count=2";
    scratch.ok(&format!("flowbench replay -q log.csv --pipeline repeat-high-value {settings} -o a.csv"));
    scratch.ok(&format!("flowbench judge a.csv --trace log.csv --pipeline ./mine.toml {settings}"));
    scratch.fails(
        "flowbench judge a.csv --trace log.csv --pipeline ./mine.toml --set threshold=6 --set count=2",
        3,
        &[],
    );
    scratch.ok(
        "flowbench generate --profile tiny --events 3000 --truth truth --truth-pipeline ./mine.toml,funnel -o same.csv",
    );
    scratch.ok("flowbench replay -q log.csv --pipeline mine.toml -o b.csv && cmp b.csv truth/mine.csv");
    scratch.write("funnel.toml", shipped("identity"));
    scratch.fails(
        "flowbench generate --profile tiny --truth other --truth-pipeline ./funnel.toml,funnel -o same.csv",
        2,
        &["./funnel.toml and funnel would both be written to funnel.csv"],
    );
}

//! Pipelines in files: a path goes wherever the name of a pipeline goes, and a run keeps what it was.

use crate::command::{Scratch, repository};

/// The pipeline that ships as a file.
fn shipped(name: &str) -> String {
    std::fs::read_to_string(repository(&format!("experiments/pipelines/{name}.toml"))).unwrap()
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("mine.toml", shipped("repeat-high-value"));
    scratch.ok("flowbench generate tiny --events 3000 -o log.csv");
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
    scratch.ok("flowbench plot a.csv --pipeline ./mine.toml -o a.svg");
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
    assert!(text.contains("strategy    sequential: serves"), "{text}");
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

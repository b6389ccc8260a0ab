//! Environment variables in place of options: what is typed counts more, and processes that flowbench starts are not
//! told twice.

use crate::command::Scratch;

#[test]
fn a_variable_takes_the_place_of_an_option_and_what_is_typed_counts_more() {
    let scratch = Scratch::new();
    let events = |line: &str| scratch.ok(line).stdout.lines().count() - 1;
    assert_eq!(events("FLOWBENCH_EVENTS=1k flowbench generate --profile tiny"), 1000);
    assert_eq!(events("FLOWBENCH_EVENTS=1k flowbench generate --profile tiny --events 20"), 20);
    assert_eq!(events("FLOWBENCH_EVENTS= flowbench generate --profile tiny --events 20"), 20);
    let quiet = |line: &str| scratch.ok(line).stderr.is_empty();
    let generate = "flowbench generate --profile tiny --events 20 -o log.csv";
    assert!(quiet(&format!("FLOWBENCH_QUIET=1 {generate}")));
    assert!(!quiet(&format!("FLOWBENCH_QUIET=0 {generate}")));
    assert!(!quiet(&format!("FLOWBENCH_QUIET=1 {generate} --verbose")));
    assert!(quiet(&format!("FLOWBENCH_VERBOSE=1 {generate} --quiet")));
    scratch.fails("FLOWBENCH_EVENTS=many flowbench generate", 2, &["many", "such as 500000, 500k or 2M"]);
}

#[test]
fn a_variable_of_one_command_is_not_that_of_another() {
    let scratch = Scratch::new();
    let line = "FLOWBENCH_RUN_SET=repeats=9 flowbench generate --profile tiny --events 20 -o log.csv";
    scratch.ok(line);
    let answers = "flowbench replay log.csv --pipeline export-review --set threshold=1";
    let plain = scratch.ok(answers).stdout;
    assert_eq!(scratch.ok(&format!("FLOWBENCH_GENERATE_SET=nonsense=1 {answers}")).stdout, plain);
    let by_variable = "FLOWBENCH_REPLAY_SET=threshold=1 flowbench replay log.csv --pipeline export-review";
    assert_eq!(scratch.ok(by_variable).stdout, plain);
}

#[test]
fn an_option_that_excludes_a_variable_says_so() {
    let scratch = Scratch::new();
    let line = "FLOWBENCH_RUN_OUT=mine flowbench run --resume mine";
    scratch.fails(line, 2, &["cannot be used with", "hint: options may also come", "FLOWBENCH_RUN_OUT"]);
}

#[test]
fn processes_of_a_replay_follow_the_same_variables() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 2k -o log.csv");
    let plain = scratch.ok("flowbench replay log.csv --pipeline sessions --quiet").stdout;
    let line = "FLOWBENCH_REPLAY_PIPELINE=sessions FLOWBENCH_REPLAY_PROCESSES=2 FLOWBENCH_REPLAY_WORKERS=2 FLOWBENCH_VERBOSE=1 \
                flowbench replay log.csv";
    let several = scratch.ok(line);
    assert_eq!(several.stdout, plain);
    assert!(several.stderr.contains(" started: /proc/self/exe replay log.csv --quiet"), "{}", several.stderr);
}

#[test]
fn cases_are_not_told_variables_and_the_record_of_a_run_has_them() {
    let scratch = Scratch::new();
    scratch.write("one.toml", ONE_CASE);
    scratch.ok("FLOWBENCH_RUN_OUT=mine FLOWBENCH_RUN_SET=repeats=2 FLOWBENCH_STRATEGY=nonsense flowbench run one.toml");
    let run = scratch.json("mine/run.json");
    let argv: Vec<&str> = run["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(argv, ["env", "FLOWBENCH_RUN_SET=repeats=2", "FLOWBENCH_RUN_OUT=mine", "flowbench", "run", "one.toml"]);
    assert_eq!(scratch.ndjson("mine/cases.ndjson").len(), 2);
}

#[test]
fn builds_that_a_gate_compares_are_not_told_variables() {
    let scratch = Scratch::new();
    scratch.write("one.toml", ONE_CASE);
    let line = "FLOWBENCH_MAX_TIME=0s FLOWBENCH_RUN_SET=repeats=7 FLOWBENCH_RESUME=nowhere flowbench gate --calibrate \
                --experiment ./one.toml --rounds 2 --out gate";
    let ended = scratch.sh(line);
    assert!(!ended.stderr.contains("nowhere") && ended.code == Some(0), "{}", ended.stderr);
}

const ONE_CASE: &str = r#"
name = "one"
title = "One case"
seed = 1
repeats = 1
deadline = "30s"
memory_cap_mib = 1024

[[part]]
name = "only"
question = "How fast?"
trace = { profile = "tiny", events = 2000 }

[part.axes]
pipeline = "identity"
"#;

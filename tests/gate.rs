//! `compare` and `gate`: exit codes, what is refused, and what is found.

use std::fs;

use serde_json::Value;

use crate::command::Scratch;

/// A small experiment with an exact part, and one to be left out. With six repeats a change of any of its metrics can be
/// significant, also on a busy machine, where a run takes long enough for its live bytes to be sampled.
const EXPERIMENT: &str = r#"
name = "small"
title = "small"
seed = 7
repeats = 6
deadline = "120s"
[[part]]
name = "exact"
question = "?"
trace = { profile = "stormy", events = 20000 }
[part.axes]
pipeline = ["sessions", "repeat-high-value"]
slack = "1min"
rate = "closed"
[[part]]
name = "other"
question = "?"
trace = { profile = "tiny", events = 2000 }
[part.axes]
pipeline = "identity"
rate = "closed"
"#;

/// A folder with a run of the experiment in `base`.
fn measured() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("small.toml", EXPERIMENT);
    scratch.ok("flowbench run small.toml --out base -q");
    scratch
}

/// Writes a copy of `base` whose records are changed.
fn altered(scratch: &Scratch, name: &str, run: impl Fn(&mut Value), case: impl Fn(&mut Value)) {
    let (from, to) = (scratch.path("base"), scratch.path(name));
    fs::create_dir(&to).unwrap();
    let mut record: Value = serde_json::from_str(&fs::read_to_string(from.join("run.json")).unwrap()).unwrap();
    run(&mut record);
    fs::write(to.join("run.json"), record.to_string()).unwrap();
    let lines = fs::read_to_string(from.join("cases.ndjson")).unwrap();
    let lines = lines.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        case(&mut record);
        format!("{record}\n")
    });
    fs::write(to.join("cases.ndjson"), lines.collect::<String>()).unwrap();
}

#[test]
fn metrics_and_thresholds_are_those_of_the_experiment_unless_the_command_says_otherwise() {
    let scratch = measured();
    let rate = |rate: f64| {
        move |case: &mut Value| {
            let rate = rate + case["repeat"].as_f64().unwrap();
            case["numbers"]["throughput_events_per_s"] = rate.into();
            case["doubts"] = Value::Array(Vec::new());
        }
    };
    altered(&scratch, "fast", |_| {}, rate(1e6));
    altered(&scratch, "slow", |_| {}, rate(5e5));
    let gate = |baseline: &str, more: &str| format!("flowbench gate --baseline {baseline} --results slow {more}");
    let by_rate = "--metric throughput_events_per_s";
    scratch.fails(&gate("fast", by_rate), 3, &["3 regressions"]);
    scratch.ok(&gate("fast", &format!("{by_rate} --threshold throughput_events_per_s=60%")));
    scratch.fails(&gate("fast", "--metric latency_p95_ns"), 2, &["no metric 'latency_p95_ns'"]);
    scratch.fails(&gate("fast", "--threshold latency_p99_ns"), 2, &["COLUMN=SHARE"]);

    let chosen = "[gate]\nmetrics = ['throughput_events_per_s']\nthresholds = { throughput_events_per_s = '60%' }\n";
    let experiment = EXPERIMENT.replacen("[[part]]", &format!("{chosen}[[part]]"), 1);
    let with_gate = |run: &mut Value| run["resolved_experiment"] = experiment.clone().into();
    altered(&scratch, "chosen", with_gate, rate(1e6));
    scratch.ok(&gate("chosen", ""));
    scratch.fails(&gate("chosen", "--threshold throughput_events_per_s=20%"), 3, &["3 regressions"]);
    scratch.write("wrong.toml", experiment.replace("60%", "60"));
    scratch.fails("flowbench run wrong.toml", 2, &["the threshold of throughput_events_per_s is '60'"]);
}

#[test]
fn a_time_that_the_machine_disturbed_is_left_open_against_a_run_that_was_kept() {
    let scratch = measured();
    let rate = |rate: f64, doubt: &'static str| {
        move |case: &mut Value| {
            case["numbers"]["throughput_events_per_s"] = (rate + case["repeat"].as_f64().unwrap()).into();
            case["doubts"] = serde_json::json!([{ "code": doubt, "text": "?" }]);
        }
    };
    altered(&scratch, "fast", |_| {}, rate(1e6, "dirty-tree"));
    altered(&scratch, "slow", |_| {}, rate(5e5, "dirty-tree"));
    altered(&scratch, "disturbed", |_| {}, rate(5e5, "lost-time"));
    let gate =
        |results: &str| format!("flowbench gate --baseline fast --results {results} --metric throughput_events_per_s");
    scratch.fails(&gate("slow"), 3, &["3 regressions"]);
    let disturbed = scratch.ok(&gate("disturbed"));
    assert!(disturbed.stdout.contains("3 metrics disturbed by the machine (lost-time)"), "{}", disturbed.stdout);
    let metrics = scratch.ok(&format!("{} --json", gate("disturbed"))).json()["comparison"]["metrics"].clone();
    assert_eq!(
        (metrics[0]["change"].as_str(), metrics[0]["disturbed_by"].as_str()),
        (Some("inconclusive"), Some("lost-time"))
    );
}

#[test]
fn what_fails_in_both_runs_is_not_passed() {
    let scratch = measured();
    let fail = |case: &mut Value| {
        if case["part"] == "other" {
            case["status"] = serde_json::json!({ "outcome": "failed", "cause": "deadline", "stderr_tail": "" });
            case["numbers"] = Value::Null;
        }
    };
    altered(&scratch, "failed", |_| {}, fail);
    let gate = "flowbench gate --baseline failed --results failed";
    scratch.fails(gate, 5, &["gate: 1 case without results in both runs"]);
    let only = scratch.fails(&format!("{gate} --only other"), 5, &["1 case without results"]);
    assert!(only.stdout.contains("Not judged:") && only.stdout.contains("deadline"), "{}", only.stdout);
    scratch.ok(&format!("{gate} --only exact"));
    // A run that was cut off is refused on either side.
    altered(&scratch, "cut", |run| run["planned_cases"] = 99.into(), |_| ());
    scratch.fails("flowbench gate --baseline cut --results base", 2, &["of 99 planned results"]);
    scratch.fails("flowbench gate --baseline base --results cut", 2, &["of 99 planned results"]);
}

#[test]
fn a_run_is_judged_against_one_that_was_kept() {
    let scratch = measured();
    // Twice the same run: nothing can have changed.
    let same = scratch.ok("flowbench gate --baseline base --results base");
    assert!(same.stderr.contains("gate: no regression"), "{}", same.stderr);
    // The experiment of the baseline is run again, one part of it.
    let again = scratch.ok("flowbench gate --baseline base --only exact --rounds 6 --out again");
    assert!(again.stdout.contains("exact values are equal"), "{}", again.stdout);
    let too_few = "flowbench gate --baseline base --only exact --rounds 1 --out few --metric throughput_events_per_s";
    scratch.fails(too_few, 2, &["with so few rounds no change", "use --rounds"]);
    let inconclusive = "flowbench gate --baseline base --results base --on-inconclusive fail";
    scratch.fails(inconclusive, 3, &["inconclusive"]);

    altered(&scratch, "late", |_| (), |case| case["numbers"]["accuracy"]["late"] = 1.into());
    let regression = scratch.fails("flowbench gate --baseline base --results late", 3, &["gate: ", "regressions"]);
    assert!(
        regression.stdout.contains("late: was ") && regression.stdout.contains(" and is 1"),
        "{}",
        regression.stdout
    );

    let accepted =
        "[[accepted]]\ncase = \"watermark/frontier\"\ncolumn = \"late\"\ncommit = \"abc\"\nreason = \"known\"\n";
    scratch.write("until.toml", format!("{accepted}expires = \"9999-12-31\"\n"));
    scratch.write("expired.toml", format!("{accepted}expires = \"2001-01-31\"\n"));
    scratch.write("endless.toml", accepted);
    let gate = "flowbench gate --baseline base --results late --accepted";
    assert!(scratch.ok(&format!("{gate} until.toml")).stdout.contains("Accepted regressions:"));
    let expired = scratch.fails(&format!("{gate} expired.toml"), 3, &[]);
    assert!(expired.stdout.contains("expired on 2001-01-31"), "{}", expired.stdout);
    scratch.fails(&format!("{gate} endless.toml"), 2, &["endless.toml", "missing field `expires`"]);

    // A case without results is a regression, whatever its speed.
    altered(
        &scratch,
        "lost",
        |_| (),
        |case| {
            if case["axes"]["pipeline"] == "sessions" {
                case["status"] = serde_json::json!({ "outcome": "invalid", "cause": "planted" });
                case["numbers"] = Value::Null;
            }
        },
    );
    let lost = scratch.fails("flowbench gate --baseline base --results lost", 3, &[]);
    assert!(lost.stdout.contains("it had results before and has none now"), "{}", lost.stdout);
}

#[test]
fn runs_of_different_machines_are_compared_by_force_only_and_gated_exactly() {
    let scratch = measured();
    altered(&scratch, "elsewhere", |run| run["machine"]["cpu"] = "another one".into(), |_| ());
    scratch.fails("flowbench compare base elsewhere", 2, &["machine.cpu", "'another one' after", "--force"]);
    let forced = scratch.ok("flowbench compare base elsewhere --force --all");
    let rows = forced.stdout.lines().filter(|line| line.contains(" 1.00 [") || line.contains(" 1.00 ("));
    assert!(
        rows.clone().count() > 0 && forced.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        forced.stdout
    );
    assert!(rows.clone().all(|line| line.ends_with("(forced)")), "{}", forced.stdout);
    let gated = scratch.ok("flowbench gate --baseline base --results elsewhere");
    assert!(gated.stdout.starts_with("Times and sizes are not judged"), "{}", gated.stdout);
    altered(&scratch, "other", |_| (), |case| case["part"] = "renamed".into());
    scratch.fails("flowbench compare base other", 4, &["no case in common"]);
}

#[test]
fn programs_read_what_was_found_as_json() {
    let scratch = measured();
    altered(&scratch, "late", |_| (), |case| case["numbers"]["accuracy"]["late"] = 1.into());
    let compared = scratch.ok("flowbench compare base late --json").json();
    assert_eq!((&compared["schema_version"], &compared["counts"]["worse"]), (&1.into(), &0.into()));
    assert_eq!(compared["exact_changes"][0]["column"], "late");
    let metrics = compared["metrics"].as_array().unwrap();
    assert!(
        metrics.iter().all(|metric| metric["ratio"] == 1.0 && metric["repeats_after"].as_u64() > Some(0)),
        "{compared}"
    );
    assert!(metrics.iter().any(|metric| metric["column"] == "throughput_events_per_s"), "{compared}");

    let same = scratch.ok("flowbench gate --baseline base --results base --json").json();
    assert_eq!(
        (&same["verdict"], &same["is_timed"], &same["schema_version"]),
        (&"pass".into(), &true.into(), &1.into())
    );
    let worse = scratch.fails("flowbench gate --baseline base --results late --json", 3, &["regressions"]).json();
    let regressions = worse["regressions"].as_array().unwrap();
    assert!(
        regressions.iter().all(|one| one["column"] == "late" && one["finding"].as_str().unwrap().starts_with("was "))
    );
    assert_eq!((&worse["verdict"], regressions.len()), (&"regression".into(), 3));
    assert_eq!(worse["comparison"]["exact_changes"].as_array().unwrap().len(), 3);

    let again = scratch.ok("flowbench reproduce base --only other --out again --json -q").json();
    assert_eq!((&again["is_reproduced"], &again["schema_version"]), (&true.into(), &1.into()));
    assert_eq!(
        (&again["claims"], &again["comparison"]["only_before"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
}

#[test]
fn a_workflow_of_github_gets_annotations_and_a_terminal_does_not() {
    let scratch = measured();
    altered(&scratch, "late", |_| (), |case| case["numbers"]["accuracy"]["late"] = 1.into());
    let gate = "flowbench gate --baseline base --results late";
    let commands = |line: &str, code: i32| {
        let stderr = scratch.fails(line, code, &[]).stderr;
        stderr.lines().filter(|line| line.starts_with("::")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(commands(gate, 3), [""; 0]);
    let errors = commands(&format!("GITHUB_ACTIONS=true {gate}"), 3);
    assert_eq!(errors.len(), 3);
    for error in errors {
        assert!(error.starts_with("::error title=flowbench gate%3A regression::") && error.contains(", late: was "));
    }
    let warnings = commands("GITHUB_ACTIONS=true flowbench compare base late", 0);
    assert!(warnings.len() == 3 && warnings[0].starts_with("::warning title=flowbench compare%3A another value::"));
    scratch
        .write("loop.toml", EXPERIMENT.replace("rate = \"closed\"", "rate = \"closed\"\nfault = \"wrong-answer@100\""));
    let run = "flowbench run loop.toml --only other --set repeats=1 --out loop";
    let errors = commands(&format!("GITHUB_ACTIONS=true {run}"), 5);
    assert!(errors.len() == 1 && errors[0].contains("case without numbers::other/identity/"), "{errors:?}");
    assert!(errors[0].contains("repeat 1: invalid: "), "{errors:?}");
}

#[test]
fn one_file_stands_for_a_run_until_it_is_changed() {
    let scratch = measured();
    scratch.ok("flowbench export base --to baseline -o kept.json");
    assert_eq!(scratch.text("kept.json").lines().count(), 2 + 18);
    let of_folder = scratch.ok("flowbench compare base base --json").stdout;
    assert_eq!(scratch.ok("flowbench compare kept.json base --json").stdout, of_folder);
    let gated = scratch.ok("flowbench gate --baseline kept.json --results base --json").json();
    assert_eq!(gated["verdict"], "pass");
    // What was kept is run again, wherever the file is.
    scratch.ok("mkdir ci && mv kept.json ci/");
    let again = scratch.ok("flowbench gate --baseline ci/kept.json --only exact --rounds 5 --out again");
    assert!(again.stdout.contains("exact values are equal"), "{}", again.stdout);

    scratch.ok("sed -i 's/\"late\":[0-9]*/\"late\":7/' ci/kept.json");
    for line in ["compare ci/kept.json base", "gate --baseline ci/kept.json --results base"] {
        scratch.fails(&format!("flowbench {line}"), 1, &["ci/kept.json", "was changed or cut off"]);
    }
    scratch.fails("flowbench compare small.toml base", 1, &["small.toml: is no baseline", "--to baseline"]);
    scratch.ok("flowbench export base --to baseline -o kept.json");
    scratch.fails("flowbench compare kept.json base --html page.html", 1, &["there is no folder kept.json"]);
}

#[test]
fn both_runs_are_drawn_on_one_page_that_replaces_no_results() {
    let scratch = measured();
    let slower = |case: &mut Value| {
        let rate = case["numbers"]["throughput_events_per_s"].as_f64().unwrap();
        case["numbers"]["throughput_events_per_s"] = (rate / 2.0).into();
    };
    altered(&scratch, "slower", |_| (), slower);
    let compared = scratch.ok("flowbench compare base slower --all --html page.html");
    scratch.ok("flowbench compare base slower --html again.html && cmp page.html again.html");
    let page = scratch.text("page.html");
    let cases: Vec<&str> = compared.stdout.lines().filter(|line| line.contains("/watermark/frontier/")).collect();
    assert!(cases.len() == 3 && cases.iter().all(|case| page.contains(&format!("<td>{case}</td>"))), "{cases:?}");
    assert!(page.contains("before</text>") && page.contains("practical threshold</text>") && page.contains("0.50 ["));
    assert!(!page.contains("src=") && !page.contains("href=\"http"));
    for name in ["base/report.html", "slower/cases.csv"] {
        scratch.ok(&format!("test -e {name} || touch {name}"));
        let line = format!("flowbench compare base slower --html {name}");
        scratch.fails(&line, 2, &["would replace the results of a run"]);
    }
}

#[test]
fn what_the_gate_cannot_do_is_refused() {
    let scratch = Scratch::new();
    scratch.fails("flowbench gate", 2, &["--baseline", "--against", "--calibrate"]);
    scratch.fails("flowbench gate --baseline nowhere", 1, &["there is no folder nowhere"]);
    scratch.fails("flowbench gate --against flowbench", 2, &["is this very program", "--calibrate"]);
    scratch.fails("flowbench gate --against 'false' --rounds 1 --out x", 1, &["before could not run the experiment"]);
    scratch.fails("flowbench gate --calibrate --out x --rounds 1", 2, &["x is not empty"]);
    scratch.fails("flowbench gate --calibrate --experiment cii --out y", 2, &["did you mean 'ci'"]);
}

/// The parts of `ci` that are timed, with a fault that takes a fifth more time or memory. One that is started by
/// `before.sh` is without it.
const PLANTED: &str = r#"
name = "planted"
title = "planted"
seed = 42
deadline = "60s"
[[part]]
name = "throughput"
question = "?"
trace = { profile = "calm", events = 2_000_000, set = ["arrivals.run_in=14d"] }
[part.axes]
pipeline = ["repeat-high-value", "sessions"]
strategy = ["exchange"]
rate = "closed"
fault = ["FAULT"]
"#;

/// Runs the experiment without its fault, and calls it what it is called with it.
const BEFORE: &str = r#"#!/bin/sh
sed '/^fault/d' "$2" > "$4.toml"
flowbench run "$4.toml" --out "$4" --quiet
code=$?
sed -i 's/"fault":null/"fault":"FAULT"/' "$4/cases.ndjson"
exit $code
"#;

/// Runs the gate on a planted fault, and returns what it prints.
fn gated_with(fault: &str) -> String {
    let scratch = Scratch::new();
    scratch.write("planted.toml", PLANTED.replace("FAULT", fault));
    scratch.write("before.sh", BEFORE.replace("FAULT", fault));
    let gate = "flowbench gate --against './before.sh' --experiment planted.toml --rounds 10 --all --out out -q";
    let ended = scratch.sh(&format!("chmod +x before.sh && {gate}"));
    println!("{fault}\n{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(3), "{fault}\n{}{}", ended.stdout, ended.stderr);
    ended.stdout
}

#[test]
#[ignore = "it measures for five minutes: run it on a quiet machine, in a release build"]
fn a_fifth_more_time_or_memory_is_found() {
    assert!(gated_with("slower:20%@0").contains("throughput_events_per_s: worse"));
    // A fifth of what `sessions` holds at its peak.
    assert!(gated_with("hoard:512KiB@0").contains("live_bytes_peak: worse"));
}

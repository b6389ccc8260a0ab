//! `run` and `report`: what a run leaves, that it can be drawn again, interrupted and resumed, and how it ends.

use std::collections::BTreeMap;
use std::fs;

use crate::command::Scratch;

#[test]
fn a_run_leaves_its_records_its_figures_and_a_report() {
    let scratch = small();
    let ended = scratch.ok("flowbench run ./small.toml --out results");
    assert!(
        ended.stderr.contains("4 cases, about ") && ended.stderr.contains(", results in results"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("[4/4]") && ended.stderr.contains("results/report.html"), "{}", ended.stderr);
    assert!(ended.stdout.contains("How long does an event take?"), "{}", ended.stdout);
    for name in ["run.json", "cases.csv", "cases.ndjson", "latency.hlog", "timeline.csv", "report.html"] {
        assert!(!scratch.bytes(&format!("results/{name}")).is_empty(), "{name}");
    }
    for figure in ["latency-by-rate", "memory-over-time", "tail"] {
        assert!(scratch.text(&format!("results/{figure}.svg")).contains("</svg>"), "{figure}");
        assert!(scratch.text(&format!("results/{figure}.csv")).lines().count() > 1, "{figure}");
    }
}

#[test]
fn the_records_of_a_run_agree_with_each_other() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let run = scratch.json("results/run.json");
    assert_eq!((&run["experiment"], &run["seed"], &run["planned_cases"]), (&"small".into(), &7.into(), &4.into()));
    assert_eq!(run["interrupted"], false);
    assert!(run["resolved_experiment"].as_str().unwrap().contains("[[part]]"));
    assert_eq!(run["build"]["timely"], "0.32.0");
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), 4);
    let digests: Vec<_> = run["traces"].as_array().unwrap().iter().map(|trace| &trace["digest"]).collect();
    assert!(cases.iter().all(|case| digests.contains(&&case["numbers"]["trace_digest"])), "{digests:?}");
    let table = scratch.text("results/cases.csv");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    for (row, case) in rows[1..].iter().zip(&cases) {
        assert_eq!(row[column("pipeline")], case["axes"]["pipeline"]);
        assert_eq!(row[column("outcome")], "ok");
        let recorded: u64 = row[column("latency_count")].parse().unwrap();
        let events = case["numbers"]["events"].as_u64().unwrap();
        let is_warm = case["numbers"]["warmup_ns"] == 0;
        assert!(if is_warm { recorded == events } else { (events / 2..events).contains(&recorded) }, "{recorded}");
        assert_eq!(row[column("dropped_as_late")], row[column("late")]);
    }
    assert_eq!(rows.len(), 1 + cases.len());
}

#[test]
fn what_is_held_is_told_over_time_by_arrangement_and_in_all() {
    let scratch = Scratch::new();
    let part = "[[part]]\nname = \"held\"\nquestion = \"?\"\ntrace = { profile = \"tiny\", events = 4000 }\n[part.axes]\n\
                pipeline = \"sessions\"\nstrategy = [\"exchange\", \"differential\"]\n";
    let text = format!("name = \"held\"\ntitle = \"x\"\nseed = 3\nrepeats = 1\ndeadline = \"60s\"\n{part}");
    scratch.write("held.toml", &text);
    scratch.ok("flowbench run ./held.toml --out results");
    let cases = scratch.ndjson("results/cases.ndjson");
    for case in &cases {
        let memory = &case["numbers"]["memory"];
        assert!(memory["allocated_bytes"].as_u64() > Some(0), "{memory}");
        let is_arranged = case["axes"]["strategy"] == "differential";
        assert_eq!(memory["batches_peak"].as_u64().is_some(), is_arranged, "{memory}");
    }
    let (rows, states) = (scratch.text("results/timeline.csv"), scratch.text("results/state.csv"));
    let rows: Vec<Vec<&str>> = rows.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap();
    let counts = |name: &str| rows[1..].iter().map(|row| row[column(name)].parse::<u64>().unwrap()).collect::<Vec<_>>();
    assert!(counts("pss_bytes").iter().all(|bytes| *bytes > 0) && counts("forgotten").iter().any(|count| *count > 0));
    // Records of arrangements are those that the operator of the answers holds, told by name.
    for name in ["arrangement known", "arrangement segments"] {
        assert!(states.contains(&format!(",{name},")), "{name}: {states}");
    }
    let operators = states.lines().filter(|line| line.contains(",answers,"));
    assert!(operators.clone().count() > 0 && operators.clone().all(|line| line.ends_with(',')), "{states}");
}

#[test]
fn the_histogram_log_has_version_line_legend_and_a_line_for_each_case() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let log = scratch.text("results/latency.hlog");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("#[Histogram log format version 1.3")), "{}", lines[0]);
    assert!(
        lines.contains(&"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"")
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("Tag=") && line.contains(".latency,")).count(), 4);
}

#[test]
fn the_report_is_one_file_that_needs_no_network_and_shows_question_reading_and_machine() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let report = scratch.text("results/report.html");
    let machine = scratch.json("results/run.json")["machine"]["line"].as_str().unwrap().replace("(R)", "");
    let first_words = machine.split(' ').take(3).collect::<Vec<_>>().join(" ");
    for word in ["Does latency grow with the rate?", "Up is slower.", "<svg", "viewport", &first_words] {
        assert!(report.contains(word), "the report says nothing of '{word}'");
    }
    assert!(report.contains("prefers-color-scheme"), "the report knows no dark");
    for fetched in ["<script src", "<link rel=\"stylesheet\"", "<img", "@import", "url(http"] {
        assert!(!report.contains(fetched), "the report fetches something: {fetched}");
    }
}

#[test]
fn report_draws_everything_again_byte_for_byte() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let before = files(&scratch, "results");
    let drawn = |name: &String| name.ends_with(".svg") || name.ends_with(".html") || name.contains("-by-rate");
    before.keys().filter(|name| drawn(name)).for_each(|name| fs::remove_file(scratch.path(name)).unwrap());
    let ended = scratch.ok("flowbench report results");
    assert!(ended.stderr.contains("4 figures"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let after = files(&scratch, "results");
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    before.iter().for_each(|(name, bytes)| assert!(after[name] == *bytes, "{name} has changed"));
}

#[test]
fn set_changes_the_experiment_and_the_resolved_one_says_so() {
    let scratch = small();
    scratch.ok(
        "flowbench run ./small.toml --out results --set seed=9 --set speed.rate=15000 --set speed.pipeline=identity \
         --set speed.trace.events=500",
    );
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0]["axes"]["rate_events_per_s"], 15_000.0);
    assert_eq!(cases[0]["numbers"]["events"], 500);
    let run = scratch.json("results/run.json");
    assert_eq!(run["seed"], 9);
    let resolved = run["resolved_experiment"].as_str().unwrap();
    scratch.write("resolved.toml", resolved);
    scratch.ok("flowbench run ./resolved.toml --out again");
    assert_eq!(scratch.ndjson("again/cases.ndjson")[0]["axes"], cases[0]["axes"]);
}

#[test]
fn the_same_seed_makes_the_same_traces_answers_and_order_of_cases() {
    let scratch = small();
    let fixed = |dir: &str| {
        scratch.ok(&format!("flowbench run ./small.toml --out {dir}"));
        let cases = scratch.ndjson(&format!("{dir}/cases.ndjson"));
        cases.iter().map(|case| (case["case"].clone(), case["numbers"]["accuracy"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(fixed("one"), fixed("two"));
}

#[test]
fn every_seed_is_a_case_in_a_world_of_its_own() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results --set speed.rate=15000 --set speed.pipeline=identity \
         --set 'speed.seed=[8, 9]' --set repeats=2");
    let cases = scratch.ndjson("results/cases.ndjson");
    let mut worlds: Vec<_> = cases
        .iter()
        .map(|case| (case["axes"]["seed"].as_u64().unwrap(), case["numbers"]["trace_digest"].as_str().unwrap()))
        .collect();
    worlds.sort_unstable();
    assert_eq!(worlds.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [8, 8, 9, 9]);
    assert!(worlds[0] == worlds[1] && worlds[2] == worlds[3] && worlds[0].1 != worlds[2].1, "{worlds:?}");
    let run = scratch.json("results/run.json");
    assert_eq!((&run["seed"], run["traces"].as_array().unwrap().len()), (&7.into(), 2), "the order keeps its seed");
}

#[test]
fn results_go_under_the_current_folder_unless_told_otherwise() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --set speed.pipeline=identity --set speed.rate=20000");
    let runs: Vec<_> = scratch.path("results/small").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1);
    assert!(runs[0].join("report.html").exists());
}

#[test]
fn json_is_all_that_stands_on_standard_output() {
    let scratch = small();
    let outcome = scratch.ok("flowbench run ./small.toml --out results --json").json();
    assert_eq!((&outcome["dir"], &outcome["incomplete"]), (&"results".into(), &0.into()));
    assert_eq!(outcome["interrupted"], false);
    assert_eq!(outcome["cases"].as_array().unwrap(), &scratch.ndjson("results/cases.ndjson"));
    let ended = scratch.sh("flowbench run ./small.toml --out bad --set speed.fault=panic@0 --json --quiet");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(5), ""));
    assert_eq!(ended.json()["incomplete"], 4);
}

#[test]
fn resume_runs_only_the_cases_that_are_missing() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let lines: Vec<String> = scratch.text("results/cases.ndjson").lines().map(str::to_owned).collect();
    // As a crash leaves it: two cases gone, the second in the middle of its line.
    scratch.write("results/cases.ndjson", format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..50]));
    let ended = scratch.ok("flowbench run --resume results");
    let begun = |number: usize| ended.stderr.contains(&format!("[{number}/4]"));
    assert!(!begun(1) && !begun(2) && begun(3) && begun(4), "{}", ended.stderr);
    let cases = scratch.text("results/cases.ndjson");
    assert_eq!(cases.lines().take(2).collect::<Vec<_>>(), lines[..2]);
    assert_eq!(identities(&scratch, "results"), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(scratch.text("results/cases.csv").lines().count(), 1 + 4);
    let log = scratch.text("results/latency.hlog");
    assert_eq!(log.lines().filter(|line| line.contains(".latency,")).count(), 4, "of a case, there is one histogram");
}

#[test]
fn resume_of_a_complete_run_measures_nothing() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let before = scratch.text("results/cases.ndjson");
    scratch.ok("flowbench run --resume results");
    assert_eq!(scratch.text("results/cases.ndjson"), before);
    scratch.fails("flowbench run --resume nowhere", 1, &["nowhere"]);
    scratch.fails("flowbench run --resume results --set seed=3", 2, &["--resume", "--set"]);
}

#[test]
fn a_run_of_another_build_is_resumed_only_if_asked_and_says_so() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let lines: Vec<String> = scratch.text("results/cases.ndjson").lines().map(str::to_owned).collect();
    scratch.write("results/cases.ndjson", lines[..3].join("\n") + "\n");
    let mut run = scratch.json("results/run.json");
    run["build"]["commit"] = "0000000".into();
    scratch.write("results/run.json", run.to_string());
    scratch.fails("flowbench run --resume results", 2, &["with another build", "--allow-mixed"]);
    scratch.fails("flowbench run ./small.toml --allow-mixed", 2, &["--resume"]);
    scratch.ok("flowbench run --resume results --allow-mixed");

    let run = scratch.json("results/run.json");
    assert_eq!((&run["build"]["commit"], run["segments"].as_array().unwrap().len()), (&"0000000".into(), 1));
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(
        cases.iter().map(|case| &case["segment"]).collect::<Vec<_>>(),
        [&serde_json::Value::Null, &serde_json::Value::Null, &serde_json::Value::Null, &1.into()]
    );
    let report = scratch.text("results/report.html");
    assert!(report.contains("<strong>mixed-run</strong>") && report.contains("as segment 1 by commit"), "{report}");
    scratch.fails("flowbench compare results results", 2, &["segments: '2 builds or machines' before"]);
}

#[test]
fn the_files_of_a_run_are_listed_with_their_checksums() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let check = |what: &str| scratch.ok(&format!("cd results && sha256sum --quiet --strict -c SHA256SUMS # {what}"));
    check("after the run");
    let sums = scratch.text("results/SHA256SUMS");
    for (name, bytes) in files(&scratch, "results") {
        let name = name.strip_prefix("results/").unwrap();
        let is_listed = sums.contains(&format!("  {name}\n")) && sums.contains(&format!("# {}, {name}\n", bytes.len()));
        assert!(is_listed || name == "SHA256SUMS", "{name} in {sums}");
    }
    scratch.write("results/tail.svg", "another");
    scratch.write("results/mine.txt", "not of the run");
    scratch.fails("cd results && sha256sum --quiet -c SHA256SUMS", 1, &["did NOT match"]);
    scratch.ok("flowbench report results");
    check("after the report");
    assert_eq!(scratch.text("results/SHA256SUMS"), sums);
    scratch.ok("flowbench run --resume results");
    check("after it was resumed");
}

#[test]
fn claims_about_parts_that_are_left_out_are_not_checked() {
    let scratch = small();
    let claims =
        "claims = [\"max(lost_answers_share, part=speed) >= 0\", \"max(lost_answers_share, part=memory) == 0\"]\n";
    scratch.write("claims.toml", claims.to_owned() + &scratch.text("small.toml"));
    let ended = scratch.ok("flowbench run ./claims.toml --only speed");
    assert!(ended.stdout.contains("holds    max(lost_answers_share, part=speed) >= 0"), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 claim not checked: about parts that this run leaves out."), "{}", ended.stdout);
    assert!(!ended.stdout.contains("no case"), "{}", ended.stdout);
}

#[test]
fn resume_runs_failed_cases_again_and_says_that_they_had_failed() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results");
    let mut cases = scratch.ndjson("results/cases.ndjson");
    // As a case leaves it that was killed.
    cases[1]["status"] =
        serde_json::json!({ "outcome": "failed", "cause": "memory cap: 9 MiB resident", "stderr_tail": "" });
    cases[1]["numbers"] = serde_json::Value::Null;
    let lines: Vec<String> = cases.iter().map(serde_json::Value::to_string).collect();
    scratch.write("results/cases.ndjson", lines.join("\n") + "\n");
    let ended = scratch.ok("flowbench run --resume results");
    assert!(ended.stderr.contains("[4/4]") && !ended.stderr.contains("[3/4]"), "one is run: {}", ended.stderr);
    let again = scratch.ndjson("results/cases.ndjson");
    assert!(again.len() == 4 && again.iter().all(|case| case["status"]["outcome"] == "ok"), "{again:#?}");
    assert_eq!(identities(&scratch, "results"), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    let table = scratch.text("results/cases.csv");
    assert!(table.lines().count() == 1 + 4 && !table.contains("memory cap"), "{table}");
    let log = scratch.text("results/latency.hlog");
    assert_eq!(log.lines().filter(|line| line.contains(".latency,")).count(), 4);
    let failures = &scratch.json("results/run.json")["earlier_failures"];
    let failed = serde_json::json!([{ "case": cases[1]["case"], "repeat": 1, "cause": "memory cap: 9 MiB resident" }]);
    assert_eq!(failures, &failed);
    assert!(scratch.text("results/report.html").contains("Run again after a failure"));
}

#[test]
fn a_case_that_fails_again_stands_once() {
    let scratch = small();
    let line =
        "flowbench run ./small.toml --set speed.fault=panic@0 --set speed.rate=closed --set speed.pipeline=identity";
    for line in [&format!("{line} --out results"), "flowbench run --resume results"] {
        let ended = scratch.sh(line);
        assert!(ended.code == Some(5) && ended.stderr.contains("FAILED: panic: planted panic"), "{}", ended.stderr);
    }
    assert_eq!(identities(&scratch, "results"), [(1, 1)]);
    assert_eq!(scratch.text("results/cases.csv").lines().count(), 1 + 1);
    assert_eq!(scratch.json("results/run.json")["earlier_failures"].as_array().unwrap().len(), 1);
}

#[test]
fn a_run_goes_on_with_the_build_that_it_began_with() {
    let scratch = small();
    scratch.ok("cp $(command -v flowbench) other");
    let slow = "--set speed.duration=1s --set 'speed.rate=[1000, 2000]' --set speed.trace.events=1000000";
    let running = scratch.start(&format!("exec ./other run ./small.toml --out results {slow}"));
    running.wait_until(|| scratch.path("results/cases.ndjson").exists());
    fs::remove_file(scratch.path("other")).unwrap();
    scratch.write("other", "what another build may leave");
    let ended = running.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let cases = scratch.ndjson("results/cases.ndjson");
    assert!(cases.len() == 4 && cases.iter().all(|case| case["status"]["outcome"] == "ok"), "{cases:#?}");
}

#[test]
fn what_is_removed_in_the_middle_of_a_run_is_missed() {
    let scratch = small();
    let slow = "--set speed.duration=1s --set 'speed.rate=[1000, 2000]' --set speed.trace.events=1000000";
    let running = scratch.start(&format!("exec flowbench run ./small.toml --out results {slow}"));
    let listed = scratch.path("results/cases.ndjson");
    running.wait_until(|| fs::read_to_string(&listed).is_ok_and(|text| text.contains('\n')));
    fs::remove_file(&listed).unwrap();
    let ended = running.finish();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for words in ["results/cases.ndjson was removed or changed", "continue with: flowbench run --resume results"] {
        assert!(ended.stderr.contains(words), "no '{words}' in {}", ended.stderr);
    }
    scratch.ok("flowbench run --resume results --quiet");
    assert_eq!(identities(&scratch, "results"), [(1, 1), (2, 1), (3, 1), (4, 1)]);
}

#[test]
fn a_folder_with_files_of_a_run_or_of_its_figures_is_refused_and_left_alone() {
    let scratch = small();
    for name in ["timeline.csv", "latency.hlog", "cases.csv", "tail.csv", "memory-over-time.svg", "report.html"] {
        scratch.sh(&format!("mkdir results; echo mine > results/{name}"));
        scratch.fails(
            "flowbench run ./small.toml --out results",
            1,
            &["results holds", name, "choose another directory"],
        );
        assert_eq!(scratch.text(&format!("results/{name}")), "mine\n");
        scratch.ok(&format!("rm results/{name}"));
        assert_eq!(files(&scratch, "results").len(), 0, "something was begun");
    }
    scratch.ok("echo mine > results/notes.txt; flowbench run ./small.toml --out results --set speed.rate=closed");
}

#[test]
fn what_a_killed_run_left_half_written_is_removed_by_report_and_resume() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results --set speed.rate=closed");
    for command in ["flowbench report results", "flowbench run --resume results"] {
        scratch.write("results/.tmp-flowbench-a1B2c3", "half");
        scratch.ok(command);
        assert!(!scratch.path("results/.tmp-flowbench-a1B2c3").exists(), "{command}");
    }
}

#[test]
fn a_folder_may_have_any_name() {
    let scratch = small();
    let run = "flowbench run ./small.toml --set speed.rate=closed --json";
    let outcome = scratch.ok(&format!("{run} --out \"$(printf 'r\\377')\"")).json();
    assert_eq!(outcome["dir"], "r\u{fffd}");
    assert_eq!(outcome["report"], "r\u{fffd}/report.html");
    let again = scratch.ok("flowbench run --json --resume \"$(printf 'r\\377')\"").json();
    assert_eq!(again["cases"], outcome["cases"]);
}

#[test]
fn a_file_that_may_not_grow_is_an_error_with_its_name() {
    let scratch = small();
    let full = ["File too large", "log.csv"];
    scratch.fails("ulimit -f 16; exec flowbench generate --profile tiny --events 5000 -o log.csv", 1, &full);
    let refused = ["cannot write in results", "File too large", "ulimit -f"];
    scratch.fails("ulimit -f 16; exec flowbench run ./small.toml --out results", 1, &refused);
    assert_eq!(files(&scratch, "results").len(), 0);
    // Enough for the first look at the folder, not for the report.
    scratch.write("wordy.toml", SMALL.replace("A small one", &"word ".repeat(3000)));
    let stopped = ["cannot write results/report.html", "continue with: flowbench run --resume results"];
    scratch.fails("ulimit -f 140; exec flowbench run ./wordy.toml --out results", 1, &stopped);
    scratch.ok("flowbench run --resume results");
}

#[test]
fn a_plan_of_too_many_cases_is_refused_with_their_number() {
    let scratch = small();
    let rates = format!("--set 'speed.rate={:?}'", (1..=60).collect::<Vec<_>>());
    let wanted = ["repeats = 1000 of 120 cases are 120000, at most 50000"];
    scratch.fails(&format!("flowbench run ./small.toml --out results {rates} --set repeats=1000"), 2, &wanted);
    let epochs = format!("--set 'speed.records_per_epoch={:?}'", (1..=1000).collect::<Vec<_>>());
    let wanted = ["part 'speed'", "120000 combinations, at most 50000"];
    scratch.fails(&format!("flowbench run ./small.toml --out results {rates} {epochs}"), 2, &wanted);
    assert!(!scratch.path("results").exists());
}

#[test]
fn a_comment_in_a_setting_and_two_parts_of_one_name_are_refused() {
    let scratch = small();
    let twice = ["--set: speed.rate is set twice, to '1' and to '2'"];
    scratch.fails("flowbench run ./small.toml --out results --set speed.rate=1 --set speed.rate=2", 2, &twice);
    let comment = ["speed.rate=1#INF: what stands behind the value is a comment"];
    scratch.fails("flowbench run ./small.toml --out results --set 'speed.rate=1#INF'", 2, &comment);
    let part = SMALL.split_once("[[part]]").unwrap().1.split_once("[[part.figure]]").unwrap().0;
    scratch.write("twice.toml", format!("{SMALL}\n[[part]]{part}"));
    scratch.fails("flowbench run ./twice.toml --out results", 2, &["twice.toml", "two parts have the name 'speed'"]);
}

/// The same events at two rates, a tenfold apart: what is forgotten, and what that costs, is a matter of event time.
#[test]
fn what_is_forgotten_does_not_depend_on_the_rate() {
    let scratch = Scratch::new();
    scratch.write("forgetting.toml", FORGETTING);
    scratch.ok("flowbench run ./forgetting.toml --out results");
    let mut by_choice: BTreeMap<(String, String), Vec<serde_json::Value>> = BTreeMap::new();
    for case in scratch.ndjson("results/cases.ndjson") {
        assert_eq!(case["status"]["outcome"], "ok", "{case:#}");
        let (axes, numbers) = (&case["axes"], &case["numbers"]);
        let choice = ["pipeline", "eviction"].map(|axis| axes[axis].as_str().unwrap().to_owned());
        assert_eq!((&numbers["events"], &numbers["accuracy"]["late"]), (&3000.into(), &0.into()));
        let fixed = serde_json::json!([numbers["accuracy"], numbers["memory"]["entries_residual"]]);
        by_choice.entry(choice.into()).or_default().push(fixed);
    }
    let choices: Vec<&str> = by_choice.keys().map(|(_, eviction)| eviction.as_str()).collect();
    assert_eq!(
        choices,
        ["capacity(30)", "sweep(1h)", "ttl(10min)", "wheel(1h)", "sweep(1h)", "ttl(10min)", "wheel(1h)"]
    );
    for ((pipeline, eviction), fixed) in &by_choice {
        assert!(fixed.len() == 2 && fixed[0] == fixed[1], "{pipeline} {eviction}: {fixed:#?}");
        let accuracy = &fixed[0][0];
        let lost: u64 = ["missing", "spurious", "wrong"].iter().map(|what| accuracy[what].as_u64().unwrap()).sum();
        let loses = ["ttl(10min)", "capacity(30)"].contains(&eviction.as_str());
        assert!(lost > 0 || !loses, "{pipeline} {eviction}: {accuracy:#}");
    }
}

const FORGETTING: &str = r#"
name = "forgetting"
title = "Two rates"
seed = 7
repeats = 1
deadline = "60s"
memory_cap_mib = 4096

[[part]]
name = "by-time"
question = "Does what is forgotten depend on the rate?"
trace = { profile = "tiny", events = 3000 }
duration = "1s"

[part.axes]
pipeline = ["funnel", "sessions"]
eviction = ["wheel(1h)", "sweep(1h)", "ttl(10min)"]
rate = [20_000, 200_000]
slack = "1d"
records_per_epoch = 64

[[part]]
name = "by-room"
question = "Does what is pushed out depend on the rate?"
trace = { profile = "tiny", events = 3000 }
duration = "1s"

[part.axes]
pipeline = "funnel"
eviction = "capacity(30)"
rate = [20_000, 200_000]
slack = "1d"
records_per_epoch = 64
"#;

#[test]
fn a_closed_loop_of_a_moment_is_doubted() {
    let scratch = small();
    scratch.ok(
        "flowbench run ./small.toml --out results --set 'speed.rate=[\"closed\", 20000]' --set speed.pipeline=identity",
    );
    for case in scratch.ndjson("results/cases.ndjson") {
        let doubts = case["doubts"].as_array().unwrap();
        let is_short = doubts.iter().any(|doubt| doubt["code"] == "short");
        assert_eq!(is_short, case["axes"]["load"] == "closed", "{case:#}");
    }
    assert!(scratch.text("results/report.html").contains("in total, less than 200.0"));
}

#[test]
fn a_report_holds_no_more_histograms_than_a_figure_needs() {
    const CASES: usize = 1500;
    let scratch = small();
    let one = "--set speed.pipeline=identity --set speed.rate=10000 --set speed.trace.events=1000";
    scratch.ok(&format!("flowbench run ./small.toml --out results {one}"));
    let case = scratch.text("results/cases.ndjson");
    let log = scratch.text("results/latency.hlog");
    let (mut cases, mut histograms) = (String::new(), log.clone());
    for number in 1..=CASES {
        cases += &case.replacen("\"case\":1,", &format!("\"case\":{number},"), 1);
        let tagged = log.lines().filter(|line| number > 1 && line.starts_with("Tag="));
        tagged.for_each(|line| histograms += &(line.replacen("c1r1", &format!("c{number}r1"), 1) + "\n"));
    }
    let kinds = log.lines().filter(|line| line.starts_with("Tag=")).count();
    scratch.write("results/cases.ndjson", cases);
    scratch.write("results/latency.hlog", histograms);
    // Decoded they take 250 KiB each, more than is allowed here.
    assert!(CASES * kinds * 250 > 1_000_000, "{kinds}");
    let ended = scratch.ok("ulimit -v 1000000; exec flowbench report results");
    assert!(ended.stderr.contains("4 figures"), "{}", ended.stderr);
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_resume_completes_it() {
    let scratch = small();
    let slow = "--set speed.duration=1s --set 'speed.rate=[1000, 2000]' --set speed.trace.events=1000000";
    let running = scratch.start(&format!("exec flowbench run ./small.toml --out results {slow}"));
    let finished = || fs::read_to_string(scratch.path("results/cases.ndjson")).unwrap_or_default();
    running.wait_until(|| finished().contains('\n'));
    running.signal("INT");
    let ended = running.finish();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopping; what is finished is kept"), "{}", ended.stderr);
    assert!(ended.stderr.contains("flowbench run --resume results"), "{}", ended.stderr);
    let kept = finished();
    let count = kept.lines().count();
    assert!((1..4).contains(&count), "{count} of 4 cases were finished");
    assert_eq!(scratch.json("results/run.json")["interrupted"], true);
    assert!(scratch.path("results/report.html").exists());

    scratch.ok("flowbench run --resume results");
    assert!(finished().starts_with(&kept));
    assert_eq!(identities(&scratch, "results"), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(scratch.json("results/run.json")["interrupted"], false);
}

#[test]
fn a_running_run_keeps_its_folder_to_itself() {
    let scratch = small();
    let running =
        scratch.start("exec flowbench run ./small.toml --out results --set speed.duration=2s --set speed.rate=1000");
    running.wait_until(|| scratch.path("results/run.json").exists());
    scratch.fails("flowbench run ./small.toml --out results", 1, &["results"]);
    scratch.fails("flowbench run --resume results", 1, &["results is in use by another flowbench"]);
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn repeats_are_interleaved() {
    let scratch = small();
    scratch.ok("flowbench run ./small.toml --out results --set repeats=2 --set speed.duration=20ms");
    let repeats: Vec<u64> =
        scratch.ndjson("results/cases.ndjson").iter().map(|case| case["repeat"].as_u64().unwrap()).collect();
    assert_eq!(repeats, [1, 1, 1, 1, 2, 2, 2, 2]);
}

#[test]
fn every_ending_has_its_exit_code() {
    let scratch = small();
    let run = "flowbench run ./small.toml --set speed.rate=closed";
    scratch.ok(&format!("{run} --out ok"));
    scratch.fails("flowbench report nowhere", 1, &["there is no folder nowhere"]);
    scratch.fails(&format!("{run} --set speed.wrokers=2 --out bad"), 2, &["did you mean 'workers'?"]);
    let nothing = format!("{run} --set speed.strategy=sequential --set speed.workers=2 --out nothing");
    scratch.fails(&nothing, 4, &["selects no case"]);
    scratch.fails(&format!("{run} --set speed.fault=drop-event@0 --out incomplete"), 5, &["INVALID"]);
    assert!(!scratch.path("nothing").exists());
}

#[test]
fn combinations_that_cannot_be_are_named_and_skipped() {
    let scratch = small();
    let line = "flowbench run ./small.toml --out results --set 'speed.strategy=[\"sequential\", \"exchange\"]' \
                --set 'speed.workers=[1, 2]' --set speed.pipeline=identity --set speed.rate=closed";
    let ended = scratch.ok(line);
    assert!(ended.stderr.contains("skipped part 'speed': sequential on 2 workers"), "{}", ended.stderr);
    assert_eq!(scratch.ndjson("results/cases.ndjson").len(), 3);
}

#[test]
fn shares_of_the_sustainable_rate_are_of_what_a_search_has_found_and_stay_so_when_resumed() {
    let scratch = small();
    let ended =
        scratch.ok(&format!("{SEARCH} --set 'speed.rate=[\"50%\", \"closed\", \"90%\", \"search\"]' --out results"));
    for words in ["frontier, search: ", "frontier, 50% of the sustainable rate: ", "frontier, closed loop"] {
        assert!(ended.stderr.contains(words), "no '{words}' in {}", ended.stderr);
    }
    let cases = scratch.ndjson("results/cases.ndjson");
    let searches: Vec<_> = cases.iter().filter(|case| case["axes"]["load"] == "search").collect();
    let [search] = searches[..] else { panic!("{cases:#?}") };
    let sustainable = &search["numbers"]["sustainable"];
    let found = sustainable["rate_events_per_s"].as_f64().unwrap();
    assert_eq!(search["axes"]["rate_events_per_s"], found);
    assert_eq!(
        (&search["axes"]["records_per_epoch"], &search["numbers"]["events"]),
        (&1.into(), &((found * 0.4).round() as u64).into()) // the duration is 400 ms
    );
    assert!(sustainable["probes"].as_array().unwrap().len() >= 3, "{sustainable:#}");
    assert_eq!(shares(&cases), [(0.5, (0.5 * found).round()), (0.9, (0.9 * found).round())]);
    let digests = scratch.json("results/run.json")["traces"].as_array().unwrap().clone();
    let known = |case: &serde_json::Value| digests.iter().any(|one| one["digest"] == case["numbers"]["trace_digest"]);
    assert!(cases.iter().all(known), "{digests:#?}");
    let drawn = |figure: &str| scratch.text(&format!("results/{figure}.csv"));
    assert!(drawn("latency-by-share").contains(",0.5,") && drawn("latency-by-share").contains(",0.9,"));
    assert!(drawn("latency-by-rate").contains(&format!(",{},", (0.5 * found).round())), "{}", drawn("latency-by-rate"));

    // Stopped right after the search: its result is not searched again.
    let lines: Vec<String> = scratch.text("results/cases.ndjson").lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| line.contains("\"load\":\"search\"")).unwrap();
    scratch.write("results/cases.ndjson", format!("{}\n", lines[..=at].join("\n")));
    scratch.ok("flowbench run --resume results");
    let again = scratch.ndjson("results/cases.ndjson");
    assert_eq!((again.len(), &again[at]), (4, &cases[at]));
    assert_eq!(shares(&again), shares(&cases));
}

#[test]
fn a_search_that_shares_need_is_added_in_words_and_made_anew_in_each_repeat() {
    let scratch = small();
    let ended = scratch.ok(&format!("{SEARCH} --set 'speed.rate=[\"50%\"]' --set repeats=2 --out results"));
    assert!(ended.stderr.contains("added to part 'speed': 1 search for the sustainable rate"), "{}", ended.stderr);
    let cases = scratch.ndjson("results/cases.ndjson");
    let loads: Vec<_> = cases.iter().map(|case| case["axes"]["load"].as_str().unwrap()).collect();
    assert_eq!(loads, ["search", "open", "search", "open"]);
    for round in cases.chunks(2) {
        let found = round[0]["axes"]["rate_events_per_s"].as_f64().unwrap();
        assert_eq!((shares(round), &round[0]["repeat"]), (vec![(0.5, (0.5 * found).round())], &round[1]["repeat"]));
    }
}

#[test]
fn where_nothing_is_sustained_the_search_and_what_needs_it_fail_in_words() {
    let scratch = small();
    // A stall in every probe, ten times as long as the latency that is accepted.
    let search = SEARCH.replace("duration=400ms", "duration=200ms").replace("slo_p99=1h", "slo_p99=10ms");
    let set = "--set speed.fault=stall:100ms@0 --set speed.deadline=50s";
    let ended = scratch.sh(&format!("{search} {set} --set 'speed.rate=[\"50%\", \"search\", 20000]' --out results"));
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.iter().filter(|case| case["status"]["outcome"] == "ok").count(), 1, "the given rate is measured");
    let cause = |load: &str, share: Option<f64>| {
        let of =
            |case: &&serde_json::Value| case["axes"]["load"] == load && case["axes"]["rate_share"].as_f64() == share;
        let case = cases.iter().find(|case| of(case) && case["numbers"].is_null()).unwrap();
        assert!(case["axes"]["rate_events_per_s"].is_null(), "{case:#}");
        case["status"]["cause"].as_str().unwrap().to_owned()
    };
    let nothing = cause("search", None);
    assert!(nothing.starts_with("no rate was sustained in ") && nothing.contains("p99 latency was "), "{nothing}");
    let wanted = format!("not run: case 2 did not find the sustainable rate that this is a share of: {nothing}");
    assert_eq!(cause("open", Some(0.5)), wanted);
    assert!(
        ended.stderr.contains("50% of the sustainable rate, stall:100ms@0, repeat 1: FAILED: not run"),
        "{}",
        ended.stderr
    );
    assert!(scratch.text("results/report.html").contains("did not find the sustainable rate"));
}

#[test]
fn a_figure_that_cannot_be_drawn_is_noticed_before_anything_is_measured() {
    let scratch = small();
    scratch.write("wrong.toml", SMALL.replace("latency_p90_ns", "latency_p95_ns"));
    scratch.fails("flowbench run ./wrong.toml --out results", 2, &["latency-by-rate", "latency_p95_ns"]);
    scratch.write("wrong.toml", SMALL.replace("memory-over-time", "latency-by-rate"));
    scratch.fails("flowbench run ./wrong.toml --out results", 2, &["latency-by-rate"]);
    assert!(!scratch.path("results").exists());
}

#[test]
fn a_run_is_recorded_with_its_machine_and_without_any_place() {
    let scratch = small();
    let here = scratch.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    scratch.ok(&format!("flowbench run {here}/small.toml --only speed --out {here}/out --set repeats=1"));
    let run = scratch.json("out/run.json");
    let argv = ["flowbench", "run", "small.toml", "--only", "speed", "--out", "out", "--set", "repeats=1"];
    assert_eq!(run["argv"], serde_json::json!(argv));
    assert!(run["build"]["target"].as_str().unwrap().contains("linux") && run["build"]["features"].is_array());
    // What the kernel tells in every Linux is there, before and after.
    assert!(run["machine"]["setup"]["aslr"].is_u64(), "{run:#}");
    assert!(run["before"]["load"].is_f64() && run["after"]["load"].is_f64(), "{run:#}");
    let [cores, threads] = ["cores", "threads_per_core"].map(|key| run["machine"]["setup"][key].as_u64().unwrap());
    assert!(cores >= 1 && threads >= 1, "{run:#}");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let home = std::env::var("HOME").unwrap_or("/root".to_owned());
    let text = scratch.text("out/run.json");
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || "-_./".contains(c))).collect();
    assert!(!words.contains(&host.trim()), "run.json has the host name");
    for folder in [&here, &home] {
        assert!(folder.starts_with('/') && !text.contains(folder), "run.json has {folder}");
    }
    assert!(scratch.text("out/report.html").contains("before the run"));
}

#[test]
fn quickstart_is_shipped_and_has_at_least_six_figures() {
    let scratch = Scratch::new();
    let shown = scratch.ok("flowbench explain quickstart").stdout;
    assert!(shown.matches("[[part.figure]]").count() >= 6, "{shown}");
}

const SMALL: &str = r#"
name = "small"
title = "A small one"
seed = 7
repeats = 1
deadline = "60s"
memory_cap_mib = 4096

[[part]]
name = "speed"
question = "How long does an event take?"
trace = { profile = "tiny", events = 3000 }
duration = "100ms"

[part.axes]
pipeline = ["identity", "repeat-high-value"]
rate = [10_000, 20_000]

[[part.figure]]
name = "latency-by-rate"
kind = "sweep"
question = "Does latency grow with the rate?"
reading = "Up is slower."
x = "rate_events_per_s"
y = ["latency_p50_ns", "latency_p90_ns"]
by = ["pipeline"]

[[part.figure]]
name = "latency-by-share"
kind = "sweep"
question = "Does latency grow with the share of what is sustained?"
reading = "Up is slower."
x = "rate_share"
y = ["latency_p50_ns"]
only = { load = "open" }

[[part.figure]]
name = "memory-over-time"
kind = "over-time"
question = "What is held?"
reading = "Up is more."
y = ["live_bytes"]
by = ["pipeline"]

[[part.figure]]
name = "tail"
kind = "distribution"
question = "How long is the tail?"
reading = "Right is rarer."
y = ["latency"]
by = ["pipeline"]
"#;

/// Searches among low rates that any machine sustains, with a second to make up for its pauses in.
const SEARCH: &str = "flowbench run ./small.toml --set speed.pipeline=identity --set speed.trace.events=8000 \
                      --set speed.duration=400ms --set speed.slo_p99=1h";

fn small() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("small.toml", SMALL);
    scratch
}

/// Every file of a folder.
fn files(scratch: &Scratch, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = scratch.path(folder).read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| format!("{folder}/{}", name.to_str().unwrap()));
    names.map(|name| (name.clone(), scratch.bytes(&name))).collect()
}

/// Share and rate of the cases that are offered a share of a rate, sorted.
fn shares(cases: &[serde_json::Value]) -> Vec<(f64, f64)> {
    let share = |case: &serde_json::Value| {
        Some((case["axes"]["rate_share"].as_f64()?, case["axes"]["rate_events_per_s"].as_f64()?))
    };
    let mut all: Vec<(f64, f64)> = cases.iter().filter_map(share).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

/// Case and repeat of everything recorded, sorted.
fn identities(scratch: &Scratch, dir: &str) -> Vec<(u64, u64)> {
    let number = |case: &serde_json::Value, key: &str| case[key].as_u64().unwrap();
    let cases = scratch.ndjson(&format!("{dir}/cases.ndjson"));
    let mut all: Vec<_> = cases.iter().map(|case| (number(case, "case"), number(case, "repeat"))).collect();
    all.sort_unstable();
    all
}

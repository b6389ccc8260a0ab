//! Signals, limits, suspension and sudden death of a run: what is finished is kept, and resuming gives the rest.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use crate::command::{Running, Scratch};

/// What an undisturbed run and one that was killed must agree on, for each case and repeat.
const DETERMINISTIC: [&str; 14] = [
    "part",
    "pipeline",
    "strategy",
    "workers",
    "order",
    "slack_ms",
    "outcome",
    "events",
    "trace_digest",
    "truth",
    "missing",
    "late",
    "dropped_as_late",
    "answers_digest",
];
/// How often a run is killed.
const KILLS: usize = 10;

#[test]
fn each_signal_keeps_what_is_finished_and_has_an_exit_code_of_its_own() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let scratch = four_cases();
        let running = scratch.start("exec flowbench run ./four.toml --set p.duration=1s --out results");
        running.wait_until(|| count(&scratch) > 0);
        running.signal(signal);
        // `timeout` sends it to the process and to its group.
        running.signal(signal);
        let ended = running.finish();
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("interrupted; continue with: flowbench run --resume results"),
            "{}",
            ended.stderr
        );
        assert!((1..4).contains(&count(&scratch)), "{} of 4 cases", count(&scratch));
        assert_eq!(scratch.json("results/run.json")["interrupted"], true);
        assert!(scratch.path("results/report.html").exists());
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once_with_its_own_code() {
    let scratch = four_cases();
    // Nobody reads the outcome it prints at its end, so that the first signal cannot end it.
    let full = "mkfifo pipe; exec 3<>pipe; dd if=/dev/zero of=pipe bs=4096 count=10000 oflag=nonblock 2>/dev/null";
    let running = scratch.start(&format!("{full}; exec flowbench run ./four.toml --json --out results >&3"));
    running.wait_until(|| scratch.path("results/run.json").exists());
    running.signal("INT");
    running.wait_until(|| scratch.path("results/report.html").exists());
    running.wait_until(|| {
        running.signal("TERM");
        thread::sleep(Duration::from_millis(50));
        !running.is_alive()
    });
    assert_eq!(running.finish().code, Some(143));
    scratch.ok("flowbench run --resume results");
    assert_eq!(count(&scratch), 4);
}

#[test]
fn outputs_that_a_signal_leaves_unfinished_are_removed() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let scratch = Scratch::new();
        let running = scratch.start("exec flowbench generate --profile tiny --events 2G -o log.csv");
        let entries = || fs::read_dir(scratch.path(".")).unwrap().count();
        running.wait_until(|| entries() == 1);
        running.signal(signal);
        assert_eq!((running.finish().code, entries()), (Some(code), 0));

        scratch.ok("mkfifo log.csv");
        let running = scratch.start("exec flowbench replay log.csv --pipeline identity -o answers.csv");
        let writer = scratch.start("exec 3>log.csv; touch opened; exec sleep 600");
        running.wait_until(|| scratch.path("opened").exists());
        running.signal(signal);
        assert_eq!((running.finish().code, entries()), (Some(code), 2), "log.csv and opened are there");
        writer.signal("KILL");
    }
}

#[test]
fn a_run_that_has_taken_its_time_is_incomplete_and_says_how_to_go_on() {
    let scratch = four_cases();
    let words = ["--max-time is over after ", " cases; continue with: flowbench run --resume results"];
    scratch.fails("flowbench run ./four.toml --set p.duration=1s --max-time 1s --out results", 5, &words);
    let kept = count(&scratch);
    assert!(kept < 4, "{kept} cases");
    assert_eq!(scratch.json("results/run.json")["interrupted"], true);
    scratch.fails("flowbench run --resume results --max-time 0s", 5, &[&format!("over after {kept} cases")]);
    scratch.ok("flowbench run --resume results --max-time 1h");
    assert_eq!((count(&scratch), &scratch.json("results/run.json")["interrupted"]), (4, &false.into()));
    scratch.write("hosts", "127.0.0.1:1\n127.0.0.1:2\n");
    scratch.fails("flowbench run ./four.toml --max-time 1s --hosts hosts --process 0", 2, &["--max-time"]);
}

#[test]
fn a_case_during_which_flowbench_was_stopped_is_run_again_and_the_first_attempt_is_kept_in_mind() {
    let scratch = four_cases();
    let running = scratch.start("exec flowbench run ./four.toml --set p.duration=2s --set repeats=1 --out results");
    running.wait_until(|| count(&scratch) == 1);
    running.wait_until(|| !children(&running).is_empty());
    thread::sleep(Duration::from_millis(300));
    running.signal("STOP");
    thread::sleep(Duration::from_millis(2_500));
    running.signal("CONT");
    let ended = running.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("suspended: flowbench was stopped for "), "{}", ended.stderr);
    assert!(ended.stderr.contains("it is run again"), "{}", ended.stderr);
    assert_eq!(count(&scratch), 2);
    let causes = causes(&scratch);
    assert!(causes.len() == 1 && causes[0].starts_with("suspended: flowbench was stopped for "), "{causes:?}");
    assert!(scratch.text("results/report.html").contains("suspended: flowbench was stopped for "));
}

#[test]
fn a_case_that_is_stopped_each_time_has_failed_and_resuming_runs_it_again() {
    let scratch = four_cases();
    // One case: with another behind it, that one might be stopped before it is seen that the first has ended.
    let one = "--set repeats=1 --set 'p.pipeline=\"sessions\"'";
    let running = scratch.start(&format!("exec flowbench run ./four.toml --set p.duration=2s {one} --out results"));
    running.wait_until(|| {
        children(&running).into_iter().for_each(stop);
        count(&scratch) == 1 || !running.is_alive()
    });
    let ended = running.finish();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let cause = "suspended: process 0 of the case was stopped";
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!((&cases[0]["status"]["outcome"], &cases[0]["status"]["cause"]), (&"failed".into(), &cause.into()));
    assert!(cases[0]["numbers"].is_null());
    assert_eq!(ended.stderr.matches("it is run again").count(), 2, "{}", ended.stderr);
    assert_eq!(causes(&scratch), [cause], "the same cause is kept once");
    scratch.ok("flowbench run --resume results");
    assert!(scratch.ndjson("results/cases.ndjson").iter().all(|case| case["status"]["outcome"] == "ok"));
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_cases_of_one_that_was_not() {
    let scratch = four_cases();
    let run = "flowbench run ./four.toml --set repeats=6 --set p.duration=100ms";
    scratch.ok(&format!("{run} --out results"));
    let undisturbed = deterministic(&scratch, "results");
    assert_eq!(undisturbed.len(), 12);
    let (mut kills, mut runs, mut random) = (0, 0, 20_260_128_u64);
    while kills < KILLS {
        runs += 1;
        let dir = format!("killed{runs}");
        let next = |scratch: &Scratch| match scratch.path(&dir).join("run.json").exists() {
            true => format!("exec flowbench run --resume {dir}"),
            false => format!("exec {run} --out {dir}"),
        };
        while kills < KILLS {
            let running = scratch.start(&next(&scratch));
            thread::sleep(Duration::from_millis(20 + pick(&mut random, 700)));
            running.signal("KILL");
            match running.finish().code {
                None => kills += 1,
                Some(code) => {
                    assert_eq!(code, 0, "it was quicker");
                    break;
                }
            }
        }
        scratch.ok(&next(&scratch));
        assert_eq!(deterministic(&scratch, &dir), undisturbed, "{dir}");
        let run = scratch.json(&format!("{dir}/run.json"));
        assert_eq!((&run["interrupted"], &run["earlier_failures"]), (&false.into(), &serde_json::Value::Null));
        let half_written = |name: &str| name.starts_with(".tmp-");
        let names = fs::read_dir(scratch.path(&dir)).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().all(|name| !half_written(name.to_str().unwrap())));
    }
}

/// Returns the columns that do not depend on time, by case and repeat.
fn deterministic(scratch: &Scratch, dir: &str) -> BTreeMap<(usize, usize), Vec<String>> {
    let text = scratch.text(&format!("{dir}/cases.csv"));
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let header = table.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"));
    let mut cases = BTreeMap::new();
    for row in table.records().map(Result::unwrap) {
        let key = (row[at("case")].parse().unwrap(), row[at("repeat")].parse().unwrap());
        let columns = DETERMINISTIC.map(|name| row[at(name)].to_owned()).to_vec();
        assert!(cases.insert(key, columns).is_none(), "{key:?} is there twice");
    }
    cases
}

/// Returns a number below `limit`, by a linear congruential generator.
fn pick(state: &mut u64, limit: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % limit
}

/// Two cases of two repeats.
fn four_cases() -> Scratch {
    let scratch = Scratch::new();
    scratch.write(
        "four.toml",
        r#"
name = "four"
title = "Four cases"
seed = 7
repeats = 2
deadline = "60s"
memory_cap_mib = 512

[[part]]
name = "p"
question = "?"
trace = { profile = "tiny", events = 100000 }
duration = "200ms"

[part.axes]
pipeline = ["sessions", "lifetime-value"]
rate = 2000
"#,
    );
    scratch
}

/// Returns the number of cases in `results`.
fn count(scratch: &Scratch) -> usize {
    fs::read_to_string(scratch.path("results/cases.ndjson")).unwrap_or_default().lines().count()
}

/// Returns the causes of earlier failures in `results`.
fn causes(scratch: &Scratch) -> Vec<String> {
    let run = scratch.json("results/run.json");
    let failures = run["earlier_failures"].as_array().cloned().unwrap_or_default();
    failures.iter().map(|one| one["cause"].as_str().unwrap().to_owned()).collect()
}

/// Returns the ids of the processes that a line of shell has started.
fn children(running: &Running) -> Vec<u32> {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parent = |id: &u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    ids.filter(|id| parent(id) == Some(running.id())).collect()
}

fn stop(process: u32) {
    // It may have ended meanwhile.
    let _ = std::process::Command::new("sh").args(["-c", &format!("kill -STOP {process} 2>/dev/null")]).status();
}

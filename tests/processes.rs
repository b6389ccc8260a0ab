//! Several processes: the same answers, what goes between them is counted, and when one goes all go.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::command::Scratch;

#[test]
fn two_processes_of_two_workers_give_the_answers_of_the_oracle_and_count_what_goes_between_them() {
    let scratch = Scratch::new();
    scratch.write(
        "two.toml",
        experiment("pipeline = [\"identity\", \"repeat-high-value\", \"sessions\", \"dispatched-today\"]"),
    );
    let line = "flowbench run ./two.toml --processes 2 --set p.workers=2 --set p.trace.profile=calm --out results";
    scratch.ok(line); // all in order and once, so that the answers are the truth
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let (numbers, sharing) = (&case["numbers"], &case["numbers"]["sharing"]);
        assert_eq!((&case["axes"]["processes"], &case["status"]["outcome"]), (&2.into(), &"ok".into()), "{case:#}");
        assert_eq!(numbers["accuracy"]["missing"], 0);
        assert_eq!(numbers["accuracy"]["given"], numbers["accuracy"]["truth"]);
        assert_eq!(sharing["workers"].as_array().unwrap().len(), 4);
        assert!(
            sharing["wire"]["bytes"].as_u64() > Some(100) && sharing["wire"]["messages"].as_u64() > Some(1),
            "{case:#}"
        );
        assert_eq!(numbers["latency"]["count"].as_u64(), Some(3), "an epoch is one sample: {case:#}");
    }
    let crossed = |pipeline: &str| {
        let case = cases.iter().find(|case| case["axes"]["pipeline"] == pipeline).unwrap();
        case["numbers"]["sharing"]["wire"]["bytes"].as_u64().unwrap()
    };
    assert!(crossed("sessions") > 5 * crossed("identity"), "answers kept for the check are not counted, events are");
}

#[test]
fn one_process_alone_has_nothing_between() {
    let scratch = Scratch::new();
    scratch.write("one.toml", experiment("pipeline = \"sessions\"\nworkers = 2"));
    scratch.ok("flowbench run ./one.toml --out results");
    let sharing = &scratch.ndjson("results/cases.ndjson")[0]["numbers"]["sharing"];
    assert!(sharing["wire"].is_null() && sharing["exchanged_records"].as_u64() > Some(100), "{sharing:#}");
}

#[test]
fn an_open_loop_over_processes_is_timed_from_a_common_begin() {
    let scratch = Scratch::new();
    let axes = "pipeline = \"sessions\"\nrate = 20000\nprocesses = 2\nslack = \"1min\"";
    scratch.write("open.toml", experiment(axes));
    scratch.ok("flowbench run ./open.toml --set p.duration=300ms --out results");
    let numbers = &scratch.ndjson("results/cases.ndjson")[0]["numbers"];
    assert_eq!(numbers["events"], 6000);
    // What is due before the run is steady is not recorded, at most half of it.
    assert!((3000..=6000).contains(&numbers["latency"]["count"].as_u64().unwrap()), "{}", numbers["latency"]);
}

#[test]
fn a_replay_over_processes_gives_the_same_answers_to_the_last_byte() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 5000 -o log.csv");
    for (pipeline, strategy) in
        [("sessions", "exchange"), ("trending-products", "pre-aggregate"), ("identity", "staged")]
    {
        let replay = format!("flowbench replay log.csv --pipeline {pipeline} --strategy {strategy} --workers 2");
        let alone = scratch.ok(&replay);
        let together = scratch.ok(&format!("{replay} --processes 2"));
        assert!(alone.stdout.lines().count() > 1, "{pipeline} has answers");
        assert_eq!(alone.stdout, together.stdout, "{pipeline}");
        assert_eq!(alone.stderr, together.stderr, "{pipeline}: the rows are told once");
    }
}

#[test]
fn machines_are_processes_of_a_hosts_file() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 5000 -o log.csv");
    let ports = free_ports(3);
    let hosts: Vec<String> = (2..).zip(&ports).map(|(host, port)| format!("127.0.0.{host}:{port}")).collect();
    scratch.write("hosts.txt", format!("# three machines\n{}\n", hosts.join("\n")));
    let replay = "flowbench replay log.csv --pipeline funnel";
    let alone = scratch.ok(replay).stdout;
    assert!(alone.lines().count() > 1, "{alone}");
    let one = |process: usize| format!("{replay} --hosts hosts.txt --process {process} --join-within 30s");
    let together = scratch.ok(&format!("{} -o 2.csv & {} -o 1.csv & {}", one(2), one(1), one(0)));
    assert_eq!(together.stdout, alone);
    assert!(!scratch.path("1.csv").exists(), "process 0 has the answers");

    scratch.write("three.toml", experiment("pipeline = \"sessions\"\nrate = [\"closed\", 20000]"));
    let run =
        |process: usize| format!("flowbench run ./three.toml --hosts hosts.txt --process {process} --out r{process}");
    let ended = scratch.ok(&format!("{} & {} & {}; wait", run(1), run(2), run(0)));
    assert!(ended.stderr.contains("took part in 2 of 2 cases"), "{}", ended.stderr);
    let cases = scratch.ndjson("r0/cases.ndjson");
    assert!(cases.len() == 2 && cases.iter().all(|case| case["status"]["outcome"] == "ok"), "{cases:#?}");
    assert!(cases.iter().all(|case| case["axes"]["processes"] == 3) && !scratch.path("r1").exists());
}

#[test]
fn a_machine_that_does_not_come_is_named_within_the_time_given() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 500 -o log.csv");
    let ports = free_ports(2);
    scratch.write("hosts.txt", format!("127.0.0.2:{}\n127.0.0.3:{}\n", ports[0], ports[1]));
    let ended =
        scratch.sh("flowbench replay log.csv --pipeline identity --hosts hosts.txt --process 0 --join-within 1s");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("no process 1 (127.0.0.3:{})", ports[1])), "{}", ended.stderr);
}

#[test]
fn another_log_on_another_machine_is_noticed() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 500 -o a.csv");
    scratch.ok("flowbench generate --profile tiny --events 500 --seed 2 -o b.csv");
    let ports = free_ports(2);
    scratch.write("hosts.txt", format!("127.0.0.2:{}\n127.0.0.3:{}\n", ports[0], ports[1]));
    let one = |log: &str, process: usize| {
        format!("flowbench replay {log} --pipeline identity --hosts hosts.txt --process {process}")
    };
    let line = format!("{} & other=$!; {}; echo $?; wait $other; echo $?", one("b.csv", 1), one("a.csv", 0));
    let ended = scratch.sh(&line);
    assert!(ended.stderr.contains("process 1 has read other events than process 0"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "1\n1\n", "{}", ended.stderr);
}

#[test]
fn a_process_that_stands_still_is_given_up() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 5000 -o log.csv; mkfifo 0.csv 1.csv");
    let ports = free_ports(2);
    scratch.write("hosts.txt", format!("127.0.0.2:{}\n127.0.0.3:{}\n", ports[0], ports[1]));
    let one = |process: usize, timeout: &str| {
        format!(
            "flowbench replay {process}.csv --pipeline sessions --hosts hosts.txt --process {process} \
             --peer-timeout {timeout}"
        )
    };
    // Process 1 has read its log and waits for process 0, which is given its own only when process 1 stands still.
    let line = format!(
        "{} & other=$!; {} & first=$!; cat log.csv > 1.csv; sleep 1; kill -STOP $other; cat log.csv > 0.csv; \
         wait $first; code=$?; kill -KILL $other; exit $code",
        one(1, "1min"),
        one(0, "1s")
    );
    scratch.fails(&line, 1, &[&format!("process 1 (127.0.0.3:{}) was silent for 1.", ports[1]), "--peer-timeout"]);
    let short = "flowbench replay log.csv --pipeline identity --processes 2 --peer-timeout 10ms";
    scratch.fails(short, 2, &["10ms is below 1s"]);
}

#[test]
fn quiet_may_be_said_twice_and_to_several_processes() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 500 -o log.csv");
    let alone = scratch.ok("flowbench replay -q -q log.csv --pipeline identity");
    assert_eq!(alone.stderr, "");
    for quiet in ["replay -q", "-q replay", "-q replay --quiet"] {
        let together = scratch.ok(&format!("flowbench {quiet} log.csv --pipeline identity --processes 2"));
        assert_eq!((together.stdout, together.stderr), (alone.stdout.clone(), String::new()), "{quiet}");
    }
}

#[test]
fn a_process_of_a_case_does_not_begin_without_its_parent() {
    let scratch = Scratch::new();
    for arguments in ["__case 4194305", "__peer 127.0.0.1:0 4194305"] {
        let ended = scratch.fails(&format!("flowbench {arguments} < /dev/null"), 1, &["4194305, has gone"]);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_machine_that_follows_says_why_a_case_failed() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.3:0").unwrap();
    let address = taken.local_addr().unwrap();
    scratch.write("hosts.txt", format!("127.0.0.2:{}\n{address}\n", free_ports(1)[0]));
    scratch.write("two.toml", experiment("pipeline = \"sessions\""));
    let cause = format!("FAILED: exit code 1: {address}: is in use; does another flowbench still run?");
    let line = "flowbench run ./two.toml --hosts hosts.txt --process 1 --join-within 1s";
    scratch.fails(line, 5, &[&cause, "took part in 0 of 1 cases"]);
}

#[test]
fn when_a_process_is_killed_the_case_ends_with_that_cause_and_all_its_processes() {
    let scratch = Scratch::new();
    // Worker 0 never comes back, so that there is time to kill.
    scratch.write("killed.toml", experiment("pipeline = \"sessions\"\nprocesses = 3\nfault = \"endless-loop@10\""));
    let kill = "sleep 0.2; for i in $(seq 200); do \
                    peers=$(pgrep -P $parent -f __peer); [ $(echo $peers | wc -w) = 3 ] && break; sleep 0.05; \
                done; sleep 2; kill -9 $(echo $peers | cut -d' ' -f2); wait $parent";
    let ended = scratch.sh(&format!("flowbench run ./killed.toml --out results & parent=$!; {kill}"));
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let case = &scratch.ndjson("results/cases.ndjson")[0];
    assert_eq!(case["status"]["outcome"], "failed");
    assert_eq!(case["status"]["cause"], "process 1: killed by signal 9", "{case:#}");
    assert_eq!(running_peers_of(&scratch), 0, "somebody has been left behind");
}

#[test]
fn a_panic_in_a_process_is_the_cause_and_its_words_are_kept() {
    let scratch = Scratch::new();
    let axes = "pipeline = \"sessions\"\nprocesses = 2\nfault = [\"panic@10\", \"drop-event@10\", \"wrong-answer@5\"]";
    scratch.write("panic.toml", experiment(axes));
    assert_eq!(scratch.sh("flowbench run ./panic.toml --out results").code, Some(5));
    let status = |fault: &str| -> Value {
        let cases = scratch.ndjson("results/cases.ndjson");
        cases.iter().find(|case| case["axes"]["fault"] == fault).unwrap()["status"].clone()
    };
    let panicked = status("panic@10");
    assert_eq!(panicked["cause"], "process 0: panic: planted panic after 10 messages");
    assert!(panicked["stderr_tail"].as_str().unwrap().contains("planted panic"), "{panicked:#}");
    assert_eq!(status("drop-event@10")["outcome"], "invalid");
    assert_eq!(status("wrong-answer@5")["outcome"], "invalid");
}

#[test]
fn what_cannot_be_run_in_processes_says_so() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 500 -o log.csv");
    for (arguments, words) in [
        ("--strategy shared --processes 2", "processes share no memory"),
        ("--strategy sequential --processes 2", "runs on exactly 1 worker"),
        ("--hosts nowhere.txt --process 0", "nowhere.txt"),
        ("--hosts nowhere.txt", "--process"),
    ] {
        let ended = scratch.sh(&format!("flowbench replay log.csv --pipeline sessions {arguments}"));
        assert!(
            ended.code == Some(2) && ended.stderr.contains(words),
            "{arguments}: {:?} {}",
            ended.code,
            ended.stderr
        );
    }
    let ended = scratch.sh("flowbench replay - --pipeline sessions --processes 2 < log.csv");
    assert!(ended.code == Some(2) && ended.stderr.contains("give the log as a file"), "{}", ended.stderr);
}

fn experiment(axes: &str) -> String {
    format!(
        "name = \"small\"\ntitle = \"t\"\nseed = 7\nrepeats = 1\ndeadline = \"30s\"\nmemory_cap_mib = 2048\n\
         [[part]]\nname = \"p\"\nquestion = \"?\"\ntrace = {{ profile = \"tiny\", events = 40000 }}\n[part.axes]\n{axes}\n"
    )
}

/// Ports that nobody listens at.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// Case processes that still run in the folder of the test.
fn running_peers_of(scratch: &Scratch) -> usize {
    let folder = fs::canonicalize(scratch.path(".")).unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ours = processes.filter(|process| {
        let cmdline = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let is_peer = String::from_utf8_lossy(&cmdline).contains("__peer");
        is_peer && fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder)
    });
    ours.count()
}

/// Each process takes cores beside those of the other; where there are not enough for all, nobody is bound, and the
/// case says so and goes on.
#[test]
fn processes_that_are_pinned_share_no_core_and_too_many_say_so() {
    let scratch = Scratch::new();
    scratch.write("pinned.toml", PINNED);
    let usable: usize = scratch.ok("nproc").stdout.trim().parse().unwrap();
    scratch.ok("flowbench run ./pinned.toml --out pinned && flowbench run ./pinned.toml --out free --set pin=false");
    for case in scratch.ndjson("pinned/cases.ndjson") {
        let workers = case["numbers"]["sharing"]["workers"].as_array().unwrap();
        let cores: BTreeSet<u64> = workers.iter().filter_map(|worker| worker["core"].as_u64()).collect();
        let is_bound = workers.len() <= usable;
        assert_eq!(cores.len(), if is_bound { workers.len() } else { 0 }, "{case:#}");
        let is_said = case["doubts"].as_array().unwrap().iter().any(|doubt| doubt["code"] == "not-pinned");
        assert_eq!(is_said, !is_bound, "{case:#}");
    }
    // Answers and traces are those of free workers, and of these nothing is recorded.
    let exact = |case: &Value| (case["numbers"]["accuracy"].clone(), case["numbers"]["trace_digest"].clone());
    let of = |dir: &str| scratch.ndjson(&format!("{dir}/cases.ndjson")).iter().map(exact).collect::<Vec<_>>();
    assert_eq!(of("pinned"), of("free"));
    let free = scratch.text("free/cases.ndjson");
    assert!(!free.contains("\"core\"") && !free.contains("not-pinned"));
}

const PINNED: &str = r#"
name = "pinned"
title = "Who runs where?"
repeats = 1
pin = true

[[part]]
name = "where"
question = "Where?"
trace = { profile = "tiny", events = 500 }
axes = { pipeline = "sessions", processes = 2, workers = [1, 8] }
"#;

//! Planted faults: what goes wrong in a case is noticed, recorded with its cause, and does not stop the other cases.

use serde_json::Value;

use flowbench_pipelines::{Registry, RunConfig, Strategy};

use crate::command::Scratch;

/// A pipeline without state and one with.
const PIPELINES: [&str; 2] = ["identity", "dispatched-today"];

/// Returns the strategies that run on a single worker.
fn on_one_worker() -> Vec<&'static str> {
    Strategy::ALL.into_iter().filter(|strategy| strategy.allowed_workers(1).is_none()).map(Strategy::name).collect()
}

#[test]
fn a_wrong_answer_a_lost_event_and_a_doubled_event_make_a_case_invalid() {
    let scratch = Scratch::new();
    scratch.write(
        "wrong.toml",
        experiment(&format!(
            "trace = {{ profile = \"tiny\", events = 3000 }}\n[part.axes]\npipeline = {PIPELINES:?}\nstrategy = {:?}\n\
             fault = [\"none\", \"wrong-answer@0\", \"drop-event@0\", \"duplicate-event@0\"]\n",
            on_one_worker()
        )),
    );
    let ended = scratch.sh("flowbench run ./wrong.toml --out results");
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let cases = scratch.ndjson("results/cases.ndjson");
    let served = PIPELINES.into_iter().flat_map(|name| Strategy::ALL.map(|strategy| (name, strategy)));
    let served = served.filter(|(name, strategy)| {
        let reason = Registry::default().find(name).unwrap().unsupported_reason(&RunConfig::plain(*strategy));
        reason.is_none() && on_one_worker().contains(&strategy.name())
    });
    assert_eq!(cases.len(), served.count() * 4);
    for case in &cases {
        if case["axes"]["fault"].is_null() {
            assert_eq!(outcome(case), "ok", "{case:#}");
            continue;
        }
        assert_eq!(outcome(case), "invalid", "{case:#}");
        assert!(case["numbers"].is_null(), "wrong answers have no numbers: {case:#}");
        assert!(cause(case).contains("the answers are wrong"), "{case:#}");
    }
    assert!(ended.stderr.contains("INVALID"), "{}", ended.stderr);
}

#[test]
fn the_cause_of_an_invalid_case_names_what_is_missing_and_what_is_too_much() {
    let scratch = Scratch::new();
    let part = "trace = { profile = \"tiny\", events = 3000 }\n[part.axes]\npipeline = \"identity\"\n";
    scratch.write("wrong.toml", experiment(part));
    let cause_of = |fault: &str| {
        scratch.sh(&format!("flowbench run ./wrong.toml --set p.fault={fault} --out {fault}"));
        cause(&scratch.ndjson(&format!("{fault}/cases.ndjson"))[0]).to_owned()
    };
    assert!(cause_of("drop-event@0").contains("1 missing, such as 20"));
    assert!(cause_of("duplicate-event@0").contains("1 too many"));
    let wrong = cause_of("wrong-answer@0");
    assert!(wrong.contains("1 missing") && wrong.contains("1 too many"), "{wrong}");
}

#[test]
fn a_panic_an_endless_loop_and_a_memory_hog_are_killed_and_the_other_cases_finish() {
    let scratch = Scratch::new();
    scratch.write(
        "fatal.toml",
        experiment(
            r#"
trace = { profile = "tiny", events = 3000 }
[part.axes]
pipeline = "lifetime-value"
workers = 2
fault = ["none", "panic@0", "endless-loop@0", "memory-hog@0"]
deduplicate = [false, true]
"#,
        ),
    );
    let ended = scratch.sh("flowbench run ./fatal.toml --set deadline=5s --set memory_cap_mib=300 --out results");
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), 8);
    for case in &cases {
        let Some(fault) = case["axes"]["fault"].as_str() else {
            assert_eq!(outcome(case), "ok", "{case:#}");
            continue;
        };
        assert_eq!(outcome(case), "failed", "{case:#}");
        assert!(case["numbers"].is_null(), "{case:#}");
        let stderr_tail = case["status"]["stderr_tail"].as_str().unwrap();
        match fault {
            "panic@0" => {
                assert!(cause(case).starts_with("panic: planted panic after "), "{case:#}");
                assert!(stderr_tail.contains("planted panic"), "{stderr_tail}");
            }
            "endless-loop@0" => assert!(cause(case).starts_with("deadline"), "{case:#}"),
            _ => assert!(cause(case).starts_with("memory cap"), "{case:#}"),
        }
        assert!(ended.stderr.contains(&format!("FAILED: {}", cause(case))), "{}", ended.stderr);
    }
    let table = scratch.text("results/cases.csv");
    assert_eq!(table.lines().filter(|row| row.contains(",failed,")).count(), 6, "{table}");
    assert!(scratch.text("results/report.html").contains("memory cap"));
}

#[test]
fn a_single_worker_that_panics_is_recorded_for_every_strategy() {
    let scratch = Scratch::new();
    let strategies = on_one_worker();
    let part = format!(
        "trace = {{ profile = \"tiny\", events = 3000 }}\n[part.axes]\npipeline = \"sessions\"\nfault = \"panic@5\"\n\
         strategy = {strategies:?}\n"
    );
    scratch.write("panic.toml", experiment(&part));
    // A backtrace is longer than what is kept of a standard error.
    assert_eq!(scratch.sh("RUST_BACKTRACE=full flowbench run ./panic.toml --out results").code, Some(5));
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), strategies.len());
    for case in &cases {
        assert_eq!(cause(case), "panic: planted panic after 5 messages", "{case:#}");
        let stderr_tail = case["status"]["stderr_tail"].as_str().unwrap();
        assert!(stderr_tail.contains("planted panic after 5 messages"), "{stderr_tail}");
    }
}

#[test]
fn a_fault_that_never_struck_makes_its_case_invalid_and_says_what_to_do() {
    let scratch = Scratch::new();
    let part = "trace = { profile = \"tiny\", events = 3000 }\n[part.axes]\npipeline = \"lifetime-value\"\n\
                processes = [1, 2]\nfault = [\"stall:1ms@0\", \"stall:1ms@900000\", \"wrong-answer@900000\", \
                \"drop-event@900000\", \"panic@900000\", \"endless-loop@900000\"]\n";
    scratch.write("never.toml", experiment(part));
    let ended = scratch.sh("flowbench run ./never.toml --out results");
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let cases = scratch.ndjson("results/cases.ndjson");
    assert_eq!(cases.len(), 12);
    for case in &cases {
        if case["axes"]["fault"] == "stall:1ms@0" {
            assert_eq!(outcome(case), "ok", "{case:#}");
            continue;
        }
        assert_eq!(outcome(case), "invalid", "{case:#}");
        assert!(case["numbers"].is_null(), "{case:#}");
        assert!(cause(case).contains("never struck: it strikes after 900000 "), "{case:#}");
        assert!(cause(case).contains("put a lower number behind @"), "{case:#}");
        assert!(ended.stderr.contains(&format!("INVALID: {}", cause(case))), "{}", ended.stderr);
        assert!(told.contains(cause(case)), "{}", ended.stdout);
    }
}

#[test]
fn a_stall_shows_in_the_latency_of_every_event_due_during_it_and_a_closed_loop_hides_it() {
    let scratch = Scratch::new();
    scratch.write(
        "stall.toml",
        experiment(
            r#"
trace = { profile = "calm", events = 20000 }
duration = "1s"
[part.axes]
pipeline = "identity"
fault = "stall:500ms@5000"
records_per_epoch = 8
rate = ["closed", 20000]
"#,
        ),
    );
    scratch.ok("flowbench run ./stall.toml --out results");
    let cases = scratch.ndjson("results/cases.ndjson");
    let latency_ms = |load: &str, quantile: &str| {
        let case = cases.iter().find(|case| case["axes"]["load"] == load).unwrap();
        case["numbers"]["latency"][quantile].as_u64().unwrap() / 1_000_000
    };
    // Half of the events are due while the operator stands still, and wait for what is left of 500 ms: one in ten of
    // all for more than 400 ms, one in a hundred for more than 490 ms.
    assert!(latency_ms("open", "p90_ns") >= 380, "{cases:#?}");
    assert!(latency_ms("open", "p99_ns") >= 470, "{cases:#?}");
    // The closed loop offers nothing meanwhile: a few epochs notice, and the p99 knows nothing of them.
    assert!(latency_ms("closed", "max_ns") >= 480, "{cases:#?}");
    assert!(latency_ms("closed", "p99_ns") < latency_ms("closed", "max_ns") / 2, "{cases:#?}");
}

#[test]
fn never_is_growing_and_frontier_is_bounded_on_the_same_trace() {
    let scratch = Scratch::new();
    scratch.write("memory.toml", experiment(STEADY));
    scratch.ok("flowbench run ./memory.toml --set repeats=3 --out results");
    let cases = scratch.ndjson("results/cases.ndjson");
    let verdicts = |eviction: &str| -> Vec<&str> {
        let of_it = cases.iter().filter(|case| case["axes"]["eviction"] == eviction);
        of_it.map(|case| case["numbers"]["memory"]["growth"]["verdict"].as_str().unwrap()).collect()
    };
    assert_eq!(verdicts("never"), ["growing"; 3]);
    // On a machine that is busy otherwise, one repeat or another may be inconclusive; none may grow.
    let frontier = verdicts("frontier");
    assert!(frontier.contains(&"bounded") && !frontier.contains(&"growing"), "{frontier:?}");
}

#[test]
fn what_is_never_forgotten_takes_room_to_the_end_and_at_least_its_payload() {
    let scratch = Scratch::new();
    scratch.write("memory.toml", experiment(STEADY));
    scratch.ok("flowbench run ./memory.toml --set p.eviction=never --set p.rate=closed --out results");
    let memory = &scratch.ndjson("results/cases.ndjson")[0]["numbers"]["memory"];
    assert_eq!(memory["entries_residual"], memory["entries_peak"]);
    let bytes = |key: &str| memory[key].as_f64().unwrap();
    assert!(bytes("bytes_per_entry") >= bytes("payload_bytes_per_entry"), "{memory:#}");
    let least = bytes("entries_residual") * bytes("payload_bytes_per_entry");
    assert!(bytes("live_bytes_residual") >= least, "{memory:#}");
}

/// A world in which everybody orders in their one and only visit, at an even pace: what is live after twelve hours
/// stays as much.
const STEADY: &str = r#"
trace = { profile = "calm", events = 400000, set = [
  "arrivals.day_rhythm=0", "arrivals.week_rhythm=0", "campaigns.factor=1", "customers.new_customer_share=1",
  "visits.pages_mean=1", "downloads.share=0", "reviews.share=0", "loyalty.return_share=0",
  "conversion.base_share=1", "conversion.half_at=1min", "conversion.same_visit_share=1"] }
duration = "2s"
[part.axes]
pipeline = "repeat-high-value"
settings = ["threshold=0", "window=12h"]
eviction = ["never", "frontier"]
rate = 200000
records_per_epoch = 64
"#;

/// An experiment of one part `p`, told without name and question.
fn experiment(part: &str) -> String {
    format!(
        "name = \"faults\"\ntitle = \"planted faults\"\nseed = 1\nrepeats = 1\ndeadline = \"60s\"\n\
         memory_cap_mib = 4096\n[[part]]\nname = \"p\"\nquestion = \"Is it noticed?\"\n{part}"
    )
}

fn outcome(case: &Value) -> &str {
    case["status"]["outcome"].as_str().unwrap()
}

fn cause(case: &Value) -> &str {
    case["status"]["cause"].as_str().unwrap_or_default()
}

//! What cannot be: every error has its exit code and names the thing, the place and the likely fix. Nothing panics,
//! nothing is lost in silence.

use std::fs;

use crate::command::{Scratch, repository};

const HEADER: &str = "event_id,kind,event_time,customer,value\n";
const GOOD: &str = "1,order_placed,2026-01-05T08:00:00.000Z,ann,10\n";
const REPLAY: &str = "flowbench replay log.csv --pipeline identity -o answers.csv";

#[test]
fn a_mapping_that_is_no_text_is_a_bad_mapping() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 50 -o log.csv");
    scratch.write("map.toml", b"time = { column = \"caf\xe9\" }\n");
    for command in ["inspect", "replay --pipeline identity"] {
        scratch.fails(&format!("flowbench {command} log.csv --map map.toml"), 2, &["map.toml"]);
        scratch.fails(&format!("flowbench {command} log.csv --map nowhere.toml"), 1, &["nowhere.toml"]);
    }
}

#[test]
fn an_unknown_key_in_an_experiment_is_named_with_its_line_and_a_suggestion() {
    let scratch = Scratch::new();
    for (wrong, line, suggestion) in [
        (EXPERIMENT.replace("repeats = 1", "repeat = 1"), "my.toml:4:", "did you mean 'repeats'?"),
        (EXPERIMENT.replace("events = 1000", "event = 1000"), "my.toml:10:", "did you mean 'events'?"),
        (EXPERIMENT.replace("workers = 1", "worker = 1"), "my.toml:13:", "did you mean 'workers'?"),
        (EXPERIMENT.replace("name = \"part\"", "nam = \"part\""), "my.toml:8:", "did you mean 'name'?"),
    ] {
        scratch.write("my.toml", &wrong);
        scratch.fails("flowbench run ./my.toml --out results", 2, &["my.toml", line, suggestion]);
        assert!(!scratch.path("results").exists());
    }
}

#[test]
fn an_impossible_value_in_an_experiment_is_named_with_its_line_and_range() {
    let scratch = Scratch::new();
    for (right, wrong, words) in [
        ("repeats = 1", "repeats = 0", ["my.toml:4:", "repeats", "1 to 1000"]),
        ("workers = 1", "workers = 65", ["my.toml:13:", "workers", "1 to 64"]),
        ("workers = 1", "rate = 0", ["my.toml:13:", "rate", "1 to 1000000000"]),
        ("workers = 1", "rate = [5, -5]", ["my.toml:13:", "rate", "1 to 1000000000"]),
        ("workers = 1", "records_per_epoch = 0", ["my.toml:13:", "records_per_epoch", "1 to 1000000"]),
        ("events = 1000", "events = 0", ["my.toml:10:", "events = 0", "1 to"]),
        ("workers = 1", "slack = \"soon\"", ["my.toml:13:", "slack", "write it like"]),
        ("workers = 1", "fault = \"explode\"", ["my.toml:13:", "fault", "endless-loop"]),
        ("workers = 1", "strategy = \"exchnge\"", ["my.toml:13:", "exchnge", "did you mean 'exchange'?"]),
        ("identity", "identty", ["my.toml:12:", "identty", "did you mean 'identity'?"]),
        ("tiny", "tny", ["part 'part'", "tny", "did you mean 'tiny'?"]),
    ] {
        scratch.write("my.toml", EXPERIMENT.replace(right, wrong));
        scratch.fails("flowbench run ./my.toml --out results", 2, &words);
        assert!(!scratch.path("results").exists(), "{wrong}");
    }
}

#[test]
fn a_case_that_is_given_no_time_or_no_memory_is_impossible() {
    let scratch = Scratch::new();
    scratch.write("my.toml", EXPERIMENT.replace("workers = 1", "rate = 1000"));
    for (wrong, key) in [
        ("deadline=0s", "deadline"),
        ("memory_cap_mib=0", "memory_cap_mib"),
        ("part.duration=0s", "duration"),
        ("part.warmup=1s", "warmup"), // as long as the run: nothing would be recorded
    ] {
        scratch.fails(&format!("flowbench run ./my.toml --set {wrong} --out results"), 2, &[key]);
        assert!(!scratch.path("results").exists(), "{wrong}");
    }
}

#[test]
fn half_a_worker_and_half_a_record_are_impossible_not_rounded() {
    let scratch = Scratch::new();
    scratch.write("my.toml", EXPERIMENT);
    for key in ["workers", "records_per_epoch"] {
        scratch.fails(&format!("flowbench run ./my.toml --set part.{key}=1.5 --out results"), 2, &[key, "1.5"]);
    }
}

#[test]
fn impossible_settings_of_an_experiment_name_what_there_is() {
    let scratch = Scratch::new();
    scratch.write("my.toml", EXPERIMENT);
    for (setting, word) in [
        ("repaets=2", "did you mean 'repeats'?"),
        ("nopart.workers=2", "did you mean 'part'?"),
        ("part.wrkers=2", "did you mean 'workers'?"),
        ("seed", "KEY=VALUE"),
        ("part.settings=[\"treshold=5\"]", "identity"),
    ] {
        scratch.fails(&format!("flowbench run ./my.toml --set '{setting}' --out results"), 2, &[word]);
    }
}

#[test]
fn a_missing_file_is_named_with_its_neighbour() {
    let scratch = Scratch::new();
    scratch.write("orders.csv", HEADER);
    let words = ["order.csv", "there is no such file", "did you mean 'orders.csv'?"];
    scratch.fails("flowbench replay order.csv --pipeline identity", 1, &words);
    scratch.fails("flowbench inspect order.csv", 1, &words);
    scratch.fails("flowbench replay orders.csv --map m.toml --pipeline identity", 1, &["m.toml", "no such file"]);
    scratch.fails("flowbench replay no/log.csv --pipeline identity", 1, &["no/log.csv", "'no'"]);
    scratch.fails("flowbench run ./mine.toml", 2, &["./mine.toml"]);
    scratch.fails("flowbench generate --profile ./mine.toml", 2, &["./mine.toml"]);
    scratch.fails("flowbench report nowhere", 1, &["nowhere"]);
}

#[test]
fn an_unreadable_cell_is_rejected_by_line_and_column() {
    for (row, place, content) in [
        ("2,order_placed,2026-13-05T08:00:00.000Z,ann,10\n", "3,event_time,", "2026-13-05"),
        ("2,order_plcaed,2026-01-05T08:00:00.000Z,ann,10\n", "3,kind,", "did you mean 'order_placed'?"),
        ("2,order_placed,2026-01-05T08:00:00.000Z,ann,ten\n", "3,value,", "ten"),
    ] {
        let rejects = rejected(format!("{HEADER}{GOOD}{row}"));
        assert!(rejects.len() == 1 && rejects[0].starts_with(place) && rejects[0].contains(content), "{rejects:?}");
    }
}

#[test]
fn a_value_of_more_than_three_decimals_or_that_does_not_fit_is_rejected_never_rounded() {
    let row = |value: &str| format!("2,order_placed,2026-01-05T08:00:00.000Z,ann,{value}\n");
    for value in ["1.2345", "99999999999999999999", "1e-4", "NaN", "--5"] {
        let rejects = rejected(format!("{HEADER}{GOOD}{}", row(value)));
        assert!(rejects.len() == 1 && rejects[0].starts_with("3,value,"), "{value}: {rejects:?}");
    }
}

#[test]
fn an_empty_log_is_an_error_that_shows_the_header_wanted() {
    let scratch = Scratch::new();
    scratch.write("log.csv", "");
    scratch.fails(REPLAY, 1, &["log.csv is empty", "event_id,kind,event_time"]);
    scratch.fails("flowbench inspect log.csv", 1, &["log.csv is empty"]);
    scratch.fails("flowbench replay - --pipeline identity < log.csv", 1, &["standard input is empty"]);
}

#[test]
fn a_header_alone_is_a_log_without_events() {
    let scratch = Scratch::new();
    scratch.write("log.csv", HEADER);
    for way in ["--strategy sequential", "--workers 1", "--workers 4"] {
        for pipeline in ["identity", "repeat-high-value", "dispatched-today"] {
            let ended = scratch.ok(&format!("flowbench replay log.csv --pipeline {pipeline} {way}"));
            assert_eq!(ended.answers(), Vec::<&str>::new());
            assert!(ended.stderr.contains("0 rows: 0 events"), "{}", ended.stderr);
        }
    }
    assert_eq!(scratch.ok("flowbench inspect log.csv --json").json()["events"], 0);
    scratch.ok("flowbench inspect log.csv");
}

#[test]
fn a_row_cut_off_is_rejected_and_the_rows_before_it_count() {
    let rejects = rejected(format!("{HEADER}{GOOD}2,order_placed,2026-01-05T0"));
    assert_eq!(rejects, ["3,,\"the row has 3 fields, the header 5\""]);
}

#[test]
fn a_compressed_log_cut_off_is_an_error() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 5000 -o whole.csv.gz -q");
    scratch.ok("head -c 20000 whole.csv.gz > cut.csv.gz");
    let line = "flowbench replay cut.csv.gz --pipeline identity";
    scratch.fails(line, 1, &["cut.csv.gz", "is the file complete?"]);
}

#[test]
fn bytes_that_are_not_utf8_are_rejected_by_line_and_column() {
    let mut log = format!("{HEADER}{GOOD}").into_bytes();
    log.extend_from_slice(b"2,order_placed,2026-01-05T08:00:00.000Z,\xff\xfe,10\n");
    log.extend_from_slice(GOOD.replace("1,", "3,").as_bytes());
    let rejects = rejected(log);
    assert_eq!(rejects, ["3,customer,the field is not UTF-8"]);
}

#[test]
fn nul_bytes_are_rejected_by_line_and_column() {
    let rejects = rejected(format!("{HEADER}{GOOD}2,order_placed,2026-01-05T08:00:00.000Z,a\0n,10\n"));
    assert_eq!(rejects, ["3,customer,the field holds a NUL byte"]);
}

#[test]
fn a_field_of_10_mb_is_rejected_by_line_and_column() {
    let long = "x".repeat(10_000_000);
    let rejects = rejected(format!("{HEADER}2,order_placed,2026-01-05T08:00:00.000Z,{long},10\n{GOOD}"));
    assert_eq!(rejects, ["2,customer,\"the field has 10000000 bytes, more than 1 MiB\""]);
}

#[test]
fn an_unreadable_line_of_json_is_rejected_by_line() {
    let scratch = Scratch::new();
    scratch.write(
        "log.jsonl",
        "{\"event_id\":\"1\",\"kind\":\"page_viewed\",\"event_time\":\"2026-01-05T08:00:00.000Z\"}\n\
         {\"event_id\":\"2\",\"kind\":\"page_v\n",
    );
    let ended = scratch.ok("flowbench replay log.jsonl --pipeline identity -o answers.csv");
    assert!(ended.stderr.contains("2 rows: 1 events, 0 skipped, 1 rejected"), "{}", ended.stderr);
    assert!(scratch.text("answers.rejects.csv").lines().nth(1).unwrap().starts_with("2,"));
}

#[test]
fn a_column_that_a_mapping_asks_for_and_the_log_lacks_is_an_error_that_lists_the_columns() {
    let scratch = Scratch::new();
    scratch.write("log.csv", fs::read(repository("tests/data/online_retail_excerpt.csv")).unwrap());
    let mapping = fs::read_to_string(repository("tests/data/online_retail.toml")).unwrap();
    scratch.write("map.toml", mapping.replace("column = \"customer_id\"", "column = \"customer_no\""));
    let words = [
        "log.csv",
        "there is no column 'customer_no'",
        "event_time, event_type, customer_id, order_id, value, currency, country_or_state, extra",
        "map.toml, line 4",
    ];
    scratch.fails("flowbench replay log.csv --map map.toml --pipeline identity", 1, &words);
}

#[test]
fn a_log_with_columns_of_its_own_asks_for_a_mapping() {
    let scratch = Scratch::new();
    scratch.write("log.csv", fs::read(repository("tests/data/online_retail_excerpt.csv")).unwrap());
    scratch.fails(REPLAY, 1, &["log.csv", "there is no column 'kind'", "event_type", "mapping"]);
}

#[test]
fn a_mapping_that_cannot_be_names_the_line_and_the_fix() {
    let scratch = Scratch::new();
    scratch.write("log.csv", format!("{HEADER}{GOOD}"));
    let right = "time = { column = \"event_time\" }\nkind = { column = \"kind\" }\n";
    for (more, word) in [
        ("custmer = { column = \"customer\" }\n", "did you mean 'customer'?"),
        ("customer = { colum = \"customer\" }\n", "did you mean 'column'?"),
        ("customer = { column = \"customer\", pattern = \"(\" }\n", "pattern"),
        ("customer = \"customer\"\n", "customer = { column"),
    ] {
        scratch.write("map.toml", format!("{right}{more}"));
        scratch.fails(&format!("{REPLAY} --map map.toml"), 2, &["map.toml:3:", word]);
    }
    scratch.write("map.toml", "time = { column = \"event_time\" }\n");
    scratch.fails(&format!("{REPLAY} --map map.toml"), 2, &["map.toml", "kind"]);
    scratch.write("map.toml", "tme = { column = \"event_time\" }\nkind = { colum = \"kind\" }\ndecimal = \";\"\n");
    let all = ["map.toml:1:1", "map.toml:2:10", "map.toml:3:11", "the field 'time' is missing", "4 problems"];
    scratch.fails(&format!("{REPLAY} --map map.toml"), 2, &all);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_with_their_lines_and_what_would_be_right() {
    let scratch = Scratch::new();
    let golden = repository("tests/golden/mistakes");
    scratch.write("mistakes.toml", fs::read(golden.join("mistakes.toml")).unwrap());
    let ended = scratch.fails("flowbench run ./mistakes.toml --out results", 2, &["14 problems, nothing was run"]);
    if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
        fs::write(golden.join("told.txt"), &ended.stderr).unwrap();
    }
    assert_eq!(ended.stderr, fs::read_to_string(golden.join("told.txt")).unwrap());
    assert!(!scratch.path("results").exists());
}

#[test]
fn a_folder_is_neither_a_log_nor_an_output() {
    let scratch = Scratch::new();
    scratch.write("log.csv", format!("{HEADER}{GOOD}"));
    fs::create_dir(scratch.path("folder")).unwrap();
    let words = ["folder", "is a folder", "name a file in it"];
    scratch.fails("flowbench replay folder --pipeline identity", 1, &words);
    scratch.fails("flowbench inspect folder", 1, &words);
    scratch.fails("flowbench replay log.csv --pipeline identity -o folder", 1, &words);
    scratch.fails("flowbench generate --events 10 -o folder", 1, &words);
    scratch.fails("flowbench generate --events 10 -o no/such/file.csv", 1, &["no/such", "does not exist"]);
}

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 20000 -o log.csv");
    let words = ["No space left on device", "free some space"];
    let named = ["/dev/full", words[0], words[1]];
    scratch.fails("flowbench generate --events 100k -o /dev/full", 1, &named);
    scratch.fails("flowbench replay log.csv --pipeline identity -o /dev/full", 1, &named);
    let named = ["standard output", words[0], words[1]];
    scratch.fails("flowbench generate --events 100k > /dev/full", 1, &named);
    scratch.fails("flowbench replay log.csv --pipeline identity > /dev/full", 1, &named);
    scratch.fails("flowbench inspect log.csv --json > /dev/full", 1, &named);
    scratch.fails("flowbench list > /dev/full", 1, &named);
}

#[test]
fn results_that_do_not_fit_on_the_disk_are_an_error() {
    let scratch = Scratch::new();
    scratch.write("my.toml", EXPERIMENT);
    // The limit is for whoever would read such a file: it has no end.
    let run =
        "ulimit -v 4000000; flowbench run ./my.toml --out results --set part.rate=500 --set part.duration=2s & run=$!";
    let full = "until [ -e results/run.json ]; do sleep 0.01; done; ln -s /dev/full results/timeline.csv; wait $run";
    let words = ["timeline.csv", "No space left on device", "continue with: flowbench run --resume results"];
    scratch.fails(&format!("{run}; {full}"), 1, &words);
    assert!(!scratch.path("results/cases.ndjson").exists(), "a case that is listed has all its data on disk");
}

#[test]
fn an_unwritable_results_folder_is_noticed_before_anything_is_measured() {
    let scratch = Scratch::new();
    scratch.write("my.toml", EXPERIMENT);
    scratch.write("file", "");
    for out in ["file", "file/results", "/proc/results"] {
        let ended = scratch.fails(&format!("flowbench run ./my.toml --out {out}"), 1, &[out]);
        assert!(!ended.stderr.contains("[1/1]") && !ended.stderr.contains("1 cases"), "{}", ended.stderr);
    }
    scratch.ok("flowbench run ./my.toml --out results");
    scratch.fails("flowbench run ./my.toml --out results", 1, &["results already holds a run", "resume it"]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_writer_quietly() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 30000 -o log.csv -q");
    for writer in [
        "flowbench generate -q --events 1M -o -",
        "flowbench generate -q --events 1M --format jsonl",
        "flowbench replay -q log.csv --pipeline identity",
        "flowbench replay -q log.csv --pipeline identity -o -",
    ] {
        let ended = scratch.ok(&format!("({writer}; echo exit code $? >&2) | head -n 1"));
        assert_eq!(ended.stdout.lines().count(), 1);
        assert_eq!(ended.stderr, "exit code 0\n", "{writer}");
    }
}

#[test]
fn unknown_names_get_a_suggestion() {
    let scratch = Scratch::new();
    scratch.write("log.csv", format!("{HEADER}{GOOD}"));
    for (line, words) in [
        ("flowbench replay log.csv --pipeline identty", ["identty", "did you mean 'identity'?"]),
        ("flowbench replay log.csv --pipeline zzz", ["zzz", "there are identity, export-review"]),
        ("flowbench replay log.csv --pipeline identity --strategy exchnge", ["exchnge", "did you mean 'exchange'?"]),
        ("flowbench replay log.csv --pipeline identity --order watermrk", ["watermrk", "did you mean 'watermark'?"]),
        ("flowbench replay log.csv --pipeline identity --eviction fronteer", ["fronteer", "did you mean 'frontier'?"]),
        (
            "flowbench replay log.csv --pipeline repeat-high-value --set treshold=1",
            ["treshold", "did you mean 'threshold'?"],
        ),
        ("flowbench generate --profile stromy", ["stromy", "did you mean 'stormy'?"]),
        (
            "flowbench generate --set transport.mobile.ofline_share=0.2",
            ["transport.mobile.ofline_share", "did you mean 'transport.mobile.offline_share'?"],
        ),
        ("flowbench run quikstart", ["quikstart", "did you mean 'quickstart'?"]),
        ("flowbench repaly log.csv", ["repaly", "replay"]),
        ("flowbench list pipelnes", ["pipelnes", "pipelines"]),
    ] {
        scratch.fails(line, 2, &words);
    }
}

#[test]
fn impossible_values_name_their_range_or_their_form() {
    let scratch = Scratch::new();
    scratch.write("log.csv", format!("{HEADER}{GOOD}"));
    let replay = "flowbench replay log.csv --pipeline repeat-high-value";
    for (line, words) in [
        (format!("{replay} --workers 0"), ["--workers", "1..=256"]),
        (format!("{replay} --workers two"), ["--workers", "two"]),
        (format!("{replay} --workers 2 --strategy sequential"), ["sequential", "exactly 1 worker"]),
        (format!("{replay} --slack soon"), ["--slack", "write it like 250ms"]),
        (format!("{replay} --set threshold=many"), ["threshold = 'many'", "plain decimal"]),
        (format!("{replay} --set count=0"), ["count = '0'", "1 to 1000000"]),
        (format!("{replay} --set window=0s"), ["window = '0s'", "from 1ms"]),
        (format!("{replay} --set threshold"), ["'threshold'", "KEY=VALUE"]),
        (format!("{replay} --set threshold=5 --set threshold=6"), ["threshold is set twice", "to '5' and to '6'"]),
        (
            "flowbench generate --set products.count=4 --set products.count=5".to_owned(),
            ["products.count is set twice", "to '4' and to '5'"],
        ),
        ("flowbench generate --set transport.mobile.offline_share=2".to_owned(), ["offline_share = 2", "0 to 1"]),
        ("flowbench generate --events many".to_owned(), ["--events", "500000, 500k or 2M"]),
        ("flowbench generate --threads 0".to_owned(), ["--threads", "1..=256"]),
        ("flowbench generate --events 5 --days 5".to_owned(), ["--events", "--days"]),
    ] {
        scratch.fails(&line, 2, &words);
    }
}

/// Lines are counted by the tests: keep them.
const EXPERIMENT: &str = r#"name = "mine"
title = "a small one"
seed = 1
repeats = 1
deadline = "60s"
memory_cap_mib = 4096
[[part]]
name = "part"
question = "Does it run?"
trace = { profile = "tiny", events = 1000 }
[part.axes]
pipeline = "identity"
workers = 1
"#;

/// The rejects of a log, its header left out. The one good row is answered, however bad the others are.
fn rejected(log: impl AsRef<[u8]>) -> Vec<String> {
    let scratch = Scratch::new();
    scratch.write("log.csv", log);
    scratch.ok(REPLAY);
    assert!(scratch.text("answers.csv").contains("2026-01-05T08:00:00.000Z,1\n"));
    scratch.text("answers.rejects.csv").lines().skip(1).map(str::to_owned).collect()
}

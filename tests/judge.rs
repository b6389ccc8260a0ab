//! `judge` says exact of answers that are, in whatever form, and finds each kind of planted mistake; `generate --truth`
//! writes what it judges by.

use flowbench_pipelines::catalogue;
use serde_json::Value;

use crate::command::{Ended, Scratch, repository};
use crate::sql::{INTERCHANGE, Question, in_duckdb, python};

/// A world with duplicates and disorder, in which every pipeline answers something.
const WORLD: &str = "flowbench generate -q --profile stormy --seed 5 --events 20000 --set arrivals.walks_per_day=400 \
                     --set customers.population=50 --set orders.value_median=2000 \
                     --set orders.dispatch_gap_median=40h";

/// A log of five customers, written so that each session is plain to see: one event arrives an hour late.
const LOG: &str = "event_id,kind,event_time,customer
1,page_viewed,2026-01-05T10:00:00.000Z,7
2,page_viewed,2026-01-05T10:10:00.000Z,7
3,page_viewed,2026-01-05T10:20:00.000Z,8
4,page_viewed,2026-01-05T11:30:00.000Z,9
5,page_viewed,2026-01-05T10:30:00.000Z,8
6,page_viewed,2026-01-05T12:00:00.000Z,7
";

/// What is due of it.
const ANSWERS: [&str; 4] = [
    "2026-01-05T10:10:00.000Z,7,2026-01-05T10:00:00.000Z,2026-01-05T10:10:00.000Z,2",
    "2026-01-05T10:30:00.000Z,8,2026-01-05T10:20:00.000Z,2026-01-05T10:30:00.000Z,2",
    "2026-01-05T11:30:00.000Z,9,2026-01-05T11:30:00.000Z,2026-01-05T11:30:00.000Z,1",
    "2026-01-05T12:00:00.000Z,7,2026-01-05T12:00:00.000Z,2026-01-05T12:00:00.000Z,1",
];
const HEADER: [&str; 5] = ["event_time", "customer", "start", "end", "events"];
const JUDGE: &str = "flowbench judge --trace log.csv --pipeline sessions";

/// The second one with another count.
fn wrong() -> String {
    format!("{}3", ANSWERS[1].strip_suffix('2').unwrap())
}

/// The third one for another customer.
fn spurious() -> String {
    ANSWERS[2].replace(",9,", ",11,")
}

/// A folder with the log.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("log.csv", LOG);
    scratch
}

/// Answers in CSV and in JSON Lines, where numbers are numbers.
fn formats(answers: &[&str]) -> [(&'static str, String); 2] {
    let objects = answers.iter().map(|answer| {
        let cell = |(name, cell): (&&str, &str)| match *name {
            "events" => format!("\"{name}\":{cell}"),
            _ => format!("\"{name}\":\"{cell}\""),
        };
        format!("{{{}}}\n", HEADER.iter().zip(answer.split(',')).map(cell).collect::<Vec<_>>().join(","))
    });
    let csv = format!("{}\n{}\n", HEADER.join(","), answers.join("\n"));
    [("answers.csv", csv), ("answers.jsonl", objects.collect())]
}

/// What judge finds in answers, in both formats: the first difference and the counts that are not 0.
fn found(answers: &[&str], options: &str) -> Vec<Value> {
    let scratch = scratch();
    let judged = formats(answers).map(|(name, content)| {
        scratch.write(name, content);
        let ended = scratch.sh(&format!("{JUDGE} {name} {options} --json"));
        assert_eq!(ended.code, Some(3), "{name}: {}", ended.stderr);
        ended.json()
    });
    for one in &judged {
        let counts =
            one["findings"].as_object().unwrap().iter().filter(|(name, count)| {
                !["verdict", "due", "given"].contains(&name.as_str()) && count.as_u64() != Some(0)
            });
        let counts: Vec<_> = counts.map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect();
        let told: Vec<&str> =
            one["differences"].as_array().unwrap().iter().map(|one| one["difference"].as_str().unwrap()).collect();
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), told.len() as u64, "{one:#}");
        assert_eq!(one["verdict"], "not-exact");
    }
    judged.into_iter().map(|one| one["differences"][0].clone()).collect()
}

#[test]
fn answers_of_replay_are_exact_for_every_pipeline() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    for pipeline in catalogue::CATALOGUE.iter().map(|pipeline| pipeline.name()) {
        for options in ["", "--slack 1min", "--deduplicate"] {
            scratch.ok(&format!("flowbench replay -q log.csv --pipeline {pipeline} {options} -o answers.csv"));
            let ended =
                scratch.ok(&format!("flowbench judge answers.csv --trace log.csv --pipeline {pipeline} {options}"));
            assert!(ended.stdout.starts_with("exact: "), "{pipeline} {options}: {}", ended.stdout);
        }
    }
}

#[test]
fn every_correction_of_speculative_leaves_exact_answers() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    for pipeline in ["sessions", "repeat-high-value", "lifetime-value", "trending-products"] {
        let replay = "flowbench replay -q log.csv --order speculative --slack 1h --changes";
        let judge = "flowbench judge - --trace log.csv --slack 1h --op change";
        let ended = scratch.ok(&format!("{replay} --pipeline {pipeline} | {judge} --pipeline {pipeline}"));
        assert!(ended.stdout.starts_with("exact: "), "{pipeline}: {}", ended.stdout);
    }
}

#[test]
fn a_missing_row_is_found() {
    for difference in found(&ANSWERS[1..], "") {
        assert_eq!((&difference["difference"], &difference["line"]), (&"missing".into(), &Value::Null));
        assert_eq!((&difference["due"]["customer"], &difference["due"]["events"]), (&"7".into(), &"2".into()));
    }
}

#[test]
fn a_row_that_comes_twice_is_found() {
    let answers = [&ANSWERS[..], &ANSWERS[1..2]].concat();
    for difference in found(&answers, "") {
        assert_eq!((&difference["difference"], &difference["given"]["customer"]), (&"duplicated".into(), &"8".into()));
    }
}

#[test]
fn a_wrong_value_is_found_with_the_right_one() {
    let wrong = wrong();
    let answers = [ANSWERS[0], &wrong, ANSWERS[2], ANSWERS[3]];
    let lines: Vec<Value> = found(&answers, "")
        .into_iter()
        .map(|difference| {
            assert_eq!(difference["difference"], "wrong");
            assert_eq!((&difference["given"]["events"], &difference["due"]["events"]), (&"3".into(), &"2".into()));
            difference["line"].clone()
        })
        .collect();
    assert_eq!(lines, [3, 2]);
}

#[test]
fn a_spurious_row_is_found() {
    let spurious = spurious();
    let answers = [&ANSWERS[..], &[spurious.as_str()]].concat();
    for difference in found(&answers, "") {
        assert_eq!((&difference["difference"], &difference["given"]["customer"]), (&"spurious".into(), &"11".into()));
    }
}

#[test]
fn an_answer_that_only_a_late_event_makes_true_is_late_but_answered() {
    for difference in found(&ANSWERS, "--slack 10min") {
        assert_eq!(difference["difference"], "late_but_answered");
        // It stands in place of the session without the late event.
        assert_eq!((&difference["given"]["events"], &difference["due"]["events"]), (&"2".into(), &"1".into()));
    }
    let scratch = scratch();
    scratch.ok("flowbench replay -q log.csv --pipeline sessions --slack 10min -o answers.csv");
    let judged = scratch.ok(&format!("{JUDGE} answers.csv --slack 10min --json")).json();
    assert_eq!((&judged["verdict"], &judged["against_truth"]["verdict"]), (&"exact".into(), &"not-exact".into()));
    assert_eq!(judged["against_truth"]["wrong"], 1);
}

#[test]
fn form_does_not_matter() {
    let scratch = scratch();
    let exact = |options: &str| {
        let ended = scratch.ok(&format!("{JUDGE} {options}"));
        assert!(ended.stdout.starts_with("exact: 4 answers of sessions due and given"), "{options}: {}", ended.stdout);
        ended
    };
    // Shuffled columns and rows, another separator, columns that are not asked for, names in another case.
    let shuffled = "EVENTS;\"end\";note;start;customer;event_time
1;2026-01-05 12:00:00;x;2026-01-05 12:00:00+00;7;2026-01-05T12:00:00Z
\"2\";2026-01-05 10:10:00;\"a;b\";2026-01-05T10:00:00;\"7\";2026-01-05T11:10:00+01:00
1.0;2026-01-05 11:30:00.000;;2026-01-05 11:30;9.0;2026-01-05 11:30:00 UTC
2;2026-01-05 10:30:00;;2026-01-05 10:20:00;8;2026-01-05 10:30:00\n";
    scratch.write("shuffled.csv", shuffled);
    let ended = exact("shuffled.csv");
    assert!(ended.stderr.contains("note: columns that are not compared: note"), "{}", ended.stderr);
    scratch.ok("gzip -k shuffled.csv");
    exact("- < shuffled.csv.gz");
    // Other names, times as counts, no header.
    scratch.write("counts.csv", "7,1767607800,1767607200,2\n8,1767609000,1767608400,2\n9,1767612600,1767612600,1\n7,1767614400.0,1767614400,1\n");
    let options = "--header user,until,start,n --columns user=customer,until=end,n=events --ignore event_time";
    exact(&format!("counts.csv {options} --time-format epoch_s"));
    // Objects within objects.
    let nested: String = formats(&ANSWERS)[1].1.lines().map(|line| format!("{{\"after\":{line}}}\n")).collect();
    scratch.write("nested.jsonl", nested);
    let paths: Vec<String> = HEADER.iter().map(|name| format!("after.{name}={name}")).collect();
    exact(&format!("nested.jsonl --columns {}", paths.join(",")));
    // Times of a zone, without saying so.
    let local = ["12:", "11:", "10:"].iter().fold(formats(&ANSWERS)[0].1.replace(".000Z", ""), |text, hour| {
        let later: u32 = hour[..2].parse::<u32>().unwrap() + 1;
        text.replace(&format!("T{hour}"), &format!(" {later}:"))
    });
    scratch.write("local.csv", local);
    exact("local.csv --timezone Europe/Berlin");
}

#[test]
fn a_changelog_is_reduced_to_what_is_left() {
    let scratch = scratch();
    let header = format!("op,{}\n", HEADER.join(","));
    let early = "2026-01-05T10:00:00Z,7,2026-01-05T10:00:00Z,2026-01-05T10:00:00Z,1";
    let log = |operations: [&str; 3]| {
        let first = format!("{},{early}\n{},{early}\n{},{}\n", operations[0], operations[1], operations[2], ANSWERS[0]);
        let others: String = ANSWERS[1..].iter().map(|answer| format!("{},{answer}\n", operations[0])).collect();
        format!("{header}{first}{others}")
    };
    for operations in [["+I", "-U", "+U"], ["+", "-", "+"], ["+1", "-1", "1"], ["insert", "delete", "insert"]] {
        scratch.write("changes.csv", log(operations));
        scratch.ok(&format!("{JUDGE} changes.csv --op op"));
        // Without the column, all of them are answers.
        let ended = scratch.fails(&format!("{JUDGE} changes.csv --json"), 3, &["--op"]);
        assert_eq!(ended.json()["findings"]["duplicated"], 2);
    }
    let upserts = log(["+I", "+I", "+U"]);
    scratch.write("changes.csv", upserts);
    scratch.ok(&format!("{JUDGE} changes.csv --op op")).stderr.find("the last one counts").unwrap();
    scratch.write("changes.csv", log(["+", "-", "+"]) + "-," + ANSWERS[1] + "\n-," + ANSWERS[1] + "\n");
    let judged = scratch.fails(&format!("{JUDGE} changes.csv --op op --json"), 3, &[]).json();
    assert_eq!((&judged["findings"]["missing"], &judged["findings"]["overdrawn"]), (&1.into(), &1.into()));
    scratch.write("changes.csv", log(["?", "-", "+"]));
    scratch.fails(&format!("{JUDGE} changes.csv --op op"), 3, &["line 2, column op: '?' is no operation; write +, -"]);
}

#[test]
fn ten_differences_are_shown_and_all_are_in_the_file() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    scratch.ok("flowbench replay -q log.csv --pipeline lifetime-value -o answers.csv");
    scratch.ok("sed -i -e '2,21d' -e '40s/.*/x,y/' -e '41s/^[^,]*/noon/' answers.csv");
    let line = "flowbench judge answers.csv --trace log.csv --pipeline lifetime-value --differences differences.csv";
    let ended = scratch.fails(
        line,
        3,
        &[
            "answers.csv, line 20: the row has 2 fields, the header 4",
            "answers.csv, line 21, column event_time: 'noon'",
        ],
    );
    assert!(ended.stdout.contains("the first 10 of 22 differences"), "{}", ended.stdout);
    assert!(ended.stdout.contains("the key of an answer: customer, orders"), "{}", ended.stdout);
    let shown = ended.stdout.lines().filter(|line| line.starts_with("  missing   ") && line.contains("Z,")).count();
    let differences = scratch.text("differences.csv");
    let count = |kind: &str| differences.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((shown, count("missing,"), count("unreadable,")), (10, 22, 2), "{differences}");
    let header = differences.lines().next().unwrap();
    assert!(
        header.starts_with("difference,line,given_event_time,given_customer,") && header.ends_with(",due_spent,reason")
    );
    let mut reader = csv::Reader::from_reader(differences.as_bytes());
    assert_eq!(reader.records().map(Result::unwrap).count(), 24);
}

#[test]
fn repeated_deliveries_that_explain_it_are_told() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    let judge = "flowbench judge answers.csv --trace log.csv --pipeline lifetime-value";
    scratch.ok("flowbench replay -q log.csv --pipeline lifetime-value --deduplicate -o answers.csv");
    scratch.fails(judge, 3, &["with --deduplicate, the answers are exact"]);
    scratch.ok("flowbench replay -q log.csv --pipeline lifetime-value -o answers.csv");
    scratch.fails(&format!("{judge} --deduplicate"), 3, &["without --deduplicate"]);
}

#[test]
fn what_cannot_be_judged_is_told_with_its_fix() {
    let scratch = scratch();
    scratch.write("answers.csv", "when,customer,start,end,events\n1,2,3,4,5\n");
    for (line, code, words) in [
        ("answers.csv --pipeline session", 2, &["did you mean 'sessions'?"][..]),
        (
            "answers.csv",
            1,
            &["there is no column 'event_time'", "columns: when, customer", "hint: --columns THEIRS=OURS"],
        ),
        ("answers.csv --columns when=time", 2, &["no column 'time'", "event_time"]),
        ("answers.csv --columns when", 2, &["write THEIRS=OURS"]),
        ("answers.csv --ignore event", 2, &["--ignore", "no column 'event'"]),
        ("answers.csv --ignore event_time,customer,start,end,events", 2, &["nothing is left to compare"]),
        (
            "answers.csv --columns when=event_time",
            1,
            &["no row is an answer", "line 2, column when: '1' is not a time", "--time-format"],
        ),
        ("answers.csv --time-format epoch", 2, &["--time-format", "epoch_s"]),
        ("answers.csv --timezone Berlin", 2, &["'Berlin' is not a time zone"]),
        ("answers.csv --set gap=long", 2, &["gap"]),
        ("answers.csv --differences log.csv", 2, &["the differences would replace the log"]),
        ("answers.csv --differences answers.csv", 2, &["the differences would replace the answers"]),
        ("none.csv", 1, &["none.csv: there is no such file"]),
    ] {
        let pipeline = if line.contains("--pipeline") { "" } else { "--pipeline sessions" };
        scratch.fails(&format!("flowbench judge --trace log.csv {pipeline} {line}"), code, words);
    }
    scratch.fails("flowbench judge - --trace - --pipeline sessions", 2, &["cannot be both the answers and the log"]);
}

#[test]
fn generate_writes_what_is_due_for_each_slack() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} --truth truth --truth-slack 1min,1h -o log.csv"));
    let same = |one: &str, replay: &str| {
        scratch.ok(&format!("flowbench replay -q log.csv {replay} -o replayed.csv && cmp replayed.csv {one}"));
    };
    for pipeline in catalogue::CATALOGUE.iter().map(|pipeline| pipeline.name()) {
        same(&format!("truth/{pipeline}.csv"), &format!("--pipeline {pipeline}"));
        same(&format!("truth/slack-1min/{pipeline}.csv"), &format!("--pipeline {pipeline} --slack 1min"));
    }
    let facts = scratch.json("truth/facts.json");
    let inspected = scratch.ok("flowbench inspect log.csv --json --slack 1h").json();
    assert_eq!((&facts["digest"], &facts["events"]), (&inspected["digest"], &inspected["events"]));
    let late = scratch.text("truth/slack-1h/late-events.csv");
    assert_eq!(late.lines().count() as u64 - 1, inspected["late"].as_u64().unwrap());
    assert!(late.lines().count() > 2, "{late}");
    // The line is that of the log.
    let first: Vec<&str> = late.lines().nth(1).unwrap().split(',').collect();
    let line: usize = first[0].parse().unwrap();
    let in_log: Vec<String> =
        scratch.text("log.csv").lines().nth(line - 1).unwrap().split(',').map(str::to_owned).collect();
    assert_eq!(in_log[..4], first[1..5]);
    scratch.fails(&format!("{WORLD} --truth truth -o other.csv"), 2, &["truth is there already", "name a new folder"]);
    scratch.fails(&format!("{WORLD} --truth new --truth-pipeline session"), 2, &["did you mean 'sessions'?"]);
    scratch.ok(&format!("{WORLD} --truth few --truth-pipeline sessions,funnel -o other.csv"));
    let files = scratch.ok("ls few").stdout;
    assert_eq!(files, "facts.json\nfunnel.csv\nsessions.csv\n");
}

#[test]
#[ignore = "needs python3, see .ci/run"]
fn judge_finds_a_script_of_plain_python_exact() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    let script = repository("crates/cli/examples/judge/sessions.py");
    let script = script.display();
    let judge = |log: &str| -> Ended {
        scratch.ok(&format!("python3 '{script}' {log} > answers.csv"));
        scratch.sh("flowbench judge answers.csv --trace log.csv --pipeline sessions")
    };
    let ended = judge("log.csv");
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.starts_with("exact: "), "{}", ended.stdout);
    // Of another log, it is not.
    scratch.ok("head -n 19000 log.csv > part.csv");
    assert_eq!(judge("part.csv").code, Some(3));
}

/// The reference SQL of every pipeline as DuckDB answers it.
#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn judge_finds_the_reference_queries_in_duckdb_exact() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{} -o log.csv", WORLD.replace("20000", "6000")));
    let questions: Vec<Question> =
        catalogue::CATALOGUE.iter().map(|pipeline| Question { pipeline: pipeline.name(), settings: "" }).collect();
    let answers = in_duckdb(&scratch, INTERCHANGE, &questions);
    for (question, answers) in questions.iter().zip(answers) {
        scratch.write("answers.csv", answers);
        let ended = scratch.ok(&format!("flowbench judge answers.csv --trace log.csv {}", question.options()));
        assert!(ended.stdout.starts_with("exact: "), "{}: {}", question.pipeline, ended.stdout);
    }
}

#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn judge_finds_the_worked_example_in_duckdb_exact() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    let query = std::fs::read_to_string(repository("crates/cli/examples/judge/sessions.sql")).unwrap();
    scratch.write("sessions.sql", query);
    let python = python();
    scratch.ok(&format!("'{python}' -c \"import duckdb; duckdb.connect().execute(open('sessions.sql').read())\""));
    let ended = scratch.ok("flowbench judge sessions.csv --trace log.csv --pipeline sessions");
    assert!(ended.stdout.starts_with("exact: "), "{}", ended.stdout);
}

#[test]
#[ignore = "needs a python3 with bytewax, see .ci/run"]
fn judge_finds_the_worked_example_in_bytewax_exact_until_it_stops_waiting() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    let script = std::fs::read_to_string(repository("crates/cli/examples/judge/sessions_bytewax.py")).unwrap();
    scratch.write("sessions_bytewax.py", script);
    let python = python();
    let judge = |wait: &str, options: &str| -> Ended {
        scratch.ok(&format!("LOG=log.csv ANSWERS=answers.csv {wait} '{python}' -m bytewax.run sessions_bytewax"));
        let header = "--header event_time,customer,start,end,events";
        scratch.sh(&format!("flowbench judge answers.csv --trace log.csv --pipeline sessions {header} {options}"))
    };
    let ended = judge("", "");
    assert!(ended.stdout.starts_with("exact: "), "{}{}", ended.stdout, ended.stderr);
    let ended = judge("WAIT=60", "--slack 1min");
    assert_eq!(ended.code, Some(3));
    assert!(ended.stdout.contains("late_but_answered"), "{}", ended.stdout);
}

/// Typed columns of a Parquet file, as DuckDB writes them: an exact one, and each planted mistake.
#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn judge_finds_planted_mistakes_in_parquet_of_duckdb() {
    let scratch = scratch();
    let wrong = wrong();
    let spurious = spurious();
    let cases: [(&str, Vec<&str>, &str); 6] = [
        ("exact", ANSWERS.to_vec(), ""),
        ("missing", ANSWERS[1..].to_vec(), ""),
        ("duplicated", [&ANSWERS[..], &ANSWERS[1..2]].concat(), ""),
        ("wrong", vec![ANSWERS[0], &wrong, ANSWERS[2], ANSWERS[3]], ""),
        ("spurious", [&ANSWERS[..], &[spurious.as_str()]].concat(), ""),
        ("late_but_answered", ANSWERS.to_vec(), "--slack 10min"),
    ];
    let mut script = String::from("import duckdb\nduckdb.execute(\"SET TimeZone = 'Asia/Kathmandu'\")\n");
    for (name, answers, _) in &cases {
        let [(_, csv), _] = formats(answers);
        scratch.write(&format!("{name}.csv"), csv);
        let types = "types={'event_time': 'TIMESTAMPTZ', 'start': 'TIMESTAMPTZ', 'end': 'TIMESTAMPTZ'}";
        script += &format!("duckdb.execute(\"COPY (FROM read_csv('{name}.csv', {types})) TO '{name}.parquet'\")\n");
    }
    scratch.write("convert.py", script);
    let python = python();
    scratch.ok(&format!("'{python}' convert.py"));
    for (name, _, options) in cases {
        let ended = scratch.sh(&format!("{JUDGE} {name}.parquet {options} --json"));
        let expected = if name == "exact" { Some(0) } else { Some(3) };
        assert_eq!(ended.code, expected, "{name}: {}{}", ended.stdout, ended.stderr);
        let first = ended.json()["differences"][0]["difference"].clone();
        assert_eq!(first, if name == "exact" { Value::Null } else { name.into() });
    }
}

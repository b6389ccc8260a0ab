//! Somebody's own log, measured: `bench`, a part of an experiment with a file for a trace, and `replay --stats`.

use serde_json::Value;

use crate::command::Scratch;

const MAP: &str = "time = { column = \"when\", format = \"%Y-%m-%d %H:%M:%S\" }\n\
                   kind = { column = \"what\", values = { order = \"order_placed\" } }\n\
                   customer = { column = \"who\" }\nvalue = { column = \"price\" }\n";

const QUESTION: &str = "--map map.toml --pipeline repeat-high-value --set threshold=20 --set count=2";

#[test]
fn bench_measures_every_strategy_and_gives_the_answers_of_replay() {
    let scratch = shop();
    let line = format!("flowbench bench shop.csv {QUESTION} --duration 500ms --workers 1,2 --out results");
    let ended = scratch.ok(&line);
    for word in
        ["shop.csv: 403 rows: 400 events, 1 skipped ('visit' 1), 2 rejected", "rejected: line 402", "skipped part"]
    {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    let cases = scratch.ndjson("results/cases.ndjson");
    let replayed = scratch.ok(&format!("flowbench replay shop.csv {QUESTION} --stats-json stats.json -o answers.csv"));
    assert_eq!(replayed.stdout, "");
    let stats = scratch.json("stats.json");
    assert!(stats["answers"].as_u64().unwrap() > 10, "{stats}");
    assert!(cases.len() > 20, "{} cases", cases.len());
    for case in &cases {
        assert_eq!(case["status"]["outcome"], "ok", "{case}");
        let numbers = &case["numbers"];
        assert_eq!(numbers["accuracy"]["digest"], stats["answers_digest"]);
        assert_eq!((&numbers["trace_digest"], &numbers["accuracy"]["missing"]), (&stats["trace_digest"], &0.into()));
    }
    let of_load = |load: &str| cases.iter().filter(|case| case["axes"]["load"] == load).count();
    assert_eq!((of_load("closed"), of_load("open-as-recorded")), (cases.len() / 2, cases.len() / 2));
    let log = &scratch.json("results/run.json")["traces"][0]["log"];
    assert_eq!((&log["file"], &log["rejected"], &log["skipped"]), (&"shop.csv".into(), &2.into(), &1.into()));
    assert!(scratch.text("results/report.html").contains("403 rows, 1 skipped and 2 rejected"));
}

#[test]
fn a_part_of_an_experiment_may_have_a_file_and_is_found_from_anywhere() {
    let scratch = shop();
    let text = "name = \"own\"\ntitle = \"own\"\nrepeats = 1\n[[part]]\nname = \"p\"\nquestion = \"?\"\n\
                trace = { file = \"../shop.csv\", map = \"../map.toml\" }\nduration = \"300ms\"\n[part.axes]\n\
                pipeline = \"sessions\"\nsettings = [\"on=any\"]\nrate = [\"closed\", \"as-recorded\", 2000]\n";
    std::fs::create_dir(scratch.path("mine")).unwrap();
    scratch.write("mine/own.toml", text);
    scratch.ok("flowbench run mine/own.toml --out results");
    let cases = scratch.ndjson("results/cases.ndjson");
    let digest = scratch.ok("flowbench inspect shop.csv --map map.toml --json").json()["digest"].clone();
    assert_eq!(cases.len(), 3);
    for case in &cases {
        assert_eq!((&case["axes"]["trace"], &case["numbers"]["trace_digest"]), (&"shop.csv".into(), &digest));
        assert_eq!(case["numbers"]["accuracy"]["dropped_as_late"], 0, "the slack loses nothing");
    }
    let resumed = scratch.ok("flowbench run --resume results").stderr;
    assert!(resumed.contains("report: ") && scratch.json("results/run.json")["folder"] == "mine", "{resumed}");
    let run = scratch.text("results/run.json");
    let folder = scratch.path("").display().to_string();
    assert!(!run.contains(folder.trim_end_matches('/')), "a path of this machine is recorded");
}

#[test]
fn what_cannot_be_measured_is_an_error_and_one_row_is_not() {
    let scratch = shop();
    scratch.write("none.csv", "when,what,who,price\n");
    scratch.write("one.csv", "when,what,who,price\n2026-01-05 08:00:00,order,a,30\n");
    let bench =
        |log: &str| format!("flowbench bench {log} {QUESTION} --strategies exchange --workers 1 --duration 100ms");
    scratch.fails(&format!("{} --out no", bench("none.csv")), 2, &["none.csv: nothing can be measured without events"]);
    scratch.fails(&format!("{} --out no", bench("nowhere.csv")), 2, &["nowhere.csv: there is no such file"]);
    scratch.fails(&format!("{} --out no < shop.csv", bench("-")), 2, &["it has to be a file"]);
    scratch.fails("flowbench bench shop.csv --pipeline sesions --out no", 2, &["did you mean 'sessions'"]);
    let wrong = format!("{} --set threshold=x --out no", bench("shop.csv").replace("--set threshold=20", ""));
    scratch.fails(&wrong, 2, &["bench: settings: pipeline 'repeat-high-value': threshold = 'x'"]);
    let too_many = ["shop.csv: 2 of 403 rows are bad, more than max_bad = 0.4% allows", "line 402", "line 403"];
    scratch.fails(&format!("{} --max-bad 0.4% --out no", bench("shop.csv")), 2, &too_many);
    assert!(!scratch.path("no").exists());
    scratch.ok(&format!("{} --max-bad 2 --out one", bench("one.csv")));
    let doubts = |case: &Value| case["doubts"].as_array().unwrap().iter().any(|doubt| doubt["code"] == "few-samples");
    let cases = scratch.ndjson("one/cases.ndjson");
    assert!(cases.len() == 2 && cases.iter().any(doubts), "{cases:?}");
}

#[test]
fn stats_are_beside_the_answers_and_do_not_change_them() {
    let scratch = shop();
    let replay = format!("flowbench replay shop.csv {QUESTION} --rejects none");
    let plain = scratch.ok(&replay);
    let ended = scratch.ok(&format!("{replay} --stats"));
    assert_eq!(ended.stdout, plain.stdout);
    for word in ["throughput", "events/s", "resident set, peak", "2 of 403, 1 skipped"] {
        assert!(ended.stderr.contains(word) && !plain.stderr.contains("throughput"), "{}", ended.stderr);
    }
    let json = scratch.ok(&format!("{replay} -o answers.csv --stats-json -")).json();
    assert_eq!((&json["events"], &json["rejected"], &json["dropped_as_late"]), (&400.into(), &2.into(), &0.into()));
    assert_eq!(scratch.text("answers.csv"), plain.stdout);
    let late = scratch.ok(&format!("{replay} -o answers.csv --stats-json - --slack 0s")).json();
    assert_eq!((&late["late"], &late["dropped_as_late"]), (&57.into(), &57.into()));
    scratch.fails(&format!("{replay} --stats-json -"), 2, &["--stats-json", "-o"]);
    scratch.fails(&format!("{replay} -o a.csv --stats-json shop.csv"), 2, &["would replace the log"]);
    scratch.fails(&format!("{replay} --stats --processes 2"), 2, &["--processes"]);
}

/// A shop with a log of 400 orders, of which every seventh comes a minute late, and its mapping.
fn shop() -> Scratch {
    let scratch = Scratch::new();
    let order = |number: i64| {
        let second = number * 20 - if number % 7 == 6 { 60 } else { 0 };
        let (day, second) = (5 + second / 86_400, second % 86_400);
        let time = format!("2026-01-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        format!("{time},order,c{},{}.50\n", number % 23, number * 7 % 90)
    };
    let rows: String = (0..400).map(order).collect();
    let rest = "yesterday,order,c1,1\nnonsense\n2026-01-05 09:00:00,visit,c1,\n";
    scratch.write("shop.csv", format!("when,what,who,price\n{rows}{rest}"));
    scratch.write("map.toml", MAP);
    scratch
}

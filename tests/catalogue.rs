//! What there is: `list`, `explain` and `doctor`.

use flowbench_generators::Profile;
use flowbench_harness::experiment::{SHIPPED, axis_catalogue};
use flowbench_measurement::doubt_kinds::DOUBTS;
use flowbench_measurement::metrics::METRICS;
use flowbench_measurement::record::FigureKind;
use flowbench_pipelines::{Eviction, OrderName, Registry, Strategy};
use flowbench_report::column_catalogue;
use serde_json::Value;

use crate::command::{Scratch, repository};

/// Each kind of `list` with the names it shows.
fn listed() -> [(&'static str, Vec<String>); 11] {
    let owned = |name: &str| name.to_owned();
    [
        ("pipelines", Registry::default().pipelines().map(|pipeline| pipeline.name().to_owned()).collect()),
        ("strategies", Strategy::ALL.map(|strategy| owned(strategy.name())).into()),
        ("orders", OrderName::ALL.map(|order| owned(order.name())).into()),
        ("evictions", Eviction::ALL.map(Eviction::form).into()),
        ("profiles", Profile::NAMES.map(owned).into()),
        ("experiments", SHIPPED.iter().map(|shipped| owned(shipped.name)).collect()),
        ("axes", axis_catalogue().iter().map(|axis| owned(axis.name)).collect()),
        ("figures", FigureKind::ALL.map(|kind| owned(kind.name())).into()),
        ("columns", column_catalogue().iter().map(|column| owned(column.name)).collect()),
        ("metrics", METRICS.map(|metric| owned(metric.column)).into()),
        ("doubts", DOUBTS.map(|doubt| owned(doubt.code)).into()),
    ]
}

#[test]
fn list_shows_everything_or_one_kind() {
    let scratch = Scratch::new();
    let everything = scratch.ok("flowbench list");
    assert_eq!(everything.stderr, "");
    for (kind, names) in listed() {
        let shown = scratch.ok(&format!("flowbench list {kind}")).stdout;
        assert!(everything.stdout.contains(&shown), "{kind} is missing in:\n{}", everything.stdout);
        for name in names {
            let mut lines = shown.lines().filter(|line| !line.starts_with("   "));
            let line = lines.find(|line| line.split_whitespace().next() == Some(&*name));
            let about = line.unwrap_or_else(|| panic!("{name} is missing in:\n{shown}")).trim().strip_prefix(&*name);
            assert!(about.unwrap().trim().len() > 10, "{name} says nothing about itself");
        }
    }
}

#[test]
fn list_shows_the_pipelines_in_the_files_of_a_folder() {
    let scratch = Scratch::new();
    scratch.ok(&format!("mkdir q && cp '{}'/s*.toml q", repository("experiments/pipelines").display()));
    scratch.write("q/experiment.toml", "title = 'not a pipeline'\n");
    scratch.write("q/broken.toml", "[[stage]]\nfilter = 'vaule > 5'\n[[stage]]\nemit = ['order']\n");
    let shown = scratch.ok("flowbench list ./q").stdout;
    assert!(shown.contains("./q/slow-pages.toml") && shown.contains("./q/sessions.toml"), "{shown}");
    assert!(shown.contains("cannot be used: ") && shown.contains("did you mean 'value'"), "{shown}");
    assert!(!shown.contains("experiment.toml"), "{shown}");
    let json = scratch.ok("flowbench list ./q --json").json();
    assert_eq!(json["pipelines"].as_array().unwrap().len(), 4);
    assert_eq!(json["pipelines"][1]["name"], "./q/sessions-with-orders.toml");
    scratch.ok("mkfifo q/pipe.toml");
    let shown = scratch.ok("flowbench list q").stdout;
    assert!(shown.contains("q/slow-pages.toml") && !shown.contains("pipe.toml"), "{shown}");
    scratch.ok("head -c 300000 /dev/zero > q/dump.sql");
    assert!(scratch.ok("flowbench list q").stdout.contains("larger than 256 KiB"));
    scratch.fails("flowbench list q/broken.toml", 2, &["q/broken.toml", "flowbench explain q/broken.toml"]);
    scratch.fails("flowbench list ./none", 1, &["./none", "cannot be read"]);
    scratch.fails("flowbench list pipeline", 2, &["pipelines"]);
}

#[test]
fn every_eviction_says_whether_it_is_exact_and_what_that_means() {
    let scratch = Scratch::new();
    let listed = scratch.ok("flowbench list evictions --json").json();
    for (eviction, entry) in Eviction::ALL.into_iter().zip(listed["evictions"].as_array().unwrap()) {
        assert_eq!((&entry["exact"], &entry["default"]), (&eviction.is_exact().into(), &eviction.to_string().into()));
        let explained = scratch.ok(&format!("flowbench explain {}", eviction.name())).stdout;
        let exact = if eviction.is_exact() { "exact       yes" } else { "exact       no: what it loses is measured" };
        assert!(explained.contains(exact), "{explained}");
        assert!(explained.contains(&format!("write       {}", eviction.form())), "{explained}");
        assert!(explained.lines().all(|line| line.len() <= 120) && explained.lines().count() >= 8, "{explained}");
    }
}

#[test]
fn list_as_json_names_the_same_things() {
    let scratch = Scratch::new();
    let everything = scratch.ok("flowbench list --json").json();
    for (kind, names) in listed() {
        let only = scratch.ok(&format!("flowbench list {kind} --json")).json();
        assert_eq!(only[kind], everything[kind]);
        let listed: Vec<&str> =
            everything[kind].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(names.iter().all(|name| listed.contains(&&**name)), "{kind}: {listed:?}");
    }
    let strategies = Strategy::ALL.map(Strategy::name);
    for pipeline in pipelines(&scratch) {
        let can_be = |strategy: &&str| {
            let served = pipeline["strategies"].as_array().unwrap().iter().any(|one| one == strategy);
            served != pipeline["gaps"][strategy].is_string()
        };
        assert!(strategies.iter().all(can_be), "served, or a reason why not: {pipeline:#}");
        let of_differential = pipeline["gaps"]["differential"].as_str();
        let goes_by_arrival = |reason: &str| reason.contains("stateless") || reason.contains("order of arrival");
        assert!(of_differential.is_none_or(goes_by_arrival), "{pipeline:#}");
    }
}

#[test]
fn the_matrix_has_a_mark_for_every_pipeline_and_strategy_and_a_reason_for_each_letter() {
    let scratch = Scratch::new();
    let shown = scratch.ok("flowbench list strategies").stdout;
    let (_, matrix) = shown.split_once("which strategy serves which pipeline").expect("a matrix below the list");
    let rows: Vec<&str> = matrix.lines().skip(1).collect();
    for pipeline in pipelines(&scratch) {
        let name = pipeline["name"].as_str().unwrap();
        let row = rows.iter().find(|row| row.split_whitespace().next() == Some(name)).expect(name);
        let marks: Vec<&str> = row.split_whitespace().skip(1).collect();
        assert_eq!(marks.len(), Strategy::ALL.len(), "{row}");
        assert_eq!(marks.iter().filter(|mark| **mark == "✓").count(), pipeline["strategies"].as_array().unwrap().len());
        for letter in marks.iter().filter(|mark| **mark != "✓") {
            let begin = format!("{letter}: ");
            let reason = rows.iter().find_map(|row| row.trim().strip_prefix(&begin)).expect(letter);
            assert!(pipeline["gaps"].as_object().unwrap().values().any(|reason| reason == reason), "{name}: {reason}");
        }
    }
}

#[test]
fn explain_tells_question_columns_parameters_state_sql_and_what_serves() {
    let scratch = Scratch::new();
    for pipeline in pipelines(&scratch) {
        let name = pipeline["name"].as_str().unwrap();
        let shown = scratch.ok(&format!("flowbench explain {name}")).stdout;
        assert!(shown.starts_with(&format!("{name}\n{}\n", pipeline["summary"].as_str().unwrap())), "{shown}");
        for word in [
            "\nanswers     event_time,",
            "\nstate       ",
            "\nedge cases  ",
            "\nstrategies  sequential, exchange, ",
            "\norder       arrival: serves",
            "\norder       watermark: serves",
            "\norder       speculative: serves",
            "\neviction    never: serves",
            "\neviction    frontier: serves",
            "\neviction    compaction: ",
            "\nreference SQL",
            "SELECT",
        ] {
            assert!(shown.contains(word), "{name} says nothing of '{word}':\n{shown}");
        }
        for parameter in pipeline["parameters"].as_array().unwrap() {
            let word = |key: &str| parameter[key].as_str().unwrap();
            let line = format!("{} = {}: {}", word("name"), word("default"), word("meaning"));
            assert!(shown.contains(&line), "{name} says nothing of '{line}':\n{shown}");
        }
    }
}

#[test]
fn an_eviction_that_no_strategy_can_carry_out_says_why() {
    let scratch = Scratch::new();
    for (pipeline, serves) in [("identity", false), ("deduplicate", false), ("sessions", true)] {
        let shown = scratch.ok(&format!("flowbench explain {pipeline}")).stdout;
        let line = shown.lines().find(|line| line.starts_with("eviction    compaction: ")).unwrap();
        assert_eq!(line.contains("does not serve: "), !serves, "{pipeline}: {line}");
    }
    let shown = scratch.ok("flowbench explain exchange").stdout;
    assert!(shown.contains("but not     compaction with any of them: it keeps no history"), "{shown}");
    assert_eq!(shown.matches("keeps no history").count(), 1, "{shown}");
}

#[test]
fn the_defaults_of_the_parameters_are_the_documented_ones() {
    let scratch = Scratch::new();
    let pipelines = scratch.ok("flowbench list pipelines --json").json();
    let documented = [
        ("identity", "event_id", ""),
        ("export-review", "order,customer,value,country", "home=GB on=order_dispatched threshold=500"),
        ("order-reference", "order,reference", "timezone=UTC"),
        ("beacon-band", "customer,product,band", "good=2500ms poor=4000ms"),
        ("deduplicate", "event_id", "horizon=24h"),
        ("repeat-high-value", "customer,order,n", "count=3 threshold=500 window=24h"),
        ("dispatched-today", "day,orders,total", "on=order_dispatched timezone=Europe/London"),
        ("dispatch-overdue", "order,customer,state,lead_ms", "horizon=60d limit=48h"),
        ("sessions", "customer,start,end,events", "gap=30min on=page_viewed"),
        ("funnel", "customer,stage,since_start_ms", "stages=page_viewed,info_downloaded,order_placed within=7d"),
        ("load-time-conversion", "hour,band,views,conversions", "good=2500ms poor=4000ms within=30min"),
        ("late-then-unhappy", "order,customer,rating", "limit=48h rating=2 within=30d"),
        ("trending-products", "window_start,rank,product,views", "k=10 size=1h slide=10min"),
        ("lifetime-value", "customer,orders,spent", ""),
    ];
    assert_eq!(documented.len(), pipelines["pipelines"].as_array().unwrap().len());
    for (pipeline, columns, defaults) in documented {
        let all = pipelines["pipelines"].as_array().unwrap();
        let entry = all.iter().find(|entry| entry["name"] == pipeline).unwrap();
        let columns_listed: Vec<&str> =
            entry["columns"].as_array().unwrap().iter().map(|column| column.as_str().unwrap()).collect();
        assert_eq!(columns_listed.join(","), columns, "{pipeline}");
        let parameters = entry["parameters"].as_array().unwrap().iter();
        let mut listed: Vec<String> = parameters
            .map(|one| format!("{}={}", one["name"].as_str().unwrap(), one["default"].as_str().unwrap()))
            .collect();
        listed.sort();
        assert_eq!(listed.join(" "), defaults, "{pipeline}");
    }
}

#[test]
fn explain_knows_profiles_and_experiments() {
    let scratch = Scratch::new();
    for profile in ["tiny", "retail", "calm", "stormy", "flash-sale"] {
        let shown = scratch.ok(&format!("flowbench explain {profile}")).stdout;
        assert!(shown.contains("transport.mobile.offline_share") && shown.contains("(range 0 to 1)"), "{shown}");
    }
    let shown = scratch.ok("flowbench explain quickstart").stdout;
    assert!(shown.contains("cases") && shown.contains("[[part]]"), "{shown}");
}

#[test]
fn everything_that_is_listed_is_explained() {
    let scratch = Scratch::new();
    let listed = scratch.ok("flowbench list --json").json();
    let mut names = 0;
    let mut lines = String::from("set -e\n");
    for (kind, entries) in listed.as_object().unwrap().iter().filter(|(kind, _)| !kind.starts_with("schema")) {
        for entry in entries.as_array().unwrap() {
            let name = entry["name"].as_str().unwrap();
            let summary = entry["summary"].as_str().unwrap();
            assert!(!summary.is_empty(), "{kind}: {name}");
            lines.push_str(&format!("echo '=== {name}'; flowbench explain '{name}'\n"));
            names += 1;
        }
    }
    scratch.write("explain.sh", lines);
    let explained = scratch.ok("sh explain.sh").stdout;
    let texts: Vec<&str> = explained.split("=== ").skip(1).collect();
    assert!(names > 270 && texts.len() == names, "{} of {names}", texts.len());
    for text in texts {
        let (name, text) = text.split_once('\n').unwrap();
        assert!(text.starts_with(name.split('(').next().unwrap()) && text.lines().count() >= 2, "{name}:\n{text}");
    }
}

#[test]
fn a_name_of_several_things_has_each_of_them_explained() {
    let scratch = Scratch::new();
    let shown = scratch.ok("flowbench explain deduplicate").stdout;
    assert!(shown.starts_with("deduplicate\nWhich deliveries"), "{shown}");
    for heading in ["deduplicate (axis)", "deduplicate (column)"] {
        assert!(shown.contains(&format!("\n{heading}\n")), "{shown}");
    }
    let shown = scratch.ok("flowbench explain throughput_events_per_s").stdout;
    assert!(
        shown.contains("\nplace       cases.csv\n")
            && shown.contains("(metric)")
            && shown.contains("better      higher"),
        "{shown}"
    );
    let shown = scratch.ok("flowbench explain lost-time").stdout;
    assert!(shown.starts_with("lost-time\n") && shown.contains("\nwhat to do  Repeat on a quieter machine"), "{shown}");
}

#[test]
fn explain_suggests_what_may_have_been_meant() {
    let scratch = Scratch::new();
    scratch.fails("flowbench explain lifetime-valeu", 2, &["lifetime-valeu", "did you mean 'lifetime-value'?"]);
    scratch.fails("flowbench explain stromy", 2, &["did you mean 'stormy'?"]);
    scratch.fails("flowbench explain zzz", 2, &["zzz", "hint: `flowbench list` shows all names"]);
}

#[test]
fn doctor_judges_the_machine_and_ends_well() {
    let scratch = Scratch::new();
    let findings = scratch.ok("flowbench doctor --json").json();
    let findings = findings["findings"].as_array().unwrap();
    let seen: Vec<&str> = findings.iter().map(|finding| finding["what"].as_str().unwrap()).collect();
    assert!(
        ["machine", "cores", "build", "memory", "wake-up delay", "CPU", "clock", "noise"]
            .iter()
            .all(|what| seen.contains(what)),
        "{seen:?}"
    );
    assert!(findings.iter().all(|finding| finding["bad"].is_boolean()));
    let words = scratch.ok("flowbench doctor").stdout;
    assert!(seen.iter().all(|what| words.contains(what)), "{words}");
}

#[test]
fn a_strict_doctor_fails_where_the_machine_is_not_fit() {
    let scratch = Scratch::new();
    let json = scratch.sh("flowbench doctor --strict --json");
    let is_unfit =
        |finding: &Value| finding["bad"] == true && finding["what"] != "virtualised" && finding["what"] != "governor";
    let unfit = json.json()["findings"].as_array().unwrap().iter().any(is_unfit);
    assert_eq!(json.code, Some(i32::from(unfit)), "{}", json.stdout);
}

#[test]
fn what_is_printed_as_json_names_its_schema_and_its_version() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate --profile tiny --events 1000 -o log.csv");
    scratch.ok("flowbench replay log.csv --pipeline identity -o answers.csv --stats-json stats.json");
    let bench = "flowbench bench log.csv --pipeline identity --strategies sequential --repeats 1 --json";
    for (schema, command) in [
        ("flowbench-list", "flowbench list --json"),
        ("flowbench-configuration", "flowbench config show quickstart --json"),
        ("flowbench-findings", "flowbench doctor --json"),
        ("flowbench-inspection", "flowbench inspect log.csv --json"),
        ("flowbench-outcome", bench),
        ("flowbench-replay", "cat stats.json"),
    ] {
        let printed = scratch.ok(command).json();
        assert_eq!((&printed["schema"], &printed["schema_version"]), (&schema.into(), &1.into()), "{command}");
    }
}

#[test]
fn help_and_version_are_there() {
    let scratch = Scratch::new();
    let help = scratch.ok("flowbench --help").stdout;
    for command in ["run", "report", "generate", "inspect", "replay", "bench", "list", "explain", "doctor"] {
        assert!(help.contains(command), "{help}");
        assert_eq!(scratch.ok(&format!("flowbench {command} --help")).stderr, "");
    }
    assert_eq!(scratch.ok("flowbench --version").stdout, format!("flowbench {}\n", env!("CARGO_PKG_VERSION")));
    scratch.fails("flowbench", 2, &["Usage"]);
}

/// What `list` tells of every pipeline.
fn pipelines(scratch: &Scratch) -> Vec<Value> {
    let listed = scratch.ok("flowbench list pipelines --json").json()["pipelines"].as_array().unwrap().clone();
    assert_eq!(listed.len(), Registry::default().pipelines().count());
    listed
}

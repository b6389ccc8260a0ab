//! Strategies side by side: the same answers, and what a run tells of how the work was shared and where its time went.

use flowbench_pipelines::Strategy;
use serde_json::Value;

use crate::command::Scratch;

#[test]
fn every_strategy_gives_the_same_answers_and_tells_how_the_work_was_shared() {
    let scratch = Scratch::new();
    scratch.write(
        "all.toml",
        experiment(&format!("pipeline = \"sessions\"\nstrategy = {:?}", Strategy::ALL.map(Strategy::name))),
    );
    scratch.ok("flowbench run ./all.toml --set 'p.workers=[1,2]' --out results");
    let cases = scratch.ndjson("results/cases.ndjson");
    let runs_on = |workers| Strategy::ALL.into_iter().filter(move |one| one.allowed_workers(workers).is_none()).count();
    assert_eq!(cases.len(), runs_on(1) + runs_on(2));
    let digest = |case: &Value| case["numbers"]["accuracy"]["digest"].clone();
    assert!(!digest(&cases[0]).is_null() && cases.iter().all(|case| digest(case) == digest(&cases[0])));
    let sharing_of = |strategy: &str, workers: u64| -> &Value {
        let axes = |case: &&Value| case["axes"]["strategy"] == strategy && case["axes"]["workers"] == workers;
        &cases.iter().find(axes).unwrap()["numbers"]["sharing"]
    };
    let exchanged = |strategy: &str| sharing_of(strategy, 2)["exchanged_records"].as_u64().unwrap();
    let records = |strategy: &str| -> Vec<u64> {
        let workers = sharing_of(strategy, 2)["workers"].as_array().unwrap();
        workers.iter().map(|worker| worker["records"].as_u64().unwrap()).collect()
    };
    assert_eq!((exchanged("co-partitioned"), exchanged("shared")), (0, 0));
    assert!(exchanged("pre-aggregate") < exchanged("exchange"), "parts of visits are fewer than their views");
    assert!(exchanged("exchange") < exchanged("staged"), "half of the events stay, and none does");
    assert_eq!(records("single-writer")[1], 0, "one worker holds all state");
    assert_eq!(records("staged")[0], 0, "the first half reads");
    assert_eq!(records("exchange").iter().sum::<u64>(), records("co-partitioned").iter().sum::<u64>());
    assert!(sharing_of("exchange", 2)["view_skew"].is_object());
    assert!(sharing_of("single-writer", 2)["view_skew"].is_null() && sharing_of("exchange", 1)["view_skew"].is_null());
}

#[test]
fn a_profile_of_operators_tells_times_and_messages_and_what_it_cost_and_is_not_there_unasked() {
    let scratch = Scratch::new();
    scratch.write("one.toml", experiment("pipeline = \"sessions\"\nstrategy = [\"exchange\", \"sequential\"]"));
    scratch.ok("flowbench run ./one.toml --set 'p.workers=[1,2]' --out plain");
    assert!(!scratch.path("plain/operators.csv").exists() && !scratch.path("plain/channels.csv").exists());
    assert!(!scratch.text("plain/report.html").contains("Where the time went"));
    let logged = scratch.ok("flowbench run ./one.toml --set 'p.workers=[1,2]' --profile-operators --out logged");
    assert!(logged.stdout.contains("With operator logging, workers were busy"), "{}", logged.stdout);
    let cases = scratch.ndjson("logged/cases.ndjson");
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let sharing = &case["numbers"]["sharing"];
        assert!(sharing["progress_messages"].is_u64(), "{case:#}");
        assert!(sharing["logging_overhead_share"].is_number(), "{case:#}");
    }
    let operators = scratch.text("logged/operators.csv");
    let busy_ns = |line: &str| line.rsplit(',').next().unwrap().parse::<u64>().unwrap();
    assert!(operators.lines().count() > 6, "{operators}");
    assert!(operators.lines().skip(1).map(busy_ns).sum::<u64>() > 10_000, "{operators}");
    assert!(scratch.text("logged/channels.csv").lines().count() > 2);
    assert!(scratch.text("logged/report.html").contains("Where the time went"));
    assert!(scratch.path("logged/time-of-p.svg").exists() && !scratch.path("plain/time-of-p.svg").exists());
    let taken = "[[part.figure]]\nname = \"time-of-p\"\nkind = \"sweep\"\nquestion = \"?\"\nreading = \"?\"\nx = \"workers\"\n\
                 y = [\"cpu_s\"]\n";
    scratch.write("taken.toml", experiment("pipeline = \"sessions\"") + taken);
    scratch.fails("flowbench run ./taken.toml --profile-operators --out none", 2, &["`time-of-p`: another figure"]);
}

#[test]
fn a_size_and_the_names_of_worlds_are_part_of_the_experiment() {
    let scratch = Scratch::new();
    let worlds = "pipeline = \"sessions\"\nworld = [\"even: customers.zipf_exponent=0\", \"hot: customers.whale_share=0.3\"]\n\
                  strategy = \"exchange\"\nworkers = 2\n[sizes.small]\n\"p.trace.events\" = 20000\n";
    scratch.write("sized.toml", experiment(worlds));
    scratch.ok("flowbench run ./sized.toml --set size=small --out small");
    let cases = scratch.ndjson("small/cases.ndjson");
    assert!(cases.iter().all(|case| case["numbers"]["events"] == 20_000), "{cases:#?}");
    let table = scratch.text("small/cases.csv");
    assert!(table.contains(",even,") && table.contains(",hot,"), "{table}");
    scratch.fails("flowbench run ./sized.toml --set size=smal --out none", 2, &["there are small"]);
    let imbalance = |at: usize| {
        let workers = cases[at]["numbers"]["sharing"]["workers"].as_array().unwrap();
        let records: Vec<f64> = workers.iter().map(|worker| worker["records"].as_f64().unwrap()).collect();
        records.iter().copied().fold(0.0, f64::max) / (records.iter().sum::<f64>() / 2.0)
    };
    let hot = usize::from(cases[1]["axes"]["world"].to_string().contains("hot"));
    assert!(imbalance(hot) > imbalance(1 - hot) + 0.1, "{} {}", imbalance(hot), imbalance(1 - hot));
}

fn experiment(axes: &str) -> String {
    format!(
        "name = \"small\"\ntitle = \"t\"\nseed = 7\nrepeats = 1\ndeadline = \"30s\"\nmemory_cap_mib = 2048\n\
         [[part]]\nname = \"p\"\nquestion = \"?\"\ntrace = {{ profile = \"tiny\", events = 40000 }}\n[part.axes]\n{axes}\n"
    )
}

//! Golden answers: what the reference SQL of every pipeline gives in DuckDB on small logs. Flowbench gives the same, to
//! the byte.
//!
//! A folder of `golden/` holds a log and, for each pipeline, what was asked of it and answered. The `README.md` there
//! tells how the answers are made again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use flowbench_pipelines::catalogue;

use crate::command::{Scratch, repository};
use crate::sql::{INTERCHANGE, Question, difference, in_duckdb};

/// A log with golden answers.
struct Log {
    /// The name of its folder.
    name: &'static str,
    /// The log and the mapping it needs, if any.
    files: (&'static str, Option<&'static str>),
    /// The SQL that makes the table `deliveries` of it.
    deliveries: &'static str,
    asked: &'static [(&'static str, &'static [&'static str])],
}

impl Log {
    /// One in its own folder, with the columns of flowbench.
    const fn own(name: &'static str, file: &'static str) -> Log {
        Log { name, files: (file, None), deliveries: INTERCHANGE, asked: &EVERYTHING }
    }
}

/// A quiet world of five customers.
const TINY: Log = Log::own("tiny", "tests/golden/tiny/log.csv");
/// All event times are full hours: the answers hang on the canonical order of event ids.
const TIES: Log = Log::own("ties", "tests/golden/ties/log.csv");
/// Events out of order, and some delivered twice.
const STORMY: Log = Log::own("stormy", "tests/golden/stormy/log.csv");
/// Event ids are UUIDs, hexadecimal, beyond 2^63 and other text, among ties; some stand in other columns before.
const TEXT_IDS: Log = Log::own("text-ids", "tests/golden/text-ids/log.csv");
/// Event ids come back, near and far, with other times, kinds and customers.
const REPEATS: Log = Log::own("repeats", "tests/golden/repeats/log.csv");
/// Two of three events have no id, the ids of the others are small numbers. No two events share a time.
const WITHOUT_IDS: Log =
    Log { asked: EVERYTHING.split_at(2).1, ..Log::own("without-ids", "tests/golden/without-ids/log.csv") };
/// A real order log, which knows only orders and cancellations.
const EXCERPT: Log = Log {
    name: "excerpt",
    files: ("tests/data/online_retail_excerpt.csv", Some("tests/data/online_retail.toml")),
    deliveries: ORDER_LOG,
    asked: &OF_ORDERS,
};

/// Every pipeline, with settings that let it say something, and not too much. The first two are about event ids.
const EVERYTHING: [(&str, &[&str]); 14] = [
    ("identity", &[""]),
    ("deduplicate", &["horizon=3h"]),
    ("export-review", &["", "on=order_placed threshold=60.125 home=IE"]),
    ("order-reference", &["timezone=America/New_York"]),
    ("beacon-band", &["good=800ms poor=1s"]),
    ("repeat-high-value", &["threshold=100 count=2 window=48h"]),
    ("dispatched-today", &["", "on=order_placed timezone=Asia/Kolkata"]),
    ("dispatch-overdue", &["", "limit=1h30min horizon=30h"]),
    ("sessions", &["on=any gap=6h", ""]),
    ("funnel", &["stages=page_viewed,order_placed,order_dispatched within=2d"]),
    ("load-time-conversion", &["within=12h good=1s poor=1500ms"]),
    ("late-then-unhappy", &["rating=4 limit=1h within=6d"]),
    ("trending-products", &["k=3 size=1d slide=12h"]),
    ("lifetime-value", &[""]),
];

const OF_ORDERS: [(&str, &[&str]); 9] = [
    ("identity", &[""]),
    ("export-review", &["on=order_placed threshold=200 home='United Kingdom'"]),
    ("order-reference", &["timezone=Asia/Kolkata"]),
    ("repeat-high-value", &["threshold=200 count=2", "threshold=-1 count=2 window=30d"]),
    ("dispatched-today", &["on=order_cancelled"]),
    ("dispatch-overdue", &["limit=3d horizon=3d"]),
    ("sessions", &["on=order_placed gap=2d"]),
    ("funnel", &["stages=order_placed,order_placed,order_placed within=3d"]),
    ("lifetime-value", &[""]),
];

#[test]
fn every_pipeline_is_asked() {
    let asked: BTreeSet<&str> = EVERYTHING.into_iter().map(|(pipeline, _)| pipeline).collect();
    let all: BTreeSet<&str> = catalogue::CATALOGUE.iter().map(|pipeline| pipeline.name()).collect();
    assert_eq!(asked, all);
}

#[test]
fn a_tiny_world_is_answered_as_by_sql() {
    check(&TINY);
}

#[test]
fn ties_are_answered_as_by_sql() {
    check(&TIES);
}

#[test]
fn a_stormy_world_is_answered_as_by_sql() {
    check(&STORMY);
}

#[test]
fn text_ids_are_answered_as_by_sql() {
    check(&TEXT_IDS);
}

#[test]
fn ids_that_come_back_are_answered_as_by_sql() {
    check(&REPEATS);
}

#[test]
fn events_without_ids_are_answered_as_by_sql() {
    check(&WITHOUT_IDS);
}

#[test]
fn the_excerpt_of_a_real_order_log_is_answered_as_by_sql() {
    check(&EXCERPT);
}

/// If `FLOWBENCH_WRITE_GOLDEN` is set, what it gives becomes golden.
#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn sql_gives_the_golden_answers() {
    let write = std::env::var_os("FLOWBENCH_WRITE_GOLDEN").is_some();
    let mut other = Vec::new();
    for log in [&TINY, &TIES, &STORMY, &TEXT_IDS, &REPEATS, &WITHOUT_IDS, &EXCERPT] {
        let scratch = log.scratch();
        let answers = in_duckdb(&scratch, log.deliveries, &log.asked.iter().flat_map(questions).collect::<Vec<_>>());
        let mut answers = answers.iter();
        for asked @ (pipeline, _) in log.asked {
            let text = in_blocks(&questions(asked), &mut answers);
            if write {
                fs::write(log.golden(pipeline), &text).unwrap();
            }
            if fs::read_to_string(log.golden(pipeline)).ok() != Some(text) {
                other.push(log.golden(pipeline));
            }
        }
    }
    assert!(other.is_empty(), "DuckDB gives other answers than {other:#?}");
}

/// Makes the table `deliveries` of the excerpt, as its mapping does.
const ORDER_LOG: &str = "CREATE TABLE deliveries AS
SELECT * REPLACE (CAST(event_id AS VARCHAR) AS event_id), event_id AS delivery FROM (
  SELECT row_number() OVER () AS event_id,
    CASE event_type WHEN 'order' THEN 'order_placed' WHEN 'cancellation' THEN 'order_cancelled' END AS kind,
    CAST(event_time AS TIMESTAMP) AT TIME ZONE 'UTC' AS event_time, CAST(NULL AS TIMESTAMPTZ) AS arrival_time,
    customer_id AS customer, order_id AS \"order\", CAST(NULL AS VARCHAR) AS product,
    CAST(value AS DECIMAL(38,3)) AS value, country_or_state AS country, CAST(NULL AS BIGINT) AS load_time_ms,
    CAST(NULL AS BIGINT) AS rating, CAST(NULL AS VARCHAR) AS channel
  FROM read_csv('log.csv', header = true, all_varchar = true))
WHERE kind IS NOT NULL";

/// Two ways to answer that have little in common.
const WAYS: [&str; 2] = ["--strategy sequential", "--workers 2"];

/// Every golden answer is given, whichever way it is asked for.
fn check(log: &Log) {
    let scratch = log.scratch();
    for asked @ (pipeline, _) in log.asked {
        let questions = questions(asked);
        let golden = fs::read_to_string(log.golden(pipeline)).unwrap();
        assert!(golden.lines().count() > 2 * questions.len(), "{pipeline} says nothing of {}", log.name);
        for way in WAYS {
            let ask = |question: &Question| {
                let map = if log.files.1.is_some() { "--map map.toml" } else { "" };
                scratch.ok(&format!("flowbench replay -q log.csv {map} {way} {}", question.options())).stdout
            };
            let answers: Vec<String> = questions.iter().map(ask).collect();
            let difference = difference(&in_blocks(&questions, &mut answers.iter()), &golden);
            assert!(difference.is_none(), "{}: {pipeline} {way}: {}", log.name, difference.unwrap_or_default());
        }
    }
}

impl Log {
    /// A folder with the log and its mapping.
    fn scratch(&self) -> Scratch {
        let scratch = Scratch::new();
        let (log, map) = self.files;
        scratch.write("log.csv", fs::read(repository(log)).unwrap());
        if let Some(map) = map {
            scratch.write("map.toml", fs::read(repository(map)).unwrap());
        }
        scratch
    }

    /// The file of the golden answers of a pipeline.
    fn golden(&self, pipeline: &str) -> PathBuf {
        repository(&format!("tests/golden/{}/{pipeline}.csv", self.name))
    }
}

/// One question for each of the settings.
fn questions((pipeline, settings): &(&'static str, &'static [&'static str])) -> Vec<Question> {
    settings.iter().map(|settings| Question { pipeline, settings }).collect()
}

/// The next answers below each other, each with its settings in front.
fn in_blocks<'a>(questions: &[Question], answers: &mut impl Iterator<Item = &'a String>) -> String {
    let pairs = questions.iter().zip(answers);
    pairs.map(|(question, answers)| format!("# {}\n{answers}", question.settings)).collect()
}

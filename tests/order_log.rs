//! A real order log through the pipelines: the answers are known to the last digit, and no strategy and no number of
//! workers changes them.
//!
//! The files in `golden/by-hand/` were computed without flowbench, from the rows of `data/online_retail_excerpt.csv` in
//! order, by decimal arithmetic.

use std::fs;

use crate::command::{Scratch, repository};

/// Everything that can answer: strategy and workers.
const WAYS: [&str; 4] = [
    "--strategy sequential",
    "--strategy exchange --workers 1",
    "--strategy exchange --workers 2",
    "--strategy exchange --workers 4",
];

/// Each pipeline with the settings its golden answers were computed with.
const GOLDEN: [(&str, &str); 8] = [
    ("identity", ""),
    ("export-review", "--set on=order_placed --set home='United Kingdom'"),
    ("order-reference", ""),
    ("repeat-high-value", "--set threshold=200 --set count=2"),
    ("dispatched-today", "--set on=order_placed --set timezone=UTC"),
    ("sessions", "--set on=any"),
    ("funnel", "--set stages=order_placed,order_cancelled"),
    ("lifetime-value", ""),
];

#[test]
fn the_excerpt_is_answered_as_computed_by_hand() {
    let scratch = excerpt();
    for (pipeline, settings) in GOLDEN {
        let golden = fs::read_to_string(repository(&format!("tests/golden/by-hand/{pipeline}.csv"))).unwrap();
        for way in WAYS {
            let line = format!("flowbench replay log.csv --map map.toml --pipeline {pipeline} {settings} {way}");
            assert_eq!(scratch.ok(&line).stdout, golden, "{line}");
        }
    }
}

#[test]
fn the_summary_counts_every_row_of_the_excerpt() {
    let scratch = excerpt();
    let ended = scratch.ok("flowbench replay log.csv --map map.toml --pipeline lifetime-value");
    assert!(ended.stderr.contains("400 rows: 397 events, 3 skipped ('adjustment' 3), 0 rejected"), "{}", ended.stderr);
    assert!(ended.stderr.contains("306 answers of lifetime-value"), "{}", ended.stderr);
    assert!(ended.stderr.contains("37 events that lack the key not used"), "{}", ended.stderr);
}

/// The committed excerpt as `log.csv`, its mapping as `map.toml`.
fn excerpt() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("log.csv", fs::read(repository("tests/data/online_retail_excerpt.csv")).unwrap());
    scratch.write("map.toml", fs::read(repository("tests/data/online_retail.toml")).unwrap());
    scratch
}

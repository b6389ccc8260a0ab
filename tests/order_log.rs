//! A real order log through the pipelines: the answers are known to the last digit, and no strategy and no number of
//! workers changes them.
//!
//! The files in `golden/` were computed without flowbench, from the rows of `data/online_retail_excerpt.csv` in order, by
//! decimal arithmetic.

use std::collections::BTreeSet;
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
        let golden = fs::read_to_string(repository(&format!("tests/golden/{pipeline}.csv"))).unwrap();
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
    assert!(ended.stderr.contains("37 events without a customer not used"), "{}", ended.stderr);
}

#[test]
fn orders_above_1000_that_go_abroad_are_355_of_the_whole_log() {
    for_every_way("export-review --set on=order_placed --set threshold=1000 --set home='United Kingdom'", |answers| {
        assert_eq!(answers.len(), 355);
        let known = column(answers, 2).filter(|customer| !customer.is_empty());
        assert_eq!(known.collect::<BTreeSet<_>>().len(), 116);
        assert_eq!(total_thousandths(column(answers, 3)), 1_021_799_570);
    });
}

#[test]
fn every_order_of_the_whole_log_gets_its_reference() {
    for_every_way("order-reference", |answers| {
        assert_eq!(answers.len(), 22_061);
        assert_eq!(answers.first().unwrap().split(',').next_back(), Some("ORD-20101201-536365"));
        assert_eq!(answers.last().unwrap().split(',').next_back(), Some("ORD-20111209-581587"));
    });
}

#[test]
fn third_high_orders_within_a_day_are_82_of_the_whole_log() {
    for_every_way("repeat-high-value --set threshold=500", |answers| {
        assert_eq!(answers.len(), 82);
        assert_eq!(column(answers, 1).collect::<BTreeSet<_>>().len(), 24);
    });
}

#[test]
fn the_days_of_the_whole_log_add_up() {
    for_every_way("dispatched-today --set on=order_placed --set timezone=UTC", |answers| {
        assert_eq!(answers.len(), 305);
        assert_eq!(column(answers, 2).map(|orders| orders.parse::<u64>().unwrap()).sum::<u64>(), 22_061);
        assert_eq!(total_thousandths(column(answers, 3)), 10_655_622_484);
        let largest = answers.iter().max_by_key(|row| thousandths(cell(row, 3))).unwrap();
        assert_eq!((cell(largest, 1), cell(largest, 3)), ("2011-12-09", "200920.600"));
    });
}

#[test]
fn sessions_of_the_whole_log_are_19969() {
    for_every_way("sessions --set on=any", |answers| {
        assert_eq!(answers.len(), 19_969);
        assert_eq!(column(answers, 4).map(|events| events.parse::<u64>().unwrap()).sum::<u64>(), 22_190);
    });
}

#[test]
fn cancellations_within_a_week_of_an_order_are_1644_of_the_whole_log() {
    for_every_way("funnel --set stages=order_placed,order_cancelled", |answers| {
        let cancelled = answers.iter().filter(|row| cell(row, 2) == "order_cancelled").count();
        assert_eq!((answers.len(), cancelled), (17_109, 1644));
    });
}

/// The committed excerpt as `log.csv`, its mapping as `map.toml`.
fn excerpt() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("log.csv", fs::read(repository("tests/data/online_retail_excerpt.csv")).unwrap());
    scratch.write("map.toml", fs::read(repository("tests/data/online_retail.toml")).unwrap());
    scratch
}

/// Checks the answers on the whole log, which is not part of the repository, for every strategy and number of workers.
fn for_every_way(asked: &str, check: impl Fn(&[&str])) {
    let data = repository("../shared/data");
    let (log, map) = (data.join("online_retail_orders.csv"), data.join("online_retail.toml"));
    if !log.exists() {
        eprintln!("skipped: {} is not there; the excerpt stands in for it", log.display());
        return;
    }
    let scratch = Scratch::new();
    for way in WAYS {
        let (log, map) = (log.display(), map.display());
        let ended = scratch.ok(&format!("flowbench replay '{log}' --map '{map}' --pipeline {asked} {way}"));
        check(&ended.answers());
    }
}

/// No cell of these answers is quoted.
fn cell(row: &str, at: usize) -> &str {
    row.split(',').nth(at).unwrap()
}

fn column<'a>(answers: &'a [&str], at: usize) -> impl Iterator<Item = &'a str> {
    answers.iter().map(move |row| cell(row, at))
}

/// `12.340` -> 12340; three decimals are the promise.
fn thousandths(value: &str) -> i64 {
    let (whole, decimals) = value.split_once('.').unwrap();
    assert_eq!(decimals.len(), 3, "{value}");
    format!("{whole}{decimals}").parse().unwrap()
}

fn total_thousandths<'a>(values: impl Iterator<Item = &'a str>) -> i64 {
    values.map(thousandths).sum()
}

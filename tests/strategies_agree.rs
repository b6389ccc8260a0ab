//! One messy log, every way to answer: all strategies, numbers of workers and processes, evictions and order policies
//! give the answers that the first deliveries alone give, to the byte.
//!
//! Which deliveries are first is decided here by one plain loop over the rows: the first of each event id in the order
//! of the file, whatever later ones say.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

use flowbench_events::{parse_rfc3339_ms, rfc3339};
use serde_json::Value;

use crate::command::Scratch;

/// Every pipeline, with settings that let it say something of such a log.
const ASKED: [(&str, &str); 14] = [
    ("identity", ""),
    ("export-review", "--set on=order_placed --set threshold=100"),
    ("order-reference", ""),
    ("beacon-band", ""),
    ("deduplicate", ""),
    ("repeat-high-value", "--set threshold=100 --set count=2"),
    ("dispatched-today", ""),
    ("dispatch-overdue", "--set limit=2h --set horizon=2d"),
    ("sessions", "--set on=any"),
    ("funnel", "--set stages=page_viewed,order_placed,page_viewed --set within=1d"),
    ("load-time-conversion", "--set within=6h"),
    ("late-then-unhappy", "--set rating=5 --set limit=1h"),
    ("trending-products", "--set k=2 --set size=6h --set slide=3h"),
    ("lifetime-value", ""),
];

#[test]
fn what_a_loop_over_the_rows_counts_is_answered() {
    let rows = messy(3000, 600);
    let once = first_deliveries(&rows);
    assert!(once.len() > 2000 && rows.len() - once.len() > 500, "{} of {} are first", once.len(), rows.len());
    let scratch = Scratch::new();
    scratch.write("log.csv", csv(&rows));
    for (pipeline, truth) in [("identity", identity(&once)), ("lifetime-value", lifetime_value(&once))] {
        for way in ["--strategy sequential", "--workers 1", "--workers 3"] {
            let line = format!("flowbench replay log.csv --deduplicate --pipeline {pipeline} {way}");
            assert_same(&scratch.ok(&line).stdout, &truth, &line);
        }
    }
    let facts = scratch.ok("flowbench inspect log.csv --json").json();
    assert_eq!(facts["duplicates"], rows.len() - once.len());
}

#[test]
fn every_way_to_answer_agrees_under_watermark() {
    every_way_agrees("watermark", &[]);
}

#[test]
fn every_way_to_answer_agrees_under_speculative() {
    // The first waits for the watermark, the others put together what has to be taken back one by one.
    every_way_agrees("speculative", &["differential", "pre-aggregate", "hot-split"]);
}

/// Long enough for many epochs, so that the watermark moves on and what it has passed is forgotten meanwhile.
#[test]
fn every_way_to_answer_agrees_on_a_long_log() {
    let asked = Asked::new(messy(50_000, 40));
    for (turn, (pipeline, settings)) in ASKED.into_iter().enumerate() {
        let truth = asked.truth(pipeline, settings);
        for (at, strategy) in asked.strategies(pipeline).iter().enumerate() {
            let eviction = *evictions(strategy).iter().cycle().nth(turn + at).unwrap();
            let workers = *workers(strategy).iter().cycle().nth(at).unwrap();
            let way = format!("--strategy {strategy} --workers {workers} --eviction '{eviction}'");
            asked.check(&format!("{pipeline} {settings} {way}"), &truth);
        }
    }
}

#[test]
fn two_processes_agree_with_one() {
    let asked = Asked::new(messy(2000, 900));
    for (pipeline, settings) in ASKED {
        let truth = asked.truth(pipeline, settings);
        let strategies = asked.strategies(pipeline);
        let far = strategies.iter().filter(|strategy| !["sequential", "shared"].contains(&strategy.as_str()));
        for (at, strategy) in far.enumerate() {
            let workers = workers(strategy)[at % 2];
            asked.check(
                &format!("{pipeline} {settings} --strategy {strategy} --workers {workers} --processes 2"),
                &truth,
            );
        }
    }
}

/// Nor does what texts there were before: sorted by id, they come in another order.
#[test]
fn the_order_of_the_rows_changes_nothing() {
    let mut rows = first_deliveries(&messy(2000, 900));
    let asked = Asked::new(rows.clone());
    rows.sort_by(|one, other| one.event_id.cmp(&other.event_id));
    asked.scratch.write("log.csv", csv(&rows));
    for (pipeline, settings) in ASKED {
        let truth = asked.truth(pipeline, settings);
        for way in ["--strategy sequential", "--workers 2"] {
            asked.check(&format!("{pipeline} {settings} {way}"), &truth);
        }
    }
}

/// Whatever arrives first, repeats are held back for a time; how long is the pipeline's own matter.
#[test]
fn every_way_to_deduplicate_agrees() {
    let scratch = Scratch::new();
    scratch.write("log.csv", csv(&messy(3000, 600)));
    let line = "flowbench replay log.csv --pipeline deduplicate --set horizon=6h";
    let truth = scratch.ok(&format!("{line} --strategy sequential")).stdout;
    assert!(truth.lines().count() > 2000);
    let strategies = ["exchange", "co-partitioned", "single-writer", "broadcast", "shared", "staged"];
    for (turn, strategy) in strategies.into_iter().enumerate() {
        for (workers, eviction) in workers(strategy).iter().zip(evictions(strategy).iter().cycle().skip(turn)) {
            let line = format!("{line} --strategy {strategy} --workers {workers} --eviction '{eviction}'");
            assert_same(&scratch.ok(&line).stdout, &truth, &line);
        }
    }
}

/// What an eviction loses is missing or wrong, whatever the strategy; with room for everything, nothing is.
#[test]
fn what_is_forgotten_too_soon_changes_answers() {
    let asked = Asked::new(messy(3000, 600));
    let line = "flowbench replay log.csv --deduplicate";
    for (pipeline, settings) in ASKED.into_iter().filter(|(pipeline, _)| LOSE.contains(pipeline)) {
        let truth = asked.truth(pipeline, settings);
        for way in ["--strategy sequential", "--workers 2", "--workers 4 --strategy broadcast"] {
            let with =
                |eviction: &str| format!("{line} --pipeline {pipeline} {settings} {way} --eviction '{eviction}'");
            for eviction in ["ttl(10min)", "capacity(5)"] {
                let answers = asked.scratch.ok(&with(eviction)).stdout;
                assert_eq!(answers.lines().next(), truth.lines().next(), "{pipeline} {way} {eviction}");
                assert_ne!(answers, truth, "{pipeline} {way} {eviction}");
            }
            for eviction in ["ttl(1000d)", "capacity(1000000)"] {
                assert_same(&asked.scratch.ok(&with(eviction)).stdout, &truth, &with(eviction));
            }
        }
    }
}

/// Some pipelines whose states are needed for longer than ten minutes, of more than five keys.
const LOSE: [&str; 5] = ["repeat-high-value", "dispatch-overdue", "funnel", "late-then-unhappy", "lifetime-value"];

/// By all strategies that serve, `but` these, with two evictions each, in turn.
fn every_way_agrees(order: &str, but: &[&str]) {
    let (asked, mut turn) = (Asked::new(messy(2000, 900)), 0);
    for (pipeline, settings) in ASKED {
        let truth = asked.truth(pipeline, settings);
        for strategy in asked.strategies(pipeline).iter().filter(|strategy| !but.contains(&strategy.as_str())) {
            for workers in workers(strategy) {
                let evictions = evictions(strategy);
                turn += 2;
                for eviction in evictions.iter().cycle().skip(turn).take(evictions.len().min(2)) {
                    let way =
                        format!("--strategy {strategy} --workers {workers} --eviction '{eviction}' --order {order}");
                    asked.check(&format!("{pipeline} {settings} {way}"), &truth);
                }
            }
        }
    }
}

/// A messy log as `log.csv` and its first deliveries alone as `once.csv`.
struct Asked {
    scratch: Scratch,
    pipelines: Vec<Value>,
}

impl Asked {
    fn new(rows: Vec<Row>) -> Asked {
        let scratch = Scratch::new();
        scratch.write("log.csv", csv(&rows));
        scratch.write("once.csv", csv(&first_deliveries(&rows)));
        let pipelines = scratch.ok("flowbench list pipelines --json").json()["pipelines"].as_array().unwrap().clone();
        Asked { scratch, pipelines }
    }

    /// What one plain loop answers from the first deliveries alone.
    fn truth(&self, pipeline: &str, settings: &str) -> String {
        let line = format!("flowbench replay once.csv --strategy sequential --pipeline {pipeline} {settings}");
        let truth = self.scratch.ok(&line).stdout;
        assert!(truth.lines().count() > 10, "{line} answers next to nothing:\n{truth}");
        truth
    }

    fn check(&self, asked: &str, truth: &str) {
        let line = format!("flowbench replay log.csv --deduplicate --pipeline {asked}");
        assert_same(&self.scratch.ok(&line).stdout, truth, &line);
    }

    /// Those that serve a pipeline.
    fn strategies(&self, pipeline: &str) -> Vec<String> {
        let listed = self.pipelines.iter().find(|one| one["name"] == pipeline).unwrap();
        let strategies = listed["strategies"].as_array().unwrap().iter();
        let strategies: Vec<String> = strategies.map(|one| one.as_str().unwrap().to_owned()).collect();
        assert!(strategies.len() >= 5, "{strategies:?}");
        strategies
    }
}

/// Some numbers of workers that a strategy can have.
fn workers(strategy: &str) -> &'static [usize] {
    match strategy {
        "sequential" => &[1],
        "staged" => &[2, 3, 4],
        _ => &[1, 2, 3, 4],
    }
}

/// The exact ones that it can have.
fn evictions(strategy: &str) -> &'static [&'static str] {
    match strategy {
        "differential" => &["frontier", "compaction(1h)"],
        _ => &["frontier", "never", "lazy", "sweep(1h)", "wheel(10min)"],
    }
}

/// A row of the log: id, time and kind, and the rest as it is written.
#[derive(Debug, Clone)]
struct Row {
    event_id: String,
    event_time_ms: i64,
    kind: &'static str,
    customer: &'static str,
    order: String,
    value_thousandths: i64,
    rest: String,
}

/// A log in which a dozen rows share a time, ids are text of many forms, and one row in five is out of order by up to
/// two hours. One in four has the id of an earlier one, near or far: half of those that repeat an event of the last day
/// are copies of it, all others have time, kind and customer of their own.
fn messy(rows: usize, step_s: u64) -> Vec<Row> {
    const CUSTOMERS: [&str; 9] = ["ann", "bob", "7", "12", "0a", "eve", "x-1", "", "2147483648"];
    const DAY_MS: i64 = 86_400_000;
    let begin_ms = parse_rfc3339_ms("2026-03-27T00:00:00.000Z").unwrap();
    let mut draws = Draws(7);
    let mut all: Vec<Row> = Vec::new();
    for number in 0..rows as u64 {
        let behind_s = if draws.below(5) == 0 { draws.below(7200) } else { 0 };
        let tied_s = 12 * step_s as i64;
        let time_ms = begin_ms + ((number * step_s) as i64 - behind_s as i64).div_euclid(tied_s) * tied_s * 1000;
        let customer = CUSTOMERS[draws.below(9) as usize];
        let mut row = Row::new(event_id(number), time_ms, customer, &mut draws);
        if number > 0 && draws.below(4) == 0 {
            let farthest = if draws.below(2) == 0 { number.min(6) } else { number };
            let earlier = &all[(number - 1 - draws.below(farthest)) as usize];
            if draws.below(2) == 0 && time_ms - earlier.event_time_ms < DAY_MS {
                row = earlier.clone();
            } else {
                row.event_id.clone_from(&earlier.event_id);
            }
        }
        all.push(row);
    }
    all
}

impl Row {
    fn new(event_id: String, event_time_ms: i64, customer: &'static str, draws: &mut Draws) -> Row {
        let order = draws.below(400).to_string();
        let (product, country) = (draws.below(8), ["GB", "FR", "DE"][draws.below(3) as usize]);
        let value_thousandths = (draws.below(400) * 1000 + 125) as i64;
        let value = format!("{}.{:03}", value_thousandths / 1000, value_thousandths % 1000);
        let (kind, order, rest) = match draws.below(10) {
            0..=3 => ("page_viewed", String::new(), format!("p{product},,,{},", draws.below(6000))),
            4 => ("info_downloaded", String::new(), format!("{product},,,,")),
            5..=6 => ("order_placed", order, format!("{product},{value},{country},,")),
            7 => ("order_dispatched", order, format!("{product},{value},{country},,")),
            8 => ("order_cancelled", order, format!("{product},{value},{country},,")),
            _ => ("review_posted", order, format!("{product},,,,{}", 1 + draws.below(5))),
        };
        Row { event_id, event_time_ms, kind, customer, order, value_thousandths, rest }
    }
}

/// Numbers small and beyond 2^63, hexadecimal, UUIDs, words: the text of each number is another one.
fn event_id(number: u64) -> String {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match mixed >> 61 {
        0 | 1 => number.to_string(),
        2 => format!("{}", u128::from(number) + (1 << 63)),
        3 | 4 => format!("{mixed:016x}"),
        5 => format!("{:08x}-{:04x}-4{:03x}-8000-{number:012x}", mixed >> 32, mixed >> 16 & 0xffff, mixed & 0xfff),
        6 => format!("e{number:05}"),
        _ => format!("order/{number}"),
    }
}

fn csv(rows: &[Row]) -> String {
    let mut text = "event_id,kind,event_time,customer,order,product,value,country,load_time_ms,rating\n".to_owned();
    for Row { event_id, event_time_ms, kind, customer, order, rest, .. } in rows {
        let time = rfc3339(*event_time_ms);
        writeln!(text, "{event_id},{kind},{time},{customer},{order},{rest}").unwrap();
    }
    text
}

/// The first of each event id, in the order of the rows.
fn first_deliveries(rows: &[Row]) -> Vec<Row> {
    let mut seen = HashSet::new();
    rows.iter().filter(|row| seen.insert(&row.event_id)).cloned().collect()
}

fn identity(rows: &[Row]) -> String {
    let mut lines: Vec<String> =
        rows.iter().map(|row| format!("{},{}\n", rfc3339(row.event_time_ms), row.event_id)).collect();
    lines.sort_unstable();
    format!("event_time,event_id\n{}", lines.concat())
}

fn lifetime_value(rows: &[Row]) -> String {
    let mut orders: Vec<&Row> =
        rows.iter().filter(|row| row.kind == "order_placed" && !row.customer.is_empty()).collect();
    orders.sort_by_key(|row| (row.event_time_ms, row.event_id.len(), &row.event_id));
    let mut so_far: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    let mut lines: Vec<String> = Vec::new();
    for row in orders {
        let (count, spent) = so_far.entry(row.customer).or_default();
        (*count, *spent) = (*count + 1, *spent + row.value_thousandths);
        let time = rfc3339(row.event_time_ms);
        lines.push(format!("{time},{},{count},{}.{:03}\n", row.customer, *spent / 1000, *spent % 1000));
    }
    lines.sort_unstable();
    format!("event_time,customer,orders,spent\n{}", lines.concat())
}

fn assert_same(answers: &str, truth: &str, line: &str) {
    if answers == truth {
        return;
    }
    let (answers, truth): (Vec<&str>, Vec<&str>) = (answers.lines().collect(), truth.lines().collect());
    let at = (0..).find(|at| answers.get(*at) != truth.get(*at)).unwrap();
    let (counts, pair) = ((answers.len(), truth.len()), (answers.get(at), truth.get(at)));
    panic!("{line}\n{} lines, {} are right; line {}: {:?}, right {:?}", counts.0, counts.1, at + 1, pair.0, pair.1);
}

/// Pseudo-random numbers that are the same everywhere (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }
}

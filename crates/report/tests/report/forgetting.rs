//! Evictions side by side: what an entry takes under each, and the memory verdict below the number.

use flowbench_measurement::record::*;
use flowbench_report::{check_figure, draw};

use crate::read;
use crate::synthetic::{Synthetic, figure, push, run};

const PIPELINES: [&str; 4] = ["sessions", "funnel", "repeat-high-value", "load-time-conversion"];
const EVICTIONS: [&str; 6] = ["never", "frontier", "ttl(1h)", "capacity(10000)", "sweep(1d)", "lazy"];

/// Each pipeline under each eviction on one and two workers. Verdicts of the repeats disagree under `ttl`; `lazy`
/// was not judged.
pub(crate) fn grid() -> Synthetic {
    use Verdict::{Bounded, Growing, Inconclusive};
    let mut cases = Vec::new();
    for (p, pipeline) in PIPELINES.into_iter().enumerate() {
        for (e, eviction) in EVICTIONS.into_iter().enumerate() {
            let verdicts = match e {
                0 => [Growing; 3],
                2 => [Bounded, Inconclusive, Bounded],
                4 => [Inconclusive, Bounded, Growing],
                _ => [Bounded; 3],
            };
            for workers in [1, 2] {
                push(&mut cases, "grid", 80_000, |axes| {
                    (axes.pipeline, axes.eviction, axes.workers) = (pipeline.into(), eviction.into(), workers);
                });
                let of_case = cases.iter_mut().rev().take(3).filter_map(|case| case.numbers.as_mut());
                for (numbers, verdict) in of_case.zip(verdicts) {
                    let memory = &mut numbers.memory;
                    memory.payload_bytes_per_entry = Some(48.0);
                    memory.bytes_per_live_entry = Some(90.0 + (40 * p + 25 * (e + 5) % 90 + workers) as f64);
                    memory.growth = (eviction != "lazy").then_some(growth(verdict));
                }
            }
        }
    }
    let bytes = figure("entry", FigureKind::HeatMap, "eviction", &["bytes_per_live_entry"], &["pipeline"]);
    let ratio = figure("ratio", FigureKind::HeatMap, "eviction", &["payload_ratio"], &["pipeline"]);
    let only = [("workers".to_owned(), "1".to_owned())].into();
    let figures = vec![
        FigureSpec { words: "growth_verdict".into(), lead: true, ..bytes },
        FigureSpec { words: "growth_verdict".into(), only, ..ratio.clone() },
        FigureSpec { name: "load".into(), words: "load".into(), ..ratio },
    ];
    let question = "What does an entry take under which eviction?".into();
    let mut run = run(cases.len());
    run.parts = vec![QuestionRecord { name: "grid".into(), question, figures }];
    Synthetic { run, cases, logged: false }
}

fn growth(verdict: Verdict) -> Growth {
    Growth {
        bytes_per_million_events: 1e3,
        low: 0.0,
        high: 2e3,
        entries: None,
        verdict,
        decided_by: None,
        events_needed: None,
    }
}

/// The number of a row of a CSV and its last two cells: the case shown and its word.
fn cell(csv: &str, begin: &str) -> (f64, usize, String) {
    let row = csv.lines().find_map(|line| line.strip_prefix(begin)).unwrap_or_else(|| panic!("{begin}: {csv}"));
    let cells: Vec<&str> = row.split(',').collect();
    (cells[0].parse().unwrap(), cells[3].parse().unwrap(), cells[4].to_owned())
}

#[test]
fn the_word_in_a_cell_is_the_worst_verdict_of_the_case_shown() {
    let mut synthetic = grid();
    // Another case of the cell, which is not shown, is not heard.
    let (pipeline, eviction) = (PIPELINES[0], "frontier");
    let other = |case: &&mut CaseRecord| {
        (case.axes.pipeline.as_str(), case.axes.eviction.as_str()) == (pipeline, eviction) && case.axes.workers == 2
    };
    for case in synthetic.cases.iter_mut().filter(other) {
        case.numbers.as_mut().unwrap().memory.growth = Some(growth(Verdict::Growing));
    }
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "entry.csv");
    assert!(csv.starts_with("series,eviction,y_bytes,low_bytes,high_bytes,case,growth_verdict\n"), "{csv}");
    for (eviction, word) in [
        ("never", "growing"),
        ("frontier", "bounded"),
        ("ttl(1h)", "inconclusive"),
        ("sweep(1d)", "growing"),
        ("lazy", ""),
    ] {
        let (_, case, found) = cell(&csv, &format!("sessions,eviction {eviction},"));
        assert_eq!(found, word, "{eviction}: {csv}");
        let shown = synthetic.cases.iter().find(|other| other.case == case).unwrap();
        assert_eq!((shown.axes.eviction.as_str(), shown.axes.workers), (eviction, 1));
    }
}

#[test]
fn the_word_is_written_below_the_number_and_explained() {
    let results = grid().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "entry.svg");
    assert_eq!(svg.matches(">inconclusive</text>").count(), PIPELINES.len(), "{svg}");
    assert_eq!(svg.matches(">growing</text>").count(), 2 * PIPELINES.len());
    assert_eq!(svg.matches(">1w</text>").count(), PIPELINES.len() * EVICTIONS.len());
    assert!(svg.contains("The word in a cell: memory verdict; where repeats disagree, the worst."), "{svg}");
    let at = |words: &str| {
        let line = svg.lines().find(|line| line.contains(words)).unwrap();
        line.split(" y=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(at(">1w</text>") < at(">growing</text>"), "the word stands below the choice");
    let csv = read(results.path(), "load.csv");
    assert_eq!(cell(&csv, "funnel,eviction lazy,").2, "open");
    let svg = read(results.path(), "load.svg");
    assert!(svg.contains("The word in a cell: load; where repeats disagree, the most frequent."), "{svg}");
}

#[test]
fn words_are_a_column_of_words_of_a_heat_map() {
    let good = grid().run.parts[0].figures[0].clone();
    check_figure(&good).unwrap();
    let says = |change: fn(&mut FigureSpec), words: &[&str]| {
        let mut spec = good.clone();
        change(&mut spec);
        let error = check_figure(&spec).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)) && error.contains("`entry`"), "{error}");
    };
    says(|spec| spec.words = "growth_verdic".into(), &["`words`", "did you mean `growth_verdict`"]);
    says(|spec| spec.words = "cpu_s".into(), &["`words` names `cpu_s`, which is no column of words"]);
    let bars = |spec: &mut FigureSpec| (spec.kind, spec.x) = (FigureKind::Bars, String::new());
    says(bars, &["`words` is for `heat-map` only"]);
}

#[test]
fn the_report_defines_what_forgetting_costs() {
    let results = grid().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    let definitions = &html[html.find("<h2 id=\"definitions\">").unwrap()..];
    for term in ["live entry", "payload ratio", "cost of forgetting", "release time", "lost answers", "state.csv"] {
        assert!(definitions.contains(&format!("<dt>{term}")), "{term}");
    }
}

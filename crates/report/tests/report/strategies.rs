//! Strategies side by side: 14 pipelines by ten strategies on one to four workers, as a run would leave them.

use std::fs;

use flowbench_measurement::record::*;
use flowbench_report::{FigureError, Results, Screen, case_columns, check_figure, draw, terminal_tables};

use crate::synthetic::{Synthetic, figure, push, run};
use crate::{answer, read, well_formed};

const PIPELINES: [&str; 14] = [
    "identity",
    "export-review",
    "order-reference",
    "beacon-band",
    "deduplicate",
    "repeat-high-value",
    "dispatched-today",
    "dispatch-overdue",
    "sessions",
    "funnel",
    "load-time-conversion",
    "late-then-unhappy",
    "trending-products",
    "lifetime-value",
];
/// Name, speed of one worker in percent of the single thread, contention and coherence in thousandths.
const STRATEGIES: [(&str, u64, u64, u64); 9] = [
    ("exchange", 90, 60, 4),
    ("co-partitioned", 97, 20, 1),
    ("pre-aggregate", 84, 50, 4),
    ("single-writer", 80, 700, 20),
    ("broadcast", 75, 600, 60),
    ("shared", 70, 180, 25),
    ("staged", 62, 90, 8),
    ("hot-split", 85, 45, 5),
    ("differential", 21, 120, 9),
];

/// Stateless pipelines have nothing to split, and `differential` answers ten of them.
fn serves(pipeline: usize, strategy: &str) -> bool {
    match strategy {
        "pre-aggregate" | "hot-split" => matches!(pipeline, 6 | 10 | 12 | 13),
        "single-writer" | "shared" | "broadcast" => pipeline > 3,
        "differential" => !matches!(pipeline, 4 | 7 | 11 | 9),
        _ => true,
    }
}

pub(crate) fn matrix() -> Synthetic {
    let mut cases = Vec::new();
    for (p, pipeline) in PIPELINES.into_iter().enumerate() {
        add(&mut cases, p, pipeline, ("sequential", 100, 0, 0), 1);
        for strategy in STRATEGIES.into_iter().filter(|(strategy, ..)| serves(p, strategy)) {
            for workers in [1, 2, 4] {
                add(&mut cases, p, pipeline, strategy, workers);
            }
        }
    }
    let broken = |case: &&mut CaseRecord| case.axes.pipeline == "funnel" && case.axes.strategy == "broadcast";
    for case in cases.iter_mut().filter(broken) {
        case.status = Status::Failed { cause: "memory cap".into(), stderr_tail: String::new() };
        case.numbers = None;
    }
    let best = figure("best-strategy", FigureKind::HeatMap, "strategy", &["speed_up"], &["pipeline"]);
    let others =
        [("tail", "latency_p99_ns"), ("cost", "cpu_s_per_million_events"), ("rates", "throughput_events_per_s")];
    let others = others.map(|(name, y)| figure(name, FigureKind::HeatMap, "strategy", &[y], &["pipeline"]));
    let by_workers = FigureSpec {
        only: [("pipeline".to_owned(), "sessions".to_owned())].into(),
        ..figure("by-workers", FigureKind::HeatMap, "total_workers", &["speed_up"], &["strategy"])
    };
    let part = QuestionRecord {
        name: "matrix".into(),
        question: "Which strategy is fastest for which pipeline?".into(),
        figures: [vec![best], others.to_vec(), vec![by_workers]].concat(),
    };
    let mut run = run(cases.len());
    run.parts = vec![part];
    Synthetic { run, cases, logged: false }
}

/// One pipeline, served by all strategies, on one to eight workers; with its activity.
pub(crate) fn scaling() -> Synthetic {
    let mut cases = Vec::new();
    add(&mut cases, 6, "dispatched-today", ("sequential", 100, 0, 0), 1);
    for strategy in STRATEGIES {
        for workers in [1, 2, 4, 8] {
            add(&mut cases, 6, "dispatched-today", strategy, workers);
        }
    }
    let all = figure("all-strategies", FigureKind::Scaling, "", &[], &["strategy"]);
    let log = FigureSpec { name: "log-log".into(), log_x: true, log_y: true, ..all.clone() };
    let only = [("strategy".to_owned(), "exchange".to_owned())].into();
    let alone = FigureSpec { name: "no-single-thread".into(), only, ..all.clone() };
    let only = [("workers".to_owned(), "2".to_owned())].into();
    let time = FigureSpec { only, ..figure("where-the-time-went", FigureKind::Operators, "", &[], &["strategy"]) };
    let part = QuestionRecord {
        name: "matrix".into(),
        question: "What do more workers bring?".into(),
        figures: vec![all, log, alone, time],
    };
    let mut run = run(cases.len());
    run.parts = vec![part];
    Synthetic { run, cases, logged: true }
}

/// A case of a strategy whose throughput follows a scaling law, each pipeline a little off in its own way.
fn add(cases: &mut Vec<CaseRecord>, p: usize, pipeline: &str, strategy: (&str, u64, u64, u64), workers: u64) {
    let (name, percent, sigma, kappa) = strategy;
    let off = 1.0 + ((p * 7 + name.len() * 5) % 11) as f64 / 25.0 - 0.2;
    let off = if name == "sequential" { 1.0 } else { off };
    let n = workers as f64;
    let loss = 1.0 + sigma as f64 / 1e3 * (n - 1.0) + kappa as f64 / 1e3 * n * (n - 1.0);
    let factor = percent as f64 / 100.0 * off * n / loss;
    let base = 60e6 / (1.0 + p as f64 * 0.7);
    push(cases, "matrix", 80_000, |axes| {
        (axes.pipeline, axes.strategy) = (pipeline.into(), name.into());
        axes.workers = workers as usize;
        (axes.load, axes.rate_events_per_s) = ("closed".into(), None);
    });
    for (case, noise) in cases.iter_mut().rev().take(3).zip([1.0, 0.97, 1.02]) {
        let Some(numbers) = &mut case.numbers else { continue };
        numbers.throughput_events_per_s = base * factor * noise;
        numbers.latency.p99_ns = Some((4e12 / numbers.throughput_events_per_s) as u64);
        numbers.cpu_ns = (1e15 * n / numbers.throughput_events_per_s) as u64;
        let busy_ns = (1e15 / numbers.throughput_events_per_s) as u64;
        let worker = |w: u64| WorkerShare {
            records: 1_000_000 / (w + 2),
            busy_ns: busy_ns - busy_ns / 10 * (w % 3),
            core: None,
        };
        numbers.sharing.workers = (0..workers).map(worker).collect();
        numbers.sharing.exchanged_bytes = if name == "exchange" { 48_000_000 * (workers - 1) / workers } else { 0 };
        let skew = ViewSkew { p50_records: 4096, p99_records: 16_384 * workers, p99_ms: 90_000, ..ViewSkew::default() };
        numbers.sharing.view_skew = (workers > 1).then_some(skew);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Median throughput of the repeats of a case.
fn throughput(synthetic: &Synthetic, pipeline: &str, strategy: &str, workers: usize) -> f64 {
    let of_case = |case: &&CaseRecord| {
        (case.axes.pipeline.as_str(), case.axes.strategy.as_str(), case.axes.workers) == (pipeline, strategy, workers)
    };
    let numbers = synthetic.cases.iter().filter(of_case).filter_map(|case| case.numbers.as_ref());
    median(numbers.map(|numbers| numbers.throughput_events_per_s).collect())
}

/// The value of a row of the CSV beside a figure.
fn value(csv: &str, begin: &str) -> f64 {
    let row = csv.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin} in {csv}"));
    row[begin.len()..].split(',').next().unwrap().parse().unwrap()
}

#[test]
fn every_figure_of_strategies_is_drawn_and_well_formed() {
    for synthetic in [matrix(), scaling()] {
        let results = synthetic.written();
        let drawn = draw(results.path()).unwrap();
        assert_eq!(drawn.problems, []);
        assert!(!drawn.figures.is_empty());
        for file in drawn.figures.iter().filter(|file| file.extension().is_some_and(|ending| ending == "svg")) {
            let svg = fs::read_to_string(file).unwrap();
            well_formed(&file.display().to_string(), &svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", file.display());
        }
        well_formed("report.html", &read(results.path(), "report.html"));
    }
}

#[test]
fn a_speed_up_is_over_the_median_of_the_single_thread_with_the_same_choices() {
    let synthetic = matrix();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "best-strategy.csv");
    assert!(csv.starts_with("series,strategy,y_factor,low_factor,high_factor,case\n"), "{csv}");
    let single = throughput(&synthetic, "sessions", "sequential", 1);
    let expected = throughput(&synthetic, "sessions", "exchange", 4) / single;
    assert!((value(&csv, "sessions,exchange,") - expected).abs() < 1e-9, "{csv}");
    assert_eq!(value(&csv, "sessions,sequential,"), 1.0);
}

#[test]
fn without_a_single_thread_to_compare_with_there_is_no_speed_up() {
    type Change = fn(&mut CaseRecord);
    let changes: [Change; 3] = [
        |case| case.axes.load = "open".into(),
        |case| case.part = if case.axes.strategy == "sequential" { "elsewhere".into() } else { "matrix".into() },
        |case| case.axes.slack_ms = if case.axes.strategy == "sequential" { 1 } else { 2 },
    ];
    for change in changes {
        let mut synthetic = matrix();
        synthetic.cases.iter_mut().for_each(change);
        synthetic.run.parts[0].figures[0].only = [("strategy".to_owned(), "exchange".to_owned())].into();
        let results = synthetic.written();
        draw(results.path()).unwrap();
        let svg = read(results.path(), "best-strategy.svg");
        let note = "No speed-up in 126 of 126 measurements: there is no closed-loop `sequential` case to compare with.";
        assert!(svg.contains("No speed-up in 126") && svg.replace('\u{a0}', " ").contains(note), "{svg}");
    }
}

#[test]
fn a_cell_shows_its_best_case_and_says_which_that_is() {
    let synthetic = matrix();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "best-strategy.csv");
    let best = csv.lines().find(|line| line.starts_with("deduplicate,broadcast,")).unwrap();
    let case: usize = best.rsplit(',').next().unwrap().parse().unwrap();
    let chosen = synthetic.cases.iter().find(|other| other.case == case).unwrap();
    assert_eq!((chosen.axes.strategy.as_str(), chosen.axes.workers), ("broadcast", 2));
    let svg = read(results.path(), "best-strategy.svg");
    assert!(svg.contains(">2w</text>") && svg.contains("(2w is 2 workers)."), "{svg}");
    // The least latency is at four workers, the least CPU time at one.
    assert!(read(results.path(), "tail.svg").matches(">4w</text>").count() > 50);
    assert_eq!(read(results.path(), "cost.svg").matches(">4w</text>").count(), 0);
}

#[test]
fn what_is_not_served_is_no_failure_and_what_failed_is_said() {
    let results = matrix().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "best-strategy.svg");
    // Of 140 cells 14 are sequential, 42 of strategies that serve all, 36 of three others, 8 of two more, 10 of the
    // last.
    assert_eq!(svg.matches(">–</text>").count(), 140 - 14 - 42 - 30 - 8 - 10);
    assert_eq!(svg.matches(">numbers</text>").count(), 1);
    let csv = read(results.path(), "best-strategy.csv");
    assert!(csv.contains("\nfunnel,broadcast,,,,\n") && !csv.contains("identity,broadcast"), "{csv}");
}

#[test]
fn the_best_of_each_row_stands_out_in_the_figure_and_in_words() {
    let results = matrix().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "best-strategy.svg");
    assert_eq!(svg.matches("class=\"line\"").count(), 14 + 1, "a frame a row and one in the key");
    let html = read(results.path(), "report.html").replace('\u{a0}', " ");
    let words = "co-partitioned is fastest in 12 of 14 pipelines, typically 3.69× sequential; hot-split in 2, typically 3.3× \
                 sequential.";
    assert_eq!(answer(&html, 1), words);
    let html = html.replace("<strong>", "").replace("</strong>", "");
    assert!(html.contains("<li>dispatched-today: hot-split on 4 workers is fastest, 3.41× ["), "{html}");
}

/// The matrix with these throughputs of sessions, one for each repeat of a strategy on its maximum number of workers;
/// all else of the row is far below.
fn row_of_sessions(throughputs: &[(&str, &[f64])]) -> String {
    let mut synthetic = matrix();
    synthetic.cases.retain(|case| case.axes.pipeline == "sessions");
    let repeats = throughputs[0].1.len();
    synthetic.cases.retain(|case| case.repeat <= repeats);
    for case in &mut synthetic.cases {
        let of = throughputs.iter().find(|(strategy, _)| *strategy == case.axes.strategy);
        let throughput = of.map_or(1e3 + case.repeat as f64, |(_, of)| of[case.repeat - 1]);
        case.numbers.as_mut().unwrap().throughput_events_per_s = throughput;
    }
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "best-strategy.svg");
    let frames = ["line", "hair"].map(|class| svg.matches(&format!("class=\"{class}\"")).count());
    let html = read(results.path(), "report.html").replace('\u{a0}', " ");
    format!("{frames:?} {}", answer(&html, 1))
}

#[test]
fn none_is_best_where_ranges_overlap_or_each_was_measured_once() {
    let clear = row_of_sessions(&[("sequential", &[10e6, 11e6, 12e6]), ("exchange", &[20e6, 22e6, 24e6])]);
    assert_eq!(clear, "[2, 0] sessions: exchange on 1 worker is fastest, 2× [1.67–2.4] sequential.");
    let overlapping = row_of_sessions(&[("sequential", &[10e6, 11e6, 20e6]), ("exchange", &[20e6, 22e6, 24e6])]);
    let wanted = "sessions: nothing clearly beats sequential (exchange on 1 worker is ~2× [1–2.4] as fast), not \
                  distinguishable from sequential.";
    assert_eq!(overlapping, format!("[0, 3] {wanted}"));
    let beaten = row_of_sessions(&[("sequential", &[20e6, 21e6, 22e6]), ("exchange", &[9e6, 10e6, 20.5e6])]);
    let wanted = "sessions: nothing clearly beats sequential, not distinguishable from exchange.";
    assert_eq!(beaten, format!("[0, 3] {wanted}"));
    let once = row_of_sessions(&[("sequential", &[10e6]), ("exchange", &[22e6])]);
    assert_eq!(
        once,
        "[0, 0] sessions: nothing is known to beat sequential: measured only once, exchange on 1 worker had 2.2× of it."
    );
}

#[test]
fn repeats_that_lie_too_far_apart_are_doubted_when_results_are_read() {
    let mut synthetic = matrix();
    let case = synthetic.cases.iter().find(|case| case.axes.strategy == "exchange").unwrap().case;
    for case in synthetic.cases.iter_mut().filter(|other| other.case == case) {
        case.numbers.as_mut().unwrap().throughput_events_per_s = [8e6, 30e6, 65e6][case.repeat - 1];
    }
    let dir = synthetic.written();
    let results = Results::read(dir.path()).unwrap();
    let doubted = results.cases.iter().filter(|case| case.doubts.iter().any(|doubt| doubt.code == "scattered"));
    assert_eq!(doubted.map(|doubted| doubted.case).collect::<Vec<_>>(), [case; 3]);
    let text = terminal_tables(&results, Screen::plain(160));
    assert!(text.contains("~30M [8–65]") && text.contains("  1×  ") && text.contains("  ~0.5×  "), "{text}");
    draw(dir.path()).unwrap();
    let html = read(dir.path(), "report.html").replace('\u{a0}', " ");
    assert!(html.contains("<strong>scattered</strong>: 3 measurements") && html.contains("~30M [8–65]"), "{html}");
    assert!(!read(dir.path(), "cases.ndjson").contains("scattered"), "what is derived is not stored");
}

#[test]
fn worlds_of_other_seeds_are_repeats_where_a_figure_does_not_name_the_seed() {
    let mut synthetic = matrix();
    synthetic.cases.retain(|case| case.axes.pipeline == "sessions" && case.repeat == 1);
    let cases = synthetic.cases.len();
    for seed in [43, 44] {
        for at in 0..cases {
            let mut other = synthetic.cases[at].clone();
            (other.case, other.axes.seed) = (synthetic.cases.len() + 1, Some(seed));
            other.numbers.as_mut().unwrap().throughput_events_per_s *= seed as f64 / 42.0;
            synthetic.cases.push(other);
        }
    }
    for (number, case) in (1..).zip(&mut synthetic.cases) {
        case.case = number;
    }
    let by_seed =
        figure("by-seed", FigureKind::Bars, "", &["throughput_events_per_s"], &["strategy", "workers", "seed"]);
    let plain = FigureSpec { name: "plain".into(), by: vec!["strategy".into(), "workers".into()], ..by_seed.clone() };
    synthetic.run.parts[0].figures.extend([by_seed, plain]);
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let plain = read(results.path(), "plain.svg").replace('\u{a0}', " ");
    assert!(plain.contains("Median of 3 repeats over 3 seeds; whiskers from minimum to maximum"), "{plain}");
    assert!(!plain.contains("some points mix cases"), "{plain}");
    let by_seed = read(results.path(), "by-seed.svg").replace('\u{a0}', " ");
    assert!(by_seed.contains(&format!("{} cases, each measured once.", 3 * cases)), "{by_seed}");
    assert!(by_seed.contains("seed 43"), "{by_seed}");
    let grid = read(results.path(), "best-strategy.svg").replace('\u{a0}', " ");
    assert!(grid.contains("Medians of the repeats; where their ranges overlap, none is marked as best."), "{grid}");
    let csv = read(results.path(), "best-strategy.csv");
    let row: Vec<&str> = csv.lines().find(|line| line.starts_with("sessions,exchange,")).unwrap().split(',').collect();
    assert!(row[3] == row[4], "a speed-up is over the single thread of the same world: {csv}");
}

#[test]
fn a_search_has_the_spread_of_what_its_repeats_have_found_and_its_shares_the_middle_of_their_rates() {
    let mut synthetic = matrix();
    let kept = |case: &CaseRecord| case.axes.pipeline == "sessions" && case.axes.strategy == "exchange";
    synthetic.cases.retain(kept);
    for case in &mut synthetic.cases {
        let rate = [21.9e6, 23.2e6, 22.1e6][case.repeat - 1];
        let (share, load) = if case.axes.workers == 1 { (None, "search") } else { (Some(0.5), "open") };
        let numbers = case.numbers.as_mut().unwrap();
        numbers.sustainable =
            share.is_none().then(|| Sustainable { rate_events_per_s: rate, ..Sustainable::default() });
        numbers.throughput_events_per_s = rate * share.unwrap_or(1.0);
        case.axes.rate_events_per_s = Some(rate * share.unwrap_or(1.0));
        (case.axes.rate_share, case.axes.load) = (share, load.into());
    }
    let text = terminal_tables(&Results::read(synthetic.written().path()).unwrap(), Screen::plain(150));
    assert!(text.contains(" 22.1M [21.9–23.2] ") && text.contains(" 11.1M "), "{text}");
}

#[test]
fn the_figure_that_leads_stands_beside_the_answers_once_more() {
    let mut matrix = matrix();
    let page = |matrix: &Synthetic| {
        let results = matrix.written();
        draw(results.path()).unwrap();
        read(results.path(), "report.html")
    };
    let lead = |html: &str| -> String {
        assert_eq!(html.matches("<figure class=\"lead").count(), 1);
        html.split("<figure class=\"lead").nth(1).unwrap().split("</figure>").next().unwrap().to_owned()
    };
    let first = matrix.run.parts[0].figures[0].name.clone();
    assert!(lead(&page(&matrix)).contains(&format!("href=\"#f-{first}\"")), "the first one leads if none is marked");
    let of_sessions = [("pipeline".to_owned(), "sessions".to_owned())].into();
    let scaling =
        FigureSpec { only: of_sessions, lead: true, ..figure("grows", FigureKind::Scaling, "", &[], &["strategy"]) };
    matrix.run.parts[0].figures.push(scaling);
    let html = page(&matrix);
    assert!(lead(&html).contains("href=\"#f-grows\"") && html.contains("<figure id=\"f-grows\">"));
    assert!(!lead(&html).contains("Universal Scalability Law, λN"), "remarks stand below");
}

#[test]
fn a_strategy_that_is_slower_than_the_single_thread_beats_nothing() {
    let mut synthetic = matrix();
    synthetic.cases.retain(|case| matches!(case.axes.strategy.as_str(), "sequential" | "differential"));
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    assert_eq!(answer(&html, 1), "nothing clearly beats sequential in 14 of 14.");
    synthetic.run.parts[0].figures[0].only = [("strategy".to_owned(), "differential".to_owned())].into();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html").replace('\u{a0}', " ");
    assert!(
        html.contains("identity: nothing beats sequential (<strong>differential on 4 workers</strong> is 0.57× ["),
        "{html}"
    );
}

#[test]
fn columns_that_compare_cases_stand_after_those_of_the_case() {
    let columns = case_columns();
    assert_eq!(columns[columns.len() - 3..], ["total_workers", "speed_up", "efficiency"]);
}

#[test]
fn wrong_grids_are_found_before_a_run() {
    let good = matrix().run.parts[0].figures[0].clone();
    let says = |change: fn(&mut FigureSpec), words: &[&str]| {
        let mut spec = good.clone();
        change(&mut spec);
        let error = check_figure(&spec).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)) && error.contains("`best-strategy`"), "{error}");
    };
    check_figure(&good).unwrap();
    says(|spec| spec.x.clear(), &["`x` is missing"]);
    says(|spec| spec.by.clear(), &["`by` is missing", "`pipeline`"]);
    says(|spec| spec.x = "pipeline".into(), &["`x` names `pipeline`", "rows already"]);
    says(|spec| spec.y = vec!["speedup".into()], &["no column of a case", "did you mean `speed_up`"]);
    says(|spec| spec.y.push("efficiency".into()), &["`y` names several columns"]);
    says(|spec| spec.log_y = true, &["`log_y` and `log_x` have no meaning"]);
    says(|spec| spec.panels = vec![PanelSpec { y: vec![], title: String::new(), log_y: false }], &["`panels` are for"]);
    let mut words = matrix();
    words.run.parts[0].figures[0].y = vec!["eviction".into()];
    let drawn = draw(words.written().path()).unwrap();
    assert!(matches!(&drawn.problems[..], [FigureError::NotNumbers { column, .. }] if column == "eviction"));
}

#[test]
fn a_scaling_figure_has_the_single_thread_the_ideal_and_the_law_beside_the_lines() {
    let synthetic = scaling();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "all-strategies.csv");
    let of = |strategy, workers| throughput(&synthetic, "dispatched-today", strategy, workers);
    let single = of("sequential", 1);
    assert_eq!(value(&csv, "exchange,8,"), of("exchange", 8));
    for ends in ["sequential,1,", "sequential,8,", "ideal,1,"] {
        assert_eq!(value(&csv, ends), single);
    }
    // The points follow a law exactly, so its curve meets them.
    assert!((value(&csv, "\"exchange, law\",8,") / of("exchange", 8) - 1.0).abs() < 1e-6, "{csv}");
    let ideal = csv.lines().rfind(|line| line.starts_with("ideal,")).unwrap();
    let ideal: Vec<f64> = ideal.split(',').skip(1).take(2).map(|number| number.parse().unwrap()).collect();
    assert!((ideal[1] / single - ideal[0]).abs() < 1e-9 && ideal[0] < 8.0, "it ends where the plot does: {ideal:?}");
}

#[test]
fn a_scaling_figure_says_the_cost_the_law_and_its_doubts_in_words() {
    let results = scaling().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "all-strategies.svg");
    for words in [
        "beats sequential: 2 workers (exchange, co-partitioned, pre-aggregate, shared, staged, hot-split); 4 workers",
        "; never up to 8 workers (broadcast, differential).",
        "exchange: λ 10.4M events/s, σ 0.06, κ 0.004, peak at 15 workers, typical error 0 %.",
        "Caution with the fitted law: 4, 8 workers share 2 usable cores: there the time slices are fitted, not the strategy; ",
        "workers that were measured (exchange, co-partitioned, pre-aggregate, staged, hot-split, differential).",
        ">more workers than the 2 cores of this machine</text>",
        ">sequential: 11.5M events/s</text>",
    ] {
        assert!(svg.replace('\u{a0}', " ").contains(words), "{words} in {svg}");
    }
    let alone = read(results.path(), "no-single-thread.svg");
    assert!(alone.contains("No `sequential` case here: there is no baseline to beat.") && !alone.contains("COST"));
}

#[test]
fn what_an_open_loop_completes_is_no_scaling() {
    let mut synthetic = scaling();
    let open = |case: &&mut CaseRecord| case.axes.strategy == "exchange" && case.axes.workers == 8;
    synthetic.cases.iter_mut().filter(open).for_each(|case| case.axes.load = "open".into());
    let results = synthetic.written();
    draw(results.path()).unwrap();
    assert!(!read(results.path(), "all-strategies.csv").contains("\nexchange,8,"));
    let svg = read(results.path(), "all-strategies.svg");
    assert!(svg.contains("3 measurements of an open loop not drawn"), "{svg}");
}

#[test]
fn scaling_is_of_throughputs() {
    let good = scaling().run.parts[0].figures[0].clone();
    check_figure(&good).unwrap();
    check_figure(&FigureSpec { y: vec!["sustainable_events_per_s".into()], ..good.clone() }).unwrap();
    for y in [vec!["speed_up".to_owned()], vec!["throughput_events_per_s".to_owned(); 2]] {
        let error = check_figure(&FigureSpec { y, ..good.clone() }).unwrap_err().to_string();
        assert!(error.contains("`y` is one column of events per second"), "{error}");
    }
}

#[test]
fn the_strategies_of_each_pipeline_stand_in_tables_behind_one_line() {
    let results = matrix().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html").replace('\u{a0}', " ");
    let tables = html.split("How the strategies scale</h3>").nth(1).unwrap().split("<h2>").next().unwrap();
    assert_eq!(tables.matches("<details><summary>").count(), 14);
    assert!(tables.contains("<summary>dispatched-today: hot-split on 4 workers, 3.41× sequential</summary>"));
    let of_identity = &tables[..tables.find("export-review").unwrap()];
    let row = "<td>exchange</td><td class=\"right\">4</td><td class=\"right\">190M [184–194]</td>\
               <td class=\"right\">3.17× [3.01–3.33]</td>\
               <td class=\"right\">79.2 % [76.8–80.7]</td><td class=\"right\">21.1 ms [20.6–21.7]</td><td class=\"right\">1.56×</td>\
               <td class=\"right\">1.08×</td><td class=\"right\">36 B</td><td class=\"right\">65.5k</td>";
    assert!(of_identity.contains(row), "{of_identity}");
    let law = "<td>differential</td><td>never up to 4 workers</td><td class=\"right\">12.6M</td>\
               <td class=\"right\">0.12</td><td class=\"right\">0.009</td><td class=\"right\">10</td>";
    assert!(of_identity.contains(law), "{of_identity}");
    assert!(of_identity.contains("Caution with the fitted law: 3 worker counts cannot contradict"), "{of_identity}");
    assert!(
        !of_identity.contains("processes") && !of_identity.contains("epoch"),
        "what is the same for all is left out"
    );
}

#[test]
fn a_question_without_a_single_thread_or_without_others_has_no_scaling_tables() {
    for only in ["exchange", "sequential"] {
        let mut synthetic = matrix();
        synthetic.cases.retain(|case| case.axes.strategy == only);
        let results = synthetic.written();
        draw(results.path()).unwrap();
        assert!(!read(results.path(), "report.html").contains("How the strategies scale"), "{only}");
    }
}

#[test]
fn the_terminal_has_a_column_of_speed_ups() {
    let results = Results::read(scaling().written().path()).unwrap();
    let text = terminal_tables(&results, Screen::plain(100));
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = |first: &str| rows.iter().find(|row| row.first() == Some(&first)).unwrap();
    assert_eq!(row("#")[3..5], ["events/s", "speed-up"]);
    assert_eq!(row("5")[5], "4.38×");
    assert_eq!(row("5")[..5], ["5", "exchange", "8", "50.5M", "[49–51.5]"]);
}

#[test]
fn the_time_of_a_worker_is_made_of_its_operators() {
    let results = scaling().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "where-the-time-went.csv");
    assert!(csv.starts_with("series,strategy+worker,y_ns,low_ns,high_ns\n"), "{csv}");
    // 3 ms × 40 for worker 1, of repeats that take 10, 11 and 12 times as long.
    assert_eq!(value(&csv, "keyed state,\"exchange, worker 1\","), 3e6 * 40.0 * 11.0 * 11.0);
    let others = 3e6 * 11.0 * 11.0 * (1.0 + 2.0 + 3.0);
    assert_eq!(value(&csv, "3 others,\"exchange, worker 1\","), others);
    let html = read(results.path(), "report.html").replace('\u{a0}', " ");
    let activity = &html[html.find("<h2>Where the time went").unwrap()..html.find("<h2 id=\"doubts").unwrap()];
    assert!(activity.contains("<summary>3 exchange, 2 workers</summary>"), "{activity}");
    let row = "<td class=\"right\">1</td><td>keyed state</td><td class=\"right\">14.5 s</td>\
               <td class=\"right\">50.6 %</td><td class=\"right\">6k</td>";
    assert!(activity.contains(row) && activity.contains("<td>input → keyed state</td>"), "{activity}");
    assert!(html.contains("<a href=\"operators.csv\">") && html.contains("<a href=\"channels.csv\">"));
}

#[test]
fn where_no_activity_was_logged_the_report_says_so_once_and_has_no_tables_of_it() {
    let results = Synthetic { logged: false, ..scaling() }.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "where-the-time-went.svg");
    assert!(
        svg.contains("Nothing to draw.") && svg.contains("Operator activity was not logged in 27 of 27 measurements."),
        "{svg}"
    );
    let html = read(results.path(), "report.html");
    assert!(!html.contains("<h2>Where the time went") && !html.contains("operators.csv"));
}

#[test]
fn operators_are_not_named_and_their_file_is_not_replaced() {
    let good = scaling().run.parts[0].figures.pop().unwrap();
    check_figure(&good).unwrap();
    let error = check_figure(&FigureSpec { y: vec!["cpu_s".into()], ..good.clone() }).unwrap_err().to_string();
    assert!(error.contains("`y` is empty for `operators`"), "{error}");
    for name in ["operators", "channels"] {
        let error = check_figure(&FigureSpec { name: name.into(), ..good.clone() }).unwrap_err();
        assert_eq!(error, FigureError::Reserved(name.into()));
    }
}

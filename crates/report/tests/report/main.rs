//! Draws hand-made results and checks what a reader would find.
//!
//! Of the questions in `synthetic`, `rates` sweeps in numbers, `strategies` sweeps in names and draws bars, `memory`
//! draws over time, `slack` has a zero on a log axis, and all cases of `gone` have failed.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may fail like the tests themselves")]

mod synthetic;

use std::fs;
use std::path::Path;

use flowbench_measurement::record::Doubt;
use flowbench_report::{FigureError, draw, terminal_tables};
use synthetic::Synthetic;

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

/// Every file the report made, by name.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

fn well_formed(name: &str, text: &str) {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    if let Err(error) = roxmltree::Document::parse_with_options(text, options) {
        panic!("{name}: {error}");
    }
}

#[test]
fn drawing_twice_gives_the_same_bytes() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let first = files(results.path());
    draw(results.path()).unwrap();
    assert_eq!(first, files(results.path()));
}

#[test]
fn every_kind_of_figure_is_drawn_and_well_formed() {
    let results = Synthetic::full().written();
    let drawn = draw(results.path()).unwrap();
    assert_eq!(drawn.problems, []);
    assert_eq!(drawn.missing, [""; 0]);
    for file in drawn.figures.iter().filter(|file| file.extension().is_some_and(|ending| ending == "svg")) {
        let svg = fs::read_to_string(file).unwrap();
        well_formed(&file.display().to_string(), &svg);
        assert!(!svg.contains("NaN") && !svg.contains("inf "), "{}", file.display());
    }
    well_formed("report.html", &read(results.path(), "report.html"));
}

#[test]
fn a_sweep_draws_the_median_of_the_repeats_and_their_range() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "latency-by-rate.csv");
    assert!(csv.starts_with("series,rate_events_per_s,y_ns,low_ns,high_ns\n"), "{csv}");
    // Three repeats of exchange at 250 k events/s with p99 of 90, 100 and 130 µs times its factor of 2.
    assert!(csv.contains("\nexchange,250000,200000,180000,260000\n"), "{csv}");
    assert!(csv.contains("hiccup floor p99,250000,30000,"), "{csv}");
    assert!(read(results.path(), "latency-by-rate.svg").contains("hiccup floor p99"));
}

#[test]
fn a_distribution_ends_where_fewer_than_ten_samples_lie_beyond() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "tail.csv");
    assert!(csv.starts_with("series,one_in = 1/(1-quantile),y_ns,low_ns,high_ns\nsequential,1,"), "{csv}");
    // Three repeats of 200,000 samples each: 10^4.7 is the last step below 600,000 / 10.
    let last = csv.lines().rfind(|line| line.starts_with("sequential,")).unwrap();
    assert!(last.starts_with("sequential,50118.723,"), "{last}");
    assert!(csv.contains("hiccup floor,1,"));
}

#[test]
fn bars_have_a_row_for_each_group() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "throughput.csv");
    assert!(csv.starts_with("series,strategy+workers,y_events_per_s,low_events_per_s,high_events_per_s\n"), "{csv}");
    assert!(csv.contains("\nthroughput,\"exchange, 2 workers\",84000000,"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + 6);
}

#[test]
fn over_time_every_repeat_is_a_line_and_every_unit_a_panel() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "memory.csv");
    let header = "series,at_ns,y_bytes,low_bytes,high_bytes,y_count,low_count,high_count,y_ns,low_ns,high_ns\n";
    assert!(csv.starts_with(header), "{csv}");
    for repeat in 1..=3 {
        assert!(csv.contains(&format!("\n\"eviction never, case 22 repeat {repeat}\",0,")));
    }
}

#[test]
fn the_report_needs_no_network_and_runs_nothing() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    for (name, bytes) in
        files(results.path()).into_iter().filter(|(name, _)| name.ends_with("svg") || name.ends_with("html"))
    {
        let text = String::from_utf8(bytes).unwrap().replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("url("), "{name}");
        assert!(!text.contains("<script") && !text.contains(" style=") && !text.contains("onload"), "{name}");
    }
    let html = read(results.path(), "report.html");
    assert!(html.contains("default-src &#39;none&#39;"));
}

#[test]
fn the_report_serves_phones_and_dark_rooms() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    for needed in ["name=\"viewport\"", "prefers-color-scheme:dark", "max-width:560px", "class=\"fig narrow\""] {
        assert!(html.contains(needed), "{needed}");
    }
    assert!(read(results.path(), "latency-by-rate.svg").contains("prefers-color-scheme:dark"));
}

#[test]
fn hostile_names_stay_text() {
    let mut synthetic = Synthetic::full();
    let hostile = "<script>alert('x')</script>\u{1b}[2J&\"";
    synthetic.run.title = hostile.to_owned();
    synthetic.run.parts[0].question = hostile.to_owned();
    synthetic.run.parts[0].figures[0].reading = hostile.to_owned();
    synthetic.run.resolved_experiment = format!("]]></pre>{hostile}");
    for case in &mut synthetic.cases {
        case.axes.strategy = format!("{hostile}{}", case.axes.strategy);
        case.axes.trace = hostile.to_owned();
        case.doubts.iter_mut().for_each(|doubt| doubt.text = hostile.to_owned());
    }
    let results = synthetic.written();
    draw(results.path()).unwrap();
    for (name, bytes) in
        files(results.path()).into_iter().filter(|(name, _)| name.ends_with("svg") || name.ends_with("html"))
    {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("<script") && !text.contains('\u{1b}'), "{name}");
        well_formed(&name, &text);
    }
}

#[test]
fn first_come_the_answers_then_doubts_and_failures_in_words() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    let answer = html.find("In short: ").unwrap();
    assert!(answer < html.find("<svg").unwrap());
    assert!(
        html.contains("Memory growing (eviction never), bounded (eviction frontier)."),
        "{}",
        &html[answer..answer + 3000]
    );
    assert!(html.contains("Careful: 9 of 45\u{a0}measurements carry doubts (hiccups 9\u{a0}×), listed below."));
    assert!(html.contains("Completeness between 80\u{a0}% (no slack) and 100\u{a0}% (slack 1\u{a0}d)."));
    assert!(html.contains("thread &#39;worker-1&#39; panicked"));
    assert!(html.contains("hiccups as large as the p99"));
    assert!(html.contains("git checkout 0123456789ab"));
}

#[test]
fn a_figure_without_numbers_says_why() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "gone.svg");
    assert!(svg.contains("Nothing to draw."), "{svg}");
    assert!(svg.contains("2 of 2 cases without numbers, not drawn (2 × failed: panic)."), "{svg}");
    assert_eq!(read(results.path(), "gone.csv"), "series,workers\n");
}

#[test]
fn a_log_axis_leaves_out_zeros_and_counts_them() {
    let mut synthetic = Synthetic::full();
    let figure = &mut synthetic.run.parts[0].figures[0];
    figure.log_y = true;
    for case in synthetic.cases.iter_mut().filter(|case| case.axes.rate_events_per_s == Some(250_000.0)) {
        let numbers = case.numbers.as_mut().unwrap();
        numbers.latency.p99_ns = Some(0);
    }
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "latency-by-rate.svg");
    assert!(svg.contains("latency p99 (log)"), "{svg}");
    assert!(svg.contains("3 points not shown: zero and negative values"), "{svg}");
    assert!(!read(results.path(), "latency-by-rate.csv").contains("exchange,250000"));
}

#[test]
fn one_wrong_figure_is_named_and_does_not_cost_the_others() {
    let mut synthetic = Synthetic::full();
    synthetic.run.parts[0].figures[0].y = vec!["latency_p98_ns".into()];
    let results = synthetic.written();
    let drawn = draw(results.path()).unwrap();
    let words = drawn.problems[0].to_string();
    assert!(words.contains("`latency-by-rate`") && words.contains("`latency_p98_ns`"), "{words}");
    assert!(words.contains("did you mean `latency_p9"), "{words}");
    assert!(read(results.path(), "report.html").contains("Not drawn: figure `latency-by-rate`"));
    assert!(results.path().join("throughput.svg").exists());
}

#[test]
fn wrong_descriptions_of_figures_are_found_before_a_run() {
    let good = Synthetic::full().run.parts[0].figures[0].clone();
    let check = |change: fn(&mut flowbench_measurement::record::FigureSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        flowbench_report::check_figure(&spec).unwrap_err()
    };
    assert_eq!(check(|spec| spec.y.clear()), FigureError::EmptyY("latency-by-rate".into()));
    assert_eq!(check(|spec| spec.name = "../x".into()), FigureError::Name("../x".into()));
    assert_eq!(check(|spec| spec.name = "cases".into()), FigureError::Reserved("cases".into()));
    assert!(check(|spec| spec.x = "worker".into()).to_string().contains("did you mean `workers`"));
    assert!(check(|spec| spec.by = vec!["strategi".into()]).to_string().contains("`strategy`"));
}

#[test]
fn words_on_the_y_axis_are_an_error() {
    let mut synthetic = Synthetic::full();
    synthetic.run.parts[0].figures[0].y = vec!["strategy".into()];
    let drawn = draw(synthetic.written().path()).unwrap();
    assert!(matches!(&drawn.problems[..], [FigureError::NotNumbers { column, .. }] if column == "strategy"));
}

#[test]
fn an_interrupted_run_is_drawn_as_far_as_it_came() {
    let mut synthetic = Synthetic::full();
    synthetic.run.interrupted = true;
    synthetic.run.planned_cases = 100;
    synthetic.cases.truncate(3);
    let results = synthetic.written();
    fs::remove_file(results.path().join("timeline.csv")).unwrap();
    let drawn = draw(results.path()).unwrap();
    assert_eq!(drawn.missing[0], "3 of 100 planned cases are here: the run was interrupted.");
    assert!(drawn.missing[1].starts_with("timeline.csv"));
    assert!(read(results.path(), "report.html").contains(&drawn.missing[0]));
    assert!(read(results.path(), "memory.svg").contains("No case that has ended is what this figure asks for."));
}

#[test]
fn a_run_without_any_case_still_gives_a_report() {
    let mut synthetic = Synthetic::full();
    synthetic.cases.clear();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    assert!(read(results.path(), "report.html").contains("No answer: no case has ended."));
}

#[test]
fn a_figure_that_mixes_cases_says_so() {
    let mut synthetic = Synthetic::full();
    synthetic.run.parts[0].figures[0].by.clear();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "latency-by-rate.svg");
    assert!(svg.contains("Careful: some points mix cases that differ in `strategy`"), "{svg}");
}

#[test]
fn the_terminal_tables_fit_and_cannot_steer_the_terminal() {
    let mut synthetic = Synthetic::full();
    synthetic.cases[0].axes.strategy = format!("\u{1b}[31m{}", "very-long-name-".repeat(20));
    let results = flowbench_report::Results::read(synthetic.written().path()).unwrap();
    let text = terminal_tables(&results, 90);
    assert!(!text.contains('\u{1b}'));
    let widest = text.lines().filter(|line| !line.ends_with('?')).map(|line| line.chars().count()).max();
    assert!(widest <= Some(90), "{text}");
    assert!(text.contains("growing") && text.contains("panic"), "{text}");
}

#[test]
fn a_terminal_table_has_a_column_for_each_axis_that_varies_and_cuts_nothing() {
    let mut synthetic = Synthetic::full();
    for case in synthetic.cases.iter_mut().filter(|case| case.part == "rates") {
        case.axes.pipeline = if case.case % 2 == 0 { "identity" } else { "repeat-high-value" }.into();
        case.axes.records_per_epoch = case.axes.rate_events_per_s.unwrap() as usize / 62_500;
        case.doubts =
            ["driver-lag", "hiccups", "steal"].map(|code| Doubt { code: code.into(), text: "?".into() }).into();
        let numbers = case.numbers.as_mut().unwrap();
        numbers.throughput_events_per_s = case.axes.rate_events_per_s.unwrap().min(612_000.0);
        (numbers.accuracy.missing, numbers.accuracy.spurious) = (1_650, 2);
    }
    let results = flowbench_report::Results::read(synthetic.written().path()).unwrap();
    let text = terminal_tables(&results, 100);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("How does latency grow with the rate? (medians of 3 repeats)"));
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["#", "pipeline", "strategy", "events/s", "p50", "p99", "answers", "doubts"]);
    let row = lines.find(|line| line.trim_start().starts_with("14 ")).unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>().join(" "),
        "14 identity exchange 612k of 2M 625 µs 5 ms -16% +<1% driver-lag +2"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 100)
            && !text.split("Without numbers").next().unwrap().contains('…'),
        "{text}"
    );
}

#[test]
fn a_number_does_not_leave_its_unit_in_the_report() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    let answer = &html[html.find("In short: ").unwrap()..][..400];
    assert!(answer.contains("\u{a0}µs") && !answer.contains(" µs"), "{answer}");
}

#[test]
fn zero_slack_is_drawn_beyond_a_break_of_the_log_axis() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    assert!(read(results.path(), "slack.csv").contains("\ncompleteness,0,0.8,"));
    let svg = read(results.path(), "slack.svg");
    assert!(
        svg.contains("Zero has no place on a log axis: it stands left of the break.") && svg.contains(">0</text>"),
        "{svg}"
    );
}

/// Not a check: leaves a gallery to look at in the target directory.
/// `cargo test -p flowbench-report gallery -- --ignored --nocapture` says where.
#[test]
#[ignore = "writes a gallery for human eyes"]
fn gallery() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    let _ = fs::remove_dir_all(&dir);
    Synthetic::full().write_to(&dir);
    draw(&dir).unwrap();
    println!("{}\n{}", dir.display(), terminal_tables(&flowbench_report::Results::read(&dir).unwrap(), 100));
}

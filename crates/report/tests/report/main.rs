//! Draws hand-made results and checks what a reader would find.
//!
//! What marks look like and say is in `drawing`. What strategies need to be compared is in `strategies`, evictions beside their verdicts are in `forgetting`. Of the
//! questions in `synthetic`, `rates` sweeps in numbers, `strategies` sweeps in names and draws bars, `memory` draws
//! over time, `slack` has a zero on a log axis, all cases of `gone` have failed, and `policies` has panels, levels and
//! stacks.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may fail like the tests themselves")]

mod answer_figures;
mod answers;
mod drawing;
mod forgetting;
mod overlay;
mod strategies;
mod synthetic;
mod terminal;
mod tiles;

use std::fs;
use std::path::Path;

use flowbench_measurement::record::{CaseRecord, Disorder, Doubt, EarlierFailure, FigureKind, FigureSpec};
use flowbench_report::{FigureError, Results, Screen, draw, terminal_tables};
use synthetic::Synthetic;

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

/// The answer to the n-th question of a report, without its markup.
fn answer(html: &str, n: usize) -> String {
    let of_question = html.split(&format!("<div class=\"answer\" id=\"a{n}\">")).nth(1).unwrap();
    let text = of_question.split("<p>").nth(1).unwrap().split("</p>").next().unwrap();
    text.replace("<strong>", "").replace("</strong>", "").replace('\u{a0}', " ")
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

/// The figures and the report.
fn drawings(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = files(dir);
    files.retain(|(name, _)| name.ends_with("svg") || name.ends_with("html"));
    assert!(files.len() > 5, "only {} figures and reports", files.len());
    files
}

fn well_formed(name: &str, text: &str) {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    if let Err(error) = roxmltree::Document::parse_with_options(text, options) {
        panic!("{name}: {error}");
    }
}

#[test]
fn claims_that_no_case_is_about_are_one_line_that_says_why() {
    let mut synthetic = Synthetic::full();
    synthetic.run.claims = [
        "max(lost_answers_share, part=slack) >= 0",
        "max(lost_answers_share, part=elsewhere) == 0",
        "all(growth_verdict, part=elsewhere) == bounded",
        "max(lost_answers_share, part=slack, workers=77) == 0",
    ]
    .map(str::to_owned)
    .to_vec();
    let dir = synthetic.written();
    draw(dir.path()).unwrap();
    let (page, text) =
        (read(dir.path(), "report.html"), terminal_tables(&Results::read(dir.path()).unwrap(), Screen::plain(100)));
    let other_parts = "2 claims not checked: about parts that this run leaves out.";
    let no_case = "1 claim not checked: no case with numbers to check against.";
    for shown in [&page, &text] {
        assert!(shown.contains(other_parts) && shown.contains(no_case), "{shown}");
        assert!(!shown.contains("part=elsewhere") && !shown.contains("workers=77"), "{shown}");
    }
    assert!(text.contains("holds    max(lost_answers_share, part=slack)"), "{text}");
}

#[test]
fn drawing_twice_gives_the_same_bytes() {
    for synthetic in [Synthetic::full(), strategies::matrix(), strategies::scaling(), forgetting::grid()] {
        let results = synthetic.written();
        draw(results.path()).unwrap();
        let first = files(results.path());
        draw(results.path()).unwrap();
        assert!(first == files(results.path()));
    }
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
fn repeats_of_a_case_that_differ_in_x_stand_together_at_its_median() {
    let mut synthetic = Synthetic::full();
    let shares = |case: &&mut CaseRecord| case.part == "rates" && case.axes.rate_events_per_s == Some(250_000.0);
    for case in synthetic.cases.iter_mut().filter(shares) {
        let rate = [249_000.0, 250_000.0, 254_000.0][case.repeat - 1];
        (case.axes.rate_events_per_s, case.axes.rate_share) = (Some(rate), Some(0.5));
    }
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "latency-by-rate.csv");
    assert!(csv.contains("\nexchange,250000,200000,180000,260000\n") && !csv.contains(",249000,"), "{csv}");
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
fn the_share_that_took_longer_is_the_distribution_the_other_way_round() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "slower.csv");
    assert!(csv.starts_with("series,longer_than_ns,y_share,low_share,high_share\nsequential,"), "{csv}");
    let points: Vec<(f64, f64)> = (csv.lines())
        .filter_map(|line| line.strip_prefix("sequential,"))
        .map(|row| row.split(',').map(|cell| cell.parse().unwrap()).collect::<Vec<f64>>())
        .map(|row| (row[0], row[1]))
        .collect();
    assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 > pair[1].1), "{points:?}");
    // As in the distribution, the last step below 600,000 / 10 samples.
    assert_eq!((points[0].1, (1.0 / points[points.len() - 1].1).round()), (1.0, 50119.0));
    assert!(csv.contains("\nhiccup floor,"), "{csv}");
    assert!(read(results.path(), "slower.svg").contains(">share that took longer (log)</text>"));
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
fn states_forgotten_are_spikes_above_memory_a_row_for_each_colour() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "memory.csv");
    let counts = |group: &str| -> Vec<f64> {
        let begin = format!("{group}: states forgotten,");
        let rows = csv.lines().filter_map(|line| line.strip_prefix(&begin));
        rows.map(|row| row.split(',').nth(4).unwrap().parse().unwrap()).collect()
    };
    // A sweep of 900 states at every seventh of 500 samples, in each repeat.
    let sweeps = counts("eviction frontier");
    assert_eq!((sweeps.len(), sweeps.iter().sum::<f64>()), (71, 71.0 * 900.0));
    assert!(counts("eviction never").is_empty(), "{csv}");
    let svg = read(results.path(), "memory.svg");
    assert!(svg.contains("<title>eviction frontier: states forgotten: 63.9k in all, at most 900 at once</title>"));
    assert!(svg.contains(">states forgotten</text>") && svg.contains("the tallest is 900."), "{svg}");
    // A figure without memory has none.
    assert!(!read(results.path(), "over-event-time.svg").contains("forgotten"));
}

#[test]
fn over_event_time_samples_without_one_are_not_drawn() {
    let results = Synthetic::full().written();
    let timeline = read(results.path(), "timeline.csv");
    // The first samples of a repeat come before its first admission.
    let unadmitted = |line: &str| match line.strip_prefix("22,1,") {
        Some(row) if row.split(',').nth(1).unwrap().parse::<u64>().unwrap() < 50_000 => {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[10] = "";
            cells.join(",")
        }
        _ => line.to_owned(),
    };
    let changed: Vec<String> = timeline.lines().map(unadmitted).collect();
    fs::write(results.path().join("timeline.csv"), changed.join("\n") + "\n").unwrap();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "over-event-time.csv");
    assert!(csv.starts_with("series,newest_event_time_ms,y_count,low_count,high_count\n"), "{csv}");
    let first = |repeat: u64| {
        let begin = format!("\"eviction never, case 22 repeat {repeat}\",");
        let row = csv.lines().find_map(|line| line.strip_prefix(&begin)).unwrap();
        row.split(',').map(|cell| cell.parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    // A sample advances event time by 6 h and adds 200 entries.
    assert_eq!((first(1)[0], first(1)[1]), (5.0 * 21_600_000.0, 1_000.0));
    assert_eq!((first(2)[0], first(2)[1]), (0.0, 0.0));
    let svg = read(results.path(), "over-event-time.svg");
    assert!(svg.contains(">event time since the first event of the trace (d)</text>"), "{svg}");
}

#[test]
fn over_time_goes_along_one_of_two_times() {
    let figures = Synthetic::full().run.parts.into_iter().find(|part| part.name == "memory").unwrap().figures;
    let good = figures.into_iter().find(|figure| figure.name == "over-event-time").unwrap();
    for x in ["", "at_ns", "newest_event_time_ms"] {
        flowbench_report::check_figure(&FigureSpec { x: x.into(), ..good.clone() }).unwrap();
    }
    for x in ["watermark_ms", "workers"] {
        let error =
            flowbench_report::check_figure(&FigureSpec { x: x.into(), ..good.clone() }).unwrap_err().to_string();
        let words = format!("figure `over-event-time`: `x` is `{x}`; for `over-time` it is `at_ns`");
        assert!(error.starts_with(&words) && error.contains("`newest_event_time_ms`"), "{error}");
    }
}

#[test]
fn the_file_of_the_states_is_linked_where_there_is_one() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    assert!(!read(results.path(), "report.html").contains("<a href=\"state.csv\">"));
    fs::write(results.path().join("state.csv"), flowbench_measurement::timeline::STATE_HEADER).unwrap();
    draw(results.path()).unwrap();
    assert!(read(results.path(), "report.html").contains("<a href=\"state.csv\">state.csv</a>"));
}

#[test]
fn the_report_needs_no_network_and_runs_nothing_but_its_own_script() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    for (name, bytes) in drawings(results.path()) {
        let text = String::from_utf8(bytes).unwrap().replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("url("), "{name}");
        let scripts = if name == "report.html" { 1 } else { 0 };
        assert_eq!(text.matches("<script").count(), scripts, "{name}");
        assert!(!text.contains(" style=") && !text.contains("onload"), "{name}");
    }
    let html = read(results.path(), "report.html");
    assert!(html.contains("default-src &#39;none&#39;") && !html.contains("unsafe-"));
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
    for (name, bytes) in drawings(results.path()) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("<script>alert") && !text.contains('\u{1b}'), "{name}");
        well_formed(&name, &text);
    }
}

#[test]
fn first_come_the_answers_then_doubts_and_failures_in_words() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    assert!(html.find("id=\"a6\"").unwrap() < html.find("<svg").unwrap());
    assert_eq!(
        answer(&html, 3),
        "frontier is bounded, its live bytes peak of 48 MiB is 1× that of never, and it loses no answer; its latency p50 cannot \
         be told from that of never. Without eviction (never), it grows."
    );
    assert!(html.contains("1 of the 3 numbers behind this is doubtful: <a href=\"#d1\">hiccups¹</a>."));
    assert_eq!(
        answer(&html, 4),
        "Answers are 99 % complete from 1 h of slack on (1 min of slack gives 97.5 %), exact from 1 d of slack on; with 1 h \
         of slack, the median event waits 1 ms of event time."
    );
    assert_eq!(answer(&html, 5), "No answer: 0 of 2 measurements have numbers, 2 failed, 0 invalid.");
    assert!(html.find("ab12cd34ef56").unwrap() > html.rfind("<svg").unwrap(), "digests stand at the foot");
    assert!(html.contains("thread &#39;worker-1&#39; panicked"));
    assert!(html.contains("hiccups as large as the p99"));
    assert!(html.contains("git checkout 0123456789ab"));
}

#[test]
fn a_second_attempt_is_not_taken_for_the_first() {
    let mut synthetic = Synthetic::full();
    let cause = "deadline: still running after 1 s".to_owned();
    synthetic.run.earlier_failures = vec![EarlierFailure { case: 5, repeat: 2, cause }];
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    assert!(html.contains("Run again after a failure") && html.contains("c5r2: deadline: still running after 1"));
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
    assert!(svg.contains("3 points not shown: a log axis cannot show zero"), "{svg}");
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
    let columns = "the columns that `flowbench list columns` shows".to_owned();
    assert_eq!(check(|spec| spec.y.clear()), FigureError::EmptyY("latency-by-rate".into(), columns));
    assert_eq!(check(|spec| spec.name = "../x".into()), FigureError::Name("../x".into()));
    assert_eq!(check(|spec| spec.name = "cases".into()), FigureError::Reserved("cases".into()));
    assert_eq!(check(|spec| spec.name = "state".into()), FigureError::Reserved("state".into()));
    assert!(check(|spec| spec.x = "worker".into()).to_string().contains("did you mean `workers`"));
    let bars = check(|spec| (spec.kind, spec.x) = (FigureKind::Bars, "workers".into())).to_string();
    assert!(
        bars.contains("`x` is for `sweep`, `at-level`, `heat-map`, `over-time` and `answers`; leave it out here"),
        "{bars}"
    );
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
    assert_eq!(drawn.missing[0], "3 of 100 planned cases have finished: the run was interrupted.");
    assert!(drawn.missing[1].starts_with("timeline.csv"));
    assert!(read(results.path(), "report.html").contains(&drawn.missing[0]));
    assert!(read(results.path(), "memory.svg").contains("No finished case matches this figure."));
}

#[test]
fn a_run_without_any_case_still_gives_a_report() {
    let mut synthetic = Synthetic::full();
    synthetic.cases.clear();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    assert!(read(results.path(), "report.html").contains("No answer: no case has finished."));
}

#[test]
fn a_figure_that_mixes_cases_says_so() {
    let mut synthetic = Synthetic::full();
    synthetic.run.parts[0].figures[0].by.clear();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "latency-by-rate.svg");
    assert!(svg.contains("Caution: some points mix cases that differ in `strategy`"), "{svg}");
}

#[test]
fn the_terminal_tables_fit_and_cannot_steer_the_terminal() {
    let mut synthetic = Synthetic::full();
    synthetic.cases[0].axes.strategy = format!("\u{1b}[31m{}", "very-long-name-".repeat(20));
    let results = flowbench_report::Results::read(synthetic.written().path()).unwrap();
    let text = terminal_tables(&results, Screen::plain(90));
    assert!(!text.contains('\u{1b}'));
    let widest = text.lines().map(|line| line.chars().count()).max();
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
    let text = terminal_tables(&results, Screen::plain(100));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("How does latency grow with the rate?"));
    let legend = "Medians of 3 repeats ± the farther end of the range. In all cases: answers -16% +<1%.";
    assert_eq!(lines.next(), Some(legend));
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["#", "pipeline", "strategy", "events/s", "p50", "p99", "doubts"]);
    let row = lines.find(|line| line.trim_start().starts_with("14 ")).unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>().join(" "),
        "14 identity exchange 612k of 2M 625 µs ±30% 5 ms ±30% driver-lag +2"
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
    let answer = &html[html.find("id=\"a1\"").unwrap()..][..600];
    assert!(answer.contains("\u{a0}µs") && !answer.contains(" µs"), "{answer}");
}

#[test]
fn zero_slack_is_drawn_beyond_a_break_of_the_log_axis() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    assert!(read(results.path(), "slack.csv").contains("\ncompleteness,0,0.8,"));
    let svg = read(results.path(), "slack.svg");
    assert!(
        svg.contains("A log axis has no zero: it is drawn to the left of the break.") && svg.contains(">0</text>"),
        "{svg}"
    );
}

#[test]
fn chosen_panels_share_the_x_axis_and_one_legend() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "which-slack.svg");
    for once in
        ["arrival", "watermark", "speculative", "p50", "p99", "how long an event waits (log)", "churn", "10 min"]
    {
        let times = svg.matches(&format!(">{once}</text>")).count();
        // The panel of the waits has a tick of its own at 10 min.
        assert_eq!(times, if once == "10 min" { 2 } else { 1 }, "{once}");
    }
    let csv = read(results.path(), "which-slack.csv");
    let header = "series,slack_ms,y_ms,low_ms,high_ms,y_share,low_share,high_share,y_count,low_count,high_count\n";
    assert!(csv.starts_with(header), "{csv}");
    assert!(csv.contains("\nwatermark: event time wait p99,60000,90900,90900,90900,,,,,,\n"), "{csv}");
    assert!(csv.contains("\nspeculative: completeness,0,,,,0.8,0.8,0.8,,,\n"), "{csv}");
    // Entries, events waiting and churn are counts: one group of columns.
    assert!(csv.contains("\nspeculative: churn,3600000,,,,,,,0.24,0.24,0.24\n"), "{csv}");
}

#[test]
fn a_panel_has_a_log_axis_of_its_own() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "slack-alone.svg");
    assert!(svg.contains(">how long an event waits (log)</text>") && svg.contains(">completeness (%)</text>"), "{svg}");
    // Zero churn is drawn: its panel is not logarithmic.
    assert!(read(results.path(), "slack-alone.csv").contains("\nchurn,0,,,,,,,0,0,0\n"));
}

#[test]
fn policies_stand_side_by_side_at_the_least_slack_that_is_complete_enough() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "side-by-side.csv");
    let header = "series,pipeline,y_ms,low_ms,high_ms,y_count,low_count,high_count,slack_ms\n";
    assert!(csv.starts_with(header), "{csv}");
    // Of 10,000 answers 90 are off at 1 min for sessions; for the other pipeline 180 are, and 20 at 10 min.
    assert!(csv.contains("\nwatermark: event time wait p99,sessions,90900,90900,90900,,,,60000\n"), "{csv}");
    assert!(
        csv.contains("\nwatermark: event time wait p99,repeat-high-value,900900,900900,900900,,,,600000\n"),
        "{csv}"
    );
    assert!(csv.contains("\narrival: event time wait p99,sessions,,,,,,,\n"), "{csv}");
    let svg = read(results.path(), "side-by-side.svg");
    assert_eq!(svg.matches(">not reached</text>").count(), 6, "two pipelines in three panels");
    assert!(svg.contains(">1.51 min, slack 1 min</text>") && svg.contains("completeness of 99 % or more"), "{svg}");
}

#[test]
fn a_level_is_reached_by_the_median_of_the_repeats_and_when_it_is_just_met() {
    let mut synthetic = Synthetic::full();
    let of_one = |case: &&mut CaseRecord| {
        (case.axes.pipeline.as_str(), case.axes.order.as_str()) == ("sessions", "watermark")
            && case.axes.slack_ms == 10_000
            && case.part == "policies"
    };
    for (case, missing) in synthetic.cases.iter_mut().filter(of_one).zip([100, 5_000, 0]) {
        let accuracy = &mut case.numbers.as_mut().unwrap().accuracy;
        (accuracy.missing, accuracy.wrong) = (missing, 0);
    }
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "side-by-side.csv");
    assert!(csv.contains("\nwatermark: buffered peak,sessions,,,,200,200,200,10000\n"), "{csv}");
}

#[test]
fn nothing_but_groups_below_the_level_still_says_so() {
    let mut synthetic = Synthetic::full();
    synthetic.cases.iter_mut().filter_map(|case| case.numbers.as_mut()).for_each(|n| n.accuracy.missing = 5_000);
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "side-by-side.svg");
    well_formed("side-by-side.svg", &svg);
    assert_eq!(svg.matches(">not reached</text>").count(), 18, "{svg}");
    let html = read(results.path(), "report.html");
    let sessions = "sessions never (arrival, watermark and speculative); repeat-high-value never";
    let all = answer(&html, 6);
    assert!(all.contains(sessions) || all.contains("no slack gives"), "{all}");
}

#[test]
fn the_parts_of_a_stack_stand_end_to_end_in_proportion() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let csv = read(results.path(), "attribution-mean.csv");
    for row in ["driver lag", "queueing", "compute"].into_iter().zip([800, 36_000, 22_000]) {
        let (part, ns) = row;
        let expected = format!("\nattribution {part} mean,\"sessions, watermark\",{ns},{ns},{ns}\n");
        assert!(csv.contains(&expected), "{csv}");
    }
    let svg = read(results.path(), "attribution-mean.svg");
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&svg, options).unwrap();
    // What has a title is a part; the others are swatches of the legend.
    let is_part = |node: &roxmltree::Node| node.children().any(|child| child.has_tag_name("title"));
    let rects = document.descendants().filter(|node| node.has_tag_name("rect") && is_part(node));
    let ends: Vec<(f64, f64)> = rects
        .map(|rect| ["x", "width"].map(|name| rect.attribute(name).unwrap().parse::<f64>().unwrap()))
        .map(|[x, width]| (x, x + width))
        .collect();
    assert_eq!(ends.len(), 6 * 3);
    for row in ends.chunks(3) {
        assert!(row[0].1 <= row[1].0 && row[1].1 <= row[2].0, "{row:?}");
        let px_per_ns = (row[2].0 - row[0].0) / 36_800.0;
        assert!((row[1].0 - row[0].0 - 800.0 * px_per_ns).abs() < 0.15, "{row:?}");
        // A hair is left free before the next one.
        assert!((row[2].1 + 1.0 - row[2].0 - 22_000.0 * px_per_ns).abs() < 0.15, "{row:?}");
    }
    assert_eq!(svg.matches(">58.8 µs</text>").count(), 6);
    assert_eq!(read(results.path(), "attribution.svg").matches(">queueing</text>").count(), 1);
}

#[test]
fn wrong_descriptions_of_the_newer_kinds_are_found_before_a_run() {
    let figures = Synthetic::full().run.parts.pop().unwrap().figures;
    let find = |name: &str| figures.iter().find(|figure| figure.name == name).unwrap().clone();
    figures.iter().for_each(|figure| flowbench_report::check_figure(figure).unwrap());
    let says = |name: &str, change: fn(&mut FigureSpec), words: &[&str]| {
        let mut spec = find(name);
        change(&mut spec);
        let error = flowbench_report::check_figure(&spec).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)) && error.contains(name), "{error}");
    };
    says("which-slack", |spec| spec.panels[1].y = vec!["completenes".into()], &["`y`", "did you mean `completeness`"]);
    says("which-slack", |spec| spec.panels[1].y.clear(), &["`panels`", "panel 2"]);
    says(
        "which-slack",
        |spec| spec.panels[1].y.push("churn".into()),
        &["`completeness` and `churn`", "different units"],
    );
    says("which-slack", |spec| spec.y = vec!["churn".into()], &["`y` and `panels`"]);
    says("which-slack", |spec| spec.x.clear(), &["`x` is missing", "`slack_ms`"]);
    says("which-slack", |spec| spec.kind = FigureKind::Bars, &["`panels` are for `sweep`"]);
    says("which-slack", |spec| spec.level = Some(0.99), &["`level` is for the kind `at-level`"]);
    says("side-by-side", |spec| spec.level = None, &["`level` is missing"]);
    says("side-by-side", |spec| spec.level = Some(99.0), &["write 0.99"]);
    says("side-by-side", |spec| spec.level_column.clear(), &["`level_column` is missing", "`completeness`"]);
    says("side-by-side", |spec| spec.level_column = "complete".into(), &["did you mean `completeness`"]);
    says("side-by-side", |spec| spec.x = "slack".into(), &["did you mean", "`slack_ms`"]);
    says("attribution", |spec| spec.log_y = true, &["`log_y` has no meaning"]);
    says("attribution-mean", |spec| spec.y.push("slack_ms".into()), &["different units"]);
    says("progress", |spec| spec.panels[1].y = vec!["backlogs".into()], &["did you mean `backlog`"]);
}

#[test]
fn words_are_not_compared_with_a_level() {
    let mut synthetic = Synthetic::full();
    let figures = &mut synthetic.run.parts.last_mut().unwrap().figures;
    figures.iter_mut().find(|figure| figure.name == "side-by-side").unwrap().x = "strategy".into();
    let drawn = draw(synthetic.written().path()).unwrap();
    assert!(matches!(&drawn.problems[..], [FigureError::NotNumbers { column, .. }] if column == "strategy"));
}

#[test]
fn corrections_are_in_the_tables_where_there_are_any() {
    let results = flowbench_report::Results::read(Synthetic::full().written().path()).unwrap();
    let text = terminal_tables(&results, Screen::plain(160));
    let (before, policies) = text.split_once("What does each policy cost").unwrap();
    assert!(!before.contains("churn") && !before.contains('≠'), "{before}");
    let row = |case: &str| policies.lines().find(|line| line.starts_with(case)).unwrap();
    assert!(row("42 ").ends_with("-10% ≠10%  0.27, 12%"), "{}", row("42 "));
    assert!(row("31 ").contains("-7% ≠3%") && row("31 ").ends_with(" 0"), "{}", row("31 "));
    let narrow = terminal_tables(&results, Screen::plain(80));
    assert!(
        narrow.contains("p99, lag peak, answers.") && narrow.contains("80 %") && !narrow.contains("-7% ≠3%"),
        "{narrow}"
    );
}

#[test]
fn answers_that_are_only_wrong_are_not_exact() {
    let mut synthetic = Synthetic::full();
    synthetic.cases.iter_mut().for_each(|case| case.part = "rates".into());
    synthetic.cases.truncate(3);
    synthetic.cases.iter_mut().filter_map(|case| case.numbers.as_mut()).for_each(|n| n.accuracy.wrong = 400);
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    assert!(html.contains("in 3 of 3\u{a0}measurements: up to 4\u{a0}% wrong"), "{html}");
    assert!(html.contains("<td>≠4%</td>") && !html.contains("<td>exact</td>"));
}

#[test]
fn the_report_says_what_was_asked_where_a_level_is_reached_and_what_was_taken_back() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let html = read(results.path(), "report.html");
    let asked = "<td>retail</td><td class=\"right\">20\u{a0}%</td><td class=\"right\">21.3\u{a0}%</td>\
                 <td class=\"right\">1\u{a0}%</td><td class=\"right\">1\u{a0}%</td></tr>";
    assert_eq!(html.matches(asked).count(), 1);
    assert_eq!(
        answer(&html, 6),
        "Slack for 99 % complete answers: sessions never (arrival), 1 min of slack (watermark and speculative); \
         repeat-high-value never (arrival), 10 min of slack (watermark and speculative)."
    );
    assert!(html.contains("At most 0.3 retractions per answer given."));
    let mut nothing_asked = Synthetic::full();
    nothing_asked
        .cases
        .iter_mut()
        .filter_map(|case| case.numbers.as_mut())
        .for_each(|n| n.disorder = Disorder::default());
    let results = nothing_asked.written();
    draw(results.path()).unwrap();
    assert!(!read(results.path(), "report.html").contains("Disorder of the traces"));
}

/// Not a check: leaves a gallery to look at in the target directory.
/// `cargo test -p flowbench-report gallery -- --ignored --nocapture` says where.
#[test]
#[ignore = "writes a gallery for human eyes"]
fn gallery() {
    let galleries = [
        ("gallery", Synthetic::full()),
        ("strategies", strategies::matrix()),
        ("scaling", strategies::scaling()),
        ("forgetting", forgetting::grid()),
    ];
    for (name, synthetic) in galleries {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&dir);
        synthetic.write_to(&dir);
        draw(&dir).unwrap();
        println!(
            "{}\n{}",
            dir.display(),
            terminal_tables(&flowbench_report::Results::read(&dir).unwrap(), Screen::plain(100))
        );
    }
}

#[test]
fn a_quantile_that_too_few_latencies_support_is_explained() {
    let mut synthetic = Synthetic::full();
    let text = |synthetic: &Synthetic| {
        terminal_tables(&Results::read(synthetic.written().path()).unwrap(), Screen::plain(100))
    };
    let why = "p50 and p99 are – where n is too small";
    assert!(!text(&synthetic).contains(why));
    let some = synthetic.cases.iter_mut().filter(|case| case.case.is_multiple_of(2));
    for numbers in some.filter_map(|case| case.numbers.as_mut()) {
        (numbers.latency.count, numbers.latency.p99_ns) = (999, None);
    }
    assert!(text(&synthetic).contains(why));
}

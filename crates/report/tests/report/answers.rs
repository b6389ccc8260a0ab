//! What the report says first: the rules hold for a few cases and for many, nothing that loses answers is called best, and
//! claims stand beside the answers.

use flowbench_measurement::record::{CaseRecord, FigureKind, QuestionRecord};
use flowbench_report::draw;

use crate::synthetic::{Synthetic, figure, push, run};
use crate::{answer, read, well_formed};

/// Closed loops of some pipelines under three evictions; `ttl(1h)` is fastest and loses 5 % of the answers.
fn evictions(pipelines: usize) -> Synthetic {
    let mut cases = Vec::new();
    for pipeline in 0..pipelines {
        for (eviction, p99_ns) in [("never", 300_000), ("frontier", 150_000), ("ttl(1h)", 50_000)] {
            push(&mut cases, "evictions", p99_ns, |axes| {
                (axes.pipeline, axes.eviction) = (format!("pipeline-{pipeline}"), eviction.into());
                (axes.load, axes.rate_events_per_s) = ("closed".into(), None);
            });
        }
    }
    lose(&mut cases, "ttl(1h)", 500);
    let question = "How fast is each eviction?".to_owned();
    let figures = vec![figure("speed", FigureKind::HeatMap, "eviction", &["throughput_events_per_s"], &["pipeline"])];
    let mut run = run(cases.len());
    run.parts = vec![QuestionRecord { name: "evictions".into(), question, figures }];
    Synthetic { run, cases, logged: false }
}

fn lose(cases: &mut [CaseRecord], eviction: &str, missing: u64) {
    for case in cases.iter_mut().filter(|case| case.axes.eviction == eviction) {
        case.numbers.as_mut().unwrap().accuracy.missing = missing;
    }
}

fn page(synthetic: &Synthetic) -> String {
    let results = synthetic.written();
    draw(results.path()).unwrap();
    read(results.path(), "report.html")
}

#[test]
fn what_loses_answers_does_not_compete_with_what_is_exact() {
    let html = page(&evictions(1));
    let expected = "frontier is fastest, 28M events/s [21.5–31.1], 2× [1.38–2.89] that of never (ttl(1h) would have 84M \
                    events/s, but with 5 % of the answers lost).";
    assert_eq!(answer(&html, 1).replace("~", ""), format!("pipeline-0: {expected}"));
}

#[test]
fn where_all_lose_answers_those_that_lose_least_compete_and_the_loss_is_said() {
    let mut synthetic = evictions(1);
    lose(&mut synthetic.cases, "never", 100);
    lose(&mut synthetic.cases, "frontier", 400);
    let html = page(&synthetic);
    let said = answer(&html, 1);
    assert!(
        said.starts_with("pipeline-0: never is fastest") && said.contains(", with 1 % of the answers lost"),
        "{said}"
    );
}

#[test]
fn many_rows_are_counted_and_a_long_table_is_shortened() {
    let html = page(&evictions(200));
    well_formed("report.html", &html);
    let said = answer(&html, 1);
    let expected = "frontier is fastest in 200 of 200 pipelines, typically 2× that of never. Out of the running, with better \
                    numbers and answers that differ: ttl(1h) (in 200).";
    assert_eq!(said, expected);
    assert_eq!(html.matches("<tr id=\"c").count(), 500);
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
    assert!(html.contains("The first 500 of 600\u{a0}cases; <a href=\"cases.csv\">cases.csv</a> has them all."));
}

#[test]
fn a_rate_is_kept_up_with_if_all_of_it_was_completed_in_time() {
    let mut synthetic = Synthetic::full();
    for case in synthetic.cases.iter_mut().filter(|case| case.part == "rates") {
        let offered = case.axes.rate_events_per_s.unwrap();
        let most = if case.axes.strategy == "sequential" { 300e3 } else { 1.5e6 };
        case.numbers.as_mut().unwrap().throughput_events_per_s = offered.min(most);
    }
    let said = answer(&page(&synthetic), 1);
    let expected = "exchange and pre-aggregate keep up with 1M events/s; p99 latency there: 100 µs [90–130] (pre-aggregate), \
                    200 µs [180–260] (exchange). sequential keeps up with 250k events/s; p99 latency there: 300 µs [270–390] \
                    (sequential).";
    assert_eq!(said, expected);
}

#[test]
fn a_claim_stands_beside_its_answer_with_its_mark_and_what_was_found() {
    let mut synthetic = Synthetic::full();
    synthetic.run.claims = [
        "min(completeness, part=slack, slack_ms=86400000) == 1",
        "max(completeness, part=slack, slack_ms=0) > 0.9",
        "all(growth_verdict, part=nowhere) == growing",
    ]
    .map(str::to_owned)
    .into();
    let html = page(&synthetic).replace('\u{a0}', " ");
    let of_slack = html.split("id=\"a4\"").nth(1).unwrap().split("id=\"a5\"").next().unwrap();
    for words in [
        "<li class=\"holds\"><span class=\"mark\" aria-hidden=\"true\">✓</span>the lowest completeness (slack 1 d) is 1 ",
        "<li class=\"fails\"><span class=\"mark\" aria-hidden=\"true\">✗</span>the highest completeness (no slack) is more \
         than 0.9 <span class=\"small\">(fails: 0.8)</span>",
    ] {
        assert!(of_slack.contains(words), "{of_slack}");
    }
    assert!(html.contains("1 claim not checked: about parts that this run leaves out."));
}

#[test]
fn the_note_stands_between_figures_and_tables_and_a_run_without_one_has_no_such_section() {
    let mut synthetic = Synthetic::full();
    assert!(!page(&synthetic).contains("id=\"note\""));
    synthetic.run.note = Some("# Title\n\n## Estimate\n\nAbout *5*<!-- = value(x) --> µs & more.\n".to_owned());
    let html = page(&synthetic);
    well_formed("report.html", &html);
    let at = |words: &str| html.find(words).unwrap_or_else(|| panic!("no {words}"));
    assert!(at("id=\"q6\"") < at("<h2 id=\"note\">") && at("<h2 id=\"note\">") < at("<h2 id=\"cases\">"));
    assert!(html.contains("<h3>Estimate</h3>\n<p>About <em>5</em> µs &amp; more.</p>"), "{html}");
}

#[test]
fn a_doubt_is_a_mark_in_the_table_and_its_words_stand_once() {
    let html = page(&Synthetic::full());
    assert!(html.contains("<td class=\"marks\"><a href=\"#d1\">¹</a></td>"), "{html}");
    let doubts = html.split("<h2 id=\"doubts\">").nth(1).unwrap().split("<h2").next().unwrap();
    assert_eq!(doubts.matches("hiccups as large as the p99 reported").count(), 1, "{doubts}");
    assert!(doubts.contains("<details id=\"d1\" open=\"open\"><summary>¹ <strong>hiccups</strong>:"), "{doubts}");
}

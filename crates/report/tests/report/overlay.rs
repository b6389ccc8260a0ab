//! The page of a comparison: nothing that was compared is lost on the way to the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use flowbench_measurement::comparison::{Comparison, MetricChange};
use flowbench_report::{Results, comparison_html};

/// A reference run, and the same one with the last repeats of some cases changed.
fn runs(name: &str, factor: f64) -> (Results, Results) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../results").join(name).join("reference");
    let before = Results::read(&dir).unwrap();
    let mut after = before.clone();
    for case in after.cases.iter_mut().filter(|case| case.axes.pipeline == "sessions") {
        let Some(numbers) = &mut case.numbers else { continue };
        numbers.throughput_events_per_s *= factor;
        numbers.latency.p50_ns = numbers.latency.p50_ns.map(|ns| (ns as f64 / factor) as u64);
    }
    (before, after)
}

#[test]
fn every_compared_case_is_drawn_or_counted_and_every_metric_has_a_row() {
    for name in ["quickstart", "latency", "parallelism"] {
        let (before, after) = runs(name, 0.5);
        let comparison = Comparison::of((&before.run, &before.cases), (&after.run, &after.cases));
        let html = comparison_html(&before, &after, &comparison);
        assert_eq!(html, comparison_html(&before, &after, &comparison), "{name}");
        let mut cases: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
        for cell in &comparison.cells {
            let differs = matches!(cell.change, MetricChange::Worse | MetricChange::Better);
            *cases.entry(&cell.part).or_default().entry(&cell.case).or_default() |= differs;
            assert!(html.contains(&format!("<td>{}</td>", cell.case)), "{name}: {}", cell.case);
        }
        for (part, cases) in cases {
            let differing = cases.values().filter(|differs| **differs).count();
            let shown = differing.clamp(16, 60).min(cases.len());
            let section = html.split(&format!("<h2>{part}")).nth(1).unwrap().split("<h2>").next().unwrap();
            let counted = if shown == 1 { "1 case".to_owned() } else { format!("{shown}\u{a0}cases") };
            assert!(section.contains(&counted), "{name}, {part}: {counted} of {}", cases.len());
            let left_out = cases.len() - shown;
            assert_eq!(section.contains("left out"), left_out > 0, "{name}, {part}");
            assert!(left_out == 0 || section.contains(&format!("{left_out} other")), "{name}, {part}: {left_out}");
        }
        assert_eq!(html.matches("<tr><td>").count(), comparison.cells.len() + 6, "and what the two runs are");
    }
}

#[test]
fn figures_are_valid_xml_and_the_runs_differ_in_more_than_colour() {
    let (before, after) = runs("quickstart", 0.5);
    let comparison = Comparison::of((&before.run, &before.cases), (&after.run, &after.cases));
    assert!(comparison.count(MetricChange::Worse) + comparison.count(MetricChange::Inconclusive) > 0);
    let html = comparison_html(&before, &after, &comparison);
    let mut ids = BTreeSet::new();
    for figure in html.split("<svg ").skip(1) {
        let svg = format!("<svg {}</svg>", figure.split("</svg>").next().unwrap());
        let figure = roxmltree::Document::parse(&svg).unwrap();
        let of_figure = figure.descendants().filter_map(|node| node.attribute("id"));
        assert!(of_figure.into_iter().all(|id| ids.insert(id.to_owned())), "{ids:?}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
    assert!(ids.len() >= 8, "{ids:?}");
    // A circle before, a diamond after.
    let marks = |run: &str, shape: &str| {
        let begin = format!("data-series=\"{run}\">");
        let groups = html.split(&begin).skip(1);
        groups.filter(|group| group.split("</g>").next().unwrap().contains(shape)).count()
    };
    assert!(marks("before", "<circle") > 2 && marks("after", "<circle") == 0);
    assert!(marks("after", "z\" class=\"full\"") > 2 && marks("before", "z\" class=\"full\"") == 0);
}

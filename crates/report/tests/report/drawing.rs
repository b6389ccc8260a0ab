//! What the marks of a figure say and look like: one colour for each strategy, doubts, and the case behind a mark.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_report::draw;
use roxmltree::{Document, Node};

use crate::synthetic::Synthetic;
use crate::{read, strategies};

/// Applies a check to a figure.
fn in_figure<T>(svg: &str, check: impl Fn(&Document) -> T) -> T {
    check(
        &Document::parse_with_options(svg, roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() })
            .unwrap(),
    )
}

fn has_class(node: &Node, class: &str) -> bool {
    node.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
}

/// The classes of colours of the groups and entries of each series.
fn colours(svg: &str) -> BTreeMap<String, BTreeSet<String>> {
    in_figure(svg, |figure| {
        let mut colours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in figure.descendants().filter(|node| node.has_tag_name("g")) {
            let Some(series) = node.attribute("data-series") else { continue };
            let classes = node.attribute("class").unwrap().split(' ').filter(|class| !["s", "key"].contains(class));
            colours.entry(series.to_owned()).or_default().extend(classes.map(str::to_owned));
        }
        colours
    })
}

#[test]
fn a_strategy_has_one_colour_in_every_figure() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    for name in ["latency-by-rate", "scaling", "tail", "slower"] {
        let colours = colours(&read(results.path(), &format!("{name}.svg")));
        for (strategy, class) in [("sequential", "c0"), ("exchange", "c1"), ("pre-aggregate", "c2")] {
            assert_eq!(colours[strategy], [class.to_owned()].into(), "{name}: {colours:?}");
        }
    }
    // Bars of a column have the colours of their rows: two worker counts of three strategies.
    let bars = colours(&read(results.path(), "throughput.svg"));
    assert_eq!(bars["throughput"], ["c0", "c1", "c2"].map(str::to_owned).into());
}

#[test]
fn a_strategy_keeps_its_colour_where_others_are_left_out() {
    let mut synthetic = Synthetic::full();
    synthetic.run.parts[0].figures[0].only = [("strategy".to_owned(), "pre-aggregate".to_owned())].into();
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "latency-by-rate.svg");
    // One line has the colour of its column.
    assert!(!colours(&svg).contains_key("exchange"), "{svg}");
    let mut synthetic = Synthetic::full();
    synthetic.cases.retain(|case| case.part != "rates" || case.axes.strategy != "exchange");
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let colours = colours(&read(results.path(), "latency-by-rate.svg"));
    assert_eq!((colours["sequential"].len(), colours["pre-aggregate"].first().unwrap().as_str()), (1, "c1"));
    assert_eq!(colours.get("exchange"), None);
}

#[test]
fn every_entry_of_a_legend_that_has_marks_leads_to_them() {
    for synthetic in [Synthetic::full(), strategies::scaling()] {
        let results = synthetic.written();
        let drawn = draw(results.path()).unwrap();
        for file in drawn.figures.iter().filter(|file| file.extension().is_some_and(|ending| ending == "svg")) {
            let svg = std::fs::read_to_string(file).unwrap();
            in_figure(&svg, |figure| {
                let named = |class: &str| -> BTreeSet<String> {
                    let groups = figure.descendants().filter(|node| node.has_tag_name("g") && has_class(node, class));
                    groups.filter_map(|node| node.attribute("data-series").map(str::to_owned)).collect()
                };
                let (keys, series) = (named("key"), named("s"));
                assert!(keys.is_subset(&series), "{}: {keys:?} {series:?}", file.display());
            });
        }
    }
}

#[test]
fn doubtful_marks_are_hollow_and_say_why() {
    let results = Synthetic::full().written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "latency-by-rate.svg");
    assert!(svg.contains(">hollow: with doubts</text>"));
    let marks = in_figure(&svg, |figure| {
        let marks = figure.descendants().filter(|node| node.attribute("data-case").is_some());
        let words =
            |node: Node| node.children().find(|child| child.has_tag_name("title")).unwrap().text().unwrap().to_owned();
        let mark = |node: Node| {
            (node.attribute("data-case").unwrap().parse::<usize>().unwrap(), has_class(&node, "doubtful"), words(node))
        };
        marks.map(mark).collect::<Vec<_>>()
    });
    assert_eq!(marks.len(), 15, "a mark for each rate and strategy");
    for (case, doubtful, words) in marks {
        assert_eq!(doubtful, case % 5 == 0, "{case}: {words}");
        assert_eq!(words.ends_with("; doubts: hiccups"), doubtful, "{words}");
    }
    assert!(
        svg.contains("<title>exchange, rate 250k events/s: 200 µs [180–260], 3 repeats; doubts: hiccups</title>"),
        "{svg}"
    );
    // What follows from the trace alone is beyond doubt.
    assert!(!read(results.path(), "slack.svg").contains("hollow: with doubts"));
}

#[test]
fn a_figure_without_doubts_does_not_speak_of_them() {
    let mut synthetic = Synthetic::full();
    synthetic.cases.iter_mut().for_each(|case| case.doubts.clear());
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "latency-by-rate.svg");
    assert!(!svg.contains("hollow: with doubts"));
}

#[test]
fn a_speed_up_that_is_not_known_to_differ_from_one_is_hatched() {
    let mut synthetic = strategies::matrix();
    for case in synthetic.cases.iter_mut().filter(|case| case.axes.pipeline == "sessions") {
        let throughput = match case.axes.strategy.as_str() {
            "sequential" => [10e6, 11e6, 12e6],
            "exchange" => [11.5e6, 12.5e6, 13e6],
            _ => [20e6, 21e6, 22e6],
        };
        case.numbers.as_mut().unwrap().throughput_events_per_s = throughput[(case.repeat - 1) % 3];
    }
    synthetic.cases.retain(|case| case.axes.pipeline == "sessions" && case.axes.workers == 1);
    let results = synthetic.written();
    draw(results.path()).unwrap();
    let svg = read(results.path(), "best-strategy.svg");
    assert!(svg.contains(">not distinguishable from 1×</text>"), "{svg}");
    // The cell of `exchange` and the swatch of the legend have no colour and a hatch.
    in_figure(&svg, |figure| {
        let is_cell = |node: &Node| {
            node.children().any(|child| child.text().is_some_and(|text| text.starts_with("sessions, exchange")))
        };
        let cell = figure.descendants().find(|node| node.has_tag_name("rect") && is_cell(node)).unwrap();
        assert_eq!(cell.attribute("fill-opacity"), Some("0"));
        assert!(cell.next_sibling_element().is_some_and(|line| has_class(&line, "grid")));
    });
}

#[cfg(feature = "png")]
#[test]
fn pictures_for_paper_stand_beside_their_figures() {
    let mut synthetic = Synthetic::full();
    synthetic.run.parts.truncate(2);
    synthetic.run.parts.iter_mut().for_each(|part| part.figures.truncate(1));
    let results = synthetic.written();
    let drawn = flowbench_report::draw_with_png(results.path()).unwrap();
    let names: Vec<String> =
        drawn.figures.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["latency-by-rate", "throughput"]
            .map(|name| ["svg", "csv", "png"].map(|ending| format!("{name}.{ending}")))
            .concat()
    );
    let known = flowbench_report::file_names(&synthetic.run);
    assert!(names.iter().all(|name| known.contains(name)), "{known:?}");
    let picture = std::fs::read(results.path().join("throughput.png")).unwrap();
    assert_eq!((&picture[1..4], u32::from_be_bytes(picture[16..20].try_into().unwrap())), (&b"PNG"[..], 2100));
}

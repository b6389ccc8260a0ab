//! Figures of answers: what is drawn adds up to what was answered, for every pipeline.

use std::collections::BTreeMap;

use flowbench_pipelines::catalogue;

use crate::command::Scratch;

/// A world of few customers who buy dearly and wait long, so that every pipeline has answers.
const WORLD: &str = "flowbench generate -q --profile stormy --seed 5 --events 20000 --set arrivals.walks_per_day=400 \
                     --set customers.population=50 --set orders.value_median=2000 \
                     --set orders.dispatch_gap_median=40h";

/// The sum of the counts of each series of the CSV of a figure.
fn counts(scratch: &Scratch, csv: &str) -> BTreeMap<String, f64> {
    let text = scratch.text(csv);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let place = rows.headers().unwrap().iter().position(|column| column == "y_count").expect("a count is drawn");
    let mut sums = BTreeMap::new();
    for row in rows.records() {
        let row = row.unwrap();
        if let Ok(count) = row[place].parse::<f64>() {
            *sums.entry(row[0].to_owned()).or_default() += count;
        }
    }
    sums
}

/// The sum of a column of answers; their number for none.
fn sum(scratch: &Scratch, answers: &str, column: Option<&str>) -> f64 {
    let text = scratch.text(answers);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let place = column.map(|name| rows.headers().unwrap().iter().position(|column| column == name).unwrap());
    rows.records().map(|row| place.map_or(1.0, |place| row.unwrap()[place].parse::<f64>().unwrap())).sum()
}

#[test]
fn every_pipeline_has_a_figure_and_what_it_counts_is_what_was_answered() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    for pipeline in catalogue::CATALOGUE.iter().map(|pipeline| pipeline.name()) {
        let ended =
            scratch.ok(&format!("flowbench replay log.csv --pipeline {pipeline} -o a.csv --figure {pipeline}.svg"));
        assert!(ended.stderr.contains(&format!("{pipeline}.svg")), "{}", ended.stderr);
        let svg = scratch.text(&format!("{pipeline}.svg"));
        assert!(svg.starts_with("<svg") && !svg.contains("Nothing to draw") && !svg.contains("NaN"), "{pipeline}");
        let counted = |series: &[&str]| {
            let counts = counts(&scratch, &format!("{pipeline}.csv"));
            series.iter().map(|series| counts.get(*series).copied().unwrap_or(0.0)).sum::<f64>()
        };
        let (drawn, answered) = match pipeline {
            "load-time-conversion" | "beacon-band" => {
                let column = (pipeline == "load-time-conversion").then_some("views");
                (counted(&["good", "needs-improvement", "poor"]), sum(&scratch, "a.csv", column))
            }
            "dispatched-today" => (counted(&["orders"]), sum(&scratch, "a.csv", Some("orders"))),
            "sessions" => (counted(&["sessions"]), sum(&scratch, "a.csv", None)),
            "funnel" => (counted(&["page_viewed", "info_downloaded", "order_placed"]), sum(&scratch, "a.csv", None)),
            "dispatch-overdue" => (counted(&["dispatched", "overdue"]), sum(&scratch, "a.csv", None)),
            "trending-products" => continue, // a window of several is shown
            _ => (counted(&["answers"]), sum(&scratch, "a.csv", None)),
        };
        assert!(answered > 0.0, "{pipeline} answers nothing");
        assert_eq!(drawn, answered, "{pipeline}");
    }
    for along in ["load-time-conversion-by-band", "sessions-by-length", "sessions-by-events", "funnel-by-stage"] {
        assert!(scratch.text(&format!("{along}.svg")).starts_with("<svg"), "{along}");
    }
}

#[test]
fn answers_in_a_file_are_drawn_as_the_replay_draws_them_and_again_to_the_same_bytes() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    scratch.ok("flowbench replay log.csv --pipeline load-time-conversion -o a.csv.gz --figure replayed.svg -q");
    let ended = scratch.ok("flowbench plot a.csv.gz --pipeline load-time-conversion");
    assert!(
        ended.stdout.is_empty() && ended.stderr.contains("a-figure.svg (numbers: a-figure.csv)"),
        "{}",
        ended.stderr
    );
    let sentence = ended.stderr.lines().find(|line| line.contains("if every page were one band faster"));
    assert!(
        sentence.is_some_and(|line| line.contains("95 % interval") && line.contains("provided that")),
        "{}",
        ended.stderr
    );
    assert_eq!(scratch.text("a-figure.csv"), scratch.text("replayed.csv"));
    assert_eq!(scratch.text("a-figure-by-band.csv"), scratch.text("replayed-by-band.csv"));
    let first = scratch.bytes("a-figure.svg");
    let quiet = scratch.ok("flowbench plot a.csv.gz -q");
    assert!(quiet.stderr.is_empty(), "{}", quiet.stderr);
    assert!(scratch.bytes("a-figure.svg") == first, "the pipeline is found by its columns");
    scratch.ok("gzip -dc a.csv.gz | flowbench plot - -o piped.svg");
    assert_eq!(scratch.text("piped.csv"), scratch.text("replayed.csv"));
}

#[test]
fn every_change_is_drawn_as_the_answers_that_remain() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    let replay = "flowbench replay log.csv --pipeline funnel --order speculative --slack 1h -q";
    scratch.ok(&format!("{replay} -o final.csv && {replay} --changes -o changes.csv"));
    scratch.ok("flowbench plot final.csv -q && flowbench plot changes.csv -q");
    assert!(scratch.text("changes.csv").contains(",-1"));
    assert_eq!(scratch.text("final-figure.csv"), scratch.text("changes-figure.csv"));
}

#[test]
fn a_series_from_elsewhere_is_drawn_below_and_its_mistakes_are_located() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} | flowbench replay - --pipeline sessions -q -o a.csv"));
    scratch.write("cpu.csv", "time,cpu_share\n2026-01-05T10:00:00Z,0.5\n1767610800,0.25\n1767614400000,0.75\n");
    scratch.ok("flowbench plot a.csv --with cpu.csv --with cpu.csv --png");
    assert!(scratch.bytes("a-figure.png").starts_with(b"\x89PNG"));
    let drawn = scratch.text("a-figure.csv");
    assert_eq!(drawn.matches("cpu_share,1767607200000,").count(), 2, "{drawn}");
    scratch.write("bad.csv", "time,cpu_share\n2026-01-05T10:00:00Z,0.5\nyesterday,0.25\n");
    scratch.fails(
        "flowbench plot a.csv --with bad.csv",
        1,
        &["bad.csv, line 3, column 'time': 'yesterday'", "write it like"],
    );
    scratch.write("one.csv", "time\n1\n");
    scratch.fails("flowbench plot a.csv --with one.csv", 1, &["one.csv: there is no column 'value'", "two columns"]);
    scratch.fails("flowbench plot a.csv --with none.csv", 1, &["none.csv"]);
}

#[test]
fn nothing_of_the_users_is_replaced_and_what_cannot_be_drawn_is_said() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{WORLD} -o log.csv"));
    scratch.ok("flowbench replay log.csv --pipeline sessions -q -o a.csv");
    let answers = scratch.bytes("a.csv");
    scratch.fails("flowbench plot a.csv -o a.svg", 2, &["a.csv: the figure would replace the answers", "-o"]);
    let replay = "flowbench replay log.csv --pipeline sessions";
    scratch.fails(&format!("{replay} -o b.csv --figure b.svg"), 2, &["b.csv", "figure", "--figure"]);
    scratch.fails(&format!("{replay} --figure log.svg"), 2, &["log.csv: the figure would replace the log"]);
    scratch.fails(&format!("{replay} --figure a.pdf"), 2, &["a.pdf: a figure is SVG"]);
    assert!(scratch.bytes("a.csv") == answers);
    scratch.fails(
        "flowbench plot a.csv --pipeline funnel",
        2,
        &["a.csv: there is no column 'stage'", "answers of funnel"],
    );
    scratch.fails("flowbench plot a.csv --pipeline session", 2, &["did you mean 'sessions'?"]);
    scratch.write("empty.csv", "event_time,customer,start,end,events\n");
    scratch.ok("flowbench plot empty.csv");
    let svg = scratch.text("empty-figure.svg");
    assert!(svg.contains("Nothing to draw.") && svg.contains("empty.csv has no answer."), "{svg}");
    scratch.write("own.csv", "event_time,till,items,shop_id\n2026-01-05T10:00:00Z,a,3,7\n2026-01-05T10:30:00Z,b,4,7\n");
    scratch.ok("flowbench plot own.csv");
    let drawn = scratch.text("own-figure.csv");
    assert!(drawn.contains("\"items, sum\",") && !drawn.contains("shop"), "{drawn}");
}

/// A small version of the shipped experiment.
const SMALL: &str = "flowbench run performance-and-sales -q --set 'seed=[7]' --set 'seen.seed=7' \
                     --set seen.trace.events=20000 --set what-if.trace.events=100000 \
                     --set 'what-if.world=[\"as it is: arrivals.walks_per_day=4000\"]'";

#[test]
fn an_experiment_draws_its_answers_and_sets_the_truth_beside_the_estimate() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{SMALL} --out out"));
    let answers = scratch.text("out/answers-seen.csv");
    assert!(answers.starts_with("event_time,hour,band,views,conversions\n"));
    for figure in ["conversion-over-time", "conversion-by-band", "won"] {
        assert!(scratch.text(&format!("out/{figure}.svg")).starts_with("<svg"), "{figure}");
    }
    let views = sum(&scratch, "out/answers-seen.csv", Some("views"));
    assert_eq!(counts(&scratch, "out/conversion-by-band.csv")["page views"], views);
    let text = scratch.text("out/cases.csv");
    let mut cases = csv::Reader::from_reader(text.as_bytes());
    let header = cases.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = cases.records().map(Result::unwrap).collect();
    let cell =
        |row: &csv::StringRecord, name: &str| row[header.iter().position(|column| column == name).unwrap()].to_owned();
    let what_if = rows.iter().find(|row| cell(row, "part") == "what-if").unwrap();
    let number = |name: &str| cell(what_if, name).parse::<f64>().unwrap();
    assert!(number("conversions_won_low") < number("conversions_won"));
    assert!(number("conversions_won") < number("conversions_won_high"));
    assert!(number("conversions_won_truth") > 0.0 && number("conversions") < number("page_views"));
    assert!(["true", "false"].contains(&cell(what_if, "conversions_won_covered").as_str()));
    let seen = rows.iter().find(|row| cell(row, "part") == "seen").unwrap();
    assert_eq!(cell(seen, "conversions_won"), "", "only asked where there is a truth");
    let before = scratch.bytes("out/report.html");
    scratch.ok("flowbench report out -q");
    assert!(scratch.bytes("out/report.html") == before);
}

#[test]
fn a_counterfactual_world_is_asked_of_the_answers_that_know_it() {
    let scratch = Scratch::new();
    let run = "flowbench run performance-and-sales -q --out out";
    scratch.fails(
        &format!("{run} --set 'what-if.pipeline=\"sessions\"'"),
        2,
        &["pipeline", "a counterfactual says nothing of its answers", "load-time-conversion"],
    );
    scratch.fails(
        &format!("{run} --set 'what-if.trace.counterfactual=[\"pages.band_faster=1\"]'"),
        2,
        &["counterfactual", "pages.bands_faster"],
    );
}

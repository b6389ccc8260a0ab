//! The comparison of two runs as one HTML file: both runs drawn over each other. Every text in it is escaped.
//!
//! Decision D-504.

mod charts;
mod rows;

use std::collections::BTreeMap;

use flowbench_measurement::comparison::{Compared, Comparison, Pair, pair};

use crate::Results;
use crate::between_runs::{method, remarks, summary, table};
use crate::chart::Chart;
use crate::overlay::rows::{Rows, is_difference};
use crate::page::drawing;
use crate::page::head::{foot, head};
use crate::table::{Column, LEFT, Table, WORDS};
use crate::text::{counted, escaped, prose};

/// Maximum number of cases whose latencies are drawn as curves.
const CURVES_MAX: usize = 5;
/// How to read the figures.
const READING: &str = include_str!("reading.html");

/// Returns the comparison of two runs as HTML, with both runs in each figure. Identical results give identical bytes.
pub fn comparison_html(before: &Results, after: &Results, comparison: &Comparison) -> String {
    let paired = pair(&before.cases, &after.cases);
    let pairs: BTreeMap<&str, &Pair> = paired.pairs.iter().map(|pair| (pair.name.as_str(), pair)).collect();
    let title = format!("Two runs compared: {}", before.run.title);
    let mut out = head(&title);
    out.push_str(&format!("<main id=\"main\" class=\"page one\">\n<h1>{}</h1>\n", prose(&title)));
    push_summary(&mut out, comparison);
    out.push_str(&runs(before, after).html());
    let is_forced = !comparison.obstacles.is_empty();
    for (n, part) in parts(comparison).into_iter().enumerate() {
        push_part(&mut out, n, before, Rows::of(cells_of(comparison, part)), &pairs, is_forced);
    }
    push_curves(&mut out, comparison, &pairs, before, after);
    out.push_str(READING);
    out.push_str(&format!("<pre>{}</pre>\n</main>\n", escaped(&method(comparison))));
    out + &foot()
}

fn push_summary(out: &mut String, comparison: &Comparison) {
    let summary = summary(comparison);
    out.push_str(&format!("<div class=\"answer\"><p>{}</p></div>\n", prose(&summary).replace('\n', "<br/>")));
    for obstacle in &comparison.obstacles {
        let words = format!("Compared by force, although more differs than the code under test: {obstacle}");
        out.push_str(&format!("<p class=\"warn\">{}</p>\n", prose(&words)));
    }
    for line in remarks(comparison).lines() {
        out.push_str(&format!("<p class=\"warn\">{}</p>\n", prose(line)));
    }
}

/// Returns what the two runs are.
fn runs(before: &Results, after: &Results) -> Table {
    let row = |name: &str, of: fn(&Results) -> String| vec![name.to_owned(), of(before), of(after)];
    let rows = vec![
        row("experiment", |results| results.run.experiment.clone()),
        row("started", |results| results.run.started_at.clone()),
        row("flowbench", |results| results.run.build.flowbench.clone()),
        row("commit", commit),
        row("machine", |results| results.run.machine.line.clone()),
        row("results", |results| results.cases.len().to_string()),
    ];
    let columns = vec![LEFT, Column { title: "before", ..WORDS }, Column { title: "after", ..WORDS }];
    Table { columns, rows }
}

fn commit(results: &Results) -> String {
    let build = &results.run.build;
    let dirty = if build.dirty { " with uncommitted changes" } else { "" };
    format!("{}{dirty}", build.commit.as_deref().unwrap_or("unknown"))
}

/// Returns the parts whose metrics were compared, in the order of the first run.
fn parts(comparison: &Comparison) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    for cell in &comparison.cells {
        if !parts.contains(&cell.part.as_str()) {
            parts.push(&cell.part);
        }
    }
    parts
}

fn cells_of<'a>(comparison: &'a Comparison, part: &str) -> Vec<&'a Compared> {
    comparison.cells.iter().filter(|cell| cell.part == part).collect()
}

fn push_part(out: &mut String, n: usize, before: &Results, rows: Rows, pairs: &BTreeMap<&str, &Pair>, is_forced: bool) {
    let Some(part) = rows.cells.first().map(|cell| cell.part.as_str()) else { return };
    let question = before.run.parts.iter().find(|one| one.name == part);
    let question = question.map_or(String::new(), |one| format!(": {}", one.question));
    out.push_str(&format!("<h2>{}</h2>\n", prose(&format!("{part}{question}"))));
    let mut words = counted(rows.cases.len(), "case");
    if rows.left_out > 0 {
        words
            .push_str(&format!(", {} left out that have not changed, or not as much", counted(rows.left_out, "other")));
    }
    if !rows.common.is_empty() {
        words.push_str(&format!("; all shown: {}", rows.common));
    }
    out.push_str(&format!("<p class=\"small\">{}</p>\n", prose(&format!("{words}."))));
    push_figure(out, "Both runs", &charts::values(format!("values-{n}"), &rows, pairs));
    push_figure(out, "After over before", &charts::ratios(format!("ratios-{n}"), &rows));
    let table = table(&rows.cells, is_forced).html();
    out.push_str(&format!("<details><summary>All numbers of the part</summary>\n{table}</details>\n"));
}

/// Appends the latencies of the cases in which they differ, the surest difference first.
fn push_curves(
    out: &mut String,
    comparison: &Comparison,
    pairs: &BTreeMap<&str, &Pair>,
    before: &Results,
    after: &Results,
) {
    let is_latency = |cell: &&Compared| cell.metric.column.starts_with("latency_") && is_difference(&cell.change);
    let mut cells: Vec<&Compared> = comparison.cells.iter().filter(is_latency).collect();
    cells.sort_by(|one, other| one.probability.total_cmp(&other.probability));
    let mut cases: Vec<&str> = Vec::new();
    for cell in cells {
        if !cases.contains(&cell.case.as_str()) {
            cases.push(&cell.case);
        }
    }
    let pairs = cases.iter().filter_map(|case| pairs.get(case));
    let charts = pairs.enumerate().filter_map(|(n, pair)| charts::curves(format!("curves-{n}"), pair, before, after));
    let charts: Vec<Chart> = charts.take(CURVES_MAX).collect();
    if charts.is_empty() {
        return;
    }
    out.push_str("<h2>Latencies that differ</h2>\n");
    if cases.len() > charts.len() {
        let words = format!("{} of {} whose latency differs.", charts.len(), counted(cases.len(), "case"));
        out.push_str(&format!("<p class=\"small\">{}</p>\n", prose(&words)));
    }
    for chart in &charts {
        push_figure(out, &chart.question, chart);
    }
}

fn push_figure(out: &mut String, heading: &str, chart: &Chart) {
    let (heading, drawing) = (prose(heading), drawing(chart));
    out.push_str(&format!("<div class=\"shown\"><h3>{heading}</h3>\n<figure>\n{drawing}</figure></div>\n"));
}

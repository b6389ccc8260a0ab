//! The charts of a comparison: the values of two runs over each other, their ratios, and their latencies as curves.

use std::collections::BTreeMap;

use flowbench_measurement::comparison::{Compared, MetricChange, Pair, values as values_of};
use flowbench_measurement::metrics::{Better, METRICS, Metric};
use flowbench_measurement::record::CaseRecord;
use flowbench_measurement::repeats::Spread;

use crate::Results;
use crate::chart::{Chart, Mark, Panel, Point, RING, Series, SeriesStyle, X};
use crate::figures::ccdf::{axis, longer_than};
use crate::figures::distribution::{LINES_END, curve, merged};
use crate::overlay::rows::Rows;
use crate::quantity::{Quantity, words};

/// Factor between the values of a panel from which its axis is logarithmic.
const LOG_FROM: f64 = 20.0;
/// Marks of the two runs: they differ in colour, marker and dash.
const RUNS: [(&str, SeriesStyle); 2] = [
    ("before", SeriesStyle::Nth { colour: 0, marker: 0, dash: 0 }),
    ("after", SeriesStyle::Nth { colour: 1, marker: 3, dash: 1 }),
];
/// Marks of the changes: a triangle down, one up, an empty and a full circle.
const CHANGES: [(MetricChange, SeriesStyle); 4] = [
    (MetricChange::Worse, SeriesStyle::Nth { colour: 1, marker: 4, dash: 0 }),
    (MetricChange::Better, SeriesStyle::Nth { colour: 2, marker: 2, dash: 0 }),
    (MetricChange::Inconclusive, SeriesStyle::Nth { colour: 4, marker: RING, dash: 0 }),
    (MetricChange::Same, SeriesStyle::Nth { colour: 0, marker: 0, dash: 0 }),
];

/// Returns the medians of both runs with their intervals: a panel for each metric, a row for each case.
pub(crate) fn values(name: String, rows: &Rows, pairs: &BTreeMap<&str, &Pair>) -> Chart {
    let panel = |metric: &'static Metric| {
        let mut points = [Vec::new(), Vec::new()];
        for (row, case) in rows.cases.iter().enumerate().filter(|(_, case)| rows.cell(case, metric).is_some()) {
            let Some(pair) = pairs.get(case) else { continue };
            for (points, cases) in points.iter_mut().zip([&pair.before, &pair.after]) {
                let spread = Spread::of(&values_of(cases, metric.column));
                points.extend(spread.map(|spread| Point::of(row as f64, spread)));
            }
        }
        let series = RUNS.iter().zip(points).map(|((run, look), points)| series(run, *look, points)).collect();
        panel(metric, Quantity::of(metric.column), series)
    };
    let mut chart = over(name, "The medians of both runs".to_owned(), rows, METRICS.iter().map(panel));
    for panel in &mut chart.panels {
        let values: Vec<f64> = panel.series.iter().flat_map(|series| &series.points).map(|point| point.low).collect();
        let (least, greatest) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, g), v| (l.min(*v), g.max(*v)));
        panel.log = least > 0.0 && greatest / least > LOG_FROM;
    }
    chart
}

/// Returns the ratio of each metric with its interval, by what became of it, over the practical threshold as a band.
pub(crate) fn ratios(name: String, rows: &Rows) -> Chart {
    let panel = |metric: &'static Metric| {
        let cells =
            || (0..).zip(&rows.cases).filter_map(|(row, case)| Some((f64::from(row), rows.cell(case, metric)?)));
        let of_change = |(change, look): (MetricChange, SeriesStyle)| {
            let points = cells().filter(|(_, cell)| cell.change == change).map(|(x, cell)| ratio_point(x, cell));
            series(change.word(), look, points.collect())
        };
        let threshold = series("practical threshold", SeriesStyle::Band, cells().map(band).collect());
        let series = std::iter::once(threshold).chain(CHANGES.into_iter().map(of_change)).collect();
        panel(metric, Quantity::Factor, series)
    };
    let question = "The ratio of the two runs, after over before".to_owned();
    let mut chart = over(name, question, rows, METRICS.iter().map(panel));
    if rows.cells.iter().any(|cell| !cell.ratio.is_interval) {
        chart.notes.push("Where a side has fewer than 4 repeats, a line is the range of all ratios.".to_owned());
    }
    chart
}

/// Returns the share of events that took longer than a duration, before and after; `None` without histograms.
pub(crate) fn curves(name: String, pair: &Pair, before: &Results, after: &Results) -> Option<Chart> {
    let points = |cases: &[&CaseRecord], results: &Results| -> Vec<Point> {
        curve(&merged(cases.iter().copied(), "latency", &results.histograms)).iter().map(longer_than).collect()
    };
    let points = [points(&pair.before, before), points(&pair.after, after)];
    if points.iter().any(Vec::is_empty) {
        return None;
    }
    let series = RUNS.iter().zip(points).map(|((run, look), points)| series(run, *look, points)).collect();
    let panel = Panel { log: true, ..Panel::new("share that took longer", Quantity::Share, series) };
    let question = format!("{}: how long did events take?", pair.name);
    let notes = vec![format!("{} and {} repeats pooled. {LINES_END}", pair.before.len(), pair.after.len())];
    Some(Chart { notes, ..Chart::new(&name, &question, X::Numbers(axis("latency".to_owned())), vec![panel]) })
}

fn over(name: String, question: String, rows: &Rows, panels: impl Iterator<Item = Panel>) -> Chart {
    let x = X::Names { column: "case".to_owned(), names: rows.names.clone(), mark: Mark::Over };
    let mut chart = Chart::new(&name, &question, x, panels.collect());
    chart.leave_out_what_is_empty();
    chart
}

fn panel(metric: &Metric, quantity: Quantity, series: Vec<Series>) -> Panel {
    let better = if metric.better == Better::Higher { "more is better" } else { "less is better" };
    Panel::new(format!("{}, {better}", words(metric.column)), quantity, series)
}

fn series(name: &str, look: SeriesStyle, points: Vec<Point>) -> Series {
    Series::new(name, look, points)
}

fn ratio_point(x: f64, cell: &Compared) -> Point {
    let ratio = cell.ratio;
    let repeats = cell.repeats.0.min(cell.repeats.1);
    Point { low: ratio.low, high: ratio.high, repeats, ..Point::exact(x, ratio.estimate) }
}

fn band((x, cell): (f64, &Compared)) -> Point {
    let material = cell.metric.material_share_at(cell.before);
    Point { low: 1.0 - material, high: 1.0 + material, ..Point::exact(x, 1.0) }
}

//! `distribution`: durations against their quantile, with the tail stretched. Repeats are pooled.

use flowbench_measurement::hlog::HistogramLog;
use flowbench_measurement::latency::{LatencyHistogram, SAMPLES_FOR_QUANTILES};
use flowbench_measurement::record::{CaseRecord, FigureSpec};

use crate::chart::{Axis, Chart, Point, X};
use crate::doubted::is_doubted;
use crate::draw::scale::Tick;
use crate::figures::panels::{Group, are_chosen, panels};
use crate::figures::sweep::mixed_note;
use crate::quantity::Quantity;
use crate::select::Selection;

/// Points of a line for each factor of ten in 1/(1 - quantile).
const POINTS_PER_DECADE: i32 = 10;
/// Samples that must lie beyond a quantile for it to be drawn.
const SAMPLES_BEYOND: f64 = 10.0;

/// Where a line ends, in a sentence.
pub(crate) const LINES_END: &str = "Lines end where fewer than 10 samples lie beyond.";

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection, histograms: &HistogramLog) -> Chart {
    let panels = panels(spec, &Group::all_of(selection), |kind, group| {
        let pooled = pooled(selection, kind, group, histograms);
        let doubtful = selection.of_group(group).any(|case| is_doubted(case.record, kind));
        vec![(None, curve(&pooled).into_iter().map(|point| Point { doubtful, ..point }).collect())]
    });
    let mut notes: Vec<String> = pooled_note(selection).into_iter().collect();
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    notes.extend(mixed_note(&selection.cases, &by));
    if !selection.cases.is_empty() && histograms.is_empty() {
        notes.push("latency.hlog holds no histograms.".to_owned());
    }
    Chart { legend_once: are_chosen(spec), notes, ..Chart::new(&spec.name, &spec.question, X::Numbers(axis()), panels) }
}

/// Merges all histograms of a kind for the cases of a group, or for all cases.
fn pooled(selection: &Selection, kind: &str, group: Option<usize>, histograms: &HistogramLog) -> LatencyHistogram {
    merged(selection.of_group(group).map(|case| case.record), kind, histograms)
}

/// Merges all histograms of a kind for some cases.
pub(crate) fn merged<'a>(
    cases: impl Iterator<Item = &'a CaseRecord>,
    kind: &str,
    histograms: &HistogramLog,
) -> LatencyHistogram {
    let mut merged = LatencyHistogram::new();
    for case in cases {
        let tag = format!("{}.{kind}", case.tag());
        histograms.tagged(&tag).for_each(|interval| merged.merge(&interval.histogram));
    }
    merged
}

/// Returns the curve up to the last quantile with enough samples beyond it.
pub(crate) fn curve(histogram: &LatencyHistogram) -> Vec<Point> {
    let end = histogram.count() as f64 / SAMPLES_BEYOND;
    let one_in = (0..=9 * POINTS_PER_DECADE).map(|n| {
        let exact = 10_f64.powf(f64::from(n) / f64::from(POINTS_PER_DECADE));
        (exact * 1000.0).round() / 1000.0
    });
    let enough = histogram.count() >= SAMPLES_FOR_QUANTILES;
    let within = one_in.take_while(|one_in| enough && *one_in <= end);
    within.filter_map(|x| Some(Point::exact(x, histogram.quantile_ns(1.0 - 1.0 / x)? as f64))).collect()
}

fn axis() -> Axis {
    let labels = ["p0", "p90", "p99", "p99.9", "p99.99", "p99.999", "p99.9999", "p99.99999"];
    let mut ticks: Vec<Tick> =
        (0..).zip(labels).map(|(power, label)| Tick { value: 10_f64.powi(power), label: label.to_owned() }).collect();
    ticks.insert(1, Tick { value: 2.0, label: "p50".to_owned() });
    Axis { log: true, ticks, ..Axis::new("quantile, tail stretched", "one_in = 1/(1-quantile)", Quantity::Count) }
}

fn pooled_note(selection: &Selection) -> Option<String> {
    let repeats = selection.repeats();
    if repeats == 0 {
        return None;
    }
    let pooled = if repeats > 1 { format!("{repeats} repeats pooled. ") } else { String::new() };
    Some(format!("{pooled}{LINES_END}"))
}

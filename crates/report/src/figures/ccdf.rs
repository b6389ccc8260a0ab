//! `ccdf`: the share of events that took longer than a duration, on two logarithmic axes. These are the curves of
//! `distribution` with the durations along x, to compare lines vertically at one duration.

use flowbench_measurement::hlog::HistogramLog;
use flowbench_measurement::record::FigureSpec;

use crate::chart::{Axis, Chart, Point, X};
use crate::figures::distribution;
use crate::quantity::Quantity;
use crate::select::Selection;

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection, histograms: &HistogramLog) -> Chart {
    let mut chart = distribution::chart(spec, selection, histograms);
    let title = chart.panels.first().map_or(String::new(), |panel| panel.title.clone());
    for panel in &mut chart.panels {
        (panel.title, panel.quantity, panel.log) = ("share that took longer".to_owned(), Quantity::Share, true);
        for point in panel.series.iter_mut().flat_map(|series| &mut series.points) {
            *point = longer_than(point);
        }
    }
    chart.x = X::Numbers(axis(title));
    chart
}

/// Returns a point of a distribution with the duration along x: one in so many becomes their share.
pub(crate) fn longer_than(point: &Point) -> Point {
    let share = 1.0 / point.x;
    Point { x: point.y, y: share, low: share, high: share, ..*point }
}

/// Returns the axis of the durations.
pub(crate) fn axis(title: String) -> Axis {
    Axis { log: true, ..Axis::new(title, "longer_than_ns", Quantity::Nanoseconds) }
}

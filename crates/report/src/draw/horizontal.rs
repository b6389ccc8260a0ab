//! The horizontal axis that all panels of a chart share: numbers, points in time, or names side by side.

use crate::chart::{Axis, Chart, Columns, X};
use crate::draw::backend::FONT_PX;
use crate::draw::layout::title;
use crate::draw::scale::{Scale, Tick, scale};
use crate::quantity::Quantity;
use crate::text::{shortened, text_width};

/// A horizontal axis.
pub(crate) struct Horizontal {
    pub(crate) scale: Scale,
    /// Left and right end in px.
    pub(crate) edges: (f64, f64),
    pub(crate) title: String,
    /// True if there is a place for zero beyond a break of a logarithmic axis.
    pub(crate) is_broken: bool,
    /// Beginning of the shaded part.
    pub(crate) shade: Option<f64>,
    /// What is added to a point's x: names stand in the middle of their place.
    shift: f64,
}

impl Horizontal {
    pub(crate) fn of(chart: &Chart, edges: (f64, f64)) -> Horizontal {
        let width = edges.1 - edges.0;
        match &chart.x {
            X::Numbers(axis) => {
                let scale = numbers(chart, axis, width).uncrowded(width);
                let title = title(&axis.title, scale.unit, axis.log);
                let shade = axis.shade.as_ref().map(|shade| shade.from);
                Horizontal { scale, edges, title, is_broken: has_zero_place(chart, axis), shade, shift: 0.0 }
            }
            X::Names { column, names, .. } => {
                let scale = Scale::names(names, width);
                let title = crate::quantity::words(column);
                Horizontal { scale, edges, title, is_broken: false, shade: None, shift: 0.5 }
            }
        }
    }

    /// Returns the width in px of the last label.
    pub(crate) fn last_label_px(chart: &Chart, width: f64) -> f64 {
        let scale = Horizontal::of(chart, (0.0, width)).scale;
        scale.ticks.last().map_or(0.0, |tick| text_width(&tick.label, FONT_PX))
    }

    /// Returns where the x of a point is on the scale.
    pub(crate) fn place(&self, x: f64) -> f64 {
        x + self.shift
    }
}

impl Scale {
    /// Returns a scale with a place of length 1 for each name.
    fn names(names: &[String], width: f64) -> Scale {
        let room = width / names.len().max(1) as f64 - 4.0;
        let tick = |(n, name): (usize, &String)| Tick { value: n as f64 + 0.5, label: shortened(name, room, FONT_PX) };
        let ticks = names.iter().enumerate().map(tick).collect();
        let end = names.len().max(1) as f64;
        scale(Quantity::Count, false, &[end], 1).with_ticks(0.0, end, ticks, "")
    }
}

/// Returns true if a point lies at zero of a logarithmic axis.
fn has_zero_place(chart: &Chart, axis: &Axis) -> bool {
    axis.log && chart.points().any(|point| point.x == 0.0)
}

fn numbers(chart: &Chart, axis: &Axis, width: f64) -> Scale {
    let values: Vec<f64> = chart.points().map(|point| point.x).filter(|x| !axis.log || *x > 0.0).collect();
    let (least, greatest) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, g), v| (l.min(*v), g.max(*v)));
    if axis.quantity == Quantity::Clock {
        let room = room_for_columns(chart);
        return Scale::clock(least - room, greatest + room, width);
    }
    let scale = scale(axis.quantity, axis.log, &values, if width > 430.0 { 7 } else { 4 });
    let (low, high) = match axis.log {
        true if least < greatest => (least, greatest),
        true if least.is_finite() => (least / 2.0, least * 2.0),
        true => (0.5, 2.0),
        false => (least.min(0.0), if greatest > 0.0 { greatest } else { 1.0 }),
    };
    let room = room_for_columns(chart);
    let (low, high) = match axis.log {
        // Columns need half their width on both sides.
        false if room > 0.0 => (if least - room < low { least - room } else { low }, high + room),
        _ => (low, high),
    };
    let inside = |ticks: &[Tick]| -> Vec<Tick> {
        ticks.iter().filter(|tick| tick.value >= low && tick.value <= high).cloned().collect()
    };
    let scale = match (axis.ticks.is_empty(), axis.log) {
        (false, _) => scale.with_ticks(low, high, inside(&axis.ticks), axis.quantity.tick_unit()),
        (true, true) => scale,
        // The axis ends with the data, not with the next tick.
        (true, false) => {
            let (ticks, unit) = (inside(&scale.ticks), scale.unit);
            scale.with_ticks(low, high, ticks, unit)
        }
    };
    if has_zero_place(chart, axis) { scale.with_zero() } else { scale }
}

/// Returns the room that columns need beside their x: half the least distance between two; zero without columns.
fn room_for_columns(chart: &Chart) -> f64 {
    let with_columns = chart.panels.iter().filter(|panel| panel.columns != Columns::None);
    let points = with_columns.flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    let mut places: Vec<f64> = points.map(|point| point.x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let least = places.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    match places.len() {
        0 => 0.0,
        1 => 0.5,
        _ => least / 2.0,
    }
}

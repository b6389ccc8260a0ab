//! A panel of lines over a numeric axis, with whiskers for the range of the repeats.

use crate::chart::{Axis, Chart, Panel, Point, Series, ShadedRange};
use crate::draw::layout::{EDGE_PX, FONT_PX, Frame, scale, title};
use crate::draw::scale::{Scale, Tick};
use crate::draw::svg::{Anchor, Svg, number};
use crate::text::{shortened, text_width};

/// Maximum number of points that each have a marker; longer lines have a few.
const MARKED_POINTS: usize = 24;
/// Distance from the left edge to the beginning of a logarithmic axis with a position for zero, in px; the axis break
/// is in between.
const ZERO_GAP_PX: f64 = 52.0;
/// Distance from the left edge to the position of zero in px, so that markers do not cover the labels of the y axis.
const ZERO_INSET_PX: f64 = 8.0;

/// Draws one panel; returns its lower edge. `below` draws what is between title and plot.
pub(crate) fn draw(svg: &mut Svg, frame: &Frame, axis: &Axis, last: bool, below: impl Fn(&mut Svg, f64) -> f64) -> f64 {
    let &Frame { chart, panel, top: y, width } = frame;
    // The title's own line, then room for half a label above the topmost grid line.
    let top = below(svg, y + 20.0) + 8.0;
    let bottom = top + plot_height(chart);
    let y_scale = y_scale(panel, (bottom, top));
    let (left, right) = edges(chart, axis, width);
    let x_scale = x_scale(chart, axis, (left, right), if width > 500.0 { 7 } else { 4 });

    svg.text(EDGE_PX, y + 14.0, "title", Anchor::Start, &title(&panel.title, y_scale.unit, panel.log));
    if let Some(shade) = &axis.shade {
        draw_shade(svg, shade, x_scale.at(shade.from).max(left), right, top, bottom);
    }
    draw_y_grid(svg, &y_scale, left, right);
    draw_x_grid(svg, &x_scale, top, bottom, last);
    let broken = has_zero_place(chart, axis);
    if broken {
        draw_break(svg, left + (ZERO_GAP_PX + ZERO_INSET_PX) / 2.0, top, bottom);
    }
    for series in &panel.series {
        draw_series(svg, series, &x_scale, &y_scale, broken);
    }
    draw_labels(svg, panel, &x_scale, &y_scale);
    if !last {
        return bottom + 20.0;
    }
    let words = title(&axis.title, x_scale.unit, axis.log);
    let words = shortened(&words, width - 2.0 * EDGE_PX, FONT_PX);
    svg.text(right.max(EDGE_PX + text_width(&words, FONT_PX)), bottom + 40.0, "title", Anchor::End, &words);
    bottom + 48.0
}

fn plot_height(chart: &Chart) -> f64 {
    match chart.panels.len() {
        1 => 270.0,
        // A figure of many panels is compared down its columns: all of it should be in sight.
        4.. if chart.legend_once => 130.0,
        _ => 180.0,
    }
}

/// Returns the left and right edge of all plots, leaving room for the widest y label and the last x label.
fn edges(chart: &Chart, axis: &Axis, width: f64) -> (f64, f64) {
    let widest = |ticks: &[Tick]| ticks.iter().map(|tick| text_width(&tick.label, FONT_PX)).fold(0.0, f64::max);
    let y_labels = chart.panels.iter().map(|panel| widest(&y_scale(panel, (0.0, 1.0)).ticks)).fold(0.0, f64::max);
    let x_labels = widest(&x_scale(chart, axis, (0.0, 1.0), 4).ticks);
    (EDGE_PX + y_labels + 6.0, width - EDGE_PX - (x_labels / 2.0).max(8.0))
}

fn y_scale(panel: &Panel, range: (f64, f64)) -> Scale {
    let points = panel.series.iter().flat_map(|series| &series.points);
    let values: Vec<f64> = points.flat_map(|point| [point.low, point.y, point.high]).collect();
    scale(panel.quantity, panel.log, &values, 5, range)
}

fn x_scale(chart: &Chart, axis: &Axis, range: (f64, f64), count: usize) -> Scale {
    if has_zero_place(chart, axis) {
        return x_scale_within(chart, axis, (range.0 + ZERO_GAP_PX, range.1), count)
            .with_zero_at(range.0 + ZERO_INSET_PX);
    }
    x_scale_within(chart, axis, range, count)
}

/// Returns the scale of the x axis, for a logarithmic axis its part above zero.
fn x_scale_within(chart: &Chart, axis: &Axis, range: (f64, f64), count: usize) -> Scale {
    let values: Vec<f64> = chart.points().map(|point| point.x).filter(|x| !axis.log || *x > 0.0).collect();
    let scale = scale(axis.quantity, axis.log, &values, count, range);
    let (least, greatest) = values.iter().fold((f64::INFINITY, 0.0_f64), |(l, g), v| (l.min(*v), g.max(*v)));
    let (low, high) = match axis.log {
        true if least < greatest => (least, greatest),
        true if least.is_finite() => (least / 2.0, least * 2.0),
        true => (0.5, 2.0),
        false => (least.min(0.0), if greatest > 0.0 { greatest } else { 1.0 }),
    };
    let inside = |ticks: &[Tick]| -> Vec<Tick> {
        ticks.iter().filter(|tick| tick.value >= low && tick.value <= high).cloned().collect()
    };
    match (axis.ticks.is_empty(), axis.log) {
        (false, _) => scale.with_ticks(low, high, inside(&axis.ticks), axis.quantity.tick_unit()),
        (true, true) => scale,
        // The axis ends with the data, not with the next tick.
        (true, false) => {
            let (ticks, unit) = (inside(&scale.ticks), scale.unit);
            scale.with_ticks(low, high, ticks, unit)
        }
    }
}

/// Returns true if a point lies at zero of a logarithmic axis.
fn has_zero_place(chart: &Chart, axis: &Axis) -> bool {
    axis.log && chart.points().any(|point| point.x == 0.0)
}

/// Draws an axis break: a gap in the grid with a stroke on either side.
fn draw_break(svg: &mut Svg, x: f64, top: f64, bottom: f64) {
    let place = [("x", number(x - 4.0)), ("y", number(top - 1.0))];
    let size = [("width", number(8.0)), ("height", number(bottom - top + 2.0))];
    let attributes: Vec<_> = place.into_iter().chain(size).chain([("class", "paper".to_owned())]).collect();
    svg.leaf("rect", &attributes);
    for x in [x - 4.0, x + 4.0] {
        svg.line((x - 4.0, bottom + 7.0), (x + 4.0, bottom - 7.0), "base");
    }
}

/// Shades a part of the plot, with the reason at the top if there is room.
fn draw_shade(svg: &mut Svg, shade: &ShadedRange, from: f64, right: f64, top: f64, bottom: f64) {
    let place = [("x", number(from)), ("y", number(top))];
    let size = [("width", number(right - from)), ("height", number(bottom - top))];
    let look = [("class", "bar floor".to_owned()), ("fill-opacity", "0.12".to_owned())];
    svg.leaf("rect", &[place, size, look].concat());
    let words = shortened(&shade.words, right - from - 8.0, 12.0);
    svg.text(from + 4.0, top + 14.0, "small", Anchor::Start, &words);
}

fn draw_y_grid(svg: &mut Svg, scale: &Scale, left: f64, right: f64) {
    for tick in &scale.ticks {
        let y = scale.at(tick.value);
        svg.line((left, y), (right, y), if tick.value == 0.0 { "base" } else { "grid" });
        svg.text(left - 6.0, y + 4.5, "", Anchor::End, &tick.label);
    }
}

fn draw_x_grid(svg: &mut Svg, scale: &Scale, top: f64, bottom: f64, labelled: bool) {
    for tick in &scale.ticks {
        let x = scale.at(tick.value);
        svg.line((x, top), (x, bottom), if tick.value == 0.0 { "base" } else { "grid" });
    }
    for tick in uncrowded(scale).into_iter().filter(|_| labelled) {
        svg.text(scale.at(tick.value), bottom + 20.0, "", Anchor::Middle, &tick.label);
    }
}

/// Returns the ticks whose labels fit, giving precedence to the right end of the axis.
fn uncrowded(scale: &Scale) -> Vec<&Tick> {
    let mut free = f64::INFINITY;
    let mut kept = Vec::new();
    for tick in scale.ticks.iter().rev() {
        let half = text_width(&tick.label, FONT_PX) / 2.0;
        let x = scale.at(tick.value);
        if x + half + 4.0 <= free {
            free = x - half - 4.0;
            kept.push(tick);
        }
    }
    kept
}

/// Writes the label of each line at its end.
fn draw_labels(svg: &mut Svg, panel: &Panel, x: &Scale, y: &Scale) {
    for (label, end) in panel.series.iter().filter_map(|series| Some((&series.label, series.points.last()?))) {
        if !label.is_empty() {
            svg.text(x.at(end.x) - 4.0, y.at(end.y) - 6.0, "halo", Anchor::End, label);
        }
    }
}

/// Draws a line with its ranges and markers; on a `broken` axis the point at zero is not connected.
fn draw_series(svg: &mut Svg, series: &Series, x: &Scale, y: &Scale, broken: bool) {
    svg.open("g", &[("class", series.look.class())]);
    let at = |point: &Point| (x.at(point.x), y.at(point.y));
    if series.points.len() > 1 {
        let mut d = String::new();
        let mut step = "M";
        for point in series.points.iter().filter(|point| !broken || point.x > 0.0) {
            let (px, py) = at(point);
            d.push_str(&format!("{step}{} {}", number(px), number(py)));
            step = "L";
        }
        svg.path(d, series.look.stroke(), series.look.dash());
    }
    for point in series.points.iter().filter(|point| point.low < point.high) {
        let px = x.at(point.x);
        let (low, high) = (number(y.at(point.low)), number(y.at(point.high)));
        let (l, r) = (number(px - 4.0), number(px + 4.0));
        let d = format!("M{} {low}V{high}M{l} {low}H{r}M{l} {high}H{r}", number(px));
        svg.path(d, "thin", "");
    }
    let every = series.points.len().div_ceil(MARKED_POINTS).max(1);
    let every = if every > 1 { series.points.len().div_ceil(8) } else { 1 };
    for point in series.points.iter().skip(every / 2).step_by(every) {
        let (px, py) = at(point);
        series.look.draw_marker(svg, px, py);
    }
    svg.close("g");
}

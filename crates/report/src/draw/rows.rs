//! A panel of rows in which the marks of all series lie over each other on one axis: two runs, or their ratio.

use crate::chart::{Chart, Panel, Point, Series, SeriesStyle};
use crate::draw::bars::{draw_grid, draw_name_above, draw_range, names_beside};
use crate::draw::layout::{EDGE_PX, FONT_PX, Frame, scale, title};
use crate::draw::scale::{Scale, Tick};
use crate::draw::svg::{Anchor, Svg, number};
use crate::quantity::Quantity;
use crate::text::text_width;

/// Height of a row in px.
const ROW_PX: f64 = 28.0;
/// Distance between two marks of a row in px, so that neither hides the other.
const APART_PX: f64 = 9.0;

/// Draws one panel; returns its lower edge. `below` draws what is between title and plot.
pub(crate) fn draw(svg: &mut Svg, frame: &Frame, names: &[String], below: impl Fn(&mut Svg, f64) -> f64) -> f64 {
    let &Frame { chart, panel, top: y, width } = frame;
    let top = below(svg, y + 20.0) + 4.0;
    let beside = names_beside(names, width);
    let left = beside.map_or(EDGE_PX, |widest| EDGE_PX + widest + 10.0);
    let words: Vec<String> = (0..names.len()).map(|row| words(panel, row)).collect();
    let written = words.iter().map(|words| text_width(words, FONT_PX)).fold(0.0, f64::max);
    let right = (width - EDGE_PX - written - 20.0).max(left + 60.0);
    let scale = match panel.quantity {
        Quantity::Factor => scale_of_ratios(chart, (left, right)),
        quantity => scale(quantity, panel.log, &values(panel), if width > 500.0 { 5 } else { 3 }, (left, right)),
    };
    svg.text(EDGE_PX, y + 14.0, "title", Anchor::Start, &title(&panel.title, scale.unit, panel.log));
    let name_px = if beside.is_some() { 0.0 } else { 19.0 };
    let row_px = name_px + ROW_PX;
    let bottom = top + names.len() as f64 * row_px;
    for (row, _) in names.iter().enumerate() {
        draw_bands(svg, panel, row, &scale, (left, right), (top + row as f64 * row_px, row_px));
    }
    draw_grid(svg, &scale, top, bottom);
    if panel.quantity == Quantity::Factor {
        svg.line((scale.at(1.0), top), (scale.at(1.0), bottom), "thin floor");
    }
    for (row, name) in names.iter().enumerate() {
        let row_top = top + row as f64 * row_px;
        match beside {
            Some(_) => svg.text(left - 10.0, row_top + row_px / 2.0 + 4.5, "", Anchor::End, name),
            None => draw_name_above(svg, name, left, row_top, width),
        }
        let middle = row_top + name_px + ROW_PX / 2.0;
        draw_row(svg, panel, row, &scale, middle);
        svg.text(right + 14.0, middle + 4.5, "value", Anchor::Start, &words[row]);
    }
    bottom + 34.0
}

/// Returns the points of a row with their series, without bands.
fn marks(panel: &Panel, row: usize) -> Vec<(&Series, &Point)> {
    let of_row = |series: &'_ Series| series.points.iter().position(|point| point.x as usize == row);
    let marked = panel.series.iter().filter(|series| series.look != SeriesStyle::Band);
    marked.filter_map(|series| Some((series, &series.points[of_row(series)?]))).collect()
}

/// Returns the values of a row from the first series to the last, with their unit once; or the ratio with its ends.
fn words(panel: &Panel, row: usize) -> String {
    let marks = marks(panel, row);
    if panel.quantity == Quantity::Factor {
        let word = |(_, point): &(&Series, &Point)| format!("{:.2} [{:.2}–{:.2}]", point.y, point.low, point.high);
        return marks.iter().map(word).collect();
    }
    let words: Vec<String> = marks.iter().map(|(_, point)| panel.quantity.human(point.y)).collect();
    let units: Vec<&str> = words.iter().filter_map(|word| Some(word.split_once(' ')?.1)).collect();
    if units.len() < words.len() || units.iter().any(|unit| *unit != units[0]) {
        return words.join(" → ");
    }
    let numbers: Vec<&str> = words.iter().filter_map(|word| Some(word.split_once(' ')?.0)).collect();
    let unit = if panel.quantity.tick_unit().is_empty() { units.first().copied().unwrap_or_default() } else { "" };
    format!("{} {unit}", numbers.join(" → ")).trim_end().to_owned()
}

fn values(panel: &Panel) -> Vec<f64> {
    panel.series.iter().flat_map(|series| &series.points).flat_map(|point| [point.low, point.y, point.high]).collect()
}

/// Returns a logarithmic scale around 1 for all ratios of the chart: as much better takes as much room as as much worse.
fn scale_of_ratios(chart: &Chart, range: (f64, f64)) -> Scale {
    let series = chart.panels.iter().flat_map(|panel| &panel.series);
    let points = series.filter(|series| series.look != SeriesStyle::Band).flat_map(|series| &series.points);
    let (low, high) = points.fold((0.8_f64, 1.25_f64), |(low, high), point| (low.min(point.low), high.max(point.high)));
    let (low, high) = (low / 1.02, high * 1.02);
    let marks: &[f64] = match high / low {
        ..2.0 => &[0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5],
        ..6.0 => &[0.2, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0],
        _ => &[0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0],
    };
    let inside = marks.iter().copied().filter(|mark| (low..=high).contains(mark));
    let ticks = inside.map(|value| Tick { value, label: Quantity::Factor.tick(value) }).collect();
    Scale::log(Quantity::Factor, &[low, high], range).with_ticks(low, high, ticks, "")
}

/// Shades the ranges of a row whose series are bands.
fn draw_bands(svg: &mut Svg, panel: &Panel, row: usize, scale: &Scale, (left, right): (f64, f64), y: (f64, f64)) {
    for series in panel.series.iter().filter(|series| series.look == SeriesStyle::Band) {
        for point in series.points.iter().filter(|point| point.x as usize == row) {
            let at = |value: f64| if value > 0.0 { scale.at(value).clamp(left, right) } else { left };
            draw_band(svg, (at(point.low), y.0), (at(point.high), y.0 + y.1));
        }
    }
}

/// Draws a shaded rectangle between two corners.
pub(crate) fn draw_band(svg: &mut Svg, from: (f64, f64), to: (f64, f64)) {
    let place = [("x", number(from.0)), ("y", number(from.1))];
    let size = [("width", number(to.0 - from.0)), ("height", number(to.1 - from.1))];
    let look = [("class", "bar floor".to_owned()), ("fill-opacity", "0.18".to_owned())];
    svg.leaf("rect", &[place, size, look].concat());
}

fn draw_row(svg: &mut Svg, panel: &Panel, row: usize, scale: &Scale, middle: f64) {
    let marks = marks(panel, row);
    for (n, (series, point)) in marks.iter().enumerate() {
        let y = middle + APART_PX * (n as f64 - (marks.len() - 1) as f64 / 2.0);
        svg.open("g", &[("class", series.look.class())]);
        draw_range(svg, point, scale, y, "thin");
        series.look.draw_marker(svg, scale.at(point.y), y);
        svg.close("g");
    }
}

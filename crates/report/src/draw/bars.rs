//! A panel of rows: a name, a bar or point for each series, and its value beside it.

use crate::chart::{Chart, Mark, Panel, Point, Series, SeriesStyle};
use crate::draw::layout::{EDGE_PX, FONT_PX, Frame, scale, title};
use crate::draw::scale::Scale;
use crate::draw::svg::{Anchor, Svg, number};
use crate::text::{shortened, text_width};

const BAR_PX: f64 = 13.0;
const GAP_PX: f64 = 5.0;
/// Maximum width in px of names beside their rows; wider ones, and all on a phone, are written above.
const NAMES_PX: f64 = 230.0;

/// Draws one panel; returns its lower edge. `below` draws what is between title and plot.
pub(crate) fn draw(
    svg: &mut Svg,
    frame: &Frame,
    names: &[String],
    mark: Mark,
    below: impl Fn(&mut Svg, f64) -> f64,
) -> f64 {
    let &Frame { chart, panel, top: y, width } = frame;
    let top = below(svg, y + 20.0) + 4.0;
    let widest = names_beside(names, width);
    let beside = widest.is_some();
    let tabs = chart.choices.is_some() && panel.series.len() > 1;
    let gap = if tabs { 16.0 } else { 10.0 };
    let left = widest.map_or(EDGE_PX, |widest| EDGE_PX + widest + gap);
    let rows: Vec<Vec<Item>> = (0..names.len()).map(|row| items(chart, mark, panel, row)).collect();
    let written = rows.iter().flatten().map(|item| text_width(&item.words, FONT_PX)).fold(0.0, f64::max);
    let right = (width - EDGE_PX - written - 10.0).max(left + 60.0);
    let ticks = if width > 500.0 { 5 } else { 3 };
    let scale = scale(panel.quantity, panel.log, &values(panel, mark, names.len()), ticks, (left, right));

    svg.text(EDGE_PX, y + 14.0, "title", Anchor::Start, &title(&panel.title, scale.unit, panel.log));
    let name_px = if beside { 0.0 } else { 19.0 };
    let bars = if mark == Mark::Stack { 1 } else { panel.series.len() };
    let row_px = name_px + bars as f64 * (BAR_PX + 3.0) + GAP_PX + 5.0;
    let bottom = top + names.len() as f64 * row_px;
    draw_grid(svg, &scale, top, bottom);
    for (n, name) in names.iter().enumerate() {
        let row_top = top + n as f64 * row_px;
        match beside {
            true => svg.text(left - gap, row_top + row_px / 2.0 + 3.0, "", Anchor::End, name),
            false => draw_name_above(svg, name, left, row_top, width),
        }
        for item in &rows[n] {
            let y = row_top + name_px + GAP_PX + item.bar as f64 * (BAR_PX + 3.0);
            if tabs {
                draw_tab(svg, &panel.series[item.bar], left, y);
            }
            draw_item(svg, item, mark, panel, &scale, y);
        }
    }
    bottom + 34.0
}

/// Returns the width in px of the widest name; `None` if the names are written above their rows.
pub(crate) fn names_beside(names: &[String], width: f64) -> Option<f64> {
    let widest = names.iter().map(|name| text_width(name, FONT_PX)).fold(0.0, f64::max);
    (width > 500.0 && widest <= NAMES_PX).then_some(widest)
}

/// A bar or point of a row with the text beside it; it has no parts if the value is missing.
struct Item<'a> {
    /// Index of the bar within its row.
    bar: usize,
    parts: Vec<(&'a Series, Point)>,
    words: String,
}

fn items<'a>(chart: &Chart, mark: Mark, panel: &'a Panel, row: usize) -> Vec<Item<'a>> {
    let at_row = |series: &'a Series| series.points.iter().find(|point| point.x as usize == row);
    let parts = panel.series.iter().filter_map(|series| Some((series, *at_row(series)?)));
    if mark == Mark::Stack {
        let parts: Vec<(&Series, Point)> = parts.collect();
        let words = panel.quantity.human(parts.iter().map(|(_, point)| point.y).sum());
        return if parts.is_empty() { Vec::new() } else { vec![Item { bar: 0, parts, words }] };
    }
    let item = |(bar, series): (usize, &'a Series)| {
        let point = at_row(series).copied();
        let words = words(chart, series, row, point.map(|point| panel.quantity.human(point.y)))?;
        Some(Item { bar, parts: point.map(|point| (series, point)).into_iter().collect(), words })
    };
    panel.series.iter().enumerate().filter_map(item).collect()
}

/// Returns the value and the choice behind it, or the reason why the bar is missing.
fn words(chart: &Chart, series: &Series, row: usize, value: Option<String>) -> Option<String> {
    let chosen = chart.choices.as_ref().and_then(|choices| choices.chosen.get(&(series.legend.clone(), row)));
    match (value, chosen) {
        (value, None) => value,
        (Some(value), Some(Some(choice))) => Some(format!("{value}, {}", choice.words)),
        (None, Some(Some(choice))) => Some(format!("not measured, {}", choice.words)),
        (_, Some(None)) => Some("not reached".to_owned()),
    }
}

/// Returns the values that the scale must include.
fn values(panel: &Panel, mark: Mark, rows: usize) -> Vec<f64> {
    let points = || panel.series.iter().flat_map(|series| &series.points);
    if mark == Mark::Stack {
        let of_row = |row: usize| points().filter(move |point| point.x as usize == row).map(|point| point.y).sum();
        return (0..rows).map(of_row).collect();
    }
    points().flat_map(|point| [point.low, point.y, point.high]).collect()
}

pub(crate) fn draw_name_above(svg: &mut Svg, name: &str, left: f64, row_top: f64, width: f64) {
    let name = shortened(name, width - 2.0 * EDGE_PX, FONT_PX);
    svg.text(left + 4.0, row_top + 17.0, "halo", Anchor::Start, &name);
}

pub(crate) fn draw_grid(svg: &mut Svg, scale: &Scale, top: f64, bottom: f64) {
    let mut free = f64::NEG_INFINITY;
    for tick in &scale.ticks {
        let x = scale.at(tick.value);
        svg.line((x, top), (x, bottom), if tick.value == 0.0 { "base" } else { "grid" });
        let half = text_width(&tick.label, FONT_PX) / 2.0;
        if x - half >= free {
            svg.text(x, bottom + 17.0, "", Anchor::Middle, &tick.label);
            free = x + half + 6.0;
        }
    }
}

fn draw_item(svg: &mut Svg, item: &Item, mark: Mark, panel: &Panel, scale: &Scale, y: f64) {
    let zero = if panel.log { scale.start() } else { scale.at(0.0) };
    let mut end = zero;
    for (series, point) in &item.parts {
        svg.open("g", &[("class", series.look.class())]);
        if mark == Mark::Stack {
            // The values of a stack are lengths; where one ends the next begins, with a hair between them.
            let to = end + scale.at(point.y) - zero;
            draw_bar(svg, end, (to - 1.0).max(end), y);
            end = to;
        } else {
            draw_value(svg, series, point, mark, panel, scale, y);
            end = end.max(scale.at(point.high)).max(scale.at(point.y));
        }
        svg.close("g");
    }
    svg.text(end + 8.0, y + BAR_PX / 2.0 + 4.5, "value halo", Anchor::Start, &item.words);
}

fn draw_value(svg: &mut Svg, series: &Series, point: &Point, mark: Mark, panel: &Panel, scale: &Scale, y: f64) {
    let (middle, at) = (y + BAR_PX / 2.0, scale.at(point.y));
    if mark == Mark::Bar && !panel.log {
        draw_bar(svg, scale.at(0.0).min(at), scale.at(0.0).max(at), y);
        // In the colour of the text, to be seen on the bar as well as beside it.
        draw_range(svg, point, scale, middle, "thin value");
    } else {
        draw_range(svg, point, scale, middle, "thin");
        match series.look {
            SeriesStyle::Floor => {
                svg.path(format!("M{} {}v{}", number(at), number(y - 1.0), number(BAR_PX + 2.0)), "line", "3 2");
            }
            look => look.draw_marker(svg, at, middle),
        }
    }
}

/// Draws the colour of a series beside the beginning of its bar, so that a missing bar is identified, too.
fn draw_tab(svg: &mut Svg, series: &Series, left: f64, y: f64) {
    svg.open("g", &[("class", series.look.class())]);
    draw_bar(svg, left - 7.0, left - 3.0, y);
    svg.close("g");
}

fn draw_bar(svg: &mut Svg, from: f64, to: f64, y: f64) {
    let [width, height] = [("width", number(to - from)), ("height", number(BAR_PX))];
    svg.leaf("rect", &[("x", number(from)), ("y", number(y)), width, height, ("class", "bar".to_owned())]);
}

pub(crate) fn draw_range(svg: &mut Svg, point: &Point, scale: &Scale, middle: f64, class: &str) {
    if point.low < point.high {
        let (low, high) = (number(scale.at(point.low)), number(scale.at(point.high)));
        let (t, b, m) = (number(middle - 4.0), number(middle + 4.0), number(middle));
        svg.path(format!("M{low} {m}H{high}M{low} {t}V{b}M{high} {t}V{b}"), class, "");
    }
}

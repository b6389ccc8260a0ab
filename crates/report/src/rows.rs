//! A panel of rows: one name a row, a bar or a point for each series, the value written beside it.

use crate::chart::{Look, Mark, Panel, Point, Series};
use crate::lines::{scale, title};
use crate::page::{EDGE_PX, FONT_PX};
use crate::scale::Scale;
use crate::svg::{Anchor, Svg, number, shortened, text_width};

const BAR_PX: f64 = 13.0;
const GAP_PX: f64 = 5.0;
/// Names up to this width stand beside their rows, wider ones (and all on a phone) above.
const NAMES_PX: f64 = 230.0;

/// Draws one panel from `y` on; returns where it ends. `below` draws what stands between title and plot.
pub(crate) fn draw(
    svg: &mut Svg,
    names: &[String],
    mark: Mark,
    panel: &Panel,
    y: f64,
    width: f64,
    below: impl Fn(&mut Svg, f64) -> f64,
) -> f64 {
    let top = below(svg, y + 20.0) + 4.0;
    let widest = names.iter().map(|name| text_width(name, FONT_PX)).fold(0.0, f64::max);
    let beside = width > 500.0 && widest <= NAMES_PX;
    let left = if beside { EDGE_PX + widest + 10.0 } else { EDGE_PX };
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let written = points().map(|point| text_width(&panel.quantity.human(point.y), FONT_PX)).fold(0.0, f64::max);
    let values: Vec<f64> = points().flat_map(|point| [point.low, point.y, point.high]).collect();
    let right = width - EDGE_PX - written - 10.0;
    let scale = scale(panel.quantity, panel.log, &values, if width > 500.0 { 5 } else { 3 }, (left, right));

    svg.text(EDGE_PX, y + 14.0, "title", Anchor::Start, &title(&panel.title, scale.unit, panel.log));
    let name_px = if beside { 0.0 } else { 19.0 };
    let row_px = name_px + panel.series.len() as f64 * (BAR_PX + 3.0) + GAP_PX + 5.0;
    let bottom = top + names.len() as f64 * row_px;
    draw_grid(svg, &scale, top, bottom);
    for (n, name) in names.iter().enumerate() {
        let row_top = top + n as f64 * row_px;
        if beside {
            svg.text(left - 10.0, row_top + row_px / 2.0 + 3.0, "", Anchor::End, name);
        } else {
            let name = shortened(name, width - 2.0 * EDGE_PX, FONT_PX);
            svg.text(left + 4.0, row_top + 17.0, "halo", Anchor::Start, &name);
        }
        for (s, series) in panel.series.iter().enumerate() {
            let y = row_top + name_px + GAP_PX + s as f64 * (BAR_PX + 3.0);
            for point in series.points.iter().filter(|point| point.x as usize == n) {
                draw_value(svg, series, point, mark, panel, &scale, y);
            }
        }
    }
    bottom + 34.0
}

fn draw_grid(svg: &mut Svg, scale: &Scale, top: f64, bottom: f64) {
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

fn draw_value(svg: &mut Svg, series: &Series, point: &Point, mark: Mark, panel: &Panel, scale: &Scale, y: f64) {
    let (middle, at) = (y + BAR_PX / 2.0, scale.at(point.y));
    svg.open("g", &[("class", series.look.class())]);
    if mark == Mark::Bar && !panel.log {
        let (from, to) = (scale.at(0.0).min(at), scale.at(0.0).max(at));
        let [width, height] = [("width", number(to - from)), ("height", number(BAR_PX))];
        svg.leaf("rect", &[("x", number(from)), ("y", number(y)), width, height, ("class", "bar".to_owned())]);
        // In the colour of the text, to be seen on the bar as well as beside it.
        draw_range(svg, point, scale, middle, "thin value");
    } else {
        draw_range(svg, point, scale, middle, "thin");
        match series.look {
            Look::Floor => {
                svg.path(format!("M{} {}v{}", number(at), number(y - 1.0), number(BAR_PX + 2.0)), "line", "3 2");
            }
            look => look.draw_marker(svg, at, middle),
        }
    }
    svg.close("g");
    let end = scale.at(point.high).max(at).max(if panel.log { at } else { scale.at(0.0) });
    svg.text(end + 8.0, middle + 4.5, "value halo", Anchor::Start, &panel.quantity.human(point.y));
}

fn draw_range(svg: &mut Svg, point: &Point, scale: &Scale, middle: f64, class: &str) {
    if point.low < point.high {
        let (low, high) = (number(scale.at(point.low)), number(scale.at(point.high)));
        let (t, b, m) = (number(middle - 4.0), number(middle + 4.0), number(middle));
        svg.path(format!("M{low} {m}H{high}M{low} {t}V{b}M{high} {t}V{b}"), class, "");
    }
}

//! The legends of a chart.

use std::collections::BTreeSet;

use crate::chart::{Chart, Mark, Series, SeriesStyle, X};
use crate::draw::layout::{Canvas, EDGE_PX, FONT_PX};
use crate::draw::rows::draw_band;
use crate::draw::svg::{Anchor, Svg, number};
use crate::text::{shortened, text_width};

const LINE_PX: f64 = 18.0;

pub(crate) type Entries<'a> = Vec<(SeriesStyle, &'a str)>;

/// Returns the legend above all panels and the legend of each panel; entries that all panels share are above.
pub(crate) fn legends(chart: &Chart) -> (Entries<'_>, Vec<Entries<'_>>) {
    if matches!(chart.x, X::Names { mark: Mark::Cell(_), .. }) {
        // The rows of a grid are named beside it.
        return (Vec::new(), vec![Vec::new(); chart.panels.len()]);
    }
    if chart.legend_once {
        let all = chart.panels.iter().flat_map(|panel| &panel.series);
        let mut above = distinct(all.filter(|series| !series.legend.is_empty()).map(legend_of));
        // The lines of a group differ in their dash, which the key explains.
        let mut named = BTreeSet::new();
        above.retain(|(_, name)| named.insert(*name));
        let keys = chart.panels.iter().map(|panel| distinct(panel.series.iter().filter_map(key_of)));
        let beside: Vec<Entries> = keys.collect();
        if beside.iter().all(|entries| *entries == beside[0]) {
            above.extend(beside[0].iter().copied());
            return (above, vec![Vec::new(); chart.panels.len()]);
        }
        return (above, beside);
    }
    let legends: Vec<Entries> = chart.panels.iter().map(|panel| distinct(panel.series.iter().map(legend_of))).collect();
    if legends.iter().all(|legend| *legend == legends[0]) {
        return (legends[0].clone(), vec![Vec::new(); legends.len()]);
    }
    (Vec::new(), legends)
}

fn legend_of(series: &Series) -> (SeriesStyle, &str) {
    (series.look, &series.legend)
}

fn key_of(series: &Series) -> Option<(SeriesStyle, &str)> {
    series.key.as_ref().map(|(look, words)| (*look, words.as_str()))
}

/// Returns one entry for each style.
fn distinct<'a>(all: impl Iterator<Item = (SeriesStyle, &'a str)>) -> Entries<'a> {
    let mut entries = Entries::new();
    for (look, name) in all {
        if !entries.iter().any(|(known, _)| *known == look) {
            entries.push((look, name));
        }
    }
    entries
}

/// Draws a legend, or nothing for a single unnamed series; returns its lower edge.
pub(crate) fn draw_legend(
    svg: &mut Svg,
    chart: &Chart,
    entries: &[(SeriesStyle, &str)],
    mut y: f64,
    canvas: Canvas,
) -> f64 {
    if entries.len() < 2 && entries.iter().all(|(look, name)| *look != SeriesStyle::Floor && name.is_empty()) {
        return y;
    }
    let log = chart.panels.iter().all(|panel| panel.log);
    let bars = !log && matches!(chart.x, X::Names { mark: Mark::Bar | Mark::Stack, .. });
    let right = canvas.width() - EDGE_PX;
    let mut x = EDGE_PX;
    for (look, name) in entries {
        let name = shortened(name, right - EDGE_PX - 34.0, FONT_PX);
        let width = 34.0 + text_width(&name, FONT_PX);
        if x > EDGE_PX && x + width > right {
            x = EDGE_PX;
            y += LINE_PX;
        }
        swatch(svg, *look, bars, x, y + 9.0);
        svg.text(x + 34.0, y + 13.0, "", Anchor::Start, &name);
        x += width + 16.0;
    }
    y + LINE_PX + 6.0
}

fn swatch(svg: &mut Svg, look: SeriesStyle, bar: bool, x: f64, y: f64) {
    svg.open("g", &[("class", look.class())]);
    if look == SeriesStyle::Band {
        draw_band(svg, (x, y - 7.0), (x + 28.0, y + 7.0));
    } else if bar {
        svg.path(format!("M{} {}h28v11h-28z", number(x), number(y - 6.0)), "bar", "");
    } else {
        svg.path(format!("M{} {}h28", number(x), number(y)), look.stroke(), look.dash());
        look.draw_marker(svg, x + 14.0, y);
    }
    svg.close("g");
}

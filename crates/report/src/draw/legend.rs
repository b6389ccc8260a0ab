//! The legends of a chart.

use std::collections::BTreeSet;

use plotters::element::{Circle, PathElement};
use plotters::style::text_anchor::HPos;

use crate::chart::{Chart, Columns, Mark, Panel, RING, Series, SeriesStyle, X};
use crate::draw::backend::{Drawing, FONT_PX, FigureBackend, Group, Lettering, Note, Sheet, stroke, tenths};
use crate::draw::layout::{Canvas, EDGE_PX};
use crate::draw::marks::{draw_band, draw_bar};
use crate::text::{shortened, text_width};

const LINE_PX: f64 = 18.0;
/// Maximum number of groups in a legend above panels that do not show all of them.
const SHARED_MAX: usize = 7;
/// Style of the entry that says what hollow marks mean.
const HOLLOW: SeriesStyle = SeriesStyle::Nth { colour: 4, marker: RING, dash: 0 };
/// Width of a swatch with the room after it, in px.
const SWATCH_PX: f64 = 34.0;

pub(crate) type Entries<'a> = Vec<(SeriesStyle, &'a str)>;

/// Returns the legend above all panels and the legend of each panel; entries that all panels share are above.
pub(crate) fn legends(chart: &Chart) -> (Entries<'_>, Vec<Entries<'_>>) {
    if matches!(chart.x, X::Names { mark: Mark::Cell(_), .. }) {
        // The rows of a grid are named beside it.
        return (Vec::new(), vec![Vec::new(); chart.panels.len()]);
    }
    if chart.legend_once {
        let above = legend_of_groups(chart.sides().flat_map(|panel| &panel.series));
        let keys: Vec<Entries> = chart.panels.iter().map(keys_of).collect();
        let keys_are_shared = keys.iter().all(|entries| *entries == keys[0]);
        if chart.panels.iter().all(|panel| groups_of(panel).len() == above.len()) || above.len() <= SHARED_MAX {
            let shared = if keys_are_shared { keys[0].clone() } else { Entries::new() };
            let beside = if keys_are_shared { vec![Entries::new(); keys.len()] } else { keys };
            return (above.into_iter().chain(shared).chain(shade_of(chart)).collect(), beside);
        }
        // Each panel shows some of many groups, and names them.
        let beside = chart.panels.iter().zip(keys).map(|(panel, keys)| [groups_of(panel), keys].concat());
        return (shade_of(chart).into_iter().collect(), beside.collect());
    }
    let of_panel = |panel| distinct(Panel::sides(panel).flat_map(|side| &side.series).map(legend_of));
    let legends: Vec<Entries> = chart.panels.iter().map(of_panel).collect();
    if legends.iter().all(|legend| *legend == legends[0]) {
        return (legends[0].iter().copied().chain(shade_of(chart)).collect(), vec![Vec::new(); legends.len()]);
    }
    (shade_of(chart).into_iter().collect(), legends)
}

/// Returns one entry for each named group; the lines of a group differ in their dash, which the key explains.
fn legend_of_groups<'a>(series: impl Iterator<Item = &'a Series>) -> Entries<'a> {
    let mut named = BTreeSet::new();
    let mut entries = distinct(series.filter(|series| !series.legend.is_empty()).map(legend_of));
    entries.retain(|(_, name)| named.insert(*name));
    entries
}

fn groups_of(panel: &Panel) -> Entries<'_> {
    legend_of_groups(panel.sides().flat_map(|side| &side.series))
}

fn keys_of(panel: &Panel) -> Entries<'_> {
    distinct(panel.sides().flat_map(|side| &side.series).filter_map(key_of))
}

fn legend_of(series: &Series) -> (SeriesStyle, &str) {
    (series.look, &series.legend)
}

fn key_of(series: &Series) -> Option<(SeriesStyle, &str)> {
    series.key.as_ref().map(|(look, words)| (*look, words.as_str()))
}

/// Returns the entry of the shaded part of the x axis.
fn shade_of(chart: &Chart) -> Option<(SeriesStyle, &str)> {
    match &chart.x {
        X::Numbers(axis) => axis.shade.as_ref().map(|shade| (SeriesStyle::Band, shade.words.as_str())),
        X::Names { .. } => None,
    }
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

/// Draws a legend, or nothing for a single unnamed series, and says what hollow marks mean; returns its lower edge.
pub(crate) fn draw_legend<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    chart: &Chart,
    entries: &[(SeriesStyle, &str)],
    with_doubts: bool,
    mut y: f64,
    canvas: Canvas,
) -> Drawing<f64, DB> {
    let mut entries = entries.to_vec();
    if entries.len() < 2 && entries.iter().all(|(look, name)| *look != SeriesStyle::Floor && name.is_empty()) {
        entries.clear();
    }
    if with_doubts && chart.points().any(|point| point.doubtful) {
        entries.push((HOLLOW, "hollow: with doubts"));
    }
    if entries.is_empty() {
        return Ok(y);
    }
    let right = canvas.width() - EDGE_PX;
    let known: BTreeSet<&str> = chart.sides().flat_map(|panel| &panel.series).map(Series::known_as).collect();
    let mut x = EDGE_PX;
    for (look, name) in &entries {
        let words = shortened(name, right - EDGE_PX - SWATCH_PX, FONT_PX);
        let width = SWATCH_PX + text_width(&words, FONT_PX);
        if x > EDGE_PX && x + width > right {
            x = EDGE_PX;
            y += LINE_PX;
        }
        let name = if known.contains(name) { *name } else { "" };
        sheet.open_group(Group { ink: look.ink(), name, is_key: true });
        swatch(sheet, *look, is_bar(chart, name), x, y + 9.0)?;
        sheet.text(x + SWATCH_PX, y + 13.0, Lettering::PLAIN, HPos::Left, &words)?;
        sheet.close_group();
        x += width + 16.0;
    }
    Ok(y + LINE_PX + 6.0)
}

/// Returns true if series of a name are drawn as bars.
fn is_bar(chart: &Chart, name: &str) -> bool {
    let bars = !chart.panels.iter().all(|panel| panel.log);
    match chart.x {
        X::Names { mark: Mark::Bar | Mark::Stack, .. } => bars,
        _ => {
            let with_columns = chart.panels.iter().filter(|panel| panel.columns != Columns::None);
            with_columns.flat_map(|panel| &panel.series).any(|series| series.known_as() == name)
        }
    }
}

fn swatch<DB: FigureBackend>(sheet: &Sheet<DB>, look: SeriesStyle, bar: bool, x: f64, y: f64) -> Drawing<(), DB> {
    let at = |x: f64, y: f64| (tenths(x), tenths(y));
    if look == HOLLOW {
        return sheet.root().draw(&Circle::new(at(x + 14.0, y), tenths(4.0), stroke(look.ink(), 1.5)));
    }
    if look == SeriesStyle::Band {
        return draw_band(sheet, at(x, y - 7.0), at(x + 28.0, y + 7.0));
    }
    if bar {
        return draw_bar(sheet, at(x, y - 6.0), at(x + 28.0, y + 5.0), look.ink());
    }
    sheet.dash(look.dash());
    sheet.root().draw(&PathElement::new(vec![at(x, y), at(x + 28.0, y)], stroke(look.ink(), look.width_px())))?;
    sheet.dash(&[]);
    look.draw_marker(sheet, at(x + 14.0, y), Note::default())
}

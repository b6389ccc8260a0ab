//! The strip between the title of a panel and its plot: when something happened, and how much of it, above the lines that
//! it explains.
//!
//! Decision D-510.

use plotters::element::PathElement;
use plotters::style::text_anchor::HPos;

use crate::chart::{Panel, Series};
use crate::draw::backend::{Drawing, FigureBackend, Group, Lettering, Note, Sheet, stroke, tenths};
use crate::draw::horizontal::Horizontal;
use crate::draw::plot::{Plot, sheet_x};

/// Height in px of the tallest spike.
const SPIKE_PX: f64 = 10.0;
/// Distance in px between the feet of two rows.
const ROW_PX: f64 = 14.0;
/// Distance in px between the last foot and the plot.
const GAP_PX: f64 = 6.0;
/// Height in px of the title above the rows.
const TITLE_PX: f64 = 12.0;

/// Returns the height in px that the strip of a panel needs.
pub(crate) fn height_px(panel: &Panel) -> f64 {
    match &panel.strip {
        Some(strip) => TITLE_PX + ROW_PX * strip.series.len() as f64 + GAP_PX,
        None => 0.0,
    }
}

/// Draws the strip of a panel, if it has one, from `top` downwards: a row for each series, whose spikes are as tall as
/// their values are large in comparison with the largest of the strip.
pub(crate) fn draw_strip<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &Plot<DB>,
    panel: &Panel,
    horizontal: &Horizontal,
    top: f64,
) -> Drawing<(), DB> {
    let Some(strip) = &panel.strip else { return Ok(()) };
    let largest = strip.series.iter().flat_map(|series| &series.points).map(|point| point.y).fold(0.0, f64::max);
    sheet.text(horizontal.edges.0, top + TITLE_PX, Lettering::TINY, HPos::Left, &strip.title)?;
    for (n, series) in strip.series.iter().enumerate() {
        let foot = top + TITLE_PX + ROW_PX * (n + 1) as f64;
        let (ink, name) = (series.look.ink(), series.known_as());
        sheet.open_group(Group { ink, name, is_key: false });
        let path = spikes(plot, series, horizontal, foot, largest);
        sheet.annotate(Note { title: words(strip, series), ..Note::default() });
        sheet.root().draw(&PathElement::new(path, stroke(ink, 1.0)))?;
        sheet.close_group();
    }
    Ok(())
}

/// Returns a line along the foot that goes up and down again at each point with a value.
fn spikes<DB: FigureBackend>(
    plot: &Plot<DB>,
    series: &Series,
    horizontal: &Horizontal,
    foot: f64,
    largest: f64,
) -> Vec<(i32, i32)> {
    let (left, right) = horizontal.edges;
    let mut path = vec![(tenths(left), tenths(foot))];
    for point in series.points.iter().filter(|point| point.y > 0.0) {
        let x = sheet_x(plot, horizontal.place(point.x));
        // What is small next to the largest has happened nevertheless.
        let height = (SPIKE_PX * point.y / largest).max(1.5);
        path.extend([(x, tenths(foot)), (x, tenths(foot - height)), (x, tenths(foot))]);
    }
    path.push((tenths(right), tenths(foot)));
    path
}

/// Returns what a row says when it is asked.
fn words(strip: &Panel, series: &Series) -> String {
    let largest = series.points.iter().map(|point| point.y).fold(0.0, f64::max);
    let sum: f64 = series.points.iter().map(|point| point.y).sum();
    let human = |value| strip.quantity.human(value);
    format!("{}: {} in all, at most {} at once", series.name, human(sum), human(largest))
}

//! Upright columns over a horizontal axis, side by side or stacked at each x.

use std::collections::BTreeMap;

use crate::chart::{Chart, Columns, Panel, Point};
use crate::draw::backend::{Drawing, FigureBackend, Group, Sheet, tenths};
use crate::draw::horizontal::Horizontal;
use crate::draw::ink::Ink;
use crate::draw::lines::{Plot, sheet_x};
use crate::draw::marks::{draw_bar, draw_range, note};

/// Greatest width of a column in px.
const WIDEST_PX: f64 = 48.0;
/// Part of the room between two x that their columns take.
const SHARE: f64 = 0.8;

/// Draws the series of a panel as columns.
pub(crate) fn draw_columns<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &Plot<DB>,
    chart: &Chart,
    panel: &Panel,
    horizontal: &Horizontal,
) -> Drawing<(), DB> {
    let base = if panel.log { plot.get_y_range().start } else { 0.0 };
    let beside = if panel.columns == Columns::Beside { panel.series.len() } else { 1 };
    let width = width_px(plot, panel, horizontal) / beside as f64;
    let mut tops = BTreeMap::new();
    for (n, series) in panel.series.iter().enumerate() {
        let ink = series.look.ink();
        sheet.open_group(Group { ink, name: series.known_as(), is_key: false });
        let shift = if beside > 1 { (n as f64 - (beside - 1) as f64 / 2.0) * width } else { 0.0 };
        for point in &series.points {
            let from = if panel.columns == Columns::Stacked { top_of(&mut tops, point) } else { base };
            let at = |y: f64| plot.map_coordinate(&(horizontal.place(point.x), y));
            let (x, half) = (at(base).0 + tenths(shift), tenths(width / 2.0 - 0.5));
            let to = if panel.columns == Columns::Stacked { from + point.y } else { point.y };
            sheet.annotate(note(chart, panel, series, point));
            draw_bar(sheet, (x - half, at(from).1), (x + half, at(to).1), ink)?;
            if panel.columns == Columns::Beside {
                draw_range(sheet, (x, at(point.low).1), (x, at(point.high).1), Ink::Text)?;
            }
        }
        sheet.close_group();
    }
    Ok(())
}

/// Returns where the stack at the x of a point ends, and puts the point on top of it.
fn top_of(tops: &mut BTreeMap<u64, f64>, point: &Point) -> f64 {
    let top = tops.entry(point.x.to_bits()).or_default();
    *top += point.y;
    *top - point.y
}

/// Returns the width in px of all columns of one x: a share of the least distance between two.
fn width_px<DB: FigureBackend>(plot: &Plot<DB>, panel: &Panel, horizontal: &Horizontal) -> f64 {
    let points = panel.series.iter().flat_map(|series| &series.points);
    let mut places: Vec<i32> = points.map(|point| sheet_x(plot, horizontal.place(point.x))).collect();
    places.sort_unstable();
    places.dedup();
    let least = places.windows(2).map(|pair| pair[1] - pair[0]).min();
    least.map_or(WIDEST_PX, |tenths| (f64::from(tenths) / 10.0 * SHARE).clamp(1.0, WIDEST_PX))
}

//! A panel of rows in which the marks of all series lie over each other on one axis: two runs, or their ratio.

use plotters::element::PathElement;
use plotters::style::text_anchor::HPos;

use crate::chart::{Chart, Panel, Point, Series, SeriesStyle};
use crate::draw::backend::{Drawing, FONT_PX, FigureBackend, Group, Lettering, Sheet, stroke, tenths};
use crate::draw::bars::{RowLayout, RowPlot};
use crate::draw::ink::Ink;
use crate::draw::layout::{EDGE_PX, Frame, title};
use crate::draw::marks::{draw_band, draw_range, note};
use crate::draw::scale::{Scale, Tick, scale};
use crate::quantity::Quantity;
use crate::text::text_width;

/// Height of a row in px.
const ROW_PX: f64 = 28.0;
/// Distance between two marks of a row in px, so that neither hides the other.
const APART_PX: f64 = 9.0;

/// Draws one panel; returns its lower edge. `below` draws what is between title and plot.
pub(crate) fn draw<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    frame: &Frame,
    names: &[String],
    below: impl Fn(&Sheet<DB>, f64) -> Drawing<f64, DB>,
) -> Drawing<f64, DB> {
    let &Frame { chart, panel, top: y, width, .. } = frame;
    let marks = marks(panel, names.len());
    let words: Vec<String> = marks.iter().map(|marks| words(panel, marks)).collect();
    let written = words.iter().map(|words| text_width(words, FONT_PX)).fold(0.0, f64::max);
    let scale = match panel.quantity {
        Quantity::Factor => scale_of_ratios(chart),
        quantity => scale(quantity, panel.log, &values(panel), if width > 500.0 { 5 } else { 3 }),
    };
    let title = title(&panel.title, scale.unit, panel.log);
    let y = sheet.title(EDGE_PX, y, width - 2.0 * EDGE_PX, &title)?;
    let top = below(sheet, y + 20.0)? + 4.0;
    let layout = RowLayout { top, width, row_px: ROW_PX, right_px: written + 20.0, gap: 10.0, has_axis: true };
    let plot = layout.plot(sheet, names, scale)?;
    draw_bands(sheet, &plot, panel, &layout, names)?;
    if panel.quantity == Quantity::Factor {
        let x = plot.map_coordinate(&(1.0, 0.0)).0;
        let path = vec![(x, tenths(top)), (x, tenths(layout.bottom(names)))];
        sheet.root().draw(&PathElement::new(path, stroke(Ink::Floor, 1.5)))?;
    }
    let right = f64::from(plot.get_x_axis_pixel_range().end) / 10.0;
    for (row, marks) in marks.iter().enumerate() {
        let middle = layout.marks_top(names, row) + ROW_PX / 2.0;
        draw_row(sheet, &plot, chart, panel, marks, middle)?;
        sheet.text(right + 14.0, middle + 4.5, Lettering::PLAIN, HPos::Left, &words[row])?;
    }
    Ok(layout.bottom(names) + 34.0)
}

type Marks<'a> = Vec<(&'a Series, &'a Point)>;

/// Returns the points of each row with their series, without bands.
fn marks(panel: &Panel, rows: usize) -> Vec<Marks<'_>> {
    let mut marks = vec![Vec::new(); rows];
    for series in panel.series.iter().filter(|series| series.look != SeriesStyle::Band) {
        for point in &series.points {
            if let Some(row) = marks.get_mut(point.x as usize) {
                row.push((series, point));
            }
        }
    }
    marks
}

/// Returns the values of a row from the first series to the last, with their unit once; or the ratio with its ends.
fn words(panel: &Panel, marks: &Marks) -> String {
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
fn scale_of_ratios(chart: &Chart) -> Scale {
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
    Scale::log(Quantity::Factor, &[low, high]).with_ticks(low, high, ticks, "")
}

/// Shades the ranges of the series that are bands, each in its row.
fn draw_bands<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &RowPlot<DB>,
    panel: &Panel,
    layout: &RowLayout,
    names: &[String],
) -> Drawing<(), DB> {
    let (left, right) = (plot.get_x_axis_pixel_range().start, plot.get_x_axis_pixel_range().end);
    let at = |value: f64| if value > 0.0 { plot.map_coordinate(&(value, 0.0)).0.clamp(left, right) } else { left };
    for series in panel.series.iter().filter(|series| series.look == SeriesStyle::Band) {
        sheet.open_group(Group { ink: Ink::Floor, name: series.known_as(), is_key: false });
        for point in series.points.iter().filter(|point| (point.x as usize) < names.len()) {
            let bottom = layout.marks_top(names, point.x as usize) + ROW_PX;
            let top = layout.marks_top(names, point.x as usize);
            draw_band(sheet, (at(point.low), tenths(top)), (at(point.high), tenths(bottom)))?;
        }
        sheet.close_group();
    }
    Ok(())
}

fn draw_row<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &RowPlot<DB>,
    chart: &Chart,
    panel: &Panel,
    marks: &Marks,
    middle: f64,
) -> Drawing<(), DB> {
    let at = |value: f64| plot.map_coordinate(&(value, 0.0)).0;
    for (n, (series, point)) in marks.iter().enumerate() {
        let y = tenths(middle + APART_PX * (n as f64 - (marks.len() - 1) as f64 / 2.0));
        sheet.open_group(Group { ink: series.look.ink(), name: series.known_as(), is_key: false });
        draw_range(sheet, (at(point.low), y), (at(point.high), y), series.look.ink())?;
        series.look.draw_marker(sheet, (at(point.y), y), note(chart, panel, series, point))?;
        sheet.close_group();
    }
    Ok(())
}

//! A panel over a horizontal axis: lines with whiskers for the range of the repeats, or upright columns, and lines on a
//! y axis of their own on the right.

use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, TRANSPARENT};

use crate::chart::{Chart, Columns, Panel, Point, Series, SeriesStyle};
use crate::draw::backend::{Drawing, FONT_PX, FigureBackend, Group, Lettering, Sheet, stroke, tenths};
use crate::draw::columns::draw_columns;
use crate::draw::horizontal::Horizontal;
use crate::draw::ink::Ink;
use crate::draw::layout::{EDGE_PX, Frame, TICK_PX, title};
use crate::draw::marks::{draw_range, note};
use crate::draw::plot::{Plot, sheet_x};
use crate::draw::scale::{Scale, ZERO_GAP_PX, ZERO_INSET_PX, scale};
use crate::draw::strip;
use crate::text::{shortened, text_width};

/// Maximum number of points that each have a marker; longer lines have a few.
const MARKED_POINTS: usize = 24;
/// Height in px of the labels of the x axis.
const X_LABELS_PX: f64 = 24.0;
/// Height in px of the lowest plot.
const LOWEST_PX: f64 = 60.0;

/// Draws one panel; returns its lower edge. `below` draws what is between title and plot.
pub(crate) fn draw<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    frame: &Frame,
    horizontal: &Horizontal,
    last: bool,
    below: impl Fn(&Sheet<DB>, f64) -> Drawing<f64, DB>,
) -> Drawing<f64, DB> {
    let &Frame { chart, panel, top: y, width, bottom_px } = frame;
    let (left, right) = horizontal.edges;
    let y = draw_titles(sheet, panel, y, width)?;
    // The title's own line, then room for half a label above the topmost grid line.
    let strip_top = below(sheet, y + 20.0)?;
    let top = strip_top + strip::height_px(panel) + 8.0;
    let bottom =
        bottom_px.map_or_else(|| top + plot_height(chart), |edge| (edge - X_LABELS_PX - EDGE_PX).max(top + LOWEST_PX));
    let x_scale = if last { horizontal.scale.clone() } else { horizontal.scale.clone().unlabelled() };
    let (plot, right_plot) = draw_axes(sheet, panel, x_scale, horizontal, (top, bottom), width)?;
    if horizontal.is_broken {
        draw_break(sheet, left + (ZERO_GAP_PX + ZERO_INSET_PX) / 2.0, top, bottom)?;
    }
    draw_zero(sheet, &plot, panel)?;
    strip::draw_strip(sheet, &plot, panel, horizontal, strip_top)?;
    match panel.columns {
        Columns::None => draw_lines(sheet, &plot, chart, panel, horizontal)?,
        _ => draw_columns(sheet, &plot, chart, panel, horizontal)?,
    }
    if let Some(right) = &panel.right {
        draw_lines(sheet, &right_plot, chart, right, horizontal)?;
    }
    if !last || bottom_px.is_some() {
        return Ok(bottom + 20.0);
    }
    let words = shortened(&horizontal.title, width - 2.0 * EDGE_PX, FONT_PX);
    let x = right.max(EDGE_PX + text_width(&words, FONT_PX));
    sheet.text(x, bottom + 40.0, Lettering::TITLE, HPos::Right, &words)?;
    Ok(bottom + 48.0)
}

/// Draws the shaded part, the grid and all axes; returns the plots of the left and of the right y axis.
fn draw_axes<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    panel: &Panel,
    x_scale: Scale,
    horizontal: &Horizontal,
    (top, bottom): (f64, f64),
    width: f64,
) -> Drawing<(Plot<DB>, Plot<DB>), DB> {
    let (left, right) = horizontal.edges;
    let area = sheet.area(0.0, top, width, bottom - top + X_LABELS_PX);
    let mut context = ChartBuilder::on(&area)
        .set_label_area_size(LabelAreaPosition::Left, tenths(left))
        .set_label_area_size(LabelAreaPosition::Right, tenths(width - right))
        .set_label_area_size(LabelAreaPosition::Bottom, tenths(X_LABELS_PX))
        .build_cartesian_2d(x_scale.clone(), y_scale(panel))?
        .set_secondary_coord(x_scale, panel.right.as_deref().map_or_else(|| y_scale(panel), y_scale));
    if let Some(shade) = horizontal.shade {
        let (from, to) = (sheet_x(context.plotting_area(), shade).max(tenths(left)), tenths(right));
        let shade = Rectangle::new([(from, tenths(top)), (to, tenths(bottom))], Ink::Floor.mix(0.12).filled());
        sheet.root().draw(&shade)?;
    }
    let style = Lettering::PLAIN.style(HPos::Center);
    (context.configure_mesh())
        .light_line_style(TRANSPARENT)
        .bold_line_style(stroke(Ink::Grid, 1.0))
        .axis_style(stroke(Ink::Base, 1.0))
        .label_style(style.clone())
        .set_all_tick_mark_size(tenths(TICK_PX))
        .set_tick_mark_size(LabelAreaPosition::Right, 0)
        .draw()?;
    if panel.right.is_some() {
        let mut axes = context.configure_secondary_axes();
        axes.axis_style(stroke(Ink::Base, 1.0)).label_style(style).set_all_tick_mark_size(tenths(TICK_PX)).draw()?;
    }
    Ok((context.plotting_area().clone(), context.secondary_plotting_area().clone()))
}

fn plot_height(chart: &Chart) -> f64 {
    match chart.panels.len() {
        1 => 270.0,
        // A figure of many panels is compared down its columns: all of it should be in sight.
        4.. if chart.legend_once => 130.0,
        _ => 180.0,
    }
}

/// Returns the x axis of a chart whose panels stand below each other on a drawing of a width in px.
pub(crate) fn shared_axis(chart: &Chart, width: f64) -> Horizontal {
    Horizontal::of(chart, edges(chart, width))
}

/// Returns the left and right edge of all plots, leaving room for the widest labels on both sides.
fn edges(chart: &Chart, width: f64) -> (f64, f64) {
    let widest =
        |panels: &mut dyn Iterator<Item = &Panel>| panels.map(|panel| y_scale(panel).label_width()).fold(0.0, f64::max);
    let left = EDGE_PX + widest(&mut chart.panels.iter()) + 2.0 * TICK_PX;
    let on_right = widest(&mut chart.panels.iter().filter_map(|panel| panel.right.as_deref()));
    let right = if on_right > 0.0 { on_right + 2.0 * TICK_PX } else { 0.0 };
    (left, width - EDGE_PX - right.max(Horizontal::last_label_px(chart, width - left) / 2.0).max(8.0))
}

fn y_scale(panel: &Panel) -> Scale {
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let mut values: Vec<f64> = points().flat_map(|point| [point.low, point.y, point.high]).collect();
    values.extend(&panel.includes);
    if panel.columns == Columns::Stacked {
        let mut stacks: Vec<(f64, f64)> = points().map(|point| (point.x, point.y)).collect();
        stacks.sort_by(|a, b| a.0.total_cmp(&b.0));
        values.extend(stacks.chunk_by(|a, b| a.0 == b.0).map(|stack| stack.iter().map(|(_, y)| y).sum::<f64>()));
    }
    scale(panel.quantity, panel.log, &values, 5)
}

/// Writes the titles of the y axes above the plot, each on its side; returns what `y` is for the last line.
fn draw_titles<DB: FigureBackend>(sheet: &Sheet<DB>, panel: &Panel, y: f64, width: f64) -> Drawing<f64, DB> {
    let words = title(&panel.title, y_scale(panel).unit, panel.log);
    let room = width - 2.0 * EDGE_PX;
    let Some(right) = &panel.right else { return sheet.title(EDGE_PX, y, room, &words) };
    let on_right = title(&right.title, y_scale(right).unit, right.log);
    sheet.text(width - EDGE_PX, y + 14.0, Lettering::TITLE, HPos::Right, &shortened(&on_right, room / 2.0, FONT_PX))?;
    sheet.title(EDGE_PX, y, room - text_width(&on_right, FONT_PX).min(room / 2.0) - 16.0, &words)
}

/// Draws the line of zero where values lie on both sides of it.
fn draw_zero<DB: FigureBackend>(sheet: &Sheet<DB>, plot: &Plot<DB>, panel: &Panel) -> Drawing<(), DB> {
    let (x, y) = (plot.get_x_axis_pixel_range(), plot.get_y_range());
    if panel.log || y.start >= 0.0 {
        return Ok(());
    }
    let zero = plot.map_coordinate(&(plot.get_x_range().start, 0.0)).1;
    sheet.root().draw(&PathElement::new(vec![(x.start, zero), (x.end, zero)], stroke(Ink::Base, 1.0)))
}

/// Draws an axis break: a gap in the grid with a stroke on either side.
fn draw_break<DB: FigureBackend>(sheet: &Sheet<DB>, x: f64, top: f64, bottom: f64) -> Drawing<(), DB> {
    let at = |x: f64, y: f64| (tenths(x), tenths(y));
    let gap = [at(x - 4.0, top - 1.0), at(x + 4.0, bottom + 1.0)];
    sheet.root().draw(&Rectangle::new(gap, Ink::Paper.filled()))?;
    for x in [x - 4.0, x + 4.0] {
        let path = vec![at(x - 4.0, bottom + 7.0), at(x + 4.0, bottom - 7.0)];
        sheet.root().draw(&PathElement::new(path, stroke(Ink::Base, 1.0)))?;
    }
    Ok(())
}

fn draw_lines<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &Plot<DB>,
    chart: &Chart,
    panel: &Panel,
    horizontal: &Horizontal,
) -> Drawing<(), DB> {
    for series in &panel.series {
        let (ink, name) = (series.look.ink(), series.known_as());
        sheet.open_group(Group { ink, name, is_key: false });
        draw_line(sheet, plot, series, horizontal)?;
        draw_points(sheet, plot, chart, panel, series, horizontal)?;
        sheet.close_group();
    }
    Ok(())
}

/// Draws the line of a series; on a broken axis the point at zero is not connected.
fn draw_line<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &Plot<DB>,
    series: &Series,
    horizontal: &Horizontal,
) -> Drawing<(), DB> {
    let connected = series.points.iter().filter(|point| !horizontal.is_broken || point.x > 0.0);
    let path: Vec<(f64, f64)> = connected.map(|point| (horizontal.place(point.x), point.y)).collect();
    if path.len() < 2 {
        return Ok(());
    }
    sheet.dash(series.look.dash());
    plot.draw(&PathElement::new(path, stroke(series.look.ink(), series.look.width_px())))?;
    sheet.dash(&[]);
    Ok(())
}

/// Draws the ranges and markers of a series.
fn draw_points<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &Plot<DB>,
    chart: &Chart,
    panel: &Panel,
    series: &Series,
    horizontal: &Horizontal,
) -> Drawing<(), DB> {
    let at = |point: &Point, y: f64| plot.map_coordinate(&(horizontal.place(point.x), y));
    for point in series.points.iter().filter(|point| point.low < point.high) {
        draw_range(sheet, at(point, point.low), at(point, point.high), series.look.ink())?;
    }
    let every = series.points.len().div_ceil(MARKED_POINTS).max(1);
    let every = if every > 1 { series.points.len().div_ceil(8) } else { 1 };
    let is_marked = matches!(series.look, SeriesStyle::Nth { .. });
    for point in series.points.iter().skip(every / 2).step_by(every).filter(|_| is_marked) {
        let mut note = note(chart, panel, series, point);
        if every > 1 {
            // The points between the markers would not speak.
            note.title.clear();
        }
        series.look.draw_marker(sheet, at(point, point.y), note)?;
    }
    Ok(())
}

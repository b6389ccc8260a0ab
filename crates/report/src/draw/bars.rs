//! A panel of rows: a name, a bar or point for each series, and its value beside it.

use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::DrawingArea;
use plotters::element::PathElement;
use plotters::style::TRANSPARENT;
use plotters::style::text_anchor::HPos;

use crate::chart::{Chart, Mark, Panel, Point, Series, SeriesStyle};
use crate::draw::backend::{Drawing, FONT_PX, FigureBackend, Group, Lettering, Note, Sheet, stroke, tenths};
use crate::draw::ink::Ink;
use crate::draw::layout::{EDGE_PX, Frame, Places, TICK_PX, names_beside, title};
use crate::draw::marks::{draw_bar, draw_range, note};
use crate::draw::scale::{Scale, scale};
use crate::text::{shortened, text_width};

const BAR_PX: f64 = 13.0;
/// Distance from the upper edge of one bar to that of the next.
const STEP_PX: f64 = BAR_PX + 3.0;
/// Room between the bars of two rows.
const GAP_PX: f64 = 10.0;
/// Height of a name above its row.
const NAME_PX: f64 = 19.0;

/// A plot with values along x and rows downwards.
pub(crate) type RowPlot<DB> = DrawingArea<DB, Cartesian2d<Scale, Places>>;

/// Draws one panel; returns its lower edge. `below` draws what is between title and plot.
pub(crate) fn draw<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    frame: &Frame,
    names: &[String],
    mark: Mark,
    below: impl Fn(&Sheet<DB>, f64) -> Drawing<f64, DB>,
) -> Drawing<f64, DB> {
    let &Frame { chart, panel, top: y, width, bottom_px } = frame;
    let tabs = chart.choices.is_some() && panel.series.len() > 1;
    let rows = Bars::of(chart, mark, panel, names.len());
    let written = rows.by_row.iter().flatten().map(|item| text_width(&item.words, FONT_PX)).fold(0.0, f64::max);
    let values = values(panel, mark, names.len());
    let scale = scale(panel.quantity, panel.log, &values, if width > 500.0 { 5 } else { 3 });
    let words = title(&panel.title, scale.unit, panel.log);
    let y = sheet.title(EDGE_PX, y, width - 2.0 * EDGE_PX, &words)?;
    let top = below(sheet, if words.is_empty() { y } else { y + 20.0 })? + 4.0;
    let bars = if mark == Mark::Stack { 1 } else { panel.series.len() };
    let row_px = bars as f64 * STEP_PX + GAP_PX;
    let (right_px, gap, has_axis) = (written + 10.0, if tabs { 16.0 } else { 10.0 }, bottom_px.is_none());
    let layout = RowLayout { top, width, row_px, right_px, gap, has_axis };
    let plot = layout.plot(sheet, names, scale)?;
    for (n, items) in rows.by_row.iter().enumerate() {
        // In the middle of the row, as its name.
        let bars_top = layout.marks_top(names, n) + (row_px - bars as f64 * STEP_PX + STEP_PX - BAR_PX) / 2.0;
        for item in items {
            let y = bars_top + item.bar as f64 * STEP_PX;
            if tabs {
                draw_tab(sheet, &plot, &panel.series[item.bar], y)?;
            }
            draw_item(sheet, &plot, chart, mark, panel, item, y)?;
        }
    }
    Ok(layout.bottom(names) + if has_axis { 34.0 } else { 0.0 })
}

/// Where the rows of a panel are.
pub(crate) struct RowLayout {
    pub(crate) top: f64,
    pub(crate) width: f64,
    /// Height of a row without its name above.
    pub(crate) row_px: f64,
    /// Room for words at the right of the plot.
    pub(crate) right_px: f64,
    /// Distance from a name to the plot.
    pub(crate) gap: f64,
    /// False if the words beside the marks are enough.
    pub(crate) has_axis: bool,
}

impl RowLayout {
    fn name_px(&self, names: &[String]) -> f64 {
        if names_beside(names, self.width).is_some() { 0.0 } else { NAME_PX }
    }

    /// Returns the upper edge of the marks of a row.
    pub(crate) fn marks_top(&self, names: &[String], row: usize) -> f64 {
        self.top + row as f64 * (self.row_px + self.name_px(names)) + self.name_px(names)
    }

    pub(crate) fn bottom(&self, names: &[String]) -> f64 {
        self.top + names.len() as f64 * (self.row_px + self.name_px(names))
    }

    /// Draws the grid and the names of the rows; returns the plot.
    pub(crate) fn plot<DB: FigureBackend>(
        &self,
        sheet: &Sheet<DB>,
        names: &[String],
        scale: Scale,
    ) -> Drawing<RowPlot<DB>, DB> {
        let beside = names_beside(names, self.width);
        let left = beside.map_or(EDGE_PX, |widest| EDGE_PX + widest + self.gap);
        let right = (self.width - EDGE_PX - self.right_px).max(left + 60.0);
        let step = self.row_px + self.name_px(names);
        let middle = |row: usize| row as f64 * step + step / 2.0;
        let named = names.iter().enumerate().filter(|_| beside.is_some());
        let places = Places {
            length_px: names.len() as f64 * step,
            named: named.map(|(row, name)| (middle(row), name.clone())).collect(),
        };
        let area = sheet.area(0.0, self.top, self.width, places.length_px + 24.0);
        let scale = scale.uncrowded(right - left);
        let has_zero = scale.ticks.iter().any(|tick| tick.value == 0.0);
        let mut context = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, tenths(left))
            .margin_right(tenths(self.width - right))
            .set_label_area_size(LabelAreaPosition::Bottom, tenths(24.0))
            .build_cartesian_2d(scale, places)?;
        let mut mesh = context.configure_mesh();
        mesh.disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(stroke(Ink::Grid, 1.0))
            .axis_style(TRANSPARENT)
            .label_style(Lettering::PLAIN.style(HPos::Center))
            .set_all_tick_mark_size(tenths(TICK_PX))
            .set_tick_mark_size(LabelAreaPosition::Left, tenths(self.gap / 2.0));
        if !self.has_axis {
            mesh.disable_x_mesh().disable_x_axis();
        }
        mesh.draw()?;
        if beside.is_none() {
            for (row, name) in names.iter().enumerate() {
                let name = shortened(name, self.width - 2.0 * EDGE_PX, FONT_PX);
                let y = self.top + row as f64 * step + 17.0;
                sheet.text(left + 4.0, y, Lettering::HALO, HPos::Left, &name)?;
            }
        }
        if has_zero {
            let length = context.plotting_area().get_y_range().end;
            let path = PathElement::new(vec![(0.0, 0.0), (0.0, length)], stroke(Ink::Base, 1.0));
            context.plotting_area().draw(&path)?;
        }
        Ok(context.plotting_area().clone())
    }
}

/// A bar or point of a row with the text beside it; it has no parts if the value is missing.
struct Item<'a> {
    /// Index of the bar within its row.
    bar: usize,
    parts: Vec<(&'a Series, Point)>,
    words: String,
}

/// The bars of all rows.
struct Bars<'a> {
    by_row: Vec<Vec<Item<'a>>>,
}

impl<'a> Bars<'a> {
    fn of(chart: &Chart, mark: Mark, panel: &'a Panel, rows: usize) -> Bars<'a> {
        let mut points: Vec<Vec<(usize, &'a Series, Point)>> = vec![Vec::new(); rows];
        for (bar, series) in panel.series.iter().enumerate() {
            for point in &series.points {
                if let Some(row) = points.get_mut(point.x as usize) {
                    row.push((bar, series, *point));
                }
            }
        }
        let of_row = |(row, points): (usize, Vec<(usize, &'a Series, Point)>)| match mark {
            Mark::Stack => stack(panel, points).into_iter().collect(),
            _ => items(chart, panel, row, &points),
        };
        Bars { by_row: points.into_iter().enumerate().map(of_row).collect() }
    }
}

fn stack<'a>(panel: &Panel, points: Vec<(usize, &'a Series, Point)>) -> Option<Item<'a>> {
    let words = panel.quantity.human(points.iter().map(|(.., point)| point.y).sum());
    let parts: Vec<(&Series, Point)> = points.into_iter().map(|(_, series, point)| (series, point)).collect();
    (!parts.is_empty()).then_some(Item { bar: 0, parts, words })
}

fn items<'a>(chart: &Chart, panel: &'a Panel, row: usize, points: &[(usize, &'a Series, Point)]) -> Vec<Item<'a>> {
    let item = |(bar, series): (usize, &'a Series)| {
        let point = points.iter().find(|(of, ..)| *of == bar).map(|(.., point)| *point);
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
        let mut sums = vec![0.0; rows];
        points().for_each(|point| sums[point.x as usize] += point.y);
        return sums;
    }
    points().flat_map(|point| [point.low, point.y, point.high]).collect()
}

fn draw_item<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &RowPlot<DB>,
    chart: &Chart,
    mark: Mark,
    panel: &Panel,
    item: &Item,
    y: f64,
) -> Drawing<(), DB> {
    let at = |value: f64| plot.map_coordinate(&(value, 0.0)).0;
    let base = at(if panel.log { plot.get_x_range().start } else { 0.0 });
    let mut end = base;
    for (series, point) in &item.parts {
        let ink = point.colour.map_or(series.look.ink(), Ink::Series);
        sheet.open_group(Group { ink, name: series.known_as(), is_key: false });
        if mark == Mark::Stack {
            // The values of a stack are lengths; where one ends the next begins, with a hair between them.
            let to = end + at(point.y) - base;
            sheet.annotate(note(chart, panel, series, point));
            draw_bar(sheet, (end, tenths(y)), ((to - 10).max(end), tenths(y + BAR_PX)), ink)?;
            end = to;
        } else {
            draw_value(sheet, chart, panel, (series, point), mark, (base, y), &at)?;
            end = end.max(at(point.high)).max(at(point.y));
        }
        sheet.close_group();
    }
    let x = f64::from(end) / 10.0 + 8.0;
    sheet.text(x, y + BAR_PX / 2.0 + 4.5, Lettering::HALO, HPos::Left, &item.words)
}

fn draw_value<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    chart: &Chart,
    panel: &Panel,
    (series, point): (&Series, &Point),
    mark: Mark,
    (base, y): (i32, f64),
    at: &impl Fn(f64) -> i32,
) -> Drawing<(), DB> {
    let (middle, x) = (tenths(y + BAR_PX / 2.0), at(point.y));
    let note = note(chart, panel, series, point);
    let look = match (point.colour, series.look) {
        (Some(colour), SeriesStyle::Nth { marker, dash, .. }) => SeriesStyle::Nth { colour, marker, dash },
        (_, look) => look,
    };
    if mark == Mark::Bar && !panel.log {
        sheet.annotate(note);
        draw_bar(sheet, (base.min(x), tenths(y)), (base.max(x), tenths(y + BAR_PX)), look.ink())?;
        // In the colour of the text, to be seen on the bar as well as beside it.
        return draw_range(sheet, (at(point.low), middle), (at(point.high), middle), Ink::Text);
    }
    draw_range(sheet, (at(point.low), middle), (at(point.high), middle), look.ink())?;
    if look == SeriesStyle::Floor {
        sheet.annotate(note);
        sheet.dash(&[3, 2]);
        let path = vec![(x, tenths(y - 1.0)), (x, tenths(y + BAR_PX + 1.0))];
        sheet.root().draw(&PathElement::new(path, stroke(look.ink(), 2.0)))?;
        sheet.dash(&[]);
        return Ok(());
    }
    look.draw_marker(sheet, (x, middle), note)
}

/// Draws the colour of a series beside the beginning of its bar, so that a missing bar is identified, too.
fn draw_tab<DB: FigureBackend>(sheet: &Sheet<DB>, plot: &RowPlot<DB>, series: &Series, y: f64) -> Drawing<(), DB> {
    let left = plot.get_base_pixel().0;
    sheet.open_group(Group { ink: series.look.ink(), name: series.known_as(), is_key: false });
    sheet.annotate(Note::default());
    let (from, to) = ((left - 70, tenths(y)), (left - 30, tenths(y + BAR_PX)));
    draw_bar(sheet, from, to, series.look.ink())?;
    sheet.close_group();
    Ok(())
}

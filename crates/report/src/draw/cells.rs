//! A panel of cells: a row for each series, a column for each name, and in each cell its value on a background colour.

use std::collections::BTreeMap;

use plotters::chart::ChartBuilder;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use crate::chart::{Better, Chart, ChosenValue, Panel, Point, Series};
use crate::draw::backend::{Drawing, FONT_PX, FigureBackend, Lettering, Note, Sheet, stroke, tenths};
use crate::draw::cell_colours::{Colours, Shade};
use crate::draw::ink::Ink;
use crate::draw::layout::{EDGE_PX, Frame, Places, names_beside, title};
use crate::draw::marks::note;
use crate::draw::outline::{Outline, outlines};
use crate::quantity::Quantity;
use crate::text::{shortened, text_width};

/// Maximum width of a cell.
const CELL_PX: f64 = 120.0;
const LINE_PX: f64 = 14.0;
/// Height of a line of the legend.
const KEY_PX: f64 = 22.0;
/// Distance between the lines of a hatch, in px.
const HATCH_PX: f64 = 7.0;
/// Radius of the sign of a doubtful value, in px.
const RING_PX: f64 = 2.6;
/// Width and height of a swatch of the legend, in px.
const SWATCH_PX: (f64, f64) = (26.0, 14.0);
/// Mark of a cell whose case loses answers.
const LOSES_ANSWERS: &str = "*";
/// Size of words that would not fit into their cell otherwise, px.
const LEAST_FONT_PX: f64 = 8.5;

/// A plot with a place for each column and row, in px.
type CellPlot<DB> = DrawingArea<DB, Cartesian2d<Places, Places>>;

/// Draws one panel; returns its lower edge.
pub(crate) fn draw<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    frame: &Frame,
    names: &[String],
    better: Better,
) -> Drawing<f64, DB> {
    let &Frame { chart, panel, top: y, width, .. } = frame;
    let grid = Grid::of(chart, names, better, panel, width);
    let words = title(&panel.title, panel.quantity.tick_unit(), false);
    let y = sheet.title(EDGE_PX, y, width - 2.0 * EDGE_PX, &words)?;
    let mut top = draw_key(sheet, &grid, y + 24.0, width)?;
    top = draw_names(sheet, &grid, names, top)?;
    let step = grid.row_px + if grid.beside { 0.0 } else { 19.0 };
    let height = panel.series.len() as f64 * step;
    let places = |length_px: f64| Places { length_px, named: Vec::new() };
    let area = sheet.area(grid.left, top, names.len() as f64 * grid.cell_px + 1.0, height + 1.0);
    let context = ChartBuilder::on(&area).build_cartesian_2d(places(width), places(height))?;
    for (n, series) in panel.series.iter().enumerate() {
        let row_top = n as f64 * step;
        let middle = top + row_top + grid.row_px / 2.0 + 4.5;
        match grid.beside {
            true => sheet.text(grid.left - 10.0, middle, Lettering::PLAIN, HPos::Right, &series.name)?,
            false => {
                let name = shortened(&series.name, width - 2.0 * EDGE_PX, FONT_PX);
                sheet.text(EDGE_PX, top + row_top + 14.0, Lettering::PLAIN, HPos::Left, &name)?;
            }
        }
        draw_row(sheet, context.plotting_area(), &grid, panel, n, row_top + step - grid.row_px)?;
    }
    Ok(top + height + 14.0)
}

/// The dimensions of the grid and the meaning of its colours.
struct Grid<'a> {
    chart: &'a Chart,
    columns: usize,
    colours: Colours,
    beside: bool,
    left: f64,
    cell_px: f64,
    row_px: f64,
    /// Angle of the column names in degrees: 0, 40 or 90.
    degrees: f64,
    lettering: Lettering,
    /// Outlines of the cells of each row, by column.
    outlines: Vec<BTreeMap<usize, Outline>>,
}

impl<'a> Grid<'a> {
    fn of(chart: &'a Chart, names: &[String], better: Better, panel: &Panel, width: f64) -> Grid<'a> {
        let of_rows: Vec<String> = panel.series.iter().map(|row| row.name.clone()).collect();
        let widest = names_beside(&of_rows, width);
        let left = widest.map_or(EDGE_PX, |widest| EDGE_PX + widest + 10.0);
        let cell_px = ((width - EDGE_PX - left) / names.len().max(1) as f64).min(CELL_PX);
        let mut grid = Grid {
            chart,
            columns: names.len(),
            colours: Colours::of(panel, better),
            beside: widest.is_some(),
            left,
            cell_px,
            row_px: 0.0,
            degrees: degrees(names, left, cell_px),
            lettering: if widest.is_some() { Lettering::FINE } else { Lettering::TINY },
            outlines: panel
                .series
                .iter()
                .map(|row| outlines(row, better, |column| loses_answers(chart, row, column)))
                .collect(),
        };
        let points = panel.series.iter().flat_map(|series| &series.points);
        let lines = points.map(|point| grid.lines(panel.quantity, point.y).len()).max().unwrap_or(1);
        let chosen = || chart.choices.iter().flat_map(|choices| choices.chosen.values().flatten());
        let has_words = chosen().any(|choice| !choice.words.is_empty());
        let below = usize::from(has_words) + usize::from(chosen().any(|choice| !choice.word.is_empty()));
        grid.row_px = (lines + below) as f64 * LINE_PX + 10.0;
        grid
    }

    /// Formats a value in lines: one if it fits, else one without its ×, or number and unit separately, the number with
    /// a power of ten if it is too long for the cell.
    fn lines(&self, quantity: Quantity, value: f64) -> Vec<String> {
        let words = quantity.tick(value);
        // The best is written bold, which is wider.
        let fits = |words: &str| text_width(words, self.lettering.font_px) * 1.08 <= self.cell_px - 4.0;
        if fits(&words) {
            return vec![words];
        }
        let mut parts = words.trim_end_matches('×').split(' ');
        let number = parts.next().unwrap_or_default().to_owned();
        let number = match number.parse::<f64>() {
            Ok(value) if !fits(&number) => shorter(value, fits),
            _ => number,
        };
        std::iter::once(number).chain(parts.map(str::to_owned)).collect()
    }

    /// Returns the horizontal centre of a column on the sheet.
    fn middle(&self, column: usize) -> f64 {
        self.left + (column as f64 + 0.5) * self.cell_px
    }

    fn chosen(&self, row: &Series, column: usize) -> Option<&Option<ChosenValue>> {
        chosen(self.chart, row, column)
    }
}

/// Formats a number with one digit, without the zero before its point or with a power of ten if that is shorter.
fn shorter(value: f64, fits: impl Fn(&str) -> bool) -> String {
    let decimals = (-value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let plain = format!("{value:.decimals$}");
    let forms = [plain.clone(), plain.replacen("0.", ".", 1)];
    forms.into_iter().find(|form| fits(form)).unwrap_or_else(|| format!("{value:.0e}"))
}

/// Returns the choice behind a cell; `None` if nothing was tried there.
fn chosen<'a>(chart: &'a Chart, row: &Series, column: usize) -> Option<&'a Option<ChosenValue>> {
    chart.choices.as_ref().and_then(|choices| choices.chosen.get(&(row.legend.clone(), column)))
}

/// Returns true if the case behind a cell loses answers.
fn loses_answers(chart: &Chart, row: &Series, column: usize) -> bool {
    chosen(chart, row, column).and_then(Option::as_ref).is_some_and(|choice| choice.loses_answers)
}

/// Returns the angle at which the names fit above their columns.
fn degrees(names: &[String], left: f64, cell_px: f64) -> f64 {
    let width = |name: &String| text_width(name, FONT_PX);
    if names.iter().all(|name| width(name) <= cell_px - 6.0) {
        return 0.0;
    }
    let begin = |(column, name): (usize, &String)| left + (column as f64 + 0.5) * cell_px - 0.77 * width(name);
    if names.iter().enumerate().all(|place| begin(place) >= EDGE_PX) { 40.0 } else { 90.0 }
}

/// Draws the names above the columns; returns the upper edge of the cells.
fn draw_names<DB: FigureBackend>(sheet: &Sheet<DB>, grid: &Grid, names: &[String], top: f64) -> Drawing<f64, DB> {
    let rise = |name: &String| text_width(name, FONT_PX) * grid.degrees.to_radians().sin();
    let bottom = top + names.iter().map(rise).fold(0.0, f64::max) + FONT_PX + 6.0;
    for (column, name) in names.iter().enumerate() {
        let x = grid.middle(column);
        match grid.degrees {
            0.0 => sheet.text(x, bottom - 6.0, Lettering::PLAIN, HPos::Center, name)?,
            90.0 => sheet.turned_text(x - 4.0, bottom - 6.0, grid.degrees, name)?,
            degrees => sheet.turned_text(x + 4.0, bottom - 6.0, degrees, name)?,
        }
    }
    Ok(bottom)
}

/// Draws the cells of a row, whose upper edge is `top` px below that of the plot.
fn draw_row<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    plot: &CellPlot<DB>,
    grid: &Grid,
    panel: &Panel,
    row: usize,
    top: f64,
) -> Drawing<(), DB> {
    let series = &panel.series[row];
    let points: BTreeMap<usize, &Point> = series.points.iter().map(|point| (point.x as usize, point)).collect();
    let y = f64::from(plot.get_base_pixel().1) / 10.0 + top;
    for column in 0..grid.columns {
        let chosen = grid.chosen(series, column);
        let Some(point) = points.get(&column) else {
            // What was tried and failed is said; what nobody asked for is only not there.
            let words: &[&str] = if chosen.is_some() { &["no", "numbers"] } else { &["–"] };
            let lines: Vec<(Lettering, String)> =
                words.iter().map(|word| (Lettering::TINY, (*word).to_owned())).collect();
            draw_words(sheet, grid, grid.middle(column), y, &lines)?;
            continue;
        };
        let left = column as f64 * grid.cell_px;
        let place = [(left + 1.5, top + 1.5), (left + grid.cell_px - 1.5, top + grid.row_px - 1.5)];
        let chosen = chosen.and_then(Option::as_ref);
        let shade = grid.colours.shade(series, point, chosen.is_some_and(|choice| choice.undecided));
        let corners = place.map(|corner| plot.map_coordinate(&corner));
        let note = note(grid.chart, panel, series, point);
        draw_cell(sheet, corners, shade, Note { doubtful: false, ..note })?;
        let outline = grid.outlines[row].get(&column).copied().unwrap_or(Outline::None);
        draw_outline(sheet, corners, outline)?;
        if chosen.is_some_and(|choice| choice.loses_answers) {
            let (right, upper) = (f64::from(corners[1].0) / 10.0, f64::from(corners[0].1) / 10.0);
            sheet.text(right - 3.0, upper + 11.0, Lettering::TINY, HPos::Right, LOSES_ANSWERS)?;
        }
        if point.doubtful {
            draw_ring(sheet, corners)?;
        }
        draw_words(sheet, grid, grid.middle(column), y, &words(grid, panel, point, outline, chosen))?;
    }
    Ok(())
}

/// Returns the lines of a cell: its value, and the choice and the word behind it.
fn words(
    grid: &Grid,
    panel: &Panel,
    point: &Point,
    outline: Outline,
    chosen: Option<&ChosenValue>,
) -> Vec<(Lettering, String)> {
    let lettering = Lettering { bold: outline == Outline::Best, ..grid.lettering };
    let value = grid.lines(panel.quantity, point.y).into_iter().map(|line| (lettering, line));
    let below = chosen.map_or([None, None], |choice| [Some(&choice.words), Some(&choice.word)]);
    let below = below.into_iter().flatten().filter(|words| !words.is_empty());
    let below = below.map(|words| {
        let is_wide = text_width(words, Lettering::TINY.font_px) > grid.cell_px - 6.0;
        let lettering = if is_wide { Lettering { font_px: LEAST_FONT_PX, ..Lettering::TINY } } else { Lettering::TINY };
        (lettering, shortened(words, grid.cell_px - 4.0, lettering.font_px))
    });
    value.chain(below).collect()
}

/// Draws lines of text in the centre of a cell with the given upper edge.
fn draw_words<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    grid: &Grid,
    x: f64,
    top: f64,
    lines: &[(Lettering, String)],
) -> Drawing<(), DB> {
    let mut y = top + (grid.row_px - lines.len() as f64 * LINE_PX) / 2.0;
    for (lettering, words) in lines {
        y += LINE_PX;
        sheet.text(x, y - 3.0, *lettering, HPos::Center, words)?;
    }
    Ok(())
}

/// Draws the background of a cell, hatched if its value is not distinguishable from 1.
fn draw_cell<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    corners: [(i32, i32); 2],
    shade: Shade,
    note: Note,
) -> Drawing<(), DB> {
    sheet.annotate(note);
    sheet.root().draw(&Rectangle::new(corners, shade.ink.mix(shade.strength).filled()))?;
    if shade.hatched {
        draw_hatch(sheet, corners)?;
    }
    Ok(())
}

/// Draws diagonal lines across a cell, clipped at its edges.
fn draw_hatch<DB: FigureBackend>(sheet: &Sheet<DB>, [from, to]: [(i32, i32); 2]) -> Drawing<(), DB> {
    let (height, step) = (to.1 - from.1, tenths(HATCH_PX));
    let mut foot = from.0 + step / 2;
    while foot - height < to.0 {
        // Each line rises to the right by 45 degrees.
        let (left, right) = ((foot - height).max(from.0), foot.min(to.0));
        let y = |x: i32| from.1 + (foot - x);
        let path = vec![(left, y(left)), (right, y(right))];
        sheet.root().draw(&PathElement::new(path, stroke(Ink::Grid, 1.0)))?;
        foot += step;
    }
    Ok(())
}

fn draw_outline<DB: FigureBackend>(sheet: &Sheet<DB>, corners: [(i32, i32); 2], outline: Outline) -> Drawing<(), DB> {
    match outline {
        Outline::Best => sheet.root().draw(&Rectangle::new(corners, stroke(Ink::Text, 2.0))),
        Outline::Near => sheet.root().draw(&Rectangle::new(corners, stroke(Ink::Text, 1.0))),
        Outline::None => Ok(()),
    }
}

/// Draws the sign of a doubtful value in the lower right corner of its cell.
fn draw_ring<DB: FigureBackend>(sheet: &Sheet<DB>, [_, to]: [(i32, i32); 2]) -> Drawing<(), DB> {
    sheet.annotate(Note { doubtful: true, ..Note::default() });
    let middle = (to.0 - tenths(RING_PX + 2.5), to.1 - tenths(RING_PX + 2.5));
    sheet.root().draw(&Circle::new(middle, tenths(RING_PX), stroke(Ink::Text, 1.5)))
}

/// Draws the legend of colours and outlines; returns its lower edge.
fn draw_key<DB: FigureBackend>(sheet: &Sheet<DB>, grid: &Grid, mut y: f64, width: f64) -> Drawing<f64, DB> {
    let mut entries: Vec<(Shade, Outline, String)> =
        grid.colours.key().into_iter().map(|(shade, words)| (shade, Outline::None, words)).collect();
    let undecided = || grid.chart.choices.iter().flat_map(|choices| choices.chosen.values().flatten());
    if undecided().any(|choice| choice.undecided) {
        entries.push((Shade::HATCHED, Outline::None, "not distinguishable from 1×".to_owned()));
    }
    if undecided().any(|choice| choice.loses_answers) {
        entries.push((
            Shade::NONE,
            Outline::None,
            format!("{LOSES_ANSWERS} loses answers, so it is no candidate for the best"),
        ));
    }
    let framed = [(Outline::Best, "best in its row"), (Outline::Near, "not distinguishable from the best in its row")];
    let is_there = |outline: &Outline| grid.outlines.iter().flat_map(BTreeMap::values).any(|of| of == outline);
    let framed = framed.into_iter().filter(|(outline, _)| is_there(outline));
    entries.extend(framed.map(|(outline, words)| (Shade::NONE, outline, words.to_owned())));
    let mut x = EDGE_PX;
    for (shade, outline, words) in entries {
        let wide = SWATCH_PX.0 + 8.0 + text_width(&words, FONT_PX);
        if x > EDGE_PX && x + wide > width - EDGE_PX {
            x = EDGE_PX;
            y += KEY_PX;
        }
        let corners = [(x + 1.0, y + 2.0), (x + 1.0 + SWATCH_PX.0, y + 2.0 + SWATCH_PX.1)];
        let corners = corners.map(|(x, y)| (tenths(x), tenths(y)));
        draw_cell(sheet, corners, shade, Note::default())?;
        draw_outline(sheet, corners, outline)?;
        if shade.strength == 0.0 && outline == Outline::None {
            sheet.root().draw(&Rectangle::new(corners, stroke(Ink::Grid, 1.0)))?;
        }
        sheet.text(x + SWATCH_PX.0 + 8.0, y + 13.0, Lettering::PLAIN, HPos::Left, &words)?;
        x += wide + 16.0;
    }
    Ok(y + KEY_PX)
}

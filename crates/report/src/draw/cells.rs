//! A panel of cells: a row for each series, a column for each name, and in each cell its value on a background colour.

use crate::chart::{Better, Chart, Panel, Point, Series};
use crate::compare::told_apart;
use crate::draw::layout::{EDGE_PX, FONT_PX, Frame, title};
use crate::draw::svg::{Anchor, Svg, number};
use crate::quantity::Quantity;
use crate::text::{shortened, text_width};

/// Maximum width in px of names beside their rows; wider ones, and all on a phone, are written above.
const NAMES_PX: f64 = 230.0;
/// Maximum width of a cell.
const CELL_PX: f64 = 120.0;
const LINE_PX: f64 = 14.0;
/// Height of a line of the legend.
const KEY_PX: f64 = 22.0;
/// Font size of the class `tiny`.
const TINY_PX: f64 = 10.5;
/// Maximum opacity of a cell's colour, so that text stays readable in light and dark mode.
const STRONGEST: f64 = 0.55;
/// Classes of better and worse values: blue and orange, which are safe for colour-blind readers.
const BETTER: &str = "c0";
const WORSE: &str = "c1";
/// Factors that differ from 1 by less than this have no colour.
const SAME: f64 = 0.01;

/// Draws one panel; returns its lower edge.
pub(crate) fn draw(svg: &mut Svg, frame: &Frame, names: &[String], better: Better) -> f64 {
    let &Frame { chart, panel, top: y, width } = frame;
    let grid = Grid::of(chart, names, better, panel, width);
    svg.text(EDGE_PX, y + 14.0, "title", Anchor::Start, &title(&panel.title, panel.quantity.tick_unit(), false));
    let mut top = draw_key(svg, &grid, panel, y + 24.0, width);
    top = draw_names(svg, &grid, names, top);
    for series in &panel.series {
        let middle = top + grid.row_px / 2.0 + 4.5;
        match grid.beside {
            true => svg.text(grid.left - 10.0, middle, "", Anchor::End, &series.name),
            false => {
                let name = shortened(&series.name, width - 2.0 * EDGE_PX, FONT_PX);
                svg.text(EDGE_PX, top + 14.0, "", Anchor::Start, &name);
            }
        }
        let cells_top = if grid.beside { top } else { top + 19.0 };
        for column in 0..names.len() {
            draw_cell(svg, &grid, chart, panel, series, column, cells_top);
        }
        top = cells_top + grid.row_px;
    }
    top + 14.0
}

/// The dimensions of the grid and the meaning of its colours.
struct Grid {
    better: Better,
    beside: bool,
    left: f64,
    cell_px: f64,
    row_px: f64,
    /// Angle of the column names in degrees: 0, 40 or 90.
    degrees: f64,
    /// Font size and class of the values.
    font: (f64, &'static str),
    /// Maximum |log₂| of all factors, drawn in the strongest colour.
    reach: f64,
    /// Outlines of all cells, for the legend.
    outlines: Vec<Outline>,
}

impl Grid {
    fn of(chart: &Chart, names: &[String], better: Better, panel: &Panel, width: f64) -> Grid {
        let widest = panel.series.iter().map(|row| text_width(&row.name, FONT_PX)).fold(0.0, f64::max);
        let beside = width > 500.0 && widest <= NAMES_PX;
        let left = if beside { EDGE_PX + widest + 10.0 } else { EDGE_PX };
        let cell_px = ((width - EDGE_PX - left) / names.len().max(1) as f64).min(CELL_PX);
        let font = if beside { (12.0, "value fine") } else { (TINY_PX, "value tiny") };
        let points = || panel.series.iter().flat_map(|series| &series.points);
        let logs = points().map(|point| point.y.log2().abs()).filter(|log| log.is_finite());
        let of_row = |row: &Series| row.points.iter().map(|point| outline(row, point, better)).collect::<Vec<_>>();
        let outlines = panel.series.iter().flat_map(of_row).collect();
        let mut grid = Grid {
            better,
            beside,
            left,
            cell_px,
            row_px: 0.0,
            degrees: degrees(names, left, cell_px),
            font,
            reach: logs.fold(0.5, f64::max),
            outlines,
        };
        let lines = points().map(|point| grid.lines(&panel.quantity.tick(point.y)).len()).max().unwrap_or(1);
        let chosen = || chart.choices.iter().flat_map(|choices| choices.chosen.values().flatten());
        let has_words = chosen().any(|choice| !choice.words.is_empty());
        let below = usize::from(has_words) + usize::from(chosen().any(|choice| !choice.word.is_empty()));
        grid.row_px = (lines + below) as f64 * LINE_PX + 10.0;
        grid
    }

    /// Splits a value into lines: one if it fits, else one without its ×, or number and unit separately.
    fn lines<'a>(&self, value: &'a str) -> Vec<&'a str> {
        // The best is written bold, which is wider.
        match text_width(value, self.font.0) * 1.08 <= self.cell_px - 4.0 {
            true => vec![value],
            false => value.trim_end_matches('×').split(' ').collect(),
        }
    }

    /// Returns the horizontal centre of a column.
    fn middle(&self, column: usize) -> f64 {
        self.left + (column as f64 + 0.5) * self.cell_px
    }
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
fn draw_names(svg: &mut Svg, grid: &Grid, names: &[String], top: f64) -> f64 {
    let rise = |name: &String| text_width(name, FONT_PX) * grid.degrees.to_radians().sin();
    let bottom = top + names.iter().map(rise).fold(0.0, f64::max) + FONT_PX + 6.0;
    for (column, name) in names.iter().enumerate() {
        let x = grid.middle(column);
        match grid.degrees {
            0.0 => svg.text(x, bottom - 6.0, "", Anchor::Middle, name),
            90.0 => svg.turned_text(x - 4.0, bottom - 6.0, grid.degrees, name),
            degrees => svg.turned_text(x + 4.0, bottom - 6.0, degrees, name),
        }
    }
    bottom
}

fn draw_cell(svg: &mut Svg, grid: &Grid, chart: &Chart, panel: &Panel, row: &Series, column: usize, top: f64) {
    let chosen = chart.choices.as_ref().and_then(|choices| choices.chosen.get(&(row.legend.clone(), column)));
    let Some(point) = row.points.iter().find(|point| point.x as usize == column) else {
        // What was tried and failed is said; what nobody asked for is only not there.
        let words: &[&str] = if chosen.is_some() { &["no", "numbers"] } else { &["–"] };
        let lines: Vec<(&str, &str)> = words.iter().map(|word| ("tiny", *word)).collect();
        return draw_lines(svg, grid, grid.middle(column), top, &lines);
    };
    let left = grid.middle(column) - grid.cell_px / 2.0;
    let place = (left + 1.5, top + 1.5, grid.cell_px - 3.0, grid.row_px - 3.0);
    let (class, strength) = colour(grid, panel.quantity, row, point);
    draw_box(svg, place, &format!("bar {class}"), strength);
    let outline = outline(row, point, grid.better);
    draw_outline(svg, place, outline);
    let value = panel.quantity.tick(point.y);
    let class = if outline == Outline::Best { format!("{} title", grid.font.1) } else { grid.font.1.to_owned() };
    let mut lines: Vec<(&str, &str)> = grid.lines(&value).into_iter().map(|line| (class.as_str(), line)).collect();
    let below = chosen.and_then(Option::as_ref).map_or(["", ""], |choice| [&choice.words, &choice.word]);
    let below = below.map(|words| shortened(words, grid.cell_px - 6.0, TINY_PX));
    lines.extend(below.iter().filter(|words| !words.is_empty()).map(|words| ("value tiny", words.as_str())));
    draw_lines(svg, grid, grid.middle(column), top, &lines);
}

/// Draws lines of text, each with its class, in the centre of a cell.
fn draw_lines(svg: &mut Svg, grid: &Grid, x: f64, top: f64, lines: &[(&str, &str)]) {
    let mut y = top + (grid.row_px - lines.len() as f64 * LINE_PX) / 2.0;
    for (class, words) in lines {
        y += LINE_PX;
        svg.text(x, y - 3.0, class, Anchor::Middle, words);
    }
}

/// The outline of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outline {
    None,
    /// The best in its row, distinguishable from all others.
    Best,
    /// Not distinguishable from the best, or the best itself if others are not distinguishable from it.
    Near,
}

fn outline(row: &Series, point: &Point, better: Better) -> Outline {
    let sign = if better.more_is_better { 1.0 } else { -1.0 };
    let best = row.points.iter().max_by(|a, b| (sign * a.y).total_cmp(&(sign * b.y)));
    let Some(best) = best.filter(|best| !better.scatters || best.repeats > 1) else { return Outline::None };
    let is_rival = |other: &Point| other.x != best.x && !told_apart(better.scatters, best, other);
    match point.x == best.x {
        true if !row.points.iter().any(is_rival) => Outline::Best,
        true => Outline::Near,
        false if is_rival(point) => Outline::Near,
        false => Outline::None,
    }
}

/// Returns the colour class of a cell and its opacity. Factors have one colour above and another below 1; other values
/// have a stronger colour the better they are within their row.
fn colour(grid: &Grid, quantity: Quantity, row: &Series, point: &Point) -> (&'static str, f64) {
    if quantity == Quantity::Factor {
        let log = if point.y > 0.0 { point.y.log2() } else { 0.0 };
        let class = if (log > 0.0) == grid.better.more_is_better { BETTER } else { WORSE };
        let strength =
            if log.abs() < (1.0 + SAME).log2() { 0.0 } else { 0.08 + (STRONGEST - 0.08) * log.abs() / grid.reach };
        return (class, strength);
    }
    let values = || row.points.iter().map(|point| point.y);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let along = |value: f64| if least > 0.0 { (value / least).ln() } else { value - least };
    let share = if least < most { along(point.y) / along(most) } else { 0.5 };
    let better = if grid.better.more_is_better { share } else { 1.0 - share };
    (BETTER, 0.05 + (STRONGEST - 0.05) * better)
}

/// Draws the legend of colours and outlines; returns its lower edge.
fn draw_key(svg: &mut Svg, grid: &Grid, panel: &Panel, mut y: f64, width: f64) -> f64 {
    let colours: &[(&str, f64, Outline, &str)] = match panel.quantity {
        Quantity::Factor => {
            &[(BETTER, STRONGEST, Outline::None, "better than 1×"), (WORSE, STRONGEST, Outline::None, "worse than 1×")]
        }
        _ => &[(BETTER, STRONGEST, Outline::None, "better"), (BETTER, 0.05, Outline::None, "worse, within a row")],
    };
    let mut entries = colours.to_vec();
    let framed = [(Outline::Best, "best in its row"), (Outline::Near, "not distinguishable from the best in its row")];
    let framed = framed.into_iter().filter(|(outline, _)| grid.outlines.contains(outline));
    entries.extend(framed.map(|(outline, words)| (BETTER, 0.0, outline, words)));
    let mut x = EDGE_PX;
    for (class, strength, outline, words) in entries {
        let wide = 34.0 + text_width(words, FONT_PX);
        if x > EDGE_PX && x + wide > width - EDGE_PX {
            x = EDGE_PX;
            y += KEY_PX;
        }
        let place = (x + 1.0, y + 2.0, 26.0, 14.0);
        draw_box(svg, place, &format!("bar {class}"), strength);
        draw_outline(svg, place, outline);
        svg.text(x + 34.0, y + 13.0, "", Anchor::Start, words);
        x += wide + 16.0;
    }
    y + KEY_PX
}

fn draw_outline(svg: &mut Svg, place: (f64, f64, f64, f64), outline: Outline) {
    match outline {
        Outline::Best => draw_box(svg, place, "line value", 1.0),
        Outline::Near => draw_box(svg, place, "hair value", 1.0),
        Outline::None => {}
    }
}

/// Draws a rectangle given as left, top, width, height. `strength` is its fill opacity from 0 to 1.
fn draw_box(svg: &mut Svg, (x, y, width, height): (f64, f64, f64, f64), class: &str, strength: f64) {
    let place = [("x", number(x)), ("y", number(y)), ("width", number(width)), ("height", number(height))];
    let look = [("class", class.to_owned()), ("fill-opacity", number(strength))];
    svg.leaf("rect", &[place.as_slice(), &look].concat());
}

//! Figures of answers that are drawn while they come, as tiles of a page: the drawings of a report, as large as the tile and
//! in the colours that the page asks for.
//!
//! Decision D-511.

use flowbench_measurement::what_if::BANDS;

use crate::answers::conversion::RATE_COLOUR;
use crate::answers::parts::{alone, columns, line, nth, ratios, time_axis, with_line};
use crate::chart::{Axis, Chart, Columns, Mark, Panel, Point, Series, ShadedRange, X};
use crate::draw;
use crate::draw::layout::{Canvas, EDGE_PX, names_beside};
use crate::draw::svg::{STYLE, compact};
use crate::quantity::Quantity;

/// The figure of a tile.
#[derive(Debug, Clone, PartialEq)]
pub struct TileDrawing {
    /// A name that no other figure of the page has.
    pub id: String,
    /// What the figure shows, for those who cannot see it.
    pub title: String,
    /// Its width in px, in which its letters are of 13 px.
    pub width_px: u32,
    /// Its height in px, for which a ranking has as many rows as are readable.
    pub height_px: u32,
    /// What is drawn.
    pub numbers: TileNumbers,
}

/// What a tile draws.
#[derive(Debug, Clone, PartialEq)]
pub enum TileNumbers {
    /// Views by load-time band as columns, and the conversion rate of each band as a line with its own axis.
    Bands(Vec<BandCounts>),
    /// Views by load-time band on top of each other over event time, and the conversion rate of all as a line.
    BandsOverTime {
        /// The beginning of the first step, in ms since the Unix epoch.
        first_ms: i64,
        /// The length of a step.
        step_ms: i64,
        /// The steps without a gap, each with the same bands in the same order.
        steps: Vec<Vec<BandCounts>>,
        /// How many of the last ones are not complete.
        unfinished_steps: usize,
    },
    /// Names with their numbers as bars, the first on top, as far as there is room.
    Ranking(Vec<(String, f64)>),
    /// A number over event time.
    OverTime {
        /// The unit; may be empty.
        unit: String,
        /// Times in ms since the Unix epoch, each with its number, in order.
        points: Vec<(i64, f64)>,
    },
}

/// Views and conversions of a load-time band.
#[derive(Debug, Clone, PartialEq)]
pub struct BandCounts {
    /// The name of the band.
    pub band: String,
    /// The number of views.
    pub views: f64,
    /// The number of those that were followed by an order.
    pub conversions: f64,
}

impl TileDrawing {
    /// Returns the figure as SVG without a style sheet; that of the page is [`tile_style`]. Identical numbers give identical
    /// bytes.
    pub fn svg(&self) -> String {
        let canvas = Canvas::Tile { width_px: self.width_px.max(160), height_px: self.height_px };
        let (x, panel) = match &self.numbers {
            TileNumbers::Bands(bands) => by_band(bands),
            TileNumbers::BandsOverTime { first_ms, step_ms, steps, unfinished_steps } => {
                over_time(*first_ms, *step_ms, steps, *unfinished_steps)
            }
            TileNumbers::Ranking(ranks) => ranking(self.ranks_with_room(ranks)),
            TileNumbers::OverTime { unit, points } => number_over_time(unit, points),
        };
        let chart = Chart::new(&self.id, &self.title, x, vec![panel]);
        draw::draw_described(&chart, canvas, &self.description())
    }

    /// Returns the first ranks for which there is room, three at least.
    fn ranks_with_room<'a>(&self, ranks: &'a [(String, f64)]) -> &'a [(String, f64)] {
        const ROW_PX: f64 = 26.0;
        const ROW_WITH_NAME_ABOVE_PX: f64 = 45.0;
        let names: Vec<String> = ranks.iter().map(|(name, _)| name.clone()).collect();
        let are_beside = names_beside(&names, self.width_px.into()).is_some();
        let row_px = if are_beside { ROW_PX } else { ROW_WITH_NAME_ABOVE_PX };
        let room = (f64::from(self.height_px) - 2.0 * EDGE_PX) / row_px;
        &ranks[..ranks.len().min((room.ceil() as usize).max(3))]
    }

    /// Returns the numbers in words.
    fn description(&self) -> String {
        let words = |bands: &[BandCounts]| {
            let of_band = |band: &BandCounts| {
                let rate = match rate(band) {
                    Some(rate) => format!(", {} converted", Quantity::Share.human(rate)),
                    None => String::new(),
                };
                format!("{}: {} views{rate}", in_words(&band.band), count(band.views))
            };
            bands.iter().map(of_band).collect::<Vec<_>>().join("; ")
        };
        match &self.numbers {
            TileNumbers::Bands(bands) => words(bands),
            TileNumbers::BandsOverTime { steps, .. } => {
                steps.last().map(|step| format!("newest of {} steps: {}", steps.len(), words(step))).unwrap_or_default()
            }
            TileNumbers::Ranking(ranks) => {
                let of_rank = |(n, (name, value)): (usize, &(String, f64))| format!("{n}. {name}: {}", number(*value));
                (1..).zip(ranks).map(of_rank).collect::<Vec<_>>().join("; ")
            }
            TileNumbers::OverTime { unit, points } => {
                points.last().map(|(_, value)| format!("newest: {} {unit}", number(*value))).unwrap_or_default()
            }
        }
    }
}

/// Returns the style sheet of figures in a page whose root element has the attribute `data-theme`, `light` or `dark`.
pub fn tile_style() -> String {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme:dark){").unwrap_or((STYLE, ""));
    let dark = dark.trim_end().trim_end_matches('}').lines().map(str::trim).filter(|line| !line.is_empty());
    let dark = dark.map(|rule| {
        let (selectors, declarations) = rule.split_once('{').unwrap_or((rule, "}"));
        let selectors: Vec<String> =
            selectors.split(',').map(|selector| format!("[data-theme=dark] {selector}")).collect();
        format!("{}{{{declarations}", selectors.join(","))
    });
    compact(&format!("{light}{}", dark.collect::<Vec<_>>().join("\n")))
}

/// Returns the panel of a figure along bands.
fn by_band(bands: &[BandCounts]) -> (X, Panel) {
    let at = |n: usize| n as f64;
    let views = bands.iter().enumerate().map(|(n, band)| {
        let points = vec![Point::exact(at(n), count(band.views))];
        Series { legend: String::new(), ..Series::new(&in_words(&band.band), nth(colour_of(&band.band)), points) }
    });
    let columns = Panel { columns: Columns::Stacked, ..Panel::new("Page views", Quantity::Count, views.collect()) };
    let rates = bands.iter().enumerate().filter_map(|(n, band)| Some(Point::exact(at(n), rate(band)?)));
    let names = bands.iter().map(|band| in_words(&band.band)).collect();
    (X::Names { column: "band".to_owned(), names, mark: Mark::Column }, with_line(columns, rate_line(rates.collect())))
}

/// Returns the panel of a figure of bands over event time.
fn over_time(first_ms: i64, step_ms: i64, steps: &[Vec<BandCounts>], unfinished_steps: usize) -> (X, Panel) {
    let bands = steps.first().map(Vec::as_slice).unwrap_or_default();
    let points = |of: &dyn Fn(&[BandCounts]) -> f64| -> Vec<Point> {
        let at = |n: usize| (first_ms as f64) + n as f64 * step_ms as f64;
        steps.iter().enumerate().map(|(n, step)| Point::exact(at(n), of(step))).collect()
    };
    let views = bands.iter().enumerate().map(|(band, counts)| {
        let of_band = |step: &[BandCounts]| step.get(band).map_or(0.0, |counts| count(counts.views));
        Series::new(&in_words(&counts.band), nth(colour_of(&counts.band)), points(&of_band))
    });
    let columns = Panel { series: views.collect(), ..columns("Page views", Quantity::Count, Vec::new()) };
    let sum = |of: fn(&BandCounts) -> f64| points(&|step| step.iter().map(|counts| count(of(counts))).sum());
    let rates = ratios(&sum(|counts| counts.conversions), &sum(|counts| counts.views));
    let finished_steps = steps.len() as f64 - unfinished_steps as f64;
    let unfinished_from_ms = first_ms as f64 + (finished_steps - 0.5) * step_ms as f64;
    (time_axis_unfinished_from(unfinished_from_ms), with_line(columns, rate_line(rates)))
}

fn ranking(ranks: &[(String, f64)]) -> (X, Panel) {
    let points = ranks.iter().enumerate().map(|(n, (_, value))| Point::exact(n as f64, number(*value))).collect();
    let names = ranks.iter().map(|(name, _)| name.clone()).collect();
    let panel = alone(line("", Quantity::Count, "number", 0, points));
    (X::Names { column: "name".to_owned(), names, mark: Mark::Bar }, panel)
}

fn number_over_time(unit: &str, points: &[(i64, f64)]) -> (X, Panel) {
    let points = points.iter().map(|(ms, value)| Point::exact(*ms as f64, number(*value))).collect();
    (time_axis(), alone(line(unit, Quantity::Count, "number", 0, points)))
}

fn rate_line(points: Vec<Point>) -> Panel {
    alone(line("Conversion, line", Quantity::Share, "conversion rate", RATE_COLOUR, points))
}

/// Returns the axis of event time, on which a shade says that the newest steps are not complete.
fn time_axis_unfinished_from(from: f64) -> X {
    match time_axis() {
        X::Numbers(axis) => X::Numbers(Axis { shade: Some(ShadedRange { from, words: "so far".to_owned() }), ..axis }),
        other => other,
    }
}

/// Returns the name of a band as it is read, such as `needs improvement`.
fn in_words(band: &str) -> String {
    band.replace('-', " ")
}

/// Returns the conversion rate of a band; `None` without a view.
fn rate(band: &BandCounts) -> Option<f64> {
    (count(band.views) > 0.0).then(|| count(band.conversions) / count(band.views))
}

/// Returns the colour that a band has in reports.
fn colour_of(band: &str) -> usize {
    BANDS.iter().position(|known| *known == band).unwrap_or(RATE_COLOUR + 1)
}

/// Returns a count, which corrections that come first may take below zero for a moment.
fn count(value: f64) -> f64 {
    number(value).max(0.0)
}

/// Returns a number that an axis can have: none that is infinite, or so small that no step leads to it.
fn number(value: f64) -> f64 {
    const GREATEST: f64 = 1e15;
    const LEAST: f64 = 1e-9;
    if value.is_nan() || value.abs() < LEAST { 0.0 } else { value.clamp(-GREATEST, GREATEST) }
}

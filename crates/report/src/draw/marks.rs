//! Parts that marks of all kinds share: ranges, bars, bands, and what a mark says when it is asked.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;
use plotters_backend::BackendCoord;

use crate::chart::{Chart, Panel, Point, Series, X};
use crate::draw::backend::{Drawing, FigureBackend, Note, Sheet, stroke, tenths};
use crate::draw::ink::Ink;
use crate::quantity::{Quantity, spread_words};
use crate::text::counted;
use flowbench_measurement::repeats::Spread;

/// Half the length of the ends of a range, in px.
const END_PX: f64 = 4.0;

/// Returns what the mark of a point says: `exchange, workers 2: 1.2 ms [1.1–1.3], 3 repeats; doubts: few-samples`.
pub(crate) fn note(chart: &Chart, panel: &Panel, series: &Series, point: &Point) -> Note {
    let at = match &chart.x {
        X::Numbers(axis) => format!("{} {}", axis.title, in_full(axis.quantity, point.x)),
        X::Names { names, .. } => names.get(point.x as usize).cloned().unwrap_or_default(),
    };
    let Point { y: median, low, high, repeats, .. } = *point;
    let spread = Spread { median, low, high, repeats };
    let value = spread_words(&spread, f64::INFINITY, |value| panel.quantity.human(value));
    let of_repeats = if repeats > 1 { format!(", {}", counted(repeats, "repeat")) } else { String::new() };
    let doubts = match point.case.and_then(|case| chart.doubts.get(&case)).filter(|_| point.doubtful) {
        Some(codes) => format!("; doubts: {codes}"),
        None if point.doubtful => "; with doubts".to_owned(),
        None => String::new(),
    };
    let name = if series.name.is_empty() { String::new() } else { format!("{}, ", series.name) };
    let title = format!("{name}{at}: {value}{of_repeats}{doubts}");
    Note { title, case: point.case, doubtful: point.doubtful }
}

/// Formats a chosen value; whole numbers are read better in full.
fn in_full(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Count if value.fract() == 0.0 => value.to_string(),
        quantity => quantity.human(value),
    }
}

/// Draws a range from one position to another with an end at each; nothing if they are the same.
pub(crate) fn draw_range<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    from: BackendCoord,
    to: BackendCoord,
    ink: Ink,
) -> Drawing<(), DB> {
    if from == to {
        return Ok(());
    }
    let end = tenths(END_PX);
    let across = if from.0 == to.0 { (end, 0) } else { (0, end) };
    let beside = |(x, y): BackendCoord, sign: i32| (x + sign * across.0, y + sign * across.1);
    // One line that goes back over itself.
    let path = vec![beside(from, -1), beside(from, 1), from, to, beside(to, -1), beside(to, 1)];
    sheet.root().draw(&PathElement::new(path, stroke(ink, 1.5)))
}

/// Draws a filled rectangle between two opposite corners.
pub(crate) fn draw_bar<DB: FigureBackend>(
    sheet: &Sheet<DB>,
    from: BackendCoord,
    to: BackendCoord,
    ink: Ink,
) -> Drawing<(), DB> {
    sheet.root().draw(&Rectangle::new([from, to], ink.filled()))
}

/// Draws a shade between two opposite corners.
pub(crate) fn draw_band<DB: FigureBackend>(sheet: &Sheet<DB>, from: BackendCoord, to: BackendCoord) -> Drawing<(), DB> {
    sheet.root().draw(&Rectangle::new([from, to], Ink::Floor.mix(0.18).filled()))
}

//! Page geometry shared by all parts of a drawing, and the titles of panels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::chart::{Chart, Panel};
use crate::draw::backend::{FONT_PX, tenths};
use crate::text::text_width;

/// Margin at the left and right edge in px.
pub(crate) const EDGE_PX: f64 = 12.0;
/// Maximum width in px of names beside their rows; wider ones, and all on a phone, are written above.
const NAMES_PX: f64 = 230.0;
/// Length in px of the ticks of an axis; its labels are twice as far away.
pub(crate) const TICK_PX: f64 = 3.0;

/// The place where a drawing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Canvas<'a> {
    /// A separate file, with style sheet, question and a line about the machine.
    File {
        /// Description of machine and build in one line.
        machine: &'a str,
    },
    /// Inside the report, on a wide screen.
    Wide,
    /// Inside the report, on a phone.
    Narrow,
    /// A tile of a page of live answers, which says itself what the x axis is.
    Tile {
        /// Width of the tile in px.
        width_px: u32,
        /// Height of the tile in px, which figures with upright axes fill.
        height_px: u32,
    },
}

impl Canvas<'_> {
    /// Width of the drawing in px.
    pub(crate) fn width(self) -> f64 {
        match self {
            Canvas::Narrow => 360.0,
            Canvas::Tile { width_px, .. } => width_px.into(),
            Canvas::File { .. } | Canvas::Wide => 720.0,
        }
    }

    /// Suffix that makes element ids unique within a report.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Canvas::Narrow => "narrow",
            Canvas::Tile { .. } => "in-tile",
            Canvas::File { .. } | Canvas::Wide => "wide",
        }
    }

    /// Lower edge of the drawing in px, if its plot has to end there.
    pub(crate) fn bottom_px(self) -> Option<f64> {
        match self {
            Canvas::Tile { height_px, .. } => Some(height_px.into()),
            _ => None,
        }
    }
}

/// A panel of a chart, and where it is drawn.
pub(crate) struct Frame<'a> {
    pub(crate) chart: &'a Chart,
    pub(crate) panel: &'a Panel,
    /// Upper edge of the panel in px.
    pub(crate) top: f64,
    /// Width of the drawing in px.
    pub(crate) width: f64,
    /// Lower edge of the drawing in px, if its only panel has to end there; then its x axis has no title.
    pub(crate) bottom_px: Option<f64>,
}

/// An axis of places in px from its beginning, some of which have names: rows from top to bottom, columns from left to
/// right.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) length_px: f64,
    /// Middle and name of each place.
    pub(crate) named: Vec<(f64, String)>,
}

impl Ranged for Places {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        // Plotters counts upwards from the lower end.
        limit.0.min(limit.1) + tenths(*value)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let labelled = !hint.weight().allow_light_points();
        self.named.iter().filter(|_| labelled).map(|(middle, _)| *middle).collect()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.length_px
    }
}

impl ValueFormatter<f64> for Places {
    fn format_ext(&self, value: &f64) -> String {
        let named = self.named.iter().find(|(middle, _)| middle == value);
        named.map_or_else(String::new, |(_, name)| name.clone())
    }
}

/// Returns the width in px of the widest name; `None` if the names are written above their rows.
pub(crate) fn names_beside(names: &[String], width: f64) -> Option<f64> {
    let widest = names.iter().map(|name| text_width(name, FONT_PX)).fold(0.0, f64::max);
    (width > 500.0 && widest <= NAMES_PX).then_some(widest)
}

/// Returns an axis title with its unit, and with `log` for a logarithmic axis.
pub(crate) fn title(words: &str, unit: &str, log: bool) -> String {
    match (unit, log) {
        ("", false) => words.to_owned(),
        ("", true) => format!("{words} (log)"),
        (unit, false) => format!("{words} ({unit})"),
        (unit, true) => format!("{words} ({unit}, log)"),
    }
}

//! Page geometry shared by all parts of a drawing, and the titles and scales of panels.

use crate::chart::{Chart, Panel};
use crate::draw::scale::Scale;
use crate::quantity::Quantity;

/// Font size of ordinary text in px, as in `figure.css`.
pub(crate) const FONT_PX: f64 = 13.0;
/// Margin at the left and right edge in px.
pub(crate) const EDGE_PX: f64 = 12.0;

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
}

impl Canvas<'_> {
    /// Width of the drawing in px.
    pub(crate) fn width(self) -> f64 {
        if self == Canvas::Narrow { 360.0 } else { 720.0 }
    }

    /// Suffix that makes element ids unique within a report.
    pub(crate) fn id(self) -> &'static str {
        if self == Canvas::Narrow { "narrow" } else { "wide" }
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

/// Returns a scale that includes the values.
pub(crate) fn scale(quantity: Quantity, log: bool, values: &[f64], count: usize, range: (f64, f64)) -> Scale {
    if log { Scale::log(quantity, values, range) } else { Scale::linear(quantity, values, count, range) }
}

//! Colours, dashes and markers of a series in SVG.

use crate::chart::SeriesStyle;
use crate::draw::svg::{COLOURS, Svg, number};

/// Number of markers and of dash patterns.
const SHAPES: usize = 7;

impl SeriesStyle {
    /// Returns the class that sets the colour.
    pub(crate) fn class(self) -> String {
        match self {
            SeriesStyle::Nth { colour, .. } | SeriesStyle::Law(Some(colour)) => format!("c{}", colour % COLOURS),
            // The colour of the text.
            SeriesStyle::Dashed(_) | SeriesStyle::Law(None) => "value".to_owned(),
            SeriesStyle::Floor | SeriesStyle::Single | SeriesStyle::Ideal | SeriesStyle::Band => "floor".to_owned(),
        }
    }

    /// Returns the dash pattern of the line.
    pub(crate) fn dash(self) -> &'static str {
        match self {
            SeriesStyle::Nth { dash, .. } | SeriesStyle::Dashed(dash) => {
                ["", "8 3", "3 3", "10 3 3 3", "14 4", "5 2", "2 4"][(dash + dash / SHAPES) % SHAPES]
            }
            SeriesStyle::Floor => "5 5",
            SeriesStyle::Ideal => "2 4",
            SeriesStyle::Single | SeriesStyle::Law(_) | SeriesStyle::Band => "",
        }
    }

    /// Returns the class that sets the width of the line.
    pub(crate) fn stroke(self) -> &'static str {
        if matches!(self, SeriesStyle::Law(_) | SeriesStyle::Ideal) { "hair" } else { "line" }
    }

    /// Draws the marker, which only `Nth` has; markers repeat hollow.
    pub(crate) fn draw_marker(self, svg: &mut Svg, x: f64, y: f64) {
        let SeriesStyle::Nth { marker: n, .. } = self else { return };
        let (x, y) = (number(x), number(y));
        let fill = if (n / SHAPES).is_multiple_of(2) { "full" } else { "hollow" };
        let (shape, class) = match n % SHAPES {
            0 => ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", fill),
            1 => ("m-4-4h8v8h-8z", fill),
            2 => ("m0-5l5 9h-10z", fill),
            3 => ("m0-5.5l5.5 5.5-5.5 5.5-5.5-5.5z", fill),
            4 => ("m0 5l5-9h-10z", fill),
            5 => ("m-5 0h10m-5-5v10", "line"),
            _ => ("m-4-4l8 8m0-8l-8 8", "line"),
        };
        svg.path(format!("M{x} {y}{shape}"), class, "");
    }
}

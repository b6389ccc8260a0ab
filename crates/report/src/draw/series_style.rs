//! Inks, dashes and markers of a series.

use plotters::element::{Circle, Polygon};
use plotters::style::Color;
use plotters_backend::BackendCoord;

use crate::chart::{RING, SeriesStyle};
use crate::draw::backend::{Drawing, FigureBackend, Note, Sheet, stroke, tenths};
use crate::draw::ink::Ink;

/// Dash patterns in px.
const DASHES: [&[u8]; 7] = [&[], &[8, 3], &[3, 3], &[10, 3, 3, 3], &[14, 4], &[5, 2], &[2, 4]];
/// Corners of the markers after the circle, in px from their middle.
const CORNERS: [&[(f64, f64)]; 6] = [
    &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)],
    &[(0.0, -5.0), (5.0, 4.0), (-5.0, 4.0)],
    &[(0.0, -5.5), (5.5, 0.0), (0.0, 5.5), (-5.5, 0.0)],
    &[(0.0, 5.0), (5.0, -4.0), (-5.0, -4.0)],
    &[(5.0, 0.0), (-4.0, 5.0), (-4.0, -5.0)],
    &[(-5.0, 0.0), (4.0, 5.0), (4.0, -5.0)],
];

impl SeriesStyle {
    pub(crate) fn ink(self) -> Ink {
        match self {
            SeriesStyle::Nth { colour, .. } | SeriesStyle::Law(Some(colour)) => Ink::Series(colour),
            SeriesStyle::Dashed(_) | SeriesStyle::Law(None) => Ink::Text,
            SeriesStyle::Floor | SeriesStyle::Single | SeriesStyle::Ideal | SeriesStyle::Band => Ink::Floor,
        }
    }

    /// Returns the dash pattern of the line.
    pub(crate) fn dash(self) -> &'static [u8] {
        match self {
            SeriesStyle::Nth { dash, .. } | SeriesStyle::Dashed(dash) => {
                DASHES[(dash + dash / DASHES.len()) % DASHES.len()]
            }
            SeriesStyle::Floor => &[5, 5],
            SeriesStyle::Ideal => &[2, 4],
            SeriesStyle::Single | SeriesStyle::Law(_) | SeriesStyle::Band => &[],
        }
    }

    /// Returns the width of the line in px.
    pub(crate) fn width_px(self) -> f64 {
        if matches!(self, SeriesStyle::Law(_) | SeriesStyle::Ideal) { 1.0 } else { 2.0 }
    }

    /// Draws the marker of a point, which only `Nth` has.
    pub(crate) fn draw_marker<DB: FigureBackend>(
        self,
        sheet: &Sheet<DB>,
        (x, y): BackendCoord,
        note: Note,
    ) -> Drawing<(), DB> {
        let SeriesStyle::Nth { marker, .. } = self else { return Ok(()) };
        sheet.annotate(note);
        if marker == RING {
            return sheet.root().draw(&Circle::new((x, y), tenths(4.0), stroke(self.ink(), 1.5)));
        }
        match (marker % (CORNERS.len() + 1)).checked_sub(1) {
            None => sheet.root().draw(&Circle::new((x, y), tenths(4.0), self.ink().filled())),
            Some(n) => {
                let corners = CORNERS[n].iter().map(|(dx, dy)| (x + tenths(*dx), y + tenths(*dy)));
                sheet.root().draw(&Polygon::new(corners.collect::<Vec<_>>(), self.ink().filled()))
            }
        }
    }
}

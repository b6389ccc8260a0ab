//! The part of a sheet on which values are drawn.

use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::DrawingArea;

use crate::draw::backend::FigureBackend;
use crate::draw::scale::Scale;

/// The part of the sheet on which the values of one pair of axes are drawn.
pub(crate) type Plot<DB> = DrawingArea<DB, Cartesian2d<Scale, Scale>>;

/// Returns the horizontal position of a value on the sheet.
pub(crate) fn sheet_x<DB: FigureBackend>(plot: &Plot<DB>, x: f64) -> i32 {
    plot.map_coordinate(&(x, plot.get_y_range().start)).0
}

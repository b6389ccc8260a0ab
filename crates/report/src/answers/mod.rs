//! Figures of answers: what a pipeline has answered, over event time and along its own columns, with series from elsewhere
//! beside it.
//!
//! The columns of answers decide what is drawn: see `drawings`. Decision D-508.

mod buckets;
mod conversion;
mod dispatches;
mod drawing;
mod drawings;
mod external;
mod general;
mod orders;
mod parts;
mod ranks;
mod sessions;
mod stages;
mod table;
mod tiles;
mod times;

use flowbench_measurement::record::WhatIf;
use flowbench_measurement::what_if::BandHour;

pub use external::ExternalSeries;
pub use table::{AnswersError, AnswersTable};
pub use tiles::{BandCounts, TileDrawing, TileNumbers, tile_style};

use crate::chart::Chart;
use crate::draw;
use crate::draw::layout::Canvas;

/// A drawing of answers, as SVG and as the numbers that are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswersFigure {
    /// The column along which answers are drawn, such as `band`; empty for event time.
    pub along: &'static str,
    chart: Chart,
}

impl AnswersFigure {
    /// Returns the drawing as SVG; identical answers give identical bytes. `source` is a line about their origin, shown
    /// below.
    pub fn svg(&self, source: &str) -> String {
        draw::draw(&self.chart, Canvas::File { machine: source })
    }

    /// Returns the numbers that are drawn, in CSV.
    pub fn csv(&self) -> String {
        self.chart.csv()
    }

    /// Returns the drawing as a picture for paper, PNG; `None` if it is too high for one.
    ///
    /// # Errors
    ///
    /// Fails if the picture cannot be painted.
    #[cfg(feature = "png")]
    pub fn png(&self, source: &str) -> std::io::Result<Option<Vec<u8>>> {
        draw::png::png(&self.chart, source)
    }

    /// Returns the chart under another name.
    pub(crate) fn named(self, name: &str) -> Chart {
        Chart { name: name.to_owned(), ..self.chart }
    }
}

/// Draws answers: first over event time, with `external` series below, then along their own columns where that says more.
///
/// # Errors
///
/// Returns the first cell that does not hold what its column holds elsewhere.
pub fn answers_figures(
    answers: &AnswersTable,
    question: &str,
    external: &[ExternalSeries],
) -> Result<Vec<AnswersFigure>, AnswersError> {
    let drawing = drawings::drawing_of(answers);
    let mut figures = vec![AnswersFigure { along: "", chart: drawing.over_time(answers, question, external)? }];
    for along in drawing.along {
        let mut chart = (along.draw)(answers, question)?;
        chart.leave_out_what_has_no_logarithm();
        chart.leave_out_what_is_empty();
        figures.extend((!chart.is_empty()).then_some(AnswersFigure { along: along.column, chart }));
    }
    Ok(figures)
}

/// Returns the columns, event time aside, along which answers with these columns are drawn.
pub fn drawn_along(columns: &[&str]) -> Vec<&'static str> {
    drawings::of_columns(|column| columns.contains(&column)).along.iter().map(|along| along.column).collect()
}

/// Returns the columns along which any answers can be drawn, event time aside.
pub(crate) fn columns_along() -> Vec<&'static str> {
    drawings::DRAWINGS.iter().flat_map(|drawing| drawing.along).map(|along| along.column).collect()
}

/// Returns what faster pages would win; `None` if the answers are not those of `load-time-conversion` or do not tell.
pub fn what_if(answers: &AnswersTable) -> Option<WhatIf> {
    conversion::rows(answers).ok().as_deref().and_then(|rows: &[BandHour]| WhatIf::one_band_faster(rows))
}

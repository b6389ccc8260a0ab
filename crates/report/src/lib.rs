//! Figures, tables and the one-file report, drawn from a results directory.
//!
//! [`draw`] reads a directory and writes every figure of its run as SVG, the CSV of the drawn numbers beside it, and
//! `report.html`. The same results give the same bytes. A figure is data ([`FigureSpec`]): [`check_figure`] tells
//! before a run whether it can be drawn. [`terminal_tables`] is the same run for a terminal.
//!
//! This package knows figures, not dataflows; of flowbench it depends on `flowbench-measurement` alone. The path of a
//! figure: `select` picks the cases, one file for each kind arranges them as a `chart`, `page` draws it.

mod chart;
mod compare;
mod draw;
mod figures;
mod operator_profile;
mod page;
mod quantity;
mod results;
mod select;
mod table;
mod tables;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flowbench_measurement::record::{FigureSpec, RunRecord};
use flowbench_measurement::results_dir::{ResultsError, write_atomically};
use thiserror::Error;

pub use figures::check::{FigureError, check_figure};
pub use quantity::{Quantity, words};
pub use results::Results;
pub use select::case_columns;
pub use tables::terminal_tables;
pub use text::harmless;

use chart::Chart;
use draw::layout::Canvas;

/// What [`draw`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The report.
    pub report: PathBuf,
    /// The figures, `.svg` and `.csv`, in the order of the report.
    pub figures: Vec<PathBuf>,
    /// Figures that could not be drawn as described; the report says so in their place.
    pub problems: Vec<FigureError>,
    /// What the directory lacks, in words: an interrupted run is drawn as far as it came.
    pub missing: Vec<String>,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The results could not be read, or the report not written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

/// Name of the report in a results directory.
const REPORT: &str = "report.html";
/// A figure, and the numbers that are drawn.
const FIGURE_ENDINGS: [&str; 2] = ["svg", "csv"];

/// The files that [`draw`] may write into the directory of a run.
pub fn file_names(run: &RunRecord) -> Vec<String> {
    let figures = run.parts.iter().flat_map(|part| &part.figures);
    let of_figures = figures.flat_map(|figure| FIGURE_ENDINGS.map(|ending| format!("{}.{ending}", figure.name)));
    of_figures.chain([REPORT.to_owned()]).collect()
}

/// Draws everything a results directory allows, and writes it there, each file complete or not at all.
///
/// A figure with a wrong description does not cost the others: see [`Drawn::problems`].
pub fn draw(dir: &Path) -> Result<Drawn, ReportError> {
    let results = Results::read(dir)?;
    let mut names = BTreeSet::new();
    let mut sections = Vec::new();
    for part in &results.run.parts {
        let figures = part.figures.iter().map(|spec| (spec, chart_once(&results, &part.name, spec, &mut names)));
        sections.push((part, figures.collect::<Vec<_>>()));
    }
    let mut drawn =
        Drawn { report: dir.join(REPORT), figures: Vec::new(), problems: Vec::new(), missing: results.missing.clone() };
    let machine = page::machine_line(&results);
    for (_, chart) in sections.iter().flat_map(|(_, figures)| figures) {
        match chart {
            Ok(chart) => drawn.figures.extend(write_figure(dir, chart, &machine)?),
            Err(error) => drawn.problems.push(error.clone()),
        }
    }
    write_atomically(&drawn.report, page::report(&results, &sections).as_bytes())?;
    Ok(drawn)
}

/// The chart of a figure whose name no other figure of the run has.
fn chart_once(
    results: &Results,
    part: &str,
    spec: &FigureSpec,
    names: &mut BTreeSet<String>,
) -> Result<Chart, FigureError> {
    let chart = figures::chart(results, part, spec)?;
    // Names that differ in case only are one file on some systems.
    if names.insert(spec.name.to_lowercase()) { Ok(chart) } else { Err(FigureError::Duplicate(spec.name.clone())) }
}

fn write_figure(dir: &Path, chart: &Chart, machine: &str) -> Result<[PathBuf; 2], ResultsError> {
    let files = FIGURE_ENDINGS.map(|ending| dir.join(format!("{}.{ending}", chart.name)));
    write_atomically(&files[0], draw::draw(chart, Canvas::File { machine }).as_bytes())?;
    write_atomically(&files[1], chart.csv().as_bytes())?;
    Ok(files)
}

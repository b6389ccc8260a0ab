//! Draws figures, tables and the single-file report from a results directory.
//!
//! [`draw()`] reads a results directory and writes every figure of its run as SVG, the drawn numbers beside it as CSV,
//! and `report.html`. Identical results give identical bytes. A figure is data ([`FigureSpec`]); [`check_figure`] tells
//! before a run whether it can be drawn. [`terminal_tables`] prints the cases of a run on a terminal.
//!
//! The crate knows figures, not dataflows: its only dependency within flowbench is `flowbench-measurement`. A figure
//! passes through three steps: `select` picks its cases, a module of `figures` arranges their numbers as a `chart`, and
//! `draw` turns the chart into SVG. `page` assembles the report.
//!
//! # Examples
//!
//! ```no_run
//! use std::path::Path;
//!
//! let drawn = flowbench_report::draw(Path::new("results/quickstart/reference"))?;
//! println!("{} files of figures, report in {}", drawn.figures.len(), drawn.report.display());
//! for problem in &drawn.problems {
//!     eprintln!("not drawn: {problem}");
//! }
//! # Ok::<(), flowbench_report::ReportError>(())
//! ```

mod artifact;
mod between_runs;
mod calibration;
mod chart;
mod compare;
mod comparison_json;
mod draw;
mod figures;
mod operator_profile;
mod overlay;
mod page;
mod quantity;
mod reproduction;
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

pub use artifact::{FoundName, PackError, Packed, PrivateName, Supplement, pack};
pub use between_runs::{ComparisonForm, comparison_text};
pub use calibration::calibration_text;
pub use comparison_json::comparison_json;
pub use figures::check::{FigureError, check_figure};
pub use overlay::comparison_html;
pub use quantity::{Quantity, words};
pub use reproduction::reproduction_text;
pub use results::Results;
pub use select::{case_columns, recorded_columns};
pub use tables::terminal_tables;
pub use text::harmless;

use chart::Chart;
use draw::layout::Canvas;

/// The files that [`draw()`] has written, and what it could not draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Path of the report.
    pub report: PathBuf,
    /// Paths of the figures, an `.svg` and a `.csv` each, in the order of the report.
    pub figures: Vec<PathBuf>,
    /// Errors of the figures that could not be drawn as described; the report shows each in place of its figure.
    pub problems: Vec<FigureError>,
    /// Sentences that name what the directory lacks, empty for a complete run: an interrupted run is drawn as far as it
    /// got.
    pub missing: Vec<String>,
}

/// The reason why no report was written.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The results could not be read, or a file could not be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

/// Name of the report in a results directory.
const REPORT: &str = "report.html";
/// File name endings of a figure and of its numbers.
const FIGURE_ENDINGS: [&str; 2] = ["svg", "csv"];

/// Returns the names of all files that [`draw()`] may write into the directory of a run.
pub fn file_names(run: &RunRecord) -> Vec<String> {
    let figures = run.parts.iter().flat_map(|part| &part.figures);
    let of_figures = figures.flat_map(|figure| FIGURE_ENDINGS.map(|ending| format!("{}.{ending}", figure.name)));
    of_figures.chain([REPORT.to_owned()]).collect()
}

/// Draws the figures and the report of a results directory into that directory; each file is written completely or not
/// at all.
///
/// A figure with an invalid description does not prevent the others: see [`Drawn::problems`].
///
/// # Errors
///
/// Returns an error if `run.json` is missing or invalid, if another file of the run cannot be read, or if a file cannot
/// be written.
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

/// Arranges the chart of a figure; an error if another figure of the run already has its name.
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

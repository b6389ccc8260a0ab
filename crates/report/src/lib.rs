//! Draws figures, tables and the single-file report from a results directory.
//!
//! [`draw()`] reads a results directory and writes every figure of its run as SVG, the drawn numbers beside it as CSV,
//! `report.html`, and the checksums of all files. Identical results give identical bytes. A figure is data ([`FigureSpec`]); [`check_figure`] tells
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

mod answers;
mod artifact;
mod asked_columns;
mod between_runs;
mod calibration;
mod case_table;
mod chart;
mod checksums;
mod claims;
mod clock_units;
mod column_catalogue;
mod compare;
mod comparison_json;
mod doubted;
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
mod terminal;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flowbench_measurement::record::{FigureKind, FigureSpec, QuestionRecord, RunRecord};
use flowbench_measurement::results_dir::{ResultsError, answers_file, write_atomically};
use thiserror::Error;

pub use answers::{
    AnswersError, AnswersFigure, AnswersTable, BandCounts, ExternalSeries, TileDrawing, TileNumbers, answers_figures,
    drawn_along, tile_style, what_if,
};
pub use artifact::{FoundName, PackError, Packed, PrivateName, Supplement, licenses, pack};
pub use between_runs::{ComparisonForm, comparison_text};
pub use calibration::calibration_text;
pub use column_catalogue::{ColumnMeaning, column_catalogue};
pub use comparison_json::comparison_json;
pub use figures::check::{FigureError, check_figure};
pub use overlay::comparison_html;
pub use quantity::{Quantity, words};
pub use reproduction::reproduction_text;
pub use results::Results;
pub use select::{case_columns, recorded_columns};
pub use table::Screen;
pub use terminal::terminal_tables;
pub use text::{counted, harmless};

use chart::Chart;
use checksums::{SUMS, write_sums};
use draw::layout::Canvas;

/// The files that [`draw()`] has written, and what it could not draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Path of the report.
    pub report: PathBuf,
    /// Paths of the figures, an `.svg` and a `.csv` each and a `.png` if asked for, in the order of the report.
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
    /// A picture could not be painted.
    #[error("a picture could not be painted: {0}")]
    Picture(std::io::Error),
}

/// Name of the report in a results directory.
const REPORT: &str = "report.html";
/// File name endings of a figure and of its numbers.
const FIGURE_ENDINGS: [&str; 2] = ["svg", "csv"];
/// File name ending of a picture for paper.
const PICTURE_ENDING: &str = "png";

/// Returns the names of all files that [`draw()`] may write into the directory of a run.
pub fn file_names(run: &RunRecord) -> Vec<String> {
    let figures = run.parts.iter().flat_map(|part| &part.figures);
    let endings = || FIGURE_ENDINGS.into_iter().chain([PICTURE_ENDING]);
    let of_figures = figures.flat_map(|figure| endings().map(|ending| format!("{}.{ending}", figure.name)));
    let draws_answers = |part: &&QuestionRecord| part.figures.iter().any(|figure| figure.kind == FigureKind::Answers);
    let answers = run.parts.iter().filter(draws_answers).map(|part| answers_file(&part.name));
    of_figures.chain(answers).chain([REPORT, SUMS].map(str::to_owned)).collect()
}

/// Draws the figures and the report of a results directory into that directory; each file is written completely or not
/// at all. Last comes `SHA256SUMS`, the list of all files of the run.
///
/// A figure with an invalid description does not prevent the others: see [`Drawn::problems`].
///
/// # Errors
///
/// Returns an error if `run.json` is missing or invalid, if another file of the run cannot be read, or if a file cannot
/// be written.
pub fn draw(dir: &Path) -> Result<Drawn, ReportError> {
    draw_files(dir, |_, _| Ok(Vec::new()))
}

/// Does what [`draw()`] does, and writes a picture for paper beside each figure: PNG, 7 inches wide at 300 dots an inch,
/// in light colours. A figure too high for a page has none.
///
/// # Errors
///
/// Returns an error as [`draw()`] does, and if a picture cannot be painted.
#[cfg(feature = "png")]
pub fn draw_with_png(dir: &Path) -> Result<Drawn, ReportError> {
    draw_files(dir, |chart, machine| {
        let Some(picture) = draw::png::png(chart, machine).map_err(ReportError::Picture)? else {
            return Ok(Vec::new());
        };
        let file = dir.join(format!("{}.{PICTURE_ENDING}", chart.name));
        write_atomically(&file, &picture)?;
        Ok(vec![file])
    })
}

/// Draws a results directory; `more` writes further files of a figure.
fn draw_files(
    dir: &Path,
    more: impl Fn(&Chart, &str) -> Result<Vec<PathBuf>, ReportError>,
) -> Result<Drawn, ReportError> {
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
            Ok(chart) => {
                drawn.figures.extend(write_figure(dir, chart, &machine)?);
                drawn.figures.extend(more(chart, &machine)?);
            }
            Err(error) => drawn.problems.push(error.clone()),
        }
    }
    write_atomically(&drawn.report, page::report(&results, &sections).as_bytes())?;
    write_sums(dir, &results.run)?;
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

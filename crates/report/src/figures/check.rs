//! Checks of a figure's description, before anything is measured.

use flowbench_measurement::record::{FigureKind, FigureSpec};
use flowbench_measurement::timeline::COLUMNS;
use thiserror::Error;

use crate::answers::{AnswersError, columns_along};
use crate::figures::over_time::X_COLUMNS;
use crate::figures::panels::quantity;
use crate::quantity::Quantity;
use crate::select::{HISTOGRAMS, WORDED, case_columns};

/// An error in the description of a figure.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FigureError {
    /// The name is not usable as a file name.
    #[error("figure `{0}`: a name is letters, digits and `-`, 1 to 80 of them")]
    Name(String),
    /// The CSV of the figure would replace a file of the run.
    #[error("figure `{0}`: its numbers would replace a file of the run; choose another name")]
    Reserved(String),
    /// Another figure of the experiment has this name.
    #[error("figure `{0}`: another figure of the experiment has this name")]
    Duplicate(String),
    /// The figure names no column to draw.
    #[error("figure `{0}`: `y` is empty: name at least one of {1}")]
    EmptyY(String, String),
    /// A named column does not exist.
    #[error("figure `{figure}`: `{place}` names `{column}`, which is no {kind}; {hint}")]
    UnknownColumn {
        /// Name of the figure.
        figure: String,
        /// `x`, `y`, `by`, `only`, `words` or `level_column`.
        place: &'static str,
        /// The unknown name.
        column: String,
        /// The expected kind of name: a column of a certain file, or a kind of histogram.
        kind: &'static str,
        /// Suggestion of similar names.
        hint: String,
    },
    /// A field does not fit the kind of figure.
    #[error("figure `{figure}`: `{field}` {problem}")]
    Field {
        /// Name of the figure.
        figure: String,
        /// Name of the field.
        field: &'static str,
        /// Description of what is wrong with it, and of what would be right.
        problem: String,
    },
    /// The kept answers cannot be drawn.
    #[error("figure `{figure}`: {problem}")]
    Answers {
        /// Name of the figure.
        figure: String,
        /// The problem, with its place.
        problem: Box<AnswersError>,
    },
    /// A column holds words where numbers are needed.
    #[error("figure `{figure}`: column `{column}` holds words such as `{word}`, where numbers are needed")]
    NotNumbers {
        /// Name of the figure.
        figure: String,
        /// Name of the column.
        column: String,
        /// One of its values.
        word: String,
    },
}

/// Stems of the files of a run.
const RESERVED: [&str; 8] = ["run", "cases", "timeline", "state", "latency", "operators", "channels", "report"];

/// Checks the description of a figure without any results, so that mistakes surface before the measurements.
///
/// # Errors
///
/// Returns the first mistake: an unusable name, an unknown column, or a field that does not fit the kind of figure.
pub fn check_figure(spec: &FigureSpec) -> Result<(), FigureError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if spec.name.is_empty() || spec.name.len() > 80 || !spec.name.chars().all(fits) {
        return Err(FigureError::Name(spec.name.clone()));
    }
    if RESERVED.contains(&spec.name.to_lowercase().as_str()) {
        return Err(FigureError::Reserved(spec.name.clone()));
    }
    let may_name_none = matches!(spec.kind, FigureKind::Scaling | FigureKind::Operators | FigureKind::Answers);
    if spec.columns().next().is_none() && !may_name_none {
        return Err(FigureError::EmptyY(spec.name.clone(), what_y_may_be(spec)));
    }
    check_answers(spec)?;
    check_columns(spec)?;
    check_panels(spec)?;
    check_level(spec)?;
    check_stack(spec)?;
    check_grid(spec)?;
    check_words(spec)?;
    check_scaling(spec)?;
    check_operators(spec)?;
    check_x(spec)
}

/// Checks that every named column exists.
fn check_columns(spec: &FigureSpec) -> Result<(), FigureError> {
    let y: Vec<&str> = spec.columns().collect();
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    let only: Vec<&str> = spec.only.keys().map(String::as_str).collect();
    let (columns, of_cases) = (case_columns(), "column of a case");
    match spec.kind {
        FigureKind::OverTime => check_names(spec, "y", &y, "column of timeline.csv", &timeline_columns())?,
        FigureKind::Distribution | FigureKind::Ccdf => check_names(spec, "y", &y, "kind of histogram", &HISTOGRAMS)?,
        _ => check_names(spec, "y", &y, of_cases, &columns)?,
    }
    if goes_along_x(spec) {
        if spec.x.is_empty() {
            return Err(misfit(spec, "x", "is missing: name the column to go along, such as `slack_ms`"));
        }
        check_names(spec, "x", &[&spec.x], of_cases, &columns)?;
    }
    check_names(spec, "by", &by, of_cases, &columns)?;
    check_names(spec, "only", &only, of_cases, &columns)
}

/// Checks that panels are used by a kind that has them, in place of `y`, and that each has one unit.
fn check_panels(spec: &FigureSpec) -> Result<(), FigureError> {
    if spec.panels.is_empty() {
        return Ok(());
    }
    if !matches!(spec.kind, FigureKind::Sweep | FigureKind::OverTime | FigureKind::Stacked) {
        return Err(misfit(spec, "panels", "are for `sweep`, `over-time` and `stacked`; this kind takes `y`"));
    }
    if !spec.y.is_empty() {
        return Err(misfit(spec, "y", "and `panels` both name columns: keep one of them"));
    }
    for (n, panel) in (1..).zip(&spec.panels) {
        if panel.y.is_empty() {
            return Err(misfit(spec, "panels", format!("names no column in panel {n}: give it a `y`")));
        }
        check_unit(spec, "panels", &panel.y)?;
    }
    Ok(())
}

fn check_level(spec: &FigureSpec) -> Result<(), FigureError> {
    let (named, given) = (!spec.level_column.is_empty(), spec.level.is_some());
    if spec.kind != FigureKind::AtLevel {
        return match (named, given) {
            (true, _) => Err(misfit(spec, "level_column", "is for the kind `at-level` only")),
            (_, true) => Err(misfit(spec, "level", "is for the kind `at-level` only")),
            _ => Ok(()),
        };
    }
    if !named {
        let problem = "is missing: name the column that has to reach the level, such as `completeness`";
        return Err(misfit(spec, "level_column", problem));
    }
    check_names(spec, "level_column", &[&spec.level_column], "column of a case", &case_columns())?;
    match spec.level {
        None => Err(misfit(spec, "level", "is missing: give the number to be reached, such as 0.99")),
        Some(level) if !level.is_finite() => Err(misfit(spec, "level", "is no number that can be reached")),
        Some(level) if level > 1.0 && quantity(&spec.level_column) == Quantity::Share => {
            Err(misfit(spec, "level", format!("is {level}, and no share is above 1: for 99 % write 0.99")))
        }
        Some(_) => Ok(()),
    }
}

fn check_stack(spec: &FigureSpec) -> Result<(), FigureError> {
    if spec.kind != FigureKind::Stacked {
        return Ok(());
    }
    if spec.log_y || spec.panels.iter().any(|panel| panel.log_y) {
        return Err(misfit(spec, "log_y", "has no meaning for `stacked`: parts of a sum have no length on a log axis"));
    }
    check_unit(spec, "y", &spec.y)
}

/// Checks that a heat map has rows, columns and one value per cell.
fn check_grid(spec: &FigureSpec) -> Result<(), FigureError> {
    if spec.kind != FigureKind::HeatMap {
        return Ok(());
    }
    if spec.y.len() > 1 {
        return Err(misfit(spec, "y", "names several columns, and a cell of a `heat-map` shows one"));
    }
    if spec.by.is_empty() {
        return Err(misfit(spec, "by", "is missing: name the column whose values are the rows, such as `pipeline`"));
    }
    if spec.by.contains(&spec.x) {
        return Err(misfit(spec, "x", format!("names `{}`, which makes the rows already", spec.x)));
    }
    if spec.log_x || spec.log_y {
        return Err(misfit(spec, "log_y", "and `log_x` have no meaning for `heat-map`: a grid has no axes"));
    }
    Ok(())
}

/// Checks that only a heat map has words in its cells, from a column that holds words.
fn check_words(spec: &FigureSpec) -> Result<(), FigureError> {
    match spec.kind {
        _ if spec.words.is_empty() => Ok(()),
        FigureKind::HeatMap => check_names(spec, "words", &[&spec.words], "column of words of a case", &WORDED),
        _ => Err(misfit(spec, "words", "is for `heat-map` only, which writes it in its cells")),
    }
}

/// Says what a figure of this kind may draw.
fn what_y_may_be(spec: &FigureSpec) -> String {
    match spec.kind {
        FigureKind::Distribution | FigureKind::Ccdf => HISTOGRAMS.join(", "),
        _ => "the columns that `flowbench list columns` shows".to_owned(),
    }
}

/// Checks that a scaling figure is about throughput: the scalability law is a law of throughput.
fn check_scaling(spec: &FigureSpec) -> Result<(), FigureError> {
    let rates = |column: &String| quantity(column) == Quantity::EventsPerSecond;
    if spec.kind == FigureKind::Scaling && (spec.y.len() > 1 || !spec.y.iter().all(rates)) {
        let problem = "is one column of events per second for `scaling`, or empty for `throughput_events_per_s`";
        return Err(misfit(spec, "y", problem));
    }
    Ok(())
}

/// Checks that a figure of operators names no columns: operators are unknown before the run.
fn check_operators(spec: &FigureSpec) -> Result<(), FigureError> {
    match spec.kind == FigureKind::Operators && !spec.y.is_empty() {
        true => Err(misfit(spec, "y", "is empty for `operators`, which draws whatever operators were logged")),
        false => Ok(()),
    }
}

/// Checks that a figure of answers goes along a column that answers have, and names no columns of cases.
fn check_answers(spec: &FigureSpec) -> Result<(), FigureError> {
    if spec.kind != FigureKind::Answers {
        return Ok(());
    }
    if spec.columns().next().is_some() {
        return Err(misfit(spec, "y", "is empty for `answers`, whose columns say what is drawn"));
    }
    let along = columns_along();
    match spec.x.is_empty() || along.contains(&spec.x.as_str()) {
        true => Ok(()),
        false => check_names(spec, "x", &[&spec.x], "column along which answers are drawn", &along),
    }
}

/// Checks that `x` is given only to kinds that use it, and to `over-time` only as a column that goes with time.
fn check_x(spec: &FigureSpec) -> Result<(), FigureError> {
    if goes_along_x(spec) || spec.x.is_empty() || spec.kind == FigureKind::Answers {
        return Ok(());
    }
    if spec.kind != FigureKind::OverTime {
        let problem = "is for `sweep`, `at-level`, `heat-map`, `over-time` and `answers`; leave it out here, and name in `by` \
                       what tells cases apart";
        return Err(misfit(spec, "x", problem));
    }
    if !X_COLUMNS.contains(&spec.x.as_str()) {
        let problem =
            format!("is `{}`; for `over-time` it is `at_ns` (as without it) or `newest_event_time_ms`", spec.x);
        return Err(misfit(spec, "x", problem));
    }
    Ok(())
}

fn goes_along_x(spec: &FigureSpec) -> bool {
    matches!(spec.kind, FigureKind::Sweep | FigureKind::AtLevel | FigureKind::HeatMap)
}

/// Checks that columns which share a panel or a stack have one unit.
fn check_unit(spec: &FigureSpec, field: &'static str, columns: &[String]) -> Result<(), FigureError> {
    let Some(first) = columns.first() else { return Ok(()) };
    let Some(other) = columns.iter().find(|other| quantity(other) != quantity(first)) else { return Ok(()) };
    let problem = format!("puts `{first}` and `{other}` on one scale, which are of different units: give each a panel");
    Err(misfit(spec, field, problem))
}

fn misfit(spec: &FigureSpec, field: &'static str, problem: impl Into<String>) -> FigureError {
    FigureError::Field { figure: spec.name.clone(), field, problem: problem.into() }
}

/// Checks that all of these names are known.
fn check_names(
    spec: &FigureSpec,
    place: &'static str,
    names: &[&str],
    kind: &'static str,
    known: &[&str],
) -> Result<(), FigureError> {
    let Some(unknown) = names.iter().find(|name| !known.contains(*name)) else { return Ok(()) };
    Err(FigureError::UnknownColumn {
        figure: spec.name.clone(),
        place,
        column: (*unknown).to_owned(),
        kind,
        hint: hint(unknown, known),
    })
}

/// Returns the columns of the timeline that can be drawn.
fn timeline_columns() -> Vec<&'static str> {
    COLUMNS.iter().map(|(name, _)| *name).filter(|name| *name != "at_ns").collect()
}

fn hint(unknown: &str, known: &[&str]) -> String {
    let mut near: Vec<(usize, &str)> =
        known.iter().map(|name| (strsim::damerau_levenshtein(unknown, name), *name)).collect();
    // A name that only lacks its unit is nearest.
    near.sort_unstable_by_key(|(distance, name)| (!name.starts_with(unknown), *distance, *name));
    let close: Vec<String> = near
        .iter()
        .filter(|(distance, name)| *distance <= 3.max(unknown.len() / 3) || name.contains(unknown))
        .take(3)
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    if close.is_empty() {
        format!("there are: {}", known.join(", "))
    } else {
        format!("did you mean {}?", close.join(", "))
    }
}

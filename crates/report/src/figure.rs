//! From the description of a figure to its chart.

use std::collections::BTreeSet;

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{FigureKind, FigureSpec};

use crate::Results;
use crate::chart::{Chart, counted};
use crate::panels::quantity;
use crate::quantity::Quantity;
use crate::select::{FigureError, HISTOGRAMS, Selection, case_columns, check_names, select, timeline_columns};
use crate::{at_level, bars, ccdf, distribution, heat_map, operators, over_time, scaling, stacked, sweep};

/// Stems of the files a run leaves.
const RESERVED: [&str; 7] = ["run", "cases", "timeline", "latency", "operators", "channels", "report"];

/// Checks the description of a figure without any results: worth doing before an hour of measuring.
pub fn check_figure(spec: &FigureSpec) -> Result<(), FigureError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if spec.name.is_empty() || spec.name.len() > 80 || !spec.name.chars().all(fits) {
        return Err(FigureError::Name(spec.name.clone()));
    }
    if RESERVED.contains(&spec.name.to_lowercase().as_str()) {
        return Err(FigureError::Reserved(spec.name.clone()));
    }
    let may_name_none = matches!(spec.kind, FigureKind::Scaling | FigureKind::Operators);
    if spec.columns().next().is_none() && !may_name_none {
        return Err(FigureError::EmptyY(spec.name.clone()));
    }
    check_columns(spec)?;
    check_panels(spec)?;
    check_level(spec)?;
    check_stack(spec)?;
    check_grid(spec)?;
    check_scaling(spec)?;
    check_operators(spec)?;
    check_x(spec)
}

/// Every column exists.
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

/// Panels are for the kinds that have them, in place of `y`, each of one unit.
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

/// A grid has rows, columns, and one value in a cell.
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

/// A law of scaling is one of throughputs.
fn check_scaling(spec: &FigureSpec) -> Result<(), FigureError> {
    let rates = |column: &String| quantity(column) == Quantity::EventsPerSecond;
    if spec.kind == FigureKind::Scaling && (spec.y.len() > 1 || !spec.y.iter().all(rates)) {
        let problem = "is one column of events per second for `scaling`, or empty for `throughput_events_per_s`";
        return Err(misfit(spec, "y", problem));
    }
    Ok(())
}

/// Operators are not known before they have run.
fn check_operators(spec: &FigureSpec) -> Result<(), FigureError> {
    match spec.kind == FigureKind::Operators && !spec.y.is_empty() {
        true => Err(misfit(spec, "y", "is empty for `operators`, which draws whatever operators were logged")),
        false => Ok(()),
    }
}

/// The others have an axis of their own, or none.
fn check_x(spec: &FigureSpec) -> Result<(), FigureError> {
    match goes_along_x(spec) || spec.x.is_empty() {
        true => Ok(()),
        false => Err(misfit(
            spec,
            "x",
            "is for `sweep`, `at-level` and `heat-map`; leave it out here, and name in `by` what tells cases apart",
        )),
    }
}

fn goes_along_x(spec: &FigureSpec) -> bool {
    matches!(spec.kind, FigureKind::Sweep | FigureKind::AtLevel | FigureKind::HeatMap)
}

/// What stands together in a panel or a stack is of one unit.
fn check_unit(spec: &FigureSpec, field: &'static str, columns: &[String]) -> Result<(), FigureError> {
    let Some(first) = columns.first() else { return Ok(()) };
    let Some(other) = columns.iter().find(|other| quantity(other) != quantity(first)) else { return Ok(()) };
    let problem = format!("puts `{first}` and `{other}` on one scale, which are of different units: give each a panel");
    Err(misfit(spec, field, problem))
}

fn misfit(spec: &FigureSpec, field: &'static str, problem: impl Into<String>) -> FigureError {
    FigureError::Field { figure: spec.name.clone(), field, problem: problem.into() }
}

/// Arranges the numbers of a figure.
pub(crate) fn chart(results: &Results, part: &str, spec: &FigureSpec) -> Result<Chart, FigureError> {
    check_figure(spec)?;
    let selection = select(results, part, spec);
    check_numbers(spec, &selection)?;
    let mut chart = match spec.kind {
        FigureKind::Sweep => sweep::chart(spec, &selection),
        FigureKind::OverTime => over_time::chart(spec, &selection, &results.timeline),
        FigureKind::Distribution => distribution::chart(spec, &selection, &results.histograms),
        FigureKind::Bars => bars::chart(spec, &selection),
        FigureKind::AtLevel => at_level::chart(spec, &selection),
        FigureKind::Stacked => stacked::chart(spec, &selection),
        FigureKind::HeatMap => heat_map::chart(spec, &selection),
        FigureKind::Scaling => scaling::chart(spec, &selection, results.run.machine.usable_cores),
        FigureKind::Ccdf => ccdf::chart(spec, &selection, &results.histograms),
        FigureKind::Operators => operators::chart(spec, &selection, results),
    };
    chart.notes.extend(doubts_note(&selection));
    chart.notes.extend(selection.notes);
    chart.leave_out_what_has_no_logarithm();
    chart.leave_out_what_is_empty();
    Ok(chart)
}

/// Says how much of what is drawn is doubted, and why.
fn doubts_note(selection: &Selection) -> Option<String> {
    let doubted: Vec<_> = selection.cases.iter().filter(|case| !case.record.doubts.is_empty()).collect();
    let codes: BTreeSet<&str> =
        doubted.iter().flat_map(|case| &case.record.doubts).map(|doubt| doubt.code.as_str()).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let all = counted(selection.cases.len(), "measurement");
    (!doubted.is_empty()).then(|| format!("Doubts on {} of {all}: {}.", doubted.len(), codes.join(", ")))
}

/// Columns of cases that are drawn or compared hold numbers. Those of other files always do.
fn check_numbers(spec: &FigureSpec, selection: &Selection) -> Result<(), FigureError> {
    let mut columns: Vec<&str> = match spec.kind {
        FigureKind::OverTime | FigureKind::Distribution | FigureKind::Ccdf => Vec::new(),
        _ => spec.columns().collect(),
    };
    if spec.kind == FigureKind::AtLevel {
        columns.extend([spec.x.as_str(), spec.level_column.as_str()]);
    }
    for column in columns {
        for case in &selection.cases {
            if let Cell::Text(word) = case.cell(column) {
                let (figure, column, word) = (spec.name.clone(), column.to_owned(), word.clone());
                return Err(FigureError::NotNumbers { figure, column, word });
            }
        }
    }
    Ok(())
}

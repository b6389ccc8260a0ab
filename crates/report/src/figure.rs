//! From the description of a figure to its chart.

use std::collections::BTreeSet;

use flowbench_measurement::record::{Cell, FigureKind, FigureSpec};

use crate::Results;
use crate::chart::{Chart, counted};
use crate::select::{FigureError, HISTOGRAMS, Selection, case_columns, check_names, select, timeline_columns};
use crate::{bars, distribution, over_time, sweep};

/// Stems of the files a run leaves.
const RESERVED: [&str; 5] = ["run", "cases", "timeline", "latency", "report"];

/// Checks the description of a figure without any results: worth doing before an hour of measuring.
pub fn check_figure(spec: &FigureSpec) -> Result<(), FigureError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if spec.name.is_empty() || spec.name.len() > 80 || !spec.name.chars().all(fits) {
        return Err(FigureError::Name(spec.name.clone()));
    }
    if RESERVED.contains(&spec.name.to_lowercase().as_str()) {
        return Err(FigureError::Reserved(spec.name.clone()));
    }
    if spec.y.is_empty() {
        return Err(FigureError::EmptyY(spec.name.clone()));
    }
    let y: Vec<&str> = spec.y.iter().map(String::as_str).collect();
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    let only: Vec<&str> = spec.only.keys().map(String::as_str).collect();
    let (columns, of_cases) = (case_columns(), "column of cases.csv");
    match spec.kind {
        FigureKind::Sweep | FigureKind::Bars => check_names(spec, "y", &y, of_cases, &columns)?,
        FigureKind::OverTime => check_names(spec, "y", &y, "column of timeline.csv", &timeline_columns())?,
        FigureKind::Distribution => check_names(spec, "y", &y, "kind of histogram", &HISTOGRAMS)?,
    }
    if spec.kind == FigureKind::Sweep {
        check_names(spec, "x", &[&spec.x], of_cases, &columns)?;
    }
    check_names(spec, "by", &by, of_cases, &columns)?;
    check_names(spec, "only", &only, of_cases, &columns)
}

/// Arranges the numbers of a figure.
pub(crate) fn chart(results: &Results, part: &str, spec: &FigureSpec) -> Result<Chart, FigureError> {
    check_figure(spec)?;
    let selection = select(results, part, spec);
    if matches!(spec.kind, FigureKind::Sweep | FigureKind::Bars) {
        check_numbers(spec, &selection)?;
    }
    let mut chart = match spec.kind {
        FigureKind::Sweep => sweep::chart(spec, &selection),
        FigureKind::OverTime => over_time::chart(spec, &selection, &results.timeline),
        FigureKind::Distribution => distribution::chart(spec, &selection, &results.histograms),
        FigureKind::Bars => bars::chart(spec, &selection),
    };
    chart.notes.extend(doubts_note(&selection));
    chart.notes.extend(selection.notes);
    chart.leave_out_what_has_no_logarithm();
    for panel in &mut chart.panels {
        panel.series.retain(|series| !series.points.is_empty());
    }
    chart.panels.retain(|panel| !panel.series.is_empty());
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

fn check_numbers(spec: &FigureSpec, selection: &Selection) -> Result<(), FigureError> {
    for column in &spec.y {
        for case in &selection.cases {
            if let Cell::Text(word) = case.cell(column) {
                let (figure, column, word) = (spec.name.clone(), column.clone(), word.clone());
                return Err(FigureError::NotNumbers { figure, column, word });
            }
        }
    }
    Ok(())
}

//! Arranges the numbers of a figure as a chart, with a module for each kind of figure.

pub(crate) mod at_level;
mod bars;
pub(crate) mod ccdf;
pub(crate) mod check;
pub(crate) mod distribution;
mod forgotten;
pub(crate) mod heat_map;
mod of_answers;
mod operators;
mod over_time;
pub(crate) mod panels;
pub(crate) mod scaling;
mod stacked;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{FigureKind, FigureSpec};

use crate::Results;
use crate::chart::Chart;
use crate::figures::check::{FigureError, check_figure};
use crate::select::{Selection, select};
use crate::text::counted;

/// Returns the chart of a figure.
///
/// # Errors
///
/// Returns an error if the description is invalid or if a column that must hold numbers holds words.
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
        FigureKind::HeatMap => heat_map::chart(spec, &selection, results),
        FigureKind::Scaling => scaling::chart(spec, &selection, results.run.machine.usable_cores),
        FigureKind::Ccdf => ccdf::chart(spec, &selection, &results.histograms),
        FigureKind::Operators => operators::chart(spec, &selection, results),
        FigureKind::Answers => return of_answers::chart(spec, part, results),
    };
    let columns: Vec<&str> = spec.columns().collect();
    if panels::is_bracketed(&columns) {
        let note =
            "The interval of a sustainable rate is the bracket that its search ended with, not the range of repeats.";
        chart.notes.push(note.to_owned());
    }
    chart.notes.extend(doubts_note(&selection));
    chart.doubts = doubts_of_cases(&selection);
    chart.notes.extend(selection.notes);
    chart.leave_out_what_has_no_logarithm();
    chart.leave_out_what_is_empty();
    Ok(chart)
}

/// Returns the codes of the doubts of each doubted case.
fn doubts_of_cases(selection: &Selection) -> BTreeMap<usize, String> {
    let mut codes: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for case in selection.cases.iter().filter(|case| !case.record.doubts.is_empty()) {
        let of_case = case.record.doubts.iter().map(|doubt| doubt.code.as_str());
        codes.entry(case.record.case).or_default().extend(of_case);
    }
    codes.into_iter().map(|(case, codes)| (case, codes.into_iter().collect::<Vec<_>>().join(", "))).collect()
}

/// Returns a note on the number of doubted measurements and their doubts.
fn doubts_note(selection: &Selection) -> Option<String> {
    let doubted: Vec<_> = selection.cases.iter().filter(|case| !case.record.doubts.is_empty()).collect();
    let codes: BTreeSet<&str> =
        doubted.iter().flat_map(|case| &case.record.doubts).map(|doubt| doubt.code.as_str()).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let all = counted(selection.cases.len(), "measurement");
    (!doubted.is_empty()).then(|| format!("Doubts on {} of {all}: {}.", doubted.len(), codes.join(", ")))
}

/// Checks that the columns of cases to be drawn or compared hold numbers; columns of other files always do.
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

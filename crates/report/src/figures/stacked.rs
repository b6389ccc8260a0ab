//! `stacked`: a bar for each group, with several columns stacked end to end.

use flowbench_measurement::record::FigureSpec;

use crate::chart::{Chart, Mark, Point, X};
use crate::figures::bars::{names, row_column};
use crate::figures::panels::{Group, panels};
use crate::figures::sweep::{medians, mixed_note, unmeasured_notes};
use crate::select::Selection;
use crate::text::counted;

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection) -> Chart {
    // All cases together: the groups are the rows. The range of a part has no place on a stack.
    let mut panels = panels(spec, &Group::ALL, |column, _| {
        let medians = medians(&selection.cases, column, |case| Some(case.group as f64));
        vec![(None, medians.into_iter().map(|point| Point { low: point.y, high: point.y, ..point }).collect())]
    });
    let mut negative = 0;
    for series in panels.iter_mut().flat_map(|panel| &mut panel.series) {
        let before = series.points.len();
        series.points.retain(|point| point.y >= 0.0);
        negative += before - series.points.len();
    }
    let x = X::Names { column: row_column(spec), names: names(selection), mark: Mark::Stack };
    let mut notes: Vec<String> = medians_note(selection).into_iter().collect();
    if negative > 0 {
        notes.push(format!("{} below zero not shown: they have no place in a stack.", counted(negative, "part")));
    }
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    notes.extend(mixed_note(&selection.cases, &by));
    notes.extend(unmeasured_notes(&selection.cases, spec));
    Chart { notes, ..Chart::new(&spec.name, &spec.question, x, panels) }
}

fn medians_note(selection: &Selection) -> Option<String> {
    (selection.repeats() > 1)
        .then(|| "Medians of the repeats for each part; their sum is written beside the bar.".to_owned())
}

//! `bars`: a row for each group, a bar for each column.

use flowbench_measurement::record::FigureSpec;

use crate::chart::{Chart, Mark, Panel, X};
use crate::figures::panels::{Group, are_chosen, panels};
use crate::figures::sweep::{medians, mixed_note, repeats_note, unmeasured_notes};
use crate::select::Selection;

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection) -> Chart {
    // All cases together: the groups are the rows.
    let mut panels = panels(spec, &Group::ALL, |column, _| {
        vec![(None, medians(&selection.cases, column, |case| Some(case.group as f64)))]
    });
    if selection.colours_are_strategies {
        colour_by_strategy(&mut panels, selection);
    }
    let x = X::Names { column: row_column(spec), names: names(selection), mark: Mark::Bar };
    let by: Vec<&str> = spec.by.iter().map(String::as_str).collect();
    let mut notes: Vec<String> = repeats_note(&selection.cases).into_iter().collect();
    notes.extend(mixed_note(&selection.cases, &by));
    notes.extend(unmeasured_notes(&selection.cases, spec));
    Chart { legend_once: are_chosen(spec), notes, ..Chart::new(&spec.name, &spec.question, x, panels) }
}

/// Gives the bars of panels with one series the colours of their strategies.
fn colour_by_strategy(panels: &mut [Panel], selection: &Selection) {
    for panel in panels {
        if let [only] = panel.series.as_mut_slice() {
            only.points.iter_mut().for_each(|point| point.colour = selection.colours.get(point.x as usize).copied());
        }
    }
}

/// Returns the columns by which rows are named.
pub(crate) fn row_column(spec: &FigureSpec) -> String {
    if spec.by.is_empty() { "group".to_owned() } else { spec.by.join("+") }
}

/// Returns a name for the row of each group.
pub(crate) fn names(selection: &Selection) -> Vec<String> {
    let names = selection.groups.iter().map(|name| if name.is_empty() { "all cases" } else { name });
    names.map(str::to_owned).collect()
}

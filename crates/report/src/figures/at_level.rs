//! `at-level`: bars of columns at the smallest x at which a column reaches a level, so that equally good cases are
//! compared.

use std::collections::BTreeMap;

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::FigureSpec;
use flowbench_measurement::statistics::median;

use crate::chart::{Chart, Choices, ChosenValue, Mark, Point, X};
use crate::figures::panels::{Group, panels};
use crate::figures::sweep::{medians, mixed_note, repeats_note, unmeasured_notes, with_x};
use crate::quantity::{Quantity, words};
use crate::select::{Chosen, Selection, group_name, value_name};

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection) -> Chart {
    let places = Places::of(spec, selection);
    let least: Vec<Option<f64>> = (0..selection.groups.len()).map(|group| least_x(spec, selection, group)).collect();
    let panels = panels(spec, &places.bars(selection), |column, bar| {
        let of_bar = (0..least.len()).filter(|group| bar.is_none_or(|bar| places.of_group[*group].1 == bar));
        let points = of_bar.filter_map(|group| {
            let (row, x) = (places.of_group[group].0, least[group]?);
            let at_x = |case: &Chosen| case.cell(&spec.x).number().filter(|other| *other == x).map(|_| row as f64);
            medians(selection.of_group(Some(group)), column, at_x).first().copied()
        });
        let mut points: Vec<Point> = points.collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        vec![(None, points)]
    });
    let chosen = (0..).zip(&least).map(|(group, x): (usize, _)| {
        let (row, bar) = places.of_group[group];
        (
            (places.bars[bar].clone(), row),
            x.map(|raw| ChosenValue {
                raw,
                words: in_words(&spec.x, raw),
                word: String::new(),
                undecided: false,
                loses_answers: false,
            }),
        )
    });
    let choices = Choices { column: spec.x.clone(), word_column: None, chosen: chosen.collect() };
    let (rows, _) = rows_and_bars(spec);
    let x = X::Names {
        column: if rows.is_empty() { "group".to_owned() } else { rows.join("+") },
        names: places.rows,
        mark: Mark::Bar,
    };
    let mut notes = vec![rule(spec)];
    notes.extend(repeats_note(&selection.cases));
    notes.extend(mixed_note(&selection.cases, &with_x(spec)));
    notes.extend(unmeasured_notes(&selection.cases, spec));
    Chart { choices: Some(choices), notes, ..Chart::new(&spec.name, &spec.question, x, panels) }
}

/// Returns the smallest x of a group at which the median of the level column reaches the level; absent if none does.
pub(crate) fn least_x(spec: &FigureSpec, selection: &Selection, group: usize) -> Option<f64> {
    let mut levels: Vec<(f64, f64)> = Vec::new();
    for case in selection.cases.iter().filter(|case| case.group == group) {
        levels.extend(case.cell(&spec.x).number().zip(case.cell(&spec.level_column).number()));
    }
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut by_x = levels.chunk_by(|a, b| a.0 == b.0);
    let reached = |same: &&[(f64, f64)]| {
        let values: Vec<f64> = same.iter().map(|(_, level)| *level).collect();
        median(&values).zip(spec.level).is_some_and(|(middle, level)| middle >= level)
    };
    by_x.find(reached).map(|same| same[0].0)
}

/// The row and the bar within its row of each group.
struct Places {
    rows: Vec<String>,
    bars: Vec<String>,
    of_group: Vec<(usize, usize)>,
}

impl Places {
    fn of(spec: &FigureSpec, selection: &Selection) -> Places {
        let (row_columns, bar_columns) = rows_and_bars(spec);
        let (mut rows, mut bars) = (Vec::new(), Vec::new());
        let mut of_group = BTreeMap::new();
        for case in &selection.cases {
            let row = place(&mut rows, name(group_name(&case.cells, row_columns)));
            let bar = place(&mut bars, group_name(&case.cells, bar_columns));
            of_group.entry(case.group).or_insert((row, bar));
        }
        Places { rows, bars, of_group: of_group.into_values().collect() }
    }

    /// Returns the bars of a row as groups with colours: those of the strategies if the bars are strategies.
    fn bars<'a>(&'a self, selection: &'a Selection) -> Vec<Group<'a>> {
        let colour = |bar: usize| match selection.colours_are_strategies {
            true => self.of_group.iter().position(|(_, of)| *of == bar).map_or(bar, |group| selection.colours[group]),
            false => bar,
        };
        self.bars.iter().enumerate().map(|(bar, name)| Group { name, colour: colour(bar) }).collect()
    }
}

/// Returns the columns that form rows and, if there is more than one column, the one that forms the bars of a row.
fn rows_and_bars(spec: &FigureSpec) -> (&[String], &[String]) {
    match spec.by.split_last() {
        Some((_, before)) if !before.is_empty() => spec.by.split_at(before.len()),
        _ => (&spec.by, &[]),
    }
}

/// Returns the index of a name in a list, appending it if it is new.
fn place(names: &mut Vec<String>, name: String) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

fn name(row: String) -> String {
    if row.is_empty() { "all cases".to_owned() } else { row }
}

fn in_words(column: &str, raw: f64) -> String {
    let cell = if raw.fract() == 0.0 && raw.abs() < 1e15 { Cell::Integer(raw as i64) } else { Cell::Number(raw) };
    value_name(column, &cell).unwrap_or_default()
}

fn rule(spec: &FigureSpec) -> String {
    let x = words(&spec.x);
    format!("Each bar is taken at the smallest {x} with a {}; that {x} is written beside the value.", level_words(spec))
}

/// Returns the condition in words: `completeness of 99 % or more`.
fn level_words(spec: &FigureSpec) -> String {
    let level = spec.level.map_or(String::new(), |level| Quantity::of(&spec.level_column).human(level));
    format!("{} of {level} or more", words(&spec.level_column))
}

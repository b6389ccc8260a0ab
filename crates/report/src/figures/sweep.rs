//! `sweep`: columns of the cases against one of their axes. Repeats are drawn as a median with its range or interval.

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{CaseRecord, FigureSpec};
use flowbench_measurement::repeats::Spread;
use flowbench_measurement::statistics::{MEDIAN_INTERVAL_SAMPLES, median};

use crate::chart::{Axis, Chart, Mark, Point, X};
use crate::compare::COMPARED;
use crate::doubted::is_doubted;
use crate::draw::scale::Tick;
use crate::figures::panels::{Group, are_chosen, panels};
use crate::quantity::{Quantity, words};
use crate::select::{Chosen, Selection, varying_axes};
use crate::text::counted;

/// Maximum number of distinct values of x that each get a tick.
const TICKED_VALUES: usize = 9;

pub(crate) fn chart(spec: &FigureSpec, selection: &Selection) -> Chart {
    let xs: Vec<&Cell> = selection.cases.iter().map(|case| case.cell(&spec.x)).collect();
    let names = distinct_names(&xs);
    let by_name = xs.iter().any(|cell| matches!(cell, Cell::Text(_)));
    let numbers = of_cases(&selection.cases, &spec.x);
    let position = |case: &Chosen| match by_name {
        true => names.iter().position(|name| *name == case.cell(&spec.x).to_string()).map(|index| index as f64),
        false => numbers.get(&case.choice).copied(),
    };
    let panels = panels(spec, &Group::all_of(selection), |column, group| {
        vec![(None, medians(selection.of_group(group), column, position))]
    });
    let x = if by_name {
        X::Names { column: spec.x.clone(), names: names.clone(), mark: Mark::Dot }
    } else {
        X::Numbers(axis(spec, &xs))
    };
    let mut notes: Vec<String> = repeats_note(&selection.cases).into_iter().collect();
    notes.extend(mixed_note(&selection.cases, &with_x(spec)));
    notes.extend(unmeasured_notes(&selection.cases, spec));
    notes.extend(unplaced_note(spec, &xs, by_name));
    Chart { legend_once: are_chosen(spec), notes, ..Chart::new(&spec.name, &spec.question, x, panels) }
}

/// Returns the value of a column for each choice, the median over its repeats. Repeats share a position even if they
/// differ in x, as shares of a rate do that is searched again in each repeat.
fn of_cases(cases: &[Chosen], column: &str) -> BTreeMap<usize, f64> {
    let mut values: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for case in cases {
        values.entry(case.choice).or_default().extend(case.cell(column).number());
    }
    values.into_iter().filter_map(|(case, values)| Some((case, median(&values)?))).collect()
}

/// Returns the median of a column with its range or interval for each position, in ascending order.
pub(crate) fn medians<'a>(
    cases: impl IntoIterator<Item = &'a Chosen<'a>>,
    column: &str,
    position: impl Fn(&Chosen) -> Option<f64>,
) -> Vec<Point> {
    let mut values: Vec<(f64, f64, &Chosen)> =
        (cases.into_iter()).filter_map(|case| Some((position(case)?, case.cell(column).number()?, case))).collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let points = values.chunk_by(|a, b| a.0 == b.0).filter_map(|same| {
        let ys: Vec<f64> = same.iter().map(|(_, y, _)| *y).collect();
        let case = same[0].2.record.case;
        Some(Point {
            case: same.iter().all(|(.., of)| of.record.case == case).then_some(case),
            doubtful: same.iter().any(|(.., of)| is_doubted(of.record, column)),
            ..Point::of(same[0].0, Spread::of(&ys)?)
        })
    });
    points.collect()
}

/// Returns a note on the number of repeats behind a point and the meaning of its whiskers.
pub(crate) fn repeats_note(cases: &[Chosen]) -> Option<String> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    cases.iter().for_each(|case| *counts.entry(case.choice).or_default() += 1);
    let (least, greatest) = (*counts.values().min()?, *counts.values().max()?);
    let repeats = match (least, greatest) {
        (_, 1) => return Some(format!("{}, each measured once.", counted(counts.len(), "case"))),
        (l, g) if l == g => format!("{g} repeats{}", of_seeds(cases)),
        (l, g) => format!("{l} to {g} repeats{}", of_seeds(cases)),
    };
    let (range, interval) = ("from minimum to maximum", "the 95 % interval of the median");
    Some(match (least >= MEDIAN_INTERVAL_SAMPLES, greatest >= MEDIAN_INTERVAL_SAMPLES) {
        (true, _) => format!("Median of {repeats}; whiskers: {interval}."),
        (_, false) => format!("Median of {repeats}; whiskers {range}."),
        _ => format!("Median of {repeats}; whiskers {range}, from {MEDIAN_INTERVAL_SAMPLES} repeats on {interval}."),
    })
}

/// Returns ` over 3 seeds` if repeats of a choice differ in their seed.
fn of_seeds(cases: &[Chosen]) -> String {
    let seeds: BTreeSet<Option<u64>> = cases.iter().map(|case| case.record.axes.seed).collect();
    let are_repeats = cases.iter().any(|case| case.choice != case.record.case);
    if are_repeats { format!(" over {} seeds", seeds.len()) } else { String::new() }
}

/// Returns a note if a point mixes cases that the figure does not distinguish.
pub(crate) fn mixed_note(cases: &[Chosen], told_apart: &[&str]) -> Option<String> {
    let names: Vec<String> = mixed_axes(cases, told_apart).into_iter().map(|column| format!("`{column}`")).collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("Caution: some points mix cases that differ in {names}; use `by` or `only` to separate them.")
    })
}

/// Returns the axes in which cases differ although they agree in their group and in the given columns.
pub(crate) fn mixed_axes(cases: &[Chosen], told_apart: &[&str]) -> BTreeSet<&'static str> {
    let mut alike: BTreeMap<(usize, Vec<String>), Vec<&CaseRecord>> = BTreeMap::new();
    for case in cases {
        let values = told_apart.iter().map(|column| case.cell(column).to_string()).collect();
        alike.entry((case.group, values)).or_default().push(case.record);
    }
    // Worlds of several seeds are repeats where they are not told apart.
    let varying = alike.into_values().flat_map(|records| varying_axes(records.into_iter()));
    varying.filter(|axis| *axis != "seed").collect()
}

/// Returns notes that name the columns for which some cases have no value.
pub(crate) fn unmeasured_notes(cases: &[Chosen], spec: &FigureSpec) -> Vec<String> {
    let missing = |column: &str| {
        let without = cases.iter().filter(|case| *case.cell(column) == Cell::Empty).count();
        let why = match COMPARED.contains(&column) {
            true => "there is no closed-loop `sequential` case to compare with",
            false => "not measured, or too few samples",
        };
        let all = counted(cases.len(), "measurement");
        (without > 0).then(|| format!("No {} in {without} of {all}: {why}.", words(column)))
    };
    spec.columns().filter_map(missing).collect()
}

/// Returns the columns that distinguish the points of a figure with an x axis.
pub(crate) fn with_x(spec: &FigureSpec) -> Vec<&str> {
    spec.by.iter().map(String::as_str).chain([spec.x.as_str()]).collect()
}

fn distinct_names(cells: &[&Cell]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for cell in cells.iter().filter(|cell| ***cell != Cell::Empty) {
        let name = cell.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn axis(spec: &FigureSpec, xs: &[&Cell]) -> Axis {
    let mut values: Vec<f64> = xs.iter().filter_map(|cell| cell.number()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let quantity = Quantity::of(&spec.x);
    let label = |value: f64| {
        if value == 0.0 || is_whole_count(quantity, value) { value.to_string() } else { quantity.tick(value) }
    };
    let ticks = if values.len() <= TICKED_VALUES {
        values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
    } else {
        Vec::new()
    };
    Axis { log: spec.log_x, ticks, ..Axis::new(words(&spec.x), &spec.x, quantity) }
}

/// Returns true for small whole counts, which are more readable in full: 4096 records, not 4.1k.
fn is_whole_count(quantity: Quantity, value: f64) -> bool {
    quantity == Quantity::Count && value.fract() == 0.0 && value.abs() < 100_000.0
}

fn unplaced_note(spec: &FigureSpec, xs: &[&Cell], by_name: bool) -> Option<String> {
    let unplaced =
        xs.iter().filter(|cell| if by_name { ***cell == Cell::Empty } else { cell.number().is_none() }).count();
    (unplaced > 0).then(|| format!("{} without {} not shown.", counted(unplaced, "case"), words(&spec.x)))
}

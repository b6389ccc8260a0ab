//! What held when a run was reproduced: claim by claim, column by column.

use std::collections::BTreeMap;

use flowbench_measurement::claims::Checked;
use flowbench_measurement::comparison::{Comparison, MetricChange};
use flowbench_measurement::statistics::median;

use crate::quantity::words;
use crate::table::{Column, LEFT, RIGHT, Screen, Table, printable};
use crate::text::counted;

/// Returns what held as text for a screen, claims and names of columns apart: each claim as it
/// stood and as it stands, the exact values that differ, and the ratio of each metric over all cases.
pub fn reproduction_text(comparison: &Comparison, before: &[Checked], now: &[Checked], screen: Screen) -> String {
    let mut out = claims(before, now);
    for obstacle in &comparison.obstacles {
        let (field, before, after) = (obstacle.field, &obstacle.before, &obstacle.after);
        out.push_str(&printable(&format!("differs: {field}, '{before}' before and '{after}' now")));
        out.push('\n');
    }
    out.push_str(&exact(comparison));
    if comparison.cells.is_empty() {
        return out;
    }
    out + "\nTimes and sizes, now over before:\n" + &metrics(comparison).text(screen) + &too_few(comparison)
}

/// Returns a sentence if no time can be told apart, however much it has changed.
fn too_few(comparison: &Comparison) -> String {
    let Some(needed) = comparison.repeats_needed() else { return String::new() };
    let metrics = counted(comparison.cells.len(), "metric");
    format!("With so few repeats none can be told apart, however far: {metrics} need {needed} repeats on each side.\n")
}

fn claims(before: &[Checked], now: &[Checked]) -> String {
    if now.is_empty() {
        return "The experiment claims nothing.\n".to_owned();
    }
    let mut out = String::from("Claims, as they stood and as they stand:\n");
    for (before, now) in before.iter().zip(now) {
        let line = format!("{} -> {}  {}", before.standing.word(), now.standing.word(), now.claim);
        out.push_str(&(printable(&line) + "\n"));
        out.push_str(&(printable(&format!("    found {}; before {}", now.found, before.found)) + "\n"));
    }
    out
}

/// Returns how many exact values are as they were, and for each column that differs in how many cases it does.
fn exact(comparison: &Comparison) -> String {
    let (differ, compared) = (comparison.exact.len(), comparison.exact_compared);
    let mut columns: BTreeMap<&str, usize> = BTreeMap::new();
    for change in &comparison.exact {
        *columns.entry(change.column).or_default() += 1;
    }
    let mut out = format!("\nExact values: {} of {compared} are as they were.\n", compared - differ);
    for (column, cases) in columns {
        out.push_str(&format!("    {column} differs in {}\n", counted(cases, "case")));
    }
    for (names, when) in [(&comparison.only_before, "before"), (&comparison.only_after, "now")] {
        if !names.is_empty() {
            out.push_str(&format!("{} only {when}\n", counted(names.len(), "case")));
        }
    }
    out
}

fn metrics(comparison: &Comparison) -> Table {
    let mut ratios: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in &comparison.cells {
        ratios.entry(cell.metric.column).or_default().push(cell.ratio.estimate);
        let is_alike = matches!(cell.change, MetricChange::Same | MetricChange::Inconclusive);
        *alike.entry(cell.metric.column).or_default() += usize::from(is_alike);
    }
    let columns = [
        Column { title: "metric", ..LEFT },
        Column { title: "cases", ..RIGHT },
        Column { title: "median ratio", ..RIGHT },
        Column { title: "least", ..RIGHT },
        Column { title: "most", ..RIGHT },
        Column { title: "not told apart", ..RIGHT },
    ];
    let row = |(column, ratios): (&&str, &Vec<f64>)| {
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = |value: f64| format!("{value:.2}");
        let middle = median(ratios).map(ratio).unwrap_or_default();
        vec![words(column), ratios.len().to_string(), middle, ratio(least), ratio(most), alike[column].to_string()]
    };
    Table { columns: columns.to_vec(), rows: ratios.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::claims::Standing;
    use flowbench_measurement::comparison::{ExactChange, Obstacle};

    use super::*;

    #[test]
    fn each_claim_has_a_line_and_columns_that_differ_are_counted() {
        let checked = |standing| Checked { claim: "max(late) < 3".into(), standing, found: "2".into() };
        let change =
            |case: &str| ExactChange { case: case.into(), column: "late", before: "2".into(), after: vec!["3".into()] };
        let obstacle = Obstacle { field: "machine.cpu", before: "a".into(), after: "b".into() };
        let comparison = Comparison {
            obstacles: vec![obstacle],
            cells: vec![],
            exact: vec![change("a"), change("b")],
            not_compared: vec![],
            new_failures: vec![],
            without_numbers: vec![],
            exact_compared: 40,
            only_before: vec!["c".into()],
            only_after: vec![],
        };
        let text =
            reproduction_text(&comparison, &[checked(Standing::Holds)], &[checked(Standing::Fails)], Screen::plain(80));
        assert_eq!(
            text,
            "Claims, as they stood and as they stand:\nholds -> fails  max(late) < 3\n    found 2; before 2\n\
             differs: machine.cpu, 'a' before and 'b' now\n\nExact values: 38 of 40 are as they were.\n    \
             late differs in 2 cases\n1 case only before\n"
        );
    }
}

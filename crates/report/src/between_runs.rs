//! The comparison of two runs as a table: for a terminal, or as Markdown.

use std::collections::BTreeMap;

use flowbench_measurement::comparison::{Compared, Comparison, ExactChange, MetricChange, REPEATS_MIN, SIGNIFICANT};
use flowbench_measurement::statistics::Ratio;

use crate::Quantity;
use crate::quantity::words;
use crate::table::{Column, LEFT, RIGHT, Screen, Table, WORDS, printable, wrapped_lines};
use crate::text::counted;

/// Maximum number of exact changes that are listed one by one.
const LISTED_MAX: usize = 20;

/// How the comparison of two runs is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonForm {
    /// Aligned text.
    Terminal(Screen),
    /// GitHub's Markdown.
    Markdown,
}

/// Returns the comparison of two runs as text: a sentence, what differs that should not, and a row for each metric. Metrics
/// that are the same have rows only if `all`.
pub fn comparison_text(comparison: &Comparison, form: ComparisonForm, all: bool) -> String {
    let mut out = summary(comparison) + "\n";
    let mut notes = String::new();
    for obstacle in &comparison.obstacles {
        let (field, before, after) = (obstacle.field, &obstacle.before, &obstacle.after);
        notes.push_str(&printable(&format!("forced: {field} differs, '{before}' before and '{after}' after")));
        notes.push('\n');
    }
    notes.push_str(&remarks(comparison));
    out.push_str(&match form {
        ComparisonForm::Terminal(screen) => notes.lines().map(|note| wrapped_lines(note, "", screen.width)).collect(),
        ComparisonForm::Markdown => notes,
    });
    let cells = listed(comparison, all);
    if !cells.is_empty() {
        let table = table(&cells, !comparison.obstacles.is_empty());
        out.push('\n');
        out.push_str(&match form {
            ComparisonForm::Terminal(screen) => under_headings(&table, &cells, screen),
            ComparisonForm::Markdown => table.markdown(),
        });
    }
    out.push('\n');
    out.push_str(&method(comparison));
    out
}

pub(crate) fn summary(comparison: &Comparison) -> String {
    let of = |change: MetricChange| format!("{} {}", comparison.count(change), change.word());
    let counts =
        [MetricChange::Worse, MetricChange::Better, MetricChange::Same, MetricChange::Inconclusive].map(of).join(", ");
    let exact = match comparison.exact.len() {
        0 if comparison.exact_compared == 0 => "there are no exact values to compare".to_owned(),
        0 => format!("all {} exact values are equal", comparison.exact_compared),
        changed => format!("{changed} of {} exact values differ", comparison.exact_compared),
    };
    format!("{}: {counts}\n{exact}", counted(comparison.cells.len(), "metric"))
}

fn exact_lines(changes: &[ExactChange]) -> String {
    let line = |change: &ExactChange| {
        format!("{}: {} was {} and is {}\n", change.case, change.column, change.before, change.after.join(" or "))
    };
    let mut out: String = changes.iter().take(LISTED_MAX).map(line).collect();
    if changes.len() > LISTED_MAX {
        out.push_str(&format!("and {} more\n", changes.len() - LISTED_MAX));
    }
    out
}

/// Returns lines about what should be alike in both runs and is not: what could not be compared, exact values that differ,
/// and cases that only one run has.
pub(crate) fn remarks(comparison: &Comparison) -> String {
    let mut out = gaps(comparison) + &exact_lines(&comparison.exact);
    for (names, which) in [(&comparison.only_before, "before"), (&comparison.only_after, "after")] {
        names.iter().for_each(|name| out.push_str(&format!("only in the run {which}: {name}\n")));
    }
    out
}

/// Returns lines about what could not be compared although a run has it.
fn gaps(comparison: &Comparison) -> String {
    let failures = comparison.new_failures.iter().map(|failure| {
        let repeats = counted(failure.repeats, "repeat");
        format!("{}: {} of {repeats} after without numbers, {}", failure.case, failure.failed, failure.cause)
    });
    let missing = comparison.not_compared.iter().filter(|gap| gap.is_missing_after);
    let missing = missing.map(|gap| format!("{}: {} has no value after", gap.case, words(gap.metric.column)));
    let mut out: String = failures.chain(missing).map(|line| printable(&line) + "\n").collect();
    for failure in &comparison.without_numbers {
        out.push_str(&printable(&format!("{}: without numbers in both runs, {}", failure.case, failure.cause)));
        out.push('\n');
    }
    let mut disturbed: BTreeMap<&str, usize> = BTreeMap::new();
    for code in comparison.cells.iter().filter_map(|cell| cell.disturbed_by) {
        *disturbed.entry(code).or_default() += 1;
    }
    for (code, cells) in disturbed {
        let metrics = counted(cells, "metric");
        out.push_str(&format!("{metrics} disturbed by the machine ({code}): see flowbench explain {code}\n"));
    }
    let without_ratio = comparison.not_compared.iter().filter(|gap| !gap.is_missing_after).count();
    if without_ratio > 0 {
        let metrics = counted(without_ratio, "metric");
        out.push_str(&format!("{metrics} not compared, since some repeats have no value above 0\n"));
    }
    out
}

/// Returns the metrics that have a row: cases by their worst change, and the metrics of a case by theirs.
pub(crate) fn listed(comparison: &Comparison, all: bool) -> Vec<&Compared> {
    let mut worst: BTreeMap<&str, MetricChange> = BTreeMap::new();
    for cell in &comparison.cells {
        let change = worst.entry(&cell.case).or_insert(cell.change);
        *change = cell.change.min(*change);
    }
    let mut cells: Vec<&Compared> =
        comparison.cells.iter().filter(|cell| all || cell.change != MetricChange::Same).collect();
    cells.sort_by_key(|cell| (worst[cell.case.as_str()], &cell.case, cell.change));
    cells
}

pub(crate) fn table(cells: &[&Compared], is_forced: bool) -> Table {
    let columns = [
        Column { title: "case", ..LEFT },
        Column { title: "metric", ..WORDS },
        Column { title: "before", ..RIGHT },
        Column { title: "after", ..RIGHT },
        Column { title: "ratio", ..RIGHT },
        Column { title: "change", ..LEFT },
    ];
    Table { columns: columns.to_vec(), rows: cells.iter().map(|cell| row(cell, is_forced)).collect() }
}

/// Returns the table with the name of each case above its rows instead of beside them.
fn under_headings(table: &Table, cells: &[&Compared], screen: Screen) -> String {
    let mut table = table.clone();
    table.drop_column("case");
    let (mut out, rows) = table.header_and_rows(screen);
    let mut heading = "";
    for (row, cell) in rows.iter().zip(cells) {
        if cell.case != heading {
            heading = &cell.case;
            out.push_str(&wrapped_lines(&printable(heading), "", screen.width));
        }
        out.push_str(row);
    }
    out
}

fn row(cell: &Compared, is_forced: bool) -> Vec<String> {
    let quantity = Quantity::of(cell.metric.column);
    let change = match cell.change {
        MetricChange::Better if cell.is_implausible() => "better?",
        MetricChange::Inconclusive => "~",
        change => change.word(),
    };
    let forced = if is_forced { " (forced)" } else { "" };
    vec![
        cell.case.clone(),
        // Wider names would be cut, with their quantile.
        format!("  {}", words(cell.metric.column).replace("processing delay", "delay")),
        quantity.human(cell.before),
        quantity.human(cell.after),
        ratio_words(&cell.ratio),
        format!("{change}{forced}"),
    ]
}

/// Returns text such as `0.80 [0.78–0.83]`; without an interval the range is in parentheses.
fn ratio_words(ratio: &Ratio) -> String {
    let Ratio { estimate, low, high, is_interval } = ratio;
    match is_interval {
        true => format!("{estimate:.2} [{low:.2}–{high:.2}]"),
        false => format!("{estimate:.2} ({low:.2}–{high:.2})"),
    }
}

pub(crate) fn method(comparison: &Comparison) -> String {
    let percent = SIGNIFICANT * 100.0;
    let mut out = format!(
        "ratio: after over before (Hodges-Lehmann) [and its 95 % interval]\n    \
         or, with few repeats, (the range of all pairs of them)\n\
         better, worse: significant at {percent:.0} % (Mann-Whitney, Holm over all metrics)\n    \
         and beyond the threshold of the metric; better?: more than can be expected\n\
         same: the interval is within the threshold; ~: cannot be told\n"
    );
    if let Some(needed) = comparison.repeats_needed() {
        let metrics = counted(comparison.cells.len(), "metric");
        out.push_str(&format!(
            "No change can be significant with so few repeats, however large:\n    \
             {metrics} need {needed} repeats on each side.\n"
        ));
    } else if let Some(repeats) = comparison.repeats_min().filter(|repeats| *repeats < REPEATS_MIN) {
        out.push_str(&format!("Some metrics have {}; {REPEATS_MIN} or more are needed.\n", counted(repeats, "repeat")));
    }
    out
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::comparison::Obstacle;
    use flowbench_measurement::metrics::METRICS;

    use super::*;

    fn cell(change: MetricChange, estimate: f64) -> Compared {
        Compared {
            case: "delay sessions exchange workers=2 records_per_epoch=4096 settings=\"gap=10min any\" idle=park"
                .to_owned(),
            case_id: String::new(),
            part: "delay".to_owned(),
            metric: METRICS[0],
            before: 40e6,
            after: 40e6 * estimate,
            repeats: (6, 6),
            ratio: Ratio { estimate, low: estimate * 0.98, high: estimate * 1.03, is_interval: true },
            probability: 0.01,
            change,
            disturbed_by: None,
        }
    }

    fn comparison() -> Comparison {
        let cells =
            vec![cell(MetricChange::Same, 1.0), cell(MetricChange::Better, 3.0), cell(MetricChange::Worse, 0.8)];
        let after = vec!["b2".to_owned()];
        let exact = vec![ExactChange { case: "x".into(), column: "answers_digest", before: "a1".into(), after }];
        Comparison {
            obstacles: vec![],
            cells,
            exact,
            not_compared: vec![],
            new_failures: vec![],
            without_numbers: vec![],
            exact_compared: 40,
            only_before: vec![],
            only_after: vec!["y".into()],
        }
    }

    #[test]
    fn the_worst_comes_first_and_no_line_is_wider_than_the_terminal() {
        let text = comparison_text(&comparison(), ComparisonForm::Terminal(Screen::plain(80)), false);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.starts_with(
            "3 metrics: 1 worse, 1 better, 1 same, 0 inconclusive\n1 of 40 exact values differ\n\
             x: answers_digest was a1 and is b2\nonly in the run after: y\n"
        ));
        let (worse, better) = (text.find("0.80 [0.78–0.82]  worse"), text.find("better?"));
        assert!(worse.is_some() && worse < better && !text.contains("1.00 ["), "{text}");
        assert!(comparison_text(&comparison(), ComparisonForm::Terminal(Screen::plain(80)), true).contains("1.00 ["));
    }

    #[test]
    fn a_forced_comparison_says_so_on_every_row() {
        let obstacle = Obstacle { field: "machine.cpu", before: "a".into(), after: "b".into() };
        let forced = Comparison { obstacles: vec![obstacle], ..comparison() };
        let text = comparison_text(&forced, ComparisonForm::Markdown, true);
        assert!(text.contains("forced: machine.cpu differs, 'a' before and 'b' after\n"));
        assert_eq!(text.lines().filter(|line| line.ends_with("(forced) |")).count(), 3, "{text}");
    }
}

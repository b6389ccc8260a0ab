//! The cases of a part that a figure shows: all that differ, a readable number of others, and how many are left out.

use flowbench_measurement::comparison::{Compared, MetricChange};
use flowbench_measurement::metrics::Metric;

/// Number of cases that are shown, if as many are there, whether they differ or not.
const ROWS: usize = 16;
/// Maximum number of cases that are shown because they differ.
const ROWS_MAX: usize = 60;

/// The cases of one part that are shown.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    /// Names of the cases, unique in the comparison, in the order of the first run.
    pub(crate) cases: Vec<&'a str>,
    /// What tells them apart, in the same order.
    pub(crate) names: Vec<String>,
    /// What the names of all of them have in common; may be empty.
    pub(crate) common: String,
    /// Number of cases of the part that are left out.
    pub(crate) left_out: usize,
    /// All compared metrics of the part.
    pub(crate) cells: Vec<&'a Compared>,
}

impl<'a> Rows<'a> {
    /// Selects the cases of a part from its metrics.
    pub(crate) fn of(cells: Vec<&'a Compared>) -> Rows<'a> {
        let mut all: Vec<&str> = Vec::new();
        for cell in &cells {
            if all.last() != Some(&cell.case.as_str()) {
                all.push(&cell.case);
            }
        }
        let changes = |case: &str| -> Vec<MetricChange> {
            cells.iter().filter(|cell| cell.case == case).map(|cell| cell.change).collect()
        };
        let differs = |case: &str| changes(case).iter().any(is_difference);
        let differing = all.iter().filter(|case| differs(case)).count();
        let mut ranked: Vec<usize> = (0..all.len()).collect();
        ranked.sort_by_key(|n| (!differs(all[*n]), changes(all[*n]).into_iter().min()));
        ranked.truncate(differing.clamp(ROWS, ROWS_MAX));
        ranked.sort_unstable();
        let cases: Vec<&str> = ranked.iter().map(|n| all[*n]).collect();
        let (common, names) = told_apart(&cases);
        Rows { left_out: all.len() - cases.len(), cases, names, common, cells }
    }

    /// Returns a metric of a case; `None` if it was not compared.
    pub(crate) fn cell(&self, case: &str, metric: &Metric) -> Option<&'a Compared> {
        self.cells.iter().copied().find(|cell| cell.case == case && cell.metric == *metric)
    }
}

/// Returns true if something became of a metric that can be told.
pub(crate) fn is_difference(change: &MetricChange) -> bool {
    matches!(change, MetricChange::Worse | MetricChange::Better)
}

/// Returns the choices that all names have, and the names without the part and without them.
fn told_apart(names: &[&str]) -> (String, Vec<String>) {
    let choices = |name: &str| -> Vec<String> { name.split('/').skip(1).map(str::to_owned).collect() };
    let all: Vec<Vec<String>> = names.iter().map(|name| choices(name)).collect();
    let (first, rest) = match all.as_slice() {
        [] => return (String::new(), Vec::new()),
        [only] => return (String::new(), vec![only.join("/")]),
        [first, rest @ ..] => (first, rest),
    };
    let common: Vec<&String> = first.iter().filter(|one| rest.iter().all(|other| other.contains(one))).collect();
    let told =
        |name: &Vec<String>| name.iter().filter(|one| !common.contains(one)).cloned().collect::<Vec<_>>().join("/");
    let common_words: Vec<&str> = common.iter().map(|one| one.as_str()).collect();
    (common_words.join("/"), all.iter().map(told).collect())
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::metrics::METRICS;
    use flowbench_measurement::statistics::Ratio;

    use super::*;

    fn cell(case: usize, metric: usize, change: MetricChange) -> Compared {
        Compared {
            case: format!("part/sessions/x{case}/frontier"),
            case_id: String::new(),
            part: "part".to_owned(),
            metric: METRICS[metric],
            before: 1.0,
            after: 1.0,
            repeats: (5, 5),
            ratio: Ratio { estimate: 1.0, low: 1.0, high: 1.0, is_interval: true },
            probability: 1.0,
            change,
            disturbed_by: None,
        }
    }

    /// A part of so many cases, the last of which differ.
    fn cells(cases: usize, differing: usize) -> Vec<Compared> {
        let change = |n: usize| if n + differing >= cases { MetricChange::Better } else { MetricChange::Inconclusive };
        (0..cases).flat_map(|n| [cell(n, 0, MetricChange::Same), cell(n, 1, change(n))]).collect()
    }

    #[test]
    fn every_case_is_shown_or_counted_and_those_that_differ_come_first() {
        for (cases, differing) in [(0, 0), (1, 0), (3, 1), (16, 0), (40, 3), (40, 30), (100, 99), (17, 17)] {
            let cells = cells(cases, differing);
            let rows = Rows::of(cells.iter().collect());
            assert_eq!(rows.cases.len() + rows.left_out, cases);
            assert_eq!(rows.names.len(), rows.cases.len());
            let shown = rows.cases.iter().filter(|case| is_difference(&rows.cell(case, &METRICS[1]).unwrap().change));
            assert_eq!(shown.count(), differing.min(ROWS_MAX), "{cases} {differing}");
            assert!(rows.cases.len() >= cases.min(ROWS));
        }
    }

    #[test]
    fn what_all_names_share_is_said_once() {
        let (common, names) = told_apart(&["a/sessions/x1/frontier", "a/identity/on=1/x1/frontier"]);
        assert_eq!((common.as_str(), names), ("x1/frontier", vec!["sessions".into(), "identity/on=1".into()]));
        assert_eq!(told_apart(&["a/sessions/x1"]), (String::new(), vec!["sessions/x1".into()]));
    }
}

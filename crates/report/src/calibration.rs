//! What comparisons see on a machine, as a table for a terminal.

use std::collections::BTreeSet;

use flowbench_measurement::comparison::{Calibration, Sensitivity};

use crate::quantity::words;
use crate::table::{Column, LEFT, NONE, RIGHT, Screen, Table};

/// Returns a calibration as text for a screen: the false alarms, and for each metric the smallest
/// change that is found in the best, the middle and the worst of its cases.
pub fn calibration_text(calibration: &Calibration, screen: Screen) -> String {
    let Calibration { divisions, false_alarms, sensitivities } = calibration;
    let repeats = repeats_words(sensitivities);
    let mut out = format!(
        "A build compared with itself, {repeats} a side, repeats divided at random {divisions} times.\n\
         False alarms: {false_alarms} of {divisions} comparisons had any metric that was worse or better.\n\n\
         The smallest change for the worse that is found in four of five comparisons:\n"
    );
    let metrics: BTreeSet<&str> = sensitivities.iter().map(|one| one.metric.column).collect();
    let columns = [
        Column { title: "metric", ..LEFT },
        Column { title: "cases", ..RIGHT },
        Column { title: "best", ..RIGHT },
        Column { title: "median", ..RIGHT },
        Column { title: "worst", ..RIGHT },
    ];
    let rows = metrics.into_iter().map(|metric| row(metric, sensitivities)).collect();
    out.push_str(&Table { columns: columns.to_vec(), rows }.text(screen));
    out.push_str("\n–: not found up to a factor of three. More rounds, longer cases or a quieter machine see more.\n");
    out
}

/// Returns how many repeats were compared, which may be fewer where a metric has no value in some.
fn repeats_words(sensitivities: &[Sensitivity]) -> String {
    let repeats = || sensitivities.iter().map(|one| one.repeats);
    match (repeats().min().unwrap_or(0), repeats().max().unwrap_or(0)) {
        (1, 1) => "1 repeat".to_owned(),
        (least, most) if least == most => format!("{most} repeats"),
        (least, most) => format!("{least} to {most} repeats"),
    }
}

fn row(metric: &str, all: &[Sensitivity]) -> Vec<String> {
    let of_metric = all.iter().filter(|one| one.metric.column == metric);
    let mut shares: Vec<f64> = of_metric.map(|one| one.smallest_share.unwrap_or(f64::INFINITY)).collect();
    shares.sort_by(f64::total_cmp);
    let at = |index: usize| match shares.get(index) {
        Some(share) if share.is_finite() => format!("{:.0} %", share * 100.0),
        _ => NONE.to_owned(),
    };
    let last = shares.len().saturating_sub(1);
    vec![words(metric), shares.len().to_string(), at(0), at(last / 2), at(last)]
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::metrics::METRICS;

    use super::*;

    #[test]
    fn the_repeats_are_those_that_were_compared() {
        let one = |repeats| Sensitivity { case: String::new(), metric: METRICS[0], repeats, smallest_share: None };
        let words = |repeats: &[usize]| repeats_words(&repeats.iter().copied().map(one).collect::<Vec<_>>());
        assert_eq!([words(&[4, 4]), words(&[1]), words(&[4, 2, 4])], ["4 repeats", "1 repeat", "2 to 4 repeats"]);
    }

    #[test]
    fn each_metric_has_the_best_the_middle_and_the_worst_of_its_cases() {
        let one = |smallest_share| Sensitivity { case: String::new(), metric: METRICS[0], repeats: 10, smallest_share };
        let sensitivities = [Some(0.2), Some(0.05), None].map(one).to_vec();
        let text = calibration_text(&Calibration { divisions: 200, false_alarms: 3, sensitivities }, Screen::plain(80));
        assert!(text.contains("False alarms: 3 of 200"), "{text}");
        let row: Vec<&str> =
            text.lines().find(|line| line.starts_with("throughput")).unwrap().split_whitespace().collect();
        assert_eq!(row, ["throughput", "3", "5", "%", "20", "%", "–"]);
    }
}

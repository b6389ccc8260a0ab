//! All columns that figures and tables may show, each with its file, its unit and its meaning.

use flowbench_measurement::column_absences::{absence, absence_over_time};
use flowbench_measurement::column_meanings::{CASE_COLUMNS, TIMELINE_COLUMNS};
use flowbench_measurement::results_dir::{CASES_CSV, TIMELINE_CSV};

use crate::compare::COMPARED_COLUMNS;
use crate::quantity::Quantity;
use crate::select::WORDED;

/// A column of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnMeaning {
    /// Name of the column.
    pub name: &'static str,
    /// The file that has it; columns that compare cases are in no file.
    pub place: &'static str,
    /// Unit of its values; `text` for words.
    pub unit: &'static str,
    /// What its values are, in a sentence.
    pub meaning: &'static str,
    /// When there is no value for it; empty if there always is one.
    pub absent_if: &'static str,
}

/// Columns that hold text no reader compares at a glance.
const TEXTS: [&str; 3] = ["cause", "answers_digest", "trace_digest"];

/// Returns all columns: those of cases, those that compare cases, and those over time.
pub fn column_catalogue() -> Vec<ColumnMeaning> {
    let of = |place: &'static str, columns: &[(&'static str, &'static str)]| -> Vec<ColumnMeaning> {
        let column = |(name, meaning): &(&'static str, &'static str)| {
            let is_text = WORDED.contains(name) || TEXTS.contains(name);
            let unit = if is_text { "text" } else { Quantity::of(name).raw_unit() };
            let absent_if = match place {
                CASES_CSV => absence(name),
                TIMELINE_CSV => absence_over_time(name),
                _ => "",
            };
            ColumnMeaning { name, place, unit, meaning, absent_if }
        };
        columns.iter().map(column).collect()
    };
    [of(CASES_CSV, &CASE_COLUMNS), of("figures and tables", &COMPARED_COLUMNS), of(TIMELINE_CSV, &TIMELINE_COLUMNS)]
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::case_columns;

    #[test]
    fn every_column_that_a_figure_may_use_is_in_the_catalogue() {
        let catalogue: Vec<&str> = column_catalogue().iter().map(|column| column.name).collect();
        assert_eq!(catalogue[..case_columns().len()], case_columns());
    }

    #[test]
    fn units_are_those_of_the_names() {
        let unit = |name: &str| column_catalogue().into_iter().find(|column| column.name == name).unwrap().unit;
        assert_eq!(
            ["latency_p99_ns", "strategy", "cause", "completeness", "workers", "speed_up"].map(unit),
            ["ns", "text", "text", "share", "count", "factor"]
        );
    }
}

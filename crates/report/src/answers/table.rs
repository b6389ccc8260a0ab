//! Answers as they are read from their CSV.

use std::collections::BTreeMap;

use csv::StringRecord;
use thiserror::Error;

use crate::answers::times::rfc3339_ms;

/// The column that every answer has.
const EVENT_TIME: &str = "event_time";
/// The column of answers and retractions, in the CSV of every change.
const CHANGE: &str = "change";

/// Answers of a pipeline: rows with a time.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswersTable {
    origin: String,
    columns: Vec<String>,
    rows: Vec<StringRecord>,
    /// Line of each row in the file.
    lines: Vec<u64>,
    times_ms: Vec<i64>,
}

/// A file with answers, or with an external series, that cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswersError {
    /// The file is not CSV.
    #[error("{origin}: {problem}; give a CSV file with a header line, such as `flowbench replay -o` writes")]
    NotCsv {
        /// The file.
        origin: String,
        /// The problem of the reader, with its place.
        problem: String,
    },
    /// A column is missing.
    #[error("{origin}: there is no column '{column}' (columns: {found}); {fix}")]
    Column {
        /// The file.
        origin: String,
        /// The missing column.
        column: String,
        /// The columns that are there.
        found: String,
        /// What to do.
        fix: String,
    },
    /// A cell does not hold what it should.
    #[error("{origin}, line {line}, column '{column}': '{value}' is not {expected}")]
    Cell {
        /// The file.
        origin: String,
        /// Line of the file, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What is written there.
        value: String,
        /// What was expected, with an example.
        expected: &'static str,
    },
}

impl AnswersTable {
    /// Reads answers in CSV; errors name `origin`. Of the CSV of every change (`replay --changes`) the answers that were
    /// not retracted are kept.
    ///
    /// # Errors
    ///
    /// Returns the first problem, with its line and column.
    pub fn read(origin: &str, answers_csv: &str) -> Result<AnswersTable, AnswersError> {
        let csv = |error: csv::Error| AnswersError::NotCsv { origin: origin.to_owned(), problem: error.to_string() };
        let mut reader = csv::Reader::from_reader(answers_csv.trim_start_matches('\u{feff}').as_bytes());
        let columns: Vec<String> = reader.headers().map_err(csv)?.iter().map(str::to_owned).collect();
        let mut table =
            AnswersTable { origin: origin.to_owned(), columns, rows: vec![], lines: vec![], times_ms: vec![] };
        let time = table.column(EVENT_TIME)?;
        for row in reader.records() {
            let row = row.map_err(csv)?;
            table.lines.push(row.position().map_or(0, csv::Position::line));
            table.rows.push(row);
            let last = table.rows.len() - 1;
            let time_ms = table.parsed(last, time, rfc3339_ms, "a time such as 2026-01-05T10:00:00.000Z")?;
            table.times_ms.push(time_ms);
        }
        if let Some(change) = table.columns.iter().position(|column| column == CHANGE) {
            table.keep_what_was_not_retracted(change)?;
        }
        Ok(table)
    }

    /// Checks that these are answers of a pipeline, by its columns after `event_time`.
    ///
    /// # Errors
    ///
    /// Returns the first column that is missing.
    pub fn check_columns(&self, pipeline: &str, columns: &[&str]) -> Result<(), AnswersError> {
        columns.iter().try_for_each(|column| match self.has(&[column]) {
            true => Ok(()),
            false => {
                let fix = format!("answers of {pipeline} have it: name another pipeline, or none");
                Err(self.no_column(column, fix))
            }
        })
    }

    /// Returns the name that errors give to the answers.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the columns after `event_time`.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str).filter(|column| ![EVENT_TIME, CHANGE].contains(column))
    }

    /// Returns the number of answers.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns true if there is no answer.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the event time of each answer, in ms since the Unix epoch.
    pub(super) fn times_ms(&self) -> &[i64] {
        &self.times_ms
    }

    pub(super) fn has(&self, columns: &[&str]) -> bool {
        columns.iter().all(|column| self.columns.iter().any(|known| known == column))
    }

    /// Returns the text of a column, row by row.
    pub(super) fn texts(&self, column: &str) -> Result<Vec<&str>, AnswersError> {
        let place = self.column(column)?;
        Ok(self.rows.iter().map(|row| row.get(place).unwrap_or_default()).collect())
    }

    /// Returns the values of a column, row by row.
    pub(super) fn values<T>(
        &self,
        column: &str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> Result<Vec<T>, AnswersError> {
        let place = self.column(column)?;
        (0..self.rows.len()).map(|row| self.parsed(row, place, &parse, expected)).collect()
    }

    /// Returns the numbers of a column, row by row.
    pub(super) fn numbers(&self, column: &str) -> Result<Vec<f64>, AnswersError> {
        self.values(column, finite, "a number")
    }

    /// Returns the numbers of a column, row by row, `None` where a cell is empty; `None` in place of the column if a cell
    /// holds anything else, or none a number.
    pub(super) fn numbers_if_all(&self, column: &str) -> Option<Vec<Option<f64>>> {
        let texts = self.texts(column).ok()?;
        let number = |text: &str| if text.is_empty() { Some(None) } else { finite(text).map(Some) };
        let numbers: Vec<Option<f64>> = texts.into_iter().map(number).collect::<Option<_>>()?;
        numbers.iter().any(Option::is_some).then_some(numbers)
    }

    /// Returns the error of a cell.
    pub(super) fn cell_error(&self, row: usize, column: &str, value: &str, expected: &'static str) -> AnswersError {
        let (origin, line) = (self.origin.clone(), self.lines[row]);
        AnswersError::Cell { origin, line, column: column.to_owned(), value: value.to_owned(), expected }
    }

    fn column(&self, name: &str) -> Result<usize, AnswersError> {
        let fix = || "answers begin with event_time, as `flowbench replay -o` writes them".to_owned();
        self.columns.iter().position(|column| column == name).ok_or_else(|| self.no_column(name, fix()))
    }

    fn no_column(&self, column: &str, fix: String) -> AnswersError {
        let (origin, found) = (self.origin.clone(), self.columns.join(", "));
        AnswersError::Column { origin, column: column.to_owned(), found, fix }
    }

    fn parsed<T>(
        &self,
        row: usize,
        place: usize,
        parse: impl Fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> Result<T, AnswersError> {
        let text = self.rows[row].get(place).unwrap_or_default();
        parse(text).ok_or_else(|| self.cell_error(row, &self.columns[place], text, expected))
    }

    /// Keeps each answer as often as it was given more than it was retracted, at the place of its last deliveries.
    fn keep_what_was_not_retracted(&mut self, change: usize) -> Result<(), AnswersError> {
        let column = self.columns[change].clone();
        let changes = self.values(&column, |text| text.parse::<i64>().ok(), "+1 or -1")?;
        let content = |row: &StringRecord| -> Vec<String> {
            row.iter().enumerate().filter(|(place, _)| *place != change).map(|(_, cell)| cell.to_owned()).collect()
        };
        let mut balance: BTreeMap<Vec<String>, i64> = BTreeMap::new();
        for (row, change) in self.rows.iter().zip(&changes) {
            *balance.entry(content(row)).or_default() += change;
        }
        let mut kept = Vec::new();
        for row in (0..self.rows.len()).rev().filter(|row| changes[*row] > 0) {
            let left = balance.entry(content(&self.rows[row])).or_default();
            kept.extend((*left > 0).then_some(row));
            *left -= 1;
        }
        kept.reverse();
        self.rows = kept.iter().map(|row| self.rows[*row].clone()).collect();
        self.lines = kept.iter().map(|row| self.lines[*row]).collect();
        self.times_ms = kept.iter().map(|row| self.times_ms[*row]).collect();
        Ok(())
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_errors_name_file_line_column_and_fix() {
        let text = "event_time,order,value\n2026-01-05T10:00:00.000Z,7,1.5\n2026-01-05T11:00:00.000Z,8,\n";
        let table = AnswersTable::read("a.csv", text).unwrap();
        assert_eq!((table.len(), table.columns().collect::<Vec<_>>()), (2, vec!["order", "value"]));
        assert_eq!(table.times_ms(), [1_767_607_200_000, 1_767_610_800_000]);
        assert_eq!(table.numbers_if_all("value"), Some(vec![Some(1.5), None]));
        let error = table.numbers("value").unwrap_err().to_string();
        assert_eq!(error, "a.csv, line 3, column 'value': '' is not a number");
        let error = |text: &str| AnswersTable::read("a.csv", text).unwrap_err().to_string();
        assert_eq!(
            error(&text.replace("2026-01-05T11", "5.1.2026 11")),
            "a.csv, line 3, column 'event_time': '5.1.2026 11:00:00.000Z' is not a time such as 2026-01-05T10:00:00.000Z"
        );
        assert!(error("time,value\n").contains("there is no column 'event_time' (columns: time, value)"));
        assert!(
            error("event_time,a\n1\n").starts_with("a.csv: CSV error: record 1 (line: 2"),
            "{}",
            error("event_time,a\n1\n")
        );
        let other = table.check_columns("sessions", &["customer", "start"]).unwrap_err().to_string();
        assert!(other.contains("no column 'customer'") && other.contains("answers of sessions have it"), "{other}");
    }

    #[test]
    fn retracted_answers_are_no_answers() {
        let text = "event_time,n,change\n2026-01-05T10:00:00Z,1,+1\n2026-01-05T10:00:00Z,1,-1\n\
                    2026-01-05T10:00:00Z,2,+1\n2026-01-05T10:00:00Z,2,+1\n2026-01-05T10:00:00Z,2,-1\n";
        let table = AnswersTable::read("a.csv", text).unwrap();
        assert_eq!(table.numbers("n").unwrap(), [2.0]);
        assert_eq!(table.columns().collect::<Vec<_>>(), ["n"]);
        assert_eq!(table.times_ms().len(), 1);
    }
}

//! The answers that were given: as they stand in a file, or as what a changelog leaves of them.

use std::collections::HashMap;
use std::str::FromStr;

use super::answer_form::{AnswerForm, AnswerRow};

/// An answer and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenRow {
    /// The line of the file, from 1.
    pub line: u64,
    /// The answer.
    pub row: AnswerRow,
}

/// What a row of a changelog does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Gives an answer this many times, or takes it back if the number is negative: `+`, `-`, `+1`, `-2`, `+I`, `-D`,
    /// `insert`, `delete`.
    Times(i64),
    /// Takes back an answer that another one follows: `-U`.
    UpdateBefore,
    /// Gives the answer that takes the place of another one: `+U`.
    UpdateAfter,
}

/// The maximum number of times that one row gives an answer or takes it back.
const TIMES_MAX: i64 = 1000;

/// The answers that count, and those that were taken back more often than given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenAnswers {
    /// The answers in the order of the file.
    pub rows: Vec<GivenRow>,
    /// Answers that were taken back but not given, once for each time.
    pub overdrawn: Vec<GivenRow>,
    /// True if an update takes the place of the answer with the same key, since the file has updates (`+U`) and never
    /// what they replace (`-U`).
    pub is_upsert: bool,
}

/// Collects the rows of a changelog.
#[derive(Debug, Clone, Default)]
pub struct Changelog {
    rows: Vec<(GivenRow, Operation)>,
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Operation, String> {
        match text.trim() {
            "+" | "+I" | "insert" | "INSERT" => Ok(Operation::Times(1)),
            "-" | "-D" | "delete" | "DELETE" => Ok(Operation::Times(-1)),
            "-U" => Ok(Operation::UpdateBefore),
            "+U" => Ok(Operation::UpdateAfter),
            number => match number.parse() {
                Ok(times) if (-TIMES_MAX..=TIMES_MAX).contains(&times) => Ok(Operation::Times(times)),
                Ok(_) => Err(format!("'{number}' is more than {TIMES_MAX} times; write it as several rows")),
                Err(_) => {
                    Err(format!("'{number}' is no operation; write +, -, +1, -1, +I, -U, +U, -D, insert or delete"))
                }
            },
        }
    }
}

impl Changelog {
    /// Takes the next row of the file.
    pub fn push(&mut self, row: GivenRow, operation: Operation) {
        self.rows.push((row, operation));
    }

    /// Returns what is left after all rows. Whether an answer was given before it was taken back does not matter, since
    /// parts of a changelog may have been written in any order; in one with updates only, the order counts.
    pub fn finish(self, form: &AnswerForm) -> GivenAnswers {
        let has = |operation| self.rows.iter().any(|(_, one)| *one == operation);
        if has(Operation::UpdateAfter) && !has(Operation::UpdateBefore) { self.upserted(form) } else { self.netted() }
    }

    fn netted(self) -> GivenAnswers {
        let mut balance: HashMap<AnswerRow, i64> = HashMap::new();
        for (given, operation) in &self.rows {
            let left = balance.entry(given.row.clone()).or_default();
            *left = left.saturating_add(operation.times());
        }
        let mut answers = GivenAnswers::default();
        // An answer stands where it was given last.
        for (given, operation) in self.rows.into_iter().rev() {
            let left = balance.entry(given.row.clone()).or_default();
            let here = match operation.times() {
                given if given > 0 => given.min((*left).max(0)),
                taken => taken.max((*left).min(0)),
            };
            *left -= here;
            let into = if here > 0 { &mut answers.rows } else { &mut answers.overdrawn };
            into.extend((0..here.unsigned_abs()).map(|_| given.clone()));
        }
        answers.rows.reverse();
        answers.overdrawn.reverse();
        answers
    }

    /// The last row with a key counts, unless it deletes.
    fn upserted(self, form: &AnswerForm) -> GivenAnswers {
        let mut last: HashMap<AnswerRow, (GivenRow, Operation)> = HashMap::new();
        for (given, operation) in self.rows {
            last.insert(form.key(&given.row), (given, operation));
        }
        let left = last.into_values().filter(|(_, operation)| operation.times() > 0);
        let mut rows: Vec<GivenRow> = left.map(|(given, _)| given).collect();
        rows.sort_by_key(|given| given.line);
        GivenAnswers { rows, overdrawn: Vec::new(), is_upsert: true }
    }
}

impl Operation {
    fn times(self) -> i64 {
        match self {
            Operation::Times(times) => times,
            Operation::UpdateBefore => -1,
            Operation::UpdateAfter => 1,
        }
    }
}

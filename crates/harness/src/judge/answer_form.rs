//! The one form of an answer in which texts that mean the same are equal.

use flowbench_events::{TimeReading, canonical_duration, canonical_number, rfc3339};
use flowbench_pipelines::{CellKind, Pipeline};

/// The columns of the answers of a pipeline that are compared, and how their texts are read.
#[derive(Debug, Clone)]
pub struct AnswerForm {
    columns: Vec<FormColumn>,
    times: TimeReading,
}

#[derive(Debug, Clone)]
struct FormColumn {
    name: &'static str,
    /// The place of its cell in the answers of the pipeline.
    place: usize,
    kind: CellKind,
    is_key: bool,
}

/// An answer in that form. Two are equal if and only if all their cells mean the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerRow {
    text: Box<str>,
    /// Where each cell ends in the text.
    ends: Box<[u32]>,
}

/// A cell that is not what its column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCell {
    /// The place of the column among those of the form.
    pub column: usize,
    /// What is wrong, as the end of a sentence, with the likely fix.
    pub reason: String,
}

impl AnswerForm {
    /// Returns the form of the answers of a pipeline, whose cells hold `kinds` and whose key is `key`, without the
    /// columns `ignored`. A key of which a column is ignored is made of the others.
    pub(super) fn new(
        pipeline: &dyn Pipeline,
        kinds: &[CellKind],
        key: &[&str],
        ignored: &[String],
        times: TimeReading,
    ) -> AnswerForm {
        let names = ["event_time"].into_iter().chain(pipeline.about().columns.iter().copied());
        let columns = names.enumerate().map(|(place, name)| FormColumn {
            name,
            place,
            // Without any answer, nothing but the time is known of them.
            kind: kinds.get(place).copied().unwrap_or(if place == 0 { CellKind::Time } else { CellKind::Name }),
            is_key: key.contains(&name),
        });
        AnswerForm {
            columns: columns.filter(|column| !ignored.iter().any(|name| name == column.name)).collect(),
            times,
        }
    }

    /// Returns the names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name)
    }

    /// Returns the names of the columns that identify an answer.
    pub fn key_names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().filter(|column| column.is_key).map(|column| column.name)
    }

    /// Returns an answer from elsewhere, whose cells are in the order of [`names`](AnswerForm::names).
    ///
    /// # Errors
    ///
    /// Returns the first cell that does not hold what its column does.
    pub fn row(&self, cells: &[&str]) -> Result<AnswerRow, WrongCell> {
        let mut row = RowBuilder::default();
        for (number, (column, text)) in self.columns.iter().zip(cells).enumerate() {
            let cell = self.canonical(column.kind, text).map_err(|reason| WrongCell { column: number, reason })?;
            row.push(&cell);
        }
        Ok(row.finish())
    }

    /// Returns an answer of ours, with all its cells.
    pub(super) fn own_row(&self, cells: &[(CellKind, String)]) -> AnswerRow {
        let mut row = RowBuilder::default();
        for column in &self.columns {
            let text = &cells[column.place].1;
            match column.kind {
                CellKind::Time => row.push(text),
                kind => row.push(&self.canonical(kind, text).unwrap_or_else(|_| text.clone())),
            }
        }
        row.finish()
    }

    /// Returns the cells that identify an answer.
    pub(super) fn key(&self, row: &AnswerRow) -> AnswerRow {
        let mut key = RowBuilder::default();
        self.columns.iter().zip(row.cells()).filter(|(column, _)| column.is_key).for_each(|(_, cell)| key.push(cell));
        key.finish()
    }

    fn canonical(&self, kind: CellKind, text: &str) -> Result<String, String> {
        if text.is_empty() {
            return Ok(String::new());
        }
        match kind {
            CellKind::Time => match self.times.parse_ms(text) {
                Ok(ms) => Ok(rfc3339(ms)),
                Err(reason) => {
                    Err(format!("'{text}' is not a time: {reason}; say how times are written: --time-format"))
                }
            },
            CellKind::Amount => canonical_number(text).ok_or_else(|| format!("'{text}' is not a number")),
            CellKind::Duration => canonical_duration(text).ok_or_else(|| {
                format!("'{text}' is not a duration; write milliseconds, 12s91ms, 00:00:12.091 or PT12.091S")
            }),
            CellKind::Plain => Ok(canonical_number(text).unwrap_or_else(|| text.to_owned())),
            CellKind::Name => Ok(whole_number(text).unwrap_or(text).to_owned()),
        }
    }
}

impl AnswerRow {
    /// Returns the cells in the order of [`AnswerForm::names`].
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start as usize..*end as usize])
    }
}

#[derive(Default)]
struct RowBuilder {
    text: String,
    ends: Vec<u32>,
}

impl RowBuilder {
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len() as u32);
    }

    fn finish(self) -> AnswerRow {
        AnswerRow { text: self.text.into(), ends: self.ends.into() }
    }
}

/// Returns the digits of an id that was written as a floating-point number, such as `7` for `7.0`, which is what becomes
/// of numbers in a column where some are absent.
fn whole_number(text: &str) -> Option<&str> {
    let (whole, fraction) = text.split_once('.')?;
    let is_plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain(whole) && is_plain(fraction) && fraction.bytes().all(|byte| byte == b'0')).then_some(whole)
}

//! Rows of answers of a pipeline from a file: words, and the columns that give them a meaning.
//!
//! Decision D-045.

use std::any::Any;
use std::hash::{Hash, Hasher};

use std::sync::Arc;

use flowbench_events::{Channel, EventId, Id, Kind, Symbols, Value, Zone, duration_text};
use serde::{Deserialize, Serialize};

use super::expression::node::{ABSENT, Node, Scope, present};
use super::expression::types::Type;
use crate::answers::{Answers, CellKind, Cells, Row, row_cells, row_line, stable_hash};
use crate::total::Total;

/// How many columns answers have at most, besides the event time.
pub(super) const COLUMNS_MAX: usize = 6;

/// A row: an event time and a word for each column, with zeros behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct PlanRow {
    pub(super) event_time_ms: i64,
    words: [i64; COLUMNS_MAX],
}

impl PlanRow {
    /// Returns the row whose cells are these expressions.
    pub(super) fn of(event_time_ms: i64, cells: &[Node], scope: &Scope<'_>) -> PlanRow {
        let mut words = [0; COLUMNS_MAX];
        for (word, cell) in words.iter_mut().zip(cells) {
            *word = cell.word(scope);
        }
        PlanRow { event_time_ms, words }
    }
}

/// Without its columns a row is numbers; [`PlanAnswers`] knows them.
impl Row for PlanRow {
    const COLUMNS: &'static [&'static str] = &[];

    fn subject(&self) -> impl Hash {
        *self
    }
    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        self.words.iter().for_each(|word| cells.text(word));
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

/// What the words of a row mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    pub(super) columns: Vec<Column>,
    /// Their names for as long as the program runs; empty before a pipeline is bound.
    pub(super) names: &'static [&'static str],
    /// The texts that cells have as values.
    pub(super) texts: Vec<String>,
}

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) of: Type,
    /// True if it says, with others of this kind, what the answer is about.
    pub(super) is_subject: bool,
}

/// Answers with their columns.
pub(super) struct PlanAnswers {
    pub(super) rows: Vec<PlanRow>,
    pub(super) schema: Arc<Schema>,
}

impl PlanAnswers {
    /// Gives rows, which must be those of a plan, their columns.
    pub(super) fn of(rows: Box<dyn Answers>, schema: &Arc<Schema>) -> Box<dyn Answers> {
        match rows.into_any().downcast::<Vec<PlanRow>>() {
            Ok(rows) => Box::new(PlanAnswers { rows: *rows, schema: schema.clone() }),
            Err(_) => unreachable!("the stages of a plan give rows of a plan"),
        }
    }

    fn write(&self, row: &PlanRow, cells: &mut Cells<'_>) {
        for (column, word) in self.schema.columns.iter().zip(&row.words) {
            write_cell(cells, column.of, *word, &self.schema.texts);
        }
    }

    fn fingerprint(&self, row: &PlanRow, seed: u64) -> u64 {
        stable_hash(seed, &Typed { row, schema: &self.schema, only_subject: false })
    }
}

impl Answers for PlanAnswers {
    fn header(&self) -> String {
        let names = self.schema.columns.iter().map(|column| format!(",{}", column.name));
        format!("event_time{}", names.collect::<String>())
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn event_time_ms(&self, index: usize) -> i64 {
        self.rows[index].event_time_ms
    }

    fn line(&self, index: usize, symbols: &Symbols) -> String {
        let row = &self.rows[index];
        row_line(row.event_time_ms, symbols, |cells| self.write(row, cells))
    }

    fn cells(&self, index: usize, symbols: &Symbols) -> Vec<(CellKind, String)> {
        let row = &self.rows[index];
        row_cells(row.event_time_ms, symbols, |cells| self.write(row, cells))
    }

    fn subject_columns(&self) -> Vec<&'static str> {
        let names = self.schema.columns.iter().zip(self.schema.names);
        names.filter(|(column, _)| column.is_subject).map(|(_, name)| *name).collect()
    }

    fn fingerprints(&self) -> Vec<u128> {
        let wide = |row| u128::from(self.fingerprint(row, 1)) << 64 | u128::from(self.fingerprint(row, 2));
        self.rows.iter().map(wide).collect()
    }

    fn subjects(&self) -> Vec<u64> {
        let subject = |row| stable_hash(1, &Typed { row, schema: &self.schema, only_subject: true });
        self.rows.iter().map(subject).collect()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    #[cfg(test)]
    fn with_another_cell(&self) -> Vec<(String, [u128; 2])> {
        Vec::new()
    }
}

fn write_cell(cells: &mut Cells<'_>, of: Type, word: i64, texts: &[String]) {
    let Some(word) = present(word) else { return cells.text("") };
    match of {
        Type::Flag => cells.text(word == 1),
        Type::Integer => cells.text(word),
        Type::Money | Type::Total => cells.value(Value(word)),
        Type::Time => cells.time(word),
        Type::Duration => cells.text(duration_text(word)),
        Type::Day => cells.text(Zone::date(word as i32)),
        Type::Kind => cells.text(Kind::ALL[word as usize % Kind::ALL.len()].name()),
        Type::Channel => {
            let channel = Channel::ALL.into_iter().find(|channel| *channel as i64 == word);
            cells.text(channel.map_or("", Channel::name));
        }
        Type::Country => cells.country(word as u16),
        Type::Customer | Type::Order | Type::Product => cells.id(Id(word as u32)),
        Type::EventId => cells.event_id(EventId::from_word(word)),
        Type::Text | Type::Timezone => {
            let text = texts.get(word as usize).map_or("", String::as_str);
            cells.composed(|line, _| line.push_str(text));
        }
    }
}

/// A row as a pipeline of the catalogue would hold it, so that equal answers have equal fingerprints.
struct Typed<'a> {
    row: &'a PlanRow,
    schema: &'a Schema,
    only_subject: bool,
}

impl Hash for Typed<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        if !self.only_subject {
            self.row.event_time_ms.hash(hasher);
        }
        for (column, word) in self.schema.columns.iter().zip(&self.row.words) {
            if !self.only_subject || column.is_subject {
                hash_cell(column.of, *word, hasher);
            }
        }
    }
}

fn hash_cell<H: Hasher>(of: Type, word: i64, hasher: &mut H) {
    match (of, word) {
        (Type::Customer | Type::Order | Type::Product, ABSENT) => Id::ABSENT.hash(hasher),
        (Type::Customer | Type::Order | Type::Product, word) => Id(word as u32).hash(hasher),
        (Type::Country, ABSENT) => 0_u16.hash(hasher),
        (Type::EventId, word) => EventId::from_word(word).hash(hasher),
        (Type::Day, word) => (word as i32).hash(hasher),
        (Type::Total, word) => Total::from(i128::from(word)).hash(hasher),
        (_, word) => word.hash(hasher),
    }
}

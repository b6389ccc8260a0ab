//! Rows of answers of a pipeline from a file: words, and the columns that give them a meaning.
//!
//! Decision D-045.

use std::any::Any;
use std::fmt::{Debug, Write};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use flowbench_events::{Channel, EventId, Id, Kind, Symbols, Value, Zone, duration_text, push_rfc3339};
use serde::{Deserialize, Serialize};

use super::expression::node::{ABSENT, Node, Scope, present};
use super::expression::types::Type;
use super::template::DateFormat;
use crate::answers::{Answers, CellKind, Cells, Row, row_cells, row_line, stable_hash};
use crate::message::Message;
use crate::total::Total;

/// How many words a row has at most, besides the event time.
pub(super) const WORDS_MAX: usize = 6;
/// How many columns answers have at most, besides the event time.
pub(super) const COLUMNS_MAX: usize = 6;

/// A row: an event time and words, with zeros behind the last one. Plans that answer most events have rows of fewer
/// words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct PlanRow<W = [i64; WORDS_MAX]> {
    pub(super) event_time_ms: i64,
    words: W,
}

/// The words of a row: an array of them.
pub(super) trait RowWords: Message + Ord + Hash + Sync + Debug + Default + AsRef<[i64]> + AsMut<[i64]> {}

impl<W: Message + Ord + Hash + Sync + Debug + Default + AsRef<[i64]> + AsMut<[i64]>> RowWords for W {}

impl<W: RowWords> PlanRow<W> {
    /// Returns the row whose words are these expressions.
    pub(super) fn of(event_time_ms: i64, cells: &[Node], scope: &Scope<'_>) -> PlanRow<W> {
        let mut words = W::default();
        for (word, cell) in words.as_mut().iter_mut().zip(cells) {
            *word = cell.word(scope);
        }
        PlanRow { event_time_ms, words }
    }
}

/// Without its columns a row is numbers; [`PlanAnswers`] knows them.
impl<W: RowWords> Row for PlanRow<W> {
    const COLUMNS: &'static [&'static str] = &[];

    fn subject(&self) -> impl Hash {
        *self
    }
    fn event_time_ms(&self) -> i64 {
        self.event_time_ms
    }
    fn write(&self, cells: &mut Cells<'_>) {
        self.words.as_ref().iter().for_each(|word| cells.text(word));
    }
    fn at(self, event_time_ms: i64) -> Self {
        Self { event_time_ms, ..self }
    }
}

/// What the words of a row mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    /// Each word once, however many columns show it.
    pub(super) words: Vec<Word>,
    pub(super) columns: Vec<Column>,
    /// Their names for as long as the program runs; empty before a pipeline is bound.
    pub(super) names: &'static [&'static str],
    /// The texts that cells have as values.
    pub(super) texts: Vec<String>,
}

/// A word of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) of: Type,
    /// True if it says, with others of this kind, what the answer is about.
    pub(super) is_subject: bool,
}

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) content: Content,
    /// True if it shows a word that says what the answer is about.
    pub(super) is_subject: bool,
}

/// What a cell shows.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Value(Shown),
    /// A text put together.
    Composed(Box<[Piece]>),
}

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    /// The event time of the row, so that it is not kept twice.
    EventTime,
    /// A word, by its number.
    Word(usize),
}

/// A piece of a text that is put together.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(String),
    Value(Shown),
    Date(Shown, DateFormat),
}

/// Answers with their columns.
pub(super) struct PlanAnswers<W> {
    pub(super) rows: Vec<PlanRow<W>>,
    pub(super) schema: Arc<Schema>,
}

/// Gives rows, which must be those of a plan, their columns.
pub(super) fn with_columns(rows: Box<dyn Answers>, schema: &Arc<Schema>) -> Box<dyn Answers> {
    PlanAnswers::<[i64; WORDS_MAX]>::of(rows.into_any(), schema)
        .or_else(|rows| PlanAnswers::<[i64; 1]>::of(rows, schema))
        .or_else(|rows| PlanAnswers::<[i64; 3]>::of(rows, schema))
        .unwrap_or_else(|_| unreachable!("the stages of a plan give rows of a plan"))
}

impl<W: RowWords> PlanAnswers<W> {
    /// Gives rows their columns, or returns them if they are others.
    fn of(rows: Box<dyn Any>, schema: &Arc<Schema>) -> Result<Box<dyn Answers>, Box<dyn Any>> {
        let rows = *rows.downcast::<Vec<PlanRow<W>>>()?;
        Ok(Box::new(PlanAnswers { rows, schema: schema.clone() }))
    }

    fn write(&self, row: &PlanRow<W>, cells: &mut Cells<'_>) {
        for column in &self.schema.columns {
            match &column.content {
                Content::Value(shown) => {
                    let (of, word) = self.schema.shown(row, *shown);
                    cells.of_kind(kind_of(of), |line, symbols| push_value(line, symbols, of, word, &self.schema.texts));
                }
                Content::Composed(pieces) => {
                    cells
                        .composed(|line, symbols| pieces.iter().for_each(|piece| self.push(piece, row, line, symbols)));
                }
            }
        }
    }

    fn push(&self, piece: &Piece, row: &PlanRow<W>, line: &mut String, symbols: &Symbols) {
        match piece {
            Piece::Text(text) => line.push_str(text),
            Piece::Value(shown) => {
                let (of, word) = self.schema.shown(row, *shown);
                push_value(line, symbols, of, word, &self.schema.texts);
            }
            Piece::Date(shown, format) => {
                let (of, word) = self.schema.shown(row, *shown);
                format.push(of, word, line);
            }
        }
    }

    fn fingerprint(&self, row: &PlanRow<W>, seed: u64) -> u64 {
        stable_hash(seed, &Typed { row, schema: &self.schema, only_subject: false })
    }
}

impl<W: RowWords> Answers for PlanAnswers<W> {
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

impl Schema {
    fn shown<W: RowWords>(&self, row: &PlanRow<W>, shown: Shown) -> (Type, i64) {
        match shown {
            Shown::EventTime => (Type::Time, row.event_time_ms),
            Shown::Word(at) => (self.words[at].of, row.words.as_ref()[at]),
        }
    }
}

fn kind_of(of: Type) -> CellKind {
    match of {
        Type::Money | Type::Total => CellKind::Amount,
        Type::Time => CellKind::Time,
        Type::Country | Type::Customer | Type::Order | Type::Product | Type::EventId => CellKind::Name,
        Type::Text | Type::Timezone | Type::Composed => CellKind::Name,
        Type::Duration => CellKind::Duration,
        Type::Flag | Type::Integer | Type::Day | Type::Kind | Type::Channel => CellKind::Plain,
    }
}

/// Appends a value as a cell has it: nothing if it is absent.
fn push_value(line: &mut String, symbols: &Symbols, of: Type, word: i64, texts: &[String]) {
    let Some(word) = present(word) else { return };
    let mut print = |text: &dyn std::fmt::Display| write!(line, "{text}").expect("writing to a String cannot fail");
    match of {
        Type::Flag => print(&(word == 1)),
        Type::Integer | Type::Composed => print(&word),
        Type::Money | Type::Total => print(&Value(word)),
        Type::Duration => print(&duration_text(word)),
        Type::Day => print(&Zone::date(word as i32)),
        Type::Time => push_rfc3339(word, line),
        Type::Kind => line.push_str(Kind::ALL[word as usize % Kind::ALL.len()].name()),
        Type::Channel => {
            let channel = Channel::ALL.into_iter().find(|channel| *channel as i64 == word);
            line.push_str(channel.map_or("", Channel::name));
        }
        Type::Country => line.push_str(symbols.country_name(word as u16)),
        Type::Customer | Type::Order | Type::Product => symbols.push_id(Id(word as u32), line),
        Type::EventId => symbols.push_event_id(EventId::from_word(word), line),
        Type::Text | Type::Timezone => line.push_str(texts.get(word as usize).map_or("", String::as_str)),
    }
}

/// A row as a pipeline of the catalogue would hold it, so that equal answers have equal fingerprints.
struct Typed<'a, W> {
    row: &'a PlanRow<W>,
    schema: &'a Schema,
    only_subject: bool,
}

impl<W: RowWords> Hash for Typed<'_, W> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let words = &self.schema.words;
        // An answer that has nothing else is about its event time.
        if !self.only_subject || !words.iter().any(|word| word.is_subject) {
            self.row.event_time_ms.hash(hasher);
        }
        for (Word { of, is_subject }, word) in words.iter().zip(self.row.words.as_ref()) {
            if !self.only_subject || *is_subject {
                hash_cell(*of, *word, hasher);
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

//! Tests of one field of an event against constants: what most conditions are made of, evaluated without a walk.
//!
//! Decision D-043.

use flowbench_events::Event;

use super::field::Field;
use super::syntax::Comparison;

/// A test of one field against constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// From a word to another, both included.
    Between(Field, i64, i64),
    IsNot(Field, i64),
}

impl Test {
    /// Returns the test that a comparison of a field with a word is.
    pub(crate) fn of(field: Field, comparison: Comparison, word: i64) -> Test {
        match comparison {
            Comparison::NotEqual => Test::IsNot(field, word),
            Comparison::Equal => Test::Between(field, word, word),
            // No word is the smallest, which is that of absent values.
            Comparison::Less => Test::Between(field, i64::MIN, word - 1),
            Comparison::AtMost => Test::Between(field, i64::MIN, word),
            Comparison::Greater if word == i64::MAX => Test::Between(field, 1, 0),
            Comparison::Greater => Test::Between(field, word + 1, i64::MAX),
            Comparison::AtLeast => Test::Between(field, word, i64::MAX),
        }
    }

    /// Returns the test that a field is present.
    pub(crate) fn of_presence(field: Field) -> Test {
        Test::Between(field, i64::MIN, i64::MAX)
    }

    pub(crate) fn field(self) -> Field {
        match self {
            Test::Between(field, ..) | Test::IsNot(field, _) => field,
        }
    }

    /// Returns whether the test is passed; `None` if the field is absent.
    #[inline]
    pub(crate) fn result(self, event: &Event) -> Option<bool> {
        match self {
            Test::Between(field, low, high) => field.of(event).map(|word| low <= word && word <= high),
            Test::IsNot(field, other) => field.of(event).map(|word| word != other),
        }
    }

    /// True if the field is present and passes.
    #[inline]
    pub(crate) fn passes(self, event: &Event) -> bool {
        self.result(event) == Some(true)
    }
}

/// A choice between constants by the range in which one field lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bands {
    field: Field,
    /// Ranges, both bounds included, and their words; the first in which the field lies counts.
    ranges: Box<[(i64, i64, i64)]>,
    otherwise: i64,
}

impl Bands {
    /// Returns the choice between what a field is from a word to another, and otherwise.
    pub(crate) fn of((field, low, high): (Field, i64, i64), word: i64, otherwise: i64) -> Bands {
        Bands { field, ranges: [(low, high, word)].into(), otherwise }
    }

    /// Returns the bands with a range before them.
    pub(crate) fn behind(&self, low: i64, high: i64, word: i64) -> Bands {
        let ranges = std::iter::once((low, high, word)).chain(self.ranges.iter().copied()).collect();
        Bands { ranges, ..*self }
    }

    pub(crate) fn field(&self) -> Field {
        self.field
    }

    /// Returns the word of the range in which the field lies; `None` if the field is absent.
    #[inline]
    pub(crate) fn word(&self, event: &Event) -> Option<i64> {
        let field = self.field.of(event)?;
        let range = self.ranges.iter().find(|(low, high, _)| *low <= field && field <= *high);
        Some(range.map_or(self.otherwise, |(.., word)| *word))
    }
}

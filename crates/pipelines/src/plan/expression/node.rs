//! Typed expressions, ready to be evaluated: every value is a word of 64 bits, or absent.
//!
//! Decisions D-042 and D-048.

use std::sync::{Arc, Mutex};

use flowbench_events::{Event, EventId, Zone};

use super::field::Field;
use super::field_test::{Bands, Test};
use super::syntax::{Comparison, Operator};

/// The word of a value that is absent. No value has it: arithmetic that gives it has overflowed.
pub(crate) const ABSENT: i64 = i64::MIN;

/// An expression whose names, types and texts are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Constant(i64),
    Field(Field),
    /// What a stage before has made, by its number.
    Slot(usize),
    Not(Box<Node>),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Compare(Comparison, Box<[Node; 2]>),
    /// A comparison of a field with a constant.
    Test(Test),
    In(Box<Node>, Box<[i64]>),
    Has(Box<Node>),
    Arithmetic(Operator, Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    /// A choice between constants by ranges of a field.
    Bands(Box<Bands>),
    /// The day of a time in a zone.
    Day(Box<Node>, Days),
}

/// The calendar days of a time zone; equal to those of a zone of the same name.
#[derive(Debug, Clone)]
pub(crate) struct Days(Arc<Zone>);

impl Days {
    pub(crate) fn of(zone: Zone) -> Days {
        Days(Arc::new(zone))
    }
}

impl PartialEq for Days {
    fn eq(&self, other: &Days) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for Days {}

/// What an expression is evaluated on.
pub(crate) struct Scope<'a> {
    pub(crate) event: &'a Event,
    /// What the stages before have made; [`ABSENT`] for what is absent.
    pub(crate) slots: &'a [i64],
    pub(crate) failures: &'a Failures,
}

impl Node {
    /// Returns the node of a comparison.
    pub(crate) fn compared(comparison: Comparison, both: [Node; 2]) -> Node {
        match both {
            [Node::Field(field), Node::Constant(word)] => Node::Test(Test::of(field, comparison, word)),
            [Node::Constant(word), Node::Field(field)] => Node::Test(Test::of(field, comparison.mirrored(), word)),
            both => Node::Compare(comparison, Box::new(both)),
        }
    }

    /// Returns the node of a choice: a condition, what it is if that holds, and what if not.
    pub(crate) fn chosen(choice: [Node; 3]) -> Node {
        let [Node::Test(Test::Between(field, low, high)), Node::Constant(word), no] = &choice else {
            return Node::If(Box::new(choice));
        };
        match no {
            Node::Constant(otherwise) => Node::Bands(Box::new(Bands::of((*field, *low, *high), *word, *otherwise))),
            Node::Bands(bands) if bands.field() == *field => Node::Bands(Box::new(bands.behind(*low, *high, *word))),
            _ => Node::If(Box::new(choice)),
        }
    }

    /// Returns the value; `None` if it is absent, or unknown because something it is made of is absent.
    pub(crate) fn value(&self, scope: &Scope<'_>) -> Option<i64> {
        match self {
            Node::Constant(word) => Some(*word),
            Node::Field(field) => field.of(scope.event),
            Node::Slot(slot) => present(scope.slots[*slot]),
            Node::Not(operand) => operand.value(scope).map(|word| 1 - word),
            Node::And(operands) => joined(operands, scope, 0),
            Node::Or(operands) => joined(operands, scope, 1),
            Node::Compare(comparison, both) => {
                let [left, right] = &**both;
                let (left, right) = (left.value(scope), right.value(scope));
                let (left, right) = left.zip(right)?;
                Some(i64::from(comparison.holds(left, right)))
            }
            Node::Test(test) => test.result(scope.event).map(i64::from),
            Node::Bands(bands) => bands.word(scope.event),
            Node::In(operand, list) => operand.value(scope).map(|word| i64::from(list.contains(&word))),
            Node::Has(operand) => Some(i64::from(operand.value(scope).is_some())),
            Node::Arithmetic(operator, both) => {
                let [left, right] = &**both;
                let (left, right) = (left.value(scope), right.value(scope));
                let (left, right) = left.zip(right)?;
                let result = calculated(*operator, left, right);
                if result.is_none() {
                    scope.failures.note(scope.event, *operator, right);
                }
                result
            }
            Node::If(choice) => {
                let [condition, yes, no] = &**choice;
                if condition.value(scope)? == 1 { yes.value(scope) } else { no.value(scope) }
            }
            Node::Day(time, Days(zone)) => time.value(scope).map(|time_ms| i64::from(zone.day(time_ms))),
        }
    }

    /// True if this is a condition that is known to hold.
    #[inline]
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> bool {
        self.value(scope) == Some(1)
    }

    /// Returns the value as a word: [`ABSENT`] if it is absent.
    #[inline]
    pub(crate) fn word(&self, scope: &Scope<'_>) -> i64 {
        self.value(scope).unwrap_or(ABSENT)
    }
}

/// Returns a word, unless it is that of an absent value.
#[inline]
pub(crate) fn present(word: i64) -> Option<i64> {
    (word != ABSENT).then_some(word)
}

/// Joins conditions up to the first that decides: a false one for `&&`, a true one for `||`. What is left is unknown if
/// one of them is.
fn joined(operands: &[Node], scope: &Scope<'_>, decides: i64) -> Option<i64> {
    let mut is_known = true;
    for operand in operands {
        match operand.value(scope) {
            Some(word) if word == decides => return Some(decides),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(1 - decides)
}

/// Returns the exact result; `None` if there is none that fits.
pub(crate) fn calculated(operator: Operator, left: i64, right: i64) -> Option<i64> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::Remainder => left.checked_rem(right),
    };
    result.and_then(present)
}

/// The events with which a calculation failed: of all that are noted, the first in canonical order is kept, so that what
/// is reported does not depend on workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failures(Arc<Mutex<Option<Failure>>>);

/// A calculation that has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) event_time_ms: i64,
    pub(crate) event_id: EventId,
    pub(crate) what: &'static str,
}

impl Failures {
    #[cold]
    fn note(&self, event: &Event, operator: Operator, right: i64) {
        let is_division = matches!(operator, Operator::Divide | Operator::Remainder) && right == 0;
        let what = if is_division { "a division by zero" } else { "a result beyond 64 bits" };
        self.note_failure(Failure { event_time_ms: event.event_time_ms(), event_id: event.event_id(), what });
    }

    /// Notes a sum that is too large, at an event time and an event id.
    #[cold]
    pub(crate) fn note_sum(&self, (event_time_ms, event_id): (i64, EventId)) {
        self.note_failure(Failure { event_time_ms, event_id, what: "a sum beyond 64 bits" });
    }

    #[cold]
    fn note_failure(&self, failure: Failure) {
        let mut first = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let order = |failure: &Failure| (failure.event_time_ms, failure.event_id, failure.what);
        if first.as_ref().is_none_or(|first| order(&failure) < order(first)) {
            *first = Some(failure);
        }
    }

    /// Returns the first failure, and forgets all.
    pub(crate) fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

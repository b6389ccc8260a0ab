//! Aggregates of events: counts, sums, and the smallest, largest and last value.

use flowbench_events::{Event, EventId};

use super::expression::node::{ABSENT, Failures, Node, Scope, present};
use super::expression::types::Type;

/// How many aggregates a stage has at most.
pub(super) const AGGREGATES_MAX: usize = 4;

/// An aggregate of what an expression is for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) how: How,
    /// The constant 1 for a count of all events.
    pub(super) node: Node,
    /// The type of the result.
    pub(super) of: Type,
}

/// How values are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Count,
    Sum,
    Min,
    Max,
    Last,
}

/// A result does not fit into 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// One word for each aggregate: of no events, all are absent.
pub(super) type Words = [i64; AGGREGATES_MAX];

/// The words of no events.
pub(super) const NOTHING: Words = [ABSENT; AGGREGATES_MAX];

impl Aggregate {
    /// Returns the word that an event adds.
    #[inline]
    pub(super) fn share(&self, scope: &Scope<'_>) -> i64 {
        self.how.share(self.node.word(scope))
    }
}

/// Returns the words that an event adds to aggregates.
#[inline]
pub(super) fn shares(aggregates: &[Aggregate], event: &Event, failures: &Failures) -> Words {
    let scope = Scope { event, slots: &[], failures };
    let mut words = NOTHING;
    for (aggregate, word) in aggregates.iter().zip(&mut words) {
        *word = aggregate.share(&scope);
    }
    words
}

impl How {
    pub(super) const NAMES: [&'static str; 5] = ["count", "sum", "min", "max", "last"];

    pub(super) fn from_name(name: &str) -> Option<How> {
        Some(match name {
            "count" => How::Count,
            "sum" => How::Sum,
            "min" => How::Min,
            "max" => How::Max,
            "last" => How::Last,
            _ => return None,
        })
    }

    /// Returns the word that one event with this value adds to an aggregate.
    #[inline]
    fn share(self, word: i64) -> i64 {
        if self == How::Count { i64::from(word != ABSENT) } else { word }
    }

    /// Returns the aggregate of two shares, of which `later` comes after `earlier`.
    #[inline]
    pub(super) fn joined(self, earlier: i64, later: i64) -> Result<i64, TooLarge> {
        if self == How::Last {
            return Ok(later);
        }
        let (Some(one), Some(other)) = (present(earlier), present(later)) else {
            return Ok(if earlier == ABSENT { later } else { earlier });
        };
        match self {
            How::Min => Ok(one.min(other)),
            How::Max => Ok(one.max(other)),
            _ => one.checked_add(other).and_then(present).ok_or(TooLarge),
        }
    }

    /// Returns what an aggregate says: counts and sums of nothing are zero.
    #[inline]
    pub(super) fn result(self, word: i64) -> i64 {
        if matches!(self, How::Count | How::Sum) { present(word).unwrap_or(0) } else { word }
    }

    /// Returns the type of an aggregate of values of a type; `None` if there is none.
    pub(super) fn type_of(self, of: Type) -> Option<Type> {
        match (self, of) {
            (How::Count, _) => Some(Type::Integer),
            (How::Sum, Type::Money) => Some(Type::Total),
            (How::Sum, of) => of.is_summed().then_some(of),
            (How::Min | How::Max, of) => of.is_ordered().then_some(of),
            (How::Last, of) => Some(of),
        }
    }
}

/// Returns two words by the places of their events, the earlier first; those of one place by their size, so that the
/// result does not depend on which came first.
#[inline]
pub(super) fn in_order(how: How, one: (Place, i64), other: (Place, i64)) -> [i64; 2] {
    if how == How::Last && one > other { [other.1, one.1] } else { [one.1, other.1] }
}

/// The place of an event in canonical order.
pub(super) type Place = (i64, EventId);

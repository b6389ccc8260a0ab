//! Expressions over the fields of an event, in the spelling of CEL: `kind == "order_placed" && value > 500`.
//!
//! A text becomes [tokens](token), a [syntax tree](syntax), and then typed [nodes](node) that are evaluated on words of
//! 64 bits. [`Conjunction`](conjunction::Conjunction) turns a condition into tests that reject most events without a
//! walk over nodes.
//!
//! Decision D-041.

pub(crate) mod compile;
pub(crate) mod conjunction;
pub(crate) mod field;
pub(crate) mod field_test;
pub(crate) mod names;
pub(crate) mod node;
pub(crate) mod parser;
pub(crate) mod syntax;

#[cfg(test)]
mod tests;
pub(crate) mod token;
pub(crate) mod types;

use std::ops::Range;

/// What is wrong with an expression, at a range of bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

impl Complaint {
    pub(crate) fn new(at: &Range<usize>, message: impl Into<String>) -> Self {
        Self { at: at.clone(), message: message.into() }
    }
}

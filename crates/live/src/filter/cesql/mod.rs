//! CloudEvents SQL: expressions over the attributes of an event.
//!
//! The language is that of <https://github.com/cloudevents/spec/blob/cesql@v1.0.0/cesql/spec.md>. An expression always has a
//! value; where its evaluation fails it has an error as well.

mod calls;
mod evaluator;
mod functions;
mod lexer;
mod like;
mod parser;
mod syntax;
mod value;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod printer;
#[cfg(test)]
mod properties;

use std::fmt;

use thiserror::Error;

use crate::cloud_event::{AttributeValue, CloudEvent};
use evaluator::{Evaluator, Failure};
use syntax::{Node, NodeKind, Span};
use value::Value;

/// The longest expression, in bytes.
const MAX_EXPRESSION_BYTES: usize = 16 * 1024;

/// The longest text that is worked with, in bytes: the size of an event that every intermediary has to forward (D-606).
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// An expression in CloudEvents SQL 1.0.0.
#[derive(Debug)]
pub struct CesqlExpression {
    text: String,
    root: Node,
}

/// The value of an expression for one event, with what went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CesqlResult {
    /// The value; after an error usually the zero value of its type: `false`, `0` or an empty text.
    pub value: AttributeValue,
    /// The first error, which ended the evaluation.
    pub error: Option<CesqlError>,
}

/// An error in an expression, or in its evaluation for one event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} error at column {column}: {reason}")]
pub struct CesqlError {
    /// The kind of error.
    pub kind: CesqlErrorKind,
    /// The character at which the part to blame begins, counted from 1.
    pub column: usize,
    /// What is wrong, with the likely fix.
    pub reason: String,
}

/// The kinds of errors that the specification distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CesqlErrorKind {
    /// The text is no expression.
    Parse,
    /// A division by zero, or a result beyond 32 bits.
    Math,
    /// A value that cannot be read as the type that is needed.
    Cast,
    /// An attribute that the event does not have.
    MissingAttribute,
    /// A function that does not exist for this number of arguments.
    MissingFunction,
    /// An argument for which a function has no result.
    FunctionEvaluation,
    /// Any other error, such as a text that is too long.
    Generic,
}

impl CesqlExpression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Returns where the text departs from the language, or that it is too long or nested too deeply.
    pub fn parse(text: &str) -> Result<CesqlExpression, CesqlError> {
        if text.len() > MAX_EXPRESSION_BYTES {
            let reason = format!("the expression has {} bytes, more than {MAX_EXPRESSION_BYTES}; split it", text.len());
            return Err(CesqlError { kind: CesqlErrorKind::Parse, column: 1, reason });
        }
        Ok(CesqlExpression { text: text.to_owned(), root: parser::parse(text)? })
    }

    /// Returns the text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates the expression for an event until the first error.
    pub fn evaluate(&self, event: &CloudEvent) -> CesqlResult {
        match Evaluator::new(event).evaluate(&self.root) {
            Ok(value) => CesqlResult { value: value.into(), error: None },
            Err(failure) => CesqlResult { error: Some(self.explained(&failure)), value: failure.value.into() },
        }
    }

    /// Returns whether the value is true, or `None` if the evaluation fails; a value that is no boolean is not true.
    pub(crate) fn holds(&self, event: &CloudEvent) -> Option<bool> {
        match Evaluator::new(event).evaluate(&self.root) {
            Ok(value) => Some(matches!(value, Value::Boolean(true))),
            Err(_) => None,
        }
    }

    /// Returns an error for the first call of a function that does not exist.
    pub(crate) fn missing_function(&self) -> Option<CesqlError> {
        let call = self.root.find(&|node| matches!(node.kind, NodeKind::Call { function: None, .. }))?;
        let kind = CesqlErrorKind::MissingFunction;
        Some(CesqlError::new(&self.text, kind, call.span, self.reason(kind, call.span)))
    }

    fn explained(&self, failure: &Failure) -> CesqlError {
        CesqlError::new(&self.text, failure.kind, failure.span, self.reason(failure.kind, failure.span))
    }

    fn reason(&self, kind: CesqlErrorKind, span: Span) -> String {
        let part = self.text[span.start..span.end].trim_matches(['(', ')', ' ']);
        let part =
            shortened(if kind == CesqlErrorKind::MissingAttribute { part } else { &self.text[span.start..span.end] });
        match kind {
            CesqlErrorKind::Math => format!("'{part}' divides by zero or has a result beyond 32 bits"),
            CesqlErrorKind::Cast => {
                format!("the value of '{part}' cannot be read as the type needed here; test it with IS_INT or IS_BOOL")
            }
            CesqlErrorKind::MissingAttribute => {
                format!("the event has no attribute '{part}'; ask for it first: EXISTS {part} AND ...")
            }
            CesqlErrorKind::MissingFunction => format!(
                "'{part}' calls a function that does not exist or takes another number of arguments; there are {}",
                functions::signatures()
            ),
            CesqlErrorKind::FunctionEvaluation => format!("an argument of '{part}' is out of range"),
            CesqlErrorKind::Generic => format!("the text of '{part}' is longer than {MAX_TEXT_BYTES} bytes"),
            CesqlErrorKind::Parse => format!("'{part}' is no expression"),
        }
    }
}

impl CesqlError {
    fn new(text: &str, kind: CesqlErrorKind, span: Span, reason: String) -> CesqlError {
        let column = text.get(..span.start).map_or(1, |before| before.chars().count() + 1);
        CesqlError { kind, column, reason }
    }
}

impl CesqlErrorKind {
    /// Returns the name by which the public test kit calls the kind.
    pub fn name(self) -> &'static str {
        match self {
            CesqlErrorKind::Parse => "parse",
            CesqlErrorKind::Math => "math",
            CesqlErrorKind::Cast => "cast",
            CesqlErrorKind::MissingAttribute => "missingAttribute",
            CesqlErrorKind::MissingFunction => "missingFunction",
            CesqlErrorKind::FunctionEvaluation => "functionEvaluation",
            CesqlErrorKind::Generic => "generic",
        }
    }
}

impl fmt::Display for CesqlErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Returns a text for an error message: without control characters, and not longer than a line.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push_str("...");
    }
    short
}

//! Filters of events: what a subscriber wants to have of a feed.
//!
//! Filters are written as the draft of CloudEvents Subscriptions writes them:
//! <https://github.com/cloudevents/spec/blob/main/subscriptions/spec.md#324-filters>.

mod cesql;
mod reader;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;

use crate::cloud_event::{AttributeValue, CloudEvent, VERSION};

pub use cesql::{CesqlError, CesqlErrorKind, CesqlExpression, CesqlResult};

/// A filter of events, which each event passes or not.
#[derive(Debug)]
pub struct Filter {
    root: Node,
}

/// Says whether a reader wants an event.
pub type EventFilter = Arc<dyn Fn(&CloudEvent) -> bool + Send + Sync>;

/// Reads a filter as [`Filter::parse`] does, for those who only ask whether an event passes.
///
/// # Errors
///
/// Returns what is no filter and where, or that the filter is too large.
pub fn event_filter(json: &str) -> Result<EventFilter, String> {
    let filter = Filter::parse(json).map_err(|error| error.to_string())?;
    Ok(Arc::new(move |event: &CloudEvent| filter.matches(event)))
}

/// Whether an event passes a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilterOutcome {
    /// Whether the event passes.
    pub is_match: bool,
    /// How many SQL expressions ended in an error, which is no match. Expressions that were not needed are not evaluated.
    pub failed_expressions: usize,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {reason}")]
pub struct FilterSyntaxError {
    /// The path to what is to blame, such as `$.all[1].exact.type`.
    pub place: String,
    /// What is wrong, with the likely fix.
    pub reason: String,
}

#[derive(Debug)]
enum Node {
    /// Attributes by name, each with what its text is compared with.
    Attributes(Comparison, Vec<(String, String)>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Sql(CesqlExpression),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Exact,
    Prefix,
    Suffix,
}

impl Filter {
    /// Reads a filter in JSON: an object of one dialect, or an array of such objects, all of which have to match.
    ///
    /// The dialects are `exact`, `prefix`, `suffix`, `all`, `any`, `not` and `sql`. An empty array lets every event pass.
    ///
    /// # Errors
    ///
    /// Returns what is no filter and where, or that the filter is too large.
    pub fn parse(json: &str) -> Result<Filter, FilterSyntaxError> {
        Ok(Filter { root: reader::read(json)? })
    }

    /// Returns whether an event passes.
    pub fn matches(&self, event: &CloudEvent) -> bool {
        self.apply(event).is_match
    }

    /// Returns whether an event passes, and how many expressions failed on it.
    pub fn apply(&self, event: &CloudEvent) -> FilterOutcome {
        let mut failed_expressions = 0;
        let is_match = self.root.matches(event, &mut failed_expressions);
        FilterOutcome { is_match, failed_expressions }
    }
}

impl Node {
    fn matches(&self, event: &CloudEvent, failed: &mut usize) -> bool {
        match self {
            Node::Attributes(comparison, wanted) => {
                wanted.iter().all(|(name, text)| comparison.holds(event, name, text))
            }
            Node::All(nodes) => nodes.iter().all(|node| node.matches(event, failed)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(event, failed)),
            Node::Not(node) => !node.matches(event, failed),
            Node::Sql(expression) => expression.holds(event).unwrap_or_else(|| {
                *failed += 1;
                false
            }),
        }
    }
}

impl Comparison {
    /// Compares the canonical text of an attribute (D-609); one that is missing does not compare.
    fn holds(self, event: &CloudEvent, name: &str, wanted: &str) -> bool {
        let compare = |text: &str| match self {
            Comparison::Exact => text == wanted,
            Comparison::Prefix => text.starts_with(wanted),
            Comparison::Suffix => text.ends_with(wanted),
        };
        match name {
            "id" => compare(&event.id),
            "source" => compare(&event.source),
            "type" => compare(&event.kind),
            "specversion" => compare(VERSION),
            _ => match event.attributes.get(name) {
                Some(AttributeValue::Text(text)) => compare(text),
                Some(value) => compare(&value.to_text()),
                None => false,
            },
        }
    }
}

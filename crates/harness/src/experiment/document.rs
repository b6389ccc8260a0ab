//! The TOML of an experiment as a tree whose every value knows where it was written: in the file, in one of its
//! profiles, in the environment, or in a setting of the command line.
//!
//! Decision D-429.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Problem, SourceText};
use toml::de::{DeTable, DeValue};

/// What gave a value, from the weakest to the strongest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// Nothing did: the value that holds where none is given.
    Default,
    /// The file of the experiment.
    File,
    /// A profile of the experiment.
    Profile(String),
    /// The environment variable `FLOWBENCH_RUN_SET`.
    Environment,
    /// An argument of the command.
    Argument,
}

/// Where a value was written.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) layer: Layer,
    pub(crate) source: Arc<SourceText>,
    /// The key with which it was given; empty for a value of a list.
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// A value with its origin.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) origin: Origin,
}

/// What a value holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    /// A text, number, flag or date.
    Plain(toml::Value),
}

/// Which place of a value a problem is shown at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Key,
    Value,
}

impl Node {
    /// Parses a document, as far as it can be read, and returns what is wrong with its syntax.
    pub(crate) fn parse(source: &Arc<SourceText>) -> (Node, Vec<Problem>) {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        let origin = |key, value| Origin { layer: Layer::File, source: source.clone(), key, value };
        let root = Node { content: entries(table.get_ref(), &origin), origin: origin(0..0, 0..0) };
        let problem = |error: toml::de::Error| Problem::new(source, error.span(), error.message());
        (root, errors.into_iter().map(problem).collect())
    }

    /// Returns a value that nobody wrote.
    pub(crate) fn default_of(value: toml::Value) -> Node {
        let origin = Origin { layer: Layer::Default, source: SourceText::new("", ""), key: 0..0, value: 0..0 };
        Node { content: Content::Plain(value), origin }
    }

    /// Returns the value at a pointer, keys and numbers joined by `/`.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').filter(|step| !step.is_empty()).try_fold(self, |node, step| node.step(step))
    }

    fn step(&self, step: &str) -> Option<&Node> {
        match &self.content {
            Content::Table(table) => table.get(step),
            Content::List(list) => list.get(step.parse::<usize>().ok()?),
            Content::Plain(_) => None,
        }
    }

    /// Returns a problem at a pointer, or at the nearest value around it that was written.
    pub(crate) fn problem(&self, pointer: &str, of: Of, message: &str) -> Problem {
        let mut found = self;
        let mut is_whole = true;
        for step in pointer.split('/').filter(|step| !step.is_empty()) {
            match found.step(step) {
                Some(next) if next.origin.layer != Layer::Default => found = next,
                _ => {
                    is_whole = false;
                    break;
                }
            }
        }
        let Origin { source, key, value, .. } = &found.origin;
        let place = if of == Of::Key && is_whole && !key.is_empty() { key } else { value };
        Problem::new(source, (!place.is_empty()).then(|| place.clone()), message)
    }

    pub(crate) fn table(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Node>> {
        match &mut self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn list_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.content {
            Content::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Plain(value) => value.as_str(),
            _ => None,
        }
    }

    /// Returns the parts of an experiment.
    pub(crate) fn parts(&self) -> &[Node] {
        self.at("part").and_then(Node::list).unwrap_or_default()
    }

    /// Returns this value as if it had been given by another layer.
    pub(crate) fn in_layer(mut self, layer: &Layer) -> Node {
        self.origin.layer = layer.clone();
        self.content = match self.content {
            Content::Table(table) => {
                Content::Table(table.into_iter().map(|(key, node)| (key, node.in_layer(layer))).collect())
            }
            Content::List(list) => Content::List(list.into_iter().map(|node| node.in_layer(layer)).collect()),
            plain @ Content::Plain(_) => plain,
        };
        self
    }

    /// Returns the whole document as TOML.
    pub(crate) fn text_of_all(&self) -> String {
        toml::to_string(&self.value()).unwrap_or_default()
    }

    /// Returns the value without its origins.
    pub(crate) fn value(&self) -> toml::Value {
        match &self.content {
            Content::Table(table) => {
                toml::Value::Table(table.iter().map(|(key, node)| (key.clone(), node.value())).collect())
            }
            Content::List(list) => toml::Value::Array(list.iter().map(Node::value).collect()),
            Content::Plain(value) => value.clone(),
        }
    }
}

fn entries(table: &DeTable<'_>, origin: &dyn Fn(Range<usize>, Range<usize>) -> Origin) -> Content {
    let node = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| Node {
        content: content(value.get_ref(), origin),
        origin: origin(key.span(), value.span()),
    };
    Content::Table(table.iter().map(|entry| (entry.0.get_ref().to_string(), node(entry))).collect())
}

fn content(value: &DeValue<'_>, origin: &dyn Fn(Range<usize>, Range<usize>) -> Origin) -> Content {
    match value {
        DeValue::Table(table) => entries(table, origin),
        DeValue::Array(list) => Content::List(
            list.iter()
                .map(|value| Node { content: content(value.get_ref(), origin), origin: origin(0..0, value.span()) })
                .collect(),
        ),
        plain => Content::Plain(plain_value(plain)),
    }
}

/// Returns a value that is neither a table nor a list. A number too large for TOML becomes its text, which no key that
/// wants a number takes.
fn plain_value(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| toml::Value::String(number.as_str().to_owned()), toml::Value::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| toml::Value::String(number.as_str().to_owned()), toml::Value::Float)
        }
        DeValue::Array(_) | DeValue::Table(_) => toml::Value::Array(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1_000\nlist = [1, 0x10, -2.5, inf]\n[[part]]\nname = \"n\"\n[part.axes]\nw = true\n";

    #[test]
    fn a_document_is_what_toml_reads_and_knows_its_places() {
        let source = SourceText::new("x.toml", TEXT);
        let (root, problems) = Node::parse(&source);
        assert_eq!(problems, []);
        assert_eq!(root.value(), toml::Value::Table(TEXT.parse().unwrap()));
        let place = |pointer: &str, of| root.problem(pointer, of, "wrong").to_string();
        assert_eq!(place("part/0/axes/w", Of::Key), "x.toml, line 6, column 1: wrong");
        assert_eq!(place("part/0/axes/w", Of::Value), "x.toml, line 6, column 5: wrong");
        assert_eq!(place("list/1", Of::Key), "x.toml, line 2, column 12: wrong", "a value of a list has no key");
        assert_eq!(place("part/0/axes/none", Of::Key), "x.toml, line 5, column 1: wrong", "the table that lacks it");
        assert_eq!(place("none", Of::Key), "x.toml: wrong");
    }

    #[test]
    fn every_error_of_the_syntax_is_found() {
        let source = SourceText::new("x.toml", "a = = 1\nb = 2\nc = [1\n");
        let (root, problems) = Node::parse(&source);
        assert!(problems.len() >= 2, "{problems:?}");
        assert_eq!(root.at("b").unwrap().value(), toml::Value::Integer(2));
    }
}

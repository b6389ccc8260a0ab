//! Texts in a TOML document and their places.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong in a document, and the place.
pub(crate) type Wrong = (String, Range<usize>);

/// A text and its place in the document.
pub(crate) type Text<'a> = (&'a str, Range<usize>);

/// Returns the text with this key, or `None` if there is none.
pub(crate) fn text<'a>(table: &'a DeTable, key: &str) -> Result<Option<Text<'a>>, Wrong> {
    table.get(key).map(|value| string(value, key)).transpose()
}

/// Returns a value as text; errors call it `key`.
pub(crate) fn string<'a>(value: &'a Spanned<DeValue>, key: &str) -> Result<Text<'a>, Wrong> {
    let text = value.get_ref().as_str();
    text.map(|text| (text, value.span())).ok_or_else(|| (format!("{key} must be a text in quotes"), value.span()))
}

//! Reads filters from JSON, and says where one is wrong (D-608).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cesql::shortened;
use super::{CesqlExpression, Comparison, FilterSyntaxError, Node};
use crate::cloud_event::check_name;

/// The longest filter, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// How deeply filters may be inside each other.
const MAX_DEPTH: usize = 16;

/// How many filters and attributes there may be.
const MAX_NODES: usize = 1000;

const DIALECTS: &str = "exact, prefix, suffix, all, any, not, sql";

/// Reads a whole text as a filter.
pub(super) fn read(json: &str) -> Result<Node, FilterSyntaxError> {
    if json.len() > MAX_BYTES {
        return Err(wrong("$", format!("the filter has {} bytes, more than {MAX_BYTES}; split it", json.len())));
    }
    let whole: &RawValue = serde_json::from_str(json)
        .map_err(|error| wrong("$", format!("not JSON: {error}; check quotes and commas")))?;
    let mut reader = Reader { nodes: 0 };
    if whole.get().starts_with('[') {
        return Ok(Node::All(reader.list(whole, "$", 1)?));
    }
    reader.filter(whole, "$", 1)
}

struct Reader {
    nodes: usize,
}

/// The members of an object in their order, so that none that is there twice is lost in silence.
struct Members<'j>(Vec<(String, &'j RawValue)>);

impl Reader {
    fn filter(&mut self, json: &RawValue, place: &str, depth: usize) -> Result<Node, FilterSyntaxError> {
        if depth > MAX_DEPTH {
            return Err(wrong(place, format!("more than {MAX_DEPTH} filters inside each other; flatten them")));
        }
        self.count(place)?;
        let members = members(json, place, "a filter, such as {\"exact\": {\"type\": \"com.example.placed\"}}")?;
        let [(dialect, value)] = members.as_slice() else {
            let reason = format!(
                "a filter has one dialect, here are {}; put several into an array: [{{...}}, {{...}}]",
                members.len()
            );
            return Err(wrong(place, reason));
        };
        let inside = format!("{place}.{}", shortened(dialect));
        match dialect.as_str() {
            "exact" => self.attributes(Comparison::Exact, value, &inside),
            "prefix" => self.attributes(Comparison::Prefix, value, &inside),
            "suffix" => self.attributes(Comparison::Suffix, value, &inside),
            "all" => self.some(value, &inside, depth).map(Node::All),
            "any" => self.some(value, &inside, depth).map(Node::Any),
            "not" => Ok(Node::Not(Box::new(self.filter(value, &inside, depth + 1)?))),
            "sql" => expression(value, &inside).map(Node::Sql),
            _ => Err(wrong(&inside, format!("there is no such dialect; there are {DIALECTS}"))),
        }
    }

    fn attributes(&mut self, comparison: Comparison, json: &RawValue, place: &str) -> Result<Node, FilterSyntaxError> {
        let members = members(json, place, "attributes with texts, such as {\"type\": \"com.example.placed\"}")?;
        if members.is_empty() {
            return Err(wrong(place, "there is no attribute to compare; name one: {\"type\": \"...\"}".to_owned()));
        }
        let mut wanted: Vec<(String, String)> = Vec::new();
        for (name, value) in members {
            let place = format!("{place}.{}", shortened(&name));
            self.count(&place)?;
            check_attribute(&name, &place)?;
            if wanted.iter().any(|(other, _)| *other == name) {
                return Err(wrong(&place, "the attribute is there twice; put one of them into an 'any'".to_owned()));
            }
            let text = text(value, &place)?;
            if text.is_empty() {
                return Err(wrong(&place, "the text is empty, and the specification forbids that".to_owned()));
            }
            wanted.push((name, text));
        }
        Ok(Node::Attributes(comparison, wanted))
    }

    /// Reads an array of at least one filter.
    fn some(&mut self, json: &RawValue, place: &str, depth: usize) -> Result<Vec<Node>, FilterSyntaxError> {
        let nodes = self.list(json, place, depth + 1)?;
        if nodes.is_empty() {
            return Err(wrong(
                place,
                "the array is empty, and the specification asks for at least one filter".to_owned(),
            ));
        }
        Ok(nodes)
    }

    fn list(&mut self, json: &RawValue, place: &str, depth: usize) -> Result<Vec<Node>, FilterSyntaxError> {
        let items: Vec<&RawValue> =
            serde_json::from_str(json.get()).map_err(|_| wrong(place, "expected an array of filters".to_owned()))?;
        let filters = items.into_iter().enumerate();
        filters.map(|(index, item)| self.filter(item, &format!("{place}[{index}]"), depth)).collect()
    }

    fn count(&mut self, place: &str) -> Result<(), FilterSyntaxError> {
        self.nodes += 1;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(wrong(place, format!("more than {MAX_NODES} filters and attributes; an IN of 'sql' takes many values")))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn members<'j>(
    json: &'j RawValue,
    place: &str,
    wanted: &str,
) -> Result<Vec<(String, &'j RawValue)>, FilterSyntaxError> {
    let Members(members) =
        serde_json::from_str(json.get()).map_err(|_| wrong(place, format!("expected an object of {wanted}")))?;
    Ok(members)
}

/// Reads an expression. One that calls a function there is not can hardly be meant, so it is refused at once.
fn expression(json: &RawValue, place: &str) -> Result<CesqlExpression, FilterSyntaxError> {
    let expression = CesqlExpression::parse(&text(json, place)?).map_err(|error| wrong(place, error.to_string()))?;
    match expression.missing_function() {
        None => Ok(expression),
        Some(error) => Err(wrong(place, error.to_string())),
    }
}

fn text(json: &RawValue, place: &str) -> Result<String, FilterSyntaxError> {
    let found = json.get();
    serde_json::from_str(found).map_err(|_| {
        let is_scalar = !found.starts_with(['{', '[', 'n']);
        let fix = if is_scalar { format!("; write \"{}\"", shortened(found)) } else { String::new() };
        wrong(place, format!("expected a text in quotes{fix}"))
    })
}

fn check_attribute(name: &str, place: &str) -> Result<(), FilterSyntaxError> {
    if matches!(name, "data" | "data_base64") {
        return Err(wrong(place, "filters see the attributes of an event, not its data".to_owned()));
    }
    check_name(name).map_err(|error| wrong(place, error.reason))
}

fn wrong(place: &str, reason: String) -> FilterSyntaxError {
    FilterSyntaxError { place: place.to_owned(), reason }
}

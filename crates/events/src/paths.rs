//! The values at the paths of a mapping in foreign JSON objects, as cells of a row.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json_text::{not_an_object, text};
use crate::rows::{Cells, Malformed};

/// Finds the values of each object.
#[derive(Debug)]
pub(crate) struct Paths {
    names: Vec<String>,
    root: Node,
    is_found: Vec<bool>,
    /// The row of the current object.
    row: String,
    ends: Vec<usize>,
}

/// A part of a path: the value itself is a column, or something within it, or both.
#[derive(Debug, Default)]
struct Node {
    column: Option<usize>,
    within: Vec<(String, Node)>,
}

impl Paths {
    /// Returns the paths of columns with these names. Each is the name of a value, or a path of names and numbers such
    /// as `items.0.price`.
    pub(crate) fn new(names: &[&str]) -> Paths {
        let mut root = Node::default();
        for (column, path) in names.iter().enumerate() {
            root.want(path, column);
        }
        Paths {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            root,
            is_found: vec![false; names.len()],
            row: String::new(),
            ends: Vec::new(),
        }
    }

    /// Returns the values of an object, one cell for each path, which is empty if the value is missing or `null`.
    pub(crate) fn cells(&mut self, object: &[u8]) -> Result<Cells<'_>, Malformed> {
        // A byte that is not text does not matter in a value that is not used.
        let lossy = String::from_utf8_lossy(object);
        let is_lossy = matches!(lossy, Cow::Owned(_));
        let values = self.values(&lossy).map_err(|reason| Malformed { column: None, reason })?;
        self.row.clear();
        self.ends.clear();
        for (column, value) in values.into_iter().enumerate() {
            if column > 0 {
                self.row.push(',');
            }
            if let Some(value) = value {
                let cell = text(value).and_then(|text| match text.contains(char::REPLACEMENT_CHARACTER) && is_lossy {
                    true => Err("the field is not UTF-8".to_owned()),
                    false => Ok(text),
                });
                let cell = cell.map_err(|reason| Malformed { column: Some(column), reason })?;
                self.row.push_str(&cell);
                self.is_found[column] = true;
            }
            self.ends.push(self.row.len());
        }
        Ok(Cells::new(self.row.as_bytes(), &self.ends))
    }

    /// Returns the paths that no object has had so far.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        self.names.iter().zip(&self.is_found).filter(|(_, is_found)| !**is_found).map(|(name, _)| name.as_str())
    }

    fn values<'a>(&self, object: &'a str) -> Result<Vec<Option<&'a str>>, String> {
        let mut values = vec![None; self.names.len()];
        let mut json = serde_json::Deserializer::from_str(object);
        let visitor = Within { node: &self.root, values: &mut values };
        let read = json.deserialize_map(visitor).and_then(|()| json.end());
        read.map(|()| values).map_err(|error| not_an_object(&error))
    }
}

impl Node {
    fn want(&mut self, path: &str, column: usize) {
        self.at(path).column = Some(column);
        // A name may contain a point.
        if let Some((first, rest)) = path.split_once('.') {
            self.at(first).want(rest, column);
        }
    }

    fn at(&mut self, name: &str) -> &mut Node {
        let known = self.within.iter().position(|(known, _)| known == name);
        let at = known.unwrap_or_else(|| {
            self.within.push((name.to_owned(), Node::default()));
            self.within.len() - 1
        });
        &mut self.within[at].1
    }

    fn get(&self, name: &str) -> Option<&Node> {
        self.within.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// Takes the columns from a value.
    fn take<'a>(&self, value: &'a str, values: &mut [Option<&'a str>]) -> Result<(), serde_json::Error> {
        if let Some(column) = self.column
            && values[column].replace(value).is_some()
        {
            return Err(serde_json::Error::custom("a name is there twice"));
        }
        if self.within.is_empty() {
            return Ok(());
        }
        let mut json = serde_json::Deserializer::from_str(value);
        match value.as_bytes().first() {
            Some(b'{') => json.deserialize_map(Within { node: self, values }),
            Some(b'[') => json.deserialize_seq(Within { node: self, values }),
            _ => Ok(()),
        }
    }
}

/// Takes the columns from an object or a list.
struct Within<'n, 'v, 'a> {
    node: &'n Node,
    values: &'v mut [Option<&'a str>],
}

impl<'de> Visitor<'de> for Within<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<Cow<str>>()? {
            match self.node.get(&name) {
                Some(node) => {
                    let value: &RawValue = object.next_value()?;
                    node.take(value.get(), self.values).map_err(A::Error::custom)?;
                }
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0_usize;
        while let Some(value) = list.next_element::<&RawValue>()? {
            if let Some(node) = self.node.get(&number.to_string()) {
                node.take(value.get(), self.values).map_err(A::Error::custom)?;
            }
            number += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(names: &[&str], object: &str) -> Result<Vec<String>, String> {
        let mut paths = Paths::new(names);
        let cells = paths.cells(object.as_bytes()).map_err(|malformed| malformed.reason)?;
        Ok((0..cells.len()).map(|column| String::from_utf8_lossy(cells.get(column)).into_owned()).collect())
    }

    #[test]
    fn values_are_found_by_paths_of_names_and_numbers() {
        let object =
            r#"{"a": {"b": 1.50, "c": {"d": "x,y"}}, "list": [{"p": 1}, {"p": "\u00e9"}], "a.b.c": true, "n": null}"#;
        let names = ["a.b", "a.c.d", "list.1.p", "list.2.p", "a.b.c", "n", "none"];
        assert_eq!(cells(&names, object).unwrap(), ["1.50", "x,y", "é", "", "true", "", ""]);
        let mut paths = Paths::new(&names);
        paths.cells(object.as_bytes()).unwrap();
        assert_eq!(paths.missing().collect::<Vec<_>>(), ["list.2.p", "none"]);
    }

    #[test]
    fn what_no_path_asks_for_may_be_anything() {
        let object = b"{\"a\": 1, \"b\": \"\xff\", \"c\": [\"\\ud800\", {}], \"c\": 1}";
        let mut paths = Paths::new(&["a"]);
        assert_eq!(paths.cells(object).unwrap().get(0), b"1");
        let mut paths = Paths::new(&["a", "b"]);
        assert_eq!(paths.cells(object).unwrap_err().column, Some(1));
    }

    #[test]
    fn what_is_no_object_is_told() {
        for object in ["[1]", "{", "{} {}", "5", ""] {
            assert!(cells(&["a"], object).unwrap_err().starts_with("not a JSON object"), "{object}");
        }
        assert!(cells(&["a"], "{\"a\": {\"b\": 1}}").unwrap_err().contains("expected a text or a number"));
        assert!(cells(&["a"], "{\"a\": 1, \"a\": 2}").unwrap_err().contains("twice"));
    }
}

//! What an experiment resolves to: each value with what gave it.
//!
//! An argument of the command comes before the environment, that before the profile, that before the file, and that
//! before the default.

use toml::Value;

use crate::experiment::document::{Layer, Node};
use crate::experiment::keys::{EXPERIMENT, Key, Keys, Otherwise, PART, Shape};
use crate::experiment::load::LoadedExperiment;

/// A value of an experiment, and what gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedValue {
    /// The key, as `--set` takes it: `repeats`, `latency.rate`, `latency.trace.events`.
    pub key: String,
    /// The value; `None` if the key is absent, and what then holds is said by `otherwise`.
    pub value: Option<Value>,
    /// What holds without a value, in words; empty if there is one.
    pub otherwise: &'static str,
    /// What gave the value.
    pub layer: Layer,
    /// The text in which it stands, with its line and column, both from 1; `None` for a default.
    pub place: Option<(String, usize, usize)>,
}

impl LoadedExperiment {
    /// Returns every value of the experiment with its origin, those that nobody gave as well. Figures are listed by
    /// what was given; profiles that were not chosen and the texts of pipelines are not.
    pub fn resolved(&self) -> Vec<ResolvedValue> {
        let mut values = Vec::new();
        let has_older_cap = self.document.at("memory_cap_mib").is_some();
        let is_shown = |key: &&Key| match key.name {
            "part" | "sizes" | "pipelines" => false,
            "memory_cap" => !has_older_cap,
            _ => true,
        };
        for key in EXPERIMENT.keys.iter().filter(is_shown) {
            values.extend(resolved(key, key.name.to_owned(), self.document.at(key.name)));
        }
        for part in self.document.parts() {
            let name = part.at("name").and_then(Node::text).unwrap_or_default();
            table(&PART, name, part, &mut values);
        }
        values
    }
}

/// Adds the values of a table, whose keys begin with `prefix`.
fn table(keys: &Keys, prefix: &str, node: &Node, values: &mut Vec<ResolvedValue>) {
    for key in keys.keys {
        let found = node.at(key.name);
        match (&key.shape, found) {
            // An axis is named without the table that holds it.
            (Shape::Table(inner), Some(node)) if key.name == "axes" => table(inner, prefix, node, values),
            (Shape::Table(inner), Some(node)) => table(inner, &format!("{prefix}.{}", key.name), node, values),
            (Shape::List(Shape::Table(_)), Some(node)) => figures(prefix, node, values),
            (Shape::List(Shape::Table(_)), None) => {}
            _ => values.extend(resolved(key, format!("{prefix}.{}", key.name), found)),
        }
    }
}

/// Adds what was given of each figure.
fn figures(prefix: &str, node: &Node, values: &mut Vec<ResolvedValue>) {
    for figure in node.list().unwrap_or_default() {
        let name = figure.at("name").and_then(Node::text).unwrap_or_default();
        for (key, node) in figure.table().into_iter().flatten().filter(|(key, _)| *key != "name") {
            values.push(given(format!("{prefix}.figure.{name}.{key}"), node));
        }
    }
}

/// Returns the value of a key, or its default; `None` if it is absent and has no meaning then.
fn resolved(key: &Key, name: String, node: Option<&Node>) -> Option<ResolvedValue> {
    let absent = |value: Option<Value>, otherwise| ResolvedValue {
        key: name.clone(),
        value,
        otherwise,
        layer: Layer::Default,
        place: None,
    };
    match (node, &key.otherwise) {
        (Some(node), _) => Some(given(name, node)),
        (None, Otherwise::Value(text)) => {
            let table: toml::Table = format!("value = {text}").parse().ok()?;
            Some(absent(table.get("value").cloned(), ""))
        }
        (None, Otherwise::Follows(words)) => Some(absent(None, words)),
        (None, Otherwise::Required | Otherwise::Absent) => None,
    }
}

fn given(key: String, node: &Node) -> ResolvedValue {
    let origin = &node.origin;
    let place = (origin.layer != Layer::Default).then(|| {
        let at = if origin.key.is_empty() { origin.value.start } else { origin.key.start };
        let (line, column) = origin.source.line_and_column(at);
        (origin.source.name.clone(), line, column)
    });
    ResolvedValue { key, value: Some(node.value()), otherwise: "", layer: origin.layer.clone(), place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::settings::Overrides;
    use tempfile::TempDir;

    #[test]
    fn each_value_has_what_gave_it() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("x.toml");
        let text = "repeats = 2\n[[part]]\nname = \"only\"\n[part.axes]\npipeline = \"identity\"\nworkers = 1\nslack = \"1s\"\n\
                    [sizes.quick]\nrepeats = 1\n\"only.workers\" = 2\n\"only.rate\" = 5\n";
        std::fs::write(&file, text).unwrap();
        let settings = Overrides {
            profile: Some("quick".to_owned()),
            environment: vec!["only.rate=6".to_owned(), "only.slack=2s".to_owned()],
            arguments: vec!["only.rate=7".to_owned()],
            everywhere: Vec::new(),
        };
        let values = LoadedExperiment::load_with(file.to_str().unwrap(), &settings).unwrap().resolved();
        let of = |key: &str| {
            let value = values.iter().find(|value| value.key == key).unwrap_or_else(|| panic!("{key}: {values:?}"));
            let shown = value.value.as_ref().map_or(value.otherwise.to_owned(), ToString::to_string);
            (shown, value.layer.clone(), value.place.as_ref().map(|(_, line, _)| *line))
        };
        let quick = || Layer::Profile("quick".to_owned());
        assert_eq!(of("repeats"), ("1".to_owned(), quick(), Some(9)));
        assert_eq!(of("name"), ("\"x\"".to_owned(), Layer::Default, None));
        assert_eq!(of("deadline"), ("\"60s\"".to_owned(), Layer::Default, None));
        assert_eq!(of("only.pipeline"), ("\"identity\"".to_owned(), Layer::File, Some(5)));
        assert_eq!(of("only.workers"), ("2".to_owned(), quick(), Some(10)));
        assert_eq!(of("only.slack"), ("\"2s\"".to_owned(), Layer::Environment, Some(1)));
        assert_eq!(of("only.rate"), ("7".to_owned(), Layer::Argument, Some(1)));
        assert_eq!(of("only.trace").0, "100000 events of the profile retail");
    }
}

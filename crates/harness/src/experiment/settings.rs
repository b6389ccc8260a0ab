//! `KEY=VALUE` settings and profiles: what changes an experiment after its file is read.
//!
//! From the weakest to the strongest: the file, the profile, the environment, the arguments of the command.

use std::collections::BTreeMap;

use flowbench_events::{Problem, SourceText, did_you_mean, did_you_mean_or_list};
use serde::Deserialize;
use toml::Spanned;

use crate::experiment::document::{Content, Layer, Node, Of, Origin};
use crate::experiment::keys::PART;

/// What changes an experiment after its file is read.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The name of a profile of the experiment.
    pub profile: Option<String>,
    /// `KEY=VALUE` settings of the environment.
    pub environment: Vec<String>,
    /// `KEY=VALUE` settings of the command.
    pub arguments: Vec<String>,
    /// `KEY=VALUE` settings of the command that apply to every part: `processes=2`.
    pub everywhere: Vec<String>,
}

impl Settings {
    /// Returns `KEY=VALUE` settings of the command, and nothing else.
    pub fn of(arguments: &[String]) -> Settings {
        Settings { arguments: arguments.to_vec(), ..Settings::default() }
    }

    /// Returns true if nothing is changed.
    pub(crate) fn is_empty(&self) -> bool {
        let lists = [&self.environment, &self.arguments, &self.everywhere];
        self.profile.is_none() && lists.iter().all(|list| list.is_empty())
    }

    /// Applies all of them to a document, and returns what is wrong with them.
    pub(crate) fn apply(&self, root: &mut Node) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(profile) = &self.profile {
            let source = SourceText::new("--profile", profile.clone());
            problems.extend(choose(root, profile, &(Layer::Argument, source)).err());
        }
        let names: Vec<String> =
            root.parts().iter().filter_map(|part| part.at("name")?.text().map(str::to_owned)).collect();
        let of_parts = names.iter().flat_map(|part| self.everywhere.iter().map(move |one| format!("{part}.{one}")));
        let arguments: Vec<String> = self.arguments.iter().cloned().chain(of_parts).collect();
        for (settings, name, layer) in
            [(&self.environment, "FLOWBENCH_RUN_SET", Layer::Environment), (&arguments, "--set", Layer::Argument)]
        {
            if let Err(problem) = check_once(settings) {
                problems.push(Problem::new(&SourceText::new(name, ""), None, &problem));
                continue;
            }
            // A profile is below the settings beside it, wherever it stands.
            let (sizes, others): (Vec<_>, Vec<_>) = settings.iter().partition(|one| one.starts_with("size="));
            for setting in sizes.into_iter().chain(others) {
                problems.extend(apply(root, setting, name, &layer).err());
            }
        }
        problems
    }
}

/// Keys at the top of an experiment that may be set.
const TOP: [&str; 9] = ["seed", "repeats", "deadline", "memory_cap", "memory_cap_mib", "pin", "claims", "only", "skip"];
/// How often a profile may inherit from another.
const INHERITED_MAX: usize = 8;

/// Who gives a value, and the text in which it stands.
type Giver = (Layer, std::sync::Arc<SourceText>);

/// Applies a `KEY=VALUE` setting.
fn apply(root: &mut Node, setting: &str, name: &str, layer: &Layer) -> Result<(), Problem> {
    let source = SourceText::new(name, setting);
    let whole = || Some(0..setting.len());
    let (path, text) = setting
        .split_once('=')
        .ok_or_else(|| Problem::new(&source, whole(), &format!("{setting}: write it as KEY=VALUE")))?;
    if path == "size" {
        return choose(root, text, &(layer.clone(), source.clone()));
    }
    let from = path.len() + 1;
    let value = value(text, &source, from, layer)
        .map_err(|message| Problem::new(&source, Some(from..setting.len()), &format!("{setting}: {message}")))?;
    let key = Node { origin: Origin { key: 0..path.len(), ..value.origin.clone() }, ..value };
    set(root, path, key).map_err(|message| Problem::new(&source, Some(0..path.len()), &format!("{setting}: {message}")))
}

/// Applies the settings of a profile, those of the profile it inherits from first.
fn choose(root: &mut Node, profile: &str, (_, source): &Giver) -> Result<(), Problem> {
    let mut chain: Vec<(String, BTreeMap<String, Node>)> = Vec::new();
    let mut next = Some((profile.to_owned(), Problem::new(source, Some(0..source.text.len()), "")));
    while let Some((name, mut unknown)) = next.take() {
        let profiles = root.at("sizes").and_then(Node::table).cloned().unwrap_or_default();
        let names = || profiles.keys().map(String::as_str);
        let found = profiles.get(&name).and_then(Node::table).cloned();
        let message = match found.is_some() {
            true if chain.len() < INHERITED_MAX && chain.iter().all(|(other, _)| *other != name) => None,
            true => Some(format!("profile '{name}' inherits from itself")),
            false if profiles.is_empty() => Some("the experiment has one size only, and no profiles".to_owned()),
            false => Some(format!(
                "there is no profile '{name}'{}; there are {}",
                did_you_mean(&name, names()),
                names().collect::<Vec<_>>().join(", ")
            )),
        };
        if let Some(message) = message {
            let Problem { what, help, .. } = Problem::new(source, None, &message);
            (unknown.what, unknown.help) = (what, help);
            return Err(unknown);
        }
        let mut entries = found.unwrap_or_default();
        if let Some(parent) = entries.remove("inherits") {
            let problem = parent.problem("", Of::Value, "");
            next = Some((parent.text().unwrap_or_default().to_owned(), problem));
        }
        chain.push((name, entries));
    }
    for (name, entries) in chain.into_iter().rev() {
        for (path, value) in entries {
            let problem = value.problem("", Of::Key, "");
            let node = value.in_layer(&Layer::Profile(name.clone()));
            set(root, &path, node).map_err(|message| {
                let Problem { what, help, .. } = Problem::new(&problem.source, None, &format!("{path}: {message}"));
                Problem { what, help, ..problem }
            })?;
        }
    }
    Ok(())
}

/// Puts a value at the place that a key of a setting names: `seed`, `<part>.rate`, `<part>.trace.events`.
fn set(root: &mut Node, path: &str, value: Node) -> Result<(), String> {
    let entries = root.table_mut().ok_or("the experiment is no table")?;
    let Some((first, rest)) = path.split_once('.') else {
        if !TOP.contains(&path) {
            let near = did_you_mean(path, TOP);
            return Err(format!("there is no such key; there are {}, size and <part>.<key>{near}", TOP.join(", ")));
        }
        match path {
            "memory_cap" => entries.remove("memory_cap_mib"),
            "memory_cap_mib" => entries.remove("memory_cap"),
            _ => None,
        };
        entries.insert(path.to_owned(), value);
        return Ok(());
    };
    let parts = entries.get_mut("part").and_then(Node::list_mut).ok_or("the experiment has no parts")?;
    let names: Vec<String> = parts.iter().filter_map(|part| part.at("name")?.text().map(str::to_owned)).collect();
    let part = parts.iter_mut().find(|part| part.at("name").and_then(Node::text) == Some(first));
    let mut place = part.ok_or_else(|| {
        let hint = did_you_mean_or_list(first, names.iter().map(String::as_str));
        format!("there is no part '{first}'{hint}")
    })?;
    let mut keys: Vec<&str> = rest.split('.').collect();
    let is_of_part = PART.find(keys[0]).is_some() && !["name", "question", "figure"].contains(&keys[0]);
    if !is_of_part {
        keys.insert(0, "axes");
    }
    let last = keys.pop().ok_or("the key is empty")?;
    for key in keys {
        let table = place.table_mut().ok_or_else(|| format!("'{first}' holds no keys"))?;
        let empty = || Node { content: Content::Table(BTreeMap::new()), origin: value.origin.clone() };
        place = table.entry(key.to_owned()).or_insert_with(empty);
        if place.table().is_none() {
            return Err(format!("'{key}' holds no keys"));
        }
    }
    place.table_mut().ok_or("the key is empty")?.insert(last.to_owned(), value);
    Ok(())
}

/// Parses a value as TOML (`3`, `[1, 2]`, `true`), or else as text. It begins at `from` in its source.
fn value(text: &str, source: &std::sync::Arc<SourceText>, from: usize, layer: &Layer) -> Result<Node, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Setting {
        value: Spanned<toml::Value>,
    }
    const KEY: &str = "value = ";
    let toml = format!("{KEY}{}", text.trim_end());
    let whole = Origin { layer: layer.clone(), source: source.clone(), key: 0..0, value: from..from + text.len() };
    match toml::from_str::<Setting>(&toml) {
        Ok(Setting { value }) if value.span().end == toml.len() => {
            let (document, _) = Node::parse(&SourceText::new("", toml));
            let node = document.at("value").cloned().ok_or("the value is empty")?;
            Ok(moved(node, source, from as isize - KEY.len() as isize, layer))
        }
        Ok(_) => Err("what stands behind the value is a comment; leave it out, or put all of it in quotes".to_owned()),
        Err(_) => Ok(Node { content: Content::Plain(toml::Value::String(text.to_owned())), origin: whole }),
    }
}

/// Returns a value as it stands in another text, so many bytes further on.
fn moved(mut node: Node, source: &std::sync::Arc<SourceText>, by: isize, layer: &Layer) -> Node {
    let at = |place: usize| place.saturating_add_signed(by);
    let value = at(node.origin.value.start)..at(node.origin.value.end);
    node.origin = Origin { layer: layer.clone(), source: source.clone(), key: 0..0, value };
    node.content = match node.content {
        Content::Table(table) => {
            Content::Table(table.into_iter().map(|(key, inner)| (key, moved(inner, source, by, layer))).collect())
        }
        Content::List(list) => Content::List(list.into_iter().map(|inner| moved(inner, source, by, layer)).collect()),
        plain @ Content::Plain(_) => plain,
    };
    node
}

/// Fails if a key is set twice among `KEY=VALUE` settings, even to the same value.
pub(crate) fn check_once(settings: &[String]) -> Result<(), String> {
    let pairs: Vec<(String, &str)> =
        settings.iter().filter_map(|one| one.split_once('=')).map(|(key, value)| (place(key), value)).collect();
    for (at, (key, second)) in pairs.iter().enumerate() {
        if let Some((_, first)) = pairs[..at].iter().find(|(other, _)| other == key) {
            return Err(format!("{key} is set twice, to '{first}' and to '{second}'; leave one of them out"));
        }
    }
    Ok(())
}

/// Returns the place of a setting: an axis of a part may be named with the table that holds it, or without.
fn place(key: &str) -> String {
    key.replacen(".axes.", ".", 1)
}

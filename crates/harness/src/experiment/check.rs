//! Checks a document against the keys that it may have, and finds everything that is wrong in one pass.
//!
//! What is wrong is taken out of the document, so that the rest of it can be read and checked further.

use flowbench_events::{BadRowLimit, Problem, did_you_mean_or_list, parse_bytes, parse_count, parse_duration_ms};

use crate::experiment::document::{Content, Node, Of};
use crate::experiment::keys::{EXPERIMENT, Keys, Otherwise, Shape};
use crate::experiment::rate::parse_latency_ns;

/// Checks an experiment, removes what is wrong and returns the problems.
pub(crate) fn check_keys(root: &mut Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    table(root, &EXPERIMENT, "the experiment", &mut problems);
    let caps = ["memory_cap", "memory_cap_mib"].map(|key| root.at(key));
    if let [Some(_), Some(older)] = caps {
        problems.push(older.problem("", Of::Key, "memory_cap_mib and memory_cap are both set; leave one of them out"));
    }
    problems
}

/// Checks a table; returns false if it is of no use, because it lacks a key.
fn table(node: &mut Node, keys: &'static Keys, what: &str, problems: &mut Vec<Problem>) -> bool {
    let is_in_part = keys.find("axes").is_some();
    let own_name = node.at("name").and_then(Node::text).map(str::to_owned);
    let what = own_name.filter(|_| is_in_part).map_or(what.to_owned(), |name| format!("part '{name}'"));
    let unusable: Vec<String> = match node.table_mut() {
        Some(entries) => entries
            .iter_mut()
            .filter_map(|(name, value)| (!entry(name, value, keys, problems)).then(|| name.clone()))
            .collect(),
        None => {
            problems.push(node.problem("", Of::Value, &format!("{what} must be a table")));
            return false;
        }
    };
    let required = || keys.keys.iter().filter(|key| key.otherwise == Otherwise::Required);
    let is_missing = |name: &str| node.at(name).is_none();
    let missing: Vec<&str> = required().map(|key| key.name).filter(|name| is_missing(name)).collect();
    for name in &missing {
        problems.push(node.problem("", Of::Key, &format!("{what} lacks the {} '{name}'", keys.noun)));
    }
    let is_usable = missing.is_empty() && !required().any(|key| unusable.iter().any(|name| name == key.name));
    if let Some(entries) = node.table_mut() {
        entries.retain(|name, _| !unusable.contains(name));
    }
    is_usable
}

/// Checks one key of a table; returns false if it is of no use.
fn entry(name: &str, value: &mut Node, keys: &'static Keys, problems: &mut Vec<Problem>) -> bool {
    if let Some(key) = keys.find(name) {
        return shape(value, &key.shape, name, problems);
    }
    let hint = did_you_mean_or_list(name, keys.names());
    problems.push(value.problem("", Of::Key, &format!("there is no {} '{name}'{hint}", keys.noun)));
    false
}

/// Checks a value, which messages call `name`; returns false if it is of no use.
fn shape(node: &mut Node, shape_of: &'static Shape, name: &str, problems: &mut Vec<Problem>) -> bool {
    match shape_of {
        Shape::Table(keys) => return table(node, keys, name, problems),
        Shape::List(inner) => return list(node, inner, name, problems),
        Shape::OneOrMore(inner) if node.list().is_some() => {
            let is_list = list(node, inner, name, problems);
            if node.list().is_some_and(|list| !list.is_empty()) || !is_list {
                return is_list;
            }
        }
        Shape::OneOrMore(inner) => return shape(node, inner, name, problems),
        Shape::Map(inner) => {
            if let Some(entries) = node.table_mut() {
                entries.retain(|_, value| shape(value, inner, name, problems));
                return true;
            }
        }
        _ => {}
    }
    match wrong(node, shape_of, name) {
        None => true,
        Some(message) => {
            problems.push(node.problem("", Of::Value, &message));
            false
        }
    }
}

fn list(node: &mut Node, inner: &'static Shape, name: &str, problems: &mut Vec<Problem>) -> bool {
    let Some(list) = node.list_mut() else {
        problems.push(node.problem("", Of::Value, &format!("{name} must be a list")));
        return false;
    };
    list.retain_mut(|value| shape(value, inner, name, problems));
    true
}

/// Returns what is wrong with a value that holds no others.
fn wrong(node: &Node, shape: &Shape, name: &str) -> Option<String> {
    let value = match &node.content {
        Content::Plain(value) => Some(value),
        _ => None,
    };
    let text = value.and_then(toml::Value::as_str);
    let whole = value.and_then(toml::Value::as_integer);
    let must_be = |what: &str| Some(format!("{name} must be {what}"));
    let outside = |shown: String, least: u64, most: u64| Some(format!("{name} = {shown} is outside {least} to {most}"));
    let within = |number: i64, least: u64, most: u64| {
        let is_within = u64::try_from(number).is_ok_and(|number| (least..=most).contains(&number));
        if is_within { None } else { outside(number.to_string(), least, most) }
    };
    match shape {
        Shape::Text if text.is_none() => must_be("a text in quotes"),
        Shape::Name => match text {
            None => must_be("a text in quotes"),
            Some(text) => not_a_name(name, text),
        },
        Shape::Flag if value.and_then(toml::Value::as_bool).is_none() => must_be("true or false"),
        Shape::Number if whole.is_none() && value.and_then(toml::Value::as_float).is_none() => must_be("a number"),
        Shape::Version(newest) => match whole {
            Some(number) if number > *newest as i64 => Some(format!(
                "{name} = {number} is of a newer flowbench; this one reads up to {newest}: update flowbench"
            )),
            Some(number) => within(number, 1, *newest),
            None => must_be("a whole number"),
        },
        Shape::Whole(least, most) => match whole {
            Some(number) => within(number, *least, *most),
            None => must_be(&format!("a whole number, {least} to {most}")),
        },
        Shape::Count(least, most) => match (whole, text.map(parse_count)) {
            (Some(number), _) => within(number, *least, *most),
            (_, Some(Ok(number))) if (*least..=*most).contains(&number) => None,
            (_, Some(Ok(number))) => outside(number.to_string(), *least, *most),
            (_, Some(Err(problem))) => Some(format!("{name}: {problem}")),
            _ => must_be("a whole number, or a text such as \"20k\""),
        },
        Shape::Bytes(least) => match (whole, text.map(parse_bytes)) {
            (Some(number), _) if number >= *least as i64 => None,
            (_, Some(Ok(bytes))) if bytes >= *least => None,
            (Some(_), _) | (_, Some(Ok(_))) => Some(format!("{name} is below {} MiB", least >> 20)),
            (_, Some(Err(problem))) => Some(format!("{name}: {problem}")),
            _ => must_be("a size, such as \"2GiB\""),
        },
        Shape::BadRows => match (whole, text.map(str::parse::<BadRowLimit>)) {
            (Some(number), _) => within(number, 0, i64::MAX as u64),
            (_, Some(Ok(_))) => None,
            (_, Some(Err(problem))) => Some(format!("{name}: {problem}")),
            _ => must_be("a number of rows such as 20, or a share of them such as \"0.5%\""),
        },
        Shape::Duration(least_ms) => match text.map(parse_duration_ms) {
            Some(Ok(ms)) if ms >= *least_ms => None,
            Some(Ok(_)) => Some(format!("{name} = 0 leaves no time at all; give it 1ms or more")),
            Some(Err(problem)) => Some(format!("{name}: {problem}")),
            None => must_be("a duration in quotes, such as \"10s\""),
        },
        Shape::Latency => match text.map(parse_latency_ns) {
            Some(Ok(_)) => None,
            Some(Err(problem)) => Some(format!("{name}: {problem}")),
            None => must_be("a latency in quotes, such as \"250us\""),
        },
        Shape::Word(words) => match text {
            Some(text) if words.contains(&text) => None,
            Some(text) => {
                Some(format!("there is no {name} '{text}'{}", did_you_mean_or_list(text, words.iter().copied())))
            }
            None => must_be("a word in quotes"),
        },
        Shape::Axis if node.table().is_some() => must_be("a value, or a list of values"),
        Shape::OneOrMore(_) => Some(format!("{name}: the list is empty")),
        Shape::Map(_) => must_be("a table"),
        _ => None,
    }
}

fn not_a_name(key: &str, text: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let is_name = !text.is_empty() && text.chars().all(is_plain);
    (!is_name).then(|| format!("{key} = '{text}' cannot name a folder; use letters, digits, - and _"))
}

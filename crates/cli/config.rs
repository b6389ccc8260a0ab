//! `config show`: what an experiment resolves to, and where each value comes from.

use flowbench_harness::experiment::{Layer, LoadedExperiment, ResolvedValue};
use serde_json::{Value, json};

use crate::args::{Config, ConfigShow};
use crate::failure::{Failure, OK, print};
use crate::json_output::print_json;
use crate::run::settings;

/// Widths of keys and values; a longer key moves what stands behind it.
const WIDTHS: (usize, usize) = (30, 24);
/// Maximum length of a value; what is longer is cut, except in JSON.
const VALUE_MAX: usize = 48;

pub(crate) fn config(args: &Config) -> Result<i32, Failure> {
    let Config::Show(args) = args;
    show(args)
}

fn show(args: &ConfigShow) -> Result<i32, Failure> {
    let settings = settings(args.profile.as_deref(), &args.set);
    let loaded = LoadedExperiment::load_with(&args.experiment, &settings)?;
    let mut values = loaded.resolved();
    if !args.resolved {
        values.retain(|value| value.layer != Layer::Default);
    }
    if args.json {
        print_json("configuration", json!({ "values": values.iter().map(entry).collect::<Vec<_>>() }))?;
    } else {
        print(&values.iter().map(line).collect::<String>())?;
    }
    Ok(OK)
}

fn line(value: &ResolvedValue) -> String {
    let (key_width, value_width) = WIDTHS;
    let shown = shown(value);
    format!("{:<key_width$} {shown:<value_width$} {}\n", value.key, origin(value))
}

/// Returns the value on one line, or in words what holds without it.
fn shown(value: &ResolvedValue) -> String {
    let text = value.value.as_ref().map_or(format!("({})", value.otherwise), ToString::to_string);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= VALUE_MAX { line } else { line.chars().take(VALUE_MAX - 1).chain(['…']).collect() }
}

/// Returns where a value comes from: `default`, `mine.toml:12`, `profile quick, mine.toml:80`, `--set`.
fn origin(value: &ResolvedValue) -> String {
    let place = value.place.as_ref().map_or(String::new(), |(name, line, _)| format!("{name}:{line}"));
    match &value.layer {
        Layer::Default => "default".to_owned(),
        Layer::File => place,
        Layer::Profile(name) => format!("profile {name}, {place}"),
        Layer::Environment => "environment, FLOWBENCH_RUN_SET".to_owned(),
        Layer::Argument => "--set".to_owned(),
    }
}

fn entry(value: &ResolvedValue) -> Value {
    let layer = match &value.layer {
        Layer::Default => "default",
        Layer::File => "file",
        Layer::Profile(_) => "profile",
        Layer::Environment => "environment",
        Layer::Argument => "argument",
    };
    let profile = match &value.layer {
        Layer::Profile(name) => json!(name),
        _ => Value::Null,
    };
    let (source, line, column) = match &value.place {
        Some((source, line, column)) => (json!(source), json!(line), json!(column)),
        None => (Value::Null, Value::Null, Value::Null),
    };
    json!({
        "key": value.key,
        "value": value.value.as_ref().and_then(|value| serde_json::to_value(value).ok()),
        "otherwise": if value.otherwise.is_empty() { Value::Null } else { json!(value.otherwise) },
        "layer": layer,
        "profile": profile,
        "source": source,
        "line": line,
        "column": column,
    })
}

//! Where two experiments differ in what they measure.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// Keys of an experiment that change nothing that is measured. The number of repeats is known from the results.
const UNMEASURED: [&str; 11] =
    ["claims", "gate", "name", "note", "notes", "only", "repeats", "schema_version", "sizes", "skip", "title"];
/// Keys of a part that change nothing that is measured. Which parts are untimed, the runs themselves record.
const UNMEASURED_OF_PART: [&str; 5] = ["figure", "note", "notes", "question", "untimed"];

/// Returns the first setting in which two experiments differ, as it is written in each, if it changes what is measured.
/// A part that only one of them has is not a difference: its cases are not compared. Texts that are not TOML differ
/// unless they are equal.
pub(super) fn experiment_difference(before: &str, after: &str) -> Option<(String, String)> {
    match (before.parse(), after.parse()) {
        (Ok(before), Ok(after)) => difference_of_tables(&without_parts(&before), &without_parts(&after), "")
            .or_else(|| difference_of_parts(&parts(&before), &parts(&after))),
        _ => (before != after).then(|| ("not readable as TOML".to_owned(), "another text".to_owned())),
    }
}

fn without_parts(experiment: &Table) -> Table {
    let is_measured = |key: &str| key != "part" && !UNMEASURED.contains(&key);
    experiment.iter().filter(|(key, _)| is_measured(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns the parts of an experiment by their names, with what is measured in them.
fn parts(experiment: &Table) -> BTreeMap<String, Table> {
    let parts = experiment.get("part").and_then(Value::as_array).into_iter().flatten();
    let named = parts.filter_map(Value::as_table).map(|part| {
        let mut part = part.clone();
        part.retain(|key, _| !UNMEASURED_OF_PART.contains(&key));
        (part.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(), part)
    });
    named.collect()
}

fn difference_of_parts(before: &BTreeMap<String, Table>, after: &BTreeMap<String, Table>) -> Option<(String, String)> {
    let mut in_both = before.iter().filter_map(|(name, part)| Some((name, part, after.get(name)?)));
    in_both.find_map(|(name, before, after)| difference_of_tables(before, after, &format!("{name}.")))
}

/// Returns the first difference of two tables whose keys are written behind `place`.
fn difference_of_tables(before: &Table, after: &Table, place: &str) -> Option<(String, String)> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter().find_map(|key| match (before.get(key), after.get(key)) {
        (before, after) if before == after => None,
        (Some(Value::Table(before)), Some(Value::Table(after))) => {
            difference_of_tables(before, after, &format!("{place}{key}."))
        }
        (before, after) => {
            let setting = |value: Option<&Value>| match value {
                Some(value) => format!("{place}{key} = {value}"),
                None => format!("no {place}{key}"),
            };
            Some((setting(before), setting(after)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPERIMENT: &str = r#"
title = "a look"
claims = ["max(lost_answers_share) == 0"]
seed = 7

[[part]]
name = "delay"
question = "How long does it take?"
[part.axes]
workers = [1, 2]
[[part.figure]]
name = "delays"
question = "How long?"
only = { workers = "1" }

[[part]]
name = "memory"
question = "How much?"
"#;

    fn between(change: (&str, &str)) -> Option<(String, String)> {
        assert!(EXPERIMENT.contains(change.0), "{} is not in the experiment", change.0);
        experiment_difference(EXPERIMENT, &EXPERIMENT.replace(change.0, change.1))
    }

    #[test]
    fn what_changes_nothing_that_is_measured_is_not_a_difference() {
        let (delay, memory) = EXPERIMENT.split_once("[[part]]\nname = \"memory\"").unwrap();
        for change in [
            ("claims = [\"max(lost_answers_share) == 0\"]\n", ""),
            ("\"a look\"", "\"another look\""),
            ("seed = 7", "# as always\nseed   =   7\nschema_version = 1\nrepeats = 9\nonly = [\"delay\"]"),
            ("How long does it take?", "How fast is it?"),
            ("\"How long?\"", "\"How fast?\"\nreading = \"Lower is better.\""),
            ("only = { workers = \"1\" }", ""),
            ("How much?\"", "How much?\"\nuntimed = true"),
        ] {
            assert_eq!(between(change), None, "{change:?}");
        }
        assert_eq!(experiment_difference(EXPERIMENT, delay), None, "a selected part");
        let turned = format!("{}[[part]]\nname = \"memory\"{memory}[[part]]{}", "title = \"a look\"\nseed = 7\n", {
            delay.split_once("[[part]]").unwrap().1
        });
        assert_eq!(experiment_difference(EXPERIMENT, &turned), None, "another order of the parts");
    }

    #[test]
    fn what_changes_the_measurement_is_named_with_its_place() {
        for (change, wanted) in [
            (("seed = 7", "seed = 8"), ("seed = 7", "seed = 8")),
            (("seed = 7", ""), ("seed = 7", "no seed")),
            (("[1, 2]", "[1, 4]"), ("delay.axes.workers = [1, 2]", "delay.axes.workers = [1, 4]")),
            (("How much?\"", "How much?\"\nduration = \"2s\""), ("no memory.duration", "memory.duration = \"2s\"")),
        ] {
            assert_eq!(between(change), Some((wanted.0.to_owned(), wanted.1.to_owned())));
        }
        assert!(experiment_difference("no TOML", EXPERIMENT).is_some());
        assert_eq!(experiment_difference("no TOML", "no TOML"), None);
    }
}

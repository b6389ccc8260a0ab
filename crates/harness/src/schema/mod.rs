//! The formats of files as JSON Schema, draft 2020-12, so that editors complete them and other tools check them.
//!
//! Decision D-433.

use serde_json::{Map, Value, json};

use crate::experiment::keys::{EXPERIMENT, Keys, Otherwise, Shape};

/// The dialect in which the schemas are written.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// The schema of mapping files.
const MAPPING: &str = include_str!("mapping.json");
/// The schema of the files of a run.
const RESULTS: &str = include_str!("results.json");

/// Returns the schema of mapping files, JSON.
pub fn mapping_schema() -> &'static str {
    MAPPING
}

/// Returns the schema of `run.json` (`$defs/run`) and of the lines of `cases.ndjson` (`$defs/case`), JSON.
pub fn results_schema() -> &'static str {
    RESULTS
}

/// Returns the schema of experiment files, JSON. It knows what the check of a file knows, and no names of pipelines,
/// strategies or columns.
pub fn experiment_schema() -> String {
    let mut schema = table(&EXPERIMENT);
    schema["$schema"] = json!(DIALECT);
    schema["title"] = json!("flowbench experiment");
    format!("{schema:#}\n")
}

fn table(keys: &Keys) -> Value {
    let mut properties = Map::new();
    for key in keys.keys {
        let mut value = shape(&key.shape);
        value["description"] = json!(match &key.otherwise {
            Otherwise::Follows(words) => format!("{} By default {words}.", key.meaning),
            _ => key.meaning.to_owned(),
        });
        if let Some(default) = default_of(&key.otherwise) {
            value["default"] = default;
        }
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> =
        keys.keys.iter().filter(|key| key.otherwise == Otherwise::Required).map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// Returns the value that holds without a key.
fn default_of(otherwise: &Otherwise) -> Option<Value> {
    let Otherwise::Value(text) = otherwise else { return None };
    let table: toml::Table = format!("value = {text}").parse().ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

fn shape(shape_of: &Shape) -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    match shape_of {
        Shape::Text => json!({ "type": "string" }),
        Shape::Name => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Version(newest) => json!({ "type": "integer", "minimum": 1, "maximum": newest }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Count(least, most) => json!({
            "anyOf": [
                { "type": "integer", "minimum": least, "maximum": most },
                { "type": "string", "pattern": "^[0-9][0-9_.]*[kMG]?$" },
            ],
        }),
        Shape::Bytes(least) => json!({
            "anyOf": [
                { "type": "integer", "minimum": least },
                { "type": "string", "pattern": "^[0-9][0-9_.]* *([kMGT]?B|[KMGT]iB)?$" },
            ],
        }),
        Shape::BadRows => json!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^ *([0-9]+|[0-9]+(\\.[0-9]+)? *%) *$" },
            ],
        }),
        Shape::Duration(_) => json!({ "type": "string", "pattern": "^ *([0-9]+(ms|s|m|min|h|d) *)+$|^0$" }),
        Shape::Latency => json!({ "type": "string", "pattern": "^ *([0-9]+(ns|us|µs|ms|s|m|min|h|d) *)+$" }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Axis => json!({
            "anyOf": [
                scalar,
                { "type": "array", "items": { "anyOf": [scalar, { "type": "array", "items": { "type": "string" } }] } },
            ],
        }),
        Shape::Any => json!({}),
        Shape::List(inner) => json!({ "type": "array", "items": shape(inner) }),
        Shape::OneOrMore(inner) => {
            let one = shape(inner);
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        Shape::Table(keys) => table(keys),
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": shape(inner) }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::experiment::SHIPPED;

    /// Returns what a value violates of a schema, as far as our schemas go; patterns are left to other validators.
    fn violations(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = root.pointer(reference.trim_start_matches('#')).expect(reference);
            return violations(root, target, value, at);
        }
        let mut found = Vec::new();
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|one| is_of(value, one)) {
            return vec![format!("{at}: is no {types:?}")];
        }
        let is_among = |list: &Vec<Value>| list.contains(value);
        if schema["enum"].as_array().is_some_and(|list| !is_among(list)) {
            found.push(format!("{at}: is none of {}", schema["enum"]));
        }
        let number = value.as_f64();
        let is_below = number.zip(schema["minimum"].as_f64()).is_some_and(|(number, least)| number < least);
        if is_below || number.zip(schema["maximum"].as_f64()).is_some_and(|(number, most)| number > most) {
            found.push(format!("{at}: is out of range"));
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let fits = any.iter().any(|one| violations(root, one, value, at).is_empty());
            found.extend((!fits).then(|| format!("{at}: fits none of {}", schema["anyOf"])));
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(entries) = value.as_object() {
            found.extend(required.filter(|key| !entries.contains_key(*key)).map(|key| format!("{at}: lacks {key}")));
            for (key, inner) in entries {
                let at = format!("{at}/{key}");
                match (&schema["properties"][key], &schema["additionalProperties"]) {
                    (Value::Null, Value::Bool(false)) => found.push(format!("{at}: is unknown")),
                    (Value::Null, Value::Null | Value::Bool(true)) => {}
                    (Value::Null, others) => found.extend(violations(root, others, inner, &at)),
                    (known, _) => found.extend(violations(root, known, inner, &at)),
                }
            }
        }
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if value.is_array() && schema["minItems"].as_u64().is_some_and(|least| (list.len() as u64) < least) {
            found.push(format!("{at}: is empty"));
        }
        if !schema["items"].is_null() {
            let items = list.iter().enumerate();
            found.extend(
                items.flat_map(|(number, one)| violations(root, &schema["items"], one, &format!("{at}/{number}"))),
            );
        }
        found
    }

    fn is_of(value: &Value, name: &str) -> bool {
        match name {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            _ => value.is_object(),
        }
    }

    fn json_of(toml: &str) -> Value {
        serde_json::to_value(toml.parse::<toml::Table>().unwrap()).unwrap()
    }

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn every_shipped_experiment_is_valid_and_planted_errors_are_not() {
        let schema: Value = serde_json::from_str(&experiment_schema()).unwrap();
        let check = |text: &str| violations(&schema, &schema, &json_of(text), "");
        for shipped in SHIPPED {
            assert_eq!(check(shipped.text), Vec::<String>::new(), "{}", shipped.name);
        }
        let good = "schema_version = 1\nmemory_cap = \"2GiB\"\n[[part]]\ntrace = { events = \"20k\" }\n\
                    axes = { pipeline = [\"identity\", \"sessions\"], settings = [[\"a=1\"], []] }\n";
        assert_eq!(check(good), Vec::<String>::new());
        for (from, to, wanted) in [
            ("schema_version = 1", "schema_version = 2", "/schema_version: is out of range"),
            ("schema_version", "shema_version", "/shema_version: is unknown"),
            ("pipeline", "pipelin", "/part/0/axes: lacks pipeline"),
            ("\"20k\"", "[1]", "/part/0/trace/events: fits none"),
            ("[[part]]", "[part]", "/part: is no"),
            ("events", "event", "/part/0/trace/event: is unknown"),
        ] {
            let found = check(&good.replacen(from, to, 1)).join("\n");
            assert!(found.contains(wanted), "{found}");
        }
    }

    #[test]
    fn the_committed_schema_of_experiments_is_this_one() {
        let path = repository().join("experiments/experiment.schema.json");
        if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
            std::fs::write(&path, experiment_schema()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), experiment_schema());
        for shipped in SHIPPED {
            assert!(shipped.text.starts_with("#:schema experiment.schema.json\n"), "{}", shipped.name);
        }
    }

    #[test]
    fn mappings_are_valid_and_planted_errors_are_not() {
        let schema: Value = serde_json::from_str(mapping_schema()).unwrap();
        let check = |text: &str| violations(&schema, &schema, &json_of(text), "");
        let good = "absent = [\"nan\"]\ndecimal = \",\"\ntime = { column = \"when\", format = [\"%d/%m/%Y\"], timezone = \"UTC\" }\n\
                    kind = { column = \"type\", values = { order = \"order_placed\" } }\ncountry = { constant = \"GB\" }\n\
                    value = { column = \"price\", times = \"quantity\" }\nrating = { column = \"x\", pattern = \"s=(.)\" }\n";
        flowbench_events::Mapping::parse(good, "good.toml").unwrap();
        assert_eq!(check(good), Vec::<String>::new());
        let several = "order = { column = \"id\" }\n[[event]]\nkind = { constant = \"order_placed\" }\n\
                       time = { column = \"at\" }\nevent_id = { column = \"id\", prefix = \"placed-\" }\n";
        flowbench_events::Mapping::parse(several, "several.toml").unwrap();
        assert_eq!(check(several), Vec::<String>::new());
        for (from, to, wanted) in [
            ("time", "tme", "/tme: is unknown"),
            ("column = \"when\"", "colum = \"when\"", "/time/colum: is unknown"),
            ("decimal = \",\"", "decimal = \";\"", "/decimal: is none of"),
            ("constant = \"GB\"", "pattern = \"x\"", "/country: fits none"),
            ("[\"nan\"]", "\"nan\"", "/absent: is no"),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert!(flowbench_events::Mapping::parse(&wrong, "wrong.toml").is_err(), "{wrong}");
            let found = check(&wrong).join("\n");
            assert!(found.contains(wanted), "{found}");
        }
    }

    #[test]
    fn every_reference_is_valid_and_planted_errors_are_not() {
        let schema: Value = serde_json::from_str(results_schema()).unwrap();
        let of = |kind: &str, value: &Value| violations(&schema, &schema["$defs"][kind], value, "");
        let mut seen = 0;
        for shipped in SHIPPED {
            let dir = repository().join("results").join(shipped.name).join("reference");
            let Ok(run) = std::fs::read_to_string(dir.join("run.json")) else { continue };
            let mut run: Value = serde_json::from_str(&run).unwrap();
            assert_eq!(of("run", &run), Vec::<String>::new(), "{}", shipped.name);
            let cases = std::fs::read_to_string(dir.join("cases.ndjson")).unwrap();
            let mut cases: Vec<Value> = cases.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let found: Vec<String> = cases.iter().flat_map(|case| of("case", case)).take(3).collect();
            assert_eq!(found, Vec::<String>::new(), "{}", shipped.name);
            seen += 1;
            run["planned_cases"] = json!("many");
            run.as_object_mut().unwrap().remove("build");
            assert_eq!(of("run", &run).len(), 2);
            cases[0]["axes"]["workers"] = json!("two");
            cases[0]["status"]["outcome"] = json!("fine");
            cases[0]["case"] = json!(0);
            assert_eq!(of("case", &cases[0]).len(), 3);
        }
        assert!(seen >= 10);
    }
}

//! The public test kit of the language: every case, with its value and its kind of error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{CesqlErrorKind, CesqlExpression, CesqlResult};
use crate::cloud_event::{AttributeValue, CloudEvent};

/// One object a line; the first says where the others are from, and their licence.
const CASES: &str = include_str!("conformance.jsonl");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    suite: String,
    name: String,
    expression: String,
    event: Option<Value>,
    #[serde(default)]
    overrides: BTreeMap<String, Value>,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize, Debug)]
struct Expected {
    value: Option<Value>,
    error: Option<String>,
    /// What the specification asks for, where it contradicts the case.
    instead: Option<Box<Expected>>,
}

impl Case {
    fn event(&self) -> CloudEvent {
        let mut event = self.event.clone().unwrap_or_else(
            || serde_json::json!({ "specversion": "1.0", "id": "1", "source": "/conformance", "type": "case" }),
        );
        for (name, value) in &self.overrides {
            event[name] = value.clone();
        }
        CloudEvent::from_json(&event.to_string()).unwrap()
    }

    fn result(&self) -> CesqlResult {
        match CesqlExpression::parse(&self.expression) {
            Ok(expression) => expression.evaluate(&self.event()),
            Err(error) => {
                assert_eq!(error.kind, CesqlErrorKind::Parse);
                CesqlResult { value: AttributeValue::Boolean(false), error: Some(error) }
            }
        }
    }
}

impl Expected {
    fn is(&self, result: &CesqlResult) -> bool {
        let is_value = match (&self.value, &result.value) {
            (None, _) => true,
            (Some(Value::String(expected)), AttributeValue::Text(text)) => expected == text,
            (Some(Value::Bool(expected)), AttributeValue::Boolean(truth)) => expected == truth,
            (Some(Value::Number(expected)), AttributeValue::Integer(number)) => {
                expected.as_i64() == Some(i64::from(*number))
            }
            _ => false,
        };
        is_value && self.error.as_deref() == result.error.as_ref().map(|error| error.kind.name())
    }
}

fn cases() -> Vec<Case> {
    CASES.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_case_of_the_kit_has_its_value_and_its_kind_of_error() {
    let mut contradicted = Vec::new();
    for case in cases() {
        let result = case.result();
        let expected = case.expected.instead.as_deref().unwrap_or(&case.expected);
        assert!(expected.is(&result), "{}: {}: {}: {result:?}", case.suite, case.name, case.expression);
        if case.expected.instead.is_some() {
            assert!(!case.expected.is(&result));
            contradicted.push(case.expression);
        }
    }
    assert_eq!(contradicted, ["NOT 10"], "the one case against the table of casts");
}

#[test]
fn the_kit_is_whole() {
    let mut suites = BTreeMap::new();
    let mut errors = BTreeMap::new();
    for case in cases() {
        *suites.entry(case.suite).or_insert(0) += 1;
        *errors.entry(case.expected.error).or_insert(0) += 1;
    }
    assert_eq!(suites.len(), 18);
    assert_eq!(suites.values().sum::<i32>(), 275);
    errors.remove(&None);
    let errors: Vec<(&str, i32)> = errors.iter().map(|(kind, count)| (kind.as_deref().unwrap(), *count)).collect();
    let expected = [
        ("cast", 3),
        ("functionEvaluation", 6),
        ("math", 5),
        ("missingAttribute", 18),
        ("missingFunction", 1),
        ("parse", 2),
    ];
    assert_eq!(errors, expected);
}

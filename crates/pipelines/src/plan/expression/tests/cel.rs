//! The crate `cel` judges what both languages say: whole numbers, texts, and conditions on them, of events that lack nothing.

use cel::{Context, Program, Value};
use flowbench_events::{Event, Symbols};
use proptest::prelude::*;

use super::{BINDING, Plain, event, field, joined, plain_condition};
use crate::plan::expression::compile::Compiler;
use crate::plan::expression::names::Names;
use crate::plan::expression::node::{Failures, Scope};
use crate::plan::expression::parser::parse;

const FIELDS: [&str; 6] = ["kind", "channel", "country", "customer", "rating", "load_time_ms"];

/// Returns an event as variables of CEL; `None` if it lacks one.
fn variables(event: &Event, symbols: &Symbols) -> Option<Context<'static, 'static>> {
    let mut context = Context::default();
    for name in FIELDS {
        match field(name, event, symbols)? {
            Plain::Number(number) => context.add_variable_from_value(name, i64::try_from(number).ok()?),
            Plain::Text(text) => context.add_variable_from_value(name, text),
            Plain::Flag(flag) => context.add_variable_from_value(name, flag),
        }
    }
    Some(context)
}

/// Returns what flowbench says of an event; `None` if there is a calculation without a result.
fn ours(text: &str, event: &Event, symbols: &Symbols) -> Option<bool> {
    let node = Compiler::new(symbols).condition(&parse(text).ok()?, &Names::of_events()).ok()?;
    let failures = Failures::default();
    let holds = node.holds(&Scope { event, slots: &[], failures: &failures });
    failures.take().is_none().then_some(holds)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 20_000, ..ProptestConfig::with_cases(1000) })]

    /// What `cel` has no answer to, a sum beyond 64 bits or a division by zero, is not compared: it goes on where another
    /// operand decides, and flowbench does not.
    #[test]
    fn cel_says_the_same(sample in joined(plain_condition()), (event, symbols) in event()) {
        let Some(context) = variables(&event, &symbols) else { return Err(TestCaseError::reject("it lacks a field")) };
        let mut text = String::new();
        sample.write(&mut text);
        let program = Program::compile(&text).unwrap();
        if let (Some(ours), Ok(theirs)) = (ours(&text, &event, &symbols), program.execute(&context)) {
            prop_assert_eq!(Value::Bool(ours), theirs, "{}", text);
        }
    }
}

#[test]
fn operators_bind_in_cel_as_they_do_here() {
    for (text, word) in BINDING {
        let said = match Program::compile(text).unwrap().execute(&Context::default()) {
            Ok(Value::Bool(flag)) => i64::from(flag),
            Ok(Value::Int(number)) => number,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(said, word, "{text}");
    }
}

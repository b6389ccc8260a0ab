//! What always has a value.

use crate::plan::expression::syntax::{Expression, Syntax};

/// The columns that every event has.
pub(super) const ALWAYS_PRESENT: [&str; 4] = ["event_id", "kind", "event_time", "arrival_time"];

/// True if an expression has a value wherever these names have one.
pub(super) fn always_present(expression: &Expression, is_present: &dyn Fn(&str) -> bool) -> bool {
    let all = |list: &[Expression]| list.iter().all(|one| always_present(one, is_present));
    match &expression.syntax {
        Syntax::Number(_) | Syntax::Text(_) | Syntax::Flag(_) => true,
        Syntax::Name(name) => ALWAYS_PRESENT.contains(&name.as_str()) || is_present(name),
        Syntax::Call(name, _, arguments) => match name.as_str() {
            "has" | "duration" | "timestamp" => true,
            "day" => arguments.first().is_some_and(|time| always_present(time, is_present)),
            _ => false,
        },
        Syntax::Not(operand) | Syntax::Minus(operand) | Syntax::In(operand, _) => always_present(operand, is_present),
        Syntax::And(operands) | Syntax::Or(operands) => all(operands),
        Syntax::Compare(_, both) | Syntax::Arithmetic(_, both) => all(&**both),
        Syntax::If(choice) => all(&**choice),
    }
}

//! Prints the tree of an expression with every parenthesis, which shows what binds what.

use super::functions;
use super::lexer::{TokenKind, tokens};
use super::syntax::{BinaryOperator, Node, NodeKind};
use crate::cloud_event::AttributeValue;

/// Prints an expression that reads as the same tree.
pub(super) fn printed(node: &Node) -> String {
    let list = |nodes: &[Node]| nodes.iter().map(printed).collect::<Vec<_>>().join(", ");
    match &node.kind {
        NodeKind::Literal(AttributeValue::Text(text)) => quoted(text),
        NodeKind::Literal(value) => value.to_text(),
        NodeKind::Attribute(name) => name.clone(),
        NodeKind::Exists(name) => format!("(EXISTS {name})"),
        NodeKind::Not(operand) => format!("(NOT {})", printed(operand)),
        NodeKind::Negate(operand) => format!("(-({}))", printed(operand)),
        NodeKind::Binary(operator, operands) => {
            format!("({} {} {})", printed(&operands[0]), symbol(*operator), printed(&operands[1]))
        }
        NodeKind::Like(operand, pattern) => format!("({} LIKE {})", printed(operand), quoted(&pattern.text)),
        NodeKind::In(operand, set) => format!("({} IN ({}))", printed(operand), list(set)),
        NodeKind::Call { function, arguments } => {
            let name = function.map_or("UNKNOWN", functions::name);
            format!("{name}({})", list(arguments))
        }
    }
}

/// Quotes a text in the quotes in which it reads as the same; whatever was read from an expression has such.
fn quoted(text: &str) -> String {
    let candidates = ['\'', '"'].map(|quote| format!("{quote}{}{quote}", text.replace(quote, &format!("\\{quote}"))));
    let is_same = |candidate: &&String| {
        tokens(candidate).is_ok_and(|tokens| tokens.len() == 2 && tokens[0].kind == TokenKind::Text(text.to_owned()))
    };
    candidates.iter().find(is_same).cloned().unwrap_or_else(|| panic!("{text:?} cannot be quoted"))
}

fn symbol(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::And => "AND",
        BinaryOperator::Or => "OR",
        BinaryOperator::Xor => "XOR",
        BinaryOperator::Equal => "=",
        BinaryOperator::NotEqual => "!=",
        BinaryOperator::Less => "<",
        BinaryOperator::LessOrEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterOrEqual => ">=",
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Remainder => "%",
    }
}

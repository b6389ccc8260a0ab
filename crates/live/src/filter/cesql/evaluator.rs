//! Evaluates an expression for one event.

use std::borrow::Cow;

use super::syntax::{BinaryOperator, Node, NodeKind, Span};
use super::value::{Type, Value};
use super::{CesqlErrorKind, MAX_TEXT_BYTES};
use crate::cloud_event::{CloudEvent, VERSION};

/// Evaluates nodes for an event. The first error ends the evaluation (D-602).
pub(super) struct Evaluator<'e> {
    event: &'e CloudEvent,
}

/// An error, and the value that goes with it.
#[derive(Debug)]
pub(super) struct Failure<'e> {
    pub(super) kind: CesqlErrorKind,
    pub(super) span: Span,
    pub(super) value: Value<'e>,
}

pub(super) type Evaluated<'e, T = Value<'e>> = Result<T, Failure<'e>>;

impl<'e> Evaluator<'e> {
    pub(super) fn new(event: &'e CloudEvent) -> Evaluator<'e> {
        Evaluator { event }
    }

    pub(super) fn evaluate(&self, node: &'e Node) -> Evaluated<'e> {
        match &node.kind {
            NodeKind::Literal(value) => Ok(value.into()),
            NodeKind::Attribute(name) => self.attribute_of(node, name),
            NodeKind::Exists(name) => Ok(Value::Boolean(self.attribute(name).is_some())),
            NodeKind::Not(operand) => Ok(Value::Boolean(!self.boolean(operand, Type::Boolean)?)),
            NodeKind::Negate(operand) => {
                let negative = self.integer(operand, Type::Integer)?.checked_neg();
                negative.map(Value::Integer).ok_or_else(|| Failure::of(CesqlErrorKind::Math, node, Type::Integer))
            }
            NodeKind::Binary(operator, operands) => self.binary(node, *operator, operands),
            NodeKind::Like(operand, pattern) => {
                Ok(Value::Boolean(pattern.matches(&self.text(operand, Type::Boolean)?)))
            }
            NodeKind::In(operand, set) => self.is_in(operand, set),
            NodeKind::Call { function: Some(function), arguments } => self.call(*function, arguments, node),
            NodeKind::Call { function: None, .. } => {
                Err(Failure::of(CesqlErrorKind::MissingFunction, node, Type::Boolean))
            }
        }
    }

    /// Evaluates an operand. If that fails, so does the operator, with the zero value of its own type.
    pub(super) fn operand(&self, node: &'e Node, of: Type) -> Evaluated<'e> {
        self.evaluate(node).map_err(|failure| Failure { value: of.zero(), ..failure })
    }

    pub(super) fn boolean(&self, node: &'e Node, of: Type) -> Evaluated<'e, bool> {
        self.operand(node, of)?.to_boolean().ok_or_else(|| Failure::of(CesqlErrorKind::Cast, node, of))
    }

    pub(super) fn integer(&self, node: &'e Node, of: Type) -> Evaluated<'e, i32> {
        self.operand(node, of)?.to_integer().ok_or_else(|| Failure::of(CesqlErrorKind::Cast, node, of))
    }

    pub(super) fn text(&self, node: &'e Node, of: Type) -> Evaluated<'e, Cow<'e, str>> {
        self.operand(node, of).map(Value::into_text)
    }

    fn attribute_of(&self, node: &Node, name: &str) -> Evaluated<'e> {
        match self.attribute(name) {
            None => Err(Failure::of(CesqlErrorKind::MissingAttribute, node, Type::Boolean)),
            Some(Value::Text(text)) if text.len() > MAX_TEXT_BYTES => {
                Err(Failure::of(CesqlErrorKind::Generic, node, Type::Text))
            }
            Some(value) => Ok(value),
        }
    }

    fn attribute(&self, name: &str) -> Option<Value<'e>> {
        let required = match name {
            "specversion" => VERSION,
            "id" => &self.event.id,
            "source" => &self.event.source,
            "type" => &self.event.kind,
            _ => return self.event.attributes.get(name).map(Value::from),
        };
        Some(Value::Text(required.into()))
    }

    fn binary(&self, node: &'e Node, operator: BinaryOperator, operands: &'e [Node; 2]) -> Evaluated<'e> {
        let [left, right] = operands;
        let truth = match operator {
            BinaryOperator::And => self.boolean(left, Type::Boolean)? && self.boolean(right, Type::Boolean)?,
            BinaryOperator::Or => self.boolean(left, Type::Boolean)? || self.boolean(right, Type::Boolean)?,
            BinaryOperator::Xor => self.boolean(left, Type::Boolean)? != self.boolean(right, Type::Boolean)?,
            BinaryOperator::Equal => self.are_equal(left, right)?,
            BinaryOperator::NotEqual => !self.are_equal(left, right)?,
            _ => return self.arithmetic(node, operator, left, right),
        };
        Ok(Value::Boolean(truth))
    }

    /// Compares two operands, the left one cast to the type of the right one.
    fn are_equal(&self, left: &'e Node, right: &'e Node) -> Evaluated<'e, bool> {
        let left_value = self.operand(left, Type::Boolean)?;
        let right_value = self.operand(right, Type::Boolean)?;
        match left_value.cast(right_value.as_type()) {
            Some(left_value) => Ok(left_value == right_value),
            None => Err(Failure::of(CesqlErrorKind::Cast, left, Type::Boolean)),
        }
    }

    fn arithmetic(&self, node: &'e Node, operator: BinaryOperator, left: &'e Node, right: &'e Node) -> Evaluated<'e> {
        let of = operator.result_type();
        let (x, y) = (self.integer(left, of)?, self.integer(right, of)?);
        let number = match operator {
            BinaryOperator::Less => return Ok(Value::Boolean(x < y)),
            BinaryOperator::LessOrEqual => return Ok(Value::Boolean(x <= y)),
            BinaryOperator::Greater => return Ok(Value::Boolean(x > y)),
            BinaryOperator::GreaterOrEqual => return Ok(Value::Boolean(x >= y)),
            BinaryOperator::Add => x.checked_add(y),
            BinaryOperator::Subtract => x.checked_sub(y),
            BinaryOperator::Multiply => x.checked_mul(y),
            BinaryOperator::Divide => x.checked_div(y),
            // Only the quotient of the smallest number and -1 is too large; the remainder is 0.
            BinaryOperator::Remainder => (y != 0).then(|| x.wrapping_rem(y)),
            _ => None,
        };
        number.map(Value::Integer).ok_or_else(|| Failure::of(CesqlErrorKind::Math, node, of))
    }

    /// Looks for a value in a set, whose items are cast to its type. The first that is equal ends the search.
    fn is_in(&self, operand: &'e Node, set: &'e [Node]) -> Evaluated<'e> {
        let wanted = self.operand(operand, Type::Boolean)?;
        for item in set {
            let value = self.operand(item, Type::Boolean)?.cast(wanted.as_type());
            let value = value.ok_or_else(|| Failure::of(CesqlErrorKind::Cast, item, Type::Boolean))?;
            if value == wanted {
                return Ok(Value::Boolean(true));
            }
        }
        Ok(Value::Boolean(false))
    }
}

impl<'e> Failure<'e> {
    /// Returns an error of a node with the zero value of a type.
    pub(super) fn of(kind: CesqlErrorKind, node: &Node, of: Type) -> Failure<'e> {
        Failure { kind, span: node.span, value: of.zero() }
    }
}

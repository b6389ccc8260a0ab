//! The tree of an expression.

use super::functions::Function;
use super::like::Pattern;
use super::value::Type;
use crate::cloud_event::AttributeValue;

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) span: Span,
    /// How many nodes the longest path down from here has, this one included.
    pub(super) height: usize,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Literal(AttributeValue),
    Attribute(String),
    Exists(String),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(BinaryOperator, Box<[Node; 2]>),
    Like(Box<Node>, Pattern),
    In(Box<Node>, Vec<Node>),
    /// A call; without a function if none has that name and takes so many arguments.
    Call {
        function: Option<Function>,
        arguments: Vec<Node>,
    },
}

/// The bytes from which a part was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOperator {
    And,
    Or,
    Xor,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Node {
    pub(super) fn new(kind: NodeKind, span: Span) -> Node {
        let mut node = Node { kind, span, height: 0 };
        node.height = 1 + node.children().iter().map(|child| child.height).max().unwrap_or(0);
        node
    }

    pub(super) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            NodeKind::Literal(_) | NodeKind::Attribute(_) | NodeKind::Exists(_) => Vec::new(),
            NodeKind::Not(operand) | NodeKind::Negate(operand) | NodeKind::Like(operand, _) => vec![operand],
            NodeKind::Binary(_, operands) => operands.iter().collect(),
            NodeKind::In(operand, set) => std::iter::once(operand.as_ref()).chain(set).collect(),
            NodeKind::Call { arguments, .. } => arguments.iter().collect(),
        }
    }

    /// Returns the first node, from the top, for which something holds.
    pub(super) fn find(&self, is_wanted: &dyn Fn(&Node) -> bool) -> Option<&Node> {
        if is_wanted(self) {
            return Some(self);
        }
        self.children().into_iter().find_map(|child| child.find(is_wanted))
    }
}

impl Span {
    pub(super) fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }
}

impl BinaryOperator {
    /// Returns how tightly the operator binds.
    ///
    /// AND, OR and XOR bind alike, so that they are evaluated from left to right (D-603).
    pub(super) fn power(self) -> u8 {
        match self {
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor => 1,
            BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual => 2,
            BinaryOperator::Add | BinaryOperator::Subtract => 3,
            BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Remainder => 4,
        }
    }

    /// Returns the type of the result.
    pub(super) fn result_type(self) -> Type {
        match self.power() {
            1 | 2 => Type::Boolean,
            _ => Type::Integer,
        }
    }
}

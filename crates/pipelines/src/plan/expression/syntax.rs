//! The syntax tree of an expression.

use std::ops::Range;

/// An expression and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) syntax: Syntax,
    pub(crate) at: Range<usize>,
}

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// A number as it is written, without a sign.
    Number(String),
    /// A text.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// A name.
    Name(String),
    /// A function, where its name is, and its arguments.
    Call(String, Range<usize>, Vec<Expression>),
    /// `!x`.
    Not(Box<Expression>),
    /// `-x`.
    Minus(Box<Expression>),
    /// `x && y && ...`.
    And(Vec<Expression>),
    /// `x || y || ...`.
    Or(Vec<Expression>),
    /// `x < y` and the like.
    Compare(Comparison, Box<[Expression; 2]>),
    /// `x in [y, z]`.
    In(Box<Expression>, Vec<Expression>),
    /// `x + y` and the like.
    Arithmetic(Operator, Box<[Expression; 2]>),
    /// `x ? y : z`.
    If(Box<[Expression; 3]>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// An operator of arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Expression {
    /// Returns what the expression is made of.
    pub(crate) fn children(&self) -> Vec<&Expression> {
        match &self.syntax {
            Syntax::Number(_) | Syntax::Text(_) | Syntax::Flag(_) | Syntax::Name(_) => Vec::new(),
            Syntax::Call(_, _, operands) | Syntax::And(operands) | Syntax::Or(operands) => operands.iter().collect(),
            Syntax::Not(operand) | Syntax::Minus(operand) => vec![operand],
            Syntax::Compare(_, both) | Syntax::Arithmetic(_, both) => both.iter().collect(),
            Syntax::In(operand, list) => std::iter::once(&**operand).chain(list).collect(),
            Syntax::If(choice) => choice.iter().collect(),
        }
    }
}

impl Comparison {
    pub(crate) fn of(symbol: &str) -> Option<Comparison> {
        Some(match symbol {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => return None,
        })
    }

    pub(crate) fn is_of_equality(self) -> bool {
        matches!(self, Comparison::Equal | Comparison::NotEqual)
    }

    /// Returns the comparison that holds with its sides exchanged.
    pub(crate) fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
            same => same,
        }
    }

    #[inline]
    pub(crate) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
        }
    }
}

impl Operator {
    pub(crate) fn of(symbol: &str) -> Option<Operator> {
        Some(match symbol {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Remainder,
            _ => return None,
        })
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
        }
    }
}

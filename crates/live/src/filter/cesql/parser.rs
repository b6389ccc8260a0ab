//! Reads an expression by the powers of its operators.

use super::functions::Function;
use super::lexer::{Token, TokenKind, tokens};
use super::like::Pattern;
use super::syntax::{BinaryOperator, Node, NodeKind, Span};
use super::{CesqlError, CesqlErrorKind};
use crate::cloud_event::AttributeValue;

/// How deeply an expression may be nested; each operator of a chain counts, since it holds those before it.
const MAX_DEPTH: usize = 256;

/// The powers above those of [`BinaryOperator`]; what a prefix binds ends before any operator (D-603).
const POWER_OF_IN: u8 = 5;
const POWER_OF_LIKE: u8 = 6;
const POWER_OF_PREFIX: u8 = 7;

/// Reads a whole text as one expression.
pub(super) fn parse(text: &str) -> Result<Node, CesqlError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let root = parser.expression(0)?;
    match parser.token(0).kind {
        TokenKind::End => Ok(root),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// An operator that stands after an operand.
enum Infix {
    Binary(BinaryOperator),
    Like { is_not: bool },
    In { is_not: bool },
}

impl Parser<'_> {
    /// Reads an expression whose operators bind at least so tightly.
    fn expression(&mut self, least_power: u8) -> Result<Node, CesqlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep(self.token(0).span));
        }
        let mut left = self.prefix()?;
        while let Some(infix) = self.infix().filter(|infix| infix.power() >= least_power) {
            left = self.after(left, &infix)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Node, CesqlError> {
        let token = self.next();
        let span = token.span;
        match token.kind {
            TokenKind::Text(text) => self.node(NodeKind::Literal(AttributeValue::Text(text)), span),
            TokenKind::Keyword("TRUE") => self.node(NodeKind::Literal(AttributeValue::Boolean(true)), span),
            TokenKind::Keyword("FALSE") => self.node(NodeKind::Literal(AttributeValue::Boolean(false)), span),
            TokenKind::Digits => self.integer(span),
            TokenKind::Symbol("-" | "+") if self.is_signed_literal(span) => {
                let digits = self.next().span;
                self.integer(span.to(digits))
            }
            TokenKind::Symbol("-") => {
                let operand = self.expression(POWER_OF_PREFIX)?;
                let span = span.to(operand.span);
                self.node(NodeKind::Negate(Box::new(operand)), span)
            }
            TokenKind::Keyword("NOT") => {
                let operand = self.expression(POWER_OF_PREFIX)?;
                let span = span.to(operand.span);
                self.node(NodeKind::Not(Box::new(operand)), span)
            }
            TokenKind::Keyword("EXISTS") => self.exists(span),
            TokenKind::Symbol("(") => {
                let mut inner = self.expression(0)?;
                inner.span = span.to(self.expect(")")?);
                Ok(inner)
            }
            TokenKind::Word => self.word(span),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a value, an attribute, a function or a parenthesis"))
            }
        }
    }

    /// Returns the operator that follows, if one does.
    fn infix(&self) -> Option<Infix> {
        let is_not = self.token(0).kind == TokenKind::Keyword("NOT");
        let operator = match self.token(usize::from(is_not)).kind {
            TokenKind::Keyword("LIKE") => return Some(Infix::Like { is_not }),
            TokenKind::Keyword("IN") => return Some(Infix::In { is_not }),
            _ if is_not => return None,
            TokenKind::Keyword("AND") => BinaryOperator::And,
            TokenKind::Keyword("OR") => BinaryOperator::Or,
            TokenKind::Keyword("XOR") => BinaryOperator::Xor,
            TokenKind::Symbol("=") => BinaryOperator::Equal,
            TokenKind::Symbol("!=" | "<>") => BinaryOperator::NotEqual,
            TokenKind::Symbol("<") => BinaryOperator::Less,
            TokenKind::Symbol("<=") => BinaryOperator::LessOrEqual,
            TokenKind::Symbol(">") => BinaryOperator::Greater,
            TokenKind::Symbol(">=") => BinaryOperator::GreaterOrEqual,
            TokenKind::Symbol("+") => BinaryOperator::Add,
            TokenKind::Symbol("-") => BinaryOperator::Subtract,
            TokenKind::Symbol("*") => BinaryOperator::Multiply,
            TokenKind::Symbol("/") => BinaryOperator::Divide,
            TokenKind::Symbol("%") => BinaryOperator::Remainder,
            _ => return None,
        };
        Some(Infix::Binary(operator))
    }

    /// Reads an operator and what follows it.
    fn after(&mut self, left: Node, infix: &Infix) -> Result<Node, CesqlError> {
        let start = left.span;
        self.next();
        let (kind, end, is_not) = match *infix {
            Infix::Binary(operator) => {
                let right = self.expression(operator.power() + 1)?;
                let end = right.span;
                (NodeKind::Binary(operator, Box::new([left, right])), end, false)
            }
            Infix::Like { is_not } => {
                self.skip(usize::from(is_not));
                let (pattern, end) = self.pattern()?;
                (NodeKind::Like(Box::new(left), pattern), end, is_not)
            }
            Infix::In { is_not } => {
                self.skip(usize::from(is_not));
                self.expect("(")?;
                let mut set = vec![self.expression(0)?];
                let end = self.list_after(&mut set)?;
                (NodeKind::In(Box::new(left), set), end, is_not)
            }
        };
        let node = self.node(kind, start.to(end))?;
        if is_not { self.node(NodeKind::Not(Box::new(node)), start.to(end)) } else { Ok(node) }
    }

    fn integer(&self, span: Span) -> Result<Node, CesqlError> {
        let number = self.text[span.start..span.end].parse().map_err(|_| {
            self.refused(span, "the number is beyond 32 bits, from -2147483648 to 2147483647".to_owned())
        })?;
        self.node(NodeKind::Literal(AttributeValue::Integer(number)), span)
    }

    fn exists(&mut self, start: Span) -> Result<Node, CesqlError> {
        let token = self.next();
        if token.kind != TokenKind::Word {
            self.at -= 1;
            return Err(self.unexpected("the name of an attribute"));
        }
        let name = self.attribute(token.span)?;
        self.node(NodeKind::Exists(name), start.to(token.span))
    }

    /// Reads a function and its arguments if a parenthesis follows, and an attribute if not.
    fn word(&mut self, span: Span) -> Result<Node, CesqlError> {
        if self.token(0).kind != TokenKind::Symbol("(") {
            let name = self.attribute(span)?;
            return self.node(NodeKind::Attribute(name), span);
        }
        let name = &self.text[span.start..span.end];
        if !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return Err(self.refused(span, "the name of a function is of letters and underscores".to_owned()));
        }
        self.next();
        let mut arguments = Vec::new();
        let end = if self.token(0).kind == TokenKind::Symbol(")") {
            self.next().span
        } else {
            arguments.push(self.expression(0)?);
            self.list_after(&mut arguments)?
        };
        let function = Function::find(name, arguments.len());
        self.node(NodeKind::Call { function, arguments }, span.to(end))
    }

    /// Returns the name of an attribute in lower case, as all of them are.
    fn attribute(&self, span: Span) -> Result<String, CesqlError> {
        let name = &self.text[span.start..span.end];
        if name.contains('_') {
            let reason = "the name of an attribute is of letters and digits, without underscores".to_owned();
            return Err(self.refused(span, reason));
        }
        Ok(name.to_ascii_lowercase())
    }

    fn pattern(&mut self) -> Result<(Pattern, Span), CesqlError> {
        let token = self.next();
        match token.kind {
            TokenKind::Text(text) => Ok((Pattern::new(&text), token.span)),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a pattern in quotes"))
            }
        }
    }

    /// Reads further items after commas, and the parenthesis that ends them.
    fn list_after(&mut self, items: &mut Vec<Node>) -> Result<Span, CesqlError> {
        while self.token(0).kind == TokenKind::Symbol(",") {
            self.next();
            items.push(self.expression(0)?);
        }
        self.expect(")")
    }

    fn expect(&mut self, symbol: &'static str) -> Result<Span, CesqlError> {
        if self.token(0).kind == TokenKind::Symbol(symbol) {
            return Ok(self.next().span);
        }
        Err(self.unexpected(if symbol == ")" { "a comma or ')'" } else { "'('" }))
    }

    /// Returns whether digits follow a sign without a space, so that both are one number (D-604).
    fn is_signed_literal(&self, sign: Span) -> bool {
        let next = self.token(0);
        next.kind == TokenKind::Digits && next.span.start == sign.end
    }

    fn node(&self, kind: NodeKind, span: Span) -> Result<Node, CesqlError> {
        let node = Node::new(kind, span);
        if node.height > MAX_DEPTH { Err(self.too_deep(span)) } else { Ok(node) }
    }

    /// Returns a token ahead of the next one; the end is never passed.
    fn token(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.token(0).clone();
        self.at += 1;
        token
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }

    fn unexpected(&self, wanted: &str) -> CesqlError {
        let token = self.token(0);
        let found = match &token.kind {
            TokenKind::End => "the expression ends".to_owned(),
            TokenKind::Text(_) => "a text in quotes is".to_owned(),
            TokenKind::Keyword(keyword) => format!("the keyword {keyword} is"),
            _ => format!("'{}' is", super::shortened(&self.text[token.span.start..token.span.end])),
        };
        self.refused(token.span, format!("{found} where {wanted} should be"))
    }

    fn too_deep(&self, span: Span) -> CesqlError {
        let reason =
            format!("more than {MAX_DEPTH} operators and parentheses inside each other; use IN for long chains");
        self.refused(span, reason)
    }

    fn refused(&self, span: Span, reason: String) -> CesqlError {
        CesqlError::new(self.text, CesqlErrorKind::Parse, span, reason)
    }
}

impl Infix {
    fn power(&self) -> u8 {
        match self {
            Infix::Binary(operator) => operator.power(),
            Infix::Like { .. } => POWER_OF_LIKE,
            Infix::In { .. } => POWER_OF_IN,
        }
    }
}

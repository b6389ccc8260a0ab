//! From tokens to a syntax tree, by operator precedence (Pratt).

use std::ops::Range;

use super::Complaint;
use super::syntax::{Comparison, Expression, Operator, Syntax};
use super::token::{Placed, Token, tokens};

/// How deep expressions nest at most.
const DEPTH_MAX: usize = 64;
/// How many names, numbers and operators an expression has at most.
const TOKENS_MAX: usize = 1000;

/// How tight operators bind, from the loosest.
const IF: u8 = 1;
const OR: u8 = 2;
const AND: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Expression, Complaint> {
    let tokens = tokens(text)?;
    if tokens.len() > TOKENS_MAX {
        let at = &tokens[TOKENS_MAX].1;
        return Err(Complaint::new(at, format!("the expression is too long; write at most {TOKENS_MAX} words in one")));
    }
    let mut parser = Parser { tokens, next: 0, depth: 0 };
    let expression = parser.expression(IF)?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn here(&self) -> Range<usize> {
        self.tokens[self.next].1.clone()
    }

    /// Takes the next token; the end stays.
    fn take(&mut self) -> Placed {
        let token = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Symbol(next) if *next == symbol);
        if is_next {
            self.take();
        }
        is_next
    }

    fn expect(&mut self, symbol: &str) -> Result<Range<usize>, Complaint> {
        let at = self.here();
        if self.take_symbol(symbol) { Ok(at) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
    }

    fn unexpected(&self, wanted: &str) -> Complaint {
        let (found, hint) = match self.peek() {
            Token::End => ("the expression ends".to_owned(), ""),
            Token::Number(text) | Token::Name(text) => (format!("here is '{text}'"), foreign_word(text)),
            Token::Text(_) => ("here is a text".to_owned(), ""),
            Token::Symbol("." | "(") => {
                ("here is something that only CEL has".to_owned(), "; write names without points")
            }
            Token::Symbol(symbol) => (format!("here is '{symbol}'"), ""),
        };
        Complaint::new(&self.here(), format!("{found} where {wanted} is needed{hint}"))
    }

    /// Parses an expression whose operators bind at least as tight as `tightest`.
    fn expression(&mut self, loosest: u8) -> Result<Expression, Complaint> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("the expression nests deeper than {DEPTH_MAX} levels");
            return Err(Complaint::new(&self.here(), message));
        }
        let mut left = self.operand()?;
        while let Some(binding) = self.binding().filter(|binding| *binding >= loosest) {
            left = self.operation(left, binding)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// Returns how tight the operator that comes next binds; `None` if none comes.
    fn binding(&self) -> Option<u8> {
        match self.peek() {
            Token::Name(name) if name == "in" => Some(COMPARE),
            Token::Symbol(symbol) => match *symbol {
                "?" => Some(IF),
                "||" => Some(OR),
                "&&" => Some(AND),
                "+" | "-" => Some(ADD),
                "*" | "/" | "%" => Some(MULTIPLY),
                symbol => Comparison::of(symbol).map(|_| COMPARE),
            },
            _ => None,
        }
    }

    fn operation(&mut self, left: Expression, binding: u8) -> Result<Expression, Complaint> {
        let operator = self.take();
        match (binding, &operator.0) {
            (IF, _) => self.choice(left),
            (OR | AND, Token::Symbol(symbol)) => self.chain(left, binding, symbol),
            (COMPARE, Token::Name(_)) => {
                self.expect("[")?;
                let (list, end) = self.list("]")?;
                self.not_chained(joined(left.at.start, end, Syntax::In(Box::new(left), list)))
            }
            (_, Token::Symbol(symbol)) => {
                let right = self.expression(binding + 1)?;
                let (start, end) = (left.at.start, right.at.end);
                let both = Box::new([left, right]);
                if let Some(operator) = Operator::of(symbol) {
                    return Ok(joined(start, end, Syntax::Arithmetic(operator, both)));
                }
                let comparison = Comparison::of(symbol).unwrap_or(Comparison::Equal);
                self.not_chained(joined(start, end, Syntax::Compare(comparison, both)))
            }
            _ => Err(self.unexpected("an operator")),
        }
    }

    fn choice(&mut self, condition: Expression) -> Result<Expression, Complaint> {
        let yes = self.expression(OR)?;
        self.expect(":")?;
        let no = self.expression(IF)?;
        let (start, end) = (condition.at.start, no.at.end);
        Ok(joined(start, end, Syntax::If(Box::new([condition, yes, no]))))
    }

    /// Parses the rest of `x && y && z`.
    fn chain(&mut self, first: Expression, binding: u8, symbol: &str) -> Result<Expression, Complaint> {
        let mut operands = vec![first, self.expression(binding + 1)?];
        while self.take_symbol(symbol) {
            operands.push(self.expression(binding + 1)?);
        }
        let (start, end) = (operands[0].at.start, operands[operands.len() - 1].at.end);
        Ok(joined(start, end, if binding == AND { Syntax::And(operands) } else { Syntax::Or(operands) }))
    }

    fn not_chained(&self, comparison: Expression) -> Result<Expression, Complaint> {
        match self.binding() {
            Some(COMPARE) => {
                Err(Complaint::new(&self.here(), "comparisons do not chain; write a < b && b < c for a < b < c"))
            }
            _ => Ok(comparison),
        }
    }

    fn operand(&mut self) -> Result<Expression, Complaint> {
        let at = self.here();
        let alone = |syntax| Ok(Expression { syntax, at: at.clone() });
        match self.peek().clone() {
            Token::Number(number) => {
                self.take();
                alone(Syntax::Number(number))
            }
            Token::Text(text) => {
                self.take();
                alone(Syntax::Text(text))
            }
            Token::Name(name) if name != "in" && foreign_word(&name).is_empty() => {
                self.take();
                match name.as_str() {
                    "true" | "false" => alone(Syntax::Flag(name == "true")),
                    _ if self.take_symbol("(") => {
                        let (arguments, end) = self.list(")")?;
                        Ok(joined(at.start, end, Syntax::Call(name, at, arguments)))
                    }
                    _ => alone(Syntax::Name(name)),
                }
            }
            Token::Symbol("(") => {
                self.take();
                let inner = self.expression(IF)?;
                let end = self.expect(")")?.end;
                Ok(joined(at.start, end, inner.syntax))
            }
            Token::Symbol(symbol @ ("!" | "-")) => {
                self.take();
                let operand = self.expression(MULTIPLY + 1)?;
                let (end, operand) = (operand.at.end, Box::new(operand));
                Ok(joined(at.start, end, if symbol == "!" { Syntax::Not(operand) } else { Syntax::Minus(operand) }))
            }
            _ => Err(self.unexpected("a name, a number or a text")),
        }
    }

    /// Parses expressions between commas up to a closing bracket, and returns where that ends.
    fn list(&mut self, close: &str) -> Result<(Vec<Expression>, usize), Complaint> {
        let mut list = Vec::new();
        loop {
            let end = self.here().end;
            if self.take_symbol(close) {
                return Ok((list, end));
            }
            list.push(self.expression(IF)?);
            if !self.take_symbol(",") {
                let end = self.expect(close)?.end;
                return Ok((list, end));
            }
        }
    }
}

fn joined(start: usize, end: usize, syntax: Syntax) -> Expression {
    Expression { syntax, at: start..end }
}

/// Returns what to write for a word of other languages.
fn foreign_word(word: &str) -> &'static str {
    match word.to_ascii_lowercase().as_str() {
        "and" => "; write &&",
        "or" => "; write ||",
        "not" => "; write !",
        "is" | "null" => "; write has(x), or !has(x) for what is absent",
        _ => "",
    }
}

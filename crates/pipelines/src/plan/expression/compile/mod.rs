//! From a syntax tree to nodes: names and texts are resolved, and every type is checked. All that is wrong is collected.

mod literals;

use std::ops::Range;

use flowbench_events::{Symbols, Zone, did_you_mean_or_list};

use crate::plan::expression::Complaint;
use crate::plan::expression::names::{Names, Typed};
use crate::plan::expression::node::{Days, Node, calculated};
use crate::plan::expression::syntax::{Comparison, Expression, Operator, Syntax};
use crate::plan::expression::types::Type;

/// How many nodes an expression has at most, with what names stand for put in their places.
const NODES_MAX: usize = 1024;
/// How deep nodes nest at most.
const DEPTH_MAX: usize = 256;

/// Resolves the expressions of one file for one trace.
pub(crate) struct Compiler<'a> {
    symbols: &'a Symbols,
    /// The texts that expressions have as values, by their numbers.
    pub(crate) texts: Vec<String>,
    nodes: usize,
    depth: usize,
    complaints: Vec<Complaint>,
}

impl<'a> Compiler<'a> {
    /// Returns a compiler for a trace with these symbols.
    pub(crate) fn new(symbols: &'a Symbols) -> Compiler<'a> {
        Compiler { symbols, texts: Vec::new(), nodes: 0, depth: 0, complaints: Vec::new() }
    }

    /// Compiles an expression with these names; `expected` says what type a number or a text is taken for.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in it.
    pub(crate) fn compile(
        &mut self,
        expression: &Expression,
        names: &Names,
        expected: Option<Type>,
    ) -> Result<Typed, Vec<Complaint>> {
        let typed = self.typed(expression, names, expected);
        let complaints = std::mem::take(&mut self.complaints);
        (self.depth, self.nodes) = (0, 0);
        match typed {
            Some(typed) if complaints.is_empty() => Ok(typed),
            _ => Err(complaints),
        }
    }

    /// Compiles a condition.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in it.
    pub(crate) fn condition(&mut self, expression: &Expression, names: &Names) -> Result<Node, Vec<Complaint>> {
        let typed = self.compile(expression, names, None)?;
        if typed.of == Type::Flag {
            return Ok(typed.node);
        }
        let message = format!("a condition is needed, this is {}; write a comparison with it", typed.of);
        Err(vec![Complaint::new(&expression.at, message)])
    }

    /// Returns the symbols of the trace.
    pub(crate) fn symbols(&self) -> &'a Symbols {
        self.symbols
    }

    fn complain(&mut self, at: &Range<usize>, message: impl Into<String>) -> Option<Typed> {
        self.complaints.push(Complaint::new(at, message));
        None
    }

    fn typed(&mut self, expression: &Expression, names: &Names, expected: Option<Type>) -> Option<Typed> {
        self.depth += 1;
        self.nodes += 1;
        let typed = self.of_syntax(expression, names, expected);
        self.depth -= 1;
        typed
    }

    fn of_syntax(&mut self, expression: &Expression, names: &Names, expected: Option<Type>) -> Option<Typed> {
        let at = &expression.at;
        if self.depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return self.complain(at, "with what the names stand for, this is too large; write it shorter");
        }
        match &expression.syntax {
            Syntax::Number(text) => self.number(text, at, expected),
            Syntax::Text(text) => self.text(text, at, expected),
            Syntax::Flag(flag) => typed(Node::Constant(i64::from(*flag)), Type::Flag),
            Syntax::Name(name) => match names.find(name) {
                Some(Typed { of: Type::Composed, .. }) => {
                    self.complain(at, "this is a text of several values, which only cells have; write it alone in emit")
                }
                Some(Typed { node, of }) => {
                    self.nodes += size(node, 0);
                    typed(node.clone(), if *of == Type::Total { Type::Money } else { *of })
                }
                None => self.complain(at, format!("there is no name '{name}'{}", names.hint(name))),
            },
            Syntax::Call(name, name_at, arguments) => self.call(name, name_at, arguments, at, names),
            Syntax::Not(operand) => {
                let operand = self.flag(operand, names)?;
                typed(Node::Not(Box::new(operand)), Type::Flag)
            }
            Syntax::Minus(operand) => self.minus(operand, names, expected),
            Syntax::And(operands) => typed(Node::And(self.flags(operands, names)?), Type::Flag),
            Syntax::Or(operands) => typed(Node::Or(self.flags(operands, names)?), Type::Flag),
            Syntax::Compare(comparison, both) => self.comparison(*comparison, both, names),
            Syntax::In(operand, list) => self.membership(operand, list, at, names),
            Syntax::Arithmetic(operator, both) => self.arithmetic(*operator, both, at, names, expected),
            Syntax::If(choice) => self.choice(choice, names, expected),
        }
    }

    fn call(
        &mut self,
        name: &str,
        name_at: &Range<usize>,
        arguments: &[Expression],
        at: &Range<usize>,
        names: &Names,
    ) -> Option<Typed> {
        const FUNCTIONS: [&str; 5] = ["has", "duration", "timestamp", "day", "format"];
        match (name, arguments) {
            ("has", [argument]) => {
                let operand = self.typed(argument, names, None)?;
                typed(Node::Has(Box::new(operand.node)), Type::Flag)
            }
            ("duration" | "timestamp", [Expression { syntax: Syntax::Text(text), at }]) => {
                let of = if name == "duration" { Type::Duration } else { Type::Time };
                match self.word_of(text, of) {
                    Ok(word) => typed(Node::Constant(word), of),
                    Err(message) => self.complain(at, message),
                }
            }
            ("duration", _) => self.complain(at, "duration takes one text; write duration(\"30m\")"),
            ("timestamp", _) => {
                self.complain(at, "timestamp takes one text; write timestamp(\"2026-01-01T00:00:00Z\")")
            }
            ("day", [time]) => self.day(time, None, names),
            ("day", [time, zone]) => self.day(time, Some(zone), names),
            ("day", _) => self.complain(at, "day takes a time, and a zone if it is not UTC; write day(event_time)"),
            ("format", _) => {
                self.complain(at, "format stands alone; write name = format(\"{order}-{customer}\") in map or emit")
            }
            ("has", _) => self.complain(at, "has takes one name; write has(value)"),
            _ => {
                let hint = did_you_mean_or_list(name, FUNCTIONS);
                self.complain(name_at, format!("there is no function '{name}'{hint}"))
            }
        }
    }

    /// Compiles the calendar day of a time in a zone, UTC if none is given.
    fn day(&mut self, time: &Expression, zone: Option<&Expression>, names: &Names) -> Option<Typed> {
        let typed_time = self.typed(time, names, Some(Type::Time));
        let name = match zone {
            None => Some("UTC".to_owned()),
            Some(Expression { syntax: Syntax::Text(name), .. }) => Some(name.clone()),
            Some(zone) => match self.typed(zone, names, None) {
                Some(Typed { node: Node::Constant(number), of: Type::Timezone }) => {
                    self.texts.get(number as usize).cloned()
                }
                Some(_) => {
                    self.complain(&zone.at, "a time zone is needed here; write one in quotes, or a parameter")?;
                    None
                }
                None => None,
            },
        };
        let Typed { node, of } = typed_time?;
        if of != Type::Time {
            return self.complain(&time.at, format!("{of} has no day; write day(event_time)"));
        }
        match Zone::named(&name?) {
            Ok(zone) => typed(Node::Day(Box::new(node), Days::of(zone)), Type::Day),
            Err(error) => self.complain(zone.map_or(&time.at, |zone| &zone.at), error.to_string()),
        }
    }

    fn flag(&mut self, operand: &Expression, names: &Names) -> Option<Node> {
        let typed = self.typed(operand, names, None)?;
        if typed.of != Type::Flag {
            let message = format!("a condition is needed, this is {}; write a comparison with it", typed.of);
            self.complain(&operand.at, message)?;
        }
        Some(typed.node)
    }

    fn flags(&mut self, operands: &[Expression], names: &Names) -> Option<Box<[Node]>> {
        let nodes: Vec<Option<Node>> = operands.iter().map(|operand| self.flag(operand, names)).collect();
        nodes.into_iter().collect()
    }

    fn minus(&mut self, operand: &Expression, names: &Names, expected: Option<Type>) -> Option<Typed> {
        let Typed { node, of } = self.typed(operand, names, expected)?;
        if !of.is_summed() {
            return self.complain(&operand.at, format!("{of} has no negative; write numbers, money or durations"));
        }
        match node {
            // No constant is the smallest word.
            Node::Constant(word) => typed(Node::Constant(-word), of),
            node => typed(Node::Arithmetic(Operator::Subtract, Box::new([Node::Constant(0), node])), of),
        }
    }

    /// Compiles two operands; a number or a text that stands alone is taken for the type of the other one.
    fn both(&mut self, both: &[Expression; 2], names: &Names, expected: Option<Type>) -> Option<(Typed, Typed)> {
        let [left, right] = both;
        if is_literal(left) && !is_literal(right) {
            let second = self.typed(right, names, expected);
            let first = self.typed(left, names, second.as_ref().map(|typed| typed.of).or(expected));
            return first.zip(second);
        }
        let first = self.typed(left, names, expected);
        let of_first = first.as_ref().map(|typed| typed.of);
        let second = self.typed(right, names, if is_literal(right) { of_first.or(expected) } else { expected });
        first.zip(second)
    }

    fn comparison(&mut self, comparison: Comparison, both: &[Expression; 2], names: &Names) -> Option<Typed> {
        let (left, right) = self.both(both, names, None)?;
        let at = both[0].at.start..both[1].at.end;
        if left.of != right.of {
            return self
                .complain(&at, format!("{} and {} are never compared{}", left.of, right.of, mixed(&left, &right)));
        }
        if !comparison.is_of_equality() && !left.of.is_ordered() {
            return self.complain(&at, format!("{} is not above or below another; write == or !=", left.of));
        }
        typed(Node::compared(comparison, [left.node, right.node]), Type::Flag)
    }

    fn membership(
        &mut self,
        operand: &Expression,
        list: &[Expression],
        at: &Range<usize>,
        names: &Names,
    ) -> Option<Typed> {
        let operand = self.typed(operand, names, None)?;
        if list.is_empty() {
            return self.complain(at, "nothing is in an empty list; write what may be in it");
        }
        let mut words = Vec::new();
        for one in list {
            let Some(entry) = self.typed(one, names, Some(operand.of)) else { continue };
            match entry.node {
                _ if entry.of != operand.of => {
                    self.complain(&one.at, format!("{} and {} are never compared", operand.of, entry.of));
                }
                Node::Constant(word) => words.push(word),
                _ => {
                    self.complain(&one.at, "a list has constants and parameters only; write == and || for fields");
                }
            }
        }
        words.sort_unstable();
        words.dedup();
        typed(Node::In(Box::new(operand.node), words.into()), Type::Flag)
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        both: &[Expression; 2],
        at: &Range<usize>,
        names: &Names,
        expected: Option<Type>,
    ) -> Option<Typed> {
        let is_sum = matches!(operator, Operator::Add | Operator::Subtract);
        let (left, right) = match is_sum {
            true => self.both(both, names, expected.filter(|of| of.is_summed()))?,
            false => {
                let left = self.typed(&both[0], names, None);
                left.zip(self.typed(&both[1], names, None))?
            }
        };
        let Some(of) = result_of(operator, left.of, right.of) else {
            let hint = arithmetic_hint(operator, left.of, right.of);
            let message = format!("{} {} {} has no meaning{hint}", left.of, operator.symbol(), right.of);
            return self.complain(at, message);
        };
        if let (Node::Constant(left), Node::Constant(right)) = (&left.node, &right.node) {
            return match calculated(operator, *left, *right) {
                Some(word) => typed(Node::Constant(word), of),
                None => self.complain(at, "this has no result, or one beyond 64 bits"),
            };
        }
        typed(Node::Arithmetic(operator, Box::new([left.node, right.node])), of)
    }

    fn choice(&mut self, choice: &[Expression; 3], names: &Names, expected: Option<Type>) -> Option<Typed> {
        let [condition, yes, no] = choice;
        let condition = self.flag(condition, names);
        if let Syntax::Text(text) = &yes.syntax {
            // Texts have their numbers in the order in which they are written.
            self.number_of_text(text);
        }
        let both = self.both(&[yes.clone(), no.clone()], names, expected);
        let (condition, (yes_typed, no_typed)) = condition.zip(both)?;
        if yes_typed.of != no_typed.of {
            let (yes_of, no_of) = (yes_typed.of, no_typed.of);
            let message = format!("this is {yes_of} or {no_of}; write the same type on both sides of ':'");
            return self.complain(&(yes.at.start..no.at.end), message);
        }
        typed(Node::chosen([condition, yes_typed.node, no_typed.node]), yes_typed.of)
    }
}

fn typed(node: Node, of: Type) -> Option<Typed> {
    Some(Typed { node, of })
}

/// True for a number or a text that stands alone, which is taken for the type that is needed.
fn is_literal(expression: &Expression) -> bool {
    match &expression.syntax {
        Syntax::Number(_) | Syntax::Text(_) => true,
        Syntax::Minus(operand) => is_literal(operand),
        _ => false,
    }
}

/// Returns the type of a result; `None` if the operation has none.
fn result_of(operator: Operator, left: Type, right: Type) -> Option<Type> {
    use Type::{Duration, Integer, Money, Time};
    match (operator, left, right) {
        (_, Integer, Integer) => Some(Integer),
        (Operator::Add | Operator::Subtract, Money, Money) => Some(Money),
        (Operator::Add | Operator::Subtract, Duration, Duration) => Some(Duration),
        (Operator::Add | Operator::Subtract, Time, Duration) | (Operator::Add, Duration, Time) => Some(Time),
        (Operator::Subtract, Time, Time) => Some(Duration),
        (Operator::Multiply, Money, Integer) | (Operator::Multiply, Integer, Money) => Some(Money),
        (Operator::Multiply, Duration, Integer) | (Operator::Multiply, Integer, Duration) => Some(Duration),
        (Operator::Divide, Duration, Duration) => Some(Integer),
        _ => None,
    }
}

fn arithmetic_hint(operator: Operator, left: Type, right: Type) -> &'static str {
    match (operator, left, right) {
        (Operator::Divide | Operator::Remainder, Type::Money, _) => {
            "; write a comparison with a multiple, as money is never rounded"
        }
        (Operator::Multiply, Type::Money, Type::Money) => "; write whole numbers to multiply with",
        (Operator::Divide, Type::Duration, Type::Integer) => "; write x / duration(\"1ms\") for a whole number",
        (_, Type::Time | Type::Duration, Type::Integer) | (_, Type::Integer, Type::Time | Type::Duration) => {
            "; write duration(\"3s\") for a duration"
        }
        _ => "",
    }
}

fn mixed(left: &Typed, right: &Typed) -> &'static str {
    match (left.of, right.of) {
        (Type::Duration, Type::Integer) | (Type::Integer, Type::Duration) => "; write duration(\"3s\") for a duration",
        (Type::Time, Type::Text) | (Type::Text, Type::Time) => "; write timestamp(\"2026-01-01T00:00:00Z\")",
        _ => "",
    }
}

/// Returns the number of nodes, counted up to a little more than the maximum.
fn size(node: &Node, before: usize) -> usize {
    if before > NODES_MAX {
        return before;
    }
    let all = |nodes: &[Node]| nodes.iter().fold(before + 1, |sum, node| size(node, sum));
    match node {
        Node::Constant(_) | Node::Field(_) | Node::Slot(_) | Node::Test(_) | Node::Bands(_) => before + 1,
        Node::Not(operand) | Node::Has(operand) | Node::In(operand, _) | Node::Day(operand, _) => {
            size(operand, before + 1)
        }
        Node::And(operands) | Node::Or(operands) => all(operands),
        Node::Compare(_, both) | Node::Arithmetic(_, both) => all(&**both),
        Node::If(choice) => all(&**choice),
    }
}

//! How expressions of the plan are written in SQL.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::keywords::ALL_KEYWORDS;

use super::presence::always_present;
use crate::plan::expression::syntax::{Comparison, Expression, Operator, Syntax};
use crate::plan::template::{Fragment, fragments};

/// How tight operators bind, from the loosest.
pub(super) const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;
const MINUS: u8 = 7;
/// What needs no parentheses anywhere.
pub(super) const ALONE: u8 = 8;

/// The columns whose names are words of SQL and may stand without quotes.
const FREE: [&str; 5] = ["kind", "value", "channel", "day", "rank"];

/// How expressions are written.
#[derive(Default)]
pub(super) struct Spelling {
    pub(super) parameters: BTreeSet<String>,
    /// What names stand for, where they are no columns, and how tight that binds.
    pub(super) replaced: BTreeMap<String, (String, u8)>,
}

impl Spelling {
    /// Returns the spelling in which every name is a column.
    pub(super) fn plain() -> Spelling {
        Spelling::default()
    }

    /// Returns an expression in SQL.
    pub(super) fn text(&self, expression: &Expression) -> String {
        self.within(expression, OR)
    }

    /// Returns an expression in SQL, in parentheses if it binds looser than that.
    pub(super) fn within(&self, expression: &Expression, loosest: u8) -> String {
        let (text, level) = self.leveled(expression);
        in_parentheses_if(level < loosest, text)
    }

    /// Returns a name in SQL.
    pub(super) fn name(&self, name: &str) -> (String, u8) {
        match self.replaced.get(name) {
            Some(replaced) => replaced.clone(),
            None if self.parameters.contains(name) => (format!("${name}"), ALONE),
            None => (identifier(name), ALONE),
        }
    }

    /// Returns an expression and how tight it binds.
    pub(super) fn leveled(&self, expression: &Expression) -> (String, u8) {
        let chain = |operands: &[Expression], word: &str, level| {
            let operands: Vec<String> = operands.iter().map(|one| self.within(one, level + 1)).collect();
            (operands.join(word), level)
        };
        match &expression.syntax {
            Syntax::Number(text) => (text.clone(), ALONE),
            Syntax::Text(text) => (quoted(text), ALONE),
            Syntax::Flag(flag) => (if *flag { "TRUE" } else { "FALSE" }.to_owned(), ALONE),
            Syntax::Name(name) => self.name(name),
            Syntax::Call(name, _, arguments) => self.call(name, arguments),
            Syntax::Not(operand) => match &operand.syntax {
                Syntax::Call(name, _, arguments) if name == "has" && arguments.len() == 1 => {
                    (format!("{} IS NULL", self.within(&arguments[0], ADD)), COMPARE)
                }
                _ => (format!("NOT {}", self.within(operand, NOT)), NOT),
            },
            Syntax::Minus(operand) => (format!("-{}", self.within(operand, ALONE)), MINUS),
            Syntax::And(operands) => chain(operands, " AND ", AND),
            Syntax::Or(operands) => chain(operands, " OR ", OR),
            Syntax::Compare(comparison, both) => {
                let [left, right] = &**both;
                let symbol = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "<>",
                    Comparison::Less => "<",
                    Comparison::AtMost => "<=",
                    Comparison::Greater => ">",
                    Comparison::AtLeast => ">=",
                };
                (format!("{} {symbol} {}", self.within(left, ADD), self.within(right, ADD)), COMPARE)
            }
            Syntax::In(operand, list) => {
                let list: Vec<String> = list.iter().map(|one| self.text(one)).collect();
                (format!("{} IN ({})", self.within(operand, ADD), list.join(", ")), COMPARE)
            }
            Syntax::Arithmetic(operator, both) => {
                let [left, right] = &**both;
                let level = if matches!(operator, Operator::Add | Operator::Subtract) { ADD } else { MULTIPLY };
                let (left, right) = (self.within(left, level), self.within(right, level + 1));
                (format!("{left} {} {right}", operator.symbol()), level)
            }
            Syntax::If(choice) => (self.choice(choice), ALONE),
        }
    }

    fn call(&self, name: &str, arguments: &[Expression]) -> (String, u8) {
        match (name, arguments) {
            ("has", [operand]) => (format!("{} IS NOT NULL", self.within(operand, ADD)), COMPARE),
            ("duration", [Expression { syntax: Syntax::Text(text), .. }]) => {
                (interval_text(text).unwrap_or_else(|| format!("INTERVAL {}", quoted(text))), ALONE)
            }
            ("timestamp", [Expression { syntax: Syntax::Text(text), .. }]) => {
                (format!("TIMESTAMPTZ {}", quoted(text)), ALONE)
            }
            ("day", [time, rest @ ..]) => {
                let zone = rest.first().map_or_else(|| quoted("UTC"), |zone| self.within(zone, ALONE));
                (format!("CAST({} AT TIME ZONE {zone} AS DATE)", self.within(time, ALONE)), ALONE)
            }
            ("format", [Expression { syntax: Syntax::Text(template), .. }]) => (self.concat(template), ALONE),
            ("count", []) => ("count(*)".to_owned(), ALONE),
            _ => {
                let arguments: Vec<String> = arguments.iter().map(|one| self.text(one)).collect();
                (format!("{name}({})", arguments.join(", ")), ALONE)
            }
        }
    }

    /// Returns a choice as CASE, in which a condition that is unknown is not true.
    fn choice(&self, [condition, yes, no]: &[Expression; 3]) -> String {
        let is_known = |condition: &Expression| always_present(condition, &|name| self.parameters.contains(name));
        let text = self.text(condition);
        let yes = self.text(yes);
        let made_known = match &condition.syntax {
            Syntax::And(both) => match &both[..] {
                [Expression { syntax: Syntax::Call(name, _, has), .. }, same]
                    if name == "has" && has.first().is_some_and(|one| self.text(one) == self.text(same)) =>
                {
                    Some(same).filter(|same| !is_known(same))
                }
                _ => None,
            },
            _ => None,
        };
        match made_known {
            Some(condition) => format!("CASE WHEN {} THEN {yes} ELSE {} END", self.text(condition), self.text(no)),
            None if is_known(condition) => format!("CASE WHEN {text} THEN {yes} ELSE {} END", self.text(no)),
            None => {
                let opposite = self.leveled(&Expression {
                    syntax: Syntax::Not(Box::new(condition.clone())),
                    at: condition.at.clone(),
                });
                format!("CASE WHEN {text} THEN {yes} WHEN {} THEN {} END", opposite.0, self.text(no))
            }
        }
    }

    /// Returns a text that is put together.
    fn concat(&self, template: &str) -> String {
        let spelled = |fragment| match fragment {
            Fragment::Text(text) => quoted(&text),
            Fragment::Value { name, format: None, .. } => self.name(name.trim()).0,
            Fragment::Value { name, format: Some(format), .. } => {
                format!("strftime({}, {})", self.name(name.trim()).0, quoted(format))
            }
        };
        let parts: Vec<String> = fragments(template).map_while(Result::ok).map(spelled).collect();
        if parts.is_empty() { format!("concat({})", quoted("")) } else { format!("concat({})", parts.join(", ")) }
    }
}

pub(super) fn in_parentheses_if(is_needed: bool, text: String) -> String {
    if is_needed { format!("({text})") } else { text }
}

/// Returns a name as a column, in double quotes if SQL would take it for something else.
pub(super) fn identifier(name: &str) -> String {
    let is_word = ALL_KEYWORDS.binary_search(&name.to_ascii_uppercase().as_str()).is_ok();
    let is_lower = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match is_lower && (!is_word || FREE.contains(&name)) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Returns a text in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns the interval of a duration; `None` if it is none.
pub(super) fn interval_text(duration: &str) -> Option<String> {
    let ms = flowbench_events::parse_duration_ms(duration).ok()?;
    let sizes = [(86_400_000, "DAY"), (3_600_000, "HOUR"), (60_000, "MINUTE"), (1000, "SECOND")];
    let (size, unit) = sizes.into_iter().find(|(size, _)| ms % size == 0 && ms > 0).unwrap_or((1, "MILLISECOND"));
    Some(format!("INTERVAL '{}' {unit}", ms / size))
}

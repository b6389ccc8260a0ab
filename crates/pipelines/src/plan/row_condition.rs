//! Conditions on rows of texts, such as answers on their way to a reader, in the language of expressions.
//!
//! Decision D-056.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use flowbench_events::{did_you_mean_or_list, parse_duration_ms};

use super::expression::parser::parse;
use super::expression::syntax::{Comparison, Expression, Operator, Syntax};

/// A condition on a row whose cells are texts.
///
/// A cell is a number beside a number, a length of time beside `duration("...")`, and a text beside a text. What is
/// computed of something absent, or of a text that is no number, is unknown, as in the expressions of a pipeline.
///
/// # Examples
///
/// ```
/// use flowbench_pipelines::plan::RowCondition;
///
/// let condition = RowCondition::parse("value > 500 && country != 'GB'", Some(&["value", "country"])).unwrap();
/// let row = |name: &str| match name {
///     "value" => Some("500.001".to_owned()),
///     _ => Some("FR".to_owned()),
/// };
/// assert!(condition.holds(&row));
/// ```
#[derive(Debug, Clone)]
pub struct RowCondition {
    expression: Expression,
}

/// A value; what is not known is `None` wherever one is expected.
#[derive(Debug, Clone, PartialEq)]
enum RowValue {
    Flag(bool),
    Text(String),
    /// In millionths.
    Number(i128),
    DurationMs(i64),
}

/// Digits behind the point that a number may have.
const DECIMALS: usize = 6;

const FUNCTIONS: [&str; 2] = ["has", "duration"];

impl RowCondition {
    /// Reads a condition on rows with these columns; `None` if the columns are not known.
    ///
    /// # Errors
    ///
    /// Returns what cannot be read, with its place, or the first name that is no column.
    pub fn parse(text: &str, columns: Option<&[&str]>) -> Result<RowCondition, String> {
        let at = |at: usize| text[..at].chars().count() + 1;
        let expression = parse(text).map_err(|error| format!("column {}: {}", at(error.at.start), error.message))?;
        let condition = RowCondition { expression };
        for (name, place) in condition.names() {
            if let Some(columns) = columns.filter(|columns| !columns.contains(&name)) {
                let hint = did_you_mean_or_list(name, columns.iter().copied());
                return Err(format!("column {}: there is no '{name}'{hint}", at(place)));
            }
        }
        condition.expression.check().map_err(|(place, reason)| format!("column {}: {reason}", at(place)))?;
        Ok(condition)
    }

    /// Returns true if the condition is true of a row, which gives the text of a cell by its name, `None` if it is absent.
    pub fn holds(&self, row: &dyn Fn(&str) -> Option<String>) -> bool {
        self.expression.value(row) == Some(RowValue::Flag(true))
    }

    /// Returns the names in it, each once, with a place.
    fn names(&self) -> Vec<(&str, usize)> {
        let (mut names, mut known, mut open) = (Vec::new(), BTreeSet::new(), vec![&self.expression]);
        while let Some(expression) = open.pop() {
            if let Syntax::Name(name) = &expression.syntax
                && known.insert(name)
            {
                names.push((name.as_str(), expression.at.start));
            }
            open.extend(expression.children());
        }
        names
    }
}

impl Expression {
    /// Checks what does not depend on the row.
    fn check(&self) -> Result<(), (usize, String)> {
        match &self.syntax {
            Syntax::Call(name, place, arguments) => match (name.as_str(), &arguments[..]) {
                ("has", [Expression { syntax: Syntax::Name(_), .. }]) => {}
                ("duration", [Expression { syntax: Syntax::Text(text), .. }]) if parse_duration_ms(text).is_ok() => {}
                ("has", _) => return Err((place.start, "has(...) takes the name of a column".to_owned())),
                ("duration", _) => {
                    return Err((place.start, "duration(...) takes a text such as \"1h30min\"".to_owned()));
                }
                _ => {
                    let hint = did_you_mean_or_list(name, FUNCTIONS);
                    return Err((place.start, format!("there is no function '{name}' for rows{hint}")));
                }
            },
            Syntax::Number(text) if number(text).is_none() => {
                return Err((self.at.start, format!("a number has up to {DECIMALS} digits behind the point")));
            }
            _ => {}
        }
        self.children().into_iter().try_for_each(Expression::check)
    }

    fn value(&self, row: &dyn Fn(&str) -> Option<String>) -> Option<RowValue> {
        match &self.syntax {
            Syntax::Number(text) => number(text).map(RowValue::Number),
            Syntax::Text(text) => Some(RowValue::Text(text.clone())),
            Syntax::Flag(flag) => Some(RowValue::Flag(*flag)),
            Syntax::Name(name) => row(name).filter(|text| !text.is_empty()).map(RowValue::Text),
            Syntax::Call(name, _, arguments) if name == "has" => {
                Some(RowValue::Flag(arguments.first()?.value(row).is_some()))
            }
            Syntax::Call(_, _, arguments) => match arguments.first()?.value(row)? {
                RowValue::Text(text) => parse_duration_ms(&text).ok().map(RowValue::DurationMs),
                _ => None,
            },
            Syntax::Not(operand) => operand.flag(row).map(|flag| RowValue::Flag(!flag)),
            Syntax::Minus(operand) => match operand.value(row)? {
                RowValue::DurationMs(ms) => Some(RowValue::DurationMs(-ms)),
                other => other.as_number().map(|number| RowValue::Number(-number)),
            },
            Syntax::And(operands) => all(operands, row, false).map(RowValue::Flag),
            Syntax::Or(operands) => all(operands, row, true).map(RowValue::Flag),
            Syntax::Compare(comparison, both) => {
                let order = both[0].value(row)?.order(&both[1].value(row)?)?;
                Some(RowValue::Flag(comparison.holds_of(order)))
            }
            Syntax::In(operand, list) => {
                let operand = operand.value(row)?;
                let equal = |one: &Expression| Some(operand.order(&one.value(row)?)? == Ordering::Equal);
                Some(RowValue::Flag(list.iter().any(|one| equal(one) == Some(true))))
            }
            Syntax::Arithmetic(operator, both) => {
                let [left, right] = [both[0].value(row)?.as_number()?, both[1].value(row)?.as_number()?];
                operator.of_millionths(left, right).map(RowValue::Number)
            }
            Syntax::If(choice) => choice[if choice[0].flag(row)? { 1 } else { 2 }].value(row),
        }
    }

    fn flag(&self, row: &dyn Fn(&str) -> Option<String>) -> Option<bool> {
        match self.value(row)? {
            RowValue::Flag(flag) => Some(flag),
            RowValue::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// Returns `decisive` if one operand is; otherwise it is unknown if one operand is, or else not `decisive`.
fn all(operands: &[Expression], row: &dyn Fn(&str) -> Option<String>, decisive: bool) -> Option<bool> {
    let mut known = true;
    for operand in operands {
        match operand.flag(row) {
            Some(flag) if flag == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

impl RowValue {
    fn as_number(&self) -> Option<i128> {
        match self {
            RowValue::Number(number) => Some(*number),
            RowValue::Text(text) => number(text),
            _ => None,
        }
    }

    fn as_duration_ms(&self) -> Option<i64> {
        match self {
            RowValue::DurationMs(ms) => Some(*ms),
            // A column in ms, or a duration as answers show it.
            RowValue::Text(text) => text.parse().ok().or_else(|| parse_duration_ms(text).ok()),
            _ => None,
        }
    }

    fn order(&self, other: &RowValue) -> Option<Ordering> {
        match (self, other) {
            (RowValue::Number(_), _) | (_, RowValue::Number(_)) => Some(self.as_number()?.cmp(&other.as_number()?)),
            (RowValue::DurationMs(_), _) | (_, RowValue::DurationMs(_)) => {
                Some(self.as_duration_ms()?.cmp(&other.as_duration_ms()?))
            }
            (RowValue::Text(text), RowValue::Text(other)) => Some(text.cmp(other)),
            (RowValue::Flag(flag), RowValue::Flag(other)) => Some(flag.cmp(other)),
            (RowValue::Flag(flag), RowValue::Text(text)) | (RowValue::Text(text), RowValue::Flag(flag)) => {
                Some(flag.cmp(&text.parse().ok()?))
            }
        }
    }
}

impl Comparison {
    fn holds_of(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }
}

impl Operator {
    fn of_millionths(self, left: i128, right: i128) -> Option<i128> {
        let one = 10_i128.pow(DECIMALS as u32);
        match self {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right).map(|product| product / one),
            Operator::Divide => left.checked_mul(one)?.checked_div(right),
            Operator::Remainder => left.checked_rem(right),
        }
    }
}

/// Reads a plain decimal, in millionths.
fn number(text: &str) -> Option<i128> {
    let (digits, is_negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 30 || fraction.len() > DECIMALS || !is_decimal(whole) || !is_decimal(fraction)
    {
        return None;
    }
    let millionths: i128 = format!("{whole}{fraction:0<DECIMALS$}").parse().ok()?;
    Some(if is_negative { -millionths } else { millionths })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str) -> bool {
        let row = |name: &str| match name {
            "value" => Some("500.001".to_owned()),
            "n" => Some("-3".to_owned()),
            "lead_ms" => Some("7200000".to_owned()),
            "wait" => Some("1h30min".to_owned()),
            "state" => Some("overdue".to_owned()),
            "paid" => Some("true".to_owned()),
            _ => None,
        };
        RowCondition::parse(condition, None).unwrap().holds(&row)
    }

    #[test]
    fn cells_are_what_they_stand_beside() {
        for condition in [
            "value > 500",
            "value == 500.001",
            "n < 0 && n >= -3",
            "n * 2 + 1 == -5",
            "n / 2 == -1.5 && value % 1 == 0.001",
            "lead_ms > duration('1h59min') && wait == duration('90min')",
            "state == 'overdue' && state in ['late', 'overdue']",
            "has(value) && !has(country)",
            "paid && paid == true",
            "value > 100 ? state == 'overdue' : false",
            "country == 'GB' || value > 1",
            "!(country == 'GB' && value < 1)",
        ] {
            assert!(holds(condition), "{condition}");
        }
        for condition in [
            "value > 500.001",
            "state > 5",
            "country == 'GB'",
            "country != 'GB'",
            "!(country == 'GB')",
            "value / 0 == 1 || false",
            "state",
            "country in ['GB']",
        ] {
            assert!(!holds(condition), "{condition}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_column() {
        let wrong = |text: &str| RowCondition::parse(text, Some(&["value", "state"])).unwrap_err();
        assert!(wrong("value >").starts_with("column 8: "), "{}", wrong("value >"));
        assert!(wrong("vaule > 5").contains("there is no 'vaule'") && wrong("vaule > 5").contains("'value'"));
        assert!(wrong("value > 0.1234567").starts_with("column 9: a number has up to 6 digits"));
        assert!(wrong("hass(value)").contains("there is no function 'hass' for rows"));
        assert!(wrong("value > duration('soon')").contains("duration(...) takes a text"));
    }
}

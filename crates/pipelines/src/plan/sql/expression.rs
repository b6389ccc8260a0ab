//! Expressions of SQL as those of the plan. Both have three truth values and leave out what is not true.

use std::ops::Range;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Function, InTarget, Spanned, TimezoneInfo, UnaryOperator, Value,
};

use super::aggregate::{AGGREGATES, is_zero};
use super::reader::{Computing, ComputingKind, Reader, name_of, operands};
use super::refused;
use super::spelling::Spelling;
use crate::plan::document::NamedFormula;
use crate::plan::expression::syntax::{Comparison, Expression, Operator, Syntax};

/// How deep expressions nest at most.
const DEPTH_MAX: usize = 64;
/// How large an expression is at most that the plan asks for twice.
const TWICE_MAX: usize = 256;

impl Reader<'_> {
    /// Reads an expression, or notes what is wrong with it.
    pub(super) fn expression(&mut self, expr: &Expr) -> Option<Expression> {
        self.named(expr, None)
    }

    /// Reads the expression of a column, whose name is that of an aggregate that stands alone.
    pub(super) fn named(&mut self, expr: &Expr, alias: Option<&str>) -> Option<Expression> {
        if self.depth >= DEPTH_MAX {
            let place = self.place(expr);
            return self
                .refuse(&place, &format!("the expression nests deeper than {DEPTH_MAX} levels; write it flatter"));
        }
        self.depth += 1;
        let read = self.read(expr, alias);
        self.depth -= 1;
        read.map(|expression| self.as_key(expression))
    }

    /// Returns the name of the part of the key that an expression is, or else the expression.
    fn as_key(&self, expression: Expression) -> Expression {
        let Some(Computing { kind: ComputingKind::Group, key, .. }) = &self.computing else { return expression };
        if key.is_empty() || matches!(expression.syntax, Syntax::Name(_)) {
            return expression;
        }
        let text = Spelling::plain().text(&expression);
        match key.iter().find(|(_, known)| *known == text) {
            Some((part, _)) => Expression { syntax: Syntax::Name(part.name.clone()), at: expression.at },
            None => expression,
        }
    }

    fn read(&mut self, expr: &Expr, alias: Option<&str>) -> Option<Expression> {
        let at = self.place(expr);
        let alone = |syntax| Some(Expression { syntax, at: at.clone() });
        match expr {
            Expr::Identifier(name) => {
                let name = name_of(name);
                if self.parameters.iter().any(|declared| declared.name == name) {
                    return self.refuse(&at, &format!("'{name}' is a parameter; write ${name}"));
                }
                alone(Syntax::Name(name))
            }
            Expr::Value(value) => match &value.value {
                Value::Number(text, _) if is_plain_number(text) => alone(Syntax::Number(text.clone())),
                Value::Number(text, _) => self
                    .refuse(&at, &format!("'{text}' is not a number here; write digits, with a point before decimals")),
                Value::SingleQuotedString(text) => alone(Syntax::Text(text.clone())),
                Value::Boolean(flag) => alone(Syntax::Flag(*flag)),
                Value::Placeholder(_) => alone(Syntax::Name(self.parameter(expr)?)),
                _ => self.refuse(&at, refused::of_expression(expr)),
            },
            Expr::Nested(inner) => self.named(inner, alias),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                let read: Vec<Option<Expression>> =
                    operands(expr, op).into_iter().map(|operand| self.expression(operand)).collect();
                let operands = read.into_iter().collect::<Option<Vec<Expression>>>()?;
                alone(if *op == BinaryOperator::And { Syntax::And(operands) } else { Syntax::Or(operands) })
            }
            Expr::BinaryOp { left, op, right } => self.operation(left, op, right, &at),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => alone(Syntax::Not(self.expression(expr)?.into())),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => alone(Syntax::Minus(self.expression(expr)?.into())),
            Expr::IsNotNull(operand) => Some(has(self.expression(operand)?)),
            Expr::IsNull(operand) => alone(Syntax::Not(has(self.expression(operand)?).into())),
            Expr::Between { expr, negated, low, high } => {
                let [expr, low, high] = [expr, low, high].map(|one| self.expression(one));
                let (again, expr) = self.twice(expr?)?;
                let least = Syntax::Compare(Comparison::AtLeast, Box::new([again, low?]));
                let most = Syntax::Compare(Comparison::AtMost, Box::new([expr, high?]));
                let both = [least, most].map(|syntax| Expression { syntax, at: at.clone() });
                alone(negated_if(*negated, Syntax::And(both.into()), &at))
            }
            Expr::In { expr, target: InTarget::List(list), negated, global: false } => {
                let operand = self.expression(expr);
                let list: Vec<Option<Expression>> = list.iter().map(|one| self.expression(one)).collect();
                let list = list.into_iter().collect::<Option<Vec<Expression>>>()?;
                alone(negated_if(*negated, Syntax::In(operand?.into(), list), &at))
            }
            Expr::In { .. } => {
                self.refuse(&at, "a subquery cannot stand here; write a list of values, or a stage match in TOML")
            }
            Expr::Case { operand: None, conditions, else_result, .. } => {
                self.case(conditions, else_result.as_deref(), &at)
            }
            Expr::Case { .. } => self.refuse(&at, "CASE stands alone; write CASE WHEN kind = 'order_placed' THEN ..."),
            Expr::Cast { expr, data_type: DataType::Date, format: None, .. } => self.day(expr, &at),
            Expr::Interval(interval) => {
                let text = self.interval(interval, &at)?;
                alone(call("duration", &at, Syntax::Text(text)))
            }
            Expr::TypedString(typed) if is_zoned(&typed.data_type) => match &typed.value.value {
                Value::SingleQuotedString(text) => alone(call("timestamp", &at, Syntax::Text(text.clone()))),
                _ => self.refuse(&at, refused::of_expression(expr)),
            },
            Expr::Function(function) => self.function(function, alias, &at),
            _ => self.refuse(&at, refused::of_expression(expr)),
        }
    }

    fn operation(
        &mut self,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
        at: &Range<usize>,
    ) -> Option<Expression> {
        let symbol = match operator {
            BinaryOperator::Eq => "==",
            BinaryOperator::NotEq => "!=",
            BinaryOperator::Lt => "<",
            BinaryOperator::LtEq => "<=",
            BinaryOperator::Gt => ">",
            BinaryOperator::GtEq => ">=",
            BinaryOperator::Plus => "+",
            BinaryOperator::Minus => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::StringConcat => {
                let message = "|| is NULL if one side is, and a text of cells is not; write concat(...)";
                return self.refuse(at, message);
            }
            other => {
                let message = format!("there is no operator '{other}'; write comparisons, + - * / %, AND, OR or NOT");
                return self.refuse(at, &message);
            }
        };
        let both = [left, right].map(|operand| self.expression(operand));
        let [Some(left), Some(right)] = both else { return None };
        let both = Box::new([left, right]);
        let syntax = match (Comparison::of(symbol), Operator::of(symbol)) {
            (Some(comparison), _) => Syntax::Compare(comparison, both),
            (None, operator) => Syntax::Arithmetic(operator?, both),
        };
        Some(Expression { syntax, at: at.clone() })
    }

    /// Reads CASE. A condition that is unknown goes on to the next in SQL, and makes the choice of the plan unknown.
    fn case(&mut self, whens: &[CaseWhen], otherwise: Option<&Expr>, at: &Range<usize>) -> Option<Expression> {
        let read: Vec<Option<(Expression, Expression)>> = whens
            .iter()
            .map(|when| {
                let (condition, result) = (self.expression(&when.condition), self.expression(&when.result));
                condition.zip(result)
            })
            .collect();
        let otherwise = otherwise.map(|otherwise| self.expression(otherwise));
        let read = read.into_iter().collect::<Option<Vec<_>>>()?;
        let choice =
            |condition, yes, no| Expression { syntax: Syntax::If(Box::new([condition, yes, no])), at: at.clone() };
        match (&read[..], otherwise) {
            // The innermost choice is the last one.
            (_, Some(otherwise)) => read.into_iter().rev().try_fold(otherwise?, |otherwise, (condition, result)| {
                Some(choice(self.known(condition)?, result, otherwise))
            }),
            ([(condition, yes), (opposite, no)], None) if is_opposite(opposite, condition) => {
                Some(choice(condition.clone(), yes.clone(), no.clone()))
            }
            (_, None) => self.refuse(at, "without ELSE this is NULL, which no stage can say; write ELSE before END"),
        }
    }

    /// Returns a condition that is false where another one is unknown.
    fn known(&mut self, condition: Expression) -> Option<Expression> {
        if self.is_known(&condition) {
            return Some(condition);
        }
        let at = condition.at.clone();
        let (again, condition) = self.twice(condition)?;
        Some(Expression { syntax: Syntax::And(vec![has(again), condition]), at })
    }

    /// Returns an expression twice, unless it is too large for that: what nests would double at each level.
    fn twice(&mut self, expression: Expression) -> Option<(Expression, Expression)> {
        if is_large(&expression) {
            return self.refuse(&expression.at, "this is too large to be asked for twice; write it shorter");
        }
        Some((expression.clone(), expression))
    }

    /// Reads the day of a time in a zone: `CAST(event_time AT TIME ZONE 'UTC' AS DATE)`.
    fn day(&mut self, expr: &Expr, at: &Range<usize>) -> Option<Expression> {
        let mut inner = expr;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        let Expr::AtTimeZone { timestamp, time_zone } = inner else {
            let message = "the day of a time depends on the zone; write CAST(event_time AT TIME ZONE 'UTC' AS DATE)";
            return self.refuse(at, message);
        };
        let (time, zone) = (self.expression(timestamp), self.expression(time_zone));
        let syntax = Syntax::Call("day".to_owned(), at.clone(), vec![time?, zone?]);
        Some(Expression { syntax, at: at.clone() })
    }

    fn function(&mut self, function: &Function, alias: Option<&str>, at: &Range<usize>) -> Option<Expression> {
        let name = function.name.to_string().to_ascii_lowercase();
        if AGGREGATES.contains(&name.as_str()) {
            return self.aggregate(function, alias, at, false);
        }
        match name.as_str() {
            "coalesce" => {
                let arguments = self.plain_arguments(function, at)?;
                match arguments[..] {
                    [Expr::Function(inner), zero]
                        if is_zero(zero) && inner.name.to_string().eq_ignore_ascii_case("sum") =>
                    {
                        self.aggregate(inner, alias, at, true)
                    }
                    _ => self.coalesce(&arguments, at),
                }
            }
            "concat" => {
                let arguments = self.plain_arguments(function, at)?;
                self.concat(&arguments, at)
            }
            _ => {
                let message = match refused::of_function(&name) {
                    Some(message) => message.to_owned(),
                    None => {
                        let known = ["coalesce", "concat", "count", "sum", "min", "max", "last", "last_value"];
                        let hint = flowbench_events::did_you_mean_or_list(&name, known);
                        format!("there is no function '{name}'{hint}")
                    }
                };
                self.refuse(at, &message)
            }
        }
    }

    /// Reads `coalesce(x, y)`: the first of them that is present.
    fn coalesce(&mut self, arguments: &[&Expr], at: &Range<usize>) -> Option<Expression> {
        let read: Vec<Option<Expression>> = arguments.iter().map(|one| self.expression(one)).collect();
        let mut read = read.into_iter().collect::<Option<Vec<Expression>>>()?;
        let Some(last) = read.pop() else {
            return self.refuse(at, "coalesce takes values; write coalesce(value, 0)");
        };
        read.into_iter().rev().try_fold(last, |otherwise, one| {
            let (again, one) = self.twice(one)?;
            let syntax = Syntax::If(Box::new([has(again), one, otherwise]));
            Some(Expression { syntax, at: at.clone() })
        })
    }

    /// Reads a text that is put together: `concat('ORD-', strftime(event_time, '%Y%m%d'), '-', "order")`.
    fn concat(&mut self, arguments: &[&Expr], at: &Range<usize>) -> Option<Expression> {
        let parts: Vec<Option<String>> = arguments.iter().map(|argument| self.part(argument)).collect();
        let template = parts.into_iter().collect::<Option<Vec<String>>>()?.concat();
        Some(Expression { syntax: call("format", at, Syntax::Text(template)), at: at.clone() })
    }

    /// Reads a part of a text as templates write it: a text, `{name}` or `{name:%Y}`.
    fn part(&mut self, argument: &Expr) -> Option<String> {
        match argument {
            Expr::Value(value) if matches!(&value.value, Value::SingleQuotedString(_)) => {
                let Value::SingleQuotedString(text) = &value.value else { return None };
                Some(text.replace('{', "{{").replace('}', "}}"))
            }
            Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("strftime") => {
                let at = self.place(argument);
                let arguments = self.plain_arguments(function, &at)?;
                let format = match arguments[..] {
                    [_, Expr::Value(format)] => match &format.value {
                        Value::SingleQuotedString(format) if !format.contains(['{', '}']) => Some(format.clone()),
                        _ => None,
                    },
                    _ => None,
                };
                let Some(format) = format else {
                    return self
                        .refuse(&at, "strftime takes a time and a format; write strftime(event_time, '%Y-%m-%d')");
                };
                let time = self.expression(arguments[0])?;
                Some(format!("{{{}:{format}}}", self.cell(time)))
            }
            _ => {
                let expression = self.expression(argument)?;
                Some(format!("{{{}}}", self.cell(expression)))
            }
        }
    }

    /// Returns the name of an expression, which is given one if it has none.
    fn cell(&mut self, expression: Expression) -> String {
        if let Syntax::Name(name) = expression.syntax {
            return name;
        }
        let name = self.generated_name();
        let formula = self.formula(expression);
        self.cells.push(NamedFormula { name: name.clone(), formula });
        name
    }

    /// Returns the place of an expression, without a walk through all of it.
    pub(super) fn place(&self, expr: &Expr) -> Range<usize> {
        let (mut first, mut last) = (expr, expr);
        while let Some(inner) = side(first, true) {
            first = inner;
        }
        while let Some(inner) = side(last, false) {
            last = inner;
        }
        let (start, end) = (self.place_of_alone(first), self.place_of_alone(last));
        if start.start <= end.end { start.start..end.end } else { start }
    }

    fn place_of_alone(&self, expr: &Expr) -> Range<usize> {
        match expr {
            Expr::Function(function) => {
                let name = self.places.range(function.name.span());
                name.start..self.places.call_end(name.start).max(name.end)
            }
            Expr::Case { case_token, end_token, .. } => {
                self.places.range(case_token.0.span).start..self.places.range(end_token.0.span).end
            }
            Expr::Interval(interval) => self.place(&interval.value),
            other => self.places.range(other.span()),
        }
    }
}

/// Returns the operand at the beginning or at the end of an expression; `None` if it has none there.
fn side(expr: &Expr, is_first: bool) -> Option<&Expr> {
    match expr {
        Expr::BinaryOp { left, right, .. } => Some(if is_first { left } else { right }),
        Expr::Between { expr, high, .. } => Some(if is_first { expr } else { high }),
        Expr::AtTimeZone { timestamp, time_zone } => Some(if is_first { timestamp } else { time_zone }),
        Expr::Nested(inner) | Expr::IsNull(inner) | Expr::IsNotNull(inner) => Some(inner),
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => Some(expr),
        Expr::In { expr, .. } => Some(expr),
        _ => None,
    }
}

/// True if there are more operands and operators than an expression may have that is asked for twice.
fn is_large(expression: &Expression) -> bool {
    let (mut count, mut waiting) = (0, vec![expression]);
    while let Some(one) = waiting.pop() {
        count += 1;
        if count > TWICE_MAX {
            return true;
        }
        waiting.extend(one.children());
    }
    false
}

fn call(name: &str, at: &Range<usize>, argument: Syntax) -> Syntax {
    Syntax::Call(name.to_owned(), at.clone(), vec![Expression { syntax: argument, at: at.clone() }])
}

/// Returns the condition that an expression is present.
fn has(operand: Expression) -> Expression {
    let at = operand.at.clone();
    Expression { syntax: Syntax::Call("has".to_owned(), at.clone(), vec![operand]), at }
}

fn negated_if(is_negated: bool, syntax: Syntax, at: &Range<usize>) -> Syntax {
    if is_negated { Syntax::Not(Box::new(Expression { syntax, at: at.clone() })) } else { syntax }
}

/// True if a condition is `NOT` of another one.
fn is_opposite(opposite: &Expression, condition: &Expression) -> bool {
    let text = |expression| Spelling::plain().text(expression);
    matches!(&opposite.syntax, Syntax::Not(operand) if text(operand) == text(condition))
}

fn is_plain_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && !text.ends_with('.')
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_zoned(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(None, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz))
}

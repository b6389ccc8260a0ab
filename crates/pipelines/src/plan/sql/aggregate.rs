//! Aggregates, and the stage that computes them.

use std::ops::Range;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    OrderByExpr, Spanned, Value,
};

use super::presence::always_present;
use super::reader::{Computing, ComputingKind, Reader, name_of};
use super::spelling::Spelling;
use crate::plan::definition::StageKind;
use crate::plan::document::NamedFormula;
use crate::plan::expression::syntax::{Expression, Syntax};

/// The functions that are aggregates.
pub(super) const AGGREGATES: [&str; 6] = ["count", "sum", "min", "max", "last", "last_value"];

impl Reader<'_> {
    /// Returns the stage of the key, and takes the conditions out that say that its parts are present: SQL makes a group
    /// of what lacks a key, stages leave that out.
    pub(super) fn keys(&mut self, computing: &Computing, conditions: &mut Vec<&Expr>) -> Option<StageKind> {
        for (part, _) in &computing.key {
            let is_said = |condition: &&Expr| match condition {
                Expr::IsNotNull(operand) => matches!(&**operand, Expr::Identifier(name) if name_of(name) == part.name),
                _ => false,
            };
            if let Some(at) = conditions.iter().rposition(is_said) {
                conditions.remove(at);
            } else if self.has_name(&part.formula.expression) && !self.is_present(&part.formula.expression) {
                let (name, word) = (&part.name, if conditions.is_empty() { "WHERE" } else { "AND" });
                let message = format!(
                    "SQL makes a group of what has no {name}, and the stage leaves it out; \
                     write {word} {} IS NOT NULL",
                    super::spelling::identifier(name)
                );
                self.document.problem(part.formula.place(), &message);
            }
        }
        let parts: Vec<NamedFormula> = computing.key.iter().map(|(part, _)| part.clone()).collect();
        (!parts.is_empty()).then_some(StageKind::Key(parts))
    }

    /// False for a name that there is not, of which something else is said.
    fn has_name(&self, expression: &Expression) -> bool {
        !matches!(&expression.syntax, Syntax::Name(name) if !self.known.contains(name))
    }

    /// Reads an aggregate and returns the name that stands for it. `is_zero_for_none` says that `coalesce(..., 0)` is
    /// around it.
    pub(super) fn aggregate(
        &mut self,
        function: &Function,
        alias: Option<&str>,
        at: &Range<usize>,
        is_zero_for_none: bool,
    ) -> Option<Expression> {
        let name = function.name.to_string().to_ascii_lowercase();
        self.refuse_around_aggregate(function, &name, at)?;
        let is_over = function.over.is_some();
        match &self.computing {
            None => return self.refuse(at, "an aggregate cannot stand here; write it in SELECT or HAVING"),
            Some(Computing { kind: ComputingKind::Group, .. }) if is_over => {
                return self.refuse(at, "this query has GROUP BY; write the aggregate without OVER");
            }
            Some(Computing { kind: ComputingKind::Group, .. }) => {}
            Some(_) if !is_over => {
                let message = "an aggregate needs a window; write GROUP BY customer, TUMBLE(event_time, INTERVAL '1' DAY), \
                               or OVER behind the aggregate";
                return self.refuse(at, message);
            }
            Some(_) => {}
        }
        // What is inside of an aggregate is of one event.
        let computing = self.computing.take();
        let argument = self.argument(function, &name, at);
        self.computing = computing;
        let arguments = argument?;
        if name == "sum" && !is_zero_for_none && !arguments.iter().all(|one| self.is_present(one)) {
            let inside = arguments.first().map(|one| Spelling::plain().text(one)).unwrap_or_default();
            let over = if is_over { " OVER (...)" } else { "" };
            let message = format!(
                "the sum of nothing is NULL in SQL, and 0 in the stage; write coalesce(sum({inside}){over}, 0)"
            );
            return self.refuse(at, &message);
        }
        if let Some(window) = &function.over {
            self.frame(window, &name, at)?;
        }
        let how = if name == "last_value" { "last" } else { name.as_str() };
        let call = Expression { syntax: Syntax::Call(how.to_owned(), at.clone(), arguments), at: at.clone() };
        self.found(call, alias, at)
    }

    /// Notes an aggregate, once, and returns its name.
    fn found(&mut self, call: Expression, alias: Option<&str>, at: &Range<usize>) -> Option<Expression> {
        let text = Spelling::plain().text(&call);
        let generated = if alias.is_none() { self.generated_name() } else { String::new() };
        let formula = self.formula(call);
        let computing = self.computing.as_mut()?;
        let known = computing.texts.iter().position(|known| *known == text);
        let name = match known {
            Some(known) => computing.found[known].name.clone(),
            None => {
                let name = alias.map_or(generated, str::to_owned);
                computing.texts.push(text);
                computing.found.push(NamedFormula { name: name.clone(), formula });
                name
            }
        };
        let is_many = matches!(computing.kind, ComputingKind::CountIn(_)) && computing.found.len() > 1;
        if is_many {
            return self.refuse(at, "a query computes once; leave one of the counts out");
        }
        Some(Expression { syntax: Syntax::Name(name), at: at.clone() })
    }

    /// Refuses what may stand around the arguments of an aggregate.
    fn refuse_around_aggregate(&mut self, function: &Function, name: &str, at: &Range<usize>) -> Option<()> {
        if function.filter.is_some() {
            let message = "there is no FILTER; write sum(CASE WHEN condition THEN 1 ELSE 0 END)";
            return self.refuse(at, message);
        }
        if function.null_treatment.is_some() || !function.within_group.is_empty() || function.uses_odbc_syntax {
            return self.refuse(at, &format!("{name} has nothing behind its values; write {name}(value)"));
        }
        if name == "last" && function.over.is_some() {
            return self.refuse(at, "the last value so far is called last_value; write last_value(x) OVER (...)");
        }
        if name == "last_value" && function.over.is_none() {
            let message = "the last value of a window is called last; write last(x ORDER BY event_time, event_id)";
            return self.refuse(at, message);
        }
        Some(())
    }

    /// Reads what is aggregated: nothing for `count(*)`.
    fn argument(&mut self, function: &Function, name: &str, at: &Range<usize>) -> Option<Vec<Expression>> {
        let FunctionArguments::List(list) = &function.args else {
            return self.refuse(at, &format!("{name} takes one value; write {name}(value)"));
        };
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
            return self.refuse(at, "no stage counts different values; write the value as a part of the key");
        }
        let is_last = name == "last";
        let orders = match &list.clauses[..] {
            [] => None,
            [FunctionArgumentClause::OrderBy(order)] => Some(order),
            _ => return self.refuse(at, &format!("{name} takes one value and nothing more; write {name}(value)")),
        };
        if is_last != orders.is_some_and(|order| is_canonical(order)) || !is_last && orders.is_some() {
            let message = match is_last {
                true => "the last value needs the order of the stage; write last(x ORDER BY event_time, event_id)",
                false => "the order does not matter here; leave ORDER BY out",
            };
            return self.refuse(at, message);
        }
        match &list.args[..] {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] if name == "count" => Some(Vec::new()),
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => Some(vec![self.expression(expr)?]),
            _ => self.refuse(at, &format!("{name} takes one value; write {name}(value)")),
        }
    }

    /// True if an expression has a value for every event that the conditions let through.
    pub(super) fn is_present(&self, expression: &Expression) -> bool {
        self.is_always(expression, &|name| self.present.contains(name))
    }

    /// True if an expression has a value for every event.
    pub(super) fn is_known(&self, expression: &Expression) -> bool {
        self.is_always(expression, &|_| false)
    }

    fn is_always(&self, expression: &Expression, also: &dyn Fn(&str) -> bool) -> bool {
        let is_parameter = |name: &str| self.parameters.iter().any(|declared| declared.name == name);
        always_present(expression, &|name| is_parameter(name) || also(name))
    }
}

/// True for the order in which stages take events.
pub(super) fn is_canonical(order: &[OrderByExpr]) -> bool {
    let names: Vec<Option<String>> = order.iter().map(plain_name).collect();
    names == [Some("event_time".to_owned()), Some("event_id".to_owned())]
}

/// Returns the name by which is ordered, upwards.
pub(super) fn plain_name(order: &OrderByExpr) -> Option<String> {
    let is_upwards = order.options.sort.is_none() || order.to_string().ends_with(" ASC");
    match &order.expr {
        Expr::Identifier(name) if is_upwards && order.options.nulls_first.is_none() && order.with_fill.is_none() => {
            Some(name_of(name))
        }
        _ => None,
    }
}

/// True for the number 0.
pub(super) fn is_zero(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(&value.value, Value::Number(text, _) if text == "0"))
}

/// Returns the place of the name of a function.
pub(super) fn name_place(reader: &Reader<'_>, function: &Function) -> Range<usize> {
    reader.places.range(function.name.span())
}

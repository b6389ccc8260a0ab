//! GROUP BY with a window: the key, the window, and what is computed of each.

use std::ops::Range;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Select, SelectItem,
};

use super::aggregate::name_place;
use super::reader::{Computing, ComputingKind, Reader, name_of, operands};
use super::spelling::Spelling;
use crate::plan::definition::{Stage, StageKind};
use crate::plan::document::{NamedFormula, Text};
use crate::plan::expression::syntax::{Expression, Syntax};

/// The functions that are windows.
const WINDOWS: [&str; 3] = ["tumble", "hop", "session"];

/// A window of GROUP BY.
enum Window {
    Tumble { size: Text, timezone: Option<Text> },
    Hop { size: Text, slide: Text },
    Session { gap: Text },
}

impl Reader<'_> {
    /// Reads a query that gives a row for each key and window.
    pub(super) fn group(&mut self, select: &Select, conditions: &mut Vec<&Expr>, start: usize) {
        let place = self.places.word(&["GROUP"], start);
        let GroupByExpr::Expressions(parts, modifiers) = &select.group_by else {
            return self.document.problem(place, "GROUP BY has no ALL; write the columns of the key and a window");
        };
        if !modifiers.is_empty() {
            self.document.problem(place.clone(), "there is one grouping; write the columns of one GROUP BY");
        }
        let (mut window, mut key) = (None, Vec::new());
        for part in parts {
            match window_function(part) {
                Some(_) if window.is_some() => {
                    let place = self.place(part);
                    self.document.problem(place, "a query has one window; leave one of them out");
                }
                Some(function) => window = Some(self.window(function)),
                None => key.extend(self.key_part(part, &select.projection)),
            }
        }
        if window.is_none() {
            let message = "groups without a window never end; write TUMBLE(event_time, INTERVAL '1' DAY) behind the key, \
                           or count(*) OVER (...) for what is so far";
            self.document.problem(place.clone(), message);
        }
        let window = window.flatten();
        if matches!(window, Some(Window::Session { .. })) && key.is_empty() {
            self.document.problem(place.clone(), "a session needs a key; write GROUP BY customer, SESSION(...)");
        }
        let mut computing = Computing::over();
        (computing.kind, computing.key, computing.place) = (ComputingKind::Group, key, place.clone());
        let keys = self.keys(&computing, conditions);
        self.filter(conditions);
        self.computing = Some(computing);
        let mut columns: Vec<NamedFormula> = Vec::new();
        for item in &select.projection {
            columns.extend(self.column(item));
        }
        let after: Vec<&Expr> =
            select.having.as_ref().map(|having| operands(having, &BinaryOperator::And)).unwrap_or_default();
        let cells = std::mem::take(&mut self.cells);
        let after: Vec<Option<Expression>> = after.into_iter().map(|condition| self.expression(condition)).collect();
        self.cells.extend(cells);
        let Some(computing) = self.computing.take() else { return };
        if computing.found.is_empty() {
            let message = "nothing is computed of the groups; write count(*) AS name in SELECT";
            self.document.problem(place.clone(), message);
        }
        self.stages.extend(keys.map(|what| Stage { place: place.clone(), what }));
        let (what, ends) = match window {
            Some(Window::Tumble { size, timezone }) => {
                (StageKind::Tumble { size, timezone, compute: computing.found }, "window_end")
            }
            Some(Window::Hop { size, slide }) => {
                (StageKind::Hop { size, slide, compute: computing.found }, "window_end")
            }
            Some(Window::Session { gap }) => (StageKind::Session { gap, compute: computing.found }, "session_end"),
            None => return,
        };
        self.stages.push(Stage { place, what });
        for condition in after.into_iter().flatten() {
            let place = condition.at.clone();
            self.stages.push(Stage { place, what: StageKind::Filter(self.formula(condition)) });
        }
        self.take_cells();
        self.drop_event_time(&mut columns, &[ends]);
        self.emit(columns, start);
    }

    /// Reads a part of the key: a column, an expression, or the name that a column of the answers has.
    fn key_part(&mut self, part: &Expr, items: &[SelectItem]) -> Option<(NamedFormula, String)> {
        let computing = self.computing.take();
        let named = self.named_key_part(part, items);
        self.computing = computing;
        let (name, expression) = named?;
        let text = Spelling::plain().text(&expression);
        let name = match (name, &expression.syntax) {
            (Some(name), _) => name,
            (None, Syntax::Name(name)) => name.clone(),
            (None, _) => self.alias_of(part, items).unwrap_or_else(|| self.generated_name()),
        };
        Some((NamedFormula { name, formula: self.formula(expression) }, text))
    }

    fn named_key_part(&mut self, part: &Expr, items: &[SelectItem]) -> Option<(Option<String>, Expression)> {
        if let Expr::Identifier(name) = part {
            let name = name_of(name);
            let item = items.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if name_of(alias) == name => Some(expr),
                _ => None,
            });
            if let Some(expr) = item.filter(|_| !self.known.contains(&name)) {
                return Some((Some(name), self.expression(expr)?));
            }
        }
        Some((None, self.expression(part)?))
    }

    /// Returns the name of the column that is written as a part of the key is.
    fn alias_of(&self, part: &Expr, items: &[SelectItem]) -> Option<String> {
        let text = part.to_string();
        items.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if expr.to_string() == text => Some(name_of(alias)),
            _ => None,
        })
    }

    fn window(&mut self, function: &Function) -> Option<Window> {
        let name = function.name.to_string().to_ascii_lowercase();
        let at = name_place(self, function);
        let arguments = self.plain_arguments(function, &at)?;
        let is_of_event_time = arguments
            .first()
            .is_some_and(|time| matches!(time, Expr::Identifier(name) if name_of(name) == "event_time"));
        if !is_of_event_time {
            return self.refuse(&at, &format!("windows are of the event time; write {name}(event_time, ...)"));
        }
        match (name.as_str(), &arguments[1..]) {
            ("tumble", [size]) => Some(Window::Tumble { size: self.duration(size)?, timezone: None }),
            ("tumble", [size, zone]) => {
                let (length, zone) = (self.duration(size)?, self.zone(zone)?);
                if length.text != "1d" {
                    let place = self.place(size);
                    let message = "only a day has a time zone; write TUMBLE(event_time, INTERVAL '1' DAY, 'UTC')";
                    return self.refuse(&place, message);
                }
                Some(Window::Tumble { size: Text::of("day", length.place), timezone: Some(zone) })
            }
            ("hop", [slide, size]) => {
                let (slide, size) = (self.duration(slide), self.duration(size));
                Some(Window::Hop { size: size?, slide: slide? })
            }
            ("session", [gap]) => Some(Window::Session { gap: self.duration(gap)? }),
            _ => {
                let message = "this window has other values; write TUMBLE(event_time, size), \
                               HOP(event_time, slide, size) or SESSION(event_time, gap)";
                self.refuse(&at, message)
            }
        }
    }

    /// Returns the arguments of a function that has nothing else.
    pub(super) fn plain_arguments<'e>(&mut self, function: &'e Function, at: &Range<usize>) -> Option<Vec<&'e Expr>> {
        let FunctionArguments::List(list) = &function.args else {
            return self.refuse(at, "a function has its values in parentheses; write name(value)");
        };
        let is_plain = list.duplicate_treatment.is_none()
            && list.clauses.is_empty()
            && function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty();
        let arguments: Option<Vec<&Expr>> = list.args.iter().map(plain_argument).collect();
        match arguments {
            Some(arguments) if is_plain => Some(arguments),
            _ => self.refuse(at, "this function has values and nothing more; write name(value)"),
        }
    }
}

fn plain_argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn window_function(part: &Expr) -> Option<&Function> {
    match part {
        Expr::Function(function) => {
            let name = function.name.to_string().to_ascii_lowercase();
            WINDOWS.contains(&name.as_str()).then_some(function)
        }
        _ => None,
    }
}

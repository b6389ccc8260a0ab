//! From a query to stages: the query in FROM first, then the condition, what is computed, and the columns.

use std::collections::BTreeSet;

use flowbench_events::Problem;
use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Query, Select, SelectFlavor, SelectItem, SetExpr, Spanned, TableFactor,
    TableWithJoins,
};

use super::reader::{Computing, Reader, name_of, operands};
use super::source::Places;
use crate::plan::definition::{Declared, Stage, StageKind};
use crate::plan::document::{Document, NamedFormula};
use crate::plan::expression::field::Field;
use crate::plan::expression::syntax::{Expression, Syntax};

/// Turns a query into stages, and returns everything that is wrong with it.
pub(super) fn stages(
    query: &Query,
    places: &Places,
    parameters: &[Declared],
    document: Document,
) -> (Vec<Stage>, Vec<Problem>) {
    let fields = Field::ALL.map(Field::name).into_iter().chain(["load_time"]);
    let mut reader = Reader {
        places,
        parameters,
        document,
        stages: Vec::new(),
        known: fields.map(str::to_owned).collect(),
        present: BTreeSet::new(),
        computing: None,
        cells: Vec::new(),
        depth: 0,
        generated: 0,
    };
    reader.query(query, true);
    (reader.stages, reader.document.problems)
}

impl Reader<'_> {
    fn query(&mut self, query: &Query, is_outermost: bool) {
        self.refuse_around(query);
        let select = match &*query.body {
            SetExpr::Select(select) => select,
            SetExpr::SetOperation { .. } => {
                let place = self.places.word(&["UNION", "EXCEPT", "INTERSECT", "MINUS"], 0);
                let message = "a pipeline has one source; write OR in one condition, or a file for each query";
                return self.document.problem(place, message);
            }
            _ => {
                let place = self.places.word(&["VALUES", "(", "TABLE"], 0);
                return self.document.problem(place, "a query begins with SELECT; write SELECT columns FROM events");
            }
        };
        let start = self.places.range(select.select_token.0.span).start;
        self.refuse_within(select, start);
        self.from(&select.from, start);
        let mut conditions = select.selection.as_ref().map(|condition| operands(condition, &BinaryOperator::And));
        let conditions = conditions.get_or_insert_default();
        for condition in &*conditions {
            self.note_present(condition);
        }
        let is_group = !matches!(&select.group_by, GroupByExpr::Expressions(list, _) if list.is_empty());
        if is_group && !is_outermost {
            let place = self.places.word(&["GROUP"], start);
            let message = "GROUP BY stands in the outermost query; write HAVING for conditions on what it gives";
            self.document.problem(place, message);
        } else if is_group {
            self.group(select, conditions, start);
        } else {
            if select.having.is_some() {
                let place = self.places.word(&["HAVING"], start);
                self.document.problem(place, "HAVING stands behind GROUP BY; write WHERE around the query");
            }
            self.each_event(select, conditions, is_outermost, start);
        }
    }

    /// Refuses what stands around SELECT.
    fn refuse_around(&mut self, query: &Query) {
        let known = [
            (query.with.is_some(), "WITH", "WITH names queries; write the one query in FROM (...)"),
            (
                query.order_by.is_some(),
                "ORDER",
                "answers have no order of their own; write top_k in TOML for the largest of each window",
            ),
            (
                query.limit_clause.is_some() || query.fetch.is_some(),
                "LIMIT",
                "a stream of answers has no end; write the stage top_k in TOML for the largest of each window",
            ),
            (!query.locks.is_empty() || query.for_clause.is_some(), "FOR", "nothing is locked; write the query alone"),
            (query.settings.is_some(), "SETTINGS", "there are no settings; write the query alone"),
            (query.format_clause.is_some(), "FORMAT", "there is no FORMAT; write the query alone"),
            (!query.pipe_operators.is_empty(), "|>", "there are no pipes; write a query in FROM (...)"),
        ];
        for (_, word, message) in known.into_iter().filter(|(is_there, ..)| *is_there) {
            let words: &[&str] = if word == "LIMIT" { &["LIMIT", "OFFSET", "FETCH"] } else { &[word] };
            // What is at the end of a query is the last of its kind before what follows; the first will do.
            let place = self.places.word(words, 0);
            self.document.problem(place, message);
        }
    }

    /// Refuses the parts of SELECT that no stage does.
    fn refuse_within(&mut self, select: &Select, start: usize) {
        let known = [
            (
                select.distinct.is_some(),
                "DISTINCT",
                "DISTINCT would have to remember every answer; write GROUP BY and a window",
            ),
            (select.top.is_some(), "TOP", "TOP is the stage top_k; write it in TOML: top_k = 10, by = \"orders\""),
            (select.into.is_some(), "INTO", "answers are written by replay -o; leave INTO out"),
            (!select.lateral_views.is_empty(), "LATERAL", "there is no LATERAL VIEW; write FROM events"),
            (select.prewhere.is_some(), "PREWHERE", "there is no PREWHERE; write WHERE"),
            (!select.connect_by.is_empty(), "CONNECT", "there is no CONNECT BY; write the stage sequence in TOML"),
            (!select.named_window.is_empty(), "WINDOW", "windows have no names; write each behind its OVER"),
            (select.qualify.is_some(), "QUALIFY", "there is no QUALIFY; write WHERE around the query"),
            (!select.cluster_by.is_empty(), "CLUSTER", "there is no CLUSTER BY; leave it out"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE", "there is no DISTRIBUTE BY; leave it out"),
            (!select.sort_by.is_empty(), "SORT", "there is no SORT BY; leave it out"),
            (select.exclude.is_some(), "EXCLUDE", "there is no EXCLUDE; write the names of the columns"),
            (select.select_modifiers.is_some(), "SELECT", "SELECT stands alone; write the columns behind it"),
            (select.value_table_mode.is_some(), "AS", "there are no table values; write the names of the columns"),
            (select.flavor != SelectFlavor::Standard, "FROM", "a query begins with SELECT; write it before FROM"),
        ];
        for (_, word, message) in known.into_iter().filter(|(is_there, ..)| *is_there) {
            let from = if word == "FROM" { 0 } else { start };
            let place = self.places.word(&[word], from);
            self.document.problem(place, message);
        }
    }

    fn from(&mut self, from: &[TableWithJoins], start: usize) {
        let word = self.places.word(&["FROM"], start);
        let [TableWithJoins { relation, joins }] = from else {
            let message = match from.len() {
                0 => "a query has a source; write FROM events",
                _ => {
                    "a pipeline has one source; write the stages absence or match in TOML for what other events decide"
                }
            };
            return self.document.problem(word, message);
        };
        if !joins.is_empty() {
            let place = self.places.word(&["JOIN"], word.start);
            let message = "JOIN would be a stage 'match'; write the stage match in TOML: \
                           match = \"7d\", first = \"condition\", then = \"condition\"";
            self.document.problem(place, message);
        }
        match relation {
            TableFactor::Derived { lateral: false, subquery, sample: None, .. } => self.query(subquery, false),
            TableFactor::Table { name, args: None, version: None, sample: None, partitions, .. }
                if partitions.is_empty() =>
            {
                let is_events = name.0.len() == 1 && name.to_string().eq_ignore_ascii_case("events");
                if !is_events {
                    let message = format!("there is no table '{name}'; write FROM events");
                    let place = self.places.range(name.span());
                    self.document.problem(place, &message);
                }
            }
            _ => {
                let message = "this source is not supported; write FROM events, or FROM (SELECT *, ... FROM events)";
                self.document.problem(word, message);
            }
        }
    }

    /// Reads a query that gives a row for each event.
    fn each_event(&mut self, select: &Select, conditions: &mut Vec<&Expr>, is_outermost: bool, start: usize) {
        self.computing = Some(Computing::over());
        let has_star = self.has_star(select, is_outermost, start);
        let mut columns = Vec::new();
        for item in &select.projection {
            if !matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)) {
                columns.extend(self.column(item));
            }
        }
        let computing = self.computing.take().unwrap_or_else(Computing::over);
        if !is_outermost && !has_star {
            let place = self.places.word(&["SELECT"], start);
            let message = "a query in FROM keeps all columns; write SELECT *, and what is added to them";
            self.document.problem(place, message);
        }
        let keys = self.keys(&computing, conditions);
        self.filter(conditions);
        if !computing.found.is_empty() {
            self.stages.extend(keys.into_iter().map(|key| Stage { place: computing.place.clone(), what: key }));
        }
        let computed: Vec<String> = computing.found.iter().map(|aggregate| aggregate.name.clone()).collect();
        self.stages.extend(computing.over_stage());
        self.take_cells();
        if is_outermost {
            self.drop_event_time(&mut columns, &["event_time"]);
            self.emit(columns, start);
        } else {
            // What is computed has its name already.
            columns.retain(|column| {
                !(is_name(&column.formula.expression, &column.name) && computed.contains(&column.name))
            });
            self.known.extend(columns.iter().map(|column| column.name.clone()).chain(computed));
            if let Some(first) = columns.first() {
                self.stages.push(Stage { place: first.formula.place(), what: StageKind::Map(columns) });
            }
        }
    }

    /// True if all columns are kept, which only a query in FROM may say.
    fn has_star(&mut self, select: &Select, is_outermost: bool, start: usize) -> bool {
        let Some(SelectItem::Wildcard(options)) = select.projection.first() else { return false };
        let place = self.places.word(&["*"], start);
        if is_outermost {
            self.document.problem(place, "answers have 1 to 6 columns; write their names for *");
        } else if options.to_string() != "" {
            self.document.problem(place, "* stands alone; write SELECT *, and what is added");
        }
        true
    }

    /// Reads a column: its name and what it is.
    pub(super) fn column(&mut self, item: &SelectItem) -> Option<NamedFormula> {
        let (expr, alias) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
            _ => {
                let place = self.places.range(item.span());
                return self.refuse(&place, "a column has one name; write expression AS name");
            }
        };
        let alias = alias.map(name_of);
        let expression = self.named(expr, alias.as_deref())?;
        let name = match (alias, &expression.syntax) {
            (Some(alias), _) => alias,
            (None, Syntax::Name(name)) if matches!(expr, Expr::Identifier(_)) => name.clone(),
            _ => return self.refuse(&expression.at, "this has no name; write AS name behind it"),
        };
        Some(NamedFormula { name, formula: self.formula(expression) })
    }

    /// The event time of an answer is there without being named; the first column may name it.
    pub(super) fn drop_event_time(&mut self, columns: &mut Vec<NamedFormula>, names: &[&str]) {
        let is_it = |column: &NamedFormula| {
            column.name == "event_time" && names.iter().any(|name| is_name(&column.formula.expression, name))
        };
        if columns.first().is_some_and(is_it) {
            columns.remove(0);
        }
    }

    pub(super) fn emit(&mut self, columns: Vec<NamedFormula>, start: usize) {
        let place = self.places.word(&["SELECT"], start);
        self.stages.push(Stage { place, what: StageKind::Emit(columns) });
    }

    /// Adds a stage that lets through what all these conditions are true of.
    pub(super) fn filter(&mut self, conditions: &[&Expr]) {
        let read: Vec<Option<Expression>> = conditions.iter().map(|condition| self.expression(condition)).collect();
        self.take_cells();
        for condition in read.into_iter().flatten() {
            let place = condition.at.clone();
            self.stages.push(Stage { place, what: StageKind::Filter(self.formula(condition)) });
        }
    }

    /// Gives names to what texts are put together of.
    pub(super) fn take_cells(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        if let Some(first) = cells.first() {
            self.stages.push(Stage { place: first.formula.place(), what: StageKind::Map(cells) });
        }
    }

    /// Notes what must be present for a condition to be true.
    fn note_present(&mut self, condition: &Expr) {
        let operands: &[&Expr] = match condition {
            Expr::BinaryOp { left, op, right } if is_comparison(op) => &[left, right],
            Expr::IsNotNull(operand) => &[operand],
            Expr::In { expr, negated: false, .. } | Expr::Between { expr, negated: false, .. } => &[expr],
            _ => &[],
        };
        let names = operands.iter().filter_map(|operand| match operand {
            Expr::Identifier(name) => Some(name_of(name)),
            _ => None,
        });
        self.present.extend(names);
    }
}

fn is_comparison(operator: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_name(expression: &Expression, wanted: &str) -> bool {
    matches!(&expression.syntax, Syntax::Name(name) if name == wanted)
}

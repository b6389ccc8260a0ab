//! What is known while a query is read.

use std::collections::BTreeSet;
use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr, Ident};

use super::source::Places;
use crate::plan::definition::{Declared, Stage, StageKind};
use crate::plan::document::{Document, Formula, NamedFormula, Text};
use crate::plan::expression::syntax::Expression;

/// Reads a query.
pub(super) struct Reader<'a> {
    pub(super) places: &'a Places,
    pub(super) parameters: &'a [Declared],
    pub(super) document: Document,
    pub(super) stages: Vec<Stage>,
    /// The names that FROM has.
    pub(super) known: BTreeSet<String>,
    /// The names that are present wherever the conditions so far hold.
    pub(super) present: BTreeSet<String>,
    /// What aggregates in the expressions of this query belong to.
    pub(super) computing: Option<Computing>,
    /// What texts are put together of, where it has no name.
    pub(super) cells: Vec<NamedFormula>,
    pub(super) depth: usize,
    pub(super) generated: usize,
}

/// What a query computes over several events.
pub(super) struct Computing {
    pub(super) found: Vec<NamedFormula>,
    /// What each aggregate is, as a text, to know it again.
    pub(super) texts: Vec<String>,
    pub(super) kind: ComputingKind,
    /// What belongs together, and how each part is written.
    pub(super) key: Vec<(NamedFormula, String)>,
    pub(super) place: Range<usize>,
}

/// What aggregates are computed over.
#[derive(Clone)]
pub(super) enum ComputingKind {
    /// Nothing is computed yet; `OVER` says over what.
    Over,
    Running,
    CountIn(Text),
    Group,
}

impl Reader<'_> {
    /// Notes a problem.
    pub(super) fn refuse<T>(&mut self, place: &Range<usize>, message: &str) -> Option<T> {
        self.document.problem(place.clone(), message);
        None
    }

    pub(super) fn formula(&self, expression: Expression) -> Formula {
        Formula::of_source(expression, &self.places.source.text)
    }

    /// Returns a name that nobody has written.
    pub(super) fn generated_name(&mut self) -> String {
        self.generated += 1;
        format!("_{}", self.generated)
    }
}

impl Computing {
    pub(super) fn over() -> Computing {
        Computing { found: Vec::new(), texts: Vec::new(), kind: ComputingKind::Over, key: Vec::new(), place: 0..0 }
    }

    /// Returns the stage that computes what was found behind `OVER`.
    pub(super) fn over_stage(self) -> Option<Stage> {
        let what = match self.kind {
            ComputingKind::Running => StageKind::Running(self.found),
            ComputingKind::CountIn(within) => {
                let name = Text::of(&self.found.first()?.name, self.place.clone());
                StageKind::CountIn { within, name }
            }
            ComputingKind::Over | ComputingKind::Group => return None,
        };
        Some(Stage { place: self.place, what })
    }
}

/// Returns the operands of a chain of one operator.
pub(super) fn operands<'a>(expr: &'a Expr, operator: &BinaryOperator) -> Vec<&'a Expr> {
    let (mut operands, mut first) = (Vec::new(), expr);
    while let Expr::BinaryOp { left, op, right } = first
        && op == operator
    {
        operands.push(&**right);
        first = left;
    }
    operands.push(first);
    operands.reverse();
    operands
}

/// Returns a name as it is looked up: only quotes keep capitals.
pub(super) fn name_of(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_ascii_lowercase() }
}

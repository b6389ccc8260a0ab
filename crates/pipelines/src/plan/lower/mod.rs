//! From what a file says to logic: names are resolved in the order of the stages, and what cannot be is said.

mod computing;
mod emitting;
mod settings;

use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Problems, Symbols};

use crate::plan::absence::{Absence, Limit, Wait};
use crate::plan::aggregate::Aggregate;
use crate::plan::definition::{Definition, Stage, StageKind};
use crate::plan::document::{Document, Formula, NamedFormula};
use crate::plan::expression::compile::Compiler;
use crate::plan::expression::conjunction::Conjunction;
use crate::plan::expression::names::{Names, Typed};
use crate::plan::expression::node::{Failures, Node};
use crate::plan::expression::types::Type;
use crate::plan::hopping::Panes;
use crate::plan::key::{Part, PlanKey};
use crate::plan::matching::{Join, Matching};
use crate::plan::per_event::{Answering, CountIn, EachEvent, Running, Selecting};
use crate::plan::row::{Column, Schema, Word};
use crate::plan::sequence::{Sequence, Steps};
use crate::plan::session::{SessionPlan, Sessions};
use crate::plan::template::Template;
use crate::plan::top_k::{Best, TopK};
use crate::plan::tumbling::{KEY_PARTS_MAX, Tumbling, WindowSize, Windows};

/// The logic of a plan.
#[derive(Debug)]
pub(super) enum Logic {
    EachEvent(EachEvent),
    Running(Running),
    CountIn(CountIn),
    Tumbling(Tumbling),
    Hopping(Panes, Tumbling),
    BestOfTumbling(Tumbling, TopK),
    BestOfHopping(Panes, TopK),
    Sessions(Sessions),
    Sequence(Sequence),
    Matching(Matching),
    Absence(Absence),
}

/// A plan for one trace.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) logic: Logic,
    pub(super) schema: Schema,
    pub(super) failures: Failures,
    /// What is remembered and for how long; empty if nothing is.
    pub(super) state: String,
}

/// What is computed over several events.
enum Computed {
    Running(Vec<Aggregate>),
    CountIn(i64),
    Windows(WindowSize, Vec<Aggregate>, Option<Best>),
    Sessions(i64, Vec<Aggregate>),
    Sequence { steps: Vec<Node>, within_ms: i64 },
    Match { within_ms: i64, first: Node, then: Node, kept: Vec<Node>, once: bool },
    Absence { limit: Limit, starts: Node, ends: Node },
}

impl Computed {
    /// Returns the aggregates of windows, behind which there is no event any more.
    fn of_windows(&self) -> Option<&[Aggregate]> {
        match self {
            Computed::Windows(_, aggregates, _) | Computed::Sessions(_, aggregates) => Some(aggregates),
            _ => None,
        }
    }
}

/// Makes the logic of a plan with these values of its parameters, for a trace with these symbols.
///
/// # Errors
///
/// Everything that is wrong with its names and types.
pub(super) fn lower(definition: &Definition, values: &[String], symbols: &Symbols) -> Result<Lowered, Problems> {
    let mut lowering = Lowering {
        definition,
        values,
        document: Document::new(&definition.source),
        compiler: Compiler::new(symbols),
        parameters: Names::default(),
        names: Names::of_events(),
        before: Vec::new(),
        key: Vec::new(),
        computed: None,
        after: Vec::new(),
        templates: Vec::new(),
        cells: Vec::new(),
        words: Vec::new(),
        columns: Vec::new(),
        state: String::new(),
    };
    lowering.take_parameters();
    lowering.take_stages();
    lowering.finished()
}

struct Lowering<'a> {
    definition: &'a Definition,
    values: &'a [String],
    document: Document,
    compiler: Compiler<'a>,
    parameters: Names,
    names: Names,
    /// What must be true of an event.
    before: Vec<Node>,
    key: Vec<(String, Typed)>,
    computed: Option<Computed>,
    /// What must be true of an answer.
    after: Vec<Node>,
    /// The texts of several values that names stand for, by their numbers.
    templates: Vec<Template>,
    /// What the words of an answer are.
    cells: Vec<Node>,
    words: Vec<Word>,
    columns: Vec<Column>,
    state: String,
}

impl Lowering<'_> {
    fn take_parameters(&mut self) {
        for (declared, value) in self.definition.parameters.iter().zip(self.values) {
            if self.names.find(&declared.name).is_some() {
                let message = format!("'{}' is a field of events; give the parameter another name", declared.name);
                self.document.problem(declared.place.clone(), &message);
                continue;
            }
            match self.compiler.word_of(value, declared.of) {
                Ok(word) => {
                    self.names.add(&declared.name, Node::Constant(word), declared.of);
                    self.parameters.add(&declared.name, Node::Constant(word), declared.of);
                }
                Err(message) => self.document.problem(declared.default.place.clone(), &message),
            }
        }
    }

    fn take_stages(&mut self) {
        for stage in &self.definition.stages {
            let place = &stage.place;
            if !self.columns.is_empty() {
                self.document.problem(place.clone(), "emit is the last stage; write this one before it");
                return;
            }
            match &stage.what {
                StageKind::Filter(condition) => self.filter(condition),
                StageKind::Map(cells) => self.map(cells),
                StageKind::Key(parts) => self.take_key(parts, place),
                StageKind::Running(_)
                | StageKind::CountIn { .. }
                | StageKind::Tumble { .. }
                | StageKind::Hop { .. }
                | StageKind::Session { .. }
                | StageKind::Sequence { .. }
                | StageKind::Match { .. }
                | StageKind::Absence { .. }
                    if self.computed.is_some() =>
                {
                    let message = "a pipeline has one stage that computes; leave one of them out";
                    self.document.problem(place.clone(), message);
                }
                StageKind::Running(compute) => self.running(compute, place),
                StageKind::CountIn { within, name } => self.count_in(within, name, place),
                StageKind::Tumble { size, timezone, compute } => self.tumble(size, timezone.as_ref(), compute, place),
                StageKind::Hop { size, slide, compute } => self.hop(size, slide, compute, place),
                StageKind::Session { gap, compute } => self.session(gap, compute, place),
                StageKind::TopK { k, by, per } => self.top_k(k, by, per, place),
                StageKind::Sequence { steps, within } => self.sequence(steps, within, place),
                StageKind::Match { within, first, then, keep, once } => {
                    self.matching(within, [first, then], keep, *once, place);
                }
                StageKind::Absence { limit, timezone, starts, ends } => {
                    self.absence((limit, timezone.as_ref()), starts, ends, place);
                }
                StageKind::Emit(columns) => self.emit(columns, place),
            }
        }
    }

    fn filter(&mut self, condition: &Formula) {
        match self.compiler.condition(&condition.expression, &self.names) {
            Ok(node) if self.computed.is_some() => self.after.push(node),
            Ok(node) => self.before.push(node),
            Err(complaints) => self.document.complain_of(condition, complaints),
        }
    }

    fn map(&mut self, cells: &[NamedFormula]) {
        for NamedFormula { name, formula } in cells {
            let typed = match self.template_of(formula) {
                Some(template) => template.map(|template| {
                    self.templates.push(template);
                    Typed { node: Node::Constant(self.templates.len() as i64 - 1), of: Type::Composed }
                }),
                None => self.typed(formula),
            };
            if let Some(typed) = typed {
                self.add_name(name, typed, &formula.place());
            }
        }
    }

    fn typed(&mut self, formula: &Formula) -> Option<Typed> {
        let typed = self.compiler.compile(&formula.expression, &self.names, None);
        typed.map_err(|complaints| self.document.complain_of(formula, complaints)).ok()
    }

    fn add_name(&mut self, name: &str, typed: Typed, place: &Range<usize>) {
        if self.names.find(name).is_some() {
            let message = format!("there is something called '{name}' already; give this another name");
            return self.document.problem(place.clone(), &message);
        }
        self.names.add(name, typed.node, typed.of);
    }

    fn take_key(&mut self, parts: &[NamedFormula], place: &Range<usize>) {
        if self.computed.is_some() || !self.key.is_empty() {
            let message = "there is one key, before the stage that computes; leave this one out";
            return self.document.problem(place.clone(), message);
        }
        for NamedFormula { name, formula } in parts {
            let Some(typed) = self.typed(formula) else { continue };
            if self.names.find(name).is_none() {
                self.names.add(name, typed.node.clone(), typed.of);
            }
            self.key.push((name.clone(), typed));
        }
        let bits: u32 = self.key.iter().map(|(_, typed)| typed.of.bits()).sum();
        if bits > 64 {
            let message =
                format!("the key takes {bits} bits, and a key has 64; leave out a number, a time or an event id");
            self.document.problem(place.clone(), &message);
        } else if self.key.len() > KEY_PARTS_MAX {
            self.document.problem(place.clone(), &format!("the key has more than {KEY_PARTS_MAX} parts"));
        }
    }

    fn finished(mut self) -> Result<Lowered, Problems> {
        let last = self.definition.stages.last().map_or(0..0, |stage| stage.place.clone());
        if !self.definition.stages.iter().any(|stage| matches!(stage.what, StageKind::Emit(_))) {
            self.document.problem(last, "there are no columns; write [[stage]] with emit = [\"customer\"] at the end");
        } else if !self.key.is_empty() && self.computed.is_none() {
            let is_key = |stage: &&Stage| matches!(stage.what, StageKind::Key(_));
            let place = self.definition.stages.iter().find(is_key).map_or(0..0, |stage| stage.place.clone());
            self.document.problem(place, "nothing is computed of the key; write a stage that computes after it");
        }
        Problems::check(std::mem::take(&mut self.document.problems))?;
        let failures = Failures::default();
        let texts = std::mem::take(&mut self.compiler.texts);
        let schema = Schema { words: self.words, columns: self.columns, names: &[], texts };
        let filter = Conjunction::of(self.before);
        let answering = Answering { filter: self.after.into(), cells: self.cells.into(), failures: failures.clone() };
        let parts = self.key.into_iter().map(|(_, typed)| Part { bits: typed.of.bits(), node: typed.node });
        let key = PlanKey { parts: parts.collect() };
        let logic = match self.computed {
            None => Logic::EachEvent(EachEvent(Arc::new((filter, answering)))),
            Some(Computed::Running(aggregates)) => {
                let selecting = Selecting { filter, key, answering };
                Logic::Running(Running(Arc::new((selecting, aggregates.into()))))
            }
            Some(Computed::CountIn(within_ms)) => {
                Logic::CountIn(CountIn { selecting: Arc::new(Selecting { filter, key, answering }), within_ms })
            }
            Some(Computed::Windows(size, aggregates, best)) => {
                let selecting = Selecting { filter, key, answering };
                let windows = Arc::new(Windows { selecting, size, aggregates: aggregates.into() });
                let best = best.map(|best| TopK::new(&windows, best));
                match (Panes::new(&windows), best) {
                    (Some(panes), None) => Logic::Hopping(panes, Tumbling(windows)),
                    (Some(panes), Some(best)) => Logic::BestOfHopping(panes, best),
                    (None, Some(best)) => Logic::BestOfTumbling(Tumbling(windows), best),
                    (None, None) => Logic::Tumbling(Tumbling(windows)),
                }
            }
            Some(Computed::Sessions(gap_ms, aggregates)) => {
                let selecting = Selecting { filter, key, answering };
                Logic::Sessions(Sessions(Arc::new(SessionPlan { selecting, gap_ms, aggregates: aggregates.into() })))
            }
            Some(Computed::Sequence { steps, within_ms }) => {
                let selecting = Selecting { filter, key, answering };
                Logic::Sequence(Sequence(Arc::new(Steps { selecting, steps: steps.into(), within_ms })))
            }
            Some(Computed::Match { within_ms, first, then, kept, once }) => {
                let selecting = Selecting { filter, key, answering };
                let [first, then] = [first, then].map(|condition| Conjunction::of([condition]));
                Logic::Matching(Matching(Arc::new(Join { selecting, within_ms, first, then, kept: kept.into(), once })))
            }
            Some(Computed::Absence { limit, starts, ends }) => {
                let selecting = Selecting { filter, key, answering };
                Logic::Absence(Absence(Arc::new(Wait { selecting, limit, starts, ends })))
            }
        };
        Ok(Lowered { logic, schema, failures, state: self.state })
    }
}

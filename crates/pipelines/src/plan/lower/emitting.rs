//! The columns of the answers, and the words they show.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Computed, Lowering};
use crate::plan::document::{Formula, NamedFormula};
use crate::plan::expression::Complaint;
use crate::plan::expression::field::Field;
use crate::plan::expression::names::Typed;
use crate::plan::expression::node::Node;
use crate::plan::expression::syntax::{Expression, Syntax};
use crate::plan::expression::types::Type;
use crate::plan::row::{COLUMNS_MAX, Column, Content, Piece, Shown, WORDS_MAX, Word};
use crate::plan::template::{Part, Template};

impl Lowering<'_> {
    pub(super) fn emit(&mut self, columns: &[NamedFormula], place: &Range<usize>) {
        if columns.is_empty() || columns.len() > COLUMNS_MAX {
            let message = format!("answers have 1 to {COLUMNS_MAX} columns, here are {}", columns.len());
            self.document.problem(place.clone(), &message);
        }
        let mut seen = BTreeSet::from(["event_time".to_owned()]);
        for NamedFormula { name, formula } in columns {
            if !seen.insert(name.clone()) {
                let message = format!("answers have a column '{name}' already; give this another name");
                self.document.problem(formula.place(), &message);
            }
            let Some((content, is_subject)) = self.content(formula) else { continue };
            self.columns.push(Column { name: name.clone(), content, is_subject });
        }
        if self.cells.len() > WORDS_MAX {
            let message = format!("answers have more than {WORDS_MAX} different values; leave some of them out");
            self.document.problem(place.clone(), &message);
        }
        self.have_subject();
    }

    /// Answers that are about nothing else are about their event time, or else about all they say.
    fn have_subject(&mut self) {
        if self.columns.iter().any(|column| column.is_subject) {
            return;
        }
        let is_time = |column: &Column| matches!(column.content, Content::Value(Shown::EventTime));
        if self.columns.iter().any(is_time) {
            self.columns.iter_mut().for_each(|column| column.is_subject = is_time(column));
        } else {
            self.columns.iter_mut().for_each(|column| column.is_subject = true);
            self.words.iter_mut().for_each(|word| word.is_subject = true);
        }
    }

    /// Returns what a column shows, and whether that says what an answer is about.
    fn content(&mut self, formula: &Formula) -> Option<(Content, bool)> {
        if let Some(template) = self.template_of(formula) {
            let pieces = template?.0.into_iter().map(|part| match part {
                Part::Text(text) => Piece::Text(text),
                Part::Value(typed, None) => Piece::Value(self.shown(typed)),
                Part::Value(typed, Some(format)) => Piece::Date(self.shown(typed), format),
            });
            return Some((Content::Composed(pieces.collect()), false));
        }
        let typed = self.typed(formula)?;
        let typed = Typed { of: self.emitted_type(formula, typed.of), ..typed };
        let is_subject = self.is_subject(&typed);
        let shown = self.shown(typed);
        match shown {
            Shown::EventTime => Some((Content::Value(shown), false)),
            Shown::Word(at) => {
                self.words[at].is_subject |= is_subject;
                Some((Content::Value(shown), is_subject))
            }
        }
    }

    /// Returns where a row has a value: it has each once.
    fn shown(&mut self, typed: Typed) -> Shown {
        if self.is_event_time(&typed) {
            return Shown::EventTime;
        }
        let known =
            self.cells.iter().zip(&self.words).position(|(node, word)| *node == typed.node && word.of == typed.of);
        Shown::Word(known.unwrap_or_else(|| {
            self.cells.push(typed.node);
            self.words.push(Word { of: typed.of, is_subject: false });
            self.cells.len() - 1
        }))
    }

    /// True for what is the event time of every answer.
    fn is_event_time(&self, typed: &Typed) -> bool {
        let end = self.computed.as_ref().and_then(Computed::of_windows).map(|list| self.key.len() + list.len() + 1);
        match (&self.computed, &typed.node) {
            (Some(Computed::Windows(..) | Computed::Sessions(..)), Node::Slot(slot)) => Some(*slot) == end,
            (Some(Computed::Windows(..) | Computed::Sessions(..)), _) => false,
            (Some(Computed::Absence { .. }), node) => *node == Node::Slot(0),
            (_, node) => *node == Node::Field(Field::EventTime),
        }
    }

    /// Returns the text of several values that a formula is or names; `None` if it is something else.
    #[allow(clippy::option_option, reason = "none at all, or one in which something is wrong")]
    pub(super) fn template_of(&mut self, formula: &Formula) -> Option<Option<Template>> {
        match &formula.expression.syntax {
            Syntax::Name(name) => match self.names.find(name)? {
                Typed { node: Node::Constant(number), of: Type::Composed } => {
                    Some(self.templates.get(*number as usize).cloned())
                }
                _ => None,
            },
            Syntax::Call(function, _, arguments) if function == "format" => match &arguments[..] {
                [Expression { syntax: Syntax::Text(text), at }] => {
                    let template = Template::parse(text, &self.names).map_err(|Complaint { at: inside, message }| {
                        // Behind the quote.
                        let at = at.start + 1 + inside.start..at.start + 1 + inside.end;
                        self.document.complain_of(formula, vec![Complaint { at, message }]);
                    });
                    Some(template.ok())
                }
                _ => {
                    let message = "format takes one text; write format(\"{order}-{customer}\")";
                    self.document.problem(formula.place(), message);
                    Some(None)
                }
            },
            _ => None,
        }
    }

    /// Returns the type of a column, which may be a sum of money itself.
    fn emitted_type(&self, formula: &Formula, of: Type) -> Type {
        match &formula.expression.syntax {
            Syntax::Name(name) => self.names.find(name).map_or(of, |typed| typed.of),
            _ => of,
        }
    }

    /// True if a column says what an answer is about: an id, a part of the key, or the window.
    fn is_subject(&self, typed: &Typed) -> bool {
        let is_id = matches!(typed.of, Type::Customer | Type::Order | Type::Product | Type::EventId | Type::Day);
        if let (Some(Computed::Windows(_, _, Some(best))), Node::Slot(slot)) = (&self.computed, &typed.node)
            && let Some(is_per) = best.per.get(*slot)
        {
            // Who has a rank is what is answered.
            return *is_per;
        }
        match (&typed.node, self.computed.as_ref().and_then(Computed::of_windows)) {
            (Node::Slot(slot), Some(aggregates)) => !(self.key.len()..self.key.len() + aggregates.len()).contains(slot),
            (Node::Slot(_), None) => is_id && matches!(self.computed, Some(Computed::Match { .. })),
            _ => is_id || self.key.iter().any(|(_, key)| key.node == typed.node),
        }
    }
}

//! The stages that compute over several events.

use std::ops::Range;

use flowbench_events::did_you_mean_or_list;

use super::{Computed, Lowering};
use crate::plan::absence::Limit;
use crate::plan::aggregate::{AGGREGATES_MAX, Aggregate, How};
use crate::plan::document::{Formula, NamedFormula, Text};
use crate::plan::expression::conjunction::Conjunction;
use crate::plan::expression::field::Field;
use crate::plan::expression::names::Typed;
use crate::plan::expression::node::Node;
use crate::plan::expression::syntax::Syntax;
use crate::plan::expression::types::Type;
use crate::plan::matching::{FIRST_TIME, KEPT, KEPT_MAX, SINCE_FIRST};
use crate::plan::sequence::STEPS_MAX;
use crate::plan::top_k::Best;
use crate::plan::tumbling::WindowSize;

/// How many slides a window has at most.
const PANES_MAX: i64 = 1000;

impl Lowering<'_> {
    pub(super) fn running(&mut self, compute: &[NamedFormula], place: &Range<usize>) {
        self.has_key("running", place);
        let aggregates = self.aggregates(compute, place);
        self.state = format!("per {}: {}; needed forever", self.key_names(), texts_of(compute));
        for (slot, aggregate) in aggregates.iter().enumerate() {
            let typed = Typed { node: Node::Slot(slot), of: aggregate.of };
            self.add_name(&aggregate.name, typed, place);
        }
        self.computed = Some(Computed::Running(aggregates));
    }

    pub(super) fn count_in(&mut self, within: &Text, name: &Text, place: &Range<usize>) {
        self.has_key("count_in", place);
        let within_ms = self.duration_ms(within).unwrap_or(1);
        let (key, within) = (self.key_names(), within.said());
        self.state =
            format!("per {key}: the times of its events in the last {within}; needed until the newest is that old");
        self.add_name(&name.text, Typed { node: Node::Slot(0), of: Type::Integer }, &name.place);
        self.computed = Some(Computed::CountIn(within_ms));
    }

    pub(super) fn tumble(
        &mut self,
        size: &Text,
        timezone: Option<&Text>,
        compute: &[NamedFormula],
        place: &Range<usize>,
    ) {
        let aggregates = self.aggregates(compute, place);
        let of_key = if self.key.is_empty() { String::new() } else { format!(" and {}", self.key_names()) };
        self.state = format!("per window of {}{of_key}: {}; needed until it ends", size.said(), texts_of(compute));
        let is_day = size.text == "day";
        let window = match (is_day, timezone) {
            (true, timezone) => self.zone(timezone).map(WindowSize::Day),
            (false, Some(timezone)) => {
                let message = "a time zone only matters to days; write tumble = \"day\", or leave it out";
                self.document.problem(timezone.place.clone(), message);
                None
            }
            (false, None) => self.duration_ms(size).map(WindowSize::Fixed),
        };
        let start = if is_day { ("day", Type::Day) } else { ("window_start", Type::Time) };
        self.name_window([start, ("window_end", Type::Time)], &aggregates, place);
        self.computed = Some(Computed::Windows(window.unwrap_or(WindowSize::Fixed(1)), aggregates, None));
    }

    pub(super) fn hop(&mut self, size: &Text, slide: &Text, compute: &[NamedFormula], place: &Range<usize>) {
        let aggregates = self.aggregates(compute, place);
        if let Some(other) = aggregates.iter().find(|one| !matches!(one.how, How::Count | How::Sum)) {
            let message =
                format!("'{}' is no count or sum, and overlapping windows have no other; write tumble", other.name);
            self.document.problem(place.clone(), &message);
        }
        let of_key = if self.key.is_empty() { String::new() } else { format!(" and {}", self.key_names()) };
        self.state = format!(
            "per pane of {} and window of {}{of_key}: {}; needed until it ends",
            slide.said(),
            size.said(),
            texts_of(compute)
        );
        let (size_ms, slide_ms) = (self.duration_ms(size).unwrap_or(1), self.duration_ms(slide).unwrap_or(1));
        if size_ms % slide_ms != 0 || size_ms / slide_ms > PANES_MAX {
            let message = format!("a window is 1 to {PANES_MAX} times its slide; give it another");
            self.document.problem(slide.place.clone(), &message);
        }
        self.name_window([("window_start", Type::Time), ("window_end", Type::Time)], &aggregates, place);
        self.computed = Some(Computed::Windows(WindowSize::Hopping { size_ms, slide_ms }, aggregates, None));
    }

    pub(super) fn session(&mut self, gap: &Text, compute: &[NamedFormula], place: &Range<usize>) {
        self.has_key("session", place);
        let aggregates = self.aggregates(compute, place);
        let (key, gap_text) = (self.key_names(), gap.said());
        let texts = texts_of(compute);
        self.state = format!("per {key}: {texts} of the open session; needed until its last event is {gap_text} old");
        let gap_ms = self.duration_ms(gap).unwrap_or(1);
        self.name_window([("session_start", Type::Time), ("session_end", Type::Time)], &aggregates, place);
        self.computed = Some(Computed::Sessions(gap_ms, aggregates));
    }

    /// Ranks what a window has; it stands directly behind the window, so that nothing is left out before.
    pub(super) fn top_k(&mut self, k: &Text, by: &Text, per: &[Text], place: &Range<usize>) {
        let is_behind_window = matches!(&self.computed, Some(Computed::Windows(_, _, None)));
        if !is_behind_window || !self.after.is_empty() {
            let message = "top_k stands directly behind tumble or hop, whose windows it ranks; move it there";
            return self.document.problem(place.clone(), message);
        }
        self.has_key("top_k", place);
        let k = self.count(k);
        let Some(Computed::Windows(_, aggregates, _)) = &self.computed else { return };
        let summed = |aggregate: &&Aggregate| matches!(aggregate.how, How::Count | How::Sum);
        if let Some(other) = aggregates.iter().find(|one| !summed(one)) {
            let message = format!("'{}' is no count or sum, and windows that are ranked have no other", other.name);
            self.document.problem(place.clone(), &message);
        }
        let by_at = aggregates.iter().position(|aggregate| aggregate.name == by.text);
        if by_at.is_none() {
            let hint = did_you_mean_or_list(&by.text, aggregates.iter().map(|aggregate| aggregate.name.as_str()));
            let message = format!("the window computes no '{}'{hint}", by.text);
            self.document.problem(by.place.clone(), &message);
        }
        let rank = self.key.len() + aggregates.len() + 2;
        let mut parts = vec![false; self.key.len()];
        for name in per {
            match self.key.iter().position(|(part, _)| *part == name.text) {
                Some(at) => parts[at] = true,
                None => {
                    let hint = did_you_mean_or_list(&name.text, self.key.iter().map(|(part, _)| part.as_str()));
                    let message = format!("the key has no part '{}'{hint}", name.text);
                    self.document.problem(name.place.clone(), &message);
                }
            }
        }
        self.add_name("rank", Typed { node: Node::Slot(rank), of: Type::Integer }, place);
        let types = self.key.iter().map(|(_, typed)| typed.of).collect();
        let (ids, countries) = (self.compiler.symbols().text_order(), self.compiler.symbols().country_order());
        let best = Best { k: k.unwrap_or(1), by: by_at.unwrap_or(0), per: parts, types, ids, countries };
        if let Some(Computed::Windows(_, _, place)) = &mut self.computed {
            *place = Some(best);
        }
    }

    pub(super) fn sequence(&mut self, steps: &[Formula], within: &Text, place: &Range<usize>) {
        self.has_key("sequence", place);
        if steps.is_empty() || steps.len() > STEPS_MAX {
            let message = format!("a sequence has 1 to {STEPS_MAX} steps, here are {}", steps.len());
            self.document.problem(place.clone(), &message);
        }
        let (key, within_text) = (self.key_names(), within.said());
        self.state = format!(
            "per {key}: start and step of the open sequence, in 8 bytes; needed until it is complete or {within_text} \
             after its start"
        );
        let within_ms = self.duration_ms(within).unwrap_or(1);
        let steps: Vec<Node> = steps.iter().filter_map(|step| self.compiled(step)).collect();
        self.add_name("step", Typed { node: Node::Slot(0), of: Type::Integer }, place);
        self.add_name("since_start", Typed { node: Node::Slot(1), of: Type::Duration }, place);
        self.only_where_any_of(steps.clone());
        self.computed = Some(Computed::Sequence { steps, within_ms });
    }

    pub(super) fn matching(
        &mut self,
        within: &Text,
        conditions: [&Formula; 2],
        keep: &[NamedFormula],
        once: bool,
        place: &Range<usize>,
    ) {
        self.has_key("match", place);
        let within_ms = self.duration_ms(within).unwrap_or(1);
        let [first, then] = conditions.map(|condition| self.compiled(condition).unwrap_or(Node::Constant(0)));
        let kept = self.kept(keep, place);
        let bytes = 8 + 8 * kept.len();
        self.state = format!(
            "per {}: each first event of the last {}{}, in {bytes} bytes; needed until the newest is that old",
            self.key_names(),
            within.said(),
            if once { " that has not been answered" } else { "" }
        );
        self.only_where_any_of(vec![first.clone(), then.clone()]);
        self.computed = Some(Computed::Match { within_ms, first, then, kept, once });
    }

    /// Names what is known of the first event of a match, and returns what is kept for that besides its time.
    fn kept(&mut self, keep: &[NamedFormula], place: &Range<usize>) -> Vec<Node> {
        if keep.len() > KEPT_MAX {
            let message = format!("a match keeps up to {KEPT_MAX} cells of the first event, here are {}", keep.len());
            self.document.problem(place.clone(), &message);
        }
        let cells: Vec<Option<Typed>> = keep.iter().map(|NamedFormula { formula, .. }| self.typed(formula)).collect();
        self.add_name("since_first", Typed { node: Node::Slot(SINCE_FIRST), of: Type::Duration }, place);
        let mut kept = Vec::new();
        for (NamedFormula { name, formula }, typed) in keep.iter().zip(cells) {
            let Some(Typed { node, of }) = typed else { continue };
            let slot = match node {
                Node::Field(Field::EventTime) => FIRST_TIME,
                node => {
                    kept.push(node);
                    KEPT + kept.len() - 1
                }
            };
            let is_later = matches!(&formula.expression.syntax, Syntax::Name(alone) if alone == name);
            if is_later {
                let message = format!(
                    "'{name}' is that of the later event; give what is kept another name, 'first_{name} = {name}'"
                );
                self.document.problem(formula.place(), &message);
            } else {
                self.add_name(name, Typed { node: Node::Slot(slot), of }, &formula.place());
            }
        }
        kept
    }

    pub(super) fn absence(
        &mut self,
        (limit, timezone): (&Text, Option<&Text>),
        starts: &Formula,
        ends: &Formula,
        place: &Range<usize>,
    ) {
        self.has_key("absence", place);
        let (key, limit_text) = (self.key_names(), limit.said());
        self.state = format!("per {key}: the answer that waits; needed until it ends, at most {limit_text}");
        let limit = match (limit.text.as_str(), timezone) {
            ("day", timezone) => self.zone(timezone).map(Limit::EndOfDay),
            (_, Some(timezone)) => {
                let message = "a time zone only matters to days; write absence = \"day\", or leave it out";
                self.document.problem(timezone.place.clone(), message);
                None
            }
            (_, None) => self.duration_ms(limit).map(Limit::After),
        };
        let [starts, ends] = [starts, ends].map(|condition| self.compiled(condition));
        let due = Typed { node: Node::Slot(0), of: Type::Time };
        self.add_name("due", due, place);
        let nothing = || Node::Constant(0);
        let (starts, ends) = (starts.unwrap_or_else(nothing), ends.unwrap_or_else(nothing));
        self.only_where_any_of(vec![starts.clone(), ends.clone()]);
        self.computed = Some(Computed::Absence { limit: limit.unwrap_or(Limit::After(1)), starts, ends });
    }

    /// Lets through events of which one of these conditions is true; the others do not concern the pipeline. Their kinds are
    /// asked for first, as that is fast.
    fn only_where_any_of(&mut self, conditions: Vec<Node>) {
        let kinds = conditions.iter().flat_map(|condition| Conjunction::of([condition.clone()]).kinds());
        let kinds = kinds.map(|kind| kind as i64).collect();
        self.before.push(Node::In(Box::new(Node::Field(Field::Kind)), kinds));
        self.before.push(Node::Or(conditions.into()));
    }

    /// Compiles a condition on events, or notes what is wrong with it.
    fn compiled(&mut self, condition: &Formula) -> Option<Node> {
        let node = self.compiler.condition(&condition.expression, &self.names);
        node.map_err(|complaints| self.document.complain_of(condition, complaints)).ok()
    }

    /// True if there is a key; else that is noted.
    fn has_key(&mut self, stage: &str, place: &Range<usize>) -> bool {
        if self.key.is_empty() {
            let message = format!("{stage} needs a key; write [[stage]] with key = [\"customer\"] before it");
            self.document.problem(place.clone(), &message);
        }
        !self.key.is_empty()
    }

    /// After a window there are no events any more, but its key, its aggregates and its bounds.
    fn name_window(&mut self, bounds: [(&str, Type); 2], aggregates: &[Aggregate], place: &Range<usize>) {
        self.names = self.parameters.clone();
        let keys: Vec<(String, Type)> = self.key.iter().map(|(name, typed)| (name.clone(), typed.of)).collect();
        let computed = aggregates.iter().map(|aggregate| (aggregate.name.clone(), aggregate.of));
        let bounds = bounds.map(|(name, of)| (name.to_owned(), of));
        for (slot, (name, of)) in keys.into_iter().chain(computed).chain(bounds).enumerate() {
            self.add_name(&name, Typed { node: Node::Slot(slot), of }, place);
        }
    }

    fn aggregates(&mut self, compute: &[NamedFormula], place: &Range<usize>) -> Vec<Aggregate> {
        if compute.is_empty() || compute.len() > AGGREGATES_MAX {
            let message = format!("a stage computes 1 to {AGGREGATES_MAX} aggregates, here are {}", compute.len());
            self.document.problem(place.clone(), &message);
        }
        compute.iter().take(AGGREGATES_MAX).filter_map(|named| self.aggregate(named)).collect()
    }

    fn aggregate(&mut self, NamedFormula { name, formula }: &NamedFormula) -> Option<Aggregate> {
        let Syntax::Call(function, _, arguments) = &formula.expression.syntax else {
            let message = "an aggregate is needed here; write count(), sum(x), min(x), max(x) or last(x)";
            self.document.problem(formula.place(), message);
            return None;
        };
        let Some(how) = How::from_name(function) else {
            let hint = did_you_mean_or_list(function, How::NAMES);
            self.document.problem(formula.place(), &format!("there is no aggregate '{function}'{hint}"));
            return None;
        };
        let aggregate = |node, of| Some(Aggregate { name: name.clone(), how, node, of });
        let argument = match &arguments[..] {
            [] if how == How::Count => return aggregate(Node::Constant(1), Type::Integer),
            [argument] => argument,
            _ => {
                self.document.problem(formula.place(), &format!("{function} takes one value; write {function}(value)"));
                return None;
            }
        };
        let typed = self.compiler.compile(argument, &self.names, None);
        let Typed { node, of } = typed.map_err(|complaints| self.document.complain_of(formula, complaints)).ok()?;
        let Some(of_result) = how.type_of(of) else {
            let message = format!("there is no {function} of {of}; write count(x) or last(x)");
            self.document.problem(formula.place(), &message);
            return None;
        };
        aggregate(node, of_result)
    }

    fn key_names(&self) -> String {
        self.key.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" and ")
    }
}

fn texts_of(compute: &[NamedFormula]) -> String {
    compute.iter().map(|named| named.formula.text().to_owned()).collect::<Vec<_>>().join(", ")
}

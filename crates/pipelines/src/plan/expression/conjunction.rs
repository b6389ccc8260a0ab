//! A condition in a form that rejects most events with a few comparisons.
//!
//! Decision D-043.

use flowbench_events::{Event, Kind, Record};

use super::field::Field;
use super::field_test::Test;
use super::node::{Failures, Node, Scope};

/// A condition on an event: all of its parts hold. What only asks for the kind is a set of kinds, comparisons of a field
/// with a constant are ranges and single words, and only the rest is walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conjunction {
    kinds: u8, // one bit for each
    tests: Box<[Test]>,
    rest: Box<[Node]>,
}

impl Conjunction {
    /// Returns the conjunction of conditions, each of the type of a flag and without slots.
    pub(crate) fn of(conditions: impl IntoIterator<Item = Node>) -> Conjunction {
        let (mut kinds, mut tests, mut rest) = (u8::MAX, Vec::new(), Vec::new());
        let mut parts: Vec<Node> = conditions.into_iter().collect();
        parts.reverse();
        while let Some(part) = parts.pop() {
            match part {
                Node::And(operands) => parts.extend(operands.into_iter().rev()),
                part if is_of_kind(&part) => kinds &= kinds_of(&part),
                part => match test_of(&part) {
                    Some(test) => add(&mut tests, test),
                    None => rest.push(part),
                },
            }
        }
        Conjunction { kinds, tests: tests.into(), rest: rest.into() }
    }

    /// Returns the kinds of events for which the condition can hold.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.kinds >> *kind as u8 & 1 == 1).collect()
    }

    /// True if the condition is known to hold for an event.
    // Most events are rejected by their kind, in less time than a call takes.
    #[inline(always)]
    pub(crate) fn holds(&self, event: &Event, failures: &Failures) -> bool {
        let is_of_kind = self.kinds >> (event.kind() as u8) & 1 == 1;
        let is_of_kinds_alone = self.tests.is_empty() && self.rest.is_empty();
        is_of_kind && (is_of_kinds_alone || self.others_hold(event, failures))
    }

    #[inline(never)]
    fn others_hold(&self, event: &Event, failures: &Failures) -> bool {
        let scope = Scope { event, slots: &[], failures };
        self.tests.iter().all(|test| test.passes(event)) && self.rest.iter().all(|node| node.holds(&scope))
    }
}

/// True if a condition depends on the kind alone.
fn is_of_kind(node: &Node) -> bool {
    match node {
        Node::Constant(_) | Node::Field(Field::Kind) => true,
        Node::Field(_) | Node::Slot(_) | Node::Arithmetic(..) | Node::Day(..) => false,
        Node::Not(operand) | Node::In(operand, _) | Node::Has(operand) => is_of_kind(operand),
        Node::And(operands) | Node::Or(operands) => operands.iter().all(is_of_kind),
        Node::Compare(_, both) => both.iter().all(is_of_kind),
        Node::Test(test) => test.field() == Field::Kind,
        Node::Bands(bands) => bands.field() == Field::Kind,
        Node::If(choice) => choice.iter().all(is_of_kind),
    }
}

/// Returns the kinds for which a condition on the kind holds.
fn kinds_of(node: &Node) -> u8 {
    let failures = Failures::default();
    let holds = |kind: Kind| {
        let event = Event::pack(Record::new(1, kind, 0));
        node.holds(&Scope { event: &event, slots: &[], failures: &failures })
    };
    Kind::ALL.into_iter().filter(|kind| holds(*kind)).fold(0, |kinds, kind| kinds | 1 << kind as u8)
}

fn test_of(node: &Node) -> Option<Test> {
    match node {
        Node::Test(test) => Some(*test),
        Node::Has(operand) => match &**operand {
            Node::Field(field) => Some(Test::of_presence(*field)),
            _ => None,
        },
        _ => None,
    }
}

/// Adds a test, as part of a range of the same field if there is one.
fn add(tests: &mut Vec<Test>, test: Test) {
    let Test::Between(field, low, high) = test else { return tests.push(test) };
    for known in tests.iter_mut() {
        if let Test::Between(other, lowest, highest) = known
            && *other == field
        {
            (*lowest, *highest) = (low.max(*lowest), high.min(*highest));
            return;
        }
    }
    tests.push(test);
}

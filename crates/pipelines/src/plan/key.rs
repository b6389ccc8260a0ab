//! The key of a plan: a few words in 64 bits.
//!
//! Decision D-044.

use flowbench_events::Event;

use super::expression::node::{Failures, Node, Scope};

/// What belongs together: events for which these expressions are the same. The parts of a key take 64 bits at most.
#[derive(Debug, Clone, Default)]
pub(super) struct PlanKey {
    pub(super) parts: Box<[Part]>,
}

/// One part of a key.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) node: Node,
    pub(super) bits: u32,
}

impl PlanKey {
    /// Returns the key of an event; `None` if a part of it is absent.
    pub(super) fn of(&self, event: &Event, failures: &Failures) -> Option<u64> {
        let scope = Scope { event, slots: &[], failures };
        let mut key = 0;
        for Part { node, bits } in &self.parts {
            let word = node.value(&scope)? as u64;
            key = if *bits == 64 { word } else { key << bits | word & ((1 << bits) - 1) };
        }
        Some(key)
    }

    /// Writes the parts of a key into the first slots.
    pub(super) fn write(&self, mut key: u64, slots: &mut [i64]) {
        for (Part { bits, .. }, slot) in self.parts.iter().zip(slots).rev() {
            *slot = if *bits == 64 { key as i64 } else { (key & ((1 << bits) - 1)) as i64 };
            key = key.checked_shr(*bits).unwrap_or(0);
        }
    }
}

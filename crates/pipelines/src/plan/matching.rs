//! Plans that join two kinds of events: at an event, an answer for each earlier one of its key that it belongs to.
//!
//! Decision D-054.

use std::collections::VecDeque;
use std::sync::Arc;

use flowbench_events::Event;

use super::expression::conjunction::Conjunction;
use super::expression::node::{Node, Scope};
use super::per_event::Selecting;
use super::row::PlanRow;
use crate::logic::{EMPTY_STATE, KeyedLogic};

#[cfg(test)]
mod tests;

/// How many cells of the first event are kept at most.
pub(super) const KEPT_MAX: usize = 4;

/// The slot of an answer that has the time between both events, ms.
pub(super) const SINCE_FIRST: usize = 0;
/// The slot that has the event time of the first event.
pub(super) const FIRST_TIME: usize = 1;
/// The first of the slots that have what is kept of the first event.
pub(super) const KEPT: usize = 2;

/// A plan that joins.
#[derive(Debug, Clone)]
pub(super) struct Matching(pub(super) Arc<Join>);

/// Which events are joined.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) selecting: Selecting,
    /// How long after the first event the later one may be, ms.
    pub(super) within_ms: i64,
    pub(super) first: Conjunction,
    pub(super) then: Conjunction,
    /// What is kept of the first event, besides its time.
    pub(super) kept: Box<[Node]>,
    /// True if a first event belongs to the first later one only.
    pub(super) once: bool,
}

/// The first events of a key that a later one may still belong to, ascending by time: of each its time and the words that
/// are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Firsts(VecDeque<i64>);

impl Join {
    /// Returns the number of words of a first event.
    fn width(&self) -> usize {
        1 + self.kept.len()
    }
}

impl Firsts {
    fn newest_ms(&self, width: usize) -> Option<i64> {
        self.0.len().checked_sub(width).map(|at| self.0[at])
    }

    /// Returns how many are before the first of which this is not true; those of which it is true stand before the others.
    fn partition_point(&self, width: usize, is_before: impl Fn(i64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.0.len() / width);
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.0[middle * width]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Remembers a first event behind those of the same time, and forgets those that no later event can belong to.
    fn remember(&mut self, time_ms: i64, within_ms: i64, width: usize, kept: impl Iterator<Item = i64>) {
        let newest_ms = self.newest_ms(width).map_or(time_ms, |newest_ms| newest_ms.max(time_ms));
        let needed_from_ms = newest_ms.saturating_sub(within_ms);
        let gone = self.partition_point(width, |first_ms| first_ms < needed_from_ms);
        self.0.drain(..gone * width);
        if time_ms < needed_from_ms {
            return;
        }
        self.fit(width);
        let at = self.partition_point(width, |first_ms| first_ms <= time_ms) * width;
        for (at, word) in (at..).zip([time_ms].into_iter().chain(kept)) {
            self.0.insert(at, word);
        }
    }

    /// Makes room for one more; most keys have one, so the list grows by a quarter and not to the double.
    fn fit(&mut self, width: usize) {
        let (words, room) = (self.0.len(), self.0.capacity());
        if words + width > room {
            self.0.reserve_exact(width + words / 4);
        } else if room > 2 * (words + width) {
            self.0.shrink_to(words + width);
        }
    }
}

impl KeyedLogic for Matching {
    type Key = u64;
    type State = Firsts;
    type Row = PlanRow;

    #[inline]
    fn key(&self, event: &Event) -> Option<u64> {
        self.0.selecting.key(event)
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.0.selecting.lacks_key(event)
    }

    fn apply(&self, _key: u64, firsts: &mut Firsts, event: &Event, out: &mut Vec<PlanRow>) {
        let Join { selecting, within_ms, first, then, kept, once } = &*self.0;
        let answering = &selecting.answering;
        let (time_ms, width) = (event.event_time_ms(), self.0.width());
        if then.holds(event, &answering.failures) {
            let from_ms = time_ms.saturating_sub(*within_ms);
            let begin = firsts.partition_point(width, |first_ms| first_ms < from_ms);
            let end = firsts.partition_point(width, |first_ms| first_ms <= time_ms);
            let mut slots = [0; KEPT + KEPT_MAX];
            for at in begin..end {
                let words = firsts.0.range(at * width..(at + 1) * width);
                slots[FIRST_TIME..].iter_mut().zip(words).for_each(|(slot, word)| *slot = *word);
                slots[SINCE_FIRST] = time_ms - slots[FIRST_TIME];
                out.extend(answering.answer(time_ms, event, &slots));
            }
            if *once {
                firsts.0.drain(begin * width..end * width);
            }
        }
        if first.holds(event, &answering.failures) {
            let scope = Scope { event, slots: &[], failures: &answering.failures };
            firsts.remember(time_ms, *within_ms, width, kept.iter().map(|node| node.word(&scope)));
        }
    }

    fn expires_at_ms(&self, _key: u64, firsts: &Firsts) -> i64 {
        firsts.newest_ms(self.0.width()).map_or(EMPTY_STATE, |newest_ms| newest_ms.saturating_add(self.0.within_ms))
    }

    fn heap_bytes(&self, firsts: &Firsts) -> usize {
        firsts.0.capacity() * size_of::<i64>()
    }
}

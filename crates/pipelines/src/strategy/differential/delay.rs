//! Updates that wait for a time of their own.
//!
//! Decision D-018.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use differential_dataflow::logging::{BatcherEvent, DifferentialEventBuilder, Logger};
use differential_dataflow::{AsCollection, Data};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::CapabilitySet;
use timely::dataflow::operators::generic::Operator;

use super::arrangement_log::LOG;
use super::collections::{Collected, Times};

/// Lets an update go when everything before its time is known; those of one datum and time are one by then, or none.
///
/// An arrangement takes updates of the future as well. But its batcher looks at each of them whenever the frontier moves,
/// and where every record expires by itself, there are as many of them as there are records. Here only those are looked
/// at whose turn it is.
pub(crate) fn delay_until_due<'s, D: Data, R: Times>(updates: Collected<'s, D, R>) -> Collected<'s, D, R> {
    let worker = updates.scope().worker();
    let log: Option<Logger> = worker.logger_for::<DifferentialEventBuilder>(LOG).map(Into::into);
    let waiting = updates.inner.unary_frontier(Pipeline, "in turn", move |_, info| {
        let mut waiting = Waiting::default();
        let mut capabilities = CapabilitySet::new();
        move |(input, frontier), output| {
            let before = waiting.len();
            input.for_each(|capability, updates| {
                capability.retain_stamp(0).iter().for_each(|capability| capabilities.insert(capability.clone()));
                updates.drain(..).for_each(|(datum, at_ms, times)| waiting.add(at_ms, datum, times));
            });
            if waiting.first_ms().is_some_and(|first_ms| !frontier.less_equal(&first_ms)) {
                let mut session = output.session(&capabilities);
                while let Some(update) = waiting.next(|at_ms| !frontier.less_equal(&at_ms)) {
                    session.give(update);
                }
            }
            capabilities.downgrade(waiting.first_ms());
            if let Some(log) = log.as_ref().filter(|_| waiting.len() != before) {
                log.log(held(info.global_id, waiting.len() as isize - before as isize));
            }
        }
    });
    waiting.as_collection()
}

/// Reports a change in the number of updates held, the way a batcher does.
fn held(operator: usize, records_diff: isize) -> BatcherEvent {
    BatcherEvent { operator, records_diff, size_diff: 0, capacity_diff: 0, allocations_diff: 0 }
}

/// Updates by their time.
struct Waiting<D, R>(BTreeMap<(i64, D), R>);

impl<D, R> Default for Waiting<D, R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<D: Data, R: Times> Waiting<D, R> {
    fn add(&mut self, at_ms: i64, datum: D, times: R) {
        match self.0.entry((at_ms, datum)) {
            Entry::Vacant(free) => drop(free.insert(times)),
            Entry::Occupied(mut known) => {
                known.get_mut().plus_equals(&times);
                if known.get().is_zero() {
                    known.remove();
                }
            }
        }
    }

    fn next(&mut self, is_due: impl Fn(i64) -> bool) -> Option<(D, i64, R)> {
        let first = self.0.first_entry().filter(|first| is_due(first.key().0))?;
        let ((at_ms, datum), times) = first.remove_entry();
        Some((datum, at_ms, times))
    }

    fn first_ms(&self) -> Option<i64> {
        self.0.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

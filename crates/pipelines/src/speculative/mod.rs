//! Applies events as soon as their epoch is complete, and corrects the answers when an event arrives out of order.
//!
//! The order policy is here; [`state_machine`] corrects the states, from the [`snapshots`] of those that are not yet
//! final and the [`log`] of their events.
//!
//! Decision D-013.

mod log;
mod snapshots;
mod state_machine;

pub(crate) use self::state_machine::Speculative;
use crate::disorder::policy::{OrderDeclaration, OrderPolicy};
use crate::feed::EventTimeProgress;
use crate::message::Timed;

pub(crate) const DECLARATION: OrderDeclaration = OrderDeclaration {
    name: "speculative",
    summary: "apply each event as it comes, take answers back and correct them until the watermark passes, drop late ones",
    serves_stateless: "serves: answers at once, drops what is late, has nothing to take back",
    serves_stateful: "serves: answers at once; when nothing is corrected any more, exact for everything that is not late",
    drops_late: true,
    waits: false,
    retracts: true,
};

pub(crate) fn policy<M: Timed>(_slack_ms: i64) -> Box<dyn OrderPolicy<M>> {
    Box::new(FrontierOrder::default())
}

/// Releases events as soon as their epoch is complete, in canonical order. Events released in the same step need no
/// correction, whichever workers they come from.
///
/// In a dataflow, events arrive one step before the frontier passes them. An event newer than everything that is
/// complete belongs to such a step and is kept for the next one.
#[derive(Debug)]
pub(crate) struct FrontierOrder<M>(Vec<M>);

impl<M> Default for FrontierOrder<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M: Timed> OrderPolicy<M> for FrontierOrder<M> {
    fn arrive(&mut self, arrived: &mut Vec<M>, _released: &mut Vec<M>) {
        self.0.append(arrived);
    }

    fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<M>) {
        self.0.retain(|event| {
            let complete = event.event_time_ms() <= reached.newest_ms;
            released.extend(complete.then_some(*event));
            !complete
        });
        if !released.is_sorted_by(|one, next| one.order(next).is_le()) {
            released.sort_by(M::order);
        }
    }

    fn buffered(&self) -> usize {
        self.0.len()
    }
}

//! How far an operator has come: the frontier of its input, in epochs and in event time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::operators::Capability;
use timely::progress::frontier::MutableAntichain;

use super::context::WorkerContext;
use crate::driver::{Driver, OperatorName, StateCounts};
use crate::feed::{EventTimeProgress, Feed};

/// Tracks how far an operator has come.
pub(crate) struct FrontierTracker {
    feed: Arc<Feed>,
    epochs: u64,
    pub(crate) held: Rc<Cell<StateCounts>>,
    payload: Rc<Cell<(usize, usize)>>,
    records: Rc<Cell<u64>>,
    rounds: Rc<Cell<u64>>,
    driver: Rc<RefCell<Box<dyn Driver>>>,
    is_view: bool,
}

impl FrontierTracker {
    /// Creates the tracker of the operator of a stage; with `is_view`, what this operator has acted on is the view of the worker.
    pub(crate) fn new(worker_context: &WorkerContext, operator: OperatorName, is_view: bool) -> Self {
        Self {
            feed: Arc::clone(&worker_context.feed),
            epochs: 0,
            held: worker_context.holder(operator),
            payload: Rc::clone(&worker_context.payload),
            records: Rc::clone(&worker_context.records),
            rounds: Rc::clone(&worker_context.rounds),
            driver: Rc::clone(&worker_context.driver),
            is_view,
        }
    }

    /// Counts `messages` that have been received.
    pub(crate) fn taken(&self, messages: usize) {
        self.records.set(self.records.get() + messages as u64);
        self.rounds.set(self.rounds.get() + 1);
    }

    /// Returns how far event time has come, if the frontier has advanced. At the end of the input, what is held is
    /// weighed.
    pub(crate) fn next(
        &mut self,
        frontier: &MutableAntichain<u64>,
        payload: impl FnOnce() -> (usize, usize),
    ) -> Option<EventTimeProgress> {
        let now = epochs_behind(frontier, &self.feed);
        if now == self.epochs {
            return None;
        }
        if now == self.feed.epochs() {
            self.driver.borrow_mut().begin_weighing();
            let ((entries, bytes), (more_entries, more_bytes)) = (self.payload.get(), payload());
            self.payload.set((entries + more_entries, bytes + more_bytes));
            self.driver.borrow_mut().end_weighing();
        }
        self.epochs = now;
        self.rounds.set(self.rounds.get() + 1);
        Some(self.feed.reached(now))
    }

    /// Keeps a capability for the rest once what the frontier has passed has been acted on.
    pub(crate) fn hold(&self, capability: &mut Option<Capability<u64>>, frontier: &MutableAntichain<u64>) {
        if let Some(open) = capability {
            if self.is_view && *open.time() < self.epochs {
                self.driver.borrow_mut().on_view(self.epochs);
            }
            if frontier.frontier().is_empty() {
                *capability = None;
            } else {
                open.downgrade(&self.epochs);
            }
        }
    }
}

/// Returns the epoch below which all are complete at the operator's input.
pub(crate) fn epochs_behind(frontier: &MutableAntichain<u64>, feed: &Feed) -> u64 {
    frontier.frontier().first().copied().unwrap_or(feed.epochs())
}

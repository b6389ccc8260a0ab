//! By key, but two workers share a hot key: each of its messages goes to whichever of the two has had less so far,
//! and what the other one has combined is merged into the state at the key's home.
//!
//! After "The power of both choices" (Nasir and others, ICDE 2015), with two choices for hot keys only. It helps
//! where one key is more than a worker can bear and its events cannot be combined where they are read. In this
//! catalogue everything that can be merged can also be combined by the readers, so `pre-aggregate` does the same for
//! less: it sends one message where this strategy sends every event of the hot key. It evens out the load and is no
//! faster for it, because merging costs what evenness gains.
//!
//! Decision D-011.

use std::rc::Rc;
use std::sync::Arc;

use super::dataflow::hot_keys::HotKeys;
use super::dataflow::routing::{Outbox, Routing};
use super::dataflow::sink::MakeSink;
use super::dataflow::source_reader::{Make, Router};
use super::dataflow::{OwnershipFilter, Placement, Reading, WorkerTotals, execute};
use super::plan::{Plan, Route, Rows};
use crate::fault::FaultInjector;
use crate::feed::spread as by_route;
use crate::logic::Message;
use crate::run::{RunConfig, RunContext, RunError};

fn placement(_choice: &RunConfig, _worker: usize, workers: usize) -> Placement {
    let all = Routing::ByRoute { first: 0, count: workers };
    let states = Routing::TwoChoices(HotKeys::new(workers));
    Placement { readers: workers, states, windows: all.clone(), deliveries: all, state_workers: 0..workers }
}

/// Runs a pipeline of one stage; `combine` combines what travels from a worker that shares a hot key to the key's
/// home worker.
pub(super) fn one_stage<M: Message>(
    context: &RunContext,
    plan: Plan<M>,
    combine: Make<dyn Router<M, M>>,
    last: MakeSink<M>,
) -> Result<Vec<WorkerTotals>, RunError> {
    execute(context, placement, move |worker, worker_context| {
        let last = last(worker_context.fault(), worker_context.fault());
        let late = worker_context.run(worker, &plan.intake, &Reading::InTurn, |messages| {
            let home = Box::new(Home::new(worker_context.worker, worker_context.workers, &plan.route, combine()));
            let messages = worker_context.rerouted(messages, home);
            worker_context.last(messages, OwnershipFilter::everything(), Rc::clone(&last));
        });
        worker_context.end(worker, &last, late)
    })
}

/// Runs a pipeline of two stages.
pub(super) fn two_stages<M: Message, B: Message>(
    context: &RunContext,
    plan: Plan<M>,
    combine: Make<dyn Router<M, M>>,
    rows: Rows<M, B>,
    last: MakeSink<B>,
) -> Result<Vec<WorkerTotals>, RunError> {
    execute(context, placement, move |worker, worker_context| {
        let last = last(FaultInjector::not(), worker_context.fault());
        let late = worker_context.run(worker, &plan.intake, &Reading::InTurn, |messages| {
            let home = Box::new(Home::new(worker_context.worker, worker_context.workers, &plan.route, combine()));
            let messages = worker_context.rerouted(messages, home);
            let rerouted =
                worker_context.rows(messages, OwnershipFilter::everything(), (rows.operator)(), (rows.router)());
            worker_context.last(rerouted, OwnershipFilter::everything(), Rc::clone(&last));
        });
        worker_context.end(worker, &last, late)
    })
}

/// Passes on the keys whose home is this worker, and combines the rest before sending it home.
struct Home<M> {
    worker: usize,
    workers: usize,
    route: Route<M>,
    combine: Box<dyn Router<M, M>>,
    elsewhere: Vec<M>,
}

impl<M> Home<M> {
    fn new(worker: usize, workers: usize, route: &Route<M>, combine: Box<dyn Router<M, M>>) -> Self {
        Self { worker, workers, route: Arc::clone(route), combine, elsewhere: Vec::new() }
    }
}

impl<M: Message> Router<M, M> for Home<M> {
    fn route(&mut self, batch: &mut Vec<M>, out: &mut Outbox<M>) {
        for message in batch.drain(..) {
            let route = (self.route)(&message);
            if by_route(route, self.workers) == self.worker {
                out.give(|| route, message);
            } else {
                self.elsewhere.push(message);
            }
        }
        self.combine.route(&mut self.elsewhere, out);
    }

    fn flush(&mut self, out: &mut Outbox<M>) {
        self.combine.flush(out);
    }
}

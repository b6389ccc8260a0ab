//! By key, but two workers share a hot key: each of its messages goes to whichever of the two has had less so far,
//! and what the other one has combined is merged into the state at the worker that owns the key.
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

use super::dataflow::context::{WorkerContext, WorkerTotals, execute};
use super::dataflow::hot_keys::HotKeys;
use super::dataflow::operators::OwnershipFilter;
use super::dataflow::routing::{Batches, Outbox, Placement, Routing};
use super::dataflow::sink::{MakeSink, ResultCollector, make_sink};
use super::dataflow::source_reader::{Make, Router};
use super::dataflow::worker_loop::Reading;
use super::declaration::{
    Declaration, Executor, FirstShape, PlacementRequest, Request, Topology, UnsupportedReason, needs_state,
};
use super::pre_aggregate::{BY_ARRIVAL, IN_ORDER, NO_RETRACTION};
use super::stage::{FirstStage, Intake, Route, SecondStage};
use crate::answers::Corrupt;
use crate::fault::FaultInjector;
use crate::feed::spread as by_route;
use crate::message::Message;
use crate::run::{RunContext, RunError};

pub(super) const STRATEGY: Declaration = Declaration {
    unsupported,
    executor: Executor::HotSplit,
    ..Declaration::dataflow(
        "hot-split",
        "by key, but two workers share a hot key and merge later",
        Topology::by(placement),
    )
};

fn unsupported(request: &Request) -> Option<UnsupportedReason> {
    match request.shape.first {
        FirstShape::Stateless => needs_state(request),
        FirstShape::Deliveries => Some(BY_ARRIVAL),
        FirstShape::Keyed => Some(IN_ORDER),
        FirstShape::Mergeable => request.retracts.then_some(NO_RETRACTION),
    }
}

fn placement(PlacementRequest { workers, .. }: PlacementRequest) -> Placement {
    let all = Routing::ByRoute { first: 0, count: workers };
    let states = Routing::TwoChoices(HotKeys::new(workers));
    Placement { readers: workers, states, windows: all.clone(), event_ids: all, state_workers: 0..workers }
}

/// Runs a pipeline of one stage.
pub(super) fn one_stage<M: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let combine = combining(context, first.combine)?;
    run_one_stage(context, first.intake, combine, make_sink(&first.operator, collector))
}

/// Compiled once for each type of messages: the sink has erased what it answers.
fn run_one_stage<M: Message>(
    context: &RunContext,
    intake: Intake<M>,
    combine: Make<dyn Router<M, M>>,
    sink: MakeSink<M>,
) -> Result<Vec<WorkerTotals>, RunError> {
    execute(context, placement, move |worker, worker_context| {
        let sink = sink(worker_context.share(), [worker_context.fault(), worker_context.fault()]);
        let last = |messages: Batches<'_, M>| {
            let messages = route_to_owners(&worker_context, messages, &intake, combine());
            worker_context.last(messages, OwnershipFilter::everything(), Rc::clone(&sink));
        };
        let late = worker_context.run(worker, &intake, &Reading::InTurn, Box::new(last));
        worker_context.end(worker, &sink, late)
    })
}

/// Runs a pipeline of two stages.
pub(super) fn two_stages<M: Message, B: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, B>,
    second: SecondStage<B, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let sink = make_sink(&second.operator, collector);
    run_two_stages(context, first, second.router, sink)
}

/// Compiled once for each type of messages and of rows in between.
fn run_two_stages<M: Message, B: Message>(
    context: &RunContext,
    first: FirstStage<M, B>,
    router: Make<dyn Router<B, B>>,
    sink: MakeSink<B>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let combine = combining(context, first.combine)?;
    let (intake, operator) = (first.intake, first.operator);
    execute(context, placement, move |worker, worker_context| {
        let sink = sink(worker_context.share(), [FaultInjector::not(), worker_context.fault()]);
        let stages = |messages: Batches<'_, M>| {
            let messages = route_to_owners(&worker_context, messages, &intake, combine());
            let rows = worker_context.rows(
                messages,
                OwnershipFilter::everything(),
                operator(worker_context.share()),
                router(),
            );
            worker_context.last(rows, OwnershipFilter::everything(), Rc::clone(&sink));
        };
        let late = worker_context.run(worker, &intake, &Reading::InTurn, Box::new(stages));
        worker_context.end(worker, &sink, late)
    })
}

/// Returns how messages of one key are combined: without that, a hot key cannot be shared.
fn combining<M>(
    context: &RunContext,
    combine: Option<Make<dyn Router<M, M>>>,
) -> Result<Make<dyn Router<M, M>>, RunError> {
    combine.ok_or(RunError::Unsupported { strategy: context.config.strategy.name(), reason: IN_ORDER })
}

/// Routes messages to the worker that owns their key, those of a shared hot key combined.
fn route_to_owners<'s, M: Message>(
    worker_context: &WorkerContext,
    messages: Batches<'s, M>,
    intake: &Intake<M>,
    combine: Box<dyn Router<M, M>>,
) -> Batches<'s, M> {
    let owner_router = OwnerRouter::new(worker_context.worker, worker_context.workers, &intake.route, combine);
    worker_context.rerouted(messages, Box::new(owner_router))
}

/// Passes on the keys that this worker owns, and combines the rest before sending it to its owner.
struct OwnerRouter<M> {
    worker: usize,
    workers: usize,
    route: Route<M>,
    combine: Box<dyn Router<M, M>>,
    elsewhere: Vec<M>,
}

impl<M> OwnerRouter<M> {
    fn new(worker: usize, workers: usize, route: &Route<M>, combine: Box<dyn Router<M, M>>) -> Self {
        Self { worker, workers, route: Arc::clone(route), combine, elsewhere: Vec::new() }
    }
}

impl<M: Message> Router<M, M> for OwnerRouter<M> {
    fn route(&mut self, batch: &mut Vec<M>, out: &mut Outbox<M>) {
        for message in batch.drain(..) {
            let route = (self.route)(&message);
            if by_route(route, self.workers) == self.worker {
                out.add(|| route, message);
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

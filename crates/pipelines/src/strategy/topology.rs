//! Runs the stages of a pipeline as a dataflow that a [`Topology`] spreads over the workers.

use std::rc::Rc;

use super::dataflow::context::{WorkerTotals, execute};
use super::dataflow::routing::{Batches, Placement, Routing};
use super::dataflow::sink::{MakeSink, ResultCollector, make_sink};
use super::dataflow::source_reader::{Make, Router};
use super::dataflow::worker_loop::Reading;
use super::declaration::{PlacementRequest, Topology};
use super::stage::{FirstStage, Intake, Route, SecondStage, by_event_id};
use crate::answers::Corrupt;
use crate::fault::FaultInjector;
use crate::feed::Partition;
use crate::message::Message;
use crate::run::{RunContext, RunError};

/// Runs readers and one stage that collects its answers.
pub(super) fn one_stage<M: Message, R: Message + Corrupt>(
    topology: Topology,
    context: &RunContext,
    first: FirstStage<M, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    run_one_stage(topology, context, first.intake, make_sink(&first.operator, collector))
}

/// Compiled once for each type of messages: the sink has erased what it answers.
fn run_one_stage<M: Message>(
    topology: Topology,
    context: &RunContext,
    intake: Intake<M>,
    sink: MakeSink<M>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let (partitions, stays) = (partitions(topology, context, &intake), intake.stays_where_read);
    let placement = move |request: PlacementRequest| {
        let placed = (topology.placement)(request);
        if stays { Placement { states: Routing::One(request.worker), ..placed } } else { placed }
    };
    execute(context, placement, move |worker, worker_context| {
        let sink = sink(worker_context.share(), [worker_context.fault(), worker_context.fault()]);
        let reading = Reading::of(worker_context.worker, partitions.as_ref());
        let last = |messages: Batches<'_, M>| {
            worker_context.last(messages, worker_context.ownership(&intake.route), Rc::clone(&sink));
        };
        let late = worker_context.run(worker, &intake, &reading, Box::new(last));
        worker_context.end(worker, &sink, late)
    })
}

/// Runs readers, a stage that passes its rows on, and one that collects its answers.
pub(super) fn two_stages<M: Message, B: Message, R: Message + Corrupt>(
    topology: Topology,
    context: &RunContext,
    first: FirstStage<M, B>,
    second: SecondStage<B, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let sink = make_sink(&second.operator, collector);
    run_two_stages(topology, context, first, (second.router, second.route), sink)
}

/// Compiled once for each type of messages and of rows in between.
fn run_two_stages<M: Message, B: Message>(
    topology: Topology,
    context: &RunContext,
    first: FirstStage<M, B>,
    (router, route): (Make<dyn Router<B, B>>, Route<B>),
    sink: MakeSink<B>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let FirstStage { intake, operator, .. } = first;
    let partitions = partitions(topology, context, &intake);
    execute(context, topology.placement, move |worker, worker_context| {
        // A fault of messages fires where they enter: in the first stage.
        let sink = sink(worker_context.share(), [FaultInjector::not(), worker_context.fault()]);
        let reading = Reading::of(worker_context.worker, partitions.as_ref());
        let stages = |messages: Batches<'_, M>| {
            let (ownership, operator) = (worker_context.ownership(&intake.route), operator(worker_context.share()));
            let rows = worker_context.rows(messages, ownership, operator, router());
            worker_context.last(rows, worker_context.ownership(&route), Rc::clone(&sink));
        };
        let late = worker_context.run(worker, &intake, &reading, Box::new(stages));
        worker_context.end(worker, &sink, late)
    })
}

/// Partitions the input by the key of events, or by their event id where repeated deliveries are removed in front.
fn partitions<M>(topology: Topology, context: &RunContext, intake: &Intake<M>) -> Option<Vec<Partition>> {
    let in_front = context.config.deduplicate.is_some();
    let owner = if in_front { &by_event_id() } else { &intake.owner };
    let numbered = in_front || intake.after_dedup.is_none();
    topology.prepartitioned.then(|| context.feed.partition(context.workers(), numbered, &**owner))
}

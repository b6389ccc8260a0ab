//! Runs the stages of a pipeline as a dataflow that a [`Topology`] spreads over the workers.

use std::rc::Rc;

use super::dataflow::context::{WorkerTotals, execute};
use super::dataflow::routing::{Placement, Routing};
use super::dataflow::sink::{ResultCollector, make_sink};
use super::dataflow::worker_loop::Reading;
use super::declaration::{PlacementRequest, Topology};
use super::stage::{FirstStage, Intake, SecondStage, by_event_id};
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
    let partitions = partitions(topology, context, &first.intake);
    let (sink, stays) = (make_sink(&first.operator, collector), first.intake.stays_where_read);
    let placement = move |request: PlacementRequest| {
        let placed = (topology.placement)(request);
        if stays { Placement { states: Routing::One(request.worker), ..placed } } else { placed }
    };
    execute(context, placement, move |worker, worker_context| {
        let sink = sink(worker_context.share(), [worker_context.fault(), worker_context.fault()]);
        let reading = Reading::of(worker_context.worker, partitions.as_ref());
        let late = worker_context.run(worker, &first.intake, &reading, |messages| {
            worker_context.last(messages, worker_context.ownership(&first.intake.route), Rc::clone(&sink));
        });
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
    let partitions = partitions(topology, context, &first.intake);
    let sink = make_sink(&second.operator, collector);
    execute(context, topology.placement, move |worker, worker_context| {
        // A fault of messages fires where they enter: in the first stage.
        let sink = sink(worker_context.share(), [FaultInjector::not(), worker_context.fault()]);
        let reading = Reading::of(worker_context.worker, partitions.as_ref());
        let late = worker_context.run(worker, &first.intake, &reading, |messages| {
            let ownership = worker_context.ownership(&first.intake.route);
            let rows =
                worker_context.rows(messages, ownership, (first.operator)(worker_context.share()), (second.router)());
            worker_context.last(rows, worker_context.ownership(&second.route), Rc::clone(&sink));
        });
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

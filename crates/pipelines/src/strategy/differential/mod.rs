//! Differential dataflow: what is known is a collection that changes with event time, and so are the answers.
//!
//! **Logical time is event time**, in ms. An event is in its collection from when it happened. The watermark is the
//! frontier: when it has passed a time, all collections are known as they were at that time, and operators tell what
//! changes in theirs. So this strategy answers exactly when the order policy `watermark` does, and cannot answer
//! otherwise.
//!
//! **An answer is what stands at its time.** A row comes with the time at which it is due. It is an answer if it is in
//! the collection of rows at that time; what becomes of it afterwards is of no concern. So a timer is a row that is due
//! later and is taken back if something comes between, and a window is a row that is there for 1 ms, at its end.
//!
//! **Forgetting is negative updates at future times.** What was counted for a window is taken out when the window has
//! passed it; what ends by itself is taken out as a whole life (see [`key_lifetimes`]). Updates of a future time wait where
//! their time is looked at and nothing else ([`delay_until_due`]). When a negative update has met its positive one, and the
//! frontier has passed both, the trace forgets the two as it merges its batches: compaction is the eviction, and there
//! is no other. It may lag behind the frontier, so that the latest past can still be told ([`arrangements`]).
//!
//! Two dataflows work together. The first is that of all strategies: its timestamp is the epoch, workers read their
//! share and send what concerns the pipeline to the worker of its key, whole batches at a time, and its last operator
//! holds back what the watermark has not passed. That operator is the source of the second dataflow, whose timestamp is
//! event time. So an arrangement sees only what is settled, in canonical order, and once in its place; the first
//! arrangement of a pipeline needs no exchange of its own. Where a pipeline has other keys later on, its records move
//! once more, as differential dataflow moves them; only the first move is counted. An epoch is completed when it has
//! been offered by all, and the answers have passed its watermark.
//!
//! What it costs: an update is sorted, merged several times and copied with its time and its difference, where a hash
//! table changes 16 bytes in place. A reduction reads all values of a key again for each time at which one of them
//! changes: cheap where they add up to one (see [`running_count`]), quadratic where a key has many events alive, and many of
//! them in one batch. What it buys: no operator of a pipeline has to know what order policy, timers or expiry are, nor
//! when to take back.
//!
//! It never is the fastest: 0.8 of the single thread where few events concern the pipeline (`repeat-high-value`), 0.16
//! to 0.3 where counts and sums are kept, 0.01 to 0.06 where logic that remembers is replayed lifetime by lifetime (reference run of
//! the experiment `parallelism`). It is here for what it makes easy, and to have its price in numbers.
//!
//! Decisions D-015 and D-016.

pub(crate) mod arrangement_log;
pub(crate) mod arrangements;
pub(crate) mod collections;
pub(crate) mod delay;
pub(crate) mod key_lifetimes;
mod releasing_spine;
pub(crate) mod running_count;
mod updates;

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;

use differential_dataflow::AsCollection;
use flowbench_events::Event;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::{Handle as ProbeHandle, Probe};
use timely::worker::Worker;

use self::arrangement_log::ArrangementLog;
use self::arrangements::Arrangements;
use self::collections::{Incremental, Rows, TimedEvent, retimed};
use self::delay::delay_until_due;
use super::dataflow::context::{WorkerContext, WorkerTotals, execute};
use super::dataflow::operators::OwnershipFilter;
use super::dataflow::routing::Batches;
use super::dataflow::sink::{MakeSink, ResultCollector, SharedSink, Sink, make_sink};
use super::dataflow::worker_loop::Reading;
use super::declaration::{Declaration, Executor, FirstShape, Request, Topology, UnsupportedReason};
use super::exchange::by_key;
use super::executor::NOT_WRITTEN;
use super::stage;
use crate::answers::Row;
use crate::disorder::OrderPolicy;
use crate::driver::StateCounts;
use crate::eviction::StateShare;
use crate::fault::FaultInjector;
use crate::feed::{EventTimeProgress, Feed};
use crate::message::{Message, Timed};
use crate::run::{RunContext, RunError};
use crate::state::operator::{MakeOperator, Passthrough};

pub(super) const STRATEGY: Declaration = Declaration {
    unsupported,
    executor: Executor::Differential,
    ..Declaration::dataflow(
        "differential",
        "collections that change with event time, in arrangements: differential dataflow",
        Topology::by(by_key),
    )
};

const NOTHING_TO_ARRANGE: UnsupportedReason =
    "a stateless pipeline has nothing to arrange: no event changes what another one means";
const NO_ARRIVALS: UnsupportedReason =
    "which delivery is the first follows from the order of arrival, and its collections change with event time";
const BY_THE_FRONTIER: UnsupportedReason =
    "its logical time is event time: it answers when the watermark has passed, as under the order policy watermark";
const BY_COMPACTION: UnsupportedReason =
    "what it forgets is taken out by negative updates, which are part of the answer; there is nothing to keep forever";

fn unsupported(request: &Request) -> Option<UnsupportedReason> {
    match (request.shape.incremental, request.shape.first) {
        (true, _) if !request.waits => Some(BY_THE_FRONTIER),
        (true, _) => (!request.evicts_by_compaction).then_some(BY_COMPACTION),
        (false, FirstShape::Stateless) if request.shape.windows.is_none() => Some(NOTHING_TO_ARRANGE),
        (false, FirstShape::Deliveries) => Some(NO_ARRIVALS),
        (false, _) => Some(NOT_WRITTEN),
    }
}

/// Runs a pipeline as collections that change with event time.
pub(crate) fn run<D: Incremental>(
    pipeline: &D,
    context: &RunContext,
    collector: &ResultCollector<D::Row>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let passed_on: MakeOperator<D::Row, D::Row> = std::sync::Arc::new(|_| Box::new(Passthrough));
    let answers = make_sink(&passed_on, collector);
    let pipeline = pipeline.clone();
    execute(context, by_key, move |worker, mut worker_context| {
        let intake = Intake::new(worker, &pipeline, &mut worker_context, &answers);
        let sink: SharedSink<(i64, TimedEvent<D::What>)> = Rc::new(RefCell::new(intake));
        let pipeline = pipeline.clone();
        let select = move |event: &Event| {
            let (key, what) = pipeline.select(event)?;
            let timed = TimedEvent { event_time_ms: event.event_time_ms(), event_id: event.event_id(), what };
            Some((key, (key, timed)))
        };
        // Every message goes to its worker, which never asks for a route again.
        let messages = stage::Intake::each(select, |_| 0);
        let last = |messages: Batches<'_, _>| {
            worker_context.last(messages, OwnershipFilter::everything(), Rc::clone(&sink));
        };
        let late = worker_context.run(worker, &messages, &Reading::InTurn, Box::new(last));
        worker_context.show_at_the_end(sink.borrow().state_counts());
        worker_context.end(worker, &sink, late)
    })
}

/// The end of the first dataflow and the source of the second.
struct Intake<W: Message + Ord + Debug, R> {
    fault: FaultInjector,
    order: Box<dyn OrderPolicy<(i64, TimedEvent<W>)>>,
    released: Vec<(i64, TimedEvent<W>)>,
    input: Input<W>,
    arrangements: Arrangements,
    answers: SharedSink<R>,
    log: Rc<ArrangementLog>, // of the second dataflow
}

type Input<W> = InputHandle<i64, CapacityContainerBuilder<Vec<((i64, TimedEvent<W>), i64, isize)>>>;

impl<W: Message + Ord + Debug, R: Row> Intake<W, R> {
    /// Builds the second dataflow.
    fn new<D: Incremental<What = W, Row = R>>(
        worker: &mut Worker,
        pipeline: &D,
        worker_context: &mut WorkerContext,
        answers: &MakeSink<R>,
    ) -> Self {
        let (log, mut input) = (ArrangementLog::of_worker(worker), Input::new());
        let answers = answers(StateShare::WHOLE, [FaultInjector::not(), worker_context.fault()]);
        let eviction = worker_context.config.eviction;
        let arrangements =
            Arrangements::new(step_ms(&worker_context.feed), eviction.compaction_lag_ms(), Rc::clone(&log));
        let answered = worker.dataflow(|scope| {
            let events = input.to_stream(scope).as_collection();
            keep(pipeline.answers(events, &arrangements), Rc::clone(&answers))
        });
        worker_context.answers_behind(answered);
        let told = Rc::clone(&log);
        worker_context.arrangements_behind(move |driver| told.show(driver));
        // Only if there is no epoch, everything is reached at once.
        let reached = worker_context.feed.reached(0);
        arrangements.advance(reached.watermark_ms);
        input.advance_to(reached.watermark_ms);
        let order = worker_context.config.order.policy(worker_context.feed.slack_ms());
        Self { fault: worker_context.fault(), order, released: Vec::new(), input, arrangements, answers, log }
    }
}

impl<W: Message + Ord + Debug, R: Row> Sink<(i64, TimedEvent<W>)> for Intake<W, R> {
    fn take(&mut self, arrived: &mut Vec<(i64, TimedEvent<W>)>) {
        self.fault.messages(arrived);
        self.order.arrive(arrived, &mut self.released);
    }

    /// What the watermark has passed is known from now on.
    fn advance(&mut self, reached: EventTimeProgress) {
        self.order.advance(reached, &mut self.released);
        let released = self.released.drain(..);
        let mut updates = released.map(|timed| (timed, timed.event_time_ms(), 1)).collect();
        self.input.send_batch(&mut updates);
        self.arrangements.advance(reached.watermark_ms);
        // The input stays open, so that what is held can be looked at when everything has been answered.
        self.input.advance_to(reached.watermark_ms);
    }

    fn state_counts(&self) -> StateCounts {
        let (entries, batches) = (self.log.records(), self.log.batches());
        StateCounts { entries, batches, buffered: self.order.buffered(), ..self.answers.borrow().state_counts() }
    }

    /// Updates have no payload apart from their overhead.
    fn payload(&self) -> (usize, usize) {
        (0, 0)
    }

    fn submit(&mut self, worker: usize) {
        self.answers.borrow_mut().submit(worker);
    }

    fn pack(&mut self) -> Vec<Vec<u8>> {
        self.answers.borrow_mut().pack()
    }

    fn unpack(&mut self, worker: usize, piece: Vec<u8>) {
        self.answers.borrow_mut().unpack(worker, piece);
    }
}

/// Event time of [`RECORDS_PER_ROUND`], on average.
fn step_ms(feed: &Feed) -> i64 {
    let newest_ms = |epochs| feed.newest_ms(epochs).unwrap_or(0);
    let all_ms = newest_ms(feed.epochs()) - newest_ms(1);
    (all_ms / (feed.trace().events.len() as i64 / RECORDS_PER_ROUND).max(1)).max(1)
}

/// Records after which a loop comes round: so few of a hot key are looked at again and again, and a round is worth its cost.
/// Tests have few.
const RECORDS_PER_ROUND: i64 = if cfg!(test) { 8 } else { 128 };

/// Keeps the rows that stand at their time; what the probe has passed is answered.
fn keep<R: Row>(rows: Rows<'_, R>, answers: SharedSink<R>) -> ProbeHandle<i64> {
    let rows = rows.map(|(due_ms, row)| (due_ms, Shown(row)));
    let due = retimed(rows, |(due_ms, row), now_ms, times| (now_ms <= due_ms).then_some((row, due_ms, times)));
    let kept = delay_until_due(due).inner.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Pipeline,
        "answers",
        move |_, _| {
            move |input, _output| {
                let mut given = Vec::new();
                input.for_each(|_, rows| {
                    given.extend(rows.drain(..).flat_map(|(row, _, times)| (0..times).map(move |_| row.0)));
                });
                answers.borrow_mut().take(&mut given);
            }
        },
    );
    kept.probe().0
}

/// A row as differential dataflow wants its data: so that it can be shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shown<R>(R);

impl<R> Debug for Shown<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("row")
    }
}

#[cfg(test)]
mod tests;

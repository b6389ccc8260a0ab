//! What all strategies on timely dataflow have in common: the worker loop, its operators, and how far they have come.
//!
//! The timestamp is the epoch. A worker reads its own epochs of the trace and sends only what concerns the pipeline.
//! Records of several epochs that are due together travel under the timestamp of the first: that never claims more
//! progress than there is. Operators that hold state hold a capability at the frontier, so an epoch is complete only
//! when everything its watermark releases has been answered.
//!
//! Nothing here knows a pipeline: readers, operators and last stages come with their logic type-erased and are called
//! once per batch.
//!
//! Decisions D-002 and D-006.

pub(crate) mod hot_keys;
pub(crate) mod routing;
pub(crate) mod sink;
pub(crate) mod source_reader;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::{Event, Horizon, LateSet};
use serde::{Deserialize, Serialize};
use timely::Bincode;
use timely::bytes::arc::BytesMut;
use timely::communication::Bytesable;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::{Handle as ProbeHandle, Probe};
use timely::dataflow::operators::{Capability, Input as _};
use timely::dataflow::{InputHandle, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;

use self::routing::{Batch, Outbox, Routing, Traffic, whole};
use self::sink::SharedSink;
use self::source_reader::{Reader, Router, Share};
use crate::deployment::Deployment;
use crate::disorder::InArrivalOrder;
use crate::driver::{Driver, StateCounts};
use crate::fault::{FaultInjector, Struck};
use crate::feed::{Delivery, EventTimeProgress, Feed, Partition};
use crate::logic::Message;
use crate::run::{RunConfig, RunContext, RunError, WorkerEnd};
use crate::state::dedup::FirstOnly;
use crate::state::keyed_operator::{StateOperator, keyed_operator};

/// The maximum number of records a worker offers before the dataflow is stepped, so that what is in flight stays in
/// the cache.
pub(crate) const RECORDS_PER_STEP: usize = 16384;

type Input<M> = InputHandle<u64, CapacityContainerBuilder<Batch<M>>>;
pub(crate) type Batches<'s, M> = Stream<'s, u64, Batch<M>>;
pub(crate) type Builder<M> = CapacityContainerBuilder<Batch<M>>;

/// How a strategy spreads the work of a pipeline, as seen by one worker.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    /// The number of workers that read, the first ones. Each reads its own epochs, taken in turn.
    pub(crate) readers: usize,
    /// Where the messages of the first stage go.
    pub(crate) states: Routing,
    /// Where the rows of the first stage go, if there is a second.
    pub(crate) windows: Routing,
    /// Where event ids are remembered, if first deliveries are asked for.
    pub(crate) deliveries: Routing,
    /// The workers that hold state.
    pub(crate) state_workers: Range<usize>,
}

/// What one worker reports at the end, apart from its answers.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct WorkerTotals {
    pub(crate) worker: usize,
    pub(crate) late: LateSet,
    /// Entries at the end of the input.
    pub(crate) entries: usize,
    pub(crate) payload_bytes: usize,
    /// Messages applied to its states.
    pub(crate) records: u64,
    /// Messages it sent to other workers.
    pub(crate) exchanged_records: u64,
    pub(crate) exchanged_bytes: u64,
    /// True if a fault planted on it has struck.
    pub(crate) struck: bool,
}

impl WorkerTotals {
    /// Returns what the worker did.
    pub(crate) fn end(&self) -> WorkerEnd {
        let WorkerTotals { records, exchanged_records, exchanged_bytes, .. } = *self;
        WorkerEnd { records, exchanged_records, exchanged_bytes }
    }
}

/// What the operators and the loop of one worker share.
pub(crate) struct WorkerContext {
    pub(crate) feed: Arc<Feed>,
    pub(crate) config: RunConfig,
    pub(crate) worker: usize,
    /// Workers of all processes.
    pub(crate) workers: usize,
    pub(crate) placement: Placement,
    process: usize,
    processes: usize,
    driver: Rc<RefCell<Box<dyn Driver>>>,
    probe: ProbeHandle<u64>,
    behind: Option<ProbeHandle<i64>>, // of a dataflow that answers behind this one: its timestamp is event time
    held: RefCell<Vec<Rc<Cell<StateCounts>>>>, // by each operator that keeps anything
    operators: RefCell<Vec<Rc<dyn Any>>>, // here, so that they outlive the dataflow until they have been weighed
    payload: Rc<Cell<(usize, usize)>>, // entries and their bytes when the input had ended
    records: Rc<Cell<u64>>,
    rounds: Rc<Cell<u64>>, // how often an operator had something to do
    traffic: Rc<Cell<Traffic>>,
    pub(crate) struck: Struck,
}

/// Runs a dataflow on every worker of this process: `work` builds it with the context it is given and offers
/// everything.
pub(crate) fn execute(
    context: &RunContext,
    placement: impl Fn(&RunConfig, usize, usize) -> Placement + Send + Sync + 'static,
    work: impl Fn(&mut Worker, WorkerContext) -> Vec<WorkerTotals> + Send + Sync + 'static,
) -> Result<Vec<WorkerTotals>, RunError> {
    let (config, feed, drivers) = (context.config, Arc::clone(&context.feed), Arc::clone(&context.drivers));
    let (process, processes, hook) =
        (context.deployment.process(), context.deployment.processes(), context.hook.clone());
    start(
        context,
        Box::new(move |worker| {
            if let Some(hook) = &hook {
                hook(worker);
            }
            let (index, workers) = (worker.index(), worker.peers());
            let worker_context = WorkerContext {
                feed: Arc::clone(&feed),
                config,
                worker: index,
                workers,
                placement: placement(&config, index, workers),
                process,
                processes,
                driver: Rc::new(RefCell::new(drivers(index))),
                probe: ProbeHandle::new(),
                behind: None,
                held: RefCell::default(),
                operators: RefCell::default(),
                payload: Rc::default(),
                records: Rc::default(),
                rounds: Rc::default(),
                traffic: Rc::default(),
                struck: Struck::default(),
            };
            work(worker, worker_context)
        }),
    )
}

type Work = Box<dyn Fn(&mut Worker) -> Vec<WorkerTotals> + Send + Sync>;

/// Starts the workers; type-erased, so that it is compiled once.
fn start(context: &RunContext, work: Work) -> Result<Vec<WorkerTotals>, RunError> {
    let guards = match &context.deployment {
        Deployment::Threads => {
            let config = match context.config.workers {
                1 => timely::Config::thread(),
                workers => timely::Config::process(workers),
            };
            timely::execute(config, work)
        }
        Deployment::Processes(cluster) => cluster.connect(context.config.workers).and_then(|(builders, guard)| {
            timely::execute::execute_from(builders, guard, timely::WorkerConfig::default(), work)
        }),
    };
    let ends = guards.map_err(RunError::Dataflow)?.join();
    let ends: Vec<Vec<WorkerTotals>> = ends.into_iter().collect::<Result<_, String>>().map_err(RunError::Dataflow)?;
    Ok(ends.into_iter().flatten().collect())
}

/// What a worker reads: its epochs of the trace, or what was partitioned for it in advance.
pub(crate) enum Reading<'a> {
    InTurn,
    Prepartitioned(&'a Partition),
}

impl WorkerContext {
    /// Creates an input for the messages of a reader.
    pub(crate) fn input<M: Message>() -> Input<M> {
        Input::new()
    }

    /// Lets through the first delivery of every event, where its id is remembered, and routes it to the next stage.
    pub(crate) fn first_deliveries<'s, M: Message>(
        &self,
        deliveries: Batches<'s, Delivery<Event>>,
        horizon: Horizon,
        router: Box<dyn Router<Event, M>>,
    ) -> Batches<'s, M> {
        let operator =
            keyed_operator(FirstOnly::within(horizon), self.config.eviction, Box::new(InArrivalOrder::default()));
        let to = To { name: "first deliveries", routing: self.placement.states.clone(), fault: FaultInjector::not() };
        self.stage(deliveries, OwnershipFilter::everything(), operator, router, to)
    }

    /// Builds a first stage, which routes its rows to the next stage.
    pub(crate) fn rows<'s, M: Message, B: Message>(
        &self,
        messages: Batches<'s, M>,
        ownership: OwnershipFilter<M>,
        operator: Box<dyn StateOperator<M, B>>,
        router: Box<dyn Router<B, B>>,
    ) -> Batches<'s, B> {
        let to = To { name: "rows", routing: self.placement.windows.clone(), fault: self.fault() };
        self.stage(messages, ownership, operator, router, to)
    }

    /// Builds a stage that is followed by another one.
    fn stage<'s, M: Message, B: Message, N: Message>(
        &self,
        messages: Batches<'s, M>,
        ownership: OwnershipFilter<M>,
        operator: Box<dyn StateOperator<M, B>>,
        mut router: Box<dyn Router<B, N>>,
        to: To,
    ) -> Batches<'s, N> {
        let operator = Rc::new(RefCell::new(operator));
        self.operators.borrow_mut().push(Rc::clone(&operator) as Rc<dyn Any>);
        let mut tracker = FrontierTracker::new(self, false);
        let To { name, routing, mut fault } = to;
        let mut out = self.outbox(routing);
        messages.unary_frontier::<Builder<N>, _, _, _>(whole(), name, move |capability, _| {
            let mut capability = Some(capability);
            let mut rows = Vec::new();
            move |(input, frontier), output| {
                let mut operator = operator.borrow_mut();
                input.for_each(|_, batch| {
                    ownership.keep(&mut batch.messages);
                    tracker.taken(batch.messages.len());
                    fault.messages(&mut batch.messages);
                    operator.arrive(&mut batch.messages, &mut rows);
                });
                if let Some(reached) = tracker.next(frontier, || operator.payload()) {
                    operator.advance(reached, &mut rows);
                }
                tracker.held.set(operator.state_counts());
                if let Some(open) = capability.as_ref().filter(|_| !rows.is_empty()) {
                    router.route(&mut rows, &mut out);
                    router.flush(&mut out);
                    let mut session = output.session(open);
                    out.drain(|mut batch| session.give_container(&mut batch));
                }
                tracker.hold(&mut capability, frontier);
            }
        })
    }

    /// Builds the operator around the last stage: it answers as the frontier advances, and what has been answered is
    /// complete.
    pub(crate) fn last<M: Message>(
        &self,
        messages: Batches<'_, M>,
        ownership: OwnershipFilter<M>,
        last: SharedSink<M>,
    ) {
        let is_view = self.behind.is_none() && self.placement.state_workers.contains(&self.worker);
        let mut tracker = FrontierTracker::new(self, is_view);
        let progress = messages.unary_frontier::<Builder<()>, _, _, _>(whole(), "answers", move |capability, _| {
            let mut capability = Some(capability);
            move |(input, frontier), _output| {
                let mut last = last.borrow_mut();
                input.for_each(|_, batch| {
                    ownership.keep(&mut batch.messages);
                    tracker.taken(batch.messages.len());
                    last.take(&mut batch.messages);
                });
                if let Some(reached) = tracker.next(frontier, || last.payload()) {
                    last.advance(reached);
                }
                tracker.held.set(last.state_counts());
                tracker.hold(&mut capability, frontier);
            }
        });
        self.watch(progress);
    }

    /// Routes messages again.
    pub(crate) fn rerouted<'s, M: Message>(
        &self,
        messages: Batches<'s, M>,
        mut router: Box<dyn Router<M, M>>,
    ) -> Batches<'s, M> {
        let rounds = Rc::clone(&self.rounds);
        let mut out = self.outbox(Routing::ByRoute { first: 0, count: self.workers });
        messages.unary::<Builder<M>, _, _, _>(whole(), "sort", move |_, _| {
            move |input, output| {
                input.for_each(|time, batch| {
                    rounds.set(rounds.get() + 1);
                    router.route(&mut batch.messages, &mut out);
                    router.flush(&mut out);
                    let mut session = output.session(&time);
                    out.drain(|mut batch| session.give_container(&mut batch));
                });
            }
        })
    }

    /// Considers complete what this stream has passed.
    pub(crate) fn watch(&self, progress: Batches<'_, ()>) {
        progress.probe_with(&self.probe);
    }

    /// Notes that the last stage hands over to a dataflow whose answers have come as far in event time as `probe`
    /// tells.
    pub(crate) fn answers_behind(&mut self, probe: ProbeHandle<i64>) {
        self.behind = Some(probe);
    }

    /// Creates the outbox of an operator of this worker.
    pub(crate) fn outbox<M: Message>(&self, routing: Routing) -> Outbox<M> {
        Outbox::new(self.worker, routing, Rc::clone(&self.traffic))
    }

    /// Returns the cell in which an operator shows what it holds.
    pub(crate) fn holder(&self) -> Rc<Cell<StateCounts>> {
        let holder = Rc::new(Cell::default());
        self.held.borrow_mut().push(Rc::clone(&holder));
        holder
    }

    /// Offers what this worker has to read as the driver admits it, and steps the dataflow until everything is
    /// complete; returns what was late.
    pub(crate) fn offer<M: Message>(
        &self,
        worker: &mut Worker,
        input: Input<M>,
        routing: Routing,
        mut reader: Box<dyn Reader<M>>,
        reading: &Reading<'_>,
    ) -> LateSet {
        let epochs = self.feed.epochs();
        let (mut epoch, turn, records_per_turn) = self.turns(reading);
        let stride = turn * RECORDS_PER_STEP.div_ceil(records_per_turn) as u64;
        let mut late = LateSet::default();
        let mut completed = 0;
        let mut source = (epoch < u64::MAX).then(|| (input, self.outbox(routing)));
        while !(self.probe.done() && self.is_answered(epochs)) {
            let admissible = self.driver.borrow_mut().admissible().min(epochs);
            let rounds = self.rounds.get();
            if let Some((input, out)) = &mut source {
                input.advance_to(epoch.min(epochs));
                if epoch < admissible {
                    let until = admissible.min(epoch + stride);
                    let next = epoch + (until - epoch).div_ceil(turn) * turn;
                    self.driver.borrow_mut().on_admitted(next.min(epochs));
                    while epoch < next {
                        let share = match reading {
                            Reading::InTurn => Share::Whole(&self.feed, epoch),
                            Reading::Prepartitioned(partition) => Share::OwnershipFilter(partition, epoch),
                        };
                        reader.read(share, &mut late, out);
                        epoch += turn;
                    }
                    reader.flush(out);
                    out.drain(|mut batch| input.send_batch(&mut batch));
                    input.advance_to(epoch.min(epochs));
                    // What is given away is shown before another worker can free it.
                    self.driver.borrow_mut().on_state(self.state_counts());
                    self.rounds.set(rounds + 1);
                }
                if epoch >= epochs {
                    source = None;
                }
            }
            let nap = if self.rounds.get() > rounds { None } else { self.driver.borrow_mut().idle() };
            match nap {
                Some(_) => worker.step_or_park(nap),
                None => worker.step(),
            };
            self.tell(&mut completed, rounds);
        }
        match reading {
            Reading::InTurn => late,
            Reading::Prepartitioned(partition) => partition.late(),
        }
    }

    /// Returns the first epoch this worker reads, the step from one to the next, and the records in its share of one.
    fn turns(&self, reading: &Reading<'_>) -> (u64, u64, usize) {
        let records_per_epoch = self.feed.records_per_epoch();
        match reading {
            Reading::Prepartitioned(_) => (0, 1, records_per_epoch.div_ceil(self.workers)),
            Reading::InTurn if self.worker < self.placement.readers => {
                (self.worker as u64, self.placement.readers as u64, records_per_epoch)
            }
            Reading::InTurn => (u64::MAX, 1, records_per_epoch),
        }
    }

    /// Tells the driver what is completed, and whether there was anything to do since `rounds`.
    fn tell(&self, completed: &mut u64, rounds: u64) {
        let mut driver = self.driver.borrow_mut();
        let passed = self.probe.with_frontier(|frontier| frontier.first().copied()).unwrap_or(self.feed.epochs());
        let now = self.answered(*completed, passed);
        let worked = self.rounds.get() > rounds || now < passed;
        if worked || now > *completed {
            driver.on_state(self.state_counts());
        }
        if now > *completed {
            *completed = now;
            driver.on_completed(now);
            if self.behind.is_some() {
                driver.on_view(now);
            }
        }
        if worked {
            driver.on_busy();
        }
    }

    /// Returns how many of the epochs from `completed` to `passed` a dataflow behind this one has answered as well.
    fn answered(&self, completed: u64, passed: u64) -> u64 {
        if self.behind.is_none() {
            return passed;
        }
        (completed + 1..=passed).take_while(|epochs| self.is_answered(*epochs)).last().unwrap_or(completed)
    }

    /// True if the dataflow behind this one, if any, has answered what the watermark of this many epochs releases.
    /// Where the watermark stands still, that is nothing.
    fn is_answered(&self, epochs: u64) -> bool {
        self.behind.as_ref().is_none_or(|behind| !behind.less_than(&self.feed.reached(epochs).watermark_ms))
    }

    fn state_counts(&self) -> StateCounts {
        self.held.borrow().iter().fold(StateCounts::default(), |held, operator| held.and(operator.get()))
    }

    /// Submits the answers when everything is answered, those of other processes through the first one.
    pub(crate) fn end<M: 'static>(self, worker: &mut Worker, last: &SharedSink<M>, late: LateSet) -> Vec<WorkerTotals> {
        self.driver.borrow_mut().on_drained();
        let (entries, payload_bytes) = self.payload.get();
        let Traffic { records: exchanged_records, bytes: exchanged_bytes } = self.traffic.get();
        let (worker_index, records, struck) = (self.worker, self.records.get(), self.struck.get());
        let totals = WorkerTotals {
            worker: worker_index,
            late,
            entries,
            payload_bytes,
            records,
            exchanged_records,
            exchanged_bytes,
            struck,
        };
        let mut last = last.borrow_mut();
        if self.processes == 1 {
            last.submit(self.worker);
            return vec![totals];
        }
        let parcels = if self.process == 0 {
            last.submit(self.worker);
            Vec::new()
        } else {
            let totals = GatherMessage { worker: self.worker, is_tally: true, bytes: packed(totals) };
            let answers = last.pack().into_iter();
            answers.map(|bytes| GatherMessage { worker: self.worker, is_tally: false, bytes }).chain([totals]).collect()
        };
        let mut all_totals = vec![totals];
        for GatherMessage { worker, is_tally, bytes } in gather(worker, parcels) {
            match is_tally {
                true => all_totals.push(Bincode::<WorkerTotals>::from_bytes(BytesMut::from(bytes).freeze()).payload),
                false => last.unpack(worker, bytes),
            }
        }
        all_totals
    }
}

/// Which of the messages it sees a worker keeps.
pub(crate) struct OwnershipFilter<M>(Option<IsOwn<M>>);

type IsOwn<M> = Box<dyn Fn(&M) -> bool>;

impl<M> OwnershipFilter<M> {
    /// Keeps everything: only what the worker owns arrives.
    pub(crate) fn everything() -> Self {
        Self(None)
    }

    /// Keeps only what `is_own` accepts: other workers hold the rest.
    pub(crate) fn only(is_own: impl Fn(&M) -> bool + 'static) -> Self {
        Self(Some(Box::new(is_own)))
    }

    fn keep(&self, messages: &mut Vec<M>) {
        if let Some(is_own) = &self.0 {
            messages.retain(is_own);
        }
    }
}

/// Where the rows of a stage go, and the fault of its messages.
struct To {
    name: &'static str, // of the operator
    routing: Routing,
    fault: FaultInjector,
}

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
    /// Creates the tracker; with `is_view`, what this operator has acted on is the view of the worker.
    pub(crate) fn new(worker_context: &WorkerContext, is_view: bool) -> Self {
        Self {
            feed: Arc::clone(&worker_context.feed),
            epochs: 0,
            held: worker_context.holder(),
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

/// A message to the first worker of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct GatherMessage {
    worker: usize,
    is_tally: bool,
    bytes: Vec<u8>,
}

/// Brings messages to the first worker of all; the others get nothing. Every worker must take part.
fn gather(worker: &mut Worker, parcels: Vec<GatherMessage>) -> Vec<GatherMessage> {
    let gathered = Rc::new(RefCell::new(Vec::new()));
    let into = Rc::clone(&gathered);
    let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
        let (input, stream) = scope.new_input::<Vec<GatherMessage>>();
        let to_first = Exchange::new(|_: &GatherMessage| 0);
        let arrived = stream.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(to_first, "gather", move |_, _| {
            move |input, _| input.for_each(|_, parcels| into.borrow_mut().append(parcels))
        });
        (input, arrived.probe().0)
    });
    parcels.into_iter().for_each(|parcel| input.send(parcel));
    input.close();
    while !probe.done() {
        worker.step();
    }
    gathered.take()
}

fn packed(totals: WorkerTotals) -> Vec<u8> {
    let mut bytes = Vec::new();
    Bincode::from(totals).into_bytes(&mut bytes);
    bytes
}

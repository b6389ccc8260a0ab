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

use super::kept::SharedLast;
use super::messages::{Batch, Outbox, Targets, Traffic, whole};
use super::reader::{Reader, Share, Sorter};
use crate::deduplicate::FirstOnly;
use crate::driver::{Census, Driver};
use crate::fault::{Armed, Struck};
use crate::feed::{Delivery, Feed, Partition, Reached};
use crate::home::Home;
use crate::logic::Message;
use crate::order::InArrivalOrder;
use crate::part::{Part, part};
use crate::run::{Choice, RunError, Site, WorkerEnd};

/// The maximum number of records a worker offers before the dataflow is stepped, so that what is in flight stays in
/// the cache.
pub(super) const RECORDS_PER_STEP: usize = 16384;

type Input<M> = InputHandle<u64, CapacityContainerBuilder<Batch<M>>>;
pub(super) type Batches<'s, M> = Stream<'s, u64, Batch<M>>;
pub(super) type Builder<M> = CapacityContainerBuilder<Batch<M>>;

/// How a strategy spreads the work of a pipeline, as seen by one worker.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    /// The number of workers that read, the first ones. Each reads its own epochs, taken in turn.
    pub(super) readers: usize,
    /// Where the messages of the first stage go.
    pub(super) states: Targets,
    /// Where the rows of the first stage go, if there is a second.
    pub(super) windows: Targets,
    /// Where event ids are remembered, if first deliveries are asked for.
    pub(super) deliveries: Targets,
    /// The workers that hold state.
    pub(super) holders: Range<usize>,
}

/// What one worker reports at the end, apart from its answers.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) worker: usize,
    pub(super) late: LateSet,
    /// Entries at the end of the input.
    pub(super) entries: usize,
    pub(super) payload_bytes: usize,
    /// Messages applied to its states.
    pub(super) records: u64,
    /// Messages it sent to other workers.
    pub(super) exchanged_records: u64,
    pub(super) exchanged_bytes: u64,
    /// True if a fault planted on it has struck.
    pub(super) struck: bool,
}

impl Tally {
    /// Returns what the worker did.
    pub(super) fn end(&self) -> WorkerEnd {
        let Tally { records, exchanged_records, exchanged_bytes, .. } = *self;
        WorkerEnd { records, exchanged_records, exchanged_bytes }
    }
}

/// What the operators and the loop of one worker share.
pub(super) struct Desk {
    pub(super) feed: Arc<Feed>,
    pub(super) choice: Choice,
    pub(super) worker: usize,
    /// Workers of all processes.
    pub(super) workers: usize,
    pub(super) spread: Spread,
    process: usize,
    processes: usize,
    driver: Rc<RefCell<Box<dyn Driver>>>,
    probe: ProbeHandle<u64>,
    behind: Option<ProbeHandle<i64>>, // of a dataflow that answers behind this one: its timestamp is event time
    held: RefCell<Vec<Rc<Cell<Census>>>>, // by each operator that keeps anything
    parts: RefCell<Vec<Rc<dyn Any>>>, // here, so that they outlive the dataflow until they have been weighed
    payload: Rc<Cell<(usize, usize)>>, // entries and their bytes when the input had ended
    records: Rc<Cell<u64>>,
    rounds: Rc<Cell<u64>>, // how often an operator had something to do
    traffic: Rc<Cell<Traffic>>,
    pub(super) struck: Struck,
}

/// Runs a dataflow on every worker of this process: `work` builds it with the context it is given and offers
/// everything.
pub(super) fn execute(
    site: &Site,
    spread: impl Fn(&Choice, usize, usize) -> Spread + Send + Sync + 'static,
    work: impl Fn(&mut Worker, Desk) -> Vec<Tally> + Send + Sync + 'static,
) -> Result<Vec<Tally>, RunError> {
    let (choice, feed, drivers) = (site.choice, Arc::clone(&site.feed), Arc::clone(&site.drivers));
    let (process, processes, hook) = (site.home.process(), site.home.processes(), site.hook.clone());
    start(
        site,
        Box::new(move |worker| {
            if let Some(hook) = &hook {
                hook(worker);
            }
            let (index, workers) = (worker.index(), worker.peers());
            let desk = Desk {
                feed: Arc::clone(&feed),
                choice,
                worker: index,
                workers,
                spread: spread(&choice, index, workers),
                process,
                processes,
                driver: Rc::new(RefCell::new(drivers(index))),
                probe: ProbeHandle::new(),
                behind: None,
                held: RefCell::default(),
                parts: RefCell::default(),
                payload: Rc::default(),
                records: Rc::default(),
                rounds: Rc::default(),
                traffic: Rc::default(),
                struck: Struck::default(),
            };
            work(worker, desk)
        }),
    )
}

type Work = Box<dyn Fn(&mut Worker) -> Vec<Tally> + Send + Sync>;

/// Starts the workers; type-erased, so that it is compiled once.
fn start(site: &Site, work: Work) -> Result<Vec<Tally>, RunError> {
    let guards = match &site.home {
        Home::Threads => {
            let config = match site.choice.workers {
                1 => timely::Config::thread(),
                workers => timely::Config::process(workers),
            };
            timely::execute(config, work)
        }
        Home::Processes(cluster) => cluster.connect(site.choice.workers).and_then(|(builders, guard)| {
            timely::execute::execute_from(builders, guard, timely::WorkerConfig::default(), work)
        }),
    };
    let ends = guards.map_err(RunError::Dataflow)?.join();
    let ends: Vec<Vec<Tally>> = ends.into_iter().collect::<Result<_, String>>().map_err(RunError::Dataflow)?;
    Ok(ends.into_iter().flatten().collect())
}

/// What a worker reads: its epochs of the trace, or what was partitioned for it in advance.
pub(super) enum Reading<'a> {
    InTurn,
    Dealt(&'a Partition),
}

impl Desk {
    /// Creates an input for the messages of a reader.
    pub(super) fn input<M: Message>() -> Input<M> {
        Input::new()
    }

    /// Lets through the first delivery of every event, where its id is remembered, and routes it to the next stage.
    pub(super) fn first_deliveries<'s, M: Message>(
        &self,
        deliveries: Batches<'s, Delivery<Event>>,
        horizon: Horizon,
        sorter: Box<dyn Sorter<Event, M>>,
    ) -> Batches<'s, M> {
        let part = part(FirstOnly::within(horizon), self.choice.eviction, Box::new(InArrivalOrder::default()));
        let to = To { name: "first deliveries", targets: self.spread.states.clone(), fault: Armed::not() };
        self.stage(deliveries, Own::everything(), part, sorter, to)
    }

    /// Builds a first stage, which routes its rows to the next stage.
    pub(super) fn rows<'s, M: Message, B: Message>(
        &self,
        messages: Batches<'s, M>,
        own: Own<M>,
        part: Box<dyn Part<M, B>>,
        sorter: Box<dyn Sorter<B, B>>,
    ) -> Batches<'s, B> {
        let to = To { name: "rows", targets: self.spread.windows.clone(), fault: self.fault() };
        self.stage(messages, own, part, sorter, to)
    }

    /// Builds a stage that is followed by another one.
    fn stage<'s, M: Message, B: Message, N: Message>(
        &self,
        messages: Batches<'s, M>,
        own: Own<M>,
        part: Box<dyn Part<M, B>>,
        mut sorter: Box<dyn Sorter<B, N>>,
        to: To,
    ) -> Batches<'s, N> {
        let part = Rc::new(RefCell::new(part));
        self.parts.borrow_mut().push(Rc::clone(&part) as Rc<dyn Any>);
        let mut steps = Steps::new(self, false);
        let To { name, targets, mut fault } = to;
        let mut out = self.outbox(targets);
        messages.unary_frontier::<Builder<N>, _, _, _>(whole(), name, move |capability, _| {
            let mut capability = Some(capability);
            let mut rows = Vec::new();
            move |(input, frontier), output| {
                let mut part = part.borrow_mut();
                input.for_each(|_, batch| {
                    own.keep(&mut batch.messages);
                    steps.taken(batch.messages.len());
                    fault.messages(&mut batch.messages);
                    part.arrive(&mut batch.messages, &mut rows);
                });
                if let Some(reached) = steps.next(frontier, || part.payload()) {
                    part.advance(reached, &mut rows);
                }
                steps.held.set(part.census());
                if let Some(open) = capability.as_ref().filter(|_| !rows.is_empty()) {
                    sorter.sort(&mut rows, &mut out);
                    sorter.flush(&mut out);
                    let mut session = output.session(open);
                    out.drain(|mut batch| session.give_container(&mut batch));
                }
                steps.hold(&mut capability, frontier);
            }
        })
    }

    /// Builds the operator around the last stage: it answers as the frontier advances, and what has been answered is
    /// complete.
    pub(super) fn last<M: Message>(&self, messages: Batches<'_, M>, own: Own<M>, last: SharedLast<M>) {
        let is_view = self.behind.is_none() && self.spread.holders.contains(&self.worker);
        let mut steps = Steps::new(self, is_view);
        let progress = messages.unary_frontier::<Builder<()>, _, _, _>(whole(), "answers", move |capability, _| {
            let mut capability = Some(capability);
            move |(input, frontier), _output| {
                let mut last = last.borrow_mut();
                input.for_each(|_, batch| {
                    own.keep(&mut batch.messages);
                    steps.taken(batch.messages.len());
                    last.take(&mut batch.messages);
                });
                if let Some(reached) = steps.next(frontier, || last.payload()) {
                    last.advance(reached);
                }
                steps.held.set(last.census());
                steps.hold(&mut capability, frontier);
            }
        });
        self.watch(progress);
    }

    /// Routes messages again.
    pub(super) fn sorted<'s, M: Message>(
        &self,
        messages: Batches<'s, M>,
        mut sorter: Box<dyn Sorter<M, M>>,
    ) -> Batches<'s, M> {
        let rounds = Rc::clone(&self.rounds);
        let mut out = self.outbox(Targets::ByRoute { first: 0, count: self.workers });
        messages.unary::<Builder<M>, _, _, _>(whole(), "sort", move |_, _| {
            move |input, output| {
                input.for_each(|time, batch| {
                    rounds.set(rounds.get() + 1);
                    sorter.sort(&mut batch.messages, &mut out);
                    sorter.flush(&mut out);
                    let mut session = output.session(&time);
                    out.drain(|mut batch| session.give_container(&mut batch));
                });
            }
        })
    }

    /// Considers complete what this stream has passed.
    pub(super) fn watch(&self, progress: Batches<'_, ()>) {
        progress.probe_with(&self.probe);
    }

    /// Notes that the last stage hands over to a dataflow whose answers have come as far in event time as `probe`
    /// tells.
    pub(super) fn answers_behind(&mut self, probe: ProbeHandle<i64>) {
        self.behind = Some(probe);
    }

    /// Creates the outbox of an operator of this worker.
    pub(super) fn outbox<M: Message>(&self, targets: Targets) -> Outbox<M> {
        Outbox::new(self.worker, targets, Rc::clone(&self.traffic))
    }

    /// Returns the cell in which an operator shows what it holds.
    pub(super) fn holder(&self) -> Rc<Cell<Census>> {
        let holder = Rc::new(Cell::default());
        self.held.borrow_mut().push(Rc::clone(&holder));
        holder
    }

    /// Offers what this worker has to read as the driver admits it, and steps the dataflow until everything is
    /// complete; returns what was late.
    pub(super) fn offer<M: Message>(
        &self,
        worker: &mut Worker,
        input: Input<M>,
        targets: Targets,
        mut reader: Box<dyn Reader<M>>,
        reading: &Reading<'_>,
    ) -> LateSet {
        let epochs = self.feed.epochs();
        let (mut epoch, turn, records_per_turn) = self.turns(reading);
        let stride = turn * RECORDS_PER_STEP.div_ceil(records_per_turn) as u64;
        let mut late = LateSet::default();
        let mut completed = 0;
        let mut source = (epoch < u64::MAX).then(|| (input, self.outbox(targets)));
        while !(self.probe.done() && self.is_answered(epochs)) {
            let admissible = self.driver.borrow_mut().admissible().min(epochs);
            let rounds = self.rounds.get();
            if let Some((input, out)) = &mut source {
                input.advance_to(epoch.min(epochs));
                if epoch < admissible {
                    let until = admissible.min(epoch + stride);
                    let next = epoch + (until - epoch).div_ceil(turn) * turn;
                    self.driver.borrow_mut().admitted(next.min(epochs));
                    while epoch < next {
                        let share = match reading {
                            Reading::InTurn => Share::Whole(&self.feed, epoch),
                            Reading::Dealt(partition) => Share::Own(partition, epoch),
                        };
                        reader.read(share, &mut late, out);
                        epoch += turn;
                    }
                    reader.flush(out);
                    out.drain(|mut batch| input.send_batch(&mut batch));
                    input.advance_to(epoch.min(epochs));
                    // What is given away is shown before another worker can free it.
                    self.driver.borrow_mut().holds(self.census());
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
            Reading::Dealt(partition) => partition.late(),
        }
    }

    /// Returns the first epoch this worker reads, the step from one to the next, and the records in its share of one.
    fn turns(&self, reading: &Reading<'_>) -> (u64, u64, usize) {
        let records_per_epoch = self.feed.records_per_epoch();
        match reading {
            Reading::Dealt(_) => (0, 1, records_per_epoch.div_ceil(self.workers)),
            Reading::InTurn if self.worker < self.spread.readers => {
                (self.worker as u64, self.spread.readers as u64, records_per_epoch)
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
            driver.holds(self.census());
        }
        if now > *completed {
            *completed = now;
            driver.completed(now);
            if self.behind.is_some() {
                driver.views(now);
            }
        }
        if worked {
            driver.worked();
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

    fn census(&self) -> Census {
        self.held.borrow().iter().fold(Census::default(), |held, part| held.and(part.get()))
    }

    /// Submits the answers when everything is answered, those of other processes through the first one.
    pub(super) fn end<M: 'static>(self, worker: &mut Worker, last: &SharedLast<M>, late: LateSet) -> Vec<Tally> {
        self.driver.borrow_mut().settled();
        let (entries, payload_bytes) = self.payload.get();
        let Traffic { records: exchanged_records, bytes: exchanged_bytes } = self.traffic.get();
        let (worker_index, records, struck) = (self.worker, self.records.get(), self.struck.get());
        let tally = Tally {
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
            last.hand_in(self.worker);
            return vec![tally];
        }
        let parcels = if self.process == 0 {
            last.hand_in(self.worker);
            Vec::new()
        } else {
            let tally = Parcel { worker: self.worker, is_tally: true, bytes: packed(tally) };
            let answers = last.pack().into_iter();
            answers.map(|bytes| Parcel { worker: self.worker, is_tally: false, bytes }).chain([tally]).collect()
        };
        let mut tallies = vec![tally];
        for Parcel { worker, is_tally, bytes } in gather(worker, parcels) {
            match is_tally {
                true => tallies.push(Bincode::<Tally>::from_bytes(BytesMut::from(bytes).freeze()).payload),
                false => last.unpack(worker, bytes),
            }
        }
        tallies
    }
}

/// Which of the messages it sees a worker keeps.
pub(super) struct Own<M>(Option<IsOwn<M>>);

type IsOwn<M> = Box<dyn Fn(&M) -> bool>;

impl<M> Own<M> {
    /// Keeps everything: only what the worker owns arrives.
    pub(super) fn everything() -> Self {
        Self(None)
    }

    /// Keeps only what `is_own` accepts: other workers hold the rest.
    pub(super) fn only(is_own: impl Fn(&M) -> bool + 'static) -> Self {
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
    targets: Targets,
    fault: Armed,
}

/// Tracks how far an operator has come.
pub(super) struct Steps {
    feed: Arc<Feed>,
    epochs: u64,
    pub(super) held: Rc<Cell<Census>>,
    payload: Rc<Cell<(usize, usize)>>,
    records: Rc<Cell<u64>>,
    rounds: Rc<Cell<u64>>,
    driver: Rc<RefCell<Box<dyn Driver>>>,
    is_view: bool,
}

impl Steps {
    /// Creates the tracker; with `is_view`, what this operator has acted on is the view of the worker.
    pub(super) fn new(desk: &Desk, is_view: bool) -> Self {
        Self {
            feed: Arc::clone(&desk.feed),
            epochs: 0,
            held: desk.holder(),
            payload: Rc::clone(&desk.payload),
            records: Rc::clone(&desk.records),
            rounds: Rc::clone(&desk.rounds),
            driver: Rc::clone(&desk.driver),
            is_view,
        }
    }

    /// Counts `messages` that have been received.
    pub(super) fn taken(&self, messages: usize) {
        self.records.set(self.records.get() + messages as u64);
        self.rounds.set(self.rounds.get() + 1);
    }

    /// Returns how far event time has come, if the frontier has advanced. At the end of the input, what is held is
    /// weighed.
    pub(super) fn next(
        &mut self,
        frontier: &MutableAntichain<u64>,
        payload: impl FnOnce() -> (usize, usize),
    ) -> Option<Reached> {
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
    pub(super) fn hold(&self, capability: &mut Option<Capability<u64>>, frontier: &MutableAntichain<u64>) {
        if let Some(open) = capability {
            if self.is_view && *open.time() < self.epochs {
                self.driver.borrow_mut().views(self.epochs);
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
pub(super) fn epochs_behind(frontier: &MutableAntichain<u64>, feed: &Feed) -> u64 {
    frontier.frontier().first().copied().unwrap_or(feed.epochs())
}

/// A message to the first worker of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parcel {
    worker: usize,
    is_tally: bool,
    bytes: Vec<u8>,
}

/// Brings messages to the first worker of all; the others get nothing. Every worker must take part.
fn gather(worker: &mut Worker, parcels: Vec<Parcel>) -> Vec<Parcel> {
    let gathered = Rc::new(RefCell::new(Vec::new()));
    let into = Rc::clone(&gathered);
    let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
        let (input, stream) = scope.new_input::<Vec<Parcel>>();
        let to_first = Exchange::new(|_: &Parcel| 0);
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

fn packed(tally: Tally) -> Vec<u8> {
    let mut bytes = Vec::new();
    Bincode::from(tally).into_bytes(&mut bytes);
    bytes
}

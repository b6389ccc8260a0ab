//! Timely dataflow: every event goes to the worker that holds the state of its key. Stateless work stays where it is read.
//!
//! The timestamp is the epoch. A worker walks its own epochs of the trace, filters in place and gives on only what the
//! pipeline is concerned with. Records of several epochs that are due together travel under the time of the first: that
//! never claims more progress than there is. The keyed operator holds a capability for the frontier, so that an epoch
//! is complete only when everything its watermark allows has been answered.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::{Event, LateSet, mix};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::{Handle as ProbeHandle, Probe};
use timely::dataflow::{InputHandle, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;

use super::{Ends, MakePart, Sheets, WorkerEnd};
use crate::answers::{Change, Row, Spoil};
use crate::deduplicate::FirstDeliveries;
use crate::driver::{Census, Driver, Drivers};
use crate::fault::{Armed, Fault};
use crate::feed::Feed;
use crate::logic::{Key, KeyedLogic, Message, StatelessLogic, WindowLogic};
use crate::part::Part;
use crate::pipeline::{Choice, RunError};
use crate::window::{Signed, WindowPart};

/// Records a worker offers at most before the dataflow is stepped, so that what is on its way stays in the cache.
const RECORDS_PER_STEP: usize = 16384;

type Input<M> = InputHandle<u64, CapacityContainerBuilder<Vec<M>>>;
type Rows<'s, R> = Stream<'s, u64, Vec<R>>;
type Shared<T> = Rc<RefCell<T>>;

pub(super) fn stateless<L: StatelessLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<L::Row>
where
    L::Row: Row,
{
    answered_where_read(logic, choice, feed, drivers, Desk::faulty)
}

pub(super) fn grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<Change<W::Row>> {
    let windows = windows.clone();
    answered_where_read(logic, choice, feed, drivers, move |desk, rows| desk.windows(&windows, rows, true))
}

pub(super) fn keyed<L: KeyedLogic, R: Message + Spoil>(
    logic: &L,
    states: impl MakePart<R>,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<R> {
    let router = logic.clone();
    concerned(logic, choice, feed, drivers, move |desk, events| desk.states(&router, states(), events))
}

pub(super) fn chained<L: KeyedLogic, R: Message + Signed<W::Input>, W: WindowLogic>(
    logic: &L,
    states: impl MakePart<R>,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<Change<W::Row>> {
    let (router, windows) = (logic.clone(), windows.clone());
    concerned(logic, choice, feed, drivers, move |desk, events| {
        let rows = desk.states(&router, states(), events);
        desk.windows(&windows, rows, false)
    })
}

/// What stateless logic answers, at the worker that reads it, through `rest`.
fn answered_where_read<L: StatelessLogic, R: Copy + Spoil + Send + 'static>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
    rest: impl for<'s> Fn(&Desk<R>, Rows<'s, L::Row>) -> Rows<'s, R> + Send + Sync + 'static,
) -> Ends<R> {
    let (logic, choice, feed, drivers) = (logic.clone(), *choice, Arc::clone(feed), Arc::clone(drivers));
    execute(choice.workers, move |worker| {
        let desk = Desk::new(&feed, &choice, drivers(worker.index()), worker.index());
        let mut late = LateSet::default();
        if choice.deduplicate {
            let mut input = Input::<Event>::new();
            worker.dataflow(|scope| {
                let logic = logic.clone();
                let first = desk.first_deliveries(input.to_stream(scope));
                let rows = first.unary(Pipeline, "answer", move |_, _| {
                    move |input, output| {
                        input.for_each(|time, events| {
                            output
                                .session(&time)
                                .give_iterator(events.drain(..).filter_map(|event| logic.answer(&event)));
                        });
                    }
                });
                desk.collect(rest(&desk, rows));
            });
            desk.offer(worker, input, |epoch, out| feed.walk(epoch, &mut late, |event| out.push(*event)));
        } else {
            let mut input = Input::<L::Row>::new();
            worker.dataflow(|scope| desk.collect(rest(&desk, input.to_stream(scope))));
            desk.offer(worker, input, |epoch, out| {
                feed.walk(epoch, &mut late, |event| {
                    if let Some(answer) = logic.answer(event) {
                        out.push(answer);
                    }
                });
            });
        }
        desk.end(late)
    })
}

/// The events that concern keyed logic through `rest`.
fn concerned<L: KeyedLogic, R: Copy + Spoil + Send + 'static>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
    rest: impl for<'s> Fn(&Desk<R>, Rows<'s, Event>) -> Rows<'s, R> + Send + Sync + 'static,
) -> Ends<R> {
    let (logic, choice, feed, drivers) = (logic.clone(), *choice, Arc::clone(feed), Arc::clone(drivers));
    execute(choice.workers, move |worker| {
        let desk = Desk::new(&feed, &choice, drivers(worker.index()), worker.index());
        let mut input = Input::<Event>::new();
        worker.dataflow(|scope| {
            let mut events = input.to_stream(scope);
            if choice.deduplicate {
                events = desk.first_deliveries(events);
            }
            desk.collect(rest(&desk, events));
        });
        let mut late = LateSet::default();
        desk.offer(worker, input, |epoch, out| {
            feed.walk(epoch, &mut late, |event| {
                if logic.key(event).is_some() {
                    out.push(*event);
                }
            });
        });
        desk.end(late)
    })
}

/// Everything one worker's operators and its loop share.
struct Desk<R> {
    feed: Arc<Feed>,
    choice: Choice,
    worker: usize,
    driver: Shared<Box<dyn Driver>>,
    probe: ProbeHandle<u64>,
    answers: Shared<Sheets<R>>,
    parts: Shared<Vec<Rc<dyn Any>>>, // here, so that they outlive the dataflow until they have been weighed
    held: Shared<Vec<Rc<Cell<Census>>>>, // by each part, and by the operator for first deliveries
    payload: Rc<Cell<(usize, usize)>>, // entries and their bytes when the input had ended
}

impl<R: Copy + Spoil + Send + 'static> Desk<R> {
    fn new(feed: &Arc<Feed>, choice: &Choice, driver: Box<dyn Driver>, worker: usize) -> Self {
        Self {
            feed: Arc::clone(feed),
            choice: *choice,
            worker,
            driver: Rc::new(RefCell::new(driver)),
            probe: ProbeHandle::new(),
            answers: Shared::default(),
            parts: Shared::default(),
            held: Shared::default(),
            payload: Rc::default(),
        }
    }

    /// Lets through the first delivery of every event, at the worker of its event id.
    fn first_deliveries<'s>(&self, events: Stream<'s, u64, Vec<Event>>) -> Stream<'s, u64, Vec<Event>> {
        let by_event_id = Exchange::new(|event: &Event| mix(event.event_id()));
        let Some(mut first) = FirstDeliveries::asked_for(&self.choice) else { return events };
        let (feed, held) = (Arc::clone(&self.feed), self.holder());
        events.unary_frontier(by_event_id, "first deliveries", move |_, _| {
            move |(input, frontier), output| {
                input.for_each(|time, events| {
                    events.retain(|event| first.is_first(event));
                    output.session(&time).give_container(events);
                });
                let entries = first.advance(feed.reached(epochs_behind(frontier, &feed)).watermark_ms);
                held.set(Census { entries, ..Census::default() });
            }
        })
    }

    /// A part of the states, fed by key.
    fn states<'s, L: KeyedLogic, A: Message>(
        &self,
        logic: &L,
        part: Box<dyn Part<Event, A>>,
        events: Rows<'s, Event>,
    ) -> Rows<'s, A> {
        let router = logic.clone();
        let by_key = move |event: &Event| router.key(event).map_or(0, Key::route);
        self.partitioned(events, by_key, part, self.choice.fault)
    }

    /// A part of the windows, fed by key; where planted faults strike, if it is the `first` stage.
    fn windows<'s, W: WindowLogic, M: Message + Signed<W::Input>>(
        &self,
        windows: &W,
        rows: Rows<'s, M>,
        first: bool,
    ) -> Rows<'s, Change<W::Row>> {
        let router = windows.clone();
        let by_key = move |row: &M| router.key(row.signed().0).route();
        let fault = self.choice.fault.filter(|_| first);
        self.partitioned(rows, by_key, Box::new(WindowPart::new(windows, &self.choice)), fault)
    }

    /// The operator around a part, answering as the frontier moves.
    fn partitioned<'s, M: Message, A: Message>(
        &self,
        messages: Rows<'s, M>,
        route: impl Fn(&M) -> u64 + 'static,
        part: Box<dyn Part<M, A>>,
        fault: Option<Fault>,
    ) -> Rows<'s, A> {
        let part = Rc::new(RefCell::new(part));
        self.parts.borrow_mut().push(Rc::clone(&part) as Rc<dyn Any>);
        let mut fault = Armed::on(fault, self.worker);
        let feed = Arc::clone(&self.feed);
        let (held, payload) = (self.holder(), Rc::clone(&self.payload));
        messages.unary_frontier(Exchange::new(route), "part", move |capability, _| {
            let mut capability = Some(capability);
            let mut epochs = 0;
            let mut answers = Vec::new();
            move |(input, frontier), output| {
                let mut part = part.borrow_mut();
                input.for_each(|_, batch| {
                    fault.messages(batch);
                    part.arrive(batch, &mut answers);
                });
                let now = epochs_behind(frontier, &feed);
                let ended = frontier.frontier().is_empty();
                if now > epochs {
                    if now == feed.epochs() {
                        let ((entries, bytes), (more_entries, more_bytes)) = (payload.get(), part.payload());
                        payload.set((entries + more_entries, bytes + more_bytes));
                    }
                    part.advance(feed.reached(now), &mut answers);
                    epochs = now;
                    held.set(part.census());
                }
                if let Some(open) = &mut capability {
                    if !answers.is_empty() {
                        output.session(open).give_container(&mut answers);
                        answers.clear();
                    }
                    if ended {
                        capability = None;
                    } else {
                        open.downgrade(&now);
                    }
                }
            }
        })
    }

    /// Where an operator shows what it holds.
    fn holder(&self) -> Rc<Cell<Census>> {
        let holder = Rc::new(Cell::default());
        self.held.borrow_mut().push(Rc::clone(&holder));
        holder
    }

    /// Where a planted fault strikes a stateless pipeline; nothing without one.
    fn faulty<'s, M: Clone + 'static>(&self, messages: Stream<'s, u64, Vec<M>>) -> Stream<'s, u64, Vec<M>> {
        let mut fault = Armed::on(self.choice.fault, self.worker);
        if self.choice.fault.is_none() {
            return messages;
        }
        messages.unary(Pipeline, "faulty", move |_, _| {
            move |input, output| {
                input.for_each(|time, batch| {
                    fault.messages(batch);
                    output.session(&time).give_container(batch);
                });
            }
        })
    }

    /// Takes the answers out of the dataflow, and watches its progress.
    fn collect(&self, rows: Stream<'_, u64, Vec<R>>) {
        let answers = Rc::clone(&self.answers);
        let mut fault = Armed::on(self.choice.fault, self.worker);
        let progress = rows.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "collect", move |_, _| {
            move |input, _output| {
                input.for_each(|_, rows| {
                    fault.answers(rows);
                    answers.borrow_mut().keep(rows);
                });
            }
        });
        progress.probe_with(&self.probe);
    }

    /// Offers this worker's epochs as the driver admits them and steps the dataflow until everything is complete.
    fn offer<M: Clone + 'static>(
        &self,
        worker: &mut Worker,
        input: Input<M>,
        mut send: impl FnMut(u64, &mut Outbox<M>),
    ) {
        let (epochs, peers) = (self.feed.epochs(), worker.peers() as u64);
        let stride = peers * RECORDS_PER_STEP.div_ceil(self.feed.records_per_epoch()) as u64;
        let mut epoch = worker.index() as u64;
        let mut completed = 0;
        let mut outbox = Some(Outbox::new(input));
        while !self.probe.done() {
            let admissible = self.driver.borrow_mut().admissible().min(epochs);
            if let Some(out) = &mut outbox {
                out.advance_to(epoch.min(epochs));
                if epoch < admissible {
                    let until = admissible.min(epoch + stride);
                    while epoch < until {
                        send(epoch, out);
                        epoch += peers;
                    }
                    out.advance_to(epoch.min(epochs));
                    self.driver.borrow_mut().admitted(epoch.min(epochs));
                }
                if epoch >= epochs {
                    outbox = None;
                }
            }
            if epoch >= admissible {
                self.driver.borrow_mut().idle();
            }
            worker.step();
            let now = self.probe.with_frontier(|frontier| frontier.first().copied()).unwrap_or(epochs);
            if now > completed {
                completed = now;
                let mut driver = self.driver.borrow_mut();
                driver.holds(self.census());
                driver.completed(now);
            }
        }
    }

    fn census(&self) -> Census {
        let held = self.held.borrow().iter().fold(Census::default(), |held, part| held.and(part.get()));
        Census { answer_bytes: self.answers.borrow().bytes(), ..held }
    }

    fn end(self, late: LateSet) -> WorkerEnd<R> {
        self.driver.borrow_mut().settled();
        let (entries, payload_bytes) = self.payload.get();
        WorkerEnd { answers: self.answers.take().into_rows(), late, entries, payload_bytes }
    }
}

/// An input that is given whole batches.
struct Outbox<M: Clone + 'static> {
    input: Input<M>,
    batch: Vec<M>,
}

/// Bytes of a batch: below what the allocator keeps at hand for each thread, so that batches are recycled.
const BATCH_BYTES: usize = 24 << 10;

impl<M: Clone + 'static> Outbox<M> {
    const BATCH: usize = BATCH_BYTES / std::mem::size_of::<M>();

    fn new(input: Input<M>) -> Self {
        Self { input, batch: Vec::with_capacity(Self::BATCH) }
    }

    #[inline]
    fn push(&mut self, message: M) {
        if self.batch.len() == Self::BATCH {
            self.flush();
        }
        self.batch.push(message);
    }

    fn flush(&mut self) {
        self.input.send_batch(&mut self.batch);
        self.batch.clear();
        self.batch.reserve_exact(Self::BATCH);
    }

    fn advance_to(&mut self, epoch: u64) {
        if !self.batch.is_empty() {
            self.flush();
        }
        self.input.advance_to(epoch);
    }
}

/// All epochs below this one are complete at the operator's input.
fn epochs_behind(frontier: &MutableAntichain<u64>, feed: &Feed) -> u64 {
    frontier.frontier().first().copied().unwrap_or(feed.epochs())
}

fn execute<R, F>(workers: usize, work: F) -> Ends<R>
where
    R: Send + 'static,
    F: Fn(&mut Worker) -> WorkerEnd<R> + Send + Sync + 'static,
{
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, work).map_err(RunError::Dataflow)?;
    guards.join().into_iter().collect::<Result<_, String>>().map_err(RunError::Dataflow)
}

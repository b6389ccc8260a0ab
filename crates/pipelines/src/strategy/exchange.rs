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
use timely::dataflow::channels::pact::{Exchange, ParallelizationContract, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::{Handle as ProbeHandle, Probe};
use timely::dataflow::{InputHandle, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;

use super::{Ends, MakePart, Sheets, WorkerEnd};
use crate::answers::{Change, Row, Spoil};
use crate::deduplicate::FirstDeliveries;
use crate::driver::{Census, Driver, Drivers};
use crate::fault::Armed;
use crate::feed::{Feed, Reached};
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
    let logic = logic.clone();
    execute(choice, feed, drivers, move |worker, desk| {
        let kept = Rc::new(RefCell::new(Kept::new(PassedOn, &desk)));
        let late = desk.answer_where_read(worker, &logic, |rows| desk.answers(rows, Pipeline, &kept));
        desk.end(&kept, late)
    })
}

pub(super) fn grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<Change<W::Row>> {
    let (logic, windows) = (logic.clone(), windows.clone());
    execute(choice, feed, drivers, move |worker, desk| {
        let kept = Rc::new(RefCell::new(Kept::new(WindowPart::new(&windows, &desk.choice), &desk)));
        let by_window = Exchange::new(by_window(windows.clone()));
        let late = desk.answer_where_read(worker, &logic, |rows| desk.answers(rows, by_window, &kept));
        desk.end(&kept, late)
    })
}

pub(super) fn keyed<L: KeyedLogic, R: Message + Spoil>(
    logic: &L,
    states: impl MakePart<R>,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<R> {
    let logic = logic.clone();
    execute(choice, feed, drivers, move |worker, desk| {
        let kept = Rc::new(RefCell::new(Kept::new(states(), &desk)));
        let input = desk.events(worker, by_key(logic.clone()), Rc::clone(&kept) as Shared<dyn Last<Event>>);
        let late = desk.offer_events(worker, input, &logic);
        desk.end(&kept, late)
    })
}

pub(super) fn chained<L: KeyedLogic, R: Message + Signed<W::Input>, W: WindowLogic>(
    logic: &L,
    states: impl MakePart<R>,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<Change<W::Row>> {
    let (logic, windows) = (logic.clone(), windows.clone());
    execute(choice, feed, drivers, move |worker, desk| {
        // Messages are struck where they come in: at the first stage.
        let windows_part = Kept::new(WindowPart::new(&windows, &desk.choice), &desk);
        let kept = Rc::new(RefCell::new(Kept { messages_fault: Armed::on(None, 0), ..windows_part }));
        let mut input = Input::<Event>::new();
        worker.dataflow(|scope| {
            let events = desk.first_deliveries(input.to_stream(scope));
            let rows = desk.rows(events, by_key(logic.clone()), states());
            desk.answers(rows, Exchange::new(by_window(windows.clone())), &kept);
        });
        let late = desk.offer_events(worker, input, &logic);
        desk.end(&kept, late)
    })
}

/// To which worker a message goes. Dynamic, so that the dataflow of keyed logic is compiled once for all pipelines; asked
/// only where there are several workers.
type Route<M> = Box<dyn Fn(&M) -> u64>;

fn by_key<L: KeyedLogic>(logic: L) -> Route<Event> {
    Box::new(move |event| logic.key(event).map_or(0, Key::route))
}

fn by_window<W: WindowLogic, M: Signed<W::Input>>(windows: W) -> Route<M> {
    Box::new(move |row| windows.key(row.signed().0).route())
}

/// The last stage of a pipeline as the dataflow sees it: it takes messages and keeps its answers.
trait Last<M> {
    /// Takes messages that arrived (leaving `arrived` empty).
    fn take(&mut self, arrived: &mut Vec<M>);
    /// The watermark has moved.
    fn advance(&mut self, reached: Reached);
    /// What is held now.
    fn census(&self) -> Census;
    /// Live entries, and their key and state bytes.
    fn payload(&self) -> (usize, usize);
}

/// A part with the answers it has given.
struct Kept<P, R> {
    part: P,
    messages_fault: Armed, // one strikes what comes in, one what goes out
    answers_fault: Armed,
    answers: Vec<R>,
    sheets: Sheets<R>,
}

impl<P, R: Copy> Kept<P, R> {
    fn new(part: P, desk: &Desk) -> Self {
        let fault = Armed::on(desk.choice.fault, desk.worker);
        Self { part, messages_fault: fault, answers_fault: fault, answers: Vec::new(), sheets: Sheets::default() }
    }
}

impl<P, R: Copy + Spoil> Kept<P, R> {
    fn keep(&mut self) {
        self.answers_fault.answers(&mut self.answers);
        self.sheets.keep(&mut self.answers);
    }
}

impl<M: Clone, R: Copy + Spoil, P: Part<M, R>> Last<M> for Kept<P, R> {
    fn take(&mut self, arrived: &mut Vec<M>) {
        self.messages_fault.messages(arrived);
        self.part.arrive(arrived, &mut self.answers);
        self.keep();
    }

    fn advance(&mut self, reached: Reached) {
        self.part.advance(reached, &mut self.answers);
        self.keep();
    }

    fn census(&self) -> Census {
        Census { answer_bytes: self.sheets.bytes(), ..self.part.census() }
    }

    fn payload(&self) -> (usize, usize) {
        self.part.payload()
    }
}

/// The part of a pipeline without memory: what arrives are the answers.
struct PassedOn;

impl<R> Part<R, R> for PassedOn {
    fn arrive(&mut self, arrived: &mut Vec<R>, out: &mut Vec<R>) {
        out.append(arrived);
    }

    fn advance(&mut self, _reached: Reached, _out: &mut Vec<R>) {}

    fn census(&self) -> Census {
        Census::default()
    }

    fn payload(&self) -> (usize, usize) {
        (0, 0)
    }
}

/// Everything one worker's operators and its loop share. Knows no pipeline.
struct Desk {
    feed: Arc<Feed>,
    choice: Choice,
    worker: usize,
    driver: Shared<Box<dyn Driver>>,
    probe: ProbeHandle<u64>,
    held: Shared<Vec<Rc<Cell<Census>>>>, // by each operator that keeps anything
    parts: Shared<Vec<Rc<dyn Any>>>,     // here, so that they outlive the dataflow until they have been weighed
    payload: Rc<Cell<(usize, usize)>>,   // entries and their bytes when the input had ended
}

impl Desk {
    fn new(feed: &Arc<Feed>, choice: &Choice, driver: Box<dyn Driver>, worker: usize) -> Self {
        Self {
            feed: Arc::clone(feed),
            choice: *choice,
            worker,
            driver: Rc::new(RefCell::new(driver)),
            probe: ProbeHandle::new(),
            held: Shared::default(),
            parts: Shared::default(),
            payload: Rc::default(),
        }
    }

    /// Builds the dataflow of a pipeline that is one keyed stage.
    fn events(&self, worker: &mut Worker, route: Route<Event>, last: Shared<dyn Last<Event>>) -> Input<Event> {
        let mut input = Input::new();
        worker.dataflow(|scope| {
            let events = self.first_deliveries(input.to_stream(scope));
            self.last(events, Exchange::new(route), last);
        });
        input
    }

    /// Lets through the first delivery of every event, at the worker of its event id, if that is asked for.
    fn first_deliveries<'s>(&self, events: Rows<'s, Event>) -> Rows<'s, Event> {
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

    /// Builds the dataflow of a pipeline whose first stage is stateless, `rest` being what comes after it, and offers
    /// everything; tells what was late. The stage is done where events are read, unless second deliveries have to be
    /// taken out before it.
    fn answer_where_read<L: StatelessLogic>(
        &self,
        worker: &mut Worker,
        logic: &L,
        rest: impl FnOnce(Rows<'_, L::Row>),
    ) -> LateSet {
        let mut late = LateSet::default();
        if self.choice.deduplicate {
            let mut input = Input::<Event>::new();
            worker.dataflow(|scope| {
                let logic = logic.clone();
                let first = self.first_deliveries(input.to_stream(scope));
                rest(first.unary(Pipeline, "answer", move |_, _| {
                    move |input, output| {
                        input.for_each(|time, events| {
                            output
                                .session(&time)
                                .give_iterator(events.drain(..).filter_map(|event| logic.answer(&event)));
                        });
                    }
                }));
            });
            self.offer(worker, input, &mut |epoch, out| self.feed.walk(epoch, &mut late, |event| out.push(*event)));
        } else {
            let mut input = Input::<L::Row>::new();
            worker.dataflow(|scope| rest(input.to_stream(scope)));
            self.offer(worker, input, &mut |epoch, out| {
                self.feed.walk(epoch, &mut late, |event| {
                    if let Some(answer) = logic.answer(event) {
                        out.push(answer);
                    }
                });
            });
        }
        late
    }

    /// A first stage: a part of the states, fed by key, that gives its rows on.
    fn rows<'s, A: Message>(
        &self,
        events: Rows<'s, Event>,
        route: Route<Event>,
        part: Box<dyn Part<Event, A>>,
    ) -> Rows<'s, A> {
        let part = Rc::new(RefCell::new(part));
        self.parts.borrow_mut().push(Rc::clone(&part) as Rc<dyn Any>);
        let mut steps = Steps::new(self);
        let mut fault = Armed::on(self.choice.fault, self.worker);
        events.unary_frontier(Exchange::new(route), "rows", move |capability, _| {
            let mut capability = Some(capability);
            let mut rows = Vec::new();
            move |(input, frontier), output| {
                let mut part = part.borrow_mut();
                input.for_each(|_, batch| {
                    fault.messages(batch);
                    part.arrive(batch, &mut rows);
                });
                if let Some(reached) = steps.next(frontier, || part.payload()) {
                    part.advance(reached, &mut rows);
                    steps.held.set(part.census());
                }
                if let Some(open) = capability.as_ref().filter(|_| !rows.is_empty()) {
                    output.session(open).give_container(&mut rows);
                    rows.clear();
                }
                steps.hold(&mut capability, frontier);
            }
        })
    }

    /// The last stage, around a part of which the answers are kept.
    fn answers<M: Message, P: Part<M, R> + 'static, R: Copy + Spoil + 'static>(
        &self,
        messages: Rows<'_, M>,
        pact: impl ParallelizationContract<u64, Vec<M>>,
        kept: &Shared<Kept<P, R>>,
    ) {
        self.last(messages, pact, Rc::clone(kept) as Shared<dyn Last<M>>);
    }

    /// The operator around the last stage: it answers as the frontier moves, and what has been answered is completed.
    fn last<M: Message>(
        &self,
        messages: Rows<'_, M>,
        pact: impl ParallelizationContract<u64, Vec<M>>,
        last: Shared<dyn Last<M>>,
    ) {
        let mut steps = Steps::new(self);
        let progress = messages.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
            pact,
            "answers",
            move |capability, _| {
                let mut capability = Some(capability);
                move |(input, frontier), _output| {
                    let mut last = last.borrow_mut();
                    input.for_each(|_, batch| last.take(batch));
                    if let Some(reached) = steps.next(frontier, || last.payload()) {
                        last.advance(reached);
                        steps.held.set(last.census());
                    }
                    steps.hold(&mut capability, frontier);
                }
            },
        );
        progress.probe_with(&self.probe);
    }

    /// Where an operator shows what it holds.
    fn holder(&self) -> Rc<Cell<Census>> {
        let holder = Rc::new(Cell::default());
        self.held.borrow_mut().push(Rc::clone(&holder));
        holder
    }

    /// Offers the events that concern keyed logic; tells what was late.
    fn offer_events<L: KeyedLogic>(&self, worker: &mut Worker, input: Input<Event>, logic: &L) -> LateSet {
        let mut late = LateSet::default();
        self.offer(worker, input, &mut |epoch, out| {
            self.feed.walk(epoch, &mut late, |event| {
                if logic.key(event).is_some() {
                    out.push(*event);
                }
            });
        });
        late
    }

    /// Offers this worker's epochs as the driver admits them and steps the dataflow until everything is complete.
    fn offer<M: Clone + 'static>(
        &self,
        worker: &mut Worker,
        input: Input<M>,
        send: &mut dyn FnMut(u64, &mut Outbox<M>),
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
        self.held.borrow().iter().fold(Census::default(), |held, part| held.and(part.get()))
    }

    fn end<P, R: Copy>(self, kept: &RefCell<Kept<P, R>>, late: LateSet) -> WorkerEnd<R> {
        self.driver.borrow_mut().settled();
        let (entries, payload_bytes) = self.payload.get();
        let answers = std::mem::take(&mut kept.borrow_mut().sheets).into_rows();
        WorkerEnd { answers, late, entries, payload_bytes }
    }
}

/// How far an operator has come.
struct Steps {
    feed: Arc<Feed>,
    epochs: u64,
    held: Rc<Cell<Census>>,
    payload: Rc<Cell<(usize, usize)>>,
}

impl Steps {
    fn new(desk: &Desk) -> Self {
        let (feed, payload) = (Arc::clone(&desk.feed), Rc::clone(&desk.payload));
        Self { feed, epochs: 0, held: desk.holder(), payload }
    }

    /// How far event time has come, if the frontier has moved. What is held when the input has ended is weighed.
    fn next(&mut self, frontier: &MutableAntichain<u64>, payload: impl FnOnce() -> (usize, usize)) -> Option<Reached> {
        let now = epochs_behind(frontier, &self.feed);
        if now == self.epochs {
            return None;
        }
        if now == self.feed.epochs() {
            let ((entries, bytes), (more_entries, more_bytes)) = (self.payload.get(), payload());
            self.payload.set((entries + more_entries, bytes + more_bytes));
        }
        self.epochs = now;
        Some(self.feed.reached(now))
    }

    /// Keeps a capability for the frontier: what it has passed is completed.
    fn hold(&self, capability: &mut Option<Capability<u64>>, frontier: &MutableAntichain<u64>) {
        if frontier.frontier().is_empty() {
            *capability = None;
        } else if let Some(open) = capability {
            open.downgrade(&self.epochs);
        }
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

/// Does `work` on every worker, each at a desk of its own.
fn execute<R, F>(choice: &Choice, feed: &Arc<Feed>, drivers: &Drivers, work: F) -> Ends<R>
where
    R: Send + 'static,
    F: Fn(&mut Worker, Desk) -> WorkerEnd<R> + Send + Sync + 'static,
{
    let (choice, feed, drivers) = (*choice, Arc::clone(feed), Arc::clone(drivers));
    let config = match choice.workers {
        1 => timely::Config::thread(),
        workers => timely::Config::process(workers),
    };
    let guards = timely::execute(config, move |worker| {
        let desk = Desk::new(&feed, &choice, drivers(worker.index()), worker.index());
        work(worker, desk)
    })
    .map_err(RunError::Dataflow)?;
    guards.join().into_iter().collect::<Result<_, String>>().map_err(RunError::Dataflow)
}

//! Timely dataflow: every event goes to the worker that holds the state of its key. Stateless work stays where it is read.
//!
//! The timestamp is the epoch. A worker walks its own epochs of the trace, filters in place and gives on only what the
//! pipeline is concerned with. Records of several epochs that are due together travel under the time of the first: that
//! never claims more progress than there is. The keyed operator holds a capability for the frontier, so that an epoch
//! is complete only when everything its watermark allows has been answered.

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

use super::{Sheets, WorkerEnd};
use crate::answers::Row;
use crate::deduplicate::FirstDeliveries;
use crate::driver::{Census, Driver, Drivers};
use crate::fault::Armed;
use crate::feed::Feed;
use crate::logic::{Key, KeyedLogic, StatelessLogic};
use crate::part::{self, Part};
use crate::pipeline::{Choice, RunError};

/// Records a worker offers at most before the dataflow is stepped, so that what is on its way stays in the cache.
const RECORDS_PER_STEP: usize = 16384;

type Input<M> = InputHandle<u64, CapacityContainerBuilder<Vec<M>>>;
type Shared<T> = Rc<RefCell<T>>;

pub(super) fn stateless<L: StatelessLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<Vec<WorkerEnd<L::Row>>, RunError> {
    let (logic, choice, feed, drivers) = (logic.clone(), *choice, Arc::clone(feed), Arc::clone(drivers));
    execute(choice.workers, move |worker| {
        let desk = Desk::new(&feed, &choice, drivers(worker.index()), worker.index());
        let mut late = LateSet::default();
        if choice.deduplicate {
            let mut input = Input::<Event>::new();
            worker.dataflow(|scope| {
                let logic = logic.clone();
                let first = desk.first_deliveries(input.to_stream(scope));
                let answers = first.unary(Pipeline, "answer", move |_, _| {
                    move |input, output| {
                        input.for_each(|time, events| {
                            output
                                .session(&time)
                                .give_iterator(events.drain(..).filter_map(|event| logic.answer(&event)));
                        });
                    }
                });
                desk.collect(answers);
            });
            desk.offer(worker, input, |epoch, out| feed.walk(epoch, &mut late, |event| out.push(*event)));
        } else {
            let mut input = Input::<L::Row>::new();
            worker.dataflow(|scope| desk.collect(desk.faulty(input.to_stream(scope))));
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

pub(super) fn keyed<L: KeyedLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<Vec<WorkerEnd<L::Row>>, RunError> {
    let (logic, choice, feed, drivers) = (logic.clone(), *choice, Arc::clone(feed), Arc::clone(drivers));
    execute(choice.workers, move |worker| {
        let desk = Desk::new(&feed, &choice, drivers(worker.index()), worker.index());
        let mut input = Input::<Event>::new();
        worker.dataflow(|scope| {
            let mut events = input.to_stream(scope);
            if choice.deduplicate {
                events = desk.first_deliveries(events);
            }
            desk.collect(desk.keyed(&logic, events));
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
    part: Shared<Option<Box<dyn Part<R>>>>, // here, so that it outlives the dataflow until it has been weighed
    held: Rc<Cell<Census>>,                 // by the keyed operator
    remembered: Rc<Cell<usize>>,            // by the one for first deliveries
    payload: Rc<Cell<(usize, usize)>>,      // entries and their bytes when the input had ended
}

impl<R: Row> Desk<R> {
    fn new(feed: &Arc<Feed>, choice: &Choice, driver: Box<dyn Driver>, worker: usize) -> Self {
        Self {
            feed: Arc::clone(feed),
            choice: *choice,
            worker,
            driver: Rc::new(RefCell::new(driver)),
            probe: ProbeHandle::new(),
            answers: Shared::default(),
            part: Shared::default(),
            held: Rc::default(),
            remembered: Rc::default(),
            payload: Rc::default(),
        }
    }

    /// Lets through the first delivery of every event, at the worker of its event id.
    fn first_deliveries<'s>(&self, events: Stream<'s, u64, Vec<Event>>) -> Stream<'s, u64, Vec<Event>> {
        let by_event_id = Exchange::new(|event: &Event| mix(event.event_id()));
        let Some(mut first) = FirstDeliveries::asked_for(&self.choice) else { return events };
        let (feed, remembered) = (Arc::clone(&self.feed), Rc::clone(&self.remembered));
        events.unary_frontier(by_event_id, "first deliveries", move |_, _| {
            move |(input, frontier), output| {
                input.for_each(|time, events| {
                    events.retain(|event| first.is_first(event));
                    output.session(&time).give_container(events);
                });
                remembered.set(first.advance(feed.watermark_ms(reached(frontier, &feed))));
            }
        })
    }

    /// The keyed operator: a part of the states, fed by key, answering as the frontier moves.
    fn keyed<'s, L>(&self, logic: &L, events: Stream<'s, u64, Vec<Event>>) -> Stream<'s, u64, Vec<R>>
    where
        L: KeyedLogic<Row = R>,
    {
        let router = logic.clone();
        let by_key = Exchange::new(move |event: &Event| router.key(event).map_or(0, Key::route));
        *self.part.borrow_mut() = Some(part::part(logic, &self.choice, self.feed.slack_ms()));
        let part = Rc::clone(&self.part);
        let mut fault = Armed::on(self.choice.fault, self.worker);
        let feed = Arc::clone(&self.feed);
        let (held, payload) = (Rc::clone(&self.held), Rc::clone(&self.payload));
        events.unary_frontier(by_key, "keyed", move |capability, _| {
            let mut capability = Some(capability);
            let mut epochs = 0;
            let mut answers = Vec::new();
            move |(input, frontier), output| {
                let mut part = part.borrow_mut();
                let Some(part) = part.as_mut() else { return };
                input.for_each(|_, events| {
                    fault.messages(events);
                    part.arrive(events, &mut answers);
                });
                let now = reached(frontier, &feed);
                let ended = frontier.frontier().is_empty();
                if now > epochs {
                    if now == feed.epochs() {
                        payload.set(part.payload());
                    }
                    part.advance(feed.watermark_ms(now), &mut answers);
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
        let Census { entries, buffered, .. } = self.held.get();
        let answer_bytes = self.answers.borrow().bytes();
        Census { entries: entries + self.remembered.get(), buffered, answer_bytes }
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
fn reached(frontier: &MutableAntichain<u64>, feed: &Feed) -> u64 {
    frontier.frontier().first().copied().unwrap_or(feed.epochs())
}

fn execute<R, F>(workers: usize, work: F) -> Result<Vec<WorkerEnd<R>>, RunError>
where
    R: Row,
    F: Fn(&mut Worker) -> WorkerEnd<R> + Send + Sync + 'static,
{
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, work).map_err(RunError::Dataflow)?;
    guards.join().into_iter().collect::<Result<_, String>>().map_err(RunError::Dataflow)
}

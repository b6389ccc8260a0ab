//! One plain loop on one thread: no dataflow, no exchange, no progress tracking. The configuration that every parallel
//! one has to beat (McSherry, Isard, Murray: "Scalability! But at what COST?", HotOS 2015).

use std::ops::Range;

use flowbench_events::{Event, LateSet};

use super::dataflow::sink::{CollectingSink, Passthrough, ResultCollector, Sink};
use super::dataflow::{RECORDS_PER_STEP, WorkerTotals};
use super::plan::MakeOperator;
use crate::answers::{Change, Corrupt, Row};
use crate::disorder::Arrival;
use crate::driver::{Driver, StateCounts};
use crate::fault::{FaultInjector, Struck};
use crate::feed::{Delivery, EventTimeProgress, Feed};
use crate::logic::{Delivered, KeyedLogic, Message, StatelessLogic, WindowLogic};
use crate::run::RunContext;
use crate::state::dedup::FirstOnly;
use crate::state::keyed_operator::{StateOperator, keyed_operator};
use crate::state::window_operator::{Signed, WindowOperator};

pub(super) fn stateless<L: StatelessLogic>(
    logic: &L,
    context: &RunContext,
    collector: &ResultCollector<L::Row>,
) -> Vec<WorkerTotals>
where
    L::Row: Row,
{
    through(Passthrough, context, collector, Intake::new(context, |event| logic.answer(event)))
}

pub(super) fn keyed<L: KeyedLogic, R: Message + Corrupt>(
    logic: &L,
    operator: &MakeOperator<Event, R>,
    context: &RunContext,
    collector: &ResultCollector<R>,
) -> Vec<WorkerTotals> {
    through(operator(), context, collector, Intake::new(context, |event| logic.key(event).map(|_| *event)))
}

pub(super) fn chained<L: KeyedLogic, B: Message + Signed<W::Input>, W: WindowLogic>(
    logic: &L,
    operator: &MakeOperator<Event, B>,
    windows: &W,
    context: &RunContext,
    collector: &ResultCollector<Change<W::Row>>,
) -> Vec<WorkerTotals> {
    let operator =
        Chain { first: operator(), between: Vec::new(), second: WindowOperator::new(windows, &context.config) };
    through(operator, context, collector, Intake::new(context, |event| logic.key(event).map(|_| *event)))
}

pub(super) fn grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    context: &RunContext,
    collector: &ResultCollector<Change<W::Row>>,
) -> Vec<WorkerTotals> {
    let operator = WindowOperator::new(windows, &context.config);
    through(operator, context, collector, Intake::new(context, |event| logic.answer(event)))
}

/// Runs every delivery through an operator that makes rows of the first ones.
pub(super) fn deliveries<W: Delivered<Row: Corrupt>>(
    operator: Box<dyn StateOperator<Delivery<W>, W::Row>>,
    context: &RunContext,
    collector: &ResultCollector<W::Row>,
) -> Vec<WorkerTotals> {
    through(operator, context, collector, Deliveries(&context.feed))
}

/// Runs all messages of `source` through one operator that holds all states.
fn through<M: Message, R: Message + Corrupt, P: StateOperator<M, R> + 'static>(
    operator: P,
    context: &RunContext,
    collector: &ResultCollector<R>,
    mut source: impl Source<M>,
) -> Vec<WorkerTotals> {
    let mut driver = (context.drivers)(0);
    let struck = Struck::default();
    let [messages_fault, answers_fault] = [(); 2].map(|()| FaultInjector::on(context.config.fault, true, &struck));
    let mut kept = CollectingSink::new(operator, messages_fault, answers_fault, collector.clone());
    let mut batch = Vec::new();
    let mut totals = WorkerTotals::default();
    let mut room = 0; // for as much as the last epoch had: a batch that grows is copied again and again
    each_step(&context.feed, &mut *driver, |driver, epochs, reached| {
        batch.reserve(room);
        epochs.for_each(|epoch| source.read(epoch, &mut totals.late, &mut batch));
        room = batch.len().next_power_of_two();
        totals.records += batch.len() as u64;
        kept.take(&mut batch);
        if reached.watermark_ms == i64::MAX {
            driver.begin_weighing();
            let ((entries, bytes), (more_entries, more_bytes)) = (kept.payload(), source.payload());
            (totals.entries, totals.payload_bytes) = (entries + more_entries, bytes + more_bytes);
            driver.end_weighing();
        }
        kept.advance(reached);
        kept.state_counts().and(source.advance(reached))
    });
    driver.on_drained();
    kept.submit(0);
    totals.struck = struck.get();
    vec![totals]
}

/// The input, epoch by epoch.
trait Source<M> {
    /// Appends the messages of an epoch; late events that are dropped are added to `late`.
    fn read(&mut self, epoch: u64, late: &mut LateSet, batch: &mut Vec<M>);

    /// Reports that everything up to here has been read; returns what is held.
    fn advance(&mut self, _reached: EventTimeProgress) -> StateCounts {
        StateCounts::default()
    }

    /// Returns the number of live entries, and their key and state bytes.
    fn payload(&self) -> (usize, usize) {
        (0, 0)
    }
}

/// The deliveries as they are.
struct Deliveries<'a>(&'a Feed);

impl<W: Delivered> Source<Delivery<W>> for Deliveries<'_> {
    fn read(&mut self, epoch: u64, late: &mut LateSet, batch: &mut Vec<Delivery<W>>) {
        self.0.deliveries(epoch, late, |delivery| batch.push(delivery));
    }
}

/// The events that concern the pipeline, only first deliveries where that is requested.
struct Intake<'a, F> {
    feed: &'a Feed,
    concerns: F,
    first: Option<InFront>,
}

/// Removes repeated deliveries.
struct InFront {
    operator: Box<dyn StateOperator<Delivery<Event>, Event>>,
    deliveries: Vec<Delivery<Event>>,
    events: Vec<Event>,
}

impl<'a, F> Intake<'a, F> {
    fn new<M>(context: &'a RunContext, concerns: F) -> Self
    where
        F: Fn(&Event) -> Option<M>,
    {
        let first = context.config.deduplicate.map(|horizon| {
            let operator = keyed_operator(FirstOnly::within(horizon), context.config.eviction, Box::new(Arrival));
            InFront { operator, deliveries: Vec::new(), events: Vec::new() }
        });
        Self { feed: &context.feed, concerns, first }
    }
}

impl<M, F: Fn(&Event) -> Option<M>> Source<M> for Intake<'_, F> {
    #[inline]
    fn read(&mut self, epoch: u64, late: &mut LateSet, batch: &mut Vec<M>) {
        match &mut self.first {
            None => self.feed.walk(epoch, late, |event| {
                if let Some(message) = (self.concerns)(event) {
                    batch.push(message);
                }
            }),
            Some(InFront { operator, deliveries, events }) => {
                self.feed.deliveries(epoch, late, |delivery| deliveries.push(delivery));
                operator.arrive(deliveries, events);
                batch.extend(events.drain(..).filter_map(|event| (self.concerns)(&event)));
            }
        }
    }

    fn advance(&mut self, reached: EventTimeProgress) -> StateCounts {
        let Some(InFront { operator, events, .. }) = &mut self.first else { return StateCounts::default() };
        operator.advance(reached, events);
        operator.state_counts()
    }

    fn payload(&self) -> (usize, usize) {
        self.first.as_ref().map_or((0, 0), |first| first.operator.payload())
    }
}

/// Two operators, one after the other.
struct Chain<M, B, P> {
    first: Box<dyn StateOperator<M, B>>,
    between: Vec<B>,
    second: P,
}

impl<M, B: Send, R, P: StateOperator<B, R>> StateOperator<M, R> for Chain<M, B, P> {
    fn arrive(&mut self, arrived: &mut Vec<M>, out: &mut Vec<R>) {
        self.first.arrive(arrived, &mut self.between);
        self.second.arrive(&mut self.between, out);
    }

    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<R>) {
        self.first.advance(reached, &mut self.between);
        self.second.arrive(&mut self.between, out);
        self.second.advance(reached, out);
    }

    fn state_counts(&self) -> StateCounts {
        self.first.state_counts().and(self.second.state_counts())
    }

    fn payload(&self) -> (usize, usize) {
        let ((entries, bytes), (more_entries, more_bytes)) = (self.first.payload(), self.second.payload());
        (entries + more_entries, bytes + more_bytes)
    }
}

/// Takes what the driver admits, in steps of as many records as the workers of a dataflow take; `step` is given the
/// epochs and how far event time has come after them.
fn each_step(
    feed: &Feed,
    driver: &mut dyn Driver,
    mut step: impl FnMut(&mut dyn Driver, Range<u64>, EventTimeProgress) -> StateCounts,
) {
    let epochs_per_step = RECORDS_PER_STEP.div_ceil(feed.records_per_epoch()) as u64;
    let mut epoch = 0;
    while epoch < feed.epochs() {
        let until = driver.admissible().min(feed.epochs()).min(epoch + epochs_per_step);
        if epoch >= until {
            driver.idle().into_iter().for_each(std::thread::park_timeout);
            continue;
        }
        driver.on_admitted(until);
        let state_counts = step(driver, epoch..until, feed.reached(until));
        epoch = until;
        driver.on_state(state_counts);
        driver.on_completed(epoch);
        driver.on_busy();
    }
}

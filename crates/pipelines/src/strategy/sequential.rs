//! One plain loop on one thread: no dataflow, no exchange, no progress tracking. The configuration that every parallel
//! one has to beat (McSherry, Isard, Murray: "Scalability! But at what COST?", HotOS 2015).
//!
//! Decision D-031.

use std::ops::Range;

use flowbench_events::{Event, Horizon, LateSet};

use super::dataflow::context::WorkerTotals;
use super::dataflow::sink::{CollectingSink, ResultCollector, Sink};
use super::dataflow::source_reader::{Deliver, Reader, Router, Share};
use super::dataflow::worker_loop::RECORDS_PER_STEP;
use super::declaration::{Declaration, Executor, Topology};
use super::exchange::by_key;
use super::stage::{FirstStage, Intake, SecondStage};
use crate::answers::Corrupt;
use crate::disorder::Arrival;
use crate::driver::{Driver, OperatorName, StateCounts};
use crate::eviction::StateShare;
use crate::fault::{FaultFired, FaultInjector};
use crate::feed::{Delivery, EventTimeProgress, Feed};
use crate::message::Message;
use crate::run::{RunConfig, RunContext};
use crate::state::dedup::DedupMachine;
use crate::state::keyed_operator::KeyedOperator;
use crate::state::operator::StateOperator;

pub(super) const STRATEGY: Declaration = Declaration {
    allowed_workers: |workers| (workers != 1).then_some("exactly 1 worker"),
    executor: Executor::Sequential,
    ..Declaration::dataflow(
        "sequential",
        "one plain loop on one thread, no dataflow: what the others have to beat",
        Topology { answers_where_read: true, ..Topology::by(by_key) },
    )
};

pub(super) fn one_stage<M: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, R>,
    collector: &ResultCollector<R>,
) -> Vec<WorkerTotals> {
    run(context, &first.intake, (first.operator)(StateShare::WHOLE), collector)
}

pub(super) fn two_stages<M: Message, B: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, B>,
    second: &SecondStage<B, R>,
    collector: &ResultCollector<R>,
) -> Vec<WorkerTotals> {
    let chain = Chain {
        first: (first.operator)(StateShare::WHOLE),
        between: Vec::new(),
        second: (second.operator)(StateShare::WHOLE),
    };
    run(context, &first.intake, Box::new(chain), collector)
}

/// Runs everything through one operator that holds all states.
fn run<M: Message, R: Message + Corrupt>(
    context: &RunContext,
    intake: &Intake<M>,
    operator: Box<dyn StateOperator<M, R>>,
    collector: &ResultCollector<R>,
) -> Vec<WorkerTotals> {
    let mut driver = (context.drivers)(0);
    let fault_fired = FaultFired::default();
    let [messages_fault, answers_fault] = [(); 2].map(|()| FaultInjector::on(context.config.fault, true, &fault_fired));
    let mut sink = CollectingSink::new(operator, messages_fault, answers_fault, collector.clone());
    let mut source = Source::new(&context.feed, intake, &context.config);
    let mut totals = WorkerTotals::default();
    let mut batch = Vec::new();
    let mut room = 0; // for as much as the last step had: a batch that grows is copied again and again
    each_step(&context.feed, &mut *driver, |driver, epochs, reached| {
        batch.reserve(room);
        epochs.for_each(|epoch| source.read(epoch, &mut totals.late, &mut batch));
        room = batch.len().next_power_of_two();
        totals.records += batch.len() as u64;
        sink.take(&mut batch);
        if reached.watermark_ms == i64::MAX {
            driver.begin_weighing();
            let ((entries, bytes), (more_entries, more_bytes)) = (sink.payload(), source.payload());
            (totals.entries, totals.payload_bytes) = (entries + more_entries, bytes + more_bytes);
            driver.end_weighing();
        }
        sink.advance(reached);
        [source.advance(reached), sink.state_counts()]
    });
    driver.on_drained();
    sink.submit(0);
    totals.fault_fired = fault_fired.get();
    vec![totals]
}

/// The messages of the input, epoch by epoch.
struct Source<'a, M> {
    feed: &'a Feed,
    reader: Box<dyn Reader<M>>,
    dedup: Option<Dedup<M>>,
}

/// Removes repeated deliveries.
struct Dedup<M> {
    deliveries: Vec<Delivery<Event>>,
    operator: Box<dyn StateOperator<Delivery<Event>, Event>>,
    events: Vec<Event>,
    router: Box<dyn Router<Event, M>>,
}

impl<'a, M: Message> Source<'a, M> {
    fn new(feed: &'a Feed, intake: &Intake<M>, config: &RunConfig) -> Self {
        let dedup = config.deduplicate.zip(intake.after_dedup.as_ref());
        let dedup = dedup.map(|(horizon, router)| Dedup::new(horizon, router(), config));
        Self { feed, reader: (intake.reader)(), dedup }
    }

    /// Appends the messages of an epoch to `batch`; late events that are dropped are added to `late`.
    fn read(&mut self, epoch: u64, late: &mut LateSet, batch: &mut Vec<M>) {
        let share = Share::Whole(self.feed, epoch);
        match &mut self.dedup {
            None => self.reader.collect(share, late, batch),
            Some(dedup) => dedup.read(share, late, batch),
        }
    }

    /// Reports that everything up to here has been read; returns what is held.
    fn advance(&mut self, reached: EventTimeProgress) -> StateCounts {
        let Some(Dedup { operator, events, .. }) = &mut self.dedup else { return StateCounts::default() };
        operator.advance(reached, events);
        operator.state_counts()
    }

    /// Returns the number of live entries, and their key and state bytes.
    fn payload(&self) -> (usize, usize) {
        self.dedup.as_ref().map_or((0, 0), |dedup| dedup.operator.payload())
    }
}

impl<M: Message> Dedup<M> {
    fn new(horizon: Horizon, router: Box<dyn Router<Event, M>>, config: &RunConfig) -> Self {
        let machine = DedupMachine::within(horizon);
        let operator = Box::new(KeyedOperator::new(machine, config.eviction, StateShare::WHOLE, Box::new(Arrival)));
        Self { deliveries: Vec::new(), operator, events: Vec::new(), router }
    }

    fn read(&mut self, share: Share<'_>, late: &mut LateSet, batch: &mut Vec<M>) {
        Deliver.collect(share, late, &mut self.deliveries);
        self.operator.arrive(&mut self.deliveries, &mut self.events);
        self.router.collect(&mut self.events, batch);
    }
}

/// Two operators, one after the other.
struct Chain<M, B, R> {
    first: Box<dyn StateOperator<M, B>>,
    between: Vec<B>,
    second: Box<dyn StateOperator<B, R>>,
}

impl<M, B: Send, R> StateOperator<M, R> for Chain<M, B, R> {
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
/// epochs and how far event time has come after them, and returns what is held in front of the stages and in them.
fn each_step(
    feed: &Feed,
    driver: &mut dyn Driver,
    mut step: impl FnMut(&mut dyn Driver, Range<u64>, EventTimeProgress) -> [StateCounts; 2],
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
        let [in_front, behind] = step(driver, epoch..until, feed.reached(until));
        epoch = until;
        driver.on_state(in_front.and(behind));
        if driver.wants_operators() {
            let operators = [(OperatorName::FirstDeliveries, in_front), (OperatorName::Whole, behind)];
            driver.on_operators(&mut operators.into_iter());
        }
        driver.on_completed(epoch);
        driver.on_busy();
    }
}

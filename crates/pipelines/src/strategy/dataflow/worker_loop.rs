//! The loop of one worker: it offers what the driver admits, steps the dataflow, and reports what is complete.

use flowbench_events::{Event, LateSet};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::worker::Worker;

use super::context::WorkerContext;
use super::routing::{Batch, Batches, Routing};
use super::source_reader::{Deliver, Reader, Share};
use crate::driver::StateCounts;
use crate::feed::{Delivery, Feed, Partition};
use crate::message::Message;
use crate::strategy::stage::Intake;

/// The maximum number of records a worker offers before the dataflow is stepped, so that what is in flight stays in
/// the cache.
pub(crate) const RECORDS_PER_STEP: usize = 16384;

type Input<M> = InputHandle<u64, CapacityContainerBuilder<Batch<M>>>;

/// Builds what comes after the readers.
type Rest<'a, M> = Box<dyn FnOnce(Batches<'_, M>) + 'a>;

/// What a worker reads: its epochs of the trace, or what was partitioned for it in advance.
pub(crate) enum Reading<'a> {
    InTurn,
    Prepartitioned(&'a Partition),
}

impl<'a> Reading<'a> {
    /// Returns the share of an epoch.
    fn share(&self, feed: &'a Feed, epoch: u64) -> Share<'a> {
        match self {
            Reading::InTurn => Share::Whole(feed, epoch),
            Reading::Prepartitioned(partition) => Share::Own(partition, epoch),
        }
    }

    /// Returns what `worker` reads, where the input may have been partitioned in advance.
    pub(crate) fn of(worker: usize, partitions: Option<&'a Vec<Partition>>) -> Self {
        partitions.map_or(Reading::InTurn, |partitions| Reading::Prepartitioned(&partitions[worker]))
    }
}

impl WorkerContext {
    /// Builds a dataflow, with `rest` after its readers, and offers everything; returns what was late. Messages are
    /// made where events are read, unless repeated deliveries must be removed first.
    pub(crate) fn run<M: Message>(
        &self,
        worker: &mut Worker,
        intake: &Intake<M>,
        reading: &Reading<'_>,
        rest: Rest<'_, M>,
    ) -> LateSet {
        match self.config.deduplicate.zip(intake.after_dedup.as_ref()) {
            Some((horizon, router)) => {
                let mut input = Input::<Delivery<Event>>::new();
                worker.dataflow(|scope| rest(self.first_deliveries(input.to_stream(scope), horizon, router())));
                self.offer(worker, input, self.placement.event_ids.clone(), Box::new(Deliver), reading)
            }
            None => {
                let mut input = Input::<M>::new();
                worker.dataflow(|scope| rest(input.to_stream(scope)));
                self.offer(worker, input, self.placement.states.clone(), (intake.reader)(), reading)
            }
        }
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
        let (mut epoch, stride, records_per_share) = self.reading_pattern(reading);
        let span = stride * RECORDS_PER_STEP.div_ceil(records_per_share) as u64;
        let mut late = LateSet::default();
        let mut completed = 0;
        let mut source = (epoch < u64::MAX).then(|| (input, self.outbox(routing)));
        loop {
            let epochs = self.feed.epochs();
            if self.probe.done() && self.is_answered(epochs) {
                break;
            }
            let admissible = self.driver.borrow_mut().admissible().min(epochs);
            let rounds = self.rounds.get();
            if let Some((input, out)) = &mut source {
                input.advance_to(epoch.min(epochs));
                if epoch < admissible {
                    let until = admissible.min(epoch + span);
                    let next = epoch + (until - epoch).div_ceil(stride) * stride;
                    self.driver.borrow_mut().on_admitted(next.min(epochs));
                    for epoch in (epoch..next).step_by(stride as usize) {
                        reader.read(reading.share(&self.feed, epoch), &mut late, out);
                    }
                    epoch = next;
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
            self.step(worker, rounds);
            self.report(&mut completed, rounds);
        }
        match reading {
            Reading::InTurn => late,
            Reading::Prepartitioned(partition) => partition.late(),
        }
    }

    /// Steps the dataflow; sleeps until something arrives if there has been nothing to do since `rounds`.
    fn step(&self, worker: &mut Worker, rounds: u64) {
        let park = if self.rounds.get() > rounds { None } else { self.driver.borrow_mut().idle() };
        match park {
            Some(_) => worker.step_or_park(park),
            None => worker.step(),
        };
    }

    /// Returns the first epoch this worker reads, the step from one to the next, and the records in its share of one.
    fn reading_pattern(&self, reading: &Reading<'_>) -> (u64, u64, usize) {
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
    fn report(&self, completed: &mut u64, rounds: u64) {
        let mut driver = self.driver.borrow_mut();
        let passed = self.probe.with_frontier(|frontier| frontier.first().copied()).unwrap_or(self.feed.epochs());
        let now = self.answered(*completed, passed);
        let worked = self.rounds.get() > rounds || now < passed;
        if worked || now > *completed {
            driver.on_state(self.state_counts());
            if driver.wants_operators() {
                let held = self.held.borrow();
                driver.on_operators(&mut held.iter().map(|(operator, counts)| (*operator, counts.get())));
                self.tell_arrangements.iter().for_each(|tell| tell(&mut **driver));
            }
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

    /// Reports what the last stage holds when everything has been answered: a dataflow behind it has given back what
    /// expired since the stage was told of the end.
    pub(crate) fn show_at_the_end(&self, held: StateCounts) {
        self.held.borrow().last().into_iter().for_each(|(_, last)| last.set(held));
        self.driver.borrow_mut().on_state(self.state_counts());
    }

    fn state_counts(&self) -> StateCounts {
        self.held.borrow().iter().fold(StateCounts::default(), |held, operator| held.and(operator.1.get()))
    }
}

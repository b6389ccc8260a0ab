//! One plain loop on one thread: no dataflow, no exchange, no progress tracking. The configuration that every parallel one
//! has to beat (McSherry, Isard, Murray: "Scalability! But at what COST?", HotOS 2015).

use flowbench_events::{Event, LateSet};

use super::{MakePart, Sheets, WorkerEnd};
use crate::answers::{Change, Row, Spoil};
use crate::deduplicate::FirstDeliveries;
use crate::driver::{Census, Driver};
use crate::fault::Armed;
use crate::feed::{Feed, Reached};
use crate::logic::{KeyedLogic, StatelessLogic, WindowLogic};
use crate::part::Part;
use crate::pipeline::Choice;
use crate::window::{Signed, WindowPart};

pub(super) fn stateless<L: StatelessLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
) -> WorkerEnd<L::Row>
where
    L::Row: Row,
{
    let mut intake = Intake::new(feed, choice);
    let mut kept = Sheets::default();
    let mut batch = Vec::new();
    let mut fault = Armed::on(choice.fault, 0);
    each_epoch(feed, driver, |epoch, reached| {
        intake.walk(epoch, |event| batch.extend(logic.answer(event)));
        fault.messages(&mut batch);
        fault.answers(&mut batch);
        kept.keep(&mut batch);
        Census { entries: intake.advance(reached), buffered: 0, answer_bytes: kept.bytes() }
    });
    WorkerEnd { answers: kept.into_rows(), late: intake.late, entries: 0, payload_bytes: 0 }
}

pub(super) fn keyed<L: KeyedLogic, R: Copy + Spoil>(
    logic: &L,
    states: impl MakePart<R>,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
) -> WorkerEnd<R> {
    through(states(), choice, feed, driver, |event| logic.key(event).map(|_| *event))
}

pub(super) fn chained<L: KeyedLogic, R: Copy + Signed<W::Input> + 'static, W: WindowLogic>(
    logic: &L,
    states: impl MakePart<R>,
    windows: &W,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
) -> WorkerEnd<Change<W::Row>> {
    let part = Chain { first: states(), between: Vec::new(), second: WindowPart::new(windows, choice) };
    through(Box::new(part), choice, feed, driver, |event| logic.key(event).map(|_| *event))
}

pub(super) fn grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
) -> WorkerEnd<Change<W::Row>> {
    through(Box::new(WindowPart::new(windows, choice)), choice, feed, driver, |event| logic.answer(event))
}

/// Every event that concerns the pipeline through one part that holds all states.
fn through<M: Clone, R: Copy + Spoil>(
    mut part: Box<dyn Part<M, R>>,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
    concerns: impl Fn(&Event) -> Option<M>,
) -> WorkerEnd<R> {
    let mut intake = Intake::new(feed, choice);
    let (mut answers, mut kept) = (Vec::new(), Sheets::default());
    let mut batch = Vec::new();
    let mut fault = Armed::on(choice.fault, 0);
    let (mut entries, mut payload_bytes) = (0, 0);
    each_epoch(feed, driver, |epoch, reached| {
        intake.walk(epoch, |event| {
            if let Some(message) = concerns(event) {
                batch.push(message);
            }
        });
        fault.messages(&mut batch);
        part.arrive(&mut batch, &mut answers);
        if reached.watermark_ms == i64::MAX {
            (entries, payload_bytes) = part.payload();
        }
        part.advance(reached, &mut answers);
        fault.answers(&mut answers);
        kept.keep(&mut answers);
        let Census { entries, buffered, .. } = part.census();
        let entries = entries + intake.advance(reached);
        Census { entries, buffered, answer_bytes: kept.bytes() }
    });
    driver.settled();
    WorkerEnd { answers: kept.into_rows(), late: intake.late, entries, payload_bytes }
}

/// Two parts, one after the other.
struct Chain<M, B, P> {
    first: Box<dyn Part<M, B>>,
    between: Vec<B>,
    second: P,
}

impl<M, B, R, P: Part<B, R>> Part<M, R> for Chain<M, B, P> {
    fn arrive(&mut self, arrived: &mut Vec<M>, out: &mut Vec<R>) {
        self.first.arrive(arrived, &mut self.between);
        self.second.arrive(&mut self.between, out);
    }

    fn advance(&mut self, reached: Reached, out: &mut Vec<R>) {
        self.first.advance(reached, &mut self.between);
        self.second.arrive(&mut self.between, out);
        self.second.advance(reached, out);
    }

    fn census(&self) -> Census {
        self.first.census().and(self.second.census())
    }

    fn payload(&self) -> (usize, usize) {
        let ((entries, bytes), (more_entries, more_bytes)) = (self.first.payload(), self.second.payload());
        (entries + more_entries, bytes + more_bytes)
    }
}

/// What comes in: the events of an epoch that are in time, first deliveries only where that is asked for.
struct Intake<'a> {
    feed: &'a Feed,
    late: LateSet,
    first: Option<FirstDeliveries>,
}

impl<'a> Intake<'a> {
    fn new(feed: &'a Feed, choice: &Choice) -> Self {
        Self { feed, late: LateSet::default(), first: FirstDeliveries::asked_for(choice) }
    }

    #[inline]
    fn walk(&mut self, epoch: u64, mut give: impl FnMut(&Event)) {
        match &mut self.first {
            None => self.feed.walk(epoch, &mut self.late, give),
            Some(first) => self.feed.walk(epoch, &mut self.late, |event| {
                if first.is_first(event) {
                    give(event);
                }
            }),
        }
    }

    /// Forgets first deliveries; tells how many are remembered.
    fn advance(&mut self, reached: Reached) -> usize {
        self.first.as_mut().map_or(0, |first| first.advance(reached.watermark_ms))
    }
}

/// Takes epoch after epoch as the driver admits them; `step` gets each with how far event time has come behind it.
fn each_epoch(feed: &Feed, driver: &mut dyn Driver, mut step: impl FnMut(u64, Reached) -> Census) {
    let mut epoch = 0;
    while epoch < feed.epochs() {
        let admissible = driver.admissible().min(feed.epochs());
        if epoch >= admissible {
            driver.idle();
        }
        while epoch < admissible {
            let census = step(epoch, feed.reached(epoch + 1));
            epoch += 1;
            driver.admitted(epoch);
            driver.holds(census);
            driver.completed(epoch);
        }
    }
}

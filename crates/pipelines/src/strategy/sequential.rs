//! One plain loop on one thread: no dataflow, no exchange, no progress tracking. The configuration that every parallel one
//! has to beat (McSherry, Isard, Murray: "Scalability! But at what COST?", HotOS 2015).

use flowbench_events::{Event, LateSet};

use super::{Sheets, WorkerEnd};
use crate::deduplicate::FirstDeliveries;
use crate::driver::{Census, Driver};
use crate::fault::Armed;
use crate::feed::Feed;
use crate::logic::{KeyedLogic, StatelessLogic};
use crate::part;
use crate::pipeline::Choice;

pub(super) fn stateless<L: StatelessLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
) -> WorkerEnd<L::Row> {
    let mut intake = Intake::new(feed, choice);
    let mut kept = Sheets::default();
    let mut batch = Vec::new();
    let mut fault = Armed::on(choice.fault, 0);
    each_epoch(feed, driver, |epoch, watermark_ms| {
        intake.walk(epoch, |event| batch.extend(logic.answer(event)));
        fault.messages(&mut batch);
        fault.answers(&mut batch);
        kept.keep(&mut batch);
        Census { entries: intake.advance(watermark_ms), buffered: 0, answer_bytes: kept.bytes() }
    });
    WorkerEnd { answers: kept.into_rows(), late: intake.late, entries: 0, payload_bytes: 0 }
}

pub(super) fn keyed<L: KeyedLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Feed,
    driver: &mut dyn Driver,
) -> WorkerEnd<L::Row> {
    let mut intake = Intake::new(feed, choice);
    let mut part = part::part(logic, choice, feed.slack_ms());
    let (mut answers, mut kept) = (Vec::new(), Sheets::default());
    let mut batch = Vec::new();
    let mut fault = Armed::on(choice.fault, 0);
    let (mut entries, mut payload_bytes) = (0, 0);
    each_epoch(feed, driver, |epoch, watermark_ms| {
        intake.walk(epoch, |event| {
            if logic.key(event).is_some() {
                batch.push(*event);
            }
        });
        fault.messages(&mut batch);
        part.arrive(&mut batch, &mut answers);
        if watermark_ms == i64::MAX {
            (entries, payload_bytes) = part.payload();
        }
        part.advance(watermark_ms, &mut answers);
        fault.answers(&mut answers);
        kept.keep(&mut answers);
        let Census { entries, buffered, .. } = part.census();
        let entries = entries + intake.advance(watermark_ms);
        Census { entries, buffered, answer_bytes: kept.bytes() }
    });
    driver.settled();
    WorkerEnd { answers: kept.into_rows(), late: intake.late, entries, payload_bytes }
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
    fn advance(&mut self, watermark_ms: i64) -> usize {
        self.first.as_mut().map_or(0, |first| first.advance(watermark_ms))
    }
}

/// Takes epoch after epoch as the driver admits them; `step` gets each with the watermark behind it.
fn each_epoch(feed: &Feed, driver: &mut dyn Driver, mut step: impl FnMut(u64, i64) -> Census) {
    let mut epoch = 0;
    while epoch < feed.epochs() {
        let admissible = driver.admissible().min(feed.epochs());
        if epoch >= admissible {
            driver.idle();
        }
        while epoch < admissible {
            let census = step(epoch, feed.watermark_ms(epoch + 1));
            epoch += 1;
            driver.admitted(epoch);
            driver.holds(census);
            driver.completed(epoch);
        }
    }
}

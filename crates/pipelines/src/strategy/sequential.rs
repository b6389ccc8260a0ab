//! One plain loop on one thread: no dataflow, no exchange, no progress tracking. The configuration that every parallel
//! one has to beat (McSherry, Isard, Murray: "Scalability! But at what COST?", HotOS 2015).

use flowbench_events::{Event, LateSet};

use super::dataflow::Tally;
use super::kept::{Kept, Last, PassedOn, Tray};
use super::plan::MakePart;
use crate::answers::{Change, Row, Spoil};
use crate::deduplicate::FirstDeliveries;
use crate::driver::{Census, Driver};
use crate::fault::Armed;
use crate::feed::{Feed, Reached};
use crate::logic::{KeyedLogic, Message, StatelessLogic, WindowLogic};
use crate::part::Part;
use crate::pipeline::{Choice, Site};
use crate::window::{Signed, WindowPart};

pub(super) fn stateless<L: StatelessLogic>(logic: &L, site: &Site, tray: &Tray<L::Row>) -> Vec<Tally>
where
    L::Row: Row,
{
    through(PassedOn, site, tray, |event| logic.answer(event))
}

pub(super) fn keyed<L: KeyedLogic, R: Message + Spoil>(
    logic: &L,
    part: &MakePart<Event, R>,
    site: &Site,
    tray: &Tray<R>,
) -> Vec<Tally> {
    through(part(), site, tray, |event| logic.key(event).map(|_| *event))
}

pub(super) fn chained<L: KeyedLogic, B: Message + Signed<W::Input>, W: WindowLogic>(
    logic: &L,
    part: &MakePart<Event, B>,
    windows: &W,
    site: &Site,
    tray: &Tray<Change<W::Row>>,
) -> Vec<Tally> {
    let part = Chain { first: part(), between: Vec::new(), second: WindowPart::new(windows, &site.choice) };
    through(part, site, tray, |event| logic.key(event).map(|_| *event))
}

pub(super) fn grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    site: &Site,
    tray: &Tray<Change<W::Row>>,
) -> Vec<Tally> {
    through(WindowPart::new(windows, &site.choice), site, tray, |event| logic.answer(event))
}

/// Every event that concerns the pipeline through one part that holds all states.
fn through<M: Message, R: Message + Spoil, P: Part<M, R> + 'static>(
    part: P,
    site: &Site,
    tray: &Tray<R>,
    concerns: impl Fn(&Event) -> Option<M>,
) -> Vec<Tally> {
    let mut driver = (site.drivers)(0);
    let mut intake = Intake::new(&site.feed, &site.choice);
    let fault = Armed::on(site.choice.fault, true);
    let mut kept = Kept::new(part, fault, fault, tray.clone());
    let mut batch = Vec::new();
    let mut tally = Tally::default();
    let mut room = 0; // for as much as the last epoch had: a batch that grows is copied again and again
    each_epoch(&site.feed, &mut *driver, |epoch, reached| {
        batch.reserve(room);
        intake.walk(epoch, |event| {
            if let Some(message) = concerns(event) {
                batch.push(message);
            }
        });
        room = batch.len().next_power_of_two();
        tally.records += batch.len() as u64;
        kept.take(&mut batch);
        if reached.watermark_ms == i64::MAX {
            (tally.entries, tally.payload_bytes) = kept.payload();
        }
        kept.advance(reached);
        let census = kept.census();
        Census { entries: census.entries + intake.advance(reached), ..census }
    });
    driver.settled();
    kept.hand_in(0);
    vec![Tally { late: intake.late, ..tally }]
}

/// Two parts, one after the other.
struct Chain<M, B, P> {
    first: Box<dyn Part<M, B>>,
    between: Vec<B>,
    second: P,
}

impl<M, B: Send, R, P: Part<B, R>> Part<M, R> for Chain<M, B, P> {
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
            driver.worked();
        }
    }
}

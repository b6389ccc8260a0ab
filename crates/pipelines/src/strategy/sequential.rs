//! One plain loop on one thread: no dataflow, no exchange, no progress tracking. The configuration that every parallel
//! one has to beat (McSherry, Isard, Murray: "Scalability! But at what COST?", HotOS 2015).

use std::ops::Range;

use flowbench_events::{Event, LateSet};

use super::dataflow::{RECORDS_PER_STEP, Tally};
use super::kept::{Kept, Last, PassedOn, Tray};
use super::plan::MakePart;
use crate::answers::{Change, Row, Spoil};
use crate::deduplicate::FirstOnly;
use crate::driver::{Census, Driver};
use crate::fault::{Armed, Struck};
use crate::feed::{Delivery, Feed, Reached};
use crate::logic::{Delivered, KeyedLogic, Message, StatelessLogic, WindowLogic};
use crate::order::Arrival;
use crate::part::{Part, part};
use crate::run::Site;
use crate::window::{Signed, WindowPart};

pub(super) fn stateless<L: StatelessLogic>(logic: &L, site: &Site, tray: &Tray<L::Row>) -> Vec<Tally>
where
    L::Row: Row,
{
    through(PassedOn, site, tray, Intake::new(site, |event| logic.answer(event)))
}

pub(super) fn keyed<L: KeyedLogic, R: Message + Spoil>(
    logic: &L,
    part: &MakePart<Event, R>,
    site: &Site,
    tray: &Tray<R>,
) -> Vec<Tally> {
    through(part(), site, tray, Intake::new(site, |event| logic.key(event).map(|_| *event)))
}

pub(super) fn chained<L: KeyedLogic, B: Message + Signed<W::Input>, W: WindowLogic>(
    logic: &L,
    part: &MakePart<Event, B>,
    windows: &W,
    site: &Site,
    tray: &Tray<Change<W::Row>>,
) -> Vec<Tally> {
    let part = Chain { first: part(), between: Vec::new(), second: WindowPart::new(windows, &site.choice) };
    through(part, site, tray, Intake::new(site, |event| logic.key(event).map(|_| *event)))
}

pub(super) fn grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    site: &Site,
    tray: &Tray<Change<W::Row>>,
) -> Vec<Tally> {
    let part = WindowPart::new(windows, &site.choice);
    through(part, site, tray, Intake::new(site, |event| logic.answer(event)))
}

/// Runs every delivery through an operator that makes rows of the first ones.
pub(super) fn deliveries<W: Delivered<Row: Spoil>>(
    part: Box<dyn Part<Delivery<W>, W::Row>>,
    site: &Site,
    tray: &Tray<W::Row>,
) -> Vec<Tally> {
    through(part, site, tray, Deliveries(&site.feed))
}

/// Runs all messages of `source` through one operator that holds all states.
fn through<M: Message, R: Message + Spoil, P: Part<M, R> + 'static>(
    part: P,
    site: &Site,
    tray: &Tray<R>,
    mut source: impl Source<M>,
) -> Vec<Tally> {
    let mut driver = (site.drivers)(0);
    let struck = Struck::default();
    let [messages_fault, answers_fault] = [(); 2].map(|()| Armed::on(site.choice.fault, true, &struck));
    let mut kept = Kept::new(part, messages_fault, answers_fault, tray.clone());
    let mut batch = Vec::new();
    let mut tally = Tally::default();
    let mut room = 0; // for as much as the last epoch had: a batch that grows is copied again and again
    each_step(&site.feed, &mut *driver, |driver, epochs, reached| {
        batch.reserve(room);
        epochs.for_each(|epoch| source.read(epoch, &mut tally.late, &mut batch));
        room = batch.len().next_power_of_two();
        tally.records += batch.len() as u64;
        kept.take(&mut batch);
        if reached.watermark_ms == i64::MAX {
            driver.begin_weighing();
            let ((entries, bytes), (more_entries, more_bytes)) = (kept.payload(), source.payload());
            (tally.entries, tally.payload_bytes) = (entries + more_entries, bytes + more_bytes);
            driver.end_weighing();
        }
        kept.advance(reached);
        kept.census().and(source.advance(reached))
    });
    driver.settled();
    kept.hand_in(0);
    tally.struck = struck.get();
    vec![tally]
}

/// The input, epoch by epoch.
trait Source<M> {
    /// Appends the messages of an epoch; late events that are dropped are added to `late`.
    fn read(&mut self, epoch: u64, late: &mut LateSet, batch: &mut Vec<M>);

    /// Reports that everything up to here has been read; returns what is held.
    fn advance(&mut self, _reached: Reached) -> Census {
        Census::default()
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
    part: Box<dyn Part<Delivery<Event>, Event>>,
    deliveries: Vec<Delivery<Event>>,
    events: Vec<Event>,
}

impl<'a, F> Intake<'a, F> {
    fn new<M>(site: &'a Site, concerns: F) -> Self
    where
        F: Fn(&Event) -> Option<M>,
    {
        let first = site.choice.deduplicate.map(|horizon| {
            let part = part(FirstOnly::within(horizon), site.choice.eviction, Box::new(Arrival));
            InFront { part, deliveries: Vec::new(), events: Vec::new() }
        });
        Self { feed: &site.feed, concerns, first }
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
            Some(InFront { part, deliveries, events }) => {
                self.feed.deliveries(epoch, late, |delivery| deliveries.push(delivery));
                part.arrive(deliveries, events);
                batch.extend(events.drain(..).filter_map(|event| (self.concerns)(&event)));
            }
        }
    }

    fn advance(&mut self, reached: Reached) -> Census {
        let Some(InFront { part, events, .. }) = &mut self.first else { return Census::default() };
        part.advance(reached, events);
        part.census()
    }

    fn payload(&self) -> (usize, usize) {
        self.first.as_ref().map_or((0, 0), |first| first.part.payload())
    }
}

/// Two operators, one after the other.
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

/// Takes what the driver admits, in steps of as many records as the workers of a dataflow take; `step` is given the
/// epochs and how far event time has come after them.
fn each_step(
    feed: &Feed,
    driver: &mut dyn Driver,
    mut step: impl FnMut(&mut dyn Driver, Range<u64>, Reached) -> Census,
) {
    let epochs_per_step = RECORDS_PER_STEP.div_ceil(feed.records_per_epoch()) as u64;
    let mut epoch = 0;
    while epoch < feed.epochs() {
        let until = driver.admissible().min(feed.epochs()).min(epoch + epochs_per_step);
        if epoch >= until {
            driver.idle().into_iter().for_each(std::thread::park_timeout);
            continue;
        }
        driver.admitted(until);
        let census = step(driver, epoch..until, feed.reached(until));
        epoch = until;
        driver.holds(census);
        driver.completed(epoch);
        driver.worked();
    }
}

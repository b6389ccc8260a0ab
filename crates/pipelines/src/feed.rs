//! How a trace is cut into epochs and what its watermark is at each of them.
//!
//! Decisions D-001, D-007 and D-009.

use std::ops::Range;
use std::sync::Arc;

use flowbench_events::{Event, LateSet, Lateness, Sources, Trace, WatermarkRule};
use serde::{Deserialize, Serialize};

pub use crate::event_time_progress::EventTimeProgress;
use crate::live_epochs::LiveEpochs;
use crate::logic::Delivered;
use crate::message::{Message, OrderKey, Timed};

/// A trace cut into epochs of equal length, with the watermark known at every cut.
///
/// Epoch `e` holds the records `e * records_per_epoch ..`. Worker `w` of `n` offers the epochs `e` with `e % n == w`. The
/// watermark at a cut is a function of the trace and the rule alone, so the same events are late for any number of
/// workers.
#[derive(Debug, Clone)]
pub struct Feed {
    trace: Arc<Trace>,
    records_per_epoch: usize,
    rule: WatermarkRule,
    drops_late: bool,
    newest_before_ms: Vec<i64>, // at each cut: newest event time of the epochs before it
    arrivals_from_ms: Vec<i64>, // at each cut: least arrival time of the epochs behind it
    foreseen: Option<Foreseen>,
    live: Option<Arc<LiveEpochs>>,
}

/// What is known beforehand where the watermark is held behind every channel, or the clock has moved it.
#[derive(Debug, Clone)]
struct Foreseen {
    watermark_before_ms: Vec<i64>, // at each cut
    late: Vec<usize>,              // indices of the late events, ascending
}

/// A delivery, with its number in the trace, from 0: the whole event, or what has to be known of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Delivery<W> {
    pub(crate) number: u64,
    pub(crate) what: W,
}

/// The order of deliveries is that of their numbers.
impl<W: Message> Timed for Delivery<W> {
    #[inline]
    fn event_time_ms(&self) -> i64 {
        self.number as i64
    }

    #[inline]
    fn order_key(&self) -> OrderKey {
        (self.number as i64, 0)
    }
}

impl Feed {
    /// Cuts `trace` into epochs of `records_per_epoch` (at least 1), with a watermark by `rule` (a slack in ms, or more).
    /// With `drops_late`, late events are not given on.
    pub fn new(trace: Arc<Trace>, records_per_epoch: usize, rule: impl Into<WatermarkRule>, drops_late: bool) -> Self {
        let (rule, records_per_epoch) = (rule.into(), records_per_epoch.max(1));
        let mut newest_ms = i64::MIN;
        let mut newest_before_ms = vec![newest_ms];
        for epoch in trace.events.chunks(records_per_epoch) {
            newest_ms = epoch.iter().fold(newest_ms, |newest, event| newest.max(event.event_time_ms()));
            newest_before_ms.push(newest_ms);
        }
        let is_plain = rule.sources == Sources::Merged && trace.recording.heartbeats.is_empty();
        let foreseen = (!is_plain).then(|| Foreseen::new(&trace, records_per_epoch, rule));
        let arrivals_from_ms = arrivals_from_ms(&trace.events, records_per_epoch);
        Self { trace, records_per_epoch, rule, drops_late, newest_before_ms, arrivals_from_ms, foreseen, live: None }
    }

    /// Feeds epochs of a trace that is still being written, whose watermark is `slack_ms` behind.
    /// [`trace`](Self::trace) is empty then.
    pub fn live(epochs: Arc<LiveEpochs>, slack_ms: i64, drops_late: bool) -> Self {
        Self { live: Some(epochs), ..Feed::new(Arc::default(), 1, slack_ms, drops_late) }
    }

    /// The trace that is fed.
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    /// Number of epochs; `u64::MAX` as long as a trace is being written.
    pub fn epochs(&self) -> u64 {
        self.live.as_ref().map_or(self.newest_before_ms.len() as u64 - 1, |live| live.epochs())
    }

    /// Records in an epoch (the last one may hold fewer).
    pub fn records_per_epoch(&self) -> usize {
        self.records_per_epoch
    }

    /// Slack of the watermark, ms of event time.
    pub fn slack_ms(&self) -> i64 {
        self.rule.slack_ms
    }

    /// The rule of the watermark.
    pub fn rule(&self) -> WatermarkRule {
        self.rule
    }

    /// True if late events are not given on.
    pub fn drops_late(&self) -> bool {
        self.drops_late
    }

    /// How far event time has come when all epochs below `epochs` are complete; past everything at the end.
    pub fn reached(&self, epochs: u64) -> EventTimeProgress {
        if let Some(live) = &self.live {
            return live.reached(epochs);
        }
        if epochs >= self.epochs() {
            return EventTimeProgress::EVERYTHING;
        }
        if epochs == 0 {
            return EventTimeProgress::NOTHING;
        }
        let slack_ms = self.rule.slack_ms;
        let newest_ms = self.newest_before_ms[epochs as usize];
        let (watermark_ms, ahead_ms) = match &self.foreseen {
            Some(foreseen) => {
                let watermark_ms = foreseen.watermark_before_ms[epochs as usize];
                (watermark_ms, watermark_ms.saturating_add(slack_ms))
            }
            None => (newest_ms.saturating_sub(slack_ms), newest_ms),
        };
        let deliveries = epochs as i64 * self.records_per_epoch as i64;
        let arrivals_from_ms = self.arrivals_from_ms[epochs as usize];
        EventTimeProgress { watermark_ms, ahead_ms, newest_ms, deliveries, arrivals_from_ms }
    }

    /// The newest event time of the epochs below `epochs`, ms; `None` if there is none.
    pub fn newest_ms(&self, epochs: u64) -> Option<i64> {
        if let Some(live) = &self.live {
            return Some(live.reached(epochs).newest_ms).filter(|newest_ms| *newest_ms > i64::MIN);
        }
        let at = epochs.min(self.epochs()) as usize;
        Some(self.newest_before_ms[at]).filter(|newest_ms| *newest_ms > i64::MIN)
    }

    /// Gives on the events of one epoch in arrival order; late ones are put into `late` instead, if they are dropped.
    #[inline]
    pub fn walk(&self, epoch: u64, late: &mut LateSet, mut give: impl FnMut(&Event)) {
        self.runs(epoch, late, |_, run| run.iter().for_each(&mut give));
    }

    /// Gives the events of an epoch like [`walk`](Self::walk), each with its number in the trace, from 0.
    #[inline]
    pub(crate) fn deliveries<W: Delivered>(&self, epoch: u64, late: &mut LateSet, mut give: impl FnMut(Delivery<W>)) {
        self.runs(epoch, late, |from, run| {
            (from as u64..).zip(run).for_each(|(number, event)| give(Delivery { number, what: W::of(event) }));
        });
    }

    /// Gives the events of an epoch like [`walk`](Self::walk) in runs, each with the number of its first event: the
    /// caller has one tight loop, however lateness is found.
    pub(crate) fn runs(&self, epoch: u64, late: &mut LateSet, mut give: impl FnMut(usize, &[Event])) {
        if let Some(live) = &self.live {
            let (epoch, from) = (live.epoch(epoch), live.reached(epoch).deliveries.max(0) as usize);
            match self.drops_late {
                true => give_in_time(&epoch.late, from, from, &epoch.events, late, give),
                false => give(from, &epoch.events),
            }
            return;
        }
        let from = epoch as usize * self.records_per_epoch;
        let to = (from + self.records_per_epoch).min(self.trace.events.len());
        let events = &self.trace.events[from..to];
        match &self.foreseen {
            _ if !self.drops_late => give(from, events),
            Some(foreseen) => give_in_time(&foreseen.late, 0, from, events, late, give),
            None => {
                let mut lateness = Lateness::resume(self.rule.slack_ms, self.newest_before_ms[epoch as usize]);
                for (from, events) in (from..).step_by(RUN).zip(events.chunks(RUN)) {
                    give_runs(from, events, late, |rest| lateness.arrive_in_time(rest), &mut give);
                }
            }
        }
    }
}

/// Events of which lateness is decided before they are given on: few enough to be still in the nearest cache then.
const RUN: usize = 64;

/// Gives on what `in_time` counts from the front, leaves out the late event behind it, and so on.
#[inline]
fn give_runs(
    mut from: usize,
    mut events: &[Event],
    late: &mut LateSet,
    mut in_time: impl FnMut(&[Event]) -> usize,
    give: &mut impl FnMut(usize, &[Event]),
) {
    while !events.is_empty() {
        let (run, rest) = events.split_at(in_time(events));
        give(from, run);
        rest.first().into_iter().for_each(|event| late.insert(event));
        from += run.len() + 1;
        events = rest.get(1..).unwrap_or_default();
    }
}

/// At each cut: the least arrival time of what is behind it, in ms.
fn arrivals_from_ms(events: &[Event], records_per_epoch: usize) -> Vec<i64> {
    let mut least_ms = i64::MAX;
    let mut arrivals_from_ms = vec![least_ms];
    for epoch in events.chunks(records_per_epoch).rev() {
        least_ms = epoch.iter().fold(least_ms, |least_ms, event| least_ms.min(event.arrival_time_ms()));
        arrivals_from_ms.push(least_ms);
    }
    arrivals_from_ms.reverse();
    arrivals_from_ms
}

/// The part of a trace, partitioned in advance, that one worker reads: without the events dropped as late.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partition {
    events: Vec<Event>,
    numbers: Vec<u64>, // in the trace, where they are needed
    ends: Vec<usize>,  // of the epochs, in `events`
    late: LateSet,
}

impl Partition {
    /// Its events of one epoch, in arrival order.
    pub(crate) fn of(&self, epoch: u64) -> &[Event] {
        &self.events[self.range(epoch)]
    }

    /// Gives the events of an epoch, each with its number in the trace; only if they were partitioned with their
    /// numbers.
    pub(crate) fn deliveries<W: Delivered>(&self, epoch: u64) -> impl Iterator<Item = Delivery<W>> {
        let range = self.range(epoch);
        let numbered = self.numbers[range.clone()].iter().zip(&self.events[range]);
        numbered.map(|(number, event)| Delivery { number: *number, what: W::of(event) })
    }

    fn range(&self, epoch: u64) -> Range<usize> {
        let begin = epoch.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        begin..self.ends[epoch as usize]
    }

    /// What would have been its own and is dropped as late.
    pub(crate) fn late(&self) -> LateSet {
        self.late
    }
}

impl Feed {
    /// Partitions the events over `workers`, with their numbers if `numbered`: those with a route by `owner` go by
    /// that route, the others in rotation.
    pub(crate) fn partition(
        &self,
        workers: usize,
        numbered: bool,
        owner: impl Fn(&Event) -> Option<u64>,
    ) -> Vec<Partition> {
        let mut partitions = vec![Partition::default(); workers];
        let mut next_worker = 0;
        for epoch in 0..self.epochs() {
            let mut late = LateSet::default();
            self.deliveries(epoch, &mut late, |Delivery { number, what: event }: Delivery<Event>| {
                next_worker = (next_worker + 1) % workers;
                let worker = owner(&event).map_or(next_worker, |route| spread(route, workers));
                partitions[worker].events.push(event);
                partitions[worker].numbers.extend(numbered.then_some(number));
            });
            partitions[epoch as usize % workers].late.merge(late);
            for partition in &mut partitions {
                partition.ends.push(partition.events.len());
            }
        }
        partitions
    }
}

/// Which of `count` a route leads to: all equally often.
#[inline]
pub(crate) fn spread(route: u64, count: usize) -> usize {
    ((u128::from(route) * count as u128) >> 64) as usize
}

impl Foreseen {
    fn new(trace: &Trace, records_per_epoch: usize, rule: WatermarkRule) -> Self {
        let (mut watermark_before_ms, mut late) = (vec![i64::MIN], Vec::new());
        rule.walk(trace, |at, is_late, watermark_ms| {
            late.extend(is_late.then_some(at));
            if (at + 1) % records_per_epoch == 0 || at + 1 == trace.events.len() {
                watermark_before_ms.push(watermark_ms);
            }
        });
        Self { watermark_before_ms, late }
    }
}

/// Gives on the events that are not among the `lates`, which are counted from the event with the number `base`.
fn give_in_time(
    lates: &[usize],
    base: usize,
    from: usize,
    events: &[Event],
    late: &mut LateSet,
    mut give: impl FnMut(usize, &[Event]),
) {
    let next_late = lates.partition_point(|at| base + at < from);
    let (mut lates, mut at) = (lates[next_late..].iter(), from);
    let in_time = |rest: &[Event]| {
        let run = lates.next().map_or(rest.len(), |late| (base + late - at).min(rest.len()));
        at += run + 1;
        run
    };
    give_runs(from, events, late, in_time, &mut give);
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowbench_events::{Kind, Record};

    fn trace(times: &[i64]) -> Arc<Trace> {
        let events = times.iter().zip(0..).map(|(time, id)| Event::pack(Record::new(id, Kind::PageViewed, *time)));
        Arc::new(Trace { events: events.collect(), ..Trace::default() })
    }

    #[test]
    fn the_late_set_does_not_depend_on_the_cuts() {
        let trace = trace(&[100, 50, 99, 130, 120, 90, 131, 10]);
        let whole = LateSet::of(&trace, 20);
        assert_eq!(whole.count, 3);
        for records_per_epoch in [1, 2, 3, 5, 100] {
            for sources in [Sources::Merged, Sources::Channel { idle_ms: None }] {
                // Without channels all events are of one source.
                let rule = WatermarkRule { slack_ms: 20, sources };
                let feed = Feed::new(Arc::clone(&trace), records_per_epoch, rule, true);
                let mut late = LateSet::default();
                let mut given = 0;
                (0..feed.epochs()).for_each(|epoch| feed.walk(epoch, &mut late, |_| given += 1));
                assert_eq!((late, given), (whole, 5));
                let merged = Feed::new(Arc::clone(&trace), records_per_epoch, 20, true);
                assert!((0..=feed.epochs()).all(|epochs| feed.reached(epochs) == merged.reached(epochs)));
            }
        }
    }

    #[test]
    fn the_watermark_stands_behind_the_newest_event_and_passes_everything_at_the_end() {
        let feed = Feed::new(trace(&[100, 50, 130, 90]), 2, 20, true);
        assert_eq!((feed.reached(0).watermark_ms, feed.reached(1).watermark_ms), (i64::MIN, 80));
        assert_eq!((feed.reached(1).ahead_ms, feed.reached(2).watermark_ms), (100, i64::MAX));
    }

    #[test]
    fn numbers_are_those_of_the_trace_and_arrivals_are_known_from_behind() {
        let trace = trace(&[100, 50, 99, 130, 120, 90, 131, 10]);
        for records_per_epoch in [1, 3, 5, 100] {
            let feed = Feed::new(Arc::clone(&trace), records_per_epoch, 20, true);
            let (mut walked, mut late) = (Vec::new(), LateSet::default());
            let plain = |Delivery { number, what }: Delivery<Event>| (number, what);
            (0..feed.epochs()).for_each(|epoch| feed.deliveries(epoch, &mut late, |one| walked.push(plain(one))));
            assert_eq!(walked.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 2, 3, 4, 6]);
            assert!(walked.iter().all(|(number, event)| trace.events[*number as usize] == *event));
            for epochs in 1..feed.epochs() {
                let (reached, to_come) = (feed.reached(epochs), &trace.events[epochs as usize * records_per_epoch..]);
                assert_eq!(Some(reached.arrivals_from_ms), to_come.iter().map(Event::arrival_time_ms).min());
                assert_eq!(reached.deliveries as usize, trace.events.len() - to_come.len());
            }
            let mut prepartitioned: Vec<(u64, Event)> = Vec::new();
            for partition in feed.partition(3, true, |event| Some(event.event_id().word() << 62)) {
                (0..feed.epochs()).for_each(|epoch| prepartitioned.extend(partition.deliveries(epoch).map(plain)));
            }
            prepartitioned.sort_by_key(|(number, _)| *number);
            assert_eq!(prepartitioned, walked);
        }
    }

    #[test]
    fn an_empty_trace_has_no_epochs_and_is_complete() {
        let feed = Feed::new(trace(&[]), 10, 0, true);
        assert_eq!((feed.epochs(), feed.reached(0).watermark_ms), (0, i64::MAX));
    }
}

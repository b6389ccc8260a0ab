//! Which events of a trace are late, as a function of the trace alone.

use crate::digest::mix;
use crate::event::{Channel, Event};
use crate::trace::Trace;

/// How the watermark follows from the arrivals. It is `slack_ms` behind the newest event time of all arrivals, or
/// behind that of the slowest source. It is a function of the trace, so the same events are late for any number of
/// workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkRule {
    /// The distance of the watermark behind the newest event time, in ms of event time.
    pub slack_ms: i64,
    /// The sources whose newest event time counts.
    pub sources: Sources,
}

/// The sources that hold the watermark back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// All arrivals together: a silent source does not hold the watermark back.
    Merged,
    /// Each channel by itself, so that the slowest one determines the watermark.
    Channel {
        /// The arrival time in ms after which a silent channel no longer holds the watermark back; `None` for never.
        idle_ms: Option<i64>,
    },
}

impl From<i64> for WatermarkRule {
    /// Returns the rule for one watermark over all arrivals with this slack in ms.
    fn from(slack_ms: i64) -> Self {
        Self { slack_ms, sources: Sources::Merged }
    }
}

impl WatermarkRule {
    /// Walks a whole trace in arrival order and calls `each` with the index of an event, whether it was late, and the
    /// watermark after it in ms.
    pub fn walk(self, trace: &Trace, each: impl FnMut(usize, bool, i64)) {
        match self.sources {
            Sources::Merged => walk(Lateness::new(self.slack_ms), trace, each),
            Sources::Channel { idle_ms } => {
                walk(Channels::new(self.slack_ms, idle_ms.unwrap_or(i64::MAX)), trace, each);
            }
        }
    }
}

/// Computes a watermark, arrival by arrival.
trait Watermark {
    /// Takes a heartbeat: event time has come this far, without an event.
    fn advance_to(&mut self, newest_ms: i64);

    /// Takes the next arrival and returns true if it was late.
    fn arrive(&mut self, event: &Event) -> bool;

    /// Returns the watermark in ms.
    fn watermark_ms(&self) -> i64;
}

impl Watermark for Lateness {
    fn advance_to(&mut self, newest_ms: i64) {
        Lateness::advance_to(self, newest_ms);
    }

    #[inline]
    fn arrive(&mut self, event: &Event) -> bool {
        Lateness::arrive(self, event)
    }

    #[inline]
    fn watermark_ms(&self) -> i64 {
        Lateness::watermark_ms(self)
    }
}

/// Walks a whole trace, its heartbeats included.
fn walk(mut watermark: impl Watermark, trace: &Trace, mut each: impl FnMut(usize, bool, i64)) {
    let mut heartbeats = trace.recording.heartbeats.iter().peekable();
    for (at, event) in trace.events.iter().enumerate() {
        while let Some(heartbeat) = heartbeats.next_if(|heartbeat| heartbeat.events_before <= at) {
            watermark.advance_to(heartbeat.newest_ms);
        }
        let late = watermark.arrive(event);
        each(at, late, watermark.watermark_ms());
    }
}

impl Trace {
    /// Returns the smallest slack in ms with which no event is late, which is the maximum by which an arriving event
    /// was older than the newest event time, heartbeats included.
    pub fn slack_to_lose_nothing_ms(&self) -> i64 {
        let mut slack_ms = 0;
        let no_slack = WatermarkRule { slack_ms: 0, sources: Sources::Merged };
        no_slack
            .walk(self, |at, _, watermark_ms| slack_ms = slack_ms.max(watermark_ms - self.events[at].event_time_ms()));
        slack_ms
    }
}

/// Computes the watermark of [`Sources::Channel`]. A channel counts from its first event on, and events without a
/// channel are a channel of their own.
struct Channels {
    slack_ms: i64,
    idle_ms: i64,
    newest_ms: [i64; Channel::ALL.len() + 1], // i64::MIN: nothing has come yet
    arrived_ms: [i64; Channel::ALL.len() + 1],
    now_ms: i64,
    watermark_ms: i64, // never goes back
}

impl Channels {
    fn new(slack_ms: i64, idle_ms: i64) -> Self {
        let never = [i64::MIN; Channel::ALL.len() + 1];
        Self { slack_ms, idle_ms, newest_ms: never, arrived_ms: never, now_ms: i64::MIN, watermark_ms: i64::MIN }
    }
}

impl Watermark for Channels {
    /// Takes a heartbeat, which holds for all channels.
    fn advance_to(&mut self, newest_ms: i64) {
        self.watermark_ms = self.watermark_ms.max(newest_ms.saturating_sub(self.slack_ms));
    }

    /// Takes the next arrival and returns true if it was late.
    fn arrive(&mut self, event: &Event) -> bool {
        let late = event.event_time_ms() < self.watermark_ms;
        let own = event.channel().map_or(0, |channel| channel as usize);
        self.now_ms = self.now_ms.max(event.arrival_time_ms());
        self.newest_ms[own] = self.newest_ms[own].max(event.event_time_ms());
        self.arrived_ms[own] = self.now_ms;
        let waited_for = self.newest_ms.iter().zip(&self.arrived_ms).filter(|(newest_ms, arrived_ms)| {
            **newest_ms > i64::MIN && self.now_ms.saturating_sub(**arrived_ms) <= self.idle_ms
        });
        let slowest_ms = waited_for.map(|(newest_ms, _)| *newest_ms).min().unwrap_or(i64::MIN);
        self.watermark_ms = self.watermark_ms.max(slowest_ms.saturating_sub(self.slack_ms));
        late
    }

    fn watermark_ms(&self) -> i64 {
        self.watermark_ms
    }
}

/// Computes the bounded-disorder watermark of all arrivals, which is `slack_ms` behind their newest event time. An
/// event is *late* if its event time is below the watermark at its arrival.
#[derive(Debug, Clone, Copy)]
pub struct Lateness {
    slack_ms: i64,
    newest_ms: i64, // i64::MIN: nothing has arrived
}

impl Lateness {
    /// Returns the watermark at the beginning of a trace.
    pub fn new(slack_ms: i64) -> Self {
        Self::resume(slack_ms, i64::MIN)
    }

    /// Returns the watermark in the middle of a trace whose newest event time so far is `newest_ms`, or `i64::MIN` if
    /// there was no event.
    pub fn resume(slack_ms: i64, newest_ms: i64) -> Self {
        Self { slack_ms, newest_ms }
    }

    /// Returns the watermark in ms, or `i64::MIN` before the first event.
    #[inline]
    pub fn watermark_ms(&self) -> i64 {
        self.newest_ms.saturating_sub(self.slack_ms)
    }

    /// Returns the newest event time so far in ms, or `i64::MIN` before the first event.
    #[inline]
    pub fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Takes a heartbeat: event time has come this far, without an event.
    pub fn advance_to(&mut self, newest_ms: i64) {
        self.newest_ms = self.newest_ms.max(newest_ms);
    }

    /// Takes the next arrival and returns true if it was late.
    #[inline]
    pub fn arrive(&mut self, event: &Event) -> bool {
        self.arrive_in_time(std::slice::from_ref(event)) == 0
    }

    /// Takes the arrivals before the first late one and returns their number. The late one changes nothing, so the
    /// caller can go on behind it.
    #[inline]
    pub fn arrive_in_time(&mut self, events: &[Event]) -> usize {
        for (at, event) in events.iter().enumerate() {
            let event_time_ms = event.event_time_ms();
            self.newest_ms = self.newest_ms.max(event_time_ms);
            if self.newest_ms - event_time_ms > self.slack_ms {
                return at;
            }
        }
        events.len()
    }
}

/// A set of late events as their count and an order-insensitive sum, so that parts found by different workers add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LateSet {
    /// The number of late deliveries.
    pub count: u64,
    /// The wrapping sum of a hash of each (event id, arrival time).
    pub sum: u64,
}

impl LateSet {
    /// Returns the late set of a whole trace in arrival order, for this slack in ms or this rule.
    pub fn of(trace: &Trace, rule: impl Into<WatermarkRule>) -> LateSet {
        let mut late_set = LateSet::default();
        rule.into().walk(trace, |at, late, _| {
            if late {
                late_set.insert(&trace.events[at]);
            }
        });
        late_set
    }

    /// Adds one late delivery.
    #[inline]
    pub fn insert(&mut self, event: &Event) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(mix(event.event_id().word() ^ mix(event.arrival_time_ms() as u64)));
    }

    /// Adds the deliveries of another, disjoint part.
    pub fn merge(&mut self, other: LateSet) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Record};
    use crate::recording::Heartbeat;

    fn at(times: &[i64]) -> Trace {
        let events = times.iter().zip(1..).map(|(time, id)| Event::pack(Record::new(id, Kind::PageViewed, *time)));
        Trace { events: events.collect(), ..Trace::default() }
    }

    #[test]
    fn a_heartbeat_moves_the_watermark_between_two_events() {
        let mut trace = at(&[100, 105, 140]);
        assert_eq!((LateSet::of(&trace, 10).count, trace.slack_to_lose_nothing_ms()), (0, 0));
        trace.recording.heartbeats = vec![Heartbeat { events_before: 1, newest_ms: 120 }];
        assert_eq!((LateSet::of(&trace, 10).count, trace.slack_to_lose_nothing_ms()), (1, 15));
        let by_channel = WatermarkRule { slack_ms: 10, sources: Sources::Channel { idle_ms: None } };
        assert_eq!(LateSet::of(&trace, by_channel).count, 1);
        assert_eq!(LateSet::of(&trace, 15).count, 0);
    }

    #[test]
    fn late_is_strictly_below_the_watermark_at_arrival() {
        let events = at(&[100, 90, 89, 120, 110, 109]);
        assert_eq!(LateSet::of(&events, 10).count, 2); // 89 and 109
        assert_eq!(LateSet::of(&events, 0).count, 4);
        assert_eq!(LateSet::of(&events, 1000).count, 0);
        assert_eq!(LateSet::of(&Trace::default(), 0), LateSet::default());
    }

    #[test]
    fn a_silent_channel_holds_the_watermark_back_until_it_is_idle() {
        let from = |channel, time, id| {
            let record = Record { channel: Some(channel), ..Record::new(id, Kind::PageViewed, time) };
            Event::pack(record)
        };
        let (web, mobile) = (Channel::Web, Channel::Mobile);
        let events =
            [from(mobile, 100, 1), from(web, 110, 2), from(web, 200, 3), from(web, 101, 4), from(mobile, 150, 5)];
        let events = Trace { events: events.to_vec(), ..Trace::default() };
        let watermarks = |sources| {
            let (mut watermarks, mut late) = (Vec::new(), Vec::new());
            WatermarkRule { slack_ms: 0, sources }.walk(&events, |at, is_late, watermark_ms| {
                watermarks.push(watermark_ms);
                late.extend(is_late.then_some(at));
            });
            (watermarks, late)
        };
        assert_eq!(watermarks(Sources::Merged), (vec![100, 110, 200, 200, 200], vec![3, 4]));
        assert_eq!(watermarks(Sources::Channel { idle_ms: None }), (vec![100, 100, 100, 100, 150], vec![]));
        assert_eq!(watermarks(Sources::Channel { idle_ms: Some(50) }), (vec![100, 100, 200, 200, 200], vec![3, 4]));
        let rule = WatermarkRule { slack_ms: 50, sources: Sources::Channel { idle_ms: Some(50) } };
        assert_eq!((LateSet::of(&events, rule).count, LateSet::of(&events, 50).count), (1, 1));
    }

    #[test]
    fn every_bit_of_an_event_id_and_of_its_arrival_tells_late_sets_apart() {
        let set = |id: u64, arrival_ms: i64| {
            let mut set = LateSet::default();
            set.insert(&Event::pack(Record::new(id, Kind::PageViewed, 0)).arriving_at(arrival_ms));
            set.sum
        };
        let mut sums: Vec<u64> = (0..40).flat_map(|bit| [set(1 << bit, 0), set(0, 1 << bit)]).collect();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 80);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let events = at(&[100, 90, 89, 120, 110, 109, 5]);
        let whole = LateSet::of(&events, 0);
        let mut parts = LateSet::default();
        let mut newest = i64::MIN;
        for chunk in events.events.chunks(2) {
            let mut lateness = Lateness::resume(0, newest);
            let mut part = LateSet::default();
            for event in chunk {
                if lateness.arrive(event) {
                    part.insert(event);
                }
            }
            newest = lateness.newest_ms();
            parts.merge(part);
        }
        assert_eq!(parts, whole);
    }
}

//! Logic that remembers, as a function of events: it is shown all events of a key that still matter, again and again.
//!
//! What ends is not an event but a *life*: the events of a key from the first one that an empty memory was shown to the one
//! that emptied it, or to the expiry that did. Within a life no event can be taken out alone: the ones after it would then be
//! seen by another memory, and one that was ignored might begin what it never began. Between two lives there is nothing to
//! remember. So a reduction divides the events of a key into lives, each with the time at which it is over; what stands at
//! that time is over, and some time later its events go back to the input as negative updates.
//!
//! A life that has many events is told in *segments*: after some events these are taken out as those of a life are, and what
//! they have left in memory comes in, as one value. Without that, each event of a busy key would be shown again for every
//! one that follows, until there is a pause.
//!
//! Decision D-017.

use std::rc::Rc;

use differential_dataflow::operators::iterate::Variable;
use flowbench_events::{Event, Id, Kind, Record};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use timely::Bincode;
use timely::bytes::arc::BytesMut;
use timely::communication::Bytesable;

use super::arrangements::Arrangements;
use super::collections::{Collected, Events, Incremental, Reduction, Rows, TimedEvent, retimed};
use super::delay::delay_until_due;
use crate::answers::Row;
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome};

/// What logic may want to know of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventFields {
    // In the order in which events break ties.
    kind: Kind,
    customer: Id,
    order: Id,
    rating: u8, // 0: none
}

impl EventFields {
    /// Returns what is needed of `event`.
    fn of(event: &Event) -> Self {
        Self {
            kind: event.kind(),
            rating: event.rating().unwrap_or(0),
            customer: event.customer().unwrap_or(Id::ABSENT),
            order: event.order().unwrap_or(Id::ABSENT),
        }
    }
}

impl TimedEvent<EventFields> {
    /// The event, without what logic does not ask for.
    fn event(&self) -> Event {
        let EventFields { kind, rating, customer, order } = self.what;
        let rating = Some(rating).filter(|rating| *rating > 0);
        Event::pack(Record { customer, order, rating, ..Record::new(self.event_id, kind, self.event_time_ms) })
    }
}

/// Logic whose memory can be put away as bytes: it needs no more than this to be told in lives.
pub(crate) trait ReplayableLogic:
    KeyedLogic<Key: Numbered, State: Serialize + DeserializeOwned, Row: Row>
{
    /// How long its lives are at most, or how long after their last event, ms.
    fn longest_ms(&self) -> i64;
}

impl<L: ReplayableLogic> Incremental for L {
    type What = EventFields;
    type Row = L::Row;

    fn select(&self, event: &Event) -> Option<(i64, EventFields)> {
        self.key(event).map(|key| (key.number(), EventFields::of(event)))
    }

    fn answers<'s>(&self, events: Events<'s, EventFields>, arrangements: &Arrangements) -> Rows<'s, L::Row> {
        key_lifetimes(self, events, arrangements)
    }
}

/// A key that goes by a number.
pub(crate) trait Numbered {
    fn number(self) -> i64;
    fn of(number: i64) -> Self;
}

impl Numbered for Id {
    fn number(self) -> i64 {
        self.0.into()
    }

    fn of(number: i64) -> Self {
        Id(number as u32)
    }
}

/// The answers of `logic`.
///
/// What a segment has left behind is given back some time after its end: the shorter, the less is held and looked at again,
/// and the more rounds are needed, since time advances by no more than that in each. So it takes a step; but not less than a
/// four-thousandth of a life, since at the end of the input all lives are waited for.
fn key_lifetimes<'s, L: ReplayableLogic>(
    logic: &L,
    events: Events<'s, EventFields>,
    arrangements: &Arrangements,
) -> Rows<'s, L::Row> {
    let (divide, answer) = (logic.clone(), logic.clone());
    let divide = move |key: &i64, known: &[(&Known, isize)], segments: &mut Vec<(Segment, isize)>| {
        Segmenter { replay: Replay::new(&divide, *key), before: None, events: Vec::new(), segments }.divide(known);
    };
    let after_ms = arrangements.step_ms().max(logic.longest_ms() / 4000).max(1);
    retimed(segments(events, Box::new(divide), after_ms, arrangements), move |(key, segment), now_ms, times| {
        // What was due before has been answered before.
        let rows = answered(&answer, key, &segment).into_iter().filter(move |(due_ms, _)| *due_ms >= now_ms);
        rows.map(move |row| (row, now_ms, times))
    })
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// What earlier events have left behind.
    Memory(Memory),
    Event(TimedEvent<EventFields>),
}

/// The state of a key, as bytes.
type Memory = Rc<[u8]>;

/// What becomes of the memory of a key by some events, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    /// The last event time (ms) that belongs to it, unless more events change it.
    ends_at_ms: i64,
    before: Option<Memory>,                // none: it is the first one of a life
    events: Rc<[TimedEvent<EventFields>]>, // in canonical order
    after: Option<Memory>,                 // none: it is the last one
}

/// Compiled once: the logic comes in erased.
fn segments<'s>(
    events: Events<'s, EventFields>,
    divide: Reduction<Known, isize, Segment>,
    after_ms: i64,
    arrangements: &Arrangements,
) -> Collected<'s, (i64, Segment)> {
    let (variable, over) = Variable::new(events.scope(), after_ms);
    // In turn, since the loop comes round many times until it has passed what is released at once.
    let known = delay_until_due(events.map(|(key, event)| (key, Known::Event(event))).concat(over));
    let segments = arrangements.reduce(arrangements.arrange(known, "known"), "segments", divide);
    // A segment that stands at its end is over. What happens to it later is only its own events going.
    let ends = retimed(segments.clone(), |(key, segment), now_ms, times| {
        let ends_at_ms = segment.ends_at_ms;
        (now_ms <= ends_at_ms && ends_at_ms < i64::MAX).then_some(((key, segment), ends_at_ms, times))
    });
    variable.set(retimed(delay_until_due(ends), |(key, Segment { before, events, after, .. }), ended_ms, times| {
        let events = (0..events.len()).map(move |at| (Known::Event(events[at]), -times));
        let before = before.map(|memory| (Known::Memory(memory), -times));
        let after = after.map(|memory| (Known::Memory(memory), times));
        events.chain(before).chain(after).map(move |(known, times)| ((key, known), ended_ms, times))
    }));
    segments
}

/// The number of events after which a segment of a lifetime ends; small in tests.
const MANY: usize = if cfg!(test) { 2 } else { 16 };

/// Divides what is known of a key into segments.
struct Segmenter<'a, L: ReplayableLogic> {
    replay: Replay<'a, L>,
    before: Option<Memory>,
    events: Vec<TimedEvent<EventFields>>,
    segments: &'a mut Vec<(Segment, isize)>,
}

impl<L: ReplayableLogic> Segmenter<'_, L> {
    fn divide(mut self, known: &[(&Known, isize)]) {
        for (known, times) in known {
            match known {
                Known::Memory(memory) => {
                    self.replay.recall(memory);
                    self.before = Some(Rc::clone(memory));
                }
                Known::Event(event) => (0..*times).for_each(|_| self.show(event)),
            }
        }
        self.wait(i64::MAX);
    }

    fn show(&mut self, event: &TimedEvent<EventFields>) {
        self.wait(event.event_time_ms.saturating_sub(1));
        self.events.push(*event);
        if self.replay.show(event) {
            self.end(event.event_time_ms, None);
        } else if self.events.len() >= MANY {
            let memory = self.replay.remember();
            self.end(event.event_time_ms, Some(memory));
        }
    }

    fn wait(&mut self, until_ms: i64) {
        if let Some(ended_ms) = self.replay.fire_until(until_ms) {
            self.end(ended_ms, None);
        }
    }

    fn end(&mut self, ends_at_ms: i64, after: Option<Memory>) {
        let (before, events) = (self.before.take(), std::mem::take(&mut self.events).into());
        self.before.clone_from(&after);
        self.segments.push((Segment { ends_at_ms, before, events, after }, 1));
    }
}

/// The answers in a segment, each with the time at which it is due.
fn answered<L: ReplayableLogic>(logic: &L, key: i64, segment: &Segment) -> Vec<(i64, L::Row)> {
    let mut replay = Replay::new(logic, key);
    segment.before.iter().for_each(|memory| replay.recall(memory));
    for event in segment.events.iter() {
        replay.fire_until(event.event_time_ms.saturating_sub(1));
        replay.show(event);
    }
    if segment.after.is_none() {
        replay.fire_until(segment.ends_at_ms);
    }
    replay.answers
}

/// Logic that is shown events of one key once more.
struct Replay<'l, L: ReplayableLogic> {
    logic: &'l L,
    key: L::Key,
    state: L::State,
    rows: Vec<L::Row>,
    answers: Vec<(i64, L::Row)>, // by the time at which they are due
}

impl<'l, L: ReplayableLogic> Replay<'l, L> {
    fn new(logic: &'l L, key: i64) -> Self {
        let (rows, answers) = (Vec::new(), Vec::new());
        Self { logic, key: L::Key::of(key), state: L::State::default(), rows, answers }
    }

    fn recall(&mut self, memory: &Memory) {
        let bytes = BytesMut::from(memory.to_vec()).freeze();
        self.state = Bincode::<L::State>::from_bytes(bytes).payload;
    }

    fn remember(&self) -> Memory {
        let mut bytes = Vec::new();
        Bincode::from(self.state.clone()).into_bytes(&mut bytes);
        bytes.into()
    }

    /// Applies the next event; true if the life ends with it.
    fn show(&mut self, event: &TimedEvent<EventFields>) -> bool {
        self.logic.apply(self.key, &mut self.state, &event.event(), &mut self.rows);
        self.collect_rows(event.event_time_ms);
        self.logic.expires_at_ms(self.key, &self.state) == EMPTY_STATE
    }

    /// Lets the timers answer that are due at `until_ms` or before; tells when the life has ended by that.
    fn fire_until(&mut self, until_ms: i64) -> Option<i64> {
        loop {
            let expires_at_ms = self.logic.expires_at_ms(self.key, &self.state);
            if expires_at_ms == EMPTY_STATE || expires_at_ms > until_ms {
                return None;
            }
            let afterwards = self.logic.on_expiry(self.key, &mut self.state, &mut self.rows);
            self.collect_rows(expires_at_ms);
            if afterwards == TimerOutcome::Evict {
                self.state = L::State::default();
                return Some(expires_at_ms);
            }
        }
    }

    fn collect_rows(&mut self, due_ms: i64) {
        self.answers.extend(self.rows.drain(..).map(|row| (due_ms, row)));
    }
}

//! Logic that remembers, as a function of events: it is applied anew to all events of a key that still matter.
//!
//! What ends is not an event but a *life*: the events of a key from the first one that an empty memory was shown to the one
//! that emptied it, or to the expiry that did. Within a life no event can be taken out alone: the ones after it would then be
//! seen by another memory, and an event that was ignored might begin what it never began. Between two lives there is nothing
//! to remember. So a reduction gives the lives of a key, each with the time at which it is over, and when that time has
//! come, all events of the life are taken out at once: they go back to the input as negative updates, some time later.

use std::rc::Rc;

use differential_dataflow::operators::iterate::Variable;
use flowbench_events::{Event, Id, Kind, Record};
use serde::{Deserialize, Serialize};

use super::in_turn::in_turn;
use super::{Collected, Events, Happened, Rows, arranged, reduced, retimed};
use crate::logic::{Afterwards, KeyedLogic, SPENT};

/// What logic may want to know of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Deed {
    kind: Kind,
    rating: u8, // 0: none
    customer: Id,
    order: Id,
}

impl Deed {
    /// Of `event`.
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            kind: event.kind(),
            rating: event.rating().unwrap_or(0),
            customer: event.customer().unwrap_or(Id::ABSENT),
            order: event.order().unwrap_or(Id::ABSENT),
        }
    }
}

impl Happened<Deed> {
    /// The event, without what logic does not ask for.
    fn event(&self) -> Event {
        let Deed { kind, rating, customer, order } = self.what;
        let rating = Some(rating).filter(|rating| *rating > 0);
        Event::pack(Record { customer, order, rating, ..Record::new(self.event_id, kind, self.event_time_ms) })
    }
}

/// The answers of `logic`. What a life has left behind is given back `after_ms` (at least 1) after its end: the longer, the
/// more of it is held, and the fewer rounds are needed, since time advances by no more than that in each.
pub(crate) fn lives<'s, L: KeyedLogic>(logic: &L, events: Events<'s, Deed>, after_ms: i64) -> Rows<'s, L::Row> {
    let (divide, answer) = (logic.clone(), logic.clone());
    let lives = all_lives(events, Box::new(move |_, events, lives| divided(&divide, events, lives)), after_ms);
    retimed(lives, move |(_, life), now_ms, times| {
        // What was due before has been answered before.
        let rows = answered(&answer, &life).into_iter().filter(move |(due_ms, _)| *due_ms >= now_ms);
        rows.map(move |row| (row, now_ms, times))
    })
}

/// Events of a key from one empty memory to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Life {
    /// The last event time (ms) that belongs to it, unless more events make it longer.
    ends_at_ms: i64,
    /// In canonical order.
    events: Rc<[Happened<Deed>]>,
}

/// Finds the lives in the events of a key.
type Divide = Box<dyn FnMut(&i64, &[(&Happened<Deed>, isize)], &mut Vec<(Life, isize)>)>;

/// Compiled once: the logic comes in erased.
fn all_lives<'s>(events: Events<'s, Deed>, divide: Divide, after_ms: i64) -> Collected<'s, (i64, Life)> {
    let (variable, forgotten) = Variable::new(events.scope(), after_ms);
    let lives = reduced(arranged(events.concat(forgotten), "events"), "lives", divide);
    // A life that still stands at its end is over. What happens to it later is only its own events going.
    let ends = retimed(lives.clone(), |(key, life), now_ms, times| {
        let ends_at_ms = life.ends_at_ms;
        (now_ms <= ends_at_ms && ends_at_ms < i64::MAX).then_some(((key, life), ends_at_ms, times))
    });
    variable.set(retimed(in_turn(ends), |(key, life), ended_ms, times| {
        (0..life.events.len()).map(move |at| ((key, life.events[at]), ended_ms, -times))
    }));
    lives
}

fn divided<L: KeyedLogic>(logic: &L, events: &[(&Happened<Deed>, isize)], lives: &mut Vec<(Life, isize)>) {
    let mut replay = Replay::new(logic);
    let mut life = Vec::new();
    let mut end = |ends_at_ms: i64, life: &mut Vec<Happened<Deed>>| {
        lives.push((Life { ends_at_ms, events: std::mem::take(life).into() }, 1));
    };
    for (happened, times) in events {
        for _ in 0..*times {
            let (before, within) = replay.show(happened);
            before.into_iter().for_each(|ends_at_ms| end(ends_at_ms, &mut life));
            life.push(**happened);
            within.into_iter().for_each(|ends_at_ms| end(ends_at_ms, &mut life));
        }
    }
    replay.wait().into_iter().for_each(|ends_at_ms| end(ends_at_ms, &mut life));
}

/// The answers in a life, each with the time at which it is due.
fn answered<L: KeyedLogic>(logic: &L, life: &Life) -> Vec<(i64, L::Row)> {
    let mut replay = Replay::new(logic);
    for happened in life.events.iter() {
        replay.show(happened);
    }
    replay.wait();
    replay.answers
}

/// Logic that is shown events once more.
struct Replay<'l, L: KeyedLogic> {
    logic: &'l L,
    key: Option<L::Key>,
    state: L::State,
    rows: Vec<L::Row>,
    answers: Vec<(i64, L::Row)>, // by the time at which they are due
}

impl<'l, L: KeyedLogic> Replay<'l, L> {
    fn new(logic: &'l L) -> Self {
        Self { logic, key: None, state: L::State::default(), rows: Vec::new(), answers: Vec::new() }
    }

    /// Applies the next event; tells when a life has ended before it, and whether one ends with it.
    fn show(&mut self, happened: &Happened<Deed>) -> (Option<i64>, Option<i64>) {
        let event = happened.event();
        self.key = self.logic.key(&event);
        let Some(key) = self.key else { return (None, None) };
        let now_ms = happened.event_time_ms;
        let before = self.fire_until(key, now_ms.saturating_sub(1));
        self.logic.apply(key, &mut self.state, &event, &mut self.rows);
        self.give(now_ms);
        let is_over = self.logic.expires_at_ms(key, &self.state) == SPENT;
        (before, is_over.then_some(now_ms))
    }

    /// Lets all time pass; tells when the life has ended by that.
    fn wait(&mut self) -> Option<i64> {
        self.key.and_then(|key| self.fire_until(key, i64::MAX))
    }

    fn fire_until(&mut self, key: L::Key, until_ms: i64) -> Option<i64> {
        loop {
            let expires_at_ms = self.logic.expires_at_ms(key, &self.state);
            if expires_at_ms == SPENT || expires_at_ms > until_ms {
                return None;
            }
            let afterwards = self.logic.on_expiry(key, &mut self.state, &mut self.rows);
            self.give(expires_at_ms);
            if afterwards == Afterwards::Forgotten {
                self.state = L::State::default();
                return Some(expires_at_ms);
            }
        }
    }

    fn give(&mut self, due_ms: i64) {
        self.answers.extend(self.rows.drain(..).map(|row| (due_ms, row)));
    }
}

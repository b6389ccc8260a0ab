//! Apply each event as it comes, and correct the answers when a late one changes them.

use std::collections::VecDeque;

use flowbench_events::Event;

use crate::answers::{Change, push_changes};
use crate::feed::Reached;
use crate::logic::{Afterwards, KeyedLogic, SPENT, fire_until, take};
use crate::machine::Machine;

/// Any keyed logic, answering at once: its rows are changes, answers given and taken back.
///
/// An event that comes after all others of its key is applied to its state and noted in a log that all keys share. One that
/// belongs between them is not: the state of the key as it was settled once is taken, its events since are applied with and
/// without the new one, and the answers that differ are taken back and given. Timers answer as soon as event time has
/// come so far, ahead of the watermark. What the watermark has passed is settled; it leaves the log, and a state of
/// which everything is settled is the new base when it is touched again. So in order an event costs one note and at
/// most one copy of a state, and nothing has to be done when it settles.
pub(crate) struct Speculative<L: KeyedLogic> {
    logic: L,
    slack_ms: i64,
    settled_ms: i64, // the watermark: events below it have all come
    log: Log,
    rows: Vec<L::Row>,
    events: Vec<Event>,
}

/// The state of a key that may still be corrected.
#[derive(Clone)]
pub(crate) struct Tentative<S> {
    now: S,
    base: S,        // after all events below `base_ms`, and no other
    base_ms: i64,   // i64::MIN: before everything
    newest_ms: i64, // of the events since; i64::MIN: none
    fired_ms: i64,  // expiry of the last timer that answered before an event after it had come; i64::MIN: none
    last_note: u64, // of the events since, the one that came last
}

impl<S: Default> Default for Tentative<S> {
    fn default() -> Self {
        let (now, base) = (S::default(), S::default());
        Self { now, base, base_ms: i64::MIN, newest_ms: i64::MIN, fired_ms: i64::MIN, last_note: NO_NOTE }
    }
}

impl<S> Tentative<S> {
    /// The last that happened and may still be corrected, ms.
    #[inline]
    fn latest_ms(&self) -> i64 {
        self.newest_ms.max(self.fired_ms)
    }
}

impl<L: KeyedLogic> Speculative<L> {
    pub(crate) fn new(logic: &L, slack_ms: i64) -> Self {
        let (rows, events) = (Vec::new(), Vec::new());
        Self { logic: logic.clone(), slack_ms, settled_ms: i64::MIN, log: Log::default(), rows, events }
    }

    /// Makes what is settled the base of what is to come.
    #[inline]
    fn settle(&mut self, key: L::Key, state: &mut Tentative<L::State>) {
        if state.latest_ms() < self.settled_ms {
            state.base.clone_from(&state.now);
            state.base_ms = self.settled_ms;
            (state.newest_ms, state.fired_ms, state.last_note) = (i64::MIN, i64::MIN, NO_NOTE);
        } else if state.base_ms < self.settled_ms.saturating_sub(self.slack_ms / 2) {
            self.move_base(key, state);
        }
    }

    /// A busy key is never settled as a whole: applies what is settled to its base once more.
    #[cold]
    fn move_base(&mut self, key: L::Key, state: &mut Tentative<L::State>) {
        self.recall(state);
        let settled = self.events.partition_point(|event| event.event_time_ms() < self.settled_ms);
        for event in &self.events[..settled] {
            take(&self.logic, key, &mut state.base, event, &mut self.rows);
        }
        let fired_ms = state.fired_ms.min(self.settled_ms.saturating_sub(1));
        fire_until(&self.logic, key, &mut state.base, fired_ms, &mut self.rows);
        self.rows.clear();
        state.base_ms = self.settled_ms;
    }

    /// Puts an event where it belongs and pushes what that changes.
    #[cold]
    fn correct(&mut self, key: L::Key, state: &mut Tentative<L::State>, event: &Event, out: &mut Vec<Change<L::Row>>) {
        self.recall(state);
        let Self { logic, rows, events, .. } = self;
        let mut with = state.base.clone();
        let at = events.partition_point(|earlier| earlier.canonical_key() <= event.canonical_key());
        events[..at].iter().for_each(|event| take(logic, key, &mut with, event, rows));
        rows.clear();
        let mut without = with.clone();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        take(logic, key, &mut with, event, &mut after);
        for event in &events[at..] {
            take(logic, key, &mut without, event, &mut before);
            take(logic, key, &mut with, event, &mut after);
        }
        fire_until(logic, key, &mut without, state.fired_ms, &mut before);
        fire_until(logic, key, &mut with, state.fired_ms, &mut after);
        state.now = with;
        push_changes(&mut before, &mut after, out);
    }

    /// Collects the events since the base of a state, in canonical order.
    fn recall(&mut self, state: &Tentative<L::State>) {
        self.events.clear();
        let noted = self.log.back_from(state.last_note).filter(|event| event.event_time_ms() >= state.base_ms);
        self.events.extend(noted);
        self.events.reverse(); // most have come in order
        self.events.sort_by_key(Event::canonical_key);
    }

    /// Hands on what the logic answered.
    #[inline]
    fn give(&mut self, out: &mut Vec<Change<L::Row>>) {
        out.extend(self.rows.drain(..).map(Change::given));
    }
}

impl<L: KeyedLogic> Machine for Speculative<L> {
    type Key = L::Key;
    type State = Tentative<L::State>;
    type Row = Change<L::Row>;

    const HAS_TIMERS: bool = L::HAS_TIMERS;

    #[inline]
    fn key(&self, event: &Event) -> Option<L::Key> {
        self.logic.key(event)
    }

    #[inline]
    fn take(&mut self, key: L::Key, state: &mut Self::State, event: &Event, out: &mut Vec<Self::Row>) {
        self.settle(key, state);
        let event_time_ms = event.event_time_ms();
        // Of two in the same ms it depends on the event ids.
        if event_time_ms > state.latest_ms() {
            take(&self.logic, key, &mut state.now, event, &mut self.rows);
            self.give(out);
        } else {
            self.correct(key, state, event, out);
        }
        state.newest_ms = state.newest_ms.max(event_time_ms);
        state.last_note = self.log.note(event, state.last_note);
    }

    /// In terms of the event time that has been reached, which is `slack_ms` ahead of the watermark: the next timer, or when
    /// a state that is not needed any more is settled, too.
    #[inline]
    fn expires_at_ms(&self, key: L::Key, state: &Self::State) -> i64 {
        let settles_at_ms = |ms: i64| ms.saturating_add(self.slack_ms);
        match self.logic.expires_at_ms(key, &state.now) {
            SPENT if state.latest_ms() == i64::MIN => SPENT,
            SPENT => settles_at_ms(state.latest_ms()),
            timer_ms if L::HAS_TIMERS => timer_ms,
            end_ms => settles_at_ms(end_ms.max(state.latest_ms())),
        }
    }

    fn on_expiry(&mut self, key: L::Key, state: &mut Self::State, out: &mut Vec<Self::Row>) -> Afterwards {
        let due_ms = self.logic.expires_at_ms(key, &state.now);
        if !L::HAS_TIMERS || due_ms == SPENT {
            return Afterwards::Forgotten;
        }
        self.settle(key, state);
        if self.logic.on_expiry(key, &mut state.now, &mut self.rows) == Afterwards::Forgotten {
            state.now = L::State::default();
        }
        self.give(out);
        state.fired_ms = due_ms;
        Afterwards::LivesOn
    }

    fn reached(&mut self, reached: Reached) -> i64 {
        self.settled_ms = reached.watermark_ms;
        self.log.settle(self.settled_ms, self.slack_ms / 2);
        reached.ahead_ms
    }

    fn kept(&self) -> usize {
        self.log.notes.len()
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        self.logic.heap_bytes(&state.now) + self.logic.heap_bytes(&state.base)
    }
}

/// The events that may be needed to correct something, in the order in which they came, each with the one before it of
/// the same key.
#[derive(Debug, Default)]
struct Log {
    notes: VecDeque<Note>,
    first: u64, // number of the oldest note that is kept
    stretches: VecDeque<Stretch>,
}

#[derive(Debug)]
struct Note {
    event: Event,
    before: u64, // number of the note before it of the same key
}

/// What was noted between two moves of the watermark.
#[derive(Debug)]
struct Stretch {
    watermark_ms: i64, // meanwhile
    newest_ms: i64,    // event time of the newest
}

/// No note: numbers begin above it.
const NO_NOTE: u64 = 0;

impl Log {
    /// Notes an event after the one numbered `before`; its number.
    #[inline]
    fn note(&mut self, event: &Event, before: u64) -> u64 {
        if let Some(stretch) = self.stretches.back_mut() {
            stretch.newest_ms = stretch.newest_ms.max(event.event_time_ms());
        } else {
            self.stretches.push_back(Stretch { watermark_ms: i64::MIN, newest_ms: event.event_time_ms() });
        }
        self.notes.push_back(Note { event: *event, before });
        self.first + self.notes.len() as u64
    }

    /// A note and those before it of the same key, the last that came first, as far as they are kept.
    fn back_from(&self, number: u64) -> impl Iterator<Item = Event> {
        let get = |number: u64| self.notes.get(number.checked_sub(self.first + 1)? as usize);
        std::iter::successors(get(number), move |note| get(note.before)).map(|note| note.event)
    }

    /// Forgets what no correction needs any more, now that the watermark stands at `watermark_ms`.
    ///
    /// A key that is not settled has an event that is not. When that came, its base was at most `lag_ms` behind the watermark
    /// of then. So events that are further behind than that of the oldest stretch with such an event are not needed.
    fn settle(&mut self, watermark_ms: i64, lag_ms: i64) {
        while self.stretches.front().is_some_and(|stretch| stretch.newest_ms < watermark_ms) {
            self.stretches.pop_front();
        }
        let needed_from_ms = self.stretches.front().map_or(watermark_ms, |stretch| stretch.watermark_ms);
        let needed_from_ms = needed_from_ms.saturating_sub(lag_ms);
        while self.notes.front().is_some_and(|note| note.event.event_time_ms() < needed_from_ms) {
            self.notes.pop_front();
            self.first += 1;
        }
        self.stretches.push_back(Stretch { watermark_ms, newest_ms: i64::MIN });
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Kind, Record};
    use proptest::prelude::*;

    use super::*;
    use crate::logic::Key;

    /// Bursts: events with no gap above 10 ms between them. Answers each event with its rank in the burst, and a burst with
    /// its size when it has ended, and once more half a second later.
    #[derive(Clone)]
    struct Bursts;

    #[derive(Clone, Default)]
    struct Burst {
        count: u64,
        last_ms: i64,
        over: bool,
    }

    impl KeyedLogic for Bursts {
        type Key = u64;
        type State = Burst;
        type Row = (i64, u64);
        const HAS_TIMERS: bool = true;

        fn key(&self, event: &Event) -> Option<u64> {
            Some(event.event_id() % 2)
        }
        fn lacks_key(&self, _event: &Event) -> bool {
            false
        }
        fn apply(&self, _key: u64, state: &mut Burst, event: &Event, out: &mut Vec<(i64, u64)>) {
            let count = if state.over { 1 } else { state.count + 1 };
            *state = Burst { count, last_ms: event.event_time_ms(), over: false };
            out.push((event.event_time_ms(), count));
        }
        fn expires_at_ms(&self, _key: u64, state: &Burst) -> i64 {
            match state {
                Burst { count: 0, .. } => SPENT,
                Burst { over: false, .. } => state.last_ms + 10,
                Burst { over: true, .. } => state.last_ms + 500,
            }
        }
        fn on_expiry(&self, key: u64, state: &mut Burst, out: &mut Vec<(i64, u64)>) -> Afterwards {
            out.push((self.expires_at_ms(key, state), 1000 + state.count));
            let first = !state.over;
            state.over = true;
            if first { Afterwards::LivesOn } else { Afterwards::Forgotten }
        }
    }

    /// The answers to these events so far, timers due below `until_ms` included.
    fn naive(events: &[Event], until_ms: i64) -> Vec<(i64, u64)> {
        let mut sorted = events.to_vec();
        sorted.sort_by_key(Event::canonical_key);
        let mut answers = Vec::new();
        for key in [0, 1] {
            let mut state = Burst::default();
            for event in sorted.iter().filter(|event| event.event_id() % 2 == key) {
                take(&Bursts, key, &mut state, event, &mut answers);
            }
            fire_until(&Bursts, key, &mut state, until_ms.saturating_sub(1), &mut answers);
        }
        answers.sort_unstable();
        answers
    }

    proptest! {
        /// At every moment what has been given and not taken back is what the events so far have to say, and what the
        /// watermark has passed is not touched any more.
        #[test]
        fn it_is_right_at_every_moment(
            steps in prop::collection::vec((0_i64..60, 0_i64..40, 1_usize..5), 0..200), slack_ms in 0_i64..60,
        ) {
            let mut machine = Speculative::new(&Bursts, slack_ms);
            let mut states = [Tentative::default(), Tentative::default()];
            let (mut seen, mut given) = (Vec::new(), std::collections::BTreeMap::<(i64, u64), i32>::new());
            let (mut newest_ms, mut watermark_ms, mut clock_ms) = (i64::MIN, i64::MIN, 0);
            for (id, (ahead_ms, behind_ms, pause)) in steps.into_iter().enumerate() {
                clock_ms += ahead_ms;
                let event = Event::pack(Record::new(id as u64, Kind::PageViewed, clock_ms - behind_ms.min(slack_ms)));
                if event.event_time_ms() < watermark_ms {
                    continue;
                }
                seen.push(event);
                newest_ms = newest_ms.max(event.event_time_ms());
                let mut out = Vec::new();
                let key = Machine::key(&machine, &event).unwrap();
                machine.take(key, &mut states[key as usize], &event, &mut out);
                prop_assert!(out.iter().all(|change| change.row.0 >= watermark_ms.saturating_sub(0)));
                if id % pause == 0 {
                    watermark_ms = newest_ms - slack_ms;
                    let until_ms = machine.reached(Reached { watermark_ms, ahead_ms: newest_ms });
                    for (key, state) in (0..).zip(&mut states) {
                        loop {
                            let expires_at_ms = machine.expires_at_ms(key, state);
                            if expires_at_ms == SPENT || expires_at_ms >= until_ms {
                                break;
                            }
                            if machine.on_expiry(key, state, &mut out) == Afterwards::Forgotten {
                                *state = Tentative::default();
                            }
                        }
                    }
                }
                for change in out {
                    *given.entry(change.row).or_default() += change.times;
                }
                prop_assert!(given.values().all(|times| *times >= 0));
                let left: Vec<(i64, u64)> =
                    given.iter().flat_map(|(row, times)| std::iter::repeat_n(*row, *times as usize)).collect();
                // Timers that are due but not seen yet answer at the next move of the watermark, or with the next event.
                let due = left.iter().filter(|row| row.1 > 1000).count();
                let wanted = naive(&seen, if id % pause == 0 { newest_ms } else { i64::MIN });
                if id % pause == 0 {
                    prop_assert_eq!(&left, &wanted);
                } else {
                    let ranks = |rows: &[(i64, u64)]| rows.iter().filter(|row| row.1 < 1000).copied().collect::<Vec<_>>();
                    prop_assert!(due <= left.len());
                    prop_assert_eq!(ranks(&left), ranks(&wanted));
                }
            }
        }
    }

    #[test]
    fn the_log_does_not_grow_with_the_input() {
        let mut machine = Speculative::new(&Bursts, 100);
        let (mut busy, mut out) = (Tentative::default(), Vec::new());
        for id in 0..20_000 {
            let event = Event::pack(Record::new(id * 2, Kind::PageViewed, id as i64 - (id % 7) as i64 * 3));
            machine.take(0, &mut busy, &event, &mut out);
            if id % 10 == 0 {
                machine.reached(Reached { watermark_ms: id as i64 - 100, ahead_ms: id as i64 });
            }
            assert!(machine.kept() < 400, "{} notes", machine.kept());
        }
        assert!(Key::route(0_u64) != Key::route(1_u64) && out.iter().any(|change| change.times < 0));
    }
}

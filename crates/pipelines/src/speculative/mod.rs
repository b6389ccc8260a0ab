//! Apply events as soon as they are complete, and correct the answers when a late one changes them.
//!
//! Decision D-013.

use std::collections::VecDeque;

use flowbench_events::Event;

use crate::answers::{Change, push_changes};
use crate::disorder::policy::{OrderDeclaration, OrderPolicy};
use crate::feed::EventTimeProgress;
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome, fire_until, take};
use crate::message::Timed;
use crate::state::state_machine::KeyedStateMachine;

pub(crate) const DECLARATION: OrderDeclaration = OrderDeclaration {
    name: "speculative",
    summary: "apply each event as it comes, take answers back and correct them until the watermark passes, drop late ones",
    serves_stateless: "serves: answers at once, drops what is late, has nothing to take back",
    serves_stateful: "serves: answers at once; when nothing is corrected any more, exact for everything that is not late",
    drops_late: true,
    waits: false,
    retracts: true,
};

pub(crate) fn policy<M: Timed>(_slack_ms: i64) -> Box<dyn OrderPolicy<M>> {
    Box::new(FrontierOrder::default())
}

/// Releases events as soon as their epoch is complete, in canonical order: events that meet in one step need no
/// correction, whichever worker they come from.
///
/// In a dataflow, events arrive a step before the frontier passes them. What is newer than all that is complete
/// belongs to such a step and is kept for the next.
#[derive(Debug)]
pub(crate) struct FrontierOrder<M>(Vec<M>);

impl<M> Default for FrontierOrder<M> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<M: Timed> OrderPolicy<M> for FrontierOrder<M> {
    fn arrive(&mut self, arrived: &mut Vec<M>, _released: &mut Vec<M>) {
        self.0.append(arrived);
    }

    fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<M>) {
        self.0.retain(|event| {
            let complete = event.event_time_ms() <= reached.newest_ms;
            released.extend(complete.then_some(*event));
            !complete
        });
        if !released.is_sorted_by(|one, next| one.order(next).is_le()) {
            released.sort_by(M::order);
        }
    }

    fn buffered(&self) -> usize {
        self.0.len()
    }
}

/// Any keyed logic, answering ahead of the watermark: its rows are changes, answers given and taken back. Events come in steps,
/// each in canonical order, after [`reached`](KeyedStateMachine::reached) has told the watermark behind the step.
///
/// An event that the watermark has passed, with nothing of its key after it, is simply applied. Another that comes after all
/// of its key is applied and noted in a log that all keys share. One that belongs between them is not: the state of the
/// key as it was settled once is taken, its events since are applied with and without the new one, and the answers that
/// differ are taken back and given. Timers answer as soon as event time has come so far, ahead of the watermark. What
/// the watermark has passed is settled and leaves the log.
///
/// In order an event costs one note at most, and the first of a key that is not settled a copy of its state. Nothing has to be
/// done for a key when it settles: the copies are given out and taken back in turn.
pub(crate) struct Speculative<L: KeyedLogic> {
    logic: L,
    slack_ms: i64,
    settled_ms: i64, // the watermark: events below it have all come
    log: Log,
    snapshots: Snapshots<L::State>,
    rows: Vec<L::Row>,
    events: Vec<Event>,
}

/// The state of a key that may still be corrected.
#[derive(Default)]
pub(crate) struct SpeculativeState<S> {
    now: S,
    snapshot: SnapshotHandle,
}

impl<L: KeyedLogic> Speculative<L> {
    pub(crate) fn new(logic: &L, slack_ms: i64) -> Self {
        Self {
            logic: logic.clone(),
            slack_ms,
            settled_ms: i64::MIN,
            log: Log::default(),
            snapshots: Snapshots::default(),
            rows: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Returns the place of the snapshot of a state that is about to change, by something later than everything
    /// before it. What is final has become the base.
    #[inline]
    fn snapshot(&mut self, key: L::Key, state: &mut SpeculativeState<L::State>) -> usize {
        let Some(at) = self.snapshots.find(state.snapshot) else {
            let base = state.now.clone();
            let (handle, at) = self.snapshots.begin(base, self.settled_ms);
            state.snapshot = handle;
            return at;
        };
        let snapshot = &mut self.snapshots.all[at];
        if snapshot.latest_ms() < self.settled_ms {
            snapshot.base.clone_from(&state.now);
            snapshot.begin(self.settled_ms);
        } else if snapshot.base_ms < self.settled_ms.saturating_sub(self.slack_ms / 2) {
            self.move_base(key, at);
        }
        at
    }

    /// Advances the base of a busy key, which is never final as a whole, by applying what is final to it once more.
    #[cold]
    fn move_base(&mut self, key: L::Key, at: usize) {
        self.recall(at);
        let snapshot = &mut self.snapshots.all[at];
        let finalized = self.events.partition_point(|event| event.event_time_ms() < self.settled_ms);
        for event in &self.events[..finalized] {
            take(&self.logic, key, &mut snapshot.base, event, &mut self.rows);
        }
        let fired_ms = snapshot.fired_ms.min(self.settled_ms.saturating_sub(1));
        fire_until(&self.logic, key, &mut snapshot.base, fired_ms, &mut self.rows);
        self.rows.clear();
        snapshot.base_ms = self.settled_ms;
    }

    /// Inserts an event where it belongs and pushes what that changes.
    #[cold]
    fn correct(
        &mut self,
        key: L::Key,
        state: &mut SpeculativeState<L::State>,
        at: usize,
        event: &Event,
        out: &mut Vec<Change<L::Row>>,
    ) {
        self.recall(at);
        let Self { logic, rows, events, .. } = self;
        let Snapshot { base, fired_ms, .. } = &self.snapshots.all[at];
        let mut with = base.clone();
        let place = events.partition_point(|earlier| earlier.canonical_cmp(event).is_le());
        events[..place].iter().for_each(|event| take(logic, key, &mut with, event, rows));
        rows.clear();
        let mut without = with.clone();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        take(logic, key, &mut with, event, &mut after);
        for event in &events[place..] {
            take(logic, key, &mut without, event, &mut before);
            take(logic, key, &mut with, event, &mut after);
        }
        fire_until(logic, key, &mut without, *fired_ms, &mut before);
        fire_until(logic, key, &mut with, *fired_ms, &mut after);
        state.now = with;
        push_changes(&mut before, &mut after, out);
    }

    /// Collects the events since the base of a snapshot, in canonical order.
    fn recall(&mut self, at: usize) {
        let Snapshot { base_ms, last_note, .. } = self.snapshots.all[at];
        self.events.clear();
        self.events.extend(self.log.back_from(last_note).filter(|event| event.event_time_ms() >= base_ms));
        self.events.reverse(); // most have come in order
        self.events.sort_by(Event::canonical_cmp);
    }

    /// Passes on what the logic answered.
    #[inline]
    fn give(&mut self, out: &mut Vec<Change<L::Row>>) {
        out.extend(self.rows.drain(..).map(Change::given));
    }
}

impl<L: KeyedLogic> KeyedStateMachine for Speculative<L> {
    type Message = Event;
    type Key = L::Key;
    type State = SpeculativeState<L::State>;
    type Row = Change<L::Row>;

    const HAS_TIMERS: bool = L::HAS_TIMERS;

    #[inline]
    fn key(&self, event: &Event) -> Option<L::Key> {
        self.logic.key(event)
    }

    #[inline]
    fn take(&mut self, key: L::Key, state: &mut Self::State, event: &Event, out: &mut Vec<Self::Row>) {
        let event_time_ms = event.event_time_ms();
        let found = self.snapshots.find(state.snapshot);
        let latest_ms = found.map_or(i64::MIN, |at| self.snapshots.all[at].latest_ms());
        let at = match found {
            // Of two in the same ms it depends on the event ids, or on what else they say.
            Some(at) if event_time_ms <= latest_ms => {
                self.correct(key, state, at, event, out);
                at
            }
            _ if event_time_ms < self.settled_ms => {
                state.snapshot = SnapshotHandle::default();
                take(&self.logic, key, &mut state.now, event, &mut self.rows);
                return self.give(out);
            }
            _ => {
                let at = self.snapshot(key, state);
                take(&self.logic, key, &mut state.now, event, &mut self.rows);
                self.give(out);
                at
            }
        };
        let snapshot = &mut self.snapshots.all[at];
        snapshot.newest_ms = snapshot.newest_ms.max(event_time_ms);
        snapshot.last_note = self.log.entry(event, snapshot.last_note);
    }

    /// Returns the expiry in terms of the event time reached, which is `slack_ms` ahead of the watermark: the next
    /// timer, or when a state that is no longer needed is final, too.
    #[inline]
    fn expires_at_ms(&self, key: L::Key, state: &Self::State) -> i64 {
        let latest_ms =
            || self.snapshots.find(state.snapshot).map_or(i64::MIN, |at| self.snapshots.all[at].latest_ms());
        let settles_at_ms = |ms: i64| if ms == i64::MIN { EMPTY_STATE } else { ms.saturating_add(self.slack_ms) };
        match self.logic.expires_at_ms(key, &state.now) {
            EMPTY_STATE => settles_at_ms(latest_ms()),
            timer_ms if L::HAS_TIMERS => timer_ms,
            end_ms => settles_at_ms(end_ms.max(latest_ms())),
        }
    }

    fn on_expiry(&mut self, key: L::Key, state: &mut Self::State, out: &mut Vec<Self::Row>) -> TimerOutcome {
        let due_ms = self.logic.expires_at_ms(key, &state.now);
        if !L::HAS_TIMERS || due_ms == EMPTY_STATE {
            return TimerOutcome::Evict;
        }
        let latest_ms = self.snapshots.find(state.snapshot).map_or(i64::MIN, |at| self.snapshots.all[at].latest_ms());
        let is_final = due_ms.max(latest_ms) < self.settled_ms;
        if is_final {
            state.snapshot = SnapshotHandle::default();
        } else {
            let at = self.snapshot(key, state);
            self.snapshots.all[at].fired_ms = due_ms;
        }
        let afterwards = self.logic.on_expiry(key, &mut state.now, &mut self.rows);
        self.give(out);
        if is_final {
            return afterwards;
        }
        if afterwards == TimerOutcome::Evict {
            state.now = L::State::default();
        }
        TimerOutcome::Keep
    }

    fn reached(&mut self, reached: EventTimeProgress) -> i64 {
        self.settled_ms = reached.watermark_ms;
        reached.ahead_ms
    }

    fn settle(&mut self) {
        self.log.settle(self.settled_ms, self.slack_ms / 2);
        self.snapshots.settle(self.settled_ms);
    }

    fn kept(&self) -> usize {
        self.log.notes.len()
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        let snapshot = self.snapshots.find(state.snapshot).map(|at| &self.snapshots.all[at].base);
        let base_bytes = |base| size_of::<Snapshot<L::State>>() + self.logic.heap_bytes(base);
        self.logic.heap_bytes(&state.now) + snapshot.map_or(0, base_bytes)
    }
}

/// What is needed to correct the state of a key that is not final.
struct Snapshot<S> {
    base: S,        // after all events below `base_ms`, and no other
    base_ms: i64,   // i64::MIN: before everything
    newest_ms: i64, // of the events since; i64::MIN: none
    fired_ms: i64,  // expiry of the last timer that answered before an event after it had come; i64::MIN: none
    last_note: u64, // of the events since, the one that came last
    owner: u32,     // number of the ticket it belongs to
}

impl<S> Snapshot<S> {
    /// Resets the snapshot to its base: nothing has happened since.
    fn begin(&mut self, base_ms: i64) {
        self.base_ms = base_ms;
        (self.newest_ms, self.fired_ms, self.last_note) = (i64::MIN, i64::MIN, NO_NOTE);
    }

    /// Returns the latest event time (ms) that may still be corrected.
    #[inline]
    fn latest_ms(&self) -> i64 {
        self.newest_ms.max(self.fired_ms)
    }
}

/// The snapshots of all keys that are not final. A key with a snapshot holds a handle; when the key becomes final,
/// the snapshot may be given to another, and the handle is void.
struct Snapshots<S> {
    all: Vec<Snapshot<S>>,
    taken: VecDeque<u32>, // places, roughly in the order in which they were given out
    free: Vec<u32>,
    given_out: u32, // since the watermark moved
}

/// A handle to a snapshot; `Default` refers to none.
#[derive(Debug, Clone, Copy, Default)]
struct SnapshotHandle {
    place: u32,
    number: u32, // from 1
}

impl<S> Default for Snapshots<S> {
    fn default() -> Self {
        Self { all: Vec::new(), taken: VecDeque::new(), free: Vec::new(), given_out: 0 }
    }
}

/// Places examined when the watermark advances, per place given out since, and at least.
const LOOKS: u32 = 2;

impl<S: Default> Snapshots<S> {
    /// Returns where the snapshot of a handle is; `None` if the handle is void.
    #[inline]
    fn find(&self, handle: SnapshotHandle) -> Option<usize> {
        let place = handle.place as usize;
        self.all.get(place).filter(|snapshot| snapshot.owner == handle.number).map(|_| place)
    }

    /// Gives out a snapshot that begins with `base`.
    #[inline]
    fn begin(&mut self, base: S, base_ms: i64) -> (SnapshotHandle, usize) {
        let place = self.free.pop().unwrap_or(self.all.len() as u32);
        if place as usize == self.all.len() {
            let never = i64::MIN;
            let base = S::default();
            let new =
                Snapshot { base, base_ms: never, newest_ms: never, fired_ms: never, last_note: NO_NOTE, owner: 1 };
            self.all.push(new);
        }
        let snapshot = &mut self.all[place as usize];
        snapshot.base = base;
        snapshot.begin(base_ms);
        self.taken.push_back(place);
        self.given_out += 1;
        (SnapshotHandle { place, number: snapshot.owner }, place as usize)
    }

    /// Frees what is final, a few places at a time: as many as are given out, and some more.
    fn settle(&mut self, settled_ms: i64) {
        let looks = (LOOKS * (1 + std::mem::take(&mut self.given_out))).min(self.taken.len() as u32);
        for _ in 0..looks {
            let Some(place) = self.taken.pop_front() else { return };
            let snapshot = &mut self.all[place as usize];
            if snapshot.latest_ms() < settled_ms {
                snapshot.base = S::default();
                snapshot.owner = snapshot.owner.wrapping_add(1).max(1);
                self.free.push(place);
            } else {
                self.taken.push_back(place);
            }
        }
    }
}

/// The events that may be needed for corrections, in order of arrival, each linked to the previous one of its key.
#[derive(Debug, Default)]
struct Log {
    notes: VecDeque<LogEntry>,
    first: u64, // number of the oldest note that is kept, less 1
    stretches: VecDeque<LogSegment>,
    finalized: usize, // how many of them have nothing that is not settled, from the front
}

#[derive(Debug)]
struct LogEntry {
    event: Event,
    before: u64, // number of the note before it of the same key
}

/// The entries between two advances of the watermark.
#[derive(Debug)]
struct LogSegment {
    watermark_ms: i64, // meanwhile
    newest_ms: i64,    // event time of the newest note; i64::MIN: none
    last: u64,         // number of the last note
}

/// No entry: numbers begin above it.
const NO_NOTE: u64 = 0;

impl Log {
    /// Appends an event after the entry numbered `before`; returns its number.
    #[inline]
    fn entry(&mut self, event: &Event, before: u64) -> u64 {
        let number = self.first + self.notes.len() as u64 + 1;
        self.notes.push_back(LogEntry { event: *event, before });
        match self.stretches.back_mut() {
            Some(segment) => {
                segment.newest_ms = segment.newest_ms.max(event.event_time_ms());
                segment.last = number;
            }
            None => {
                let (watermark_ms, newest_ms) = (i64::MIN, event.event_time_ms());
                self.stretches.push_back(LogSegment { watermark_ms, newest_ms, last: number });
            }
        }
        number
    }

    /// Iterates over an entry and those before it of the same key, latest first, as far as they are kept.
    fn back_from(&self, number: u64) -> impl Iterator<Item = Event> {
        let get = |number: u64| self.notes.get(number.checked_sub(self.first + 1)? as usize);
        std::iter::successors(get(number), move |entry| get(entry.before)).map(|entry| entry.event)
    }

    /// Drops what no correction needs any more, now that the watermark stands at `watermark_ms`.
    ///
    /// A key that is not final has an event that is not. When that event came, its base was at most `lag_ms` behind
    /// the watermark of that time. So segments that are entirely further behind than that of the oldest one with such
    /// an event are not needed.
    fn settle(&mut self, watermark_ms: i64, lag_ms: i64) {
        // The last one may still grow.
        while self.finalized + 1 < self.stretches.len() && self.stretches[self.finalized].newest_ms < watermark_ms {
            self.finalized += 1;
        }
        let oldest = self.stretches.get(self.finalized);
        let needed_from_ms = oldest.map_or(watermark_ms, |segment| segment.watermark_ms).saturating_sub(lag_ms);
        let mut last = self.first;
        while self.stretches.front().is_some_and(|segment| self.finalized > 0 && segment.newest_ms < needed_from_ms) {
            self.finalized -= 1;
            last = self.stretches.pop_front().map_or(last, |segment| segment.last);
        }
        self.notes.drain(..(last - self.first) as usize);
        self.first = last;
        match self.stretches.back_mut().filter(|segment| segment.newest_ms == i64::MIN) {
            Some(empty) => empty.watermark_ms = watermark_ms,
            None => {
                let last = self.first + self.notes.len() as u64;
                self.stretches.push_back(LogSegment { watermark_ms, newest_ms: i64::MIN, last });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Kind, Record};
    use proptest::prelude::*;

    use super::*;

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
            Some(event.event_id().word() % 2)
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
                Burst { count: 0, .. } => EMPTY_STATE,
                Burst { over: false, .. } => state.last_ms + 10,
                Burst { over: true, .. } => state.last_ms + 500,
            }
        }
        fn on_expiry(&self, key: u64, state: &mut Burst, out: &mut Vec<(i64, u64)>) -> TimerOutcome {
            out.push((self.expires_at_ms(key, state), 1000 + state.count));
            let first = !state.over;
            state.over = true;
            if first { TimerOutcome::Keep } else { TimerOutcome::Evict }
        }
    }

    /// The answers to these events so far, timers due below `until_ms` included.
    fn naive(events: &[Event], until_ms: i64) -> Vec<(i64, u64)> {
        let mut sorted = events.to_vec();
        sorted.sort_by_key(Event::canonical_key);
        let mut answers = Vec::new();
        for key in [0, 1] {
            let mut state = Burst::default();
            for event in sorted.iter().filter(|event| event.event_id().word() % 2 == key) {
                take(&Bursts, key, &mut state, event, &mut answers);
            }
            fire_until(&Bursts, key, &mut state, until_ms.saturating_sub(1), &mut answers);
        }
        answers.sort_unstable();
        answers
    }

    proptest! {
        /// After every step what has been given and not taken back is what the events so far have to say, timers included
        /// that are due by then.
        #[test]
        fn it_is_right_after_every_step(
            steps in prop::collection::vec(prop::collection::vec((0_i64..60, 0_i64..90), 1..6), 0..60),
            slack_ms in 0_i64..90,
        ) {
            let mut machine = Speculative::new(&Bursts, slack_ms);
            let mut states = [SpeculativeState::default(), SpeculativeState::default()];
            let (mut seen, mut given) = (Vec::new(), std::collections::BTreeMap::<(i64, u64), i32>::new());
            let (mut newest_ms, mut clock_ms, mut id) = (i64::MIN, 0, 0);
            for step in steps {
                let (mut in_steps, mut released) = (FrontierOrder::default(), Vec::new());
                for (ahead_ms, behind_ms) in step {
                    clock_ms += ahead_ms;
                    id += 1;
                    let event = Event::pack(Record::new(id, Kind::PageViewed, clock_ms - behind_ms));
                    if event.event_time_ms() >= newest_ms.saturating_sub(slack_ms) {
                        in_steps.arrive(&mut vec![event], &mut released);
                    }
                    newest_ms = newest_ms.max(event.event_time_ms());
                }
                let watermark_ms = newest_ms - slack_ms;
                let reached = EventTimeProgress { watermark_ms, ahead_ms: newest_ms, newest_ms, ..EventTimeProgress::NOTHING };
                let until_ms = machine.reached(reached);
                in_steps.advance(reached, &mut released);
                let mut out = Vec::new();
                for event in released {
                    let key = KeyedStateMachine::key(&machine, &event).unwrap();
                    machine.take(key, &mut states[key as usize], &event, &mut out);
                    seen.push(event);
                }
                machine.settle();
                for (key, state) in (0..).zip(&mut states) {
                    loop {
                        let expires_at_ms = machine.expires_at_ms(key, state);
                        if expires_at_ms == EMPTY_STATE || expires_at_ms >= until_ms {
                            break;
                        }
                        if machine.on_expiry(key, state, &mut out) == TimerOutcome::Evict {
                            *state = SpeculativeState::default();
                        }
                    }
                }
                for change in out {
                    let times = given.entry(change.row).or_default();
                    *times += change.times;
                    prop_assert!(*times >= 0, "taken back more often than given: {:?}", change.row);
                }
                let left: Vec<(i64, u64)> =
                    given.iter().flat_map(|(row, times)| std::iter::repeat_n(*row, *times as usize)).collect();
                prop_assert_eq!(left, naive(&seen, newest_ms));
            }
        }
    }

    #[test]
    fn the_log_does_not_grow_with_the_input() {
        let mut machine = Speculative::new(&Bursts, 100);
        let (mut busy, mut out) = (SpeculativeState::default(), Vec::new());
        for id in 0..20_000 {
            let event = Event::pack(Record::new(id * 2, Kind::PageViewed, id as i64 - (id % 7) as i64 * 3));
            let newest_ms = id as i64;
            machine.reached(EventTimeProgress {
                watermark_ms: newest_ms - 100,
                ahead_ms: newest_ms,
                newest_ms,
                ..EventTimeProgress::NOTHING
            });
            machine.take(0, &mut busy, &event, &mut out);
            machine.settle();
            assert!(machine.kept() < 400, "{} notes", machine.kept());
        }
        assert!(out.iter().any(|change| change.times < 0));
    }
}

//! The states of keys, corrected when an event arrives out of order.

use flowbench_events::Event;

use super::log::Log;
use super::snapshots::{Snapshot, SnapshotHandle, Snapshots};
use crate::answers::{Change, push_changes};
use crate::feed::EventTimeProgress;
use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome, fire_until, take};
use crate::state::state_machine::KeyedStateMachine;

/// Keyed logic that answers ahead of the watermark; its rows are changes, that is, answers given or retracted. Events
/// come in steps, each in canonical order, after [`reached`](KeyedStateMachine::reached) has reported the watermark
/// behind the step.
///
/// An event below the watermark, with nothing of its key after it, is simply applied. An event later than all others
/// of its key is applied and appended to a log that all keys share. An event that belongs between two others is not
/// applied: the last final state of its key is taken, the later events are applied to it with and without the new
/// one, and the answers that differ are retracted and given. Timers answer as soon as event time has reached them,
/// ahead of the watermark. Whatever the watermark has passed is final and leaves the log.
///
/// An event in order costs at most one log entry, and the first event of a key that is not final also costs a copy of
/// its state. Nothing needs to be done for a key when it becomes final: snapshots are released in the order in which
/// they were taken.
pub(crate) struct Speculative<L: KeyedLogic> {
    logic: L,
    slack_ms: i64,
    watermark_ms: i64,
    log: Log,
    snapshots: Snapshots<L::State>,
    rows: Vec<L::Row>,
    events: Vec<Event>,
}

/// The state of a key, and the handle of its snapshot while it may still be corrected.
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
            watermark_ms: i64::MIN,
            log: Log::default(),
            snapshots: Snapshots::default(),
            rows: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Returns the position of the snapshot of a state to which an event or timer later than all earlier ones is about
    /// to be applied. Whatever is final has been moved into its base.
    #[inline]
    fn snapshot(&mut self, key: L::Key, state: &mut SpeculativeState<L::State>) -> usize {
        let Some(at) = self.snapshots.find(state.snapshot) else {
            let base = state.now.clone();
            let (handle, at) = self.snapshots.begin(base, self.watermark_ms);
            state.snapshot = handle;
            return at;
        };
        let snapshot = &mut self.snapshots.all[at];
        if snapshot.latest_ms() < self.watermark_ms {
            snapshot.base.clone_from(&state.now);
            snapshot.begin(self.watermark_ms);
        } else if snapshot.base_ms < self.watermark_ms.saturating_sub(self.slack_ms / 2) {
            self.move_base(key, at);
        }
        at
    }

    /// Advances the base of a busy key, whose events are never all final, by applying the final ones to it again.
    #[cold]
    fn move_base(&mut self, key: L::Key, at: usize) {
        self.collect_events(at);
        let snapshot = &mut self.snapshots.all[at];
        let final_events = self.events.partition_point(|event| event.event_time_ms() < self.watermark_ms);
        for event in &self.events[..final_events] {
            take(&self.logic, key, &mut snapshot.base, event, &mut self.rows);
        }
        let fired_ms = snapshot.fired_ms.min(self.watermark_ms.saturating_sub(1));
        fire_until(&self.logic, key, &mut snapshot.base, fired_ms, &mut self.rows);
        self.rows.clear();
        snapshot.base_ms = self.watermark_ms;
    }

    /// Returns true if an event of the same millisecond as the newest of its key belongs behind it, and no timer of that
    /// millisecond has answered. A source that has no finer clock, or a batch that arrives at once, has many such events.
    #[inline]
    fn is_next(&self, at: usize, event: &Event) -> bool {
        let Snapshot { newest_ms, fired_ms, last_entry, last_is_newest, .. } = self.snapshots.all[at];
        let is_candidate = last_is_newest && event.event_time_ms() == newest_ms && fired_ms < newest_ms;
        is_candidate && self.log.event(last_entry).is_some_and(|last| last.canonical_cmp(event).is_le())
    }

    /// Inserts an event at its place in the canonical order and pushes the answers that this changes.
    #[cold]
    fn correct(
        &mut self,
        key: L::Key,
        state: &mut SpeculativeState<L::State>,
        at: usize,
        event: &Event,
        out: &mut Vec<Change<L::Row>>,
    ) {
        self.collect_events(at);
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
    fn collect_events(&mut self, at: usize) {
        let Snapshot { base_ms, last_entry, .. } = self.snapshots.all[at];
        self.events.clear();
        self.events.extend(self.log.chain_from(last_entry).filter(|event| event.event_time_ms() >= base_ms));
        self.events.reverse(); // most have come in order
        self.events.sort_by(Event::canonical_cmp);
    }

    /// Moves the answers of the logic to `out`.
    #[inline]
    fn emit(&mut self, out: &mut Vec<Change<L::Row>>) {
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
            Some(at) if event_time_ms <= latest_ms && !self.is_next(at, event) => {
                self.correct(key, state, at, event, out);
                self.snapshots.all[at].last_is_newest = false;
                at
            }
            _ if event_time_ms < self.watermark_ms => {
                state.snapshot = SnapshotHandle::default();
                take(&self.logic, key, &mut state.now, event, &mut self.rows);
                return self.emit(out);
            }
            _ => {
                let at = self.snapshot(key, state);
                take(&self.logic, key, &mut state.now, event, &mut self.rows);
                self.emit(out);
                self.snapshots.all[at].last_is_newest = true;
                at
            }
        };
        let snapshot = &mut self.snapshots.all[at];
        snapshot.newest_ms = snapshot.newest_ms.max(event_time_ms);
        snapshot.last_entry = self.log.append(event, snapshot.last_entry);
    }

    #[inline]
    fn touched_ms(&self, _key: L::Key, event: &Event) -> i64 {
        event.event_time_ms()
    }

    /// Returns the expiry in terms of the event time reached, which is `slack_ms` ahead of the watermark: the next
    /// timer, or the time at which a state that is no longer needed is also final.
    #[inline]
    fn expires_at_ms(&self, key: L::Key, state: &Self::State) -> i64 {
        let latest_ms =
            || self.snapshots.find(state.snapshot).map_or(i64::MIN, |at| self.snapshots.all[at].latest_ms());
        let final_at_ms = |ms: i64| if ms == i64::MIN { EMPTY_STATE } else { ms.saturating_add(self.slack_ms) };
        match self.logic.expires_at_ms(key, &state.now) {
            EMPTY_STATE => final_at_ms(latest_ms()),
            timer_ms if L::HAS_TIMERS => timer_ms,
            end_ms => final_at_ms(end_ms.max(latest_ms())),
        }
    }

    fn on_expiry(&mut self, key: L::Key, state: &mut Self::State, out: &mut Vec<Self::Row>) -> TimerOutcome {
        let due_ms = self.logic.expires_at_ms(key, &state.now);
        if !L::HAS_TIMERS || due_ms == EMPTY_STATE {
            return TimerOutcome::Evict;
        }
        let latest_ms = self.snapshots.find(state.snapshot).map_or(i64::MIN, |at| self.snapshots.all[at].latest_ms());
        let is_final = due_ms.max(latest_ms) < self.watermark_ms;
        if is_final {
            state.snapshot = SnapshotHandle::default();
        } else {
            let at = self.snapshot(key, state);
            self.snapshots.all[at].fired_ms = due_ms;
        }
        let outcome = self.logic.on_expiry(key, &mut state.now, &mut self.rows);
        self.emit(out);
        if is_final {
            return outcome;
        }
        if outcome == TimerOutcome::Evict {
            state.now = L::State::default();
        }
        TimerOutcome::Keep
    }

    fn reached(&mut self, reached: EventTimeProgress) -> i64 {
        self.watermark_ms = reached.watermark_ms;
        reached.ahead_ms
    }

    fn finish_step(&mut self) {
        self.log.truncate(self.watermark_ms, self.slack_ms / 2);
        self.snapshots.release_final(self.watermark_ms);
    }

    fn logged_events(&self) -> usize {
        self.log.len()
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        let snapshot = self.snapshots.find(state.snapshot).map(|at| &self.snapshots.all[at].base);
        let base_bytes = |base: &L::State| size_of::<Snapshot<L::State>>() + self.logic.heap_bytes(base);
        self.logic.heap_bytes(&state.now) + snapshot.map_or(0, base_bytes)
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Kind, Record};
    use proptest::prelude::*;

    use super::super::FrontierOrder;
    use super::*;
    use crate::disorder::OrderPolicy;
    use crate::eviction::{Frontier, Never, StateShare, Wheel};
    use crate::state::keyed_operator::KeyedOperator;
    use crate::state::operator::StateOperator;

    /// Bursts are events with no gap above 10 ms between them. Each event is answered with its rank in the burst, and
    /// each burst with its size when it has ended, and again half a second later.
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

    /// Returns the answers to these events, including those of timers due below `until_ms`.
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

    fn often_0(end: i64) -> impl Strategy<Value = i64> {
        prop_oneof![Just(0), 0..end]
    }

    proptest! {
        /// After every step, the answers given and not retracted are those to the events so far, including those of the
        /// timers that are due by then.
        #[test]
        fn the_answers_are_right_after_every_step(
            steps in prop::collection::vec(prop::collection::vec((often_0(60), often_0(90)), 1..6), 0..60),
            slack_ms in 0_i64..90,
        ) {
            let mut machine = Speculative::new(&Bursts, slack_ms);
            let mut states = [SpeculativeState::default(), SpeculativeState::default()];
            let (mut seen, mut given) = (Vec::new(), std::collections::BTreeMap::<(i64, u64), i32>::new());
            let (mut newest_ms, mut clock_ms, mut id) = (i64::MIN, 0, 0);
            for step in steps {
                let (mut order, mut released) = (FrontierOrder::default(), Vec::new());
                for (ahead_ms, behind_ms) in step {
                    clock_ms += ahead_ms;
                    id += 1;
                    // Of the same millisecond, later arrivals come before earlier ones as often as behind them.
                    let event = Event::pack(Record::new((id + 4) ^ 2, Kind::PageViewed, clock_ms - behind_ms));
                    if event.event_time_ms() >= newest_ms.saturating_sub(slack_ms) {
                        order.arrive(&mut vec![event], &mut released);
                    }
                    newest_ms = newest_ms.max(event.event_time_ms());
                }
                let watermark_ms = newest_ms - slack_ms;
                let reached = EventTimeProgress { watermark_ms, ahead_ms: newest_ms, newest_ms, ..EventTimeProgress::NOTHING };
                let until_ms = machine.reached(reached);
                order.advance(reached, &mut released);
                let mut out = Vec::new();
                for event in released {
                    let key = KeyedStateMachine::key(&machine, &event).unwrap();
                    machine.take(key, &mut states[key as usize], &event, &mut out);
                    seen.push(event);
                }
                machine.finish_step();
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
                    prop_assert!(*times >= 0, "retracted more often than given: {:?}", change.row);
                }
                let left: Vec<(i64, u64)> =
                    given.iter().flat_map(|(row, times)| std::iter::repeat_n(*row, *times as usize)).collect();
                prop_assert_eq!(left, naive(&seen, newest_ms));
            }
        }
    }

    /// A state may become final in the very step in which its time comes.
    #[test]
    fn a_state_that_is_final_is_forgotten() {
        for (eviction, retired) in [(Frontier.into(), 0), (Wheel { tick_ms: 60 }.into(), 0), (Never.into(), 1)] {
            for slack_ms in [0, 5, 100, 1000, 3000] {
                let order = Box::<FrontierOrder<Event>>::default();
                let machine = Speculative::new(&Bursts, slack_ms);
                let mut operator = KeyedOperator::new(machine, eviction, StateShare::WHOLE, order);
                let mut out = Vec::new();
                operator.arrive(&mut vec![Event::pack(Record::new(2, Kind::PageViewed, 0))], &mut out);
                for newest_ms in [0, 600, 2000, 9000, 9060] {
                    let watermark_ms = newest_ms - slack_ms;
                    let reached = EventTimeProgress {
                        watermark_ms,
                        ahead_ms: newest_ms,
                        newest_ms,
                        ..EventTimeProgress::NOTHING
                    };
                    operator.advance(reached, &mut out);
                }
                let answers: Vec<(i64, u64)> = out.drain(..).map(|change| change.row).collect();
                assert_eq!(answers, [(0, 1), (10, 1001), (500, 1001)], "{eviction}, slack {slack_ms} ms");
                assert_eq!(operator.state_counts().entries, retired, "{eviction}, slack {slack_ms} ms");
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
            machine.finish_step();
            assert!(machine.logged_events() < 400, "{} entries", machine.logged_events());
        }
        assert!(out.iter().any(|change| change.times < 0));
    }
}

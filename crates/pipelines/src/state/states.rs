//! The states of one worker, and what messages, timers and evictions do to them.
//!
//! Decision D-032.

use crate::eviction::{AfterExpiry, EvictionWork, Evictor, SampledTime, StateStore};
use crate::logic::{EMPTY_STATE, TimerOutcome};
use crate::state::state_machine::KeyedStateMachine;
use crate::state::table::{Slot, Table};

/// The states of one worker, by key.
///
/// A state that has expired may still be there, if the eviction leaves it: an event that finds it starts afresh, as if it
/// had been dropped. So it makes no difference to the answers when an expired state is dropped.
pub(crate) struct States<M: KeyedStateMachine> {
    pub(crate) machine: M,
    table: Table<M::Key, M::State>,
    until_ms: i64, // what expires below it has expired
    after_expiry: AfterExpiry,
    evictor: Option<Box<dyn Evictor<M::Key>>>,
    retired: Vec<(M::Key, M::State)>, // never used again
    work: EvictionWork,
    accounting: SampledTime,
    logic: SampledTime, // answers of timers
}

/// What applying a message did to a state.
pub(crate) enum Applied {
    /// It was scheduled before, if it had to be.
    Known,
    /// It must be scheduled: it expires at this event time.
    New(i64),
    /// It expires sooner than before: at this event time.
    Sooner(i64),
    /// It holds nothing any more and has been removed.
    Cleared,
    /// It has never held anything.
    Nothing,
}

impl<M: KeyedStateMachine> States<M> {
    pub(crate) fn new(machine: M, after_expiry: AfterExpiry, evictor: Option<Box<dyn Evictor<M::Key>>>) -> Self {
        let has_marks = evictor.as_ref().is_some_and(|evictor| evictor.has_marks());
        let table = if has_marks { Table::with_marks() } else { Table::default() };
        Self {
            machine,
            table,
            until_ms: i64::MIN,
            after_expiry,
            evictor,
            retired: Vec::new(),
            work: EvictionWork::default(),
            accounting: SampledTime::default(),
            logic: SampledTime::default(),
        }
    }

    /// Applies a message to the state of `key`, which comes to be if it is not there.
    #[inline]
    pub(crate) fn take(&mut self, key: M::Key, message: &M::Message, out: &mut Vec<M::Row>) -> Applied {
        let Self { machine, table, until_ms, evictor, accounting, work, .. } = self;
        let Slot { state, mark, is_new } = table.get_or_default(key);
        let before_ms = if is_new { EMPTY_STATE } else { machine.expires_at_ms(key, state) };
        // With timers it has answered and is empty by now.
        if !M::HAS_TIMERS && !is_new && before_ms < *until_ms {
            *state = M::State::default();
            work.forget(before_ms, *until_ms);
        }
        let mut account = evictor.as_deref_mut().zip(mark);
        if let Some((evictor, mark)) = &mut account {
            let lost_after_ms = evictor.lost_after_ms(**mark);
            if lost_after_ms < machine.touched_ms(key, message) {
                answer_until(machine, key, state, lost_after_ms, out);
                *state = M::State::default();
                work.lose();
            }
        }
        machine.take(key, state, message, out);
        let after_ms = machine.expires_at_ms(key, state);
        if after_ms == EMPTY_STATE {
            return self.clear(key, is_new);
        }
        if let Some((evictor, mark)) = account {
            let touched_ms = machine.touched_ms(key, message);
            accounting.of(|| evictor.touched(key, mark, touched_ms));
        }
        // With timers, a state that was left empty is not scheduled any more.
        if is_new || (M::HAS_TIMERS && before_ms == EMPTY_STATE) {
            Applied::New(after_ms)
        } else if after_ms < before_ms {
            Applied::Sooner(after_ms)
        } else {
            Applied::Known
        }
    }

    /// Lets the timer of `key` answer if it is due below `below_ms`, and does what is to be done after its expiry.
    /// Returns the event time until which it lives on; `None` if it does not, or was gone before.
    pub(crate) fn expire(&mut self, key: M::Key, below_ms: i64, out: &mut Vec<M::Row>) -> Option<i64> {
        let Self { machine, table, evictor, logic, .. } = self;
        let Slot { state, mark, .. } = table.find(key)?;
        let expires_at_ms = machine.expires_at_ms(key, state);
        if expires_at_ms == EMPTY_STATE {
            // It has answered. It was left and had been scheduled twice, or has become final by now.
            if self.after_expiry != AfterExpiry::Leave {
                self.clear(key, false);
            }
            return None;
        }
        if expires_at_ms >= below_ms {
            return Some(expires_at_ms);
        }
        let is_lost =
            evictor.as_deref().zip(mark).is_some_and(|(evictor, mark)| evictor.lost_after_ms(*mark) < expires_at_ms);
        let mut answer = || machine.on_expiry(key, state, out);
        let outcome = match (is_lost, M::HAS_TIMERS) {
            (true, _) => TimerOutcome::Evict,
            (_, true) => logic.of(answer),
            _ => answer(),
        };
        if outcome == TimerOutcome::Keep {
            return Some(machine.expires_at_ms(key, state));
        }
        match self.after_expiry {
            AfterExpiry::Leave => *state = M::State::default(),
            AfterExpiry::Forget | AfterExpiry::ForgetAnswered => {
                if is_lost {
                    self.work.lose();
                } else {
                    self.work.forget(expires_at_ms, self.until_ms.max(below_ms));
                }
                self.remove(key);
            }
            AfterExpiry::Retire => self.retire(key),
        }
        None
    }

    /// Reports that event time has reached `until_ms` and all timers below it have answered.
    pub(crate) fn pass(&mut self) {
        if let Some(mut evictor) = self.evictor.take() {
            evictor.advance(self.until_ms, self);
            self.evictor = Some(evictor);
        }
        self.table.shrink();
    }

    /// Sets the event time below which states have expired.
    pub(crate) fn set_until_ms(&mut self, until_ms: i64) {
        self.until_ms = until_ms;
    }

    /// True if there are more states than the evictor has room for.
    pub(crate) fn is_over(&self) -> bool {
        self.evictor.as_ref().is_some_and(|evictor| evictor.is_over())
    }

    /// Forgets what there is no room for.
    pub(crate) fn make_room(&mut self) {
        if let Some(mut evictor) = self.evictor.take() {
            evictor.make_room(self);
            self.evictor = Some(evictor);
        }
    }

    /// Returns the number of states that may be used again.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the keys and expiries of all states that hold anything.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = (M::Key, i64)> {
        let expiry = |(key, state)| (key, self.machine.expires_at_ms(key, state));
        self.table.entries().map(expiry).filter(|(_, expires_at_ms)| *expires_at_ms != EMPTY_STATE)
    }

    /// Returns the number of states, retired ones included.
    pub(crate) fn entries(&self) -> usize {
        self.table.len() + self.retired.len()
    }

    /// True if more than the schedule has to be looked at.
    pub(crate) fn has_evictor(&self) -> bool {
        self.evictor.is_some()
    }

    /// Returns what keeping account of touches has taken.
    pub(crate) fn accounts(&self) -> &SampledTime {
        &self.accounting
    }

    /// Returns the estimated time of the answers of timers, ns.
    pub(crate) fn logic_ns(&self) -> u64 {
        self.logic.total_ns()
    }

    /// Returns what has been forgotten so far; times are left to the caller.
    pub(crate) fn work(&self) -> EvictionWork {
        self.work
    }

    /// Returns the number of states that have not expired, and the bytes of their keys and of what they hold.
    pub(crate) fn payload(&self) -> (usize, usize) {
        let Self { machine, table, until_ms, .. } = self;
        let is_live = |(key, state): &(M::Key, &M::State)| {
            let expires_at_ms = machine.expires_at_ms(*key, state);
            expires_at_ms != EMPTY_STATE && expires_at_ms >= *until_ms
        };
        let inline_bytes = std::mem::size_of::<M::Key>() + M::STATE_BYTES;
        let bytes = |(_, state): (M::Key, &M::State)| inline_bytes + machine.heap_bytes(state);
        table.entries().filter(is_live).map(bytes).fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
    }

    /// Removes a state that holds nothing any more.
    fn clear(&mut self, key: M::Key, is_new: bool) -> Applied {
        if is_new {
            self.table.remove(key);
            return Applied::Nothing;
        }
        if self.after_expiry == AfterExpiry::Retire {
            self.retire(key);
        } else {
            self.work.forgotten += 1;
            self.remove(key);
        }
        Applied::Cleared
    }

    fn retire(&mut self, key: M::Key) {
        self.retired.extend(self.table.remove(key).map(|(state, _)| (key, state)));
    }

    fn remove(&mut self, key: M::Key) {
        let Some((_, mark)) = self.table.remove(key) else { return };
        if let Some(evictor) = &mut self.evictor {
            evictor.forgotten(mark);
        }
    }
}

/// The states as an evictor sees them.
impl<M: KeyedStateMachine> StateStore<M::Key> for States<M> {
    fn mark(&self, key: M::Key) -> Option<i64> {
        self.table.mark(key)
    }

    fn count(&self) -> usize {
        self.table.len()
    }

    fn marks(&self) -> Box<dyn Iterator<Item = (M::Key, i64)> + '_> {
        Box::new(self.table.marks())
    }

    fn forget(&mut self, key: M::Key) {
        let Some((state, _)) = self.table.remove(key) else { return };
        let expires_at_ms = self.machine.expires_at_ms(key, &state);
        self.work.forget(expires_at_ms, self.until_ms);
    }

    fn forget_expired(&mut self, below_ms: i64) {
        let Self { machine, table, until_ms, work, .. } = self;
        table.remove_if(|key, state| {
            let expires_at_ms = machine.expires_at_ms(key, state);
            let is_over = expires_at_ms < below_ms;
            if is_over && expires_at_ms == EMPTY_STATE {
                work.forgotten += 1; // it has answered, nobody knows when
            } else if is_over {
                work.forget(expires_at_ms, *until_ms);
            }
            is_over
        });
    }
}

/// Lets the timers of a state answer that are due at `until_ms` or before.
#[cold]
fn answer_until<M: KeyedStateMachine>(
    machine: &mut M,
    key: M::Key,
    state: &mut M::State,
    until_ms: i64,
    out: &mut Vec<M::Row>,
) {
    while M::HAS_TIMERS && (EMPTY_STATE + 1..=until_ms).contains(&machine.expires_at_ms(key, state)) {
        if machine.on_expiry(key, state, out) == TimerOutcome::Evict {
            return;
        }
    }
}

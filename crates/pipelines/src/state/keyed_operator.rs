//! One worker's share of a keyed stage: its order policy, its states, its eviction.
//!
//! Decision D-008.

use std::time::Instant;

use crate::disorder::OrderPolicy;
use crate::driver::StateCounts;
use crate::eviction::{AfterExpiry, Eviction, EvictionWork, ExpirySchedule, SampledTime, StateShare, reading_ns};
use crate::feed::EventTimeProgress;
use crate::state::operator::StateOperator;
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Applied, States};

/// Holds the states of `share` and applies messages to them as `order` releases them.
pub(crate) struct KeyedOperator<M: KeyedStateMachine> {
    order: Box<dyn OrderPolicy<M::Message>>,
    released: Vec<M::Message>,
    quiet_calls: u32, // in a row that released nothing
    states: States<M>,
    schedule: ExpirySchedule<M::Key>,
    is_scheduled: bool, // every state, or else none
    scheduling: SampledTime,
    passes: u64,
    pass_ns: u64,
}

impl<M: KeyedStateMachine> KeyedOperator<M> {
    pub(crate) fn new(
        machine: M,
        eviction: Eviction,
        share: StateShare,
        order: Box<dyn OrderPolicy<M::Message>>,
    ) -> Self {
        let (evictor, after_expiry) = (eviction.evictor(share), eviction.after_expiry());
        let mut schedule = eviction.schedule(M::HAS_TIMERS);
        if evictor.is_some() {
            schedule.allow_duplicates(); // it may forget what is scheduled
        }
        Self {
            order,
            released: Vec::new(),
            quiet_calls: 0,
            states: States::new(machine, after_expiry, evictor),
            schedule,
            is_scheduled: M::HAS_TIMERS || after_expiry == AfterExpiry::Forget,
            scheduling: SampledTime::default(),
            passes: 0,
            pass_ns: 0,
        }
    }

    /// Applies what has been released; `in_order` if nothing comes that belongs before it.
    fn apply_released(&mut self, in_order: bool, out: &mut Vec<M::Row>) {
        let Self { released, states, schedule, is_scheduled, scheduling, .. } = self;
        let messages = released.len();
        for message in released.drain(..) {
            let Some(key) = states.machine.key(&message) else { continue };
            match states.take(key, &message, out) {
                Applied::Known | Applied::Nothing => {}
                Applied::New(expires_at_ms) => {
                    if *is_scheduled {
                        scheduling.of(|| schedule.schedule(key, expires_at_ms));
                    }
                    if states.is_over() {
                        if in_order {
                            // Of timers that are due by now none is lost, however many events are applied at once.
                            let until_ms = states.machine.touched_ms(key, &message);
                            let first = schedule.next_due(until_ms);
                            expire_due(states, schedule, first, until_ms, out);
                        }
                        states.make_room();
                    }
                }
                Applied::Sooner(expires_at_ms) if *is_scheduled => {
                    scheduling.of(|| schedule.reschedule(key, expires_at_ms));
                }
                Applied::Sooner(_) => {}
                Applied::Cleared => schedule.allow_duplicates(),
            }
        }
        self.give_room_back(messages);
    }

    /// Gives back room for messages that nothing has needed for a while; this time there were `messages`. There is a burst
    /// of them where many windows end.
    fn give_room_back(&mut self, messages: usize) {
        self.quiet_calls = if messages == 0 { self.quiet_calls.saturating_add(1) } else { 0 };
        let is_roomy = self.released.capacity() > 4 * messages + 1024;
        if is_roomy && (messages > 0 || self.quiet_calls > 64) {
            self.released.shrink_to(2 * messages);
        }
    }

    /// Lets timers answer and forgets what is to be forgotten; `first` is the first key that is due, if any is.
    fn pass(&mut self, first: Option<M::Key>, until_ms: i64, out: &mut Vec<M::Row>) {
        let (began, logic_before_ns) = (Instant::now(), self.states.logic_ns());
        expire_due(&mut self.states, &mut self.schedule, first, until_ms, out);
        self.states.pass();
        if self.has_stale_keys() {
            self.schedule.renew(self.states.expiries());
        }
        // An estimate from a sample, which may become less.
        let logic_ns = self.states.logic_ns().saturating_sub(logic_before_ns);
        self.passes += 1;
        self.pass_ns += (began.elapsed().as_nanos() as u64).saturating_sub(logic_ns);
    }

    /// True if the schedule holds many keys for nothing: of states that ended before their time.
    fn has_stale_keys(&self) -> bool {
        self.schedule.is_stale(self.states.len())
    }

    fn eviction_work(&self) -> EvictionWork {
        let (scheduling, accounts) = (&self.scheduling, self.states.accounts());
        EvictionWork {
            passes: self.passes,
            pass_ns: self.pass_ns,
            bookkeeping_ns: scheduling.total_ns() + accounts.total_ns(),
            clock_ns: scheduling.clock_ns() + accounts.clock_ns() + 2 * self.passes * reading_ns(),
            ..self.states.work()
        }
    }
}

impl<M: KeyedStateMachine> StateOperator<M::Message, M::Row> for KeyedOperator<M> {
    fn arrive(&mut self, arrived: &mut Vec<M::Message>, out: &mut Vec<M::Row>) {
        self.order.arrive(arrived, &mut self.released);
        self.apply_released(false, out);
    }

    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<M::Row>) {
        let until_ms = self.states.machine.reached(reached);
        self.order.advance(reached, &mut self.released);
        self.apply_released(true, out);
        self.states.machine.finish_step();
        self.states.set_until_ms(until_ms);
        let first = self.schedule.next_due(until_ms);
        if first.is_some() || self.states.has_evictor() || self.has_stale_keys() {
            self.pass(first, until_ms, out);
        }
    }

    fn state_counts(&self) -> StateCounts {
        let entries = self.states.entries();
        let retractable = self.states.machine.logged_events();
        let buffered = self.order.buffered() + retractable;
        let entry_bytes = std::mem::size_of::<M::Key>() + M::STATE_BYTES;
        let least_bytes = entries * entry_bytes + self.order.buffered() * std::mem::size_of::<M::Message>();
        StateCounts {
            entries,
            buffered,
            answer_bytes: 0,
            least_bytes,
            timers: if M::HAS_TIMERS { self.schedule.len() } else { 0 },
            retractable,
            batches: 0,
            eviction: self.eviction_work(),
        }
    }

    fn payload(&self) -> (usize, usize) {
        self.states.payload()
    }
}

/// Expires what is due below `until_ms`, the key `first` and all that follow, and schedules again what lives on.
fn expire_due<M: KeyedStateMachine>(
    states: &mut States<M>,
    schedule: &mut ExpirySchedule<M::Key>,
    first: Option<M::Key>,
    until_ms: i64,
    out: &mut Vec<M::Row>,
) {
    let (below_ms, mut due) = (schedule.due_below_ms(until_ms), first);
    while let Some(key) = due {
        if let Some(expires_at_ms) = states.expire(key, below_ms, out) {
            schedule.schedule(key, expires_at_ms);
        }
        due = schedule.next_due(until_ms);
    }
}

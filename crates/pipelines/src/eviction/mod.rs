//! When state is forgotten.

mod expiry_queue;
mod frontier;
mod never;

pub(crate) use expiry_queue::ExpiryQueue;
pub use frontier::Frontier;
pub use never::Never;

use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::States;

/// Decides which states are forgotten when. It is told of every new state and every advance of the watermark.
pub trait Eviction<M: KeyedStateMachine>: Default + Send + 'static {
    /// Schedules the new state of `key`, which expires at `expires_at_ms` unless that becomes later.
    fn schedule(&mut self, key: M::Key, expires_at_ms: i64);

    /// Reschedules the state of `key`, which now expires sooner: at `expires_at_ms`.
    fn reschedule(&mut self, key: M::Key, expires_at_ms: i64);

    /// Takes the state of `key`, which holds nothing any more and has left the table.
    fn spent(&mut self, key: M::Key, state: M::State);

    /// Forgets what may be forgotten of the states whose expiry is below `until_ms`, after their timers have
    /// answered.
    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>);

    /// Returns the number of states kept outside the table although they will never be used again.
    fn retired(&self) -> usize {
        0
    }
}

/// The evictions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictionName {
    /// [`Never`]
    Never,
    /// [`Frontier`]
    Frontier,
}

impl EvictionName {
    /// All evictions, as `flowbench list` shows them.
    pub const ALL: [EvictionName; 2] = [EvictionName::Never, EvictionName::Frontier];

    /// Returns the name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            EvictionName::Never => "never",
            EvictionName::Frontier => "frontier",
        }
    }

    /// Returns, in words, how it serves a pipeline.
    pub fn serves(self, stateless: bool) -> &'static str {
        match (self, stateless) {
            (_, true) => "serves, and has nothing to forget",
            (EvictionName::Never, false) => "serves; memory grows with the keys that have come",
            (EvictionName::Frontier, false) => "serves, and is exact: keeps what may still be needed",
        }
    }

    /// Returns a one-line summary for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            EvictionName::Never => "forget nothing; timers still answer when they are due",
            EvictionName::Frontier => "forget a state exactly when the watermark passes its expiry",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flowbench_events::{Event, Id, Kind, Record, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::disorder::Arrival;
    use crate::feed::EventTimeProgress;
    use crate::logic::{EMPTY_STATE, KeyedLogic, TimerOutcome};
    use crate::state::keyed_operator::{StateOperator, keyed_operator};
    use crate::state::state_machine::Plain;

    /// Leases, one per customer: each event sets how long it lasts from then on, and a cancellation ends it. With `TIMERS`
    /// the end answers, and one of odd length goes on for another second before it ends for good.
    #[derive(Clone)]
    struct Leases<const TIMERS: bool>;

    #[derive(Clone, Copy, Default)]
    struct Lease {
        until_ms: Option<i64>,
        goes_on: bool,
    }

    impl Lease {
        fn of(event: &Event) -> Lease {
            let length_ms = event.value().filter(|_| event.kind() != Kind::OrderCancelled).map(|value| value.0);
            let until_ms = length_ms.map(|length_ms| event.event_time_ms() + length_ms);
            Lease { until_ms, goes_on: length_ms.is_some_and(|length_ms| length_ms % 2 == 1) }
        }

        fn end(&mut self) -> TimerOutcome {
            if !std::mem::take(&mut self.goes_on) {
                return TimerOutcome::Evict;
            }
            self.until_ms = self.until_ms.map(|until_ms| until_ms + 1000);
            TimerOutcome::Keep
        }
    }

    impl<const TIMERS: bool> KeyedLogic for Leases<TIMERS> {
        type Key = Id;
        type State = Lease;
        type Row = (i64, Id);
        const HAS_TIMERS: bool = TIMERS;

        fn key(&self, event: &Event) -> Option<Id> {
            event.customer()
        }
        fn lacks_key(&self, _event: &Event) -> bool {
            false
        }
        fn apply(&self, _customer: Id, lease: &mut Lease, event: &Event, _out: &mut Vec<(i64, Id)>) {
            *lease = Lease::of(event);
        }
        fn expires_at_ms(&self, _customer: Id, lease: &Lease) -> i64 {
            lease.until_ms.unwrap_or(EMPTY_STATE)
        }
        fn on_expiry(&self, customer: Id, lease: &mut Lease, out: &mut Vec<(i64, Id)>) -> TimerOutcome {
            if !TIMERS {
                return TimerOutcome::Evict;
            }
            out.push((lease.until_ms.unwrap(), customer));
            lease.end()
        }
    }

    /// What an eviction must hold and answer, as plainly as can be.
    #[derive(Default)]
    struct Naive {
        leases: BTreeMap<Id, Lease>,
        retired: usize,
        answers: Vec<(i64, Id)>,
    }

    impl Naive {
        /// Ends all leases below `until_ms`; tells whether one of `customer` has ended for good.
        fn end(&mut self, customer: Id, until_ms: i64) -> bool {
            while let Some(lease) = self.leases.get_mut(&customer).filter(|lease| lease.until_ms < Some(until_ms)) {
                self.answers.extend(lease.until_ms.map(|ended_ms| (ended_ms, customer)));
                if lease.end() == TimerOutcome::Evict {
                    self.leases.remove(&customer);
                    return true;
                }
            }
            false
        }

        fn take(&mut self, event: &Event, timers: bool) {
            let customer = event.customer().unwrap();
            let known = self.leases.contains_key(&customer);
            if timers {
                self.end(customer, event.event_time_ms());
            }
            self.leases.insert(customer, Lease::of(event));
            if self.leases[&customer].until_ms.is_none() {
                self.leases.remove(&customer);
                self.retired += usize::from(known);
            }
        }

        fn advance(&mut self, until_ms: i64, timers: bool, eviction: EvictionName) {
            for customer in self.leases.keys().copied().collect::<Vec<_>>() {
                if timers {
                    self.retired += usize::from(self.end(customer, until_ms));
                } else if eviction == EvictionName::Frontier && self.leases[&customer].until_ms < Some(until_ms) {
                    self.leases.remove(&customer);
                }
            }
        }

        fn entries(&self, eviction: EvictionName) -> usize {
            self.leases.len() + if eviction == EvictionName::Never { self.retired } else { 0 }
        }
    }

    fn event(customer: u32, kind: Kind, event_time_ms: i64, length_ms: i64) -> Event {
        let record = Record::new(0, kind, event_time_ms);
        Event::pack(Record { customer: Id(customer), value: Some(Value(length_ms)), ..record })
    }

    fn leases<const TIMERS: bool>(eviction: EvictionName) -> Box<dyn StateOperator<Event, (i64, Id)>> {
        keyed_operator(Plain(Leases::<TIMERS>), eviction, Box::new(Arrival))
    }

    fn at(watermark_ms: i64) -> EventTimeProgress {
        EventTimeProgress {
            watermark_ms,
            ahead_ms: watermark_ms,
            newest_ms: watermark_ms,
            ..EventTimeProgress::NOTHING
        }
    }

    /// How much later it is, and what then happens: a customer, whether it cancels, and a length.
    type Step = (i64, Vec<(u32, bool, i64)>);

    /// After each step `eviction` holds and has answered what it must.
    fn holds_what_it_must<const TIMERS: bool>(eviction: EvictionName, steps: &[Step]) -> Result<(), TestCaseError> {
        let (mut operator, mut naive) = (leases::<TIMERS>(eviction), Naive::default());
        let (mut now_ms, mut answers) = (0, Vec::new());
        for (later_ms, batch) in steps {
            now_ms += later_ms;
            let event = |(customer, cancels, length_ms): &(u32, bool, i64)| {
                let kind = if *cancels { Kind::OrderCancelled } else { Kind::OrderPlaced };
                event(*customer, kind, now_ms, *length_ms)
            };
            let mut batch: Vec<Event> = batch.iter().map(event).collect();
            batch.iter().for_each(|event| naive.take(event, TIMERS));
            operator.arrive(&mut batch, &mut answers);
            operator.advance(at(now_ms), &mut answers);
            naive.advance(now_ms, TIMERS, eviction);
            answers.sort_unstable();
            naive.answers.sort_unstable();
            prop_assert_eq!(
                (operator.state_counts().entries, operator.state_counts().buffered),
                (naive.entries(eviction), 0)
            );
            prop_assert_eq!(operator.payload().0, naive.leases.len());
            prop_assert_eq!(&answers, &naive.answers);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_eviction_holds_and_answers_what_it_must_after_every_step(
            steps in prop::collection::vec(
                (0_i64..90_000, prop::collection::vec((0_u32..6, prop::bool::weighted(0.2), 0_i64..300_000), 0..4)),
                0..40,
            ),
            hurried in any::<bool>(),
        ) {
            // Within a few milliseconds ends and watermarks meet.
            let scale = if hurried { 30_000 } else { 1 };
            let lease = |(customer, cancels, length_ms): (u32, bool, i64)| (customer, cancels, length_ms / scale);
            let step = |(later_ms, batch): (i64, Vec<_>)| (later_ms / scale, batch.into_iter().map(lease).collect());
            let steps: Vec<Step> = steps.into_iter().map(step).collect();
            for eviction in EvictionName::ALL {
                holds_what_it_must::<false>(eviction, &steps)?;
                holds_what_it_must::<true>(eviction, &steps)?;
            }
        }
    }

    #[test]
    fn a_state_that_lives_on_is_held_until_it_ends_and_no_longer() {
        const MINUTE_MS: i64 = 60_000;
        for (eviction, held) in [(EvictionName::Frontier, 1), (EvictionName::Never, 2)] {
            let (mut operator, mut answers) = (leases::<false>(eviction), Vec::new());
            for (customer, minute) in [(1, 0), (1, 20), (2, 40), (2, 51), (2, 52)] {
                let lease = event(customer, Kind::OrderPlaced, minute * MINUTE_MS, 30 * MINUTE_MS);
                operator.arrive(&mut vec![lease], &mut answers);
                operator.advance(at(minute * MINUTE_MS), &mut answers);
                let entries = if minute < 40 {
                    1
                } else if minute == 40 {
                    2
                } else {
                    held
                };
                assert_eq!(operator.state_counts().entries, entries, "{}, minute {minute}", eviction.name());
            }
        }
    }

    #[test]
    fn a_state_is_still_held_at_the_last_moment_at_which_it_is_needed() {
        let (mut operator, mut answers) = (leases::<true>(EvictionName::Frontier), Vec::new());
        operator.arrive(&mut vec![event(1, Kind::OrderPlaced, 0, 10)], &mut answers);
        for (watermark_ms, entries) in [(9, 1), (10, 1), (11, 0)] {
            operator.advance(at(watermark_ms), &mut answers);
            assert_eq!((operator.state_counts().entries, answers.len()), (entries, 1 - entries), "{watermark_ms} ms");
        }
        assert_eq!(answers, [(10, Id(1))]);
    }
}

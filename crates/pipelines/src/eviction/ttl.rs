//! Forget a state some time after it was last touched, needed or not.

use flowbench_events::duration_text;

use super::expiry_schedule::ExpirySchedule;
use super::policy::{
    AfterExpiry, ArgumentError, EvictionPolicy, Evictor, StateShare, StateStore, duration_argument_ms,
};
use crate::message::Key;
use crate::state::table::UNMARKED;

/// Loses a state when more than `after_ms` of event time has passed since its last event, and keeps it until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// Event time since the last touch, ms.
    pub after_ms: i64,
}

impl EvictionPolicy for Ttl {
    const NAME: &'static str = "ttl";
    const SUMMARY: &'static str =
        "forget a state when `after` has passed since its last event, needed or not; loses answers";
    const EXPLANATION: &'static str = "A state is lost when more than `after` of event time has passed since the newest \
        event that touched it, even if it is still needed: an event that comes later starts afresh, and a timer that \
        was due later never answers. It is kept until then, even if no event can need it, unless its timers end it. It \
        is time of the events, not of the clock on the wall. This is what stream processors offer as time to live, and \
        what it loses is measured: missing, spurious and wrong answers. A window counts as \
        touched until it ends, so that none is lost; events that a strategy has combined (pre-aggregate, hot-split) touch \
        a state at the time of the first of them.";
    const PARAMETERS: &'static [&'static str] = &["after"];
    const DEFAULT: Self = Self { after_ms: 86_400_000 };

    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        Ok(Self { after_ms: duration_argument_ms(arguments[0])? })
    }

    fn arguments(self) -> Vec<String> {
        vec![duration_text(self.after_ms)]
    }

    fn serves(self) -> &'static str {
        "serves; loses what is not touched for that long, and the answers that need it"
    }

    fn is_exact(self) -> bool {
        false
    }

    fn retention_ms(self, _needed_ms: Option<i64>) -> Option<i64> {
        Some(self.after_ms)
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::ForgetAnswered
    }

    fn evictor<K: Key>(self, _share: StateShare) -> Option<Box<dyn Evictor<K>>> {
        let mut schedule = ExpirySchedule::default();
        schedule.allow_duplicates(); // a state that ends by itself is still scheduled
        Some(Box::new(Touches { after_ms: self.after_ms, schedule }))
    }
}

/// The keys of all states, by when they may be lost. The mark of a state is the newest time at which it was touched.
struct Touches<K> {
    after_ms: i64,
    schedule: ExpirySchedule<K>,
}

impl<K: Key> Evictor<K> for Touches<K> {
    fn has_marks(&self) -> bool {
        true
    }

    fn touched(&mut self, key: K, mark: &mut i64, touched_ms: i64) {
        if *mark == UNMARKED {
            self.schedule.schedule(key, touched_ms.saturating_add(self.after_ms));
        }
        *mark = touched_ms.max(*mark);
    }

    fn lost_after_ms(&self, mark: i64) -> i64 {
        lost_after_ms(mark, self.after_ms)
    }

    fn advance(&mut self, until_ms: i64, states: &mut dyn StateStore<K>) {
        while let Some(key) = self.schedule.next_due(until_ms) {
            let Some(mark) = states.mark(key) else { continue };
            let lost_after_ms = self.lost_after_ms(mark);
            if lost_after_ms < until_ms {
                states.forget(key);
            } else {
                self.schedule.schedule(key, lost_after_ms);
            }
        }
        if self.schedule.is_stale(states.count()) {
            let after_ms = self.after_ms;
            self.schedule.renew(states.marks().map(|(key, mark)| (key, lost_after_ms(mark, after_ms))));
        }
    }
}

fn lost_after_ms(mark: i64, after_ms: i64) -> i64 {
    if mark == UNMARKED { i64::MAX } else { mark.saturating_add(after_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One state, which was touched at this time.
    struct One(i32, i64);

    impl StateStore<i32> for One {
        fn mark(&self, key: i32) -> Option<i64> {
            (key == self.0).then_some(self.1)
        }
        fn count(&self) -> usize {
            1
        }
        fn marks(&self) -> Box<dyn Iterator<Item = (i32, i64)> + '_> {
            Box::new(std::iter::once((self.0, self.1)))
        }
        fn forget(&mut self, _key: i32) {}
        fn forget_expired(&mut self, _below_ms: i64) {}
    }

    #[test]
    fn states_that_end_by_themselves_leave_no_keys_behind() {
        let mut touches = Touches { after_ms: 1_000_000, schedule: ExpirySchedule::default() };
        touches.schedule.allow_duplicates();
        for key in 0..1000 {
            let mut mark = UNMARKED;
            touches.touched(key, &mut mark, i64::from(key));
            touches.advance(i64::from(key), &mut One(key, mark));
            assert!(touches.schedule.len() <= 8, "{} keys for one state", touches.schedule.len());
        }
        assert!(
            std::iter::from_fn(|| touches.schedule.next_due(i64::MAX)).any(|key| key == 999),
            "the one that is left"
        );
    }
}

//! What forgetting costs, apart from the logic.
//!
//! Decision D-034.

use std::sync::OnceLock;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::logic::AT_ONCE;

/// What the evictions of some operators have done since the beginning, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvictionWork {
    /// States forgotten: expired, empty or lost.
    pub forgotten: u64,
    /// Number of states forgotten before their expiry: they might still have been needed.
    pub lost: u64,
    /// Number of states forgotten after their expiry and before the end of the input.
    pub released: u64,
    /// Sum of the event time between the expiry of these and their release, ms.
    pub release_delays_ms: u64,
    /// The longest such time, ms.
    pub release_delay_max_ms: u64,
    /// Advances of the watermark at which there was something to look at.
    pub passes: u64,
    /// Time of these passes without what the logic did in them (answers of timers), ns.
    pub pass_ns: u64,
    /// Time for keeping account of states as they come and are touched, ns; estimated from one call in 64.
    pub bookkeeping_ns: u64,
    /// Time that measuring these times took, ns; estimated.
    pub clock_ns: u64,
}

impl EvictionWork {
    /// Returns what two operators have done together.
    pub fn and(self, other: EvictionWork) -> EvictionWork {
        EvictionWork {
            forgotten: self.forgotten + other.forgotten,
            lost: self.lost + other.lost,
            released: self.released + other.released,
            release_delays_ms: self.release_delays_ms.saturating_add(other.release_delays_ms),
            release_delay_max_ms: self.release_delay_max_ms.max(other.release_delay_max_ms),
            passes: self.passes + other.passes,
            pass_ns: self.pass_ns + other.pass_ns,
            bookkeeping_ns: self.bookkeeping_ns + other.bookkeeping_ns,
            clock_ns: self.clock_ns + other.clock_ns,
        }
    }

    /// Counts a state that expires at `expires_at_ms` and is forgotten when event time has reached `until_ms`. A window
    /// that is due at once, to be corrected, has no time of its own to be late by.
    pub(crate) fn forget(&mut self, expires_at_ms: i64, until_ms: i64) {
        if expires_at_ms >= until_ms {
            return self.lose();
        }
        self.forgotten += 1;
        if until_ms < i64::MAX && expires_at_ms > AT_ONCE {
            let delay_ms = until_ms.abs_diff(expires_at_ms);
            self.released += 1;
            self.release_delays_ms = self.release_delays_ms.saturating_add(delay_ms);
            self.release_delay_max_ms = self.release_delay_max_ms.max(delay_ms);
        }
    }

    /// Counts a state that is lost: forgotten before its expiry.
    pub(crate) fn lose(&mut self) {
        self.forgotten += 1;
        self.lost += 1;
    }

    /// Returns the time of all that, ns.
    pub fn total_ns(&self) -> u64 {
        self.pass_ns + self.bookkeeping_ns
    }
}

/// Estimates the time of calls that are too short to be timed each.
#[derive(Debug, Default)]
pub(crate) struct SampledTime {
    calls: u64,
    timed: u64,
    timed_ns: u64,
}

/// One call of this many is timed.
const EVERY: u64 = 64;

impl SampledTime {
    /// Makes a call, and counts it.
    #[inline]
    pub(crate) fn of<T>(&mut self, call: impl FnOnce() -> T) -> T {
        self.calls += 1;
        if !self.calls.is_multiple_of(EVERY) {
            return call();
        }
        let began = Instant::now();
        let made = call();
        self.timed += 1;
        self.timed_ns += began.elapsed().as_nanos() as u64;
        made
    }

    /// Returns the estimated time of all calls, ns, without that of reading the clock.
    pub(crate) fn total_ns(&self) -> u64 {
        if self.timed == 0 {
            return 0;
        }
        let net_ns = self.timed_ns.saturating_sub(self.timed * reading_ns());
        (net_ns as f64 * (self.calls as f64 / self.timed as f64)) as u64
    }

    /// Returns the estimated time that measuring took, ns.
    pub(crate) fn clock_ns(&self) -> u64 {
        if self.timed == 0 { 0 } else { 2 * self.timed * reading_ns() }
    }
}

/// Returns the time between two readings of the clock with nothing between them, ns: what timing adds to what is timed.
pub(crate) fn reading_ns() -> u64 {
    static READING_NS: OnceLock<u64> = OnceLock::new();
    *READING_NS.get_or_init(|| {
        let mut apart_ns: Vec<u64> = (0..1001).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
        apart_ns.sort_unstable();
        apart_ns[apart_ns.len() / 2]
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_due_at_once_is_not_released_late() {
        let mut work = EvictionWork::default();
        work.forget(AT_ONCE, 1000);
        assert_eq!(work, EvictionWork { forgotten: 1, ..EvictionWork::default() });
        work.forget(900, 1000);
        assert_eq!((work.forgotten, work.released, work.release_delays_ms), (2, 1, 100));
    }

    #[test]
    fn the_time_of_all_calls_is_that_of_the_timed_ones_in_proportion() {
        let mut time = SampledTime::default();
        let sleep = |call: u64| std::thread::sleep(Duration::from_millis(if call == EVERY { 5 } else { 0 }));
        (1..=EVERY + 3).for_each(|call| time.of(|| sleep(call)));
        assert!(time.total_ns() >= (EVERY + 3) * 5_000_000 - EVERY * 1_000_000, "{time:?}");
        assert!((time.calls, time.timed) == (EVERY + 3, 1) && time.clock_ns() == 2 * reading_ns());
        assert_eq!(SampledTime::default().total_ns(), 0);
    }
}

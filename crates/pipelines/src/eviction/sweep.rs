//! Forget expired states in a walk over all of them, once a period.

use flowbench_events::duration_text;

use super::policy::{
    AfterExpiry, ArgumentError, EvictionPolicy, Evictor, StateShare, StateStore, duration_argument_ms,
};
use crate::message::Key;

/// Walks over all states whenever the watermark has passed a multiple of `period_ms` of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Event time between two walks, ms.
    pub period_ms: i64,
}

impl EvictionPolicy for Sweep {
    const NAME: &'static str = "sweep";
    const SUMMARY: &'static str = "forget expired states in a walk over all of them, each `period` of event time";
    const EXPLANATION: &'static str = "Whenever the watermark passes a multiple of `period`, a walk over all states drops \
        those that had expired by then. Nothing is scheduled but timers, which answer when they are due. Between two walks \
        expired states pile up; a walk is a pause that grows with the table, whatever has expired.";
    const PARAMETERS: &'static [&'static str] = &["period"];
    const DEFAULT: Self = Self { period_ms: 3_600_000 };

    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        Ok(Self { period_ms: duration_argument_ms(arguments[0])? })
    }

    fn arguments(self) -> Vec<String> {
        vec![duration_text(self.period_ms)]
    }

    fn serves(self) -> &'static str {
        "serves, and is exact; what has expired stays for up to a period"
    }

    fn retention_ms(self, needed_ms: Option<i64>) -> Option<i64> {
        needed_ms.map(|needed_ms| needed_ms.saturating_add(self.period_ms))
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::Leave
    }

    fn evictor<K: Key>(self, _share: StateShare) -> Option<Box<dyn Evictor<K>>> {
        Some(Box::new(Sweeper { period_ms: self.period_ms, periods: None }))
    }
}

/// Counts the periods that the watermark has passed.
struct Sweeper {
    period_ms: i64,
    periods: Option<i64>, // none before the first watermark
}

impl<K> Evictor<K> for Sweeper {
    fn advance(&mut self, until_ms: i64, states: &mut dyn StateStore<K>) {
        let periods = until_ms.div_euclid(self.period_ms);
        let is_end = until_ms == i64::MAX;
        if self.periods.replace(periods).is_some_and(|before| periods > before) || is_end {
            states.forget_expired(if is_end { until_ms } else { periods.saturating_mul(self.period_ms) });
        }
    }
}

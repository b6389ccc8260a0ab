//! Forget a state when the hand of a timer wheel passes its expiry.

use flowbench_events::duration_text;

use super::expiry_schedule::ExpirySchedule;
use super::policy::{AfterExpiry, ArgumentError, EvictionPolicy, duration_argument_ms};
use super::timer_wheel::TimerWheel;
use crate::message::Key;

/// Keeps the keys of all states in a hierarchical timer wheel, and drops what has expired at the end of each tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wheel {
    /// Event time of a tick, ms.
    pub tick_ms: i64,
}

impl EvictionPolicy for Wheel {
    const NAME: &'static str = "wheel";
    const SUMMARY: &'static str =
        "forget a state at the end of the `tick` it expires in, by a hierarchical timer wheel";
    const EXPLANATION: &'static str = "The key of every state stands in a hierarchical timer wheel (Varghese and Lauck, \
        1987) of 64 slots a level: scheduling takes constant time, and a key moves down a level at most once for each. \
        What has expired is dropped when the watermark has passed the end of its tick; timers answer when they are due, \
        not at the end of the tick. A short tick holds less and moves keys more often.";
    const PARAMETERS: &'static [&'static str] = &["tick"];
    const DEFAULT: Self = Self { tick_ms: 60_000 };

    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        Ok(Self { tick_ms: duration_argument_ms(arguments[0])? })
    }

    fn arguments(self) -> Vec<String> {
        vec![duration_text(self.tick_ms)]
    }

    fn serves(self) -> &'static str {
        "serves, and is exact; what has expired stays for up to a tick"
    }

    fn retention_ms(self, needed_ms: Option<i64>) -> Option<i64> {
        needed_ms.map(|needed_ms| needed_ms.saturating_add(self.tick_ms))
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::Forget
    }

    fn schedule<K: Key>(self, is_exact: bool) -> ExpirySchedule<K> {
        ExpirySchedule::Wheel(TimerWheel::new(self.tick_ms, is_exact))
    }
}

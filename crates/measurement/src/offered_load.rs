//! The due instant of each event, fixed before the run and unaffected by it.
//!
//! ```
//! use flowbench_measurement::offered_load::Schedule;
//!
//! let schedule = Schedule::constant(1e6)?;
//! assert_eq!(schedule.due_ns(3), 3_000);
//! assert_eq!(schedule.due_before(3_000), 3);
//! # Ok::<(), flowbench_measurement::offered_load::ScheduleError>(())
//! ```

use std::sync::Arc;

use rand::RngExt;
use thiserror::Error;

use crate::random::{Exponential, draws};

const NS_PER_S: u64 = 1_000_000_000;
/// Rates and speed-ups are kept in millionths, so that all later arithmetic is on integers.
const MICRO: f64 = 1e6;
/// Maximum rate or speed-up.
const RATE_MAX: f64 = 1e12;

/// The due instants of all events, in ns since the run began, in ascending order.
///
/// Clones share the instants.
#[derive(Debug, Clone)]
pub struct Schedule(Plan);

#[derive(Debug, Clone)]
enum Plan {
    /// Event i is due at floor(i × numerator / denominator) ns, for any number of events.
    Constant {
        numerator: u64,
        denominator: u64,
    },
    Listed(Arc<[u64]>),
}

/// Two alternating rates: every period begins quiet and ends with a burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// Rate between bursts, events/s; 0 for silence.
    pub quiet_rate_events_per_s: f64,
    /// Rate within a burst, events/s, above 0.
    pub burst_rate_events_per_s: f64,
    /// Time from the start of one quiet phase to the next, in ns, above 0.
    pub period_ns: u64,
    /// Length of the burst at the end of each period, in ns, 1 to `period_ns`.
    pub burst_ns: u64,
}

/// The reason why a schedule cannot be made.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum ScheduleError {
    /// A rate that is not a usable number.
    #[error("rate {0} events/s: give a number from 0.000001 to 1e12")]
    Rate(f64),
    /// A speed-up that is not a usable number.
    #[error("speed-up {0}: give a number from 0.000001 to 1e12 (1 = as recorded)")]
    SpeedUp(f64),
    /// A burst that does not fit its period.
    #[error("bursts of {burst_ns} ns every {period_ns} ns: the burst must be at least 1 ns and not exceed the period")]
    Phases {
        /// Requested length of the burst, in ns.
        burst_ns: u64,
        /// Requested period, in ns.
        period_ns: u64,
    },
    /// An arrival before its predecessor.
    #[error("arrival {index} is at {at_ms} ms, before the one in front of it at {before_ms} ms: sort by arrival time")]
    Unordered {
        /// Index of the offending arrival, from 0.
        index: usize,
        /// Its arrival time, in ms.
        at_ms: i64,
        /// Arrival time of its predecessor, in ms.
        before_ms: i64,
    },
    /// An event that would be due after more than 2^64 - 1 ns.
    #[error("event {index} would be due after more than 584 years: raise the rate or the speed-up")]
    TooFar {
        /// Index of the first such event, from 0.
        index: usize,
    },
}

impl Schedule {
    /// Returns evenly spaced events: event i is due at floor(i / rate), exactly, for any i up to 2^64 ns. The rate is
    /// rounded to a millionth of an event per second.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Rate`] for a rate outside 0.000001 to 1e12.
    pub fn constant(rate_events_per_s: f64) -> Result<Self, ScheduleError> {
        let micro = micro(rate_events_per_s).ok_or(ScheduleError::Rate(rate_events_per_s))?;
        let numerator = NS_PER_S * MICRO as u64;
        let divisor = greatest_common_divisor(numerator, micro);
        Ok(Self(Plan::Constant { numerator: numerator / divisor, denominator: micro / divisor }))
    }

    /// Returns `events` arrivals of a Poisson process: independent exponential gaps that depend on the seed alone, on
    /// every machine. The first gap is drawn too, so event 0 is not due at 0.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Rate`] for a rate outside 0.000001 to 1e12, [`ScheduleError::TooFar`] if an event is due after
    /// 2^64 ns.
    pub fn poisson(rate_events_per_s: f64, seed: u64, events: usize) -> Result<Self, ScheduleError> {
        let micro = micro(rate_events_per_s).ok_or(ScheduleError::Rate(rate_events_per_s))?;
        let mean_gap_ns = NS_PER_S as f64 * MICRO / micro as f64;
        let mut draws = draws(seed);
        let mut gaps = 0.0; // in mean gaps: keeps the sum precise at any rate
        listed((0..events).map(|_| {
            gaps += draws.sample(Exponential);
            let due_ns = gaps * mean_gap_ns;
            (due_ns < u64::MAX as f64).then_some(due_ns as u64)
        }))
    }

    /// Returns `events` arrivals in alternating quiet phases and bursts, evenly spaced from the start of each phase.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Phases`] if the burst does not fit the period, [`ScheduleError::Rate`] for an unusable rate,
    /// [`ScheduleError::TooFar`] if an event is due after 2^64 ns.
    pub fn bursts(bursts: Bursts, events: usize) -> Result<Self, ScheduleError> {
        let Bursts { quiet_rate_events_per_s, burst_rate_events_per_s, period_ns, burst_ns } = bursts;
        if burst_ns == 0 || burst_ns > period_ns {
            return Err(ScheduleError::Phases { burst_ns, period_ns });
        }
        let silent = quiet_rate_events_per_s == 0.0;
        let quiet = if silent { None } else { Some(Self::constant(quiet_rate_events_per_s)?) };
        let burst = Self::constant(burst_rate_events_per_s)?;
        let phases = [(quiet, period_ns - burst_ns), (Some(burst), burst_ns)];
        let mut due_ns = Vec::with_capacity(events);
        let mut begin_ns = Some(0_u64);
        for (schedule, length_ns) in phases.iter().cycle() {
            if due_ns.len() == events {
                break;
            }
            let at_ns = begin_ns.ok_or(ScheduleError::TooFar { index: due_ns.len() })?;
            let count = schedule.as_ref().map_or(0, |schedule| schedule.due_before(*length_ns));
            let count = count.min((events - due_ns.len()) as u64);
            due_ns.extend((0..count).filter_map(|i| at_ns.checked_add(schedule.as_ref()?.due_ns(i))));
            begin_ns = at_ns.checked_add(*length_ns);
        }
        Ok(Self(Plan::Listed(due_ns.into())))
    }

    /// Returns the recorded arrivals (ms, ascending), replayed `speed_up` times as fast; the first event is due at 0.
    /// The speed-up is rounded to a millionth.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::SpeedUp`] for a speed-up outside 0.000001 to 1e12, [`ScheduleError::Unordered`] if arrival
    /// times decrease, [`ScheduleError::TooFar`] if an event is due after 2^64 ns.
    pub fn as_recorded(arrivals_ms: impl IntoIterator<Item = i64>, speed_up: f64) -> Result<Self, ScheduleError> {
        let micro = micro(speed_up).ok_or(ScheduleError::SpeedUp(speed_up))?;
        let mut due_ns = Vec::new();
        let mut first_ms = None;
        let mut before_ms = i64::MIN;
        for (index, at_ms) in arrivals_ms.into_iter().enumerate() {
            if at_ms < before_ms {
                return Err(ScheduleError::Unordered { index, at_ms, before_ms });
            }
            before_ms = at_ms;
            let since_ms = at_ms.abs_diff(*first_ms.get_or_insert(at_ms));
            let due = u128::from(since_ms) * 1_000_000 * MICRO as u128 / u128::from(micro);
            due_ns.push(u64::try_from(due).map_err(|_| ScheduleError::TooFar { index })?);
        }
        Ok(Self(Plan::Listed(due_ns.into())))
    }

    /// Returns the due instant of event `index` (from 0), in ns since the run began.
    ///
    /// # Panics
    ///
    /// Panics if the schedule was made for `index` events or fewer ([`Schedule::len`]).
    #[inline]
    pub fn due_ns(&self, index: u64) -> u64 {
        match &self.0 {
            Plan::Listed(due_ns) => due_ns[index as usize],
            Plan::Constant { numerator, denominator } => match index.checked_mul(*numerator) {
                Some(product) => product / denominator,
                None => (u128::from(index) * u128::from(*numerator) / u128::from(*denominator)) as u64,
            },
        }
    }

    /// Returns the number of events due before `at_ns`, which is the index of the first one due at `at_ns` or later.
    pub fn due_before(&self, at_ns: u64) -> u64 {
        match &self.0 {
            Plan::Listed(due_ns) => due_ns.partition_point(|due| *due < at_ns) as u64,
            Plan::Constant { numerator, denominator } => {
                // floor(i n / d) < at  <=>  i n < at d  <=>  i < ceil(at d / n)
                let product = u128::from(at_ns) * u128::from(*denominator);
                u64::try_from(product.div_ceil(u128::from(*numerator))).unwrap_or(u64::MAX)
            }
        }
    }

    /// Returns the number of events the schedule was made for; `None` if it holds for any number (constant rate).
    pub fn len(&self) -> Option<usize> {
        match &self.0 {
            Plan::Constant { .. } => None,
            Plan::Listed(due_ns) => Some(due_ns.len()),
        }
    }

    /// Returns true if the schedule was made for no event.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// Returns a positive number in millionths; `None` if it is too small or too large.
fn micro(number: f64) -> Option<u64> {
    let micro = (number * MICRO).round();
    (number <= RATE_MAX && micro >= 1.0).then_some(micro as u64)
}

fn listed(due_ns: impl Iterator<Item = Option<u64>>) -> Result<Schedule, ScheduleError> {
    let checked = due_ns.enumerate().map(|(index, due)| due.ok_or(ScheduleError::TooFar { index }));
    Ok(Schedule(Plan::Listed(checked.collect::<Result<Vec<_>, _>>()?.into())))
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_constant_rate_does_not_drift() {
        let schedule = Schedule::constant(3.0).unwrap();
        assert_eq!([0, 1, 2, 3].map(|i| schedule.due_ns(i)), [0, 333_333_333, 666_666_666, 1_000_000_000]);
        assert_eq!(schedule.due_ns(30_000_000_000), 10_000_000_000 * NS_PER_S);
        let schedule = Schedule::constant(1_234_567.0).unwrap();
        assert_eq!(schedule.due_ns(12_345_670_000_000), 10_000_000 * NS_PER_S);
        let schedule = Schedule::constant(0.25).unwrap();
        assert_eq!(schedule.due_ns(2), 8 * NS_PER_S);
    }

    #[test]
    fn unusable_rates_are_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-7, 1e13] {
            assert!(matches!(Schedule::constant(rate), Err(ScheduleError::Rate(_))), "{rate}");
            assert!(matches!(Schedule::poisson(rate, 1, 1), Err(ScheduleError::Rate(_))), "{rate}");
            assert!(matches!(Schedule::as_recorded([1], rate), Err(ScheduleError::SpeedUp(_))), "{rate}");
        }
        assert!(matches!(Schedule::poisson(1e-6, 1, 100_000), Err(ScheduleError::TooFar { .. })));
        let centuries =
            Bursts { period_ns: u64::MAX, burst_ns: 1, quiet_rate_events_per_s: 0.0, burst_rate_events_per_s: 1e9 };
        assert_eq!(Schedule::bursts(centuries, 2).unwrap_err(), ScheduleError::TooFar { index: 1 });
    }

    #[test]
    fn poisson_is_the_same_for_a_seed_and_keeps_the_rate() {
        let all = |seed| {
            let schedule = Schedule::poisson(1_000_000.0, seed, 100_000).unwrap();
            (0..100_000).map(|i| schedule.due_ns(i)).collect::<Vec<_>>()
        };
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
        // From another implementation, in Python.
        assert_eq!(all(1)[..6], [368, 413, 632, 1258, 1873, 2021]);
        let last_ns = all(1)[99_999] as f64;
        assert!((last_ns / 1e8 - 1.0).abs() < 0.015, "{last_ns}"); // 4.7 standard errors
    }

    #[test]
    fn bursts_alternate_with_quiet_phases() {
        let bursts =
            Bursts { quiet_rate_events_per_s: 1e7, burst_rate_events_per_s: 1e8, period_ns: 1000, burst_ns: 50 };
        let schedule = Schedule::bursts(bursts, 20).unwrap();
        let due: Vec<u64> = (0..20).map(|i| schedule.due_ns(i)).collect();
        let expected =
            [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950, 960, 970, 980, 990, 1000, 1100, 1200, 1300, 1400];
        assert_eq!(due, expected);
        let silent = Bursts { quiet_rate_events_per_s: 0.0, ..bursts };
        let schedule = Schedule::bursts(silent, 6).unwrap();
        assert_eq!([0, 4, 5].map(|i| schedule.due_ns(i)), [950, 990, 1950]);
        let too_long = Bursts { burst_ns: 1001, ..bursts };
        assert!(matches!(Schedule::bursts(too_long, 1), Err(ScheduleError::Phases { .. })));
    }

    #[test]
    fn recorded_arrivals_keep_their_gaps() {
        let schedule = Schedule::as_recorded([-500, -500, 1500, 61_500], 60.0).unwrap();
        assert_eq!([0, 1, 2, 3].map(|i| schedule.due_ns(i)), [0, 0, 33_333_333, 1_033_333_333]);
        let error = Schedule::as_recorded([5, 7, 6], 1.0).unwrap_err();
        assert_eq!(error, ScheduleError::Unordered { index: 2, at_ms: 6, before_ms: 7 });
        assert!(Schedule::as_recorded([], 1.0).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn a_constant_rate_is_the_rounded_down_fraction(micro in 1_u64..2_000_000_000_000,
                                                        index in 0_u64..10_000_000_000) {
            let schedule = Schedule::constant(micro as f64 / 1e6).unwrap();
            let exact = u128::from(index) * 1_000_000_000_000_000 / u128::from(micro);
            prop_assume!(exact < u128::from(u64::MAX));
            prop_assert_eq!(u128::from(schedule.due_ns(index)), exact);
            prop_assert!(schedule.due_ns(index) <= schedule.due_ns(index + 1));
        }

        #[test]
        fn due_before_counts_the_events_due_before(rate in 1_u32..5_000_000, at_ns in 0_u64..10_000_000,
                                                   which in 0..3) {
            let rate = f64::from(rate);
            let period = Bursts {
                quiet_rate_events_per_s: rate,
                burst_rate_events_per_s: rate * 2.0,
                period_ns: 100_000,
                burst_ns: 30_000,
            };
            let schedule = match which {
                0 => Schedule::constant(rate).unwrap(),
                1 => Schedule::poisson(rate, 3, 1000).unwrap(),
                _ => Schedule::bursts(period, 1000).unwrap(),
            };
            let before = (0..1000).filter(|i| schedule.due_ns(*i) < at_ns).count() as u64;
            prop_assert_eq!(schedule.due_before(at_ns).min(1000), before);
            prop_assert!((1..1000).all(|i| schedule.due_ns(i - 1) <= schedule.due_ns(i)));
        }
    }
}

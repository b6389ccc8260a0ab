//! What an eviction is: what it says of itself, and what carries it out.
//!
//! Decision D-033.

use std::fmt;

use flowbench_events::{DurationError, parse_duration_ms};
use thiserror::Error;

use super::expiry_schedule::ExpirySchedule;
use crate::message::Key;

/// One eviction with its parameters: what it is called, what it promises, and what carries it out.
pub trait EvictionPolicy: Copy + Eq + fmt::Debug + Send + Sync + 'static {
    /// Name in files and on the command line.
    const NAME: &'static str;
    /// One line for `flowbench list`.
    const SUMMARY: &'static str;
    /// A paragraph for `flowbench explain`: what is kept, until when, and what that costs.
    const EXPLANATION: &'static str;
    /// Parameters in their order, as in `ttl(after)`; empty if there are none.
    const PARAMETERS: &'static [&'static str] = &[];
    /// Stands for it in lists: with the default of each parameter.
    const DEFAULT: Self;

    /// Reads the arguments in brackets, as many as there are parameters.
    ///
    /// # Errors
    ///
    /// Fails with what an argument must be.
    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        let _ = arguments;
        Ok(Self::DEFAULT)
    }

    /// Returns the arguments in the form that [`parse`](EvictionPolicy::parse) reads.
    fn arguments(self) -> Vec<String> {
        Vec::new()
    }

    /// Returns, in words, how it serves a pipeline with state.
    fn serves(self) -> &'static str;

    /// True if every answer is that of the oracle: only what no event can need again is forgotten.
    fn is_exact(self) -> bool {
        true
    }

    /// True if only arrangements can forget so: collections that change with event time.
    const NEEDS_ARRANGEMENTS: bool = false;

    /// Returns how far logical compaction of arrangements stays behind the watermark, ms of event time.
    fn compaction_lag_ms(self) -> i64 {
        0
    }

    /// True if collections that change with event time forget just so by themselves, when they are compacted.
    fn is_by_compaction(self) -> bool {
        false
    }

    /// Returns how long (ms of event time) states are held that are needed for `needed_ms`; `None` if there is no limit, or
    /// no telling.
    fn retention_ms(self, needed_ms: Option<i64>) -> Option<i64> {
        needed_ms
    }

    /// Returns what becomes of a state that has expired, once its timers have answered.
    fn after_expiry(self) -> AfterExpiry;

    /// Makes what tells which states may have expired; `is_exact` if they must come out no later than they are due.
    fn schedule<K: Key>(self, is_exact: bool) -> ExpirySchedule<K> {
        let _ = is_exact;
        ExpirySchedule::default()
    }

    /// Makes what forgets beyond that, for the states of one operator; `None` if there is nothing more to do.
    fn evictor<K: Key>(self, share: StateShare) -> Option<Box<dyn Evictor<K>>> {
        let _ = share;
        None
    }
}

/// What becomes of a state that has expired. Timers always answer when they are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterExpiry {
    /// It is dropped at once: every state is scheduled for its expiry.
    Forget,
    /// It is dropped when its last timer has answered. States without timers stay.
    ForgetAnswered,
    /// It stays, empty if its timers have answered, until something else removes it or an event of its key starts
    /// afresh.
    Leave,
    /// It is set aside and kept forever.
    Retire,
}

/// Which part of all states of a stage an operator holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateShare {
    /// Number of the part, from 0.
    pub index: usize,
    /// Number of parts, at least 1.
    pub of: usize,
}

impl StateShare {
    /// All states in one operator.
    pub const WHOLE: StateShare = StateShare { index: 0, of: 1 };

    /// Returns this part of `total`. All parts together are `total`.
    pub fn part_of(self, total: usize) -> usize {
        total / self.of + usize::from(self.index < total % self.of)
    }
}

/// Decides which states of an operator are forgotten whether they have expired or not, or walks over them now and then.
pub trait Evictor<K>: Send {
    /// True if it keeps a mark beside each state: a number of its own.
    fn has_marks(&self) -> bool {
        false
    }

    /// Reports that a message has touched the state of `key` at `touched_ms`. The mark of a new state is `i64::MIN`.
    fn touched(&mut self, _key: K, _mark: &mut i64, _touched_ms: i64) {}

    /// Returns the time after which a state with this mark is lost unless it is touched before; `i64::MAX` if only
    /// other states decide that.
    fn lost_after_ms(&self, _mark: i64) -> i64 {
        i64::MAX
    }

    /// Reports that a state has gone because it had expired or was empty.
    fn forgotten(&mut self, _mark: i64) {}

    /// True if there are more states than there is room for. It is asked when a state has come to be.
    fn is_over(&self) -> bool {
        false
    }

    /// Forgets what there is no room for.
    fn make_room(&mut self, _states: &mut dyn StateStore<K>) {}

    /// Reports that event time has reached `until_ms`, and that all timers below it have answered.
    fn advance(&mut self, _until_ms: i64, _states: &mut dyn StateStore<K>) {}
}

/// The states of one operator, as an [`Evictor`] sees them.
pub trait StateStore<K> {
    /// Returns the mark of the state of `key`; `None` if there is none.
    fn mark(&self, key: K) -> Option<i64>;

    /// Returns the number of states.
    fn count(&self) -> usize;

    /// Returns the key and the mark of each state.
    fn marks(&self) -> Box<dyn Iterator<Item = (K, i64)> + '_>;

    /// Forgets the state of `key`, whatever it holds. Its timers never answer.
    fn forget(&mut self, key: K);

    /// Walks over all states and forgets those that expire below `below_ms`, and those that have answered and are empty.
    fn forget_expired(&mut self, below_ms: i64);
}

/// What is wrong with the argument of an eviction.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// It is not a duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// It is 0, or so large that times would overflow.
    #[error("'{0}' is out of range: it must be from 1ms to 100000d")]
    DurationRange(String),
    /// It is not a number of states.
    #[error("'{0}' is not a number of states: write a whole number from 1 on, such as 100000 or 100_000")]
    Count(String),
}

const LONGEST_MS: i64 = 100_000 * 86_400_000;

/// Reads a duration above 0, in ms.
pub(super) fn duration_argument_ms(text: &str) -> Result<i64, ArgumentError> {
    let ms = parse_duration_ms(text)?;
    (1..=LONGEST_MS).contains(&ms).then_some(ms).ok_or_else(|| ArgumentError::DurationRange(text.to_owned()))
}

/// Reads a number of states, at least 1.
pub(super) fn count_argument(text: &str) -> Result<usize, ArgumentError> {
    let count = text.replace('_', "").parse().ok().filter(|count| (1..=u32::MAX as usize).contains(count));
    count.ok_or_else(|| ArgumentError::Count(text.to_owned()))
}

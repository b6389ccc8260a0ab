//! What an eviction is: what it says of itself, and what it is told.

use std::fmt;

use flowbench_events::DurationError;
use thiserror::Error;

use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::States;

/// One eviction with its parameters: what it is called, what it promises, and what carries it out.
pub trait EvictionPolicy: Copy + Eq + fmt::Debug + Send + Sync + 'static {
    /// Name in files and on the command line.
    const NAME: &'static str;
    /// One line for `flowbench list`.
    const SUMMARY: &'static str;
    /// Parameters in their order, as in `ttl(after)`; empty if there are none.
    const PARAMETERS: &'static [&'static str] = &[];
    /// Stands for it in lists: with the default of each parameter.
    const DEFAULT: Self;

    /// Carries it out for the states of one operator.
    type Evictor<M: KeyedStateMachine>: Evictor<M>;

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

    /// True if nothing is ever forgotten, open windows and closed ones included.
    fn keeps_forever(self) -> bool {
        false
    }

    /// True if collections that change with event time forget just so by themselves, when they are compacted.
    fn is_by_compaction(self) -> bool {
        false
    }

    /// Makes what carries it out for one operator.
    fn evictor<M: KeyedStateMachine>(self) -> Self::Evictor<M>;
}

/// Decides which states of an operator are forgotten when. It is told of everything that happens to a state and of
/// every advance of the watermark; what it has no use for costs nothing.
pub trait Evictor<M: KeyedStateMachine>: Send + 'static {
    /// Reports a new state of `key`, which expires at `expires_at_ms` unless that becomes later.
    fn created(&mut self, _key: M::Key, _expires_at_ms: i64) {}

    /// Reports that a message of event time `event_time_ms` has been applied to the state of `key`, new or not.
    fn touched(&mut self, _key: M::Key, _event_time_ms: i64) {}

    /// Reports that the state of `key` now expires sooner: at `expires_at_ms`.
    fn rescheduled(&mut self, _key: M::Key, _expires_at_ms: i64) {}

    /// Takes the state of `key`, which holds nothing any more and has left the table.
    fn cleared(&mut self, _key: M::Key, _state: M::State) {}

    /// Forgets what may be forgotten of the states whose expiry is below `until_ms`, after their timers have
    /// answered.
    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>);

    /// Returns the number of states kept outside the table although they will never be used again.
    fn retired_entries(&self) -> usize {
        0
    }
}

/// What is wrong with the argument of an eviction.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// It is not a duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
}

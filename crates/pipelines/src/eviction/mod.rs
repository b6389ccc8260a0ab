//! When state is forgotten.

mod expiry_queue;
mod frontier;
mod never;

pub(crate) use expiry_queue::ExpiryQueue;
pub use frontier::Frontier;
pub use never::Never;

use crate::machine::Machine;
use crate::part::States;

/// Decides which states are forgotten when. It is told of every state that comes to be and of every move of the watermark.
pub trait Eviction<M: Machine>: Default + Send + 'static {
    /// The state of `key` has come to be and expires at `expires_at_ms`, unless that becomes later.
    fn file(&mut self, key: M::Key, expires_at_ms: i64);

    /// The state of `key` expires sooner than before: at `expires_at_ms`.
    fn file_again(&mut self, key: M::Key, expires_at_ms: i64);

    /// The state of `key` holds nothing any more and is not in the table any more.
    fn spent(&mut self, key: M::Key, state: M::State);

    /// States whose expiry is below `until_ms` have expired: forgets what may be forgotten, after its timer has answered.
    fn advance(&mut self, until_ms: i64, states: &mut States<M>, out: &mut Vec<M::Row>);

    /// States kept outside the table although they will never be used again.
    fn buried(&self) -> usize {
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
    /// All of them, the list for `flowbench list`.
    pub const ALL: [EvictionName; 2] = [EvictionName::Never, EvictionName::Frontier];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            EvictionName::Never => "never",
            EvictionName::Frontier => "frontier",
        }
    }

    /// How it serves a pipeline, in words.
    pub fn serves(self, stateless: bool) -> &'static str {
        match (self, stateless) {
            (_, true) => "serves, and has nothing to forget",
            (EvictionName::Never, false) => "serves; memory grows with the keys that have come",
            (EvictionName::Frontier, false) => "serves, and is exact: keeps what may still be needed",
        }
    }

    /// One line for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            EvictionName::Never => "forget nothing; timers still answer when they are due",
            EvictionName::Frontier => "forget a state exactly when the watermark passes its expiry",
        }
    }
}

//! When state is forgotten.

mod expiry_queue;
mod frontier;
mod never;

pub use frontier::Frontier;
pub use never::Never;

use crate::logic::KeyedLogic;
use crate::part::States;

/// Decides which states are forgotten when. It is told of every state that comes to be and of every move of the watermark.
pub trait Eviction<L: KeyedLogic>: Default + 'static {
    /// The state of `key` has come to be and is needed until `expires_at_ms` at least.
    fn born(&mut self, key: L::Key, expires_at_ms: i64);

    /// The watermark has moved: forgets what may be forgotten, after its timer has answered.
    fn advance(&mut self, watermark_ms: i64, states: &mut States<L>, out: &mut Vec<L::Row>);

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

    /// One line for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            EvictionName::Never => "forget nothing; timers still answer when they are due",
            EvictionName::Frontier => "forget a state exactly when the watermark passes its expiry",
        }
    }
}

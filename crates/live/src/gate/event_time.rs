//! What moves event time while nothing arrives.
//!
//! Decision D-668.

/// What moves event time while nothing arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventTimePace {
    /// The clock does.
    #[default]
    Clock,
    /// A source does that has a clock of its own, such as a generated world.
    Source,
    /// Nothing does until the clock has come to it: it is so far ahead that what happens now is late.
    Ahead,
    /// Nothing does: the last source with a clock of its own has ended at a time long before that of the clock.
    Behind,
}

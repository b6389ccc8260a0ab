//! What an order policy is, and what it says of itself.

use crate::feed::EventTimeProgress;

/// Decides when events, or other items with an event time, are applied, and in which order. Works on batches, so that
/// dynamic dispatch costs nothing per event.
pub trait OrderPolicy<M>: Send {
    /// Takes what arrived, leaving `arrived` empty, and releases what may be applied at once.
    fn arrive(&mut self, arrived: &mut Vec<M>, released: &mut Vec<M>);

    /// Reports the progress of event time; releases what may be applied now.
    fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<M>);

    /// Returns the number of items held.
    fn buffered(&self) -> usize;
}

/// What an order policy says of itself.
pub(crate) struct OrderDeclaration {
    /// Name in files and on the command line.
    pub(crate) name: &'static str,
    /// One line for `flowbench list`.
    pub(crate) summary: &'static str,
    /// How it serves a stateless pipeline, in words.
    pub(crate) serves_stateless: &'static str,
    /// How it serves a pipeline with state, in words.
    pub(crate) serves_stateful: &'static str,
    /// True if late events are dropped. Then the final answers are exact for the others.
    pub(crate) drops_late: bool,
    /// True if an event is applied only when the watermark has passed it.
    pub(crate) waits: bool,
    /// True if answers may be retracted.
    pub(crate) retracts: bool,
}

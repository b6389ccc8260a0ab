//! Each worker combines what it reads of one key before sending it: what is exchanged are partial states or
//! aggregates, one per key and step.
//!
//! The readers do it, in the loop that filters. It wins where many events of a step share a key: with few windows, or
//! with a hot key, whose owner then gets one message instead of thousands. Where keys seldom repeat within a step it
//! only adds a table lookup per event. How events are combined is part of the logic ([`Mergeable`],
//! [`WindowLogic::combine`]); [`Combine`](super::dataflow::source_reader::Combine) does it.
//!
//! [`Mergeable`]: crate::logic::Mergeable
//! [`WindowLogic::combine`]: crate::logic::WindowLogic::combine
//!
//! Decision D-011.

use super::exchange;
use super::plan::Topology;

/// What is left to be exchanged goes by key.
pub(super) const TOPOLOGY: Topology = exchange::TOPOLOGY;

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

use super::declaration::{Declaration, FirstShape, Request, Topology, UnsupportedReason, needs_state};
use super::exchange::by_key;

pub(super) const STRATEGY: Declaration = Declaration {
    unsupported,
    ..Declaration::dataflow(
        "pre-aggregate",
        "each worker combines what it reads, then partial states are exchanged",
        Topology { combines: true, ..Topology::by(by_key) },
    )
};

pub(super) const IN_ORDER: UnsupportedReason =
    "its states follow from the order of all events of a key, so partial states cannot be merged";
pub(super) const BY_ARRIVAL: UnsupportedReason =
    "which delivery is the first follows from the order of arrival, so there is nothing to combine before";
pub(super) const NO_RETRACTION: UnsupportedReason =
    "under speculative events are retracted one by one, so they cannot be combined first";

fn unsupported(request: &Request) -> Option<UnsupportedReason> {
    let windows_combine = request.shape.windows.is_some_and(|windows| windows.combines);
    match request.shape.first {
        FirstShape::Stateless => needs_state(request),
        FirstShape::Deliveries => Some(BY_ARRIVAL),
        FirstShape::Keyed => (!windows_combine).then_some(IN_ORDER),
        FirstShape::Mergeable => request.retracts.then_some(NO_RETRACTION),
    }
}

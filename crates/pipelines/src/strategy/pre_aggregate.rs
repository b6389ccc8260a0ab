//! Each worker puts together what it reads of one key before it gives it on: what is exchanged are parts of states, or
//! of sums, one for each key and step.
//!
//! The readers do it, in the loop that filters. It wins where many events of a step share a key: few windows, or a hot
//! key, of which the owner then gets one message where there were thousands. Where keys seldom repeat within a step it
//! only adds a look into a table for every event. Measured: best for `load-time-conversion`, and with hot keys for
//! `sessions` and `trending-products`, 1.9 times the single thread where `exchange` is at 0.6 and 1.2; on one worker,
//! without hot keys, 0.6 to 0.9. How events are put together stands with the logic ([`Mergeable`],
//! [`WindowLogic::combine`]); [`Combine`](super::reader::Combine) does it.
//!
//! [`Mergeable`]: crate::logic::Mergeable
//! [`WindowLogic::combine`]: crate::logic::WindowLogic::combine

use super::exchange;
use super::plan::Topology;

/// What is left to be exchanged goes by key.
pub(super) const TOPOLOGY: Topology = exchange::TOPOLOGY;

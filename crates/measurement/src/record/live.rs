//! The numbers measured of a live session.

use serde::{Deserialize, Serialize};

use super::numbers::Quantiles;

/// What was measured of a live session, whose events are posted by HTTP and whose answers are on a wall.
///
/// Events are posted in batches, and each counts from the due instant of the first event of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LiveNumbers {
    /// Number of clients that looked at the wall.
    pub viewers: u64,
    /// Time from due to the receipt, which says that the event is on the disk.
    pub acknowledged: Quantiles,
    /// Time from due to the first frame with the answers to the event, at each client that reads all frames: the age of what
    /// the wall shows. Absent without such clients.
    pub shown: Option<Quantiles>,
    /// Number of posts that were refused because the intake was full, and repeated.
    pub refused_posts: u64,
    /// Number of events that rules and functions emitted.
    pub emitted_events: u64,
    /// Length of the recording, in bytes.
    pub recording_bytes: u64,
    /// Throughput of a replay of the recording in the same process with the same choices, in events/s: the median of several
    /// runs. Absent if it could not be measured.
    pub replay_events_per_s: Option<f64>,
}

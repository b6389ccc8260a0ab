//! Rows of the tables that a case leaves beside its record: samples over time, time by operator, load by channel.

use serde::{Deserialize, Serialize};

/// One sample of a running case: a row of `timeline.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// Since the run of the case began.
    pub at_ns: u64,
    /// Events admitted so far.
    pub admitted: u64,
    /// Bytes that the workers had taken from the allocator and not given back since the run began, without the answers that
    /// are kept for the check. Absent where the allocator does not count.
    pub live_bytes: Option<i64>,
    /// Resident set of the process.
    pub rss_bytes: u64,
    /// State entries over all workers.
    pub entries: u64,
    /// Events waiting for the watermark over all workers.
    pub buffered: u64,
    /// Maximum latency completed in the interval that ends here; absent if nothing completed.
    pub latency_max_ns: Option<u64>,
    /// Median latency of the interval.
    pub latency_p50_ns: Option<u64>,
    /// Newest event time of what had been admitted, ms since the first event time of the trace; absent before anything
    /// was.
    #[serde(default)]
    pub newest_event_time_ms: Option<i64>,
    /// Watermark of what had been admitted, in the same ms; absent while there is none.
    #[serde(default)]
    pub watermark_ms: Option<i64>,
    /// Events due and not completed; 0 in files of schema version 1, which did not count them.
    #[serde(default)]
    pub backlog: u64,
    /// How much further the most advanced worker was than the least ([`ViewSkew`]), in records; absent where fewer than two
    /// hold state, and before schema version 3.
    #[serde(default)]
    pub view_skew_records: Option<u64>,
    /// View skew in ms of event time.
    #[serde(default)]
    pub view_skew_ms: Option<i64>,
}

/// What one operator did on one worker: a row of `operators.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperatorTime {
    /// Number of the worker, from 0, those of the first process first.
    pub worker: usize,
    /// Name of the operator; several of one name are one.
    pub operator: String,
    /// How often it was scheduled.
    pub activations: u64,
    /// Time it ran, ns of wall clock.
    pub busy_ns: u64,
}

/// What one worker sent over one channel of the dataflow: a row of `channels.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelLoad {
    /// Number of the worker that sent it, from 0, those of the first process first.
    pub worker: usize,
    /// From where to where, in words: `input → answers`.
    pub channel: String,
    /// Batches, to this worker and to others.
    pub messages: u64,
    /// Records in them.
    pub records: u64,
}

//! Rows of the tables that a case writes beside its record: samples over time, time by operator and load by channel.

use serde::{Deserialize, Serialize};

/// One sample of a running case: a row of `timeline.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// Time since the run of the case began, in ns.
    pub at_ns: u64,
    /// Number of events admitted so far.
    pub admitted: u64,
    /// Bytes that the workers have allocated and not freed since the run began, except the answers kept for the check;
    /// absent if the allocator does not count.
    pub live_bytes: Option<i64>,
    /// Resident set of the process, in bytes.
    pub rss_bytes: u64,
    /// Number of state entries on all workers.
    pub entries: u64,
    /// Number of events waiting for the watermark on all workers.
    pub buffered: u64,
    /// Maximum latency of the events completed since the previous sample, in ns; absent if there were none.
    pub latency_max_ns: Option<u64>,
    /// Median latency of the events completed since the previous sample, in ns; absent if there were too few.
    pub latency_p50_ns: Option<u64>,
    /// Newest event time admitted so far, in ms since the first event time of the trace; absent before the first
    /// admission.
    #[serde(default)]
    pub newest_event_time_ms: Option<i64>,
    /// Watermark of the events admitted so far, in ms since the first event time of the trace; absent while there is
    /// none.
    #[serde(default)]
    pub watermark_ms: Option<i64>,
    /// Number of events due and not completed; 0 in files of schema version 1, which did not count them.
    #[serde(default)]
    pub backlog: u64,
    /// Distance between the most and the least advanced worker ([`ViewSkew`](super::ViewSkew)), in records; absent if
    /// fewer than two workers hold state, and before schema version 3.
    #[serde(default)]
    pub view_skew_records: Option<u64>,
    /// Distance between the most and the least advanced worker, in ms of event time; absent if fewer than two hold state.
    #[serde(default)]
    pub view_skew_ms: Option<i64>,
    /// Number of keys scheduled for a timer on all workers; absent in older files.
    #[serde(default)]
    pub timers: Option<u64>,
    /// Number of events kept on all workers so that answers can be retracted; absent in older files.
    #[serde(default)]
    pub retractable: Option<u64>,
    /// Time that all workers have spent on forgetting so far, in ns; absent in older files.
    #[serde(default)]
    pub eviction_ns: Option<u64>,
    /// Longest time that the evictions of a worker took at once since the previous sample, in ns; absent if none took
    /// long.
    #[serde(default)]
    pub eviction_pass_max_ns: Option<u64>,
    /// Bytes that the allocator has from the kernel, beyond those at the start of the run and without the answers kept for
    /// the check; absent if it does not tell.
    #[serde(default)]
    pub allocator: Option<AllocatorBytes>,
    /// Number of states that all workers have forgotten so far; absent in older files.
    #[serde(default)]
    pub forgotten: Option<u64>,
    /// Proportional set size of the process, as last read, in bytes; absent in older files.
    #[serde(default)]
    pub pss_bytes: Option<u64>,
    /// Number of batches in the arrangements of all workers; absent in older files.
    #[serde(default)]
    pub batches: Option<u64>,
}

/// Bytes of all arenas of the allocator of a process (jemalloc's `stats.resident`, `stats.active` and
/// `stats.retained`), beyond those at an earlier instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AllocatorBytes {
    /// Bytes in pages that are mapped and resident.
    pub resident: i64,
    /// Bytes in pages that hold allocations.
    pub active: i64,
    /// Bytes in pages that were given back to the kernel but are still reserved.
    pub retained: i64,
}

impl AllocatorBytes {
    /// Returns what has been added since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            resident: self.resident - before.resident,
            active: self.active - before.active,
            retained: self.retained - before.retained,
        }
    }

    /// Returns what is left without `bytes` that are allocated for something else.
    pub fn without(self, bytes: i64) -> Self {
        Self { resident: self.resident - bytes, active: self.active - bytes, ..self }
    }

    /// Returns the bytes of two processes together.
    pub fn and(self, other: Self) -> Self {
        Self {
            resident: self.resident + other.resident,
            active: self.active + other.active,
            retained: self.retained + other.retained,
        }
    }

    /// Returns the larger ones of the bytes at two instants.
    pub fn max(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            active: self.active.max(other.active),
            retained: self.retained.max(other.retained),
        }
    }
}

/// What an operator or an arrangement of one worker holds at one instant: a row of `state.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperatorState {
    /// Number of the worker, from 0; workers of the first process come first.
    pub worker: usize,
    /// Name of the operator, or of the arrangement behind `arrangement `: what arrangements hold is held by the operator that
    /// gives the answers, too.
    pub operator: String,
    /// Time since the run of the case began, in ns.
    pub at_ns: u64,
    /// Newest event time admitted by then, in ms since the first event time of the trace; absent before the first
    /// admission.
    pub newest_event_time_ms: Option<i64>,
    /// Number of state entries; of an arrangement, of updates in its trace and on their way there.
    pub entries: u64,
    /// Minimum number of bytes that its entries and waiting events need; 0 where it is not known.
    pub least_bytes: u64,
    /// Number of batches in the trace of an arrangement; absent for operators.
    #[serde(default)]
    pub batches: Option<u64>,
}

/// Time spent by one operator on one worker: a row of `operators.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperatorTime {
    /// Number of the worker, from 0; workers of the first process come first.
    pub worker: usize,
    /// Name of the operator; operators of the same name are counted together.
    pub operator: String,
    /// Number of times it was scheduled.
    pub activations: u64,
    /// Wall-clock time for which it ran, in ns.
    pub busy_ns: u64,
}

/// Messages sent by one worker over one channel of the dataflow: a row of `channels.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelLoad {
    /// Number of the sending worker, from 0; workers of the first process come first.
    pub worker: usize,
    /// Both ends of the channel, such as `input → answers`.
    pub channel: String,
    /// Number of batches sent, to itself and to other workers.
    pub messages: u64,
    /// Number of records in those batches.
    pub records: u64,
}

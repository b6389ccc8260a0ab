//! The numbers measured in one case.

use serde::{Deserialize, Serialize};

use super::timeline::AllocatorBytes;

/// All numbers measured in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// Number of events of the trace that were offered.
    pub events: u64,
    /// Time from the first due instant to the last completion, in ns.
    pub elapsed_ns: u64,
    /// Events completed per second of wall-clock time over the whole run. A closed loop with several runs reports its
    /// median run, from which all other numbers are taken too.
    pub throughput_events_per_s: f64,
    /// Throughput of every counted run of a closed loop, in events/s, in the order of the runs.
    #[serde(default)]
    pub run_throughputs_events_per_s: Vec<f64>,
    /// Rate at which the same number of threads can read the trace and do nothing else, in events/s: an upper bound for
    /// every case. Absent unless the load is the maximum possible.
    #[serde(default)]
    pub source_ceiling_events_per_s: Option<f64>,
    /// User and system CPU time of the process during the run, in ns. A worker that spins while it waits takes as much
    /// as one that works; see [`WorkerShare::busy_ns`].
    pub cpu_ns: u64,
    /// When recording began, in ns since the run began: events due before it are warm-up. Absent in a closed loop, which
    /// records everything, and in results of earlier versions, which recorded from the `warmup` of the experiment on.
    #[serde(default)]
    pub warmup_ns: Option<u64>,
    /// Latency. In an open loop it is the time from due to completed for every admitted event in the recording window;
    /// in a closed loop, from admitted to completed for every epoch.
    pub latency: Quantiles,
    /// Wall-clock time from the due instant of the arrival that allowed an answer to the answer.
    pub processing_delay: Quantiles,
    /// Time from the due instant of an epoch (that of its last event) to its admission, except the time its worker was
    /// busy with earlier epochs or off the CPU.
    pub driver_lag: Quantiles,
    /// Time from admission to completion for every event in the recording window of an open loop: what the latency would
    /// be if waiting for admission did not count. Absent in a closed loop, whose latency begins there, and in older records.
    #[serde(default)]
    pub from_admission: Option<Quantiles>,
    /// Delay with which a thread woke up from sleeps of 1 ms. Schema version 4 replaced it by [`lost`](Self::lost).
    #[serde(default)]
    pub hiccup: Quantiles,
    /// Number of events still open when the run was stopped; `latency` counts them at their age at that time.
    pub censored: u64,
    /// Time after which an event could be answered, in ms of event time; it follows from the trace alone.
    pub event_time_wait_ms: EventTimeWait,
    /// Memory of the process and entries of the pipeline.
    pub memory: Memory,
    /// Comparison of the answers with the truth.
    pub accuracy: Accuracy,
    /// Disorder of the trace, with the disorder that was requested.
    #[serde(default)]
    pub disorder: Disorder,
    /// Components of the latency.
    #[serde(default)]
    pub attribution: Attribution,
    /// How far the run fell behind, in event time and in number of events.
    #[serde(default)]
    pub progress: Progress,
    /// Distribution of the work over the workers, and its cost.
    #[serde(default)]
    pub sharing: Sharing,
    /// Time lost by the workers to the machine.
    #[serde(default)]
    pub lost: LostTime,
    /// Result of the search for the sustainable rate; absent if there was none.
    #[serde(default)]
    pub sustainable: Option<Sustainable>,
    /// What faster pages would win; absent unless the experiment asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_if: Option<WhatIf>,
    /// What was measured of a live session; absent if the workers were given the events without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveNumbers>,
    /// Digest of the trace.
    pub trace_digest: String,
}

/// What would be won if every page view were one band faster, by the answers of `load-time-conversion`, and in truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// Page views.
    pub views: u64,
    /// Views that led to an order.
    pub conversions: u64,
    /// Conversions that would be won, estimated.
    pub won: f64,
    /// Lower end of the 95 % interval; absent for a few hours only.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval; absent for a few hours only.
    pub high: Option<f64>,
    /// Conversions that are won in the same world with faster pages; absent if it was not generated.
    pub truth: Option<i64>,
}

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

/// A distribution in nanoseconds; quantiles the sample cannot support are absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of samples.
    pub count: u64,
    /// Median (20 samples or more).
    pub p50_ns: Option<u64>,
    /// 0.9 quantile (100 samples or more).
    pub p90_ns: Option<u64>,
    /// 0.99 quantile (1,000 samples or more).
    pub p99_ns: Option<u64>,
    /// 0.999 quantile (10,000 samples or more).
    pub p999_ns: Option<u64>,
    /// 0.9999 quantile (100,000 samples or more); absent in older records.
    #[serde(default)]
    pub p9999_ns: Option<u64>,
    /// Maximum sample.
    pub max_ns: Option<u64>,
}

/// Event-time wait of the events that were not late; it is the same on every machine and for any number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EventTimeWait {
    /// Number of events; those released only by the end of the input are not counted.
    pub count: u64,
    /// Median, ms of event time (20 events or more, as the 0.99 quantile: these are all events, not a sample of them).
    pub p50_ms: Option<i64>,
    /// 0.99 quantile, ms of event time.
    pub p99_ms: Option<i64>,
    /// Maximum, ms of event time.
    pub max_ms: Option<i64>,
}

/// Memory of one case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Peak of the bytes that the workers had allocated and not freed since the run began, except the answers kept for
    /// the check; absent if the allocator does not count, or if the run was over before it was sampled.
    pub live_bytes_peak: Option<i64>,
    /// Live bytes after everything that the watermark could expire had expired.
    pub live_bytes_residual: Option<i64>,
    /// Peak resident set of the process, in bytes, including the trace and the harness.
    pub rss_bytes_peak: u64,
    /// Bytes that the workers had allocated in all when the input had ended, freed or not, except the answers kept for the
    /// check; absent if the allocator does not count, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocated_bytes: Option<u64>,
    /// Resident set when the run was over, in bytes; of several processes the sum, in which memory that they share
    /// counts once for each. Absent in older records.
    #[serde(default)]
    pub rss_end_bytes: Option<u64>,
    /// Proportional set size at that time, in bytes: the resident set in which shared memory counts once. It takes
    /// milliseconds to read, so this is read when nothing is timed any more; absent in older records.
    #[serde(default)]
    pub pss_end_bytes: Option<u64>,
    /// Peak number of state entries.
    pub entries_peak: u64,
    /// Number of state entries left after the input had ended and everything had expired.
    pub entries_residual: u64,
    /// Peak number of events waiting for the watermark.
    pub buffered_peak: u64,
    /// State bytes per entry as the allocator counts them, when the input had ended and nothing left had expired yet;
    /// absent below 1,000 entries, and with several processes, whose connections have buffers. The column is empty if
    /// waiting events took much of the memory.
    pub bytes_per_entry: Option<f64>,
    /// Minimum key and state bytes per entry at that moment.
    pub payload_bytes_per_entry: Option<f64>,
    /// Growth of the live bytes over the last half of the run.
    pub growth: Option<Growth>,
    /// What was given back after a burst; absent without a burst, and in older records.
    #[serde(default)]
    pub burst: Option<BurstRelease>,
    /// Number of entries that had not expired when the input had ended; absent in older records.
    #[serde(default)]
    pub live_entries: Option<u64>,
    /// State bytes per entry that had not expired, as the allocator counts them, when the input had ended: what expired
    /// entries take is charged to the live ones. Absent where [`bytes_per_entry`](Self::bytes_per_entry) is.
    #[serde(default)]
    pub bytes_per_live_entry: Option<f64>,
    /// Peak number of keys scheduled for a timer.
    #[serde(default)]
    pub timers_peak: u64,
    /// Peak number of events kept so that answers can be retracted.
    #[serde(default)]
    pub retractable_peak: u64,
    /// Peak number of batches in arrangements; absent where nothing is arranged, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches_peak: Option<u64>,
    /// Peak bytes of the allocator beyond those at the start of the run, answers kept for the check and the growth of the
    /// harness included; absent if it does not tell.
    #[serde(default)]
    pub allocator_peak: Option<AllocatorBytes>,
    /// Cost of forgetting until the input had ended; absent in older records.
    #[serde(default)]
    pub eviction: Option<EvictionCost>,
}

/// Cost of forgetting until the input had ended, over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EvictionCost {
    /// Number of states forgotten: expired, empty or lost.
    pub forgotten: u64,
    /// Number of these that had not expired.
    pub lost: u64,
    /// Number of advances of the watermark, over all operators, at which there was something to look at.
    pub passes: u64,
    /// Time of these passes without the answers that timers gave in them, in ns.
    pub pass_ns: u64,
    /// Time of keeping account as states came and were touched, in ns; estimated from one call in 64.
    pub bookkeeping_ns: u64,
    /// Time that measuring these times took, in ns; estimated.
    pub clock_ns: u64,
    /// Longest time that the evictions of a worker took at once, in ns; absent below 20 µs.
    pub longest_pass_ns: Option<u64>,
    /// End of that pass, in ns since the run began.
    pub longest_pass_at_ns: Option<u64>,
    /// Mean event time between the expiry of a state and its release, in ms; absent if none was released.
    pub release_mean_ms: Option<f64>,
    /// Longest such event time, in ms.
    pub release_max_ms: Option<u64>,
}

/// What a state gave back of the live bytes that it took in a burst, by the rule stated in [`release`](crate::release).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BurstRelease {
    /// Share of the bytes between the level before the burst and the peak that was given back by the last admission; above
    /// 1 if less was left than before the burst.
    pub given_back_share: f64,
    /// Event time from the peak until nine tenths of these bytes were given back, in ms; absent if they never were, or
    /// where the event time is not known.
    pub release_ms: Option<i64>,
}

/// A slope with its interval and the verdict on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Live bytes gained per million events over the last half of the run.
    pub bytes_per_million_events: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Growth of the state entries; absent in older records.
    #[serde(default)]
    pub entries: Option<EntriesGrowth>,
    /// The verdict.
    pub verdict: Verdict,
    /// The series that has this verdict by itself; absent in older records.
    #[serde(default)]
    pub decided_by: Option<Series>,
    /// Number of events that the whole case would need for a verdict, estimated from how the interval narrows with the
    /// length of the run; absent unless the verdict is inconclusive, and in older records.
    #[serde(default)]
    pub events_needed: Option<f64>,
}

/// State entries gained per million events over the last half of the run, with the 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EntriesGrowth {
    /// The slope.
    pub per_million_events: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The series by which growth is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// The live bytes.
    Bytes,
    /// The state entries.
    Entries,
    /// Both series agree, or make the verdict only together.
    Both,
}

/// Whether memory grows, by the rule stated in [`memory`](crate::memory).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The slope of the live bytes, or of the state entries, is above 0 and the growth is material.
    Growing,
    /// A material growth of either is excluded.
    Bounded,
    /// Neither can be concluded.
    Inconclusive,
}

/// Comparison of the answers of a case with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accuracy {
    /// Number of answers of the oracle, for the deduplicated trace in canonical order with nothing lost.
    pub truth: u64,
    /// Number of answers given and not retracted.
    pub given: u64,
    /// Number of answers in the truth whose subject was not answered.
    pub missing: u64,
    /// Number of given answers about whose subject the truth has none.
    pub spurious: u64,
    /// Number of given answers whose content differs from the truth; they are neither missing nor spurious.
    #[serde(default)]
    pub wrong: u64,
    /// Number of retracted answers.
    #[serde(default)]
    pub retractions: u64,
    /// Number of subjects with at least one retracted answer.
    #[serde(default)]
    pub corrected: u64,
    /// Number of events that are late for this slack; it follows from the trace alone.
    pub late: u64,
    /// Number of events that the case dropped as late.
    pub dropped_as_late: u64,
    /// Order-insensitive digest of the given answers. In JSON it is text of 16 hexadecimal digits, because many readers
    /// of JSON round numbers of this size; before schema version 4 it was a number.
    #[serde(with = "digest")]
    pub digest: u64,
}

/// Disorder of a trace, in number of events, with the requested shares (0 to 1).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Disorder {
    /// Number of events whose event time is below that of an earlier arrival.
    pub out_of_order: u64,
    /// Requested share of events out of order; absent if none was requested.
    pub out_of_order_share_asked: Option<f64>,
    /// Number of repeated deliveries.
    pub duplicates: u64,
    /// Requested share of events that are delivered twice; absent if none was requested.
    pub duplicates_share_asked: Option<f64>,
}

/// Components of the latency; they add up to its mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Attribution {
    /// Means over all events; absent if none was recorded.
    pub mean: Option<LatencyComponents>,
    /// Means over the slowest 1 % of the events; absent below 1,000 events.
    pub tail: Option<LatencyComponents>,
}

/// Mean time that events spent in each component of the latency, in ns.
///
/// An epoch is due with its last event. Its service starts when it is admitted, or at the last completion on the same
/// worker strictly before its own, whichever is later. In the closed loop an event is due when it is admitted. Time off the
/// CPU is known where a round of a worker's loop took 50 µs or more; shorter stretches are part of what they interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LatencyComponents {
    /// Time from due to admitted while the worker was idle and on the CPU: the driver was late.
    pub driver_lag_ns: f64,
    /// Time off the CPU: until admission, of the worker that reads the epoch; after it, of the worker that was off the
    /// CPU for longest while it had work.
    #[serde(default)]
    pub off_cpu_ns: f64,
    /// Time for which the epoch was filling (due of the epoch − due of the event) and then waited for the worker to
    /// finish earlier ones.
    pub queueing_ns: f64,
    /// Time from the start of the service to completion, except the time off the CPU: the dataflow was working.
    pub compute_ns: f64,
}

/// Time lost by the workers of a run during its measurement, without the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LostTime {
    /// Share (0 to 1) of the time in which a worker was involuntarily off the CPU, or was idle and kept from looking
    /// for work; the maximum over the workers. Absent if it was not measured.
    pub share: Option<f64>,
    /// 0.99 quantile of the time that an event due at a random instant waits for the end of lost time, in ns.
    pub wait_p99_ns: Option<u64>,
    /// 0.999 quantile of that time, in ns.
    pub wait_p999_ns: Option<u64>,
    /// Longest uninterrupted lost time, in ns.
    pub max_ns: Option<u64>,
    /// Number of times the scheduler took a worker off the CPU, over all workers; absent if the kernel does not report
    /// it.
    pub involuntary_switches: Option<u64>,
    /// Total time for which workers were ready to run without a CPU, in ns; absent if the kernel does not report it.
    pub run_delay_ns: Option<u64>,
}

/// How far a run fell behind.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Maximum distance from the watermark to the newest event time over all cuts, in ms of event time; it follows from
    /// the trace alone. Absent if no cut had both.
    pub watermark_lag_peak_ms: Option<i64>,
    /// Maximum number of events due and not completed, over the samples of the timeline.
    pub backlog_peak: u64,
    /// Time from that sample until the backlog was back at or below its median over the run, in ns; absent if it never
    /// was.
    pub recovery_ns: Option<u64>,
}

/// Distribution of the work of a run over its workers, and its cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sharing {
    /// Work of each worker; workers of the first process come first.
    pub workers: Vec<WorkerShare>,
    /// Number of messages passed between workers: events, rows or partial states.
    pub exchanged_records: u64,
    /// Size of those messages in memory, in bytes.
    pub exchanged_bytes: u64,
    /// Traffic between processes, progress included; absent in a single process.
    pub wire: Option<Wire>,
    /// Number of progress messages sent between workers; absent unless they were counted.
    pub progress_messages: Option<u64>,
    /// Distance between the views of the workers; absent if fewer than two of them hold state.
    pub view_skew: Option<ViewSkew>,
    /// Increase of the busy time in a run with operator logging over the run without it, from which all other numbers
    /// are: 0.1 for 10 %. Absent if nothing was logged or there is no run without logging.
    #[serde(default)]
    pub logging_overhead_share: Option<f64>,
}

/// The work of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkerShare {
    /// Number of messages given to its state.
    pub records: u64,
    /// Wall-clock time of the rounds of its loop in which it had work, except the time off the CPU, in ns.
    pub busy_ns: u64,
    /// The core the worker was bound to; absent if it was bound to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<usize>,
}

/// Traffic from one process to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wire {
    /// Number of data and progress messages.
    pub messages: u64,
    /// Number of bytes sent, headers included.
    pub bytes: u64,
}

/// Distance between the most and the least advanced worker that hold state, as quantiles over the time of the run. A
/// worker's view is the part of the trace whose watermark it has acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ViewSkew {
    /// Median, in records of the trace.
    pub p50_records: u64,
    /// 0.99 quantile, in records of the trace.
    pub p99_records: u64,
    /// Maximum, in records of the trace.
    pub max_records: u64,
    /// Median, in ms between the newest event times of the two views.
    pub p50_ms: i64,
    /// 0.99 quantile, in ms between the newest event times of the two views.
    pub p99_ms: i64,
    /// Maximum, in ms between the newest event times of the two views.
    pub max_ms: i64,
}

/// The maximum sustainable rate with its bracket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sustainable {
    /// The rate found by the search, in events/s.
    pub rate_events_per_s: f64,
    /// Lower end of the bracket: the maximum rate up to the one found that was never refused, in events/s; absent if
    /// each was refused at least once.
    pub low_events_per_s: Option<f64>,
    /// Upper end of the bracket: the minimum rate above the one found that was refused whenever it was tried, in
    /// events/s; absent if the search could try no higher rate.
    pub high_events_per_s: Option<f64>,
    /// Maximum accepted p99 latency, in ns.
    pub slo_p99_ns: u64,
    /// All rates tried, in order.
    pub probes: Vec<Probe>,
}

/// One trial of the search at one rate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Probe {
    /// Offered rate, in events/s.
    pub rate_events_per_s: f64,
    /// Reason why the rate was refused; absent if it was sustained.
    pub refused: Option<String>,
    /// p99 latency at this rate, in ns; absent below 1,000 samples.
    pub latency_p99_ns: Option<u64>,
}

/// JSON form of a digest of 64 bits.
mod digest {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(u64), // before schema version 4
    }

    pub(super) fn serialize<S: Serializer>(digest: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{digest:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(digest) => Ok(digest),
            Written::Text(text) => u64::from_str_radix(&text, 16)
                .map_err(|_| D::Error::custom(format!("the digest '{text}' is not a hexadecimal number of 64 bits"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::example;

    #[test]
    fn the_digest_of_answers_is_text_in_json_and_a_number_of_an_older_schema_is_still_read() {
        let mut accuracy = example::case(0, 0).numbers.unwrap().accuracy;
        accuracy.digest = 0x00b9_6174_d1a2_cafb;
        let mut json = serde_json::to_value(accuracy).unwrap();
        assert_eq!(json["digest"], "00b96174d1a2cafb");
        assert_eq!(serde_json::from_value::<Accuracy>(json.clone()).unwrap(), accuracy);
        json["digest"] = 13_357_754_595_581_978_459_u64.into();
        assert_eq!(serde_json::from_value::<Accuracy>(json.clone()).unwrap().digest, 13_357_754_595_581_978_459);
        json["digest"] = "cafe and tea".into();
        let error = serde_json::from_value::<Accuracy>(json).unwrap_err().to_string();
        assert!(error.contains("'cafe and tea'"), "{error}");
    }
}

//! The measurements of a replay: how fast it was, and what it took.

use std::sync::Arc;

use flowbench_events::LateSet;
use flowbench_measurement::accuracy::AnswersDigest;
use flowbench_measurement::memory::live_bytes_peak;
use flowbench_measurement::record::Quantiles;
use flowbench_pipelines::{BoundPipeline, Feed, RunConfig, RunEnd, RunError};
use serde::Serialize;

use crate::answers_so_far::AnswersSoFar;
use crate::measure::resident_set::peak_rss_bytes;
use crate::measure::{Idle, Load, Measured, Setting, measure};

/// The measurements of a replay, which is a closed loop: events are offered as soon as there is room. What could not be
/// measured is absent.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayStats {
    /// Number of events of the log.
    pub events: u64,
    /// Time from the first admission to the last completion, without reading the log and writing the answers, in ns.
    pub elapsed_ns: u64,
    /// Events completed per second of that time.
    pub throughput_events_per_s: f64,
    /// Time from the admission of an epoch of 16,384 events to its completion; the quantiles that the number of epochs
    /// supports.
    pub epoch_latency: Quantiles,
    /// Peak of the bytes that the workers had allocated and not freed since the run began; absent if no sample was
    /// taken.
    pub live_bytes_peak: Option<i64>,
    /// Peak resident set of the process, in bytes, including the log and the answers.
    pub rss_bytes_peak: Option<u64>,
    /// Number of late events.
    pub late: u64,
    /// Number of events dropped as late.
    pub dropped_as_late: u64,
    /// Number of answers.
    pub answers: u64,
    /// Digest of the answers, as 16 hexadecimal digits; that of a measured case with the same answers is the same.
    pub answers_digest: String,
    /// Digest of the answers as they are written, which does not depend on the log that names them: that of the live
    /// session is the same whose recording is replayed.
    pub answers_text_digest: String,
    /// Digest of the events in the order of the log.
    pub trace_digest: String,
}

/// Runs a pipeline on a feed with threads of this process, and measures it.
///
/// # Errors
///
/// Fails if the pipeline cannot run with this configuration, or if the dataflow fails.
pub(crate) fn measured(
    prepared: &dyn BoundPipeline,
    config: RunConfig,
    feed: &Arc<Feed>,
) -> Result<(RunEnd, ReplayStats), RunError> {
    let load = Load::Closed;
    let setting = Setting { prepared, config, feed, load: &load, idle: Idle::Spin, pin: false, process_group: None };
    let measured = measure(&setting, false)?;
    let measured = measured.ok_or_else(|| RunError::Dataflow("another process has the measurements".to_owned()))?;
    let stats = stats(feed, &measured);
    Ok((measured.end, stats))
}

fn stats(feed: &Feed, measured: &Measured) -> ReplayStats {
    let Measured { completions, observations, end, .. } = measured;
    let (events, elapsed_ns) = (feed.trace().events.len() as u64, completions.elapsed_ns());
    let mut digest = AnswersDigest::default();
    end.answers.fingerprints().into_iter().for_each(|print| digest.insert(print as u64));
    ReplayStats {
        events,
        elapsed_ns,
        throughput_events_per_s: events as f64 * 1e9 / elapsed_ns.max(1) as f64,
        epoch_latency: completions.latencies(completions.window(0)).latency.quantiles(),
        live_bytes_peak: live_bytes_peak(observations.readings.iter().map(|reading| reading.live_bytes)),
        rss_bytes_peak: peak_rss_bytes(),
        late: LateSet::of(feed.trace(), feed.rule()).count,
        dropped_as_late: end.late.count,
        answers: end.answers.len() as u64,
        answers_digest: format!("{:016x}", digest.value()),
        answers_text_digest: format!("{:016x}", AnswersSoFar::of(&*end.answers, &feed.trace().symbols).digest),
        trace_digest: feed.trace().digest(),
    }
}

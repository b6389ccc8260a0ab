//! Runs a log, real or generated, through a pipeline: answers without measurements.

use std::sync::Arc;

use flowbench_events::{Event, Deduplicator, Horizon, LateSet, Trace};
use flowbench_pipelines::{Answers, Changes, Choice, Feed, Home, Pipeline, Site, Unhurried};

/// Records per epoch of a replay.
const RECORDS_PER_EPOCH: usize = 16_384;

/// What a replay reports besides its final answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// True if every change is wanted: events are then applied one at a time, so that the changes do not depend on
    /// the number of workers.
    pub changes: bool,
    /// True if repeated deliveries are to be counted, for which the trace is walked once more.
    pub repeats: bool,
}

/// The result of a replay.
pub struct Replayed {
    /// The answers.
    pub answers: Box<dyn Answers>,
    /// How the answers came about, if the order policy retracts.
    pub changes: Option<Changes>,
    /// The events dropped as late.
    pub late: LateSet,
    /// The slack that was used, ms.
    pub slack_ms: i64,
    /// Repeated deliveries, where only first ones count and the number was requested.
    pub repeats: Option<u64>,
    /// Events that would concern the pipeline but have no customer.
    pub without_key: u64,
}

/// Answers `pipeline` (with `settings`, `KEY=VALUE`) from a trace, with its workers in `home`; of several processes
/// the first has all answers. Without a slack, one that loses nothing is used.
pub fn replay(
    pipeline: &dyn Pipeline,
    settings: &[String],
    choice: &Choice,
    slack_ms: Option<i64>,
    trace: &Arc<Trace>,
    look: Look,
    home: Home,
) -> Result<Replayed, String> {
    let prepared =
        pipeline.prepare(settings, &trace.symbols).map_err(|error| format!("pipeline {}: {error}", pipeline.name()))?;
    let slack_ms = slack_ms.unwrap_or_else(|| trace.slack_to_lose_nothing_ms());
    let (records_per_epoch, drivers) = match look.changes {
        false => (RECORDS_PER_EPOCH, Unhurried::drivers()),
        true => (1, Unhurried::one_at_a_time()),
    };
    let feed = Arc::new(Feed::new(Arc::clone(trace), records_per_epoch, slack_ms, choice.order.drops_late()));
    let end = prepared.run(&Site { home, ..Site::new(*choice, &feed, drivers) }).map_err(|error| error.to_string())?;
    let without_key = prepared.without_key(&trace.events);
    let horizon = prepared.counts(choice.deduplicate).filter(|_| look.repeats);
    let repeats = horizon.map(|horizon| repeats(&trace.events, horizon, &feed));
    Ok(Replayed { answers: end.answers, changes: end.changes, late: end.late, slack_ms, repeats, without_key })
}

/// Returns how many of the deliveries that are not dropped as late repeat one that counted.
fn repeats(events: &[Event], horizon: Horizon, feed: &Feed) -> u64 {
    let (mut first, mut repeats) = (Deduplicator::new(horizon), 0);
    feed.rule().walk(events, |at, late, _| {
        let is_given = !(late && feed.drops_late());
        repeats += u64::from(is_given && !first.take(&events[at]));
    });
    repeats
}

//! Runs a log, real or generated, through a pipeline: answers without measurements.

use std::io::{self, Write};
use std::sync::Arc;

use flowbench_events::{Deduplicator, Horizon, LateSet, Symbols, Trace};
use flowbench_pipelines::{
    Answers, BoundPipeline, Changes, Deployment, Feed, Pipeline, RunConfig, RunContext, RunError, SettingError,
    UnpacedDriver,
};
use thiserror::Error;

use crate::replay_stats::{self, ReplayStats};

/// Records per epoch of a replay.
const RECORDS_PER_EPOCH: usize = 16_384;

/// A question that is to be answered from a log.
#[derive(Clone, Copy)]
pub struct ReplayRequest<'a> {
    /// The pipeline.
    pub pipeline: &'a dyn Pipeline,
    /// Parameters of the pipeline, `KEY=VALUE`.
    pub settings: &'a [String],
    /// The value of every axis.
    pub config: RunConfig,
    /// Slack of the watermark, ms; `None` for that of the session that recorded the trace, or else one that loses
    /// nothing.
    pub slack_ms: Option<i64>,
    /// True if every change is wanted: events are then applied one at a time, so that the changes do not depend on
    /// the number of workers.
    pub changes: bool,
    /// True if the replay is to be measured, with threads of this process and without changes.
    pub measures: bool,
    /// True if repeated deliveries are to be counted, for which the trace is walked once more.
    pub counts_repeats: bool,
}

/// The result of a replay.
pub struct Replayed {
    /// The answers.
    pub answers: Box<dyn Answers>,
    /// How the answers came about, if the order policy retracts.
    pub changes: Option<Changes>,
    /// The measurements, if they were requested.
    pub stats: Option<ReplayStats>,
    /// The events dropped as late.
    pub late: LateSet,
    /// The slack that was used, ms.
    pub slack_ms: i64,
    /// Repeated deliveries, where only first ones count and the number was requested. They are not known if no event has
    /// an id.
    pub repeats: Option<u64>,
    /// Events that would concern the pipeline but have no customer.
    pub without_key: u64,
}

/// Why a log could not be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The pipeline does not take a setting.
    #[error("pipeline {pipeline}: {error}")]
    Setting {
        /// Name of the pipeline.
        pipeline: &'static str,
        /// What is wrong with the setting.
        error: SettingError,
    },
    /// The run went wrong.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl<'a> ReplayRequest<'a> {
    /// Returns a request for final answers, with a slack that loses nothing.
    pub fn new(pipeline: &'a dyn Pipeline, settings: &'a [String], config: RunConfig) -> Self {
        Self { pipeline, settings, config, slack_ms: None, changes: false, measures: false, counts_repeats: false }
    }

    /// Checks the settings, without a log.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is unknown, given twice or out of range.
    pub fn check_settings(&self) -> Result<(), ReplayError> {
        self.prepared(&Symbols::default()).map(drop)
    }

    /// Returns the pipeline with its settings, for a trace with these symbols.
    pub(crate) fn prepared(&self, symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, ReplayError> {
        self.pipeline.prepare(self.settings, symbols).map_err(|error| self.setting_error(error))
    }

    /// Returns a text that is the same in two processes if and only if they are asked for the same answers.
    pub fn fingerprint(&self) -> String {
        let Self { pipeline, settings, config, slack_ms, changes, .. } = self;
        format!("{} {settings:?} {config:?} {slack_ms:?} {changes}", pipeline.name())
    }

    fn setting_error(&self, error: SettingError) -> ReplayError {
        ReplayError::Setting { pipeline: self.pipeline.name(), error }
    }
}

/// Answers a question from a trace, with the workers in `deployment`; of several processes the first has all answers.
///
/// # Errors
///
/// Fails if a setting is wrong or the run goes wrong.
pub fn replay(
    request: &ReplayRequest<'_>,
    trace: &Arc<Trace>,
    deployment: Deployment,
) -> Result<Replayed, ReplayError> {
    let config = request.config;
    let prepared = request.prepared(&trace.symbols)?;
    let slack_ms = request.slack_ms.or(trace.recording.slack_ms).unwrap_or_else(|| trace.slack_to_lose_nothing_ms());
    let (records_per_epoch, drivers) = match request.changes {
        false => (RECORDS_PER_EPOCH, UnpacedDriver::drivers()),
        true => (1, UnpacedDriver::one_at_a_time()),
    };
    let feed = Arc::new(Feed::new(Arc::clone(trace), records_per_epoch, slack_ms, config.order.drops_late()));
    let (end, stats) = match request.measures {
        true => replay_stats::measured(&*prepared, config, &feed).map(|(end, stats)| (end, Some(stats)))?,
        false => (prepared.run(&RunContext { deployment, ..RunContext::new(config, &feed, drivers) })?, None),
    };
    let without_key = prepared.without_key(&trace.events);
    let counts_repeats = request.counts_repeats && config.eviction.is_exact();
    let has_ids = || trace.events.iter().any(|event| !event.event_id().is_absent());
    let horizon = prepared.counts(config.deduplicate).filter(|_| counts_repeats && has_ids());
    let repeats = horizon.map(|horizon| repeats(trace, horizon, &feed));
    Ok(Replayed { answers: end.answers, changes: end.changes, stats, late: end.late, slack_ms, repeats, without_key })
}

impl Replayed {
    /// Writes the final answers as CSV.
    ///
    /// # Errors
    ///
    /// Fails if `output` cannot be written.
    pub fn write_answers(&self, symbols: &Symbols, output: &mut impl Write) -> io::Result<()> {
        self.answers.write_csv(symbols, output)
    }

    /// Writes every change of an answer as CSV, with the column `change`. Where the order policy retracts nothing, each
    /// answer is given once.
    ///
    /// # Errors
    ///
    /// Fails if `output` cannot be written.
    pub fn write_changes(&self, symbols: &Symbols, output: &mut impl Write) -> io::Result<()> {
        match &self.changes {
            Some(changes) => write_lines(&changes.header(), changes.lines(symbols), output),
            None => {
                let lines = self.answers.lines(symbols).into_iter().map(|line| format!("{line},+1"));
                write_lines(&format!("{},change", self.answers.header()), lines, output)
            }
        }
    }
}

fn write_lines(header: &str, lines: impl IntoIterator<Item = String>, output: &mut impl Write) -> io::Result<()> {
    writeln!(output, "{header}")?;
    lines.into_iter().try_for_each(|line| writeln!(output, "{line}"))
}

/// Returns how many of the deliveries that are not dropped as late repeat one that counted.
fn repeats(trace: &Trace, horizon: Horizon, feed: &Feed) -> u64 {
    let (mut first, mut repeats) = (Deduplicator::new(horizon), 0);
    feed.rule().walk(trace, |at, late, _| {
        let is_given = !(late && feed.drops_late());
        repeats += u64::from(is_given && !first.take(&trace.events[at]));
    });
    repeats
}

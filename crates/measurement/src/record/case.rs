//! One case of a run: its configuration, how it ended, its numbers and the doubts about them. It is one line of
//! `cases.ndjson`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::numbers::Numbers;

/// Name of the schema of a line of `cases.ndjson`.
pub const CASE_SCHEMA: &str = "flowbench-case";

/// A case with its numbers: one line of `cases.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Name of the schema ([`CASE_SCHEMA`]); older records had none.
    #[serde(default = "case_schema")]
    pub schema: Cow<'static, str>,
    /// Schema version of the writer ([`SCHEMA_VERSION`](super::SCHEMA_VERSION)).
    pub schema_version: u32,
    /// Name of the question this case belongs to ([`QuestionRecord::name`](super::QuestionRecord::name)).
    pub part: String,
    /// Number of the case within the run, from 1; repeats of a case share it.
    pub case: usize,
    /// Number of the repeat, from 1.
    pub repeat: usize,
    /// The configuration: the value chosen on every axis.
    pub axes: Axes,
    /// Outcome of the case.
    pub status: Status,
    /// All measured numbers; absent unless the case ended well.
    pub numbers: Option<Numbers>,
    /// Reasons not to trust the numbers.
    pub doubts: Vec<Doubt>,
    /// Who measured: 0 for the build and the machine the run began with, n for the n-th of
    /// [`RunRecord::segments`](super::RunRecord::segments).
    #[serde(default, skip_serializing_if = "is_0")]
    pub segment: usize,
}

impl CaseRecord {
    /// Returns the tag of this case's histograms and timeline rows: `c<case>r<repeat>`.
    pub fn tag(&self) -> String {
        format!("c{}r{}", self.case, self.repeat)
    }
}

fn case_schema() -> Cow<'static, str> {
    CASE_SCHEMA.into()
}

/// The configuration: the value chosen on every axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Parameters of the pipeline that differ from their defaults, `key=value`.
    pub settings: Vec<String>,
    /// True if only the first delivery of each event counts.
    pub deduplicate: bool,
    /// Name of the strategy.
    pub strategy: String,
    /// Name of the order policy.
    pub order: String,
    /// Slack of the watermark in ms of event time.
    pub slack_ms: i64,
    /// Source of the watermark: `merged` for one watermark over all arrivals, `channel` for the minimum over the
    /// channels.
    #[serde(default = "merged")]
    pub sources: String,
    /// Behaviour of an idle worker: `spin` to look for work again at once, `park` to sleep after a while.
    #[serde(default = "spin")]
    pub idle: String,
    /// Silence after which a source no longer holds the watermark back, in ms of arrival time; absent if every source
    /// always does.
    #[serde(default)]
    pub idle_ms: Option<i64>,
    /// Name of the eviction policy.
    pub eviction: String,
    /// Number of workers of each process.
    pub workers: usize,
    /// Number of processes.
    #[serde(default = "one")]
    pub processes: usize,
    /// Number of records per epoch: the granularity of progress.
    pub records_per_epoch: usize,
    /// Kind of load: `open`, `closed` or `search`.
    pub load: String,
    /// Offered rate of an open loop, or the rate found by a search, in events/s; absent for a closed loop.
    pub rate_events_per_s: Option<f64>,
    /// Offered rate as a share of the sustainable rate that a search with the same configuration found; absent if the
    /// rate was given as a number.
    #[serde(default)]
    pub rate_share: Option<f64>,
    /// Name of the trace.
    pub trace: String,
    /// Seed of the trace; absent in older records, which use the seed of the run.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Generator parameters set for this case, as `key=value` in one line, or the name given to them; empty if there
    /// are none.
    #[serde(default)]
    pub world: String,
    /// Planted fault, if any.
    pub fault: Option<String>,
    /// What a live session had beside the pipeline, as the experiment spells it; absent if the workers were given the events
    /// without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
}

/// The outcome of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Status {
    /// The case was measured and its answers are correct where they must be.
    Ok,
    /// The case was measured, but its answers are wrong where they must be correct: there are no numbers.
    Invalid {
        /// Description of what is wrong.
        cause: String,
    },
    /// The process of the case failed: there are no numbers.
    Failed {
        /// Cause of the failure: `panic`, `deadline`, `memory cap`, `exit`, …
        cause: String,
        /// The last lines of its standard error.
        stderr_tail: String,
    },
}

impl Status {
    /// Returns why there are no numbers; `None` if there are.
    pub fn cause(&self) -> Option<&str> {
        match self {
            Status::Ok => None,
            Status::Invalid { cause } | Status::Failed { cause, .. } => Some(cause),
        }
    }

    /// Returns the word used in tables.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Invalid { .. } => "invalid",
            Status::Failed { .. } => "failed",
        }
    }
}

/// One reason not to trust a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Stable short name: `driver-lag`, `lost-time`, `source-bound`, `few-samples`, `oversubscribed`,
    /// `no-spare-core`, `not-pinned`, `steal`, `swapping`, `swap-in-use`, `on-battery`,
    /// `debug-build`, `dirty-tree`, `short`, `short-run`, `censored`, `logged`, …
    pub code: String,
    /// The reason in words, with its numbers.
    pub text: String,
}

fn merged() -> String {
    "merged".to_owned()
}

fn is_0(segment: &usize) -> bool {
    *segment == 0
}

fn one() -> usize {
    1
}

fn spin() -> String {
    "spin".to_owned()
}

//! One case of a run: the choice on every axis, how the case ended, its numbers and the doubts about them. One line of
//! `cases.ndjson`.

use serde::{Deserialize, Serialize};

use super::numbers::Numbers;

/// One case with its numbers: one line of `cases.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The question this case belongs to ([`QuestionRecord::name`]).
    pub part: String,
    /// Number of the case within the run, from 1; repeats of a case share it.
    pub case: usize,
    /// Which repeat, from 1.
    pub repeat: usize,
    /// The choice on every axis.
    pub axes: Axes,
    /// How it ended.
    pub status: Status,
    /// Everything measured; absent if the case failed.
    pub numbers: Option<Numbers>,
    /// Why the numbers may not be trusted.
    pub doubts: Vec<Doubt>,
}

impl CaseRecord {
    /// The tag of this case's histograms and timeline rows: `c<case>r<repeat>`.
    pub fn tag(&self) -> String {
        format!("c{}r{}", self.case, self.repeat)
    }
}

/// The choice on every axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Parameters of the pipeline that differ from their defaults, `key=value`.
    pub settings: Vec<String>,
    /// First deliveries only.
    pub deduplicate: bool,
    /// Name of the strategy.
    pub strategy: String,
    /// Name of the order policy.
    pub order: String,
    /// Slack of the watermark in ms of event time.
    pub slack_ms: i64,
    /// `merged`: the watermark is one of all arrivals; `channel`: the least of those of the channels.
    #[serde(default = "merged")]
    pub sources: String,
    /// What a worker does that has nothing to do: `spin`, it looks again at once; `park`, it sleeps after a while.
    #[serde(default = "spin")]
    pub idle: String,
    /// A source that is silent for longer than this, in ms of arrival time, does not hold the watermark back; absent:
    /// it always does.
    #[serde(default)]
    pub idle_ms: Option<i64>,
    /// Name of the eviction.
    pub eviction: String,
    /// Number of workers of each process.
    pub workers: usize,
    /// Number of processes.
    #[serde(default = "one")]
    pub processes: usize,
    /// Progress granularity.
    pub records_per_epoch: usize,
    /// `open`, `closed` or `search`.
    pub load: String,
    /// Offered rate of the open loop; of a search, the one that was found.
    pub rate_events_per_s: Option<f64>,
    /// Offered rate as a share of the sustainable one that a search of the same choice has found; absent where the rate was
    /// given as such.
    #[serde(default)]
    pub rate_share: Option<f64>,
    /// Name of the trace.
    pub trace: String,
    /// Seed of the trace: which of its worlds. Absent in older records, which have that of the run.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What is set of the world besides, `key=value` in one line, or the name that was given to that; empty for nothing.
    #[serde(default)]
    pub world: String,
    /// Planted fault, if any.
    pub fault: Option<String>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Status {
    /// Measured, and the answers are right where they must be.
    Ok,
    /// Measured, but the answers are wrong where they must be right: no numbers.
    Invalid {
        /// What is wrong.
        cause: String,
    },
    /// The process of the case did not end well: no numbers.
    Failed {
        /// `panic`, `deadline`, `memory cap`, `exit`, …
        cause: String,
        /// The last lines of its standard error.
        stderr_tail: String,
    },
}

impl Status {
    /// The word used in tables.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Invalid { .. } => "invalid",
            Status::Failed { .. } => "failed",
        }
    }
}

/// One reason why a number may not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Stable short name: `driver-lag`, `lost-time`, `source-bound`, `few-samples`, `oversubscribed`, `no-spare-core`, `steal`,
    /// `debug-build`, `dirty-tree`, `short`, `short-run`, `censored`, `logged`, …
    pub code: String,
    /// In words, with the numbers.
    pub text: String,
}

fn merged() -> String {
    "merged".to_owned()
}

fn one() -> usize {
    1
}

fn spin() -> String {
    "spin".to_owned()
}

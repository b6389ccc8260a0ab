//! One run of an experiment: its configuration, traces, build and machine. This is the content of `run.json`.

use serde::{Deserialize, Serialize};

use super::figure_spec::FigureSpec;

/// Schema version with which all files of a results directory are written.
pub const SCHEMA_VERSION: u32 = 4;

/// A run of an experiment: what was run, on which machine, and how many of its cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Schema version of the writer ([`SCHEMA_VERSION`]).
    pub schema_version: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// Purpose of the experiment, in one line.
    pub title: String,
    /// The resolved experiment file as TOML, with every `--set` applied: enough to run it again.
    pub resolved_experiment: String,
    /// The folder at which relative paths of logs begin, relative to the folder in which the run was started; absent if
    /// it is that folder, if it was given as an absolute path, and if no log is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The questions with their figures, in the order of the report.
    pub parts: Vec<QuestionRecord>,
    /// What the experiment claims, each a [`Claim`](crate::claims::Claim).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// Names of the parts whose times are not compared with those of other runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untimed_parts: Vec<String>,
    /// Seed of the case order, and of the traces of cases that do not name one.
    pub seed: u64,
    /// Start of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// Duration of the run in seconds; absent while it is running.
    pub wall_s: Option<f64>,
    /// Number of planned cases, repeats included.
    pub planned_cases: usize,
    /// True if the run stopped before all planned cases were done.
    pub interrupted: bool,
    /// Failed attempts at cases that were run again, when the run was resumed or because they were suspended; only the
    /// last attempt is among the cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_failures: Vec<EarlierFailure>,
    /// The traces that the cases read.
    pub traces: Vec<TraceRecord>,
    /// The program that produced the numbers.
    pub build: Build,
    /// The machine on which the numbers were measured.
    pub machine: Machine,
}

/// An attempt at a case that failed and is no longer among the cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierFailure {
    /// Number of the case.
    pub case: usize,
    /// Number of the repeat.
    pub repeat: usize,
    /// Cause of the failure, as in [`Status::Failed`](super::Status::Failed).
    pub cause: String,
}

/// One question of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionRecord {
    /// Short name, unique within the experiment; cases refer to it.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// The figures that answer this question, in drawing order.
    pub figures: Vec<FigureSpec>,
}

/// A trace: generated, or read from a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// Short name by which the cases refer to the trace.
    pub name: String,
    /// Generator profile, or the name of the log without its folder.
    pub profile: String,
    /// Seed of the generator, and of the arrivals of a log.
    pub seed: u64,
    /// Number of events.
    pub events: u64,
    /// Parameters that differ from the profile, `key=value`.
    pub overrides: Vec<String>,
    /// Digest of the events in arrival order; absent until a case has made the trace.
    pub digest: Option<String>,
    /// The log that the trace was read from; absent if it was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogRecord>,
}

/// What a log held when the cases were planned. It is named without its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Name of the file.
    pub file: String,
    /// Name of its mapping; absent if it has none.
    pub map: Option<String>,
    /// Number of rows, without a header and blank lines.
    pub rows: u64,
    /// Number of rows of a kind that the mapping does not list, or without a time.
    pub skipped: u64,
    /// Number of bad rows.
    pub rejected: u64,
    /// Number of events that cases may use: those of the log, up to the maximum that was requested.
    pub events: u64,
    /// Number of these whose arrival time is before that of an event in front of them.
    pub arrivals_back: u64,
    /// Digest of these events in the order of the file.
    pub digest: String,
}

/// The program that produced the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Version of flowbench.
    pub flowbench: String,
    /// Version of timely.
    pub timely: String,
    /// Version of differential dataflow; absent before it was a strategy.
    #[serde(default)]
    pub differential: Option<String>,
    /// Version of the compiler, as printed by `rustc --version`.
    pub rustc: String,
    /// Build profile: `release` or `debug`.
    pub profile: String,
    /// First 12 digits of the commit; absent if built outside a checkout.
    pub commit: Option<String>,
    /// True if the tree had uncommitted changes when built.
    pub dirty: bool,
    /// First 16 digits of the BLAKE3 hash of `Cargo.lock`.
    pub lock_digest: String,
    /// The allocator used by every case.
    pub allocator: String,
    /// First 16 digits of the BLAKE3 hash of the code that measures and evaluates; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measuring_digest: Option<String>,
}

/// The machine on which numbers were measured; it has no host name and no path in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Summary shown below figures: `2 cores of AMD EPYC …, 24 GiB, Linux 6.1, virtual`.
    pub line: String,
    /// Processor model.
    pub cpu: String,
    /// Number of cores this process may use, within its affinity and cgroup quota.
    pub usable_cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel and version.
    pub kernel: String,
    /// Frequency governor; absent if it cannot be read.
    pub governor: Option<String>,
    /// Hypervisor or container; absent if none was recognised.
    pub virtualised: Option<String>,
    /// CPU quota of the cgroup, in cores; absent if there is none.
    pub cgroup_cores: Option<f64>,
}

//! One run of an experiment: what was run, on which machine, built from what. The content of `run.json`.

use serde::{Deserialize, Serialize};

use super::figure_spec::FigureSpec;

/// The schema version that every file of a results directory is written with.
pub const SCHEMA_VERSION: u32 = 4;

/// What was run, on what, with which result in numbers of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// One line: what the experiment is for.
    pub title: String,
    /// The resolved experiment file as TOML, with every `--set` applied: enough to run it again.
    pub resolved_experiment: String,
    /// The questions with their figures, in the order of the report.
    pub parts: Vec<QuestionRecord>,
    /// Seed of the order of the cases, and of the traces of cases that name none.
    pub seed: u64,
    /// When the run began, RFC 3339 UTC.
    pub started_at: String,
    /// How long it took, in seconds; absent while it runs.
    pub wall_s: Option<f64>,
    /// How many cases the plan holds (repeats counted).
    pub planned_cases: usize,
    /// True if it was stopped before all planned cases were done.
    pub interrupted: bool,
    /// Cases that had failed when the run was resumed and were run again: only their last attempt is among the cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_failures: Vec<EarlierFailure>,
    /// The traces the cases were fed.
    pub traces: Vec<TraceRecord>,
    /// What built the numbers.
    pub build: Build,
    /// Where they were measured.
    pub machine: Machine,
}

/// An attempt at a case that failed and is no longer among the cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierFailure {
    /// Which case.
    pub case: usize,
    /// Which repeat of it.
    pub repeat: usize,
    /// Why it failed, as in [`Status::Failed`].
    pub cause: String,
}

/// One question of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionRecord {
    /// Short name, unique in the experiment; cases refer to it.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// What the figures of this question show; drawn in order.
    pub figures: Vec<FigureSpec>,
}

/// A trace and what it really is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// Short name used by the cases.
    pub name: String,
    /// Generator profile.
    pub profile: String,
    /// Generator seed.
    pub seed: u64,
    /// How many events.
    pub events: u64,
    /// Parameters that differ from the profile, `key=value`.
    pub overrides: Vec<String>,
    /// Digest of the events in arrival order; absent until a case has made the trace.
    pub digest: Option<String>,
}

/// What built the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Version of flowbench.
    pub flowbench: String,
    /// Version of timely.
    pub timely: String,
    /// Version of differential dataflow; absent before it was a strategy.
    #[serde(default)]
    pub differential: Option<String>,
    /// Compiler, as it names itself.
    pub rustc: String,
    /// `release` or `debug`.
    pub profile: String,
    /// Commit, 12 digits; absent outside a checkout.
    pub commit: Option<String>,
    /// True if the tree had uncommitted changes when built.
    pub dirty: bool,
    /// BLAKE3 of Cargo.lock, first 16 digits.
    pub lock_digest: String,
    /// The allocator of every arm.
    pub allocator: String,
}

/// Where the numbers were measured. No host name, no path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// One line for under the figures: `2 cores of AMD EPYC …, 24 GiB, Linux 6.1, virtual`.
    pub line: String,
    /// Processor model.
    pub cpu: String,
    /// Cores this process may use (affinity and cgroup quota respected).
    pub usable_cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel and version.
    pub kernel: String,
    /// Frequency governor, if readable.
    pub governor: Option<String>,
    /// Hypervisor or container, if recognised.
    pub virtualised: Option<String>,
    /// Cgroup CPU quota in cores, if any.
    pub cgroup_cores: Option<f64>,
}

//! One run of an experiment: its configuration, traces, build and machine. This is the content of `run.json`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::build::Build;
use super::figure_spec::FigureSpec;
use super::machine::{Machine, Surroundings};

/// Schema version with which all files of a results directory are written.
pub const SCHEMA_VERSION: u32 = 4;

/// Name of the schema of `run.json`.
pub const RUN_SCHEMA: &str = "flowbench-run";

/// A run of an experiment: what was run, on which machine, and how many of its cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the schema ([`RUN_SCHEMA`]); older records had none.
    #[serde(default = "run_schema")]
    pub schema: Cow<'static, str>,
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
    /// The note of the experiment, Markdown: its question, what was expected, and the reading of the run it was written
    /// about; absent in older records, and if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
    /// Continuations of the run by another build or on another machine, in their order: [`CaseRecord::segment`] says
    /// which of them measured a case. Empty unless it was asked for.
    ///
    /// [`CaseRecord::segment`]: super::CaseRecord::segment
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
    /// The traces that the cases read.
    pub traces: Vec<TraceRecord>,
    /// The program that produced the numbers.
    pub build: Build,
    /// The machine on which the numbers were measured.
    pub machine: Machine,
    /// The command that started the run: its program by its name, paths relative to the folder it was started in, or
    /// without their folders if they lead out of it. Absent in older records, and if no command started the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// What else the machine did when the run began; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Surroundings>,
    /// What else the machine did until the run ended; absent in older records, and while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Surroundings>,
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

/// A continuation of a run by another build or on another machine than those it began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Start of the continuation, RFC 3339 in UTC.
    pub started_at: String,
    /// The program that measured.
    pub build: Build,
    /// The machine on which it measured.
    pub machine: Machine,
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

fn run_schema() -> Cow<'static, str> {
    RUN_SCHEMA.into()
}

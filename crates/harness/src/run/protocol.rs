//! What a case process and its parent agree on: arguments, exit codes, and the result.

use flowbench_measurement::record::{ChannelLoad, Doubt, Numbers, OperatorState, OperatorTime, Status, TimelinePoint};
use serde::{Deserialize, Serialize};

/// The argument that makes the program a case process; the id of its parent follows it. It reads a `CaseSpec` from
/// standard input and writes a [`CaseResult`] to standard output.
pub const CASE_ARGUMENT: &str = "__case";

/// Exit code of a case process in which something panicked.
pub const PANICKED: i32 = 101;

/// The result of a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CaseResult {
    /// How it ended.
    pub status: Status,
    /// All measurements; absent unless the answers are right where they must be.
    pub numbers: Option<Numbers>,
    /// Why the numbers may not be trusted.
    pub doubts: Vec<Doubt>,
    /// Histograms by kind, each as a line of an hlog.
    pub histograms: Vec<(String, String)>,
    /// Samples over time.
    pub timeline: Vec<TimelinePoint>,
    /// What each operator held over time.
    pub states: Vec<OperatorState>,
    /// The answers in CSV, if they are a result, too.
    pub answers: Option<String>,
    /// What each operator did, if that was logged.
    pub operators: Vec<OperatorTime>,
    /// What crossed each channel, if that was logged.
    pub channels: Vec<ChannelLoad>,
}

impl CaseResult {
    /// Nothing is known but how it ended.
    pub(crate) fn without_numbers(status: Status) -> Self {
        Self {
            status,
            numbers: None,
            doubts: Vec::new(),
            histograms: Vec::new(),
            timeline: Vec::new(),
            states: Vec::new(),
            answers: None,
            operators: Vec::new(),
            channels: Vec::new(),
        }
    }
}

/// Returns the result of a case that did not end properly, or was not run.
pub(crate) fn failed(cause: String, stderr_tail: String) -> CaseResult {
    CaseResult::without_numbers(Status::Failed { cause, stderr_tail })
}

//! Exit codes, and how errors are reported.

use std::fmt::Display;

use flowbench_events::{Problems, WriteError};
use flowbench_harness::PipelineError;
use flowbench_harness::run::RunFailed;

pub(crate) use crate::terminal::{eprint, plain};

use crate::snippets::rendered;

/// Success.
pub(crate) const OK: i32 = 0;
/// The command failed.
const FAILED: i32 = 1;
/// The machine is not fit to measure on.
pub(crate) const NOT_FIT: i32 = 1;
/// Bad arguments or configuration.
const USAGE_ERROR: i32 = 2;
/// A regression.
pub(crate) const REGRESSION: i32 = 3;
/// Answers that are not those that are due.
pub(crate) const NOT_EXACT: i32 = 3;
/// Nothing was selected.
const NOTHING_SELECTED: i32 = 4;
/// Some cases failed, were invalid, or were not begun before a limit.
pub(crate) const INCOMPLETE: i32 = 5;

/// Why a command ends early.
pub(crate) struct Failure {
    code: i32,
    message: Option<String>,
}

impl Failure {
    /// Returns the failure of a command that could not be carried out.
    pub(crate) fn failed(problem: impl Display) -> Self {
        Self { code: FAILED, message: Some(problem.to_string()) }
    }

    /// Returns the failure of a command whose arguments or configuration are wrong.
    pub(crate) fn usage_error(problem: impl Display) -> Self {
        Self { code: USAGE_ERROR, message: Some(problem.to_string()) }
    }

    /// Returns the failure of a command whose configuration has these problems, with the lines in which they are.
    pub(crate) fn problems(problems: &Problems) -> Self {
        Self::usage_error(rendered(problems))
    }

    /// Returns the failure of a command that was given nothing to work on.
    pub(crate) fn nothing_selected(problem: impl Display) -> Self {
        Self { code: NOTHING_SELECTED, message: Some(problem.to_string()) }
    }

    /// Returns the end of a command that a signal has stopped, with its exit code.
    pub(crate) fn interrupted(code: i32, problem: impl Display) -> Self {
        Self { code, message: Some(problem.to_string()) }
    }

    /// Returns the end of a command whose reader has closed the pipe (`| head`): no failure, and no message.
    fn closed_pipe() -> Self {
        Self { code: OK, message: None }
    }

    /// Prints the message on standard error and returns the exit code.
    pub(crate) fn report(self) -> i32 {
        if let Some(message) = self.message {
            let (problem, fix) = problem_and_fix(&message);
            eprint(format!("error: {problem}"));
            if let Some(fix) = fix {
                eprint(format!("hint: {fix}"));
            }
        }
        self.code
    }
}

/// Divides a message at the semicolon behind which an error of flowbench says what is likely to help. A message of
/// several lines has its help where it belongs.
fn problem_and_fix(message: &str) -> (&str, Option<&str>) {
    match message.rsplit_once("; ") {
        Some((problem, fix)) if !message.trim_end().contains('\n') => (problem, Some(fix)),
        _ => (message, None),
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        if error.is_broken_pipe() { Failure::closed_pipe() } else { Failure::failed(error) }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Failure::problems(&problems)
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Unknown(unknown) => Failure::usage_error(unknown),
            PipelineError::File(problems) => Failure::problems(&problems),
        }
    }
}

impl From<RunFailed> for Failure {
    fn from(error: RunFailed) -> Self {
        let code = match &error {
            RunFailed::Experiment(problems) => return Failure::problems(problems),
            RunFailed::Foreign { .. } => USAGE_ERROR,
            RunFailed::NothingSelected { .. } => NOTHING_SELECTED,
            RunFailed::Log(_)
            | RunFailed::Results(_)
            | RunFailed::Report(_)
            | RunFailed::Process(_)
            | RunFailed::BrokenOff { .. } => FAILED,
        };
        Self { code, message: Some(error.to_string()) }
    }
}

/// Prints lines of data to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut output = flowbench_events::Output::create("-").map_err(Failure::failed)?;
    match output.write_all(text.as_bytes()) {
        Ok(()) => Ok(output.finish()?),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::closed_pipe()),
        Err(error) => Err(Failure::failed(format!("standard output: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_likely_to_help_stands_behind_the_last_semicolon() {
        for (message, divided) in [
            (
                "there is no folder a; give a results directory",
                ("there is no folder a", Some("give a results directory")),
            ),
            ("a; b; c", ("a; b", Some("c"))),
            ("a.csv: cannot be written", ("a.csv: cannot be written", None)),
            ("a:\n  b; c", ("a:\n  b; c", None)),
        ] {
            assert_eq!(problem_and_fix(message), divided);
        }
    }
}

//! Exit codes, and how errors are reported.

use std::fmt::Display;

use flowbench_events::WriteError;
use flowbench_harness::run::RunFailed;
use flowbench_report::harmless;

/// Success.
pub(crate) const OK: i32 = 0;
/// The command failed.
const FAILED: i32 = 1;
/// Bad arguments or configuration.
const USAGE_ERROR: i32 = 2;
/// A regression.
pub(crate) const REGRESSION: i32 = 3;
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
            eprint(format!("error: {message}"));
        }
        self.code
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        if error.is_broken_pipe() { Failure::closed_pipe() } else { Failure::failed(error) }
    }
}

impl From<RunFailed> for Failure {
    fn from(error: RunFailed) -> Self {
        let code = match &error {
            RunFailed::Experiment(_) | RunFailed::Figure { .. } | RunFailed::Foreign { .. } => USAGE_ERROR,
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

/// Prints a line on standard error, without control characters, because text of a file may be quoted in it. A standard
/// error that cannot be written to is ignored.
pub(crate) fn eprint(text: impl Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", plain(text));
}

/// Returns the text without control characters, which could steer the terminal.
pub(crate) fn plain(text: impl Display) -> String {
    text.to_string().chars().map(|letter| if letter == '\n' { letter } else { harmless(letter) }).collect()
}

/// Prints a JSON document to standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
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

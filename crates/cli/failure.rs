//! Exit codes, and how an error is told.

use std::fmt::Display;

use flowbench_events::WriteError;
use flowbench_harness::run::RunFailed;
use flowbench_report::harmless;

/// Everything went well.
pub(crate) const OK: i32 = 0;
/// It failed.
const FAILED: i32 = 1;
/// Bad arguments or configuration.
const MISUSED: i32 = 2;
/// Nothing was selected.
const NOTHING_SELECTED: i32 = 4;
/// Some cases failed or were invalid.
pub(crate) const INCOMPLETE: i32 = 5;
/// Stopped by Ctrl-C, after saving.
pub(crate) const INTERRUPTED: i32 = 130;

/// Why a command ends early.
pub(crate) struct Failure {
    code: i32,
    message: Option<String>,
}

impl Failure {
    /// It could not be done.
    pub(crate) fn failed(problem: impl Display) -> Self {
        Self { code: FAILED, message: Some(problem.to_string()) }
    }

    /// It was asked for in a way that cannot be.
    pub(crate) fn misused(problem: impl Display) -> Self {
        Self { code: MISUSED, message: Some(problem.to_string()) }
    }

    /// Whoever read our output has seen enough (`| head`): no failure, and nothing to say.
    fn enough() -> Self {
        Self { code: OK, message: None }
    }

    /// Tells it on standard error; the exit code.
    pub(crate) fn report(self) -> i32 {
        if let Some(message) = self.message {
            say(format!("error: {message}"));
        }
        self.code
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        if error.is_broken_pipe() { Failure::enough() } else { Failure::failed(error) }
    }
}

impl From<RunFailed> for Failure {
    fn from(error: RunFailed) -> Self {
        let code = match &error {
            RunFailed::Experiment(_) | RunFailed::Figure { .. } | RunFailed::Foreign { .. } => MISUSED,
            RunFailed::NothingSelected { .. } => NOTHING_SELECTED,
            RunFailed::Results(_) | RunFailed::Report(_) | RunFailed::Process(_) | RunFailed::BrokenOff { .. } => {
                FAILED
            }
        };
        Self { code, message: Some(error.to_string()) }
    }
}

/// Says something on standard error. Nobody listening there is no reason to stop. What a file holds may be quoted: its
/// control characters do not reach the terminal.
pub(crate) fn say(words: impl Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", plain(words));
}

/// Words in which nothing can steer the terminal: names of others may be among them.
pub(crate) fn plain(words: impl Display) -> String {
    words.to_string().chars().map(|letter| if letter == '\n' { letter } else { harmless(letter) }).collect()
}

/// Prints lines of data to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut output = flowbench_events::Output::create("-").map_err(Failure::failed)?;
    match output.write_all(text.as_bytes()) {
        Ok(()) => Ok(output.finish()?),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::enough()),
        Err(error) => Err(Failure::failed(format!("standard output: {error}"))),
    }
}

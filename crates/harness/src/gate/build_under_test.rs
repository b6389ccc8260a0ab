//! A build that the gate measures: the command that starts it.

use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::run::child_process::{this_program, without_variables};

/// A flowbench command that can run an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildUnderTest {
    /// The program that is running.
    This,
    /// Another command: a program and its first arguments.
    Command {
        /// The program.
        program: PathBuf,
        /// The arguments that come before those of flowbench.
        arguments: Vec<String>,
    },
}

/// Why a command is no build to compare with.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum NoOtherBuild {
    /// The command starts this program itself.
    #[error(
        "{} is this very program: it would be compared with itself. Name another build, or use --calibrate to see what a \
         comparison of a build with itself says", .0.display()
    )]
    Same(PathBuf),
    /// There is no such program.
    #[error("{}: there is no such program to compare with; give the path of another build of flowbench", .0.display())]
    Missing(PathBuf),
}

impl BuildUnderTest {
    /// Returns the build that a command line starts: a program, and arguments after spaces.
    ///
    /// # Errors
    ///
    /// Fails if the program is the one that is running, or if there is none.
    pub fn other(command: &str) -> Result<BuildUnderTest, NoOtherBuild> {
        let whole = Path::new(command);
        let mut words = command.split_whitespace();
        let (program, arguments) = match whole.is_file() {
            true => (whole.to_owned(), Vec::new()),
            false => (words.next().unwrap_or_default().into(), words.map(str::to_owned).collect()),
        };
        let other = found(&program).and_then(|found| std::fs::canonicalize(found).ok());
        if other.is_none() {
            return Err(NoOtherBuild::Missing(program));
        }
        if other == std::env::current_exe().and_then(std::fs::canonicalize).ok() {
            return Err(NoOtherBuild::Same(program));
        }
        Ok(BuildUnderTest::Command { program, arguments })
    }

    /// Returns a command that starts this build.
    pub(crate) fn command(&self) -> Command {
        match self {
            BuildUnderTest::This => this_program(),
            BuildUnderTest::Command { program, arguments } => {
                let mut command = without_variables(Command::new(program));
                command.args(arguments);
                command
            }
        }
    }
}

/// Returns the file of a program: a name without a folder is looked for in `PATH`.
fn found(program: &Path) -> Option<PathBuf> {
    if program.components().count() != 1 {
        return Some(program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_refused_by_whatever_path() {
        let this = std::env::current_exe().unwrap();
        let dir = tempfile::TempDir::new().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&this, &link).unwrap();
        for path in [&this, &link] {
            let error = BuildUnderTest::other(&path.display().to_string()).unwrap_err();
            assert!(error.to_string().contains("is this very program"), "{error}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        for command in ["/nowhere/flowbench run", "no-such-flowbench"] {
            let error = BuildUnderTest::other(command).unwrap_err().to_string();
            let program = command.split(' ').next().unwrap();
            assert!(error.starts_with(&format!("{program}: there is no such program")), "{error}");
        }
    }

    #[test]
    fn a_command_is_a_program_and_its_arguments() {
        let other = BuildUnderTest::other("cargo run --release --").unwrap();
        let arguments = ["run", "--release", "--"].map(str::to_owned).to_vec();
        assert_eq!(other, BuildUnderTest::Command { program: "cargo".into(), arguments });
        let dir = tempfile::TempDir::new().unwrap();
        let spaced = dir.path().join("a b");
        std::fs::write(&spaced, "").unwrap();
        let other = BuildUnderTest::other(&spaced.display().to_string()).unwrap();
        assert_eq!(other, BuildUnderTest::Command { program: spaced, arguments: vec![] });
    }
}

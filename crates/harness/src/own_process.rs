//! This program once more, in processes that it starts itself and that end with it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::thread::set_name;

/// Where the system keeps the program that runs, also after its file was replaced or removed.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The program that runs, to be started once more: the same build, whatever has become of its file since.
pub(crate) fn this_program() -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command
}

/// This process, as those that it starts are told of their parent.
pub(crate) fn own_id() -> String {
    std::process::id().to_string()
}

/// Makes this process end with its parent, `parent` by its id, and be listed under the name of the program. A parent that
/// has gone already is an error: the system tells only of those that end later.
pub(crate) fn end_with(parent: &str) -> Result<(), String> {
    let _ = set_name(c"flowbench"); // the system would call it "exe"
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| format!("the parent process: {error}"))?;
    let is_there = |id: Pid| id.as_raw_nonzero().to_string() == parent;
    if getppid().is_some_and(is_there) {
        Ok(())
    } else {
        Err(format!("the process that started this one, {parent}, has gone"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_outlives_no_parent_that_it_was_told_of() {
        let parent = std::os::unix::process::parent_id().to_string();
        assert_eq!(end_with(&parent), Ok(()));
        set_parent_process_death_signal(None).unwrap(); // the tests may go on without cargo
        assert_eq!(end_with("4194305"), Err("the process that started this one, 4194305, has gone".to_owned()));
        set_parent_process_death_signal(None).unwrap();
    }

    #[test]
    fn the_program_started_is_the_one_that_runs() {
        let listed = this_program().args(["--list", "--exact", "own_process::tests::nothing"]).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        assert_eq!(std::fs::canonicalize(THIS_PROGRAM).unwrap(), std::env::current_exe().unwrap());
    }
}

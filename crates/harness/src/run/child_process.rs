//! This program once more, in child processes that are sent what to do and end with their parent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use rustix::thread::set_name;
use serde::Serialize;
use thiserror::Error;

/// A process that was started here. It is killed when this value is dropped.
pub(crate) struct ChildProcess {
    child: Child,
    announced: Receiver<String>,
    address: Option<String>,
    output: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    status: Option<ExitStatus>,
}

impl ChildProcess {
    /// Starts a process and reads its standard output, and its standard error if `command` has a pipe for that. If the
    /// process `announces_address`, the first line of its output is the address at which it listens.
    pub(crate) fn start(command: &mut Command, announces_address: bool) -> io::Result<ChildProcess> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        log::debug!("process {} started: {}", child.id(), words(command));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (announce, announced) = channel();
        // From here on an error drops the process, which kills it.
        let mut process = ChildProcess { child, announced, address: None, output: None, stderr: None, status: None };
        process.output = Some(thread::Builder::new().spawn(move || {
            let mut stdout = stdout.map(BufReader::new);
            let mut address = String::new();
            if let Some(stdout) = stdout.as_mut().filter(|_| announces_address)
                && stdout.read_line(&mut address).is_ok()
                && address.ends_with('\n')
            {
                let _ = announce.send(address.trim_end().to_owned());
            }
            read_to_end(stdout)
        })?);
        process.stderr = stderr.map(|stderr| thread::Builder::new().spawn(|| read_to_end(Some(stderr)))).transpose()?;
        Ok(process)
    }

    /// Returns the id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the address at which the process listens, once it has announced it.
    pub(crate) fn address(&mut self) -> Option<&str> {
        self.address_within(Duration::ZERO)
    }

    /// Waits for the address at which the process listens; `None` if it announces none in time.
    pub(crate) fn address_within(&mut self, patience: Duration) -> Option<&str> {
        if self.address.is_none() {
            self.address = self.announced.recv_timeout(patience).ok();
        }
        self.address.as_deref()
    }

    /// Sends `spec` as JSON to the standard input of the process. Only the first call sends anything.
    pub(crate) fn send(&mut self, spec: &impl Serialize) -> io::Result<()> {
        let bytes = serde_json::to_vec(spec).map_err(io::Error::other)?;
        self.child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&bytes))
    }

    /// Returns how the process exited; `None` while it runs.
    pub(crate) fn try_status(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
            self.log_end();
        }
        Ok(self.status)
    }

    /// Returns how the process had exited when it was last looked at; `None` if it was still running.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Asks the process to end if it may still run, without waiting for that.
    pub(crate) fn ask_to_end(&self) {
        if self.status.is_none() {
            log::debug!("process {} is asked to end", self.child.id());
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
    }

    /// Kills the process if it may still run, without waiting for its end.
    pub(crate) fn kill(&mut self) {
        if self.status.is_none() {
            log::debug!("process {} is killed", self.child.id());
            let _ = self.child.kill();
        }
    }

    /// Waits for the process to end.
    pub(crate) fn wait(&mut self) {
        if self.status.is_none() {
            self.status = self.child.wait().ok();
            self.log_end();
        }
    }

    fn log_end(&self) {
        if let Some(status) = self.status {
            log::debug!("process {} ended: {status}", self.child.id());
        }
    }

    /// Waits for the process to end; returns its output, without the line of its address, and its standard error.
    pub(crate) fn wait_with_output(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.wait();
        let bytes = |reader: Option<JoinHandle<Vec<u8>>>| reader.and_then(|one| one.join().ok()).unwrap_or_default();
        (bytes(self.output.take()), bytes(self.stderr.take()))
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
        self.wait();
    }
}

/// Returns a command as one would type it.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Where the system keeps the program that runs, also after its file was replaced or removed.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What the names of environment variables in place of options begin with.
const VARIABLES: &str = "FLOWBENCH_";

/// Returns the command that starts the running program again: the same build, whatever has become of its file since.
/// Variables in place of options do not reach it: they have been followed already, and the size of the environment
/// shifts what a process measures.
pub(crate) fn this_program() -> Command {
    without_variables(this_program_as_called())
}

/// Returns the command that starts the running program again, with the variables that this process was given: for a
/// process that gets the same arguments.
pub(crate) fn this_program_as_called() -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command
}

/// Returns the command without environment variables in place of options.
pub(crate) fn without_variables(mut command: Command) -> Command {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with(VARIABLES)) {
        command.env_remove(name);
    }
    command
}

/// Returns the id of this process, which its children are given as that of their parent.
pub(crate) fn own_id() -> String {
    std::process::id().to_string()
}

/// Why a process cannot be tied to its parent.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum ParentError {
    /// The system refuses.
    #[error("the parent process: {0}")]
    System(rustix::io::Errno),
    /// The parent has gone already; the argument is its id.
    #[error("the process that started this one, {0}, has gone")]
    Gone(String),
}

/// Makes this process end with its parent, whose id is `parent`, and be listed under the name of the program.
///
/// # Errors
///
/// Fails if the parent has gone already: the system reports only those that end later.
pub(crate) fn end_with(parent: &str) -> Result<(), ParentError> {
    let _ = set_name(c"flowbench"); // the system would call it "exe"
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(ParentError::System)?;
    let is_there = |id: Pid| id.as_raw_nonzero().to_string() == parent;
    if getppid().is_some_and(is_there) { Ok(()) } else { Err(ParentError::Gone(parent.to_owned())) }
}

fn read_to_end(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read before an error is what there is.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_outlives_no_parent_that_it_knows() {
        let parent = std::os::unix::process::parent_id().to_string();
        assert_eq!(end_with(&parent), Ok(()));
        set_parent_process_death_signal(None).unwrap(); // the tests may go on without cargo
        let error = end_with("4194305").unwrap_err().to_string();
        assert_eq!(error, "the process that started this one, 4194305, has gone");
        set_parent_process_death_signal(None).unwrap();
    }

    #[test]
    fn the_program_started_is_the_one_that_runs() {
        let listed = this_program().args(["--list", "--exact", "child_process::tests::nothing"]).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        assert_eq!(std::fs::canonicalize(THIS_PROGRAM).unwrap(), std::env::current_exe().unwrap());
    }

    #[test]
    fn a_process_announces_its_address_and_is_sent_its_task() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 10.0.0.1:1; cat; echo why >&2"]).stderr(Stdio::piped());
        let mut process = ChildProcess::start(&mut command, true).unwrap();
        assert_eq!(process.address_within(Duration::from_secs(60)), Some("10.0.0.1:1"));
        process.send(&[1, 2]).unwrap();
        process.send(&"once only").unwrap();
        assert_eq!(process.wait_with_output(), (b"[1,2]".to_vec(), b"why\n".to_vec()));
        assert!(process.status().unwrap().success());
    }

    #[test]
    fn a_process_that_is_dropped_is_killed() {
        let process = ChildProcess::start(Command::new("sleep").arg("600"), false).unwrap();
        let entry = format!("/proc/{}/stat", process.id());
        drop(process);
        assert!(!std::fs::exists(entry).unwrap());
    }
}

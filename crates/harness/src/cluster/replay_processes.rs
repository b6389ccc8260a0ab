//! Processes that run one replay together, each according to its own command line.
//!
//! Decision D-424.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowbench_pipelines::{Cluster, Deployment};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cluster::process_group::ProcessGroup;
use crate::cluster::{
    ClusterError, Control, Hosts, HostsError, JOIN_WITHIN, LOOPBACK, Listening, Member, end_on_lost_peer,
};
use crate::environment;
use crate::run::child_process::{ChildProcess, this_program_as_called};

/// The connected processes. Those that this one has started end with it.
pub struct ReplayProcesses {
    process_group: Option<Arc<ProcessGroup>>,
    silence_max: Duration,
    _started: Vec<ChildProcess>,
}

/// Which processes take part in a replay.
#[derive(Debug, Clone)]
pub enum Participants {
    /// Only this process.
    ThisProcess,
    /// This process and others that it starts; the number is the total.
    Started(usize),
    /// A process started by another one; this one listens at the address.
    StartedBy(String),
    /// Processes started by hand, possibly on other machines.
    Hosts {
        /// The addresses of all processes.
        hosts: Hosts,
        /// Index of this process.
        process: usize,
        /// How long the processes may take to connect.
        join_within: Duration,
    },
}

/// Why the processes of a replay do not work together.
#[derive(Debug, Error)]
pub enum ReplayProcessError {
    /// The processes could not connect, or did not stay connected.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The hosts file does not list this process.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// A process could not be started, or was started without its addresses.
    #[error("the other processes could not be started: {0}")]
    Start(io::Error),
    /// A started process does not announce an address; its index.
    #[error("process {0} does not listen: see above why")]
    Silent(usize),
    /// A started process has ended too early.
    #[error("process {process} has ended before it was told what to do: {error}")]
    Gone {
        /// Its index.
        process: usize,
        /// The error of the system.
        error: io::Error,
    },
    /// A process has read another log; its index.
    #[error("process {0} has read other events than process 0: give all the same log and options")]
    OtherEvents(usize),
}

/// The option that gives a process started by another one the address at which it listens.
pub const REPLAY_PROCESS_OPTION: &str = "--replay-process-of";
/// Exit code of a process that has lost another one: that of any failure.
const FAILED: i32 = 1;
/// Maximum size of the digest of a log, bytes.
const DIGEST_BYTES_MAX: u64 = 1 << 10;

/// What a started process is sent.
#[derive(Debug, Serialize, Deserialize)]
struct ReplaySpec {
    process: usize,
    addresses: Vec<String>,
}

impl ReplayProcesses {
    /// Connects the processes. Those that this process starts get its own arguments, `--quiet` and the address at which
    /// to listen. All must have the same `workers` and `run_fingerprint`, which covers everything else that was
    /// requested. A process that is silent for `silence_max`, while it reads when others have finished reading or while
    /// it answers, ends the replay for all.
    ///
    /// # Errors
    ///
    /// Names the process that is absent or different, or could not be started.
    pub fn connect(
        participants: Participants,
        workers: usize,
        run_fingerprint: &str,
        silence_max: Duration,
    ) -> Result<ReplayProcesses, ReplayProcessError> {
        let mut started = Vec::new();
        let (listening, spec, patience) = match participants {
            Participants::ThisProcess => {
                return Ok(ReplayProcesses { process_group: None, silence_max, _started: started });
            }
            Participants::Started(processes) => {
                let listening = Listening::at(LOOPBACK)?;
                let all: io::Result<_> = (1..processes).map(|_| start()).collect();
                started = all.map_err(ReplayProcessError::Start)?;
                let spec = exchange_addresses(&listening, &mut started)?;
                (listening, spec, JOIN_WITHIN)
            }
            Participants::StartedBy(address) => {
                let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
                let listening = Listening::at(&address)?;
                let spec = receive_addresses(&listening).map_err(ReplayProcessError::Start)?;
                (listening, spec, JOIN_WITHIN)
            }
            Participants::Hosts { hosts, process, join_within } => {
                let listening = Listening::at(hosts.address(process)?)?;
                (listening, ReplaySpec { process, addresses: hosts.addresses().to_vec() }, join_within)
            }
        };
        let ReplaySpec { process, addresses } = spec;
        let run_fingerprint = digest(run_fingerprint);
        let member = Member { process, addresses, workers, run_fingerprint };
        let (mesh, control) = listening.join(&member, patience)?;
        end_on_lost_peer(&member, FAILED);
        let process_group = ProcessGroup::new(process, &member.addresses, mesh, control, Some(silence_max));
        Ok(ReplayProcesses { process_group: Some(process_group), silence_max, _started: started })
    }

    /// Returns true in the process that has the answers.
    pub fn is_first(&self) -> bool {
        self.deployment().process() == 0
    }

    /// Returns where the workers live.
    pub fn deployment(&self) -> Deployment {
        match &self.process_group {
            None => Deployment::Threads,
            Some(process_group) => Deployment::Processes(Arc::clone(process_group) as Arc<dyn Cluster>),
        }
    }

    /// Verifies in process 0 that all processes have read the log with this digest.
    ///
    /// # Errors
    ///
    /// Names a process that has read other events, or that is lost.
    pub fn check_same_log(&self, digest: &str) -> Result<(), ReplayProcessError> {
        let Some(process_group) = &self.process_group else { return Ok(()) };
        process_group.control(|control: &mut Control| {
            let digests = control.gather(digest.as_bytes().to_vec(), DIGEST_BYTES_MAX, self.silence_max)?;
            let different = digests.unwrap_or_default().iter().position(|other| other != digest.as_bytes());
            different.map_or(Ok(()), |process| Err(ReplayProcessError::OtherEvents(process)))
        })
    }
}

/// Returns the digest of what is run and of what built this program.
fn digest(run_fingerprint: &str) -> [u8; 32] {
    *blake3::hash(format!("{run_fingerprint} {:?}", environment::build()).as_bytes()).as_bytes()
}

/// Starts a process with the arguments of this one.
fn start() -> io::Result<ChildProcess> {
    let mut command = this_program_as_called();
    command.args(std::env::args_os().skip(1)).args(["--quiet", REPLAY_PROCESS_OPTION, LOOPBACK]);
    ChildProcess::start(&mut command, true)
}

/// Waits until the started processes listen, and sends each of them the addresses of all.
fn exchange_addresses(listening: &Listening, started: &mut [ChildProcess]) -> Result<ReplaySpec, ReplayProcessError> {
    let until = Instant::now() + JOIN_WITHIN;
    let mut addresses = vec![listening.address().to_string()];
    for (process, one) in (1..).zip(started.iter_mut()) {
        let address = one.address_within(until.saturating_duration_since(Instant::now()));
        addresses.push(address.ok_or(ReplayProcessError::Silent(process))?.to_owned());
    }
    for (process, one) in (1..).zip(started) {
        let sent = one.send(&ReplaySpec { process, addresses: addresses.clone() });
        sent.map_err(|error| ReplayProcessError::Gone { process, error })?;
    }
    Ok(ReplaySpec { process: 0, addresses })
}

/// Announces the address of this process, and receives those of all.
fn receive_addresses(listening: &Listening) -> io::Result<ReplaySpec> {
    writeln!(io::stdout(), "{}", listening.address())?;
    let spec = io::read_to_string(io::stdin())?;
    Ok(serde_json::from_str(&spec)?)
}

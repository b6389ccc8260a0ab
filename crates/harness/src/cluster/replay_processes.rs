//! Processes that run one replay together, each according to its own command line.
//!
//! Decision D-424.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowbench_pipelines::Deployment;
use serde::{Deserialize, Serialize};

use crate::cluster::process_group::ProcessGroup;
use crate::cluster::{Control, Hosts, JOIN_WITHIN, LOOPBACK, Listening, Member, end_on_lost_peer};
use crate::environment;
use crate::run::child_process::{ChildProcess, this_program};

/// Which processes take part.
#[derive(Debug, Clone)]
pub enum Together {
    /// Only this process.
    Alone,
    /// This process and others that it starts; the number is the total.
    Started(usize),
    /// A process started by another one, which listens at this address.
    StartedBy(String),
    /// Processes started by hand, possibly on other machines.
    Hosts {
        /// Where they listen.
        hosts: Hosts,
        /// Which of them this is.
        process: usize,
        /// How long they may take to meet.
        join_within: Duration,
    },
}

/// The option that tells a process started by another one where to listen.
pub const REPLAY_PROCESS_OPTION: &str = "--replay-process-of";
/// Exit code of a process that has lost another one: that of any failure.
const FAILED: i32 = 1;

/// The connected processes. Those that this one has started end with it.
pub struct ReplayProcesses {
    process_group: Option<Arc<ProcessGroup>>,
    silence_max: Duration,
    _started: Vec<ChildProcess>,
}

/// What a started process is sent.
#[derive(Debug, Serialize, Deserialize)]
struct ReplaySpec {
    process: usize,
    addresses: Vec<String>,
}

impl ReplayProcesses {
    /// Connects the processes. Those that this process starts get its own arguments, `quiet` and where to listen. All
    /// must have the same `workers` and `run_fingerprint`, which covers everything else that was requested. A process that is
    /// silent for `silence_max`, while it reads when others have finished reading or while it answers, ends the
    /// replay for all.
    pub fn meet(
        together: Together,
        workers: usize,
        run_fingerprint: &str,
        silence_max: Duration,
    ) -> Result<ReplayProcesses, String> {
        let mut started = Vec::new();
        let (listening, spec, patience) = match together {
            Together::Alone => return Ok(ReplayProcesses { process_group: None, silence_max, _started: started }),
            Together::Started(processes) => {
                let listening = listen(LOOPBACK)?;
                started = (1..processes).map(|_| start()).collect::<io::Result<_>>().map_err(unstarted)?;
                let spec = exchange_addresses(&listening, &mut started)?;
                (listening, spec, JOIN_WITHIN)
            }
            Together::StartedBy(address) => {
                let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
                let listening = listen(&address)?;
                let spec = receive_addresses(&listening).map_err(unstarted)?;
                (listening, spec, JOIN_WITHIN)
            }
            Together::Hosts { hosts, process, join_within } => {
                let listening = listen(hosts.address(process).map_err(|error| error.to_string())?)?;
                (listening, ReplaySpec { process, addresses: hosts.addresses().to_vec() }, join_within)
            }
        };
        let ReplaySpec { process, addresses } = spec;
        let run_fingerprint =
            *blake3::hash(format!("{run_fingerprint} {:?}", environment::build()).as_bytes()).as_bytes();
        let member = Member { process, addresses, workers, run_fingerprint };
        let (mesh, control) = listening.join(&member, patience).map_err(|error| error.to_string())?;
        end_on_lost_peer(&member, FAILED);
        let process_group = ProcessGroup::new(process, member.processes(), mesh, control, Some(silence_max));
        Ok(ReplayProcesses { process_group: Some(process_group), silence_max, _started: started })
    }

    /// True in the process that has the answers.
    pub fn is_first(&self) -> bool {
        self.deployment().process() == 0
    }

    /// Where the workers live.
    pub fn deployment(&self) -> Deployment {
        match &self.process_group {
            None => Deployment::Threads,
            Some(process_group) => {
                Deployment::Processes(Arc::clone(process_group) as Arc<dyn flowbench_pipelines::Cluster>)
            }
        }
    }

    /// Verifies that all processes have read the same log; the error names those that have not.
    pub fn agree(&self, digest: &str) -> Result<(), String> {
        let Some(process_group) = &self.process_group else { return Ok(()) };
        process_group.control(|control: &mut Control| {
            let read = control.gather(digest.as_bytes().to_vec(), 1 << 10, self.silence_max);
            let read = read.map_err(|error| error.to_string())?.unwrap_or_default();
            let other = (0..).zip(&read).find(|(_, other)| *other != digest.as_bytes());
            other.map_or(Ok(()), |(process, _)| {
                Err(format!(
                    "process {process} has read other events than process 0: give all the same log and options"
                ))
            })
        })
    }
}

fn listen(address: &str) -> Result<Listening, String> {
    Listening::at(address).map_err(|error| error.to_string())
}

fn unstarted(error: io::Error) -> String {
    format!("the other processes could not be started: {error}")
}

/// Starts a process with the arguments of this one.
fn start() -> io::Result<ChildProcess> {
    let mut command = this_program();
    command.args(std::env::args_os().skip(1)).args(["--quiet", REPLAY_PROCESS_OPTION, LOOPBACK]);
    ChildProcess::start(&mut command, true)
}

/// Waits until the started processes listen, and sends each of them the addresses of all.
fn exchange_addresses(listening: &Listening, started: &mut [ChildProcess]) -> Result<ReplaySpec, String> {
    let until = Instant::now() + JOIN_WITHIN;
    let mut addresses = vec![listening.address().to_string()];
    for process in started.iter_mut() {
        let left = until.saturating_duration_since(Instant::now());
        let address = process.address_within(left);
        let silent = || format!("process {} does not listen: see above why", addresses.len());
        addresses.push(address.ok_or_else(silent)?.to_owned());
    }
    for (process, one) in (1..).zip(started) {
        let sent = one.send(&ReplaySpec { process, addresses: addresses.clone() });
        sent.map_err(|error| format!("process {process} has ended before it was told what to do: {error}"))?;
    }
    Ok(ReplaySpec { process: 0, addresses })
}

/// Reports where this process listens, and receives where all of them do.
fn receive_addresses(listening: &Listening) -> io::Result<ReplaySpec> {
    writeln!(io::stdout(), "{}", listening.address())?;
    let spec = io::read_to_string(io::stdin())?;
    Ok(serde_json::from_str(&spec)?)
}

//! Several processes run one dataflow: they connect, start at the same instant, count the bytes between them, and send
//! their results to process 0.
//!
//! timely can connect its processes by itself, but it waits forever, trusts whatever connects and writes to standard
//! output. Connections are therefore made here, within a deadline and with a greeting both ways, and timely is given
//! connected sockets.
//!
//! ```text
//! Listening::at ── join ──> Mesh      one connection to every other process: becomes timely's
//!                           Control   one connection to process 0: start_together, gather
//! ```
//!
//! Connections are neither encrypted nor authenticated: use a trusted network.
//!
//! Decisions D-422 and D-425.

mod control;
mod greeting;
mod hosts;
mod join;
pub(crate) mod peer;
pub(crate) mod process_group;
mod replay_processes;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use thiserror::Error;

pub use control::{Control, Start};
pub use hosts::{Hosts, HostsError};
pub use join::{Listening, Mesh};
pub use peer::PEER_ARGUMENT;
pub use process_group::ProcessGroup;
pub use replay_processes::{Participants, REPLAY_PROCESS_OPTION, ReplayProcessError, ReplayProcesses};
pub use wire::WireMeter;

/// One process of a cluster, with all it has to know before it can join. All but the index is the same in all
/// processes.
#[derive(Debug, Clone)]
pub struct Member {
    /// Index of the process, from 0.
    pub process: usize,
    /// The `address:port` at which each process listens, by index; at least two.
    pub addresses: Vec<String>,
    /// Workers of each process.
    pub workers: usize,
    /// Digest of everything that has to be the same in all processes: what is run, and what built it.
    pub run_fingerprint: [u8; 32],
}

impl Member {
    /// Returns the number of processes.
    pub fn processes(&self) -> usize {
        self.addresses.len()
    }

    fn peer(&self, process: usize) -> Peer {
        Peer { process, address: self.addresses[process].clone() }
    }
}

/// Another process, as errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its index.
    pub process: usize,
    /// Where it listens, or where it called from.
    pub address: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "process {} ({})", self.process, self.address)
    }
}

/// Why processes could not connect, or did not stay connected.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// No process can connect to this one.
    #[error("{address}: {problem}")]
    Listen {
        /// The address at which it should listen.
        address: String,
        /// What is wrong and the likely fix.
        problem: String,
    },
    /// Some processes did not connect in time.
    #[error("no {} within {:.1} s: {problem}", list(.peers), .waited.as_secs_f64())]
    Absent {
        /// The missing processes.
        peers: Vec<Peer>,
        /// How long this process has waited.
        waited: Duration,
        /// What went wrong last, and the likely fix.
        problem: String,
    },
    /// A process takes part in something else.
    #[error("{peer} {difference}")]
    Different {
        /// The other process.
        peer: Peer,
        /// What differs, and the likely fix.
        difference: String,
    },
    /// The connection to a process was lost.
    #[error("lost {peer} after {:.1} s, {doing}: {error}", .waited.as_secs_f64())]
    Lost {
        /// The other process.
        peer: Peer,
        /// How long this process has waited.
        waited: Duration,
        /// What this process was doing.
        doing: &'static str,
        /// The error of the system.
        error: io::Error,
    },
    /// A process that had joined does not answer.
    #[error("{peer} was silent for {:.1} s, {doing}: it hangs, or needs a longer --peer-timeout", .waited.as_secs_f64())]
    Silent {
        /// The other process.
        peer: Peer,
        /// How long this process has waited.
        waited: Duration,
        /// What this process was doing.
        doing: &'static str,
    },
    /// A result is larger than expected.
    #[error("{peer} has a result of {bytes} bytes, at most {limit_bytes} are taken")]
    TooLarge {
        /// The other process.
        peer: Peer,
        /// Its size, bytes.
        bytes: u64,
        /// The maximum size, bytes.
        limit_bytes: u64,
    },
    /// A socket of this process failed.
    #[error("a socket of this process failed: {0}")]
    Socket(#[from] io::Error),
    /// timely cannot use the connections.
    #[error("{0}")]
    Dataflow(String),
    /// The process that started this one sends nothing usable.
    #[error("the parent process cannot be talked to: {0}")]
    Parent(io::Error),
}

fn list(peers: &[Peer]) -> String {
    peers.iter().map(Peer::to_string).collect::<Vec<_>>().join(", no ")
}

/// The address at which a process listens that has its peers on this machine: any free port.
pub(crate) const LOOPBACK: &str = "127.0.0.1:0";
/// How long processes of one machine may take to connect.
pub(crate) const JOIN_WITHIN: Duration = Duration::from_secs(10);

/// Exit code of a process that ended because another one is gone, absent, or takes part in something else. The last
/// line of its standard error says which and why.
pub const PEER_FAILED: i32 = 102;

/// How long such a process lives on, so that others that have lost the same process notice that first and do not take
/// this one for the cause.
const ECHO_DELAY: Duration = Duration::from_millis(200);

/// How long a machine may be silent before it counts as gone.
const SILENCE: Duration = Duration::from_secs(5);

impl ClusterError {
    /// Prints the error on standard error and returns the exit code; waits a little if another process is the cause.
    pub fn report(&self) -> i32 {
        eprintln!("{self}");
        if matches!(self, ClusterError::Listen { .. } | ClusterError::Socket(_) | ClusterError::Parent(_)) {
            return 1;
        }
        std::thread::sleep(ECHO_DELAY);
        PEER_FAILED
    }
}

/// Makes this process end with `exit_code` when one of timely's connections fails. Other panics are treated as before.
pub fn end_on_lost_peer(member: &Member, exit_code: i32) {
    let peers: Vec<Peer> = (0..member.processes()).map(|process| member.peer(process)).collect();
    let otherwise = std::panic::take_hook();
    let ending = AtomicBool::new(false);
    std::panic::set_hook(Box::new(move |panic| {
        let Some((peer, problem)) = lost(panic, &peers) else { return otherwise(panic) };
        // The first one lost is named: the others may have ended because of it.
        while ending.swap(true, Ordering::AcqRel) {
            std::thread::park();
        }
        eprintln!("lost {peer}: {problem}");
        std::thread::sleep(ECHO_DELAY);
        std::process::exit(exit_code);
    }));
}

/// Returns the process whose connection a panic is about, and the problem. timely has a thread for each direction of a
/// connection, named after the other process, which panics when it fails.
fn lost<'a>(panic: &'a PanicHookInfo<'_>, peers: &'a [Peer]) -> Option<(&'a Peer, &'a str)> {
    let problem = panic.payload_as_str()?.strip_prefix("timely communication error: ")?;
    let thread = std::thread::current();
    let name = thread.name()?;
    let process = name.strip_prefix("timely:recv-").or_else(|| name.strip_prefix("timely:send-"))?;
    Some((peers.get(process.parse::<usize>().ok()?)?, problem))
}

/// Prepares a connection for the run: no timeouts, small messages are sent at once, and a machine that vanishes is
/// noticed.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(None)?;
    stream.set_write_timeout(None)?;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, SILENCE / 5)?;
    sockopt::set_tcp_keepintvl(stream, SILENCE / 5)?;
    sockopt::set_tcp_keepcnt(stream, 4)?;
    Ok(())
}

/// A limit on how long something may take, counted from its creation.
#[derive(Debug, Clone, Copy)]
struct Patience {
    begun: Instant,
    limit: Duration,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit }
    }

    fn waited(self) -> Duration {
        self.begun.elapsed()
    }

    /// Returns the remaining time; `None` if there is none.
    fn left(self) -> Option<Duration> {
        self.limit.checked_sub(self.waited()).filter(|left| !left.is_zero())
    }

    /// Fills the buffer. A timeout is an error of kind `TimedOut`.
    fn read(self, mut stream: &TcpStream, mut buffer: &mut [u8]) -> io::Result<()> {
        use std::io::Read;
        while !buffer.is_empty() {
            stream.set_read_timeout(Some(self.left().ok_or(io::ErrorKind::TimedOut)?))?;
            match stream.read(buffer) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed")),
                Ok(bytes) => buffer = &mut buffer[bytes..],
                Err(error) => again(error)?,
            }
        }
        Ok(())
    }

    /// Writes all bytes. A timeout is an error of kind `TimedOut`.
    fn write(self, mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        use std::io::Write;
        while !bytes.is_empty() {
            stream.set_write_timeout(Some(self.left().ok_or(io::ErrorKind::TimedOut)?))?;
            match stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) => again(error)?,
            }
        }
        Ok(())
    }
}

/// Returns the error unless it is worth another attempt while there is time.
fn again(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

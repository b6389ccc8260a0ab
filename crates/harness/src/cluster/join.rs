//! From a listening socket to one connection with every other process.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use flowbench_pipelines::{Connected, over};
use rustix::net::sockopt;
use timely::communication::Hooks;

use super::control::Control;
use super::greeting::{GREETING_BYTES, Greeting, Role};
use super::wire::{CountedStream, WireMeter};
use super::{ClusterError, Member, Patience, Peer, SILENCE, prepare};

/// A process that others can connect to.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

/// The time between two attempts to connect or to accept.
const PAUSE: Duration = Duration::from_millis(10);
/// How long one attempt to connect may take. The kernel retries after 1 s.
const TRY: Duration = Duration::from_millis(2500);
/// How long a connection may take to send its greeting.
const GREETING_PATIENCE: Duration = Duration::from_secs(2);
/// The maximum number of connections whose greetings are awaited at a time; more wait in the kernel.
const PENDING_MAX: usize = 256;

impl Listening {
    /// Listens at `address:port`. Port 0 stands for any free port.
    ///
    /// # Errors
    ///
    /// Fails with the likely fix if the address cannot be used.
    pub fn at(address: &str) -> Result<Listening, ClusterError> {
        let open = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Listening { listener, address })
        };
        open().map_err(|error: io::Error| {
            let problem = match error.kind() {
                io::ErrorKind::AddrInUse => "is in use; does another flowbench still run? Else take another port",
                io::ErrorKind::AddrNotAvailable => "is not an address of this machine; is --process correct?",
                io::ErrorKind::PermissionDenied => "may not be used; take a port above 1023",
                _ => return ClusterError::Listen { address: address.to_owned(), problem: error.to_string() },
            };
            ClusterError::Listen { address: address.to_owned(), problem: problem.to_owned() }
        })
    }

    /// Returns the address at which it listens, with its actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects to every other process, in at most `patience`: calls those of lower index, each as soon as it listens,
    /// then is called by the others. A connection that does not greet as a flowbench is closed. Nothing can connect
    /// afterwards.
    ///
    /// # Errors
    ///
    /// Fails if a process is absent for too long or takes part in something else.
    pub fn join(self, member: &Member, patience: Duration) -> Result<(Mesh, Control), ClusterError> {
        // There is no circular wait: process 0 calls none, and each of the others waits for lower ones only.
        let patience = Patience::new(patience);
        let mut slots = Slots::new(member);
        for process in 0..member.process {
            slots.data[process] = Some(call(member, process, Role::Data, patience)?);
        }
        if member.process > 0 {
            slots.control[0] = Some(call(member, 0, Role::Control, patience)?);
        }
        self.receive(&mut slots, patience)?;
        slots.taken()
    }

    /// Waits until all processes of higher index have connected.
    fn receive(&self, slots: &mut Slots<'_>, patience: Patience) -> Result<(), ClusterError> {
        let mut pending: Vec<PendingConnection> = Vec::new();
        loop {
            let peers = slots.missing();
            if peers.is_empty() {
                return Ok(());
            }
            if patience.left().is_none() {
                let problem = "it did not connect; is it started, and may it connect to this machine?".to_owned();
                return Err(ClusterError::Absent { peers, waited: patience.limit, problem });
            }
            while pending.len() < PENDING_MAX
                && let Some(connection) = self.accept()?
            {
                pending.push(connection);
            }
            for mut connection in std::mem::take(&mut pending) {
                match connection.greeting() {
                    Ok(Some(greeting)) => slots.take(connection.stream, &greeting, patience)?,
                    Ok(None) if connection.since.elapsed() < GREETING_PATIENCE => pending.push(connection),
                    Ok(None) | Err(_) => {} // not a flowbench
                }
            }
            thread::sleep(PAUSE);
        }
    }

    /// Returns the next connection, if any. Other errors of `accept` are about connections that are gone already.
    fn accept(&self) -> io::Result<Option<PendingConnection>> {
        let Ok((stream, _)) = self.listener.accept() else { return Ok(None) };
        stream.set_nonblocking(true)?;
        Ok(Some(PendingConnection { stream, received: [0; GREETING_BYTES], received_bytes: 0, since: Instant::now() }))
    }
}

/// A connection whose greeting has not been received completely.
struct PendingConnection {
    stream: TcpStream,
    received: [u8; GREETING_BYTES],
    received_bytes: usize,
    since: Instant,
}

impl PendingConnection {
    /// Reads without blocking; `None` if there is more to come. It is an error if the other side is not a flowbench.
    fn greeting(&mut self) -> io::Result<Option<Greeting>> {
        while self.received_bytes < GREETING_BYTES {
            match self.stream.read(&mut self.received[self.received_bytes..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => self.received_bytes += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Greeting::from_bytes(&self.received).map(Some).ok_or(io::ErrorKind::InvalidData.into())
    }
}

/// Calls a process of lower index until it answers.
fn call(member: &Member, process: usize, role: Role, patience: Patience) -> Result<TcpStream, ClusterError> {
    let peer = member.peer(process);
    let ours = Greeting::new(member, role);
    let mut problem = "no try was made".to_owned();
    while let Some(left) = patience.left() {
        match try_call(&peer.address, &ours, patience) {
            Ok((stream, theirs)) => {
                check(&theirs, member, &peer)?;
                return Ok(stream);
            }
            Err(error) => problem = format!("{error}; is it started there, and may this machine connect to it?"),
        }
        thread::sleep(PAUSE.min(left));
    }
    Err(ClusterError::Absent { peers: vec![peer], waited: patience.limit, problem })
}

fn try_call(address: &str, ours: &Greeting, patience: Patience) -> io::Result<(TcpStream, Greeting)> {
    let stream = dial(address, patience.left().unwrap_or_default().clamp(PAUSE, TRY))?;
    patience.write(&stream, &ours.to_bytes())?;
    let mut bytes = [0; GREETING_BYTES];
    patience.read(&stream, &mut bytes)?;
    let theirs =
        Greeting::from_bytes(&bytes).ok_or_else(|| io::Error::other("what listens there is not a flowbench"))?;
    Ok((stream, theirs))
}

fn dial(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            // On one machine, a caller of a free port may be given that port for its own end and connect to itself.
            Ok(stream) if stream.local_addr()? == address => last = io::ErrorKind::ConnectionRefused.into(),
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Checks that this is the expected process and that it takes part in the same run.
fn check(theirs: &Greeting, member: &Member, peer: &Peer) -> Result<(), ClusterError> {
    let other = || {
        let process = theirs.process();
        let difference = format!("says that it is process {process}; use the same hosts file everywhere");
        (process != peer.process).then_some(difference)
    };
    match theirs.difference(member).or_else(other) {
        Some(difference) => Err(ClusterError::Different { peer: peer.clone(), difference }),
        None => Ok(()),
    }
}

/// The connections made so far, by process.
struct Slots<'a> {
    member: &'a Member,
    data: Vec<Option<TcpStream>>,
    control: Vec<Option<TcpStream>>,
}

impl<'a> Slots<'a> {
    fn new(member: &'a Member) -> Self {
        let none = || (0..member.processes()).map(|_| None).collect();
        Self { member, data: none(), control: none() }
    }

    /// Returns the processes that have to call and have not yet.
    fn missing(&self) -> Vec<Peer> {
        let has_control = |process: usize| self.member.process > 0 || self.control[process].is_some();
        let missing = |process: &usize| self.data[*process].is_none() || !has_control(*process);
        let higher = self.member.process + 1..self.member.processes();
        higher.filter(missing).map(|process| self.member.peer(process)).collect()
    }

    /// Greets back, so that the caller sees a difference too, and keeps the connection of a process that
    /// belongs here.
    fn take(&mut self, stream: TcpStream, theirs: &Greeting, patience: Patience) -> Result<(), ClusterError> {
        let (member, process) = (self.member, theirs.process());
        stream.set_nonblocking(false)?;
        let role = if theirs.is_for(Role::Control) { Role::Control } else { Role::Data };
        if patience.write(&stream, &Greeting::new(member, role).to_bytes()).is_err() {
            return Ok(()); // it has gone and may come back
        }
        let known = process < member.processes();
        let caller = || stream.peer_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
        let address = if known { member.addresses[process].clone() } else { caller() };
        let peer = Peer { process, address };
        check(theirs, member, &peer)?;
        let slots = if role == Role::Control { &mut self.control } else { &mut self.data };
        let difference = if process <= member.process {
            format!("called process {}; use the same hosts file everywhere", member.process)
        } else if slots[process].is_some() {
            "has connected twice; is it started twice?".to_owned()
        } else {
            slots[process] = Some(stream);
            return Ok(());
        };
        Err(ClusterError::Different { peer, difference })
    }

    fn taken(self) -> Result<(Mesh, Control), ClusterError> {
        for stream in self.data.iter().chain(&self.control).flatten() {
            prepare(stream)?;
        }
        for stream in self.data.iter().flatten() {
            sockopt::set_tcp_user_timeout(stream, SILENCE.as_millis() as u32).map_err(io::Error::from)?;
        }
        let links = self.control.into_iter().enumerate();
        let links = links.filter_map(|(process, stream)| Some((self.member.peer(process), stream?))).collect();
        let mesh = Mesh {
            process: self.member.process,
            workers: self.member.workers,
            streams: self.data,
            meter: Arc::default(),
        };
        Ok((mesh, Control::new(self.member.process, links)))
    }
}

/// One connection with every other process.
#[derive(Debug)]
pub struct Mesh {
    process: usize,
    workers: usize,
    streams: Vec<Option<TcpStream>>, // by process; none with itself
    meter: Arc<WireMeter>,
}

impl Mesh {
    /// Returns the meter of these connections, which counts once they are timely's.
    pub fn meter(&self) -> Arc<WireMeter> {
        Arc::clone(&self.meter)
    }

    /// Returns what `timely::execute::execute_from` takes: the workers of this process, and a guard that waits, when it
    /// is dropped, for everything to be sent and for the other processes to be done. Starts two threads for each other
    /// process, which panic if the workers are not used.
    ///
    /// # Errors
    ///
    /// Fails if timely cannot use the connections.
    pub fn into_timely(self) -> Result<Connected, ClusterError> {
        let counted = |stream: Option<TcpStream>| stream.map(|stream| CountedStream::new(stream, &self.meter));
        over(self.streams.into_iter().map(counted).collect(), self.process, self.workers, Hooks::default())
            .map_err(|error| ClusterError::Dataflow(error.to_string()))
    }
}

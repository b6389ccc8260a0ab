//! Between each process and process 0: a common start, and results at the end.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{ClusterError, Patience, Peer};

/// The connections of process 0 with all others, or the one of another process with it.
#[derive(Debug)]
pub struct Control {
    process: usize,
    links: Vec<Link>, // by process
}

/// The common start, as this process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// When process 0 had sent the start message to all, or when this process received it.
    pub at: Instant,
    /// The maximum round trip between process 0 and another process, the minimum of a few measured just before. The
    /// starts of two processes are about half of it apart, plus the time a scheduler takes to wake a waiting thread.
    pub round_trip: Duration,
}

/// The number of round trips measured with each process.
const PINGS: usize = 10;
/// The time between two heartbeats.
const BEAT: Duration = Duration::from_millis(200);

impl Control {
    pub(super) fn new(process: usize, links: Vec<(Peer, TcpStream)>) -> Self {
        Self { process, links: links.into_iter().map(|(peer, stream)| Link { peer, stream }).collect() }
    }

    /// Returns in all processes at nearly the same instant, as soon as all have called this.
    ///
    /// # Errors
    ///
    /// Names the process that is lost, or silent for `patience`.
    pub fn start_together(&mut self, patience: Duration) -> Result<Start, ClusterError> {
        let patience = Patience::new(patience);
        let round_trip = if self.process == 0 { self.start_all(patience) } else { self.await_start(patience) }?;
        Ok(Start { at: Instant::now(), round_trip })
    }

    fn start_all(&self, patience: Patience) -> Result<Duration, ClusterError> {
        for link in &self.links {
            link.receive(ControlMessage::Ready, "waiting for it to be ready", patience)?;
        }
        let mut round_trip = Duration::ZERO;
        for link in &self.links {
            round_trip = round_trip.max(link.round_trip(patience)?);
        }
        for link in &self.links {
            link.send(ControlMessage::Go, round_trip.as_nanos() as u64, "starting", patience)?;
        }
        Ok(round_trip)
    }

    fn await_start(&self, patience: Patience) -> Result<Duration, ClusterError> {
        let mut round_trip_ns = 0;
        for link in &self.links {
            link.send(ControlMessage::Ready, 0, "telling it that this process is ready", patience)?;
            for _ in 0..PINGS {
                link.receive(ControlMessage::Ping, "waiting for the start", patience)?;
                link.send(ControlMessage::Pong, 0, "waiting for the start", patience)?;
            }
            round_trip_ns = link.receive(ControlMessage::Go, "waiting for the start", patience)?;
        }
        Ok(Duration::from_nanos(round_trip_ns))
    }

    /// Gathers the bytes of all processes in process 0, which gets them in the order of the processes, its own first;
    /// the others get `None`, when process 0 has all their bytes. Process 0 takes at most `limit_bytes` from each.
    ///
    /// # Errors
    ///
    /// Names the process that is lost, silent for `patience`, or has more than `limit_bytes`.
    pub fn gather(
        &mut self,
        own: Vec<u8>,
        limit_bytes: u64,
        patience: Duration,
    ) -> Result<Option<Vec<Vec<u8>>>, ClusterError> {
        let patience = Patience::new(patience);
        if self.process == 0 {
            let mut all = vec![own];
            for link in &self.links {
                all.push(link.fetch(limit_bytes, patience)?);
            }
            return Ok(Some(all));
        }
        self.links.iter().try_for_each(|link| link.hand_over(&own, patience))?;
        Ok(None)
    }

    /// Sends heartbeats and listens for those of the other processes until `stop` receives a value or is dropped. Time
    /// in which this process stood still does not count, and a process that has left is not waited for. Nothing else
    /// can be sent on these connections afterwards.
    ///
    /// # Errors
    ///
    /// Names a process that has sent nothing for `silence_max`.
    pub(crate) fn keep_in_touch(&self, silence_max: Duration, stop: &Receiver<()>) -> Result<(), ClusterError> {
        let mut silences = vec![Duration::ZERO; self.links.len()];
        self.links.iter().try_for_each(|link| link.stream.set_nonblocking(true))?;
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(BEAT) {
            for (link, silence) in self.links.iter().zip(&mut silences) {
                let _ = (&link.stream).write(&[ControlMessage::Alive as u8]); // a lost process is noticed elsewhere
                *silence = if link.is_silent() { *silence + BEAT } else { Duration::ZERO };
                if *silence > silence_max {
                    let (peer, waited) = (link.peer.clone(), *silence);
                    return Err(ClusterError::Silent { peer, waited, doing: "answering" });
                }
            }
        }
        Ok(())
    }
}

/// A message on a control connection: one byte and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ControlMessage {
    Ready = 1,
    Ping,
    Pong,
    /// With the maximum round trip, ns.
    Go,
    /// With the size of what follows, bytes.
    Result,
    Taken,
    Alive,
}

#[derive(Debug)]
struct Link {
    peer: Peer,
    stream: TcpStream,
}

impl Link {
    /// Returns the minimum of a few round trips.
    fn round_trip(&self, patience: Patience) -> Result<Duration, ClusterError> {
        let mut least = Duration::MAX;
        for _ in 0..PINGS {
            let begun = Instant::now();
            self.send(ControlMessage::Ping, 0, "measuring the round trip", patience)?;
            self.receive(ControlMessage::Pong, "measuring the round trip", patience)?;
            least = least.min(begun.elapsed());
        }
        Ok(least)
    }

    fn hand_over(&self, result: &[u8], patience: Patience) -> Result<(), ClusterError> {
        const DOING: &str = "handing over the result";
        self.send(ControlMessage::Result, result.len() as u64, DOING, patience)?;
        patience.write(&self.stream, result).map_err(|error| self.error(error, DOING, patience))?;
        self.receive(ControlMessage::Taken, DOING, patience).map(drop)
    }

    fn fetch(&self, limit_bytes: u64, patience: Patience) -> Result<Vec<u8>, ClusterError> {
        const DOING: &str = "waiting for its result";
        let bytes = self.receive(ControlMessage::Result, DOING, patience)?;
        if bytes > limit_bytes {
            return Err(ClusterError::TooLarge { peer: self.peer.clone(), bytes, limit_bytes });
        }
        let mut result = vec![0; bytes as usize];
        patience.read(&self.stream, &mut result).map_err(|error| self.error(error, DOING, patience))?;
        self.send(ControlMessage::Taken, 0, DOING, patience)?;
        Ok(result)
    }

    /// Returns true if nothing was received since the last call.
    fn is_silent(&self) -> bool {
        let read = (&self.stream).read(&mut [0; 64]);
        read.is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted))
    }

    fn send(
        &self,
        message: ControlMessage,
        number: u64,
        doing: &'static str,
        patience: Patience,
    ) -> Result<(), ClusterError> {
        let mut bytes = [message as u8; 9];
        bytes[1..].copy_from_slice(&number.to_le_bytes());
        patience.write(&self.stream, &bytes).map_err(|error| self.error(error, doing, patience))
    }

    /// Receives `message`, which has to come next; returns its number.
    fn receive(&self, message: ControlMessage, doing: &'static str, patience: Patience) -> Result<u64, ClusterError> {
        let mut bytes = [0; 9];
        let received = patience.read(&self.stream, &mut bytes).and_then(|()| {
            let number = u64::from_le_bytes(std::array::from_fn(|byte| bytes[1 + byte]));
            let expected = bytes[0] == message as u8;
            expected.then_some(number).ok_or_else(|| io::Error::other(format!("received {} for {message:?}", bytes[0])))
        });
        received.map_err(|error| self.error(error, doing, patience))
    }

    fn error(&self, error: io::Error, doing: &'static str, patience: Patience) -> ClusterError {
        let peer = self.peer.clone();
        // The system times out as well, with a number: when the other machine has vanished.
        if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() {
            ClusterError::Silent { peer, waited: patience.limit, doing }
        } else {
            ClusterError::Lost { peer, waited: patience.waited(), doing, error }
        }
    }
}

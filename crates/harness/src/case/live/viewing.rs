//! Clients that look at the wall of a session: at once, slowly, not at all, or in passing.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::observed::{Progress, RunClock};
use super::waiting::rest;
use crate::experiment::live_setup::LiveSetup;

/// How a client looks at the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// It reads each frame at once.
    Reads,
    /// It reads a little at a time.
    ReadsSlowly,
    /// It asks for frames and reads none.
    NeverReads,
    /// It comes, reads for a second, goes, and comes again.
    Passes,
}

/// What a slow client reads at a time, and how long it rests: 10 KB/s, a tenth of what a busy wall sends.
const SIP_BYTES: usize = 1_000;
const SIP_EVERY: Duration = Duration::from_millis(100);
/// How long a client that reads nothing waits before it asks anew: the session has cut it off by then.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a client that passes stays.
const STAY: Duration = Duration::from_secs(1);
/// How long a client waits before it comes again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a client waits for bytes before it looks whether the run is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Habit {
    /// Returns the habits of all clients of a setup.
    pub(super) fn of(setup: LiveSetup) -> impl Iterator<Item = Habit> {
        let LiveSetup { viewers, slow, silent, passing, .. } = setup;
        [(Habit::Reads, viewers), (Habit::ReadsSlowly, slow), (Habit::NeverReads, silent), (Habit::Passes, passing)]
            .into_iter()
            .flat_map(|(habit, clients)| std::iter::repeat_n(habit, clients))
    }
}

/// A client.
pub(super) struct Viewer {
    habit: Habit,
    address: SocketAddr,
    clock: RunClock,
    shown: AtomicU64,
}

impl Viewer {
    pub(super) fn new(habit: Habit, address: SocketAddr, clock: RunClock) -> Viewer {
        Viewer { habit, address, clock, shown: AtomicU64::new(0) }
    }

    /// Returns the number of events whose answers it has been shown; `None` of a client that does not read every frame.
    pub(super) fn shown_events(&self) -> Option<u64> {
        (self.habit == Habit::Reads).then(|| self.shown.load(Ordering::Acquire))
    }

    /// Looks until the run is over; returns when how much was shown, if it reads every frame. It comes again when the
    /// session ends its stream.
    pub(super) fn look(&self, is_over: &AtomicBool) -> Option<Vec<Progress>> {
        let mut shown = Vec::new();
        while !is_over.load(Ordering::Acquire) {
            if let Err(error) = self.visit(is_over, &mut shown) {
                log::debug!("a client of the wall: {error}");
            }
            rest(PAUSE, is_over);
        }
        (self.habit == Habit::Reads).then_some(shown)
    }

    fn visit(&self, is_over: &AtomicBool, shown: &mut Vec<Progress>) -> io::Result<()> {
        let mut frames = Connection::open(self.address)?.frames()?;
        frames.get_ref().set_read_timeout(Some(LOOK_EVERY))?;
        let came = Instant::now();
        let stays = || !is_over.load(Ordering::Acquire) && (self.habit != Habit::Passes || came.elapsed() < STAY);
        match self.habit {
            Habit::NeverReads => {
                while stays() && came.elapsed() < PATIENCE {
                    rest(STAY, is_over);
                }
            }
            Habit::ReadsSlowly => {
                let mut sip = [0; SIP_BYTES];
                while stays() && waited(frames.get_mut().read(&mut sip))? != Some(0) {
                    rest(SIP_EVERY, is_over);
                }
            }
            Habit::Reads | Habit::Passes => {
                let mut line = Vec::new();
                while stays() && self.read_line(&mut frames, &mut line, shown)? {}
            }
        }
        Ok(())
    }

    /// Reads on in a line, and notes how much it says is shown when it is whole; returns false at the end of the stream.
    fn read_line(
        &self,
        frames: &mut BufReader<TcpStream>,
        line: &mut Vec<u8>,
        shown: &mut Vec<Progress>,
    ) -> io::Result<bool> {
        match waited(frames.read_until(b'\n', line))? {
            None => return Ok(true),
            Some(0) => return Ok(false),
            Some(_) => {}
        }
        if let Some(events) = shown_by(line)
            && events > self.shown.load(Ordering::Relaxed)
        {
            self.shown.store(events, Ordering::Release);
            shown.push(Progress { at_ns: self.clock.now_ns(), events });
        }
        line.clear();
        Ok(true)
    }
}

/// Returns `None` where there was only nothing to read yet.
fn waited(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        read => read.map(Some),
    }
}

/// Returns how many events of the trace a frame shows; `None` if a line is no frame. The figures behind it are not read.
fn shown_by(line: &[u8]) -> Option<u64> {
    const BEGINNING: &[u8] = b"\"events\":";
    let frame = line.strip_prefix(b"data: ")?;
    let head = &frame[..frame.len().min(200)];
    let at = head.windows(BEGINNING.len()).position(|window| window == BEGINNING)? + BEGINNING.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u64>, digit| Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_how_much_it_shows() {
        assert_eq!(shown_by(b"data: {\"behind_ms\":12,\"events\":345,\"number\":7,\"tiles\":[]}\n"), Some(345));
        assert_eq!(shown_by(b"retry: 1000\n"), None);
        assert_eq!(shown_by(b"data: {\"number\":7}\n"), None);
    }
}

//! Runs a command in a terminal of its own and keeps what it writes, with the time.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Bytes that a command has written at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chunk {
    /// When they came, since the command was started.
    pub(crate) at: Duration,
    pub(crate) bytes: Vec<u8>,
}

/// Runs a command to its end, which has to be a success.
pub(crate) fn record(program: &str, arguments: &[String], columns: u16, rows: u16) -> io::Result<Vec<Chunk>> {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&terminal)?;
    unlockpt(&terminal)?;
    tcsetwinsize(&terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
    let side = File::from(open(ptsname(&terminal, Vec::new())?, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?);
    let mut command = Command::new(program);
    command.args(arguments).env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CI");
    command.stdin(Stdio::null()).stdout(side.try_clone()?).stderr(side);
    let mut child = command.spawn()?;
    // It holds this process's ends of the terminal, without which reading would never end.
    drop(command);
    let chunks = chunks(File::from(terminal))?;
    let status = child.wait()?;
    if !status.success() {
        let said: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
        return Err(io::Error::other(format!("{program} ended with {status}:\n{}", String::from_utf8_lossy(&said))));
    }
    Ok(chunks)
}

fn chunks(mut terminal: File) -> io::Result<Vec<Chunk>> {
    let begun = Instant::now();
    let mut chunks = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        match terminal.read(&mut buffer) {
            Ok(0) => return Ok(chunks),
            Ok(length) => chunks.push(Chunk { at: begun.elapsed(), bytes: buffer[..length].to_vec() }),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What Linux says once nobody has the other side open.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => return Ok(chunks),
            Err(error) => return Err(error),
        }
    }
}

//! A connection to the session of a case, with as much of HTTP as that takes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// An open connection.
pub(super) struct Connection {
    address: SocketAddr,
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

/// The status of an answer, and its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Connection> {
        let writer = TcpStream::connect_timeout(&address, DEADLINE)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(DEADLINE))?;
        writer.set_write_timeout(Some(DEADLINE))?;
        let reader = BufReader::new(writer.try_clone()?);
        Ok(Connection { address, writer, reader })
    }

    /// Posts JSON Lines, given in pieces, and waits for the answer.
    pub(super) fn post_lines(&mut self, pieces: &[&str]) -> io::Result<Answer> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut request = format!(
            "POST /events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n",
            self.address
        );
        pieces.iter().for_each(|piece| request.push_str(piece));
        self.writer.write_all(request.as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        while self.reader.read_line(&mut line)? > 2 {
            let word = |at: usize| line.split_whitespace().nth(at).and_then(|word| word.parse::<usize>().ok());
            if line.starts_with("HTTP/1.1 ") {
                status = word(1).unwrap_or(0) as u16;
            } else if line.to_ascii_lowercase().starts_with("content-length:") {
                length = word(1).unwrap_or(0);
            }
            line.clear();
        }
        let mut body = String::new();
        (&mut self.reader).take(length as u64).read_to_string(&mut body)?;
        Ok(Answer { status, body })
    }

    /// Asks for the frames of the wall, whose bytes come from the reader that is returned.
    pub(super) fn frames(mut self) -> io::Result<BufReader<TcpStream>> {
        write!(
            self.writer,
            "GET /wall/frames HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n",
            self.address
        )?;
        let mut status = String::new();
        self.reader.read_line(&mut status)?;
        match status.starts_with("HTTP/1.1 200") {
            true => Ok(self.reader),
            false => Err(io::Error::other(format!("GET /wall/frames was answered {}", status.trim_end()))),
        }
    }
}

//! A client that knows no more of HTTP than it needs to, and sends whatever bytes it is given.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Keeps a test from hanging; nothing that is correct takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// When a test has waited long enough, even if something still arrives.
    deadline: Instant,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, received: Vec::new(), deadline: Instant::now() + PATIENCE }
    }

    /// Sends bytes; returns false if the other side does not take them any more.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Waits for an answer; absent if the connection was closed instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let (status, head) = self.head()?;
        let mut body = Vec::new();
        if let Some(length) = header(&head, "content-length") {
            body = self.take(length.parse().unwrap())?;
        } else if header(&head, "transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk.into_bytes());
            }
        }
        Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }

    /// Waits for the head of an answer: its status, and its lines.
    pub(crate) fn head(&mut self) -> Option<(u16, String)> {
        let end = self.find(b"\r\n\r\n")?;
        let head = String::from_utf8(self.take(end + 4)?).unwrap();
        Some((head.split(' ').nth(1).unwrap().parse().unwrap(), head))
    }

    /// Waits for the next chunk of a stream; absent at its end.
    pub(crate) fn chunk(&mut self) -> Option<String> {
        let end = self.find(b"\r\n")?;
        let size = String::from_utf8(self.take(end + 2)?).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = self.take(size + 2)?;
        chunk.truncate(size);
        if size == 0 { None } else { Some(String::from_utf8(chunk).unwrap()) }
    }

    /// Reads a stream until it has this text in it, and returns what was read.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            read += &self.chunk().unwrap_or_else(|| panic!("the stream ends before '{text}', after: {read}"));
        }
        read
    }

    /// Reads a stream to its end.
    pub(crate) fn rest(&mut self) -> String {
        std::iter::from_fn(|| self.chunk()).collect()
    }

    /// Returns true if the other side closes the connection, whatever it says before.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.receive() {}
        true
    }

    fn find(&mut self, needle: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = self.received.windows(needle.len()).position(|window| window == needle) {
                return Some(at);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        while self.received.len() < bytes {
            if !self.receive() {
                return None;
            }
        }
        Some(self.received.drain(..bytes).collect())
    }

    /// Receives more; returns false at the end of the connection.
    fn receive(&mut self) -> bool {
        assert!(Instant::now() < self.deadline, "no end, after: {}", String::from_utf8_lossy(&self.received));
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(bytes) => {
                self.received.extend_from_slice(&buffer[..bytes]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the service hangs, after: {}", String::from_utf8_lossy(&self.received))
            }
            Err(_) => false,
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The ids of a batch.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.json().as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The bytes of a request; the headers are whole lines without their ends.
pub(crate) fn request(method: &str, target: &str, address: SocketAddr, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n");
    for header in headers {
        request += &format!("{header}\r\n");
    }
    if method == "POST" {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    [request.as_bytes(), b"\r\n", body].concat()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

//! A small HTTP server for tests, whose answers are scripted.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How the server answers a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// With a status, headers, and a body.
    Reply(u16, Vec<(&'static str, String)>, String),
    /// With nothing, until the client goes away.
    Hang,
    /// With the first bytes at once, the others one by one, and then nothing.
    Drip(Vec<u8>, Vec<u8>),
    /// With a status and a body without end.
    Endless(u16),
    /// With what is no HTTP.
    Raw(Vec<u8>),
    /// By closing the connection.
    Close,
}

/// A request as it was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// A server on a port the system chose. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct ScriptedServer {
    address: SocketAddr,
    script: Arc<Script>,
}

#[derive(Debug)]
struct Script {
    /// What is answered to OPTIONS, the last one again and again.
    permissions: Mutex<VecDeque<Answer>>,
    /// What is answered to the rest, the last one again and again.
    answers: Mutex<VecDeque<Answer>>,
    received: Mutex<Vec<Received>>,
    is_over: AtomicBool,
}

impl Answer {
    pub(super) fn status(status: u16) -> Answer {
        Answer::Reply(status, Vec::new(), String::new())
    }

    pub(super) fn with_header(status: u16, name: &'static str, value: &str) -> Answer {
        Answer::Reply(status, vec![(name, value.to_owned())], String::new())
    }

    pub(super) fn permission() -> Answer {
        let headers = [("WebHook-Allowed-Origin", "*"), ("WebHook-Allowed-Rate", "*")];
        Answer::Reply(200, headers.map(|(name, value)| (name, value.to_owned())).to_vec(), String::new())
    }
}

impl ScriptedServer {
    /// Starts a server that gives permission, and answers events by a script.
    pub(super) fn start(answers: impl IntoIterator<Item = Answer>) -> ScriptedServer {
        ScriptedServer::asked([Answer::permission()], answers)
    }

    /// Starts a server that answers questions for permission by a script, too.
    pub(super) fn asked(
        permissions: impl IntoIterator<Item = Answer>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> ScriptedServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script {
            permissions: Mutex::new(permissions.into_iter().collect()),
            answers: Mutex::new(answers.into_iter().collect()),
            received: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let shared = script.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let shared = shared.clone();
                // A client that breaks off is none of the server's business.
                thread::spawn(move || stream.ok().and_then(|stream| shared.serve(stream).ok()));
            }
        });
        ScriptedServer { address, script }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?key=k", self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.script.received.lock().unwrap().clone()
    }

    /// Returns the requests of one method.
    pub(super) fn received_by(&self, method: &str) -> Vec<Received> {
        self.received().into_iter().filter(|request| request.method == method).collect()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.script.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Script {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        // Connections stay open after a reply.
        while let Some(request) = read_request(&mut reader)? {
            let answers = if request.method == "OPTIONS" { &self.permissions } else { &self.answers };
            self.received.lock().unwrap().push(request);
            let answer = {
                let mut answers = answers.lock().unwrap();
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
            };
            if !self.answer(&stream, answer.unwrap_or(Answer::Close))? {
                break;
            }
        }
        Ok(())
    }

    /// Answers, and returns true if the connection can stay.
    fn answer(&self, mut stream: &TcpStream, answer: Answer) -> std::io::Result<bool> {
        match answer {
            Answer::Reply(status, headers, body) => {
                let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let length = body.len();
                // A reply of 204 has no length.
                let length = if status == 204 { String::new() } else { format!("content-length: {length}\r\n") };
                write!(stream, "HTTP/1.1 {status} Status\r\n{headers}{length}\r\n{body}")?;
                return Ok(true);
            }
            Answer::Hang => self.hold(stream),
            Answer::Drip(first, others) => {
                stream.write_all(&first)?;
                for byte in others {
                    stream.write_all(&[byte])?;
                    stream.flush()?;
                    thread::sleep(Duration::from_millis(10));
                }
                self.hold(stream);
            }
            Answer::Endless(status) => {
                write!(stream, "HTTP/1.1 {status} Status\r\ncontent-length: 1000000000000\r\n\r\n")?;
                while !self.is_over.load(Ordering::SeqCst) {
                    stream.write_all(&[b'x'; 8192])?;
                }
            }
            Answer::Raw(bytes) => stream.write_all(&bytes)?,
            Answer::Close => {}
        }
        Ok(false)
    }

    /// Keeps a connection until the client closes it.
    fn hold(&self, mut stream: &TcpStream) {
        let _ = stream.read(&mut [0]);
    }
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() }))
}

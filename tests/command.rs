//! A shell in a scratch folder, with `flowbench` on its path and a deadline, so that nothing hangs.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what any command here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(240);

/// A folder of its own for one test. Everything is gone when it is dropped.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        Scratch(TempDir::new().unwrap())
    }

    /// Runs a line of shell in the folder and waits for its end.
    pub(crate) fn sh(&self, line: &str) -> Ended {
        self.start(line).finish()
    }

    /// Runs a line of shell that has to end with exit code 0.
    pub(crate) fn ok(&self, line: &str) -> Ended {
        let ended = self.sh(line);
        assert_eq!(ended.code, Some(0), "{line}\n{}\n{}", ended.stderr, ended.stdout);
        ended
    }

    /// Runs a line of shell that has to end with `code` and to say all of `words` on standard error.
    pub(crate) fn fails(&self, line: &str, code: i32, words: &[&str]) -> Ended {
        let ended = self.sh(line);
        assert_eq!(ended.code, Some(code), "{line}\n{}", ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{line}\nsays nothing of '{word}':\n{}", ended.stderr);
        }
        assert!(!ended.stderr.contains("panicked"), "{line}\n{}", ended.stderr);
        ended
    }

    /// Begins a line of shell in the folder. A single command becomes the process itself.
    pub(crate) fn start(&self, line: &str) -> Running {
        let program = Path::new(env!("CARGO_BIN_EXE_flowbench"));
        let folder = program.parent().unwrap().to_str().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("sh")
            .args(["-c", line])
            .current_dir(self.0.path())
            .env("PATH", format!("{folder}:{path}"))
            .env_remove("RUST_BACKTRACE")
            .env_remove("GITHUB_ACTIONS")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (gather(child.stdout.take()), gather(child.stderr.take()));
        Running { line: line.to_owned(), child, stdout, stderr }
    }

    /// The path of something in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The content of a file in the folder.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The content of a text file in the folder.
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// A JSON file in the folder.
    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// A file of one JSON object a line in the folder.
    pub(crate) fn ndjson(&self, name: &str) -> Vec<Value> {
        self.text(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A line of shell that has not ended yet.
pub(crate) struct Running {
    line: String,
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

impl Running {
    /// Waits for the end; at the deadline, everything it started is killed and the test fails.
    pub(crate) fn finish(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > DEADLINE {
                self.signal("KILL");
                panic!("{}\nstill runs after {} s", self.line, DEADLINE.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let text = |bytes: JoinHandle<Vec<u8>>| String::from_utf8(bytes.join().unwrap()).unwrap();
        Ended { code: status.code(), stdout: text(self.stdout), stderr: text(self.stderr) }
    }

    /// Waits until `happened` is true.
    pub(crate) fn wait_until(&self, happened: impl Fn() -> bool) {
        let begun = Instant::now();
        while !happened() {
            assert!(begun.elapsed() < DEADLINE, "{}\nwhat was waited for did not happen", self.line);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The id of the process of the line.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// True until the process of the line has ended.
    pub(crate) fn is_alive(&self) -> bool {
        // One that has ended and was not waited for yet is a zombie.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }

    /// Sends a signal such as `INT` to everything the line has started, as Ctrl-C at a terminal does.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -s {name} -- -{}", self.child.id());
        Command::new("sh").args(["-c", &line]).status().unwrap();
    }
}

/// How a line of shell ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None`: killed by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Standard output, which has to be JSON and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }

    /// The answers on standard output, header left out.
    pub(crate) fn answers(&self) -> Vec<&str> {
        self.stdout.lines().skip(1).collect()
    }
}

/// The path of something in the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The Rust files below a folder of the repository, each with its path from there.
pub(crate) fn rust_files(folder: &str) -> Vec<(PathBuf, PathBuf)> {
    let root = repository(folder);
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for path in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push((path.strip_prefix(&root).unwrap().to_owned(), path));
            }
        }
    }
    files
}

fn gather(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    let mut pipe = pipe.unwrap();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

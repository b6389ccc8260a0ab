//! The process of a case, as its parent sees it: started, watched, killed if it has to be.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowbench_measurement::record::Status;

use crate::case::{CASE_ARGUMENT, CaseResult, PANICKED};
use crate::plan::CaseSpec;
use crate::sampler::rss_bytes_of;

/// The process of a case, watched: killed at its deadline, above its memory cap, or when `interrupted` is set.
pub struct Watched {
    child: Child,
    output: std::thread::JoinHandle<Vec<u8>>,
    stderr: std::thread::JoinHandle<Vec<u8>>,
}

/// Between two looks at a running case.
const LOOK: Duration = Duration::from_millis(10);
/// How much of the standard error of a failed case is kept, bytes.
const STDERR_TAIL_BYTES: usize = 4096;

impl Watched {
    /// Starts the case in a process of its own, in a process group of its own (a Ctrl-C at the terminal is for the parent).
    pub fn start(spec: &CaseSpec) -> std::io::Result<Watched> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CASE_ARGUMENT)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let told = serde_json::to_vec(spec).map_err(std::io::Error::other)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(&told)?;
        }
        let (output, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        Ok(Watched { child, output, stderr })
    }

    /// Waits for the end, whatever it is. `None` if interrupted.
    pub fn finish(
        mut self,
        deadline: Duration,
        memory_cap_bytes: u64,
        interrupted: &AtomicBool,
    ) -> std::io::Result<Option<CaseResult>> {
        let started = Instant::now();
        let process = self.child.id().to_string();
        let mut killed = None;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if interrupted.load(Ordering::Acquire) {
                self.kill()?;
                return Ok(None);
            }
            let rss_bytes = rss_bytes_of(&process).unwrap_or(0);
            killed = if started.elapsed() > deadline {
                Some(format!("deadline: still running after {} s", deadline.as_secs_f64()))
            } else if rss_bytes > memory_cap_bytes {
                Some(format!("memory cap: {} MiB resident, {} allowed", rss_bytes >> 20, memory_cap_bytes >> 20))
            } else {
                None
            };
            if killed.is_some() {
                break self.kill()?;
            }
            std::thread::sleep(LOOK);
        };
        let output = self.output.join().unwrap_or_default();
        let stderr = self.stderr.join().unwrap_or_default();
        Ok(Some(outcome(killed, status, &output, &stderr)))
    }

    fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

fn outcome(killed: Option<String>, status: ExitStatus, output: &[u8], stderr: &[u8]) -> CaseResult {
    let cause = match (killed, status.code(), status.signal()) {
        (Some(cause), ..) => cause,
        (None, Some(0), _) => match serde_json::from_slice(output) {
            Ok(result) => return result,
            Err(error) => format!("its result cannot be read: {error}"),
        },
        (None, Some(PANICKED), _) => "panic".to_owned(),
        (None, Some(code), _) => format!("exit code {code}"),
        (None, None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None, None) => "ended without a status".to_owned(),
    };
    let tail = &stderr[stderr.len().saturating_sub(STDERR_TAIL_BYTES)..];
    let stderr_tail = String::from_utf8_lossy(tail).trim().to_owned();
    CaseResult {
        status: Status::Failed { cause, stderr_tail },
        numbers: None,
        doubts: Vec::new(),
        histograms: Vec::new(),
        timeline: Vec::new(),
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

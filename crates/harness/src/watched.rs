//! Supervises the processes of a case: starts them, connects them, watches them, and kills them together.
//!
//! Most cases have one process. Where a case has several, they end together: when one of them dies, all do, and the
//! cause is that of the first.
//!
//! Decision D-421.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::case_spec::CaseSpec;
use crate::cluster::{Hosts, PEER_FAILED};
use crate::own_process::{own_id, this_program};
use crate::peer::{PEER_ARGUMENT, PeerSpec};
use crate::protocol::{CASE_ARGUMENT, CaseResult, PANICKED, failed};
use crate::sampler::rss_bytes_of;

/// The processes of a case. They are killed at its deadline, above its memory cap, when `interrupted` is set, when
/// one of them dies, and when this is dropped.
pub struct CaseProcesses {
    processes: Vec<Process>,
    meeting: Option<Rendezvous>,
}

/// What the processes are told once all of them listen.
struct Rendezvous {
    case: CaseSpec,
    first: usize,                   // index of the first process here
    addresses: Option<Vec<String>>, // known beforehand; else those at which the processes here listen
    join_within: Duration,
}

/// The time between two checks of a running case.
const LOOK: Duration = Duration::from_millis(10);
/// The amount of standard error kept of a failed case, bytes.
const STDERR_TAIL_BYTES: usize = 4096;
/// The amount of its last words that becomes part of the cause of a failed case, characters.
const WORDS_MAX: usize = 300;
/// Where processes of one machine listen: at free ports.
const LOOPBACK: &str = "127.0.0.1:0";
/// How long processes of one machine may take to connect.
const JOIN_WITHIN: Duration = Duration::from_secs(10);

impl CaseProcesses {
    /// Starts all processes of a case on this machine. Each has its own process group, so that Ctrl-C at the terminal
    /// goes to the parent.
    pub fn start(case: &CaseSpec) -> io::Result<CaseProcesses> {
        if case.axes.processes > 1 {
            let commands = (0..case.axes.processes).map(|_| program(&[PEER_ARGUMENT, LOOPBACK]));
            let meeting = Rendezvous { case: case.clone(), first: 0, addresses: None, join_within: JOIN_WITHIN };
            return CaseProcesses::several(commands.collect(), meeting);
        }
        CaseProcesses::one(program(&[CASE_ARGUMENT]), case)
    }

    /// Starts one process of a case whose other processes run on other machines, where they have to be started as
    /// well. It listens at its address in the hosts file and has `join_within` to connect. Only process 0 has the
    /// result.
    pub fn start_one_of(
        case: &CaseSpec,
        hosts: &Hosts,
        process: usize,
        join_within: Duration,
    ) -> io::Result<CaseProcesses> {
        let address = hosts.address(process).map_err(io::Error::other)?;
        let command = program(&[PEER_ARGUMENT, address]);
        let addresses = Some(hosts.addresses().to_vec());
        CaseProcesses::several(vec![command], Rendezvous { case: case.clone(), first: process, addresses, join_within })
    }

    fn one(command: Command, case: &CaseSpec) -> io::Result<CaseProcesses> {
        let mut watched = CaseProcesses { processes: vec![Process::start(command, false)?], meeting: None };
        watched.processes[0].tell(case)?;
        Ok(watched)
    }

    fn several(commands: Vec<Command>, meeting: Rendezvous) -> io::Result<CaseProcesses> {
        let mut watched = CaseProcesses { processes: Vec::new(), meeting: Some(meeting) };
        for command in commands {
            watched.processes.push(Process::start(command, true)?);
        }
        Ok(watched)
    }

    /// Waits for the end, whatever it is. `None` if interrupted.
    pub fn finish(
        mut self,
        deadline: Duration,
        memory_cap_bytes: u64,
        interrupted: &AtomicBool,
    ) -> io::Result<Option<CaseResult>> {
        let started = Instant::now();
        while !self.is_over()? {
            if interrupted.load(Ordering::Acquire) {
                return Ok(None);
            }
            let rss_bytes = self.rss_bytes();
            if started.elapsed() > deadline {
                let cause = format!("deadline: still running after {} s", deadline.as_secs_f64());
                return Ok(Some(self.result(Some(cause))));
            }
            if rss_bytes > memory_cap_bytes {
                let (resident, allowed) = (rss_bytes >> 20, memory_cap_bytes >> 20);
                let cause = format!("memory cap: {resident} MiB resident, {allowed} allowed");
                return Ok(Some(self.result(Some(cause))));
            }
            self.introduce()?;
            thread::sleep(LOOK);
        }
        Ok(Some(self.result(None)))
    }

    /// True when all processes have ended, or one has failed.
    fn is_over(&mut self) -> io::Result<bool> {
        for process in self.processes.iter_mut().filter(|process| process.ended.is_none()) {
            process.ended = process.child.try_wait()?;
        }
        let all = self.processes.iter().all(|process| process.ended.is_some());
        Ok(all || self.processes.iter().any(Process::ended_badly))
    }

    /// Returns the sum of the resident sets of the processes that still run.
    fn rss_bytes(&self) -> u64 {
        let running = self.processes.iter().filter(|process| process.ended.is_none());
        running.filter_map(|process| rss_bytes_of(&process.child.id().to_string())).sum()
    }

    /// Tells the processes about each other, once all of them listen.
    fn introduce(&mut self) -> io::Result<()> {
        for process in self.processes.iter_mut().filter(|process| process.listens_at.is_none()) {
            process.listens_at = process.listens.try_recv().ok();
        }
        let listen: Option<Vec<String>> = self.processes.iter().map(|process| process.listens_at.clone()).collect();
        let Some(listen) = listen else { return Ok(()) };
        let Some(Rendezvous { case, first, addresses, join_within }) = self.meeting.take() else { return Ok(()) };
        let addresses = addresses.unwrap_or(listen);
        let join_within_ms = join_within.as_millis() as u64;
        for (index, process) in (first..).zip(&mut self.processes) {
            let (case, addresses) = (case.clone(), addresses.clone());
            process.tell(&PeerSpec { case, process: index, addresses, join_within_ms })?;
        }
        Ok(())
    }

    /// Returns the result when the case is over or has to be; `killed` says why.
    fn result(mut self, killed: Option<String>) -> CaseResult {
        let culprit = self.culprit();
        self.kill();
        let ended: Vec<ExitedProcess> = std::mem::take(&mut self.processes).into_iter().map(Process::end).collect();
        let name = |at: usize| if ended.len() > 1 { format!("process {at}: ") } else { String::new() };
        match (killed, culprit) {
            (Some(cause), _) => {
                let tails = ended.iter().map(|one| one.stderr_tail(STDERR_TAIL_BYTES / ended.len()));
                let tails = (0..).zip(tails).filter(|(_, tail)| !tail.is_empty());
                let tails: Vec<String> = tails.map(|(at, tail)| name(at) + &tail).collect();
                failed(cause, tails.join("\n"))
            }
            (None, Some(at)) => failed(name(at) + &ended[at].cause(), ended[at].stderr_tail(STDERR_TAIL_BYTES)),
            (None, None) => serde_json::from_slice(&ended[0].output).unwrap_or_else(|error| {
                failed(format!("its result cannot be read: {error}"), ended[0].stderr_tail(STDERR_TAIL_BYTES))
            }),
        }
    }

    /// Returns which process failed first. One that failed because of another is only returned if there is no other:
    /// those that lose another live on for a while.
    fn culprit(&self) -> Option<usize> {
        let bad = (0..self.processes.len()).filter(|at| self.processes[*at].ended_badly());
        let echo = |at: &usize| self.processes[*at].ended.and_then(|status| status.code()) == Some(PEER_FAILED);
        bad.min_by_key(echo)
    }

    fn kill(&mut self) {
        let mut running: Vec<_> = self.processes.iter_mut().filter(|process| process.ended.is_none()).collect();
        for process in &mut running {
            let _ = process.child.kill();
        }
        for process in running {
            process.ended = process.child.wait().ok();
        }
    }
}

impl Drop for CaseProcesses {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One process of a case.
struct Process {
    child: Child,
    listens: Receiver<String>,
    listens_at: Option<String>,
    output: JoinHandle<Vec<u8>>, // what comes after the address
    stderr: JoinHandle<Vec<u8>>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts a process. If it `says_where` it listens, that is the first line of its output.
    fn start(mut command: Command, says_where: bool) -> io::Result<Process> {
        let command = command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (tell, listens) = channel();
        let output = thread::Builder::new().spawn(move || {
            let mut stdout = stdout.map(BufReader::new);
            let mut address = String::new();
            if let Some(stdout) = stdout.as_mut().filter(|_| says_where)
                && stdout.read_line(&mut address).is_ok()
                && address.ends_with('\n')
            {
                let _ = tell.send(address.trim_end().to_owned());
            }
            rest(stdout)
        });
        let stderr = thread::Builder::new().spawn(move || rest(stderr));
        match (output, stderr) {
            (Ok(output), Ok(stderr)) => Ok(Process { child, listens, listens_at: None, output, stderr, ended: None }),
            (Err(error), _) | (_, Err(error)) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Sends it its task. Nothing more can be sent afterwards.
    fn tell(&mut self, told: &impl Serialize) -> io::Result<()> {
        let told = serde_json::to_vec(told).map_err(io::Error::other)?;
        match self.child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&told)) {
            // Who does not listen any more has ended, as the next look will find.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            told => told,
        }
    }

    fn ended_badly(&self) -> bool {
        self.ended.is_some_and(|status| !status.success())
    }

    fn end(self) -> ExitedProcess {
        let (output, stderr) = (self.output.join().unwrap_or_default(), self.stderr.join().unwrap_or_default());
        ExitedProcess { status: self.ended, output, stderr }
    }
}

/// A process of a case that has ended.
struct ExitedProcess {
    status: Option<ExitStatus>,
    output: Vec<u8>,
    stderr: Vec<u8>,
}

impl ExitedProcess {
    /// Returns why it failed: how, and in its own words.
    fn cause(&self) -> String {
        let code = self.status.and_then(|status| status.code());
        let how = match (code, self.status.and_then(|status| status.signal())) {
            (Some(PANICKED), _) => "panic".to_owned(),
            (Some(PEER_FAILED), _) => return self.last_words().unwrap_or("another process failed".to_owned()),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "ended without a status".to_owned(),
        };
        match self.last_words() {
            Some(words) => format!("{how}: {words}"),
            None => how,
        }
    }

    /// Returns the message of its panic, or the last line it wrote.
    fn last_words(&self) -> Option<String> {
        let said = String::from_utf8_lossy(&self.stderr);
        let panicked = panic_message(&said);
        let words = panicked.or_else(|| said.trim_end().lines().next_back().map(|line| line.trim().to_owned()))?;
        (!words.is_empty()).then(|| words.chars().take(WORDS_MAX).collect())
    }

    /// Returns the end of its standard error, preceded by the message of its panic if a long backtrace has pushed
    /// that out.
    fn stderr_tail(&self, bytes: usize) -> String {
        let tail = |bytes: usize| &self.stderr[self.stderr.len().saturating_sub(bytes)..];
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let panicked = panic_message(&String::from_utf8_lossy(&self.stderr)).filter(|_| self.stderr.len() > bytes);
        match panicked {
            None => text(tail(bytes)),
            Some(message) => {
                let message: String = message.chars().take(WORDS_MAX).collect();
                format!("panic: {message}\n[...]\n{}", text(tail(bytes.saturating_sub(message.len() + 16))))
            }
        }
    }
}

/// Returns the message of the first panic on a standard error, joined into one line, without what Rust appends to it.
fn panic_message(said: &str) -> Option<String> {
    let lines = said.lines().skip_while(|line| !line.contains(" panicked at ")).skip(1);
    let is_over = |line: &str| {
        let begins = |with: &str| line.starts_with(with);
        begins("stack backtrace:") || begins("note: run with `RUST_BACKTRACE") || line.contains(" panicked at ")
    };
    let message = lines.take_while(|line| !is_over(line)).map(str::trim).filter(|line| !line.is_empty());
    let message: Vec<&str> = message.collect();
    (!message.is_empty()).then(|| message.join(" "))
}

/// Returns the command that starts this program as a process of a case, which ends with this process.
fn program(arguments: &[&str]) -> Command {
    let mut command = this_program();
    command.args(arguments).arg(own_id());
    command
}

fn rest(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read before an error is what there is.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::Status;

    use super::*;
    use crate::plan::tests::case;

    /// Far more than any of these shells takes.
    const LONG: Duration = Duration::from_secs(60);
    static NEVER: AtomicBool = AtomicBool::new(false);

    /// A shell that knows a result to write.
    fn shell(script: &str) -> Command {
        let result = CaseResult { status: Status::Ok, ..failed(String::new(), String::new()) };
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("RESULT", serde_json::to_string(&result).unwrap());
        command
    }

    /// Processes that listen, are told of each other, and then run a script each.
    fn several(scripts: &[&str]) -> CaseProcesses {
        let script = |(at, script): (usize, &&str)| shell(&format!("echo 10.0.0.{at}:1; told=$(cat); {script}"));
        let commands = scripts.iter().enumerate().map(script).collect();
        let meeting = Rendezvous { case: case(), first: 0, addresses: None, join_within: LONG };
        CaseProcesses::several(commands, meeting).unwrap()
    }

    fn finish(watched: CaseProcesses) -> Status {
        watched.finish(LONG, u64::MAX, &NEVER).unwrap().unwrap().status
    }

    fn failure(status: Status) -> (String, String) {
        match status {
            Status::Failed { cause, stderr_tail } => (cause, stderr_tail),
            other => panic!("{other:?}"),
        }
    }

    fn alive(watched: &CaseProcesses) -> Vec<String> {
        watched.processes.iter().map(|process| format!("/proc/{}/stat", process.child.id())).collect()
    }

    #[test]
    fn one_process_is_told_its_case_and_its_result_is_the_result() {
        let script = "grep -q '\"pipeline\":\"identity\"' && printf %s \"$RESULT\"";
        assert_eq!(finish(CaseProcesses::one(shell(script), &case()).unwrap()), Status::Ok);
        let cause = |script: &str| failure(finish(CaseProcesses::one(shell(script), &case()).unwrap()));
        let panic = "printf \"\\nthread 'main' (7) panicked at a.rs:1:2:\\nboom\\nnote: run with \\`RUST_BACKTRACE=1\\`\\n\" >&2";
        assert_eq!(cause(&format!("cat > /dev/null; {panic}; exit 101")).0, "panic: boom");
        let frames =
            "i=0; while [ $i -lt 400 ]; do echo \"  $i: some::frame::of::it at a.rs:$i\"; i=$((i+1)); done >&2";
        let panic = "printf \"\nthread 'w' (7) panicked at a.rs:1:2:\n\nboom\n  left: 1\nstack backtrace:\n\" >&2";
        let (why, tail) = cause(&format!("cat > /dev/null; {panic}; {frames}; exit 101"));
        assert_eq!(why, "panic: boom left: 1");
        assert!(tail.starts_with("panic: boom left: 1\n[...]\n") && tail.ends_with("a.rs:399"), "{tail}");
        assert!(tail.len() <= STDERR_TAIL_BYTES, "{}", tail.len());
        assert_eq!(cause("cat; kill -9 $$").0, "killed by signal 9");
        assert_eq!(cause("cat > /dev/null; echo why >&2; exit 7"), ("exit code 7: why".to_owned(), "why".to_owned()));
        assert!(cause("cat > /dev/null; echo '{'").0.starts_with("its result cannot be read"));
    }

    #[test]
    fn who_dies_before_it_is_told_its_case_is_the_failure_of_that_case_alone() {
        let gone = || shell("echo early >&2; exit 9");
        assert_eq!(failure(finish(CaseProcesses::one(gone(), &case()).unwrap())).0, "exit code 9: early");
        let mut watched = CaseProcesses { processes: vec![Process::start(gone(), false).unwrap()], meeting: None };
        while watched.processes[0].child.try_wait().unwrap().is_none() {
            thread::sleep(LOOK);
        }
        watched.processes[0].tell(&case()).unwrap();
        assert_eq!(failure(finish(watched)).0, "exit code 9: early");
    }

    #[test]
    fn all_are_told_who_is_who_and_where_and_the_result_is_that_of_process_0() {
        let told = |at| format!("*'\"process\":{at},\"addresses\":[\"10.0.0.0:1\",\"10.0.0.1:1\"]'*");
        let check = |at, then| format!("case $told in {}) {then} ;; *) exit 9 ;; esac", told(at));
        let (first, second) = (check(0, "printf %s \"$RESULT\""), check(1, "echo not looked at"));
        assert_eq!(finish(several(&[&first, &second])), Status::Ok);
    }

    #[test]
    fn one_of_several_machines_is_told_the_addresses_of_all() {
        let wanted = "\"process\":2,\"addresses\":\\[\"a:1\",\"b:1\",\"c:1\"]";
        let script = &format!("echo 10.0.0.8:1; grep -q '{wanted}' && printf %s \"$RESULT\"");
        let addresses = Some(["a:1", "b:1", "c:1"].map(str::to_owned).to_vec());
        let meeting = Rendezvous { case: case(), first: 2, addresses, join_within: LONG };
        assert_eq!(finish(CaseProcesses::several(vec![shell(script)], meeting).unwrap()), Status::Ok);
    }

    #[test]
    fn when_one_dies_all_are_killed_at_once_and_the_cause_names_it() {
        for (script, cause, tail) in [
            ("kill -9 $$", "process 1: killed by signal 9", ""),
            ("echo boom >&2; exit 101", "process 1: panic: boom", "boom"),
            ("echo why >&2; exit 1", "process 1: exit code 1: why", "why"),
        ] {
            let watched = several(&["exec sleep 600", script, "exec sleep 600"]);
            let processes = alive(&watched);
            assert_eq!(failure(finish(watched)), (cause.to_owned(), tail.to_owned()));
            assert!(processes.iter().all(|one| !std::fs::exists(one).unwrap()));
        }
    }

    #[test]
    fn who_dies_before_it_listens_is_named() {
        let commands = vec![shell("echo 10.0.0.1:1; exec sleep 600"), shell("echo taken >&2; exit 1")];
        let meeting = Rendezvous { case: case(), first: 0, addresses: None, join_within: LONG };
        let failure = failure(finish(CaseProcesses::several(commands, meeting).unwrap()));
        assert_eq!(failure, ("process 1: exit code 1: taken".to_owned(), "taken".to_owned()));
    }

    #[test]
    fn who_only_lost_another_is_not_the_cause() {
        let echo = "sleep 0.3; echo 'lost process 1 (10.0.0.1:1): socket closed' >&2; exit 102";
        let mut watched = several(&[echo, "exit 101", echo]);
        // All have ended when they are looked at.
        while !watched.processes.iter_mut().all(|process| process.child.try_wait().unwrap().is_some()) {
            watched.introduce().unwrap();
            thread::sleep(LOOK);
        }
        assert_eq!(failure(finish(watched)).0, "process 1: panic");
        // The one that is gone may be on another machine.
        assert_eq!(
            failure(finish(several(&[echo, "exec sleep 600"]))).0,
            "process 0: lost process 1 (10.0.0.1:1): socket closed"
        );
    }

    #[test]
    fn deadline_interruption_and_being_dropped_end_all() {
        let sleepers = || several(&["echo asleep >&2; exec sleep 600", "echo too >&2; exec sleep 600"]);
        let gone = |processes: Vec<String>| processes.iter().all(|one| !std::fs::exists(one).unwrap());
        let watched = sleepers();
        let processes = alive(&watched);
        let ended = watched.finish(Duration::from_secs(1), u64::MAX, &NEVER).unwrap().unwrap();
        let wanted = ("deadline: still running after 1 s", "process 0: asleep\nprocess 1: too");
        assert_eq!(failure(ended.status), (wanted.0.to_owned(), wanted.1.to_owned()));
        assert!(gone(processes));
        let watched = sleepers();
        let processes = alive(&watched);
        assert!(watched.finish(LONG, u64::MAX, &AtomicBool::new(true)).unwrap().is_none());
        assert!(gone(processes));
        let watched = sleepers();
        let processes = alive(&watched);
        drop(watched);
        assert!(gone(processes));
    }

    #[test]
    fn the_memory_cap_is_for_all_processes_together() {
        let mut watched = several(&["exec sleep 600", "exec sleep 600"]);
        while watched.meeting.is_some() {
            watched.introduce().unwrap();
        }
        thread::sleep(Duration::from_millis(300));
        let of = |process: &Process| rss_bytes_of(&process.child.id().to_string()).unwrap();
        let each = watched.processes.iter().map(of).max().unwrap();
        let ended = watched.finish(LONG, each * 3 / 2, &NEVER).unwrap().unwrap();
        assert!(failure(ended.status).0.starts_with("memory cap: "));
    }
}

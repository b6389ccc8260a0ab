//! Supervises the processes of a case: starts them, connects them, watches them, and kills them together.
//!
//! Most cases have one process. Where a case has several, they end together: when one of them dies, all do, and the
//! cause is that of the first.
//!
//! Decision D-421.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cluster::peer::{PEER_ARGUMENT, PeerSpec};
use crate::cluster::{Hosts, JOIN_WITHIN, LOOPBACK, PEER_FAILED};
use crate::experiment::case_spec::CaseSpec;
use crate::measure::resident_set::rss_bytes_of;
use crate::run::child_process::{ChildProcess, own_id, this_program};
use crate::run::protocol::{CASE_ARGUMENT, CaseResult, PANICKED, failed};
use crate::run::suspension::SuspensionWatch;

/// The processes of a case. At its deadline they are asked to end, and killed soon after. They are killed at once above
/// its memory cap, when `interrupted` is set, when one of them dies or is stopped, and when this is dropped.
pub struct CaseProcesses {
    processes: Vec<ChildProcess>,
    rendezvous: Option<Rendezvous>,
}

/// How the processes of a case came to their end.
#[derive(Debug)]
pub enum Ending {
    /// The case has a result.
    Ended(CaseResult),
    /// The case stood still for a while and was ended; the result says so.
    Suspended(CaseResult),
    /// The run was to stop, and the case with it.
    Interrupted,
}

/// What the processes are sent once all of them listen.
struct Rendezvous {
    case: CaseSpec,
    first: usize,                   // index of the first process here
    addresses: Option<Vec<String>>, // known beforehand; else those at which the processes here listen
    join_within: Duration,
}

/// The time between two checks of a running case.
const LOOK: Duration = Duration::from_millis(10);
/// How long processes that are asked to end may take to say how far they are, before they are killed.
const GRACE: Duration = Duration::from_secs(1);
/// The amount of standard error kept of a failed case, bytes.
const STDERR_TAIL_BYTES: usize = 4096;
/// The amount of its last words that becomes part of the cause of a failed case, characters.
const WORDS_MAX: usize = 300;

impl CaseProcesses {
    /// Starts all processes of a case on this machine. Each has its own process group, so that Ctrl-C at the terminal
    /// goes to the parent.
    ///
    /// # Errors
    ///
    /// Fails if a process cannot be started or sent its case.
    pub fn start(case: &CaseSpec) -> io::Result<CaseProcesses> {
        if case.processes > 1 {
            let commands = (0..case.processes).map(|_| program(&[PEER_ARGUMENT, LOOPBACK]));
            let rendezvous = Rendezvous { case: case.clone(), first: 0, addresses: None, join_within: JOIN_WITHIN };
            return CaseProcesses::several(commands.collect(), rendezvous);
        }
        CaseProcesses::one(program(&[CASE_ARGUMENT]), case)
    }

    /// Starts one process of a case whose other processes run on other machines, where they have to be started as
    /// well. It listens at its address in the hosts file and has `join_within` to connect. Only process 0 has the
    /// result.
    ///
    /// # Errors
    ///
    /// Fails if the hosts file has no such process, or if the process cannot be started.
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
        let mut started = CaseProcesses { processes: vec![start(command, false)?], rendezvous: None };
        send(&mut started.processes[0], case)?;
        Ok(started)
    }

    fn several(commands: Vec<Command>, rendezvous: Rendezvous) -> io::Result<CaseProcesses> {
        let mut started = CaseProcesses { processes: Vec::new(), rendezvous: Some(rendezvous) };
        for command in commands {
            started.processes.push(start(command, true)?);
        }
        Ok(started)
    }

    /// Waits until the case has ended or has to be ended.
    ///
    /// # Errors
    ///
    /// Fails if a process cannot be supervised. A process that fails is a result.
    pub fn finish(mut self, deadline: Duration, memory_cap_bytes: u64, interrupted: &AtomicBool) -> io::Result<Ending> {
        let started = Instant::now();
        let mut suspension = SuspensionWatch::start();
        loop {
            let is_over = self.is_over()?;
            if interrupted.load(Ordering::Acquire) && !is_over {
                return Ok(Ending::Interrupted);
            }
            // Before anything else: what stood still may have missed its deadline, too.
            if let Some(stood_still) = suspension.look(&self.processes) {
                return Ok(Ending::Suspended(self.result(Some(format!("suspended: {stood_still}")))));
            }
            if is_over {
                return Ok(Ending::Ended(self.result(None)));
            }
            let rss_bytes = self.rss_bytes();
            if started.elapsed() > deadline {
                let cause = format!("deadline: still running after {} s", deadline.as_secs_f64());
                self.ask_to_end();
                return Ok(Ending::Ended(self.result(Some(cause))));
            }
            if rss_bytes > memory_cap_bytes {
                let (resident, allowed) = (rss_bytes >> 20, memory_cap_bytes >> 20);
                let cause = format!("memory cap: {resident} MiB resident, {allowed} allowed");
                return Ok(Ending::Ended(self.result(Some(cause))));
            }
            self.exchange_addresses()?;
            thread::sleep(LOOK);
        }
    }

    /// Asks all processes to end, which makes them say how far they are, and waits a little until they have.
    fn ask_to_end(&mut self) {
        self.processes.iter().for_each(ChildProcess::ask_to_end);
        let until = Instant::now() + GRACE;
        let mut has_ended = |process: &mut ChildProcess| matches!(process.try_status(), Ok(Some(_)));
        while Instant::now() < until && !self.processes.iter_mut().all(&mut has_ended) {
            thread::sleep(LOOK);
        }
    }

    /// True when all processes have ended, or one has failed.
    fn is_over(&mut self) -> io::Result<bool> {
        let mut all = true;
        for process in &mut self.processes {
            all &= process.try_status()?.is_some();
        }
        Ok(all || self.processes.iter().any(has_failed))
    }

    /// Returns the sum of the resident sets of the processes that still run, bytes.
    fn rss_bytes(&self) -> u64 {
        let running = self.processes.iter().filter(|process| process.status().is_none());
        running.filter_map(|process| rss_bytes_of(&process.id().to_string())).sum()
    }

    /// Sends every process the addresses of all, once all of them listen.
    fn exchange_addresses(&mut self) -> io::Result<()> {
        let announced = self.processes.iter_mut().map(|process| process.address().map(str::to_owned));
        // Each is asked, even if one before it does not listen yet.
        let announced: Vec<Option<String>> = announced.collect();
        let Some(announced) = announced.into_iter().collect::<Option<Vec<String>>>() else { return Ok(()) };
        let Some(Rendezvous { case, first, addresses, join_within }) = self.rendezvous.take() else { return Ok(()) };
        let addresses = addresses.unwrap_or(announced);
        let join_within_ms = join_within.as_millis() as u64;
        for (index, process) in (first..).zip(&mut self.processes) {
            let (case, addresses) = (case.clone(), addresses.clone());
            send(process, &PeerSpec { case, process: index, addresses, join_within_ms })?;
        }
        Ok(())
    }

    /// Returns the result of a case that has ended or has to; `killed` is the reason if it has to.
    fn result(mut self, killed: Option<String>) -> CaseResult {
        let first_failure = self.first_failure();
        self.kill();
        let ended: Vec<ExitedProcess> = self.processes.iter_mut().map(ExitedProcess::new).collect();
        let name = |at: usize| if ended.len() > 1 { format!("process {at}: ") } else { String::new() };
        match (killed, first_failure) {
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

    /// Returns the index of the process that failed first. One that failed because of another is returned only if
    /// there is no other: a process that loses another lives on for a while.
    fn first_failure(&self) -> Option<usize> {
        let failures = (0..self.processes.len()).filter(|at| has_failed(&self.processes[*at]));
        let is_echo = |at: &usize| self.processes[*at].status().and_then(|status| status.code()) == Some(PEER_FAILED);
        failures.min_by_key(is_echo)
    }

    /// Kills all processes that still run, all before any is waited for.
    fn kill(&mut self) {
        self.processes.iter_mut().for_each(ChildProcess::kill);
        self.processes.iter_mut().for_each(ChildProcess::wait);
    }
}

impl Drop for CaseProcesses {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a process of a case, in a process group of its own.
fn start(mut command: Command, announces_address: bool) -> io::Result<ChildProcess> {
    ChildProcess::start(command.process_group(0).stderr(Stdio::piped()), announces_address)
}

/// Sends a process its task. One that has ended already is no error here: the next look at it finds its end.
fn send(process: &mut ChildProcess, spec: &impl Serialize) -> io::Result<()> {
    match process.send(spec) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        sent => sent,
    }
}

fn has_failed(process: &ChildProcess) -> bool {
    process.status().is_some_and(|status| !status.success())
}

/// A process of a case that has ended.
struct ExitedProcess {
    status: Option<ExitStatus>,
    output: Vec<u8>,
    stderr: Vec<u8>,
}

impl ExitedProcess {
    fn new(process: &mut ChildProcess) -> ExitedProcess {
        let (output, stderr) = process.wait_with_output();
        ExitedProcess { status: process.status(), output, stderr }
    }

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

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::Status;

    use super::*;
    use crate::experiment::plan::tests::case;

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

    /// Processes that listen, are sent the addresses of all, and then run a script each.
    fn several(scripts: &[&str]) -> CaseProcesses {
        let script = |(at, script): (usize, &&str)| shell(&format!("echo 10.0.0.{at}:1; spec=$(cat); {script}"));
        let commands = scripts.iter().enumerate().map(script).collect();
        let rendezvous = Rendezvous { case: case(), first: 0, addresses: None, join_within: LONG };
        CaseProcesses::several(commands, rendezvous).unwrap()
    }

    fn finish(started: CaseProcesses) -> Status {
        ended(started.finish(LONG, u64::MAX, &NEVER).unwrap()).status
    }

    fn ended(ending: Ending) -> CaseResult {
        match ending {
            Ending::Ended(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn failure(status: Status) -> (String, String) {
        match status {
            Status::Failed { cause, stderr_tail } => (cause, stderr_tail),
            other => panic!("{other:?}"),
        }
    }

    fn alive(started: &CaseProcesses) -> Vec<String> {
        started.processes.iter().map(|process| format!("/proc/{}/stat", process.id())).collect()
    }

    #[test]
    fn one_process_is_sent_its_case_and_its_result_is_the_result() {
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
    fn a_process_that_dies_before_it_is_sent_its_case_fails_only_that_case() {
        let gone = || shell("echo early >&2; exit 9");
        assert_eq!(failure(finish(CaseProcesses::one(gone(), &case()).unwrap())).0, "exit code 9: early");
        let mut started = CaseProcesses { processes: vec![start(gone(), false).unwrap()], rendezvous: None };
        while started.processes[0].try_status().unwrap().is_none() {
            thread::sleep(LOOK);
        }
        send(&mut started.processes[0], &case()).unwrap();
        assert_eq!(failure(finish(started)).0, "exit code 9: early");
    }

    #[test]
    fn all_are_sent_their_index_and_the_addresses_and_process_0_has_the_result() {
        let spec = |at| format!("*'\"process\":{at},\"addresses\":[\"10.0.0.0:1\",\"10.0.0.1:1\"]'*");
        let check = |at, then| format!("case $spec in {}) {then} ;; *) exit 9 ;; esac", spec(at));
        let (first, second) = (check(0, "printf %s \"$RESULT\""), check(1, "echo not looked at"));
        assert_eq!(finish(several(&[&first, &second])), Status::Ok);
    }

    #[test]
    fn a_process_of_several_machines_is_sent_the_addresses_of_all() {
        let wanted = "\"process\":2,\"addresses\":\\[\"a:1\",\"b:1\",\"c:1\"]";
        let script = &format!("echo 10.0.0.8:1; grep -q '{wanted}' && printf %s \"$RESULT\"");
        let addresses = Some(["a:1", "b:1", "c:1"].map(str::to_owned).to_vec());
        let rendezvous = Rendezvous { case: case(), first: 2, addresses, join_within: LONG };
        assert_eq!(finish(CaseProcesses::several(vec![shell(script)], rendezvous).unwrap()), Status::Ok);
    }

    #[test]
    fn when_one_dies_all_are_killed_at_once_and_the_cause_names_it() {
        for (script, cause, tail) in [
            ("kill -9 $$", "process 1: killed by signal 9", ""),
            ("echo boom >&2; exit 101", "process 1: panic: boom", "boom"),
            ("echo why >&2; exit 1", "process 1: exit code 1: why", "why"),
        ] {
            let started = several(&["exec sleep 600", script, "exec sleep 600"]);
            let processes = alive(&started);
            assert_eq!(failure(finish(started)), (cause.to_owned(), tail.to_owned()));
            assert!(processes.iter().all(|one| !std::fs::exists(one).unwrap()));
        }
    }

    #[test]
    fn a_process_that_dies_before_listening_is_named() {
        let commands = vec![shell("echo 10.0.0.1:1; exec sleep 600"), shell("echo taken >&2; exit 1")];
        let rendezvous = Rendezvous { case: case(), first: 0, addresses: None, join_within: LONG };
        let failure = failure(finish(CaseProcesses::several(commands, rendezvous).unwrap()));
        assert_eq!(failure, ("process 1: exit code 1: taken".to_owned(), "taken".to_owned()));
    }

    #[test]
    fn a_process_that_only_lost_another_is_not_the_cause() {
        let echo = "sleep 0.3; echo 'lost process 1 (10.0.0.1:1): socket closed' >&2; exit 102";
        let mut started = several(&[echo, "exit 101", echo]);
        // All have ended when they are looked at.
        while !started.processes.iter_mut().all(|process| process.try_status().unwrap().is_some()) {
            started.exchange_addresses().unwrap();
            thread::sleep(LOOK);
        }
        assert_eq!(failure(finish(started)).0, "process 1: panic");
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
        let started = sleepers();
        let processes = alive(&started);
        let ended = ended(started.finish(Duration::from_secs(1), u64::MAX, &NEVER).unwrap());
        let wanted = ("deadline: still running after 1 s", "process 0: asleep\nprocess 1: too");
        assert_eq!(failure(ended.status), (wanted.0.to_owned(), wanted.1.to_owned()));
        assert!(gone(processes));
        // Asked to end, the first says how far it is, and the second does not listen.
        let says = "trap 'echo asked >&2; exit 1' TERM; while :; do sleep 0.02; done";
        let deaf = "trap '' TERM; exec sleep 600";
        let started = several(&[says, deaf]);
        let processes = alive(&started);
        let ended = self::ended(started.finish(Duration::from_secs(1), u64::MAX, &NEVER).unwrap());
        let wanted = ("deadline: still running after 1 s", "process 0: asked");
        assert_eq!(failure(ended.status), (wanted.0.to_owned(), wanted.1.to_owned()));
        assert!(gone(processes));
        let started = sleepers();
        let processes = alive(&started);
        let ending = started.finish(LONG, u64::MAX, &AtomicBool::new(true)).unwrap();
        assert!(matches!(ending, Ending::Interrupted), "{ending:?}");
        assert!(gone(processes));
        let started = sleepers();
        let processes = alive(&started);
        drop(started);
        assert!(gone(processes));
    }

    #[test]
    fn a_case_whose_process_is_stopped_is_ended_at_once_and_its_numbers_are_not_taken() {
        let stops = "kill -STOP $$; printf %s \"$RESULT\"";
        let goes_on = format!("(sleep 0.3; kill -CONT $$) & {stops}");
        for script in [stops, &goes_on] {
            let started = CaseProcesses::one(shell(&format!("cat > /dev/null; {script}")), &case()).unwrap();
            let processes = alive(&started);
            let ending = started.finish(LONG, u64::MAX, &NEVER).unwrap();
            let Ending::Suspended(result) = ending else { panic!("{ending:?}") };
            assert_eq!(failure(result.status).0, "suspended: process 0 of the case was stopped");
            assert!(processes.iter().all(|one| !std::fs::exists(one).unwrap()));
        }
    }

    #[test]
    fn the_memory_cap_is_for_all_processes_together() {
        let mut started = several(&["exec sleep 600", "exec sleep 600"]);
        while started.rendezvous.is_some() {
            started.exchange_addresses().unwrap();
        }
        thread::sleep(Duration::from_millis(300));
        let of = |process: &ChildProcess| rss_bytes_of(&process.id().to_string()).unwrap();
        let each = started.processes.iter().map(of).max().unwrap();
        let ended = ended(started.finish(LONG, each * 3 / 2, &NEVER).unwrap());
        assert!(failure(ended.status).0.starts_with("memory cap: "));
    }
}

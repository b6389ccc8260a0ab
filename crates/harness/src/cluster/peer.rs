//! One process of a case that several processes run: what it is sent, and how it connects to the others.

use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::{ClusterError, Control, Listening, Member, Mesh, PEER_FAILED, end_on_lost_peer};
use crate::environment;
use crate::experiment::case_spec::CaseSpec;

/// The argument that makes the program one of several case processes. The `address:port` at which it listens follows,
/// and then the id of its parent.
///
/// Such a process writes the address it listens at as the first line of its standard output, and then reads a
/// `PeerSpec` from standard input. Process 0 writes the result of the case to standard output; the output of the others
/// is ignored.
pub const PEER_ARGUMENT: &str = "__peer";

/// What one of several case processes is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerSpec {
    /// The case. Its workers are those of each process.
    pub(crate) case: CaseSpec,
    /// Index of the process, from 0.
    pub(crate) process: usize,
    /// The address at which each process listens, by index.
    pub(crate) addresses: Vec<String>,
    /// How long the processes may take to connect, ms.
    pub(crate) join_within_ms: u64,
}

impl PeerSpec {
    fn member(&self) -> Member {
        Member {
            process: self.process,
            addresses: self.addresses.clone(),
            workers: self.case.config.workers,
            run_fingerprint: run_fingerprint(&self.case),
        }
    }
}

/// A case process that is connected to the others.
#[derive(Debug)]
pub(crate) struct Joined {
    /// What it was sent.
    pub(crate) spec: PeerSpec,
    /// Its connections for the dataflow.
    pub(crate) mesh: Mesh,
    /// Its connection to process 0, or the connections of process 0 to the others.
    pub(crate) control: Control,
}

/// Listens, announces the address, reads the [`PeerSpec`], and connects to the other processes. From then on this
/// process ends when it loses one of them.
pub(crate) fn join(listen_at: &str) -> Result<Joined, ClusterError> {
    let listening = Listening::at(listen_at)?;
    writeln!(io::stdout(), "{}", listening.address()).map_err(ClusterError::Parent)?;
    let spec = io::read_to_string(io::stdin()).and_then(|text| Ok(serde_json::from_str(&text)?));
    let spec: PeerSpec = spec.map_err(ClusterError::Parent)?;
    let member = spec.member();
    let (mesh, control) = listening.join(&member, Duration::from_millis(spec.join_within_ms))?;
    end_on_lost_peer(&member, PEER_FAILED);
    Ok(Joined { spec, mesh, control })
}

/// Digest of the case and of what built this program: processes that differ in it do not belong together.
fn run_fingerprint(case: &CaseSpec) -> [u8; 32] {
    let spec = serde_json::to_vec(&(case, environment::build())).unwrap_or_default();
    *blake3::hash(&spec).as_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::net::SocketAddr;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::time::Instant;

    use timely::container::CapacityContainerBuilder;
    use timely::dataflow::InputHandle;
    use timely::dataflow::operators::{Exchange, Probe};

    use super::*;
    use crate::case::child::abort_on_panic;
    use crate::experiment::plan::tests::case;
    use crate::run::protocol::PANICKED;

    /// Far more than anything here takes.
    const LONG: Duration = Duration::from_secs(60);
    /// Makes [`a_process_of_the_other_tests`] one, and says what becomes of it.
    const FATE: &str = "FLOWBENCH_TEST_FATE";

    #[test]
    #[ignore = "the other tests start it, as a process of its own"]
    fn a_process_of_the_other_tests() {
        let Ok(fate) = std::env::var(FATE) else { return };
        abort_on_panic();
        let Joined { mesh, mut control, .. } = join("127.0.0.1:0").unwrap();
        control.start_together(LONG).unwrap();
        let (builders, guard) = mesh.into_timely().unwrap();
        let workers = timely::execute::execute_from(builders, guard, timely::WorkerConfig::default(), move |worker| {
            let mut input = InputHandle::<u64, CapacityContainerBuilder<Vec<u64>>>::new();
            let probe = worker.dataflow(|scope| input.to_stream(scope).exchange(|number| *number).probe().0);
            for round in 0_u64.. {
                input.send(round);
                input.advance_to(round + 1);
                while probe.less_than(input.time()) {
                    worker.step_or_park(Some(Duration::from_millis(1)));
                }
                if round == 20 && worker.index().is_multiple_of(2) {
                    println!("under way");
                }
                // All the others are under way by now, since no round ends without them.
                assert!(round < 40 || fate != "panic", "planted panic");
            }
        });
        drop(workers);
    }

    struct Process {
        child: Child,
        stdout: BufReader<ChildStdout>,
    }

    impl Process {
        fn start(fate: &str) -> Process {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "cluster::peer::tests::a_process_of_the_other_tests", "--ignored", "--nocapture"])
                .arg("--test-threads=2")
                .env(FATE, fate)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let stdout = BufReader::new(child.stdout.take().unwrap());
            Process { child, stdout }
        }

        /// The next line that has what is looked for.
        fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
            let mut lines = self.stdout.by_ref().lines().map_while(Result::ok);
            lines.find_map(|line| wanted(&line)).expect("the process has ended")
        }

        /// Exit code, `None` for a signal, and standard error.
        fn end(mut self) -> (Option<i32>, String) {
            let begun = Instant::now();
            while self.child.try_wait().unwrap().is_none() && begun.elapsed() < LONG {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.child.kill();
            let output = self.child.wait_with_output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        }
    }

    /// Three processes of two workers that exchange without end, the second with that fate, and where it listens.
    fn under_way(fate: &str) -> (Vec<Process>, String) {
        let mut case = case();
        case.config.workers = 2;
        let mut processes: Vec<Process> = ["", fate, ""].map(Process::start).into_iter().collect();
        let address = |line: &str| line.parse::<SocketAddr>().ok().map(|address| address.to_string());
        let addresses: Vec<String> = processes.iter_mut().map(|process| process.line(address)).collect();
        for (process, one) in processes.iter_mut().enumerate() {
            let (case, addresses) = (case.clone(), addresses.clone());
            let spec = PeerSpec { case, process, addresses, join_within_ms: LONG.as_millis() as u64 };
            one.child.stdin.take().unwrap().write_all(&serde_json::to_vec(&spec).unwrap()).unwrap();
        }
        for process in &mut processes {
            process.line(|line| (line == "under way").then_some(()));
        }
        (processes, addresses[1].clone())
    }

    fn check_survivors(processes: Vec<Process>, address: &str) {
        for process in processes {
            let (code, stderr) = process.end();
            assert_eq!(code, Some(PEER_FAILED), "{stderr}");
            let lost = format!("lost process 1 ({address}): ");
            assert!(stderr.starts_with(&lost) && stderr.lines().count() == 1, "{stderr}");
        }
    }

    #[test]
    fn when_a_process_is_killed_the_others_end_and_name_it() {
        let (mut processes, address) = under_way("");
        let mut killed = processes.remove(1);
        killed.child.kill().unwrap();
        check_survivors(processes, &address);
        assert_eq!(killed.end().0, None);
    }

    #[test]
    fn when_a_worker_panics_its_process_says_so_and_the_others_name_it() {
        let (mut processes, address) = under_way("panic");
        let (code, stderr) = processes.remove(1).end();
        assert!(code == Some(PANICKED) && stderr.contains("planted panic"), "{stderr}");
        check_survivors(processes, &address);
    }

    #[test]
    fn a_case_and_its_repeat_are_two_purposes() {
        assert_eq!(run_fingerprint(&case()), run_fingerprint(&case()));
        assert_ne!(run_fingerprint(&case()), run_fingerprint(&CaseSpec { repeat: 2, ..case() }));
    }
}

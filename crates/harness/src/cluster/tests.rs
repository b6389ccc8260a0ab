//! Processes of a cluster as threads of one: who gets in, who does not, and what goes over the wire.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use flowbench_measurement::record::Wire;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::{Exchange, Inspect, Probe};

use super::*;

/// Enough where nothing goes wrong, on a busy machine as well.
const LONG: Duration = Duration::from_secs(60);
/// Enough to see that something does not happen.
const SHORT: Duration = Duration::from_millis(300);
const ANYWHERE: &str = "127.0.0.1:0";

type Joined = Result<(Mesh, Control), ClusterError>;

/// Everybody listens where `addresses` say.
fn listening(addresses: &[&str]) -> (Vec<Listening>, Vec<Member>) {
    let listening: Vec<Listening> = addresses.iter().map(|address| Listening::at(address).unwrap()).collect();
    let addresses: Vec<String> = listening.iter().map(|one| one.address().to_string()).collect();
    let member = |process| Member {
        process,
        addresses: addresses.clone(),
        workers: 2,
        run_fingerprint: *b"a test of the cluster, 32 bytes!",
    };
    let members = (0..listening.len()).map(member).collect();
    (listening, members)
}

/// Everybody does `work` at the same time; what each one has, by process.
fn everybody<T: Send, R: Send>(them: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = them.into_iter().map(|one| scope.spawn(|| work(one))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn join(them: (Vec<Listening>, Vec<Member>), patience: Duration) -> Vec<Joined> {
    everybody(them.0.into_iter().zip(them.1).collect(), |(listening, member)| listening.join(&member, patience))
}

fn joined(addresses: &[&str]) -> Vec<(Mesh, Control)> {
    join(listening(addresses), LONG).into_iter().map(|one| one.unwrap()).collect()
}

fn error<T>(result: Result<T, ClusterError>) -> String {
    result.err().expect("nothing was wrong").to_string()
}

/// The sum each worker gets when every one sends the numbers below `numbers`, in rounds, to the worker of its
/// remainder; and what was sent and received.
fn sums(mesh: Mesh, numbers: u64, pause: Duration) -> (Vec<u64>, Wire, u64) {
    let meter = mesh.meter();
    let (builders, guard) = mesh.into_timely().unwrap();
    let before = meter.sent();
    let config = timely::WorkerConfig::default();
    let workers = timely::execute::execute_from(builders, guard, config, move |worker| {
        thread::sleep(pause);
        let sum = Rc::new(Cell::new(0));
        let mut input = InputHandle::<u64, timely::container::CapacityContainerBuilder<Vec<u64>>>::new();
        let probe = worker.dataflow(|scope| {
            let sum = Rc::clone(&sum);
            let numbers = input.to_stream(scope).exchange(|number| *number);
            numbers.inspect(move |number| sum.set(sum.get() + number)).probe().0
        });
        for number in 0..numbers {
            input.send(number);
            input.advance_to(number / 100);
            worker.step();
        }
        input.close();
        worker.step_while(|| !probe.done());
        sum.get()
    });
    let sums = workers.unwrap().join().into_iter().map(|sum| sum.unwrap()).collect();
    (sums, meter.sent_since(before), meter.bytes_received())
}

fn check_sums(them: Vec<(Mesh, Control)>) {
    let numbers = 2000;
    let workers = 2 * them.len() as u64;
    let ended = everybody(them, |(mesh, _control)| sums(mesh, numbers, Duration::ZERO));
    let wanted = |worker: u64| workers * (0..numbers).filter(|number| number % workers == worker).sum::<u64>();
    let sums: Vec<u64> = ended.iter().flat_map(|(sums, ..)| sums.clone()).collect();
    assert_eq!(sums, (0..workers).map(wanted).collect::<Vec<_>>());
    for (_, sent, _) in &ended {
        assert!(sent.messages > 0 && sent.bytes >= sent.messages * 48, "{sent:?}");
    }
    let sent: u64 = ended.iter().map(|(_, sent, _)| sent.bytes).sum();
    assert_eq!(sent, ended.iter().map(|(.., received)| received).sum::<u64>());
}

#[test]
fn two_processes_of_two_workers_add_up_over_loopback_and_every_byte_sent_is_received() {
    check_sums(joined(&[ANYWHERE; 2]));
}

#[test]
fn three_processes_of_two_workers_add_up_over_three_addresses() {
    check_sums(joined(&["127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0"]));
}

#[test]
fn the_next_case_may_use_the_same_addresses_at_once() {
    let (listening, members) = listening(&["127.0.0.5:0", "127.0.0.6:0"]);
    let addresses: Vec<&str> = members[0].addresses.iter().map(String::as_str).collect();
    drop(listening);
    for _ in 0..2 {
        check_sums(joined(&addresses));
    }
}

#[test]
fn a_connection_may_be_silent_for_longer_than_joining_may_take() {
    let patience = Duration::from_secs(1);
    let them = join(listening(&[ANYWHERE; 2]), patience);
    let them = them.into_iter().map(|one| one.unwrap().0).collect();
    let ended = everybody(them, |mesh| sums(mesh, 10, patience + SHORT));
    assert_eq!(ended.iter().flat_map(|(sums, ..)| sums).sum::<u64>(), 4 * 45);
}

#[test]
fn a_late_process_is_waited_for() {
    let (listening, members) = listening(&[ANYWHERE; 3]);
    let late = Duration::from_millis(150);
    let them: Vec<_> = listening.into_iter().zip(members).collect();
    let joined = everybody(them, |(listening, member)| {
        thread::sleep(late * (2 - member.process as u32));
        listening.join(&member, LONG)
    });
    assert!(joined.iter().all(Result::is_ok));
}

#[test]
fn a_port_that_opens_late_is_tried_again() {
    let (mut listening, members) = listening(&["127.0.0.7:0"; 2]);
    let (second, first) = (listening.pop().unwrap(), listening.pop().unwrap());
    let address = first.address().to_string();
    drop(first);
    thread::scope(|scope| {
        let second = scope.spawn(|| second.join(&members[1], LONG));
        thread::sleep(SHORT);
        Listening::at(&address).unwrap().join(&members[0], LONG).unwrap();
        second.join().unwrap().unwrap();
    });
}

#[test]
fn an_absent_process_is_named_with_its_address_within_the_deadline() {
    let (mut listening, members) = listening(&["127.0.0.8:0"; 3]);
    let addresses = members[0].addresses.clone();
    // Process 1 is there and never joins; process 2 is not there at all.
    let absent = listening.pop().unwrap();
    drop(absent);
    let missing = error(listening.remove(0).join(&members[0], SHORT));
    assert!(missing.starts_with(&format!("no process 1 ({}), no process 2 (", addresses[1])), "{missing}");
    assert!(missing.contains("within 0.3 s: it did not connect; is it started"), "{missing}");
    let refused = error(Listening::at(ANYWHERE).unwrap().join(&members[2], SHORT));
    assert!(refused.starts_with(&format!("no process 0 ({}) within 0.3 s: Connection refused", addresses[0])));
}

#[test]
fn foreign_connections_are_closed_and_delay_nothing() {
    let (listening, members) = listening(&[ANYWHERE; 2]);
    let address = listening[0].address();
    let stranger = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    // Waited for one after the other, the silent ones would take longer than there is time to join.
    let silent: Vec<TcpStream> = (0..50).map(|_| stranger(b"")).collect();
    let hasty = stranger(b"flowbnch");
    let mut talkative =
        stranger(b"GET / HTTP/1.1\r\nHost: some.machine.example\r\nAccept: text/plain, text/html\r\n\r\n");
    drop(hasty);
    assert!(join((listening, members), LONG).iter().all(Result::is_ok));
    let _ = talkative.read(&mut [0]); // gone, whatever the system calls it
    drop(silent);
}

#[test]
fn what_listens_there_and_is_no_flowbench_is_reported() {
    let (mut listening, mut members) = listening(&[ANYWHERE; 2]);
    let stranger = TcpListener::bind(ANYWHERE).unwrap();
    members[1].addresses[0] = stranger.local_addr().unwrap().to_string();
    let answering = thread::spawn(move || {
        while let Ok((mut stream, _)) = stranger.accept() {
            if stream.write_all(&[b'x'; 100]).is_err() || stream.read(&mut [0]).is_err() {
                break;
            }
        }
    });
    let problem = error(listening.remove(1).join(&members[1], SHORT));
    assert!(problem.contains("what listens there is not a flowbench"), "{problem}");
    drop(answering);
}

#[test]
fn a_listener_that_sends_nothing_is_reported() {
    let (mut listening, mut members) = listening(&[ANYWHERE; 2]);
    let stranger = TcpListener::bind(ANYWHERE).unwrap();
    members[1].addresses[0] = stranger.local_addr().unwrap().to_string();
    let problem = error(listening.remove(1).join(&members[1], SHORT));
    assert!(problem.contains("timed out"), "{problem}");
}

#[test]
fn a_process_of_another_run_is_reported_on_both_sides() {
    for (change, wanted) in [
        ((|other| other.run_fingerprint[0] ^= 1) as fn(&mut Member), "runs another case or build"),
        (|other| other.workers = 1, "workers"),
        (|other| other.addresses.push("127.0.0.1:9".to_owned()), "processes, this process"),
    ] {
        let (listening, mut members) = listening(&[ANYWHERE; 2]);
        change(&mut members[1]);
        let ended = join((listening, members), LONG);
        for (peer, ended) in ["process 1 (", "process 0 ("].into_iter().zip(ended) {
            let difference = error(ended);
            assert!(difference.starts_with(peer) && difference.contains(wanted), "{difference}");
        }
    }
}

#[test]
fn a_process_that_is_started_twice_is_noticed() {
    let (mut listening, members) = listening(&[ANYWHERE; 3]);
    let twin = listening.pop().unwrap();
    let first = listening.remove(0);
    let ended = thread::scope(|scope| {
        let first = scope.spawn(|| first.join(&members[0], LONG));
        scope.spawn(|| listening.remove(0).join(&members[1], SHORT));
        scope.spawn(|| twin.join(&members[1], SHORT));
        first.join().unwrap()
    });
    let twice = error(ended);
    assert!(twice.starts_with("process 1 (") && twice.contains("connected twice; is it started twice?"), "{twice}");
}

#[test]
fn an_address_that_cannot_be_listened_at_is_named_with_the_fix() {
    let taken = Listening::at(ANYWHERE).unwrap();
    let address = taken.address().to_string();
    assert_eq!(
        error(Listening::at(&address)),
        format!("{address}: is in use; does another flowbench still run? Else take another port")
    );
    // TEST-NET-1 is nobody's.
    let foreign = error(Listening::at("192.0.2.1:4000"));
    assert_eq!(foreign, "192.0.2.1:4000: is not an address of this machine; is --process correct?");
}

#[test]
fn all_begin_together_and_know_the_round_trip() {
    let late = Duration::from_millis(100);
    let begun = Instant::now();
    let starts = everybody(joined(&[ANYWHERE; 3]), |(_mesh, mut control)| {
        thread::sleep(late);
        let start = control.start_together(LONG).unwrap();
        (start, control.start_together(LONG).unwrap())
    });
    for (start, again) in &starts {
        assert_eq!((start.round_trip, again.round_trip), (starts[0].0.round_trip, starts[0].1.round_trip));
        assert!(start.at >= begun + late && again.at >= start.at && start.round_trip > Duration::ZERO);
    }
}

#[test]
fn a_process_that_is_not_ready_or_gone_is_named() {
    let mut them = joined(&[ANYWHERE; 2]);
    let (_mesh, mut waiting) = them.remove(0);
    let silent = error(waiting.start_together(SHORT));
    assert!(silent.starts_with("process 1 (") && silent.contains("silent for 0.3 s, waiting for it to be ready"));
    drop(them);
    let lost = waiting.start_together(LONG).unwrap_err();
    assert!(lost.to_string().starts_with("lost process 1 (") && lost.to_string().contains("connection closed"));
    assert_eq!(lost.report(), PEER_FAILED);
}

#[test]
fn process_0_gets_the_results_of_all_in_order() {
    let large = 3 << 20;
    let them = joined(&[ANYWHERE; 3]).into_iter().enumerate().collect();
    let gathered = everybody(them, |(process, (_mesh, mut control))| {
        let own = vec![process as u8; process * large];
        control.gather(own, 1 << 30, LONG).unwrap()
    });
    let sizes = |all: &Vec<Vec<u8>>| all.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(gathered[0].as_ref().map(sizes), Some(vec![0, large, 2 * large]));
    assert!(gathered[0].iter().flatten().enumerate().all(|(at, one)| one.iter().all(|byte| *byte == at as u8)));
    assert_eq!(gathered[1..], [None, None]);
}

#[test]
fn a_result_that_is_too_large_or_does_not_come_is_refused() {
    let mut them = joined(&[ANYWHERE; 3]);
    let (_mesh, mut third) = them.remove(2);
    let (_mesh, mut second) = them.remove(1);
    let (_mesh, mut first) = them.remove(0);
    let sending = thread::spawn(move || second.gather(vec![0; 101], 100, LONG));
    let large = error(first.gather(Vec::new(), 100, LONG));
    assert!(large.starts_with("process 1 (") && large.ends_with("a result of 101 bytes, at most 100 are taken"));
    drop(first);
    assert!(error(sending.join().unwrap()).starts_with("lost process 0 ("));
    assert!(error(third.gather(vec![1], 100, LONG)).starts_with("lost process 0 ("));
    let mut them = joined(&[ANYWHERE; 2]);
    let silent = error(them[0].1.gather(Vec::new(), 100, SHORT));
    assert!(silent.contains("was silent for 0.3 s, waiting for its result"), "{silent}");
}

#[test]
fn a_silent_process_is_named_and_one_that_has_left_is_not() {
    let second = Duration::from_secs(1);
    // Told to stop after a while.
    let after = |length: Duration| {
        let (stop_sender, stop) = std::sync::mpsc::channel();
        thread::spawn(move || {
            thread::sleep(length);
            drop(stop_sender);
        });
        stop
    };
    let mut them = joined(&[ANYWHERE; 2]).into_iter().map(|(_, control)| control);
    let (first, other) = (them.next().unwrap(), them.next().unwrap());
    let both = everybody(vec![&first, &other], |control| control.keep_in_touch(2 * second, &after(3 * second)));
    assert!(both.iter().all(Result::is_ok), "{both:?}");
    let silent = error(first.keep_in_touch(second, &after(LONG)));
    assert!(
        silent.starts_with("process 1 (127.0.0.1:") && silent.contains("was silent for 1.2 s, answering"),
        "{silent}"
    );
    drop(other);
    first.keep_in_touch(Duration::ZERO, &after(second)).unwrap();
}

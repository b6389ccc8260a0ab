//! What is let through is what is recorded, and what is recorded is let through again after a restart.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use flowbench_events::{Input, LateSet, ReadOptions, Trace, parse_rfc3339_ms, read_trace};
use tempfile::TempDir;

use super::*;

/// Keeps the epochs it was given.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Passed>>>);

#[derive(Debug, Clone, PartialEq)]
enum Passed {
    Epoch { number: u64, events: Vec<Event>, late: Vec<usize>, newest_ms: i64, watermark_ms: i64, accepted: u64 },
    Queued(String),
}

impl EpochConsumer for Kept {
    fn take(&mut self, epoch: CutEpoch) -> Result<(), String> {
        let CutEpoch { number, events, late, newest_ms, watermark_ms, accepted, .. } = epoch;
        self.0.lock().unwrap().push(Passed::Epoch { number, events, late, newest_ms, watermark_ms, accepted });
        Ok(())
    }

    fn queue(&mut self, event: CloudEvent) {
        self.0.lock().unwrap().push(Passed::Queued(event.to_json()));
    }
}

impl Kept {
    fn all(&self) -> Vec<Passed> {
        self.0.lock().unwrap().clone()
    }
}

/// A session in a folder of its own, with a clock that stands still unless it is moved.
struct Session {
    folder: TempDir,
    now_ms: Arc<AtomicI64>,
    config: GateConfig,
}

const NOON: &str = "2026-01-05T12:00:00.000Z";

impl Session {
    fn new() -> Session {
        let noon_ms = parse_rfc3339_ms(NOON).unwrap();
        let config = GateConfig {
            slack_ms: 1_000,
            cut_every: Duration::from_millis(1),
            idle_after_ms: None,
            ..GateConfig::default()
        };
        Session { folder: tempfile::tempdir().unwrap(), now_ms: Arc::new(AtomicI64::new(noon_ms)), config }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("live.jsonl.zst")
    }

    fn start(&self) -> (Gate, Kept) {
        let (kept, now_ms) = (Kept::default(), Arc::clone(&self.now_ms));
        let clock: WallClock = Arc::new(move || now_ms.load(Ordering::SeqCst));
        let started = Gate::start(&self.path(), self.config, clock, Arc::default(), kept.clone());
        (started.unwrap().0, kept)
    }

    fn trace(&self) -> Trace {
        read_trace(&Input::new(self.path()), &ReadOptions { strict: true, ..ReadOptions::default() }, &mut |_| Ok(()))
            .unwrap()
            .0
    }
}

fn offer(gate: &Gate, batch: Vec<Offered>) -> IntakeReceipt {
    gate.door().offer(batch).unwrap().blocking_recv().unwrap()
}

fn event(id: &str, kind: &str, time: &str, data: &str) -> Offered {
    let json = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/shop\",\"type\":\"{kind}\",\"time\":\"{time}\",\"data\":{data}}}"
    );
    Offered::Event(Box::new(CloudEvent::from_json(&json).unwrap()))
}

fn order(id: &str, time: &str) -> Offered {
    event(id, "flowbench.order_placed", time, "{\"customer\":\"ann\",\"order\":\"7\",\"value\":\"12.50\"}")
}

#[test]
fn each_event_of_a_batch_has_its_fate() {
    let session = Session::new();
    let (gate, kept) = session.start();
    let batch = vec![
        order("1", "2026-01-05T11:59:59.000Z"),
        order("1", "2026-01-05T11:59:59.000Z"),
        order("2", "2026-01-05T11:00:00.000Z"),
        order("3", "2026-01-05T12:05:00.001Z"),
        event("4", "flowbench.order_placed", NOON, "{\"value\":\"1.2345\"}"),
        event("5", "com.example.paid", NOON, "{\"any\":[1,2]}"),
        Offered::Line(format!("{{\"event_id\":\"6\",\"kind\":\"page_viewed\",\"event_time\":\"{NOON}\"}}")),
        Offered::Line("{\"kind\":\"page_viewed\"}".to_owned()),
        Offered::Line("no json".to_owned()),
    ];
    let receipt = offer(&gate, batch);
    assert_eq!((receipt.accepted, receipt.late, receipt.repeated), (5, 1, 1));
    let rejects: Vec<(usize, &str)> = receipt.rejects.iter().map(|one| (one.index, &one.reason[..12])).collect();
    assert_eq!(rejects[0], (3, "time: 2026-0"));
    assert_eq!((rejects[1].0, rejects[2].0, rejects.len()), (4, 8, 3));
    let end = gate.end().unwrap();
    assert_eq!((end.events, end.epochs), (4, 1));
    let passed = kept.all();
    assert!(matches!(&passed[0], Passed::Queued(json) if json.contains("com.example.paid")));
    let Passed::Epoch { events, late, newest_ms, watermark_ms, .. } = &passed[1] else { panic!("{passed:?}") };
    assert_eq!((events.len(), late, newest_ms - watermark_ms), (4, &vec![1], 1_000));
    let trace = session.trace();
    assert_eq!(&trace.events, events);
    assert_eq!((trace.recording.slack_ms, LateSet::of(&trace, 1_000).count), (Some(1_000), 1));
}

#[test]
fn a_restart_passes_on_what_was_recorded_and_knows_what_it_has_seen() {
    let session = Session::new();
    let (gate, kept) = session.start();
    for second in 0..20 {
        let batch = vec![
            order(&format!("a{second}"), &format!("2026-01-05T11:59:{second:02}.000Z")),
            order(&format!("b{second}"), &format!("2026-01-05T11:58:{second:02}.000Z")),
            event(&format!("c{second}"), "com.example.paid", NOON, "7"),
        ];
        assert_eq!(offer(&gate, batch).accepted, 3);
    }
    gate.end().unwrap();
    let (gate, again) = session.start();
    assert_eq!(again.all(), kept.all());
    let repeated =
        offer(&gate, vec![order("a3", NOON), event("c19", "com.example.paid", NOON, "7"), order("new", NOON)]);
    assert_eq!((repeated.accepted, repeated.repeated), (1, 2));
    let end = gate.end().unwrap();
    assert_eq!((end.events, session.trace().events.len()), (41, 41));
}

#[test]
fn a_type_that_is_nearly_one_of_the_trace_has_a_hint() {
    let session = Session::new();
    let (gate, _) = session.start();
    let types = ["com.example.paid", "flowbench.order_placd", "flowbench.answer.overdue", "flowbench.Parcel"];
    let batch = types.iter().map(|kind| event(kind, kind, NOON, "{}")).collect();
    let receipt = offer(&gate, batch);
    let hints: Vec<(usize, &str)> = receipt.hints.iter().map(|one| (one.index, &*one.hint)).collect();
    assert_eq!((receipt.accepted, hints.len(), hints[0].0, hints[1].0), (4, 2, 1, 3));
    assert!(hints[0].1.starts_with("type: 'flowbench.order_placd' is none of the trace"), "{hints:?}");
    assert!(hints[0].1.ends_with("stands in the inbox; did you mean 'order_placed'?"), "{hints:?}");
    assert!(hints[1].1.contains("; there are page_viewed, "), "{hints:?}");
    gate.end().unwrap();
}

#[test]
fn nobody_else_offers_what_rules_and_functions_emit() {
    let session = Session::new();
    let (gate, kept) = session.start();
    let mut event = CloudEvent::new("lt-0", "/flowbench/rules/r", "shop.late");
    event.attributes.insert("hops".to_owned(), crate::AttributeValue::Integer(-9));
    let forged = offer(&gate, vec![Offered::Event(Box::new(event.clone()))]);
    assert!(forged.rejects[0].reason.starts_with("source: /flowbench/rules/..."), "{forged:?}");
    assert_eq!(offer(&gate, vec![Offered::Emitted(Box::new(event.clone()))]).accepted, 1);
    event.source = "/shop".to_owned();
    assert_eq!(offer(&gate, vec![Offered::Event(Box::new(event))]).accepted, 1);
    gate.end().unwrap();
    let queued: Vec<bool> = kept
        .all()
        .iter()
        .filter_map(|one| match one {
            Passed::Queued(json) => Some(json.contains("hops")),
            Passed::Epoch { .. } => None,
        })
        .collect();
    assert_eq!(queued, [true, false]);
}

#[test]
fn what_is_refused_leaves_no_text() {
    const REFUSED: usize = 1_000_000;
    let mut admission = Admission::new(1_000, 300_000, 1_000);
    let (mut symbols, now_ms) = (Symbols::growing(), parse_rfc3339_ms(NOON).unwrap());
    let accepted = admission.admit(order("0", NOON), now_ms, &mut symbols);
    assert!(matches!(accepted, Ok(Admitted::Event { .. })));
    let known = symbols.len();
    for number in 0..REFUSED {
        let texts = format!("\"customer\":\"c{number}\",\"order\":\"o{number}\",\"country\":\"k{number}\"");
        let ahead = "2026-01-05T12:05:00.001Z";
        let offered = match number % 4 {
            0 => Offered::Line(format!("{{\"kind\":\"order_placed\",\"event_time\":\"{ahead}\",{texts}}}")),
            1 => Offered::Line(format!("{{\"kind\":\"order_placed\",\"value\":\"1.2345\",{texts}}}")),
            2 => event("1", "flowbench.order_placed", ahead, &format!("{{{texts}}}")),
            _ => event("0", "flowbench.order_placed", NOON, &format!("{{{texts}}}")),
        };
        let decided = admission.admit(offered, now_ms, &mut symbols);
        assert!(matches!((number % 4, decided), (3, Ok(Admitted::Repeated)) | (0..3, Err(_))));
    }
    assert_eq!((symbols.len(), admission.accepted), (known, 1));
}

#[test]
fn the_slack_of_a_recording_is_kept() {
    let mut session = Session::new();
    session.config.slack_ms = 60_000;
    let (gate, _) = session.start();
    offer(&gate, vec![order("1", NOON)]);
    gate.end().unwrap();
    session.config.slack_ms = 0;
    let (gate, _) = session.start();
    assert_eq!(offer(&gate, vec![order("2", "2026-01-05T11:59:30.000Z")]).late, 0);
    gate.end().unwrap();
}

#[test]
fn event_time_follows_the_clock_when_nothing_arrives() {
    let mut session = Session::new();
    session.config.idle_after_ms = Some(0);
    let (gate, kept) = session.start();
    offer(&gate, vec![order("1", NOON)]);
    session.now_ms.fetch_add(10_000, Ordering::SeqCst);
    wait("event time moves", || kept.all().len() == 2);
    assert_eq!(offer(&gate, vec![order("2", NOON)]).late, 1);
    gate.end().unwrap();
    let trace = session.trace();
    assert_eq!((trace.recording.heartbeats.len(), LateSet::of(&trace, 1_000).count), (1, 1));
    let Passed::Epoch { events, newest_ms, .. } = &kept.all()[1] else { panic!() };
    assert_eq!((events.len(), *newest_ms), (0, trace.recording.heartbeats[0].newest_ms));
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A line of a world whose clock says `time`.
fn simulated(time: &str) -> Offered {
    Offered::Simulated(format!("{{\"kind\":\"page_viewed\",\"event_time\":\"{time}\",\"arrival_time\":\"{time}\"}}"))
}

/// Offers an event of a source with a clock of its own, ends the source, and waits until this moves event time.
fn end_of_a_source(session: &Session, gate: &Gate, time: &str, then: EventTimePace) {
    let source = gate.door().simulated_source();
    assert_eq!(offer(gate, vec![simulated(time)]).accepted, 1);
    wait("the source moves event time", || gate.door().event_time_pace() == EventTimePace::Source);
    session.now_ms.fetch_add(2_000, Ordering::SeqCst);
    drop(source);
    wait("the source has ended", || gate.door().event_time_pace() == then);
}

/// Ends the session and checks that its recording has the same late events, and as many heartbeats.
fn end_and_check(session: &Session, gate: Gate, kept: &Kept, late: u64) {
    gate.end().unwrap();
    let trace = session.trace();
    let beats =
        kept.all().iter().filter(|one| matches!(one, Passed::Epoch { events, .. } if events.is_empty())).count();
    assert_eq!((LateSet::of(&trace, 1_000).count, trace.recording.heartbeats.len()), (late, beats));
}

#[test]
fn behind_a_source_at_the_pace_of_the_clock_event_time_follows_the_clock_again() {
    let mut session = Session::new();
    session.config.idle_after_ms = Some(0);
    let (gate, kept) = session.start();
    end_of_a_source(&session, &gate, NOON, EventTimePace::Clock);
    wait("event time moves", || kept.all().len() == 2);
    assert_eq!(offer(&gate, vec![order("1", "2026-01-05T12:00:01.000Z"), order("2", NOON)]).late, 1);
    end_and_check(&session, gate, &kept, 1);
}

#[test]
fn behind_a_source_of_another_time_event_time_stands_still_until_an_event_is_of_now() {
    let mut session = Session::new();
    session.config.idle_after_ms = Some(0);
    let (gate, kept) = session.start();
    end_of_a_source(&session, &gate, "2011-12-09T12:00:00.000Z", EventTimePace::Behind);
    // Neither what is of the same time nor what is of now is late.
    assert_eq!(offer(&gate, vec![order("1", "2011-12-09T12:00:00.000Z")]).late, 0);
    wait("it has been decided", || gate.door().event_time_pace() == EventTimePace::Behind);
    assert_eq!(offer(&gate, vec![order("2", NOON)]).late, 0);
    wait("an event of now", || gate.door().event_time_pace() == EventTimePace::Clock);
    session.now_ms.fetch_add(60_000, Ordering::SeqCst);
    wait("event time moves", || kept.all().len() >= 4);
    assert_eq!(offer(&gate, vec![order("3", NOON)]).late, 1);
    end_and_check(&session, gate, &kept, 1);
}

#[test]
fn a_source_that_was_ahead_of_the_clock_is_waited_for() {
    let mut session = Session::new();
    session.config.idle_after_ms = Some(0);
    let (gate, kept) = session.start();
    end_of_a_source(&session, &gate, "2026-01-05T22:00:00.000Z", EventTimePace::Ahead);
    assert_eq!(offer(&gate, vec![order("1", NOON)]).late, 1);
    session.now_ms.fetch_add(11 * 3_600_000, Ordering::SeqCst);
    wait("the clock is there", || gate.door().event_time_pace() == EventTimePace::Clock);
    wait("event time moves", || kept.all().len() >= 3);
    assert_eq!(offer(&gate, vec![order("2", "2026-01-05T23:00:01.000Z")]).late, 0);
    end_and_check(&session, gate, &kept, 1);
}

#[test]
fn an_intake_that_is_full_says_so_and_what_it_took_is_recorded() {
    /// Takes nothing before it is let.
    struct Stuck(std::sync::mpsc::Receiver<()>);
    impl EpochConsumer for Stuck {
        fn take(&mut self, _: CutEpoch) -> Result<(), String> {
            let _ = self.0.recv();
            Ok(())
        }
        fn queue(&mut self, _: CloudEvent) {}
    }
    let mut session = Session::new();
    session.config.pending_events = 10;
    let (let_go, stuck) = std::sync::mpsc::channel();
    let clock: WallClock = Arc::new(|| parse_rfc3339_ms(NOON).unwrap());
    let (gate, _) = Gate::start(&session.path(), session.config, clock, Arc::default(), Stuck(stuck)).unwrap();
    let door = gate.door();
    let mut tickets = Vec::new();
    let full = (0..1_000).find_map(|at| match door.offer(vec![order(&at.to_string(), NOON)]) {
        Ok(ticket) => {
            tickets.push(ticket);
            thread::sleep(Duration::from_millis(2));
            None
        }
        Err(full) => Some(full),
    });
    assert!(full.is_some() && tickets.len() >= 10);
    assert!(!door.wait_for_room(Duration::from_millis(1)));
    drop(let_go);
    assert!(door.wait_for_room(Duration::from_secs(60)));
    let offered = tickets.len();
    assert!(tickets.into_iter().all(|ticket| ticket.blocking_recv().unwrap().accepted == 1));
    assert_eq!(gate.end().unwrap().events, offered as u64);
    assert!(door.offer(vec![order("late", NOON)]).unwrap().blocking_recv().is_err(), "it has ended");
}

#[test]
fn a_consumer_that_fails_ends_the_session_and_nobody_waits() {
    struct Fails;
    impl EpochConsumer for Fails {
        fn take(&mut self, _: CutEpoch) -> Result<(), String> {
            Err("the pipeline is gone".to_owned())
        }
        fn queue(&mut self, _: CloudEvent) {}
    }
    let session = Session::new();
    let clock: WallClock = Arc::new(|| 0);
    let (gate, _) = Gate::start(&session.path(), session.config, clock, Arc::default(), Fails).unwrap();
    let ticket = gate.door().offer(vec![Offered::Line("{\"kind\":\"page_viewed\"}".to_owned())]).unwrap();
    assert!(ticket.blocking_recv().is_err());
    assert_eq!(gate.end().unwrap_err().to_string(), "the pipeline is gone");
}

#[test]
fn a_batch_that_is_too_large_for_a_frame_becomes_several_epochs_with_one_receipt() {
    let session = Session::new();
    let (gate, kept) = session.start();
    let data = format!("\"{}\"", "x".repeat(1 << 20));
    let mut batch: Vec<Offered> = (0..80).map(|n| event(&format!("q{n}"), "com.example.large", NOON, &data)).collect();
    batch.insert(40, order("1", NOON));
    batch.push(order("2", NOON));
    let receipt = offer(&gate, batch);
    assert_eq!((receipt.accepted, receipt.rejects.len(), receipt.position), (82, 0, 2));
    let end = gate.end().unwrap();
    assert_eq!((end.epochs, end.events), (6, 2));
    let (gate, again) = session.start();
    assert_eq!(again.all(), kept.all());
    gate.end().unwrap();
}

#[test]
fn what_is_emitted_is_never_turned_away_and_is_nothing_that_pipelines_read() {
    let mut session = Session::new();
    session.config.pending_events = 0;
    let (gate, _) = session.start();
    assert!(gate.door().offer(vec![order("1", NOON)]).is_err(), "the intake is full");
    let emitted = |kind: &str| CloudEvent::new("1", "/functions/f", kind);
    let batch = vec![emitted("flowbench.order_placed"), emitted("flowbench.answer.x"), emitted("com.example.t")];
    let receipt = gate.door().emit(batch).unwrap().blocking_recv().unwrap();
    assert_eq!((receipt.accepted, receipt.repeated, receipt.rejects[0].index), (1, 1, 0));
    assert!(receipt.rejects[0].reason.starts_with("type: pipelines read 'flowbench.order_placed'"));
    let door = gate.door();
    gate.end().unwrap();
    assert!(door.emit(vec![emitted("t")]).is_none());
}

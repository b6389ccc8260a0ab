//! A session answers as its recording does, however it was cut, restarted, or spread over workers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use flowbench_events::{Input, ReadOptions, Trace, mix, read_trace};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_live::{Cursor, GateConfig, HttpLimits, Intake, Offered};
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Deployment, OrderName, Pipeline, Registry, RunConfig, Strategy};

use super::remarks::remarks;
use super::service::{LiveService, ServiceSpec};
use super::session::{LivePipeline, LiveSession, LiveSessionEnd, LiveSpec};
use super::sources::offer_generated;
use super::wall::wall_pipelines;
use crate::answers_so_far::AnswersSoFar;
use crate::replay::{ReplayRequest, replay};

/// Every pipeline of the catalogue and of the wall, with a strategy and an order policy that differ from one to the next.
fn pipelines() -> Vec<LivePipeline> {
    let registry = Registry::default();
    let catalogue = registry.pipelines().map(|pipeline| (pipeline.name().to_owned(), pipeline));
    let own = wall_pipelines(registry).unwrap().into_iter().filter(|(feed, _)| registry.find(feed).is_err());
    let choices = [
        (Strategy::SEQUENTIAL, 1, OrderName::Watermark),
        (Strategy::EXCHANGE, 2, OrderName::Watermark),
        (Strategy::SEQUENTIAL, 1, OrderName::Speculative),
    ];
    let with_choice = |((feed, pipeline), (strategy, workers, order)): ((String, &'static dyn Pipeline), _)| {
        let config = RunConfig { workers, order, ..RunConfig::plain(strategy) };
        let can = pipeline.unsupported_reason(&config).is_none();
        let config = if can { config } else { RunConfig::plain(Strategy::SEQUENTIAL) };
        LivePipeline { feed, pipeline, settings: Vec::new(), config }
    };
    catalogue.chain(own).zip(choices.into_iter().cycle()).map(with_choice).collect()
}

fn spec(recording: &Path) -> LiveSpec {
    let gate = GateConfig {
        slack_ms: 3_600_000,
        max_ahead_ms: 3_600_000,
        idle_after_ms: None,
        cut_every: Duration::from_millis(2),
        cut_events: 300,
        ..GateConfig::default()
    };
    LiveSpec { recording: recording.to_owned(), gate, pipelines: pipelines(), kept_events: 1 << 20 }
}

/// Offers part of a world whose customers, products and countries are texts and numbers.
fn offer(session: &LiveSession, seed: u64, events: u64) {
    let profile = Profile::named("tiny").unwrap();
    let generator = Generator::new(&profile, seed).unwrap();
    let report = offer_generated(
        &generator,
        Amount::Events(events),
        1_767_600_000_000,
        1e6,
        &session.door(),
        &AtomicBool::new(false),
    );
    assert_eq!((report.offered, report.rejected), (events, 0), "{report:?}");
}

/// The feeds as texts.
fn feeds(session: &LiveSession) -> Vec<(String, Vec<String>)> {
    let all = session.feeds().all();
    let lines = all.iter().map(|queue| {
        let events = queue.read(Cursor(0), usize::MAX).unwrap();
        (queue.name().to_owned(), events.iter().map(|queued| queued.event.to_json()).collect())
    });
    lines.collect()
}

/// Waits until all pipelines have answered as many epochs as the one that is furthest.
fn settle(session: &LiveSession, epochs: u64) {
    let give_up = std::time::Instant::now() + Duration::from_secs(120);
    while session.progress().iter().any(|progress| progress.epochs < epochs) {
        assert!(std::time::Instant::now() < give_up && !session.has_ended(), "{:?}", session.progress());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn recorded(path: &Path) -> Arc<Trace> {
    let options = ReadOptions { strict: true, ..ReadOptions::default() };
    Arc::new(read_trace(&Input::new(path), &options, &mut |_| Ok(())).unwrap().0)
}

/// Pipelines that have little to say about a small world.
const QUIET: [&str; 1] = ["late-then-unhappy"];

/// Checks the answers of a session against those of its recording.
fn check(end: &LiveSessionEnd, path: &Path) {
    let trace = recorded(path);
    assert_eq!(trace.events.len() as u64, end.gate.events);
    for one in pipelines() {
        let request = ReplayRequest::new(one.pipeline, &one.settings, one.config);
        let replayed = replay(&request, &trace, Deployment::Threads).unwrap();
        let (_, answers) = end.answers.iter().find(|(feed, _)| *feed == one.feed).unwrap();
        let expected = AnswersSoFar::of(&*replayed.answers, &trace.symbols);
        let left = answers.given - answers.taken_back;
        assert_eq!((left, answers.digest), (expected.given, expected.digest), "{} {:?}", one.feed, one.config);
        assert!(QUIET.contains(&&*one.feed) || left > 0 || trace.events.len() < 5_000, "{} has no answers", one.feed);
    }
}

#[test]
fn a_session_answers_as_its_recording_does_and_a_restart_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.jsonl.zst");
    let session = LiveSession::start(spec(&path)).unwrap();
    offer(&session, 1, 6_000);
    let epochs = session.progress().iter().map(|progress| progress.epochs).max().unwrap();
    settle(&session, epochs);
    let end = session.end().unwrap();
    check(&end, &path);

    let session = LiveSession::start(spec(&path)).unwrap();
    settle(&session, end.gate.epochs);
    let (again, lines) = (feeds(&session), session.recovered().lines);
    assert_eq!(lines, end.gate.events + end.gate.epochs + 1);
    offer(&session, 2, 3_000);
    let end = session.end().unwrap();
    check(&end, &path);

    let session = LiveSession::start(spec(&path)).unwrap();
    settle(&session, end.gate.epochs);
    for ((feed, before), (_, after)) in again.iter().zip(feeds(&session)) {
        assert!(after.starts_with(before), "{feed}: what a feed has given stays at its place");
    }
    check(&session.end().unwrap(), &path);
}

#[test]
fn a_recording_that_is_cut_anywhere_is_answered_as_what_is_left_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.jsonl.zst");
    let session = LiveSession::start(spec(&path)).unwrap();
    offer(&session, 3, 4_000);
    session.end().unwrap();
    let whole = std::fs::read(&path).unwrap();
    for round in 0..3_u64 {
        let length = 200 + mix(round) as usize % (whole.len() - 200);
        std::fs::write(&path, &whole[..length]).unwrap();
        let session = LiveSession::start(spec(&path)).unwrap();
        offer(&session, 4, 500);
        check(&session.end().unwrap(), &path);
    }
}

#[test]
fn what_cannot_be_answered_live_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(&folder.path().join("live.jsonl.zst"));
    spec.pipelines.retain(|one| one.feed == "sessions");
    spec.pipelines[0].config.strategy = Strategy::CO_PARTITIONED;
    let error = LiveSession::start(spec).err().unwrap().to_string();
    assert!(error.contains("strategy 'co-partitioned' cannot answer live: it partitions"), "{error}");
}

/// How a session is served at an address, with nothing around it.
fn served_at(address: std::net::SocketAddr) -> ServiceSpec {
    ServiceSpec {
        address,
        names: Vec::new(),
        tokens: None,
        layout: None,
        rules: None,
        functions: None,
        sinks: None,
        limits: HttpLimits::default(),
    }
}

#[test]
fn a_start_that_fails_leaves_nothing_of_its_own_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.jsonl.zst");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let start = || LiveService::start(spec(&path), served_at(taken.local_addr().unwrap())).err().unwrap().to_string();
    assert!(start().contains("127.0.0.1"), "the address is taken");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let session = LiveSession::start(spec(&path)).unwrap();
    offer(&session, 1, 100);
    session.end().unwrap();
    let before = std::fs::read(&path).unwrap();
    start();
    assert_eq!(std::fs::read(&path).unwrap(), before, "what was recorded stays");
}

#[test]
fn a_session_says_what_is_late_and_that_event_time_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let gate = GateConfig { slack_ms: 0, ..spec(folder.path()).gate };
    let spec = LiveSpec { gate, ..spec(&folder.path().join("live.jsonl.zst")) };
    let session = Arc::new(LiveSession::start(spec).unwrap());
    let remarks = remarks(&session, None, None);
    offer(&session, 1, 1_000);
    let old = "{\"kind\":\"page_viewed\",\"event_time\":\"2026-01-01T00:00:00Z\"}".to_owned();
    let receipt = session.door().offer(vec![Offered::Line(old)]).unwrap().blocking_recv().unwrap();
    assert_eq!(receipt.late, 1);
    let (events, late) = session.events();
    let give_up = std::time::Instant::now() + Duration::from_secs(60);
    // The world is of a time long before the clock of this machine.
    while remarks().notes.len() < 2 {
        assert!(std::time::Instant::now() < give_up, "{:?}", remarks());
        std::thread::sleep(Duration::from_millis(10));
    }
    let said = remarks();
    assert_eq!(said.notes[0], format!("{late} of {events} events came late."));
    assert!(said.notes[1].starts_with("Event time stands still at 2026-01-"), "{said:?}");
    assert!(!said.is_catching_up && said.problems.is_empty());
    Arc::into_inner(session).unwrap().end().unwrap();
    assert!(remarks().notes.is_empty(), "the session has ended");
}

#[test]
fn a_pipeline_that_passes_orders_on_makes_a_queue_of_them() {
    let text = "question = \"Which orders were placed?\"\n[[stage]]\nfilter = 'kind == \"order_placed\"'\n\
                [[stage]]\nemit = [\"order\", \"customer\", \"product\", \"value\"]\n";
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec(&folder.path().join("live.jsonl.zst"));
    let pipeline: &'static dyn Pipeline = FilePipeline::parse("./orders.toml", text).unwrap();
    let config = RunConfig::plain(Strategy::SEQUENTIAL);
    spec.pipelines = vec![LivePipeline { feed: "orders".to_owned(), pipeline, settings: Vec::new(), config }];
    let session = LiveSession::start(spec).unwrap();
    offer(&session, 1, 2_000);
    settle(&session, session.progress()[0].epochs + 1);
    let orders = session.feeds().get("orders").unwrap().read(Cursor(0), 1).unwrap();
    let order = orders[0].event.to_json();
    assert!(order.contains("\"type\":\"flowbench.answer.orders\"") && order.contains("\"value\":"), "{order}");
    session.end().unwrap();
}

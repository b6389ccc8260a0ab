//! A case whose events come through a live session: posted by HTTP, recorded, answered, and shown on a wall to clients.
//!
//! The session runs in the process of the case, as do those who post and look. Its recording is replayed afterwards: the
//! answers of the session must be those of the replay, and these must be right.
//!
//! Decision D-446.

mod connection;
mod evaluation;
mod folder;
mod observed;
mod posting;
mod viewing;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flowbench_events::{Input, ReadOptions, Trace, read_trace};
use flowbench_live::{Freshness, GateConfig, HttpLimits};
use flowbench_measurement::timeline::Reading;
use flowbench_pipelines::{Pipeline, Registry, RunConfig, Strategy};

use self::evaluation::{Evidence, Replay};
use self::folder::SessionFolder;
use self::observed::{Observed, Progress, RunClock};
use self::posting::Offering;
use self::viewing::{Habit, Viewer};
use crate::case::error::CaseError;
use crate::case::trial::PreparedCase;
use crate::environment::RunCounters;
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::live_setup::LiveSetup;
use crate::live::{EMITTED, LivePipeline, LiveService, LiveSession, LiveSpec, ServiceSpec, wall_pipelines};
use crate::measure::resident_set::rss_bytes;
use crate::measure::scheduling::process_cpu_ns;
use crate::run::protocol::CaseResult;

/// The feed of the pipeline of the case.
const FEED: &str = "answers";
/// Events that a feed keeps.
const KEPT_EVENTS: usize = 100_000;
/// The time between two looks at how far the session is.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The time between two readings of memory and entries.
const READ_EVERY: Duration = Duration::from_millis(20);
/// How much longer than planned it may take until everything is shown: half as long again, and this.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a case through a live session.
pub(super) fn run(spec: &CaseSpec, setup: LiveSetup, registry: Registry) -> Result<CaseResult, CaseError> {
    let prepared = PreparedCase::new(spec, registry)?;
    let offering = Offering::new(spec, prepared.trace())?;
    let folder = SessionFolder::create()?;
    let session = session(spec, setup, prepared.pipeline(), registry, folder.recording())?;
    let service = LiveService::start(session, around(setup, &folder)?)?;
    let observed = observe(&service, setup, &offering);
    let end = service.end()?;
    let observed = observed?;
    let trace = Arc::new(recorded(&folder)?);
    drop(offering);
    let replay = Replay::measure(spec, &prepared, &trace)?;
    let evidence = Evidence { feed: FEED, observed, end, replay, trace: &trace, viewers: setup.clients() as u64 };
    Ok(evidence.result(spec, &prepared))
}

/// Returns the session of a case.
fn session(
    spec: &CaseSpec,
    setup: LiveSetup,
    pipeline: &'static dyn Pipeline,
    registry: Registry,
    recording: PathBuf,
) -> Result<LiveSpec, CaseError> {
    let own = LivePipeline { feed: FEED.to_owned(), pipeline, settings: spec.settings.clone(), config: spec.config };
    let config = RunConfig { order: spec.config.order, ..RunConfig::plain(Strategy::SEQUENTIAL) };
    let of_wall = if setup.wall { wall_pipelines(registry)? } else { Vec::new() };
    let of_wall =
        of_wall.into_iter().map(|(feed, pipeline)| LivePipeline { feed, pipeline, settings: Vec::new(), config });
    // Nothing is posted that could be late or ahead: events happen when they arrive. Silence would move event time.
    let gate = GateConfig { slack_ms: spec.slack_ms, idle_after_ms: None, ..GateConfig::default() };
    let pipelines = std::iter::once(own).chain(of_wall).collect();
    Ok(LiveSpec { recording, gate, pipelines, kept_events: KEPT_EVENTS })
}

/// Returns what is around the session: HTTP, the wall, rules and functions.
fn around(setup: LiveSetup, folder: &SessionFolder) -> Result<ServiceSpec, CaseError> {
    Ok(ServiceSpec {
        address: ([127, 0, 0, 1], 0).into(),
        names: Vec::new(),
        tokens: None,
        layout: None,
        rules: folder.write_rules(setup.rules, FEED)?,
        functions: folder.write_functions(setup.functions, FEED)?,
        sinks: None,
        limits: HttpLimits::default(),
    })
}

/// Has events posted and the wall looked at, until everything that counts is shown.
fn observe(service: &LiveService, setup: LiveSetup, offering: &Offering) -> Result<Observed, CaseError> {
    let (session, address, is_over) = (service.session(), service.address(), AtomicBool::new(false));
    let (counters, cpu_before_ns) = (RunCounters::now(), process_cpu_ns());
    let clock = RunClock(Instant::now());
    let viewers: Vec<Viewer> = Habit::of(setup).map(|habit| Viewer::new(habit, address, clock)).collect();
    let observed = thread::scope(|scope| {
        let looking: Vec<_> = viewers.iter().map(|viewer| scope.spawn(|| viewer.look(&is_over))).collect();
        let answers = scope.spawn(|| watch_answers(session.freshness(), clock, &is_over));
        let readings = scope.spawn(|| read(session, clock, &is_over));
        let posting: Vec<_> =
            (0..posting::CONNECTIONS).map(|_| scope.spawn(|| offering.post(address, clock, &is_over))).collect();
        let give_up_ns = offering.planned_ns() + offering.planned_ns() / 2 + GRACE.as_nanos() as u64;
        let is_done = || {
            let shown = viewers.iter().filter_map(Viewer::shown_events).min().unwrap_or(u64::MAX);
            let answered = session.freshness().answered_events();
            offering.is_done(answered, shown, || session.is_settled())
        };
        while !is_done() && clock.now_ns() < give_up_ns && !offering.has_failed() && !session.has_ended() {
            thread::sleep(LOOK_EVERY);
        }
        let (elapsed_ns, (accepted_events, _)) = (clock.now_ns(), session.events());
        is_over.store(true, Ordering::Release);
        let (disturbance, cpu_ns) = (counters.since(elapsed_ns), process_cpu_ns().saturating_sub(cpu_before_ns));
        posting.into_iter().for_each(joined);
        let shown = looking.into_iter().map(joined).collect::<Vec<_>>();
        let emitted = session.feeds().get(EMITTED);
        Observed {
            posts: offering.take_posts(elapsed_ns),
            answered: joined(answers),
            shown: shown.into_iter().flatten().collect(),
            readings: joined(readings),
            cpu_ns,
            elapsed_ns,
            accepted_events,
            emitted_events: emitted.map_or(0, |queue| queue.end().0),
            disturbance,
        }
    });
    offering.failure().map_or(Ok(observed), Err)
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Notes how many events of the trace are answered, whenever it changes.
fn watch_answers(freshness: &Freshness, clock: RunClock, is_over: &AtomicBool) -> Vec<Progress> {
    let mut answered: Vec<Progress> = Vec::new();
    loop {
        // Asked first, so that what ends the run is noted.
        let is_last = is_over.load(Ordering::Acquire);
        let events = freshness.answered_events();
        if answered.last().map_or(0, |last| last.events) < events {
            answered.push(Progress { at_ns: clock.now_ns(), events });
        }
        if is_last {
            return answered;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Reads memory and entries.
fn read(session: &LiveSession, clock: RunClock, is_over: &AtomicBool) -> Vec<Reading> {
    let mut readings = Vec::new();
    while !is_over.load(Ordering::Acquire) {
        let entries = session.progress().iter().map(|progress| progress.entries).sum();
        let (admitted, _) = session.events();
        let reading =
            Reading { at_ns: clock.now_ns(), admitted, rss_bytes: rss_bytes(), entries, ..Reading::default() };
        readings.push(reading);
        thread::sleep(READ_EVERY);
    }
    readings
}

/// Reads the trace that a session has recorded.
fn recorded(folder: &SessionFolder) -> Result<Trace, CaseError> {
    let options = ReadOptions { strict: true, ..ReadOptions::default() };
    let read = read_trace(&Input::new(folder.recording()), &options, &mut |_| Ok(()));
    Ok(read.map_err(|error| CaseError::Recording(error.to_string()))?.0)
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::record::{Numbers, Status};

    use super::*;
    use crate::case::child::run;
    use crate::experiment::rate::tests::case_of;

    fn numbers(axes: &str) -> Numbers {
        let result = run(&case_of(axes), Registry::default(), None).unwrap();
        assert_eq!(result.status, Status::Ok);
        result.numbers.unwrap()
    }

    #[test]
    fn what_is_posted_is_answered_shown_and_checked() {
        let axes = "pipeline = \"beacon-band\"\norder = \"speculative\"\nrate = 5000\n\
                    live = \"wall viewers=2 silent=1 passing=1 rules=1 functions=1\"";
        let numbers = numbers(axes);
        let live = numbers.live.unwrap();
        let shown = live.shown.unwrap();
        assert!(numbers.events >= 1_000 && numbers.accuracy.given > 0, "{numbers:?}");
        assert_eq!((numbers.latency.count, live.acknowledged.count, shown.count), (1_000, 1_000, 2_000));
        assert!(live.acknowledged.max_ns <= numbers.latency.max_ns && numbers.latency.max_ns <= shown.max_ns);
        assert_eq!((live.viewers, live.refused_posts, numbers.censored), (4, 0, 0));
        assert!(live.replay_events_per_s.unwrap() > 0.0 && live.recording_bytes > 0);
    }

    #[test]
    fn a_closed_loop_posts_the_trace_once() {
        let numbers = numbers("pipeline = \"sessions\"\nslack = \"1s\"\nlive = \"on\"");
        let live = numbers.live.unwrap();
        assert_eq!((numbers.events, live.acknowledged.count, live.shown), (4_000, 4_000, None));
    }

    #[test]
    fn functions_emit_no_more_than_an_event_for_each_hundredth_answer() {
        let numbers = numbers("pipeline = \"identity\"\norder = \"speculative\"\nlive = \"functions=2\"");
        // What is on its way when the run is over may be missing.
        assert!(numbers.live.unwrap().emitted_events <= 80, "{:?}", numbers.live);
    }

    #[test]
    fn a_wrong_answer_of_a_session_is_found() {
        let case = case_of("pipeline = \"identity\"\nfault = \"wrong-answer@100\"\nlive = \"on\"");
        let status = run(&case, Registry::default(), None).unwrap().status;
        let cause = status.cause().unwrap();
        assert!(cause.contains("not those of its recording"), "{cause}");
    }

    #[test]
    fn what_cannot_be_live_is_skipped_with_its_reason() {
        use crate::experiment::rate::tests::planned;
        let skipped = |axes: &str| {
            let plan = planned("duration = \"200ms\"", axes, 1).unwrap();
            assert!(plan.cases.is_empty());
            plan.skipped.join(" ")
        };
        for (axes, reason) in [
            ("pipeline = \"sessions\"\nlive = \"on\"\nstrategy = \"shared\"", "it keeps its answers until the end"),
            ("pipeline = \"sessions\"\nlive = \"on\"\nrate = \"search\"", "a live session has no search"),
            ("pipeline = \"sessions\"\nlive = \"on\"\nsources = \"channel\"", "follows all arrivals"),
            ("pipeline = \"sessions\"\nlive = \"on\"\nprocesses = 2", "one process"),
        ] {
            assert!(skipped(axes).contains(reason), "{axes}: {}", skipped(axes));
        }
    }
}

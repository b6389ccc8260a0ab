//! Every strategy gives the oracle's answers to what was not late, and drops exactly the late set of the trace: a table
//! of all strategies, workers, homes and pipelines, and random small traces with ties, reversed time and duplicates. Times
//! lie on the edges of windows and one millisecond beside them, and so do watermarks.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use flowbench_events::{
    Channel, Event, EventId, Heartbeat, Horizon, Id, Kind, LateSet, Lateness, Record, Recording, Sources, Symbols,
    Trace, Value, WatermarkRule,
};
use proptest::prelude::*;

use super::dataflow::routing::{Placement, Routing};
use super::declaration::{Declaration, PlacementRequest, Topology};
use crate::answers::Changes;
use crate::deployment::{self, Cluster, Connected, Deployment};
use crate::driver::{Driver, Drivers, StateCounts, UnpacedDriver};
use crate::eviction::{Compaction, Sweep, Wheel};
use crate::feed::EventTimeProgress;
use crate::live_epochs::{LiveEpoch, LiveEpochs};
use crate::pipeline::BoundPipeline;
use crate::registry::Registry;
use crate::run::{ChangesOutlet, RunConfig, RunContext, RunEnd, RunError};
use crate::{Eviction, Fault, FaultKind, Feed, OrderName, Strategy as Parallelism, catalogue, oracle};

/// The other way to run: two groups of threads that share nothing but a pair of sockets.
struct Pair {
    process: usize,
    socket: Mutex<Option<UnixStream>>,
}

impl Pair {
    fn both() -> [Pair; 2] {
        let (one, other) = UnixStream::pair().unwrap();
        let pair = |process, socket| Pair { process, socket: Mutex::new(Some(socket)) };
        [pair(0, one), pair(1, other)]
    }
}

impl Cluster for Pair {
    fn processes(&self) -> usize {
        2
    }

    fn process(&self) -> usize {
        self.process
    }

    fn connect(&self, workers: usize) -> Result<Connected, String> {
        let mut sockets = vec![None, None];
        sockets[1 - self.process] = self.socket.lock().unwrap().take();
        deployment::over(sockets, self.process, workers, timely::communication::Hooks::default())
    }
}

/// Runs a choice as threads, or in two processes of which the first has all answers.
fn run(
    prepared: &dyn BoundPipeline,
    config: RunConfig,
    feed: &Arc<Feed>,
    processes: usize,
) -> Result<RunEnd, RunError> {
    run_by(&UnpacedDriver::drivers(), prepared, config, feed, processes)
}

/// Runs the pipeline with the given drivers.
fn run_by(
    drivers: &Drivers,
    prepared: &dyn BoundPipeline,
    config: RunConfig,
    feed: &Arc<Feed>,
    processes: usize,
) -> Result<RunEnd, RunError> {
    let context = |deployment| RunContext { deployment, ..RunContext::new(config, feed, Arc::clone(drivers)) };
    if processes == 1 {
        return prepared.run(&context(Deployment::Threads));
    }
    let [first, second] = Pair::both().map(|pair| context(Deployment::Processes(Arc::new(pair))));
    std::thread::scope(|scope| {
        let second = scope.spawn(move || prepared.run(&second).map(|end| end.answers.len()));
        let end = prepared.run(&first);
        let of_second = second.join().unwrap();
        assert!(
            of_second.is_err() || of_second.is_ok_and(|answers| answers == 0),
            "answers belong to the first process"
        );
        end
    })
}

/// Every kind of event at times that tie, run backwards and repeat, of few customers, orders and products.
pub(crate) fn events(count: u64) -> Vec<Event> {
    let time_ms = |id: u64| (id + random(id, 1, 40)) as i64 * STEP_MS + beside(random(id, 9, 3));
    (0..count).map(|id| Event::pack(record(id, time_ms(id)))).collect()
}

/// Events of very few customers and orders, in order, at every edge of the windows that pipelines have by default and one
/// millisecond before and after it: ten minutes apart for a while, and again a day, two days, a week, a month and two months
/// later.
fn edges() -> Vec<Event> {
    const MIDNIGHT_MS: i64 = 20_454 * 24 * 3_600_000; // in London, too
    let moments = [0, 1, 2, 7, 30, 60].into_iter().flat_map(|day| (0..10).map(move |tick| day * 24 * 6 + tick));
    let times_ms = moments.flat_map(|tick| (0..3).map(move |at| MIDNIGHT_MS + tick * STEP_MS + beside(at)));
    let event = |(id, time_ms): (u64, i64)| {
        let mut record = record(id, time_ms);
        if id % 2 == 0 {
            record.kind = [Kind::PageViewed, Kind::OrderPlaced, Kind::ReviewPosted][random(id, 0, 3) as usize];
        }
        (record.customer, record.order) = (Id(random(id, 2, 3) as u32), Id(random(id, 3, 20) as u32));
        Event::pack(record)
    };
    (0..).zip(times_ms.flat_map(|time_ms| [time_ms; 2])).map(event).collect()
}

/// The step of which all windows are multiples, ms.
pub(crate) const STEP_MS: i64 = 600_000;

/// One millisecond before something, on it, or after it.
fn beside(at: u64) -> i64 {
    at as i64 - 1
}

/// Chosen by `id` for the use `what`: a number below `below`.
fn random(id: u64, what: u64, below: u64) -> u64 {
    flowbench_events::mix(id << 8 | what) % below
}

fn record(id: u64, event_time_ms: i64) -> Record {
    let mut record = Record::new(id, Kind::ALL[random(id, 0, 8) as usize], event_time_ms);
    record.customer = if random(id, 2, 9) == 0 { Id::ABSENT } else { Id(random(id, 2, 9) as u32) };
    record.order = Id(random(id, 3, 60) as u32);
    record.value = Some(Value(random(id, 4, 900_000) as i64));
    record.product = Id(random(id, 5, 12) as u32);
    record.load_time_ms = Some(random(id, 6, 6000) as u32);
    record.rating = Some(random(id, 7, 5) as u8 + 1);
    record.channel = Some(Channel::ALL[random(id, 8, 3) as usize]);
    record.country = random(id, 10, 3) as u16;
    record
}

/// All pipelines that `strategy` serves, on 1, 2 and 4 workers, as threads and in two processes, in order and disordered;
/// and event by event, so that the watermark stands at each edge in turn.
pub(super) fn gives_the_answers_of_the_oracle(strategy: Parallelism) {
    let mut in_order = events(600);
    in_order.sort_by_key(Event::canonical_key);
    let homes = [(1, 1), (2, 1), (4, 1), (1, 2), (2, 2)];
    let mut served = serves(strategy, in_order, 16, 0, &homes, &UnpacedDriver::drivers());
    served += serves(strategy, events(600), 16, 40 * STEP_MS, &homes, &UnpacedDriver::drivers());
    assert!(served >= 16, "{} serves next to nothing", strategy.name());
    let at_each_edge = serves(strategy, edges(), 1, 0, &[(1, 1), (3, 1)], &UnpacedDriver::one_at_a_time());
    assert!(at_each_edge >= 4, "{} serves next to nothing", strategy.name());
}

/// In these homes, of so many workers and processes each, all pipelines that it serves give the answers of the oracle; tells
/// how many runs that were.
fn serves(
    strategy: Parallelism,
    events: Vec<Event>,
    records_per_epoch: usize,
    slack_ms: i64,
    homes: &[(usize, usize)],
    drivers: &Drivers,
) -> usize {
    let mut served = 0;
    let trace = Arc::new(Trace { events, ..Trace::default() });
    let canonical = oracle::occurrences(&trace.events);
    let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
    assert_eq!(LateSet::of(&trace, slack_ms).count, 0);
    for pipeline in catalogue::CATALOGUE {
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        let mut truth = prepared.oracle(&canonical).fingerprints();
        assert!(!truth.is_empty(), "{} has nothing to answer", pipeline.name());
        truth.sort_unstable();
        for (workers, processes) in homes.iter().copied() {
            let config = RunConfig { workers, ..RunConfig::plain(strategy) };
            match run_by(drivers, &*prepared, config, &feed, processes) {
                Ok(end) => {
                    let mut given = end.answers.fingerprints();
                    given.sort_unstable();
                    assert!(given == truth, "{} {config:?}, {processes} processes", pipeline.name());
                    assert_eq!(end.workers.len(), workers * processes);
                    served += 1;
                }
                Err(RunError::Unsupported { reason: gap, .. }) => {
                    assert!(
                        processes == 2 || pipeline.unsupported_reason(&config) == Some(gap),
                        "{} {config:?}",
                        pipeline.name()
                    );
                }
                Err(RunError::Workers { .. }) => {
                    assert!(strategy.allowed_workers(workers * processes).is_some(), "{config:?}");
                }
                Err(error) => panic!("{} {config:?}: {error}", pipeline.name()),
            }
        }
    }
    served
}

/// The least that any answer has stood at on the way, were the changes played back in the order in which they are listed.
fn least_standing(changes: &Changes, trace: &Trace) -> i32 {
    let mut standing: HashMap<String, i32> = HashMap::new();
    let steps = changes.lines(&trace.symbols).map(|line| {
        let (row, change) = line.rsplit_once(',').map(|(row, change)| (row.to_owned(), change.parse::<i32>())).unwrap();
        let times = standing.entry(row).or_default();
        *times += change.unwrap();
        *times
    });
    steps.min().unwrap_or(0)
}

#[test]
fn no_answer_is_taken_back_before_it_is_given() {
    let trace = Arc::new(Trace { events: events(150), ..Trace::default() });
    let mut taken_back = 0;
    for (records_per_epoch, processes) in [(1, 1), (16, 2)] {
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, 40 * 400_000, true));
        for (pipeline, strategy) in
            catalogue::CATALOGUE.iter().flat_map(|one| Parallelism::ALL.map(|placement| (one, placement)))
        {
            let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
            for workers in [1, 2, 4] {
                let config = RunConfig { workers, order: OrderName::Speculative, ..RunConfig::plain(strategy) };
                let changes = match run(&*prepared, config, &feed, processes) {
                    Err(RunError::Unsupported { .. } | RunError::Workers { .. }) => continue,
                    end => end.unwrap().changes,
                };
                let Some(changes) = changes else { continue };
                taken_back += changes.retractions();
                let least = least_standing(&changes, &trace);
                assert!(least >= 0, "{} {config:?}, {processes} processes: down to {least}", pipeline.name());
            }
        }
    }
    assert!(taken_back > 0);
}

#[test]
fn a_planted_fault_tells_whether_it_has_struck() {
    let trace = Arc::new(Trace { events: events(300), ..Trace::default() });
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 16, 40 * 400_000, true));
    let kinds = [FaultKind::StallMs(0), FaultKind::WrongAnswer, FaultKind::DropEvent, FaultKind::DuplicateEvent];
    let faults = kinds.into_iter().flat_map(|kind| [0, 1_000_000].map(|after| Fault { kind, after }));
    let faults: Vec<_> = faults.map(Some).chain([None]).collect();
    for (name, strategy) in ["identity", "deduplicate", "sessions", "dispatched-today"]
        .iter()
        .flat_map(|name| Parallelism::ALL.map(|one| (name, one)))
    {
        let prepared = Registry::default().find(name).unwrap().prepare(&[], &trace.symbols).unwrap();
        for ((workers, processes), fault) in
            [(1, 1), (2, 1), (1, 2)].into_iter().flat_map(|seats| faults.iter().map(move |fault| (seats, *fault)))
        {
            let config = RunConfig { workers, fault, ..RunConfig::plain(strategy) };
            match run(&*prepared, config, &feed, processes) {
                Err(RunError::Unsupported { .. } | RunError::Workers { .. }) => {}
                end => {
                    let (fault_fired, should_fire) =
                        (end.unwrap().fault_fired, fault.is_some_and(|fault| fault.after == 0));
                    // Of the few days, none may belong to the worker on which it is planted.
                    let may_miss = *name == "dispatched-today" && workers * processes > 1;
                    assert!(fault_fired == should_fire || (may_miss && !fault_fired), "{name} {config:?}");
                }
            }
        }
    }
}

pub(super) fn random_events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_u64..40, 0_i64..100, 0_u32..4, 400_i64..700, 0_usize..8);
    prop::collection::vec(event, 0..80).prop_map(|rows| {
        let record = |(id, hours, customer, value, kind): (u64, i64, u32, i64, usize)| {
            // Content follows from the event id, so that a repeated id is a duplicate delivery.
            let (hours, kind) = ((hours + id as i64 * 7) % 100, Kind::ALL[(kind + id as usize) % 8]);
            let mut record = Record::new(id, kind, hours * 3_600_000 + beside(id % 3));
            record.customer = if customer == 3 { Id::ABSENT } else { Id(customer) };
            record.order = Id((id % 9) as u32);
            record.value = Some(Value(value * 1000));
            record.product = Id((id % 5) as u32);
            record.load_time_ms = Some(id as u32 * 137 % 5000);
            record.rating = Some((id % 5) as u8 + 1);
            record.channel = Some(Channel::ALL[id as usize % 3]);
            record
        };
        let mut first: HashMap<u64, Record> = HashMap::new();
        rows.into_iter().map(|row| Event::pack(*first.entry(row.0).or_insert_with(|| record(row)))).collect()
    })
}

/// Event ids that mean several events, near and far: another time, kind and key each time, some without an id.
fn reused_ids() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_u64..8, 0_i64..12, 0_i64..6, 0_u32..4, 0_usize..8);
    prop::collection::vec(event, 0..80).prop_map(|rows| {
        let record = |(row, (id, hours, delay_h, customer, kind)): (usize, (u64, i64, i64, u32, usize))| {
            let id = if id == 0 { EventId::absent(row as u64) } else { EventId::number(id) };
            let mut record = Record::new(id, Kind::ALL[kind], hours * 8 * 3_600_000);
            record.arrival_time_ms = (row as i64 * 2 + delay_h) * 3_600_000;
            (record.customer, record.order) = (Id(customer), Id(customer));
            (record.product, record.value) = (Id(customer), Some(Value(600_000 + row as i64)));
            (record.load_time_ms, record.rating) = (Some(row as u32 * 100), Some(1));
            Event::pack(record)
        };
        rows.into_iter().enumerate().map(record).collect()
    })
}

/// The first delivery of each id by its row, as plainly as can be: what the oracle is held against.
fn first_rows(events: &[Event], horizon_ms: i64) -> Vec<Event> {
    let mut counted: Vec<Event> = Vec::new();
    for event in events {
        let last = counted.iter().rfind(|other| other.event_id() == event.event_id());
        if last.is_none_or(|last| event.arrival_time_ms() - last.arrival_time_ms() >= horizon_ms) {
            counted.push(*event);
        }
    }
    counted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn ids_that_mean_several_events_have_one_answer_and_the_delivery_that_arrives_first_counts(
        events in reused_ids(), horizon_h in prop::sample::select(vec![1_i64, 24, 1_000_000]),
        records_per_epoch in 1_usize..20, workers in 1_usize..5, processes in 1_usize..3,
        eviction in exact_evictions(), deduplicate in prop::bool::weighted(0.7),
    ) {
        let horizon_ms = horizon_h * 3_600_000;
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let mut canonical = if deduplicate { first_rows(&trace.events, horizon_ms) } else { trace.events.clone() };
        canonical.sort_by(Event::canonical_cmp);
        let deduplicate = deduplicate.then(|| Horizon::from_ms(horizon_ms));
        prop_assert_eq!(&oracle::delivered(&trace, None, deduplicate), &canonical);
        for (pipeline, order) in catalogue::CATALOGUE.iter().flat_map(|one| OrderName::ALL.map(|order| (one, order))) {
            let settings: &[String] = if pipeline.name() == "deduplicate" { &["horizon=1ms".to_owned()] } else { &[] };
            let prepared = pipeline.prepare(settings, &trace.symbols).unwrap();
            let counted = oracle::delivered(&trace, None, prepared.counts(deduplicate));
            let truth = prepared.oracle(&counted).lines(&trace.symbols);
            let exact = order.drops_late() || pipeline.goes_by_arrival();
            let slack_ms = trace.slack_to_lose_nothing_ms();
            let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, order.drops_late()));
            for strategy in Parallelism::ALL {
                let (workers, processes) = if strategy == Parallelism::SEQUENTIAL { (1, 1) } else { (workers, processes) };
                let config = RunConfig { workers, eviction, deduplicate, order, ..RunConfig::plain(strategy) };
                let end = match run(&*prepared, config, &feed, processes) {
                    Err(RunError::Unsupported { .. } | RunError::Workers { .. }) => continue,
                    end => end.unwrap(),
                };
                if exact {
                    prop_assert_eq!(&end.answers.lines(&trace.symbols), &truth, "{} {:?}", pipeline.name(), config);
                }
            }
        }
    }
}

/// An exact eviction; where it has a duration, one from a millisecond to several days.
fn exact_evictions() -> impl Strategy<Value = Eviction> {
    let durations_ms = prop_oneof![
        Just(1_i64),
        1_i64..10_000,
        (1_i64..120).prop_map(|hours| hours * 3_600_000),
        1_i64..5 * 86_400_000
    ];
    let exact: Vec<Eviction> = Eviction::ALL.into_iter().filter(|eviction| eviction.is_exact()).collect();
    (prop::sample::select(exact), durations_ms).prop_map(|(eviction, duration_ms)| with_duration(eviction, duration_ms))
}

fn with_duration(eviction: Eviction, duration_ms: i64) -> Eviction {
    match eviction {
        Eviction::Sweep(_) => Sweep { period_ms: duration_ms }.into(),
        Eviction::Wheel(_) => Wheel { tick_ms: duration_ms }.into(),
        Eviction::Compaction(_) => Compaction { lag_ms: duration_ms }.into(),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_choice_gives_the_answers_of_the_oracle(
        events in random_events(), slack_h in prop::sample::select(vec![0_i64, 5, 200]), records_per_epoch in 1_usize..20,
        by_channel in any::<bool>(), workers in prop::sample::select(vec![1_usize, 2, 4]), eviction in exact_evictions(),
    ) {
        let sources = if by_channel { Sources::Channel { idle_ms: Some(7_200_000) } } else { Sources::Merged };
        let rule = WatermarkRule { slack_ms: slack_h * 3_600_000, sources };
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, rule, true));
        for deduplicate in [None, Some(Horizon::FOR_GOOD), Some(Horizon::from_ms(5 * 3_600_000))] {
            for pipeline in catalogue::CATALOGUE {
                let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
                let canonical = oracle::delivered(&trace, Some(rule), prepared.counts(deduplicate));
                let truth = prepared.oracle(&canonical).lines(&trace.symbols);
                for strategy in Parallelism::ALL {
                    let workers = if strategy == Parallelism::SEQUENTIAL { 1 } else { workers };
                    for order in OrderName::ALL.into_iter().filter(|order| order.drops_late()) {
                        let config = RunConfig { workers, eviction, deduplicate, order, ..RunConfig::plain(strategy) };
                        let end = match prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())) {
                            Err(RunError::Unsupported { .. } | RunError::Workers { .. })
                                if strategy != Parallelism::EXCHANGE || eviction.needs_arrangements() => continue,
                            end => end.unwrap(),
                        };
                        prop_assert_eq!(&end.answers.lines(&trace.symbols), &truth, "{} {:?}", pipeline.name(), config);
                        prop_assert_eq!(end.late, LateSet::of(&trace, rule));
                    }
                }
            }
        }
    }

    #[test]
    fn arrival_is_exact_in_order_on_one_worker_and_never_panics(events in random_events(), workers in 1_usize..4) {
        let in_order = Trace { events: oracle::occurrences(&events), ..Trace::default() };
        for (trace, exact) in [(in_order, workers == 1), (Trace { events, ..Trace::default() }, false)] {
            let trace = Arc::new(trace);
            let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, 0, false));
            for pipeline in catalogue::CATALOGUE {
                let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
                let config = RunConfig { workers, order: OrderName::Arrival, ..RunConfig::plain(Parallelism::EXCHANGE) };
                let end = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())).unwrap();
                prop_assert_eq!(end.late, LateSet::default());
                let truth = prepared.oracle(&oracle::occurrences(&trace.events)).lines(&trace.symbols);
                if exact {
                    prop_assert_eq!(end.answers.lines(&trace.symbols), truth, "{}", pipeline.name());
                }
            }
        }
    }

    /// Whatever the answers to events out of order are worth: when an expired state is forgotten makes no difference.
    #[test]
    fn under_arrival_exact_evictions_answer_alike(
        events in random_events(), records_per_epoch in 1_usize..20, durations_ms in prop::array::uniform2(1_i64..3 * 86_400_000),
    ) {
        let trace = Arc::new(Trace { events, ..Trace::default() });
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, 0, false));
        let of_states = |eviction: &Eviction| eviction.is_exact() && !eviction.needs_arrangements();
        let exact = Eviction::ALL.into_iter().filter(of_states);
        let exact: Vec<Eviction> =
            exact.flat_map(|eviction| durations_ms.map(|duration_ms| with_duration(eviction, duration_ms))).collect();
        for pipeline in catalogue::CATALOGUE.iter().filter(|pipeline| !pipeline.is_stateless()) {
            let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
            for strategy in [Parallelism::SEQUENTIAL, Parallelism::EXCHANGE] {
                let mut first = None;
                for eviction in &exact {
                    let config = RunConfig { eviction: *eviction, order: OrderName::Arrival, ..RunConfig::plain(strategy) };
                    let context = RunContext::new(config, &feed, UnpacedDriver::one_at_a_time());
                    let given = prepared.run(&context).unwrap().answers.lines(&trace.symbols);
                    let first = first.get_or_insert_with(|| given.clone());
                    prop_assert_eq!(first, &given, "{} {:?}", pipeline.name(), config);
                }
            }
        }
    }
}

/// A call that a driver has received.
#[derive(Debug, Clone, Copy)]
enum DriverCall {
    /// The state of this worker has acted upon so many epochs.
    Views { worker: usize, epochs: u64 },
    /// All epochs below this number are complete.
    Completed(u64),
}

/// A driver that records its calls in a list that all workers share.
struct RecordingDriver {
    worker: usize,
    unpaced: Box<dyn Driver>,
    calls: Arc<Mutex<Vec<DriverCall>>>,
}

impl Driver for RecordingDriver {
    fn admissible(&mut self) -> u64 {
        self.unpaced.admissible()
    }

    fn on_admitted(&mut self, epochs: u64) {
        self.unpaced.on_admitted(epochs);
    }

    fn on_completed(&mut self, epochs: u64) {
        self.calls.lock().unwrap().push(DriverCall::Completed(epochs));
        self.unpaced.on_completed(epochs);
    }

    fn on_view(&mut self, epochs: u64) {
        self.calls.lock().unwrap().push(DriverCall::Views { worker: self.worker, epochs });
    }

    fn on_state(&mut self, state_counts: StateCounts) {
        self.unpaced.on_state(state_counts);
    }
}

/// What a run of 3 workers with 2 records an epoch tells its drivers.
fn recorded_calls(
    prepared: &dyn BoundPipeline,
    config: RunConfig,
    feed: &Arc<Feed>,
) -> Result<Vec<DriverCall>, RunError> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (unpaced, kept) = (UnpacedDriver::drivers(), Arc::clone(&calls));
    let drivers: Drivers = Arc::new(move |worker| {
        Box::new(RecordingDriver { worker, unpaced: unpaced(worker), calls: Arc::clone(&kept) })
    });
    run_by(&drivers, prepared, config, feed, 1)?;
    Ok(std::mem::take(&mut *calls.lock().unwrap()))
}

#[test]
fn an_epoch_is_completed_when_all_workers_with_state_have_acted_upon_it() {
    let trace = Arc::new(Trace { events: events(600), ..Trace::default() });
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 2, 40 * STEP_MS, true));
    for (name, strategy) in ["repeat-high-value", "load-time-conversion", "sessions"]
        .iter()
        .flat_map(|name| Parallelism::ALL.map(|strategy| (name, strategy)))
        .filter(|(_, strategy)| ![Parallelism::SEQUENTIAL, Parallelism::DIFFERENTIAL].contains(strategy))
    {
        let prepared = Registry::default().find(name).unwrap().prepare(&[], &trace.symbols).unwrap();
        let calls = match recorded_calls(&*prepared, RunConfig { workers: 3, ..RunConfig::plain(strategy) }, &feed) {
            Err(RunError::Unsupported { .. }) => continue,
            calls => calls.unwrap(),
        };
        let mut acted = std::collections::BTreeMap::new();
        for call in &calls {
            if let DriverCall::Views { worker, .. } = call {
                acted.insert(*worker, 0);
            }
        }
        let state_workers = match strategy.name() {
            "single-writer" => 1,
            "staged" => 3 - strategy.readers(3),
            _ => 3,
        };
        assert_eq!(acted.len(), state_workers, "{name} {}", strategy.name());
        for call in &calls {
            match *call {
                DriverCall::Views { worker, epochs } => {
                    let before = acted.insert(worker, epochs);
                    assert!(before < Some(epochs), "{name} {}: the view goes back", strategy.name());
                }
                DriverCall::Completed(epochs) => {
                    let early = acted.values().filter(|acted| **acted < epochs).count();
                    assert_eq!(early, 0, "{name} {}: {epochs} epochs, of {acted:?}", strategy.name());
                }
            }
        }
        assert!(acted.values().all(|epochs| *epochs == feed.epochs()));
    }
}

/// A strategy of one declaration: the last worker holds all state.
const LAST_WRITER: Declaration = Declaration::dataflow(
    "last-writer",
    "the last worker holds all state",
    Topology::by(|PlacementRequest { workers, .. }| {
        let last = Routing::One(workers - 1);
        Placement {
            readers: workers,
            states: last.clone(),
            windows: last.clone(),
            event_ids: last,
            state_workers: workers - 1..workers,
        }
    }),
);

#[test]
fn a_new_strategy_is_a_declaration() {
    gives_the_answers_of_the_oracle(Parallelism(&LAST_WRITER));
}

#[test]
fn sequential_is_one_worker_and_nobody_is_none() {
    let trace = Arc::new(Trace::default());
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, 0, false));
    let prepared = Registry::default().find("identity").unwrap().prepare(&[], &trace.symbols).unwrap();
    for (strategy, workers) in [
        (Parallelism::SEQUENTIAL, 2),
        (Parallelism::SEQUENTIAL, 0),
        (Parallelism::EXCHANGE, 0),
        (Parallelism::STAGED, 1),
    ] {
        let config = RunConfig { workers, ..RunConfig::plain(strategy) };
        let error = prepared.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())).err().unwrap().to_string();
        assert!(error.contains(strategy.name()), "{error}");
    }
}

/// Offers an epoch as soon as it is there and the one before it is completed.
struct AsTheyCome {
    epochs: Arc<LiveEpochs>,
    completed: u64,
}

impl Driver for AsTheyCome {
    fn admissible(&mut self) -> u64 {
        self.epochs.available().min(self.completed + 1)
    }

    fn on_admitted(&mut self, _epochs: u64) {}

    fn on_completed(&mut self, epochs: u64) {
        self.completed = epochs;
    }

    fn on_state(&mut self, _state_counts: StateCounts) {}
}

/// Cuts a trace as a live session does: into epochs of any length, empty ones included, with the lateness decided.
fn live_epochs(trace: &Trace, slack_ms: i64) -> Vec<LiveEpoch> {
    let mut lateness = Lateness::new(slack_ms);
    let mut heartbeats = trace.recording.heartbeats.iter().peekable();
    let (mut at, mut epochs, mut newest_ms) = (0, Vec::new(), i64::MIN);
    while at < trace.events.len() {
        while let Some(heartbeat) = heartbeats.next_if(|heartbeat| heartbeat.events_before == at) {
            lateness.advance_to(heartbeat.newest_ms);
        }
        let next_heartbeat = heartbeats.peek().map_or(usize::MAX, |heartbeat| heartbeat.events_before);
        let length = random(epochs.len() as u64, 5, 40) as usize;
        let end = (at + length).min(trace.events.len()).min(next_heartbeat);
        let events = trace.events[at..end].to_vec();
        let is_late = |(index, event): (usize, &Event)| lateness.arrive(event).then_some(index);
        let late = events.iter().enumerate().filter_map(is_late).collect();
        newest_ms = events.iter().fold(newest_ms, |newest_ms, event| newest_ms.max(event.event_time_ms()));
        at = end;
        let (ahead_ms, watermark_ms) = (lateness.newest_ms(), lateness.watermark_ms());
        let (deliveries, arrivals_from_ms) = (at as i64, i64::MIN);
        let reached = EventTimeProgress { watermark_ms, ahead_ms, newest_ms, deliveries, arrivals_from_ms };
        epochs.push(LiveEpoch { events, late, reached });
    }
    epochs
}

/// Runs a choice over epochs that come while it runs; returns what is left of the answers it has given, and what was
/// late.
fn answered_live(
    prepared: &dyn BoundPipeline,
    config: RunConfig,
    trace: &Trace,
    slack_ms: i64,
) -> (Vec<String>, LateSet) {
    let epochs = Arc::new(LiveEpochs::default());
    let feed = Arc::new(Feed::live(Arc::clone(&epochs), slack_ms, config.order.drops_late()));
    let of_drivers = Arc::clone(&epochs);
    let drivers: Drivers = Arc::new(move |_| Box::new(AsTheyCome { epochs: Arc::clone(&of_drivers), completed: 0 }));
    let given: Arc<Mutex<HashMap<String, i32>>> = Arc::default();
    let (into, symbols) = (Arc::clone(&given), trace.symbols.clone());
    let outlet: ChangesOutlet = Arc::new(move |changes: Changes| {
        for (at, times) in changes.times().iter().enumerate() {
            *into.lock().unwrap().entry(changes.answers().line(at, &symbols)).or_default() += times;
        }
    });
    let context = RunContext { outlet: Some(outlet), ..RunContext::new(config, &feed, drivers) };
    let end = std::thread::scope(|scope| {
        let run = scope.spawn(|| prepared.run(&context).unwrap());
        live_epochs(trace, slack_ms).into_iter().for_each(|epoch| epochs.append(epoch));
        epochs.close();
        run.join().unwrap()
    });
    assert!(end.answers.is_empty(), "answers that were given on were kept as well");
    let given = std::mem::take(&mut *given.lock().unwrap());
    let of_line = |(line, times): (String, i32)| std::iter::repeat_n(line, times.try_into().unwrap());
    let mut lines: Vec<String> = given.into_iter().flat_map(of_line).collect();
    lines.sort_unstable();
    (lines, end.late)
}

#[test]
fn what_is_answered_live_is_what_the_recorded_trace_answers() {
    let heartbeats = [(0, STEP_MS), (50, 40 * STEP_MS), (171, 200 * STEP_MS)];
    let heartbeats = heartbeats.map(|(events_before, newest_ms)| Heartbeat { events_before, newest_ms }).to_vec();
    let recording = Recording { slack_ms: None, heartbeats };
    let mut symbols = Symbols::default();
    (0..300).for_each(|number| assert!(symbols.country(&format!("c{number}")).is_some()));
    let trace = Arc::new(Trace { events: events(300), symbols, recording });
    let slack_ms = 10 * STEP_MS;
    let mut ran = 0;
    for pipeline in catalogue::CATALOGUE {
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        for (strategy, order) in Parallelism::ALL.into_iter().flat_map(|one| OrderName::ALL.map(|order| (one, order))) {
            let workers = if strategy == Parallelism::SEQUENTIAL { 1 } else { 2 };
            let config = RunConfig { order, workers, ..RunConfig::plain(strategy) };
            // Under `arrival`, what is late for a window depends on where epochs are cut, and on workers.
            let is_defined = order != OrderName::Arrival || pipeline.is_stateless();
            let is_usual = [Parallelism::SEQUENTIAL, Parallelism::EXCHANGE].contains(&strategy);
            if !(is_usual || ["sessions", "load-time-conversion"].contains(&pipeline.name())) {
                continue; // two shapes of pipelines show what a strategy does
            }
            if !is_defined || strategy.unsupported_live().or(prepared.unsupported_reason(&config)).is_some() {
                continue;
            }
            let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, slack_ms, order.drops_late()));
            let end = run(&*prepared, config, &feed, 1).unwrap();
            let mut expected = end.answers.lines(&trace.symbols);
            expected.sort_unstable();
            let (given, late) = answered_live(&*prepared, config, &trace, slack_ms);
            assert_eq!(given, expected, "{} {strategy:?} {order:?}", pipeline.name());
            assert_eq!(late, end.late);
            assert_eq!(late.count > 0, order.drops_late());
            ran += 1;
        }
    }
    assert!(ran > 60, "{ran} choices");
}

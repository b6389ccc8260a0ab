//! No exchange: all workers of a process apply what they read to one map in shared memory.
//!
//! The map is many maps, each behind a lock. Whoever reads an event puts it into the map of its key; when the
//! frontier has passed, each worker lets its own share of the maps answer, and helps with those of others that nobody
//! is using. So no event is copied to another worker, and a worker that is behind is helped rather than waited for;
//! the price is a lock per batch, and cache lines that move between cores. One hot key is still one map. Answers are
//! kept with the map that gives them, so they are in order whichever worker let it answer.
//!
//! Cutting each batch into so many parts costs more than handing over whole ones, so it stays below `exchange`. What
//! it has instead is evenness: with a hot key its workers still do the same amount of work.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

use super::dataflow::context::{WorkerContext, WorkerTotals, execute};
use super::dataflow::frontier::FrontierTracker;
use super::dataflow::routing::{Batch, Batches, Builder, Outbox, Placement, Routing};
use super::dataflow::sink::{ChunkedVec, MakeSink, ResultCollector, SharedSink, Sink};
use super::dataflow::source_reader::{Make, Router};
use super::dataflow::worker_loop::Reading;
use super::declaration::{Declaration, Executor, PlacementRequest, Topology, needs_state};
use super::stage::{FirstStage, Intake, Route, SecondStage};
use crate::answers::Corrupt;
use crate::driver::{OperatorName, StateCounts};
use crate::eviction::StateShare;
use crate::fault::FaultInjector;
use crate::feed::{EventTimeProgress, spread as by_route};
use crate::message::Message;
use crate::run::{RunContext, RunError};
use crate::state::operator::{MakeOperator, StateOperator};

pub(super) const STRATEGY: Declaration = Declaration {
    between_processes: Some("processes share no memory"),
    unsupported: needs_state,
    executor: Executor::Shared,
    ..Declaration::dataflow(
        "shared",
        "nothing is exchanged: one map behind locks, in the memory of one process",
        Topology::by(placement),
    )
};

/// Maps per worker: enough that two workers seldom want the same, few enough to be checked in each step.
const MAPS_PER_WORKER: usize = 8;

/// Routes batches by map; they stay where they are read.
fn placement(PlacementRequest { workers, .. }: PlacementRequest) -> Placement {
    let maps = Routing::Places(maps(workers));
    let by_event_id = Routing::ByRoute { first: 0, count: workers };
    Placement {
        readers: workers,
        states: maps.clone(),
        windows: maps,
        event_ids: by_event_id,
        state_workers: 0..workers,
    }
}

fn maps(workers: usize) -> usize {
    MAPS_PER_WORKER * workers
}

pub(super) fn one_stage<M: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let last = make_last(&first.operator, &first.intake.route, context.workers(), collector);
    run_one_stage(context, first.intake, last)
}

pub(super) fn two_stages<M: Message, B: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, B>,
    second: SecondStage<B, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let last = make_last(&second.operator, &second.route, context.workers(), collector);
    run_two_stages(context, first, second.router, last)
}

/// Makes the last stage of each worker: its share of maps that all of them have.
fn make_last<M: Message, R: Message + Corrupt>(
    operator: &MakeOperator<M, R>,
    route: &Route<M>,
    workers: usize,
    collector: &ResultCollector<R>,
) -> MakeSink<M> {
    let (maps, route, collector) = (Maps::new(operator, workers), Arc::clone(route), collector.clone());
    Arc::new(move |StateShare { index: worker, .. }, [messages_fault, answers_fault]| {
        let (share, collector) = (Maps::share(&maps, &route, worker), collector.clone());
        Rc::new(RefCell::new(LastShare { share, messages_fault, answers_fault, answers: Vec::new(), collector }))
    })
}

/// Compiled once for each type of messages: the last stage has erased what it answers.
fn run_one_stage<M: Message>(
    context: &RunContext,
    intake: Intake<M>,
    last: MakeSink<M>,
) -> Result<Vec<WorkerTotals>, RunError> {
    execute(context, placement, move |worker, worker_context| {
        let last = last(worker_context.share(), [worker_context.fault(), worker_context.fault()]);
        let stage = |messages: Batches<'_, M>| {
            let tracker = Rc::new(RefCell::new(FrontierTracker::new(&worker_context, OperatorName::Answers, true)));
            let into = Rc::clone(&last);
            let store = store(messages, &tracker, move |batch| into.borrow_mut().take(batch));
            answer(&worker_context, store, tracker, Rc::clone(&last));
        };
        let late = worker_context.run(worker, &intake, &Reading::InTurn, Box::new(stage));
        worker_context.end(worker, &last, late)
    })
}

/// Compiled once for each type of messages and of rows in between.
fn run_two_stages<M: Message, B: Message>(
    context: &RunContext,
    first: FirstStage<M, B>,
    router: Make<dyn Router<B, B>>,
    last: MakeSink<B>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let maps = Maps::new(&first.operator, context.workers());
    execute(context, placement, move |worker, worker_context| {
        let last = last(worker_context.share(), [FaultInjector::not(), worker_context.fault()]);
        let stages = |messages: Batches<'_, M>| {
            let between = Rc::new(RefCell::new(Between {
                share: Maps::share(&maps, &first.intake.route, worker_context.worker),
                fault: worker_context.fault(),
                rows: Vec::new(),
                router: router(),
                out: worker_context.outbox(worker_context.placement.windows.clone()),
                last: Rc::clone(&last),
            }));
            let tracker = Rc::new(RefCell::new(FrontierTracker::new(&worker_context, OperatorName::Rows, false)));
            let into = Rc::clone(&between);
            let store = store(messages, &tracker, move |batch| into.borrow_mut().arrive(batch));
            let rows_stored = between_stages(store, tracker, between);
            answer(
                &worker_context,
                rows_stored,
                Rc::new(RefCell::new(FrontierTracker::new(&worker_context, OperatorName::Answers, true))),
                Rc::clone(&last),
            );
        };
        let late = worker_context.run(worker, &first.intake, &Reading::InTurn, Box::new(stages));
        worker_context.end(worker, &last, late)
    })
}

/// Puts messages into their maps. Its output tells how far that has come.
fn store<'s, M: Message>(
    messages: Batches<'s, M>,
    tracker: &Rc<RefCell<FrontierTracker>>,
    mut store: impl FnMut(&mut Vec<M>) + 'static,
) -> Batches<'s, ()> {
    let tracker = Rc::clone(tracker);
    messages.unary::<Builder<()>, _, _, _>(Pipeline, "store", move |_, _| {
        move |input, _output| {
            input.for_each(|_, batch: &mut Batch<M>| {
                tracker.borrow().taken(batch.messages.len());
                store(&mut batch.messages);
            });
        }
    })
}

/// Lets the first stage answer once all workers have stored what is complete, and stores its rows in the second.
fn between_stages<'s, M: Message, B: Message>(
    store: Batches<'s, ()>,
    tracker: Rc<RefCell<FrontierTracker>>,
    between: Rc<RefCell<Between<M, B>>>,
) -> Batches<'s, ()> {
    store.unary_frontier::<Builder<()>, _, _, _>(Pipeline, "rows", move |capability, _| {
        let mut capability = Some(capability);
        move |(_, frontier), _output| {
            let (mut tracker, mut between) = (tracker.borrow_mut(), between.borrow_mut());
            if let Some(reached) = tracker.next(frontier, || between.share.payload()) {
                between.advance(reached);
                tracker.held.set(between.share.state_counts());
            }
            tracker.hold(&mut capability, frontier);
        }
    })
}

/// Answers once all workers have stored what is complete.
fn answer<M: Message>(
    worker_context: &WorkerContext,
    store: Batches<'_, ()>,
    tracker: Rc<RefCell<FrontierTracker>>,
    last: SharedSink<M>,
) {
    let progress = store.unary_frontier::<Builder<()>, _, _, _>(Pipeline, "answers", move |capability, _| {
        let mut capability = Some(capability);
        move |(_, frontier), _output| {
            let (mut tracker, mut last) = (tracker.borrow_mut(), last.borrow_mut());
            if let Some(reached) = tracker.next(frontier, || last.payload()) {
                last.advance(reached);
                tracker.held.set(last.state_counts());
            }
            tracker.hold(&mut capability, frontier);
        }
    });
    worker_context.watch(progress);
}

/// A first stage and what leads to the second.
struct Between<M, B> {
    share: Share<M, B>,
    fault: FaultInjector,
    rows: Vec<B>,
    router: Box<dyn Router<B, B>>,
    out: Outbox<B>,
    last: SharedSink<B>,
}

impl<M: Message, B: Message> Between<M, B> {
    fn arrive(&mut self, batch: &mut Vec<M>) {
        self.fault.messages(batch);
        if let Some(mut map) = self.share.map_of(batch) {
            map.operator.arrive(batch, &mut self.rows);
        }
        self.forward_rows();
    }

    fn advance(&mut self, reached: EventTimeProgress) {
        self.share.advance(reached, |map| map.operator.advance(reached, &mut self.rows));
        self.forward_rows();
    }

    fn forward_rows(&mut self) {
        self.router.route(&mut self.rows, &mut self.out);
        self.router.flush(&mut self.out);
        let last = &self.last;
        self.out.drain(|mut batch| last.borrow_mut().take(&mut batch.messages));
    }
}

/// The last stage, with the answers of its maps.
struct LastShare<M, R> {
    share: Share<M, R>,
    messages_fault: FaultInjector,
    answers_fault: FaultInjector,
    answers: Vec<R>, // on their way to the map that gave them
    collector: ResultCollector<R>,
}

impl<M: Message, R: Message + Corrupt> Sink<M> for LastShare<M, R> {
    fn take(&mut self, arrived: &mut Vec<M>) {
        self.messages_fault.messages(arrived);
        let Some(mut map) = self.share.map_of(arrived) else { return };
        map.operator.arrive(arrived, &mut self.answers);
        map.keep(&mut self.answers, &mut self.answers_fault);
    }

    fn advance(&mut self, reached: EventTimeProgress) {
        let Self { share, answers, answers_fault, .. } = self;
        share.advance(reached, |map| {
            map.operator.advance(reached, answers);
            map.keep(answers, answers_fault);
        });
    }

    fn state_counts(&self) -> StateCounts {
        self.share.state_counts()
    }

    fn payload(&self) -> (usize, usize) {
        self.share.payload()
    }

    fn submit(&mut self, worker: usize) {
        self.share.submit().for_each(|chunks| self.collector.submit(worker, chunks.into_rows()));
    }

    fn pack(&mut self) -> Vec<Vec<u8>> {
        self.share.submit().flat_map(ChunkedVec::pack).collect()
    }

    fn unpack(&mut self, worker: usize, piece: Vec<u8>) {
        self.collector.unpack(worker, piece);
    }
}

/// The maps of all workers.
struct Maps<M, R>(Vec<Mutex<Map<M, R>>>);

struct Map<M, R> {
    operator: Box<dyn StateOperator<M, R>>,
    reached: EventTimeProgress,
    answers: ChunkedVec<R>, // none where another stage takes them
}

impl<M, R> Maps<M, R> {
    fn new(operator: &MakeOperator<M, R>, workers: usize) -> Arc<Self> {
        let of = maps(workers);
        let map = |index| {
            Mutex::new(Map {
                operator: operator(StateShare { index, of }),
                reached: EventTimeProgress::NOTHING,
                answers: ChunkedVec::default(),
            })
        };
        Arc::new(Self((0..of).map(map).collect()))
    }

    fn share(maps: &Arc<Self>, route: &Route<M>, worker: usize) -> Share<M, R> {
        let held = vec![StateCounts::default(); MAPS_PER_WORKER];
        Share { maps: Arc::clone(maps), route: Arc::clone(route), worker, held }
    }

    fn lock(&self, at: usize) -> MutexGuard<'_, Map<M, R>> {
        // A worker that panicked ends the process anyway.
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M, R: Copy + Corrupt> Map<M, R> {
    /// Moves the answers that it has given out of `answers`.
    fn keep(&mut self, answers: &mut Vec<R>, fault: &mut FaultInjector) {
        fault.answers(answers);
        self.answers.keep(answers);
    }
}

/// The maps as one worker sees them.
struct Share<M, R> {
    maps: Arc<Maps<M, R>>,
    route: Route<M>,
    worker: usize,
    held: Vec<StateCounts>, // by its own maps
}

impl<M, R: Copy> Share<M, R> {
    fn ownership(&self) -> std::ops::Range<usize> {
        let first = self.worker * MAPS_PER_WORKER;
        first..first + MAPS_PER_WORKER
    }

    /// Returns the map of a batch: all messages of a batch belong to one map.
    fn map_of(&self, batch: &[M]) -> Option<MutexGuard<'_, Map<M, R>>> {
        let first = batch.first()?;
        Some(self.maps.lock(by_route((self.route)(first), self.maps.0.len())))
    }

    /// Lets its own maps answer, and those of other workers that nobody is using.
    fn advance(&mut self, reached: EventTimeProgress, mut answer: impl FnMut(&mut Map<M, R>)) {
        let ownership = self.ownership();
        for at in ownership.clone() {
            let mut map = self.maps.lock(at);
            if map.reached <= reached {
                map.reached = reached;
                answer(&mut map);
            }
            self.held[at - ownership.start] =
                StateCounts { answer_bytes: map.answers.bytes(), ..map.operator.state_counts() };
        }
        // What is left at the end is weighed by whose it is.
        let helps = reached.watermark_ms < i64::MAX;
        for at in (0..self.maps.0.len()).filter(|at| helps && !ownership.contains(at)) {
            let Ok(mut map) = self.maps.0[at].try_lock() else { continue };
            if map.reached < reached {
                map.reached = reached;
                answer(&mut map);
            }
        }
    }

    /// Returns what each map held when this worker last looked at it. Others may have added to it or helped to empty
    /// it since, so the minimum it takes is not known.
    fn state_counts(&self) -> StateCounts {
        let held = self.held.iter().fold(StateCounts::default(), |all, map| all.and(*map));
        StateCounts { least_bytes: 0, ..held }
    }

    fn payload(&self) -> (usize, usize) {
        let of_map = |at| self.maps.lock(at).operator.payload();
        self.ownership().map(of_map).fold((0, 0), |(entries, bytes), more| (entries + more.0, bytes + more.1))
    }

    /// Returns the answers of its own maps, each in the order in which they were given.
    fn submit(&self) -> impl Iterator<Item = ChunkedVec<R>> {
        self.ownership().map(|at| std::mem::take(&mut self.maps.lock(at).answers))
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::answers::{Cells, Change, Row};

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Number(i64);

    impl Row for Number {
        const COLUMNS: &'static [&'static str] = &[];

        fn subject(&self) -> impl Hash {
            0
        }

        fn event_time_ms(&self) -> i64 {
            self.0
        }

        fn write(&self, _cells: &mut Cells<'_>) {}

        fn at(self, event_time_ms: i64) -> Self {
            Number(event_time_ms)
        }
    }

    /// Answers how far event time has come, and takes back what it said before.
    #[derive(Default)]
    struct Clock(Option<Number>);

    impl StateOperator<u64, Change<Number>> for Clock {
        fn arrive(&mut self, _arrived: &mut Vec<u64>, _out: &mut Vec<Change<Number>>) {}

        fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<Change<Number>>) {
            let now = Number(reached.watermark_ms);
            out.extend(self.0.replace(now).map(Change::retracted));
            out.push(Change::given(now));
        }

        fn state_counts(&self) -> StateCounts {
            StateCounts::default()
        }

        fn payload(&self) -> (usize, usize) {
            (0, 0)
        }
    }

    #[test]
    fn answers_stand_in_the_order_of_their_map_whichever_worker_had_it_answered() {
        let operator: MakeOperator<u64, Change<Number>> = Arc::new(|_| Box::new(Clock::default()));
        let (route, collector): (Route<u64>, _) = (Arc::new(|message| *message), ResultCollector::new(None));
        let last = make_last(&operator, &route, 2, &collector);
        let no_faults = || [FaultInjector::not(), FaultInjector::not()];
        let workers = [0, 1].map(|index| last(StateShare { index, of: 2 }, no_faults()));
        for (watermark_ms, worker) in [(1, 1), (2, 0), (3, 0), (4, 1), (5, 0)] {
            workers[worker].borrow_mut().advance(EventTimeProgress { watermark_ms, ..EventTimeProgress::NOTHING });
        }
        for (worker, share) in workers.iter().enumerate() {
            share.borrow_mut().submit(worker);
        }
        drop(workers);
        let one: Vec<_> = [(1, 1), (1, -1), (2, 1), (2, -1), (3, 1), (3, -1), (4, 1), (4, -1), (5, 1)].to_vec();
        let given: Vec<_> = collector.empty().iter().map(|change| (change.row.0, change.times)).collect();
        assert_eq!(given.len(), one.len() * maps(2));
        assert!(given.chunks(one.len()).all(|of_map| of_map == one), "{given:?}");
    }
}

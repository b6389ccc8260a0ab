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

use super::dataflow::{Batches, Builder, Desk, Reading, Spread, Steps, Tally, execute};
use super::kept::{Last, SharedLast, Sheets, Tray};
use super::messages::{Batch, Outbox, Targets};
use super::plan::{MakePart, Plan, Route, Rows};
use super::reader::Sorter;
use crate::answers::Spoil;
use crate::driver::Census;
use crate::fault::Armed;
use crate::feed::{Reached, spread as by_route};
use crate::logic::Message;
use crate::part::Part;
use crate::run::{Choice, RunError, Site};

/// Maps per worker: enough that two workers seldom want the same, few enough to be checked in each step.
const MAPS_PER_WORKER: usize = 8;

/// Routes batches by map; they stay where they are read.
fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let maps = Targets::Places(maps(workers));
    let by_event_id = Targets::ByRoute { first: 0, count: workers };
    Spread { readers: workers, states: maps.clone(), windows: maps, deliveries: by_event_id, holders: 0..workers }
}

fn maps(workers: usize) -> usize {
    MAPS_PER_WORKER * workers
}

pub(super) fn one_stage<M: Message, R: Message + Spoil>(
    site: &Site,
    plan: Plan<M>,
    part: &MakePart<M, R>,
    tray: Tray<R>,
) -> Result<Vec<Tally>, RunError> {
    let maps = Maps::new(part, site.workers());
    execute(site, spread, move |worker, desk| {
        let share = Maps::share(&maps, &plan.route, desk.worker);
        let last: SharedLast<M> =
            Rc::new(RefCell::new(LastShare::new(share, desk.fault(), desk.fault(), tray.clone())));
        let late = desk.run(worker, &plan.intake, &Reading::InTurn, |messages| {
            let steps = Rc::new(RefCell::new(Steps::new(&desk, true)));
            let into = Rc::clone(&last);
            let put = put(messages, &steps, move |batch| into.borrow_mut().take(batch));
            answer(&desk, put, steps, Rc::clone(&last));
        });
        desk.end(worker, &last, late)
    })
}

pub(super) fn two_stages<M: Message, B: Message, R: Message + Spoil>(
    site: &Site,
    plan: Plan<M>,
    rows: Rows<M, B>,
    part: &MakePart<B, R>,
    tray: Tray<R>,
) -> Result<Vec<Tally>, RunError> {
    let (first, second) = (Maps::new(&rows.part, site.workers()), Maps::new(part, site.workers()));
    execute(site, spread, move |worker, desk| {
        let share = Maps::share(&second, &rows.route, desk.worker);
        let last: SharedLast<B> =
            Rc::new(RefCell::new(LastShare::new(share, Armed::not(), desk.fault(), tray.clone())));
        let late = desk.run(worker, &plan.intake, &Reading::InTurn, |messages| {
            let between = Rc::new(RefCell::new(Between {
                share: Maps::share(&first, &plan.route, desk.worker),
                fault: desk.fault(),
                rows: Vec::new(),
                sorter: (rows.sorter)(),
                out: desk.outbox(desk.spread.windows.clone()),
                last: Rc::clone(&last),
            }));
            let steps = Rc::new(RefCell::new(Steps::new(&desk, false)));
            let into = Rc::clone(&between);
            let put = put(messages, &steps, move |batch| into.borrow_mut().arrive(batch));
            let rows_put = between_stages(put, steps, between);
            answer(&desk, rows_put, Rc::new(RefCell::new(Steps::new(&desk, true))), Rc::clone(&last));
        });
        desk.end(worker, &last, late)
    })
}

/// Puts messages into their maps. Its output tells how far that has come.
fn put<'s, M: Message>(
    messages: Batches<'s, M>,
    steps: &Rc<RefCell<Steps>>,
    mut put: impl FnMut(&mut Vec<M>) + 'static,
) -> Batches<'s, ()> {
    let steps = Rc::clone(steps);
    messages.unary::<Builder<()>, _, _, _>(Pipeline, "put", move |_, _| {
        move |input, _output| {
            input.for_each(|_, batch: &mut Batch<M>| {
                steps.borrow().taken(batch.messages.len());
                put(&mut batch.messages);
            });
        }
    })
}

/// Lets the first stage answer once all workers have stored what is complete, and stores its rows in the second.
fn between_stages<'s, M: Message, B: Message>(
    put: Batches<'s, ()>,
    steps: Rc<RefCell<Steps>>,
    between: Rc<RefCell<Between<M, B>>>,
) -> Batches<'s, ()> {
    put.unary_frontier::<Builder<()>, _, _, _>(Pipeline, "rows", move |capability, _| {
        let mut capability = Some(capability);
        move |(_, frontier), _output| {
            let (mut steps, mut between) = (steps.borrow_mut(), between.borrow_mut());
            if let Some(reached) = steps.next(frontier, || between.share.payload()) {
                between.advance(reached);
                steps.held.set(between.share.census());
            }
            steps.hold(&mut capability, frontier);
        }
    })
}

/// Answers once all workers have stored what is complete.
fn answer<M: Message>(desk: &Desk, put: Batches<'_, ()>, steps: Rc<RefCell<Steps>>, last: SharedLast<M>) {
    let progress = put.unary_frontier::<Builder<()>, _, _, _>(Pipeline, "answers", move |capability, _| {
        let mut capability = Some(capability);
        move |(_, frontier), _output| {
            let (mut steps, mut last) = (steps.borrow_mut(), last.borrow_mut());
            if let Some(reached) = steps.next(frontier, || last.payload()) {
                last.advance(reached);
                steps.held.set(last.census());
            }
            steps.hold(&mut capability, frontier);
        }
    });
    desk.watch(progress);
}

/// A first stage and what leads to the second.
struct Between<M, B> {
    share: Share<M, B>,
    fault: Armed,
    rows: Vec<B>,
    sorter: Box<dyn Sorter<B, B>>,
    out: Outbox<B>,
    last: SharedLast<B>,
}

impl<M: Message, B: Message> Between<M, B> {
    fn arrive(&mut self, batch: &mut Vec<M>) {
        self.fault.messages(batch);
        if let Some(mut map) = self.share.map_of(batch) {
            map.part.arrive(batch, &mut self.rows);
        }
        self.give();
    }

    fn advance(&mut self, reached: Reached) {
        self.share.advance(reached, |map| map.part.advance(reached, &mut self.rows));
        self.give();
    }

    fn give(&mut self) {
        self.sorter.sort(&mut self.rows, &mut self.out);
        self.sorter.flush(&mut self.out);
        let last = &self.last;
        self.out.drain(|mut batch| last.borrow_mut().take(&mut batch.messages));
    }
}

/// The last stage, with the answers of its maps.
struct LastShare<M, R> {
    share: Share<M, R>,
    messages_fault: Armed,
    answers_fault: Armed,
    answers: Vec<R>, // on their way to the map that gave them
    tray: Tray<R>,
}

impl<M, R> LastShare<M, R> {
    fn new(share: Share<M, R>, messages_fault: Armed, answers_fault: Armed, tray: Tray<R>) -> Self {
        Self { share, messages_fault, answers_fault, answers: Vec::new(), tray }
    }
}

impl<M: Message, R: Message + Spoil> Last<M> for LastShare<M, R> {
    fn take(&mut self, arrived: &mut Vec<M>) {
        self.messages_fault.messages(arrived);
        let Some(mut map) = self.share.map_of(arrived) else { return };
        map.part.arrive(arrived, &mut self.answers);
        map.keep(&mut self.answers, &mut self.answers_fault);
    }

    fn advance(&mut self, reached: Reached) {
        let Self { share, answers, answers_fault, .. } = self;
        share.advance(reached, |map| {
            map.part.advance(reached, answers);
            map.keep(answers, answers_fault);
        });
    }

    fn census(&self) -> Census {
        self.share.census()
    }

    fn payload(&self) -> (usize, usize) {
        self.share.payload()
    }

    fn hand_in(&mut self, worker: usize) {
        self.share.hand_in().for_each(|sheets| self.tray.put(worker, sheets.into_rows()));
    }

    fn pack(&mut self) -> Vec<Vec<u8>> {
        self.share.hand_in().flat_map(Sheets::pack).collect()
    }

    fn unpack(&mut self, worker: usize, piece: Vec<u8>) {
        self.tray.unpack(worker, piece);
    }
}

/// The maps of all workers.
struct Maps<M, R>(Vec<Mutex<Map<M, R>>>);

struct Map<M, R> {
    part: Box<dyn Part<M, R>>,
    reached: Reached,
    answers: Sheets<R>, // none where another stage takes them
}

impl<M, R> Maps<M, R> {
    fn new(part: &MakePart<M, R>, workers: usize) -> Arc<Self> {
        let map = |_| Mutex::new(Map { part: part(), reached: Reached::NOTHING, answers: Sheets::default() });
        Arc::new(Self((0..maps(workers)).map(map).collect()))
    }

    fn share(maps: &Arc<Self>, route: &Route<M>, worker: usize) -> Share<M, R> {
        let held = vec![Census::default(); MAPS_PER_WORKER];
        Share { maps: Arc::clone(maps), route: Arc::clone(route), worker, held }
    }

    fn lock(&self, at: usize) -> MutexGuard<'_, Map<M, R>> {
        // A worker that panicked ends the process anyway.
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M, R: Copy + Spoil> Map<M, R> {
    /// Moves the answers that it has given out of `answers`.
    fn keep(&mut self, answers: &mut Vec<R>, fault: &mut Armed) {
        fault.answers(answers);
        self.answers.keep(answers);
    }
}

/// The maps as one worker sees them.
struct Share<M, R> {
    maps: Arc<Maps<M, R>>,
    route: Route<M>,
    worker: usize,
    held: Vec<Census>, // by its own maps
}

impl<M, R: Copy> Share<M, R> {
    fn own(&self) -> std::ops::Range<usize> {
        let first = self.worker * MAPS_PER_WORKER;
        first..first + MAPS_PER_WORKER
    }

    /// Returns the map of a batch: all messages of a batch belong to one map.
    fn map_of(&self, batch: &[M]) -> Option<MutexGuard<'_, Map<M, R>>> {
        let first = batch.first()?;
        Some(self.maps.lock(by_route((self.route)(first), self.maps.0.len())))
    }

    /// Lets its own maps answer, and those of other workers that nobody is using.
    fn advance(&mut self, reached: Reached, mut answer: impl FnMut(&mut Map<M, R>)) {
        let own = self.own();
        for at in own.clone() {
            let mut map = self.maps.lock(at);
            if map.reached <= reached {
                map.reached = reached;
                answer(&mut map);
            }
            self.held[at - own.start] = Census { answer_bytes: map.answers.bytes(), ..map.part.census() };
        }
        // What is left at the end is weighed by whose it is.
        let helps = reached.watermark_ms < i64::MAX;
        for at in (0..self.maps.0.len()).filter(|at| helps && !own.contains(at)) {
            let Ok(mut map) = self.maps.0[at].try_lock() else { continue };
            if map.reached < reached {
                map.reached = reached;
                answer(&mut map);
            }
        }
    }

    /// Returns what each map held when this worker last looked at it. Others may have added to it or helped to empty
    /// it since, so the minimum it takes is not known.
    fn census(&self) -> Census {
        let held = self.held.iter().fold(Census::default(), |all, map| all.and(*map));
        Census { least_bytes: 0, ..held }
    }

    fn payload(&self) -> (usize, usize) {
        let of_map = |at| self.maps.lock(at).part.payload();
        self.own().map(of_map).fold((0, 0), |(entries, bytes), more| (entries + more.0, bytes + more.1))
    }

    /// Returns the answers of its own maps, each in the order in which they were given.
    fn hand_in(&self) -> impl Iterator<Item = Sheets<R>> {
        self.own().map(|at| std::mem::take(&mut self.maps.lock(at).answers))
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

    impl Part<u64, Change<Number>> for Clock {
        fn arrive(&mut self, _arrived: &mut Vec<u64>, _out: &mut Vec<Change<Number>>) {}

        fn advance(&mut self, reached: Reached, out: &mut Vec<Change<Number>>) {
            let now = Number(reached.watermark_ms);
            out.extend(self.0.replace(now).map(Change::retracted));
            out.push(Change::given(now));
        }

        fn census(&self) -> Census {
            Census::default()
        }

        fn payload(&self) -> (usize, usize) {
            (0, 0)
        }
    }

    #[test]
    fn answers_stand_in_the_order_of_their_map_whichever_worker_had_it_answered() {
        let part: MakePart<u64, Change<Number>> = Arc::new(|| Box::new(Clock::default()));
        let (maps, route): (_, Route<u64>) = (Maps::new(&part, 2), Arc::new(|message| *message));
        let tray = Tray::default();
        let share =
            |worker| LastShare::new(Maps::share(&maps, &route, worker), Armed::not(), Armed::not(), tray.clone());
        let mut workers = [0, 1].map(share);
        for (watermark_ms, worker) in [(1, 1), (2, 0), (3, 0), (4, 1), (5, 0)] {
            workers[worker].advance(Reached { watermark_ms, ..Reached::NOTHING });
        }
        for (worker, share) in workers.iter_mut().enumerate() {
            share.hand_in(worker);
        }
        drop(workers);
        let one: Vec<_> = [(1, 1), (1, -1), (2, 1), (2, -1), (3, 1), (3, -1), (4, 1), (4, -1), (5, 1)].to_vec();
        let given: Vec<_> = tray.empty().iter().map(|change| (change.row.0, change.times)).collect();
        assert_eq!(given.len(), one.len() * maps.0.len());
        assert!(given.chunks(one.len()).all(|of_map| of_map == one), "{given:?}");
    }
}

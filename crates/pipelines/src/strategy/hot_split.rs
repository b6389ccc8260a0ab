//! By key, but two workers share a hot key: each of its messages goes to whichever of the two has had less so far,
//! and what the other one has combined is merged into the state at the key's home.
//!
//! After "The power of both choices" (Nasir and others, ICDE 2015), with two choices for hot keys only. It helps
//! where one key is more than a worker can bear and its events cannot be combined where they are read. In this
//! catalogue everything that can be merged can also be combined by the readers, so `pre-aggregate` does the same for
//! less: it sends one message where this strategy sends every event of the hot key. It evens out the load and is no
//! faster for it, because merging costs what evenness gains.
//!
//! Decision D-011.

use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::mix;

use super::dataflow::{Own, Reading, Spread, Tally, execute};
use super::kept::MakeLast;
use super::messages::{Outbox, Targets};
use super::plan::{Plan, Route, Rows};
use super::reader::{Make, Sorter};
use crate::fault::Armed;
use crate::feed::spread as by_route;
use crate::logic::Message;
use crate::pipeline::{Choice, RunError, Site};

fn spread(_choice: &Choice, _worker: usize, workers: usize) -> Spread {
    let all = Targets::ByRoute { first: 0, count: workers };
    let states = Targets::TwoChoices(HotKeys::new(workers));
    Spread { readers: workers, states, windows: all.clone(), deliveries: all, holders: 0..workers }
}

/// Runs a pipeline of one stage; `combine` combines what travels from a worker that shares a hot key to the key's
/// home worker.
pub(super) fn one_stage<M: Message>(
    site: &Site,
    plan: Plan<M>,
    combine: Make<dyn Sorter<M, M>>,
    last: MakeLast<M>,
) -> Result<Vec<Tally>, RunError> {
    execute(site, spread, move |worker, desk| {
        let last = last(desk.fault(), desk.fault());
        let late = desk.run(worker, &plan.intake, &Reading::InTurn, |messages| {
            let home = Box::new(Home::new(desk.worker, desk.workers, &plan.route, combine()));
            let messages = desk.sorted(messages, home);
            desk.last(messages, Own::everything(), Rc::clone(&last));
        });
        desk.end(worker, &last, late)
    })
}

/// Runs a pipeline of two stages.
pub(super) fn two_stages<M: Message, B: Message>(
    site: &Site,
    plan: Plan<M>,
    combine: Make<dyn Sorter<M, M>>,
    rows: Rows<M, B>,
    last: MakeLast<B>,
) -> Result<Vec<Tally>, RunError> {
    execute(site, spread, move |worker, desk| {
        let last = last(Armed::not(), desk.fault());
        let late = desk.run(worker, &plan.intake, &Reading::InTurn, |messages| {
            let home = Box::new(Home::new(desk.worker, desk.workers, &plan.route, combine()));
            let messages = desk.sorted(messages, home);
            let sorted = desk.rows(messages, Own::everything(), (rows.part)(), (rows.sorter)());
            desk.last(sorted, Own::everything(), Rc::clone(&last));
        });
        desk.end(worker, &last, late)
    })
}

/// Passes on the keys whose home is this worker, and combines the rest before sending it home.
struct Home<M> {
    worker: usize,
    workers: usize,
    route: Route<M>,
    combine: Box<dyn Sorter<M, M>>,
    elsewhere: Vec<M>,
}

impl<M> Home<M> {
    fn new(worker: usize, workers: usize, route: &Route<M>, combine: Box<dyn Sorter<M, M>>) -> Self {
        Self { worker, workers, route: Arc::clone(route), combine, elsewhere: Vec::new() }
    }
}

impl<M: Message> Sorter<M, M> for Home<M> {
    fn sort(&mut self, batch: &mut Vec<M>, out: &mut Outbox<M>) {
        for message in batch.drain(..) {
            let route = (self.route)(&message);
            if by_route(route, self.workers) == self.worker {
                out.give(|| route, message);
            } else {
                self.elsewhere.push(message);
            }
        }
        self.combine.sort(&mut self.elsewhere, out);
    }

    fn flush(&mut self, out: &mut Outbox<M>) {
        self.combine.flush(out);
    }
}

/// Which keys are hot, and what each worker has been given, as seen by one reader.
///
/// Keys are counted by a few bits of their route. Some share a count, which at worst splits a key that need not be
/// split.
#[derive(Debug, Clone)]
pub(super) struct HotKeys {
    given: Vec<u64>,
    counts: Vec<u32>, // in the present window
    hot: Vec<bool>,   // in the one before
    left: u32,
}

/// Counters that keys share.
const SLOTS: usize = 1024;
/// Messages after which it is decided again what is hot.
const WINDOW: u32 = 1 << 15;
/// A counter is hot with more than this share of what one worker should get.
const HOT_SHARE: f64 = 0.25;

impl HotKeys {
    /// Creates the counters for `workers`. Nothing is hot in the first window.
    pub(super) fn new(workers: usize) -> Self {
        Self { given: vec![0; workers], counts: vec![0; SLOTS], hot: vec![false; SLOTS], left: WINDOW }
    }

    pub(super) fn workers(&self) -> usize {
        self.given.len()
    }

    /// Returns the worker for a message with this route.
    #[inline]
    pub(super) fn choose(&mut self, route: u64) -> usize {
        let (slot, workers) = (by_route(route, SLOTS), self.given.len());
        self.counts[slot] += 1;
        self.left -= 1;
        if self.left == 0 {
            self.decide();
        }
        let home = by_route(route, workers);
        let other = if self.hot[slot] { by_route(mix(route), workers) } else { home };
        let chosen = if self.given[other] < self.given[home] { other } else { home };
        self.given[chosen] += 1;
        chosen
    }

    #[cold]
    fn decide(&mut self) {
        let least = (f64::from(WINDOW) * HOT_SHARE / self.given.len() as f64) as u32;
        for (hot, count) in self.hot.iter_mut().zip(&mut self.counts) {
            *hot = std::mem::take(count) > least;
        }
        self.left = WINDOW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_key_is_shared_by_two_workers_and_the_others_stay_at_home() {
        let (workers, hot) = (8, mix(7));
        let mut keys = HotKeys::new(workers);
        let mut of_hot = vec![0_u64; workers];
        for at in 0..10 * u64::from(WINDOW) {
            let route = if at % 10 < 3 { hot } else { mix(at) };
            let worker = keys.choose(route);
            if route == hot {
                of_hot[worker] += u64::from(at > u64::from(WINDOW));
            } else {
                let shares_a_slot = by_route(route, SLOTS) == by_route(hot, SLOTS);
                assert!(shares_a_slot || worker == by_route(route, workers), "a cold key has left its home");
            }
        }
        let shared: Vec<u64> = of_hot.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(shared.len(), 2, "{shared:?}");
        assert!(shared.iter().all(|count| *count > 2 * u64::from(WINDOW) / 3), "{shared:?}");
    }
}

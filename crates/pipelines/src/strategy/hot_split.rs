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

use super::dataflow::{Own, Reading, Spread, Tally, execute};
use super::hot_keys::HotKeys;
use super::kept::MakeLast;
use super::messages::{Outbox, Targets};
use super::plan::{Plan, Route, Rows};
use super::reader::{Make, Sorter};
use crate::fault::Armed;
use crate::feed::spread as by_route;
use crate::logic::Message;
use crate::run::{Choice, RunError, Site};

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

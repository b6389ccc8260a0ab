//! What the operators and the loop of one worker share, and how the workers of a dataflow start.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::LateSet;
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::probe::{Handle as ProbeHandle, Probe};
use timely::worker::Worker;

use super::routing::{Batches, Outbox, Placement, Routing, Traffic};
use crate::deployment::Deployment;
use crate::driver::{Driver, OperatorName, StateCounts};
use crate::fault::FaultFired;
use crate::feed::Feed;
use crate::message::Message;
use crate::run::{RunConfig, RunContext, RunError, WorkerEnd};
use crate::strategy::declaration::PlacementRequest;

/// What one worker reports at the end, apart from its answers.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct WorkerTotals {
    pub(crate) worker: usize,
    pub(crate) late: LateSet,
    /// Entries at the end of the input.
    pub(crate) entries: usize,
    pub(crate) payload_bytes: usize,
    /// Messages applied to its states.
    pub(crate) records: u64,
    /// Messages it sent to other workers.
    pub(crate) exchanged_records: u64,
    pub(crate) exchanged_bytes: u64,
    /// True if a fault planted on it has fired.
    pub(crate) fault_fired: bool,
}

impl WorkerTotals {
    /// Returns what the worker did.
    pub(crate) fn end(&self) -> WorkerEnd {
        let WorkerTotals { records, exchanged_records, exchanged_bytes, .. } = *self;
        WorkerEnd { records, exchanged_records, exchanged_bytes }
    }
}

/// Tells a driver something.
type TellDriver = dyn Fn(&mut dyn Driver);

/// What the operators and the loop of one worker share.
pub(crate) struct WorkerContext {
    pub(crate) feed: Arc<Feed>,
    pub(crate) config: RunConfig,
    pub(crate) worker: usize,
    /// Workers of all processes.
    pub(crate) workers: usize,
    pub(crate) placement: Placement,
    pub(super) process: usize,
    pub(super) processes: usize,
    pub(super) driver: Rc<RefCell<Box<dyn Driver>>>,
    pub(super) probe: ProbeHandle<u64>,
    pub(super) behind: Option<ProbeHandle<i64>>, // of a dataflow that answers behind this one: its timestamp is event time
    pub(super) held: RefCell<Vec<(OperatorName, Rc<Cell<StateCounts>>)>>, // by each operator that keeps anything
    pub(super) tell_arrangements: Option<Box<TellDriver>>, // of a dataflow behind this one
    pub(super) operators: RefCell<Vec<Rc<dyn Any>>>, // kept alive after the dataflow is dropped, until their state has been measured
    pub(super) payload: Rc<Cell<(usize, usize)>>,    // entries and their bytes when the input had ended
    pub(super) records: Rc<Cell<u64>>,
    pub(super) rounds: Rc<Cell<u64>>, // how often an operator had something to do
    pub(super) traffic: Rc<Cell<Traffic>>,
    pub(crate) fault_fired: FaultFired,
}

/// Runs a dataflow on every worker of this process: `work` builds it with the context it is given and offers
/// everything.
pub(crate) fn execute(
    context: &RunContext,
    placement: impl Fn(PlacementRequest) -> Placement + Send + Sync + 'static,
    work: impl Fn(&mut Worker, WorkerContext) -> Vec<WorkerTotals> + Send + Sync + 'static,
) -> Result<Vec<WorkerTotals>, RunError> {
    start(context, make_context(context, Box::new(placement)), Box::new(work))
}

type Place = Box<dyn Fn(PlacementRequest) -> Placement + Send + Sync>;
type Work = Box<dyn Fn(&mut Worker, WorkerContext) -> Vec<WorkerTotals> + Send + Sync>;

/// Returns what makes the context of a worker.
fn make_context(
    context: &RunContext,
    placement: Place,
) -> impl Fn(&mut Worker) -> WorkerContext + Send + Sync + 'static {
    let (config, feed, drivers) = (context.config, Arc::clone(&context.feed), Arc::clone(&context.drivers));
    let (process, processes) = (context.deployment.process(), context.deployment.processes());
    let hook = context.hook.clone();
    move |worker| {
        if let Some(hook) = &hook {
            hook(worker);
        }
        let driver = drivers(worker.index());
        let request = PlacementRequest {
            worker: worker.index(),
            workers: worker.peers(),
            deduplicates: config.deduplicate.is_some(),
        };
        WorkerContext {
            feed: Arc::clone(&feed),
            config,
            worker: request.worker,
            workers: request.workers,
            placement: placement(request),
            process,
            processes,
            driver: Rc::new(RefCell::new(driver)),
            probe: ProbeHandle::new(),
            behind: None,
            held: RefCell::default(),
            tell_arrangements: None,
            operators: RefCell::default(),
            payload: Rc::default(),
            records: Rc::default(),
            rounds: Rc::default(),
            traffic: Rc::default(),
            fault_fired: FaultFired::default(),
        }
    }
}

/// Starts the workers; type-erased, so that it is compiled once.
fn start(
    context: &RunContext,
    make_context: impl Fn(&mut Worker) -> WorkerContext + Send + Sync + 'static,
    work: Work,
) -> Result<Vec<WorkerTotals>, RunError> {
    let work = move |worker: &mut Worker| {
        let worker_context = make_context(worker);
        work(worker, worker_context)
    };
    let guards = match &context.deployment {
        Deployment::Threads => {
            let config = match context.config.workers {
                1 => timely::Config::thread(),
                workers => timely::Config::process(workers),
            };
            timely::execute(config, work)
        }
        Deployment::Processes(cluster) => cluster.connect(context.config.workers).and_then(|(builders, guard)| {
            timely::execute::execute_from(builders, guard, timely::WorkerConfig::default(), work)
        }),
    };
    let ends = guards.map_err(RunError::Dataflow)?.join();
    let ends: Vec<Vec<WorkerTotals>> = ends.into_iter().collect::<Result<_, String>>().map_err(RunError::Dataflow)?;
    Ok(ends.into_iter().flatten().collect())
}

impl WorkerContext {
    /// Considers complete what this stream has passed.
    pub(crate) fn watch(&self, progress: Batches<'_, ()>) {
        progress.probe_with(&self.probe);
    }

    /// Notes that the last stage hands over to a dataflow whose answers have come as far in event time as `probe`
    /// tells.
    pub(crate) fn answers_behind(&mut self, probe: ProbeHandle<i64>) {
        self.behind = Some(probe);
    }

    /// Notes what tells the driver what the arrangements of that dataflow hold.
    pub(crate) fn arrangements_behind(&mut self, tell: impl Fn(&mut dyn Driver) + 'static) {
        self.tell_arrangements = Some(Box::new(tell));
    }

    /// Creates the outbox of an operator of this worker.
    pub(crate) fn outbox<M: Message>(&self, routing: Routing) -> Outbox<M> {
        Outbox::new(self.worker, routing, Rc::clone(&self.traffic))
    }

    /// Returns the cell in which the operator of a stage shows what it holds.
    pub(crate) fn holder(&self, operator: OperatorName) -> Rc<Cell<StateCounts>> {
        let holder = Rc::new(Cell::default());
        self.held.borrow_mut().push((operator, Rc::clone(&holder)));
        holder
    }
}

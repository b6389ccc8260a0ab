//! Runs a pipeline of each shape with the strategy it is asked for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::{Event, Horizon, LateSet};

use super::dataflow::WorkerTotals;
use super::dataflow::sink::{CollectingSink, MakeSink, Passthrough, ResultCollector, SharedSink};
use super::differential::{self, Incremental};
use super::plan::{Answering, MakeOperator, Plan, Rows, Topology, one_stage, two_stages};
use super::{
    Strategy, UnsupportedReason, broadcast, co_partitioned, exchange, hot_split, plan, pre_aggregate, sequential,
    shared, single_writer, staged, support,
};
use crate::answers::{Answers, Change, Changes, Corrupt, Row, consolidated};
use crate::disorder::{Arrival, InArrivalOrder};
use crate::fault::FaultInjector;
use crate::feed::Delivery;
use crate::logic::{Delivered, KeyedLogic, Mergeable, Message, PartialState, StatelessLogic, WindowLogic};
use crate::run::{RunConfig, RunContext, RunEnd, RunError};
use crate::speculative::Speculative;
use crate::state::dedup::FirstOnly;
use crate::state::keyed_operator::{StateOperator, keyed_operator};
use crate::state::state_machine::{Merged, Plain};
use crate::state::window_operator::{Signed, WindowOperator};

impl Strategy {
    /// Returns how many of `workers` read; each reads its own epochs, taken in turn.
    pub fn readers(self, workers: usize) -> usize {
        if self == Strategy::Staged { staged::readers(workers) } else { workers }
    }

    /// Returns the topology of a strategy that only differs in who reads, who holds state and what goes where; `None`
    /// for the others.
    fn topology(self) -> Option<Topology> {
        match self {
            Strategy::Exchange => Some(exchange::TOPOLOGY),
            Strategy::PreAggregate => Some(pre_aggregate::TOPOLOGY),
            Strategy::CoPartitioned => Some(co_partitioned::TOPOLOGY),
            Strategy::SingleWriter => Some(single_writer::TOPOLOGY),
            Strategy::Broadcast => Some(broadcast::TOPOLOGY),
            Strategy::Staged => Some(staged::TOPOLOGY),
            Strategy::Sequential | Strategy::Shared | Strategy::HotSplit | Strategy::Differential => None,
        }
    }
}

/// Runs stateless logic.
pub(crate) fn run_stateless<L: StatelessLogic>(logic: &L, context: &RunContext) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let strategy = checked(context, support::stateless(&context.config))?;
    let collector = ResultCollector::default();
    let all_totals = match strategy {
        Strategy::Sequential => sequential::stateless(logic, context, &collector),
        Strategy::Exchange => {
            one_stage(context, Plan::answers(logic), last(|| Passthrough, &collector), exchange::WHERE_READ)?
        }
        _ => {
            let logic = logic.clone();
            one_stage(context, Plan::all(), last(move || Answering(logic.clone()), &collector), topology(strategy))?
        }
    };
    Ok(gather(collector, &all_totals))
}

/// Runs a pipeline that gives the row of each first delivery.
pub(crate) fn run_deliveries<W: Delivered<Row: Row>>(
    horizon: Horizon,
    context: &RunContext,
) -> Result<RunEnd, RunError> {
    let strategy = checked(context, support::deliveries(&context.config))?;
    let (collector, eviction) = (ResultCollector::default(), context.config.eviction);
    let make = move |order| keyed_operator(FirstOnly::<W>::within(horizon), eviction, order);
    let operator: MakeOperator<Delivery<W>, W::Row> = Arc::new(move || make(Box::<InArrivalOrder<W>>::default()));
    let all_totals = match strategy {
        Strategy::Sequential => sequential::deliveries(make(Box::new(Arrival)), context, &collector),
        Strategy::Shared => shared::one_stage(context, Plan::deliveries(), &operator, collector.clone())?,
        _ => one_stage(context, Plan::deliveries(), last(by_box(&operator), &collector), topology(strategy))?,
    };
    Ok(gather(collector, &all_totals))
}

/// Runs keyed logic.
pub(crate) fn run_keyed<L: KeyedLogic>(logic: &L, context: &RunContext) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let strategy = checked(context, support::keyed(&context.config))?;
    keyed(logic, strategy, context)
}

/// Runs keyed logic whose states can be merged.
pub(crate) fn run_merging<L: Mergeable>(logic: &L, context: &RunContext) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let strategy = checked(context, support::merging(&context.config))?;
    let collector = ResultCollector::default();
    let last = || last(by_box(&merged(logic, context)), &collector);
    let all_totals = match strategy {
        Strategy::PreAggregate => one_stage(context, Plan::combined_pieces(logic), last(), topology(strategy))?,
        Strategy::HotSplit => hot_split::one_stage(context, Plan::pieces(logic), plan::combining(logic), last())?,
        _ => return keyed(logic, strategy, context),
    };
    Ok(gather(collector, &all_totals))
}

/// Runs keyed logic, and window logic over its rows.
pub(crate) fn run_chained<L: KeyedLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    context: &RunContext,
) -> Result<RunEnd, RunError> {
    let strategy = checked(context, support::chained(&context.config, W::COMBINES))?;
    chained(logic, windows, strategy, context)
}

/// Runs keyed logic whose states can be merged, and window logic over its rows.
pub(crate) fn run_merging_chained<L: Mergeable, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    context: &RunContext,
) -> Result<RunEnd, RunError> {
    let strategy = checked(context, support::merging(&context.config))?;
    let collector = ResultCollector::default();
    let last = || last_windows(windows, context, &collector);
    let rows = || Rows::combined(merged(logic, context), windows);
    let all_totals = match strategy {
        Strategy::PreAggregate => {
            two_stages(context, Plan::combined_pieces(logic), rows(), last(), topology(strategy))?
        }
        Strategy::HotSplit => {
            hot_split::two_stages(context, Plan::pieces(logic), plan::combining(logic), rows(), last())?
        }
        _ => return chained(logic, windows, strategy, context),
    };
    consolidate(collector, &all_totals, &context.config)
}

/// Runs window logic over the rows of stateless logic.
pub(crate) fn run_grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    context: &RunContext,
) -> Result<RunEnd, RunError> {
    let strategy = checked(context, support::grouped(&context.config))?;
    let collector = ResultCollector::default();
    let last = || last_windows(windows, context, &collector);
    let all_totals = match strategy {
        Strategy::Sequential => sequential::grouped(logic, windows, context, &collector),
        Strategy::Shared => {
            shared::one_stage(context, Plan::inputs(logic, windows), &window_part(windows, context), collector.clone())?
        }
        Strategy::PreAggregate => {
            one_stage(context, Plan::combined_inputs(logic, windows), last(), topology(strategy))?
        }
        Strategy::HotSplit => {
            hot_split::one_stage(context, Plan::inputs(logic, windows), plan::combining_inputs(windows), last())?
        }
        _ => one_stage(context, Plan::inputs(logic, windows), last(), topology(strategy))?,
    };
    consolidate(collector, &all_totals, &context.config)
}

/// Runs a pipeline as collections that change with event time.
pub(crate) fn run_incremental<D: Incremental>(pipeline: &D, context: &RunContext) -> Result<RunEnd, RunError> {
    checked(context, support::incremental(&context.config))?;
    let collector = ResultCollector::default();
    let all_totals = differential::run(pipeline, context, last(|| Passthrough, &collector))?;
    Ok(gather(collector, &all_totals))
}

fn keyed<L: KeyedLogic>(logic: &L, strategy: Strategy, context: &RunContext) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    if context.config.order.takes_back() {
        let collector = ResultCollector::default();
        let all_totals = keyed_parts(logic, strategy, &speculative(logic, context), context, &collector)?;
        consolidate(collector, &all_totals, &context.config)
    } else {
        let collector = ResultCollector::default();
        let all_totals = keyed_parts(logic, strategy, &plain(logic, context), context, &collector)?;
        Ok(gather(collector, &all_totals))
    }
}

fn keyed_parts<L: KeyedLogic, R: Message + Corrupt>(
    logic: &L,
    strategy: Strategy,
    operator: &MakeOperator<Event, R>,
    context: &RunContext,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    match strategy {
        Strategy::Sequential => Ok(sequential::keyed(logic, operator, context, collector)),
        Strategy::Shared => shared::one_stage(context, Plan::keyed(logic), operator, collector.clone()),
        _ => one_stage(context, Plan::keyed(logic), last(by_box(operator), collector), topology(strategy)),
    }
}

fn chained<L: KeyedLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    strategy: Strategy,
    context: &RunContext,
) -> Result<RunEnd, RunError> {
    let collector = ResultCollector::default();
    let all_totals = if context.config.order.takes_back() {
        chained_parts(logic, windows, strategy, speculative(logic, context), context, &collector)?
    } else {
        chained_parts(logic, windows, strategy, plain(logic, context), context, &collector)?
    };
    consolidate(collector, &all_totals, &context.config)
}

fn chained_parts<L: KeyedLogic, W: WindowLogic, B: Message + Signed<W::Input>>(
    logic: &L,
    windows: &W,
    strategy: Strategy,
    operator: MakeOperator<Event, B>,
    context: &RunContext,
    collector: &ResultCollector<Change<W::Row>>,
) -> Result<Vec<WorkerTotals>, RunError> {
    let plan = || Plan::keyed(logic);
    match strategy {
        Strategy::Sequential => Ok(sequential::chained(logic, &operator, windows, context, collector)),
        Strategy::Shared => {
            let windows_part = window_part(windows, context);
            shared::two_stages(context, plan(), Rows::by_window(operator, windows), &windows_part, collector.clone())
        }
        _ => {
            let combine = strategy == Strategy::PreAggregate;
            let rows = if combine { Rows::combined(operator, windows) } else { Rows::by_window(operator, windows) };
            two_stages(context, plan(), rows, last_windows(windows, context, collector), topology(strategy))
        }
    }
}

/// Makes operators that apply events as the order policy releases them.
fn plain<L: KeyedLogic>(logic: &L, context: &RunContext) -> MakeOperator<Event, L::Row> {
    let (logic, config, slack_ms) = (logic.clone(), context.config, context.feed.slack_ms());
    Arc::new(move || keyed_operator(Plain(logic.clone()), config.eviction, config.order.policy(slack_ms)))
}

/// Makes operators that answer at once and retract.
fn speculative<L: KeyedLogic>(logic: &L, context: &RunContext) -> MakeOperator<Event, Change<L::Row>> {
    let (logic, config, slack_ms) = (logic.clone(), context.config, context.feed.slack_ms());
    Arc::new(move || keyed_operator(Speculative::new(&logic, slack_ms), config.eviction, config.order.policy(slack_ms)))
}

/// Makes operators that merge what was combined elsewhere.
fn merged<L: Mergeable>(logic: &L, context: &RunContext) -> MakeOperator<PartialState<L::Key, L::State>, L::Row> {
    let (logic, config, slack_ms) = (logic.clone(), context.config, context.feed.slack_ms());
    Arc::new(move || keyed_operator(Merged(logic.clone()), config.eviction, config.order.policy(slack_ms)))
}

fn window_part<W: WindowLogic, M: Message + Signed<W::Input>>(
    windows: &W,
    context: &RunContext,
) -> MakeOperator<M, Change<W::Row>> {
    let (windows, config) = (windows.clone(), context.config);
    Arc::new(move || Box::new(WindowOperator::new(&windows, &config)))
}

fn last_windows<W: WindowLogic, M: Message + Signed<W::Input>>(
    windows: &W,
    context: &RunContext,
    collector: &ResultCollector<Change<W::Row>>,
) -> MakeSink<M> {
    last(by_box(&window_part(windows, context)), collector)
}

fn by_box<M: 'static, R: 'static>(
    operator: &MakeOperator<M, R>,
) -> impl Fn() -> Box<dyn StateOperator<M, R>> + Send + Sync + use<M, R> {
    let operator = Arc::clone(operator);
    move || operator()
}

/// Makes last stages around `operator`, whose answers go to `collector`.
fn last<M: Message, R: Message + Corrupt, P: StateOperator<M, R> + 'static>(
    operator: impl Fn() -> P + Send + Sync + 'static,
    collector: &ResultCollector<R>,
) -> MakeSink<M> {
    let collector = collector.clone();
    Arc::new(move |messages_fault: FaultInjector, answers_fault: FaultInjector| {
        let kept: SharedSink<M> =
            Rc::new(RefCell::new(CollectingSink::new(operator(), messages_fault, answers_fault, collector.clone())));
        kept
    })
}

fn topology(strategy: Strategy) -> Topology {
    strategy.topology().unwrap_or(exchange::TOPOLOGY)
}

fn checked(context: &RunContext, gap: Option<UnsupportedReason>) -> Result<Strategy, RunError> {
    let strategy = context.config.strategy;
    let workers = context.workers();
    if let Some(allowed) = strategy.allowed_workers(workers) {
        return Err(RunError::Workers { strategy: strategy.name(), allowed, workers });
    }
    match gap.or_else(|| strategy.unsupported_between_processes(context.deployment.processes())) {
        Some(gap) => Err(RunError::Gap { strategy: strategy.name(), gap }),
        None => Ok(strategy),
    }
}

/// Gathers the answers of all workers.
fn gather<R: Row>(collector: ResultCollector<R>, all_totals: &[WorkerTotals]) -> RunEnd {
    ended(Box::new(collector.empty()), None, all_totals)
}

/// Gathers the changes of all workers, and what is left of them.
fn consolidate<R: Row>(
    collector: ResultCollector<Change<R>>,
    all_totals: &[WorkerTotals],
    config: &RunConfig,
) -> Result<RunEnd, RunError> {
    let (rows, changes) = consolidated(collector.empty()).ok_or(RunError::TakenBack)?;
    Ok(ended(Box::new(rows), config.order.takes_back().then_some(changes), all_totals))
}

fn ended(answers: Box<dyn Answers>, changes: Option<Changes>, all_totals: &[WorkerTotals]) -> RunEnd {
    let mut late = LateSet::default();
    all_totals.iter().for_each(|totals| late.merge(totals.late));
    let entries: usize = all_totals.iter().map(|totals| totals.entries).sum();
    let payload_bytes: usize = all_totals.iter().map(|totals| totals.payload_bytes).sum();
    let payload_bytes_per_entry = (entries > 0).then(|| payload_bytes as f64 / entries as f64);
    let mut workers: Vec<&WorkerTotals> = all_totals.iter().collect();
    workers.sort_by_key(|totals| totals.worker);
    let workers = workers.into_iter().map(WorkerTotals::end).collect();
    let struck = all_totals.iter().any(|totals| totals.struck);
    RunEnd { answers, changes, late, payload_bytes_per_entry, workers, struck }
}

//! Runs a pipeline of each shape with the strategy it is asked for.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::{Event, Horizon, LateSet};

use super::dataflow::Tally;
use super::differential::{self, Incremental};
use super::kept::{Kept, MakeLast, PassedOn, SharedLast, Tray};
use super::plan::{Answering, MakePart, Plan, Rows, Topology, one_stage, two_stages};
use super::support::{
    gap_of_chained, gap_of_deliveries, gap_of_grouped, gap_of_incremental, gap_of_keyed, gap_of_merging,
    gap_of_stateless,
};
use super::{
    Strategy, StrategyGap, broadcast, co_partitioned, exchange, hot_split, plan, pre_aggregate, sequential, shared,
    single_writer, staged,
};
use crate::answers::{Answers, Change, Changes, Row, Spoil, consolidated};
use crate::deduplicate::FirstOnly;
use crate::fault::Armed;
use crate::feed::Delivery;
use crate::logic::{Delivered, KeyedLogic, Mergeable, Message, Piece, StatelessLogic, WindowLogic};
use crate::machine::{Merged, Plain};
use crate::order::{Arrival, InArrivalOrder, Speculative};
use crate::part::{self, Part};
use crate::run::{Choice, RunEnd, RunError, Site};
use crate::window::{Signed, WindowPart};

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
pub(crate) fn run_stateless<L: StatelessLogic>(logic: &L, site: &Site) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let strategy = checked(site, gap_of_stateless(&site.choice))?;
    let tray = Tray::default();
    let tallies = match strategy {
        Strategy::Sequential => sequential::stateless(logic, site, &tray),
        Strategy::Exchange => one_stage(site, Plan::answers(logic), last(|| PassedOn, &tray), exchange::WHERE_READ)?,
        _ => {
            let logic = logic.clone();
            one_stage(site, Plan::all(), last(move || Answering(logic.clone()), &tray), topology(strategy))?
        }
    };
    Ok(gather(tray, &tallies))
}

/// Runs a pipeline that gives the row of each first delivery.
pub(crate) fn run_deliveries<W: Delivered<Row: Row>>(horizon: Horizon, site: &Site) -> Result<RunEnd, RunError> {
    let strategy = checked(site, gap_of_deliveries(&site.choice))?;
    let (tray, eviction) = (Tray::default(), site.choice.eviction);
    let make = move |order| part::part(FirstOnly::<W>::within(horizon), eviction, order);
    let part: MakePart<Delivery<W>, W::Row> = Arc::new(move || make(Box::<InArrivalOrder<W>>::default()));
    let tallies = match strategy {
        Strategy::Sequential => sequential::deliveries(make(Box::new(Arrival)), site, &tray),
        Strategy::Shared => shared::one_stage(site, Plan::deliveries(), &part, tray.clone())?,
        _ => one_stage(site, Plan::deliveries(), last(by_box(&part), &tray), topology(strategy))?,
    };
    Ok(gather(tray, &tallies))
}

/// Runs keyed logic.
pub(crate) fn run_keyed<L: KeyedLogic>(logic: &L, site: &Site) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let strategy = checked(site, gap_of_keyed(&site.choice))?;
    keyed(logic, strategy, site)
}

/// Runs keyed logic whose states can be merged.
pub(crate) fn run_merging<L: Mergeable>(logic: &L, site: &Site) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let strategy = checked(site, gap_of_merging(&site.choice))?;
    let tray = Tray::default();
    let last = || last(by_box(&merged(logic, site)), &tray);
    let tallies = match strategy {
        Strategy::PreAggregate => one_stage(site, Plan::combined_pieces(logic), last(), topology(strategy))?,
        Strategy::HotSplit => hot_split::one_stage(site, Plan::pieces(logic), plan::combining(logic), last())?,
        _ => return keyed(logic, strategy, site),
    };
    Ok(gather(tray, &tallies))
}

/// Runs keyed logic, and window logic over its rows.
pub(crate) fn run_chained<L: KeyedLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    site: &Site,
) -> Result<RunEnd, RunError> {
    let strategy = checked(site, gap_of_chained(&site.choice, W::COMBINES))?;
    chained(logic, windows, strategy, site)
}

/// Runs keyed logic whose states can be merged, and window logic over its rows.
pub(crate) fn run_merging_chained<L: Mergeable, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    site: &Site,
) -> Result<RunEnd, RunError> {
    let strategy = checked(site, gap_of_merging(&site.choice))?;
    let tray = Tray::default();
    let last = || last_windows(windows, site, &tray);
    let rows = || Rows::combined(merged(logic, site), windows);
    let tallies = match strategy {
        Strategy::PreAggregate => two_stages(site, Plan::combined_pieces(logic), rows(), last(), topology(strategy))?,
        Strategy::HotSplit => hot_split::two_stages(site, Plan::pieces(logic), plan::combining(logic), rows(), last())?,
        _ => return chained(logic, windows, strategy, site),
    };
    consolidate(tray, &tallies, &site.choice)
}

/// Runs window logic over the rows of stateless logic.
pub(crate) fn run_grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    site: &Site,
) -> Result<RunEnd, RunError> {
    let strategy = checked(site, gap_of_grouped(&site.choice))?;
    let tray = Tray::default();
    let last = || last_windows(windows, site, &tray);
    let tallies = match strategy {
        Strategy::Sequential => sequential::grouped(logic, windows, site, &tray),
        Strategy::Shared => {
            shared::one_stage(site, Plan::inputs(logic, windows), &window_part(windows, site), tray.clone())?
        }
        Strategy::PreAggregate => one_stage(site, Plan::combined_inputs(logic, windows), last(), topology(strategy))?,
        Strategy::HotSplit => {
            hot_split::one_stage(site, Plan::inputs(logic, windows), plan::combining_inputs(windows), last())?
        }
        _ => one_stage(site, Plan::inputs(logic, windows), last(), topology(strategy))?,
    };
    consolidate(tray, &tallies, &site.choice)
}

/// Runs a pipeline as collections that change with event time.
pub(crate) fn run_incremental<D: Incremental>(pipeline: &D, site: &Site) -> Result<RunEnd, RunError> {
    checked(site, gap_of_incremental(&site.choice))?;
    let tray = Tray::default();
    let tallies = differential::run(pipeline, site, last(|| PassedOn, &tray))?;
    Ok(gather(tray, &tallies))
}

fn keyed<L: KeyedLogic>(logic: &L, strategy: Strategy, site: &Site) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    if site.choice.order.takes_back() {
        let tray = Tray::default();
        let tallies = keyed_parts(logic, strategy, &speculative(logic, site), site, &tray)?;
        consolidate(tray, &tallies, &site.choice)
    } else {
        let tray = Tray::default();
        let tallies = keyed_parts(logic, strategy, &plain(logic, site), site, &tray)?;
        Ok(gather(tray, &tallies))
    }
}

fn keyed_parts<L: KeyedLogic, R: Message + Spoil>(
    logic: &L,
    strategy: Strategy,
    part: &MakePart<Event, R>,
    site: &Site,
    tray: &Tray<R>,
) -> Result<Vec<Tally>, RunError> {
    match strategy {
        Strategy::Sequential => Ok(sequential::keyed(logic, part, site, tray)),
        Strategy::Shared => shared::one_stage(site, Plan::keyed(logic), part, tray.clone()),
        _ => one_stage(site, Plan::keyed(logic), last(by_box(part), tray), topology(strategy)),
    }
}

fn chained<L: KeyedLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    strategy: Strategy,
    site: &Site,
) -> Result<RunEnd, RunError> {
    let tray = Tray::default();
    let tallies = if site.choice.order.takes_back() {
        chained_parts(logic, windows, strategy, speculative(logic, site), site, &tray)?
    } else {
        chained_parts(logic, windows, strategy, plain(logic, site), site, &tray)?
    };
    consolidate(tray, &tallies, &site.choice)
}

fn chained_parts<L: KeyedLogic, W: WindowLogic, B: Message + Signed<W::Input>>(
    logic: &L,
    windows: &W,
    strategy: Strategy,
    part: MakePart<Event, B>,
    site: &Site,
    tray: &Tray<Change<W::Row>>,
) -> Result<Vec<Tally>, RunError> {
    let plan = || Plan::keyed(logic);
    match strategy {
        Strategy::Sequential => Ok(sequential::chained(logic, &part, windows, site, tray)),
        Strategy::Shared => {
            let windows_part = window_part(windows, site);
            shared::two_stages(site, plan(), Rows::by_window(part, windows), &windows_part, tray.clone())
        }
        _ => {
            let combine = strategy == Strategy::PreAggregate;
            let rows = if combine { Rows::combined(part, windows) } else { Rows::by_window(part, windows) };
            two_stages(site, plan(), rows, last_windows(windows, site, tray), topology(strategy))
        }
    }
}

/// Makes operators that apply events as the order policy releases them.
fn plain<L: KeyedLogic>(logic: &L, site: &Site) -> MakePart<Event, L::Row> {
    let (logic, choice, slack_ms) = (logic.clone(), site.choice, site.feed.slack_ms());
    Arc::new(move || part::part(Plain(logic.clone()), choice.eviction, choice.order.policy(slack_ms)))
}

/// Makes operators that answer at once and retract.
fn speculative<L: KeyedLogic>(logic: &L, site: &Site) -> MakePart<Event, Change<L::Row>> {
    let (logic, choice, slack_ms) = (logic.clone(), site.choice, site.feed.slack_ms());
    Arc::new(move || part::part(Speculative::new(&logic, slack_ms), choice.eviction, choice.order.policy(slack_ms)))
}

/// Makes operators that merge what was combined elsewhere.
fn merged<L: Mergeable>(logic: &L, site: &Site) -> MakePart<Piece<L::Key, L::State>, L::Row> {
    let (logic, choice, slack_ms) = (logic.clone(), site.choice, site.feed.slack_ms());
    Arc::new(move || part::part(Merged(logic.clone()), choice.eviction, choice.order.policy(slack_ms)))
}

fn window_part<W: WindowLogic, M: Message + Signed<W::Input>>(windows: &W, site: &Site) -> MakePart<M, Change<W::Row>> {
    let (windows, choice) = (windows.clone(), site.choice);
    Arc::new(move || Box::new(WindowPart::new(&windows, &choice)))
}

fn last_windows<W: WindowLogic, M: Message + Signed<W::Input>>(
    windows: &W,
    site: &Site,
    tray: &Tray<Change<W::Row>>,
) -> MakeLast<M> {
    last(by_box(&window_part(windows, site)), tray)
}

fn by_box<M: 'static, R: 'static>(part: &MakePart<M, R>) -> impl Fn() -> Box<dyn Part<M, R>> + Send + Sync + use<M, R> {
    let part = Arc::clone(part);
    move || part()
}

/// Makes last stages around `part`, whose answers go to `tray`.
fn last<M: Message, R: Message + Spoil, P: Part<M, R> + 'static>(
    part: impl Fn() -> P + Send + Sync + 'static,
    tray: &Tray<R>,
) -> MakeLast<M> {
    let tray = tray.clone();
    Arc::new(move |messages_fault: Armed, answers_fault: Armed| {
        let kept: SharedLast<M> = Rc::new(RefCell::new(Kept::new(part(), messages_fault, answers_fault, tray.clone())));
        kept
    })
}

fn topology(strategy: Strategy) -> Topology {
    strategy.topology().unwrap_or(exchange::TOPOLOGY)
}

fn checked(site: &Site, gap: Option<StrategyGap>) -> Result<Strategy, RunError> {
    let strategy = site.choice.strategy;
    let workers = site.workers();
    if let Some(allowed) = strategy.allowed_workers(workers) {
        return Err(RunError::Workers { strategy: strategy.name(), allowed, workers });
    }
    match gap.or_else(|| strategy.gap_between_processes(site.home.processes())) {
        Some(gap) => Err(RunError::Gap { strategy: strategy.name(), gap }),
        None => Ok(strategy),
    }
}

/// Gathers the answers of all workers.
fn gather<R: Row>(tray: Tray<R>, tallies: &[Tally]) -> RunEnd {
    ended(Box::new(tray.empty()), None, tallies)
}

/// Gathers the changes of all workers, and what is left of them.
fn consolidate<R: Row>(tray: Tray<Change<R>>, tallies: &[Tally], choice: &Choice) -> Result<RunEnd, RunError> {
    let (rows, changes) = consolidated(tray.empty()).ok_or(RunError::TakenBack)?;
    Ok(ended(Box::new(rows), choice.order.takes_back().then_some(changes), tallies))
}

fn ended(answers: Box<dyn Answers>, changes: Option<Changes>, tallies: &[Tally]) -> RunEnd {
    let mut late = LateSet::default();
    tallies.iter().for_each(|tally| late.merge(tally.late));
    let entries: usize = tallies.iter().map(|tally| tally.entries).sum();
    let payload_bytes: usize = tallies.iter().map(|tally| tally.payload_bytes).sum();
    let payload_bytes_per_entry = (entries > 0).then(|| payload_bytes as f64 / entries as f64);
    let mut workers: Vec<&Tally> = tallies.iter().collect();
    workers.sort_by_key(|tally| tally.worker);
    let workers = workers.into_iter().map(Tally::end).collect();
    let struck = tallies.iter().any(|tally| tally.struck);
    RunEnd { answers, changes, late, payload_bytes_per_entry, workers, struck }
}

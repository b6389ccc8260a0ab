//! The shapes of pipelines: a first stage, with windows over its rows or without. Each is a [`BoundPipeline`] that
//! every strategy can run, unless it says why not.
//!
//! A first stage is [`Stateless`], [`Keyed`], [`Merging`] or [`FirstDeliveries`]; [`Windowed`] adds windows to it, and
//! [`WithDifferential`] a second way to answer.

use std::marker::PhantomData;
use std::sync::Arc;

use flowbench_events::{Event, Horizon, LateSet};

use crate::answers::{Answers, Change, Changes, Row, consolidated};
use crate::disorder::{Arrival, InArrivalOrder, OrderPolicy};
#[cfg(test)]
use crate::eviction::Loss;
use crate::logic::{Delivered, EMPTY_STATE, KeyedLogic, Mergeable, StatelessLogic, TimerOutcome, WindowLogic};
use crate::message::Message;
use crate::oracle;
use crate::pipeline::BoundPipeline;
use crate::run::{RunConfig, RunContext, RunEnd, RunError};
use crate::speculative::Speculative;
use crate::state::dedup::DedupMachine;
use crate::state::keyed_operator::KeyedOperator;
use crate::state::operator::{Answering, MakeOperator, Passthrough};
use crate::state::state_machine::{Merged, Plain};
use crate::state::window_machine::Signed;
use crate::strategy::declaration::{
    Executor, FirstShape, NO_HISTORY, Request, Shape, Strategy, UnsupportedReason, WindowShape,
};
use crate::strategy::differential::{self, collections::Incremental};
use crate::strategy::executor::{one_stage, two_stages};
use crate::strategy::stage::{FirstStage, Intake, SecondStage, combining_inputs, combining_states, window_operator};
use crate::strategy::{ResultCollector, WorkerTotals};

/// The number of events examined to find out how long states are kept.
const PROBED: usize = 20_000;

/// What comes first in a pipeline: how events become rows.
pub(crate) trait Stage: Send + Sync {
    /// What comes out: answers, or inputs of windows.
    type Row: Message + Ord;

    /// What it needs.
    const SHAPE: FirstShape;

    /// Returns its rows for events in canonical order.
    fn rows(&self, canonical: &[Event]) -> Vec<Self::Row>;

    /// Runs it, and `next` with its rows.
    fn run<N: RowConsumer<Self::Row>>(&self, context: &RunContext, next: &N) -> Result<RunEnd, RunError>;

    /// Returns how many of `events` would concern it but have no key.
    fn without_key(&self, _events: &[Event]) -> u64 {
        0
    }

    /// See [`BoundPipeline::retention_ms`].
    fn retention_ms(&self, _events: &[Event]) -> Option<i64> {
        None
    }

    /// See [`BoundPipeline::counts`].
    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        asked
    }

    /// See [`BoundPipeline::oracle_with_loss`].
    #[cfg(test)]
    fn rows_with_loss(&self, _events: &[Event], _loss: &Loss) -> Option<Vec<Self::Row>> {
        None
    }
}

/// What becomes of the rows of a first stage.
pub(crate) trait RowConsumer<R: Message + Ord> {
    /// Takes the rows of stateless logic, which may be made where events are read.
    fn stateless<L: StatelessLogic<Row = R>>(&self, context: &RunContext, logic: &L) -> Result<RunEnd, RunError>;

    /// Takes the rows of a stage.
    fn rows<M: Message>(&self, context: &RunContext, first: FirstStage<M, R>) -> Result<RunEnd, RunError>;

    /// Takes the rows of a stage that may retract them.
    fn changes<M: Message>(&self, context: &RunContext, first: FirstStage<M, Change<R>>) -> Result<RunEnd, RunError>;
}

/// The rows of the first stage are the answers.
struct DirectAnswers;

impl<R: Row> RowConsumer<R> for DirectAnswers {
    fn stateless<L: StatelessLogic<Row = R>>(&self, context: &RunContext, logic: &L) -> Result<RunEnd, RunError> {
        let where_read = match context.config.strategy.0.executor {
            Executor::Dataflow(topology) => topology.answers_where_read,
            _ => true,
        };
        if where_read {
            let operator: MakeOperator<R, R> = Arc::new(|_| Box::new(Passthrough));
            self.rows(context, FirstStage { intake: Intake::answers(logic), operator, combine: None })
        } else {
            let logic = logic.clone();
            let operator: MakeOperator<Event, R> = Arc::new(move |_| Box::new(Answering(logic.clone())));
            self.rows(context, FirstStage { intake: Intake::all(), operator, combine: None })
        }
    }

    fn rows<M: Message>(&self, context: &RunContext, first: FirstStage<M, R>) -> Result<RunEnd, RunError> {
        let collector = collector_of_rows(context);
        let totals = one_stage(context, first, &collector)?;
        Ok(gathered(collector, &totals))
    }

    fn changes<M: Message>(&self, context: &RunContext, first: FirstStage<M, Change<R>>) -> Result<RunEnd, RunError> {
        let collector = collector_of_changes(context);
        let totals = one_stage(context, first, &collector)?;
        consolidate(collector, &totals, &context.config)
    }
}

/// The rows of the first stage are inputs of windows.
struct WindowInputs<'a, W>(&'a W);

impl<W: WindowLogic> WindowInputs<'_, W> {
    fn after<M: Message, B: Message + Signed<W::Input>>(
        &self,
        context: &RunContext,
        first: FirstStage<M, B>,
    ) -> Result<RunEnd, RunError> {
        let collector = collector_of_changes(context);
        let operator = window_operator(self.0, context);
        let second = SecondStage::windows(self.0, operator, combines(context));
        let totals = two_stages(context, first, second, &collector)?;
        consolidate(collector, &totals, &context.config)
    }
}

impl<W: WindowLogic> RowConsumer<W::Input> for WindowInputs<'_, W> {
    fn stateless<L: StatelessLogic<Row = W::Input>>(
        &self,
        context: &RunContext,
        logic: &L,
    ) -> Result<RunEnd, RunError> {
        let collector = collector_of_changes(context);
        let intake = Intake::inputs(logic, self.0, combines(context));
        let operator: MakeOperator<W::Input, Change<W::Row>> = window_operator(self.0, context);
        let first = FirstStage { intake, operator, combine: Some(combining_inputs(self.0)) };
        let totals = one_stage(context, first, &collector)?;
        consolidate(collector, &totals, &context.config)
    }

    fn rows<M: Message>(&self, context: &RunContext, first: FirstStage<M, W::Input>) -> Result<RunEnd, RunError> {
        self.after(context, first)
    }

    fn changes<M: Message>(
        &self,
        context: &RunContext,
        first: FirstStage<M, Change<W::Input>>,
    ) -> Result<RunEnd, RunError> {
        self.after(context, first)
    }
}

/// Makes a pipeline of stateless logic.
pub struct Stateless<L>(pub L);

impl<L: StatelessLogic> Stage for Stateless<L> {
    type Row = L::Row;

    const SHAPE: FirstShape = FirstShape::Stateless;

    fn rows(&self, canonical: &[Event]) -> Vec<L::Row> {
        oracle::stateless(&self.0, canonical)
    }

    fn run<N: RowConsumer<L::Row>>(&self, context: &RunContext, next: &N) -> Result<RunEnd, RunError> {
        next.stateless(context, &self.0)
    }
}

/// Makes a pipeline of the first delivery of each event within a horizon.
pub struct FirstDeliveries<W>(Horizon, PhantomData<fn(W)>);

impl<W> FirstDeliveries<W> {
    /// Returns the pipeline of first deliveries within `horizon`.
    pub fn within(horizon: Horizon) -> Self {
        Self(horizon, PhantomData)
    }
}

impl<W: Delivered<Row: Ord>> Stage for FirstDeliveries<W> {
    type Row = W::Row;

    const SHAPE: FirstShape = FirstShape::Deliveries;

    fn rows(&self, canonical: &[Event]) -> Vec<W::Row> {
        canonical.iter().map(|event| W::of(event).row()).collect()
    }

    fn run<N: RowConsumer<W::Row>>(&self, context: &RunContext, next: &N) -> Result<RunEnd, RunError> {
        let (config, horizon) = (context.config, self.counts(context.config.deduplicate).unwrap_or(self.0));
        let in_order = matches!(config.strategy.0.executor, Executor::Sequential);
        let operator: MakeOperator<_, W::Row> = Arc::new(move |share| {
            let order: Box<dyn OrderPolicy<_>> =
                if in_order { Box::new(Arrival) } else { Box::new(InArrivalOrder::default()) };
            Box::new(KeyedOperator::new(DedupMachine::<W>::within(horizon), config.eviction, share, order))
        });
        next.rows(context, FirstStage { intake: Intake::deliveries(), operator, combine: None })
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        asked.max(Some(self.0))
    }

    #[cfg(test)]
    fn rows_with_loss(&self, events: &[Event], loss: &Loss) -> Option<Vec<W::Row>> {
        Some(loss.deliveries::<W>(self.0, events))
    }
}

/// Makes a pipeline of keyed logic.
pub struct Keyed<L>(pub L);

impl<L: KeyedLogic> Stage for Keyed<L> {
    type Row = L::Row;

    const SHAPE: FirstShape = FirstShape::Keyed;

    fn rows(&self, canonical: &[Event]) -> Vec<L::Row> {
        oracle::keyed(&self.0, canonical)
    }

    /// Applies events as the order policy releases them, or answers at once and retracts.
    fn run<N: RowConsumer<L::Row>>(&self, context: &RunContext, next: &N) -> Result<RunEnd, RunError> {
        let (logic, config, slack_ms) = (self.0.clone(), context.config, context.feed.slack_ms());
        let intake = Intake::keyed(&self.0);
        if config.order.retracts() {
            let operator: MakeOperator<Event, Change<L::Row>> = Arc::new(move |share| {
                let machine = Speculative::new(&logic, slack_ms);
                Box::new(KeyedOperator::new(machine, config.eviction, share, config.order.policy(slack_ms)))
            });
            next.changes(context, FirstStage { intake, operator, combine: None })
        } else {
            let operator: MakeOperator<Event, L::Row> = Arc::new(move |share| {
                let order = config.order.policy(slack_ms);
                Box::new(KeyedOperator::new(Plain(logic.clone()), config.eviction, share, order))
            });
            next.rows(context, FirstStage { intake, operator, combine: None })
        }
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        events.iter().filter(|event| self.0.lacks_key(event)).count() as u64
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }

    #[cfg(test)]
    fn rows_with_loss(&self, events: &[Event], loss: &Loss) -> Option<Vec<L::Row>> {
        Some(loss.keyed(&self.0, events))
    }
}

/// Makes a pipeline of keyed logic whose states can be merged.
pub struct Merging<L>(pub L);

impl<L: Mergeable> Stage for Merging<L> {
    type Row = L::Row;

    const SHAPE: FirstShape = FirstShape::Mergeable;

    fn rows(&self, canonical: &[Event]) -> Vec<L::Row> {
        oracle::keyed(&self.0, canonical)
    }

    /// Merges partial states where the strategy combines events before they reach the state of their key.
    fn run<N: RowConsumer<L::Row>>(&self, context: &RunContext, next: &N) -> Result<RunEnd, RunError> {
        if !combines(context) && !matches!(context.config.strategy.0.executor, Executor::HotSplit) {
            return Keyed(self.0.clone()).run(context, next);
        }
        let (logic, config, slack_ms) = (self.0.clone(), context.config, context.feed.slack_ms());
        let operator: MakeOperator<_, L::Row> = Arc::new(move |share| {
            let order = config.order.policy(slack_ms);
            Box::new(KeyedOperator::new(Merged(logic.clone()), config.eviction, share, order))
        });
        let intake = Intake::partial_states(&self.0, combines(context));
        next.rows(context, FirstStage { intake, operator, combine: Some(combining_states(&self.0)) })
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        events.iter().filter(|event| self.0.lacks_key(event)).count() as u64
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        retention_ms(&self.0, events)
    }

    #[cfg(test)]
    fn rows_with_loss(&self, events: &[Event], loss: &Loss) -> Option<Vec<L::Row>> {
        Some(loss.keyed(&self.0, events))
    }
}

/// Makes a pipeline whose answers are the rows of a stage.
impl<S: Stage<Row: Row>> BoundPipeline for S {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(self.rows(canonical))
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        Stage::counts(self, asked)
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        unsupported(config, Shape { first: S::SHAPE, windows: None, incremental: false })
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        self.check(context)?;
        Stage::run(self, context, &DirectAnswers)
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        Stage::without_key(self, events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        Stage::retention_ms(self, events)
    }

    #[cfg(test)]
    fn oracle_with_loss(&self, events: &[Event], loss: &Loss) -> Option<Box<dyn Answers>> {
        Some(Box::new(self.rows_with_loss(events, loss)?))
    }
}

/// Makes a pipeline of a first stage whose rows are aggregated by window logic.
pub struct Windowed<S, W>(pub S, pub W);

impl<S: Stage, W: WindowLogic<Input = S::Row>> BoundPipeline for Windowed<S, W> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        Box::new(oracle::windowed(&self.1, &self.0.rows(canonical)))
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        let windows = Some(WindowShape { combines: W::COMBINES });
        unsupported(config, Shape { first: S::SHAPE, windows, incremental: false })
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        self.check(context)?;
        self.0.run(context, &WindowInputs(&self.1))
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        self.0.without_key(events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        self.0.retention_ms(events)
    }
}

/// Makes a pipeline that can also be run by [`Strategy::DIFFERENTIAL`]: `D` says how, `P` serves the other strategies.
pub struct WithDifferential<P, D>(pub P, pub D);

impl<P: BoundPipeline, D: Incremental> BoundPipeline for WithDifferential<P, D> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        self.0.oracle(canonical)
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        self.0.counts(asked)
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        if config.strategy == Strategy::DIFFERENTIAL {
            unsupported(config, Shape { first: FirstShape::Keyed, windows: None, incremental: true })
        } else {
            self.0.unsupported_reason(config)
        }
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        if context.config.strategy != Strategy::DIFFERENTIAL {
            return self.0.run(context);
        }
        self.check(context)?;
        let collector = collector_of_rows(context);
        let totals = differential::run(&self.1, context, &collector)?;
        Ok(gathered(collector, &totals))
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        self.0.without_key(events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        self.0.retention_ms(events)
    }

    #[cfg(test)]
    fn oracle_with_loss(&self, events: &[Event], loss: &Loss) -> Option<Box<dyn Answers>> {
        self.0.oracle_with_loss(events, loss)
    }
}

fn unsupported(config: &RunConfig, shape: Shape) -> Option<UnsupportedReason> {
    let request = Request {
        shape,
        waits: config.order.waits(),
        retracts: config.order.retracts(),
        evicts_by_compaction: config.eviction.is_by_compaction(),
    };
    let strategy = config.strategy.0;
    let keeps_history = matches!(strategy.executor, Executor::Differential);
    let reason = (strategy.unsupported)(&request);
    reason.or_else(|| (config.eviction.needs_arrangements() && !keeps_history).then_some(NO_HISTORY))
}

/// True if the strategy combines messages of one key before they are sent.
fn combines(context: &RunContext) -> bool {
    matches!(context.config.strategy.0.executor, Executor::Dataflow(topology) if topology.combines)
}

fn retention_ms<L: KeyedLogic>(logic: &L, events: &[Event]) -> Option<i64> {
    let mut longest_ms = None;
    for event in &events[..events.len().min(PROBED)] {
        let Some(key) = logic.key(event) else { continue };
        let (mut state, mut out) = (L::State::default(), Vec::new());
        logic.apply(key, &mut state, event, &mut out);
        match last_expiry_ms(logic, key, &mut state, &mut out) {
            EMPTY_STATE => {}
            i64::MAX => return None,
            expiry_ms => longest_ms = longest_ms.max(Some(expiry_ms.saturating_sub(event.event_time_ms()))),
        }
    }
    longest_ms
}

/// Returns when a state is gone if only its timers answer.
fn last_expiry_ms<L: KeyedLogic>(logic: &L, key: L::Key, state: &mut L::State, out: &mut Vec<L::Row>) -> i64 {
    loop {
        let expiry_ms = logic.expires_at_ms(key, state);
        if matches!(expiry_ms, EMPTY_STATE | i64::MAX) || logic.on_expiry(key, state, out) == TimerOutcome::Evict {
            return expiry_ms;
        }
    }
}

/// Returns a collector of answers that are never taken back.
fn collector_of_rows<R: Row>(context: &RunContext) -> ResultCollector<R> {
    let outlet = context.outlet.clone();
    ResultCollector::new(outlet.map(|outlet| Arc::new(move |rows| outlet(Changes::given(rows))) as _))
}

/// Returns a collector of answers that may be taken back.
fn collector_of_changes<R: Row>(context: &RunContext) -> ResultCollector<Change<R>> {
    let outlet = context.outlet.clone();
    ResultCollector::new(outlet.map(|outlet| Arc::new(move |changes: Vec<_>| outlet(Changes::of(&changes))) as _))
}

/// Gathers the answers of all workers.
fn gathered<R: Row>(collector: ResultCollector<R>, totals: &[WorkerTotals]) -> RunEnd {
    ended(Box::new(collector.empty()), None, totals)
}

/// Gathers the changes of all workers, and what is left of them.
fn consolidate<R: Row>(
    collector: ResultCollector<Change<R>>,
    totals: &[WorkerTotals],
    config: &RunConfig,
) -> Result<RunEnd, RunError> {
    let (rows, changes) = consolidated(collector.empty()).ok_or(RunError::TakenBack)?;
    Ok(ended(Box::new(rows), config.order.retracts().then_some(changes), totals))
}

fn ended(answers: Box<dyn Answers>, changes: Option<Changes>, totals: &[WorkerTotals]) -> RunEnd {
    let mut late = LateSet::default();
    totals.iter().for_each(|worker| late.merge(worker.late));
    let entries: usize = totals.iter().map(|worker| worker.entries).sum();
    let payload_bytes: usize = totals.iter().map(|worker| worker.payload_bytes).sum();
    let payload_bytes_per_entry = (entries > 0).then(|| payload_bytes as f64 / entries as f64);
    let mut workers: Vec<&WorkerTotals> = totals.iter().collect();
    workers.sort_by_key(|worker| worker.worker);
    let workers = workers.into_iter().map(WorkerTotals::end).collect();
    let fault_fired = totals.iter().any(|worker| worker.fault_fired);
    RunEnd { answers, changes, late, live_entries: entries, payload_bytes_per_entry, workers, fault_fired }
}

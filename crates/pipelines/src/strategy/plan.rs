//! A pipeline as the dataflow strategies see it: stages with their logic type-erased.

use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::{Event, LateSet};
use timely::worker::Worker;

use super::dataflow::sink::MakeSink;
use super::dataflow::source_reader::{Combine, Deliver, Make, Reader, Router, Select};
use super::dataflow::{Batches, OwnershipFilter, Placement, Reading, WorkerContext, WorkerTotals, execute};
use crate::driver::StateCounts;
use crate::fault::FaultInjector;
use crate::feed::{Delivery, EventTimeProgress, Partition, spread};
use crate::logic::{Delivered, Key, KeyedLogic, Mergeable, Message, PartialState, StatelessLogic, WindowLogic};
use crate::run::{RunConfig, RunContext, RunError};
use crate::state::keyed_operator::StateOperator;
use crate::state::window_operator::Signed;

/// What readers make of events, and where it belongs.
pub(super) struct Plan<M> {
    /// Makes the messages of the first stage.
    pub(super) intake: Intake<M>,
    /// The route of the state an event belongs to, where the input is partitioned in advance.
    pub(super) owner: Owner,
    /// The route of a message.
    pub(super) route: Route<M>,
}

/// How messages are made.
pub(super) struct Intake<M> {
    /// Makes the reader that turns events into messages where they are read.
    pub(super) reader: Make<dyn Reader<M>>,
    /// Makes the sorter for events that come out of deduplication. `None` where the first stage is told of all
    /// deliveries anyway.
    pub(super) router: Option<Make<dyn Router<Event, M>>>,
}

/// The route of an event, if it concerns the pipeline.
type Owner = Arc<dyn Fn(&Event) -> Option<u64> + Send + Sync>;

/// The route of a message. Only strategies that show messages to workers that do not own them ask for it on every
/// message.
pub(super) type Route<M> = Arc<dyn Fn(&M) -> u64 + Send + Sync>;

impl<M: Message> Intake<M> {
    /// Makes reader and router by what `make` returns.
    fn by<S: Reader<M> + Router<Event, M> + 'static>(make: impl Fn() -> S + Clone + Send + Sync + 'static) -> Self {
        let make_sorter = make.clone();
        Self { reader: Arc::new(move || Box::new(make())), router: Some(Arc::new(move || Box::new(make_sorter()))) }
    }

    /// Makes messages with `select`, which also returns their key.
    pub(super) fn each<K: Key>(select: impl Fn(&Event) -> Option<(K, M)> + Clone + Send + Sync + 'static) -> Self {
        Self::by(move || Select(select.clone()))
    }

    /// Makes a reader like [`each`](Self::each) that combines messages of one key with `join` before it sends them.
    fn combined<K: Key>(
        select: impl Fn(&Event) -> Option<(K, M)> + Clone + Send + Sync + 'static,
        join: impl Fn(K, &mut M, &M) -> bool + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::by(move || Combine::new(select.clone(), join.clone()))
    }
}

impl Plan<Event> {
    /// Selects the events that concern keyed logic, by their key.
    pub(super) fn keyed<L: KeyedLogic>(logic: &L) -> Self {
        let (read, ownership, route) = (logic.clone(), logic.clone(), logic.clone());
        Plan {
            intake: Intake::each(move |event: &Event| read.key(event).map(|key| (key, *event))),
            owner: Arc::new(move |event| ownership.key(event).map(Key::route)),
            route: Arc::new(move |event| route.key(event).map_or(0, Key::route)),
        }
    }

    /// Selects all events, by their event id.
    pub(super) fn all() -> Self {
        Plan {
            intake: Intake::each(|event: &Event| Some((event.event_id(), *event))),
            owner: by_event_id(),
            route: Arc::new(|event| event.event_id().route()),
        }
    }
}

impl<W: Delivered> Plan<Delivery<W>> {
    /// Selects all deliveries, by their event id.
    pub(super) fn deliveries() -> Self {
        Plan {
            intake: Intake { reader: Arc::new(|| Box::new(Deliver)), router: None },
            owner: by_event_id(),
            route: Arc::new(|delivery| delivery.what.event_id().route()),
        }
    }
}

fn by_event_id() -> Owner {
    Arc::new(|event| Some(event.event_id().route()))
}

impl<M: Message> Plan<M> {
    /// Makes the plan of stateless logic, whose answers are given where events are read.
    pub(super) fn answers<L: StatelessLogic<Row = M>>(logic: &L) -> Self {
        let read = logic.clone();
        Plan {
            // Nobody routes answers: they stay where they are made.
            intake: Intake::each(move |event: &Event| read.answer(event).map(|row| (0_u64, row))),
            owner: Arc::new(|_| None),
            route: Arc::new(|_| 0),
        }
    }

    /// Makes the plan of stateless logic whose rows are inputs of windows, by window.
    pub(super) fn inputs<L: StatelessLogic<Row = M>, W: WindowLogic<Input = M>>(logic: &L, windows: &W) -> Self {
        let (read, ownership, route) = (input_of(logic, windows), input_of(logic, windows), windows.clone());
        Plan {
            intake: Intake::each(read),
            owner: Arc::new(move |event| ownership(event).map(|(key, _)| key.route())),
            route: Arc::new(move |input| route.key(input).route()),
        }
    }

    /// Makes the plan of a stateless first stage that combines inputs of one window before it sends them.
    pub(super) fn combined_inputs<L: StatelessLogic<Row = M>, W: WindowLogic<Input = M>>(
        logic: &L,
        windows: &W,
    ) -> Self {
        let (select, combine) = (input_of(logic, windows), windows.clone());
        let intake = Intake::combined(select, move |_, held: &mut M, more: &M| combine.combine(held, more));
        Plan { intake, ..Self::inputs(logic, windows) }
    }
}

fn input_of<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
) -> impl Fn(&Event) -> Option<(W::Key, L::Row)> + Clone + Send + Sync + 'static + use<L, W> {
    let (logic, windows) = (logic.clone(), windows.clone());
    move |event| logic.answer(event).map(|input| (windows.key(&input), input))
}

impl<K: Key + Message, S: Message> Plan<PartialState<K, S>> {
    /// Makes the plan of mergeable logic: one partial state per event.
    pub(super) fn pieces<L: Mergeable<Key = K, State = S>>(logic: &L) -> Self {
        let Plan { owner, .. } = Plan::keyed(logic);
        Plan { intake: Intake::each(piece_of(logic)), owner, route: Arc::new(|piece| piece.key.route()) }
    }

    /// Makes the plan of a stage that combines partial states of one key before it sends them.
    pub(super) fn combined_pieces<L: Mergeable<Key = K, State = S>>(logic: &L) -> Self {
        let merge = logic.clone();
        let join = move |_, held: &mut PartialState<K, S>, more: &PartialState<K, S>| held.join(more, &merge);
        Plan { intake: Intake::combined(piece_of(logic), join), ..Self::pieces(logic) }
    }
}

/// Returns the partial state that one event makes.
fn piece_of<L: Mergeable>(
    logic: &L,
) -> impl Fn(&Event) -> Option<(L::Key, PartialStateOf<L>)> + Clone + Send + Sync + 'static + use<L> {
    let logic = logic.clone();
    move |event| {
        let key = logic.key(event)?;
        let state = logic.partial_state(key, event);
        Some((key, PartialState { key, begins_at_ms: logic.begins_at_ms(key, &state), state }))
    }
}

/// Makes the router that combines partial states of one key.
pub(super) fn combining<L: Mergeable>(logic: &L) -> Make<dyn Router<PartialStateOf<L>, PartialStateOf<L>>> {
    let logic = logic.clone();
    Arc::new(move || {
        let merge = logic.clone();
        let join = move |_, held: &mut PartialStateOf<L>, more: &PartialStateOf<L>| held.join(more, &merge);
        Box::new(Combine::new(|piece: &PartialStateOf<L>| Some((piece.key, *piece)), join))
    })
}

type PartialStateOf<L> = PartialState<<L as KeyedLogic>::Key, <L as KeyedLogic>::State>;

/// Makes the router that combines inputs of one window.
pub(super) fn combining_inputs<W: WindowLogic>(windows: &W) -> Make<dyn Router<W::Input, W::Input>> {
    let windows = windows.clone();
    Arc::new(move || {
        let (key, combine) = (windows.clone(), windows.clone());
        let select = move |input: &W::Input| Some((key.key(input), *input));
        Box::new(Combine::new(select, move |_, held: &mut W::Input, more: &W::Input| combine.combine(held, more)))
    })
}

/// A second stage: the operators of the first, and how its rows are routed to the second.
pub(super) struct Rows<M, B> {
    pub(super) operator: MakeOperator<M, B>,
    pub(super) router: Make<dyn Router<B, B>>,
    pub(super) route: Route<B>,
}

/// Makes one worker's share of a stage.
pub(super) type MakeOperator<M, R> = Arc<dyn Fn() -> Box<dyn StateOperator<M, R>> + Send + Sync>;

impl<M: Message, B: Message> Rows<M, B> {
    /// Routes the rows of `operator` by window.
    pub(super) fn by_window<W: WindowLogic>(operator: MakeOperator<M, B>, windows: &W) -> Self
    where
        B: Signed<W::Input>,
    {
        let windows = windows.clone();
        let key = move |row: &B| windows.key(row.signed().0);
        let select = key.clone();
        let router: Make<dyn Router<B, B>> = Arc::new(move || {
            let select = select.clone();
            Box::new(Select(move |row: &B| Some((select(row), *row))))
        });
        Self { operator, router, route: Arc::new(move |row| key(row).route()) }
    }

    /// Makes a second stage that combines rows of one window before it sends them.
    pub(super) fn combined<W: WindowLogic>(operator: MakeOperator<M, B>, windows: &W) -> Self
    where
        B: Signed<W::Input>,
    {
        let plain = Self::by_window(operator, windows);
        if !W::COMBINES {
            return plain;
        }
        let windows = windows.clone();
        let router: Make<dyn Router<B, B>> = Arc::new(move || {
            let (key, combine) = (windows.clone(), windows.clone());
            let select = move |row: &B| Some((key.key(row.signed().0), *row));
            Box::new(Combine::new(select, move |_, held: &mut B, more: &B| held.join(more, &combine)))
        });
        Self { router, ..plain }
    }
}

/// The description of a strategy that only differs in how it spreads the work.
#[derive(Clone, Copy)]
pub(super) struct Topology {
    /// Returns the placement for a configuration, as seen by one worker of the given number.
    pub(super) placement: fn(&RunConfig, usize, usize) -> Placement,
    /// True if the input is partitioned by key before the clock starts.
    pub(super) prepartitioned: bool,
}

/// Runs readers and one stage that collects its answers.
pub(super) fn one_stage<M: Message>(
    context: &RunContext,
    plan: Plan<M>,
    last: MakeSink<M>,
    topology: Topology,
) -> Result<Vec<WorkerTotals>, RunError> {
    let prepartitioned = topology.deal(context, &plan);
    execute(context, topology.placement, move |worker, worker_context| {
        let last = last(worker_context.fault(), worker_context.fault());
        let late = worker_context.run(worker, &plan.intake, &worker_context.reading(&prepartitioned), |messages| {
            worker_context.last(messages, worker_context.ownership(&plan.route), Rc::clone(&last));
        });
        worker_context.end(worker, &last, late)
    })
}

/// Runs readers, a stage that passes its rows on, and one that collects its answers.
pub(super) fn two_stages<M: Message, B: Message>(
    context: &RunContext,
    plan: Plan<M>,
    rows: Rows<M, B>,
    last: MakeSink<B>,
    topology: Topology,
) -> Result<Vec<WorkerTotals>, RunError> {
    let prepartitioned = topology.deal(context, &plan);
    execute(context, topology.placement, move |worker, worker_context| {
        // Messages are struck where they come in: at the first stage.
        let last = last(FaultInjector::not(), worker_context.fault());
        let late = worker_context.run(worker, &plan.intake, &worker_context.reading(&prepartitioned), |messages| {
            let rerouted = worker_context.rows(
                messages,
                worker_context.ownership(&plan.route),
                (rows.operator)(),
                (rows.router)(),
            );
            worker_context.last(rerouted, worker_context.ownership(&rows.route), Rc::clone(&last));
        });
        worker_context.end(worker, &last, late)
    })
}

impl Topology {
    /// Partitions the input by the key of events, or by their event id where first deliveries are told first.
    fn deal<M>(self, context: &RunContext, plan: &Plan<M>) -> Option<Vec<Partition>> {
        let in_front = context.config.deduplicate.is_some();
        let owner = if in_front { by_event_id() } else { Arc::clone(&plan.owner) };
        let numbered = in_front || plan.intake.router.is_none();
        self.prepartitioned.then(|| context.feed.deal(context.workers(), numbered, &*owner))
    }
}

impl WorkerContext {
    /// Builds a dataflow, with `rest` after its readers, and offers everything; returns what was late. Messages are
    /// made where events are read, unless second deliveries must be removed first.
    pub(super) fn run<M: Message>(
        &self,
        worker: &mut Worker,
        intake: &Intake<M>,
        reading: &Reading<'_>,
        rest: impl FnOnce(Batches<'_, M>),
    ) -> LateSet {
        match self.config.deduplicate.zip(intake.router.as_ref()) {
            Some((horizon, router)) => {
                let mut input = WorkerContext::input::<Delivery<Event>>();
                worker.dataflow(|scope| rest(self.first_deliveries(input.to_stream(scope), horizon, router())));
                self.offer(worker, input, self.placement.deliveries.clone(), Box::new(Deliver), reading)
            }
            None => {
                let mut input = WorkerContext::input::<M>();
                worker.dataflow(|scope| rest(input.to_stream(scope)));
                self.offer(worker, input, self.placement.states.clone(), (intake.reader)(), reading)
            }
        }
    }

    fn reading<'a>(&self, prepartitioned: &'a Option<Vec<Partition>>) -> Reading<'a> {
        prepartitioned
            .as_ref()
            .map_or(Reading::InTurn, |prepartitioned| Reading::Prepartitioned(&prepartitioned[self.worker]))
    }

    /// Returns which of the messages it sees this worker keeps.
    fn ownership<M: 'static>(&self, route: &Route<M>) -> OwnershipFilter<M> {
        if !self.placement.states.is_all() {
            return OwnershipFilter::everything();
        }
        let (route, worker, workers) = (Arc::clone(route), self.worker, self.workers);
        OwnershipFilter::only(move |message| spread(route(message), workers) == worker)
    }

    /// Returns the fault planted on this worker.
    pub(super) fn fault(&self) -> FaultInjector {
        FaultInjector::on(self.config.fault, self.worker == self.placement.state_workers.start, &self.struck)
    }
}

/// The operator of a pipeline that answers every event by itself, where the readers do not do that.
pub(super) struct Answering<L>(pub(super) L);

impl<L: StatelessLogic> StateOperator<Event, L::Row> for Answering<L> {
    fn arrive(&mut self, arrived: &mut Vec<Event>, out: &mut Vec<L::Row>) {
        out.extend(arrived.drain(..).filter_map(|event| self.0.answer(&event)));
    }

    fn advance(&mut self, _reached: EventTimeProgress, _out: &mut Vec<L::Row>) {}

    fn state_counts(&self) -> StateCounts {
        StateCounts::default()
    }

    fn payload(&self) -> (usize, usize) {
        (0, 0)
    }
}

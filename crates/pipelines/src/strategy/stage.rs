//! The stages of a pipeline as strategies see them: what readers make of events, how it is routed, and operators, with
//! their logic type-erased.

use std::sync::Arc;

use flowbench_events::Event;

use super::dataflow::source_reader::{Combine, Deliver, Make, Reader, Router, Select};
use crate::answers::Change;
use crate::disorder::Arrival;
use crate::feed::Delivery;
use crate::logic::{Delivered, KeyedLogic, Mergeable, PartialState, StatelessLogic, WindowLogic};
use crate::message::{Key, Message};
use crate::run::{RunConfig, RunContext};
use crate::state::keyed_operator::KeyedOperator;
use crate::state::operator::MakeOperator;
use crate::state::window_machine::{Signed, WindowMachine};

/// The first stage of a pipeline.
pub(crate) struct FirstStage<M, B> {
    /// How events become its messages.
    pub(crate) intake: Intake<M>,
    /// Makes the operator of each worker.
    pub(crate) operator: MakeOperator<M, B>,
    /// Makes the router that combines messages of one key, where they can be.
    pub(crate) combine: Option<Make<dyn Router<M, M>>>,
}

/// A second stage, behind a first one that gives rows `B`.
pub(crate) struct SecondStage<B, R> {
    /// Makes the router of rows.
    pub(crate) router: Make<dyn Router<B, B>>,
    /// The route of a row.
    pub(crate) route: Route<B>,
    /// Makes the operator of each worker.
    pub(crate) operator: MakeOperator<B, R>,
}

/// How events become messages, and where those belong.
pub(crate) struct Intake<M> {
    /// Makes the reader that turns events into messages where they are read.
    pub(crate) reader: Make<dyn Reader<M>>,
    /// Makes the router for events that come out of deduplication. `None` where the first stage is told of all
    /// deliveries anyway.
    pub(crate) after_dedup: Option<Make<dyn Router<Event, M>>>,
    /// The route of the state an event belongs to, where the input is partitioned in advance.
    pub(crate) owner: Owner,
    /// The route of a message.
    pub(crate) route: Route<M>,
    /// True if messages stay on the worker that has read their event.
    pub(crate) stays_where_read: bool,
}

/// The route of an event, if it concerns the pipeline.
pub(crate) type Owner = Arc<dyn Fn(&Event) -> Option<u64> + Send + Sync>;

/// The route of a message. Only strategies that show messages to workers that do not own them ask for it on every
/// message.
pub(crate) type Route<M> = Arc<dyn Fn(&M) -> u64 + Send + Sync>;

impl<M: Message> Intake<M> {
    /// Reads events by what `make` returns.
    fn by<S: Reader<M> + Router<Event, M> + 'static>(
        make: impl Fn() -> S + Clone + Send + Sync + 'static,
        owner: Owner,
        route: Route<M>,
    ) -> Self {
        let make_router = make.clone();
        let after_dedup: Make<dyn Router<Event, M>> = Arc::new(move || Box::new(make_router()));
        Self {
            reader: Arc::new(move || Box::new(make())),
            after_dedup: Some(after_dedup),
            owner,
            route,
            stays_where_read: false,
        }
    }

    /// Makes messages with `select`, which also returns their key.
    pub(crate) fn each<K: Key>(
        select: impl Fn(&Event) -> Option<(K, M)> + Clone + Send + Sync + 'static,
        route: impl Fn(&M) -> u64 + Send + Sync + 'static,
    ) -> Self {
        let owner = select.clone();
        let owner = Arc::new(move |event: &Event| owner(event).map(|(key, _)| key.route()));
        Self::by(move || Select(select.clone()), owner, Arc::new(route))
    }

    /// Makes messages like [`each`](Self::each), but combines those of one key with `join` before they are sent.
    fn combined<K: Key>(
        self,
        select: impl Fn(&Event) -> Option<(K, M)> + Clone + Send + Sync + 'static,
        join: impl Fn(K, &mut M, &M) -> bool + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::by(move || Combine::new(select.clone(), join.clone()), self.owner, self.route)
    }

    /// Makes the answers of stateless logic where events are read, and leaves them there.
    pub(crate) fn answers<L: StatelessLogic<Row = M>>(logic: &L) -> Self {
        let logic = logic.clone();
        let each = Self::each(move |event: &Event| logic.answer(event).map(|row| (0_u64, row)), |_| 0);
        Self { stays_where_read: true, ..each }
    }

    /// Makes rows of stateless logic, by their window; combines those of one window first if `combines`.
    pub(crate) fn inputs<L: StatelessLogic<Row = M>, W: WindowLogic<Input = M>>(
        logic: &L,
        windows: &W,
        combines: bool,
    ) -> Self {
        let (logic, key, route, combine) = (logic.clone(), windows.clone(), windows.clone(), windows.clone());
        let select = move |event: &Event| logic.answer(event).map(|input| (key.key(&input), input));
        let each = Self::each(select.clone(), move |input| route.key(input).route());
        if combines {
            each.combined(select, move |_, held: &mut M, more: &M| combine.combine(held, more))
        } else {
            each
        }
    }
}

impl Intake<Event> {
    /// Selects the events that concern keyed logic, by their key.
    pub(crate) fn keyed<L: KeyedLogic>(logic: &L) -> Self {
        let (select, route) = (logic.clone(), logic.clone());
        Self::each(
            move |event: &Event| select.key(event).map(|key| (key, *event)),
            move |event| route.key(event).map_or(0, Key::route),
        )
    }

    /// Selects all events, by their event id.
    pub(crate) fn all() -> Self {
        Self::each(|event: &Event| Some((event.event_id(), *event)), |event| event.event_id().route())
    }
}

impl<W: Delivered> Intake<Delivery<W>> {
    /// Selects all deliveries, by their event id.
    pub(crate) fn deliveries() -> Self {
        Self {
            reader: Arc::new(|| Box::new(Deliver)),
            after_dedup: None,
            owner: by_event_id(),
            route: Arc::new(|delivery| delivery.what.event_id().route()),
            stays_where_read: false,
        }
    }
}

/// Returns the route of the worker that remembers an event's id.
pub(crate) fn by_event_id() -> Owner {
    Arc::new(|event| Some(event.event_id().route()))
}

/// The partial states of mergeable logic.
pub(crate) type PartialStateOf<L> = PartialState<<L as KeyedLogic>::Key, <L as KeyedLogic>::State>;

impl<K: Key + Message, S: Message> Intake<PartialState<K, S>> {
    /// Makes one partial state per event of mergeable logic; combines those of one key first if `combines`.
    pub(crate) fn partial_states<L: Mergeable<Key = K, State = S>>(logic: &L, combines: bool) -> Self {
        let (of_event, merge) = (logic.clone(), logic.clone());
        let select = move |event: &Event| {
            let key = of_event.key(event)?;
            let state = of_event.partial_state(key, event);
            Some((key, PartialState { key, begins_at_ms: of_event.begins_at_ms(key, &state), state }))
        };
        let owner = logic.clone();
        let each = Self::each(select.clone(), |partial| partial.key.route());
        let each = Self { owner: Arc::new(move |event| owner.key(event).map(Key::route)), ..each };
        let join = move |_, held: &mut PartialState<K, S>, more: &PartialState<K, S>| held.join(more, &merge);
        if combines { each.combined(select, join) } else { each }
    }
}

/// Makes the router that combines partial states of one key.
pub(crate) fn combining_states<L: Mergeable>(logic: &L) -> Make<dyn Router<PartialStateOf<L>, PartialStateOf<L>>> {
    let logic = logic.clone();
    Arc::new(move || {
        let merge = logic.clone();
        let join = move |_, held: &mut PartialStateOf<L>, more: &PartialStateOf<L>| held.join(more, &merge);
        Box::new(Combine::new(|partial: &PartialStateOf<L>| Some((partial.key, *partial)), join))
    })
}

/// Makes the router that combines inputs of one window.
pub(crate) fn combining_inputs<W: WindowLogic>(windows: &W) -> Make<dyn Router<W::Input, W::Input>> {
    let windows = windows.clone();
    Arc::new(move || {
        let (key, combine) = (windows.clone(), windows.clone());
        let select = move |input: &W::Input| Some((key.key(input), *input));
        Box::new(Combine::new(select, move |_, held: &mut W::Input, more: &W::Input| combine.combine(held, more)))
    })
}

/// Makes operators that aggregate windows.
pub(crate) fn window_operator<W: WindowLogic, M: Message + Signed<W::Input>>(
    windows: &W,
    context: &RunContext,
) -> MakeOperator<M, Change<W::Row>> {
    let RunConfig { eviction, order, .. } = context.config;
    let slack_ms = if order.retracts() { context.feed.slack_ms() } else { 0 };
    let windows = windows.clone();
    Arc::new(move |share| {
        let machine = WindowMachine::new(&windows, order.retracts(), slack_ms);
        Box::new(KeyedOperator::new(machine, eviction, share, Box::new(Arrival)))
    })
}

impl<B: Message, R> SecondStage<B, R> {
    /// Makes a second stage that aggregates windows; combines rows of one window before they are sent if `combines`
    /// and the logic can.
    pub(crate) fn windows<W: WindowLogic>(windows: &W, operator: MakeOperator<B, R>, combines: bool) -> Self
    where
        B: Signed<W::Input>,
    {
        let (key, combine) = (windows.clone(), windows.clone());
        let select = move |row: &B| Some((key.key(row.signed().0), *row));
        let router: Make<dyn Router<B, B>> = if combines && W::COMBINES {
            Arc::new(move || {
                let combine = combine.clone();
                Box::new(Combine::new(select.clone(), move |_, held: &mut B, more: &B| held.join(more, &combine)))
            })
        } else {
            Arc::new(move || Box::new(Select(select.clone())))
        };
        let windows = windows.clone();
        Self { router, route: Arc::new(move |row| windows.key(row.signed().0).route()), operator }
    }
}

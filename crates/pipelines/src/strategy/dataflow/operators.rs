//! The operators of one worker: stages that hold state, and routing in between.
//!
//! Each takes batches and holds a capability at the frontier, so an epoch is complete only when everything its
//! watermark releases has been answered.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flowbench_events::{Event, Horizon};
use timely::dataflow::operators::generic::Operator;

use super::context::WorkerContext;
use super::frontier::FrontierTracker;
use super::routing::{Batches, Builder, Routing, whole_batches};
use super::sink::SharedSink;
use super::source_reader::Router;
use crate::disorder::InArrivalOrder;
use crate::driver::OperatorName;
use crate::eviction::StateShare;
use crate::fault::FaultInjector;
use crate::feed::{Delivery, spread};
use crate::message::Message;
use crate::state::dedup::DedupMachine;
use crate::state::keyed_operator::KeyedOperator;
use crate::state::operator::StateOperator;
use crate::strategy::stage::Route;

impl WorkerContext {
    /// Lets through the first delivery of every event, where its id is remembered, and routes it to the next stage.
    pub(crate) fn first_deliveries<'s, M: Message>(
        &self,
        deliveries: Batches<'s, Delivery<Event>>,
        horizon: Horizon,
        router: Box<dyn Router<Event, M>>,
    ) -> Batches<'s, M> {
        let (machine, order) = (DedupMachine::within(horizon), Box::new(InArrivalOrder::default()));
        let operator = Box::new(KeyedOperator::new(machine, self.config.eviction, self.share(), order));
        let to = To {
            operator: OperatorName::FirstDeliveries,
            routing: self.placement.states.clone(),
            fault: FaultInjector::not(),
        };
        self.stage(deliveries, OwnershipFilter::everything(), operator, router, to)
    }

    /// Builds a first stage, which routes its rows to the next stage.
    pub(crate) fn rows<'s, M: Message, B: Message>(
        &self,
        messages: Batches<'s, M>,
        ownership: OwnershipFilter<M>,
        operator: Box<dyn StateOperator<M, B>>,
        router: Box<dyn Router<B, B>>,
    ) -> Batches<'s, B> {
        let to = To { operator: OperatorName::Rows, routing: self.placement.windows.clone(), fault: self.fault() };
        self.stage(messages, ownership, operator, router, to)
    }

    /// Builds a stage that is followed by another one.
    fn stage<'s, M: Message, B: Message, N: Message>(
        &self,
        messages: Batches<'s, M>,
        ownership: OwnershipFilter<M>,
        operator: Box<dyn StateOperator<M, B>>,
        mut router: Box<dyn Router<B, N>>,
        to: To,
    ) -> Batches<'s, N> {
        let operator = Rc::new(RefCell::new(operator));
        self.operators.borrow_mut().push(Rc::clone(&operator) as Rc<dyn Any>);
        let mut tracker = FrontierTracker::new(self, to.operator, false);
        let To { operator: operator_name, routing, mut fault } = to;
        let mut out = self.outbox(routing);
        messages.unary_frontier::<Builder<N>, _, _, _>(whole_batches(), operator_name.name(), move |capability, _| {
            let mut capability = Some(capability);
            let mut rows = Vec::new();
            move |(input, frontier), output| {
                let mut operator = operator.borrow_mut();
                input.for_each(|_, batch| {
                    ownership.keep(&mut batch.messages);
                    tracker.taken(batch.messages.len());
                    fault.messages(&mut batch.messages);
                    operator.arrive(&mut batch.messages, &mut rows);
                });
                if let Some(reached) = tracker.next(frontier, || operator.payload()) {
                    operator.advance(reached, &mut rows);
                }
                tracker.held.set(operator.state_counts());
                if let Some(open) = capability.as_ref().filter(|_| !rows.is_empty()) {
                    router.route(&mut rows, &mut out);
                    router.flush(&mut out);
                    let mut session = output.session(open);
                    out.drain(|mut batch| session.give_container(&mut batch));
                }
                tracker.hold(&mut capability, frontier);
            }
        })
    }

    /// Builds the operator around the last stage: it answers as the frontier advances, and what has been answered is
    /// complete.
    pub(crate) fn last<M: Message>(
        &self,
        messages: Batches<'_, M>,
        ownership: OwnershipFilter<M>,
        last: SharedSink<M>,
    ) {
        let is_view = self.behind.is_none() && self.placement.state_workers.contains(&self.worker);
        let mut tracker = FrontierTracker::new(self, OperatorName::Answers, is_view);
        let progress =
            messages.unary_frontier::<Builder<()>, _, _, _>(whole_batches(), "answers", move |capability, _| {
                let mut capability = Some(capability);
                move |(input, frontier), _output| {
                    let mut last = last.borrow_mut();
                    input.for_each(|_, batch| {
                        ownership.keep(&mut batch.messages);
                        tracker.taken(batch.messages.len());
                        last.take(&mut batch.messages);
                    });
                    if let Some(reached) = tracker.next(frontier, || last.payload()) {
                        last.advance(reached);
                    }
                    tracker.held.set(last.state_counts());
                    tracker.hold(&mut capability, frontier);
                }
            });
        self.watch(progress);
    }

    /// Routes messages again.
    pub(crate) fn rerouted<'s, M: Message>(
        &self,
        messages: Batches<'s, M>,
        mut router: Box<dyn Router<M, M>>,
    ) -> Batches<'s, M> {
        let rounds = Rc::clone(&self.rounds);
        let mut out = self.outbox(Routing::ByRoute { first: 0, count: self.workers });
        messages.unary::<Builder<M>, _, _, _>(whole_batches(), "sort", move |_, _| {
            move |input, output| {
                input.for_each(|time, batch| {
                    rounds.set(rounds.get() + 1);
                    router.route(&mut batch.messages, &mut out);
                    router.flush(&mut out);
                    let mut session = output.session(&time);
                    out.drain(|mut batch| session.give_container(&mut batch));
                });
            }
        })
    }
}

impl WorkerContext {
    /// Returns which of the messages it sees this worker keeps.
    pub(crate) fn ownership<M: 'static>(&self, route: &Route<M>) -> OwnershipFilter<M> {
        if !self.placement.states.is_all() {
            return OwnershipFilter::everything();
        }
        let (route, worker, workers) = (Arc::clone(route), self.worker, self.workers);
        OwnershipFilter(Some(Box::new(move |message| spread(route(message), workers) == worker)))
    }

    /// Returns which part of all states this worker holds.
    pub(crate) fn share(&self) -> StateShare {
        let holders = &self.placement.state_workers;
        // Who holds no state takes no part in it.
        StateShare { index: self.worker.saturating_sub(holders.start), of: holders.len() }
    }

    /// Returns the fault planted on this worker.
    pub(crate) fn fault(&self) -> FaultInjector {
        FaultInjector::on(self.config.fault, self.worker == self.placement.state_workers.start, &self.fault_fired)
    }
}

/// Which of the messages it sees a worker keeps.
pub(crate) struct OwnershipFilter<M>(Option<IsOwn<M>>);

type IsOwn<M> = Box<dyn Fn(&M) -> bool>;

impl<M> OwnershipFilter<M> {
    /// Keeps everything: only what the worker owns arrives.
    pub(crate) fn everything() -> Self {
        Self(None)
    }

    fn keep(&self, messages: &mut Vec<M>) {
        if let Some(is_own) = &self.0 {
            messages.retain(is_own);
        }
    }
}

/// Where the rows of a stage go, and the fault of its messages.
struct To {
    operator: OperatorName,
    routing: Routing,
    fault: FaultInjector,
}

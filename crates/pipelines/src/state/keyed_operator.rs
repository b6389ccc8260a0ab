//! One worker's share of a keyed stage: its order policy, its states, its eviction.
//!
//! Decision D-008.

use crate::disorder::OrderPolicy;
use crate::driver::StateCounts;
use crate::eviction::{Eviction, EvictionPolicy, EvictionVisitor, Evictor};
use crate::feed::EventTimeProgress;
use crate::message::Timed;
use crate::state::operator::StateOperator;
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Applied, States};
use crate::state::table::Table;

/// Makes the operator that applies messages as `order` releases them.
pub(crate) fn keyed_operator<M: KeyedStateMachine>(
    machine: M,
    eviction: Eviction,
    order: Box<dyn OrderPolicy<M::Message>>,
) -> Box<dyn StateOperator<M::Message, M::Row>> {
    eviction.visit(MakeOperator { machine, order })
}

struct MakeOperator<M: KeyedStateMachine> {
    machine: M,
    order: Box<dyn OrderPolicy<M::Message>>,
}

impl<M: KeyedStateMachine> EvictionVisitor for MakeOperator<M> {
    type Made = Box<dyn StateOperator<M::Message, M::Row>>;

    fn visit(self, policy: impl EvictionPolicy) -> Self::Made {
        Box::new(KeyedOperator::new(self.machine, self.order, policy.evictor()))
    }
}

pub(crate) struct KeyedOperator<M: KeyedStateMachine, E> {
    order: Box<dyn OrderPolicy<M::Message>>,
    released: Vec<M::Message>,
    states: States<M>,
    evictor: E,
}

impl<M: KeyedStateMachine, E: Evictor<M>> KeyedOperator<M, E> {
    pub(crate) fn new(machine: M, order: Box<dyn OrderPolicy<M::Message>>, evictor: E) -> Self {
        let states = States { machine, table: Table::default() };
        Self { order, released: Vec::new(), states, evictor }
    }

    fn apply_released(&mut self, out: &mut Vec<M::Row>) {
        for message in self.released.drain(..) {
            let Some(key) = self.states.machine.key(&message) else { continue };
            match self.states.take(key, &message, out) {
                Applied::Known => {}
                Applied::New(expires_at_ms) => self.evictor.created(key, expires_at_ms),
                Applied::Sooner(expires_at_ms) => self.evictor.rescheduled(key, expires_at_ms),
                Applied::Empty(state) => {
                    state.into_iter().for_each(|state| self.evictor.cleared(key, state));
                    continue;
                }
            }
            self.evictor.touched(key, message.event_time_ms());
        }
    }
}

impl<M: KeyedStateMachine, E: Evictor<M>> StateOperator<M::Message, M::Row> for KeyedOperator<M, E> {
    fn arrive(&mut self, arrived: &mut Vec<M::Message>, out: &mut Vec<M::Row>) {
        self.order.arrive(arrived, &mut self.released);
        self.apply_released(out);
    }

    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<M::Row>) {
        let until_ms = self.states.machine.reached(reached);
        self.order.advance(reached, &mut self.released);
        self.apply_released(out);
        self.states.machine.finish_step();
        self.evictor.advance(until_ms, &mut self.states, out);
    }

    fn state_counts(&self) -> StateCounts {
        let entries = self.states.table.len() + self.evictor.retired_entries();
        let buffered = self.order.buffered() + self.states.machine.logged_events();
        let entry_bytes = std::mem::size_of::<M::Key>() + std::mem::size_of::<M::State>();
        let least_bytes = entries * entry_bytes + self.order.buffered() * std::mem::size_of::<M::Message>();
        StateCounts { entries, buffered, answer_bytes: 0, least_bytes }
    }

    fn payload(&self) -> (usize, usize) {
        let inline_bytes = std::mem::size_of::<M::Key>() + std::mem::size_of::<M::State>();
        let States { machine, table } = &self.states;
        (table.len(), table.states().map(|state| inline_bytes + machine.heap_bytes(state)).sum())
    }
}

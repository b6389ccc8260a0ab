//! One worker's share of a keyed stage: its order policy, its states, its eviction.
//!
//! Decision D-008.

use crate::disorder::OrderPolicy;
use crate::driver::StateCounts;
use crate::eviction::{Eviction, EvictionName, Frontier, Never};
use crate::feed::EventTimeProgress;
use crate::state::state_machine::KeyedStateMachine;
use crate::state::states::{Applied, States};
use crate::state::table::Table;

/// One worker's share of a stage. Works on batches, so that dynamic dispatch costs nothing per message.
pub(crate) trait StateOperator<M, R>: Send {
    /// Takes messages that arrived, leaving `arrived` empty, and pushes the answers that can be given at once.
    fn arrive(&mut self, arrived: &mut Vec<M>, out: &mut Vec<R>);
    /// Reports that the watermark has advanced; pushes the answers this releases.
    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<R>);
    /// Returns what is held now.
    fn state_counts(&self) -> StateCounts;
    /// Returns the number of live entries, and their key and state bytes. Walks all of them.
    fn payload(&self) -> (usize, usize);
}

impl<M, R> StateOperator<M, R> for Box<dyn StateOperator<M, R>> {
    fn arrive(&mut self, arrived: &mut Vec<M>, out: &mut Vec<R>) {
        (**self).arrive(arrived, out);
    }

    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<R>) {
        (**self).advance(reached, out);
    }

    fn state_counts(&self) -> StateCounts {
        (**self).state_counts()
    }

    fn payload(&self) -> (usize, usize) {
        (**self).payload()
    }
}

/// Makes the operator that applies messages as `order` releases them.
pub(crate) fn keyed_operator<M: KeyedStateMachine>(
    machine: M,
    eviction: EvictionName,
    order: Box<dyn OrderPolicy<M::Message>>,
) -> Box<dyn StateOperator<M::Message, M::Row>> {
    match eviction {
        EvictionName::Never => Box::new(KeyedOperator::<M, Never<M>>::new(machine, order)),
        EvictionName::Frontier => Box::new(KeyedOperator::<M, Frontier<M>>::new(machine, order)),
    }
}

struct KeyedOperator<M: KeyedStateMachine, E> {
    order: Box<dyn OrderPolicy<M::Message>>,
    released: Vec<M::Message>,
    states: States<M>,
    eviction: E,
}

impl<M: KeyedStateMachine, E: Eviction<M>> KeyedOperator<M, E> {
    fn new(machine: M, order: Box<dyn OrderPolicy<M::Message>>) -> Self {
        let states = States { machine, table: Table::default() };
        Self { order, released: Vec::new(), states, eviction: E::default() }
    }

    fn apply_released(&mut self, out: &mut Vec<M::Row>) {
        for message in self.released.drain(..) {
            let Some(key) = self.states.machine.key(&message) else { continue };
            match self.states.take(key, &message, out) {
                Applied::Known => {}
                Applied::New(expires_at_ms) => self.eviction.schedule(key, expires_at_ms),
                Applied::Sooner(expires_at_ms) => self.eviction.reschedule(key, expires_at_ms),
                Applied::Spent(state) => state.into_iter().for_each(|state| self.eviction.spent(key, state)),
            }
        }
    }
}

impl<M: KeyedStateMachine, E: Eviction<M>> StateOperator<M::Message, M::Row> for KeyedOperator<M, E> {
    fn arrive(&mut self, arrived: &mut Vec<M::Message>, out: &mut Vec<M::Row>) {
        self.order.arrive(arrived, &mut self.released);
        self.apply_released(out);
    }

    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<M::Row>) {
        let until_ms = self.states.machine.reached(reached);
        self.order.advance(reached, &mut self.released);
        self.apply_released(out);
        self.states.machine.settle();
        self.eviction.advance(until_ms, &mut self.states, out);
    }

    fn state_counts(&self) -> StateCounts {
        let entries = self.states.table.len() + self.eviction.retired();
        let buffered = self.order.buffered() + self.states.machine.kept();
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

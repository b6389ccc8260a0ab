//! One worker's part of a keyed pipeline: its order policy, its states, its eviction.

use flowbench_events::Event;

use crate::driver::Census;
use crate::eviction::{Eviction, EvictionName, Frontier, Never};
use crate::logic::KeyedLogic;
use crate::order::OrderPolicy;
use crate::pipeline::Choice;
use crate::table::Table;

/// What a strategy gives a worker its share of. Works on batches, so that its dispatch costs nothing per event.
pub(crate) trait Part<R> {
    /// Takes events that arrived (leaving `arrived` empty) and pushes the answers that can be given at once.
    fn arrive(&mut self, arrived: &mut Vec<Event>, out: &mut Vec<R>);
    /// The watermark has moved.
    fn advance(&mut self, watermark_ms: i64, out: &mut Vec<R>);
    /// What is held now.
    fn census(&self) -> Census;
    /// Live entries, and their key and state bytes. Walks them all.
    fn payload(&self) -> (usize, usize);
}

/// The part of `choice` for `logic`, with `slack_ms` of the watermark.
pub(crate) fn part<L: KeyedLogic>(logic: &L, choice: &Choice, slack_ms: i64) -> Box<dyn Part<L::Row>> {
    let order = choice.order.policy(slack_ms);
    match choice.eviction {
        EvictionName::Never => Box::new(KeyedPart::<L, Never<L>>::new(logic.clone(), order)),
        EvictionName::Frontier => Box::new(KeyedPart::<L, Frontier<L>>::new(logic.clone(), order)),
    }
}

/// The states of one worker, by key.
pub struct States<L: KeyedLogic> {
    logic: L,
    table: Table<L::Key, L::State>,
}

impl<L: KeyedLogic> States<L> {
    /// The last event time at which the state of `key` can be needed; the beginning of time if there is none.
    pub fn expires_at_ms(&self, key: L::Key) -> i64 {
        self.table.get(key).map_or(i64::MIN, |state| self.logic.expires_at_ms(key, state))
    }

    /// Lets the timer of `key` answer and takes its state out of the table.
    pub fn expire(&mut self, key: L::Key, out: &mut Vec<L::Row>) -> Option<L::State> {
        let mut state = self.table.remove(key)?;
        self.logic.on_expiry(key, &mut state, out);
        Some(state)
    }

    /// Gives room back when most of the table is empty.
    pub fn shrink(&mut self) {
        self.table.shrink();
    }

    /// Applies an event of `key`; tells the expiry of a state that has come to be by it.
    #[inline]
    fn apply(&mut self, key: L::Key, event: &Event, out: &mut Vec<L::Row>) -> Option<i64> {
        let (state, new) = self.table.get_or_default(key);
        if L::HAS_TIMERS && !new && event.event_time_ms() > self.logic.expires_at_ms(key, state) {
            // The timer was due before this event, only the watermark has not been told yet.
            self.logic.on_expiry(key, state, out);
            *state = L::State::default();
        }
        self.logic.apply(key, state, event, out);
        new.then(|| self.logic.expires_at_ms(key, state))
    }
}

struct KeyedPart<L: KeyedLogic, E> {
    order: Box<dyn OrderPolicy>,
    released: Vec<Event>,
    states: States<L>,
    eviction: E,
}

impl<L: KeyedLogic, E: Eviction<L>> KeyedPart<L, E> {
    fn new(logic: L, order: Box<dyn OrderPolicy>) -> Self {
        let states = States { logic, table: Table::default() };
        Self { order, released: Vec::new(), states, eviction: E::default() }
    }

    fn apply_released(&mut self, out: &mut Vec<L::Row>) {
        for event in self.released.drain(..) {
            let Some(key) = self.states.logic.key(&event) else { continue };
            if let Some(expires_at_ms) = self.states.apply(key, &event, out) {
                self.eviction.born(key, expires_at_ms);
            }
        }
    }
}

impl<L: KeyedLogic, E: Eviction<L>> Part<L::Row> for KeyedPart<L, E> {
    fn arrive(&mut self, arrived: &mut Vec<Event>, out: &mut Vec<L::Row>) {
        self.order.arrive(arrived, &mut self.released);
        self.apply_released(out);
    }

    fn advance(&mut self, watermark_ms: i64, out: &mut Vec<L::Row>) {
        self.order.advance(watermark_ms, &mut self.released);
        self.apply_released(out);
        self.eviction.advance(watermark_ms, &mut self.states, out);
    }

    fn census(&self) -> Census {
        let entries = self.states.table.len() + self.eviction.buried();
        Census { entries, buffered: self.order.buffered(), answer_bytes: 0 }
    }

    fn payload(&self) -> (usize, usize) {
        let inline_bytes = std::mem::size_of::<L::Key>() + std::mem::size_of::<L::State>();
        let States { logic, table } = &self.states;
        (table.len(), table.states().map(|state| inline_bytes + logic.heap_bytes(state)).sum())
    }
}

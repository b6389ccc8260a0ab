//! What must be answered when states are lost, by one plain loop: what `ttl` and `capacity` are held against.

use std::collections::HashMap;

use flowbench_events::{Event, EventId, Horizon};

use crate::logic::{Delivered, EMPTY_STATE, KeyedLogic, TimerOutcome, fire_until};

/// Which states are lost.
#[derive(Debug, Clone)]
pub enum Loss {
    /// Those that no event has touched for more than `after_ms`.
    Ttl {
        /// Event time since the newest touch, ms; for deliveries, arrival time.
        after_ms: i64,
    },
    /// Those that were used least recently, as soon as there are more than `states`.
    Capacity {
        /// Number of states that may stay.
        states: usize,
        /// The watermarks in the order in which they are reached, ms; the last one is `i64::MAX`.
        watermarks_ms: Vec<i64>,
    },
}

impl Loss {
    /// Returns the answers of keyed logic to events of any order.
    pub(crate) fn keyed<L: KeyedLogic>(&self, logic: &L, events: &[Event]) -> Vec<L::Row> {
        let mut canonical = events.to_vec();
        canonical.sort_by(Event::canonical_cmp);
        match self {
            Loss::Ttl { after_ms } => keyed_with_ttl(logic, &canonical, *after_ms),
            Loss::Capacity { states, watermarks_ms } => keyed_with_capacity(logic, &canonical, *states, watermarks_ms),
        }
    }

    /// Returns the rows of the deliveries that count, given in the order in which they arrived.
    pub(crate) fn deliveries<W: Delivered>(&self, horizon: Horizon, events: &[Event]) -> Vec<W::Row> {
        let (mut remembered, mut rows) = (Remembered::default(), Vec::new());
        for delivery in events.iter().map(W::of) {
            let is_absent = delivery.event_id().is_absent();
            if is_absent || remembered.counts(self, horizon, delivery.event_id(), delivery.arrival_ms()) {
                rows.push(delivery.row());
            }
        }
        rows
    }
}

/// Before each event of a key, and at the end, the timers answer that are due until its state is lost.
fn keyed_with_ttl<L: KeyedLogic>(logic: &L, canonical: &[Event], after_ms: i64) -> Vec<L::Row> {
    let mut states: HashMap<L::Key, (L::State, i64)> = HashMap::new();
    let mut answers = Vec::new();
    for event in canonical {
        let (Some(key), now_ms) = (logic.key(event), event.event_time_ms()) else { continue };
        let (state, touched_ms) = states.entry(key).or_insert_with(|| (L::State::default(), now_ms));
        let lost_after_ms = *touched_ms + after_ms;
        fire_until(logic, key, state, lost_after_ms.min(now_ms - 1), &mut answers);
        if lost_after_ms < now_ms {
            *state = L::State::default();
        }
        logic.apply(key, state, event, &mut answers);
        *touched_ms = now_ms;
    }
    for (key, (state, touched_ms)) in &mut states {
        fire_until(logic, *key, state, *touched_ms + after_ms, &mut answers);
    }
    answers
}

/// The states are in the order in which they were used last; between two watermarks no state ends but by an event.
fn keyed_with_capacity<L: KeyedLogic>(
    logic: &L,
    canonical: &[Event],
    room: usize,
    watermarks_ms: &[i64],
) -> Vec<L::Row> {
    let (mut states, mut answers) = (Vec::<(L::Key, L::State)>::new(), Vec::new());
    let mut events = canonical.iter().peekable();
    for watermark_ms in watermarks_ms {
        while let Some(event) = events.next_if(|event| event.event_time_ms() < *watermark_ms) {
            let Some(key) = logic.key(event) else { continue };
            let known = states.iter().position(|(other, _)| *other == key);
            let mut state = known.map_or_else(L::State::default, |at| states.remove(at).1);
            fire_until(logic, key, &mut state, event.event_time_ms() - 1, &mut answers);
            logic.apply(key, &mut state, event, &mut answers);
            if logic.expires_at_ms(key, &state) != EMPTY_STATE {
                states.push((key, state));
            }
            if L::HAS_TIMERS && states.len() > room {
                let now_ms = event.event_time_ms();
                states.retain_mut(|(key, state)| lives_on(logic, *key, state, now_ms, &mut answers));
            }
            if states.len() > room {
                states.remove(0);
            }
        }
        if L::HAS_TIMERS {
            states.retain_mut(|(key, state)| lives_on(logic, *key, state, *watermark_ms, &mut answers));
        }
    }
    answers
}

/// Lets the timers of a state answer that are due below `until_ms`; returns whether it is still there then.
fn lives_on<L: KeyedLogic>(
    logic: &L,
    key: L::Key,
    state: &mut L::State,
    until_ms: i64,
    answers: &mut Vec<L::Row>,
) -> bool {
    while logic.expires_at_ms(key, state) < until_ms {
        if logic.on_expiry(key, state, answers) == TimerOutcome::Evict {
            return false;
        }
    }
    true
}

/// Event ids in the order in which they were used last: when each one counted, and when it was touched, ms.
#[derive(Default)]
struct Remembered(Vec<(EventId, i64, i64)>);

impl Remembered {
    /// Takes a delivery; returns whether it counts.
    fn counts(&mut self, loss: &Loss, horizon: Horizon, event_id: EventId, arrival_ms: i64) -> bool {
        let known = self.0.iter().position(|(other, ..)| *other == event_id).map(|at| self.0.remove(at));
        let known = known.filter(|(_, _, touched_ms)| match loss {
            Loss::Ttl { after_ms } => touched_ms + after_ms >= arrival_ms,
            Loss::Capacity { .. } => true,
        });
        let repeated = known.filter(|(_, counted_ms, _)| horizon.covers(*counted_ms, arrival_ms));
        let counted_ms = repeated.map_or(arrival_ms, |(_, counted_ms, _)| counted_ms);
        let touched_ms = known.map_or(arrival_ms, |(_, _, touched_ms)| touched_ms.max(arrival_ms));
        self.0.push((event_id, counted_ms, touched_ms));
        if let Loss::Capacity { states, .. } = loss {
            self.0.drain(..self.0.len().saturating_sub(*states));
        }
        repeated.is_none()
    }
}

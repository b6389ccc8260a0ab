//! The truth: a pipeline's logic applied by one plain loop to events in canonical order.
//!
//! Kept apart from the strategies on purpose: it shares with them the logic and nothing else.

use flowbench_events::{Event, Lateness};
use hashbrown::{HashMap, HashSet};

use crate::logic::{KeyedLogic, StatelessLogic};

/// The events an exact run answers from, in canonical order: those not late for `slack_ms` if late ones are dropped,
/// first deliveries only if `deduplicate`.
pub fn delivered(events: &[Event], drop_late_behind_ms: Option<i64>, deduplicate: bool) -> Vec<Event> {
    let mut lateness = Lateness::new(drop_late_behind_ms.unwrap_or(0));
    let mut seen: HashSet<u64, foldhash::fast::RandomState> = HashSet::default();
    let mut kept: Vec<Event> = events
        .iter()
        .filter(|event| {
            let late = lateness.arrive(event) && drop_late_behind_ms.is_some();
            !late && (!deduplicate || seen.insert(event.event_id()))
        })
        .copied()
        .collect();
    kept.sort_by_key(Event::canonical_key);
    kept
}

/// All events once, in canonical order: what the truth is about.
pub fn occurrences(events: &[Event]) -> Vec<Event> {
    delivered(events, None, true)
}

/// The answers of stateless logic.
pub fn stateless<L: StatelessLogic>(logic: &L, events: &[Event]) -> Vec<L::Row> {
    events.iter().filter_map(|event| logic.answer(event)).collect()
}

/// The answers of keyed logic to events in canonical order; at the end everything expires.
pub fn keyed<L: KeyedLogic>(logic: &L, events: &[Event]) -> Vec<L::Row> {
    let mut states: HashMap<L::Key, L::State, foldhash::fast::RandomState> = HashMap::default();
    let mut answers = Vec::new();
    for event in events {
        let Some(key) = logic.key(event) else { continue };
        let state = states.entry(key).or_default();
        if event.event_time_ms() > logic.expires_at_ms(key, state) {
            logic.on_expiry(key, state, &mut answers);
            *state = L::State::default();
        }
        logic.apply(key, state, event, &mut answers);
    }
    for (key, state) in &mut states {
        logic.on_expiry(*key, state, &mut answers);
    }
    answers
}

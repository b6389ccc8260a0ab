//! The truth: a pipeline's logic applied by one plain loop to events in canonical order.
//!
//! Kept apart from the strategies on purpose: it shares with them the logic and nothing else.

use flowbench_events::{Deduplicator, Event, Horizon, Trace, WatermarkRule};
use hashbrown::HashMap;

use crate::logic::{KeyedLogic, StatelessLogic, WindowLogic, fire_until};

/// Returns the events that an exact run answers, in canonical order: without those late by `drop_late`, and only first
/// deliveries within the horizon `deduplicate`.
pub fn delivered(trace: &Trace, drop_late: Option<WatermarkRule>, deduplicate: Option<Horizon>) -> Vec<Event> {
    match drop_late {
        None => counted(trace.events.clone(), deduplicate),
        Some(rule) => {
            let mut in_time = Vec::with_capacity(trace.events.len());
            rule.walk(trace, |at, late, _| in_time.extend((!late).then_some(trace.events[at])));
            counted(in_time, deduplicate)
        }
    }
}

/// Returns every event once, in canonical order: the events that the truth answers.
pub fn occurrences(events: &[Event]) -> Vec<Event> {
    counted(events.to_vec(), Some(Horizon::FOR_GOOD))
}

/// Returns the events that count, in canonical order.
fn counted(mut kept: Vec<Event>, deduplicate: Option<Horizon>) -> Vec<Event> {
    if let Some(horizon) = deduplicate {
        let mut first = Deduplicator::new(horizon);
        kept.retain(|event| first.take(event));
    }
    kept.sort_by(Event::canonical_cmp);
    kept
}

/// Returns the answers of stateless logic.
pub fn stateless<L: StatelessLogic>(logic: &L, events: &[Event]) -> Vec<L::Row> {
    events.iter().filter_map(|event| logic.answer(event)).collect()
}

/// Returns the answers of keyed logic to events in canonical order; at the end of the events, all states expire.
pub fn keyed<L: KeyedLogic>(logic: &L, events: &[Event]) -> Vec<L::Row> {
    let mut states: HashMap<L::Key, L::State, foldhash::fast::RandomState> = HashMap::default();
    let mut answers = Vec::new();
    for event in events {
        let Some(key) = logic.key(event) else { continue };
        let state = states.entry(key).or_default();
        fire_until(logic, key, state, event.event_time_ms().saturating_sub(1), &mut answers);
        logic.apply(key, state, event, &mut answers);
    }
    for (key, state) in &mut states {
        fire_until(logic, *key, state, i64::MAX, &mut answers);
    }
    answers
}

/// Returns the answers of window logic to the rows of the previous stage.
pub fn windowed<W: WindowLogic>(logic: &W, inputs: &[W::Input]) -> Vec<W::Row> {
    let mut sums: HashMap<W::Key, W::Sum, foldhash::fast::RandomState> = HashMap::default();
    for input in inputs {
        logic.add(sums.entry(logic.key(input)).or_default(), input, 1);
    }
    let mut answers = Vec::new();
    sums.iter().for_each(|(key, sum)| logic.answer(*key, sum, &mut answers));
    answers
}

//! Plans with windows that overlap: events are counted once in the pane they are in, and panes in each window they are
//! in.

use std::sync::Arc;

use flowbench_events::Event;
use serde::{Deserialize, Serialize};

use super::aggregate::{NOTHING, Words, shares};
use super::tumbling::{Piece, WindowSize, Windows};
use crate::logic::{EMPTY_STATE, KeyedLogic, Mergeable, TimerOutcome};

/// The first stage: the aggregates of each key in each pane, a time of one slide. Only counts and sums are made of
/// panes, because a pane may be taken back.
#[derive(Debug, Clone)]
pub(super) struct Panes {
    pub(super) windows: Arc<Windows>,
    pub(super) size_ms: i64,
    pub(super) slide_ms: i64,
}

/// The aggregates of a pane.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Pane {
    events: i64,
    words: Words,
}

impl Default for Pane {
    fn default() -> Self {
        Pane { events: 0, words: NOTHING }
    }
}

impl Panes {
    pub(super) fn new(windows: &Arc<Windows>) -> Option<Panes> {
        match windows.size {
            WindowSize::Hopping { size_ms, slide_ms } => Some(Panes { windows: windows.clone(), size_ms, slide_ms }),
            _ => None,
        }
    }

    fn of(&self, event: &Event) -> Pane {
        let Windows { selecting, aggregates, .. } = &*self.windows;
        Pane { events: 1, words: shares(aggregates, event, &selecting.answering.failures) }
    }

    fn join(&self, pane: i64, into: &mut Pane, part: &Pane) {
        into.events += part.events;
        for (at, aggregate) in self.windows.aggregates.iter().enumerate() {
            match aggregate.how.joined(into.words[at], part.words[at]) {
                Ok(joined) => into.words[at] = joined,
                Err(_) => self.windows.note_sum((pane + 1) * self.slide_ms),
            }
        }
    }
}

impl KeyedLogic for Panes {
    type Key = (i64, u64); // number of the pane since the epoch, key
    type State = Pane;
    type Row = Piece;

    const HAS_TIMERS: bool = true;

    #[inline]
    fn key(&self, event: &Event) -> Option<(i64, u64)> {
        let key = self.windows.selecting.key(event)?;
        Some((event.event_time_ms().div_euclid(self.slide_ms), key))
    }

    fn lacks_key(&self, event: &Event) -> bool {
        self.windows.selecting.lacks_key(event)
    }

    fn apply(&self, (pane, _): (i64, u64), state: &mut Pane, event: &Event, _out: &mut Vec<Piece>) {
        self.join(pane, state, &self.of(event));
    }

    fn expires_at_ms(&self, (pane, _): (i64, u64), state: &Pane) -> i64 {
        if state.events == 0 { EMPTY_STATE } else { (pane + 1) * self.slide_ms - 1 }
    }

    fn on_expiry(&self, (pane, key): (i64, u64), state: &mut Pane, out: &mut Vec<Piece>) -> TimerOutcome {
        let first = pane - self.size_ms / self.slide_ms + 1;
        out.extend((first..=pane).map(|window| Piece::of_pane(window, key, state.words)));
        TimerOutcome::Evict
    }
}

/// Counts and sums add up.
impl Mergeable for Panes {
    fn partial_state(&self, _key: (i64, u64), event: &Event) -> Pane {
        self.of(event)
    }

    fn begins_at_ms(&self, (pane, _): (i64, u64), _part: &Pane) -> i64 {
        pane * self.slide_ms
    }

    fn merge(&self, (pane, _): (i64, u64), into: &mut Pane, part: &Pane) -> bool {
        self.join(pane, into, part);
        true
    }
}

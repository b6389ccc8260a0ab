//! Plans with windows: aggregates of each, answered when it ends.

use std::sync::Arc;

use flowbench_events::{Event, EventId, Kind, Record, Zone};
use serde::{Deserialize, Serialize};

use super::aggregate::{AGGREGATES_MAX, Aggregate, How, NOTHING, Place, Words, in_order, shares};
use super::expression::node::{ABSENT, present};
use super::key::PlanKey;
use super::per_event::{Answering, Selecting};
use super::row::PlanRow;
use crate::logic::{StatelessLogic, WindowLogic};

/// How many slots the answer of a window is made of: the parts of the key, the aggregates, its bounds, and its rank.
const SLOTS_MAX: usize = KEY_PARTS_MAX + AGGREGATES_MAX + 3;
/// How many parts a key has at most.
pub(super) const KEY_PARTS_MAX: usize = 4;

/// A plan with windows.
#[derive(Debug, Clone)]
pub(super) struct Tumbling(pub(super) Arc<Windows>);

/// Windows, and what is computed of each.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) selecting: Selecting,
    pub(super) size: WindowSize,
    pub(super) aggregates: Box<[Aggregate]>,
}

/// How long windows are.
#[derive(Debug, Clone)]
pub(super) enum WindowSize {
    /// A fixed length, ms; windows begin at its multiples since the Unix epoch.
    Fixed(i64),
    /// A calendar day of a time zone.
    Day(Zone),
    /// Windows of a fixed length that overlap, ms; one begins every slide since the Unix epoch.
    Hopping { size_ms: i64, slide_ms: i64 },
}

impl WindowSize {
    #[inline]
    fn window_of(&self, time_ms: i64) -> i64 {
        match self {
            WindowSize::Fixed(size_ms) | WindowSize::Hopping { slide_ms: size_ms, .. } => time_ms.div_euclid(*size_ms),
            WindowSize::Day(zone) => i64::from(zone.day(time_ms)),
        }
    }

    /// Returns the beginning of a window, or its day, and its end.
    pub(super) fn bounds(&self, window: i64) -> [i64; 2] {
        let end_ms = self.end_ms(window);
        match self {
            WindowSize::Fixed(size_ms) | WindowSize::Hopping { size_ms, .. } => [end_ms - size_ms, end_ms],
            WindowSize::Day(_) => [window, end_ms],
        }
    }

    pub(super) fn end_ms(&self, window: i64) -> i64 {
        match self {
            WindowSize::Fixed(size_ms) => (window + 1) * size_ms,
            WindowSize::Hopping { size_ms, slide_ms } => window * slide_ms + size_ms,
            WindowSize::Day(zone) => zone.day_end_ms(window as i32),
        }
    }
}

/// What events add to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) window: i64,
    pub(super) key: u64,
    pub(super) words: Words,
    last: Place, // of the last event
}

impl StatelessLogic for Tumbling {
    type Row = Piece;

    #[inline]
    fn answer(&self, event: &Event) -> Option<Piece> {
        self.0.selecting.key(event).map(|key| self.0.piece(key, event))
    }
}

/// The aggregates of a window. Sums have 128 bits, so that their order does not matter.
#[derive(Debug, Clone)]
pub(super) struct WindowState {
    pieces: i64,
    words: Words,
    sums: [i128; AGGREGATES_MAX],
    last: Option<Place>,
}

impl Default for WindowState {
    fn default() -> Self {
        WindowState { pieces: 0, words: NOTHING, sums: [0; AGGREGATES_MAX], last: None }
    }
}

impl WindowLogic for Tumbling {
    type Input = Piece;
    type Key = (i64, u64); // number of the window, key
    type Sum = WindowState;
    type Row = PlanRow;

    fn key(&self, piece: &Piece) -> (i64, u64) {
        (piece.window, piece.key)
    }

    const COMBINES: bool = true;

    /// Unless the bounds of 64 bits would be passed.
    #[inline]
    fn combine(&self, into: &mut Piece, other: &Piece) -> bool {
        let mut words = NOTHING;
        for ((at, aggregate), word) in self.0.aggregates.iter().enumerate().zip(&mut words) {
            let [earlier, later] = in_order(aggregate.how, (into.last, into.words[at]), (other.last, other.words[at]));
            match aggregate.how.joined(earlier, later) {
                Ok(joined) => *word = joined,
                Err(_) => return false,
            }
        }
        (into.words, into.last) = (words, into.last.max(other.last));
        true
    }

    /// Only panes are taken back, and of them there are only counts and sums.
    fn add(&self, sum: &mut WindowState, piece: &Piece, times: i64) {
        sum.pieces += times;
        for (at, aggregate) in self.0.aggregates.iter().enumerate() {
            let (how, word) = (aggregate.how, piece.words[at]);
            if matches!(how, How::Count | How::Sum) {
                sum.sums[at] += i128::from(present(word).unwrap_or(0)) * i128::from(times);
                continue;
            }
            let [earlier, later] = match sum.last {
                Some(last) => in_order(how, (last, sum.words[at]), (piece.last, word)),
                None => [sum.words[at], word],
            };
            sum.words[at] = how.joined(earlier, later).unwrap_or(later);
        }
        sum.last = sum.last.max(Some(piece.last));
    }

    fn closes_at_ms(&self, (window, _): (i64, u64)) -> i64 {
        self.0.size.end_ms(window) - 1
    }

    fn answer(&self, (window, key): (i64, u64), sum: &WindowState, out: &mut Vec<PlanRow>) {
        if sum.pieces <= 0 {
            return;
        }
        let Windows { selecting: Selecting { key: plan_key, answering, .. }, size, aggregates } = &*self.0;
        let end_ms = size.end_ms(window);
        let results = aggregates.iter().zip(sum.words.iter().zip(&sum.sums)).map(|(aggregate, (word, total))| {
            if !matches!(aggregate.how, How::Count | How::Sum) {
                return aggregate.how.result(*word);
            }
            self.0.fitting(*total, end_ms)
        });
        let bounds = size.bounds(window);
        out.extend(answer_of_window(answering, end_ms, &slots_of(plan_key, key, results, bounds)));
    }
}

impl Windows {
    /// Returns what an event of a key adds to its window.
    #[inline(never)]
    fn piece(&self, key: u64, event: &Event) -> Piece {
        let Windows { selecting, size, aggregates } = self;
        let words = shares(aggregates, event, &selecting.answering.failures);
        Piece { window: size.window_of(event.event_time_ms()), key, words, last: event.canonical_key() }
    }

    /// Returns a sum of the window that ends then as a word, or notes that it does not fit.
    pub(super) fn fitting(&self, sum: i128, end_ms: i64) -> i64 {
        i64::try_from(sum).ok().and_then(present).unwrap_or_else(|| {
            self.note_sum(end_ms);
            ABSENT
        })
    }

    /// Notes that a sum of the window that ends then is too large.
    pub(super) fn note_sum(&self, end_ms: i64) {
        self.selecting.answering.failures.note_sum((end_ms, EventId::absent(0)));
    }
}

impl Piece {
    /// Returns what a pane adds to a window.
    pub(super) fn of_pane(window: i64, key: u64, words: Words) -> Piece {
        Piece { window, key, words, last: (0, EventId::absent(0)) }
    }
}

/// Returns what the answer of a window is made of: the parts of its key, its aggregates, and others.
pub(super) fn slots_of(
    plan_key: &PlanKey,
    key: u64,
    results: impl Iterator<Item = i64>,
    others: impl IntoIterator<Item = i64>,
) -> [i64; SLOTS_MAX] {
    let mut slots = [ABSENT; SLOTS_MAX];
    plan_key.write(key, &mut slots);
    let rest = slots.iter_mut().skip(plan_key.parts.len());
    rest.zip(results.chain(others)).for_each(|(slot, word)| *slot = word);
    slots
}

/// Returns the answer of a window: nothing in it reads an event, as there is none.
pub(super) fn answer_of_window(answering: &Answering, end_ms: i64, slots: &[i64]) -> Option<PlanRow> {
    let none = Event::pack(Record::new(EventId::absent(0), Kind::PageViewed, 0));
    answering.answer(end_ms, &none, slots)
}

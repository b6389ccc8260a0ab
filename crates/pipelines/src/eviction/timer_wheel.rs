//! A hierarchical timer wheel of keys.
//!
//! Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987. Levels are found by the highest digit in which
//! two ticks differ, so that no counters have to be carried.

use super::opened_keys::OpenedKeys;
use crate::message::Key;
use crate::tight;

/// Keys by the tick in which their state may expire.
///
/// A level has 64 slots; a slot of the lowest one is a tick, a slot of the next one 64 ticks, and so on. When the hand
/// reaches a slot of a higher level, its keys come out to be scheduled again, closer to their time. A key costs its own
/// size: its exact expiry is asked of the state, which may have moved it.
#[derive(Debug)]
pub struct TimerWheel<K> {
    tick_ms: i64,
    is_exact: bool,
    hand: u64,       // a tick that nothing in the levels lies before
    opened_end: u64, // ticks below it have been opened
    levels: Vec<Level<K>>,
    opened: OpenedKeys<K>, // of a slot that the hand has reached, and of ticks below `opened_end` if it must be exact
}

/// The slots of one level.
#[derive(Debug)]
struct Level<K> {
    filled: u64, // a bit a slot
    slots: [Vec<K>; SLOTS],
}

/// The slot that comes next.
struct Next {
    level: usize,
    slot: usize,
    tick: u64, // at which it begins
}

const SLOTS: usize = 64;
/// Bits of a tick that lead to a slot of one level.
const DIGIT: usize = 6;

impl<K> Default for Level<K> {
    fn default() -> Self {
        Self { filled: 0, slots: std::array::from_fn(|_| Vec::new()) }
    }
}

impl<K: Key> TimerWheel<K> {
    /// Creates an empty wheel. With `is_exact`, keys come out as soon as they are due; otherwise at the end of their tick.
    pub(crate) fn new(tick_ms: i64, is_exact: bool) -> Self {
        Self {
            tick_ms: tick_ms.max(1),
            is_exact,
            hand: 0,
            opened_end: 0,
            levels: Vec::new(),
            opened: OpenedKeys::default(),
        }
    }

    /// Schedules a key; `i64::MAX` means never and is not scheduled.
    #[inline]
    pub(crate) fn schedule(&mut self, key: K, expires_at_ms: i64) {
        if expires_at_ms == i64::MAX {
            return;
        }
        self.opened.len += 1;
        let tick = self.tick(expires_at_ms);
        if self.is_exact && tick < self.opened_end {
            self.opened.push(key, expires_at_ms);
        } else {
            self.insert(key, tick.max(self.opened_end));
        }
    }

    /// Notes that a state is gone whose key is still scheduled: it may be created again and then be scheduled twice.
    pub(crate) fn allow_duplicates(&mut self) {
        self.opened.allow_duplicates();
    }

    /// Returns the next key whose state may have expired below `until_ms`.
    pub(crate) fn next_due(&mut self, until_ms: i64) -> Option<K> {
        let target = self.tick(until_ms).saturating_add(u64::from(self.is_exact));
        self.opened_end = self.opened_end.max(target);
        loop {
            if let Some(key) = self.opened.next(until_ms) {
                return Some(key);
            }
            // A slot of a higher level must be opened as soon as the hand is in it.
            let within = |next: &Next| next.tick < target || (next.level > 0 && next.tick == target);
            let Some(next) = self.next_slot().filter(within) else {
                self.hand = self.hand.max(target);
                return None;
            };
            self.open(&next);
        }
    }

    /// Returns the time below which keys are due when event time has reached `until_ms`: that time, or the start of its
    /// tick.
    pub(crate) fn due_below_ms(&self, until_ms: i64) -> i64 {
        let is_end = self.is_exact || until_ms == i64::MAX;
        if is_end { until_ms } else { until_ms.div_euclid(self.tick_ms).saturating_mul(self.tick_ms) }
    }

    /// See [`OpenedKeys::is_stale`].
    pub(crate) fn is_stale(&self, states: usize) -> bool {
        self.opened.is_stale(states)
    }

    /// Removes all keys; time stays where it is.
    pub(crate) fn clear(&mut self) {
        self.levels.clear();
        self.opened.clear();
    }

    /// Returns the number of keys that are scheduled.
    pub(crate) fn len(&self) -> usize {
        self.opened.len
    }

    /// Returns the tick of a time, in the order of times.
    fn tick(&self, time_ms: i64) -> u64 {
        time_ms.div_euclid(self.tick_ms) as u64 ^ (1 << 63)
    }

    fn insert(&mut self, key: K, tick: u64) {
        let level = highest_bit(tick ^ self.hand) / DIGIT;
        while self.levels.len() <= level {
            self.levels.push(Level::default());
        }
        let slot = digit(tick, level);
        self.levels[level].filled |= 1 << slot;
        tight::push(&mut self.levels[level].slots[slot], key);
    }

    /// Returns the slot that comes first: all of a lower level come before those of a higher one.
    fn next_slot(&self) -> Option<Next> {
        let level = self.levels.iter().position(|level| level.filled != 0)?;
        let slot = self.levels[level].filled.trailing_zeros() as usize;
        let below = DIGIT * (level + 1);
        let above = if below < 64 { self.hand >> below << below } else { 0 };
        Some(Next { level, slot, tick: above | (slot as u64) << (DIGIT * level) })
    }

    /// Moves the hand to a slot and takes its keys out.
    fn open(&mut self, next: &Next) {
        self.hand = self.hand.max(next.tick);
        let level = &mut self.levels[next.level];
        level.filled &= !(1 << next.slot);
        self.opened.open(std::mem::take(&mut level.slots[next.slot]));
    }
}

fn highest_bit(difference: u64) -> usize {
    difference.checked_ilog2().unwrap_or(0) as usize
}

fn digit(tick: u64, level: usize) -> usize {
    (tick >> (DIGIT * level)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys that are over at `until_ms`, where `expires_at_ms` says when each is; the others are scheduled again.
    fn over(wheel: &mut TimerWheel<i32>, until_ms: i64, expires_at_ms: impl Fn(i32) -> i64) -> Vec<i32> {
        let (mut over, below_ms) = (Vec::new(), wheel.due_below_ms(until_ms));
        while let Some(key) = wheel.next_due(until_ms) {
            if over.contains(&key) {
                continue;
            }
            if expires_at_ms(key) < below_ms {
                over.push(key);
            } else {
                wheel.schedule(key, expires_at_ms(key));
            }
        }
        over.sort_unstable();
        over
    }

    proptest! {
        /// At every time exactly those keys have come out whose time it is, each once, from whatever level and however
        /// far the hand has moved; a key that is scheduled late comes out a tick later at the latest.
        #[test]
        fn gives_out_exactly_the_keys_that_are_due(
            steps in prop::collection::vec(
                (prop_oneof![0_i64..50, 0_i64..5_000, 0_i64..30_000_000], prop::collection::vec(
                    (prop_oneof![-20_i64..100, 0_i64..10_000, 0_i64..400_000_000], 0_i64..500, any::<bool>()), 0..6)),
                1..30,
            ),
            begin_ms in prop_oneof![Just(0_i64), Just(-5_000), Just(1_764_000_000_000), Just(i64::MIN / 2)],
            tick_ms in prop_oneof![Just(1_i64), Just(7), Just(1000), Just(60_000)],
            is_exact in any::<bool>(),
        ) {
            let mut wheel = TimerWheel::new(tick_ms, is_exact);
            let (mut now_ms, mut expiries, mut out) = (begin_ms, Vec::<i64>::new(), Vec::<i32>::new());
            let mut scheduled_ms = Vec::new();
            for (later_ms, batch) in steps {
                for (in_ms, longer_ms, twice) in batch {
                    let key = expiries.len() as i32;
                    wheel.schedule(key, now_ms + in_ms);
                    expiries.push(now_ms + in_ms + longer_ms);
                    scheduled_ms.push(if is_exact { i64::MIN } else { now_ms });
                    if twice {
                        wheel.allow_duplicates();
                        wheel.schedule(key, now_ms + in_ms + longer_ms / 2);
                    }
                }
                now_ms += later_ms;
                let still = |key: i32| if out.contains(&key) { i64::MAX } else { expiries[key as usize] };
                let now = over(&mut wheel, now_ms, still);
                out.extend(now);
                out.sort_unstable();
                let below_ms = wheel.due_below_ms(now_ms);
                for (key, expires_at_ms) in (0..).zip(&expiries) {
                    let came = out.contains(&key);
                    prop_assert!(!came || *expires_at_ms < below_ms, "{key} came early");
                    let late_ms = if is_exact { 0 } else { tick_ms };
                    let must = (*expires_at_ms).max(scheduled_ms[key as usize]) < wheel.due_below_ms(now_ms - late_ms);
                    prop_assert!(came || !must, "{key}, due at {expires_at_ms}, has not come by {now_ms}");
                }
            }
            let left = over(&mut wheel, i64::MAX, |key| if out.contains(&key) { i64::MAX } else { expiries[key as usize] });
            prop_assert_eq!(left.len() + out.len(), expiries.len());
            prop_assert_eq!(wheel.len(), 0);
        }

        /// Where no key is scheduled late, one comes out at the first time that is past the end of its tick.
        #[test]
        fn a_key_comes_out_at_the_end_of_its_tick(expires_at_ms in 0_i64..5_000_000, tick_ms in 1_i64..70_000) {
            let mut wheel = TimerWheel::new(tick_ms, false);
            wheel.schedule(1, expires_at_ms);
            let end_ms = (expires_at_ms / tick_ms + 1) * tick_ms;
            prop_assert_eq!(over(&mut wheel, end_ms - 1, |_| expires_at_ms), Vec::<i32>::new());
            prop_assert_eq!(over(&mut wheel, end_ms, |_| expires_at_ms), vec![1]);
        }
    }

    #[test]
    fn a_key_moves_down_at_most_once_a_level() {
        let mut wheel = TimerWheel::new(1, false);
        while wheel.next_due(0).is_some() {}
        let expires_at_ms = 64 * 64 * 64 + 3 * 64 * 64 + 2 * 64 + 1;
        wheel.schedule(1, expires_at_ms);
        let mut moves = 0;
        for now_ms in 1..=expires_at_ms {
            while let Some(key) = wheel.next_due(now_ms) {
                moves += 1;
                wheel.schedule(key, expires_at_ms);
            }
        }
        assert_eq!((moves, wheel.next_due(expires_at_ms + 1)), (3, Some(1)));
    }

    #[test]
    fn what_never_expires_is_not_scheduled() {
        let mut wheel = TimerWheel::new(1000, true);
        wheel.schedule(1, i64::MAX);
        wheel.schedule(2, i64::MAX - 1);
        assert_eq!(
            (wheel.len(), wheel.next_due(i64::MAX), wheel.next_due(i64::MAX), wheel.len()),
            (1, Some(2), None, 0)
        );
    }
}

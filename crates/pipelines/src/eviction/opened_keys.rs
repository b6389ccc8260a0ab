//! Keys whose time is near: what a calendar and a timer wheel have in common.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::message::Key;

/// The keys of the buckets that have been opened, and the number of all keys that are scheduled.
///
/// The keys of a bucket are looked at when it is opened; those that turn out to live on for a while in it are kept by their
/// exact time.
#[derive(Debug)]
pub(super) struct OpenedKeys<K> {
    due: Vec<K>, // of the bucket that was opened last
    by_time: BinaryHeap<Reverse<(i64, K)>>,
    repeats: bool,
    /// Keys that are scheduled, whether their bucket has been opened or not.
    pub(super) len: usize,
}

/// Stale keys that are not worth the trouble. Tests have few keys.
const STALE_KEYS: usize = if cfg!(test) { 4 } else { 1024 };

impl<K: Key> Default for OpenedKeys<K> {
    fn default() -> Self {
        Self { due: Vec::new(), by_time: BinaryHeap::new(), repeats: false, len: 0 }
    }
}

impl<K: Key> OpenedKeys<K> {
    /// Adds a key whose bucket has been opened already.
    pub(super) fn push(&mut self, key: K, expires_at_ms: i64) {
        self.by_time.push(Reverse((expires_at_ms, key)));
    }

    /// Notes that a key may be scheduled twice from now on; where the two meet, they count once.
    pub(super) fn allow_duplicates(&mut self) {
        self.repeats = true;
    }

    /// True if many of the keys belong to states that are gone, or are scheduled twice, where there are `states` states.
    pub(super) fn is_stale(&self, states: usize) -> bool {
        self.len > states + states / 2 + STALE_KEYS
    }

    /// Removes all keys.
    pub(super) fn clear(&mut self) {
        *self = Self { repeats: self.repeats, ..Self::default() };
    }

    /// Opens a bucket with these keys. All keys of the one before have been given out.
    pub(super) fn open(&mut self, keys: Vec<K>) {
        let soon = self.by_time.len() + keys.len();
        if self.by_time.capacity() > 4 * soon {
            self.by_time.shrink_to(2 * soon);
        }
        self.due = keys;
        if self.repeats {
            let before = self.due.len();
            self.due.sort_unstable();
            self.due.dedup();
            self.len -= before - self.due.len();
        }
    }

    /// Gives out a key that has to be looked at when event time has reached `until_ms`.
    #[inline]
    pub(super) fn next(&mut self, until_ms: i64) -> Option<K> {
        if let Some(key) = self.due.pop() {
            self.len -= 1;
            return Some(key);
        }
        let Reverse(first) = self.by_time.peek().copied().filter(|first| first.0.0 < until_ms)?;
        while self.by_time.peek() == Some(&Reverse(first)) {
            self.by_time.pop();
            self.len -= 1;
        }
        Some(first.1)
    }
}

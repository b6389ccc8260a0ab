//! Keys by the time at which their state may expire.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::logic::Key;

/// A calendar of keys: coarse buckets that hold nothing but keys, of which the one the watermark is in is kept exactly.
///
/// Costs about the size of a key per live state. The exact expiry is asked of the state itself when its bucket is
/// reached; a state that lives on is filed again.
#[derive(Debug)]
pub(crate) struct ExpiryQueue<K> {
    head: BinaryHeap<Reverse<(i64, K)>>, // buckets below `head_end`
    head_end: i64,
    buckets: BTreeMap<i64, Vec<K>>,
}

/// Width of a bucket, ms.
const BUCKET_MS: i64 = 1 << 16;

impl<K: Key> Default for ExpiryQueue<K> {
    fn default() -> Self {
        Self { head: BinaryHeap::new(), head_end: i64::MIN, buckets: BTreeMap::new() }
    }
}

impl<K: Key> ExpiryQueue<K> {
    /// Files a key; `i64::MAX` means never and is not filed.
    pub(crate) fn file(&mut self, key: K, expires_at_ms: i64) {
        if expires_at_ms == i64::MAX {
            return;
        }
        let bucket = expires_at_ms.div_euclid(BUCKET_MS);
        if bucket < self.head_end {
            self.head.push(Reverse((expires_at_ms, key)));
        } else {
            self.buckets.entry(bucket).or_default().push(key);
        }
    }

    /// Takes the next key whose state has expired (its expiry is below the watermark). `expires_at_ms` tells the present
    /// expiry of a key.
    pub(crate) fn next_expired(&mut self, watermark_ms: i64, expires_at_ms: impl Fn(K) -> i64) -> Option<K> {
        let watermark_bucket = watermark_ms.div_euclid(BUCKET_MS);
        loop {
            if let Some(Reverse((filed_ms, key))) = self.head.peek().copied().filter(|head| head.0.0 < watermark_ms) {
                self.head.pop();
                let now_ms = expires_at_ms(key);
                if now_ms < watermark_ms {
                    return Some(key);
                }
                debug_assert!(now_ms > filed_ms);
                self.file(key, now_ms);
            } else {
                let first = self.buckets.first_entry().filter(|first| *first.key() <= watermark_bucket)?;
                self.head_end = *first.key() + 1;
                let keys = first.remove();
                keys.into_iter().for_each(|key| self.file(key, expires_at_ms(key)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Expiries only move forward; at every watermark exactly the expired keys come out, each once.
        #[test]
        fn gives_out_exactly_the_expired_keys(
            expiries in prop::collection::vec((0_i64..500_000, 0_i64..300_000), 0..100),
            watermarks in prop::collection::vec(0_i64..1_000_000, 1..10),
        ) {
            let mut queue = ExpiryQueue::default();
            for (key, (filed, _)) in expiries.iter().enumerate() {
                queue.file(key as i32, *filed);
            }
            let present = |key: i32| expiries[key as usize].0 + expiries[key as usize].1;
            let mut watermarks = watermarks;
            watermarks.sort_unstable();
            let mut gone = Vec::new();
            for watermark in watermarks {
                while let Some(key) = queue.next_expired(watermark, present) {
                    gone.push(key);
                }
                let mut sorted = gone.clone();
                sorted.sort_unstable();
                let naive: Vec<i32> = (0..expiries.len() as i32).filter(|key| present(*key) < watermark).collect();
                prop_assert_eq!(sorted, naive);
            }
        }
    }

    #[test]
    fn never_is_not_filed_and_the_end_takes_all() {
        let mut queue = ExpiryQueue::default();
        queue.file(1, i64::MAX);
        queue.file(2, i64::MAX - 1);
        assert_eq!(queue.next_expired(i64::MAX, |_| i64::MAX - 1), Some(2));
        assert_eq!(queue.next_expired(i64::MAX, |_| i64::MAX - 1), None);
    }
}

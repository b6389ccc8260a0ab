//! Keys by the time at which their state may expire.
//!
//! Decision D-022.

use std::collections::BTreeMap;

use super::opened_keys::OpenedKeys;
use crate::message::Key;
use crate::tight;

/// A calendar of keys: coarse buckets that hold nothing but keys; the bucket the watermark is in is kept exactly. Buckets
/// become wider while there are few keys in each.
///
/// It costs about the size of a key per live state. A key whose turn comes may live on: its exact expiry is asked of
/// the state itself, and it is scheduled again. A key may be scheduled twice (its state was dropped and created
/// again, or expires sooner than before); the duplicates meet when they are reached and count once.
#[derive(Debug)]
pub struct ExpiryQueue<K> {
    bucket_bits: u32,      // of the width of a bucket, ms
    opened: OpenedKeys<K>, // of buckets below `opened_end`
    opened_end: i64,
    buckets: BTreeMap<i64, Vec<K>>,
    latest: (i64, Vec<K>), // the bucket that was filed in last, outside `buckets`
}

/// Width of a bucket at first, as a power of two in ms: 65.5 s.
const BUCKET_BITS: u32 = 16;
/// Fewer keys than this, and the bucket itself takes too much of the room.
const KEYS_A_BUCKET: usize = 16;
/// With fewer buckets, the one that is open would have too large a part of the keys.
const FEWEST_BUCKETS: usize = 64;

impl<K: Key> Default for ExpiryQueue<K> {
    fn default() -> Self {
        Self {
            bucket_bits: BUCKET_BITS,
            opened: OpenedKeys::default(),
            opened_end: i64::MIN,
            buckets: BTreeMap::new(),
            latest: (i64::MIN, Vec::new()),
        }
    }
}

impl<K: Key> ExpiryQueue<K> {
    /// Schedules a key; `i64::MAX` means never and is not scheduled.
    #[inline]
    pub(crate) fn schedule(&mut self, key: K, expires_at_ms: i64) {
        if expires_at_ms == i64::MAX {
            return;
        }
        self.opened.len += 1;
        let bucket = expires_at_ms >> self.bucket_bits;
        if bucket < self.opened_end {
            self.opened.push(key, expires_at_ms);
        } else {
            if bucket != self.latest.0 {
                self.open(bucket);
                if self.buckets.len() > FEWEST_BUCKETS.max(self.opened.len / KEYS_A_BUCKET) {
                    self.widen();
                }
            }
            tight::push(&mut self.latest.1, key);
        }
    }

    /// Notes that a state is gone whose key is still scheduled: it may be created again and then be scheduled twice.
    pub(crate) fn allow_duplicates(&mut self) {
        self.opened.allow_duplicates();
    }

    /// Returns the next key whose state may have expired: one scheduled below `until_ms`, or near it.
    pub(crate) fn next_due(&mut self, until_ms: i64) -> Option<K> {
        loop {
            if let Some(key) = self.opened.next(until_ms) {
                return Some(key);
            }
            self.open(i64::MIN);
            let until_bucket = until_ms >> self.bucket_bits;
            let first = self.buckets.first_entry().filter(|first| *first.key() <= until_bucket)?;
            self.opened_end = *first.key() + 1;
            self.opened.open(first.remove());
        }
    }

    /// See [`OpenedKeys::is_stale`].
    pub(crate) fn is_stale(&self, states: usize) -> bool {
        self.opened.is_stale(states)
    }

    /// Removes all keys; time stays where it is.
    pub(crate) fn clear(&mut self) {
        self.opened.clear();
        self.buckets.clear();
        self.latest = (i64::MIN, Vec::new());
    }

    /// Returns the number of keys that are scheduled.
    pub(crate) fn len(&self) -> usize {
        self.opened.len
    }

    /// Makes `bucket` the one that keys are added to.
    fn open(&mut self, bucket: i64) {
        if bucket == self.latest.0 {
            return;
        }
        let keys = self.buckets.remove(&bucket).unwrap_or_default();
        let (before, filed) = std::mem::replace(&mut self.latest, (bucket, keys));
        if !filed.is_empty() {
            self.buckets.insert(before, filed);
        }
    }

    /// Makes one bucket of two.
    #[cold]
    fn widen(&mut self) {
        self.bucket_bits += 1;
        self.opened_end >>= 1; // a pair of which one is open counts as not opened yet
        self.latest.0 >>= 1;
        for (bucket, keys) in std::mem::take(&mut self.buckets) {
            let bucket = bucket >> 1;
            let is_latest = bucket == self.latest.0;
            let pair = if is_latest { &mut self.latest.1 } else { self.buckets.entry(bucket).or_default() };
            pair.reserve_exact(keys.len());
            pair.extend(keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUARTER_MS: i64 = (1 << BUCKET_BITS) / 4;

    /// The keys that come out at `watermark`, expiries being what `present` says.
    fn expired(queue: &mut ExpiryQueue<i32>, watermark: i64, present: impl Fn(i32) -> Option<i64>) -> Vec<i32> {
        let mut gone: Vec<i32> = Vec::new();
        while let Some(key) = queue.next_due(watermark) {
            match present(key).filter(|_| !gone.contains(&key)) {
                Some(expires_at_ms) if expires_at_ms >= watermark => queue.schedule(key, expires_at_ms),
                Some(_) => gone.push(key),
                None => {}
            }
        }
        gone.sort_unstable();
        gone
    }

    proptest! {
        /// At every watermark exactly the expired keys come out, each once, however often and wherever they were filed.
        #[test]
        fn gives_out_exactly_the_expired_keys(
            expiries in prop::collection::vec((0_i64..500_000, 0_i64..300_000, any::<bool>()), 0..100),
            watermarks in prop::collection::vec(0_i64..1_000_000, 1..10),
        ) {
            let mut queue = ExpiryQueue::default();
            let present: Vec<i64> = expiries.iter().map(|(filed, more, _)| filed + more).collect();
            for (key, (filed, more, twice)) in expiries.iter().enumerate() {
                queue.schedule(key as i32, *filed);
                if *twice {
                    queue.allow_duplicates();
                    queue.schedule(key as i32, filed + more / 2);
                }
            }
            let mut watermarks = watermarks;
            watermarks.sort_unstable();
            let mut gone: Vec<i32> = Vec::new();
            for watermark in watermarks {
                let still = |key: i32| Some(present[key as usize]).filter(|_| !gone.contains(&key));
                let now = expired(&mut queue, watermark, still);
                gone.extend(now);
                gone.sort_unstable();
                let naive: Vec<i32> =
                    (0..expiries.len() as i32).filter(|key| present[*key as usize] < watermark).collect();
                prop_assert_eq!(&gone, &naive);
            }
        }
    }

    #[test]
    fn never_is_not_filed_and_the_end_takes_all() {
        let mut queue = ExpiryQueue::default();
        queue.schedule(1, i64::MAX);
        queue.schedule(2, i64::MAX - 1);
        assert_eq!((queue.next_due(i64::MAX), queue.next_due(i64::MAX)), (Some(2), None));
    }

    #[test]
    fn buckets_are_few_where_keys_are_few() {
        let (mut queue, day_ms) = (ExpiryQueue::default(), 86_400_000);
        for key in 0..10_000 {
            queue.schedule(key, day_ms + i64::from(key) * day_ms / 100);
        }
        let held: usize = queue.buckets.values().map(Vec::capacity).sum();
        assert!((64..=700).contains(&queue.buckets.len()), "{} buckets for 100 days", queue.buckets.len());
        assert!(held < 12_000, "room for {held} keys");
        let expires_at_ms = |key: i32| Some(day_ms + i64::from(key) * day_ms / 100);
        assert_eq!(expired(&mut queue, 2 * day_ms, expires_at_ms), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn filing_twice_does_not_add_up() {
        let mut queue = ExpiryQueue::default();
        for round in 0..1000 {
            queue.allow_duplicates();
            queue.schedule(7, round * QUARTER_MS);
            let alive_until_ms = round * QUARTER_MS + 40 * QUARTER_MS;
            assert!(expired(&mut queue, round * QUARTER_MS, |_| Some(alive_until_ms)).is_empty());
        }
        let filed = queue.len();
        assert!(filed < 100, "{filed} filings of one key");
    }
}

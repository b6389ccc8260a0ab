//! States by key: dense, and growing a little at a time.
//!
//! Decision D-027.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::message::Key;

/// States without gaps, in chunks of fixed size, and beside them sixteen hash tables of their numbers.
///
/// A hash table that holds the states themselves is half empty on average and doubles all at once: for a while it takes
/// more than twice what its entries need, and the doubling is one long stall. Here only the numbers, 5 bytes a slot, are
/// half empty. And the shares of the sixteen tables differ, each 2^(1/16) times the one before, so that they double one
/// after the other. The price is one more look into memory.
pub(crate) struct Table<K, S> {
    chunks: Vec<Vec<(K, S)>>, // all full but the last
    numbers: [HashTable<u32>; PARTS],
    hasher: foldhash::fast::RandomState,
}

const PARTS: usize = 16;
/// States in a chunk: a power of two.
const CHUNK: usize = 1024;

/// Which part a byte of the hash leads to.
const PART_OF: [u8; 256] = part_of();

impl<K, S> Default for Table<K, S> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            numbers: std::array::from_fn(|_| HashTable::new()),
            hasher: foldhash::fast::RandomState::default(),
        }
    }
}

impl<K: Key, S: Default> Table<K, S> {
    /// The state of `key`, which comes to be if it is not there; true if it did.
    #[inline]
    pub(crate) fn get_or_default(&mut self, key: K) -> (&mut S, bool) {
        let hash = self.hasher.hash_one(key);
        let Self { chunks, numbers, hasher } = self;
        let numbers = &mut numbers[part(hash)];
        if let Some(number) = numbers.find(hash, |number| slot(chunks, *number).0 == key) {
            return (&mut slot_mut(chunks, *number).1, false);
        }
        let rehash = |number: &u32| hasher.hash_one(slot(chunks, *number).0);
        if numbers.len() == numbers.capacity() {
            make_room(numbers, rehash);
        }
        let number = chunks.last().map_or(0, |last| (chunks.len() - 1) * CHUNK + last.len()) as u32;
        numbers.insert_unique(hash, number, rehash);
        if number as usize == chunks.len() * CHUNK {
            chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = chunks.len() - 1;
        chunks[last].push((key, S::default()));
        (&mut slot_mut(chunks, number).1, true)
    }

    /// The state of `key`.
    #[cfg(test)]
    pub(crate) fn get(&self, key: K) -> Option<&S> {
        let hash = self.hasher.hash_one(key);
        let number = self.numbers[part(hash)].find(hash, |number| slot(&self.chunks, *number).0 == key)?;
        Some(&slot(&self.chunks, *number).1)
    }

    /// The state of `key`, to be changed.
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut S> {
        let Self { chunks, numbers, hasher } = self;
        let hash = hasher.hash_one(key);
        let number = *numbers[part(hash)].find(hash, |number| slot(chunks, *number).0 == key)?;
        Some(&mut slot_mut(chunks, number).1)
    }

    /// Takes the state of `key` out; the last one takes its place.
    pub(crate) fn remove(&mut self, key: K) -> Option<S> {
        let hash = self.hasher.hash_one(key);
        let chunks = &mut self.chunks;
        let found = self.numbers[part(hash)].find_entry(hash, |number| slot(chunks, *number).0 == key).ok()?;
        let (number, _) = found.remove();
        let last_chunk = chunks.last_mut()?;
        let mut moved = last_chunk.pop()?;
        if last_chunk.is_empty() {
            chunks.pop();
        }
        let last = self.chunks.last().map_or(0, |chunk| (self.chunks.len() - 1) * CHUNK + chunk.len()) as u32;
        if number != last {
            let hash = self.hasher.hash_one(moved.0);
            let renumbered = self.numbers[part(hash)].find_mut(hash, |other| *other == last);
            renumbered.into_iter().for_each(|other| *other = number);
            std::mem::swap(slot_mut(&mut self.chunks, number), &mut moved);
        }
        Some(moved.1)
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// All states.
    pub(crate) fn states(&self) -> impl Iterator<Item = &S> {
        self.chunks.iter().flatten().map(|(_, state)| state)
    }

    /// Gives room back where most of it is empty.
    pub(crate) fn shrink(&mut self) {
        let Self { chunks, numbers, hasher } = self;
        for part in numbers.iter_mut().filter(|part| part.capacity() > 256 && part.len() < part.capacity() / 4) {
            part.shrink_to(part.len() * 2, |number| hasher.hash_one(slot(chunks, *number).0));
        }
    }
}

#[inline]
fn slot<K, S>(chunks: &[Vec<(K, S)>], number: u32) -> &(K, S) {
    &chunks[number as usize / CHUNK][number as usize % CHUNK]
}

#[inline]
fn slot_mut<K, S>(chunks: &mut [Vec<(K, S)>], number: u32) -> &mut (K, S) {
    &mut chunks[number as usize / CHUNK][number as usize % CHUNK]
}

/// Moves a part that has no room left into one that has.
///
/// Removals leave marks that take up room, too. Left to itself, a table that is more than half full doubles when they have
/// used it up; where as many states go as come, that is twice the memory for nothing.
#[cold]
fn make_room(numbers: &mut HashTable<u32>, rehash: impl Fn(&u32) -> u64) {
    let mut roomy = HashTable::with_capacity(numbers.len() + numbers.len() / 6 + 4);
    for number in numbers.drain() {
        roomy.insert_unique(rehash(&number), number, &rehash);
    }
    *numbers = roomy;
}

/// By bits of the hash that the tables themselves use neither as position nor as tag.
#[inline]
fn part(hash: u64) -> usize {
    usize::from(PART_OF[usize::from((hash >> 40) as u8)])
}

const fn part_of() -> [u8; 256] {
    // 256 shared out in proportion to 2^(i/16), largest remainders first.
    const SHARES: [usize; PARTS] = [11, 12, 12, 13, 14, 14, 15, 15, 16, 17, 17, 18, 19, 20, 21, 22];
    let mut parts = [0; 256];
    let (mut at, mut part) = (0, 0);
    while part < PARTS {
        let end = at + SHARES[part];
        while at < end {
            parts[at] = part as u8;
            at += 1;
        }
        part += 1;
    }
    assert!(at == 256);
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(steps in prop::collection::vec((0_i32..50, 0_u8..4), 0..300)) {
            let mut table: Table<i32, u32> = Table::default();
            let mut map: BTreeMap<i32, u32> = BTreeMap::new();
            for (key, step) in steps {
                match step {
                    0 => prop_assert_eq!(table.remove(key), map.remove(&key)),
                    1 => table.shrink(),
                    _ => {
                        let (state, new) = table.get_or_default(key);
                        prop_assert_eq!(new, !map.contains_key(&key));
                        *state += 1;
                        *map.entry(key).or_default() += 1;
                    }
                }
                prop_assert_eq!(table.get(key), map.get(&key));
                prop_assert_eq!(table.len(), map.len());
            }
            let mut states: Vec<u32> = table.states().copied().collect();
            let mut expected: Vec<u32> = map.into_values().collect();
            states.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(states, expected);
        }
    }

    #[test]
    fn room_per_entry_stays_near_its_mean_and_is_given_back() {
        let mut table: Table<i32, u64> = Table::default();
        for key in 0..400_000 {
            table.get_or_default(key);
            if key > 10_000 {
                let slots: usize =
                    if key % 1000 == 0 { table.numbers.iter().map(HashTable::num_buckets).sum() } else { 0 };
                assert!(slots as f64 / f64::from(key) < 2.2, "{slots} slots for {key} entries");
            }
        }
        let buckets = |table: &Table<i32, u64>| table.numbers.iter().map(HashTable::num_buckets).sum::<usize>();
        let before = buckets(&table);
        for key in 400_000..2_000_000 {
            *table.get_or_default(key).0 = key as u64;
            let removed = table.remove(key - 400_000);
            assert!(key < 800_000 || removed == Some(key as u64 - 400_000));
        }
        assert!(buckets(&table) <= before * 5 / 4, "{} slots, {before} before as many came as went", buckets(&table));
        for key in 1_600_000..2_000_000 {
            table.remove(key);
        }
        table.shrink();
        assert!(table.numbers.iter().all(|part| part.capacity() <= 256));
    }
}

//! States by key, in a hash table that grows a little at a time.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::logic::Key;

/// Sixteen hash tables whose shares of the keys differ, each 2^(1/16) times the one before.
///
/// A single table doubles all at once: for a while it takes more than twice what its entries need, and the doubling is one
/// long stall. These double one after the other, so that the memory per entry stays near its mean (1.9 slots) and a
/// stall is a sixteenth.
pub(crate) struct Table<K, S> {
    parts: [HashTable<(K, S)>; PARTS],
    hasher: foldhash::fast::RandomState,
}

const PARTS: usize = 16;

/// Which part a byte of the hash leads to.
const PART_OF: [u8; 256] = part_of();

impl<K, S> Default for Table<K, S> {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| HashTable::new()), hasher: foldhash::fast::RandomState::default() }
    }
}

impl<K: Key, S: Default> Table<K, S> {
    /// The state of `key`, which comes to be if it is not there; true if it did.
    #[inline]
    pub(crate) fn get_or_default(&mut self, key: K) -> (&mut S, bool) {
        let hash = self.hasher.hash_one(key);
        let hasher = &self.hasher;
        let part = &mut self.parts[part(hash)];
        if part.len() == part.capacity() {
            make_room(part, hasher);
        }
        match part.entry(hash, |(other, _)| *other == key, |(other, _)| hasher.hash_one(*other)) {
            Entry::Occupied(entry) => (&mut entry.into_mut().1, false),
            Entry::Vacant(entry) => (&mut entry.insert((key, S::default())).into_mut().1, true),
        }
    }

    /// The state of `key`.
    pub(crate) fn get(&self, key: K) -> Option<&S> {
        let hash = self.hasher.hash_one(key);
        self.parts[part(hash)].find(hash, |(other, _)| *other == key).map(|(_, state)| state)
    }

    /// Takes the state of `key` out.
    pub(crate) fn remove(&mut self, key: K) -> Option<S> {
        let hash = self.hasher.hash_one(key);
        let entry = self.parts[part(hash)].find_entry(hash, |(other, _)| *other == key).ok()?;
        Some(entry.remove().0.1)
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    /// All states.
    pub(crate) fn states(&self) -> impl Iterator<Item = &S> {
        self.parts.iter().flatten().map(|(_, state)| state)
    }

    /// Gives room back where most of it is empty.
    pub(crate) fn shrink(&mut self) {
        let hasher = &self.hasher;
        for part in &mut self.parts {
            if part.capacity() > 256 && part.len() < part.capacity() / 4 {
                part.shrink_to(part.len() * 2, |(key, _)| hasher.hash_one(*key));
            }
        }
    }
}

/// Moves a part that has no room left into one that has.
///
/// Removals leave marks that take up room, too. Left to itself, a table that is more than half full doubles when they have
/// used it up; where as many states go as come, that is twice the memory for nothing.
#[cold]
fn make_room<K: Key, S>(part: &mut HashTable<(K, S)>, hasher: &foldhash::fast::RandomState) {
    let mut roomy = HashTable::with_capacity(part.len() + part.len() / 6 + 4);
    for entry in part.drain() {
        roomy.insert_unique(hasher.hash_one(entry.0), entry, |(key, _)| hasher.hash_one(*key));
    }
    *part = roomy;
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
                    if key % 1000 == 0 { table.parts.iter().map(HashTable::num_buckets).sum() } else { 0 };
                assert!(slots as f64 / f64::from(key) < 2.2, "{slots} slots for {key} entries");
            }
        }
        let buckets = |table: &Table<i32, u64>| table.parts.iter().map(HashTable::num_buckets).sum::<usize>();
        let before = buckets(&table);
        for key in 400_000..2_000_000 {
            table.get_or_default(key);
            table.remove(key - 400_000);
        }
        assert!(buckets(&table) <= before * 5 / 4, "{} slots, {before} before as many came as went", buckets(&table));
        for key in 1_600_000..2_000_000 {
            table.remove(key);
        }
        table.shrink();
        assert!(table.parts.iter().all(|part| part.capacity() <= 256));
    }
}

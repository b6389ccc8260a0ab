//! States by key: dense, and growing a little at a time.
//!
//! Decision D-027.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::message::Key;

/// Keys and states without gaps, in chunks of fixed size, and beside them sixteen hash tables of their numbers. With marks,
/// each state has a number that an eviction has written beside it; without, they take no memory.
///
/// Keys and states are columns of their own: a pair of a short key and a state of eight-byte words would be padded.
///
/// A hash table that holds the states themselves is half empty on average and doubles all at once: for a while it takes
/// more than twice what its entries need, and the doubling is one long stall. Here only the numbers, 5 bytes a slot, are
/// half empty. And the shares of the sixteen tables differ, each 2^(1/16) times the one before, so that they double one
/// after the other. The price is one more look into memory.
pub(crate) struct Table<K, S> {
    chunks: Vec<Chunk<K, S>>, // all full but the last
    has_marks: bool,
    numbers: [HashTable<u32>; PARTS],
    hasher: foldhash::fast::RandomState,
}

/// Some states, in the order of their numbers.
struct Chunk<K, S> {
    keys: Vec<K>,
    states: Vec<S>,
    marks: Vec<i64>, // empty without marks
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
            has_marks: false,
            numbers: std::array::from_fn(|_| HashTable::new()),
            hasher: foldhash::fast::RandomState::default(),
        }
    }
}

/// The mark of a state that has none yet.
pub(crate) const UNMARKED: i64 = i64::MIN;

/// A state that was looked for.
pub(crate) struct Slot<'a, S> {
    pub(crate) state: &'a mut S,
    /// Its mark, in a table that has marks.
    pub(crate) mark: Option<&'a mut i64>,
    /// True if it came to be just now.
    pub(crate) is_new: bool,
}

impl<K: Key, S: Default> Table<K, S> {
    /// A table with a mark beside each state.
    pub(crate) fn with_marks() -> Self {
        Self { has_marks: true, ..Self::default() }
    }

    /// The state of `key`, which comes to be if it is not there.
    #[inline]
    pub(crate) fn get_or_default(&mut self, key: K) -> Slot<'_, S> {
        let hash = self.hasher.hash_one(key);
        let Self { chunks, has_marks, numbers, hasher } = self;
        let numbers = &mut numbers[part(hash)];
        if numbers.len() == numbers.capacity() {
            make_room(numbers, |number| hasher.hash_one(key_at(chunks, *number)));
        }
        let rehash = |number: &u32| hasher.hash_one(key_at(chunks, *number));
        let (number, is_new) = match numbers.entry(hash, |number| key_at(chunks, *number) == key, rehash) {
            Entry::Occupied(number) => (*number.get(), false),
            Entry::Vacant(place) => {
                let number = count(chunks) as u32;
                place.insert(number);
                (number, true)
            }
        };
        if is_new {
            push(chunks, *has_marks, key, S::default());
        }
        let (state, mark) = chunks[number as usize / CHUNK].at_mut(number);
        Slot { state, mark, is_new }
    }

    /// The state of `key`.
    #[cfg(test)]
    pub(crate) fn get(&self, key: K) -> Option<&S> {
        self.number(key).map(|number| &self.chunks[number as usize / CHUNK].states[number as usize % CHUNK])
    }

    /// The state of `key`, to be changed.
    pub(crate) fn find(&mut self, key: K) -> Option<Slot<'_, S>> {
        let number = self.number(key)?;
        let (state, mark) = self.chunks[number as usize / CHUNK].at_mut(number);
        Some(Slot { state, mark, is_new: false })
    }

    /// The mark of `key`; `None` without such a state, or without marks.
    pub(crate) fn mark(&self, key: K) -> Option<i64> {
        let number = self.number(key)?;
        self.chunks[number as usize / CHUNK].marks.get(number as usize % CHUNK).copied()
    }

    /// Takes the state of `key` out, with its mark; the last one takes its place.
    pub(crate) fn remove(&mut self, key: K) -> Option<(S, i64)> {
        let hash = self.hasher.hash_one(key);
        let Self { chunks, numbers, hasher, .. } = self;
        let found = numbers[part(hash)].find_entry(hash, |number| key_at(chunks, *number) == key).ok()?;
        let number = found.remove().0;
        let last = (count(chunks) - 1) as u32;
        if number != last {
            let hash = hasher.hash_one(key_at(chunks, last));
            let renumbered = numbers[part(hash)].find_mut(hash, |other| *other == last);
            renumbered.into_iter().for_each(|other| *other = number);
        }
        swap_remove(chunks, number)
    }

    /// Walks over all states and removes those for which `is_over` returns true.
    pub(crate) fn remove_if(&mut self, mut is_over: impl FnMut(K, &S) -> bool) {
        // From the last one down: what takes the place of a removed state has been looked at.
        for number in (0..self.len()).rev() {
            let chunk = &self.chunks[number / CHUNK];
            let key = chunk.keys[number % CHUNK];
            if is_over(key, &chunk.states[number % CHUNK]) {
                self.remove(key);
            }
        }
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        count(&self.chunks)
    }

    /// All keys and their states.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (K, &S)> {
        self.chunks.iter().flat_map(|chunk| chunk.keys.iter().copied().zip(&chunk.states))
    }

    /// All keys and their marks; none without marks.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (K, i64)> {
        self.chunks.iter().flat_map(|chunk| chunk.keys.iter().copied().zip(chunk.marks.iter().copied()))
    }

    /// Gives room back where most of it is empty.
    pub(crate) fn shrink(&mut self) {
        let Self { chunks, numbers, hasher, .. } = self;
        for part in numbers.iter_mut().filter(|part| part.capacity() > 256 && part.len() < part.capacity() / 4) {
            part.shrink_to(part.len() * 2, |number| hasher.hash_one(key_at(chunks, *number)));
        }
    }

    fn number(&self, key: K) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.numbers[part(hash)].find(hash, |number| key_at(&self.chunks, *number) == key).copied()
    }
}

impl<K, S> Chunk<K, S> {
    /// An empty one, with room for `count` states.
    fn with_capacity(count: usize, has_marks: bool) -> Self {
        let marks = Vec::with_capacity(if has_marks { count } else { 0 });
        Self { keys: Vec::with_capacity(count), states: Vec::with_capacity(count), marks }
    }

    /// The state of this number in the table, and its mark if there are any.
    #[inline]
    fn at_mut(&mut self, number: u32) -> (&mut S, Option<&mut i64>) {
        let at = number as usize % CHUNK;
        (&mut self.states[at], self.marks.get_mut(at))
    }
}

#[inline]
fn key_at<K: Copy, S>(chunks: &[Chunk<K, S>], number: u32) -> K {
    chunks[number as usize / CHUNK].keys[number as usize % CHUNK]
}

#[inline]
fn count<K, S>(chunks: &[Chunk<K, S>]) -> usize {
    chunks.last().map_or(0, |last| (chunks.len() - 1) * CHUNK + last.keys.len())
}

#[inline]
fn push<K, S>(chunks: &mut Vec<Chunk<K, S>>, has_marks: bool, key: K, state: S) {
    let is_full = chunks.last().is_none_or(|last| last.keys.len() == CHUNK);
    if is_full {
        // The first one grows as a vector does: a table of a few states takes little room.
        let room = if chunks.is_empty() { 0 } else { CHUNK };
        chunks.push(Chunk::with_capacity(room, has_marks));
    }
    let Some(last) = chunks.last_mut() else { return };
    last.keys.push(key);
    last.states.push(state);
    if has_marks {
        last.marks.push(UNMARKED);
    }
}

/// Takes out the state of this number, with its mark; the last one takes its place.
fn swap_remove<K, S>(chunks: &mut Vec<Chunk<K, S>>, number: u32) -> Option<(S, i64)> {
    let last = chunks.last_mut()?;
    let (mut key, mut state) = last.keys.pop().zip(last.states.pop())?;
    let mut mark = last.marks.pop().unwrap_or(UNMARKED);
    if last.keys.is_empty() {
        chunks.pop();
    }
    let (chunk, at) = (chunks.get_mut(number as usize / CHUNK), number as usize % CHUNK);
    if let Some(chunk) = chunk.filter(|chunk| at < chunk.keys.len()) {
        std::mem::swap(&mut chunk.keys[at], &mut key);
        std::mem::swap(&mut chunk.states[at], &mut state);
        chunk.marks.get_mut(at).into_iter().for_each(|other| std::mem::swap(other, &mut mark));
    }
    Some((state, mark))
}

/// Moves a part that has no room left into one that has.
///
/// Removals leave marks that take up room, too. Left to itself, a table that is more than half full doubles when they have
/// used it up; where as many states go as come, that is twice the memory for nothing.
#[cold]
fn make_room(numbers: &mut HashTable<u32>, rehash: impl Fn(&u32) -> u64) {
    let mut roomy = HashTable::with_capacity(numbers.len() + numbers.len() / 12 + 4);
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
        fn it_holds_what_a_map_holds(steps in prop::collection::vec((0_i32..50, 0_u8..9), 0..300)) {
            let mut table: Table<i32, u32> = Table::with_marks();
            let mut map: BTreeMap<i32, (u32, i64)> = BTreeMap::new();
            for (at, (key, step)) in (0_i64..).zip(steps) {
                match step {
                    0 | 1 => prop_assert_eq!(table.remove(key), map.remove(&key)),
                    2 => table.shrink(),
                    3 => {
                        table.remove_if(|other, count| other > key && count % 2 == 0);
                        map.retain(|other, (count, _)| *other <= key || *count % 2 == 1);
                    }
                    _ => {
                        let Slot { state, mark, is_new } = table.get_or_default(key);
                        prop_assert_eq!(is_new, !map.contains_key(&key));
                        *state += 1;
                        mark.into_iter().for_each(|mark| *mark = at);
                        let known = map.entry(key).or_default();
                        *known = (known.0 + 1, at);
                    }
                }
                prop_assert_eq!(table.get(key), map.get(&key).map(|(count, _)| count));
                prop_assert_eq!(table.mark(key), map.get(&key).map(|(_, mark)| *mark));
                prop_assert_eq!(table.len(), map.len());
            }
            let mut entries: Vec<(i32, u32)> = table.entries().map(|(key, count)| (key, *count)).collect();
            let marks: BTreeMap<i32, i64> = table.marks().collect();
            prop_assert_eq!(marks, map.iter().map(|(key, (_, mark))| (*key, *mark)).collect());
            entries.sort_unstable();
            prop_assert_eq!(entries, map.into_iter().map(|(key, (count, _))| (key, count)).collect::<Vec<_>>());
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
            *table.get_or_default(key).state = key as u64;
            let removed = table.remove(key - 400_000);
            assert!(key < 800_000 || removed == Some((key as u64 - 400_000, UNMARKED)));
        }
        assert!(buckets(&table) <= before * 5 / 4, "{} slots, {before} before as many came as went", buckets(&table));
        for key in 1_600_000..2_000_000 {
            table.remove(key);
        }
        table.shrink();
        assert!(table.numbers.iter().all(|part| part.capacity() <= 256));
    }
}

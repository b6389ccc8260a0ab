//! States by key: dense, and growing a little at a time.
//!
//! Decision D-027.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::message::Key;

/// States without gaps, in chunks of fixed size, and beside them sixteen hash tables of their numbers. With marks, each
/// state has a number that an eviction has written beside it; without, they take no memory.
///
/// A hash table that holds the states themselves is half empty on average and doubles all at once: for a while it takes
/// more than twice what its entries need, and the doubling is one long stall. Here only the numbers, 5 bytes a slot, are
/// half empty. And the shares of the sixteen tables differ, each 2^(1/16) times the one before, so that they double one
/// after the other. The price is one more look into memory.
pub(crate) struct Table<K, S> {
    chunks: Vec<Vec<(K, S)>>,     // all full but the last
    marks: Option<Vec<Vec<i64>>>, // in the same order, if there are any
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
            marks: None,
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
        Self { marks: Some(Vec::new()), ..Self::default() }
    }

    /// The state of `key`, which comes to be if it is not there.
    #[inline]
    pub(crate) fn get_or_default(&mut self, key: K) -> Slot<'_, S> {
        let hash = self.hasher.hash_one(key);
        let Self { chunks, marks, numbers, hasher } = self;
        let numbers = &mut numbers[part(hash)];
        if let Some(number) = numbers.find(hash, |number| slot(chunks, *number).0 == key) {
            let mark = marks.as_mut().map(|marks| slot_mut(marks, *number));
            return Slot { state: &mut slot_mut(chunks, *number).1, mark, is_new: false };
        }
        let rehash = |number: &u32| hasher.hash_one(slot(chunks, *number).0);
        if numbers.len() == numbers.capacity() {
            make_room(numbers, rehash);
        }
        let number = chunks.last().map_or(0, |last| (chunks.len() - 1) * CHUNK + last.len()) as u32;
        numbers.insert_unique(hash, number, rehash);
        push(chunks, (key, S::default()));
        let mark = marks.as_mut().map(|marks| {
            push(marks, UNMARKED);
            slot_mut(marks, number)
        });
        Slot { state: &mut slot_mut(chunks, number).1, mark, is_new: true }
    }

    /// The state of `key`.
    #[cfg(test)]
    pub(crate) fn get(&self, key: K) -> Option<&S> {
        let hash = self.hasher.hash_one(key);
        let number = self.numbers[part(hash)].find(hash, |number| slot(&self.chunks, *number).0 == key)?;
        Some(&slot(&self.chunks, *number).1)
    }

    /// The state of `key`, to be changed.
    pub(crate) fn find(&mut self, key: K) -> Option<Slot<'_, S>> {
        let Self { chunks, marks, numbers, hasher } = self;
        let hash = hasher.hash_one(key);
        let number = *numbers[part(hash)].find(hash, |number| slot(chunks, *number).0 == key)?;
        let mark = marks.as_mut().map(|marks| slot_mut(marks, number));
        Some(Slot { state: &mut slot_mut(chunks, number).1, mark, is_new: false })
    }

    /// The mark of `key`; `None` without such a state, or without marks.
    pub(crate) fn mark(&self, key: K) -> Option<i64> {
        let hash = self.hasher.hash_one(key);
        let number = self.numbers[part(hash)].find(hash, |number| slot(&self.chunks, *number).0 == key)?;
        self.marks.as_ref().map(|marks| *slot(marks, *number))
    }

    /// Takes the state of `key` out, with its mark; the last one takes its place.
    pub(crate) fn remove(&mut self, key: K) -> Option<(S, i64)> {
        let hash = self.hasher.hash_one(key);
        let chunks = &self.chunks;
        let found = self.numbers[part(hash)].find_entry(hash, |number| slot(chunks, *number).0 == key).ok()?;
        let (number, _) = found.remove();
        self.take_out(number)
    }

    /// Takes out what is at `number`, which no hash table leads to any more.
    fn take_out(&mut self, number: u32) -> Option<(S, i64)> {
        let mut moved = pop(&mut self.chunks)?;
        let mut mark = self.marks.as_mut().and_then(pop).unwrap_or(UNMARKED);
        let last = self.len() as u32;
        if number != last {
            let hash = self.hasher.hash_one(moved.0);
            let renumbered = self.numbers[part(hash)].find_mut(hash, |other| *other == last);
            renumbered.into_iter().for_each(|other| *other = number);
            std::mem::swap(slot_mut(&mut self.chunks, number), &mut moved);
            self.marks.iter_mut().for_each(|marks| std::mem::swap(slot_mut(marks, number), &mut mark));
        }
        Some((moved.1, mark))
    }

    /// Walks over all states and removes those for which `is_over` returns true.
    pub(crate) fn remove_if(&mut self, mut is_over: impl FnMut(K, &S) -> bool) {
        // From the last one down: what takes the place of a removed state has been looked at.
        for number in (0..self.len() as u32).rev() {
            let (key, state) = slot(&self.chunks, number);
            if is_over(*key, state) {
                let key = *key;
                self.remove(key);
            }
        }
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// All keys and their states.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &(K, S)> {
        self.chunks.iter().flatten()
    }

    /// Gives room back where most of it is empty.
    pub(crate) fn shrink(&mut self) {
        let Self { chunks, numbers, hasher, .. } = self;
        for part in numbers.iter_mut().filter(|part| part.capacity() > 256 && part.len() < part.capacity() / 4) {
            part.shrink_to(part.len() * 2, |number| hasher.hash_one(slot(chunks, *number).0));
        }
    }
}

#[inline]
fn slot<T>(chunks: &[Vec<T>], number: u32) -> &T {
    &chunks[number as usize / CHUNK][number as usize % CHUNK]
}

#[inline]
fn slot_mut<T>(chunks: &mut [Vec<T>], number: u32) -> &mut T {
    &mut chunks[number as usize / CHUNK][number as usize % CHUNK]
}

#[inline]
fn push<T>(chunks: &mut Vec<Vec<T>>, one: T) {
    match chunks.last_mut() {
        Some(last) if last.len() < CHUNK => last.push(one),
        _ => {
            let mut chunk = Vec::with_capacity(CHUNK);
            chunk.push(one);
            chunks.push(chunk);
        }
    }
}

fn pop<T>(chunks: &mut Vec<Vec<T>>) -> Option<T> {
    let last = chunks.last_mut()?;
    let one = last.pop();
    if last.is_empty() {
        chunks.pop();
    }
    one
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
            let mut entries: Vec<(i32, u32)> = table.entries().copied().collect();
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

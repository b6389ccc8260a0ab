//! Answers as multisets: what is missing, what is too much, and a digest that does not depend on the order.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::random::mix;

/// How many examples a [`Difference`] keeps of each kind.
pub const EXAMPLES: usize = 5;

/// The difference of two multisets of answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Answers in the truth.
    pub truth: u64,
    /// Answers given.
    pub given: u64,
    /// In the truth, not given; an answer that is due twice and given once is missing once.
    pub missing: u64,
    /// Given, not in the truth.
    pub spurious: u64,
    /// Where the first [`EXAMPLES`] missing ones stand in the sorted truth.
    pub missing_examples: Vec<usize>,
    /// Where the first [`EXAMPLES`] spurious ones stand in the sorted given answers.
    pub spurious_examples: Vec<usize>,
}

impl Difference {
    /// True if nothing is missing and nothing is spurious.
    pub fn is_exact(&self) -> bool {
        self.missing == 0 && self.spurious == 0
    }
}

/// Sorts both and compares them; the examples of the result refer to the sorted slices.
pub fn compare<A: Ord>(truth: &mut [A], given: &mut [A]) -> Difference {
    truth.sort_unstable();
    given.sort_unstable();
    compare_sorted(truth, given)
}

/// Compares two ascending slices in one pass.
pub fn compare_sorted<A: Ord>(truth: &[A], given: &[A]) -> Difference {
    debug_assert!(truth.is_sorted() && given.is_sorted());
    let mut difference = Difference { truth: truth.len() as u64, given: given.len() as u64, ..Difference::default() };
    let (mut t, mut g) = (0, 0);
    loop {
        let order = match (truth.get(t), given.get(g)) {
            (None, None) => return difference,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(due), Some(got)) => due.cmp(got),
        };
        match order {
            Ordering::Less => note(&mut difference.missing, &mut difference.missing_examples, t),
            Ordering::Greater => note(&mut difference.spurious, &mut difference.spurious_examples, g),
            Ordering::Equal => {}
        }
        t += usize::from(order.is_le());
        g += usize::from(order.is_ge());
    }
}

/// A multiset of hashes as count and sum, so that the parts of several workers add up in any order.
///
/// It tells answers apart by accident, not by malice: anyone who can choose the hashes can make two sums meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersDigest {
    /// How many answers.
    pub count: u64,
    /// Wrapping sum of the mixed hashes.
    pub sum: u64,
}

impl AnswersDigest {
    /// Adds an answer by its hash, which must be the same on every machine.
    #[inline]
    pub fn insert(&mut self, hash: u64) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(mix(hash));
    }

    /// Takes back an answer added before: a retraction.
    #[inline]
    pub fn remove(&mut self, hash: u64) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(mix(hash));
    }

    /// Adds the answers of another part.
    pub fn merge(&mut self, other: AnswersDigest) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// One number for all of them; what [`record::Accuracy::digest`](crate::record::Accuracy::digest) holds.
    pub fn value(&self) -> u64 {
        mix(self.sum ^ mix(self.count))
    }
}

fn note(count: &mut u64, examples: &mut Vec<usize>, index: usize) {
    *count += 1;
    if examples.len() < EXAMPLES {
        examples.push(index);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn digest(hashes: &[u64]) -> AnswersDigest {
        let mut digest = AnswersDigest::default();
        hashes.iter().for_each(|hash| digest.insert(*hash));
        digest
    }

    #[test]
    fn answers_count_as_often_as_they_occur() {
        let difference = compare(&mut [5, 1, 1, 1, 3], &mut [1, 4, 1, 5, 5]);
        let expected = Difference {
            truth: 5,
            given: 5,
            missing: 2,
            spurious: 2,
            missing_examples: vec![2, 3],
            spurious_examples: vec![2, 4],
        };
        assert_eq!(difference, expected);
        assert!(!difference.is_exact());
        assert!(compare::<u8>(&mut [], &mut []).is_exact());
    }

    #[test]
    fn only_a_few_examples_are_kept() {
        let mut truth: Vec<u32> = (0..1000).collect();
        let difference = compare(&mut truth, &mut []);
        assert_eq!(difference.missing, 1000);
        assert_eq!(difference.missing_examples, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_digest_sees_what_a_plain_sum_or_exclusive_or_does_not() {
        assert_ne!(digest(&[]).value(), digest(&[0]).value());
        assert_ne!(digest(&[1, 4]).value(), digest(&[2, 3]).value());
        assert_ne!(digest(&[7, 7]).value(), digest(&[9, 9]).value());
        assert_ne!(digest(&[7, 7, 7]).value(), digest(&[7]).value());
        let mut corrected = digest(&[1, 2, 3]);
        corrected.remove(3);
        assert_eq!(corrected, digest(&[2, 1]));
        // A part may retract what another part gave.
        let mut early = AnswersDigest::default();
        early.remove(3);
        early.insert(3);
        assert_eq!(early, AnswersDigest::default());
    }

    proptest! {
        #[test]
        fn the_difference_is_that_of_counting(mut truth in prop::collection::vec(0_u8..12, 0..40),
                                              mut given in prop::collection::vec(0_u8..12, 0..40)) {
            let mut counts: BTreeMap<u8, i64> = BTreeMap::new();
            truth.iter().for_each(|answer| *counts.entry(*answer).or_default() += 1);
            given.iter().for_each(|answer| *counts.entry(*answer).or_default() -= 1);
            let missing: i64 = counts.values().filter(|count| **count > 0).sum();
            let spurious: i64 = -counts.values().filter(|count| **count < 0).sum::<i64>();
            let difference = compare(&mut truth, &mut given);
            prop_assert_eq!((difference.missing, difference.spurious), (missing as u64, spurious as u64));
            prop_assert!(difference.missing_examples.iter().all(|index| counts[&truth[*index]] > 0));
            prop_assert!(difference.spurious_examples.iter().all(|index| counts[&given[*index]] < 0));
            prop_assert_eq!(difference.missing_examples.len(), EXAMPLES.min(missing as usize));
        }

        #[test]
        fn the_digest_does_not_depend_on_order_or_parts(hashes in prop::collection::vec(any::<u64>(), 0..40),
                                                        at in 0..40_usize) {
            let whole = digest(&hashes);
            let mut backwards = hashes.clone();
            backwards.reverse();
            prop_assert_eq!(digest(&backwards), whole);
            let (left, right) = hashes.split_at(at.min(hashes.len()));
            let mut parts = digest(right);
            parts.merge(digest(left));
            prop_assert_eq!(parts.value(), whole.value());
        }
    }
}

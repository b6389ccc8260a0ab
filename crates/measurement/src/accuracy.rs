//! Answers as multisets: missing, spurious and wrong ones, and a digest that does not depend on the order.
//!
//! Decision D-302.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::random::mix;

/// Maximum number of examples of each kind in a [`Difference`].
pub const EXAMPLES: usize = 5;

/// The difference of two multisets of answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Number of answers in the truth.
    pub truth: u64,
    /// Number of answers given.
    pub given: u64,
    /// Number of answers in the truth that were not given; an answer that is due twice and given once is missing once.
    pub missing: u64,
    /// Number of answers given that are not in the truth.
    pub spurious: u64,
    /// Number of answers given with other content than the truth; only [`compare_by_subject`] tells them from missing
    /// and spurious ones.
    pub wrong: u64,
    /// Indices of the first [`EXAMPLES`] missing answers in the sorted truth.
    pub missing_examples: Vec<usize>,
    /// Indices of the first [`EXAMPLES`] spurious answers in the sorted given answers.
    pub spurious_examples: Vec<usize>,
    /// Indices of the first [`EXAMPLES`] wrong answers, in the sorted truth and in the sorted given answers.
    pub wrong_examples: Vec<(usize, usize)>,
}

impl Difference {
    /// Returns true if nothing is missing, spurious or wrong.
    pub fn is_exact(&self) -> bool {
        self.missing == 0 && self.spurious == 0 && self.wrong == 0
    }

    fn between(truth: usize, given: usize) -> Difference {
        Difference { truth: truth as u64, given: given as u64, ..Difference::default() }
    }

    /// An answer without a partner is missing or spurious.
    fn note(&mut self, found: Found) {
        match found {
            Found::Due(at) => {
                self.missing += 1;
                keep(&mut self.missing_examples, at);
            }
            Found::Got(at) => {
                self.spurious += 1;
                keep(&mut self.spurious_examples, at);
            }
            Found::Both(..) => {}
        }
    }
}

/// Sorts and compares answers given as (subject, fingerprint); the fingerprint covers the whole answer, the subject
/// included.
///
/// Answers on both sides are matched first. Of the rest, two answers about the same subject, one on each side, make one
/// wrong answer; an answer without a partner is missing or spurious.
pub fn compare_by_subject(truth: &mut [(u64, u128)], given: &mut [(u64, u128)]) -> Difference {
    truth.sort_unstable();
    given.sort_unstable();
    let (mut due, mut got) = (Vec::new(), Vec::new());
    merge(truth.iter(), given.iter(), |found| match found {
        Found::Due(at) => due.push((truth[at].0, at)),
        Found::Got(at) => got.push((given[at].0, at)),
        Found::Both(..) => {}
    });
    let mut difference = Difference::between(truth.len(), given.len());
    merge(due.iter().map(|(subject, _)| subject), got.iter().map(|(subject, _)| subject), |found| match found {
        Found::Due(at) => difference.note(Found::Due(due[at].1)),
        Found::Got(at) => difference.note(Found::Got(got[at].1)),
        Found::Both(at, other) => {
            difference.wrong += 1;
            keep(&mut difference.wrong_examples, (due[at].1, got[other].1));
        }
    });
    difference
}

/// A multiset of hashes as count and sum, so that the digests of several workers can be added in any order.
///
/// It detects accidental differences only: whoever can choose the hashes can make two sums equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersDigest {
    /// Number of answers.
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

    /// Removes an answer that was added before: a retraction.
    #[inline]
    pub fn remove(&mut self, hash: u64) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(mix(hash));
    }

    /// Adds the answers of another digest.
    pub fn merge(&mut self, other: AnswersDigest) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Returns one number for all answers, as in [`record::Accuracy::digest`](crate::record::Accuracy::digest).
    pub fn value(&self) -> u64 {
        mix(self.sum ^ mix(self.count))
    }
}

/// One step through two ascending sequences, with the indices.
enum Found {
    /// Only in the truth.
    Due(usize),
    /// Only among the given.
    Got(usize),
    /// In both.
    Both(usize, usize),
}

/// Goes through two ascending sequences side by side; each item is found once, alone or with an equal one.
fn merge<A: Ord>(truth: impl Iterator<Item = A>, given: impl Iterator<Item = A>, mut found: impl FnMut(Found)) {
    let (mut truth, mut given) = (truth.enumerate().peekable(), given.enumerate().peekable());
    loop {
        let order = match (truth.peek(), given.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((_, due)), Some((_, got))) => due.cmp(got),
        };
        let due = truth.next_if(|_| order.is_le()).map(|(at, _)| at);
        let got = given.next_if(|_| order.is_ge()).map(|(at, _)| at);
        match (due, got) {
            (Some(due), Some(got)) => found(Found::Both(due, got)),
            (Some(due), None) => found(Found::Due(due)),
            (None, Some(got)) => found(Found::Got(got)),
            (None, None) => return,
        }
    }
}

fn keep<E>(examples: &mut Vec<E>, example: E) {
    if examples.len() < EXAMPLES {
        examples.push(example);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// As multisets, whatever the answers are about.
    fn compare<A: Ord>(truth: &mut [A], given: &mut [A]) -> Difference {
        truth.sort_unstable();
        given.sort_unstable();
        let mut difference = Difference::between(truth.len(), given.len());
        merge(truth.iter(), given.iter(), |found| difference.note(found));
        difference
    }

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
            ..Difference::default()
        };
        assert_eq!(difference, expected);
        assert!(!difference.is_exact());
        assert!(compare::<u8>(&mut [], &mut []).is_exact());
    }

    #[test]
    fn other_content_about_the_same_subject_is_wrong_and_not_missing() {
        let mut truth = [(7, 70), (7, 71), (8, 80), (9, 90)];
        let mut given = [(9, 90), (8, 81), (8, 82), (7, 71), (5, 50)];
        let difference = compare_by_subject(&mut truth, &mut given);
        let expected = Difference {
            truth: 4,
            given: 5,
            missing: 1,
            spurious: 2,
            wrong: 1,
            missing_examples: vec![0],
            spurious_examples: vec![0, 3],
            wrong_examples: vec![(2, 2)],
        };
        assert_eq!(difference, expected);
        let only_wrong = compare_by_subject(&mut [(1, 10)], &mut [(1, 11)]);
        assert!(only_wrong.wrong == 1 && !only_wrong.is_exact());
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
        let of_bits = |count: u64| (0..64).map(move |bit| AnswersDigest { count, sum: 1 << bit }.value());
        let different: BTreeSet<u64> = of_bits(1).chain(of_bits(2)).collect();
        assert_eq!(different.len(), 128);
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
        fn wrong_answers_are_those_of_pairing_one_by_one(
            mut truth in prop::collection::vec((0_u64..5, 0_u128..4), 0..40),
            mut given in prop::collection::vec((0_u64..5, 0_u128..4), 0..40),
        ) {
            // The first partner that fits is crossed out, equal answers before equal subjects.
            let (mut due, mut got) = (truth.clone(), given.clone());
            due.retain(|answer| got.iter().position(|other| other == answer).map(|at| got.remove(at)).is_none());
            let mut wrong = 0;
            due.retain(|answer| {
                let partner = got.iter().position(|other| other.0 == answer.0);
                wrong += u64::from(partner.is_some());
                partner.map(|at| got.remove(at)).is_none()
            });
            let difference = compare_by_subject(&mut truth, &mut given);
            let counts = (difference.missing, difference.spurious, difference.wrong);
            prop_assert_eq!(counts, (due.len() as u64, got.len() as u64, wrong));
            prop_assert_eq!((difference.truth, difference.given), (truth.len() as u64, given.len() as u64));
            prop_assert_eq!(difference.is_exact(), truth == given);
            let multisets = compare(&mut truth, &mut given);
            prop_assert_eq!(multisets.missing, difference.missing + difference.wrong);
            prop_assert_eq!(multisets.spurious, difference.spurious + difference.wrong);
            let subjects = |pair: &(usize, usize)| (truth[pair.0].0, given[pair.1].0);
            prop_assert!(difference.wrong_examples.iter().map(subjects).all(|(due, got)| due == got));
            prop_assert_eq!(difference.wrong_examples.len(), EXAMPLES.min(wrong as usize));
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

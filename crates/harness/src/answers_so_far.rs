//! Answers by their number and a digest of their texts, which a live session and the replay of its recording have in common.
//!
//! Decision D-444.

use flowbench_events::{Symbols, mix};
use flowbench_pipelines::Answers;

/// What a pipeline has answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnswersSoFar {
    /// Answers given.
    pub given: u64,
    /// Answers taken back.
    pub taken_back: u64,
    /// Digest of the texts of the answers that were given and not taken back, in whatever order.
    pub digest: u64,
}

impl AnswersSoFar {
    /// Returns the count and the digest of answers that are complete.
    pub fn of(answers: &dyn Answers, symbols: &Symbols) -> AnswersSoFar {
        let mut so_far = AnswersSoFar::default();
        for at in 0..answers.len() {
            let cells: Vec<String> = answers.cells(at, symbols).into_iter().skip(1).map(|(_, text)| text).collect();
            so_far.count(answers.event_time_ms(at), &cells, false);
        }
        so_far
    }

    /// Counts an answer that is given or taken back, by its event time and the texts of its other cells.
    pub(crate) fn count(&mut self, time_ms: i64, cells: &[String], taken_back: bool) {
        let hash = cells.iter().flat_map(|cell| cell.bytes().map(u64::from).chain([u64::MAX]));
        let hash = hash.fold(mix(time_ms as u64), |hash, next| mix(hash ^ next));
        if taken_back {
            self.taken_back += 1;
            self.digest = self.digest.wrapping_sub(hash);
        } else {
            self.given += 1;
            self.digest = self.digest.wrapping_add(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_what_is_left() {
        let cells = |text: &str| [text.to_owned(), "x".to_owned()];
        let mut one = AnswersSoFar::default();
        one.count(1, &cells("a"), false);
        one.count(2, &cells("b"), false);
        one.count(1, &cells("a"), true);
        let mut other = AnswersSoFar::default();
        other.count(2, &cells("b"), false);
        assert_eq!((one.digest, one.given, one.taken_back), (other.digest, 2, 1));
        other.count(2, &cells("bx"), false);
        assert_ne!(one.digest, other.digest);
    }
}

//! The identities of the events that were accepted last.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

/// The fingerprints of the newest events by source and id, of which a fixed number is remembered.
#[derive(Debug)]
pub(crate) struct RecentIds {
    most: usize,
    known: HashSet<u128>,
    in_order: VecDeque<u128>,
}

impl RecentIds {
    /// Remembers this many events, at least 1.
    pub(crate) fn new(most: usize) -> RecentIds {
        RecentIds { most: most.max(1), known: HashSet::new(), in_order: VecDeque::new() }
    }

    /// Returns true if the event was accepted before.
    pub(crate) fn contains(&self, source: &str, id: &str) -> bool {
        self.known.contains(&fingerprint(source, id))
    }

    /// Remembers an event that is accepted.
    pub(crate) fn insert(&mut self, source: &str, id: &str) {
        let fingerprint = fingerprint(source, id);
        if self.known.insert(fingerprint) {
            self.in_order.push_back(fingerprint);
        }
        if self.in_order.len() > self.most
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Returns 128 bits of a cryptographic hash: whoever offers events cannot make two of them look alike.
fn fingerprint(source: &str, id: &str) -> u128 {
    let mut hash = Sha256::new();
    hash.update((source.len() as u64).to_le_bytes());
    hash.update(source);
    hash.update(id);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_id_together_are_remembered_for_a_while() {
        let mut recent = RecentIds::new(2);
        recent.insert("/a", "1");
        assert!(recent.contains("/a", "1") && !recent.contains("/b", "1") && !recent.contains("/a1", ""));
        recent.insert("/a", "2");
        recent.insert("/a", "2");
        assert!(recent.contains("/a", "1"));
        recent.insert("/a", "3");
        assert!(!recent.contains("/a", "1") && recent.contains("/a", "2"));
        assert_eq!(recent.known.len(), recent.in_order.len());
    }
}

//! Forget the least recently used state when there are too many.

use super::policy::{AfterExpiry, ArgumentError, EvictionPolicy, Evictor, StateShare, StateStore, count_argument};
use crate::message::Key;
use crate::state::table::UNMARKED;

/// Holds at most `states` in all operators of a stage together, and loses the least recently used one for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Number of states in all.
    pub states: usize,
}

impl EvictionPolicy for Capacity {
    const NAME: &'static str = "capacity";
    const SUMMARY: &'static str =
        "hold at most `n` states and forget the least recently used one for a new one; loses answers";
    const EXPLANATION: &'static str = "At most `n` states are held in all, shared out evenly over the operators that hold \
        a stage; a new one takes the place of the one whose last event was applied longest ago, even if that is still \
        needed: its key starts afresh, and its timers never answer. A state that has expired stays until it is pushed \
        out. What is lost is measured: missing, spurious and wrong answers. Each stage of a pipeline has room for `n`.";
    const PARAMETERS: &'static [&'static str] = &["n"];
    const DEFAULT: Self = Self { states: 100_000 };

    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        Ok(Self { states: count_argument(arguments[0])? })
    }

    fn arguments(self) -> Vec<String> {
        vec![self.states.to_string()]
    }

    fn serves(self) -> &'static str {
        "serves; loses the least recently used states, and the answers that need them"
    }

    fn is_exact(self) -> bool {
        false
    }

    fn retention_ms(self, _needed_ms: Option<i64>) -> Option<i64> {
        None
    }

    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::ForgetAnswered
    }

    fn evictor<K: Key>(self, share: StateShare) -> Option<Box<dyn Evictor<K>>> {
        Some(Box::new(LeastRecentlyUsed { room: share.part_of(self.states), recency: Recency::default() }))
    }
}

/// The order in which the states were used last. The mark of a state is its place in that list.
struct LeastRecentlyUsed<K> {
    room: usize,
    recency: Recency<K>,
}

impl<K: Key> Evictor<K> for LeastRecentlyUsed<K> {
    fn has_marks(&self) -> bool {
        true
    }

    fn touched(&mut self, key: K, mark: &mut i64, _touched_ms: i64) {
        if *mark == UNMARKED {
            *mark = i64::from(self.recency.push(key));
        } else {
            self.recency.renew(*mark as u32);
        }
    }

    fn forgotten(&mut self, mark: i64) {
        if mark != UNMARKED {
            self.recency.remove(mark as u32);
        }
    }

    fn is_over(&self) -> bool {
        self.recency.len > self.room
    }

    fn make_room(&mut self, states: &mut dyn StateStore<K>) {
        while self.recency.len > self.room {
            let Some(key) = self.recency.pop_oldest() else { return };
            states.forget(key);
        }
    }
}

/// Keys from the one that was used last to the one that was used longest ago: a list of nodes that never move. Links
/// take 8 bytes a key.
struct Recency<K> {
    nodes: Vec<Node<K>>,
    newest: u32,
    oldest: u32,
    free: u32, // nodes without a key, linked by `older`
    len: usize,
}

struct Node<K> {
    key: K,
    newer: u32,
    older: u32,
}

/// No node.
const NONE: u32 = u32::MAX;

impl<K> Default for Recency<K> {
    fn default() -> Self {
        Self { nodes: Vec::new(), newest: NONE, oldest: NONE, free: NONE, len: 0 }
    }
}

impl<K: Copy> Recency<K> {
    /// Adds a key as the newest one; returns its node.
    fn push(&mut self, key: K) -> u32 {
        let node = Node { key, newer: NONE, older: NONE };
        let at = if self.free == NONE {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        } else {
            let at = self.free;
            self.free = self.nodes[at as usize].older;
            self.nodes[at as usize] = node;
            at
        };
        self.len += 1;
        self.link_newest(at);
        at
    }

    /// Makes a node the newest one.
    fn renew(&mut self, at: u32) {
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
    }

    /// Removes a node.
    fn remove(&mut self, at: u32) {
        self.unlink(at);
        self.nodes[at as usize].older = self.free;
        self.free = at;
        self.len -= 1;
        if self.len == 0 {
            *self = Self::default();
        }
    }

    fn pop_oldest(&mut self) -> Option<K> {
        let key = self.nodes.get(self.oldest as usize)?.key;
        self.remove(self.oldest);
        Some(key)
    }

    fn link_newest(&mut self, at: u32) {
        let before = std::mem::replace(&mut self.newest, at);
        (self.nodes[at as usize].newer, self.nodes[at as usize].older) = (NONE, before);
        match self.nodes.get_mut(before as usize) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
    }

    fn unlink(&mut self, at: u32) {
        let Node { newer, older, .. } = self.nodes[at as usize];
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The keys are in the order of their last use, whatever is removed in between.
        #[test]
        fn keys_are_in_the_order_of_their_last_use(steps in prop::collection::vec((0_u8..8, 0_u8..6), 0..200)) {
            let (mut recency, mut nodes, mut naive) = (Recency::default(), [NONE; 8], Vec::new());
            for (key, step) in steps {
                let known = naive.contains(&key);
                match step {
                    0 if known => {
                        recency.remove(nodes[usize::from(key)]);
                        naive.retain(|other| *other != key);
                    }
                    0 | 1 => {
                        let oldest = (!naive.is_empty()).then(|| naive.remove(0));
                        prop_assert_eq!(recency.pop_oldest(), oldest);
                    }
                    _ => {
                        naive.retain(|other| *other != key);
                        naive.push(key);
                        if known {
                            recency.renew(nodes[usize::from(key)]);
                        } else {
                            nodes[usize::from(key)] = recency.push(key);
                        }
                    }
                }
                prop_assert_eq!(recency.len, naive.len());
            }
            let rest: Vec<u8> = std::iter::from_fn(|| recency.pop_oldest()).collect();
            prop_assert_eq!(rest, naive);
        }
    }
}

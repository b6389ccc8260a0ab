//! Copies of the states of keys that are not final.

use std::collections::VecDeque;

use super::log::NO_ENTRY;

/// The data needed to correct the state of a key that is not final.
pub(super) struct Snapshot<S> {
    pub(super) base: S,              // the state after all events below `base_ms`, and no others
    pub(super) base_ms: i64,         // i64::MIN: before all events
    pub(super) newest_ms: i64,       // event time of the newest event since; i64::MIN: none
    pub(super) fired_ms: i64,        // expiry of the last timer that has answered since; i64::MIN: none
    pub(super) last_entry: u64,      // log entry of the last event since
    pub(super) last_is_newest: bool, // in canonical order
    generation: u32,                 // matches the handle it belongs to
}

impl<S> Snapshot<S> {
    /// Resets the snapshot to its base, with no events since.
    pub(super) fn begin(&mut self, base_ms: i64) {
        self.base_ms = base_ms;
        (self.newest_ms, self.fired_ms, self.last_entry) = (i64::MIN, i64::MIN, NO_ENTRY);
        self.last_is_newest = false;
    }

    /// Returns the latest event time (ms) that may still be corrected.
    #[inline]
    pub(super) fn latest_ms(&self) -> i64 {
        self.newest_ms.max(self.fired_ms)
    }
}

/// The snapshots of all keys that are not final. A key with a snapshot holds a handle. When the key becomes final, its
/// snapshot may be reused for another key, which makes the handle void.
pub(super) struct Snapshots<S> {
    pub(super) all: Vec<Snapshot<S>>,
    in_use: VecDeque<u32>, // roughly in the order in which they began
    free: Vec<u32>,
    begun: u32, // since the watermark last advanced
}

/// A handle to a snapshot; `Default` refers to none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SnapshotHandle {
    place: u32,
    generation: u32, // from 1; 0 refers to none
}

impl<S> Default for Snapshots<S> {
    fn default() -> Self {
        Self { all: Vec::new(), in_use: VecDeque::new(), free: Vec::new(), begun: 0 }
    }
}

/// Snapshots examined when the watermark advances, for each one begun since it last advanced, and at least.
const CHECKS_PER_SNAPSHOT: u32 = 2;

impl<S: Default> Snapshots<S> {
    /// Returns the position of the snapshot of a handle; `None` if the handle is void.
    #[inline]
    pub(super) fn find(&self, handle: SnapshotHandle) -> Option<usize> {
        let place = handle.place as usize;
        self.all.get(place).filter(|snapshot| snapshot.generation == handle.generation).map(|_| place)
    }

    /// Begins a snapshot with `base`; returns its handle and position.
    #[inline]
    pub(super) fn begin(&mut self, base: S, base_ms: i64) -> (SnapshotHandle, usize) {
        let place = self.free.pop().unwrap_or(self.all.len() as u32);
        if place as usize == self.all.len() {
            let never = i64::MIN;
            let base = S::default();
            let new = Snapshot {
                base,
                base_ms: never,
                newest_ms: never,
                fired_ms: never,
                last_entry: NO_ENTRY,
                last_is_newest: false,
                generation: 1,
            };
            self.all.push(new);
        }
        let snapshot = &mut self.all[place as usize];
        snapshot.base = base;
        snapshot.begin(base_ms);
        self.in_use.push_back(place);
        self.begun += 1;
        (SnapshotHandle { place, generation: snapshot.generation }, place as usize)
    }

    /// Releases the snapshots that are final. Examines only a few, but more than have begun since the last call.
    pub(super) fn release_final(&mut self, watermark_ms: i64) {
        let checks = (CHECKS_PER_SNAPSHOT * (1 + std::mem::take(&mut self.begun))).min(self.in_use.len() as u32);
        for _ in 0..checks {
            let Some(place) = self.in_use.pop_front() else { return };
            let snapshot = &mut self.all[place as usize];
            if snapshot.latest_ms() < watermark_ms {
                snapshot.base = S::default();
                snapshot.generation = snapshot.generation.wrapping_add(1).max(1);
                self.free.push(place);
            } else {
                self.in_use.push_back(place);
            }
        }
    }
}

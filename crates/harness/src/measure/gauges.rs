//! Gauges through which a worker publishes what it holds while it runs.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// What one worker holds at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Snapshot {
    /// Events admitted so far.
    pub(crate) admitted: u64,
    /// State entries.
    pub(crate) entries: u64,
    /// Events waiting for the watermark.
    pub(crate) buffered: u64,
    /// Live bytes since the run began, without the answers kept for the check; below 0 for a worker that frees what
    /// others have allocated.
    pub(crate) live_bytes: i64,
    /// Bytes of the answers kept for the check.
    pub(crate) answer_bytes: u64,
    /// The minimum number of bytes that its entries and waiting events take.
    pub(crate) least_bytes: u64,
    /// Keys scheduled for a timer.
    pub(crate) timers: u64,
    /// Events kept so that answers can be retracted.
    pub(crate) retractable: u64,
    /// Time spent on forgetting so far, ns.
    pub(crate) eviction_ns: u64,
    /// States forgotten so far.
    pub(crate) forgotten: u64,
    /// Batches in arrangements.
    pub(crate) batches: u64,
}

/// The latest snapshot of one worker, readable from any thread through a sequence lock. The worker never waits, and
/// readers get numbers of a single instant.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Gauges {
    version: AtomicU64, // odd while it is being written
    cells: [AtomicU64; 11],
}

impl Gauges {
    /// Publishes a snapshot. Only one thread may call it.
    pub(crate) fn show(&self, snapshot: &Snapshot) {
        let Snapshot { admitted, entries, buffered, live_bytes, answer_bytes, .. } = *snapshot;
        let Snapshot { least_bytes, timers, retractable, eviction_ns, forgotten, batches, .. } = *snapshot;
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        let live_bytes = live_bytes as u64;
        let held = [admitted, entries, buffered, live_bytes, answer_bytes];
        let besides = [least_bytes, timers, retractable, eviction_ns, forgotten, batches];
        let values = held.into_iter().chain(besides);
        self.cells.iter().zip(values).for_each(|(cell, value)| cell.store(value, Ordering::Relaxed));
        self.version.store(version + 2, Ordering::Release);
    }

    /// Returns the values of some cells from the `first` on.
    fn cells_from<const N: usize>(&self, first: usize) -> [u64; N] {
        std::array::from_fn(|cell| self.cells[first + cell].load(Ordering::Relaxed))
    }

    /// Returns the latest snapshot.
    pub(crate) fn read(&self) -> Snapshot {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let [admitted, entries, buffered, live_bytes, answer_bytes] = self.cells_from(0);
            let [least_bytes, timers, retractable, eviction_ns, forgotten, batches] = self.cells_from(5);
            fence(Ordering::Acquire);
            if version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version {
                let live_bytes = live_bytes as i64;
                return Snapshot {
                    admitted,
                    entries,
                    buffered,
                    live_bytes,
                    answer_bytes,
                    least_bytes,
                    timers,
                    retractable,
                    eviction_ns,
                    forgotten,
                    batches,
                };
            }
            std::thread::yield_now(); // the worker may be off its core in the middle of it
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_numbers_of_one_instant_only() {
        let gauges = Gauges::default();
        let at = |n: u64| Snapshot {
            admitted: n,
            entries: 2 * n,
            buffered: 3 * n,
            live_bytes: -(n as i64),
            answer_bytes: 7 * n,
            least_bytes: n,
            timers: 4 * n,
            retractable: 5 * n,
            eviction_ns: 6 * n,
            forgotten: 8 * n,
            batches: 9 * n,
        };
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=200_000).for_each(|n| gauges.show(&at(n))));
            let mut last = 0;
            while last < 200_000 {
                let observed = gauges.read();
                assert!(observed.admitted >= last && observed == at(observed.admitted), "{observed:?} after {last}");
                last = observed.admitted;
            }
        });
    }
}

//! Counts the bytes that one thread allocates and frees.
//!
//! Decisions D-411 and D-316.

use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};

/// The bytes allocated by the thread that created this value, minus the bytes freed by that thread. The count is exact:
/// the allocator counts both per thread, without its caches.
///
/// It is below 0 for a thread that frees what others have allocated; the sum over all threads that pass memory to
/// each other is what is alive.
pub(crate) struct Allocation {
    allocated: ThreadLocal<u64>,
    freed: ThreadLocal<u64>,
    baseline_bytes: i64,
    allocated_before_bytes: u64,
}

impl Allocation {
    /// Starts counting; `None` if the allocator of this program does not count.
    pub(crate) fn of_this_thread() -> Option<Self> {
        let (allocated, freed) = (allocatedp::read().ok()?, deallocatedp::read().ok()?);
        let mut counted = Self { allocated, freed, baseline_bytes: 0, allocated_before_bytes: 0 };
        let before = counted.allocated.get();
        drop(std::hint::black_box(Box::new(before)));
        counted.baseline_bytes = counted.bytes();
        counted.allocated_before_bytes = counted.allocated.get();
        (counted.allocated.get() > before).then_some(counted)
    }

    /// Returns the bytes alive beyond those at the start.
    #[inline]
    pub(crate) fn live_bytes(&self) -> i64 {
        self.bytes() - self.baseline_bytes
    }

    /// Returns the bytes allocated since the start, freed or not.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        self.allocated.get() - self.allocated_before_bytes
    }

    fn bytes(&self) -> i64 {
        self.allocated.get() as i64 - self.freed.get() as i64
    }
}

//! What one thread has taken from the allocator and given back.

use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};

/// The allocations of the thread that made it, less what that thread has freed: exact, since the allocator counts both for
/// each thread, its caches left out.
///
/// It is below 0 for a thread that frees what others have allocated; the sum over all threads that pass memory to each other
/// is what is alive.
pub(crate) struct Allocation {
    allocated: ThreadLocal<u64>,
    freed: ThreadLocal<u64>,
    baseline_bytes: i64,
}

impl Allocation {
    /// Counts from now on. `None` if the allocator of this program does not count.
    pub(crate) fn of_this_thread() -> Option<Self> {
        let mut counted =
            Self { allocated: allocatedp::read().ok()?, freed: deallocatedp::read().ok()?, baseline_bytes: 0 };
        let before = counted.allocated.get();
        drop(std::hint::black_box(Box::new(before)));
        counted.baseline_bytes = counted.bytes();
        (counted.allocated.get() > before).then_some(counted)
    }

    /// Bytes alive beyond those at the beginning.
    #[inline]
    pub(crate) fn live_bytes(&self) -> i64 {
        self.bytes() - self.baseline_bytes
    }

    fn bytes(&self) -> i64 {
        self.allocated.get() as i64 - self.freed.get() as i64
    }
}

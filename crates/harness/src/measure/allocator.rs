//! The bytes that the allocator of this process has from the kernel.

use flowbench_measurement::timeline::AllocatorBytes;
use tikv_jemalloc_ctl::{epoch, stats};

/// Returns the bytes in resident, active and retained pages of all arenas now; `None` if the allocator does not tell.
pub(crate) fn allocator_bytes() -> Option<AllocatorBytes> {
    epoch::advance().ok()?;
    let bytes = |read: Result<usize, _>| read.ok().map(|bytes: usize| bytes as i64);
    let [resident, active, retained] =
        [bytes(stats::resident::read())?, bytes(stats::active::read())?, bytes(stats::retained::read())?];
    (active > 0).then_some(AllocatorBytes { resident, active, retained })
}

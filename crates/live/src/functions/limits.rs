//! What a function may use. Only the fuel can be set by users; a module that needs more of the rest is not a function.

/// Bytes of a file, as a module or as text.
pub(super) const MODULE_BYTES_MAX: usize = 1 << 20;

/// Bytes of memory.
pub(super) const MEMORY_BYTES_MAX: usize = 16 << 20;

/// Tables, and the elements of each.
pub(super) const TABLES_MAX: usize = 4;
pub(super) const TABLE_ELEMENTS_MAX: usize = 10_000;

/// Calls of functions within calls.
pub(super) const CALL_DEPTH_MAX: usize = 500;

/// Functions of a folder.
pub(super) const FUNCTIONS_MAX: usize = 32;

/// Fuel for a batch unless set otherwise; about one unit an instruction.
pub(super) const FUEL_PER_BATCH: u64 = 10_000_000;

/// Fuel for a call of the host, and as much again as there are bytes.
pub(super) const FUEL_PER_HOST_CALL: u64 = 100;

/// Events of a batch.
pub(super) const BATCH_EVENTS_MAX: usize = 4_096;

/// Bytes of a batch, unless its first event alone is larger: with the default fuel, 150 units a byte.
pub(super) const BATCH_BYTES_MAX: usize = 64 << 10;

/// Events a function emits for a batch, and their bytes in total.
pub(super) const EMITS_MAX: usize = 1_000;
pub(super) const EMITTED_BYTES_MAX: usize = 1 << 20;

/// Lines of the log that are kept of a batch, and the bytes kept of each.
pub(super) const LOG_LINES_MAX: usize = 20;
pub(super) const LOG_LINE_BYTES_MAX: usize = 500;

/// Functions an event may have come through.
pub(super) const HOPS_MAX: i32 = 8;

/// Failures in a row after which a function is suspended.
pub(super) const FAILURES_MAX: u32 = 3;

//! Numbers and what may be concluded from them: offered load, latency, memory, accuracy, statistics, doubts, records.
//!
//! This package knows numbers, not dataflows: it depends on no other flowbench package, and has no clock of its own.

pub mod record;

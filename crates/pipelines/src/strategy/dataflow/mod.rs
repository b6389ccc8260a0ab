//! What all strategies on timely dataflow have in common: the worker loop, its operators, and how far they have come.
//!
//! The timestamp is the epoch. A worker reads its own epochs of the trace and sends only what concerns the pipeline.
//! Records of several epochs that are due together travel under the timestamp of the first: that never claims more
//! progress than there is. Operators that hold state hold a capability at the frontier, so an epoch is complete only
//! when everything its watermark releases has been answered.
//!
//! Nothing here knows a pipeline: readers, operators and sinks come with their logic type-erased and are called
//! once per batch.
//!
//! Decisions D-002 and D-006.

pub(crate) mod context;
pub(crate) mod frontier;
pub(crate) mod gather;
pub(crate) mod hot_keys;
pub(crate) mod operators;
pub(crate) mod routing;
pub(crate) mod sink;
pub(crate) mod source_reader;
pub(crate) mod worker_loop;

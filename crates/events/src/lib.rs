//! What an event is, and how logs of events are read and written.
//!
//! [`Event`] is the 48-byte record every other part works on; its text lives in [`Symbols`]. A [`Trace`] is events in
//! arrival order, identified by a digest. [`csv`], [`jsonl`] and [`mapping`] turn files into events and back.
//!
//! This package depends on no other flowbench package. It knows nothing of generators, dataflows or measuring.

mod digest;
mod event;
mod lateness;
mod symbols;
mod time;
mod trace;
mod zone;

pub use digest::{TraceDigest, mix};
pub use event::{Channel, Event, Id, Kind, Record, Rejected, Value};
pub use lateness::{LateSet, Lateness};
pub use symbols::Symbols;
pub use time::{TIME_MS_MAX, TIME_MS_MIN, parse_duration_ms, parse_rfc3339_ms, push_rfc3339, rfc3339};
pub use trace::Trace;
pub use zone::{Zone, ZoneError};

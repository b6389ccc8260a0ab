//! What an event is, and how logs of events are read and written.
//!
//! [`Event`] is the 48-byte record that all other parts work on; its texts are in [`Symbols`]. A [`Trace`] is events in
//! arrival order, identified by a digest. [`read_trace`] and [`EventWriter`] convert CSV, JSON Lines and CloudEvents to
//! events and back, and a [`Mapping`] converts the logs of others. [`draft_mapping`] drafts one. A [`TextTable`] reads named columns
//! that are no events.
//!
//! This package depends on no other flowbench package. It knows nothing of generators, dataflows or measuring.

mod absent;
mod array;
mod bad_rows;
mod canonical;
mod cloud_events;
mod columns;
mod contents;
mod csv_reader;
mod csv_writer;
mod currency;
mod decimal;
mod decoder;
mod deduplication;
mod dialect;
mod digest;
mod draft;
mod encoding;
mod event;
mod fields;
mod files;
mod groups;
mod gzip;
mod json_text;
mod jsonl;
mod lateness;
mod lines;
mod mapping;
mod members;
mod names;
mod objects;
mod outcome;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod paths;
mod problems;
mod quantity;
mod quotes;
mod read;
mod recording;
mod remarks;
mod replacement;
mod row_sink;
mod rows;
mod settings;
mod single_event;
mod suggest;
mod symbols;
mod text_order;
mod text_table;
mod time;
mod time_format;
mod toml_text;
mod trace;
mod write;
mod zip;
mod zone;

pub use bad_rows::{BadRowLimit, NoBadRowLimit};
pub use canonical::{TimeReading, canonical_duration, canonical_number};
pub use deduplication::{Deduplicator, Horizon};
pub use digest::{TraceDigest, mix};
pub use draft::draft_mapping;
pub use event::{Channel, Event, EventId, EventIdKind, Id, Kind, Record, Rejected, Value};
pub use files::{FileError, Format, Input, Output, WriteError};
pub use jsonl::{push_json_line, push_undated_json_line};
pub use lateness::{LateSet, Lateness, Sources, WatermarkRule};
pub use mapping::{Mapping, MappingError};
pub use outcome::{ReadError, ReadSummary, Reject};
pub use problems::{Problem, Problems, SourceText, line_and_column};
pub use quantity::{parse_bytes, parse_count};
pub use read::{ReadOptions, read_events, read_trace};
pub use recording::{Heartbeat, Recording, RecordingLine};
pub use replacement::remove_unfinished_outputs;
pub use single_event::{ArrivingEvent, DecodedEvent, EventDecoder};
pub use suggest::{did_you_mean, did_you_mean_or_list, nearest};
pub use symbols::Symbols;
pub use text_order::TextOrder;
pub use text_table::{TableSummary, TextTable};
pub use time::{
    DurationError, TIME_MS_MAX, TIME_MS_MIN, TimeError, duration_text, parse_duration_ms, parse_rfc3339_ms,
    push_rfc3339, rfc3339,
};
pub use trace::Trace;
pub use write::{EventWriter, RejectWriter};
pub use zone::{Zone, ZoneError};

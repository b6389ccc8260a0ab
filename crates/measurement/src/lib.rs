//! Numbers and what may be concluded from them: offered load, latency, memory, accuracy, the sustainable rate,
//! statistics, doubts, records.
//!
//! This package knows numbers, not dataflows: it depends on no other flowbench package, and has no clock and no thread
//! of its own. [`record`] is the contract with everything that reads results; [`results_dir`] puts it on disk.

pub mod accuracy;
pub mod baseline;
pub mod case_name;
pub mod checksum;
pub mod claims;
pub mod column_absences;
pub mod column_meanings;
pub mod columns;
pub mod comparison;
mod display;
pub mod doubt_kinds;
pub mod doubts;
pub mod export;
pub mod hlog;
pub mod latency;
pub mod lost_time;
pub mod memory;
pub mod metric_choice;
pub mod metrics;
pub mod offered_load;
pub mod operator_profile;
mod random;
pub mod record;
pub mod release;
pub mod repeats;
pub mod results_dir;
pub mod scaling;
pub mod statistics;
pub mod steadiness;
pub mod sustainable;
pub mod table;
pub mod timeline;
mod waves;
pub mod what_if;

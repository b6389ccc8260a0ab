//! What a wall shows from outside of its session: CSV files, and feeds of other services.
//!
//! Decisions D-665 and D-666.

mod csv_file;
mod readers;
mod remote_feed;
mod source;
#[cfg(test)]
mod tests;

pub use readers::ExternalReaders;
pub(super) use source::Anew;
pub use source::{ExternalFeed, ExternalSource};

//! Reads a log and returns all that came of it.

use std::fs;
use std::path::Path;

use flowbench_events::{
    Event, Input, Mapping, ReadError, ReadOptions, ReadSummary, Reject, Symbols, Trace, read_trace,
};
use tempfile::TempDir;

/// What came of a log.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) trace: Trace,
    pub(crate) summary: ReadSummary,
    pub(crate) rejects: Vec<Reject>,
}

impl Read {
    /// One field of every event, as text.
    pub(crate) fn column(&self, push: fn(&Event, &Symbols, &mut String)) -> Vec<String> {
        let text = |event| {
            let mut text = String::new();
            push(event, &self.trace.symbols, &mut text);
            text
        };
        self.trace.events.iter().map(text).collect()
    }

    pub(crate) fn event_ids(&self) -> Vec<String> {
        self.column(|event, symbols, text| symbols.push_event_id(event.event_id(), text))
    }
}

/// Reads a file and checks that no row disappeared.
pub(crate) fn read_path(path: &Path, options: &ReadOptions) -> Result<Read, ReadError> {
    let mut rejects = Vec::new();
    let mut keep = |reject: &Reject| {
        rejects.push(reject.clone());
        Ok(())
    };
    let (trace, summary) = read_trace(&Input::new(path), options, &mut keep)?;
    assert_eq!(summary.rows, summary.used + summary.skipped + summary.rejects);
    assert_eq!(summary.skipped, summary.skipped_kinds.values().sum::<u64>() + summary.skipped_without_time);
    assert_eq!((summary.events, summary.rejects), (trace.events.len() as u64, rejects.len() as u64));
    Ok(Read { trace, summary, rejects })
}

/// Reads a file of that name with these bytes in it.
pub(crate) fn read_as(name: &str, bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Read, ReadError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_path(&path, options)
}

/// Reads a log without a mapping, which must succeed.
pub(crate) fn read(name: &str, bytes: impl AsRef<[u8]>) -> Read {
    read_as(name, bytes, &ReadOptions::default()).unwrap()
}

/// The options that read a log through a mapping.
pub(crate) fn through(mapping: &str) -> ReadOptions {
    let mapping = Mapping::parse(mapping, "map.toml").unwrap();
    ReadOptions { mapping: Some(mapping), ..ReadOptions::default() }
}

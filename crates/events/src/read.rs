//! Reads a log as events. A bad row does not stop the reading, and no row disappears.

use std::io;

use crate::decoder::Decoder;
use crate::dialect::Text;
use crate::event::Event;
use crate::files::{Format, Input};
use crate::mapping::Mapping;
use crate::outcome::{ReadError, ReadSummary, Reject};
use crate::row_sink::RowSink;
use crate::symbols::Symbols;
use crate::trace::Trace;
use crate::{cloud_events, csv_reader, jsonl};

/// Options for reading a log.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format of the log. If it is `None`, the ending of the file decides; failing that, a text that begins with
    /// `{` or `[{` is JSON Lines, and any other is CSV. JSON Lines whose first object has a `specversion` are CloudEvents.
    pub format: Option<Format>,
    /// The mapping of a foreign log. Without one, the columns are those of the interchange format.
    pub mapping: Option<Mapping>,
    /// Whether the first bad row is an error.
    pub strict: bool,
}

/// Reads a whole log into memory, in the order of the file, which is the arrival order.
///
/// `on_reject` is called with each bad row. An event without an id equals no other event and is shown by its row
/// number, from 1. Event ids compare as texts do, by (length, bytes), whatever the order of the rows.
///
/// # Errors
///
/// Returns [`ReadError`] if the log cannot be read to its end, lacks a column that is needed, or has a bad row and
/// [`ReadOptions::strict`] is set, and if `on_reject` fails.
///
/// # Examples
///
/// ```
/// use flowbench_events::{Input, ReadOptions, read_trace};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("log.csv");
/// std::fs::write(&path, "kind,event_time,value\norder_placed,2026-01-05T08:00:00Z,12.50\norder_placed,today,9.99\n")?;
///
/// let mut rejects = Vec::new();
/// let mut on_reject = |reject: &flowbench_events::Reject| {
///     rejects.push(reject.to_string());
///     Ok(())
/// };
/// let (trace, summary) = read_trace(&Input::new(path), &ReadOptions::default(), &mut on_reject)?;
/// assert_eq!((trace.events.len(), summary.rejects), (1, 1));
/// assert!(rejects[0].starts_with("line 3, column event_time: 'today'"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_trace(
    input: &Input,
    options: &ReadOptions,
    on_reject: &mut dyn FnMut(&Reject) -> io::Result<()>,
) -> Result<(Trace, ReadSummary), ReadError> {
    let mut trace = Trace::default();
    let events = &mut trace.events;
    let mut keep = |event, _: &Symbols| {
        events.push(event);
        Ok(())
    };
    let mut summary = read_events(input, options, &mut trace.symbols, &mut keep, on_reject)?;
    trace.recording = std::mem::take(&mut summary.recording);
    trace.recording.tidy(&trace.events);
    trace.symbols.order_event_ids(&mut trace.events);
    Ok((trace, summary))
}

/// Reads a log row by row and calls `on_event` with each event, in constant memory except for `symbols`, which collects
/// the texts.
///
/// # Errors
///
/// Returns [`ReadError`] as [`read_trace`] does, and if `on_event` fails.
pub fn read_events(
    input: &Input,
    options: &ReadOptions,
    symbols: &mut Symbols,
    on_event: &mut dyn FnMut(Event, &Symbols) -> io::Result<()>,
    on_reject: &mut dyn FnMut(&Reject) -> io::Result<()>,
) -> Result<ReadSummary, ReadError> {
    let mut remarks = Vec::new();
    let raw = input.open_remarking(&mut remarks)?;
    let mapping = options.mapping.as_ref();
    let decoders = mapping.map_or_else(|| vec![Decoder::native()], Mapping::decoders);
    let group = mapping.and_then(Mapping::group);
    let mut sink = RowSink::new(input.to_string(), decoders, group, symbols, on_event, on_reject)
        .strict(options.strict)
        .remarking(remarks);
    let encoding = mapping.and_then(|mapping| mapping.layout().encoding);
    let text = Text::open(raw, encoding).map_err(|source| sink.interrupted(source))?;
    if let Some(encoding) = text.assumed {
        sink.assume(encoding.name().to_owned());
    }
    match options.format.or_else(|| input.format()).unwrap_or_else(|| Format::recognise(&text.sample)) {
        Format::Csv => csv_reader::read(text, mapping, &mut sink)?,
        Format::Jsonl | Format::CloudEvents if mapping.is_some() => jsonl::read(text, mapping, &mut sink)?,
        Format::Jsonl if !cloud_events::begins(&text.sample) => jsonl::read(text, None, &mut sink)?,
        Format::Jsonl | Format::CloudEvents => cloud_events::read(text, &mut sink)?,
    }
    sink.finish()
}

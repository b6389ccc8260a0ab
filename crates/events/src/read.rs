//! From a log to events: nothing that goes wrong with a row stops the reading, and nothing disappears.

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
use crate::{csv_reader, jsonl};

/// How a log is to be read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// `None`: told by the file's ending; failing that, JSON Lines if the text begins with `{` or `[{`, or CSV.
    pub format: Option<Format>,
    /// For a foreign log; without it, the columns are those of the interchange format.
    pub mapping: Option<Mapping>,
    /// The first bad row is an error.
    pub strict: bool,
}

/// Reads a whole log into memory, in the order of the file, which is the arrival order.
///
/// `on_reject` sees each bad row. An event without an id equals no other event; it is shown by the number of its row (from
/// 1). Event ids compare as texts do, by (length, bytes), whatever the order of the rows.
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
    let summary = read_events(input, options, &mut trace.symbols, &mut keep, on_reject)?;
    trace.symbols.order_event_ids(&mut trace.events);
    Ok((trace, summary))
}

/// Reads a log row by row, in constant memory but for `symbols`, which gathers the texts.
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
        Format::Jsonl => jsonl::read(text, mapping, &mut sink)?,
    }
    sink.finish()
}

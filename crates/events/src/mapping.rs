//! A foreign log as events: which column means what.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::Path;

use regex::Regex;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::columns::{Columns, FieldSource, FieldSources, find};
use crate::decoder::Decoder;
use crate::dialect::Layout;
use crate::event::Kind;
use crate::fields::{Field, Texts, not_a_kind};
use crate::files::{FileError, Input};
use crate::outcome::ReadError;
use crate::remarks::Notes;
use crate::settings;
use crate::suggest::did_you_mean;
use crate::symbols::Symbols;
use crate::time_format::{TimeFormat, TimeFormats};
use crate::toml_text::{Text, Wrong, string, text};

/// How the columns of a foreign CSV, or the values of a foreign JSON Lines, become events; written as TOML:
///
/// ```toml
/// time   = { column = "when", format = "%d/%m/%Y %H:%M", timezone = "Europe/London" }
/// kind   = { column = "type", values = { order = "order_placed" } }
/// rating = { column = "extra", pattern = "score=(\\d)" }
/// country = { constant = "GB" }
/// ```
///
/// # Fields
///
/// `time` and `kind` (both needed), `arrival` (same as `time`, unless given), `customer`, `order`, `product`, `value`,
/// `country`, `load_time_ms`, `rating`, `channel`, `event_id` (the row number, unless given).
///
/// - Each has a `column` or a `constant`. A cell that is empty, or one of the words of `absent`, is an absent field.
/// - In JSON Lines, or an array of objects, a column is a name or a path of names and numbers: `customer.id`,
///   `items.0.price`.
/// - `pattern`: a regular expression; its first capture group is the field, no match is an absent field.
/// - `format` of times: a strftime format, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns` (counts since 1970, which may
///   have decimals or an exponent) or `rfc3339`, which it is unless given. Of a list, such as `["%d/%m/%Y %H:%M",
///   "epoch_s"]`, the first that reads the cell says what it means. What is below a millisecond is cut off: two events
///   of one millisecond are told apart by their event ids.
/// - `timezone` (IANA name, UTC unless given) is for times that do not tell their offset. A local time that occurs twice
///   means the first.
/// - `values` of the kind: what each cell means; rows with other cells are skipped and counted. Without it, cells are
///   names of kinds.
/// - `times` of the value names a column it is multiplied by: `value = { column = "price", times = "quantity" }`. The
///   product is exact; if one of the two is absent, so is the value.
/// - `prefix` of the event id stands before its text: see *Several events in a row*.
///
/// # Numbers
///
/// A value is read exactly, however it is written (`129.0000`, `.5`, `1.5e2`, ` 7`), with a currency in front or behind
/// (`$5.99`, `5 EUR`), which is not looked at otherwise. One that is not a multiple of a thousandth is rejected, never
/// rounded. Ratings are whole numbers (`5.0` is one). Only load times are rounded: to the nearest millisecond.
///
/// - `decimal`, at the top of the mapping: what stands before the decimals, `"."` (unless given) or `","`.
/// - `thousands`: what may stand between thousands, `","`, `"."`, `"'"` or a space (`" "` stands for the no-break spaces,
///   too); nothing unless given. It stands between groups of three digits, or the cell is rejected: `1,5` is never 15.
///
/// # Words for nothing
///
/// `absent = ["nan", "None"]`, at the top, names the words that mean that a field is absent, in every field, ids
/// included, letter for letter. They take the place of `NULL` and `\N`, which are such words unless others are named; the
/// empty cell always is one. A cell that `values` lists is a kind all the same. Where another word that looks like one
/// (`nan`, `N/A`, `-`, ...) is a field of three rows or more, the reading remarks it and says what to write.
///
/// # Several rows that are one event
///
/// `group = "InvoiceNo"`, at the top, makes one event of consecutive rows with the same text in that column and the same
/// kind (or none): the lines of an order. Its value is the sum of theirs, exact; a row with which it would not fit is
/// rejected. Every other field is that of the first row, and of the rows behind it nothing else is read. A row whose
/// column is empty is an event by itself. A rejected or skipped row belongs to no event; those around it do.
///
/// Rows of a group that do not stand together are not put together, since a log is read in one go: the reading remarks
/// how many groups came again. For that it remembers the first million of them.
///
/// # Several events in a row
///
/// Where a row has several times, such as an order with those of its placing, dispatch and delivery, each is an event:
///
/// ```toml
/// order    = { column = "order_id" }
/// customer = { column = "customer_id" }
/// [[event]]
/// kind = { constant = "order_placed" }
/// time = { column = "purchased_at" }
/// [[event]]
/// kind = { constant = "order_delivered" }
/// time = { column = "delivered_at" }
/// ```
///
/// The fields of an `[[event]]` are its own, in place of those at the top; those at the top are of every event. An event
/// whose time is absent does not exist; a row without any is skipped. One field that cannot be read rejects the row with
/// all its events. Without `event_id` each event has a number of its own. Events must not share an id, so `event_id`
/// stands in each of them, with a column or a `prefix` of its own: `event_id = { column = "order_id", prefix = "placed-" }`.
///
/// # The file as a whole
///
/// What is not said of it is recognised from its first 64 KiB, and told:
///
/// - `separator = ";"`: one character; unless given, the comma, semicolon, tab or bar that gives the columns asked for. A
///   first line `sep=;` tells it, too.
/// - `columns = ["user", "item", "when"]`: the names of the columns of a file without a header; with `header = true`, in
///   place of its header. With `header = false` alone they are called `1`, `2`, `3`, ...
/// - `encoding`: `utf-8`, `utf-16` or `latin-1` (which is read as its superset Windows-1252). Unless given, a file is
///   UTF-16 by its byte order mark or its zero bytes, and what is not UTF-8 is Windows-1252 if its first bytes can be.
/// - Decimals have a comma if the separator is none, and amounts can be read in no other way (`2,55`, `1.203,39`).
///
/// A column that nothing asks for cannot spoil a row, whatever it holds. Cells beyond the header are ignored if they are
/// empty.
#[derive(Debug, Clone)]
pub struct Mapping {
    name: String,
    /// The events that a row may have, at least one.
    events: Vec<EventOfRow>,
    layout: Layout,
}

/// Where the fields of an event come from, and how they are read.
#[derive(Debug, Clone)]
struct EventOfRow {
    entries: Vec<Entry>,
    decoder: Decoder,
}

/// Why a mapping cannot be used: the file, the place in it, and what is wrong.
#[derive(Debug, Error)]
pub enum MappingError {
    /// It could not be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not a mapping.
    #[error("{name}, line {line}, column {column}: {problem}")]
    Wrong {
        /// The mapping file.
        name: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong, and the likely fix.
        problem: String,
    },
}

/// One line of the mapping: where a field comes from.
#[derive(Debug, Clone)]
struct Entry {
    field: Field,
    origin: Origin,
    line: usize,
}

#[derive(Debug, Clone)]
enum Origin {
    Column(String, Option<Regex>),
    Constant(String),
}

impl Mapping {
    /// Reads a mapping file.
    pub fn load(path: impl AsRef<Path>) -> Result<Mapping, MappingError> {
        let path = path.as_ref();
        let input = Input::File(path.to_owned());
        let text = fs::read_to_string(path).map_err(|source| input.open_error(source))?;
        Mapping::parse(&text, &input.to_string())
    }

    /// Reads a mapping from TOML text; `name` is what errors call it.
    pub fn parse(text: &str, name: &str) -> Result<Mapping, MappingError> {
        mapping(text, name).map_err(|(problem, span)| {
            let (line, column) = place(text, span);
            MappingError::Wrong { name: name.to_owned(), line, column, problem }
        })
    }

    /// How texts are read as fields, for each event that a row may have.
    pub(crate) fn decoders(&self) -> Vec<Decoder> {
        self.events.iter().map(|event| event.decoder.clone()).collect()
    }

    /// The column whose text the rows of one event share, if several can be one.
    pub(crate) fn group(&self) -> Option<&str> {
        self.events[0].entries.iter().find_map(|entry| match &entry.origin {
            Origin::Column(name, _) if entry.field == Field::Group => Some(name.as_str()),
            _ => None,
        })
    }

    /// How the file is written, as far as it is said.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The columns that are used, each once.
    pub(crate) fn column_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for Entry { origin, .. } in self.events.iter().flat_map(|event| &event.entries) {
            if let Origin::Column(name, _) = origin
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }

    /// Where the fields come from in a file with that header.
    pub(crate) fn columns(&self, header: Vec<String>, input: &str) -> Result<Columns<'_>, ReadError> {
        let events = self.events.iter().map(|event| self.sources(event, &header, input)).collect::<Result<_, _>>()?;
        Ok(Columns::new(header, events))
    }

    fn sources<'m>(
        &self,
        event: &'m EventOfRow,
        header: &[String],
        input: &str,
    ) -> Result<FieldSources<'m>, ReadError> {
        let source = |Entry { field, origin, line }: &'m Entry| {
            let column = |name: &str| {
                find(header, name).map_err(|no_column| {
                    let problem = format!("{}; {}, line {line}, asks for it", no_column.in_words, self.name);
                    ReadError::Columns { input: input.to_owned(), problem }
                })
            };
            let source = match origin {
                Origin::Constant(constant) => FieldSource::Constant(constant),
                Origin::Column(name, None) => FieldSource::Column(column(name)?),
                Origin::Column(name, Some(pattern)) => {
                    FieldSource::Found(column(name)?, pattern, pattern.capture_locations())
                }
            };
            Ok((*field, source))
        };
        event.entries.iter().map(source).collect()
    }
}

impl EventOfRow {
    /// Takes what the mapping says of a field, in place of what it said before; `toml` is its text.
    fn take(&mut self, key: &Key, value: &Spanned<DeValue>, toml: &str) -> Result<(), Wrong> {
        let field = field(key.get_ref()).ok_or_else(|| (not_a_field(key.get_ref()), key.span()))?;
        let DeValue::Table(table) = value.get_ref() else {
            return Err((format!("write it like {} = {{ column = \"...\" }}", key.get_ref()), value.span()));
        };
        let line = place(toml, key.span()).0;
        let origin = origin(field, table, value.span(), &mut self.decoder)?;
        self.put(Entry { field, origin, line });
        if field == Field::Value {
            let factor = text(table, "times")?;
            self.decoder.multiplies = factor.is_some();
            if let Some((column, _)) = factor {
                self.put(Entry { field: Field::Times, origin: Origin::Column(column.to_owned(), None), line });
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: Entry) {
        self.entries.retain(|known| known.field != entry.field);
        self.entries.push(entry);
    }

    fn origin(&self, field: Field) -> Option<&Origin> {
        self.entries.iter().find(|entry| entry.field == field).map(|entry| &entry.origin)
    }

    /// Complains of a field that is needed and missing; `place` is where the event stands.
    fn check(&self, place: Range<usize>) -> Result<(), Wrong> {
        for needed in [Field::EventTime, Field::Kind] {
            if self.origin(needed).is_none() {
                let key = key_of(needed);
                return Err((format!("the field '{key}' is missing; add {key} = {{ column = \"...\" }}"), place));
            }
        }
        Ok(())
    }

    /// True if every row gives both events the same id.
    fn shares_id_with(&self, other: &EventOfRow) -> bool {
        let id = |event: &EventOfRow| {
            let prefix = &event.decoder.event_id_prefix;
            Some(match event.origin(Field::EventId)? {
                Origin::Column(name, pattern) => {
                    (Some(name.clone()), prefix.clone(), pattern.as_ref().map(|pattern| pattern.as_str().to_owned()))
                }
                Origin::Constant(text) => (None, format!("{prefix}{text}"), None),
            })
        };
        id(self).is_some_and(|own| id(other) == Some(own))
    }
}

type Key<'a> = Spanned<Cow<'a, str>>;

/// The keys a field can have.
const KEYS: [&str; 8] = ["column", "constant", "pattern", "format", "timezone", "values", "times", "prefix"];

fn mapping(toml: &str, name: &str) -> Result<Mapping, Wrong> {
    let top = DeTable::parse(toml).map_err(|error| (error.message().to_owned(), error.span().unwrap_or_default()))?;
    let top = top.get_ref();
    let mut layout = Layout::default();
    for (key, value) in top {
        layout.take(key.get_ref(), value)?;
    }
    let mut every = EventOfRow { entries: Vec::new(), decoder: settings::decoder(top)? };
    for (key, value) in top.iter().filter(|(key, _)| !settings::KEYS.contains(&&**key.get_ref())) {
        every.take(key, value, toml)?;
    }
    if let Some((column, span)) = text(top, "group")? {
        if top.contains_key("event") {
            return Err(("several rows as one event and several events in a row do not go together".to_owned(), span));
        }
        let line = place(toml, span).0;
        every.put(Entry { field: Field::Group, origin: Origin::Column(column.to_owned(), None), line });
    }
    let events = match top.get("event") {
        Some(tables) => events_of_a_row(tables, &every, toml)?,
        None => {
            every.check(0..0)?;
            vec![every]
        }
    };
    Ok(Mapping { name: name.to_owned(), events, layout })
}

/// The events of `[[event]]` tables; what they do not say is said by `every`.
fn events_of_a_row(tables: &Spanned<DeValue>, every: &EventOfRow, toml: &str) -> Result<Vec<EventOfRow>, Wrong> {
    let wrong = || ("write [[event]] above the fields of each event that a row may have".to_owned(), tables.span());
    let DeValue::Array(array) = tables.get_ref() else { return Err(wrong()) };
    let mut events: Vec<EventOfRow> = Vec::new();
    for table in array {
        let DeValue::Table(fields) = table.get_ref() else { return Err(wrong()) };
        let mut event = every.clone();
        event.decoder.is_optional = true;
        for (key, value) in fields {
            if settings::KEYS.contains(&&**key.get_ref()) {
                let problem = format!("'{}' is for all events; move it above the first [[event]]", key.get_ref());
                return Err((problem, key.span()));
            }
            event.take(key, value, toml)?;
        }
        event.check(table.span())?;
        if events.iter().any(|other| event.shares_id_with(other)) {
            let fix = "give the event_id of each [[event]] a prefix of its own, such as prefix = \"placed-\"";
            return Err((format!("two events of a row would have the same event_id; {fix}"), table.span()));
        }
        events.push(event);
    }
    if events.is_empty() { Err(wrong()) } else { Ok(events) }
}

/// Where a field comes from; how it is read goes to the decoder.
fn origin(field: Field, table: &DeTable, span: Range<usize>, decoder: &mut Decoder) -> Result<Origin, Wrong> {
    known_keys(field, table)?;
    let time = || times(table);
    match field {
        Field::EventTime => decoder.event_time = time()?,
        Field::ArrivalTime => decoder.arrival_time = time()?,
        Field::Kind => decoder.kinds = kinds(table)?,
        Field::EventId => decoder.event_id_prefix = text(table, "prefix")?.map_or("", |(prefix, _)| prefix).to_owned(),
        _ => {}
    }
    let pattern = text(table, "pattern")?.map(pattern).transpose()?;
    match (text(table, "column")?, text(table, "constant")?) {
        (Some((column, _)), None) => Ok(Origin::Column(column.to_owned(), pattern)),
        (None, Some((_, place))) if pattern.is_some() || table.contains_key("values") => {
            Err(("a constant has no pattern and no values; leave them out".to_owned(), place))
        }
        (None, Some((constant, place))) => {
            check_constant(field, constant, decoder).map_err(|problem| (problem, place))?;
            Ok(Origin::Constant(constant.to_owned()))
        }
        (Some(_), Some((_, place))) => Err(("give a column or a constant, not both".to_owned(), place)),
        (None, None) => Err(("give a column or a constant".to_owned(), span)),
    }
}

/// Line and column, both from 1.
fn place(text: &str, span: Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn not_a_field(key: &str) -> String {
    let names: Vec<&str> = Field::ALL.map(key_of).into_iter().chain(settings::KEYS).collect();
    // The names of the interchange format are meant well.
    let near = match Field::from_name(key) {
        Some(field) => format!("; did you mean '{}'?", key_of(field)),
        None => did_you_mean(key, names.iter().copied()),
    };
    format!("'{key}' is not a field{near} (fields and settings: {})", names.join(", "))
}

/// What a mapping calls a field.
fn key_of(field: Field) -> &'static str {
    match field {
        Field::EventTime => "time",
        Field::ArrivalTime => "arrival",
        other => other.name(),
    }
}

fn field(key: &str) -> Option<Field> {
    Field::ALL.into_iter().find(|field| key_of(*field) == key)
}

/// Refuses keys that the field cannot have.
fn known_keys(field: Field, table: &DeTable) -> Result<(), Wrong> {
    let known: Vec<&str> = KEYS.into_iter().filter(|key| fits(field, key)).collect();
    let Some((key, _)) = table.iter().find(|(key, _)| !known.iter().any(|known| known == key.get_ref())) else {
        return Ok(());
    };
    let near = did_you_mean(key.get_ref(), known.iter().copied());
    let known = known.join(", ");
    Err((format!("'{}' is not a key of {}{near} (keys: {known})", key.get_ref(), key_of(field)), key.span()))
}

fn fits(field: Field, key: &str) -> bool {
    match key {
        "format" | "timezone" => matches!(field, Field::EventTime | Field::ArrivalTime),
        "values" => field == Field::Kind,
        "times" => field == Field::Value,
        "prefix" => field == Field::EventId,
        _ => true,
    }
}

/// The formats of a time: one, or a list.
fn times(table: &DeTable) -> Result<TimeFormats, Wrong> {
    let timezone = text(table, "timezone")?;
    let formats = match table.get("format") {
        None => vec![None],
        Some(value) => match value.get_ref() {
            DeValue::Array(formats) => {
                formats.iter().map(|format| string(format, "a format").map(Some)).collect::<Result<_, _>>()?
            }
            _ => vec![Some(string(value, "format")?)],
        },
    };
    // A zone is for those formats of a list that can use it.
    let is_count = |format: &Option<Text>| format.as_ref().is_some_and(|(name, _)| TimeFormat::is_count(name));
    let is_useful = formats.iter().any(|format| !is_count(format));
    let read = |format: &Option<Text>| {
        let place = format.as_ref().or(timezone.as_ref()).map(|(_, place)| place.clone()).unwrap_or_default();
        let zone = timezone.as_ref().filter(|_| !is_useful || !is_count(format)).map(|(name, _)| *name);
        TimeFormat::new(format.as_ref().map(|(name, _)| *name), zone).map_err(|problem| (problem, place))
    };
    let formats = TimeFormats::new(formats.iter().map(read).collect::<Result<_, _>>()?);
    let place = table.get("format").map(Spanned::span).unwrap_or_default();
    formats.ok_or_else(|| ("format lists no format; leave it out for RFC 3339".to_owned(), place))
}

fn kinds(table: &DeTable) -> Result<Option<Vec<(String, Kind)>>, Wrong> {
    let Some(values) = table.get("values") else { return Ok(None) };
    let DeValue::Table(table) = values.get_ref() else {
        return Err(("write it like values = { order = \"order_placed\" }".to_owned(), values.span()));
    };
    let kind = |(cell, value): (&Spanned<_>, &Spanned<DeValue>)| {
        let cell: &std::borrow::Cow<str> = cell.get_ref();
        let (name, place) = string(value, cell)?;
        let kind = Kind::from_name(name).ok_or_else(|| (not_a_kind(name), place))?;
        Ok((cell.to_string(), kind))
    };
    table.iter().map(kind).collect::<Result<_, _>>().map(Some)
}

fn pattern((text, place): Text) -> Result<Regex, Wrong> {
    let pattern = Regex::new(text).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        (format!("the pattern is not a regular expression: {reason}"), place.clone())
    })?;
    if pattern.captures_len() < 2 {
        return Err(("the pattern has no group; put ( ) around what is wanted".to_owned(), place));
    }
    Ok(pattern)
}

/// A constant that cannot be read would reject every row.
fn check_constant(field: Field, constant: &str, decoder: &Decoder) -> Result<(), String> {
    let time = match field {
        Field::EventTime => Some(&decoder.event_time),
        Field::ArrivalTime => Some(&decoder.arrival_time),
        _ => None,
    };
    if let Some(format) = time {
        return format.parse(constant).map(drop).map_err(|wrong| format!("'{constant}' is no such time: {wrong}"));
    }
    let mut texts = Texts::default();
    texts[Field::Kind] = Kind::PageViewed.name();
    texts[Field::EventTime] = "1970-01-01T00:00:00.000Z";
    texts[field] = constant;
    let decoder = Decoder { numbers: decoder.numbers, ..Decoder::native() };
    let read = decoder.decode(&texts, 1, &mut Symbols::default(), &mut Notes::default());
    read.map(drop).map_err(|bad| bad.reason)
}

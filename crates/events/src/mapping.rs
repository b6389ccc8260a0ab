//! Mappings, which say how the columns of a foreign log become events.

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
use crate::fields::{Field, Texts, not_a_kind, shown};
use crate::files::{FileError, Input};
use crate::outcome::ReadError;
use crate::problems::{Problem, Problems, SourceText, line_and_column};
use crate::remarks::Notes;
use crate::settings;
use crate::suggest::did_you_mean;
use crate::symbols::Symbols;
use crate::time_format::{TimeFormat, TimeFormats};
use crate::toml_text::{Text, Wrong, string, text};

/// How the columns of a foreign CSV, or the values of foreign JSON Lines, become events. It is written as TOML:
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
/// `time` and `kind` are required. `arrival` defaults to `time`, and `event_id` to the row number. `customer`, `order`,
/// `product`, `value`, `country`, `load_time_ms`, `rating` and `channel` are optional.
///
/// - Each has a `column` or a `constant`. A cell that is empty or one of the words of `absent` is an absent field.
/// - In JSON Lines, or an array of objects, a column is a name or a path of names and numbers: `customer.id`,
///   `items.0.price`.
/// - `pattern` is a regular expression whose first capture group is the field. If it does not match, the field is
///   absent.
/// - `format` of a time is a strftime pattern, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns` (counts since 1970, which
///   may have decimals or an exponent), or `rfc3339`, the default. In a list such as `["%d/%m/%Y %H:%M", "epoch_s"]`,
///   the first format that can read the cell decides. Digits below a millisecond are cut off; two events of one
///   millisecond are distinguished by their event ids.
/// - `timezone` (an IANA name, UTC by default) applies to times without an offset. A local time that occurs twice means
///   its first occurrence.
/// - `values` of the kind say what each cell means, of which there is at least one. Rows with other cells are skipped
///   and counted. Without `values`, cells are names of kinds.
/// - `times` of the value names a column to multiply it by, as in `value = { column = "price", times = "quantity" }`.
///   The product is exact, and absent if one of the two is absent.
/// - `prefix` of the event id is put before its text; see *Several events in a row*.
///
/// # Numbers
///
/// A value is read exactly, however it is written (`129.0000`, `.5`, `1.5e2`, ` 7`). A currency before or after it
/// (`$5.99`, `5 EUR`) is ignored. A value that is not a multiple of a thousandth is rejected, never rounded. Ratings
/// are whole numbers, of which `5.0` is one. Only load times are rounded, to the nearest millisecond.
///
/// - `decimal`, at the top of the mapping, is the decimal separator, `"."` by default or `","`.
/// - `thousands`, at the top, is the thousands separator `","`, `"."`, `"'"` or `" "`, which includes the no-break
///   spaces. By default there is none. It must separate groups of three digits, or the cell is rejected: `1,5` is never
///   15.
///
/// # Words for an absent field
///
/// `absent = ["nan", "None"]`, at the top, lists the words that mean that a field is absent. They apply to every field,
/// ids included, and must match exactly. They replace the default, which is `NULL` and `\N`; the empty cell is always
/// absent. A cell that `values` lists is a kind nevertheless. If another such word (`nan`, `N/A`, `-`, ...) is the
/// field of three rows or more, the summary remarks on it and says what to write.
///
/// # Several rows that are one event
///
/// `group = "InvoiceNo"`, at the top, makes one event of consecutive rows, such as the lines of an order, that have the
/// same text in that column and the same kind or none. Its value is the exact sum of theirs; a row is rejected if the
/// sum would overflow. Every other field is that of the first row, and nothing else of the other rows is read. A row
/// whose column is empty is an event by itself. A rejected or skipped row belongs to no event, but does not separate
/// those around it.
///
/// Rows of a group that are not consecutive are not joined, since a log is read in one pass. The summary remarks on how
/// many groups occurred again, among the first million groups.
///
/// # Several events in a row
///
/// If a row has several times, such as an order with the times of its placing, dispatch and delivery, each is an event:
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
/// The fields at the top apply to every event, and those of an `[[event]]` override them. An event whose time is absent
/// does not exist, and a row without any event is skipped. One field that cannot be read rejects the row with all its
/// events. Without `event_id`, each event has a number of its own. Events must not share an id, so each has an
/// `event_id` with a column or a `prefix` of its own, such as `event_id = { column = "order_id", prefix = "placed-" }`.
///
/// # The file as a whole
///
/// What the mapping does not state is recognised from the first 64 KiB of the file, and the summary says what was
/// assumed:
///
/// - `separator = ";"` is one character. By default it is the comma, semicolon, tab or bar that yields the columns of
///   the mapping. A first line `sep=;` also states it.
/// - `columns = ["user", "item", "when"]` names the columns of a file without a header, or replaces its header if
///   `header = true`. With `header = false` alone, the columns are called `1`, `2`, `3`, ...
/// - `encoding` is `utf-8`, `utf-16` or `latin-1`, which is read as its superset Windows-1252. By default, a file is
///   UTF-16 if it has a byte order mark or zero bytes, and a file that is not UTF-8 is Windows-1252 if its first bytes
///   can be.
/// - The decimal separator is a comma if the column separator is not, and amounts can be read in no other way (`2,55`,
///   `1.203,39`).
///
/// A column that the mapping does not use cannot make a row bad. Empty cells beyond the header are ignored.
///
/// # Examples
///
/// ```
/// let toml = r#"
///     time = { column = "when", format = "%d/%m/%Y %H:%M", timezone = "Europe/London" }
///     kind = { column = "type", values = { order = "order_placed" } }
/// "#;
/// let mapping = flowbench_events::Mapping::parse(toml, "shop.toml")?;
///
/// let error = flowbench_events::Mapping::parse("tme = 1", "shop.toml").unwrap_err();
/// assert!(error.to_string().starts_with("shop.toml, line 1, column 1: 'tme' is not a field; did you mean 'time'?"));
/// # Ok::<(), flowbench_events::MappingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mapping {
    name: String,
    /// The events that a row may have, of which there is at least one.
    events: Vec<EventOfRow>,
    layout: Layout,
}

/// The columns and constants of one event, and the decoder of its fields.
#[derive(Debug, Clone)]
struct EventOfRow {
    entries: Vec<Entry>,
    decoder: Decoder,
}

/// A mapping cannot be used.
#[derive(Debug, Error)]
pub enum MappingError {
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// The text is not a mapping: everything that is wrong with it, with the places in the text.
    #[error(transparent)]
    Wrong(#[from] Problems),
}

/// One line of a mapping, which says where a field comes from.
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
    ///
    /// # Errors
    ///
    /// Returns [`MappingError`] if the file cannot be read or is not a mapping.
    pub fn load(path: impl AsRef<Path>) -> Result<Mapping, MappingError> {
        let path = path.as_ref();
        let input = Input::File(path.to_owned());
        let text = fs::read_to_string(path).map_err(|source| input.open_error(source))?;
        Mapping::parse(&text, &input.to_string())
    }

    /// Reads a mapping from TOML text, which errors call `name`.
    ///
    /// # Errors
    ///
    /// Returns [`MappingError::Wrong`] with the place in the text.
    pub fn parse(text: &str, name: &str) -> Result<Mapping, MappingError> {
        mapping(text, name).map_err(|wrong| {
            let source = SourceText::new(name, text);
            let problem = |(problem, span): Wrong| Problem::new(&source, Some(span), &problem);
            let problems = Problems::check(wrong.into_iter().map(problem).collect());
            MappingError::Wrong(problems.err().unwrap_or_else(|| Problems::of_name(name, "cannot be read")))
        })
    }

    /// Returns the decoder of each event that a row may have.
    pub(crate) fn decoders(&self) -> Vec<Decoder> {
        self.events.iter().map(|event| event.decoder.clone()).collect()
    }

    /// Returns the column whose text the rows of one event share, or `None` if each row is an event by itself.
    pub(crate) fn group(&self) -> Option<&str> {
        self.events[0].entries.iter().find_map(|entry| match &entry.origin {
            Origin::Column(name, _) if entry.field == Field::Group => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns what the mapping states about the file as a whole.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the names of the columns that are used, each once.
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

    /// Returns where the fields come from in a file with this header.
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
    /// Takes what the mapping says about a field, which replaces what it said before. `toml` is the text of the
    /// mapping.
    fn take(&mut self, key: &Key, value: &Spanned<DeValue>, toml: &str) -> Result<(), Wrong> {
        let field = field(key.get_ref()).ok_or_else(|| (not_a_field(key.get_ref()), key.span()))?;
        let DeValue::Table(table) = value.get_ref() else {
            return Err((format!("write it like {} = {{ column = \"...\" }}", key.get_ref()), value.span()));
        };
        let line = line_and_column(toml, key.span().start).0;
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

    /// Returns the required fields that are missing; `place` is that of the event. A key that is there, and wrong, is not
    /// missing.
    fn missing(&self, place: Range<usize>, is_there: impl Fn(&str) -> bool) -> Vec<Wrong> {
        let missing = [Field::EventTime, Field::Kind].into_iter().filter(|field| self.origin(*field).is_none());
        let missing = missing.map(key_of).filter(|key| !is_there(key));
        missing
            .map(|key| (format!("the field '{key}' is missing; add {key} = {{ column = \"...\" }}"), place.clone()))
            .collect()
    }

    /// Returns true if both events have the same id in every row.
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

/// The keys that a field may have.
const KEYS: [&str; 8] = ["column", "constant", "pattern", "format", "timezone", "values", "times", "prefix"];

fn mapping(toml: &str, name: &str) -> Result<Mapping, Vec<Wrong>> {
    let (top, errors) = DeTable::parse_recoverable(toml);
    if !errors.is_empty() {
        let wrong = |error: toml::de::Error| (error.message().to_owned(), error.span().unwrap_or_default());
        return Err(errors.into_iter().map(wrong).collect());
    }
    let top = top.get_ref();
    let mut wrong: Vec<Wrong> = Vec::new();
    let mut layout = Layout::default();
    for (key, value) in top {
        wrong.extend(layout.take(key.get_ref(), value).err());
    }
    let decoder = settings::decoder(top).or_else(|problem| {
        wrong.push(problem);
        settings::decoder(&DeTable::new())
    });
    let decoder = decoder.map_err(|problem| vec![problem])?;
    let mut every = EventOfRow { entries: Vec::new(), decoder };
    for (key, value) in top.iter().filter(|(key, _)| !settings::KEYS.contains(&&**key.get_ref())) {
        wrong.extend(every.take(key, value, toml).err());
    }
    match text(top, "group") {
        Ok(Some((_, span))) if top.contains_key("event") => {
            wrong.push(("group and [[event]] cannot be combined".to_owned(), span));
        }
        Ok(Some((column, span))) => {
            let line = line_and_column(toml, span.start).0;
            every.put(Entry { field: Field::Group, origin: Origin::Column(column.to_owned(), None), line });
        }
        Ok(None) => {}
        Err(problem) => wrong.push(problem),
    }
    let events = match top.get("event") {
        Some(tables) if wrong.is_empty() => {
            events_of_a_row(tables, &every, toml).map_err(|problem| wrong.push(problem)).unwrap_or_default()
        }
        Some(_) => Vec::new(),
        None => {
            wrong.extend(every.missing(0..0, |key| top.contains_key(key)));
            vec![every]
        }
    };
    if wrong.is_empty() { Ok(Mapping { name: name.to_owned(), events, layout }) } else { Err(wrong) }
}

/// Returns the events of the `[[event]]` tables, which override the fields of `every`.
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
        if let Some(missing) = event.missing(table.span(), |_| false).into_iter().next() {
            return Err(missing);
        }
        if events.iter().any(|other| event.shares_id_with(other)) {
            let fix = "give the event_id of each [[event]] a prefix of its own, such as prefix = \"placed-\"";
            return Err((format!("two events of a row would have the same event_id; {fix}"), table.span()));
        }
        events.push(event);
    }
    if events.is_empty() { Err(wrong()) } else { Ok(events) }
}

/// Returns where a field comes from, and tells the decoder how it is read.
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

fn not_a_field(key: &str) -> String {
    let names: Vec<&str> = Field::ALL.map(key_of).into_iter().chain(settings::KEYS).collect();
    // A name of the interchange format is a likely mistake.
    let near = match Field::from_name(key) {
        Some(field) => format!("; did you mean '{}'?", key_of(field)),
        None => did_you_mean(key, names.iter().copied()),
    };
    format!("'{key}' is not a field{near} (fields and settings: {})", names.join(", "))
}

/// Returns the name of a field in mappings.
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

/// Returns an error if there is a key that the field cannot have.
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

/// Reads the format of a time, or a list of formats.
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
    // A zone applies to those formats of a list that can use it.
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
    let DeValue::Table(words) = values.get_ref() else {
        return Err(("write it like values = { order = \"order_placed\" }".to_owned(), values.span()));
    };
    if words.is_empty() {
        return Err((no_kinds(table)?, values.span()));
    }
    let kind = |(cell, value): (&Spanned<_>, &Spanned<DeValue>)| {
        let cell: &std::borrow::Cow<str> = cell.get_ref();
        let (name, place) = string(value, cell)?;
        let kind = Kind::from_name(name).ok_or_else(|| (not_a_kind(name), place))?;
        Ok((cell.to_string(), kind))
    };
    words.iter().map(kind).collect::<Result<_, _>>().map(Some)
}

/// Returns the message for a mapping whose words have no kinds, as in a draft that is not filled in.
fn no_kinds(table: &DeTable) -> Result<String, Wrong> {
    let column = text(table, "column")?.map_or(String::new(), |(column, _)| format!(" of column {}", shown(column)));
    let kinds = Kind::ALL.map(Kind::name).join(", ");
    Ok(format!(
        "no word{column} has a kind, so no row would count: write under values what the words mean, such as \"sold\" = \
         \"order_placed\" (kinds: {kinds})"
    ))
}

fn pattern((text, place): Text) -> Result<Regex, Wrong> {
    let pattern = Regex::new(text).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        (format!("the pattern is not a regular expression: {reason}"), place.clone())
    })?;
    if pattern.captures_len() < 2 {
        return Err(("the pattern has no group; put ( ) around the part that is the field".to_owned(), place));
    }
    Ok(pattern)
}

/// Refuses a constant that cannot be read, since it would reject every row.
fn check_constant(field: Field, constant: &str, decoder: &Decoder) -> Result<(), String> {
    let time = match field {
        Field::EventTime => Some(&decoder.event_time),
        Field::ArrivalTime => Some(&decoder.arrival_time),
        _ => None,
    };
    if let Some(format) = time {
        return format.parse(constant).map(drop).map_err(|wrong| format!("'{constant}' is not such a time: {wrong}"));
    }
    let mut texts = Texts::default();
    texts[Field::Kind] = Kind::PageViewed.name();
    texts[Field::EventTime] = "1970-01-01T00:00:00.000Z";
    texts[field] = constant;
    let decoder = Decoder { numbers: decoder.numbers, ..Decoder::native() };
    let read = decoder.decode(&texts, 1, &mut Symbols::default(), &mut Notes::default());
    read.map(drop).map_err(|bad| bad.reason)
}

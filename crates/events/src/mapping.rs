//! Somebody's log as events: which column means what.

use std::fs;
use std::ops::Range;
use std::path::Path;

use regex::Regex;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::csv::{Columns, Source, find};
use crate::dialect::Layout;
use crate::event::Kind;
use crate::fields::{Decoder, FIELDS, Field, Texts, not_a_kind};
use crate::files::{FileError, Input};
use crate::read::ReadError;
use crate::suggest::did_you_mean;
use crate::symbols::Symbols;
use crate::time_format::TimeFormat;

/// How the columns of somebody's CSV, or the values of somebody's JSON Lines, become events; written as TOML:
///
/// ```toml
/// time   = { column = "when", format = "%d/%m/%Y %H:%M", timezone = "Europe/London" }
/// kind   = { column = "type", values = { order = "order_placed" } }
/// rating = { column = "extra", pattern = "score=(\\d)" }
/// country = { constant = "GB" }
/// ```
///
/// - Fields: `time` and `kind` (both needed), `arrival` (same as `time`, unless given), `customer`, `order`, `product`,
///   `value`, `country`, `load_time_ms`, `rating`, `channel`, `event_id` (the row number, unless given).
/// - Each has a `column` or a `constant`. An empty cell is an absent field. In JSON Lines a column is a name or a path of
///   names and numbers: `customer.id`, `items.0.price`.
/// - `pattern`: a regular expression; its first capture group is the field, no match is an absent field.
/// - `format` of times: a strftime format, `epoch_ms` or `epoch_s`; RFC 3339 unless given. `timezone` (IANA name, UTC
///   unless given) is for times that do not tell their offset. A local time that occurs twice means the first.
/// - `values` of the kind: what each cell means; rows with other cells are skipped and counted. Without it, cells are
///   names of kinds.
///
/// Of the file as a whole, what is not said is recognised from its first 64 KiB, and told:
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
    entries: Vec<Entry>,
    decoder: Decoder,
    layout: Layout,
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

    /// How texts are read as fields.
    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// How the file is written, as far as it is said.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The columns that are used, each once.
    pub(crate) fn column_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for Entry { origin, .. } in &self.entries {
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
        let mut sources: [Source; FIELDS] = Default::default();
        for Entry { field, origin, line } in &self.entries {
            let column = |name: &str| {
                find(&header, name).map_err(|no_column| {
                    let problem = format!("{}; {}, line {line}, asks for it", no_column.in_words, self.name);
                    ReadError::Columns { input: input.to_owned(), problem }
                })
            };
            sources[*field as usize] = match origin {
                Origin::Constant(constant) => Source::Constant(constant),
                Origin::Column(name, None) => Source::Column(column(name)?),
                Origin::Column(name, Some(pattern)) => {
                    Source::Found(column(name)?, pattern, pattern.capture_locations())
                }
            };
        }
        Ok(Columns::new(header, sources))
    }
}

/// What is wrong and where it stands in the text.
type Wrong = (String, Range<usize>);

/// The keys a field can have.
const KEYS: [&str; 6] = ["column", "constant", "pattern", "format", "timezone", "values"];

fn mapping(text: &str, name: &str) -> Result<Mapping, Wrong> {
    let top = DeTable::parse(text).map_err(|error| (error.message().to_owned(), error.span().unwrap_or_default()))?;
    let mut mapping =
        Mapping { name: name.to_owned(), entries: Vec::new(), decoder: Decoder::native(), layout: Layout::default() };
    for (key, value) in top.get_ref() {
        if mapping.layout.take(key.get_ref(), value)? {
            continue;
        }
        let field = field(key.get_ref()).ok_or_else(|| (not_a_field(key.get_ref()), key.span()))?;
        let DeValue::Table(table) = value.get_ref() else {
            return Err((format!("write it like {} = {{ column = \"...\" }}", key.get_ref()), value.span()));
        };
        let origin = origin(field, table, value.span(), &mut mapping.decoder)?;
        mapping.entries.push(Entry { field, origin, line: place(text, key.span()).0 });
    }
    for needed in [Field::EventTime, Field::Kind] {
        if !mapping.entries.iter().any(|entry| entry.field == needed) {
            let key = key_of(needed);
            return Err((format!("the field '{key}' is missing; add {key} = {{ column = \"...\" }}"), 0..0));
        }
    }
    Ok(mapping)
}

/// Where a field comes from; how it is read goes to the decoder.
fn origin(field: Field, table: &DeTable, span: Range<usize>, decoder: &mut Decoder) -> Result<Origin, Wrong> {
    known_keys(field, table)?;
    let time = || time_format(text(table, "format")?, text(table, "timezone")?);
    match field {
        Field::EventTime => decoder.event_time = time()?,
        Field::ArrivalTime => decoder.arrival_time = time()?,
        Field::Kind => decoder.kinds = kinds(table)?,
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
    let names = Field::ALL.map(key_of);
    // The names of the interchange format are meant well.
    let near = match Field::from_name(key) {
        Some(field) => format!("; did you mean '{}'?", key_of(field)),
        None => did_you_mean(key, names),
    };
    format!("'{key}' is not a field{near} (fields: {})", names.join(", "))
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
        _ => true,
    }
}

type Text<'a> = (&'a str, Range<usize>);

fn text<'a>(table: &'a DeTable, key: &str) -> Result<Option<Text<'a>>, Wrong> {
    table.get(key).map(|value| string(value, key)).transpose()
}

fn string<'a>(value: &'a Spanned<DeValue>, key: &str) -> Result<Text<'a>, Wrong> {
    let text = value.get_ref().as_str();
    text.map(|text| (text, value.span())).ok_or_else(|| (format!("{key} must be a text in quotes"), value.span()))
}

fn time_format(format: Option<Text>, timezone: Option<Text>) -> Result<TimeFormat, Wrong> {
    let place = format.iter().chain(&timezone).next().map(|(_, place)| place.clone()).unwrap_or_default();
    TimeFormat::new(format.map(|(text, _)| text), timezone.map(|(text, _)| text)).map_err(|problem| (problem, place))
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
        (format!("the pattern is no regular expression: {reason}"), place.clone())
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
    Decoder::native().decode(&texts, 1, &mut Symbols::default()).map(drop).map_err(|bad| bad.reason)
}

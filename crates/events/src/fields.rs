//! The fields of an event as text: their names, and how a row of texts becomes an event.

use crate::event::{Channel, Event, Kind, Record, Rejected, Value};
use crate::suggest::did_you_mean;
use crate::symbols::Symbols;
use crate::time_format::TimeFormat;

/// A field of the interchange formats, in the order of their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Field {
    EventId,
    Kind,
    EventTime,
    ArrivalTime,
    Customer,
    Order,
    Product,
    Value,
    Country,
    LoadTimeMs,
    Rating,
    Channel,
}

/// How many fields there are.
pub(crate) const FIELDS: usize = 12;

/// One row: a text for each field, empty if absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Texts<'a>(pub(crate) [&'a str; FIELDS]);

/// How texts are read as fields, where logs differ.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) event_time: TimeFormat,
    pub(crate) arrival_time: TimeFormat,
    /// What texts mean which kind; others are skipped. Without it, a text is the name of a kind.
    pub(crate) kinds: Option<Vec<(String, Kind)>>,
    /// What stands before decimals.
    pub(crate) decimal: char,
    /// What may stand between thousands.
    pub(crate) thousands: Option<char>,
}

/// Why a row is no event.
#[derive(Debug)]
pub(crate) struct BadField {
    pub(crate) field: Field,
    pub(crate) reason: String,
}

impl Field {
    pub(crate) const ALL: [Field; FIELDS] = [
        Field::EventId,
        Field::Kind,
        Field::EventTime,
        Field::ArrivalTime,
        Field::Customer,
        Field::Order,
        Field::Product,
        Field::Value,
        Field::Country,
        Field::LoadTimeMs,
        Field::Rating,
        Field::Channel,
    ];

    /// The column name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::EventId => "event_id",
            Field::Kind => "kind",
            Field::EventTime => "event_time",
            Field::ArrivalTime => "arrival_time",
            Field::Customer => "customer",
            Field::Order => "order",
            Field::Product => "product",
            Field::Value => "value",
            Field::Country => "country",
            Field::LoadTimeMs => "load_time_ms",
            Field::Rating => "rating",
            Field::Channel => "channel",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl<'a> std::ops::Index<Field> for Texts<'a> {
    type Output = &'a str;

    fn index(&self, field: Field) -> &&'a str {
        &self.0[field as usize]
    }
}

impl std::ops::IndexMut<Field> for Texts<'_> {
    fn index_mut(&mut self, field: Field) -> &mut Self::Output {
        &mut self.0[field as usize]
    }
}

impl Decoder {
    /// Of the interchange formats.
    pub(crate) fn native() -> Decoder {
        Decoder {
            event_time: TimeFormat::Rfc3339(None),
            arrival_time: TimeFormat::Rfc3339(None),
            kinds: None,
            decimal: '.',
            thousands: None,
        }
    }

    /// The event of the row with that ordinal (from 1; it is the event id where there is none); `None` if its kind is
    /// one to skip.
    pub(crate) fn decode(&self, texts: &Texts, row: u64, symbols: &mut Symbols) -> Result<Option<Event>, BadField> {
        let Some(kind) = self.kind(texts[Field::Kind])? else { return Ok(None) };
        let event_time_ms = time(&self.event_time, Field::EventTime, texts)?
            .ok_or_else(|| Field::EventTime.bad("it is empty (or its pattern finds nothing)"))?;
        let arrival_time_ms = time(&self.arrival_time, Field::ArrivalTime, texts)?.unwrap_or(event_time_ms);
        let too_many = |field: Field| move || field.bad("there are too many distinct texts in this log");
        let mut id = |field: Field| symbols.id(texts[field]).ok_or_else(too_many(field));
        let record = Record {
            customer: id(Field::Customer)?,
            order: id(Field::Order)?,
            product: id(Field::Product)?,
            arrival_time_ms,
            value: self.value(texts)?,
            load_time_ms: optional(texts, Field::LoadTimeMs, load_time_ms)?,
            rating: optional(texts, Field::Rating, rating)?,
            channel: optional(texts, Field::Channel, channel)?,
            country: symbols.country(texts[Field::Country]).ok_or_else(too_many(Field::Country))?,
            event_id: match texts[Field::EventId] {
                "" => row,
                text => symbols.event_id(text),
            },
            ..Record::new(0, kind, event_time_ms)
        };
        Event::try_from(record).map(Some).map_err(out_of_range)
    }

    fn value(&self, texts: &Texts) -> Result<Option<Value>, BadField> {
        if self.decimal == '.' && self.thousands.is_none() {
            return optional(texts, Field::Value, value);
        }
        let is_between = |letter: char| {
            self.thousands.is_some_and(|thousands| letter == thousands || (thousands == ' ' && letter.is_whitespace()))
        };
        let plain = texts[Field::Value].replace(is_between, "");
        let plain = plain.replace(self.decimal, ".");
        let mut texts = Texts::default();
        texts[Field::Value] = &plain;
        optional(&texts, Field::Value, value)
    }

    fn kind(&self, text: &str) -> Result<Option<Kind>, BadField> {
        if let Some(kinds) = &self.kinds {
            return Ok(kinds.iter().find(|(name, _)| name == text).map(|(_, kind)| *kind));
        }
        match Kind::from_name(text) {
            Some(kind) => Ok(Some(kind)),
            None if text.is_empty() => Err(Field::Kind.bad("it is empty (or its pattern finds nothing)")),
            None => Err(Field::Kind.bad(not_a_kind(text))),
        }
    }
}

impl Field {
    fn bad(self, reason: impl Into<String>) -> BadField {
        BadField { field: self, reason: reason.into() }
    }
}

/// A text as it is shown in a message: quoted, on one line, cut short.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let short: String = text.chars().take(CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let dots = if text.chars().nth(CHARS_MAX).is_some() { "…" } else { "" };
    format!("'{short}{dots}'")
}

/// The message for a kind that is none.
pub(crate) fn not_a_kind(text: &str) -> String {
    let names = Kind::ALL.map(Kind::name);
    format!("{} is not a kind{} (kinds: {})", shown(text), did_you_mean(text, names), names.join(", "))
}

fn time(format: &TimeFormat, field: Field, texts: &Texts) -> Result<Option<i64>, BadField> {
    match texts[field] {
        "" => Ok(None),
        text => {
            let unreadable = |wrong| field.bad(format!("{} cannot be read as a time: {wrong}", shown(text)));
            format.parse(text).map(Some).map_err(unreadable)
        }
    }
}

fn optional<T>(texts: &Texts, field: Field, read: fn(&str) -> Result<T, &'static str>) -> Result<Option<T>, BadField> {
    match texts[field] {
        "" => Ok(None),
        text => read(text).map(Some).map_err(|wrong| field.bad(format!("{} {wrong}", shown(text)))),
    }
}

fn value(text: &str) -> Result<Value, &'static str> {
    Value::parse(text).ok_or("is not a plain decimal with at most three decimals (or does not fit)")
}

fn load_time_ms(text: &str) -> Result<u32, &'static str> {
    let fits = whole(text).filter(|ms| *ms < u64::from(u32::MAX));
    fits.map(|ms| ms as u32).ok_or("is not a whole number from 0 to 4294967294")
}

fn rating(text: &str) -> Result<u8, &'static str> {
    let fits = whole(text).filter(|rating| (1..=5).contains(rating));
    fits.map(|rating| rating as u8).ok_or("is not a whole number from 1 to 5")
}

fn channel(text: &str) -> Result<Channel, &'static str> {
    Channel::from_name(text).ok_or("is not a channel (channels: web, mobile, warehouse)")
}

fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn out_of_range(rejected: Rejected) -> BadField {
    let field = match &rejected {
        Rejected::Time { column, .. } => Field::from_name(column).unwrap_or(Field::EventTime),
        Rejected::Rating(_) => Field::Rating,
        Rejected::LoadTime(_) => Field::LoadTimeMs,
    };
    field.bad(rejected.to_string())
}

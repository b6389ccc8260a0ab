//! Decodes the texts of a row as an event.

use crate::absent::{Absent, looks_like_nothing};
use crate::decimal::{BadNumber, Decimal, NumberStyle};
use crate::event::{Channel, Event, EventId, Kind, Record, Rejected, Value};
use crate::fields::{Field, Texts, not_a_kind, shown};
use crate::remarks::Notes;
use crate::symbols::Symbols;
use crate::time_format::TimeFormats;

/// How the texts of a log are read as fields.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) event_time: TimeFormats,
    pub(crate) arrival_time: TimeFormats,
    /// The kinds that texts mean; other texts are skipped. If it is `None`, a text is the name of a kind.
    pub(crate) kinds: Option<Vec<(String, Kind)>>,
    /// The style of values, ratings and load times.
    pub(crate) numbers: NumberStyle,
    /// The words that mean that a field is absent.
    pub(crate) absent: Absent,
    /// Whether the value is multiplied by [`Field::Times`].
    pub(crate) multiplies: bool,
    /// Whether a row without a time has no such event. Otherwise such a row is bad.
    pub(crate) is_optional: bool,
    /// A prefix of every event id.
    pub(crate) event_id_prefix: String,
}

/// What a row says about one event.
#[derive(Debug)]
pub(crate) enum Decoded {
    Event(Event),
    /// The kind is not listed, so the event is skipped.
    OtherKind,
    /// The event is optional and has no time.
    NoTime,
}

/// What a text says about the kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KindOf {
    Known(Kind),
    /// A kind that is not listed and is skipped.
    Other,
    Absent,
}

/// A field that cannot be read, and the reason.
#[derive(Debug)]
pub(crate) struct BadField {
    pub(crate) field: Field,
    pub(crate) reason: String,
}

impl Decoder {
    /// Returns the decoder of the interchange formats.
    pub(crate) fn native() -> Decoder {
        Decoder {
            event_time: TimeFormats::rfc3339(),
            arrival_time: TimeFormats::rfc3339(),
            kinds: None,
            numbers: NumberStyle::PLAIN,
            absent: Absent::default(),
            multiplies: false,
            is_optional: false,
            event_id_prefix: String::new(),
        }
    }

    /// Sets the style of numbers.
    pub(crate) fn set_numbers(&mut self, numbers: NumberStyle) {
        self.numbers = numbers;
    }

    /// Returns the event of a row. `number` is its event id if the row does not have one.
    ///
    /// # Errors
    ///
    /// Returns the first field that cannot be read.
    pub(crate) fn decode(
        &self,
        texts: &Texts,
        number: u64,
        symbols: &mut Symbols,
        notes: &mut Notes,
    ) -> Result<Decoded, BadField> {
        if self.is_optional && self.present(texts, Field::EventTime, notes).is_empty() {
            return Ok(Decoded::NoTime);
        }
        let kind = match self.kind(texts, notes)? {
            KindOf::Known(kind) => kind,
            KindOf::Absent if self.kinds.is_none() => return Err(Field::Kind.bad(EMPTY)),
            KindOf::Other | KindOf::Absent => return Ok(Decoded::OtherKind),
        };
        let Some(event_time_ms) = self.time(&self.event_time, Field::EventTime, texts, notes)? else {
            return if self.is_optional { Ok(Decoded::NoTime) } else { Err(Field::EventTime.bad(EMPTY)) };
        };
        let arrival_time_ms = self.time(&self.arrival_time, Field::ArrivalTime, texts, notes)?;
        let too_many = |field: Field| move || field.bad("there are too many distinct texts in this log");
        let mut id = |field| symbols.id(self.present(texts, field, notes)).ok_or_else(too_many(field));
        let record = Record {
            customer: id(Field::Customer)?,
            order: id(Field::Order)?,
            product: id(Field::Product)?,
            arrival_time_ms: arrival_time_ms.unwrap_or(event_time_ms),
            value: self.value(texts, notes)?,
            load_time_ms: self.optional(texts, Field::LoadTimeMs, notes, |text, _| self.load_time_ms(text))?,
            rating: self.optional(texts, Field::Rating, notes, |text, _| self.rating(text))?,
            channel: self.optional(texts, Field::Channel, notes, |text, _| channel(text))?,
            country: symbols
                .country(self.present(texts, Field::Country, notes))
                .ok_or_else(too_many(Field::Country))?,
            event_id: match self.present(texts, Field::EventId, notes) {
                "" => EventId::absent(number),
                text if self.event_id_prefix.is_empty() => symbols.event_id(text),
                text => symbols.event_id(&format!("{}{text}", self.event_id_prefix)),
            },
            ..Record::new(0, kind, event_time_ms)
        };
        let event = Event::try_from(record).map_err(out_of_range)?;
        notes.event_time(event_time_ms);
        Ok(Decoded::Event(event))
    }

    /// Returns what a row says about the kind. A listed kind counts even if its text would mean that the field is
    /// absent.
    #[inline]
    pub(crate) fn kind(&self, texts: &Texts, notes: &mut Notes) -> Result<KindOf, BadField> {
        match self.listed_kind(texts[Field::Kind]) {
            Some(kind) => Ok(KindOf::Known(kind)),
            None => self.kind_otherwise(texts, notes),
        }
    }

    #[inline]
    fn listed_kind(&self, text: &str) -> Option<Kind> {
        match &self.kinds {
            Some(kinds) => kinds.iter().find(|(name, _)| name == text).map(|(_, kind)| *kind),
            None => Kind::from_name(text),
        }
    }

    #[cold]
    fn kind_otherwise(&self, texts: &Texts, notes: &mut Notes) -> Result<KindOf, BadField> {
        match self.present(texts, Field::Kind, notes) {
            "" => Ok(self.listed_kind("").map_or(KindOf::Absent, KindOf::Known)),
            _ if self.kinds.is_some() => Ok(KindOf::Other),
            text => Err(Field::Kind.bad(not_a_kind(text))),
        }
    }

    /// Returns the value of a row, which is multiplied by its factor if the mapping says so.
    #[inline]
    pub(crate) fn value(&self, texts: &Texts, notes: &mut Notes) -> Result<Option<Value>, BadField> {
        if self.multiplies {
            return self.product(texts, notes);
        }
        self.optional(texts, Field::Value, notes, |text, notes| self.amount_of_one(text, notes))
    }

    fn product(&self, texts: &Texts, notes: &mut Notes) -> Result<Option<Value>, BadField> {
        let number = |text: &str, notes: &mut Notes| self.amount(text, notes);
        let price = self.optional(texts, Field::Value, notes, number)?;
        let quantity = self.optional(texts, Field::Times, notes, number)?;
        let (Some(price), Some(quantity)) = (price, quantity) else { return Ok(None) };
        let value = price.times(quantity).and_then(Value::from_decimal).map_err(|wrong| {
            let (price, quantity) = (shown(texts[Field::Value]), shown(texts[Field::Times]));
            Field::Value.bad(format!("{price} times {quantity} {}", not_a_value(wrong)))
        });
        value.map(Some)
    }

    /// Returns the text of a field, which is empty if it is a word that means that the field is absent.
    #[inline(always)]
    pub(crate) fn present<'t>(&self, texts: &Texts<'t>, field: Field, notes: &mut Notes) -> &'t str {
        let text = texts[field];
        if self.absent.may_be(text) { self.unless_absent(text, field, notes) } else { text }
    }

    #[cold]
    fn unless_absent<'t>(&self, text: &'t str, field: Field, notes: &mut Notes) -> &'t str {
        if self.absent.is(text) {
            return "";
        }
        if looks_like_nothing(text) {
            notes.nothing(field, text);
        }
        text
    }

    /// Reads a field by `read`, whose error is the end of a sentence that begins with the text.
    #[inline]
    fn optional<T>(
        &self,
        texts: &Texts,
        field: Field,
        notes: &mut Notes,
        read: impl Fn(&str, &mut Notes) -> Result<T, String>,
    ) -> Result<Option<T>, BadField> {
        let text = self.present(texts, field, notes);
        if text.is_empty() {
            return Ok(None);
        }
        match read(text, notes) {
            Ok(field) => Ok(Some(field)),
            Err(wrong) => self.unreadable(field, text, &wrong).map(|()| None),
        }
    }

    /// Returns the error for a field that cannot be read, unless it is absent apart from spaces.
    #[cold]
    fn unreadable(&self, field: Field, text: &str, wrong: &str) -> Result<(), BadField> {
        if self.absent.is(text.trim()) { Ok(()) } else { Err(field.bad(format!("{} {wrong}", shown(text)))) }
    }

    fn time(
        &self,
        format: &TimeFormats,
        field: Field,
        texts: &Texts,
        notes: &mut Notes,
    ) -> Result<Option<i64>, BadField> {
        let read = |text: &str, _: &mut Notes| {
            format.parse(text).map_err(|wrong| format!("cannot be read as a time: {wrong}"))
        };
        self.optional(texts, field, notes, read)
    }

    fn amount_of_one(&self, text: &str, notes: &mut Notes) -> Result<Value, String> {
        let plain = if self.numbers.decimal == '.' { Value::parse_plain(text) } else { None };
        match plain {
            Some(value) => Ok(value),
            None => Value::from_decimal(self.amount(text, notes)?).map_err(|wrong| not_a_value(wrong).to_owned()),
        }
    }

    fn amount(&self, text: &str, notes: &mut Notes) -> Result<Decimal, String> {
        match Decimal::parse_amount(text, self.numbers) {
            Ok((amount, currency)) => {
                if let Some(currency) = currency {
                    notes.currency(currency);
                }
                Ok(amount)
            }
            Err(BadNumber::NotANumber) => Err(self.not_a_number(text)),
            Err(wrong) => Err(not_a_value(wrong).to_owned()),
        }
    }

    /// Reads a load time and rounds it to the millisecond, since browsers write meaningless fractions.
    fn load_time_ms(&self, text: &str) -> Result<u32, String> {
        let nearest = whole(text).map(i128::from).or_else(|| {
            let ms = Decimal::parse(text, self.numbers).ok()?;
            ms.floor_units(0).is_ok_and(|ms| ms >= 0).then(|| ms.nearest_units(0).ok())?
        });
        let fits = nearest.and_then(|ms| u32::try_from(ms).ok()).filter(|ms| *ms < u32::MAX);
        fits.ok_or_else(|| "is not a number of milliseconds from 0 to 4294967294".to_owned())
    }

    fn rating(&self, text: &str) -> Result<u8, String> {
        let rating = whole(text).map(i128::from);
        let rating = rating.or_else(|| Decimal::parse(text, self.numbers).and_then(|rating| rating.units(0)).ok());
        let fits = rating.filter(|rating| (1..=5).contains(rating));
        fits.map(|rating| rating as u8).ok_or_else(|| "is not a whole number from 1 to 5".to_owned())
    }

    /// Returns the end of a message on a number that cannot be read, with the settings that could read it.
    fn not_a_number(&self, text: &str) -> String {
        const BYTES_MAX: usize = 64; // a longer text is not a number
        let short = if text.len() <= BYTES_MAX { text } else { "" };
        let others: Vec<String> = self.numbers.others(short).take(2).map(NumberStyle::in_a_mapping).collect();
        if others.is_empty() {
            return "is not a number".to_owned();
        }
        format!("is not a number as this log is read; say how in a mapping: {}", others.join(", or "))
    }
}

/// The reason for which a required field is bad.
const EMPTY: &str = "it is missing or empty (or its pattern finds nothing)";

impl Field {
    fn bad(self, reason: impl Into<String>) -> BadField {
        BadField { field: self, reason: reason.into() }
    }
}

/// Returns the end of a message on a number that is not a value.
fn not_a_value(wrong: BadNumber) -> &'static str {
    match wrong {
        BadNumber::NotANumber => "is not a number",
        BadNumber::Remainder => "is not a value: values have at most three decimals and are never rounded",
        BadNumber::TooLarge => "does not fit: the maximum value is 9223372036854775.807",
        BadNumber::TooManyDigits => "does not fit: it has more digits than can be kept",
    }
}

fn channel(text: &str) -> Result<Channel, String> {
    Channel::from_name(text).ok_or_else(|| "is not a channel (channels: web, mobile, warehouse)".to_owned())
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

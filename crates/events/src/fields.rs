//! The fields of an event as text, and their names in logs and messages.

use crate::event::Kind;
use crate::suggest::did_you_mean;

/// The header line of the interchange format.
pub(crate) const HEADER: &str = "event_id,kind,event_time,arrival_time,customer,order,product,value,country,\
                                 load_time_ms,rating,channel";

/// The maximum number of bytes of a field. A longer one is rejected.
pub(crate) const FIELD_BYTES_MAX: usize = 1 << 20;

/// A field of the interchange formats, in the order of their columns. The last two exist only in mappings.
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
    /// The factor of the value.
    Times,
    /// The text that the rows of one event have in common.
    Group,
}

/// The number of fields.
pub(crate) const FIELDS: usize = Field::ALL.len() + 2;

/// A text for each field of one row, which is empty if the field is absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Texts<'a>(pub(crate) [&'a str; FIELDS]);

impl Field {
    /// The fields of the interchange formats.
    pub(crate) const ALL: [Field; 12] = [
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

    /// Returns the name of the column.
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
            Field::Times => "times",
            Field::Group => "group",
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

/// Returns a text as messages show it, in quotes, on one line and shortened.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let short: String = text.chars().take(CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let dots = if text.chars().nth(CHARS_MAX).is_some() { "…" } else { "" };
    format!("'{short}{dots}'")
}

/// Returns the message for a text that is not a kind.
pub(crate) fn not_a_kind(text: &str) -> String {
    let names = Kind::ALL.map(Kind::name);
    format!("{} is not a kind{} (kinds: {})", shown(text), did_you_mean(text, names), names.join(", "))
}

//! The types of expressions. A value of any type is a word of 64 bits.

use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// True (1) or false (0).
    Flag,
    /// A whole number.
    Integer,
    /// Thousandths of the currency unit.
    Money,
    /// A sum of money, which answers hold in 128 bits.
    Total,
    /// Milliseconds since the Unix epoch.
    Time,
    /// Milliseconds.
    Duration,
    /// A calendar day, in days since 1970-01-01.
    Day,
    /// The code of a kind of events.
    Kind,
    /// The code of a channel.
    Channel,
    /// The symbol of a country.
    Country,
    /// The id of a customer.
    Customer,
    /// The id of an order.
    Order,
    /// The id of a product.
    Product,
    /// The id of an event.
    EventId,
    /// The number of a text that stands in the file.
    Text,
    /// The number of the name of a time zone.
    Timezone,
    /// The number of a text that is put together of several values, which only cells have.
    Composed,
}

impl Type {
    /// The types that a parameter may have.
    pub(crate) const OF_PARAMETERS: [Type; 11] = [
        Type::Integer,
        Type::Money,
        Type::Time,
        Type::Duration,
        Type::Kind,
        Type::Channel,
        Type::Country,
        Type::Customer,
        Type::Order,
        Type::Product,
        Type::Timezone,
    ];

    /// Returns the name by which a file refers to it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Type::Flag => "bool",
            Type::Integer => "integer",
            Type::Money => "money",
            Type::Total => "total",
            Type::Time => "time",
            Type::Duration => "duration",
            Type::Day => "day",
            Type::Kind => "kind",
            Type::Channel => "channel",
            Type::Country => "country",
            Type::Customer => "customer",
            Type::Order => "order",
            Type::Product => "product",
            Type::EventId => "event_id",
            Type::Text => "text",
            Type::Timezone => "timezone",
            Type::Composed => "composed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Type> {
        Self::OF_PARAMETERS.into_iter().find(|one| one.name() == name)
    }

    /// True if values of this type are compared with `<` and the like.
    pub(crate) fn is_ordered(self) -> bool {
        matches!(self, Type::Integer | Type::Money | Type::Total | Type::Time | Type::Duration | Type::Day)
    }

    /// True if values of this type are added up.
    pub(crate) fn is_summed(self) -> bool {
        matches!(self, Type::Integer | Type::Money | Type::Duration)
    }

    /// Returns the bits that a value needs as part of a key.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Type::Flag => 1,
            Type::Kind | Type::Channel => 8,
            Type::Country | Type::Text | Type::Timezone | Type::Composed => 16,
            Type::Customer | Type::Order | Type::Product | Type::Day => 32,
            Type::Integer | Type::Money | Type::Total | Type::Time | Type::Duration | Type::EventId => 64,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Type::Flag => "true or false",
            Type::Integer => "a whole number",
            Type::Money | Type::Total => "money",
            Type::Time => "a time",
            Type::Duration => "a duration",
            Type::Day => "a day",
            Type::Kind => "a kind of events",
            Type::Channel => "a channel",
            Type::Country => "a country",
            Type::Customer => "a customer",
            Type::Order => "an order",
            Type::Product => "a product",
            Type::EventId => "an event id",
            Type::Text => "a text",
            Type::Timezone => "a time zone",
            Type::Composed => "a text of several values",
        })
    }
}

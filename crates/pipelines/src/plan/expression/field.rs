//! The fields of an event as expressions see them.

use flowbench_events::Event;

use super::types::Type;

/// A field of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Field {
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

    /// Returns the name, which is that of the column in logs.
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

    pub(crate) fn type_of(self) -> Type {
        match self {
            Field::EventId => Type::EventId,
            Field::Kind => Type::Kind,
            Field::EventTime | Field::ArrivalTime => Type::Time,
            Field::Customer => Type::Customer,
            Field::Order => Type::Order,
            Field::Product => Type::Product,
            Field::Value => Type::Money,
            Field::Country => Type::Country,
            Field::LoadTimeMs | Field::Rating => Type::Integer,
            Field::Channel => Type::Channel,
        }
    }

    /// Returns the field of an event as a word; `None` if it is absent.
    #[inline]
    pub(crate) fn of(self, event: &Event) -> Option<i64> {
        match self {
            Field::EventId => Some(event.event_id().to_word()),
            Field::Kind => Some(event.kind() as i64),
            Field::EventTime => Some(event.event_time_ms()),
            Field::ArrivalTime => Some(event.arrival_time_ms()),
            Field::Customer => event.customer().map(|id| i64::from(id.0)),
            Field::Order => event.order().map(|id| i64::from(id.0)),
            Field::Product => event.product().map(|id| i64::from(id.0)),
            Field::Value => event.value().map(|value| value.0),
            Field::Country => (event.country() != 0).then(|| i64::from(event.country())),
            Field::LoadTimeMs => event.load_time_ms().map(i64::from),
            Field::Rating => event.rating().map(i64::from),
            Field::Channel => event.channel().map(|channel| channel as i64),
        }
    }
}

//! One event of the customer lifecycle.
//!
//! Decision D-101.

use std::cmp::Ordering;
use std::hint::cold_path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::decimal::{BadNumber, Decimal, NumberStyle};
use crate::time::{TIME_MS_MAX, TIME_MS_MIN};

/// One event, 48 bytes, `Copy`. Text fields are [`Id`]s into the trace's [`Symbols`](crate::Symbols).
///
/// Times are kept in 48 bits (years -2491 to 6429) so that the small fields fit beside them. Build one from a
/// [`Record`]; read it through the accessors. A field that does not apply is absent, not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    event_time_and_country: i64, // ms << 16 | country
    arrival_and_small: i64,      // ms << 16 | kind << 8 | rating << 4 | channel
    event_id: EventId,
    value_thousandths: i64, // i64::MIN: absent
    customer: Id,
    order: Id,
    product: Id,
    load_time_ms: u32, // u32::MAX: absent
}

/// An event as plain fields: what readers fill in and writers print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The occurrence; a duplicate delivery repeats it.
    pub event_id: EventId,
    /// What happened.
    pub kind: Kind,
    /// When it happened, ms since the Unix epoch, UTC; within [`TIME_MS_MIN`]..=[`TIME_MS_MAX`].
    pub event_time_ms: i64,
    /// When it reached us, same clock and range.
    pub arrival_time_ms: i64,
    /// Who; `Id::ABSENT` if nobody.
    pub customer: Id,
    /// Which order.
    pub order: Id,
    /// Which product.
    pub product: Id,
    /// Money, exact.
    pub value: Option<Value>,
    /// Country as a symbol of [`Symbols::country`](crate::Symbols::country); 0 if absent.
    pub country: u16,
    /// Page load time, below 2^32 - 1 ms.
    pub load_time_ms: Option<u32>,
    /// 1 to 5.
    pub rating: Option<u8>,
    /// How the event travelled.
    pub channel: Option<Channel>,
}

/// Why a record cannot become an event.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// A time outside the 48-bit range.
    #[error("{column} {time_ms} ms is outside the years -2491 to 6429")]
    Time {
        /// `event_time` or `arrival_time`.
        column: &'static str,
        /// The offending time.
        time_ms: i64,
    },
    /// A rating outside 1 to 5.
    #[error("rating {0} is outside 1 to 5")]
    Rating(u8),
    /// A load time of 2^32 - 1 ms or more.
    #[error("load_time_ms {0} is outside 0 to 4294967294")]
    LoadTime(u32),
}

impl Record {
    /// A record of `kind` at `event_time_ms`, arrived at once, with everything else absent.
    pub fn new(event_id: impl Into<EventId>, kind: Kind, event_time_ms: i64) -> Self {
        Self {
            event_id: event_id.into(),
            kind,
            event_time_ms,
            arrival_time_ms: event_time_ms,
            customer: Id::ABSENT,
            order: Id::ABSENT,
            product: Id::ABSENT,
            value: None,
            country: 0,
            load_time_ms: None,
            rating: None,
            channel: None,
        }
    }
}

impl TryFrom<Record> for Event {
    type Error = Rejected;

    fn try_from(record: Record) -> Result<Self, Rejected> {
        for (column, time_ms) in [("event_time", record.event_time_ms), ("arrival_time", record.arrival_time_ms)] {
            if !(TIME_MS_MIN..=TIME_MS_MAX).contains(&time_ms) {
                return Err(Rejected::Time { column, time_ms });
            }
        }
        if let Some(rating) = record.rating.filter(|rating| !(1..=5).contains(rating)) {
            return Err(Rejected::Rating(rating));
        }
        if record.load_time_ms == Some(u32::MAX) {
            return Err(Rejected::LoadTime(u32::MAX));
        }
        Ok(Event::pack(record))
    }
}

impl Event {
    /// Packs a record known to be in range (times, rating, load time): for generators, which make only such.
    #[inline]
    pub fn pack(record: Record) -> Self {
        debug_assert!((TIME_MS_MIN..=TIME_MS_MAX).contains(&record.event_time_ms));
        debug_assert!((TIME_MS_MIN..=TIME_MS_MAX).contains(&record.arrival_time_ms));
        let small = i64::from(record.kind as u8) << 8
            | i64::from(record.rating.unwrap_or(0)) << 4
            | i64::from(record.channel.map_or(0, |channel| channel as u8));
        Self {
            event_time_and_country: record.event_time_ms << 16 | i64::from(record.country),
            arrival_and_small: record.arrival_time_ms << 16 | small,
            event_id: record.event_id,
            value_thousandths: record.value.map_or(i64::MIN, |value| value.0),
            customer: record.customer,
            order: record.order,
            product: record.product,
            load_time_ms: record.load_time_ms.unwrap_or(u32::MAX),
        }
    }

    /// The plain fields.
    pub fn record(&self) -> Record {
        Record {
            event_id: self.event_id,
            kind: self.kind(),
            event_time_ms: self.event_time_ms(),
            arrival_time_ms: self.arrival_time_ms(),
            customer: self.customer,
            order: self.order,
            product: self.product,
            value: self.value(),
            country: self.country(),
            load_time_ms: self.load_time_ms(),
            rating: self.rating(),
            channel: self.channel(),
        }
    }

    /// When it happened, ms since the Unix epoch.
    #[inline]
    pub fn event_time_ms(&self) -> i64 {
        self.event_time_and_country >> 16
    }

    /// When it reached us, ms since the Unix epoch.
    #[inline]
    pub fn arrival_time_ms(&self) -> i64 {
        self.arrival_and_small >> 16
    }

    /// Returns the event with another arrival time (ms, within the 48-bit range).
    #[inline]
    pub fn arriving_at(mut self, arrival_time_ms: i64) -> Self {
        debug_assert!((TIME_MS_MIN..=TIME_MS_MAX).contains(&arrival_time_ms));
        self.arrival_and_small = arrival_time_ms << 16 | (self.arrival_and_small & 0xffff);
        self
    }

    /// What happened.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::ALL[((self.arrival_and_small >> 8) & 7) as usize]
    }

    /// True if the event is of this kind, which is said to be rare: what is asked next is not even computed for the others.
    #[inline]
    pub fn is_rarely(&self, kind: Kind) -> bool {
        let is = self.kind() == kind;
        if is {
            cold_path();
        }
        is
    }

    /// The occurrence.
    #[inline]
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Replaces the number of the event's id.
    pub(crate) fn set_event_id(&mut self, event_id: EventId) {
        self.event_id = event_id;
    }

    /// Canonical order: (event time, event id).
    #[inline]
    pub fn canonical_key(&self) -> (i64, EventId) {
        (self.event_time_ms(), self.event_id)
    }

    /// The canonical order, and where two deliveries have the same event time and id, the order of what else they say: a log
    /// whose ids are not unique has one order as well.
    #[inline]
    pub fn canonical_cmp(&self, other: &Event) -> Ordering {
        self.canonical_key().cmp(&other.canonical_key()).then_with(|| self.content_cmp(other))
    }

    #[cold]
    fn content_cmp(&self, other: &Event) -> Ordering {
        let content = |event: &Event| {
            let Record { kind, customer, order, value, rating, product, country, load_time_ms, channel, .. } =
                event.record();
            (kind, customer, order, value, rating, product, country, load_time_ms, channel)
        };
        content(self).cmp(&content(other))
    }

    /// Who.
    #[inline]
    pub fn customer(&self) -> Option<Id> {
        self.customer.present()
    }

    /// Which order.
    #[inline]
    pub fn order(&self) -> Option<Id> {
        self.order.present()
    }

    /// Which product.
    #[inline]
    pub fn product(&self) -> Option<Id> {
        self.product.present()
    }

    /// Money.
    #[inline]
    pub fn value(&self) -> Option<Value> {
        (self.value_thousandths != i64::MIN).then_some(Value(self.value_thousandths))
    }

    /// True if the value is there and strictly above `threshold`; one comparison, since absent is the least.
    #[inline]
    pub fn value_above(&self, threshold: Value) -> bool {
        self.value_thousandths > threshold.0
    }

    /// Country symbol; 0 if absent.
    #[inline]
    pub fn country(&self) -> u16 {
        self.event_time_and_country as u16
    }

    /// Page load time in ms.
    #[inline]
    pub fn load_time_ms(&self) -> Option<u32> {
        (self.load_time_ms != u32::MAX).then_some(self.load_time_ms)
    }

    /// 1 to 5.
    #[inline]
    pub fn rating(&self) -> Option<u8> {
        let rating = ((self.arrival_and_small >> 4) & 15) as u8;
        (rating != 0).then_some(rating)
    }

    /// How the event travelled.
    #[inline]
    pub fn channel(&self) -> Option<Channel> {
        Channel::ALL.get(((self.arrival_and_small & 15) as usize).wrapping_sub(1)).copied()
    }
}

/// What happened: the eight kinds of the customer lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A page was shown.
    PageViewed = 0,
    /// Product information was downloaded.
    InfoDownloaded = 1,
    /// An order was placed.
    OrderPlaced = 2,
    /// The order was packed.
    OrderPacked = 3,
    /// The order left the warehouse.
    OrderDispatched = 4,
    /// The order reached the customer.
    OrderDelivered = 5,
    /// The order was cancelled.
    OrderCancelled = 6,
    /// The customer wrote a review.
    ReviewPosted = 7,
}

impl Kind {
    /// All kinds, in the order of their codes.
    pub const ALL: [Kind; 8] = [
        Kind::PageViewed,
        Kind::InfoDownloaded,
        Kind::OrderPlaced,
        Kind::OrderPacked,
        Kind::OrderDispatched,
        Kind::OrderDelivered,
        Kind::OrderCancelled,
        Kind::ReviewPosted,
    ];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::PageViewed => "page_viewed",
            Kind::InfoDownloaded => "info_downloaded",
            Kind::OrderPlaced => "order_placed",
            Kind::OrderPacked => "order_packed",
            Kind::OrderDispatched => "order_dispatched",
            Kind::OrderDelivered => "order_delivered",
            Kind::OrderCancelled => "order_cancelled",
            Kind::ReviewPosted => "review_posted",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The way an event travels; each has its own transport delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Channel {
    /// A browser: short delays.
    Web = 1,
    /// An app that may be offline for hours.
    Mobile = 2,
    /// A warehouse that uploads in batches.
    Warehouse = 3,
}

impl Channel {
    /// All channels, in the order of their codes.
    pub const ALL: [Channel; 3] = [Channel::Web, Channel::Mobile, Channel::Warehouse];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Web => "web",
            Channel::Mobile => "mobile",
            Channel::Warehouse => "warehouse",
        }
    }

    /// The channel of that name.
    pub fn from_name(name: &str) -> Option<Channel> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// A customer, order or product: plain decimal numbers below 2^31 stand for themselves, other text is a symbol.
///
/// So a log with numeric ids needs no memory for them, and `042` and `42` stay different ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(pub u32);

impl Id {
    /// No such id on this event.
    pub const ABSENT: Id = Id(u32::MAX);
    /// Ids at or above this one are symbols.
    pub const FIRST_SYMBOL: u32 = 1 << 31;

    /// `None` for [`Id::ABSENT`].
    #[inline]
    pub fn present(self) -> Option<Id> {
        (self != Id::ABSENT).then_some(self)
    }
}

/// The occurrence that an event tells of. Two deliveries with the same id tell of the same event.
///
/// Ids are texts, and are ordered by (length, bytes), which for numbers is their value. In memory an id is one word in that
/// order: an event without an id (which equals no other event) comes first, by its row; then plain decimal numbers below
/// 2^63; then symbols, which [`Symbols::order_event_ids`](crate::Symbols::order_event_ids) numbers in the order of their
/// texts. Where a trace has symbols, that call makes symbols of its numbers as well, since by the order of texts they may
/// stand between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId(u64);

/// What an [`EventId`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventIdKind {
    /// No id: the event of this row (from 1), which equals no other one.
    Absent(u64),
    /// The text of this number.
    Number(u64),
    /// The text of this number in the table of symbols.
    Symbol(u32),
}

impl EventId {
    /// Numbers at or above this one are symbols.
    pub const NUMBERS: u64 = 1 << 63;
    const FIRST_NUMBER: u64 = 1 << 62;
    const FIRST_SYMBOL: u64 = Self::FIRST_NUMBER + Self::NUMBERS;

    /// An event without an id, which is the event of this row (below 2^62) and no other.
    #[inline]
    pub fn absent(row: u64) -> EventId {
        debug_assert!(row < Self::FIRST_NUMBER);
        EventId(row)
    }

    /// The id whose text is this number, below 2^63.
    #[inline]
    pub fn number(number: u64) -> EventId {
        debug_assert!(number < Self::NUMBERS);
        EventId(Self::FIRST_NUMBER + number)
    }

    /// The id whose text has this number in the table of symbols.
    #[inline]
    pub fn symbol(symbol: u32) -> EventId {
        EventId(Self::FIRST_SYMBOL + u64::from(symbol))
    }

    /// What it stands for.
    #[inline]
    pub fn kind(self) -> EventIdKind {
        match self.0 {
            row if row < Self::FIRST_NUMBER => EventIdKind::Absent(row),
            number if number < Self::FIRST_SYMBOL => EventIdKind::Number(number - Self::FIRST_NUMBER),
            symbol => EventIdKind::Symbol((symbol - Self::FIRST_SYMBOL) as u32),
        }
    }

    /// True if the event has no id.
    #[inline]
    pub fn is_absent(self) -> bool {
        self.0 < Self::FIRST_NUMBER
    }

    /// Its place among all ids, as a word.
    #[inline]
    pub fn rank(self) -> u64 {
        self.0
    }

    /// Returns the id as the word that event ids are compared by: a number below 2^63 is itself.
    #[inline]
    pub fn word(self) -> u64 {
        self.0.wrapping_sub(Self::FIRST_NUMBER)
    }
}

impl From<u64> for EventId {
    #[inline]
    fn from(number: u64) -> EventId {
        EventId::number(number)
    }
}

/// Money in thousandths of the currency unit: exact, never floating point. Range ±9.2e15 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Value(pub i64);

impl Value {
    /// Reads an exact decimal (`-12.5`, `500.0000`, `.125`, `1.5e3`). `None` if it is no multiple of a thousandth or does
    /// not fit: nothing is rounded.
    pub fn parse(text: &str) -> Option<Value> {
        Value::parse_plain(text).or_else(|| Decimal::parse(text, NumberStyle::PLAIN).and_then(Value::from_decimal).ok())
    }

    /// The value of an exact number.
    pub(crate) fn from_decimal(number: Decimal) -> Result<Value, BadNumber> {
        let thousandths = i64::try_from(number.units(3)?).map_err(|_| BadNumber::TooLarge)?;
        // The least of all stands for an absent value.
        if thousandths == i64::MIN { Err(BadNumber::TooLarge) } else { Ok(Value(thousandths)) }
    }

    /// The fast path for digits and at most three decimals; `None` says nothing about a text that is written otherwise.
    pub(crate) fn parse_plain(text: &str) -> Option<Value> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > 3 {
            return None;
        }
        if digits.ends_with('.') {
            return None;
        }
        let mut thousandths: i64 = 0;
        for byte in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', 3 - fraction.len())) {
            let digit = i64::from(byte - b'0');
            let next = thousandths.checked_mul(10)?;
            thousandths = if negative { next.checked_sub(digit)? } else { next.checked_add(digit)? };
        }
        (thousandths != i64::MIN).then_some(Value(thousandths))
    }
}

impl std::fmt::Display for Value {
    /// Three decimals always: `-12.500`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(out, "{sign}{}.{:03}", magnitude / 1000, magnitude % 1000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_is_48_bytes() {
        assert_eq!(std::mem::size_of::<Event>(), 48);
    }

    #[test]
    fn a_record_survives_packing() {
        let full = Record {
            event_id: EventId::symbol(u32::MAX),
            kind: Kind::ReviewPosted,
            event_time_ms: -1,
            arrival_time_ms: TIME_MS_MAX,
            customer: Id(0),
            order: Id(7),
            product: Id(u32::MAX - 1),
            value: Some(Value(-1)),
            country: u16::MAX,
            load_time_ms: Some(0),
            rating: Some(5),
            channel: Some(Channel::Warehouse),
        };
        for kind in Kind::ALL {
            for record in [Record { kind, ..full }, Record::new(0, kind, TIME_MS_MIN)] {
                assert_eq!(Event::try_from(record).unwrap().record(), record);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_rejected_by_name() {
        let record = Record::new(1, Kind::PageViewed, TIME_MS_MAX + 1);
        assert!(Event::try_from(record).unwrap_err().to_string().starts_with("event_time"));
        let record = Record { rating: Some(6), ..Record::new(1, Kind::PageViewed, 0) };
        assert_eq!(Event::try_from(record), Err(Rejected::Rating(6)));
        let record = Record { load_time_ms: Some(u32::MAX), ..Record::new(1, Kind::PageViewed, 0) };
        assert_eq!(Event::try_from(record), Err(Rejected::LoadTime(u32::MAX)));
    }

    #[test]
    fn money_is_exact_and_never_rounded() {
        for (text, thousandths) in [
            ("0", 0),
            ("1000", 1_000_000),
            ("-12.5", -12_500),
            ("0.125", 125),
            ("-0.001", -1),
            ("1.", 1000),
            (".5", 500),
            ("1e3", 1_000_000),
            (" 1", 1000),
            ("129.0000", 129_000),
            ("9223372036854775.8070", i64::MAX),
            ("-9223372036854775.807", -i64::MAX),
        ] {
            assert_eq!(Value::parse(text), Some(Value(thousandths)), "{text}");
        }
        for text in ["", "-", ".", "1.2345", "1e-4", "NaN", "1,5", "9223372036854775.808", "-9223372036854775.808"] {
            assert_eq!(Value::parse(text), None, "{text}");
        }
        assert_eq!(Value(-1).to_string(), "-0.001");
        assert_eq!(Value(1_021_799_570).to_string(), "1021799.570");
    }

    proptest! {
        #[test]
        fn the_fast_path_reads_nothing_that_is_read_otherwise(text in "[-+]?[0-9]{0,17}[.]?[0-9]{0,5}") {
            let slow = Decimal::parse(&text, NumberStyle::PLAIN).and_then(Value::from_decimal).ok();
            if let Some(fast) = Value::parse_plain(&text) {
                prop_assert_eq!(slow, Some(fast));
            }
            prop_assert_eq!(Value::parse(&text), slow);
        }
    }
}

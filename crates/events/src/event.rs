//! One event of the customer lifecycle.
//!
//! Decision D-101.

use std::cmp::Ordering;
use std::hint::cold_path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::decimal::{BadNumber, Decimal, NumberStyle};
use crate::time::{TIME_MS_MAX, TIME_MS_MIN};

/// One event in 48 bytes. Its texts are [`Id`]s of the trace's [`Symbols`](crate::Symbols).
///
/// Times take 48 bits (years -2491 to 6429), so that the small fields fit beside them. An event is built from a
/// [`Record`] and read through its accessors. A field that does not apply is absent, never zero.
///
/// # Examples
///
/// ```
/// use flowbench_events::{Event, Kind, Record, Value};
///
/// let record = Record { value: Value::parse("12.5"), ..Record::new(1, Kind::OrderPlaced, 1_767_600_000_000) };
/// let event = Event::try_from(record)?;
/// assert_eq!((event.kind(), event.value()), (Kind::OrderPlaced, Some(Value(12_500))));
/// assert_eq!(event.customer(), None);
/// # Ok::<(), flowbench_events::Rejected>(())
/// ```
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

/// An event as plain fields, which readers fill in and writers print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The id of the occurrence, which a repeated delivery shares.
    pub event_id: EventId,
    /// What happened.
    pub kind: Kind,
    /// When it happened, in ms since the Unix epoch; within [`TIME_MS_MIN`]..=[`TIME_MS_MAX`].
    pub event_time_ms: i64,
    /// When it arrived, on the same clock and within the same range.
    pub arrival_time_ms: i64,
    /// The customer, or [`Id::ABSENT`].
    pub customer: Id,
    /// The order, or [`Id::ABSENT`].
    pub order: Id,
    /// The product, or [`Id::ABSENT`].
    pub product: Id,
    /// The exact amount of money.
    pub value: Option<Value>,
    /// The country as a symbol of [`Symbols::country`](crate::Symbols::country), or 0 if it is absent.
    pub country: u16,
    /// The page load time in ms, below 2^32 - 1.
    pub load_time_ms: Option<u32>,
    /// The rating, from 1 to 5.
    pub rating: Option<u8>,
    /// The channel by which the event arrived.
    pub channel: Option<Channel>,
}

/// Why a record cannot become an event.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// A time is outside the 48-bit range.
    #[error("{column} {time_ms} ms is outside the years -2491 to 6429")]
    Time {
        /// The name of the column, `event_time` or `arrival_time`.
        column: &'static str,
        /// The time, in ms since the Unix epoch.
        time_ms: i64,
    },
    /// A rating is outside 1 to 5.
    #[error("rating {0} is outside 1 to 5")]
    Rating(u8),
    /// A load time is 2^32 - 1 ms.
    #[error("load_time_ms {0} is outside 0 to 4294967294")]
    LoadTime(u32),
}

impl Record {
    /// Returns a record that arrived at its event time, and whose other fields are absent.
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

    /// Packs a record.
    ///
    /// # Errors
    ///
    /// Returns [`Rejected`] if a time, the rating or the load time is out of range.
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
    /// Packs a record whose times, rating and load time are known to be in range, as those of a generator are.
    ///
    /// # Panics
    ///
    /// Panics in debug builds if a time is out of range.
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

    /// Returns the event as plain fields.
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

    /// Returns when it happened, in ms since the Unix epoch.
    #[inline]
    pub fn event_time_ms(&self) -> i64 {
        self.event_time_and_country >> 16
    }

    /// Returns when it arrived, in ms since the Unix epoch.
    #[inline]
    pub fn arrival_time_ms(&self) -> i64 {
        self.arrival_and_small >> 16
    }

    /// Returns the event with another arrival time, in ms and within the 48-bit range.
    #[inline]
    pub fn arriving_at(mut self, arrival_time_ms: i64) -> Self {
        debug_assert!((TIME_MS_MIN..=TIME_MS_MAX).contains(&arrival_time_ms));
        self.arrival_and_small = arrival_time_ms << 16 | (self.arrival_and_small & 0xffff);
        self
    }

    /// Returns what happened.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::ALL[((self.arrival_and_small >> 8) & 7) as usize]
    }

    /// Returns true if the event is of this kind. The branch is marked as cold, for a kind that is rare.
    #[inline]
    pub fn is_rarely(&self, kind: Kind) -> bool {
        let is = self.kind() == kind;
        if is {
            cold_path();
        }
        is
    }

    /// Returns the id of the occurrence.
    #[inline]
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Replaces the event id.
    pub(crate) fn set_event_id(&mut self, event_id: EventId) {
        self.event_id = event_id;
    }

    /// Returns the key of the canonical order, which is (event time, event id).
    #[inline]
    pub fn canonical_key(&self) -> (i64, EventId) {
        (self.event_time_ms(), self.event_id)
    }

    /// Compares by the canonical key and then by the other fields, so that a log whose ids are not unique has one
    /// order, too.
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

    /// Returns the customer, or `None` if it is absent.
    #[inline]
    pub fn customer(&self) -> Option<Id> {
        self.customer.present()
    }

    /// Returns the order, or `None` if it is absent.
    #[inline]
    pub fn order(&self) -> Option<Id> {
        self.order.present()
    }

    /// Returns the product, or `None` if it is absent.
    #[inline]
    pub fn product(&self) -> Option<Id> {
        self.product.present()
    }

    /// Returns the amount of money, or `None` if it is absent.
    #[inline]
    pub fn value(&self) -> Option<Value> {
        (self.value_thousandths != i64::MIN).then_some(Value(self.value_thousandths))
    }

    /// Returns true if the value is present and strictly above `threshold`.
    #[inline]
    pub fn value_above(&self, threshold: Value) -> bool {
        self.value_thousandths > threshold.0 // an absent value is the smallest
    }

    /// Returns the country symbol, or 0 if it is absent.
    #[inline]
    pub fn country(&self) -> u16 {
        self.event_time_and_country as u16
    }

    /// Returns the page load time in ms, or `None` if it is absent.
    #[inline]
    pub fn load_time_ms(&self) -> Option<u32> {
        (self.load_time_ms != u32::MAX).then_some(self.load_time_ms)
    }

    /// Returns the rating from 1 to 5, or `None` if it is absent.
    #[inline]
    pub fn rating(&self) -> Option<u8> {
        let rating = ((self.arrival_and_small >> 4) & 15) as u8;
        (rating != 0).then_some(rating)
    }

    /// Returns the channel by which the event arrived, or `None` if it is absent.
    #[inline]
    pub fn channel(&self) -> Option<Channel> {
        Channel::ALL.get(((self.arrival_and_small & 15) as usize).wrapping_sub(1)).copied()
    }
}

/// The eight things that happen in the customer lifecycle.
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

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Kind {
    /// All kinds in the order of their codes.
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

    /// Returns the name used in files and on the command line.
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

    /// Returns the kind of that name, or `None` if there is none.
    pub fn from_name(name: &str) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The way by which an event arrives, each with a transport delay of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Channel {
    /// A browser, with short delays.
    Web = 1,
    /// An app that may be offline for hours.
    Mobile = 2,
    /// A warehouse that uploads in batches.
    Warehouse = 3,
}

impl Channel {
    /// All channels in the order of their codes.
    pub const ALL: [Channel; 3] = [Channel::Web, Channel::Mobile, Channel::Warehouse];

    /// Returns the name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Web => "web",
            Channel::Mobile => "mobile",
            Channel::Warehouse => "warehouse",
        }
    }

    /// Returns the channel of that name, or `None` if there is none.
    pub fn from_name(name: &str) -> Option<Channel> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// The id of a customer, order or product. A plain decimal number below 2^31 represents itself, and any other text is a
/// symbol.
///
/// A log with numeric ids therefore needs no memory for them, and `042` and `42` stay different ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(pub u32);

impl Id {
    /// The id of an event that has none.
    pub const ABSENT: Id = Id(u32::MAX);
    /// Ids at or above this one are symbols.
    pub const FIRST_SYMBOL: u32 = 1 << 31;

    /// Returns the id, or `None` for [`Id::ABSENT`].
    #[inline]
    pub fn present(self) -> Option<Id> {
        (self != Id::ABSENT).then_some(self)
    }
}

/// The id of the occurrence that an event reports. Two deliveries with the same id report the same occurrence.
///
/// Ids are texts and compare by (length, bytes), which for numbers is their value. In memory an id is one word in that
/// order. Events without an id, which equal no other event, come first, in row order. Plain decimal numbers below 2^63
/// follow, and then symbols, which [`Symbols::order_event_ids`](crate::Symbols::order_event_ids) numbers in the order
/// of their texts. If a trace has symbols, that call turns its numbers into symbols as well, since a number may belong
/// between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId(u64);

/// What an [`EventId`] represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventIdKind {
    /// The event of this row, from 1, which has no id and equals no other event.
    Absent(u64),
    /// A plain decimal number.
    Number(u64),
    /// The text with this number in the table of symbols.
    Symbol(u32),
}

impl EventId {
    /// Plain numbers are below this one; texts of larger numbers are symbols.
    pub const NUMBERS: u64 = 1 << 63;
    const FIRST_NUMBER: u64 = 1 << 62;
    const FIRST_SYMBOL: u64 = Self::FIRST_NUMBER + Self::NUMBERS;
    /// The signed word of rank 0, as unsigned; the one before it, `i64::MIN`, would have a rank that no id has.
    const FIRST_WORD: u64 = (1 << 63) + 1;

    /// Returns the id of an event without one, in a row below 2^62.
    #[inline]
    pub fn absent(row: u64) -> EventId {
        debug_assert!(row < Self::FIRST_NUMBER);
        EventId(row)
    }

    /// Returns the id whose text is this number, which must be below 2^63.
    #[inline]
    pub fn number(number: u64) -> EventId {
        debug_assert!(number < Self::NUMBERS);
        EventId(Self::FIRST_NUMBER + number)
    }

    /// Returns the id whose text has this number in the table of symbols.
    #[inline]
    pub fn symbol(symbol: u32) -> EventId {
        EventId(Self::FIRST_SYMBOL + u64::from(symbol))
    }

    /// Returns what the id represents.
    #[inline]
    pub fn kind(self) -> EventIdKind {
        match self.0 {
            row if row < Self::FIRST_NUMBER => EventIdKind::Absent(row),
            number if number < Self::FIRST_SYMBOL => EventIdKind::Number(number - Self::FIRST_NUMBER),
            symbol => EventIdKind::Symbol((symbol - Self::FIRST_SYMBOL) as u32),
        }
    }

    /// Returns true if the event has no id.
    #[inline]
    pub fn is_absent(self) -> bool {
        self.0 < Self::FIRST_NUMBER
    }

    /// Returns the position of the id in the order of all possible ids.
    #[inline]
    pub fn rank(self) -> u64 {
        self.0
    }

    /// Returns the id as a signed word, in the same order and never `i64::MIN`, so that this can represent no id at all.
    #[inline]
    pub fn to_word(self) -> i64 {
        self.0.wrapping_add(Self::FIRST_WORD) as i64
    }

    /// Returns the id of which [`to_word`](EventId::to_word) made a word.
    #[inline]
    pub fn from_word(word: i64) -> EventId {
        EventId((word as u64).wrapping_sub(Self::FIRST_WORD))
    }

    /// Returns the id as a word that is the number itself if the id is a plain number.
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

/// An exact amount of money in thousandths of the currency unit, within ±9.2e15 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Value(pub i64);

impl Value {
    /// Reads an exact decimal such as `-12.5`, `500.0000`, `.125` or `1.5e3`. Returns `None` if the text is not a
    /// number, not a multiple of a thousandth, or out of range. Nothing is rounded.
    ///
    /// # Examples
    ///
    /// ```
    /// use flowbench_events::Value;
    ///
    /// assert_eq!(Value::parse("-12.5"), Some(Value(-12_500)));
    /// assert_eq!(Value::parse("0.0005"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Value> {
        Value::parse_plain(text).or_else(|| Decimal::parse(text, NumberStyle::PLAIN).and_then(Value::from_decimal).ok())
    }

    /// Returns the value of an exact number.
    pub(crate) fn from_decimal(number: Decimal) -> Result<Value, BadNumber> {
        let thousandths = i64::try_from(number.units(3)?).map_err(|_| BadNumber::TooLarge)?;
        // The smallest number represents an absent value.
        if thousandths == i64::MIN { Err(BadNumber::TooLarge) } else { Ok(Value(thousandths)) }
    }

    /// Reads digits and at most three decimals, which is the fast path. `None` means only that the slow path must
    /// decide.
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
    /// Writes the amount with three decimals, as in `-12.500`.
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
    fn an_event_id_survives_being_a_word_and_keeps_its_order() {
        let ids = [
            EventId::absent(0),
            EventId::absent(EventId::FIRST_NUMBER - 1),
            EventId::number(0),
            EventId::number(1 << 62),
            EventId::number(EventId::NUMBERS - 1),
            EventId::symbol(0),
            EventId::symbol(u32::MAX),
        ];
        let words = ids.map(EventId::to_word);
        assert_eq!(words.map(EventId::from_word), ids);
        assert!(words.is_sorted() && !words.contains(&i64::MIN), "{words:?}");
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

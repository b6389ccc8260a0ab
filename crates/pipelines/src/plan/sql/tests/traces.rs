//! Small traces made up by choices: with values that are absent, ties within a millisecond, events that come late, and
//! days on which clocks change.

use flowbench_events::{Channel, Event, Id, Kind, Record, Symbols, Trace, Value, parse_rfc3339_ms};

use super::plans::Choices;

/// How many events a trace has.
const EVENTS: usize = 90;

/// When traces begin: before clocks change in a zone that plans know, around a time that plans compare with, and before
/// 1970. What clocks did is settled; what they will do is not, and databases of zones differ in it.
const BEGINNINGS: [&str; 7] = [
    "2024-03-30T21:00:00Z", // London goes forward
    "2024-10-26T21:00:00Z", // London goes back
    "2018-11-03T22:00:00Z", // a day begins at 1:00 in São Paulo, and midnight comes twice in Havana
    "2018-02-17T22:00:00Z", // a day comes back in São Paulo
    "2011-12-29T06:00:00Z", // a day is left out in Apia
    "2025-12-31T20:00:00Z",
    "1969-12-31T19:00:00Z",
];

/// From one event to the next, ms: ties, and bounds of windows and gaps of sessions beside what is just beyond them.
const STEPS_MS: [i64; 16] =
    [0, 0, 0, 1, 1, 4, 5, 500, 1000, 90_000, 1_799_999, 1_800_000, 1_800_001, 3_600_000, 7_200_000, 21_600_000];

/// How long events take to arrive, ms.
const DELAYS_MS: [i64; 6] = [0, 0, 1, 1001, 5_400_000, 86_400_000];

impl Choices {
    /// Returns a trace. Its events arrive in order, or by their delays.
    pub(super) fn trace(&mut self) -> Trace {
        let mut symbols = Symbols::default();
        let has_text_ids = self.pick(3) == 0;
        let mut time_ms = parse_rfc3339_ms(self.one(&BEGINNINGS)).unwrap();
        let mut events: Vec<Event> = (0..EVENTS)
            .map(|number| {
                time_ms += self.one(&STEPS_MS);
                // Ids are no order of time, and have one to three digits.
                let number = (number * 37 + 5) % 1000;
                let is_text = has_text_ids && self.pick(2) == 0;
                let text = if is_text { format!("e{number}") } else { number.to_string() };
                let record = Record::new(symbols.event_id(&text), self.one(&Kind::ALL), time_ms);
                Event::try_from(self.record(record, &mut symbols)).unwrap()
            })
            .collect();
        if self.pick(2) == 0 {
            events.sort_by_key(Event::arrival_time_ms);
        }
        symbols.order_event_ids(&mut events);
        Trace { events, symbols, ..Trace::default() }
    }

    /// Fills in the other fields; each may be absent.
    fn record(&mut self, record: Record, symbols: &mut Symbols) -> Record {
        let mut id = |text: Option<&str>| text.map_or(Id::ABSENT, |text| symbols.id(text).unwrap());
        Record {
            arrival_time_ms: record.event_time_ms + self.one(&DELAYS_MS),
            customer: id(self.some(&["7", "12", "C-1"])),
            order: id(self.some(&["1", "2", "20", "A-1", "A-2"])),
            product: id(self.some(&["1", "2", "P\"3\""])),
            value: self.some(&[-500, 0, 125, 2500, 4999, 5000, 5001, 10_500, 10_501, 900_000]).map(Value),
            country: symbols.country(self.some(&["GB", "FR", "it's"]).unwrap_or_default()).unwrap_or_default(),
            load_time_ms: self.some(&[0, 1, 7, 999, 45_000, 5_400_000, 604_800_000]),
            rating: self.some(&[1, 2, 3, 4, 5]),
            channel: self.some(&Channel::ALL),
            ..record
        }
    }

    /// Returns one of a list, or none.
    fn some<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        if self.pick(5) == 0 { None } else { Some(self.one(list)) }
    }
}

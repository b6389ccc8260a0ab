//! The digest that identifies a trace.

use crate::event::{Event, EventId, EventIdKind, Id};
use crate::symbols::{Symbols, plain_number};

/// Computes the digest of events in arrival order, by BLAKE3 over their fields. Ids count as texts, so the numbering of
/// symbols does not matter, and the same events have the same digest on every machine.
#[derive(Debug, Clone, Default)]
pub struct TraceDigest {
    hasher: blake3::Hasher,
    row: Vec<u8>,
    text: String,
}

impl TraceDigest {
    /// Adds events in arrival order.
    pub fn update(&mut self, events: &[Event], symbols: &Symbols) {
        for event in events {
            let record = event.record();
            self.event_id(record.event_id, symbols);
            self.row.extend(record.event_time_ms.to_le_bytes());
            self.row.extend(record.arrival_time_ms.to_le_bytes());
            self.row.extend(record.value.map_or(i64::MIN, |value| value.0).to_le_bytes());
            for id in [record.customer, record.order, record.product] {
                self.id(id, symbols);
            }
            self.row.extend(record.load_time_ms.unwrap_or(u32::MAX).to_le_bytes());
            self.row.push(record.kind as u8);
            self.row.push(record.rating.unwrap_or(0));
            self.row.push(record.channel.map_or(0, |channel| channel as u8));
            let country = symbols.country_name(record.country);
            self.row.extend((country.len() as u32).to_le_bytes());
            self.row.extend(country.as_bytes());
            if self.row.len() > 1 << 16 {
                self.flush();
            }
        }
    }

    /// Returns the digest of all events added, as 64 hexadecimal digits.
    pub fn finish(mut self) -> String {
        self.flush();
        self.hasher.finalize().to_hex().to_string()
    }

    fn id(&mut self, id: Id, symbols: &Symbols) {
        self.row.extend(id.0.min(Id::FIRST_SYMBOL | u32::from(id == Id::ABSENT)).to_le_bytes());
        if id != Id::ABSENT && id.0 >= Id::FIRST_SYMBOL {
            self.text.clear();
            symbols.push_id(id, &mut self.text);
            self.text_bytes();
        }
    }

    /// Adds an event id. A number counts as itself even if it has become a symbol; texts and absence have marks of
    /// their own. The row number of an event without an id does not count.
    fn event_id(&mut self, event_id: EventId, symbols: &Symbols) {
        match event_id.kind() {
            EventIdKind::Number(number) => self.row.extend(number.to_le_bytes()),
            EventIdKind::Absent(_) => self.row.extend(u64::MAX.to_le_bytes()),
            EventIdKind::Symbol(symbol) => {
                let text = symbols.event_symbol(symbol);
                if let Some(number) = plain_number(text).filter(|number| *number < EventId::NUMBERS) {
                    self.row.extend(number.to_le_bytes());
                    return;
                }
                self.row.extend(EventId::NUMBERS.to_le_bytes());
                self.text.clear();
                self.text.push_str(text);
                self.text_bytes();
            }
        }
    }

    fn text_bytes(&mut self) {
        self.row.extend((self.text.len() as u32).to_le_bytes());
        self.row.extend(self.text.as_bytes());
    }

    fn flush(&mut self) {
        self.hasher.update(&self.row);
        self.row.clear();
    }
}

/// Mixes the bits of a number by the finaliser of SplitMix64 (Steele, Lea, Flood 2014). The result is the same on every
/// machine and in every release; routing and order-insensitive sums rely on that.
#[inline]
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Record};

    fn digest(names: &[&str], first: &[&str]) -> String {
        let mut symbols = Symbols::default();
        for name in first {
            symbols.id(name);
            symbols.country(name);
        }
        let events: Vec<Event> = names
            .iter()
            .map(|name| {
                let mut record = Record::new(1, Kind::OrderPlaced, 5);
                record.customer = symbols.id(name).unwrap();
                record.country = symbols.country(name).unwrap();
                record.event_id = symbols.event_id(name);
                Event::pack(record)
            })
            .collect();
        let mut digest = TraceDigest::default();
        digest.update(&events, &symbols);
        digest.finish()
    }

    #[test]
    fn it_depends_on_the_text_and_the_order_not_on_the_numbering() {
        assert_eq!(digest(&["a", "b"], &[]), digest(&["a", "b"], &["b", "a"]));
        assert_ne!(digest(&["a", "b"], &[]), digest(&["b", "a"], &[]));
        assert_ne!(digest(&["a", "b"], &[]), digest(&["a", "c"], &[]));
        assert_ne!(digest(&["ab", "c"], &[]), digest(&["a", "bc"], &[]));
    }

    #[test]
    fn the_mixing_function_is_the_published_one() {
        // First output of SplitMix64 seeded with 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }
}

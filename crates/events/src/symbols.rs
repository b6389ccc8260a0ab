//! Interned texts of the ids and countries of a trace.
//!
//! Decisions D-102 and D-103.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

use crate::event::{Event, EventId, EventIdKind, Id};
use crate::text_order::{GrowingTexts, TextKind, TextOrder, places};

/// The texts of a trace, which are its countries and those ids that are not plain numbers.
///
/// Memory grows with the number of *distinct* texts only.
#[derive(Debug, Default, Clone)]
pub struct Symbols {
    names: Names,
    event_ids: Names,
    countries: Vec<Box<str>>,
    country_index: HashMap<Box<str>, u16, RandomState>,
    growing: Option<Arc<GrowingTexts>>,
}

/// Numbered texts.
#[derive(Debug, Default, Clone)]
struct Names {
    names: Vec<Box<str>>,
    numbers: HashTable<u32>, // by the hash of the text
    hasher: RandomState,
}

impl Symbols {
    /// Returns the texts of a trace that is being written. What is asked of them before the trace has it can be
    /// [added](Self::add_asked), and their [order](Self::text_order) takes in what comes later.
    pub fn growing() -> Symbols {
        Symbols { growing: Some(Arc::default()), ..Symbols::default() }
    }

    /// Adds the ids and countries that were looked up and not found so far; returns false if there were none. Only
    /// [growing](Self::growing) texts remember them.
    pub fn add_asked(&mut self) -> bool {
        let Some(growing) = self.growing.clone() else { return false };
        let (ids, countries) = (growing.take_asked(TextKind::Id), growing.take_asked(TextKind::Country));
        for text in &ids {
            let _ = self.id(text);
        }
        for text in &countries {
            let _ = self.country(text);
        }
        !(ids.is_empty() && countries.is_empty())
    }

    /// Returns the id of a text, which is [`Id::ABSENT`] for the empty one; `None` if there are 2^31 - 1 other texts
    /// already.
    pub fn id(&mut self, text: &str) -> Option<Id> {
        if text.is_empty() {
            return Some(Id::ABSENT);
        }
        if let Some(number) = plain_number(text).filter(|number| *number < u64::from(Id::FIRST_SYMBOL)) {
            return Some(Id(number as u32));
        }
        let known = self.names.names.len();
        let symbol = self.names.number_of(text);
        if let Some(growing) = self.growing.as_ref().filter(|_| self.names.names.len() > known) {
            growing.push(TextKind::Id, text);
        }
        (symbol < Id::FIRST_SYMBOL - 1).then(|| Id(Id::FIRST_SYMBOL + symbol))
    }

    /// Returns the id of a text, or `None` if it does not occur in this trace. A plain number always has one.
    pub fn find_id(&self, text: &str) -> Option<Id> {
        if text.is_empty() {
            return None;
        }
        let number = plain_number(text).filter(|number| *number < u64::from(Id::FIRST_SYMBOL));
        let symbol = || self.names.find(text).map(|symbol| Id(Id::FIRST_SYMBOL + symbol));
        let id = number.map(|number| Id(number as u32)).or_else(symbol);
        if let (None, Some(growing)) = (id, &self.growing) {
            growing.ask(TextKind::Id, text);
        }
        id
    }

    /// Returns the event id of a text, which must not be empty.
    pub fn event_id(&mut self, text: &str) -> EventId {
        match plain_number(text).filter(|number| *number < EventId::NUMBERS) {
            Some(number) => EventId::number(number),
            None => EventId::symbol(self.event_ids.number_of(text)),
        }
    }

    /// Renumbers the event ids of a whole trace in the order of their texts if some are not plain numbers. From then
    /// on, ids compare as their texts do, by (length, bytes), whatever the order in which they were read.
    pub fn order_event_ids(&mut self, events: &mut [Event]) {
        if self.event_ids.names.is_empty() {
            return;
        }
        let mut text = String::new();
        for event in &mut *events {
            if let EventIdKind::Number(number) = event.event_id().kind() {
                text.clear();
                push_number(number, &mut text);
                event.set_event_id(EventId::symbol(self.event_ids.number_of(&text)));
            }
        }
        let places = self.event_ids.sort_by_key(|name| (name.len(), name.as_bytes()));
        for event in events {
            if let EventIdKind::Symbol(symbol) = event.event_id().kind() {
                event.set_event_id(EventId::symbol(places[symbol as usize]));
            }
        }
    }

    /// Returns the country symbol of a text, from 1 to 65535, and 0 for the empty text; `None` if all symbols are
    /// taken.
    pub fn country(&mut self, text: &str) -> Option<u16> {
        if text.is_empty() {
            return Some(0);
        }
        if let Some(symbol) = self.country_index.get(text) {
            return Some(*symbol);
        }
        let symbol = u16::try_from(self.countries.len() + 1).ok()?;
        self.countries.push(text.into());
        if let Some(growing) = &self.growing {
            growing.push(TextKind::Country, text);
        }
        self.country_index.insert(text.into(), symbol);
        Some(symbol)
    }

    /// Returns the country symbol of a text, or `None` if it does not occur in this trace.
    pub fn find_country(&self, text: &str) -> Option<u16> {
        let country = self.country_index.get(text).copied();
        if let (None, false, Some(growing)) = (country, text.is_empty(), &self.growing) {
            growing.ask(TextKind::Country, text);
        }
        country
    }

    /// Appends the text of an id, which is empty if the id is absent.
    pub fn push_id(&self, id: Id, out: &mut String) {
        match id {
            Id::ABSENT => {}
            Id(number) if number < Id::FIRST_SYMBOL => push_number(u64::from(number), out),
            Id(symbol) => out.push_str(&self.names.names[(symbol - Id::FIRST_SYMBOL) as usize]),
        }
    }

    /// Appends the text of an event id, or the row number of an event without one.
    pub fn push_event_id(&self, event_id: EventId, out: &mut String) {
        match event_id.kind() {
            EventIdKind::Absent(number) | EventIdKind::Number(number) => push_number(number, out),
            EventIdKind::Symbol(symbol) => out.push_str(self.event_symbol(symbol)),
        }
    }

    /// Returns the text of an event id that is a symbol.
    pub(crate) fn event_symbol(&self, symbol: u32) -> &str {
        &self.event_ids.names[symbol as usize]
    }

    /// Returns the text of a country symbol, which is empty for 0.
    pub fn country_name(&self, country: u16) -> &str {
        match country {
            0 => "",
            symbol => &self.countries[symbol as usize - 1],
        }
    }

    /// Returns the order of the ids that are symbols, by the bytes of their texts. The place of `Id(Id::FIRST_SYMBOL + n)`
    /// is the one with the number `n`.
    pub fn text_order(&self) -> TextOrder {
        match &self.growing {
            Some(growing) => TextOrder::growing(growing, TextKind::Id),
            None => TextOrder::whole(places(&self.names.sorted_by_key(|name| name))),
        }
    }

    /// Returns the order of the country symbols, by the bytes of their texts. The place of the symbol `n + 1` is the one
    /// with the number `n`.
    pub fn country_order(&self) -> TextOrder {
        if let Some(growing) = &self.growing {
            return TextOrder::growing(growing, TextKind::Country);
        }
        let mut sorted: Vec<u32> = (0..self.countries.len() as u32).collect();
        sorted.sort_unstable_by_key(|number| &self.countries[*number as usize]);
        TextOrder::whole(places(&sorted))
    }

    /// Returns the number of distinct texts, countries included.
    pub fn len(&self) -> usize {
        self.names.names.len() + self.event_ids.names.len() + self.countries.len()
    }

    /// Returns true if there are no texts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Names {
    /// Returns the number of a text, or `None` if it is not known.
    fn find(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.numbers.find(hash, |number| &*self.names[*number as usize] == text).copied()
    }

    /// Returns the number of a text, which is a new one if the text is not known yet.
    fn number_of(&mut self, text: &str) -> u32 {
        let Self { names, numbers, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(number) = numbers.find(hash, |number| &*names[*number as usize] == text) {
            return *number;
        }
        let number = names.len() as u32;
        names.push(text.into());
        numbers.insert_unique(hash, number, |number| hasher.hash_one(&*names[*number as usize]));
        number
    }

    /// Returns the numbers of all texts, sorted by this key.
    fn sorted_by_key<'a, K: Ord>(&'a self, key: impl Fn(&'a str) -> K) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..self.names.len() as u32).collect();
        sorted.sort_unstable_by_key(|number| key(&self.names[*number as usize]));
        sorted
    }

    /// Renumbers the texts in the order of this key and returns the new number of each, indexed by the old one.
    fn sort_by_key(&mut self, key: impl for<'a> Fn(&'a str) -> (usize, &'a [u8])) -> Vec<u32> {
        let places = places(&self.sorted_by_key(&key));
        let mut sorted = vec![Box::default(); self.names.len()];
        for (name, place) in std::mem::take(&mut self.names).into_iter().zip(&places) {
            sorted[*place as usize] = name;
        }
        self.names = sorted;
        self.numbers.iter_mut().for_each(|number| *number = places[*number as usize]);
        places
    }
}

/// Returns the number that a text is written as canonically, with digits only and no leading zero, up to 2^64 - 1.
pub(crate) fn plain_number(text: &str) -> Option<u64> {
    let canonical = text == "0" || (text.as_bytes()[0] != b'0' && text.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

/// Appends a number in decimal, several times as fast as formatting it.
pub(crate) fn push_number(number: u64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    let mut rest = number;
    while rest > 0 || first == digits.len() {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.push_str(std::str::from_utf8(&digits[first..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_letter_for_letter() {
        let mut symbols = Symbols::default();
        for text in ["0", "42", "042", "2147483647", "2147483648", "4294967295", "C536379", "-1", "+1", "ü", ""] {
            let id = symbols.id(text).unwrap();
            let mut back = String::new();
            symbols.push_id(id, &mut back);
            assert_eq!(back, text);
            assert_eq!(symbols.id(text), Some(id));
            assert_eq!(symbols.find_id(text), Some(id).filter(|_| !text.is_empty()));
        }
        for text in ["0", "9223372036854775807", "9223372036854775808", "18446744073709551616", "a-b"] {
            let id = symbols.event_id(text);
            let mut back = String::new();
            symbols.push_event_id(id, &mut back);
            assert_eq!(back, text);
        }
    }

    #[test]
    fn event_ids_compare_as_their_texts_whatever_they_were_read_behind() {
        use crate::event::{Event, Kind, Record};

        let sorted = ["0", "7", "a", "10", "0a", "9f", "007", "999", "9223372036854775808", "9223372036854775809"];
        let mut expected: Vec<&str> = sorted.to_vec();
        expected.sort_by_key(|text| (text.len(), text.as_bytes()));
        for turn in 0..sorted.len() {
            let mut symbols = Symbols::default();
            symbols.id("9f");
            let mut texts = sorted;
            texts.rotate_left(turn);
            texts.swap(0, 5);
            let event = |id| Event::pack(Record::new(id, Kind::PageViewed, 0));
            let mut events: Vec<Event> = texts.iter().map(|text| event(symbols.event_id(text))).collect();
            events.extend([event(EventId::absent(4)), event(EventId::absent(3))]);
            symbols.order_event_ids(&mut events);
            events.sort_by_key(Event::event_id);
            let shown = events.iter().map(|event| {
                let mut text = String::new();
                symbols.push_event_id(event.event_id(), &mut text);
                text
            });
            let shown: Vec<String> = shown.collect();
            assert_eq!(shown[..2], ["3", "4"], "events without an id come first, by their rows");
            assert_eq!(shown[2..], expected, "turn {turn}");
            // What is read afterwards still finds the same texts.
            assert_eq!(
                symbols.event_id("9f"),
                events[2 + expected.iter().position(|text| *text == "9f").unwrap()].event_id()
            );
        }
    }

    #[test]
    fn an_event_without_an_id_equals_no_other() {
        assert!(EventId::absent(3) != EventId::number(3) && EventId::absent(3) != EventId::absent(4));
        assert!(EventId::absent(3).is_absent() && !EventId::number(0).is_absent() && !EventId::symbol(0).is_absent());
        assert_eq!((EventId::number(7).word(), EventId::number(0).kind()), (7, EventIdKind::Number(0)));
    }

    #[test]
    fn numbers_take_no_memory() {
        let mut symbols = Symbols::default();
        for number in 0..10_000_u32 {
            symbols.id(&number.to_string());
        }
        assert!(symbols.is_empty());
    }

    #[test]
    fn text_is_ordered_by_its_bytes() {
        let mut symbols = Symbols::default();
        let ids = ["b", "ü", "7", "B", "042", "ab", "a"].map(|text| symbols.id(text).unwrap());
        let places = symbols.text_order().places();
        let by_place = |place| {
            ids.iter().find(|id| id.0 >= Id::FIRST_SYMBOL && places[(id.0 - Id::FIRST_SYMBOL) as usize] == place)
        };
        let sorted = (0..places.len() as u32).map(|place| {
            let mut text = String::new();
            symbols.push_id(*by_place(place).unwrap(), &mut text);
            text
        });
        assert_eq!(sorted.collect::<Vec<_>>(), ["042", "B", "a", "ab", "b", "ü"]);
    }

    #[test]
    fn growing_texts_are_in_order_at_any_time_and_know_what_was_asked_for() {
        let (mut growing, mut whole) = (Symbols::growing(), Symbols::default());
        assert_eq!(
            (growing.find_id("zoe"), growing.find_country("GB"), growing.find_id("7")),
            (None, None, Some(Id(7)))
        );
        let orders = [growing.text_order(), growing.country_order()];
        assert!(growing.add_asked() && !growing.add_asked());
        assert!(growing.find_id("zoe").is_some() && growing.find_country("GB") == Some(1));
        whole.id("zoe");
        whole.country("GB");
        for text in ["m", "ann", "zz", "7", "ann", "b"] {
            for symbols in [&mut growing, &mut whole] {
                symbols.id(text);
                symbols.country(text);
            }
            let of_whole = [whole.text_order(), whole.country_order()];
            assert_eq!(orders.clone().map(|order| order.places()), of_whole.map(|order| order.places()), "{text}");
        }
    }

    #[test]
    fn countries_are_bounded() {
        let mut symbols = Symbols::default();
        for number in 0..65_535 {
            assert!(symbols.country(&format!("c{number}")).is_some());
        }
        assert_eq!(symbols.country("one too many"), None);
        assert_eq!(symbols.country("c7"), Some(8));
        assert_eq!(symbols.country_name(8), "c7");
    }
}

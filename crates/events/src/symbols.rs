//! Interned text: the names behind the ids of a trace.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use crate::event::Id;

/// The text of a trace: symbols for ids that are not plain numbers, and the countries.
///
/// Memory grows with the number of *distinct* non-numeric texts only.
#[derive(Debug, Default, Clone)]
pub struct Symbols {
    names: Vec<Box<str>>,
    /// The symbols by the hash of their text, which `names` has.
    index: HashTable<u32>,
    hasher: RandomState,
    countries: Vec<Box<str>>,
    country_index: HashMap<Box<str>, u16, RandomState>,
}

/// Event ids at or above this are symbols.
const FIRST_EVENT_SYMBOL: u64 = 1 << 63;

impl Symbols {
    /// The id of `text`; empty text is absent. `None` when 2^31 - 1 distinct texts are exceeded.
    pub fn id(&mut self, text: &str) -> Option<Id> {
        if text.is_empty() {
            return Some(Id::ABSENT);
        }
        if let Some(number) = plain_number(text).filter(|number| *number < u64::from(Id::FIRST_SYMBOL)) {
            return Some(Id(number as u32));
        }
        let symbol = self.intern(text);
        (symbol < Id::FIRST_SYMBOL - 1).then(|| Id(Id::FIRST_SYMBOL + symbol))
    }

    /// The event id of `text` (not empty).
    pub fn event_id(&mut self, text: &str) -> u64 {
        match plain_number(text).filter(|number| *number < FIRST_EVENT_SYMBOL) {
            Some(number) => number,
            None => FIRST_EVENT_SYMBOL + u64::from(self.intern(text)),
        }
    }

    /// The country symbol of `text`, 1 to 65535; empty text is 0. `None` when there are more distinct countries.
    pub fn country(&mut self, text: &str) -> Option<u16> {
        if text.is_empty() {
            return Some(0);
        }
        if let Some(symbol) = self.country_index.get(text) {
            return Some(*symbol);
        }
        let symbol = u16::try_from(self.countries.len() + 1).ok()?;
        self.countries.push(text.into());
        self.country_index.insert(text.into(), symbol);
        Some(symbol)
    }

    /// The country symbol of `text` if it occurs in this trace.
    pub fn find_country(&self, text: &str) -> Option<u16> {
        self.country_index.get(text).copied()
    }

    /// Appends the text of `id`; nothing if absent.
    pub fn push_id(&self, id: Id, out: &mut String) {
        match id {
            Id::ABSENT => {}
            Id(number) if number < Id::FIRST_SYMBOL => push_number(u64::from(number), out),
            Id(symbol) => out.push_str(&self.names[(symbol - Id::FIRST_SYMBOL) as usize]),
        }
    }

    /// Appends the text of an event id.
    pub fn push_event_id(&self, event_id: u64, out: &mut String) {
        match event_id.checked_sub(FIRST_EVENT_SYMBOL) {
            None => push_number(event_id, out),
            Some(symbol) => out.push_str(&self.names[symbol as usize]),
        }
    }

    /// The text of a country symbol; empty if 0.
    pub fn country_name(&self, country: u16) -> &str {
        match country {
            0 => "",
            symbol => &self.countries[symbol as usize - 1],
        }
    }

    /// The place of each symbol among all ids that are symbols, sorted by the bytes of their text; the one of
    /// `Id(Id::FIRST_SYMBOL + n)` is element `n`.
    pub fn text_order(&self) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..self.names.len() as u32).collect();
        sorted.sort_unstable_by_key(|symbol| &self.names[*symbol as usize]);
        let mut places = vec![0; sorted.len()];
        for (place, symbol) in (0..).zip(sorted) {
            places[symbol as usize] = place;
        }
        places
    }

    /// How many distinct non-numeric texts are held, countries included.
    pub fn len(&self) -> usize {
        self.names.len() + self.countries.len()
    }

    /// True if no text is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn intern(&mut self, text: &str) -> u32 {
        let Symbols { names, index, hasher, .. } = self;
        let is_text = |symbol: &u32| *names[*symbol as usize] == *text;
        let hash_of = |symbol: &u32| hasher.hash_one(&*names[*symbol as usize]);
        match index.entry(hasher.hash_one(text), is_text, hash_of) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let symbol = names.len() as u32;
                new.insert(symbol);
                names.push(text.into());
                symbol
            }
        }
    }
}

/// The number behind canonical decimal text: digits only, no leading zero, at most 2^64 - 1.
fn plain_number(text: &str) -> Option<u64> {
    let canonical = text == "0" || (text.as_bytes()[0] != b'0' && text.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}

/// Appends a number in decimal; several times as fast as formatting it.
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
        }
        for text in ["0", "9223372036854775807", "9223372036854775808", "18446744073709551616", "a-b"] {
            let id = symbols.event_id(text);
            let mut back = String::new();
            symbols.push_event_id(id, &mut back);
            assert_eq!(back, text);
        }
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
        let places = symbols.text_order();
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

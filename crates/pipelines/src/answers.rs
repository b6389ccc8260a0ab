//! Answers: a multiset of rows with a canonical form.

use std::any::Any;
use std::hash::{Hash, Hasher};

use flowbench_events::{Id, Symbols, Value, mix, push_rfc3339};

/// One row of answers of a pipeline.
pub trait Row: Copy + Ord + Hash + Send + Sync + 'static {
    /// The columns after `event_time`.
    const COLUMNS: &'static [&'static str];

    /// Event time of the answer, ms: that of its trigger, the due time of a timer, the end of a window.
    fn event_time_ms(&self) -> i64;

    /// Writes the cells after `event_time`, in the order of [`COLUMNS`](Row::COLUMNS).
    fn write(&self, cells: &mut Cells<'_>);

    /// The same row at another event time.
    fn at(self, event_time_ms: i64) -> Self;
}

/// Writes the cells of one row as CSV.
pub struct Cells<'a> {
    line: &'a mut String,
    symbols: &'a Symbols,
}

impl Cells<'_> {
    /// A customer, order or product.
    pub fn id(&mut self, id: Id) {
        self.quoted(|line, symbols| symbols.push_id(id, line));
    }

    /// An event id.
    pub fn event_id(&mut self, event_id: u64) {
        self.quoted(|line, symbols| symbols.push_event_id(event_id, line));
    }

    /// A country symbol.
    pub fn country(&mut self, country: u16) {
        self.quoted(|line, symbols| line.push_str(symbols.country_name(country)));
    }

    /// Money, three decimals.
    pub fn value(&mut self, value: Value) {
        self.text(value);
    }

    /// Text put together from pieces: `write` appends it.
    pub fn composed(&mut self, write: impl FnOnce(&mut String, &Symbols)) {
        self.quoted(write);
    }

    /// Anything that prints without needing quotes: numbers, dates, fixed words.
    pub fn text(&mut self, text: impl std::fmt::Display) {
        use std::fmt::Write;
        self.line.push(',');
        write!(self.line, "{text}").expect("writing to a String cannot fail");
    }

    /// Appends a cell and quotes it (RFC 4180) if its text needs that.
    fn quoted(&mut self, write: impl FnOnce(&mut String, &Symbols)) {
        self.line.push(',');
        let start = self.line.len();
        write(self.line, self.symbols);
        if self.line[start..].contains([',', '"', '\n', '\r']) {
            let cell = self.line.split_off(start);
            self.line.push('"');
            self.line.push_str(&cell.replace('"', "\"\""));
            self.line.push('"');
        }
    }
}

/// The answers of a run or of an oracle, whatever the pipeline.
pub trait Answers: Send {
    /// The header line: `event_time`, then the columns.
    fn header(&self) -> String;
    /// How many rows.
    fn len(&self) -> usize;
    /// True if there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Event time of row `index`, ms.
    fn event_time_ms(&self, index: usize) -> i64;
    /// Row `index` as a CSV line without its end.
    fn line(&self, index: usize, symbols: &Symbols) -> String;
    /// All rows as CSV lines in canonical order: by event time, then by the text of the row.
    fn lines(&self, symbols: &Symbols) -> Vec<String> {
        let mut lines: Vec<_> = (0..self.len()).map(|at| (self.event_time_ms(at), self.line(at, symbols))).collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, line)| line).collect()
    }
    /// 128 bits for each row, equal where rows are equal; by the ids as this trace numbers them.
    fn fingerprints(&self) -> Vec<u128>;
    /// For the erased rows to meet again.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<R: Row> Answers for Vec<R> {
    fn header(&self) -> String {
        format!("event_time,{}", R::COLUMNS.join(","))
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn event_time_ms(&self, index: usize) -> i64 {
        self[index].event_time_ms()
    }

    fn line(&self, index: usize, symbols: &Symbols) -> String {
        let mut line = String::new();
        push_rfc3339(self[index].event_time_ms(), &mut line);
        self[index].write(&mut Cells { line: &mut line, symbols });
        line
    }

    fn fingerprints(&self) -> Vec<u128> {
        self.iter().map(fingerprint).collect()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn fingerprint<R: Row>(row: &R) -> u128 {
    let half = |seed: u64| {
        let mut hasher = StableHasher(mix(seed));
        row.hash(&mut hasher);
        hasher.finish()
    };
    u128::from(half(1)) << 64 | u128::from(half(2))
}

/// The same on every machine and in every release, unlike the standard library's.
struct StableHasher(u64);

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        mix(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0.rotate_left(23) ^ number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Named(i64, u16);

    impl Row for Named {
        const COLUMNS: &'static [&'static str] = &["country"];
        fn event_time_ms(&self) -> i64 {
            self.0
        }
        fn write(&self, cells: &mut Cells<'_>) {
            cells.country(self.1);
        }
        fn at(self, event_time_ms: i64) -> Self {
            Named(event_time_ms, self.1)
        }
    }

    #[test]
    fn lines_are_quoted_and_in_canonical_order() {
        let mut symbols = Symbols::default();
        for name in ["z", "say \"a\", b"] {
            symbols.country(name);
        }
        let rows: Vec<Named> = vec![Named(1000, 1), Named(0, 1), Named(0, 2)];
        assert_eq!(rows.header(), "event_time,country");
        assert_eq!(
            rows.lines(&symbols),
            [
                "1970-01-01T00:00:00.000Z,\"say \"\"a\"\", b\"",
                "1970-01-01T00:00:00.000Z,z",
                "1970-01-01T00:00:01.000Z,z"
            ]
        );
    }

    #[test]
    fn fingerprints_tell_rows_apart_and_are_fixed() {
        let prints = vec![Named(0, 1), Named(1, 0), Named(0, 1)].fingerprints();
        assert_eq!(prints[0], prints[2]);
        assert_ne!(prints[0], prints[1]);
        assert_eq!(prints[0], 70_671_827_174_622_186_004_264_181_313_450_485_630);
    }
}

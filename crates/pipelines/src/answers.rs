//! Answers: a multiset of rows with a canonical form.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};

use flowbench_events::{EventId, Id, Symbols, Value, mix, push_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};

use crate::message::Message;
use crate::total::Total;

/// One row of answers of a pipeline.
pub trait Row: Message + Ord + Hash + Sync {
    /// The columns after `event_time`.
    const COLUMNS: &'static [&'static str];

    /// Returns what identifies the answer. Two answers with the same subject and different content count as one wrong
    /// answer, not as one missing and one spurious answer.
    fn subject(&self) -> impl Hash;

    /// Returns the columns that tell what [`subject`](Row::subject) tells, by which answers from elsewhere are
    /// recognized. Those of [`answer!`](crate::answer) are the ones of its `about`; by default they are all of
    /// [`COLUMNS`](Row::COLUMNS).
    fn subject_columns() -> Vec<&'static str> {
        Self::COLUMNS.to_vec()
    }

    /// Returns the event time of the answer, ms: that of its trigger, the due time of a timer, or the end of a window.
    fn event_time_ms(&self) -> i64;

    /// Writes the cells after `event_time`, in the order of [`COLUMNS`](Row::COLUMNS).
    fn write(&self, cells: &mut Cells<'_>);

    /// Returns the row with another event time.
    fn at(self, event_time_ms: i64) -> Self;
}

/// Declares the rows of answers of a pipeline: a struct with `event_time_ms` and the fields, which is a
/// [`Row`](crate::Row).
///
/// `about` names the fields that make the subject. Each field is a column, written by the method of
/// [`Cells`](crate::Cells) behind `=`, and called like the field unless `as` gives another name. The crate that uses it
/// needs `serde` with its `derive` feature.
///
/// # Examples
///
/// ```
/// use flowbench_pipelines::{Row, answer};
///
/// answer! {
///     /// A customer who is back.
///     struct Return about (customer) {
///         customer: flowbench_events::Id = id,
///         left_ms: i64 = time as "left",
///     }
/// }
///
/// assert_eq!(Return::COLUMNS, ["customer", "left"]);
/// ```
#[macro_export]
macro_rules! answer {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident about ($($subject:ident),+) {
            $($field:ident: $Type:ty = $cell:ident $(as $column:literal)?),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        $vis struct $Name {
            $vis event_time_ms: i64,
            $($vis $field: $Type,)+
        }

        impl $crate::Row for $Name {
            const COLUMNS: &'static [&'static str] = &[$($crate::answer!(@column $field $($column)?)),+];

            fn subject(&self) -> impl ::std::hash::Hash {
                ($(self.$subject,)+)
            }

            fn subject_columns() -> ::std::vec::Vec<&'static str> {
                let column_of = |field: &str| match field {
                    $(stringify!($field) => $crate::answer!(@column $field $($column)?),)+
                    _ => "event_time",
                };
                vec![$(column_of(stringify!($subject))),+]
            }

            fn event_time_ms(&self) -> i64 {
                self.event_time_ms
            }

            fn write(&self, cells: &mut $crate::Cells<'_>) {
                $(cells.$cell(self.$field);)+
            }

            fn at(self, event_time_ms: i64) -> Self {
                Self { event_time_ms, ..self }
            }
        }
    };
    (@column $field:ident) => {
        stringify!($field)
    };
    (@column $field:ident $column:literal) => {
        $column
    };
}

/// An answer given (`times` = 1) or retracted (-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change<R> {
    /// The answer.
    pub row: R,
    /// 1 or -1.
    pub times: i32,
}

impl<R> Change<R> {
    /// Returns the change that gives an answer.
    pub fn given(row: R) -> Self {
        Self { row, times: 1 }
    }

    /// Returns the change that retracts an answer.
    pub fn retracted(row: R) -> Self {
        Self { row, times: -1 }
    }
}

/// Pushes what turns the answers `before` into the answers `after`. Sorts both.
pub(crate) fn push_changes<R: Ord + Copy>(before: &mut [R], after: &mut [R], out: &mut Vec<Change<R>>) {
    before.sort_unstable();
    after.sort_unstable();
    let (mut b, mut a) = (0, 0);
    while b < before.len() || a < after.len() {
        let order = match (before.get(b), after.get(a)) {
            (Some(old), Some(new)) => old.cmp(new),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        if order.is_lt() {
            out.push(Change::retracted(before[b]));
        } else if order.is_gt() {
            out.push(Change::given(after[a]));
        }
        b += usize::from(order.is_le());
        a += usize::from(order.is_ge());
    }
}

/// Writes the cells of one row as CSV, or one by one with what each holds.
pub struct Cells<'a> {
    line: &'a mut String,
    symbols: &'a Symbols,
    /// Where each cell ends and what it holds, if the cells are wanted one by one: without separators and quotes.
    ends: Option<&'a mut Vec<(CellKind, usize)>>,
}

/// What a cell of an answer holds, which decides when two texts of it mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// An id, a country or a composed text.
    Name,
    /// An amount of money.
    Amount,
    /// A time.
    Time,
    /// A length of time.
    Duration,
    /// A number, a date or a fixed word.
    Plain,
}

impl Cells<'_> {
    /// A customer, order or product.
    pub fn id(&mut self, id: Id) {
        self.quoted(|line, symbols| symbols.push_id(id, line));
    }

    /// An event id.
    pub fn event_id(&mut self, event_id: EventId) {
        self.quoted(|line, symbols| symbols.push_event_id(event_id, line));
    }

    /// A country symbol.
    pub fn country(&mut self, country: u16) {
        self.quoted(|line, symbols| line.push_str(symbols.country_name(country)));
    }

    /// Money, three decimals.
    pub fn value(&mut self, value: Value) {
        self.printed(CellKind::Amount, value);
    }

    /// A sum of money, three decimals.
    pub fn total(&mut self, total: Total) {
        self.printed(CellKind::Amount, total);
    }

    /// A time, ms since the Unix epoch; written like `event_time`.
    pub fn time(&mut self, time_ms: i64) {
        self.begin();
        push_rfc3339(time_ms, self.line);
        self.end(CellKind::Time);
    }

    /// Text put together from pieces: `write` appends it.
    pub fn composed(&mut self, write: impl FnOnce(&mut String, &Symbols)) {
        self.quoted(write);
    }

    /// Anything that prints without needing quotes: numbers, dates, fixed words.
    pub fn text(&mut self, text: impl std::fmt::Display) {
        self.printed(CellKind::Plain, text);
    }

    fn printed(&mut self, kind: CellKind, text: impl std::fmt::Display) {
        use std::fmt::Write;
        self.begin();
        write!(self.line, "{text}").expect("writing to a String cannot fail");
        self.end(kind);
    }

    #[inline]
    fn begin(&mut self) {
        if self.ends.is_none() {
            self.line.push(',');
        }
    }

    #[inline]
    fn end(&mut self, kind: CellKind) {
        if let Some(ends) = &mut self.ends {
            ends.push((kind, self.line.len()));
        }
    }

    /// A name, as `write` appends it.
    fn quoted(&mut self, write: impl FnOnce(&mut String, &Symbols)) {
        self.of_kind(CellKind::Name, write);
    }

    /// A cell of this kind, which `write` appends, quoted (RFC 4180) if its text needs that.
    pub(crate) fn of_kind(&mut self, kind: CellKind, write: impl FnOnce(&mut String, &Symbols)) {
        self.begin();
        let start = self.line.len();
        write(self.line, self.symbols);
        self.end(kind);
        if self.ends.is_none() && self.line[start..].contains([',', '"', '\n', '\r']) {
            let cell = self.line.split_off(start);
            self.line.push('"');
            self.line.push_str(&cell.replace('"', "\"\""));
            self.line.push('"');
        }
    }
}

/// The answers of a run or of an oracle, whatever the pipeline.
pub trait Answers: Send {
    /// Returns the header line: `event_time`, then the columns.
    fn header(&self) -> String;
    /// Returns the number of rows.
    fn len(&self) -> usize;
    /// True if there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Returns the event time of row `index`, ms.
    fn event_time_ms(&self, index: usize) -> i64;
    /// Returns row `index` as a CSV line without a line end.
    fn line(&self, index: usize, symbols: &Symbols) -> String;
    /// Returns the cells of row `index` in the order of the header, each with what it holds.
    fn cells(&self, index: usize, symbols: &Symbols) -> Vec<(CellKind, String)>;
    /// Returns the columns that identify an answer; see [`Row::subject_columns`].
    fn subject_columns(&self) -> Vec<&'static str>;
    /// Writes the header and all rows as CSV, in canonical order.
    ///
    /// # Errors
    ///
    /// Fails if `output` cannot be written.
    fn write_csv(&self, symbols: &Symbols, output: &mut dyn Write) -> io::Result<()> {
        writeln!(output, "{}", self.header())?;
        self.lines(symbols).iter().try_for_each(|line| writeln!(output, "{line}"))
    }
    /// Returns all rows as CSV lines in canonical order: by event time, then by the text of the row.
    fn lines(&self, symbols: &Symbols) -> Vec<String> {
        let mut lines: Vec<_> = (0..self.len()).map(|at| (self.event_time_ms(at), self.line(at, symbols))).collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, line)| line).collect()
    }
    /// Returns a 128-bit fingerprint of each row, equal for equal rows of one trace.
    fn fingerprints(&self) -> Vec<u128>;
    /// Returns a 64-bit hash of the subject of each row.
    fn subjects(&self) -> Vec<u64>;
    /// Returns the rows for a downcast to their type.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    /// The fingerprints of all rows that differ from one of these in one cell, each by the name of the cell and beside the
    /// fingerprint of the row it is from.
    #[cfg(test)]
    fn with_another_cell(&self) -> Vec<(String, [u128; 2])>;
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
        row_line(self[index].event_time_ms(), symbols, |cells| self[index].write(cells))
    }

    fn cells(&self, index: usize, symbols: &Symbols) -> Vec<(CellKind, String)> {
        row_cells(self[index].event_time_ms(), symbols, |cells| self[index].write(cells))
    }

    fn subject_columns(&self) -> Vec<&'static str> {
        R::subject_columns()
    }

    fn fingerprints(&self) -> Vec<u128> {
        self.iter().map(fingerprint).collect()
    }

    fn subjects(&self) -> Vec<u64> {
        self.iter().map(|row| stable_hash(1, &row.subject())).collect()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    #[cfg(test)]
    fn with_another_cell(&self) -> Vec<(String, [u128; 2])> {
        tests::with_another_cell(self)
    }
}

/// Returns the CSV line of a row with this event time and the cells that `write` adds.
pub(crate) fn row_line(event_time_ms: i64, symbols: &Symbols, write: impl FnOnce(&mut Cells<'_>)) -> String {
    let mut line = String::new();
    push_rfc3339(event_time_ms, &mut line);
    write(&mut Cells { line: &mut line, symbols, ends: None });
    line
}

/// Returns the cells of a row one by one, each with what it holds, without separators and quotes.
pub(crate) fn row_cells(
    event_time_ms: i64,
    symbols: &Symbols,
    write: impl FnOnce(&mut Cells<'_>),
) -> Vec<(CellKind, String)> {
    let mut line = rfc3339(event_time_ms);
    let mut ends = vec![(CellKind::Time, line.len())];
    write(&mut Cells { line: &mut line, symbols, ends: Some(&mut ends) });
    let starts = [0].into_iter().chain(ends.iter().map(|(_, end)| *end));
    starts.zip(&ends).map(|(start, (kind, end))| (*kind, line[start..*end].to_owned())).collect()
}

/// Answers given and retracted, worker by worker; the changes of one key are in the order in which they occurred.
pub struct Changes {
    rows: Box<dyn Answers>,
    times: Vec<i32>,
}

impl Changes {
    /// Returns the changes that give these answers.
    pub(crate) fn given<R: Row>(rows: Vec<R>) -> Changes {
        Changes { times: vec![1; rows.len()], rows: Box::new(rows) }
    }

    /// Returns changes whatever their type.
    pub(crate) fn of<R: Row>(changes: &[Change<R>]) -> Changes {
        let rows: Vec<R> = changes.iter().map(|change| change.row).collect();
        Changes { times: changes.iter().map(|change| change.times).collect(), rows: Box::new(rows) }
    }

    /// Returns the answers that are given or taken back.
    pub fn answers(&self) -> &dyn Answers {
        &*self.rows
    }

    /// Returns 1 for each answer that is given, and -1 for each that is taken back.
    pub fn times(&self) -> &[i32] {
        &self.times
    }

    /// Returns the changes with other rows, which must be as many.
    pub(crate) fn map_rows(self, map: impl FnOnce(Box<dyn Answers>) -> Box<dyn Answers>) -> Changes {
        Changes { rows: map(self.rows), times: self.times }
    }

    /// Returns the number of retractions.
    pub fn retractions(&self) -> u64 {
        self.times.iter().filter(|times| **times < 0).count() as u64
    }

    /// Returns the number of subjects with a retracted answer.
    pub fn corrected_subjects(&self) -> u64 {
        let subjects = self.rows.subjects().into_iter().zip(&self.times);
        let mut corrected: Vec<u64> = subjects.filter(|(_, times)| **times < 0).map(|(subject, _)| subject).collect();
        corrected.sort_unstable();
        corrected.dedup();
        corrected.len() as u64
    }

    /// Returns the header line: that of the answers, then `change`.
    pub fn header(&self) -> String {
        format!("{},change", self.rows.header())
    }

    /// Returns the changes as CSV lines, +1 for an answer given, -1 for one retracted.
    pub fn lines(&self, symbols: &Symbols) -> impl Iterator<Item = String> {
        self.times.iter().enumerate().map(|(at, times)| format!("{},{times:+}", self.rows.line(at, symbols)))
    }
}

/// Returns the answers that remain after all changes, and the changes. `None` if an answer was retracted more often
/// than it was given.
pub(crate) fn consolidated<R: Row>(changes: Vec<Change<R>>) -> Option<(Vec<R>, Changes)> {
    let all = Changes::of(&changes);
    let mut sorted = changes;
    sorted.sort_unstable();
    let mut left = Vec::new();
    for same in sorted.chunk_by(|one, other| one.row == other.row) {
        let sum: i32 = same.iter().map(|change| change.times).sum();
        left.extend(std::iter::repeat_n(same[0].row, usize::try_from(sum).ok()?));
    }
    Some((left, all))
}

/// An answer that a planted fault can corrupt.
pub(crate) trait Corrupt {
    /// Makes the answer wrong.
    fn corrupt(&mut self);
}

impl<R: Row> Corrupt for R {
    fn corrupt(&mut self) {
        *self = self.at(self.event_time_ms() + 1);
    }
}

impl<R: Row> Corrupt for Change<R> {
    fn corrupt(&mut self) {
        self.row.corrupt();
    }
}

fn fingerprint<R: Row>(row: &R) -> u128 {
    u128::from(stable_hash(1, row)) << 64 | u128::from(stable_hash(2, row))
}

/// Returns a hash that is the same on every machine and in every release.
pub(crate) fn stable_hash(seed: u64, what: &impl Hash) -> u64 {
    let mut hasher = StableHasher(mix(seed));
    what.hash(&mut hasher);
    hasher.finish()
}

/// A hasher that gives the same result on every machine and in every release, unlike the standard library's.
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
    use flowbench_events::Kind;
    use serde_json::Value as Json;

    use super::*;

    /// See [`Answers::with_another_cell`]. A cell changes to what any other row has there, and a number in any one bit.
    pub(super) fn with_another_cell<R: Row>(rows: &[R]) -> Vec<(String, [u128; 2])> {
        let encoded: Vec<Json> = rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
        let mut found = Vec::new();
        for (row, cells) in rows.iter().zip(&encoded) {
            for (name, cell) in cells.as_object().unwrap() {
                let of_others = encoded.iter().map(|other| other[name].clone()).filter(|other| other != cell);
                for other in of_others.chain(with_another_bit(cell)) {
                    let mut cells = cells.clone();
                    cells[name] = other;
                    let Ok(other) = serde_json::from_value::<R>(cells) else { continue };
                    found.push((name.clone(), [fingerprint(row), fingerprint(&other)]));
                }
            }
        }
        let names = encoded.iter().flat_map(|cells| cells.as_object().unwrap().keys());
        let same = names.into_iter().find(|name| found.iter().all(|(other, _)| other != *name));
        assert_eq!(same, None, "this cell is the same in all rows");
        found
    }

    fn with_another_bit(cell: &Json) -> Vec<Json> {
        let Json::Object(parts) = cell else {
            let bits = (0..64).map(|bit| 1_u64 << bit);
            let signed = cell.as_i64().map(|number| bits.clone().map(move |bit| (number ^ bit as i64).into()));
            let unsigned = cell.as_u64().map(|number| bits.map(move |bit| (number ^ bit).into()));
            return signed.into_iter().flatten().chain(unsigned.into_iter().flatten()).collect();
        };
        let with = |name: &String, part: Json| {
            let mut parts = parts.clone();
            parts.insert(name.clone(), part);
            Json::Object(parts)
        };
        parts
            .iter()
            .flat_map(|(name, part)| with_another_bit(part).into_iter().map(move |part| with(name, part)))
            .collect()
    }

    /// A row with a cell of every kind there is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Motley {
        rating: u8,
        country: u16,
        number: u32,
        customer: Id,
        event_id: EventId,
        views: u64,
        size: usize,
        day: i32,
        event_time_ms: i64,
        lead_ms: Option<i64>,
        limit: Option<u32>,
        total: Total,
        stage: Kind,
        is_late: bool,
        code: [u8; 2],
    }

    impl Row for Motley {
        const COLUMNS: &'static [&'static str] = &["day"];
        fn subject(&self) -> impl Hash {
            self.customer
        }
        fn event_time_ms(&self) -> i64 {
            self.event_time_ms
        }
        fn write(&self, cells: &mut Cells<'_>) {
            cells.text(self.day);
        }
        fn at(self, event_time_ms: i64) -> Self {
            Self { event_time_ms, ..self }
        }
    }

    #[test]
    fn a_cell_of_any_kind_is_in_the_fingerprint_and_the_fingerprint_is_fixed() {
        let some = Motley {
            rating: 1,
            country: 2,
            number: 3,
            customer: Id(4),
            event_id: EventId::number(5),
            views: 6,
            size: 7,
            day: -8,
            event_time_ms: -9,
            lead_ms: Some(10),
            limit: None,
            total: Total::from(-11),
            stage: Kind::OrderPlaced,
            is_late: true,
            code: [12, 13],
        };
        let other = Motley {
            lead_ms: None,
            limit: Some(u32::MAX),
            stage: Kind::PageViewed,
            is_late: false,
            code: [12, 14],
            ..some
        };
        let rows = vec![some, other];
        assert!(rows.with_another_cell().iter().all(|(_, [row, other])| row != other));
        let fixed =
            [245_582_732_646_089_138_858_597_027_439_602_589_589, 310_926_213_032_487_088_886_699_981_163_040_723_040];
        assert_eq!(rows.fingerprints(), fixed);
        assert_eq!(rows.subjects()[0], rows.subjects()[1]);
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Named(i64, u16);

    impl Row for Named {
        const COLUMNS: &'static [&'static str] = &["country"];
        fn subject(&self) -> impl Hash {
            self.1
        }
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
        assert_eq!(
            (rows.header().as_str(), rows.event_time_ms(0), Answers::is_empty(&rows)),
            ("event_time,country", 1000, false)
        );
        assert!(Answers::is_empty(&Vec::<Named>::new()));
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

    #[test]
    fn changes_consolidate_to_what_is_left() {
        let mut out = Vec::new();
        push_changes(&mut [Named(1, 1), Named(1, 1), Named(2, 2)], &mut [Named(3, 3), Named(1, 1)], &mut out);
        let (taken, given) = (Change::retracted, Change::given);
        assert_eq!(out, [taken(Named(1, 1)), taken(Named(2, 2)), given(Named(3, 3))]);
        let first = [Named(1, 1), Named(1, 1), Named(2, 2)].map(given);
        let (left, changes) = consolidated(first.into_iter().chain(out).collect()).unwrap();
        assert_eq!(left, [Named(1, 1), Named(3, 3)]);
        assert_eq!((changes.retractions(), changes.corrected_subjects()), (2, 2));
        let mut symbols = Symbols::default();
        for name in ["A", "B", "C"] {
            symbols.country(name);
        }
        let lines: Vec<String> = changes.lines(&symbols).map(|line| line[24..].to_owned()).collect();
        assert_eq!((changes.header().as_str(), lines[3].as_str()), ("event_time,country,change", ",A,-1"));
        assert!(consolidated(vec![taken(Named(1, 1))]).is_none());
    }

    #[test]
    fn a_corrupted_answer_is_a_millisecond_late() {
        let mut change = Change::retracted(Named(5, 1));
        change.corrupt();
        assert_eq!(change, Change::retracted(Named(6, 1)));
    }
}

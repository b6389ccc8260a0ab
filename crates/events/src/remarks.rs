//! Remarks on a log as a whole, which are made once, at its end.

use crate::absent::Absent;
use crate::currency::Currency;
use crate::fields::{Field, shown};
use crate::time::rfc3339;
use crate::time_format::TimeFormats;

/// The facts that are collected while reading.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The number of the current row, from 1.
    row: u64,
    nothings: Vec<Nothing>,
    currencies: Vec<String>,
    latest_event_time_ms: Option<i64>,
}

/// A text that may mean that a field is absent.
#[derive(Debug)]
struct Nothing {
    field: Field,
    text: String,
    rows: u64,
    last_row: u64,
}

/// The minimum number of rows for a remark on a word, since it may be a name in fewer rows.
const ROWS_MIN: u64 = 3;

/// The maximum number of such words, and of currencies, that are collected.
const NAMED_MAX: usize = 20;

impl Notes {
    /// Begins the next row.
    pub(crate) fn next_row(&mut self) {
        self.row += 1;
    }

    /// Notes the time of an event.
    #[inline]
    pub(crate) fn event_time(&mut self, ms: i64) {
        self.latest_event_time_ms = self.latest_event_time_ms.max(Some(ms));
    }

    /// Notes a word that may mean that the field is absent.
    pub(crate) fn nothing(&mut self, field: Field, text: &str) {
        let (row, is_full) = (self.row, self.nothings.len() == NAMED_MAX);
        match self.nothings.iter_mut().find(|nothing| nothing.field == field && nothing.text == text) {
            // The events of a row may share a field.
            Some(known) if known.last_row == row => {}
            Some(known) => (known.rows, known.last_row) = (known.rows + 1, row),
            None if is_full => {}
            None => self.nothings.push(Nothing { field, text: text.to_owned(), rows: 1, last_row: row }),
        }
    }

    /// Notes the currency of an amount.
    pub(crate) fn currency(&mut self, currency: Currency) {
        if self.currencies.len() < NAMED_MAX && !self.currencies.iter().any(|known| currency.is(known)) {
            self.currencies.push(currency.to_string());
        }
    }

    /// Returns what should be said about the log, one sentence each; `absent` and `times` are how its fields were read.
    pub(crate) fn remarks(&self, absent: &Absent, times: &[&TimeFormats]) -> Vec<String> {
        let on_times = times.iter().find_map(|formats| self.on_times(formats));
        [self.on_nothings(absent), self.on_currencies(), on_times].into_iter().flatten().collect()
    }

    fn on_nothings(&self, absent: &Absent) -> Option<String> {
        let many = || self.nothings.iter().filter(|nothing| nothing.rows >= ROWS_MIN);
        let seen: Vec<String> = many()
            .map(|Nothing { field, text, rows, .. }| format!("{} is the {} of {rows} rows", shown(text), field.name()))
            .collect();
        let mut words: Vec<&str> = absent.words().iter().map(String::as_str).collect();
        for nothing in many() {
            if !words.contains(&nothing.text.as_str()) {
                words.push(&nothing.text);
            }
        }
        let fix = "if that means that the field is absent, say so in a mapping";
        (!seen.is_empty()).then(|| format!("{}; {fix}: absent = {words:?}", seen.join(", ")))
    }

    fn on_currencies(&self) -> Option<String> {
        let named: Vec<String> = self.currencies.iter().map(|currency| shown(currency)).collect();
        (named.len() > 1).then(|| format!("values are in several currencies ({}): sums mix them", named.join(", ")))
    }

    fn on_times(&self, formats: &TimeFormats) -> Option<String> {
        let latest_ms = self.latest_event_time_ms?;
        let (format, meant_ms) = formats.coarser(latest_ms)?;
        let (latest, meant) = (rfc3339(latest_ms), rfc3339(meant_ms));
        Some(format!("no event time is later than {latest}; is the format {format}? With it, the latest is {meant}"))
    }
}

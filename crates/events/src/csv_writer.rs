//! Writes events as rows of CSV. `csv-core` decides which fields need quotes.
//!
//! Decision D-104.

use std::fmt::Write as _;

use crate::event::Event;
use crate::symbols::{Symbols, push_number};
use crate::time::push_rfc3339;

/// Writes events as rows of the interchange format.
#[derive(Debug, Default)]
pub(crate) struct EventRows {
    rules: csv_core::Writer,
}

impl EventRows {
    /// Appends one event as a row.
    pub(crate) fn push(&self, event: &Event, symbols: &Symbols, row: &mut String) {
        let record = event.record();
        if !record.event_id.is_absent() {
            self.push_text(row, |row| symbols.push_event_id(record.event_id, row));
        }
        row.push(',');
        row.push_str(record.kind.name());
        row.push(',');
        push_rfc3339(record.event_time_ms, row);
        row.push(',');
        push_rfc3339(record.arrival_time_ms, row);
        for id in [record.customer, record.order, record.product] {
            row.push(',');
            self.push_text(row, |row| symbols.push_id(id, row));
        }
        row.push(',');
        if let Some(value) = record.value {
            // Writing to a String cannot fail.
            let _ = write!(row, "{value}");
        }
        row.push(',');
        self.push_text(row, |row| row.push_str(symbols.country_name(record.country)));
        row.push(',');
        if let Some(load_time_ms) = record.load_time_ms {
            push_number(u64::from(load_time_ms), row);
        }
        row.push(',');
        if let Some(rating) = record.rating {
            push_number(u64::from(rating), row);
        }
        row.push(',');
        row.push_str(record.channel.map_or("", |channel| channel.name()));
        row.push('\n');
    }

    /// Appends a text, in quotes if it needs them.
    fn push_text(&self, row: &mut String, push: impl FnOnce(&mut String)) {
        let start = row.len();
        push(row);
        if self.rules.should_quote(&row.as_bytes()[start..]) {
            quote(row, start);
        }
    }
}

/// Puts quotes around the text that begins at `start`, and doubles the quotes in it.
#[cold]
fn quote(row: &mut String, start: usize) {
    let text = row.split_off(start);
    let mut quoted = vec![0; 2 * text.len()];
    let (_, _, length) = csv_core::quote(text.as_bytes(), &mut quoted, b'"', b'"', true);
    row.extend(["\"", &String::from_utf8_lossy(&quoted[..length]), "\""]);
}

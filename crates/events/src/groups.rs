//! Several rows that are one event, such as the lines of an order.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::HashSet;

use crate::decoder::{BadField, Decoder, KindOf};
use crate::event::{Event, Kind, Record, Value};
use crate::fields::{Field, Texts};
use crate::remarks::Notes;

/// Joins consecutive rows that have a text in common.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The column that holds the text.
    name: String,
    open: Option<Group>,
    /// The hashes of the first groups, by which a group that occurs again is noticed.
    seen: HashSet<u64, foldhash::fast::RandomState>,
    again: u64,
}

/// The event of the rows so far, which is that of the first row with the sum of all values.
#[derive(Debug)]
struct Group {
    key: String,
    event: Event,
    value: Option<Value>,
}

/// The maximum number of groups that are remembered, in about 20 MB. It is not noticed if later ones occur again.
const SEEN_MAX: usize = 1 << 20;

impl Groups {
    /// Returns groups by the text of this column.
    pub(crate) fn new(name: &str) -> Groups {
        Groups { name: name.to_owned(), open: None, seen: HashSet::default(), again: 0 }
    }

    /// Takes a row that continues the open group, which has the same text and the same kind or none. Only its value is
    /// read. Returns false if the row does not continue the group.
    pub(crate) fn go_on(&mut self, decoder: &Decoder, texts: &Texts, notes: &mut Notes) -> Result<bool, BadField> {
        let Some(open) = self.open.as_mut().filter(|open| open.key == texts[Field::Group]) else { return Ok(false) };
        let is_alike = match decoder.kind(texts, notes)? {
            KindOf::Known(kind) => kind == open.event.kind(),
            KindOf::Absent => true,
            KindOf::Other => false,
        };
        if is_alike && let Some(value) = decoder.value(texts, notes)? {
            let sum = open.value.map_or(0, |sum| sum.0).checked_add(value.0).filter(|sum| *sum != i64::MIN);
            let too_large = || {
                let reason =
                    format!("with {value} the sum of its rows does not fit: the maximum is 9223372036854775.807");
                BadField { field: Field::Value, reason }
            };
            open.value = Some(Value(sum.ok_or_else(too_large)?));
        }
        Ok(is_alike)
    }

    /// Begins a group unless `key` is empty, and returns the events that are complete.
    pub(crate) fn begin(&mut self, key: &str, event: Event) -> [Option<Event>; 2] {
        let before = self.end();
        if key.is_empty() {
            return [before, Some(event)];
        }
        self.note(key, event.kind());
        self.open = Some(Group { key: key.to_owned(), event, value: event.value() });
        [before, None]
    }

    /// Ends the open group and returns its event.
    pub(crate) fn end(&mut self) -> Option<Event> {
        let group = self.open.take()?;
        Some(Event::pack(Record { value: group.value, ..group.event.record() }))
    }

    /// Returns the remark on groups that occurred again.
    pub(crate) fn remark(&self) -> Option<String> {
        (self.again > 0).then(|| {
            format!(
                "rows with the same '{}' are not all consecutive: {} events repeat one that had an event before; sort \
                 the log by it if each should be one event",
                self.name, self.again
            )
        })
    }

    fn note(&mut self, key: &str, kind: Kind) {
        let hash = FixedState::default().hash_one((key, kind));
        if self.seen.contains(&hash) {
            self.again += 1;
        } else if self.seen.len() < SEEN_MAX {
            self.seen.insert(hash);
        }
    }
}

//! Several rows that are one event: the lines of an order.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::HashSet;

use crate::decoder::{BadField, Decoder, KindOf};
use crate::event::{Event, Kind, Record, Value};
use crate::fields::{Field, Texts};
use crate::remarks::Notes;

/// Puts consecutive rows together that have a text in common.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The column of the text.
    name: String,
    open: Option<Group>,
    /// Hashes of the first groups, to notice when one of them comes again.
    seen: HashSet<u64, foldhash::fast::RandomState>,
    again: u64,
}

/// The event of the rows so far: that of the first, with the sum of all values.
#[derive(Debug)]
struct Group {
    key: String,
    event: Event,
    value: Option<Value>,
}

/// How many groups are remembered, in some 20 MB: of those that begin later it is not noticed that they come again.
const SEEN_MAX: usize = 1 << 20;

impl Groups {
    /// By the text of that column.
    pub(crate) fn new(name: &str) -> Groups {
        Groups { name: name.to_owned(), open: None, seen: HashSet::default(), again: 0 }
    }

    /// Takes a row that goes on with the open group: it has the same text and is of the same kind, or of none. Of such a
    /// row nothing but the value is read. False if it begins something new.
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
                    format!("with {value} the sum of its rows does not fit: the greatest is 9223372036854775.807");
                BadField { field: Field::Value, reason }
            };
            open.value = Some(Value(sum.ok_or_else(too_large)?));
        }
        Ok(is_alike)
    }

    /// Begins a group, unless `key` is empty; gives back the events that are complete.
    pub(crate) fn begin(&mut self, key: &str, event: Event) -> [Option<Event>; 2] {
        let before = self.end();
        if key.is_empty() {
            return [before, Some(event)];
        }
        self.note(key, event.kind());
        self.open = Some(Group { key: key.to_owned(), event, value: event.value() });
        [before, None]
    }

    /// The event of the open group.
    pub(crate) fn end(&mut self) -> Option<Event> {
        let group = self.open.take()?;
        Some(Event::pack(Record { value: group.value, ..group.event.record() }))
    }

    /// What has to be said of groups that came again.
    pub(crate) fn remark(&self) -> Option<String> {
        (self.again > 0).then(|| {
            format!(
                "rows of one '{}' do not all stand together: {} events are of one that had an event before; sort the \
                 log by it if each should be one event",
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

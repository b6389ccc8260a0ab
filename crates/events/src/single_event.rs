//! Reads events one by one, as they arrive, rather than from a log.

use std::borrow::Cow;

use crate::decoder::{Decoded, Decoder};
use crate::event::{Event, EventId};
use crate::fields::{Field, Texts};
use crate::jsonl::texts_of;
use crate::remarks::Notes;
use crate::symbols::Symbols;
use crate::time::{TIME_MS_MAX, TIME_MS_MIN, rfc3339};

/// Reads events of the interchange format one by one.
pub struct EventDecoder {
    decoder: Decoder,
    notes: Notes,
}

/// An event as it arrives: a JSON object, and what stands outside of it.
#[derive(Debug, Clone, Copy)]
pub struct ArrivingEvent<'a> {
    /// The fields by the names of the interchange format.
    pub object: &'a str,
    /// The name of the kind, if it is not in the object.
    pub kind: Option<&'a str>,
    /// The event time, if it is not in the object; without either it is the arrival time.
    pub event_time: Option<&'a str>,
    /// The number that becomes the event id.
    pub number: u64,
    /// The arrival time in ms; `None` if the one in the object counts.
    pub arrival_time_ms: Option<i64>,
}

impl Default for EventDecoder {
    fn default() -> Self {
        Self { decoder: Decoder::native(), notes: Notes::default() }
    }
}

impl EventDecoder {
    /// Reads an event; `symbols` takes its texts. Returns the event and the id it came with, which may be empty.
    ///
    /// # Errors
    ///
    /// Returns the field to blame and the reason.
    pub fn decode<'a>(
        &mut self,
        arriving: &ArrivingEvent<'a>,
        symbols: &mut Symbols,
    ) -> Result<(Event, Cow<'a, str>), String> {
        let mut texts = texts_of(arriving.object, false, |_| {}).map_err(|(field, reason)| match field {
            Some(field) => format!("{}: {reason}", field.name()),
            None => reason,
        })?;
        for (field, text) in [(Field::Kind, arriving.kind), (Field::EventTime, arriving.event_time)] {
            if let Some(text) = text {
                texts[field as usize] = text.into();
            }
        }
        if let Some(arrival_time_ms) = arriving.arrival_time_ms {
            texts[Field::ArrivalTime as usize] = "".into();
            if texts[Field::EventTime as usize].is_empty() {
                texts[Field::EventTime as usize] = rfc3339(arrival_time_ms).into();
            }
        }
        let id = std::mem::take(&mut texts[Field::EventId as usize]);
        let mut event = {
            let texts = Texts(std::array::from_fn(|at| &*texts[at]));
            match self.decoder.decode(&texts, 1, symbols, &mut self.notes) {
                Ok(Decoded::Event(event)) => event,
                Ok(_) => return Err("kind: it is missing".to_owned()),
                Err(bad) => return Err(format!("{}: {}", bad.field.name(), bad.reason)),
            }
        };
        if let Some(arrival_time_ms) = arriving.arrival_time_ms {
            event = event.arriving_at(arrival_time_ms.clamp(TIME_MS_MIN, TIME_MS_MAX));
        }
        event.set_event_id(EventId::number(arriving.number));
        Ok((event, id))
    }
}

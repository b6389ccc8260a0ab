//! Reads events one by one, as they arrive, rather than from a log.

use std::borrow::Cow;

use crate::decoder::{Decoded, Decoder};
use crate::event::{Event, EventId};
use crate::fields::{FIELDS, Field, Texts};
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

/// An event whose ids and country are still texts: nothing has been added to the symbols of the trace yet, and nothing
/// will be unless the event is [taken in](Self::intern).
#[derive(Debug)]
pub struct DecodedEvent<'a> {
    event: Event,
    event_id: Cow<'a, str>,
    country: Cow<'a, str>,
    /// Customer, order and product.
    ids: [Cow<'a, str>; 3],
}

impl EventDecoder {
    /// Reads an event.
    ///
    /// # Errors
    ///
    /// Returns the field to blame and the reason.
    pub fn decode<'a>(&mut self, arriving: &ArrivingEvent<'a>) -> Result<DecodedEvent<'a>, String> {
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
        let event_id = std::mem::take(&mut texts[Field::EventId as usize]);
        let [country, customer, order, product] = self.take_texts(&mut texts);
        let mut event = self.without_texts(&Texts(std::array::from_fn(|at| &*texts[at])))?;
        if let Some(arrival_time_ms) = arriving.arrival_time_ms {
            event = event.arriving_at(arrival_time_ms.clamp(TIME_MS_MIN, TIME_MS_MAX));
        }
        event.set_event_id(EventId::number(arriving.number));
        Ok(DecodedEvent { event, event_id, country, ids: [customer, order, product] })
    }

    /// Takes out the country, the customer, the order and the product. Words that mean that there is none are empty.
    fn take_texts<'a>(&mut self, texts: &mut [Cow<'a, str>; FIELDS]) -> [Cow<'a, str>; 4] {
        const TAKEN: [Field; 4] = [Field::Country, Field::Customer, Field::Order, Field::Product];
        let is_present = {
            let texts = Texts(std::array::from_fn(|at| &*texts[at]));
            TAKEN.map(|field| !self.decoder.present(&texts, field, &mut self.notes).is_empty())
        };
        let mut taken = TAKEN.map(|field| std::mem::take(&mut texts[field as usize]));
        for (text, is_present) in taken.iter_mut().zip(is_present) {
            if !is_present {
                *text = Cow::default();
            }
        }
        taken
    }

    fn without_texts(&mut self, texts: &Texts) -> Result<Event, String> {
        // There is no text in it.
        match self.decoder.decode(texts, 1, &mut Symbols::default(), &mut self.notes) {
            Ok(Decoded::Event(event)) => Ok(event),
            Ok(_) => Err("kind: it is missing".to_owned()),
            Err(bad) => Err(format!("{}: {}", bad.field.name(), bad.reason)),
        }
    }
}

impl DecodedEvent<'_> {
    /// Returns the event time in ms since the Unix epoch.
    pub fn event_time_ms(&self) -> i64 {
        self.event.event_time_ms()
    }

    /// Returns the arrival time in ms since the Unix epoch.
    pub fn arrival_time_ms(&self) -> i64 {
        self.event.arrival_time_ms()
    }

    /// Returns the id it came with, which may be empty.
    pub fn id(&self) -> &str {
        &self.event_id
    }

    /// Takes its texts into `symbols` and returns the event.
    ///
    /// # Errors
    ///
    /// Returns the field for whose text there is no room.
    pub fn intern(&self, symbols: &mut Symbols) -> Result<Event, String> {
        let full = |field: Field| format!("{}: there are too many distinct texts", field.name());
        let mut record = self.event.record();
        // First the one of which there can be few, so that an event that is refused leaves nothing.
        record.country = symbols.country(&self.country).ok_or_else(|| full(Field::Country))?;
        let [customer, order, product] = &self.ids;
        record.customer = symbols.id(customer).ok_or_else(|| full(Field::Customer))?;
        record.order = symbols.id(order).ok_or_else(|| full(Field::Order))?;
        record.product = symbols.id(product).ok_or_else(|| full(Field::Product))?;
        Ok(Event::pack(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(object: &str) -> Result<DecodedEvent<'_>, String> {
        let arriving =
            ArrivingEvent { object, kind: None, event_time: None, number: 7, arrival_time_ms: Some(1_767_614_400_000) };
        EventDecoder::default().decode(&arriving)
    }

    #[test]
    fn an_event_that_is_decoded_and_not_taken_in_leaves_no_text() {
        let mut symbols = Symbols::default();
        let order = decode(
            r#"{"event_id":"e1","kind":"order_placed","customer":"ann","order":"o-1","product":"NULL","country":"GB","value":"1.5"}"#,
        );
        let order = order.unwrap();
        assert_eq!((order.id(), order.event_time_ms(), symbols.len()), ("e1", order.arrival_time_ms(), 0));
        let event = order.intern(&mut symbols).unwrap();
        assert_eq!((symbols.len(), event.product(), event.country()), (3, None, 1));
        assert_eq!((symbols.find_id("ann"), event.value().map(|value| value.0)), (event.customer(), Some(1_500)));
        assert!(decode(r#"{"kind":"order_placed","customer":"bob","value":"x"}"#).unwrap_err().starts_with("value: "));
    }

    #[test]
    fn an_event_for_whose_country_there_is_no_room_leaves_no_text() {
        let mut symbols = Symbols::default();
        (0..65_535).for_each(|number| assert!(symbols.country(&format!("c{number}")).is_some()));
        let known = symbols.len();
        let error = decode(r#"{"kind":"page_viewed","customer":"ann","country":"one more"}"#).unwrap();
        assert_eq!(error.intern(&mut symbols).unwrap_err(), "country: there are too many distinct texts");
        assert_eq!(symbols.len(), known);
    }
}

//! Batches: events of a queue as a function reads them, in JSON Lines.

use crate::cloud_event::{AttributeValue, CloudEvent};
use crate::queue::{Cursor, CursorError, EventQueue};

use super::limits;

/// Events of a queue, one after the other.
#[derive(Debug)]
pub(super) struct Batch {
    /// One event a line, each with a line end.
    pub(super) lines: Vec<u8>,
    pub(super) events: u64,
    /// Events left out, as they have come through too many functions.
    pub(super) refused: u64,
    /// The most functions that one of the events has come through.
    pub(super) hops: i32,
    pub(super) start: Cursor,
    pub(super) end: Cursor,
}

impl Batch {
    /// Reads the events from a cursor on, `limit` at most. There may be none.
    ///
    /// # Errors
    ///
    /// Fails if the queue cannot be read from this cursor.
    pub(super) fn read(queue: &EventQueue, start: Cursor, limit: usize) -> Result<Batch, CursorError> {
        let mut batch = Batch { lines: Vec::new(), events: 0, refused: 0, hops: 0, start, end: start };
        for queued in queue.read(start, limit)? {
            let hops = hops_of(&queued.event);
            if hops < limits::HOPS_MAX {
                let line = line_of(&queued.event);
                if batch.events > 0 && batch.lines.len() + line.len() > limits::BATCH_BYTES_MAX {
                    break;
                }
                batch.lines.extend(line);
                batch.hops = batch.hops.max(hops);
                batch.events += 1;
            } else {
                batch.refused += 1;
            }
            batch.end = Cursor(queued.position + 1);
        }
        Ok(batch)
    }
}

/// Returns how many functions an event has come through.
fn hops_of(event: &CloudEvent) -> i32 {
    match event.attributes.get("hops") {
        Some(AttributeValue::Integer(hops)) => (*hops).max(0),
        _ => 0,
    }
}

/// Returns an event as one line. A line end within its data is white space between values, as texts have it escaped.
fn line_of(event: &CloudEvent) -> Vec<u8> {
    let mut line = event.to_json().into_bytes();
    for byte in &mut line {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud_event::EventData;
    use serde_json::value::RawValue;

    fn event(data: &str) -> CloudEvent {
        let mut event = CloudEvent::new("", "/shop", "order");
        event.data = Some(EventData::Json(RawValue::from_string(data.to_owned()).unwrap()));
        event
    }

    #[test]
    fn a_line_has_its_attributes_in_the_order_of_their_names_and_the_data_last() {
        let queue = EventQueue::new("orders", 10);
        queue.append(event("{\"a\":\r\n 1}"));
        let batch = Batch::read(&queue, Cursor(0), 9).unwrap();
        assert_eq!(
            String::from_utf8(batch.lines).unwrap(),
            "{\"id\":\"00000000000000000000\",\"sequence\":\"00000000000000000000\",\"source\":\"/shop\",\
             \"specversion\":\"1.0\",\"type\":\"order\",\"data\":{\"a\":   1}}\n"
        );
    }

    #[test]
    fn a_batch_ends_before_it_is_too_large_and_has_one_event_at_least() {
        let queue = EventQueue::new("orders", 10);
        let large = format!("\"{}\"", "x".repeat(limits::BATCH_BYTES_MAX / 2));
        queue.append_all([event(&large), event(&large), event(&large)]);
        let batch = Batch::read(&queue, Cursor(0), 9).unwrap();
        assert_eq!((batch.events, batch.start, batch.end), (1, Cursor(0), Cursor(1)));
        queue.append(event(&format!("\"{}\"", "x".repeat(limits::BATCH_BYTES_MAX))));
        assert_eq!(Batch::read(&queue, Cursor(3), 9).unwrap().events, 1);
    }

    #[test]
    fn what_has_come_through_eight_functions_is_left_out() {
        let queue = EventQueue::new("orders", 10);
        for hops in [-3, 7, 8, i32::MAX] {
            let mut event = event("1");
            event.attributes.insert("hops".to_owned(), AttributeValue::Integer(hops));
            queue.append(event);
        }
        let batch = Batch::read(&queue, Cursor(0), 9).unwrap();
        assert_eq!((batch.events, batch.refused, batch.hops, batch.end), (2, 2, 7, Cursor(4)));
    }
}

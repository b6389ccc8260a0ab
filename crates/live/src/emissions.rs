//! What a rule or a function emits, on its way into the recording.
//!
//! Decision D-670.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::error::TryRecvError;

use crate::cloud_event::CloudEvent;
use crate::intake::{IntakeReceipt, Ticket};
use crate::queue::Cursor;

/// Offers the events that a rule or a function emitted for a batch. `None` if the session has ended.
pub type EventSink = Arc<dyn Fn(Vec<CloudEvent>) -> Option<Ticket> + Send + Sync>;

/// Batches whose emitted events are not known to be recorded yet.
///
/// Whoever emits goes on meanwhile. The cursor it may keep is before the first of these batches: after a crash, what may
/// not have been recorded is emitted again.
#[derive(Debug, Default)]
pub struct Emissions {
    /// In the order of the queue.
    offered: VecDeque<OfferedBatch>,
    bytes: usize,
    has_session_ended: bool,
}

#[derive(Debug)]
struct OfferedBatch {
    start: Cursor,
    bytes: usize,
    ticket: Ticket,
}

/// Batches on their way at most: beyond, whoever emits waits.
const BATCHES_MAX: usize = 64;
/// Bytes of data on their way, beyond which whoever emits waits.
pub const EMISSION_BYTES_MAX: usize = 4 << 20;

/// How long whoever emits waits at the end for receipts, which come with each epoch, every 100 ms.
const RECEIPTS_WITHIN: Duration = Duration::from_secs(5);

impl Emissions {
    /// Returns true if the next batch has to wait.
    pub fn is_full(&self) -> bool {
        self.offered.len() >= BATCHES_MAX || self.bytes >= EMISSION_BYTES_MAX
    }

    /// Returns true if there are receipts to wait for.
    pub fn is_waiting(&self) -> bool {
        !self.offered.is_empty() && !self.has_session_ended
    }

    /// Offers what was emitted for the batch from `start` on; returns false if the session has ended.
    pub fn offer(&mut self, start: Cursor, events: Vec<CloudEvent>, sink: &EventSink) -> bool {
        let bytes = events.iter().map(CloudEvent::data_bytes).sum();
        let Some(ticket) = sink(events) else { return false };
        self.bytes += bytes;
        self.offered.push_back(OfferedBatch { start, bytes, ticket });
        true
    }

    /// Forgets the batches that are recorded, and returns their receipts.
    pub fn settle(&mut self) -> Vec<IntakeReceipt> {
        let mut receipts = Vec::new();
        while let Some(batch) = self.offered.front_mut() {
            match batch.ticket.try_recv() {
                Ok(receipt) => receipts.push(receipt),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => {
                    // This and all behind it may not have been recorded, and is emitted again in the next session.
                    self.has_session_ended = true;
                    break;
                }
            }
            self.bytes -= batch.bytes;
            self.offered.pop_front();
        }
        receipts
    }

    /// Returns the cursor that may be kept by who has read up to `cursor`.
    pub fn kept_cursor(&self, cursor: Cursor) -> Cursor {
        self.offered.front().map_or(cursor, |batch| batch.start)
    }
}

/// Returns what a session says about emitted events it refused: how many, and the first reason.
pub fn refused_emissions(receipts: &[IntakeReceipt]) -> Option<(u64, String)> {
    let mut rejects = receipts.iter().flat_map(|receipt| &receipt.rejects).peekable();
    let reason = rejects.peek()?.reason.clone();
    Some((rejects.count() as u64, reason))
}

/// Waits as long as `is_waiting` returns true, for some seconds at most.
pub fn wait_for_receipts(mut is_waiting: impl FnMut() -> bool) {
    let give_up = Instant::now() + RECEIPTS_WITHIN;
    while is_waiting() && Instant::now() < give_up {
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::*;
    use crate::cloud_event::EventData;

    type Senders = Arc<Mutex<Vec<oneshot::Sender<IntakeReceipt>>>>;

    /// Returns a sink whose tickets wait for what is sent by the senders.
    fn held() -> (EventSink, Senders) {
        let senders = Senders::default();
        let into = Arc::clone(&senders);
        let sink = move |_| {
            let (sender, ticket) = oneshot::channel();
            into.lock().unwrap().push(sender);
            Some(ticket)
        };
        (Arc::new(sink), senders)
    }

    fn receipt(accepted: usize) -> IntakeReceipt {
        IntakeReceipt { accepted, ..IntakeReceipt::default() }
    }

    #[test]
    fn the_cursor_that_is_kept_is_before_the_first_batch_that_is_not_recorded() {
        let (mut emissions, (sink, senders)) = (Emissions::default(), held());
        for start in [10, 20, 30] {
            assert!(emissions.offer(Cursor(start), Vec::new(), &sink));
        }
        let mut senders = senders.lock().unwrap();
        senders.remove(1).send(receipt(2)).unwrap();
        assert_eq!((emissions.settle().len(), emissions.kept_cursor(Cursor(40))), (0, Cursor(10)));
        senders.remove(0).send(receipt(1)).unwrap();
        assert_eq!(emissions.settle(), [receipt(1), receipt(2)]);
        assert_eq!((emissions.kept_cursor(Cursor(40)), emissions.is_waiting()), (Cursor(30), true));
        senders.clear();
        assert_eq!((emissions.settle().len(), emissions.kept_cursor(Cursor(40))), (0, Cursor(30)), "the session ended");
        assert!(!emissions.is_waiting());
        assert_eq!(Emissions::default().kept_cursor(Cursor(40)), Cursor(40));
    }

    #[test]
    fn who_emits_much_more_than_is_recorded_waits() {
        let mut large = CloudEvent::new("", "/functions/f", "large");
        large.data = Some(EventData::Binary(vec![0; EMISSION_BYTES_MAX]));
        for (batch, batches) in [(Vec::new(), BATCHES_MAX), (vec![large], 1)] {
            let (mut emissions, (sink, senders)) = (Emissions::default(), held());
            for start in 0..batches {
                assert!(!emissions.is_full());
                emissions.offer(Cursor(start as u64), batch.clone(), &sink);
            }
            assert!(emissions.is_full());
            senders.lock().unwrap().drain(..).for_each(|sender| sender.send(receipt(0)).unwrap());
            assert_eq!(emissions.settle().len(), batches);
            assert!(!emissions.is_full() && !emissions.is_waiting());
        }
    }
}

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

/// Offers the events that a rule or a function emitted for a batch, as soon as there is room for them. `None` if the
/// session has ended.
pub type EventSink = Arc<dyn Fn(Vec<CloudEvent>) -> Option<Ticket> + Send + Sync>;

/// Batches whose emitted events are not known to be recorded yet.
///
/// Whoever emits goes on meanwhile. The cursor it may keep is before the first of these batches: after a crash, what may
/// not have been recorded is emitted again.
#[derive(Debug, Default)]
pub struct Emissions {
    /// The start of each batch and its ticket, in the order of the queue.
    offered: VecDeque<(Cursor, Ticket)>,
    has_session_ended: bool,
}

/// Batches on their way at most: beyond, whoever emits waits.
const BATCHES_MAX: usize = 64;

/// How long whoever emits waits at the end for receipts, which come with each epoch, every 100 ms.
const RECEIPTS_WITHIN: Duration = Duration::from_secs(5);

impl Emissions {
    /// Returns true if the next batch has to wait.
    pub fn is_full(&self) -> bool {
        self.offered.len() >= BATCHES_MAX
    }

    /// Returns true if there are receipts to wait for.
    pub fn is_waiting(&self) -> bool {
        !self.offered.is_empty() && !self.has_session_ended
    }

    /// Notes that the events of the batch from `start` on were offered.
    pub fn offer(&mut self, start: Cursor, ticket: Ticket) {
        self.offered.push_back((start, ticket));
    }

    /// Forgets the batches that are recorded, and returns their receipts.
    pub fn settle(&mut self) -> Vec<IntakeReceipt> {
        let mut receipts = Vec::new();
        while let Some((_, ticket)) = self.offered.front_mut() {
            match ticket.try_recv() {
                Ok(receipt) => receipts.push(receipt),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => {
                    // This and all behind it may not have been recorded, and is emitted again in the next session.
                    self.has_session_ended = true;
                    break;
                }
            }
            self.offered.pop_front();
        }
        receipts
    }

    /// Returns the cursor that may be kept by who has read up to `cursor`.
    pub fn kept_cursor(&self, cursor: Cursor) -> Cursor {
        self.offered.front().map_or(cursor, |(start, _)| *start)
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
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn the_cursor_that_is_kept_is_before_the_first_batch_that_is_not_recorded() {
        let mut emissions = Emissions::default();
        let mut senders = Vec::new();
        for start in [10, 20, 30] {
            let (sender, ticket) = oneshot::channel();
            emissions.offer(Cursor(start), ticket);
            senders.push(sender);
        }
        let receipt = |accepted| IntakeReceipt { accepted, ..IntakeReceipt::default() };
        senders.remove(1).send(receipt(2)).unwrap();
        assert_eq!((emissions.settle().len(), emissions.kept_cursor(Cursor(40))), (0, Cursor(10)));
        senders.remove(0).send(receipt(1)).unwrap();
        assert_eq!(emissions.settle(), [receipt(1), receipt(2)]);
        assert_eq!((emissions.kept_cursor(Cursor(40)), emissions.is_waiting()), (Cursor(30), true));
        drop(senders);
        assert_eq!((emissions.settle().len(), emissions.kept_cursor(Cursor(40))), (0, Cursor(30)), "the session ended");
        assert!(!emissions.is_waiting());
        assert_eq!(Emissions::default().kept_cursor(Cursor(40)), Cursor(40));
    }

    #[test]
    fn who_emits_much_faster_than_is_recorded_waits() {
        let mut emissions = Emissions::default();
        let senders: Vec<_> = (0..BATCHES_MAX)
            .map(|start| {
                assert!(!emissions.is_full());
                let (sender, ticket) = oneshot::channel();
                emissions.offer(Cursor(start as u64), ticket);
                sender
            })
            .collect();
        assert!(emissions.is_full());
        for sender in senders {
            sender.send(IntakeReceipt::default()).unwrap();
        }
        assert_eq!(emissions.settle().len(), BATCHES_MAX);
        assert!(!emissions.is_full() && !emissions.is_waiting());
    }
}

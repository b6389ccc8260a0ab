//! Named queues of events, each read by any number of readers that hold their own cursors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::cloud_event::CloudEvent;

/// A queue of events in the order of their positions, of which the newest are kept. It never waits for a reader.
#[derive(Debug)]
pub struct EventQueue {
    name: String,
    keep: usize,
    kept: Mutex<Kept>,
    end: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Arc<QueuedEvent>>,
    /// The position of the next event.
    end: u64,
    is_closed: bool,
}

/// An event with its position in a queue.
#[derive(Debug)]
pub struct QueuedEvent {
    /// The position, from 0.
    pub position: u64,
    /// The event; its id is the cursor behind it.
    pub event: CloudEvent,
}

/// How far a reader has come: the position of the next event it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor(pub u64);

/// Why a cursor cannot be read on from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CursorError {
    /// Events behind the cursor are no longer kept.
    #[error(
        "the events from {wanted} to before {oldest} are no longer kept; read them from the recording, or begin at {oldest}"
    )]
    Gone {
        /// The position of the next event that was wanted.
        wanted: u64,
        /// The oldest position that is kept.
        oldest: u64,
    },
    /// The queue does not reach that far.
    #[error("position {wanted} is beyond the end of the queue, {end}; the cursor is of another queue or session")]
    Beyond {
        /// The position of the next event that was wanted.
        wanted: u64,
        /// The position of the next event there will be.
        end: u64,
    },
    /// A text that is no cursor of this queue.
    #[error(
        "'{0}' is not an id of this feed; take one that it has given, or leave it out to begin with the oldest event"
    )]
    Unknown(String),
}

impl EventQueue {
    /// Returns an empty queue that keeps this many events, at least 1.
    pub fn new(name: impl Into<String>, keep: usize) -> EventQueue {
        let (end, _) = watch::channel(0);
        EventQueue { name: name.into(), keep: keep.max(1), kept: Mutex::default(), end }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends an event and wakes those who wait. Its id becomes the cursor behind it, and its position the attribute
    /// `sequence`.
    pub fn append(&self, event: CloudEvent) {
        self.append_all([event]);
    }

    /// Appends events like [`append`](Self::append), and wakes those who wait once.
    pub fn append_all(&self, events: impl IntoIterator<Item = CloudEvent>) {
        let mut kept = self.kept();
        for mut event in events {
            let position = kept.end;
            event.id = id_of(position);
            event.attributes.insert("sequence".to_owned(), crate::AttributeValue::Text(format!("{position:020}")));
            kept.events.push_back(Arc::new(QueuedEvent { position, event }));
            kept.end += 1;
            if kept.events.len() > self.keep {
                kept.events.pop_front();
            }
        }
        self.end.send_replace(kept.end);
    }

    /// Closes the queue: nobody waits any longer.
    pub fn close(&self) {
        let mut kept = self.kept();
        kept.is_closed = true;
        self.end.send_replace(kept.end);
    }

    /// Returns true if nothing will be appended any more.
    pub fn is_closed(&self) -> bool {
        self.kept().is_closed
    }

    /// Returns the cursor at the oldest event that is kept.
    pub fn oldest(&self) -> Cursor {
        let kept = self.kept();
        Cursor(kept.end - kept.events.len() as u64)
    }

    /// Returns the cursor behind the newest event.
    pub fn end(&self) -> Cursor {
        Cursor(self.kept().end)
    }

    /// Returns the cursor behind the event with this id.
    ///
    /// # Errors
    ///
    /// Fails if no event of this queue can have the id.
    pub fn behind(&self, id: &str) -> Result<Cursor, CursorError> {
        let position = id.parse::<u64>().ok().filter(|position| id_of(*position) == id);
        position.map(|position| Cursor(position + 1)).ok_or_else(|| CursorError::Unknown(id.to_owned()))
    }

    /// Returns the events from `cursor` on, `limit` at most.
    ///
    /// # Errors
    ///
    /// Fails if some of them are no longer kept, or the cursor is beyond the end.
    pub fn read(&self, cursor: Cursor, limit: usize) -> Result<Vec<Arc<QueuedEvent>>, CursorError> {
        let kept = self.kept();
        let (wanted, end) = (cursor.0, kept.end);
        let oldest = end - kept.events.len() as u64;
        if wanted < oldest {
            return Err(CursorError::Gone { wanted, oldest });
        }
        if wanted > end {
            return Err(CursorError::Beyond { wanted, end });
        }
        Ok(kept.events.iter().skip((wanted - oldest) as usize).take(limit).cloned().collect())
    }

    /// Waits until there is an event at `cursor`, the queue is closed, or `timeout` has passed.
    pub async fn wait(&self, cursor: Cursor, timeout: Duration) {
        let mut end = self.end.subscribe();
        let arrived = end.wait_for(|end| *end > cursor.0 || self.is_closed());
        // Whichever it was, the caller looks at the queue.
        let _ = tokio::time::timeout(timeout, arrived).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the id of the event at a position: texts of one length, which sort like positions.
fn id_of(position: u64) -> String {
    format!("{position:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(keep: usize, events: u64) -> EventQueue {
        let queue = EventQueue::new("orders", keep);
        queue.append_all((0..events).map(|at| CloudEvent::new("", "/test", format!("t{at}"))));
        queue
    }

    #[test]
    fn a_reader_goes_on_behind_the_id_it_has_seen() {
        let queue = queue(10, 5);
        let first = queue.read(queue.oldest(), 2).unwrap();
        assert_eq!(first.iter().map(|queued| queued.position).collect::<Vec<_>>(), [0, 1]);
        let rest = queue.read(queue.behind(&first[1].event.id).unwrap(), 10).unwrap();
        assert_eq!(rest.iter().map(|queued| &*queued.event.kind).collect::<Vec<_>>(), ["t2", "t3", "t4"]);
        assert!(queue.read(queue.end(), 10).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_longer_kept_or_not_there_yet_is_said() {
        let queue = queue(3, 5);
        assert_eq!(queue.oldest(), Cursor(2));
        assert_eq!(queue.read(Cursor(1), 9).unwrap_err(), CursorError::Gone { wanted: 1, oldest: 2 });
        assert_eq!(queue.read(Cursor(6), 9).unwrap_err(), CursorError::Beyond { wanted: 6, end: 5 });
        for id in ["", "7", "-1", "x", "000000000000000000007"] {
            assert_eq!(queue.behind(id), Err(CursorError::Unknown(id.to_owned())));
        }
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_an_event_and_by_the_end() {
        let queue = Arc::new(queue(3, 1));
        let wait = |cursor| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.wait(cursor, Duration::from_secs(60)).await })
        };
        let waiting = wait(Cursor(1));
        tokio::task::yield_now().await;
        queue.append(CloudEvent::new("", "/test", "more"));
        waiting.await.unwrap();
        let waiting = wait(Cursor(2));
        tokio::task::yield_now().await;
        queue.close();
        waiting.await.unwrap();
        queue.wait(Cursor(2), Duration::from_secs(60)).await;
    }
}

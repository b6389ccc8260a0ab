//! An external source, as a tile of the wall sees it.

use std::fmt::{Display, Formatter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cloud_event::CloudEvent;
use crate::queue::EventQueue;
use crate::wall::markup::clock;
use crate::wall_clock::wall_clock_ms;
use crate::webhook::WebhookUrl;

/// Events that are kept of a source.
pub(super) const EVENTS_MAX: usize = 10_000;

/// What a tile reads outside of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalSource {
    /// A CSV file whose first line names the columns; its path is relative to the layout.
    Csv(PathBuf),
    /// A feed of another service, which speaks HTTP Feeds.
    Feed {
        /// Its address.
        url: WebhookUrl,
        /// The variable of the environment that holds the token.
        bearer: Option<String>,
    },
}

/// The events of an external source that were read last. A reader fills it and a tile looks at it; neither waits for the
/// other.
#[derive(Debug)]
pub struct ExternalFeed {
    source: ExternalSource,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    /// Changes when the source has begun anew, and with it the queue.
    generation: u64,
    queue: Arc<EventQueue>,
    /// Why it cannot be read at the moment.
    failure: Option<String>,
    refused: u64,
    why_refused: String,
}

/// A queue with which a tile begins anew, since the source has.
pub(in crate::wall) struct Anew {
    pub(in crate::wall) generation: u64,
    pub(in crate::wall) queue: Arc<EventQueue>,
}

impl Display for ExternalSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            ExternalSource::Csv(path) => path.display().fmt(f),
            ExternalSource::Feed { url, .. } => url.fmt(f),
        }
    }
}

impl ExternalFeed {
    /// Returns the feed of a source of which nothing has been read yet.
    pub(in crate::wall) fn new(source: ExternalSource) -> Arc<ExternalFeed> {
        let failure = Some(format!("{source} has not been read yet"));
        let read = Read { generation: 0, queue: empty_queue(&source), failure, refused: 0, why_refused: String::new() };
        Arc::new(ExternalFeed { source, read: Mutex::new(read) })
    }

    /// Returns the source.
    pub fn source(&self) -> &ExternalSource {
        &self.source
    }

    /// Returns the queue to read from now on, unless the tile has this generation of it.
    pub(in crate::wall) fn anew(&self, generation: Option<u64>) -> Option<Anew> {
        let read = self.read();
        let is_new = generation != Some(read.generation);
        is_new.then(|| Anew { generation: read.generation, queue: Arc::clone(&read.queue) })
    }

    /// Returns what is wrong with the source now.
    pub(in crate::wall) fn problem(&self) -> Option<String> {
        let read = self.read();
        let refused = match read.refused {
            0 => None,
            1 => Some(format!("1 row cannot be read: {}", read.why_refused)),
            n => Some(format!("{n} rows cannot be read; the last: {}", read.why_refused)),
        };
        let all: Vec<String> = [read.failure.clone(), refused].into_iter().flatten().collect();
        if all.is_empty() { None } else { Some(all.join("; ")) }
    }

    /// Notes that the source was read: `events` follow those before, or replace them.
    pub(super) fn take(&self, is_anew: bool, events: Vec<CloudEvent>) {
        let mut read = self.read();
        read.failure = None;
        if is_anew {
            read.generation += 1;
            read.queue = empty_queue(&self.source);
            (read.refused, read.why_refused) = (0, String::new());
        }
        if !events.is_empty() {
            read.queue.append_all(events);
        }
    }

    /// Notes rows that are none.
    pub(super) fn refuse(&self, count: u64, why: &str) {
        let mut read = self.read();
        read.refused += count;
        if count > 0 {
            read.why_refused = why.to_owned();
        }
    }

    /// Notes that the source cannot be read. What was read before stays, and says from when it is.
    pub(super) fn fail(&self, why: &str, last_read_ms: Option<i64>) {
        let before = last_read_ms.map_or_else(String::new, |read_ms| {
            format!("; what is shown was read at {} UTC", clock(read_ms, wall_clock_ms()))
        });
        self.read().failure = Some(format!("{} cannot be read: {why}{before}", self.source));
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty_queue(source: &ExternalSource) -> Arc<EventQueue> {
    Arc::new(EventQueue::new(source.to_string(), EVENTS_MAX))
}

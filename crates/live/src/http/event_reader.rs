//! Reads a feed on behalf of a client: behind its cursor, through its filter, a piece at a time.
//!
//! Decision D-621.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::filter::EventFilter;
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::queue::{Cursor, CursorError, EventQueue};

/// The events that are looked at before others get their turn.
const EVENTS_A_PIECE: usize = 256;

/// What a client may ask of a feed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FeedQuery {
    /// The id of the last event the client has seen.
    pub(crate) last_event_id: Option<String>,
    /// How long to wait for an event, in ms.
    #[serde(default)]
    pub(crate) timeout: u64,
    /// The most events of a batch.
    pub(crate) limit: Option<usize>,
    /// Which events the client wants.
    pub(crate) filter: Option<String>,
}

/// Where a client stands in a feed.
pub(crate) struct EventReader {
    queue: Arc<EventQueue>,
    cursor: Cursor,
    filter: Option<EventFilter>,
    /// The id of the last event that was looked at, wanted or not.
    last_id: Option<String>,
}

/// Events for a client, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) events: Vec<ReadEvent>,
    pub(crate) bytes: usize,
}

/// An event on one line.
#[derive(Debug)]
pub(crate) struct ReadEvent {
    pub(crate) id: String,
    pub(crate) json: String,
}

/// The bound of a piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PieceLimit {
    pub(crate) events: usize,
    /// Is passed by less than one event.
    pub(crate) bytes: usize,
}

impl EventReader {
    /// Begins behind the id that the client has seen last, or else with the oldest event there is.
    pub(crate) fn open(
        service: &Service,
        queue: Arc<EventQueue>,
        query: &FeedQuery,
        headers: &HeaderMap,
    ) -> Result<EventReader, Refusal> {
        let filter = query.filter.as_deref().map(|text| parse_filter(service, text)).transpose()?;
        // A browser that reconnects repeats the query of its first request, and sends where it is now.
        let header = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
        let last_id = header.or(query.last_event_id.as_deref()).filter(|id| !id.is_empty()).map(str::to_owned);
        let cursor = match &last_id {
            Some(id) => queue.behind(id).map_err(|error| refusal(&queue, error))?,
            None => queue.oldest(),
        };
        let reader = EventReader { queue, cursor, filter, last_id };
        reader.queue.read(cursor, 0).map_err(|error| refusal(&reader.queue, error))?;
        Ok(reader)
    }

    /// Looks at the next events and adds those that are wanted to the piece. Returns false at the end of the feed.
    pub(crate) fn read_on(&mut self, piece: &mut Piece, limit: PieceLimit) -> Result<bool, CursorError> {
        let next = self.queue.read(self.cursor, EVENTS_A_PIECE)?;
        for queued in &next {
            if piece.is_full(limit) {
                return Ok(true);
            }
            self.cursor = Cursor(queued.position + 1);
            self.last_id = Some(queued.event.id.clone());
            if self.filter.as_ref().is_none_or(|wants| wants(&queued.event)) {
                piece.add(queued.event.id.clone(), &queued.event.to_json());
            }
        }
        Ok(!next.is_empty())
    }

    pub(crate) fn queue(&self) -> &Arc<EventQueue> {
        &self.queue
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns the id of the last event that was looked at, or the one the client has named.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Returns true if there is nothing more to read, and never will be.
    pub(crate) fn has_ended(&self) -> bool {
        self.queue.is_closed() && self.cursor >= self.queue.end()
    }
}

impl Piece {
    pub(crate) fn is_full(&self, limit: PieceLimit) -> bool {
        self.events.len() >= limit.events || self.bytes >= limit.bytes
    }

    fn add(&mut self, id: String, json: &str) {
        // Inside of texts JSON has no line ends, so these are between its tokens.
        let json = json.replace(['\n', '\r'], " ");
        self.bytes += json.len();
        self.events.push(ReadEvent { id, json });
    }
}

/// Says why a client cannot read on from its cursor, and what to do.
pub(crate) fn refusal(queue: &EventQueue, error: CursorError) -> Refusal {
    let again = format!("/feeds/{}", queue.name());
    match error {
        CursorError::Gone { oldest, .. } => Refusal::new(StatusCode::GONE, error.to_string())
            .with("oldest_position", oldest)
            .with("begin_again_at", again),
        CursorError::Beyond { .. } | CursorError::Unknown(_) => {
            Refusal::new(StatusCode::BAD_REQUEST, error.to_string()).with("begin_again_at", again)
        }
    }
}

fn parse_filter(service: &Service, text: &str) -> Result<EventFilter, Refusal> {
    let bad = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let parse =
        service.filters.as_ref().ok_or_else(|| bad("feeds cannot be filtered here; leave out filter".into()))?;
    parse(text).map_err(|reason| bad(format!("filter: {reason}")))
}

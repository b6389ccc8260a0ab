//! A feed as HTTP Feeds has it (<https://www.http-feeds.org>): batches behind a cursor, with long polls.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::access::{Grant, Scope};
use crate::http::event_reader::{EventReader, FeedQuery, Piece, PieceLimit, refusal};
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::queue::CursorError;

/// The bounds of a batch.
const BATCH: PieceLimit = PieceLimit { events: 1_000, bytes: 1 << 20 };

/// The longest that a filter may look for its first event when nobody asked to wait.
const SEARCH_MAX: Duration = Duration::from_secs(10);

/// The header that says how far the feed was looked through; the next request may begin there.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Answers with the next events, none at the end of the feed.
pub(crate) async fn feed_batch(
    service: Arc<Service>,
    grant: Grant,
    mut reader: EventReader,
    query: FeedQuery,
) -> Result<Response, Refusal> {
    let wait = Duration::from_millis(query.timeout).min(service.limits.poll_timeout);
    let limit = PieceLimit { events: query.limit.unwrap_or(BATCH.events).min(BATCH.events), ..BATCH };
    let scope = Scope::Feed(reader.queue().name().to_owned());
    let mut batch = Piece::default();
    tokio::select! {
        outcome = fill(&mut batch, &mut reader, limit, wait) => {
            outcome.map_err(|error| refusal(reader.queue(), error))?;
        }
        () = service.until_denied(&grant, &scope) => service.access.renew(&grant, &scope)?,
    }
    grant.tally().hand_out(batch.events.len(), batch.bytes);
    Ok(answer(&batch, reader.last_id()))
}

/// Fills a batch with what there is, and waits for the first event if there is none.
async fn fill(
    batch: &mut Piece,
    reader: &mut EventReader,
    limit: PieceLimit,
    wait: Duration,
) -> Result<(), CursorError> {
    let (waited, searched) = (Instant::now() + wait, Instant::now() + wait.max(SEARCH_MAX));
    loop {
        let has_more = match reader.read_on(batch, limit) {
            // What has been found is delivered; the next request learns that it lost the rest.
            Err(CursorError::Gone { .. }) if !batch.events.is_empty() => return Ok(()),
            outcome => outcome?,
        };
        let now = Instant::now();
        if batch.is_full(limit) || now >= searched {
            return Ok(());
        }
        if has_more {
            tokio::task::yield_now().await;
        } else if !batch.events.is_empty() || now >= waited || reader.has_ended() {
            return Ok(());
        } else {
            reader.queue().wait(reader.cursor(), waited - now).await;
        }
    }
}

fn answer(batch: &Piece, last_id: Option<&str>) -> Response {
    let events: Vec<&str> = batch.events.iter().map(|event| &*event.json).collect();
    let body = format!("[{}]", events.join(","));
    let content_type = [(header::CONTENT_TYPE, "application/cloudevents-batch+json; charset=utf-8")];
    let mut response = (content_type, body).into_response();
    if let Some(id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(LAST_EVENT_ID, id);
    }
    response
}

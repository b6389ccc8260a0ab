//! The paths of the service, all behind one guard.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use serde_json::{Value, json};

use crate::access::{Grant, Scope};
use crate::http::event_reader::{EventReader, FeedQuery};
use crate::http::feed_batch::feed_batch;
use crate::http::feed_stream::feed_stream;
use crate::http::guard::{guard, guard_wall};
use crate::http::json_answer::JsonAnswer;
use crate::http::post_events::post_events;
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::http::{session, status};

/// Returns the router of a service, with the routes of the wall merged into it.
pub(crate) fn router(service: &Arc<Service>, wall: Router) -> Router {
    let mut router = Router::new()
        .route("/events", post(post_events))
        .route("/feeds", get(list_feeds))
        .route("/feeds/{name}", get(read_feed))
        .route("/status", get(status::status));
    if service.access.needs_token() {
        router = router.route(session::PATH, get(session::show_form).post(session::open_session));
    }
    router
        .with_state(Arc::clone(service))
        .merge(wall.layer(middleware::from_fn_with_state(Arc::clone(service), guard_wall)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(service), guard))
}

/// Lists the feeds that the client may read.
async fn list_feeds(State(service): State<Arc<Service>>, Extension(grant): Extension<Grant>) -> JsonAnswer {
    let feeds = service.feeds.all();
    let readable = feeds.iter().filter(|queue| grant.allows(&Scope::Feed(queue.name().to_owned())));
    let feeds: Vec<Value> = readable.map(|queue| status::position(queue)).collect();
    JsonAnswer(json!({ "feeds": feeds }))
}

/// Reads a feed, as a stream or as a batch.
async fn read_feed(
    State(service): State<Arc<Service>>,
    Extension(grant): Extension<Grant>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<FeedQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, "there is no feed of that name; GET /feeds lists them");
    let Path(name) = name.map_err(|_| unknown())?;
    grant.require(Scope::Feed(name.clone()))?;
    let queue = service.feeds.get(&name).ok_or_else(unknown)?;
    let bad = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let Query(query) = query.map_err(|error| {
        let text = error.body_text();
        let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        bad(format!("{reason}; the parameters are lastEventId, timeout (ms), limit and filter"))
    })?;
    if query.limit == Some(0) {
        return Err(bad("limit is at least 1".to_owned()));
    }
    let reader = EventReader::open(&service, queue, &query, &headers)?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_stream = accept.contains("text/event-stream");
    // Those who may wait hold a permit; a batch that is there already needs none.
    let permit = (is_stream || query.timeout > 0).then(|| Arc::clone(&service.readers).try_acquire_owned());
    let permit = permit.transpose().map_err(|_| {
        Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, 5, "too many readers wait here; come again, or without timeout")
    })?;
    match permit {
        Some(permit) if is_stream => Ok(feed_stream(Arc::clone(&service), grant, reader, permit)),
        _ => feed_batch(Arc::clone(&service), grant, reader, query).await,
    }
}

async fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing here; /events, /feeds, /feeds/NAME and /status are served")
}

async fn method_not_allowed(method: Method) -> Refusal {
    let other = if method == Method::GET { "POST" } else { "GET" };
    let reason = format!("{method} is not served here; {other} is");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, reason)
        .with_header(header::ALLOW, axum::http::HeaderValue::from_static(other))
}

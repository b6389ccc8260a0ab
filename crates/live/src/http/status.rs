//! `GET /status`: what the service holds, and what was done with each token.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::State;
use serde_json::{Value, json};

use crate::access::{Grant, Scope};
use crate::http::json_answer::JsonAnswer;
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::queue::EventQueue;

/// Answers with all counts.
pub(crate) async fn status(
    State(service): State<Arc<Service>>,
    Extension(grant): Extension<Grant>,
) -> Result<JsonAnswer, Refusal> {
    grant.require(Scope::Status)?;
    let limits = &service.limits;
    let feeds: Vec<Value> = service.feeds.all().iter().map(|queue| position(queue)).collect();
    let mut status = json!({
        "feeds": feeds,
        "access": service.access.status(),
        "connections": {
            "open": limits.connections - service.connections.available_permits(),
            "limit": limits.connections,
            "refused": service.refused_connections.load(Ordering::Relaxed),
        },
        "readers": { "open": limits.readers - service.readers.available_permits(), "limit": limits.readers },
    });
    if let (Some(more), Some(status)) = (&service.status, status.as_object_mut()) {
        status.extend(more());
    }
    Ok(JsonAnswer(status))
}

/// Returns where a feed begins and ends.
pub(crate) fn position(queue: &EventQueue) -> Value {
    json!({
        "name": queue.name(),
        "url": format!("/feeds/{}", queue.name()),
        "oldest_position": queue.oldest().0,
        "end_position": queue.end().0,
        "closed": queue.is_closed(),
    })
}

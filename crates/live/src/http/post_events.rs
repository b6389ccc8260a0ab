//! `POST /events`: takes events and says what became of each.
//!
//! Decision D-619.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::access::{Grant, Scope};
use crate::http::event_body::{EventBody, Layout};
use crate::http::json_answer::JsonAnswer;
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::intake::{IntakeReceipt, OfferHint, RejectedOffer};
use crate::shortened::shortened;

/// The most of a reason that is sent back; part of it may be what the client sent.
const REASON_CHARS_MAX: usize = 300;

/// Answers 202 once all events that are accepted are durable.
pub(crate) async fn post_events(
    State(service): State<Arc<Service>>,
    Extension(grant): Extension<Grant>,
    request: Request,
) -> Result<Response, Refusal> {
    grant.require(Scope::Post)?;
    let (parts, body) = request.into_parts();
    let layout = Layout::of(&parts.headers)?;
    let limits = &service.limits;
    let (body, events) = {
        let _permit = service.posts.try_acquire().map_err(|_| {
            Refusal::busy(StatusCode::TOO_MANY_REQUESTS, 1, "too many bodies are on their way; post again later")
        })?;
        let body = read_body(&parts.headers, body, limits.body_bytes, limits.body_timeout).await?;
        (body.len(), EventBody::read(layout, &parts.headers, &body, limits)?)
    };
    if events.offers.is_empty() && !events.rejects.is_empty() {
        let nothing = Refusal::new(StatusCode::BAD_REQUEST, "nothing of it can be read");
        return Err(nothing.with("accepted", 0).with("repeated", 0).with("rejects", rejects_json(events.rejects)));
    }
    let receipt = offer(&service, events).await?;
    grant.tally().take_in(receipt.accepted, body);
    let IntakeReceipt { accepted, late, repeated, position, rejects, hints } = receipt;
    let rejects = rejects_json(rejects);
    let mut answer = json!({
        "accepted": accepted, "late": late, "repeated": repeated, "position": position, "rejects": rejects,
    });
    if !hints.is_empty() {
        let json = |hint: OfferHint| json!({ "index": hint.index, "hint": hint.hint });
        answer["hints"] = hints.into_iter().map(json).collect();
    }
    Ok((StatusCode::ACCEPTED, JsonAnswer(answer)).into_response())
}

/// Reads a body, no more of it than allowed, and no longer.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Vec<u8>, Refusal> {
    let too_large = || {
        let reason = format!("a body has at most {bytes_max} bytes; send several");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > bytes_max as u64) {
        return Err(too_large());
    }
    let collect = async {
        let (mut body, mut bytes) = (body, Vec::new());
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame.map_err(|error| {
                Refusal::new(StatusCode::BAD_REQUEST, format!("the body does not come as announced: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > bytes_max {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    };
    let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    timeout(time_max, collect).await.map_err(late)?
}

/// Offers what could be read and waits for the receipt, whose indexes become those of the body.
async fn offer(service: &Service, events: EventBody) -> Result<IntakeReceipt, Refusal> {
    let EventBody { offers, indexes, rejects } = events;
    if offers.is_empty() {
        return Ok(IntakeReceipt { rejects, ..IntakeReceipt::default() });
    }
    let ticket = service.intake.offer(offers).map_err(|full| {
        let retry_after_s = (full.retry_after.as_secs_f64().ceil() as u64).max(1);
        Refusal::busy(StatusCode::TOO_MANY_REQUESTS, retry_after_s, full.to_string())
    })?;
    let gone = |reason: &str| Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, 5, reason);
    let mut receipt = timeout(service.limits.receipt_timeout, ticket)
        .await
        .map_err(|_| gone("whether the events were accepted is not known yet; post them again: repeats do not count"))?
        .map_err(|_| gone("the intake has ended; whether it accepted the events is not known"))?;
    for reject in &mut receipt.rejects {
        reject.index = indexes.get(reject.index).copied().unwrap_or(reject.index);
    }
    for hint in &mut receipt.hints {
        hint.index = indexes.get(hint.index).copied().unwrap_or(hint.index);
    }
    receipt.rejects.extend(rejects);
    receipt.rejects.sort_by_key(|reject| reject.index);
    Ok(receipt)
}

fn rejects_json(rejects: Vec<RejectedOffer>) -> Value {
    let reason = |reject: &RejectedOffer| shortened(&reject.reason, REASON_CHARS_MAX);
    let json = |reject: RejectedOffer| json!({ "index": reject.index, "reason": reason(&reject) });
    rejects.into_iter().map(json).collect()
}

//! What a client is told when it does not get what it asked for.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::Denied;
use crate::http::json_answer::JsonAnswer;

/// A status with its reason, as a JSON object with the member `error`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Value,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Refusal {
        Refusal { status, body: json!({ "error": reason.into() }), headers: Vec::new() }
    }

    /// Refuses what is busy now, and says when to come again.
    pub(crate) fn busy(status: StatusCode, retry_after_s: u64, reason: impl Into<String>) -> Refusal {
        Refusal::new(status, reason).with_header(header::RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// Adds a member to the body.
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Refusal {
        self.body[member] = value.into();
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.headers.push((name, value));
        self
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Refusal {
        let reason = denied.to_string();
        match denied {
            Denied::Unknown | Denied::Revoked(_) | Denied::Expired(_) => Refusal::new(StatusCode::UNAUTHORIZED, reason)
                .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"flowbench\"")),
            Denied::Scope { .. } => Refusal::new(StatusCode::FORBIDDEN, reason),
            Denied::Broken => Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, 5, reason),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, JsonAnswer(self.body)).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

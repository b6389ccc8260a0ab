//! An answer in JSON.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// A value that becomes the body of an answer.
#[derive(Debug)]
pub(crate) struct JsonAnswer(pub(crate) Value);

impl IntoResponse for JsonAnswer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}

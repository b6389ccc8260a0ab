//! What there is to show of a sink.

use crate::queue::Cursor;

/// How a sink is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookState {
    /// The name of the sink.
    pub name: String,
    /// The feed whose events are sent.
    pub feed: String,
    /// The address, without its query.
    pub url: String,
    /// What the sink does.
    pub status: WebhookStatus,
    /// The position of the next event.
    pub cursor: Cursor,
    /// Events of the feed behind the cursor, before filtering.
    pub pending: u64,
    /// Events that the receiver took since the start.
    pub delivered: u64,
    /// Requests that failed since the start, those for permission included.
    pub failures: u64,
    /// Why the last request failed, or why the sink stands still; absent if all is well.
    pub last_error: Option<String>,
    /// When a failed request is repeated, milliseconds since 1970; absent if none is to be.
    pub next_attempt_ms: Option<u64>,
}

/// What a sink does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookStatus {
    /// It asks for permission, and has not got it in this session.
    Asking,
    /// It sends events, or waits for some.
    Delivering,
    /// The receiver has answered 410: nothing is sent until the configuration of the sink is another one.
    Retired,
    /// The next event is not in the queue any more, or not yet: nothing is sent, since something would be skipped.
    Lost,
    /// The session has ended.
    Ended,
}

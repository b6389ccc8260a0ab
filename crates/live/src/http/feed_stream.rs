//! A feed as server-sent events: one CloudEvent each, with the id of the feed, so that browsers resume by themselves.
//!
//! Decision D-622.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::access::{Grant, Scope};
use crate::http::event_reader::{EventReader, Piece, PieceLimit};
use crate::http::service::Service;
use crate::queue::CursorError;

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The bounds of what is put into a stream at once; a slow reader holds two of these.
const PIECE: PieceLimit = PieceLimit { events: 256, bytes: 64 << 10 };

/// Feeds one reader.
struct Feeder {
    reader: EventReader,
    sender: mpsc::Sender<Bytes>,
    grant: Grant,
    heartbeat: Duration,
    /// When a sign of life is due.
    heartbeat_at: Instant,
    /// The id that the client knows.
    known_id: Option<String>,
}

/// The body of a stream, which ends when its feeder does.
struct StreamBody(mpsc::Receiver<Bytes>);

/// Answers with the events as they come, until the feed ends, the reader is too slow, or it may no longer read.
pub(crate) fn feed_stream(
    service: Arc<Service>,
    grant: Grant,
    reader: EventReader,
    permit: OwnedSemaphorePermit,
) -> Response {
    if reader.has_ended() {
        // Tells a browser that it need not reconnect.
        return StatusCode::NO_CONTENT.into_response();
    }
    let (sender, receiver) = mpsc::channel(1);
    let scope = Scope::Feed(reader.queue().name().to_owned());
    let feeder = Feeder {
        sender,
        grant: grant.clone(),
        heartbeat: service.limits.heartbeat,
        heartbeat_at: Instant::now() + service.limits.heartbeat,
        known_id: reader.last_id().map(str::to_owned),
        reader,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = feeder.run() => {}
            () = service.until_denied(&grant, &scope) => {}
        }
        drop(permit);
    });
    // The second header keeps a reverse proxy from collecting events.
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (X_ACCEL_BUFFERING, "no")];
    (headers, Body::new(StreamBody(receiver))).into_response()
}

impl Feeder {
    async fn run(mut self) {
        // The first bytes tell the client that it is connected.
        let mut is_open = self.send(": connected\n\n".to_owned()).await;
        while is_open {
            let mut piece = Piece::default();
            is_open = match self.reader.read_on(&mut piece, PIECE) {
                Err(error) => {
                    self.send(overflow(&error)).await;
                    false
                }
                Ok(_) if !piece.events.is_empty() => self.send_events(&piece).await,
                Ok(true) => {
                    tokio::task::yield_now().await;
                    self.stay_alive().await
                }
                Ok(false) if self.reader.has_ended() => false,
                Ok(false) => self.wait().await,
            };
        }
    }

    async fn send_events(&mut self, piece: &Piece) -> bool {
        let mut frame = String::with_capacity(piece.bytes + 40 * piece.events.len());
        for event in &piece.events {
            // Writing to a string cannot fail.
            let _ = write!(frame, "id: {}\ndata: {}\n\n", event.id, event.json);
        }
        self.known_id = piece.events.last().map(|event| event.id.clone());
        let bytes = frame.len();
        let is_open = self.send(frame).await;
        if is_open {
            self.grant.tally().hand_out(piece.events.len(), bytes);
        }
        is_open
    }

    /// Waits for an event until a sign of life is due.
    async fn wait(&mut self) -> bool {
        let rest = self.heartbeat_at.saturating_duration_since(Instant::now());
        tokio::select! {
            () = self.reader.queue().wait(self.reader.cursor(), rest) => self.stay_alive().await,
            () = self.sender.closed() => false,
        }
    }

    /// If it is time, sends a comment and, if events were passed over that the reader does not want, the id of the last
    /// of them: an event without data, which a browser remembers and does not show.
    async fn stay_alive(&mut self) -> bool {
        if Instant::now() < self.heartbeat_at {
            return true;
        }
        self.heartbeat_at = Instant::now() + self.heartbeat;
        let last_id = self.reader.last_id().map(str::to_owned);
        let mut frame = ": alive\n\n".to_owned();
        if let Some(id) = last_id.as_ref().filter(|_| last_id != self.known_id) {
            frame = format!("{frame}id: {id}\n\n");
        }
        self.known_id = last_id;
        self.send(frame).await
    }

    /// Sends a frame as soon as the client has taken those before it. Returns false if the client is gone.
    async fn send(&mut self, frame: String) -> bool {
        self.sender.send(Bytes::from(frame)).await.is_ok()
    }
}

impl hyper::body::Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Tells a reader that it has lost events, so that it does not go on as if nothing had been.
fn overflow(error: &CursorError) -> String {
    let oldest = match error {
        CursorError::Gone { oldest, .. } => Some(oldest),
        CursorError::Beyond { .. } | CursorError::Unknown(_) => None,
    };
    format!("event: overflow\ndata: {}\n\n", json!({ "error": error.to_string(), "oldest_position": oldest }))
}

//! A feed as server-sent events: one CloudEvent each, with the id of the feed, so that browsers resume by themselves.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::access::{Grant, Scope};
use crate::http::event_reader::{EventReader, Piece, PieceLimit};
use crate::http::service::Service;
use crate::queue::CursorError;

/// The bounds of what is put into a stream at once; a slow reader holds two of these.
const PIECE: PieceLimit = PieceLimit { events: 256, bytes: 64 << 10 };

/// Feeds one reader.
struct Feeder {
    service: Arc<Service>,
    grant: Grant,
    scope: Scope,
    reader: EventReader,
    sender: mpsc::Sender<Bytes>,
    /// When a sign of life is due.
    heartbeat: Instant,
    /// The id that the client knows.
    known_id: Option<String>,
    _permit: OwnedSemaphorePermit,
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
    let feeder = Feeder {
        scope: Scope::Feed(reader.queue().name().to_owned()),
        heartbeat: Instant::now() + service.limits.heartbeat,
        known_id: reader.last_id().map(str::to_owned),
        service,
        grant,
        reader,
        sender,
        _permit: permit,
    };
    tokio::spawn(feeder.run());
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(StreamBody(receiver))).into_response()
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

    /// Waits for events for a while.
    async fn wait(&mut self) -> bool {
        let rest = self.heartbeat.saturating_duration_since(Instant::now());
        let event = self.reader.queue().wait(self.reader.cursor(), rest);
        tokio::select! {
            _ = self.service.tick(event) => self.stay_alive().await,
            () = self.sender.closed() => false,
        }
    }

    /// Gives a sign of life if it is time.
    async fn stay_alive(&mut self) -> bool {
        if Instant::now() >= self.heartbeat { self.send_heartbeat().await } else { self.may_go_on() }
    }

    /// Sends a comment and, if events were passed over that the reader does not want, the id of the last of them: an
    /// event without data, which a browser remembers and does not show.
    async fn send_heartbeat(&mut self) -> bool {
        self.heartbeat = Instant::now() + self.service.limits.heartbeat;
        let last_id = self.reader.last_id().map(str::to_owned);
        let mut frame = ": alive\n\n".to_owned();
        if let Some(id) = last_id.as_ref().filter(|_| last_id != self.known_id) {
            frame = format!("{frame}id: {id}\n\n");
        }
        self.known_id = last_id;
        self.send(frame).await
    }

    /// Sends a frame as soon as the client has taken those before it. Returns false if the stream has to end.
    async fn send(&mut self, frame: String) -> bool {
        let frame = Bytes::from(frame);
        while self.may_go_on() {
            if let Some(permit) = self.service.tick(self.sender.reserve()).await {
                return permit.map(|permit| permit.send(frame)).is_ok();
            }
        }
        false
    }

    fn may_go_on(&self) -> bool {
        self.service.may_go_on(&self.grant, &self.scope)
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

//! A stream of frames as the body of a response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc::Receiver;

/// What comes through a channel, until its other end is dropped.
pub(super) struct FrameStream {
    receiver: Receiver<Bytes>,
}

impl FrameStream {
    pub(super) fn new(receiver: Receiver<Bytes>) -> FrameStream {
        FrameStream { receiver }
    }
}

impl HttpBody for FrameStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.receiver.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

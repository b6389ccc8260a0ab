//! A body of another handler that ends when its client may no longer have it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::access::{Grant, Scope};
use crate::http::service::Service;

struct WatchedBody {
    body: Body,
    denied: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Lets the body of a response end when the token is revoked or the service stops, if it is a stream.
pub(crate) fn watched(response: Response, service: Arc<Service>, grant: Grant, scope: Scope) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    let denied = async move { service.until_denied(&grant, &scope).await };
    response.map(|body| Body::new(WatchedBody { body, denied: Box::pin(denied) }))
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.denied.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

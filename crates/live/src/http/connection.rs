//! One connection, from its first byte to its end.
//!
//! Decision D-611.

use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;

use crate::http::host::LocalAddress;
use crate::http::service::Service;
use crate::http::watched_stream::WatchedStream;

/// What a client is told that is one too many.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-type: application/json\r\n\
    connection: close\r\ncontent-length: 34\r\n\r\n{\"error\":\"too many connections\"}\r\n";

/// Serves the requests of a connection, one after the other.
pub(crate) async fn serve_connection(stream: TcpStream, service: Arc<Service>, router: axum::Router) {
    let Ok(local) = stream.local_addr() else { return };
    // Frames of streams are small and should not wait for more.
    let _ = stream.set_nodelay(true);
    let limits = &service.limits;
    let router = TowerToHyperService::new(router);
    let handler = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(LocalAddress(local));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8192))
        .serve_connection(TokioIo::new(WatchedStream::new(stream, limits.write_timeout)), handler);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = service.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        log::debug!("a connection to {local} has ended early: {error}");
    }
}

/// Tells a client that it is one too many, if that can be said without waiting.
pub(crate) fn refuse_connection(stream: &TcpStream) {
    // What it has sent is taken, or the operating system would withdraw the answer.
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(TOO_MANY);
}

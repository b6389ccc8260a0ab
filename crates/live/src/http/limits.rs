//! The bounds of everything that comes from outside.

use std::time::Duration;

/// Bounds of the service, in bytes, counts and time.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Connections that are open at once; those beyond are answered 503 and closed.
    pub connections: usize,
    /// Streams and long polls at once, so that readers who wait leave connections to others.
    pub readers: usize,
    /// Bodies that are read at once; posts beyond are answered 429.
    pub posts: usize,
    /// The bytes of a body.
    pub body_bytes: usize,
    /// The events of a batch of CloudEvents.
    pub batch_events: usize,
    /// The lines of a body in JSON Lines.
    pub batch_lines: usize,
    /// How deep arrays and objects of an event may be nested.
    pub depth: usize,
    /// The bytes of a request line with its headers, at least 8,192.
    pub header_bytes: usize,
    /// The headers of a request.
    pub headers: usize,
    /// How long a client may take for a request line with its headers, or do nothing between requests.
    pub header_timeout: Duration,
    /// How long a client may take for a body.
    pub body_timeout: Duration,
    /// How long a client may leave what it is sent untouched; it must take 16 KiB in this time, or all there is.
    pub write_timeout: Duration,
    /// How long a post waits until its events are durable.
    pub receipt_timeout: Duration,
    /// How long a reader may wait for the next event in a long poll.
    pub poll_timeout: Duration,
    /// The time between signs of life in a stream.
    pub heartbeat: Duration,
    /// How long the service waits for its connections to end when it stops.
    pub stop_timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        let seconds = Duration::from_secs;
        HttpLimits {
            connections: 256,
            readers: 128,
            posts: 32,
            body_bytes: 1 << 20,
            batch_events: 1_000,
            batch_lines: 10_000,
            depth: 64,
            header_bytes: 16 << 10,
            headers: 64,
            header_timeout: seconds(10),
            body_timeout: seconds(10),
            write_timeout: seconds(10),
            receipt_timeout: seconds(10),
            poll_timeout: seconds(60),
            heartbeat: seconds(15),
            stop_timeout: seconds(5),
        }
    }
}

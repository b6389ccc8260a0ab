//! The HTTP side of the service: events are posted, feeds are read, and nothing else gets through.

mod binary_mode;
mod connection;
mod event_body;
mod event_reader;
mod feed_batch;
mod feed_list;
mod feed_stream;
mod guard;
mod host;
mod json_answer;
mod json_depth;
mod limits;
mod post_events;
mod refusal;
mod routes;
mod server;
mod service;
mod session;
mod status;
mod watched_body;
mod watched_stream;

pub use feed_list::{FeedList, FeedNameError};
pub use limits::HttpLimits;
pub use server::{HttpServer, HttpServerError, serve};
pub use service::{FilterParser, HttpConfig, StatusSource};

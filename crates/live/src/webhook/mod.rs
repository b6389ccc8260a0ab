//! Events pushed to webhooks: CloudEvents, signed, to receivers that were configured and gave their permission.
//!
//! Decisions D-631 to D-639.

mod address;
mod client;
mod clock;
mod config;
mod cursor_file;
mod delivery;
mod handshake;
mod retry;
mod secret;
mod signature;
mod sink;
mod sink_table;
mod sinks;
mod state;
mod url;

#[cfg(test)]
mod tests;

pub use client::RequestDeadlines;
pub(crate) use client::{CheckedResolver, config, explained};
pub use clock::{MachineClock, WebhookClock};
pub use config::read_webhook_sinks;
pub use cursor_file::WebhookCursorError;
pub use secret::{WebhookSecret, WebhookSecretError};
pub use signature::{SignatureError, sign, verify};
pub use sink::WebhookSink;
pub(crate) use sink_table::ENVIRONMENT;
pub use sink_table::SinkReferences;
pub use sinks::{WebhookOptions, WebhookSinks, WebhookStartError};
pub use state::{WebhookState, WebhookStatus};
pub use url::{WebhookUrl, WebhookUrlError};

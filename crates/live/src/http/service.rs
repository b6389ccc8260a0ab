//! What all handlers share.
//!
//! Decision D-623.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use tokio::sync::{Semaphore, watch};

use crate::access::{Access, Grant, Scope, TokenFile};
use crate::filter::EventFilter;
use crate::http::feed_list::FeedList;
use crate::http::limits::HttpLimits;
use crate::intake::Intake;

/// How often it is checked that those who wait or stream still may.
const CHECKED_EACH: Duration = Duration::from_secs(1);

/// Makes a filter of the text that a reader gave, or says what is wrong with it.
pub type FilterParser = Arc<dyn Fn(&str) -> Result<EventFilter, String> + Send + Sync>;

/// Gives names and values of a status.
pub type StatusSource = Arc<dyn Fn() -> serde_json::Map<String, serde_json::Value> + Send + Sync>;

/// What a service is made of.
pub struct HttpConfig {
    /// Names and `name:port` that a `Host` header may have beside the addresses the service is bound to.
    pub names: Vec<String>,
    /// The tokens. Without, everything is allowed to everyone who reaches a loopback address.
    pub tokens: Option<TokenFile>,
    /// Where posted events go.
    pub intake: Arc<dyn Intake>,
    /// The feeds that can be read.
    pub feeds: Arc<FeedList>,
    /// Reads the parameter `filter` of feeds; absent if they cannot be filtered.
    pub filters: Option<FilterParser>,
    /// Says more of the session for `GET /status`, by names that are not taken there.
    pub status: Option<StatusSource>,
    /// More routes, such as those of the wall; they need the scope `wall`, and have no fallback of their own.
    pub routes: Router,
    /// The bounds.
    pub limits: HttpLimits,
}

impl HttpConfig {
    /// Returns a service for its own machine, without filters and more routes, with the usual bounds.
    pub fn new(intake: Arc<dyn Intake>, feeds: Arc<FeedList>) -> HttpConfig {
        HttpConfig {
            names: Vec::new(),
            tokens: None,
            intake,
            feeds,
            filters: None,
            status: None,
            routes: Router::new(),
            limits: HttpLimits::default(),
        }
    }
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpConfig { names, tokens, limits, .. } = self;
        formatter
            .debug_struct("HttpConfig")
            .field("names", names)
            .field("tokens", tokens)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

/// A service that runs.
pub(crate) struct Service {
    pub(crate) names: Vec<String>,
    pub(crate) access: Access,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) feeds: Arc<FeedList>,
    pub(crate) filters: Option<FilterParser>,
    pub(crate) status: Option<StatusSource>,
    pub(crate) limits: HttpLimits,
    /// A permit for each connection.
    pub(crate) connections: Arc<Semaphore>,
    /// A permit for each reader that waits.
    pub(crate) readers: Arc<Semaphore>,
    /// A permit for each body that is read.
    pub(crate) posts: Semaphore,
    /// Connections that were refused because there were too many.
    pub(crate) refused_connections: AtomicU64,
    /// True as soon as the service stops.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Service {
    /// Waits until a client may no longer have what it was granted, or the service stops. Those who wait or stream run
    /// beside it, so that they end within a second.
    pub(crate) async fn until_denied(&self, grant: &Grant, scope: &Scope) {
        while self.access.renew(grant, scope).is_ok() {
            tokio::select! {
                () = tokio::time::sleep(CHECKED_EACH) => {}
                () = self.stopping() => return,
            }
        }
    }

    /// Waits until the service stops.
    pub(crate) async fn stopping(&self) {
        let mut stop = self.stop.clone();
        // If nobody can say so any more, it stops as well.
        let _ = stop.wait_for(|is_stopping| *is_stopping).await;
    }
}

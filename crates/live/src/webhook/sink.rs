//! A sink: where webhooks go, which events, and how they are signed.
//!
//! Decision D-638.

use std::fmt::{Debug, Formatter};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cloud_event::CloudEvent;
use crate::filter::EventFilter;
use crate::webhook::secret::WebhookSecret;
use crate::webhook::url::WebhookUrl;

/// A receiver of webhooks, as it was configured. Printed, it shows no secret.
#[derive(Clone)]
pub struct WebhookSink {
    pub(crate) name: String,
    pub(crate) url: WebhookUrl,
    pub(crate) feed: String,
    pub(crate) filter: Option<SinkFilter>,
    /// At least one; the first is the current one.
    pub(crate) secrets: Vec<WebhookSecret>,
    pub(crate) bearer: Option<String>,
    pub(crate) origin: String,
    pub(crate) rate_per_min: Option<u32>,
}

/// A filter with the text it was read from.
#[derive(Clone)]
pub(crate) struct SinkFilter {
    pub(crate) text: String,
    pub(crate) accepts: EventFilter,
}

impl WebhookSink {
    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address.
    pub fn url(&self) -> &WebhookUrl {
        &self.url
    }

    /// Returns the name of the feed whose events are sent.
    pub fn feed(&self) -> &str {
        &self.feed
    }

    /// Returns true if an event is to be sent.
    pub(crate) fn accepts(&self, event: &CloudEvent) -> bool {
        self.filter.as_ref().is_none_or(|filter| (filter.accepts)(event))
    }

    /// Returns a text that is another one as soon as anything is configured differently. It is keyed by a secret, so that it
    /// does not help to guess a token.
    pub(crate) fn fingerprint(&self) -> String {
        let key = self.secrets.first().map(WebhookSecret::key).unwrap_or_default();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
        let rate = self.rate_per_min.map(|rate| rate.to_string());
        let filter = self.filter.as_ref().map(|filter| filter.text.as_str());
        let texts = [Some(self.url.as_str()), Some(&self.feed), filter, self.bearer.as_deref(), Some(&self.origin)];
        let keys = self.secrets.iter().map(|secret| Some(secret.key()));
        for part in texts
            .map(|text| text.map(str::as_bytes))
            .into_iter()
            .chain([rate.as_deref().map(str::as_bytes)])
            .chain(keys)
        {
            mac.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            mac.update(part.unwrap_or_default());
        }
        mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Debug for WebhookSink {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSink")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("feed", &self.feed)
            .field("filter", &self.filter.as_ref().map(|filter| &filter.text))
            .field("secrets", &self.secrets)
            .field("bearer", &self.bearer.as_ref().map(|_| ".."))
            .field("origin", &self.origin)
            .field("rate_per_min", &self.rate_per_min)
            .finish()
    }
}

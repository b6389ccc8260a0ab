//! A feed of another service, followed by long polls.
//!
//! Decision D-666.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

use crate::cloud_event::CloudEvent;
use crate::webhook::{CheckedResolver, RequestDeadlines, WebhookUrl, config, explained};

/// How long the other service may wait for the next event before it answers without one.
const POLL: Duration = Duration::from_secs(5);
/// How long a request may take with everything.
const DEADLINES: RequestDeadlines = RequestDeadlines {
    connect: Duration::from_secs(5),
    response: Duration::from_secs(10),
    whole: Duration::from_secs(20),
};
/// Bytes of an answer at most.
const BODY_BYTES_MAX: u64 = 4 << 20;
/// Characters of an id at most, since it goes into the next request.
const ID_CHARS_MAX: usize = 256;

/// A feed and the id of the last event that was read of it.
#[derive(Debug)]
pub(super) struct RemoteFeed {
    agent: Agent,
    url: WebhookUrl,
    bearer: Option<String>,
    last_id: Option<String>,
}

/// What a request has brought.
#[derive(Debug)]
pub(super) enum Polled {
    /// Events behind those before; none if there were none in time.
    Events { events: Vec<CloudEvent>, unreadable: u64, why: String },
    /// The feed does not know the last event any more: it has to be read from its beginning.
    BeginAnew,
}

/// An event of which only the id can be read.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl RemoteFeed {
    pub(super) fn new(url: WebhookUrl, token: Option<&str>) -> RemoteFeed {
        let resolver = CheckedResolver::new(Box::new(DefaultResolver::default()), &url);
        let agent = Agent::with_parts(config(DEADLINES).build(), DefaultConnector::default(), resolver);
        RemoteFeed { agent, url, bearer: token.map(|token| format!("Bearer {token}")), last_id: None }
    }

    /// Asks for the next events, and waits for them for a few seconds.
    ///
    /// # Errors
    ///
    /// Says why there is no answer that can be used.
    pub(super) fn poll(&mut self) -> Result<Polled, String> {
        let mut request = self
            .agent
            .get(self.url.as_str())
            .query("timeout", POLL.as_millis().to_string())
            .header("Accept", "application/cloudevents-batch+json");
        if let Some(id) = &self.last_id {
            request = request.query("lastEventId", id);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("Authorization", bearer);
        }
        let mut response = request.call().map_err(|error| explained(&error))?;
        match response.status().as_u16() {
            200 => {}
            204 => return Ok(Polled::nothing()),
            400 | 410 if self.last_id.is_some() => {
                self.last_id = None;
                return Ok(Polled::BeginAnew);
            }
            status => return Err(of_status(status)),
        }
        let passed = response.headers().get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_string();
        let body = body.map_err(|error| explained(&error))?;
        self.read(&body, passed)
    }

    /// Reads a batch; `passed` is the id behind which to go on if a filter has left events out at its end.
    fn read(&mut self, body: &str, passed: Option<String>) -> Result<Polled, String> {
        let batch: Vec<&RawValue> =
            serde_json::from_str(body).map_err(|error| format!("the answer is no JSON array of events: {error}"))?;
        let (mut events, mut unreadable, mut why) = (Vec::new(), 0, String::new());
        let mut last_id = None;
        for json in &batch {
            match CloudEvent::from_json(json.get()) {
                Ok(event) => {
                    last_id = Some(event.id.clone());
                    events.push(event);
                }
                Err(error) => {
                    (unreadable, why) = (unreadable + 1, error.to_string());
                    last_id = serde_json::from_str(json.get()).ok().map(|named: Named| named.id).or(last_id);
                }
            }
        }
        let last_id = passed.or(last_id).filter(|id| !id.is_empty() && id.chars().count() <= ID_CHARS_MAX);
        if last_id.is_none() && !batch.is_empty() {
            return Err(format!("no event of the answer has an id to go on behind: {why}"));
        }
        if !batch.is_empty() && last_id == self.last_id {
            return Err("the service gives the same events again: it does not go on behind lastEventId".to_owned());
        }
        self.last_id = last_id.or(self.last_id.take());
        Ok(Polled::Events { events, unreadable, why })
    }
}

impl Polled {
    fn nothing() -> Polled {
        Polled::Events { events: Vec::new(), unreadable: 0, why: String::new() }
    }
}

fn of_status(status: u16) -> String {
    let meaning = match status {
        300..=399 => "; redirects are not followed; give the address it leads to",
        401 | 403 => "; give a token that may read the feed by bearer = \"env:NAME\"",
        404 => "; check the name of the feed",
        429 | 503 => "; the service is busy",
        _ => "",
    };
    format!("status {status}{meaning}")
}

//! The requests to a sink: asking for permission, and sending an event.
//!
//! Nothing is followed, no proxy is used, and a connection goes to an address that was checked right before.
//!
//! Decisions D-632, D-639.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::config::{Config, ConfigBuilder};
use ureq::http::{HeaderMap, Response, Uri};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::webhook::address::special_use;
use crate::webhook::sink::WebhookSink;
use crate::webhook::url::WebhookUrl;

/// How much of a response is read.
const BODY_BYTES_MAX: u64 = 4096;
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// How much of a response is shown in an error, in characters.
const EXCERPT_CHARS_MAX: usize = 120;
const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// How long the parts of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestDeadlines {
    /// Looking up the host, and connecting including TLS; each may take that long.
    pub connect: Duration,
    /// The response, from the end of the request to the end of its headers.
    pub response: Duration,
    /// The whole request with everything.
    pub whole: Duration,
}

impl Default for RequestDeadlines {
    /// Returns 5 s to connect, 10 s for the response, and 20 s for the whole.
    fn default() -> RequestDeadlines {
        let [connect, response, whole] = [5, 10, 20].map(Duration::from_secs);
        RequestDeadlines { connect, response, whole }
    }
}

/// Sends requests to one sink.
#[derive(Debug)]
pub(crate) struct SinkClient {
    agent: Agent,
    url: String,
    origin: String,
    bearer: Option<String>,
}

/// What a receiver answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HeaderMap,
    excerpt: String,
}

/// The headers by which a receiver knows a webhook.
#[derive(Debug)]
pub(crate) struct SignedHeaders<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp_s: u64,
    pub(crate) signature: &'a str,
}

impl SinkClient {
    pub(crate) fn new(sink: &WebhookSink, deadlines: RequestDeadlines) -> SinkClient {
        SinkClient::with_resolver(sink, deadlines, Box::new(DefaultResolver::default()))
    }

    /// Returns a client that looks up names in its own way. The answers are checked all the same.
    pub(crate) fn with_resolver(
        sink: &WebhookSink,
        deadlines: RequestDeadlines,
        resolver: Box<dyn Resolver>,
    ) -> SinkClient {
        SinkClient::with_parts(sink, config(deadlines).build(), resolver)
    }

    /// Returns a client with a configuration that may differ in whom it trusts.
    pub(crate) fn with_parts(sink: &WebhookSink, config: Config, resolver: Box<dyn Resolver>) -> SinkClient {
        let resolver = CheckedResolver::new(resolver, &sink.url);
        SinkClient {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            url: sink.url.as_str().to_owned(),
            origin: sink.origin.clone(),
            bearer: sink.bearer.as_ref().map(|token| format!("Bearer {token}")),
        }
    }

    /// Asks for permission to send so many events per minute.
    pub(crate) fn ask(&self, rate_per_min: Option<u32>) -> Result<Reply, String> {
        let mut request = self.agent.options(&self.url).header("WebHook-Request-Origin", &self.origin);
        if let Some(rate) = rate_per_min {
            request = request.header("WebHook-Request-Rate", rate.to_string());
        }
        request.call().map(Reply::read).map_err(|error| explained(&error))
    }

    /// Sends an event in JSON.
    pub(crate) fn send(&self, signed: &SignedHeaders<'_>, body: &str) -> Result<Reply, String> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", CONTENT_TYPE)
            .header("WebHook-Request-Origin", &self.origin)
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.timestamp_s.to_string())
            .header("webhook-signature", signed.signature);
        if let Some(bearer) = &self.bearer {
            request = request.header("Authorization", bearer);
        }
        request.send(body).map(Reply::read).map_err(|error| explained(&error))
    }
}

impl Reply {
    /// Reads the beginning of the body. The status counts, whatever becomes of the body.
    fn read(mut response: Response<Body>) -> Reply {
        let mut body = Vec::new();
        let _ = response.body_mut().as_reader().take(BODY_BYTES_MAX).read_to_end(&mut body);
        let text = String::from_utf8_lossy(&body);
        let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let excerpt = plain.take(EXCERPT_CHARS_MAX).collect::<String>().trim().to_owned();
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), excerpt }
    }

    /// Returns the value of a header; `None` if it is not there or is no text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Returns the status, what it means where that is not plain, and how the body begins.
    pub(crate) fn summary(&self) -> String {
        let status = self.status;
        let meaning = match status {
            300..=399 => "; redirects are not followed; give the address it leads to",
            401 | 403 => "; check `bearer` and `secret`",
            415 => "; the receiver does not take application/cloudevents+json",
            _ => "",
        };
        let excerpt = if self.excerpt.is_empty() { String::new() } else { format!(": {}", self.excerpt) };
        format!("status {status}{meaning}{excerpt}")
    }
}

/// Looks up names, and fails if one of the addresses is not allowed.
#[derive(Debug)]
pub(crate) struct CheckedResolver {
    resolver: Box<dyn Resolver>,
    /// True if the host is a loopback address in digits.
    is_loopback: bool,
}

impl CheckedResolver {
    /// Returns a resolver for the host of an address, which asks another one.
    pub(crate) fn new(resolver: Box<dyn Resolver>, url: &WebhookUrl) -> CheckedResolver {
        CheckedResolver { resolver, is_loopback: url.is_loopback() }
    }
}

impl Resolver for CheckedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        for address in addresses.iter().map(SocketAddr::ip) {
            match special_use(address) {
                None if !self.is_loopback => {}
                Some(_) if self.is_loopback && address.is_loopback() => {}
                purpose => {
                    let purpose = purpose.unwrap_or("not loopback");
                    let message = format!("the host is at {address}, which is {purpose}; nothing was sent");
                    return Err(ureq::Error::Other(message.into()));
                }
            }
        }
        Ok(addresses)
    }
}

/// Returns how requests are made: to one address, once, and without the settings of the environment.
pub(crate) fn config(deadlines: RequestDeadlines) -> ConfigBuilder<AgentScope> {
    Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .max_response_header_size(HEADER_BYTES_MAX)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .timeout_resolve(Some(deadlines.connect))
        .timeout_connect(Some(deadlines.connect))
        .timeout_recv_response(Some(deadlines.response))
        .timeout_global(Some(deadlines.whole))
        .user_agent(concat!("flowbench/", env!("CARGO_PKG_VERSION")))
}

/// Says why there is no reply, in words that show nothing of the request.
pub(crate) fn explained(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(part) => format!("no reply in time ({part})"),
        ureq::Error::HostNotFound => "the host was not found".to_owned(),
        ureq::Error::LargeResponseHeader(..) => format!("the headers of the reply are over {HEADER_BYTES_MAX} bytes"),
        ureq::Error::Other(error) => error.to_string(),
        ureq::Error::Io(error) => format!("no connection: {error}"),
        error => error.to_string(),
    }
}

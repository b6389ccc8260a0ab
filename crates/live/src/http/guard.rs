//! What every request has to pass before anything looks at what it wants, and what every answer says to browsers.
//!
//! Decisions D-612 and D-624.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::access::{Denied, Grant, Scope};
use crate::http::host::{self, LocalAddress};
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::http::session;
use crate::http::watched_body::watched;

/// How long any handler may take beyond the longest poll.
const HANDLER_SLACK: Duration = Duration::from_secs(30);

/// What answers say to browsers, unless a handler says otherwise: nothing is loaded, framed, guessed or kept. A page
/// without any referrer would post its forms with the origin `null`, so there is one, for our own pages.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets a request in if it is meant for us and comes from somebody who may.
pub(crate) async fn guard(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&service, &request) {
        Err(refusal) => refusal.into_response(),
        Ok(grant) => {
            // A session is asked for without one.
            grant.map(|grant| request.extensions_mut().insert(grant));
            let late = || Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, 5, "this took too long").into_response();
            let time_max = service.limits.poll_timeout + service.limits.receipt_timeout + HANDLER_SLACK;
            timeout(time_max, next.run(request)).await.unwrap_or_else(|_| late())
        }
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Lets a request of the wall in if its token has the scope, and its answer end when it has no longer.
pub(crate) async fn guard_wall(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let grant = request.extensions().get::<Grant>().cloned().ok_or(Denied::Unknown);
    match grant.and_then(|grant| grant.require(Scope::Wall).map(|()| grant)) {
        Ok(grant) => watched(next.run(request).await, service, grant, Scope::Wall),
        Err(denied) => Refusal::from(denied).into_response(),
    }
}

fn admit(service: &Service, request: &Request) -> Result<Option<Grant>, Refusal> {
    check_form(request).and_then(|()| check_origin(service, request)).inspect_err(|_| service.access.deny())?;
    if request.uri().path() == session::PATH {
        return Ok(None);
    }
    let to_form = || session::is_of_browser(request).then(session::to_form);
    authenticate(service, request).map(Some).map_err(|denied| to_form().unwrap_or_else(|| denied.into()))
}

/// Refuses what no client of ours sends, whatever it wants.
fn check_form(request: &Request) -> Result<(), Refusal> {
    let bad = |reason: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
    let headers = request.headers();
    let has_length = headers.contains_key(header::CONTENT_LENGTH);
    let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
    if ![Method::GET, Method::POST].contains(request.method()) {
        let reason = format!("{} is not served; GET and POST are", request.method());
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, reason);
        return Err(refusal.with_header(header::ALLOW, HeaderValue::from_static("GET, POST")));
    }
    if request.version() != Version::HTTP_11 {
        return bad("HTTP/1.1 is served, no older version");
    }
    if has_length && is_chunked {
        return bad("a body has Content-Length or Transfer-Encoding, not both");
    }
    if *request.method() == Method::GET && (is_chunked || body_is_announced(headers)) {
        return bad("GET has no body");
    }
    if headers.contains_key(header::UPGRADE) {
        return bad("there is no other protocol to upgrade to");
    }
    Ok(())
}

fn body_is_announced(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// Refuses names that are not ours (against DNS rebinding) and pages that are not ours (against forged requests).
fn check_origin(service: &Service, request: &Request) -> Result<(), Refusal> {
    let local = request.extensions().get::<LocalAddress>();
    let is_ours = |authority: &str| local.is_some_and(|local| host::is_ours(authority, local.0, &service.names));
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => return Err(Refusal::new(StatusCode::BAD_REQUEST, "a request has one Host header")),
    };
    if !is_ours(host) || request.uri().authority().is_some_and(|authority| !is_ours(authority.as_str())) {
        let reason = "this service does not go by that name; --host gives it names beside its address";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, reason));
    }
    let foreign = || Err(Refusal::new(StatusCode::FORBIDDEN, "pages of other origins may not ask"));
    for origin in headers.get_all(header::ORIGIN) {
        let authority = origin.to_str().ok().and_then(host::authority_of_origin);
        if !authority.is_some_and(is_ours) {
            return foreign();
        }
    }
    // Images and scripts of other pages send no origin, but browsers say where they are from. Links may come from anywhere.
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|header| header.as_bytes() == value.as_bytes());
    let is_foreign = is("sec-fetch-site", "cross-site") || is("sec-fetch-site", "same-site");
    let is_link = is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
    if is_foreign && !(is_link && *request.method() == Method::GET) { foreign() } else { Ok(()) }
}

/// Takes the token of the header or, where nothing is changed, the session of a browser.
fn authenticate(service: &Service, request: &Request) -> Result<Grant, Denied> {
    let headers = request.headers();
    let cookie = session::of(request).filter(|_| *request.method() == Method::GET);
    match cookie {
        Some(session) if !headers.contains_key(header::AUTHORIZATION) => service.access.by_session(session),
        _ => service.access.by_secret(session::bearer(headers)),
    }
}

//! `/session`: how a browser, which cannot send a token with every request, presents it once.
//!
//! Decision D-616.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::http::host::LocalAddress;
use crate::http::post_events::read_body;
use crate::http::refusal::Refusal;
use crate::http::service::Service;

/// The path of the form and of what it posts to.
pub(crate) const PATH: &str = "/session";

/// What the name of the cookie begins with that a browser holds then. It is not the token, and ends with the service.
const COOKIE: &str = "flowbench_session";

/// The most that a form with a token may have.
const FORM_BYTES_MAX: usize = 1024;

/// Nothing is loaded, and the form goes nowhere else.
const FORM_POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const FORM: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" \
    content=\"dark light\"><meta name=\"viewport\" content=\"width=device-width\"><title>flowbench</title>\n\
    <form method=\"post\" action=\"/session\"><p><label>Token <input name=\"token\" type=\"password\" \
    autocomplete=\"current-password\" required autofocus></label> <button>Open</button></form></html>\n";

/// Shows the form.
pub(crate) async fn show_form() -> Response {
    ([(header::CONTENT_SECURITY_POLICY, FORM_POLICY)], Html(FORM)).into_response()
}

/// Takes a token, from the `Authorization` header or from the form, and sets the cookie.
pub(crate) async fn open_session(State(service): State<Arc<Service>>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body, FORM_BYTES_MAX, service.limits.body_timeout).await?;
    let form = std::str::from_utf8(&body).unwrap_or_default();
    // The characters of a token stand for themselves in a form.
    let typed = form.split('&').find_map(|field| field.strip_prefix("token="));
    let grant = service.access.by_secret(bearer(&parts.headers).or(typed))?;
    let Some(session) = service.access.session(&grant) else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "no token is needed here"));
    };
    let is_https = parts.headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{}={session}; Path=/; HttpOnly; SameSite=Strict{secure}", cookie_name(&parts.extensions));
    let mut response =
        if typed.is_some() { Redirect::to("/").into_response() } else { StatusCode::NO_CONTENT.into_response() };
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Returns the session of a browser.
pub(crate) fn of(request: &Request) -> Option<&str> {
    let ours = cookie_name(request.extensions());
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == ours).then_some(value)
    })
}

/// Returns the name of the cookie: browsers send cookies to all ports of a host, where other services may have theirs.
fn cookie_name(extensions: &Extensions) -> String {
    let port = extensions.get::<LocalAddress>().map_or(0, |local| local.0.port());
    format!("{COOKIE}_{port}")
}

/// Returns the secret of the only `Authorization` header, if it is a bearer token.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

/// Returns true if a person looks at the answer.
pub(crate) fn is_of_browser(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    *request.method() == Method::GET && accepts.contains("text/html")
}

/// Sends a browser to the form.
pub(crate) fn to_form() -> Refusal {
    Refusal::new(StatusCode::SEE_OTHER, "a token is needed")
        .with_header(header::LOCATION, HeaderValue::from_static(PATH))
}

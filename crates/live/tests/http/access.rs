//! Who may do what, and where requests may come from.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::routing::get;
use flowbench_live::{HttpConfig, HttpServer, HttpServerError, Scope, TokenFile};
use hyper::body::Frame;
use tempfile::TempDir;

use crate::client::{Client, request};
use crate::fixture::Fixture;

const LINES: &str = "Content-Type: application/x-ndjson";

struct Guarded {
    fixture: Fixture,
    tokens: TokenFile,
    _folder: TempDir,
}

fn guarded() -> Guarded {
    let folder = tempfile::tempdir().unwrap();
    let tokens = TokenFile::new(folder.path().join("tokens.toml"));
    tokens.create("other", &[Scope::Feed("views".to_owned())], None).unwrap();
    let fixture = Fixture::new(|config| {
        config.tokens = Some(tokens.clone());
        config.names = vec!["wall.example.org".to_owned()];
        let frames = get(|| async { Body::new(Frames { is_sent: false }) });
        config.routes = Router::new().route("/", get(|| async { "the wall" })).route("/frames", frames);
    });
    Guarded { fixture, tokens, _folder: folder }
}

/// A stream that says one thing and never ends by itself.
struct Frames {
    is_sent: bool,
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match std::mem::replace(&mut self.is_sent, true) {
            false => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"a frame"))))),
            true => Poll::Pending,
        }
    }
}

impl Guarded {
    /// Makes a token and returns the header that presents it.
    fn token(&self, name: &str, scopes: &[Scope]) -> String {
        format!("Authorization: Bearer {}", self.tokens.create(name, scopes, None).unwrap().as_str())
    }
}

#[test]
fn other_machines_are_served_with_tokens_only() {
    let fixture = Fixture::new(|_| {});
    let config = HttpConfig::new(fixture.stub.clone(), fixture.feeds.clone());
    let error = HttpServer::start("0.0.0.0:0".parse().unwrap(), config).unwrap_err();
    assert!(matches!(error, HttpServerError::Unprotected(_)) && error.to_string().contains("tokens are needed"));
}

#[test]
fn a_token_does_what_its_scopes_say_and_no_more() {
    let guarded = guarded();
    let fixture = &guarded.fixture;
    for (name, scope, allowed) in [
        ("p", Scope::Post, [202, 403, 403, 403]),
        ("f", Scope::Feed("orders".to_owned()), [403, 200, 403, 403]),
        ("v", Scope::Feed("views".to_owned()), [403, 403, 403, 403]),
        ("a", Scope::AllFeeds, [403, 200, 403, 403]),
        ("w", Scope::Wall, [403, 403, 200, 403]),
        ("s", Scope::Status, [403, 403, 403, 200]),
    ] {
        let token = guarded.token(name, &[scope]);
        let got = [
            fixture.post(&[LINES, &token], "{}").status,
            fixture.get("/feeds/orders", &[&token]).status,
            fixture.get("/", &[&token]).status,
            fixture.get("/status", &[&token]).status,
        ];
        assert_eq!(got, allowed, "{name}");
    }
    assert_eq!(fixture.stub.seen().len(), 1);
    let token = guarded.token("nobody", &[Scope::Wall]);
    assert_eq!(fixture.get("/feeds", &[&token]).json(), serde_json::json!({ "feeds": [] }));
}

#[test]
fn without_a_token_nothing_is_to_be_had() {
    let guarded = guarded();
    let fixture = &guarded.fixture;
    let good = guarded.token("shop", &[Scope::Post, Scope::AllFeeds, Scope::Wall, Scope::Status]);
    let expired =
        guarded.tokens.create("old", &[Scope::Post], Some(SystemTime::now() - Duration::from_secs(9))).unwrap();
    let session = format!("flowbench_session_{}", fixture.server.address().port());
    for header in [
        "X: no token".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: Bearer flowbench_AAAA".to_owned(),
        good.replace("Bearer", "Basic"),
        format!("{good}\r\n{good}"),
        good[..good.len() - 1].to_owned(),
        format!("Authorization: Bearer {}", expired.as_str()),
        format!("Cookie: {session}={}", good.rsplit(' ').next().unwrap()),
        format!("Cookie: {session}=shop:00"),
    ] {
        for answer in [
            fixture.post(&[LINES, &header], "{}"),
            fixture.get("/feeds/orders", &[&header]),
            fixture.get("/", &[&header]),
            fixture.get("/no/such/path", &[&header]),
        ] {
            assert_eq!(answer.status, 401, "{header}: {}", answer.head);
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    assert!(fixture.stub.seen().is_empty());
}

#[test]
fn a_token_that_is_revoked_ends_its_streams_and_polls_and_no_others() {
    let guarded = guarded();
    let fixture = &guarded.fixture;
    let shop = guarded.token("shop", &[Scope::AllFeeds, Scope::Wall]);
    let other = guarded.token("viewer", &[Scope::AllFeeds]);
    let mut wall = fixture.client();
    wall.send(request("GET", "/frames", fixture.server.address(), &[&shop], b""));
    assert_eq!((wall.head().unwrap().0, &*wall.until("a frame")), (200, "a frame"));
    let mut ending = fixture.stream("/feeds/orders", &[&shop]);
    let mut staying = fixture.stream("/feeds/orders", &[&other]);
    let mut polling = fixture.client();
    polling.send(request("GET", "/feeds/orders?timeout=60000", fixture.server.address(), &[&shop], b""));
    ending.until("connected");
    guarded.tokens.revoke("shop").unwrap();
    assert_eq!((ending.rest(), wall.rest()), (String::new(), String::new()));
    assert_eq!(polling.answer().unwrap().status, 401);
    assert_eq!(fixture.get("/feeds/orders", &[&shop]).status, 401);
    fixture.append(0..1);
    staying.until("t0");
}

#[test]
fn a_browser_presents_its_token_once() {
    let guarded = guarded();
    let fixture = &guarded.fixture;
    let token = guarded.token("wall", &[Scope::Wall, Scope::Post, Scope::AllFeeds]);
    let to_form = fixture.get("/", &["Accept: text/html"]);
    assert_eq!((to_form.status, to_form.header("location")), (303, Some("/session")));
    let form = fixture.get("/session", &["Accept: text/html"]);
    assert!(form.status == 200 && form.body.contains("<form method=\"post\" action=\"/session\">"));
    assert!(form.header("content-security-policy").unwrap().contains("form-action 'self'"));
    // Without a referrer, a browser would post the form with the origin `null`.
    assert_eq!(form.header("referrer-policy"), Some("same-origin"));
    let typed = format!("token={}", token.rsplit(' ').next().unwrap());
    let origin = format!("Origin: http://{}", fixture.server.address());
    let form = ["Content-Type: application/x-www-form-urlencoded", &*origin];
    let opened = fixture.ask("POST", "/session", &form, typed.as_bytes());
    assert_eq!((opened.status, opened.header("location")), (303, Some("/")));
    let cookie = opened.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: other=1; {}", cookie.split(';').next().unwrap());
    assert!(!cookie.contains(&typed["token=".len()..]));
    assert_eq!(fixture.get("/", &[&cookie]).body, "the wall");
    assert_eq!(fixture.get("/feeds/orders", &[&cookie]).status, 200);
    // A cookie is sent along by itself, so nothing is changed for it.
    assert_eq!(fixture.post(&[LINES, &cookie], "{}").status, 401);
    guarded.tokens.revoke("wall").unwrap();
    assert_eq!(fixture.get("/", &[&cookie]).status, 401);
    assert_eq!(fixture.ask("POST", "/session", &[], b"token=x").status, 401);
    assert_eq!(fixture.ask("POST", "/session", &[], &[b'x'; 2000]).status, 413);
    assert_eq!(fixture.ask("POST", "/session", &[&token], b"").status, 401);
}

#[test]
fn other_names_and_pages_are_refused() {
    let fixture = Fixture::new(|config| config.names = vec!["wall.example.org".to_owned()]);
    let address = fixture.server.address();
    let with_host = |host: &str, headers: &str| {
        let mut client = Client::connect(address);
        client.send(format!("GET /feeds HTTP/1.1\r\n{host}{headers}\r\n"));
        client.answer().unwrap().status
    };
    let port = address.port();
    for host in [&*format!("127.0.0.1:{port}"), &*format!("localhost:{port}"), "wall.example.org"] {
        assert_eq!(with_host(&format!("Host: {host}\r\n"), ""), 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1", &*format!("evil.example:{port}"), "wall.example.org:1", "a b", "\u{fc}"] {
        assert_eq!(with_host(&format!("Host: {host}\r\n"), ""), 421, "{host}");
    }
    assert_eq!(with_host("", ""), 400);
    assert_eq!(with_host(&format!("Host: {address}\r\nHost: {address}\r\n"), ""), 400);
    let host = format!("Host: {address}\r\n");
    for (headers, status) in [
        (format!("Origin: http://{address}\r\n"), 200),
        ("Origin: https://wall.example.org\r\n".to_owned(), 200),
        ("Origin: http://evil.example\r\n".to_owned(), 403),
        (format!("Origin: http://localhost:{}\r\n", port ^ 1), 403),
        ("Origin: null\r\n".to_owned(), 403),
        (format!("Origin: http://{address}\r\nOrigin: http://evil.example\r\n"), 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n".to_owned(), 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n".to_owned(), 200),
        ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n".to_owned(), 200),
    ] {
        assert_eq!(with_host(&host, &headers), status, "{headers}");
    }
    assert_eq!(fixture.get("http://evil.example/feeds", &[]).status, 421);
}

#[test]
fn every_answer_tells_browsers_to_load_frame_and_keep_nothing() {
    let fixture = Fixture::new(|_| {});
    for answer in [
        fixture.get("/feeds", &[]),
        fixture.get("/none", &[]),
        fixture.ask("PUT", "/events", &[], b""),
        fixture.get("/feeds", &["Origin: null"]),
    ] {
        assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn what_was_done_with_a_token_is_counted() {
    let guarded = guarded();
    let fixture = &guarded.fixture;
    let shop = guarded.token("shop", &[Scope::Post, Scope::AllFeeds]);
    let admin = guarded.token("admin", &[Scope::Status]);
    fixture.post(&[LINES, &shop], "{}\n{}\n");
    fixture.append(0..3);
    fixture.get("/feeds/orders", &[&shop]);
    fixture.get("/status", &[&shop]);
    fixture.get("/feeds", &[]);
    let status = fixture.get("/status", &[&admin]).json();
    let shop = status["access"]["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "shop").unwrap();
    let count = |name: &str| shop[name].as_u64().unwrap();
    assert_eq!((count("accepted"), count("denied"), count("events_in"), count("bytes_in")), (3, 1, 2, 6));
    assert!(count("events_out") == 3 && count("bytes_out") > 100);
    assert_eq!(status["access"]["without_token"]["denied"], 1);
    assert_eq!(status["feeds"][0]["end_position"], 3);
    assert!(!status.to_string().contains("hash"));
}

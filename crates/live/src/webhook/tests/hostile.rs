//! Whatever a receiver does, a request ends within its deadline, little is read, and the event stays.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::queue::Cursor;
use crate::webhook::client::SinkClient;
use crate::webhook::tests::server::{Answer, ScriptedServer};
use crate::webhook::tests::session::{Session, sink, stop, wait_for};
use crate::webhook::{RequestDeadlines, WebhookStatus};

/// Sends one event to a server that answers in this way again and again, and returns the error that is shown.
fn error_of(answer: Answer) -> String {
    error_within(Duration::from_secs(60), answer)
}

/// Does the same with a deadline for a request.
fn error_within(whole: Duration, answer: Answer) -> String {
    let server = ScriptedServer::start([answer]);
    let mut session = Session::new(1);
    session.deadlines.whole = whole;
    let sinks = session.start(&server.url(), "");
    // On a busy machine, even the question for permission may miss a short deadline before.
    let state = wait_for(&sinks, |state| state.status == WebhookStatus::Delivering && state.last_error.is_some());
    assert_eq!((state.cursor, state.delivered), (Cursor(0), 0));
    stop(sinks);
    state.last_error.unwrap()
}

#[test]
fn a_redirect_is_not_followed() {
    let target = ScriptedServer::start([Answer::status(200)]);
    for status in [301, 302, 303, 307, 308] {
        let error = error_of(Answer::with_header(status, "Location", &target.url()));
        assert!(error.starts_with(&format!("status {status}; redirects are not followed")), "{error}");
    }
    assert!(target.received().is_empty());

    let permissions = [Answer::with_header(307, "Location", &target.url())];
    let server = ScriptedServer::asked(permissions, [Answer::status(200)]);
    let session = Session::new(1);
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.failures > 0);
    stop(sinks);
    assert!(target.received().is_empty() && server.received_by("POST").is_empty());
}

#[test]
fn a_server_that_hangs_or_drips_is_left_at_the_deadline() {
    let slow_header = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(10_000));
    for answer in [Answer::Hang, Answer::Drip(Vec::new(), slow_header.into_bytes())] {
        let error = error_within(Duration::from_millis(300), answer);
        assert!(error.starts_with("no reply in time"), "{error}");
    }
}

#[test]
fn the_status_counts_even_if_the_body_never_ends() {
    let headers = b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n".to_vec();
    for answer in [Answer::Endless(200), Answer::Drip(headers, vec![b'x'; 9999])] {
        let server = ScriptedServer::start([answer]);
        let mut session = Session::new(2);
        session.deadlines.whole = Duration::from_millis(900);
        let sinks = session.start(&server.url(), "");
        wait_for(&sinks, |state| state.delivered == 2);
        stop(sinks);
    }
    let error = error_of(Answer::Endless(500));
    assert!(error.starts_with("status 500: xxxx") && error.len() < 200, "{error}");
}

#[test]
fn what_is_no_http_is_a_failure() {
    let bomb = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Header: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(10_000));
    for raw in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 99999 OK\r\n\r\n", b"\0\0\0\0", bomb.as_bytes()] {
        let error = error_of(Answer::Raw(raw.to_vec()));
        assert!(!error.is_empty() && error.len() < 300, "{error}");
    }
    assert!(!error_of(Answer::Close).is_empty());
}

#[test]
fn a_server_without_a_known_certificate_is_told_nothing() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(1);
    let sinks = session.start(&server.url().replace("http:", "https:"), "");
    let state = wait_for(&sinks, |state| state.failures > 0);
    stop(sinks);
    assert!(server.received().iter().all(|request| !request.path.contains("hook")), "{:?}", state.last_error);
}

#[test]
fn what_a_server_says_cannot_control_a_terminal() {
    let error = error_of(Answer::Reply(500, Vec::new(), "\u{1b}[2Jcleared\r\nline".to_owned()));
    assert_eq!(error, "status 500: [2Jcleared  line");
}

/// A name service that answers each question with the next list of addresses.
#[derive(Debug)]
struct ScriptedNames {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
    port: u16,
}

impl Resolver for ScriptedNames {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let mut addresses = self.empty();
        for address in &self.answers[at] {
            addresses.push(SocketAddr::new(*address, self.port));
        }
        Ok(addresses)
    }
}

fn client(url: &str, port: u16, answers: &[&str]) -> SinkClient {
    let parse = |list: &&str| list.split(' ').map(|address| address.parse().unwrap()).collect();
    let names = ScriptedNames { answers: answers.iter().map(parse).collect(), asked: AtomicUsize::new(0), port };
    let whole = Duration::from_secs(5);
    let deadlines = RequestDeadlines { connect: whole, response: whole, whole };
    SinkClient::with_resolver(&sink(url, "")[0], deadlines, Box::new(names))
}

#[test]
fn a_name_that_leads_into_this_network_is_refused_whenever_it_does() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let url = format!("https://hooks.example.com:{}/", server.port());
    for addresses in
        ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "1.1.1.1 192.168.0.1", "::ffff:127.0.0.1"]
    {
        let error = client(&url, server.port(), &[addresses]).ask(None).unwrap_err();
        assert!(error.starts_with("the host is at ") && error.ends_with("nothing was sent"), "{addresses}: {error}");
    }
    // The second answer counts for the second connection.
    let closed = "2001:200::1";
    let rebound = client(&url, server.port(), &[closed, "127.0.0.1"]);
    let first = rebound.ask(None).unwrap_err();
    assert!(!first.contains("nothing was sent"), "{first}");
    assert!(rebound.ask(None).unwrap_err().contains("127.0.0.1, which is loopback"));
    assert!(server.received().is_empty());
}

#[test]
fn a_loopback_sink_stays_on_loopback() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let url = "http://127.0.0.1:9/";
    assert_eq!(client(url, server.port(), &["127.0.0.1"]).ask(None).unwrap().status, 200);
    let error = client(url, server.port(), &["1.1.1.1"]).ask(None).unwrap_err();
    assert_eq!(error, "the host is at 1.1.1.1, which is not loopback; nothing was sent");
}

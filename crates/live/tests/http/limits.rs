//! Bounds in connections, readers and time, and the end of the service.

use std::thread;
use std::time::Duration;

use flowbench_live::{CloudEvent, EventData};
use serde_json::Value;

use crate::client::request;
use crate::fixture::{Fixture, Mood};

const LINES: &str = "Content-Type: application/x-ndjson";

/// Waits until the service says that this many connections are open, its own among them; returns what it says.
fn wait_for_connections(fixture: &Fixture, open: u64) -> Value {
    wait_for(fixture, |status| status["connections"]["open"] == open)
}

fn wait_for(fixture: &Fixture, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let status = fixture.get("/status", &[]).json();
        if is_so(&status) {
            return status;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{}", fixture.get("/status", &[]).body);
}

#[test]
fn one_connection_too_many_is_told_and_closed() {
    let fixture = Fixture::new(|config| config.limits.connections = 2);
    let mut first = fixture.stream("/feeds/orders", &[]);
    let mut second = fixture.client();
    second.send(request("GET", "/feeds", fixture.server.address(), &[], b""));
    assert_eq!(second.answer().unwrap().status, 200);
    let mut third = fixture.client();
    let answer = third.answer().unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert!(answer.body.contains("too many connections") && third.is_closed());
    drop(second);
    fixture.append(0..1);
    first.until("t0");
    let status = wait_for_connections(&fixture, 2);
    assert!(status["connections"]["refused"].as_u64() >= Some(1), "{status}");
}

#[test]
fn readers_who_wait_leave_connections_to_others() {
    let fixture = Fixture::new(|config| config.limits.readers = 1);
    let stream = fixture.stream("/feeds/orders", &[]);
    assert_eq!(fixture.get("/feeds/orders?timeout=1000", &[]).status, 503);
    assert_eq!(fixture.get("/feeds/orders", &["Accept: text/event-stream"]).status, 503);
    assert_eq!(fixture.get("/feeds/orders", &[]).status, 200);
    drop(stream);
    wait_for(&fixture, |status| status["readers"]["open"] == 0);
    fixture.stream("/feeds/orders", &[]);
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let fixture = Fixture::keeping(300, |config| config.limits.write_timeout = Duration::from_millis(200));
    for _ in 0..300 {
        let mut event = CloudEvent::new("", "/test", "large");
        event.data = Some(EventData::Binary(vec![0; 100_000]));
        fixture.orders.append(event);
    }
    let idle = fixture.stream("/feeds/orders", &[]);
    wait_for_connections(&fixture, 1);
    drop(idle);
}

#[test]
fn a_client_that_does_nothing_is_cut_off() {
    let fixture = Fixture::new(|config| config.limits.header_timeout = Duration::from_secs(1));
    let mut silent = fixture.client();
    let mut idle = fixture.client();
    idle.send(request("GET", "/feeds", fixture.server.address(), &[], b""));
    assert_eq!(idle.answer().unwrap().status, 200);
    assert!(silent.is_closed() && idle.is_closed());
}

#[test]
fn each_path_says_what_it_serves() {
    let fixture = Fixture::new(|_| {});
    for (method, target, allowed) in [
        ("GET", "/events", "POST"),
        ("POST", "/feeds", "GET"),
        ("POST", "/feeds/orders", "GET"),
        ("POST", "/status", "GET"),
        ("DELETE", "/events", "GET, POST"),
        ("OPTIONS", "/none", "GET, POST"),
    ] {
        let answer = fixture.ask(method, target, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {target}");
        assert!(answer.json()["error"].is_string());
    }
    for target in ["/", "/event", "/events/", "/feeds/orders/x", "/session", "/feeds/%ff", "/feeds/"] {
        assert_eq!(fixture.get(target, &[]).status, 404, "{target}");
    }
}

#[test]
fn requests_behind_each_other_are_answered_in_turn() {
    let fixture = Fixture::new(|_| {});
    let address = fixture.server.address();
    let mut client = fixture.client();
    let requests = [
        request("GET", "/feeds", address, &[], b""),
        request("POST", "/events", address, &[LINES], b"{}"),
        request("GET", "/none", address, &[], b""),
        request("GET", "/feeds/orders", address, &[], b""),
    ];
    client.send(requests.concat());
    let statuses: Vec<u16> = (0..4).map(|_| client.answer().unwrap().status).collect();
    assert_eq!(statuses, [200, 202, 404, 200]);
}

#[test]
fn a_stop_ends_streams_and_polls_and_answers_what_is_under_way() {
    let fixture = Fixture::new(|_| {});
    let address = fixture.server.address();
    let mut stream = fixture.stream("/feeds/orders", &[]);
    stream.until("connected");
    let mut poll = fixture.client();
    poll.send(request("GET", "/feeds/orders?timeout=60000", address, &[], b""));
    let mut idle = fixture.client();
    idle.send(request("GET", "/feeds", address, &[], b""));
    assert_eq!(idle.answer().unwrap().status, 200);
    wait_for_connections(&fixture, 4);
    fixture.server.stop().unwrap();
    assert_eq!(stream.rest(), "");
    assert_eq!(poll.answer().unwrap().body, "[]");
    assert!(idle.is_closed());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_stop_does_not_wait_for_those_who_never_end() {
    let fixture = Fixture::new(|config| config.limits.stop_timeout = Duration::from_millis(100));
    *fixture.stub.mood.lock().unwrap() = Mood::Silent;
    let mut client = fixture.client();
    client.send(request("POST", "/events", fixture.server.address(), &[LINES], b"{}"));
    wait_for_connections(&fixture, 2);
    fixture.server.stop().unwrap();
    assert!(client.answer().is_none());
}

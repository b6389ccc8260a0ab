//! Feeds, in batches and as streams.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flowbench_live::{CloudEvent, EventData, EventFilter, FilterParser};
use serde_json::json;

use crate::client::request;
use crate::fixture::Fixture;

fn id(position: u64) -> String {
    format!("{position:020}")
}

/// A filter that wants one type.
fn type_filter() -> FilterParser {
    Arc::new(|text| match text.strip_prefix("type=") {
        Some(kind) => {
            let kind = kind.to_owned();
            Ok(Arc::new(move |event: &CloudEvent| event.kind == kind) as EventFilter)
        }
        None => Err("write type=TYPE".to_owned()),
    })
}

#[test]
fn a_consumer_reads_batch_after_batch_behind_the_last_id() {
    let fixture = Fixture::new(|_| {});
    fixture.append(0..25);
    let (mut seen, mut target) = (Vec::new(), "/feeds/orders?limit=10".to_owned());
    loop {
        let answer = fixture.get(&target, &[]);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/cloudevents-batch+json; charset=utf-8"));
        let ids = answer.ids();
        let Some(last) = ids.last() else { break };
        assert_eq!(answer.header("last-event-id"), Some(&**last));
        target = format!("/feeds/orders?limit=10&lastEventId={last}");
        seen.extend(ids);
    }
    assert_eq!(seen, (0..25).map(id).collect::<Vec<_>>());
}

#[test]
fn the_feeds_are_listed_with_their_positions() {
    let fixture = Fixture::new(|_| {});
    fixture.append(0..130);
    let expected = json!({ "feeds": [
        { "name": "orders", "url": "/feeds/orders", "oldest_position": 30, "end_position": 130, "closed": false },
    ] });
    assert_eq!(fixture.get("/feeds", &[]).json(), expected);
}

#[test]
fn what_cannot_be_read_on_from_is_said() {
    let fixture = Fixture::new(|_| {});
    fixture.append(0..130);
    let gone = fixture.get(&format!("/feeds/orders?lastEventId={}", id(7)), &[]);
    assert_eq!(gone.status, 410);
    assert_eq!(
        (&gone.json()["oldest_position"], &gone.json()["begin_again_at"]),
        (&json!(30), &json!("/feeds/orders"))
    );
    assert!(gone.body.contains("no longer kept"));
    for query in [
        "lastEventId=7",
        "lastEventId=x",
        &format!("lastEventId={}", id(130)),
        "limit=0",
        "limit=x",
        "filter=x",
        "what=1",
    ] {
        assert_eq!(fixture.get(&format!("/feeds/orders?{query}"), &[]).status, 400, "{query}");
    }
    assert_eq!(fixture.get("/feeds/views", &[]).status, 404);
}

#[test]
fn a_long_poll_ends_with_the_event_it_waited_for() {
    let fixture = Fixture::new(|_| {});
    fixture.append(0..1);
    let mut client = fixture.client();
    let target = format!("/feeds/orders?lastEventId={}&timeout=60000", id(0));
    client.send(request("GET", &target, fixture.server.address(), &[], b""));
    // Others are served meanwhile.
    assert_eq!(fixture.get("/feeds", &[]).status, 200);
    fixture.append(1..2);
    assert_eq!(client.answer().unwrap().ids(), [id(1)]);
    client.send(request(
        "GET",
        &format!("/feeds/orders?lastEventId={}&timeout=10", id(1)),
        fixture.server.address(),
        &[],
        b"",
    ));
    assert_eq!(client.answer().unwrap().body, "[]");
}

#[test]
fn a_batch_is_bounded_in_bytes() {
    let fixture = Fixture::new(|_| {});
    for _ in 0..20 {
        let mut event = CloudEvent::new("", "/test", "large");
        event.data = Some(EventData::Binary(vec![0; 150_000]));
        fixture.orders.append(event);
    }
    let answer = fixture.get("/feeds/orders", &[]);
    assert!(answer.body.len() < 2 << 20 && answer.ids().len() == 6, "{} bytes", answer.body.len());
}

#[test]
fn a_filter_moves_the_cursor_over_what_it_does_not_want() {
    let fixture = Fixture::keeping(10_000, |config| config.filters = Some(type_filter()));
    fixture.append(0..3000);
    let found = fixture.get("/feeds/orders?filter=type%3Dt2500", &[]);
    assert_eq!(found.ids(), [id(2500)]);
    assert_eq!(found.header("last-event-id"), Some(&*id(2999)));
    let nothing = fixture.get("/feeds/orders?filter=type%3Dnone", &[]);
    assert_eq!((&*nothing.body, nothing.header("last-event-id")), ("[]", Some(&*id(2999))));
    let bad = fixture.get("/feeds/orders?filter=x", &[]);
    assert!(bad.status == 400 && bad.body.contains("filter: write type=TYPE"));
    let mut client = fixture.client();
    let target = format!("/feeds/orders?filter=type%3Dnew&timeout=60000&lastEventId={}", id(2999));
    client.send(request("GET", &target, fixture.server.address(), &[], b""));
    fixture.append(0..5);
    fixture.orders.append(CloudEvent::new("", "/test", "new"));
    assert_eq!(client.answer().unwrap().ids(), [id(3005)]);
}

#[test]
fn a_stream_has_the_events_with_the_ids_of_the_feed_and_resumes_behind_them() {
    let fixture = Fixture::new(|_| {});
    fixture.append(0..2);
    let mut client = fixture.stream("/feeds/orders", &[]);
    let read = client.until(&format!("id: {}\n", id(1)));
    let data: Vec<_> = read.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.len(), 2);
    let first = CloudEvent::from_json(data[0]).unwrap();
    assert_eq!((first.id, first.kind), (id(0), "t0".to_owned()));
    fixture.append(2..3);
    client.until(&format!("id: {}\n", id(2)));
    drop(client);
    fixture.append(3..5);
    // The query is that of the first request, as a browser repeats it; the header says where it is.
    let resumed = format!("Last-Event-ID: {}", id(2));
    let mut client = fixture.stream(&format!("/feeds/orders?lastEventId={}", id(0)), &[&resumed]);
    let read = client.until(&format!("id: {}\n", id(4)));
    assert!(read.contains(&id(3)) && !read.contains(&id(2)), "{read}");
}

#[test]
fn a_stream_ends_when_the_feed_does() {
    let fixture = Fixture::new(|_| {});
    fixture.append(0..1);
    let mut client = fixture.stream("/feeds/orders", &[]);
    client.until(&id(0));
    fixture.append(1..2);
    fixture.orders.close();
    assert!(client.rest().contains(&id(1)));
    let last = format!("Last-Event-ID: {}", id(1));
    assert_eq!(fixture.get("/feeds/orders", &["Accept: text/event-stream", &last]).status, 204);
    assert_eq!(fixture.get(&format!("/feeds/orders?timeout=60000&lastEventId={}", id(1)), &[]).body, "[]");
}

#[test]
fn a_stream_gives_signs_of_life_and_moves_a_filtered_reader_on() {
    let fixture = Fixture::new(|config| {
        config.filters = Some(type_filter());
        config.limits.heartbeat = Duration::from_millis(20);
    });
    let mut client = fixture.stream("/feeds/orders?filter=type%3Dnew", &[]);
    client.until(": alive\n\n");
    fixture.append(0..3);
    let read = client.until(&format!("id: {}\n\n", id(2)));
    assert!(!read.contains("data:"), "{read}");
}

#[test]
fn a_data_line_stays_one_line_whatever_was_posted() {
    let fixture = Fixture::new(|_| {});
    let mut event = CloudEvent::new("", "/test", "pretty");
    event.data =
        Some(EventData::Json(serde_json::from_str("{\r\n  \"a\": 1,\n  \"id: 7\": \"\\n\\ndata: x\"\n}").unwrap()));
    fixture.orders.append(event);
    let read = fixture.stream("/feeds/orders", &[]).until("id: 0");
    let lines: Vec<_> = read.lines().filter(|line| !line.is_empty() && !line.starts_with(':')).collect();
    assert_eq!(lines.len(), 2, "{read}");
    assert!(CloudEvent::from_json(lines[1].strip_prefix("data: ").unwrap()).is_ok());
}

#[test]
fn a_reader_that_falls_behind_is_told_and_misses_nothing_in_silence() {
    let fixture = Fixture::keeping(3, |config| config.limits.write_timeout = Duration::from_secs(60));
    let mut client = fixture.stream("/feeds/orders", &[]);
    client.until("connected");
    // Far more than the operating system holds for a client that does not read.
    for _ in 0..400 {
        let mut event = CloudEvent::new("", "/test", "large");
        event.data = Some(EventData::Binary(vec![0; 100_000]));
        fixture.orders.append(event);
        thread::sleep(Duration::from_millis(1));
    }
    let read = client.rest();
    let ids: Vec<_> = read.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, (0..ids.len() as u64).map(id).collect::<Vec<_>>(), "events are missing before the end");
    assert!(ids.len() < 400, "nothing overflowed");
    let (_, overflow) = read.split_once("event: overflow\ndata: ").unwrap();
    assert!(overflow.contains("no longer kept") && overflow.contains("\"oldest_position\":"), "{overflow}");
    let last = format!("Last-Event-ID: {}", ids.last().copied().unwrap_or(&id(0)));
    assert_eq!(fixture.get("/feeds/orders", &["Accept: text/event-stream", &last]).status, 410);
}

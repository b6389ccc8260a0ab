//! `POST /events` in all modes.

use serde_json::json;

use crate::fixture::{Fixture, Mood};

const LINES: &str = "Content-Type: application/x-ndjson";
const STRUCTURED: &str = "Content-Type: application/cloudevents+json; charset=utf-8";
const BATCH: &str = "Content-Type: application/cloudevents-batch+json; charset=utf-8";

/// The headers of the example in the HTTP protocol binding, section 3.1.4.
const EXAMPLE: [&str; 6] = [
    "ce-specversion: 1.0",
    "ce-type: com.example.someevent",
    "ce-time: 2018-04-05T03:56:24Z",
    "ce-id: 1234-1234-1234",
    "ce-source: /mycontext/subcontext",
    "Content-Type: application/json; charset=utf-8",
];

fn event(id: &str) -> String {
    json!({ "specversion": "1.0", "type": "com.example.someevent", "id": id, "source": "/mycontext" }).to_string()
}

#[test]
fn the_example_in_binary_mode_is_one_event() {
    let fixture = Fixture::new(|_| {});
    let answer = fixture.post(&EXAMPLE, r#"{"value": 1.50}"#);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json(), json!({ "accepted": 1, "late": 0, "repeated": 0, "position": 0, "rejects": [] }));
    let seen = fixture.stub.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].ends_with(r#""data":{"value": 1.50}}"#), "{seen:?}");
    let seen: serde_json::Value = serde_json::from_str(&seen[0]).unwrap();
    for (name, value) in [
        ("specversion", "1.0"),
        ("type", "com.example.someevent"),
        ("time", "2018-04-05T03:56:24Z"),
        ("id", "1234-1234-1234"),
        ("source", "/mycontext/subcontext"),
        ("datacontenttype", "application/json; charset=utf-8"),
    ] {
        assert_eq!(seen[name], value);
    }
}

#[test]
fn in_binary_mode_the_payload_is_what_its_type_says() {
    let fixture = Fixture::new(|_| {});
    let with = |content_type: &'static str| [&EXAMPLE[..5], &[content_type]].concat();
    for (headers, body, ending) in [
        (with("Content-Type: text/plain"), &b"so \"it\" is"[..], r#""data":"so \"it\" is"}"#),
        (with("Content-Type: application/vnd.shop+json"), b"7", r#""data":7}"#),
        (with("Content-Type: application/x-ndjson"), b"{}\n{}", r#""data_base64":"e30Ke30="}"#),
        (with("Content-Type: image/png"), b"\x89PNG", r#""data_base64":"iVBORw=="}"#),
        (EXAMPLE[..5].to_vec(), b"\xff", r#""data_base64":"/w=="}"#),
        (with("Content-Type: application/json"), b"", r#""type":"com.example.someevent"}"#),
    ] {
        let answer = fixture.post(&headers, body);
        assert_eq!(answer.status, 202, "{}", answer.body);
        let seen = fixture.stub.seen().pop().unwrap();
        assert!(seen.ends_with(ending) || (body.is_empty() && !seen.contains("\"data")), "{seen}");
    }
}

#[test]
fn headers_that_break_the_binding_are_refused_with_their_name() {
    let fixture = Fixture::new(|_| {});
    for (header, reason) in [
        ("ce-subject: 100%", "subject: a percent sign"),
        ("ce-subject: %c0%af", "subject: what stands behind"),
        ("ce-subject: %0a", "subject: the character U+000A"),
        ("ce-subject: \"open", "subject: a value that begins with a quote"),
        ("ce-datacontenttype: text/plain", "datacontenttype: in binary mode"),
        ("ce-my_ext: 1", "my_ext: the name"),
        ("ce-id: again", "id: the header is there twice"),
    ] {
        let answer = fixture.post(&[&EXAMPLE[..], &[header]].concat(), "{}");
        assert_eq!(answer.status, 400, "{header}");
        let rejects = &answer.json()["rejects"][0];
        assert_eq!(rejects["index"], 0);
        assert!(rejects["reason"].as_str().unwrap().starts_with(reason), "{}", answer.body);
    }
    let answer = fixture.post(&EXAMPLE[1..], "{}");
    assert!(answer.status == 400 && answer.body.contains("the header ce-specversion is missing"), "{}", answer.body);
    let answer = fixture.post(&EXAMPLE, "{");
    assert!(answer.status == 400 && answer.body.contains("data: not JSON"), "{}", answer.body);
    assert!(fixture.stub.seen().is_empty());
}

#[test]
fn quoted_and_encoded_headers_are_decoded() {
    let fixture = Fixture::new(|_| {});
    let headers = [&EXAMPLE[..], &["ce-subject: Euro%20%E2%82%AC", "CE-Shop: \"a \\\"b\\\" 5%25\""]].concat();
    assert_eq!(fixture.post(&headers, "{}").status, 202);
    let seen = fixture.stub.seen().pop().unwrap();
    assert!(seen.contains(r#""subject":"Euro €""#) && seen.contains(r#""shop":"a \"b\" 5%""#), "{seen}");
}

#[test]
fn one_event_in_structured_mode() {
    let fixture = Fixture::new(|_| {});
    assert_eq!(fixture.post(&[STRUCTURED], event("1")).status, 202);
    // Headers are copies at best there: the body counts.
    assert_eq!(fixture.post(&[STRUCTURED, "ce-id: 7"], event("2")).status, 202);
    let seen = fixture.stub.seen();
    assert!(seen[0].contains(r#""id":"1""#) && seen[1].contains(r#""id":"2""#), "{seen:?}");
    for body in ["", "[]", "{}", "{\"specversion\":\"1.0\"", "\u{0}"] {
        assert_eq!(fixture.post(&[STRUCTURED], body).status, 400, "{body}");
    }
}

#[test]
fn in_a_batch_each_reject_has_its_index() {
    let fixture = Fixture::new(|_| {});
    *fixture.stub.mood.lock().unwrap() = Mood::Choosy;
    let body = format!("[7, {}, {{\"specversion\":\"1.0\"}}, {}, {}]", event("a"), event("b"), event("c"));
    let answer = fixture.post(&[BATCH], body);
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (202, Some(2)));
    let answer = answer.json();
    let rejects: Vec<_> = answer["rejects"].as_array().unwrap().iter().collect();
    assert_eq!(rejects.iter().map(|reject| reject["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(rejects[2]["reason"], "not today");
    assert_eq!(
        fixture.post(&[BATCH], "[]").json(),
        json!({ "accepted": 0, "late": 0, "repeated": 0, "position": 0, "rejects": [] })
    );
    assert_eq!(fixture.post(&[BATCH], event("d")).status, 400);
}

#[test]
fn a_batch_has_its_bounds() {
    let fixture = Fixture::new(|_| {});
    let batch = |events: usize| format!("[{}]", vec![event("x"); events].join(","));
    assert_eq!(fixture.post(&[BATCH], batch(1000)).json()["accepted"], 1000);
    let answer = fixture.post(&[BATCH], batch(1001));
    assert!(answer.status == 413 && answer.body.contains("at most 1000 events"), "{}", answer.body);
    assert_eq!(fixture.stub.seen().len(), 1000);
    let deep = format!("{{\"data\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(fixture.post(&[STRUCTURED], deep).body.contains("nested more than 64 deep"));
}

#[test]
fn lines_are_offered_as_they_are_unless_they_are_events() {
    let fixture = Fixture::new(|_| {});
    let body =
        format!("{{\"event\":\"order\",\"id\":1}}\r\n\n{}\n[1]\n{{\"half\"\n{{\"specversion\":7}}\n", event("e"));
    for content_type in [LINES, "Content-Type: application/jsonl"] {
        let answer = fixture.post(&[content_type], &body);
        assert_eq!(answer.status, 202);
        let answer = answer.json();
        let indexes: Vec<_> =
            answer["rejects"].as_array().unwrap().iter().map(|reject| reject["index"].clone()).collect();
        assert_eq!((answer["accepted"].clone(), indexes), (json!(2), vec![json!(2), json!(3), json!(4)]));
    }
    let seen = fixture.stub.seen();
    assert_eq!(seen[0], "{\"event\":\"order\",\"id\":1}");
    assert!(seen[1].contains(r#""id":"e""#));
}

#[test]
fn other_types_are_refused_with_those_that_are_taken() {
    let fixture = Fixture::new(|_| {});
    for headers in [
        &["Content-Type: application/json"][..],
        &[],
        &["Content-Type: application/cloudevents+xml"],
        &["Content-Type: application/cloudevents+json; charset=utf-16"],
        &[LINES, "Content-Encoding: gzip"],
        &[LINES, STRUCTURED],
        &["Content-Type: \u{fc}"],
    ] {
        let answer = fixture.post(headers, event("1"));
        assert_eq!(answer.status, 415, "{headers:?}");
        assert!(
            answer.body.contains("application/cloudevents-batch+json") && answer.body.contains("application/x-ndjson")
        );
    }
    assert!(fixture.stub.seen().is_empty());
}

#[test]
fn what_the_intake_says_is_passed_on() {
    let fixture = Fixture::new(|config| config.limits.receipt_timeout = std::time::Duration::from_millis(50));
    let post = |mood| {
        *fixture.stub.mood.lock().unwrap() = mood;
        fixture.post(&[STRUCTURED], event("1"))
    };
    let answer = post(Mood::Full);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
    let answer = post(Mood::Ending);
    assert!(answer.status == 503 && answer.body.contains("the intake has ended"), "{}", answer.body);
    let answer = post(Mood::Silent);
    assert!(answer.status == 503 && answer.body.contains("post them again"), "{}", answer.body);
    assert_eq!(post(Mood::Accepting).status, 202);
}

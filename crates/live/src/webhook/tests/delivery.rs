//! Events arrive, in order, at least once, and by the rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cloud_event::CloudEvent;
use crate::queue::Cursor;
use crate::webhook::tests::server::{Answer, ScriptedServer};
use crate::webhook::tests::session::{SECRET, Session, sink, stop, wait_for, wait_for_sink};
use crate::webhook::{MachineClock, WebhookOptions, WebhookSecret, WebhookSinks, WebhookStatus, verify};

#[test]
fn events_arrive_signed_and_in_order_after_permission_was_asked_for() {
    let server = ScriptedServer::start([Answer::status(204)]);
    let session = Session::new(3);
    let sinks = session.start(&server.url(), "bearer = \"abc.def\"");
    wait_for(&sinks, |state| state.delivered == 3);
    session.append("t3");
    let state = wait_for(&sinks, |state| state.delivered == 4);
    assert_eq!((state.status, state.cursor, state.pending), (WebhookStatus::Delivering, Cursor(4), 0));
    assert_eq!((state.failures, state.last_error, state.next_attempt_ms), (0, None, None));
    assert!(!state.url.contains("key"), "{}", state.url);
    stop(sinks);

    let received = server.received();
    assert_eq!(received[0].method, "OPTIONS");
    assert_eq!(received[0].path, "/hook?key=k");
    assert_eq!(received[0].headers["webhook-request-origin"], "me.example");
    assert!(!received[0].headers.contains_key("authorization"));
    assert_eq!(received.len(), 5);
    let keys = [WebhookSecret::parse(SECRET).unwrap()];
    for (at, request) in received[1..].iter().enumerate() {
        let header = |name: &str| request.headers[name].as_str();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook?key=k"));
        assert_eq!(header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert_eq!(header("webhook-request-origin"), "me.example");
        assert_eq!(header("authorization"), "Bearer abc.def");
        let (id, timestamp, signature) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        assert!(id.len() == 32 && !id.contains('.'), "{id}");
        assert_eq!(verify(&keys, id, timestamp, request.body.as_bytes(), signature, 1_800_000_000), Ok(()));
        assert_eq!(CloudEvent::from_json(&request.body).unwrap().kind, format!("t{at}"));
    }
    assert_eq!(session.kept(), "{\"feed\":\"alerts\",\"cursor\":4}\n");
}

#[test]
fn a_failed_event_is_repeated_with_the_same_id_and_nothing_overtakes_it() {
    let failures = [500, 404, 302, 429, 503, 500].map(Answer::status);
    let server = ScriptedServer::start(failures.into_iter().chain([Answer::status(200)]));
    let session = Session::new(2);
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.delivered == 2);
    assert_eq!((state.failures, state.last_error), (6, None));
    stop(sinks);

    let sent = server.received_by("POST");
    let kinds: Vec<_> = sent.iter().map(|request| CloudEvent::from_json(&request.body).unwrap().kind).collect();
    assert_eq!(kinds, ["t0", "t0", "t0", "t0", "t0", "t0", "t0", "t1"]);
    assert!(sent[..7].iter().all(|request| request.headers["webhook-id"] == sent[0].headers["webhook-id"]));
    assert_ne!(sent[6].headers["webhook-id"], sent[7].headers["webhook-id"]);
    // Each attempt is signed anew, or a receiver would refuse it for its age.
    assert_ne!(sent[0].headers["webhook-timestamp"], sent[5].headers["webhook-timestamp"]);

    let slept = session.clock.slept();
    for (pause, seconds) in slept.iter().zip([5, 30, 300, 1800, 3600, 3600]) {
        let lengthened = pause.as_secs_f64() / f64::from(seconds);
        assert!((1.0..=1.2).contains(&lengthened), "{pause:?}");
    }
    assert_eq!(slept.len(), 6);
}

#[test]
fn after_a_success_the_pauses_begin_anew() {
    let server = ScriptedServer::start([500, 500, 200, 500, 200].map(Answer::status));
    let session = Session::new(2);
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.delivered == 2);
    stop(sinks);
    let slept = session.clock.slept();
    let is_near = |pause: &Duration, seconds: u64| (seconds..=seconds * 6 / 5).contains(&pause.as_secs());
    assert!(is_near(&slept[0], 5) && is_near(&slept[1], 30) && is_near(&slept[2], 5), "{slept:?}");
}

#[test]
fn the_same_seed_gives_the_same_pauses() {
    let pauses = || {
        let server = ScriptedServer::start([500, 500, 500, 200].map(Answer::status));
        let session = Session::new(1);
        let sinks = session.start(&server.url(), "");
        wait_for(&sinks, |state| state.delivered == 1);
        stop(sinks);
        session.clock.slept()
    };
    assert_eq!(pauses(), pauses());
}

#[test]
fn retry_after_is_waited_for_even_when_permission_is_asked() {
    let refusal = Answer::with_header(503, "Retry-After", "77");
    let answers = [Answer::with_header(429, "Retry-After", "100"), Answer::status(200)];
    let server = ScriptedServer::asked([refusal, Answer::permission()], answers);
    let session = Session::new(1);
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.delivered == 1);
    stop(sinks);
    assert_eq!(session.clock.slept(), [Duration::from_secs(77), Duration::from_secs(100)]);
}

#[test]
fn without_permission_nothing_is_sent() {
    let none = Answer::status(200);
    let other = Answer::with_header(200, "WebHook-Allowed-Origin", "other.example");
    let server = ScriptedServer::asked([none, other, Answer::status(405)], [Answer::status(200)]);
    let session = Session::new(1);
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.failures >= 5);
    assert_eq!((state.status, state.delivered, state.cursor), (WebhookStatus::Asking, 0, Cursor(0)));
    let error = state.last_error.unwrap();
    assert!(error.starts_with("asking for permission: the receiver gives no permission; let it answer"), "{error}");
    assert!(error.contains("status 405"), "{error}");
    stop(sinks);
    assert!(server.received_by("POST").is_empty());
}

#[test]
fn permission_is_asked_for_again_in_each_session() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(1);
    for sessions in 1..=3 {
        let sinks = session.start(&server.url(), "");
        wait_for(&sinks, |state| state.status == WebhookStatus::Delivering && state.pending == 0);
        stop(sinks);
        assert_eq!(server.received_by("OPTIONS").len(), sessions);
    }
    assert_eq!(server.received_by("POST").len(), 1);
}

#[test]
fn the_lower_of_both_rates_holds() {
    let allowed = [("WebHook-Allowed-Origin", "me.example"), ("WebHook-Allowed-Rate", "30")];
    let permission = allowed.map(|(name, value)| (name, value.to_owned())).to_vec();
    let server = ScriptedServer::asked([Answer::Reply(200, permission, String::new())], [Answer::status(200)]);
    let session = Session::new(4);
    let sinks = session.start(&server.url(), "rate = 120");
    wait_for(&sinks, |state| state.delivered == 4);
    stop(sinks);
    assert_eq!(server.received_by("OPTIONS")[0].headers["webhook-request-rate"], "120");
    assert_eq!(session.clock.slept(), [Duration::from_secs(2); 3]);
}

#[test]
fn a_restart_goes_on_behind_the_last_event_that_was_taken() {
    let server = ScriptedServer::start([200, 200, 500].map(Answer::status));
    let session = Session::new(4);
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.delivered == 2 && state.failures > 0);
    stop(sinks);
    assert_eq!(session.kept(), "{\"feed\":\"alerts\",\"cursor\":2}\n");

    let server = ScriptedServer::start([Answer::status(200)]);
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.pending == 0);
    assert_eq!(state.delivered, 2);
    stop(sinks);
    let kinds =
        server.received_by("POST").into_iter().map(|request| CloudEvent::from_json(&request.body).unwrap().kind);
    assert_eq!(kinds.collect::<Vec<_>>(), ["t2", "t3"]);
}

#[test]
fn a_receiver_that_is_gone_is_left_alone_until_the_configuration_changes() {
    let server = ScriptedServer::start([Answer::status(410), Answer::status(200)]);
    let session = Session::new(2);
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.status == WebhookStatus::Retired);
    assert_eq!((state.cursor, state.next_attempt_ms), (Cursor(0), None));
    assert!(state.last_error.unwrap().contains("410"));
    stop(sinks);

    // Beside it, another sink does all its work.
    let mut both = sink(&server.url(), "");
    both.extend(sink(&server.url(), ""));
    both[1].name = "other".to_owned();
    let sinks = session.start_with(both, session.clock.clone());
    let state = wait_for(&sinks, |state| state.status == WebhookStatus::Retired);
    assert!(state.last_error.unwrap().contains("change the configuration"));
    wait_for_sink(&sinks, 1, |state| state.delivered == 2);
    stop(sinks);
    assert_eq!((server.received_by("OPTIONS").len(), server.received_by("POST").len()), (2, 3));

    let sinks = session.start(&server.url(), "rate = 60000");
    wait_for(&sinks, |state| state.delivered == 2);
    stop(sinks);
}

#[test]
fn events_that_fell_out_of_the_queue_stop_the_sink() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(2);
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.delivered == 2);
    stop(sinks);
    for at in 0..150 {
        session.append(&format!("later{at}"));
    }
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.status == WebhookStatus::Lost);
    assert_eq!((state.cursor, state.pending), (Cursor(2), 150));
    let error = state.last_error.unwrap();
    assert!(error.starts_with("the events from 2 to before 52 are no longer kept"), "{error}");
    assert!(error.contains("webhook-shop.json"), "{error}");
    stop(sinks);
    assert_eq!(server.received_by("POST").len(), 2);
    assert_eq!(session.kept(), "{\"feed\":\"alerts\",\"cursor\":2}\n");
}

#[test]
fn a_cursor_of_another_session_stops_the_sink_and_that_of_another_feed_does_not() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(2);
    let path = session.folder.path().join("webhook-shop.json");
    std::fs::write(&path, r#"{"feed":"alerts","cursor":9}"#).unwrap();
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.status == WebhookStatus::Lost);
    assert!(state.last_error.unwrap().starts_with("position 9 is beyond the end of the queue, 2"));
    stop(sinks);
    assert!(server.received_by("POST").is_empty());

    std::fs::write(&path, r#"{"feed":"orders","cursor":9}"#).unwrap();
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.delivered == 2);
    stop(sinks);
}

#[test]
fn what_cannot_start_says_why() {
    let session = Session::new(0);
    let start = |feed: &str| {
        let queues = BTreeMap::from([(feed.to_owned(), session.queue.clone())]);
        let options = WebhookOptions::default();
        let started = WebhookSinks::start(sink("http://127.0.0.1:9/", ""), &queues, session.folder.path(), &options);
        started.unwrap_err().to_string()
    };
    assert_eq!(start("alert"), "sink 'shop': there is no feed 'alerts'; did you mean 'alert'?");
    assert_eq!(start("orders"), "sink 'shop': there is no feed 'alerts'; there are orders");
    std::fs::write(session.folder.path().join("webhook-shop.json"), "7").unwrap();
    let error = start("alerts");
    assert!(error.starts_with("sink 'shop': ") && error.contains("not the cursor of a webhook"), "{error}");
}

#[test]
fn events_that_the_filter_leaves_out_move_the_cursor() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(5);
    let sinks = session.start(&server.url(), "filter = \"t3\"");
    let state = wait_for(&sinks, |state| state.pending == 0);
    assert_eq!((state.cursor, state.delivered), (Cursor(5), 1));
    stop(sinks);
    assert!(server.received_by("POST")[0].body.contains("\"t3\""));
    assert_eq!(session.kept(), "{\"feed\":\"alerts\",\"cursor\":5}\n");
}

#[test]
fn a_closed_queue_is_sent_to_its_end() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(3);
    session.queue.close();
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.status == WebhookStatus::Ended);
    assert_eq!((state.delivered, state.pending), (3, 0));
    stop(sinks);
}

#[test]
fn a_sink_that_waits_for_an_event_or_for_a_retry_ends_at_once() {
    let server = ScriptedServer::start([Answer::status(500)]);
    let session = Session::new(0);
    let sinks = session.start_with(sink(&server.url(), ""), Arc::new(MachineClock));
    wait_for(&sinks, |state| state.status == WebhookStatus::Delivering);
    stop(sinks);

    session.append("t");
    let sinks = session.start_with(sink(&server.url(), ""), Arc::new(MachineClock));
    let state = wait_for(&sinks, |state| state.failures == 1);
    assert!(state.next_attempt_ms.is_some());
    stop(sinks);
}

#[test]
fn a_request_that_is_under_way_is_not_waited_for_longer_than_the_deadline() {
    let server = ScriptedServer::start([Answer::status(200), Answer::Hang]);
    let session = Session::new(2);
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |_| server.received_by("POST").len() == 2);
    // What a crash at this moment would leave.
    assert_eq!(session.kept(), "{\"feed\":\"alerts\",\"cursor\":1}\n");
    assert_eq!(sinks.stop(Duration::from_millis(20)), ["shop"]);
}

#[test]
fn an_event_whose_receipt_was_not_stored_is_sent_again_with_the_same_id() {
    let server = ScriptedServer::start([Answer::status(200)]);
    let session = Session::new(2);
    let obstacle = session.folder.path().join("webhook-shop.json.tmp");
    std::fs::create_dir(&obstacle).unwrap();
    let sinks = session.start(&server.url(), "");
    let state = wait_for(&sinks, |state| state.delivered == 2 && state.last_error.is_some());
    assert!(state.last_error.unwrap().contains("webhook-shop.json"));
    stop(sinks);
    std::fs::remove_dir(&obstacle).unwrap();
    let sinks = session.start(&server.url(), "");
    wait_for(&sinks, |state| state.delivered == 2);
    stop(sinks);
    let sent = server.received_by("POST");
    let ids: Vec<_> = sent.iter().map(|request| &request.headers["webhook-id"]).collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
}

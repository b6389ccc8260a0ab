//! Cursors and failures: what a function has read, what it reads again, and when it is given nothing any more.

use tokio::sync::oneshot;

use super::super::state::FunctionStatus;
use super::*;
use crate::intake::RejectedOffer;

/// Traps if a batch holds `!`, and emits `seen` otherwise.
fn afraid_of_exclamation_marks() -> String {
    let body = r#"
        (local $end i32)
        (local.set $end (i32.add (local.get $at) (local.get $length)))
        (loop
            (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 33)) (then (unreachable)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $at) (local.get $end))))
        (call $emit (i32.const 0) (i32.const 15)) (i32.const 0)"#;
    function_with(body, r#"(data (i32.const 0) "{\"type\":\"seen\"}")"#)
}

#[test]
fn a_function_begins_behind_the_newest_event_and_reads_each_event_once() {
    let mut place = Place::new();
    place.queue.append(order("\"before\""));
    place.put("orders.f.wat", emits(r#"{"type":"seen"}"#));
    place.host.refresh().unwrap();
    assert_eq!((place.run(), place.state().cursor), (0, Some(1)));
    place.queue.append_all([order("1"), order("2")]);
    assert_eq!((place.run(), place.run()), (2, 0));
    let state = place.state();
    assert_eq!((state.batches, state.events, state.emitted, state.cursor), (1, 2, 1, Some(3)));
    assert_eq!(
        place.emitted(),
        [r#"{"hops":1,"id":"1-3-0","source":"/functions/orders.f","specversion":"1.0","type":"seen"}"#]
    );
    assert!(state.fuel > 0 && state.digest.len() == 64);
}

#[test]
fn of_a_queue_that_comes_later_it_reads_the_first_event() {
    let mut place = Place::new();
    place.put("orders.f.wat", emits(r#"{"type":"seen"}"#));
    place.host.refresh().unwrap();
    assert_eq!((place.host.run_once(&|_: &str| None), place.state().status), (0, FunctionStatus::Waiting));
    place.queue.append(order("1"));
    assert_eq!((place.run(), place.state().status), (1, FunctionStatus::Running));
}

#[test]
fn after_three_failures_it_is_suspended_and_a_changed_file_starts_it_where_it_was() {
    let mut place = Place::with(afraid_of_exclamation_marks());
    place.queue.append_all([order("1"), order("\"!\""), order("3")]);
    place.run_to_the_end();
    let state = place.state();
    // The first attempt was with all three, the next with one, so that the event before the bad one got through.
    assert_eq!((state.status, state.cursor), (FunctionStatus::Suspended, Some(1)));
    assert_eq!((state.failures, state.batches, place.emitted().len()), (4, 1, 1));
    assert!(place.error().starts_with("events 1 to 1: it trapped"), "{}", place.error());
    place.queue.append(order("4"));
    place.host.refresh().unwrap();
    assert_eq!((place.run(), place.state().status), (0, FunctionStatus::Suspended));
    place.put("orders.f.wat", emits(r#"{"type":"good"}"#));
    place.host.refresh().unwrap();
    assert_eq!((place.run(), place.state().cursor), (3, Some(4)));
    assert_eq!((place.state().status, place.state().last_error), (FunctionStatus::Running, None));
}

#[test]
fn a_success_in_between_is_no_failure_in_a_row() {
    let mut place = Place::with(afraid_of_exclamation_marks());
    let mut good = order("\"!\"");
    for _ in 0..2 {
        place.queue.append(good.clone());
        place.run();
        assert_eq!(place.state().status, FunctionStatus::Running);
    }
    good.data = None;
    assert_eq!(place.state().failures, 2);
    place.put("orders.f.wat", emits(r#"{"type":"good"}"#));
    place.host.refresh().unwrap();
    assert_eq!(place.run(), 2);
    place.put("orders.f.wat", afraid_of_exclamation_marks());
    place.host.refresh().unwrap();
    place.queue.append(good);
    assert_eq!((place.run(), place.state().status), (1, FunctionStatus::Running));
}

#[test]
fn a_batch_that_is_too_much_for_the_fuel_is_made_smaller() {
    // Some 300 units a byte: fine with an eighth of a full batch, too much with a full one.
    let slow = function(
        "(local $end i32) (local $n i32)
         (local.set $end (i32.add (local.get $at) (local.get $length)))
         (loop $bytes
            (local.set $n (i32.const 60))
            (loop $waste (br_if $waste (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $bytes (i32.lt_u (local.get $at) (local.get $end))))
         (i32.const 0)",
    );
    let mut place = Place::with(slow);
    let data = format!("\"{}\"", "x".repeat(300));
    place.queue.append_all((0..200).map(|_| order(&data)));
    place.run_to_the_end();
    let state = place.state();
    assert_eq!((state.status, state.events, state.cursor), (FunctionStatus::Running, 200, Some(200)));
    assert_eq!(state.failures, 1);
}

#[test]
fn memory_lasts_from_batch_to_batch_and_not_beyond_a_failure() {
    // Returns how many batches it has seen when that is 3, and emits nothing.
    let counts = function_with(
        "(global.set $n (i32.add (global.get $n) (i32.const 1)))
         (select (i32.const 3) (i32.const 0) (i32.eq (global.get $n) (i32.const 3)))",
        "(global $n (mut i32) (i32.const 0))",
    );
    let mut place = Place::with(counts);
    for _ in 0..6 {
        place.queue.append(order("1"));
        place.run();
    }
    let state = place.state();
    assert_eq!((state.batches, state.failures, state.status), (4, 2, FunctionStatus::Running));
    assert!(place.error().contains("on_batch returned 3"));
}

#[test]
fn the_cursor_lasts_over_a_restart_and_what_was_not_kept_is_read_again() {
    let mut place = Place::with(emits(r#"{"type":"seen"}"#));
    place.queue.append_all([order("1"), order("2")]);
    assert_eq!(place.run(), 2);
    place.host.save_cursors().unwrap();
    place.queue.append(order("3"));
    assert_eq!(place.run(), 1);
    // The process ends here, without having kept where it was.
    place.restart();
    assert_eq!((place.state().cursor, place.run()), (Some(2), 1));
    let emitted = place.emitted();
    assert_eq!(emitted[1], emitted[2], "the same events give the same ids again");
}

#[test]
fn a_function_goes_on_while_what_it_emitted_is_recorded_but_its_kept_cursor_does_not() {
    let mut place = Place::with(emits(r#"{"type":"seen"}"#));
    place.queue.append(order("1"));
    let (kept, senders) = (place.folder.path().join("cursors.json"), Arc::new(Mutex::new(Vec::new())));
    let held = Arc::clone(&senders);
    place.host = host_with(&place.folder, 10_000_000, move |_| {
        let (sender, ticket) = oneshot::channel();
        held.lock().unwrap().push(sender);
        Some(ticket)
    });
    place.host.refresh().unwrap();
    assert_eq!((place.run(), place.state().cursor), (0, Some(1)));
    for number in 2..=4 {
        place.queue.append(order(&number.to_string()));
        assert_eq!((place.run(), place.state().cursor), (1, Some(number)));
    }
    let cursors_after = |place: &mut Place, receipt: IntakeReceipt| {
        senders.lock().unwrap().remove(0).send(receipt).unwrap();
        place.host.save_cursors().unwrap();
        fs::read_to_string(&kept).unwrap()
    };
    place.host.save_cursors().unwrap();
    assert!(fs::read_to_string(&kept).unwrap().contains(r#""orders.f":1"#));
    assert!(cursors_after(&mut place, IntakeReceipt::default()).contains(r#""orders.f":2"#));
    let reject = RejectedOffer { index: 0, reason: "order: it is missing".to_owned() };
    let refused = IntakeReceipt { rejects: vec![reject], ..IntakeReceipt::default() };
    assert!(cursors_after(&mut place, refused).contains(r#""orders.f":3"#));
    place.run();
    assert_eq!((place.state().emitted, place.state().rejected), (3, 1));
    assert_eq!(place.error(), "an event that it emitted was refused: order: it is missing");
    // The session ends before the last one is recorded: the next one begins before it.
    senders.lock().unwrap().clear();
    place.host.save_cursors().unwrap();
    assert!(fs::read_to_string(&kept).unwrap().contains(r#""orders.f":3"#));
}

#[test]
fn when_the_session_has_ended_a_function_stays_where_it_is() {
    let mut place = Place::with(emits(r#"{"type":"seen"}"#));
    place.host = host_with(&place.folder, 10_000_000, |_| None);
    place.host.refresh().unwrap();
    place.run();
    place.queue.append(order("1"));
    assert_eq!((place.run(), place.state().cursor), (0, Some(0)));
    assert_eq!((place.state().emitted, place.state().failures), (0, 0));
}

#[test]
fn a_function_whose_file_was_gone_goes_on_where_it_was() {
    let mut place = Place::with(emits(r#"{"type":"seen"}"#));
    place.queue.append(order("1"));
    place.run();
    fs::remove_file(place.folder.path().join("functions/orders.f.wat")).unwrap();
    place.host.refresh().unwrap();
    assert!(place.host.states().get().is_empty());
    place.queue.append(order("2"));
    assert_eq!(place.run(), 0);
    place.put("orders.f.wat", emits(r#"{"type":"seen"}"#));
    place.host.refresh().unwrap();
    assert_eq!((place.state().cursor, place.run()), (Some(1), 1));
}

#[test]
fn a_file_that_is_half_written_is_taken_up_when_it_is_whole() {
    let whole = emits(r#"{"type":"seen"}"#);
    let mut place = Place::with(&whole);
    place.put("orders.f.wat", &whole[..whole.len() / 2]);
    place.host.refresh().unwrap();
    place.queue.append(order("1"));
    assert_eq!((place.run(), place.state().status), (0, FunctionStatus::Refused));
    place.put("orders.f.wat", &whole);
    place.host.refresh().unwrap();
    assert_eq!((place.run(), place.state().status), (1, FunctionStatus::Running));
}

#[test]
fn events_that_are_no_longer_kept_are_counted_as_missed() {
    let mut place = Place::with(emits(r#"{"type":"seen"}"#));
    place.queue.append_all((0..10_005).map(|_| order("1")));
    assert!(place.run() > 0);
    let state = place.state();
    assert_eq!(state.missed, 5);
    assert!(place.error().contains("no longer kept"), "{}", place.error());
    // A queue that was begun anew is read from its first event on.
    place.queue = Arc::new(EventQueue::new("orders", 10));
    place.queue.append(order("1"));
    assert_eq!((place.run(), place.state().cursor, place.state().missed), (1, Some(1), 5));
}

#[test]
fn a_function_that_feeds_itself_ends_after_eight_rounds() {
    let mut place = Place::with(emits(r#"{"type":"loop"}"#));
    place.queue.append(order("1"));
    let mut rounds = 0;
    while place.run() > 0 {
        rounds += 1;
        assert!(rounds < 100);
        for json in std::mem::take(&mut *place.emitted.lock().unwrap()) {
            place.queue.append(CloudEvent::from_json(&json).unwrap());
        }
    }
    let state = place.state();
    assert_eq!((state.emitted, state.looped, state.status), (8, 1, FunctionStatus::Running));
}

#[test]
fn functions_do_not_disturb_each_other() {
    let mut place = Place::new();
    place.put("orders.a.wat", function("unreachable"));
    place.put("orders.b.wat", emits(r#"{"type":"seen"}"#));
    place.put("orders.c.wat", "(module)");
    place.put("other.d.wat", emits(r#"{"type":"seen"}"#));
    place.host.refresh().unwrap();
    place.run();
    place.queue.append(order("1"));
    place.run_to_the_end();
    let states = place.host.states().get();
    let told: Vec<_> = states.iter().map(|state| (&*state.name, state.status, state.batches)).collect();
    assert_eq!(
        told,
        [
            ("orders.a", FunctionStatus::Suspended, 0),
            ("orders.b", FunctionStatus::Running, 1),
            ("orders.c", FunctionStatus::Refused, 0),
            ("other.d", FunctionStatus::Waiting, 0),
        ]
    );
}

#[test]
fn on_its_thread_it_reads_emits_and_keeps_the_cursors_when_it_is_stopped() {
    let place = Place::new();
    place.put("orders.f.wat", emits(r#"{"type":"seen"}"#));
    let Place { folder, queue, emitted, host } = place;
    let there = Arc::clone(&queue);
    let running = host.start(Arc::new(move |_: &str| Some(Arc::clone(&there))), || true).unwrap();
    let states = running.states();
    let until = |done: &dyn Fn() -> bool| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !done() {
            assert!(std::time::Instant::now() < deadline, "{:?}", states.get());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    until(&|| states.get().first().is_some_and(|state| state.cursor == Some(0)));
    queue.append(order("1"));
    until(&|| emitted.lock().unwrap().len() == 1);
    running.stop();
    let cursors = fs::read_to_string(folder.path().join("cursors.json")).unwrap();
    assert_eq!(cursors, r#"{"version":1,"cursors":{"orders.f":1}}"#);
}

//! What rules emit, and what is said of a file that is wrong.

use flowbench_live::{AttributeValue, CloudEvent, EventData, EventQueue, IntakeReceipt};
use serde_json::value::RawValue;

use super::*;

fn answer(time: &str, data: &str) -> CloudEvent {
    let mut event = CloudEvent::new("", "/flowbench/pipelines/overdue", "flowbench.answer.overdue");
    event.attributes.insert("time".to_owned(), AttributeValue::Text(time.to_owned()));
    event.data = Some(EventData::Json(RawValue::from_string(data.to_owned()).unwrap()));
    event
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_rule_fires_for_what_it_says_is_changed_while_it_runs_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (file, cursors) = (folder.path().join("rules.toml"), folder.path().join("cursors.json"));
    let rule = |least: u32| {
        format!(
            "[[rule]]\nname = \"late\"\non = \"overdue\"\nwhen = \"state == 'overdue' && lead_ms > {least}\"\nemit = \"shop.late\"\ndata = [\"order\"]\n"
        )
    };
    std::fs::write(&file, rule(100)).unwrap();
    let (feeds, emitted) = (Arc::new(FeedList::default()), Arc::new(Mutex::new(Vec::new())));
    let queue = Arc::new(EventQueue::new("overdue", 100));
    feeds.add(Arc::clone(&queue)).unwrap();
    let into = Arc::clone(&emitted);
    let sink: EventSink = Arc::new(move |events: Vec<CloudEvent>| {
        into.lock().unwrap().extend(events.iter().map(CloudEvent::to_json));
        Some(IntakeReceipt::default().into_ticket())
    });
    let running =
        start_rules(&file, cursors.clone(), Arc::clone(&feeds), FeedColumns::default(), Arc::clone(&sink), || true)
            .unwrap();
    let append = |order: u32, lead: u32| {
        queue.append(answer(
            "2026-01-05T08:00:00.000Z",
            &format!("{{\"order\":\"{order}\",\"state\":\"overdue\",\"lead_ms\":\"{lead}\"}}"),
        ));
    };
    append(1, 50);
    append(2, 150);
    let mut taken_back = answer("2026-01-05T08:00:00.000Z", "{\"state\":\"overdue\",\"lead_ms\":\"999\"}");
    taken_back.attributes.insert("change".to_owned(), AttributeValue::Integer(-1));
    queue.append(taken_back);
    wait("the first one fires", || !emitted.lock().unwrap().is_empty());
    assert_eq!(
        emitted.lock().unwrap()[0],
        r#"{"hops":1,"id":"overdue-1","source":"/flowbench/rules/late","specversion":"1.0","time":"2026-01-05T08:00:00.000Z","type":"shop.late","data":{"order":"2"}}"#
    );
    std::fs::write(&file, "[[rule]]\nname = \"late\"\non = \"overdeu\"").unwrap();
    let states = running.states();
    wait("what is wrong is shown", || states.lock().unwrap().problem.is_some());
    assert_eq!(states.lock().unwrap().rules.len(), 1, "the rule before goes on");
    std::fs::write(&file, rule(10)).unwrap();
    wait("it is taken up", || {
        append(3, 50);
        emitted.lock().unwrap().len() > 1
    });
    running.stop();
    let end = queue.end().0;
    append(4, 11);
    let before = emitted.lock().unwrap().len();
    let running = start_rules(&file, cursors, feeds, FeedColumns::default(), sink, || true).unwrap();
    wait("it goes on", || emitted.lock().unwrap().len() > before);
    running.stop();
    assert!(emitted.lock().unwrap()[before..].iter().any(|event| event.contains(&format!("\"overdue-{end}\""))));
}

#[test]
fn what_is_wrong_in_a_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let feeds = Arc::new(FeedList::default());
    feeds.add(Arc::new(EventQueue::new("orders", 1))).unwrap();
    let wrong = |text: &str| {
        let file = folder.path().join("rules.toml");
        std::fs::write(&file, text).unwrap();
        let columns = FeedColumns::from([("orders".to_owned(), &["value", "country"][..])]);
        start_rules(&file, folder.path().join("c"), Arc::clone(&feeds), columns, Arc::new(|_| None), || true)
            .err()
            .unwrap()
    };
    let rule =
        |on: &str, when: &str| format!("[[rule]]\nname = \"r\"\non = \"{on}\"\nwhen = \"{when}\"\nemit = \"t\"\n");
    assert!(wrong(&rule("ordres", "true")).contains("rule 'r': on: there is no feed 'ordres'; did you mean 'orders'"));
    assert!(wrong(&rule("orders", "contry == 'GB'")).contains("there is no 'contry'"));
    assert!(wrong(&(rule("orders", "value > 1") + "data = [\"valeu\"]")).contains("data: 'orders' has no 'valeu'"));
    assert!(wrong(&rule("orders", "value >")).contains("rule 'r': when: column"));
    assert!(wrong(&(rule("orders", "true") + &rule("orders", "true"))).contains("two rules are called 'r'"));
    assert!(wrong("[[rule]]\nname = 5").contains("rules.toml:2: invalid type"));
    let loops = rule("orders", "true").replace("emit = \"t\"", "emit = \"flowbench.order_placed\"");
    assert!(wrong(&loops).contains("rule 'r': emit: type: pipelines read 'flowbench.order_placed'"));
}

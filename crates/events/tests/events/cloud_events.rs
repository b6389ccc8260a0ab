//! Logs of CloudEvents in and out: what stands in them, how they are recognised, and what is told about bad ones.

use std::fs;

use flowbench_events::{
    Event, EventId, EventWriter, Format, Input, Kind, Output, ReadOptions, Record, Trace, draft_mapping,
};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use crate::logs::{record, round_trip, small_trace, trace, write};
use crate::reading::{Read, read, read_as, through};

const T: &str = "2026-07-01T12:00:00.000Z";
const NAME: &str = "log.cloudevents.jsonl";

/// The text of a trace as CloudEvents.
fn written(trace: &Trace) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(NAME);
    write(&path, Format::CloudEvents, trace);
    fs::read_to_string(path).unwrap()
}

/// An event with these members, after those that each has.
fn event(rest: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"a","source":"/shop","type":"flowbench.order_placed","time":"{T}"{rest}}}"#)
        + "\n"
}

fn told(log: &Read) -> Vec<String> {
    log.rejects.iter().map(ToString::to_string).collect()
}

// What is written.

#[test]
fn the_envelope_is_exactly_this() {
    let mut trace = small_trace();
    let unnamed = Record { event_id: EventId::absent(3), ..Record::new(0, Kind::PageViewed, 0) };
    trace.events.push(Event::try_from(unnamed).unwrap());
    let expected = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/flowbench","type":"flowbench.order_placed","subject":"order/536365","time":"{T}","recordedtime":"{T}","partitionkey":"17850","sequence":"00000000000000000001","datacontenttype":"application/json","data":{{"customer":"17850","order":"536365","value":"139.120","country":"Korea, Republic of","channel":"web"}}}}
{{"specversion":"1.0","id":"x-2","source":"/flowbench","type":"flowbench.review_posted","subject":"order/536365","time":"{T}","recordedtime":"{T}","partitionkey":"é","sequence":"00000000000000000002","datacontenttype":"application/json","data":{{"customer":"é","order":"536365","product":"a \"b\"","rating":5,"channel":"mobile"}}}}
{{"specversion":"1.0","id":"row-00000000000000000003","idassigned":true,"source":"/flowbench","type":"flowbench.page_viewed","time":"1970-01-01T00:00:00.000Z","recordedtime":"1970-01-01T00:00:00.000Z","sequence":"00000000000000000003","datacontenttype":"application/json","data":{{}}}}
"#
    );
    assert_eq!(written(&trace), expected);
    round_trip(&trace, &[NAME, "log.csv", NAME]);
}

#[test]
fn a_second_delivery_has_the_id_of_the_first_and_a_place_of_its_own() {
    let mut trace = small_trace();
    trace.events.extend_from_within(..);
    let text = written(&trace);
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events[0]["id"] == events[2]["id"] && events[1]["id"] == events[3]["id"]);
    assert!(events.is_sorted_by(|one, next| one["sequence"].as_str() < next["sequence"].as_str()));
    assert_eq!(read(NAME, text).trace.digest(), trace.digest());
}

#[test]
fn no_event_and_one_event_are_logs_too() {
    let (empty, mut one) = (Trace::default(), small_trace());
    one.events.truncate(1);
    assert_eq!((written(&empty), written(&one).lines().count()), (String::new(), 1));
    for trace in [empty, one] {
        round_trip(&trace, &[NAME, "log.cloudevents.jsonl.gz", "log.cloudevents.ndjson.zst"]);
    }
}

#[test]
fn the_source_is_what_the_caller_names() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(NAME);
    let trace = small_trace();
    let writer = EventWriter::new(Output::create(&path).unwrap(), Format::CloudEvents);
    let mut writer = writer.with_source("/flowbench/\"stormy\"/42");
    writer.write(&trace.events, &trace.symbols).unwrap();
    writer.finish().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let sources = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["source"].clone());
    assert_eq!(sources.collect::<Vec<_>>(), ["/flowbench/\"stormy\"/42"; 2]);
    assert_eq!(read(NAME, text).trace.digest(), trace.digest());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_become_attributes_as_the_specification_wants_them(records in prop::collection::vec(record(), 1..6)) {
        let trace = trace(records);
        let text = written(&trace);
        for (event, line) in trace.events.iter().zip(text.lines()) {
            let Value::Object(attributes) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
            for name in ["specversion", "id", "source", "type", "time", "recordedtime", "sequence"] {
                prop_assert!(attributes[name].as_str().is_some_and(|text| !text.is_empty()), "{} in {}", name, line);
            }
            for (name, value) in attributes.iter().filter(|(name, _)| *name != "data") {
                let is_name = name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase());
                prop_assert!(is_name && (value.is_string() || value.is_boolean()), "{} in {}", name, line);
                let copied = ["subject", "partitionkey"].contains(&name.as_str());
                let has_control = value.as_str().unwrap_or_default().contains(char::is_control);
                prop_assert!(!(copied && (has_control || value == "")), "{} in {}", name, line);
            }
            prop_assert_eq!(attributes["data"].get("customer").is_some(), event.customer().is_some());
        }
        prop_assert_eq!(read("log.jsonl", text).trace.digest(), trace.digest());
    }
}

// What is read.

#[test]
fn cloud_events_are_recognised_whatever_the_name_says() {
    let text = written(&small_trace());
    let pretty = |line: &str| serde_json::to_string_pretty(&serde_json::from_str::<Value>(line).unwrap()).unwrap();
    let batch = format!("[\n{}\n]\n", text.lines().map(pretty).collect::<Vec<_>>().join(",\n"));
    let broken = format!("\n{{\"specversion\n{text}");
    for name in ["log", "log.txt", "log.jsonl", "log.ndjson", NAME] {
        for text in [&text, &batch] {
            assert_eq!(read(name, text).trace.digest(), small_trace().digest(), "{name}: {text}");
        }
        let log = read(name, if name == "log.txt" { text.as_str() } else { &broken });
        assert_eq!(log.trace.digest(), small_trace().digest(), "{name}");
    }
    let options = ReadOptions { format: Some(Format::CloudEvents), ..ReadOptions::default() };
    assert_eq!(read_as("log.csv", &text, &options).unwrap().trace.digest(), small_trace().digest());
    let native = format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"data\":{{\"specversion\":1}}}}\n");
    assert_eq!(read("log.jsonl", &native).summary.events, 1);
    assert_eq!(
        told(&read(NAME, native)),
        ["line 1, column specversion: it is missing or empty, and each CloudEvent has one"]
    );
}

#[test]
fn what_producers_may_write_otherwise_is_read_the_same() {
    let expected = read(NAME, event(",\"data\":{\"customer\":\"7\",\"value\":\"1.500\"}"));
    assert_eq!(expected.summary.to_string(), "1 rows: 1 events, 0 skipped, 0 rejected");
    for rest in [
        r#","data":{"customer":7,"value":1.5,"order":null}"#,
        r#","data":{"customer":"7","value":"1.5"},"traceparent":"00-1","sequence":5,"subject":null,"x":[{}]"#,
        r#","data":{"\u0063ustomer":"\u0037","value":15e-1},"recordedtime":null,"data_base64":null"#,
        r#","recordedtime":"2026-07-01T14:00:00+02:00","data":{"customer":"7","value":"1.5"},"idassigned":false"#,
        r#","partitionkey":"8","subject":"order/8","data":{"customer":"7","value":1.5},"dataschema":"urn:x""#,
    ] {
        let log = read(NAME, event(rest));
        assert_eq!((log.trace.digest(), log.rejects.len()), (expected.trace.digest(), 0), "{rest}");
        assert!(log.summary.ignored_columns.is_empty() && log.summary.remarks.is_empty(), "{:?}", log.summary);
    }
    let plain = read(NAME, event(""));
    for rest in [",\"data\":{}", ",\"data\":null", ",\"datacontenttype\":\"application/xml\""] {
        assert_eq!(read(NAME, event(rest)).trace.digest(), plain.trace.digest(), "{rest}");
    }
    let log = read(NAME, event(",\"data\":{\"custommer\":7}"));
    assert_eq!((log.summary.events, log.summary.ignored_columns), (1, vec!["custommer".to_owned()]));
}

#[test]
fn every_bad_line_is_rejected_with_its_attribute_and_reason() {
    let good = event("");
    let with = |from: &str, to: &str| good.replace(from, to);
    for (line, column, reason) in [
        (with("\"specversion\":\"1.0\",", ""), "specversion", "missing or empty"),
        (with("\"1.0\"", "\"0.3\""), "specversion", "'0.3' is not a version that can be read; 1.0 is"),
        (with("\"1.0\"", "1.0"), "specversion", "a text in quotes"),
        (with("\"id\":\"a\",", ""), "id", "missing or empty"),
        (with("\"a\"", "\"\""), "id", "missing or empty"),
        (with("\"a\"", "null"), "id", "missing or empty"),
        (with("\"a\"", "5"), "id", "a text in quotes"),
        (with("\"source\":\"/shop\",", ""), "source", "missing or empty"),
        (with("flowbench.order_placed", "com.example.sold"), "type", "'com.example.sold' is not a type of ours"),
        (with("order_placed", "order_plcaed"), "type", "did you mean 'order_placed'"),
        (with("order_placed", ""), "type", "empty"),
        (with("2026-07-01T", "2026-07-41T"), "time", "cannot be read as a time"),
        (with(&format!(",\"time\":\"{T}\""), ""), "time", "empty"),
        (with("\"2026-07-01T12:00:00.000Z\"", "1782907200"), "time", "a text in quotes"),
        (event(",\"recordedtime\":\"soon\""), "recordedtime", "'soon' cannot be read as a time"),
        (event(",\"data\":\"text\""), "data", "expected an object"),
        (event(",\"data\":[1]"), "data", "expected an object"),
        (event(",\"data\":{\"value\":\"dear\"}"), "data.value", "'dear' is not a number"),
        (event(",\"data\":{\"customer\":{}}"), "data.customer", "a text or a number"),
        (event(",\"data\":{\"customer\":1.0}"), "data.customer", "whole number"),
        (event(",\"data\":{\"rating\":6}"), "data.rating", "from 1 to 5"),
        (event(",\"data\":{\"order\":1,\"order\":2}"), "data", "order is there twice"),
        (event(",\"data_base64\":\"eyJ9\""), "data_base64", "binary data"),
        (event(",\"id\":\"b\""), "", "id is there twice"),
        (format!("[{}]\n", good.trim()), "", "it is a batch"),
        ("5\n".to_owned(), "", "not a JSON object"),
        (with("}", ""), "", "not a JSON object"),
    ] {
        let log = read(NAME, format!("{good}\n{line}{good}"));
        assert_eq!((log.summary.rows, log.summary.events), (3, 2), "{line}");
        let place = if column.is_empty() { "line 3: ".to_owned() } else { format!("line 3, column {column}: ") };
        let told = told(&log);
        assert!(told.len() == 1 && told[0].starts_with(&place) && told[0].contains(reason), "{line}: {told:?}");
    }
    let mut bytes = event(",\"data\":{\"customer\":\"?\"}").into_bytes();
    bytes.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xff);
    assert_eq!(told(&read(NAME, bytes)), ["line 1, column data.customer: the field is not UTF-8"]);
    let strict = ReadOptions { strict: true, ..ReadOptions::default() };
    let error = read_as(NAME, good.clone() + &with("\"a\"", "\"\""), &strict).unwrap_err().to_string();
    assert!(error.contains("log.cloudevents.jsonl, line 2, column id: it is missing or empty"), "{error}");
}

#[test]
fn ids_of_several_sources_are_remarked() {
    let other = event("").replace("/shop", "/other");
    let log = read(NAME, event("") + &other + &other);
    assert_eq!((log.summary.events, log.summary.remarks.len()), (3, 1));
    assert!(log.summary.remarks[0].contains("several sources"), "{:?}", log.summary.remarks);
}

#[test]
fn a_draft_knows_the_time_of_the_event_from_that_of_its_record() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(NAME);
    fs::write(&path, event(&format!(",\"recordedtime\":\"{T}\"")).replace("flowbench.", "com.example.")).unwrap();
    let draft = draft_mapping(&Input::new(&path), None).unwrap();
    assert!(draft.contains("\ntime = { column = \"time\" }"), "{draft}");
    assert!(draft.contains("\narrival = { column = \"recordedtime\" }"), "{draft}");
}

#[test]
fn events_of_others_are_read_through_a_mapping() {
    let line = |id: u32, kind: &str| {
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"https://shop.example\",\"type\":\"{kind}\",\
             \"time\":\"{T}\",\"data\":{{\"cart\":{{\"total\":12.5}},\"user\":\"ann\"}}}}\n"
        )
    };
    let mapping = r#"
        time     = { column = "time" }
        event_id = { column = "id" }
        kind     = { column = "type", values = { "com.example.sold" = "order_placed" } }
        customer = { column = "data.user" }
        value    = { column = "data.cart.total" }
    "#;
    let text = line(1, "com.example.sold") + &line(2, "com.example.seen");
    for name in ["log.jsonl", NAME] {
        let log = read_as(name, &text, &through(mapping)).unwrap();
        assert_eq!((log.summary.events, log.summary.skipped), (1, 1), "{name}");
        assert_eq!(log.trace.events[0].value().map(|value| value.to_string()).as_deref(), Some("12.500"));
    }
}

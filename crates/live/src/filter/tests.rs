//! What filters let pass, and what they say of texts that are none.

use proptest::prelude::*;

use super::{Filter, FilterOutcome};
use crate::cloud_event::{AttributeValue, CloudEvent};

fn event() -> CloudEvent {
    let mut event = CloudEvent::new("7", "https://shop.example/eu", "com.example.order.placed");
    event.attributes.insert("subject".to_owned(), AttributeValue::Text("order/7".to_owned()));
    event.attributes.insert("count".to_owned(), AttributeValue::Integer(-3));
    event.attributes.insert("paid".to_owned(), AttributeValue::Boolean(true));
    event
}

fn outcome(json: &str) -> FilterOutcome {
    Filter::parse(json).unwrap_or_else(|error| panic!("{json}: {error}")).apply(&event())
}

fn matches(json: &str) -> bool {
    outcome(json).is_match
}

fn refusal(json: &str) -> String {
    Filter::parse(json).unwrap_err().to_string()
}

#[test]
fn each_dialect_lets_pass_what_the_draft_says() {
    for (json, expected) in [
        (r#"{"exact":{"type":"com.example.order.placed"}}"#, true),
        (r#"{"exact":{"type":"com.example.order.Placed"}}"#, false),
        (r#"{"exact":{"type":"com.example.order.placed","subject":"order/7"}}"#, true),
        (r#"{"exact":{"type":"com.example.order.placed","subject":"order/8"}}"#, false),
        (r#"{"exact":{"colour":"red"}}"#, false),
        (r#"{"exact":{"specversion":"1.0"}}"#, true),
        (r#"{"exact":{"count":"-3","paid":"true"}}"#, true),
        (r#"{"prefix":{"type":"com.example.","source":"https://"}}"#, true),
        (r#"{"prefix":{"type":"com.example.","colour":"r"}}"#, false),
        (r#"{"suffix":{"type":".placed","id":"7"}}"#, true),
        (r#"{"suffix":{"type":"com.example"}}"#, false),
        (r#"{"all":[{"exact":{"id":"7"}},{"suffix":{"type":".placed"}}]}"#, true),
        (r#"{"all":[{"exact":{"id":"7"}},{"suffix":{"type":".sent"}}]}"#, false),
        (r#"{"any":[{"exact":{"id":"8"}},{"suffix":{"type":".placed"}}]}"#, true),
        (r#"{"any":[{"exact":{"id":"8"}},{"suffix":{"type":".sent"}}]}"#, false),
        (r#"{"not":{"exact":{"colour":"red"}}}"#, true),
        (r#"{"sql":"type LIKE '%.placed' AND count < 0"}"#, true),
        (r#"{"sql":"count"}"#, false),
        (r#"{"sql":"'true'"}"#, false),
        (r#"[]"#, true),
        (r#" [{"exact":{"id":"7"}},{"sql":"paid"}] "#, true),
        (r#"[{"exact":{"id":"7"}},{"sql":"NOT paid"}]"#, false),
    ] {
        assert_eq!(matches(json), expected, "{json}");
    }
}

#[test]
fn an_expression_that_fails_is_no_match_and_is_counted() {
    let of = |is_match, failed_expressions| FilterOutcome { is_match, failed_expressions };
    assert_eq!(outcome(r#"{"sql":"colour = 'red'"}"#), of(false, 1));
    assert_eq!(outcome(r#"{"not":{"sql":"colour = 'red'"}}"#), of(true, 1));
    assert_eq!(
        outcome(r#"{"any":[{"sql":"1 / 0 = 1"},{"sql":"colour"},{"sql":"paid"},{"sql":"colour"}]}"#),
        of(true, 2)
    );
    assert_eq!(outcome(r#"[{"exact":{"id":"8"}},{"sql":"colour"}]"#), of(false, 0));
}

#[test]
fn what_is_no_filter_says_where_and_what_to_do() {
    for (json, expected) in [
        ("", "$: not JSON: EOF"),
        ("7", "$: expected an object of a filter, such as {\"exact\""),
        (r#"{"exact":{"id":"7"}"#, "$: not JSON: EOF"),
        ("{}", "$: a filter has one dialect, here are 0"),
        (r#"{"exact":{"id":"7"},"prefix":{"id":"7"}}"#, "$: a filter has one dialect, here are 2"),
        (r#"{"exact":{"id":"7"},"exact":{"id":"7"}}"#, "$: a filter has one dialect, here are 2"),
        (r#"{"Exact":{"id":"7"}}"#, "$.Exact: there is no such dialect; there are exact, prefix"),
        (r#"{"exact":{}}"#, "$.exact: there is no attribute"),
        (r#"{"exact":["id"]}"#, "$.exact: expected an object of attributes"),
        (r#"{"exact":{"id":7}}"#, "$.exact.id: expected a text in quotes; write \"7\""),
        (r#"{"exact":{"id":null}}"#, "$.exact.id: expected a text in quotes"),
        (r#"{"exact":{"id":""}}"#, "$.exact.id: the text is empty"),
        (r#"{"exact":{"":"7"}}"#, "$.exact.: the name of an attribute is of lower-case"),
        (r#"{"exact":{"ID":"7"}}"#, "$.exact.ID: the name of an attribute is of lower-case"),
        (r#"{"exact":{"data":"7"}}"#, "$.exact.data: filters see the attributes"),
        (r#"{"exact":{"id":"7","id":"8"}}"#, "$.exact.id: the attribute is there twice"),
        (r#"{"all":[]}"#, "$.all: the array is empty"),
        (r#"{"any":{"exact":{"id":"7"}}}"#, "$.any: expected an array of filters"),
        (r#"{"not":[{"exact":{"id":"7"}}]}"#, "$.not: expected an object of a filter"),
        (r#"[{"all":[{"exact":{"id":"7"}},{"not":{"sql":"a ="}}]}]"#, "$[0].all[1].not.sql: parse error at column 4"),
        (r#"{"sql":true}"#, "$.sql: expected a text in quotes"),
        (r#"{"sql":"LEFTY(id, 1) = '7'"}"#, "$.sql: missingFunction error at column 1: 'LEFTY(id, 1)' calls"),
    ] {
        let refusal = refusal(json);
        assert!(refusal.starts_with(expected), "{json}: {refusal}");
    }
}

#[test]
fn a_filter_is_bounded() {
    let nested =
        |depth: usize| format!("{}{{\"sql\":\"paid\"}}{}", "{\"not\":".repeat(depth - 1), "}".repeat(depth - 1));
    assert!(!matches(&nested(16)));
    assert!(refusal(&nested(17)).contains("more than 16 filters inside each other"));
    assert!(refusal(&"[".repeat(16_000)).starts_with("$: not JSON"));
    assert!(refusal(&"{\"not\":".repeat(2_000)).starts_with("$: not JSON"));
    let deep = format!("{}{}", "[".repeat(8_000), "]".repeat(8_000));
    assert!(refusal(&deep).starts_with("$[0]: expected an object"));
    let both = |depth: usize| {
        let (open, close) = (r#"{"all":[{"any":["#, "]}]}");
        format!("{}{{\"sql\":\"paid\"}}{}", open.repeat(depth), close.repeat(depth))
    };
    assert!(matches(&both(7)));
    assert!(refusal(&both(8)).contains("more than 16 filters inside each other"));
    let many = (0..1000).map(|index| format!("\"a{index}\":\"1\"")).collect::<Vec<_>>().join(",");
    assert!(refusal(&format!("{{\"exact\":{{{many}}}}}")).starts_with("$.exact.a999: more than 1000"));
    let list = |count: usize| format!("[{}]", vec![r#"{"sql":"id"}"#; count].join(","));
    assert!(Filter::parse(&list(1000)).is_ok());
    assert!(refusal(&list(1001)).starts_with("$[1000]: more than 1000"));
    assert!(refusal(&" ".repeat(16 * 1024 + 1)).contains("more than 16384"));
}

/// Filters in JSON over a few attributes and texts, so that many match.
fn filters() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        ("exact|prefix|suffix", "id|type|subject|colour", "7|com|order/7|placed|red")
            .prop_map(|(dialect, name, text)| format!(r#"{{"{dialect}":{{"{name}":"{text}"}}}}"#)),
        "paid|count = -3|colour = 'red'|1 / 0 = 0|EXISTS subject".prop_map(|text| format!(r#"{{"sql":"{text}"}}"#)),
    ];
    leaf.prop_recursive(4, 30, 3, |inner| {
        prop_oneof![
            ("all|any", prop::collection::vec(inner.clone(), 1..4))
                .prop_map(|(dialect, items)| format!(r#"{{"{dialect}":[{}]}}"#, items.join(","))),
            inner.prop_map(|filter| format!(r#"{{"not":{filter}}}"#)),
        ]
    })
}

proptest! {
    #[test]
    fn not_is_the_complement(filter in filters()) {
        prop_assert_eq!(matches(&format!(r#"{{"not":{filter}}}"#)), !matches(&filter));
    }

    #[test]
    fn all_and_any_are_as_de_morgan_says(filters in prop::collection::vec(filters(), 1..4)) {
        let negated: Vec<String> = filters.iter().map(|filter| format!(r#"{{"not":{filter}}}"#)).collect();
        let all = matches(&format!(r#"{{"all":[{}]}}"#, filters.join(",")));
        let any = matches(&format!(r#"{{"any":[{}]}}"#, negated.join(",")));
        prop_assert_eq!(all, !any);
        prop_assert_eq!(all, matches(&format!("[{}]", filters.join(","))));
        prop_assert_eq!(all, filters.iter().all(|filter| matches(filter)));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error(text in prop_oneof!["\\PC{0,80}",
        r#"([\[\]{}:," ]|"(all|any|not|sql|exact|id)"){0,30}"#]) {
        if let Ok(filter) = Filter::parse(&text) {
            filter.matches(&event());
        }
    }
}

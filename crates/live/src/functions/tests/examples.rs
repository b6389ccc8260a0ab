//! The examples for users, held to what a plain computation says of the same events.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::instance::FunctionInstance;
use super::super::module::{FunctionModule, ModuleForm};
use super::*;

const COUNT: &str = include_str!("../../../examples/functions/orders.count.wat");
const BIG_ORDER: &str = include_str!("../../../examples/functions/orders.big-order.wat");
const REVENUE: &[u8] = include_bytes!("../../../examples/functions/orders.revenue.wasm");

/// Returns the data of what a function emits for events that come in batches of these sizes, and the fuel it used.
fn outcome(file_name: &str, module: &[u8], batches: &[Vec<CloudEvent>]) -> (Vec<String>, u64) {
    let mut place = Place::new();
    place.put(file_name, module);
    place.host.refresh().unwrap();
    place.run();
    for batch in batches {
        place.queue.append_all(batch.iter().cloned());
        while place.run() > 0 {}
    }
    let state = place.state();
    assert_eq!((state.last_error, state.failures), (None, 0));
    assert_eq!(state.events, batches.iter().map(|batch| batch.len() as u64).sum::<u64>());
    (place.emitted(), state.fuel)
}

fn attribute<'a>(event: &'a serde_json::Value, name: &str) -> &'a str {
    event[name].as_str().unwrap()
}

#[test]
fn each_hundredth_event_of_a_type_is_counted() {
    let kinds = ["a", "shop.order_placed", "a \"quoted\" type", "ü"];
    let mut batches = Vec::new();
    let mut expected = Vec::new();
    let mut counts = BTreeMap::new();
    for size in [1_usize, 99, 250, 0, 700] {
        let mut batch = Vec::new();
        for index in 0..size {
            let kind = kinds[index * index % 7 % 4];
            let mut event = order(r#"{"type":"shop.other"}"#);
            event.kind = kind.to_owned();
            batch.push(event);
            let count: &mut u32 = counts.entry(kind).or_default();
            *count += 1;
            if count.is_multiple_of(100) {
                expected.push((kind.to_owned(), *count));
            }
        }
        batches.push(batch);
    }
    // The example does not know escapes, and cuts a type at its first quote.
    batches.iter_mut().flatten().for_each(|event| event.kind = event.kind.replace('"', "'"));
    expected.iter_mut().for_each(|(kind, _)| *kind = kind.replace('"', "'"));
    let (emitted, _) = outcome("orders.count.wat", COUNT.as_bytes(), &batches);
    let counted: Vec<_> = emitted
        .iter()
        .map(|json| {
            let event: serde_json::Value = serde_json::from_str(json).unwrap();
            (attribute(&event, "subject").to_owned(), event["data"]["count"].as_u64().unwrap() as u32)
        })
        .collect();
    assert!(counted.len() >= 6);
    assert_eq!(counted, expected);
}

#[test]
fn orders_that_are_big_are_emitted_as_they_are() {
    let values = [
        (r#""499.99""#, false),
        (r#""500.00""#, true),
        ("500", true),
        ("499.999", false),
        (r#""0500.1""#, true),
        ("5e2", false),
        ("-900", false),
        ("null", false),
        (r#""""#, false),
        ("12345678.9", true),
    ];
    let event = |value: &str| order(&format!("{{\"product\":\"teapot\",\"value\":{value},\"rest\":[1]}}"));
    let mut batch: Vec<_> = values.iter().map(|(value, _)| event(value)).collect();
    batch.push(order("{}"));
    let (emitted, _) = outcome("orders.big-order.wat", BIG_ORDER.as_bytes(), &[batch]);
    let found: Vec<String> = emitted
        .iter()
        .map(|json| {
            let event: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(attribute(&event, "type"), "shop.big_order");
            assert_eq!(attribute(&event["data"], "type"), "shop.order_placed");
            event["data"]["data"]["value"].to_string()
        })
        .collect();
    let expected: Vec<&str> = values.iter().filter(|(_, is_big)| *is_big).map(|(value, _)| *value).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_was_compiled_from_assemblyscript_adds_up_revenue() {
    let sales = [
        ("teapot", "\"600.00\""),
        ("cup", "999.99"),
        ("tea\\\"pot\\n", "5000"),
        ("teapot", "\"400\""),
        ("cup", "0.01"),
    ];
    let event = |(product, value): &(&str, &str)| order(&format!("{{\"product\":\"{product}\",\"value\":{value}}}"));
    let batches: Vec<Vec<CloudEvent>> = sales.iter().map(|sale| vec![event(sale), order("{}")]).collect();
    let (emitted, _) = outcome("orders.revenue.wasm", REVENUE, &batches);
    let found: Vec<(String, String)> = emitted
        .iter()
        .map(|json| {
            let event: serde_json::Value = serde_json::from_str(json).unwrap();
            (attribute(&event, "subject").to_owned(), attribute(&event["data"], "revenue").to_owned())
        })
        .collect();
    let expected = [("tea\"pot\n", "5000.00"), ("teapot", "1000.00"), ("cup", "1000.00")];
    assert_eq!(found, expected.map(|(product, revenue)| (product.to_owned(), revenue.to_owned())));
}

#[test]
fn what_was_compiled_from_assemblyscript_gives_memory_back() {
    let module = FunctionModule::new(REVENUE, ModuleForm::Binary).unwrap();
    let mut instance = FunctionInstance::new(&module, 10_000_000).unwrap();
    let line = format!("{{\"product\":\"{}\",\"value\":1}}\n", "x".repeat(2_000));
    for _ in 0..20 {
        // The names alone are 80,000 bytes in the module, and so 1,600,000 in all batches.
        assert!(instance.on_batch(line.repeat(20).as_bytes(), 10_000_000).emitted.unwrap().is_empty());
    }
    assert!(instance.memory_bytes() < 1_000_000, "{}", instance.memory_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_same_events_give_the_same_answers_for_the_same_fuel(
        values in prop::collection::vec(prop::collection::vec((0_u32..200_000, "[a-z\"\\\\ü]{0,9}"), 0..60), 1..4)
    ) {
        let batches: Vec<Vec<CloudEvent>> = values
            .iter()
            .map(|batch| {
                let event = |(cents, product): &(u32, String)| {
                    let product = serde_json::to_string(product).unwrap();
                    order(&format!("{{\"product\":{product},\"value\":{}.{:02}}}", cents / 100, cents % 100))
                };
                batch.iter().map(event).collect()
            })
            .collect();
        let modules = [("orders.f.wat", COUNT.as_bytes()), ("orders.f.wat", BIG_ORDER.as_bytes()), ("orders.f.wasm", REVENUE)];
        for (name, module) in modules {
            prop_assert_eq!(outcome(name, module, &batches), outcome(name, module, &batches));
        }
        let big = values.iter().flatten().filter(|(cents, _)| *cents >= 50_000).count();
        prop_assert_eq!(outcome("orders.f.wat", BIG_ORDER.as_bytes(), &batches).0.len(), big);
    }
}

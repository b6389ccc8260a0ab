//! Rows of other people's logs through the command line: what means nothing, what is put together, and what is said of
//! it.

use crate::command::Scratch;

const T: &str = "2026-03-01T10:00:00Z";

/// Three high orders of one customer.
fn orders_of(customer: &str) -> String {
    let order = |number: u8| format!("{number},order_placed,2026-03-01T1{number}:00:00Z,{customer},{number},600\n");
    format!("event_id,kind,event_time,customer,order,value\n{}", (1..=3).map(order).collect::<String>())
}

#[test]
fn a_customer_called_null_is_nobody() {
    let scratch = Scratch::new();
    for word in ["NULL", "\\N", ""] {
        scratch.write("log.csv", orders_of(word));
        let ended = scratch.ok("flowbench replay log.csv --pipeline repeat-high-value");
        assert_eq!(ended.answers().len(), 0, "{word}: {}", ended.stdout);
        assert!(ended.stderr.contains("3 events that lack the key not used"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("note: "), "{}", ended.stderr);
    }
}

#[test]
fn a_customer_called_nan_is_noted_once_and_by_inspect_too() {
    let scratch = Scratch::new();
    scratch.write("log.csv", orders_of("nan"));
    let note = "note: 'nan' is the customer of 3 rows; if that means that the field is absent, say so in a mapping: absent = [";
    let replayed = scratch.ok("flowbench replay log.csv --pipeline repeat-high-value");
    assert_eq!(replayed.answers().len(), 1);
    for ended in [replayed, scratch.ok("flowbench inspect log.csv")] {
        assert_eq!(ended.stderr.matches(note).count(), 1, "{}", ended.stderr);
    }
    assert!(!scratch.ok("flowbench -q replay log.csv --pipeline repeat-high-value").stderr.contains("note: "));
    let json = scratch.ok("flowbench inspect log.csv --json").json();
    assert!(json["remarks"][0].as_str().unwrap().starts_with("'nan' is the customer of 3 rows"), "{json}");
}

#[test]
fn lines_of_an_order_are_one_order_in_the_answers() {
    let scratch = Scratch::new();
    let line = |invoice: u8, price: &str| format!("{T},{invoice},ann,{price},2\n");
    scratch
        .write("log.csv", format!("t,invoice,who,price,n\n{}{}{}", line(1, "10.0000"), line(1, "$2.50"), line(2, "7")));
    scratch.write(
        "map.toml",
        "group = \"invoice\"\ntime = { column = \"t\" }\nkind = { constant = \"order_placed\" }\n\
         customer = { column = \"who\" }\nvalue = { column = \"price\", times = \"n\" }\n",
    );
    for way in ["--strategy sequential", "--strategy exchange --workers 2", "--strategy differential"] {
        let ended = scratch.ok(&format!("flowbench replay log.csv --map map.toml --pipeline lifetime-value {way}"));
        let orders: Vec<&str> = ended.answers().iter().map(|answer| answer.split_once(',').unwrap().1).collect();
        assert_eq!(orders, ["ann,1,25.000", "ann,2,39.000"], "{way}");
        assert!(ended.stderr.contains("3 rows: 2 events of 3 rows, 0 skipped, 0 rejected"), "{}", ended.stderr);
    }
}

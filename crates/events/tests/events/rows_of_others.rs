//! How the rows of logs that others have written become events: words for nothing, numbers, times, several rows that
//! are one event and several events in a row. The cases are forms in which such logs are published; the names in
//! brackets are those of the audit that found them.

use std::collections::BTreeSet;

use flowbench_events::{Event, Id, Kind, Mapping, ReadOptions, Value, rfc3339};
use proptest::prelude::*;

use crate::reading::{Read, read, read_as, through};

const T: &str = "2026-07-01T12:00:00.000Z";

impl Read {
    /// One line for each event: `kind time customer order value`, `-` for what is absent.
    fn events(&self) -> Vec<String> {
        let id = |id: Option<Id>| {
            let mut text = String::new();
            self.trace.symbols.push_id(id.unwrap_or(Id::ABSENT), &mut text);
            if text.is_empty() { "-".to_owned() } else { text }
        };
        let line = |event: &Event| {
            let (kind, time) = (event.kind().name(), rfc3339(event.event_time_ms()));
            let value = event.value().map_or("-".to_owned(), |value| value.to_string());
            format!("{kind} {time} {} {} {value}", id(event.customer()), id(event.order()))
        };
        self.trace.events.iter().map(line).collect()
    }

    fn values(&self) -> Vec<Option<i64>> {
        self.trace.events.iter().map(|event| event.value().map(|value| value.0)).collect()
    }

    /// The rejects as `line column: reason`.
    fn rejects(&self) -> Vec<String> {
        self.rejects.iter().map(|reject| format!("{} {}: {}", reject.line, reject.column, reject.reason)).collect()
    }

    fn distinct_event_ids(&self) -> usize {
        self.trace.events.iter().map(Event::event_id).collect::<BTreeSet<_>>().len()
    }
}

/// Reads a CSV text through a mapping.
fn mapped(mapping: &str, csv: &str) -> Read {
    read_as("log.csv", csv, &through(mapping)).unwrap()
}

/// What is wrong with a mapping, behind the name of its file.
fn wrong(mapping: &str) -> String {
    let told = Mapping::parse(mapping, "map.toml").unwrap_err().to_string();
    told.strip_prefix("map.toml, ").unwrap().to_owned()
}

// Words for nothing (A.6, B9).

/// A mapping that is the same as none.
const SAME: &str = "time = { column = \"event_time\" }\nkind = { column = \"kind\" }\ncustomer = { column = \"customer\" }\n\
                    order = { column = \"order\" }\nvalue = { column = \"value\" }\nrating = { column = \"rating\" }\n\
                    event_id = { column = \"event_id\" }\narrival = { column = \"arrival_time\" }\n";

/// Orders whose other fields all are that word, as CSV and as JSON Lines.
fn orders_of(word: &str, rows: usize) -> [String; 2] {
    let csv = format!("order_placed,{T},{word},{word},{word},{word},{word},{word}\n").repeat(rows);
    let names = ["arrival_time", "event_id", "customer", "order", "value", "rating"];
    let fields = names.map(|name| format!(",\"{name}\":{word:?}")).concat();
    let json = format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\"{fields}}}\n").repeat(rows);
    [format!("kind,event_time,arrival_time,event_id,customer,order,value,rating\n{csv}"), json]
}

#[test]
fn words_of_databases_for_nothing_are_absent_in_every_field() {
    for word in ["", "NULL", "\\N"] {
        let [csv, json] = orders_of(word, 3);
        for log in [read("log.csv", &csv), read("log.jsonl", json), mapped(SAME, &csv)] {
            assert_eq!(log.events(), vec![format!("order_placed {T} - - -"); 3], "{word}");
            assert_eq!((log.distinct_event_ids(), log.summary.remarks), (3, vec![]));
        }
    }
}

#[test]
fn other_words_for_nothing_are_texts_and_said_once_with_the_way_to_name_them() {
    for word in ["nan", "NaN", "None", "null", "N/A", "NA", "n/a", "none", "undefined", "nil", "-", "#N/A", "(null)"] {
        let row = |customer: &str| {
            format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"customer\":{customer:?}}}\n")
        };
        let csv_row = |customer: &str| format!("order_placed,{T},{customer}\n");
        let csv = format!("kind,event_time,customer\n{}{}", csv_row("ann").repeat(2), csv_row(word).repeat(4));
        for log in [read("log.csv", csv), read("log.jsonl", row("ann").repeat(2) + &row(word).repeat(4))] {
            assert_eq!(log.events()[5], format!("order_placed {T} {word} - -"));
            let told = format!(
                "'{word}' is the customer of 4 rows; if that means that the field is absent, say so in a mapping: \
                 absent = [\"NULL\", \"\\\\N\", \"{word}\"]"
            );
            assert_eq!(log.summary.remarks, [told]);
        }
    }
    let [csv, _] = orders_of("nan", 2);
    assert_eq!(read("log.csv", csv).summary.remarks, [""; 0]);
}

#[test]
fn what_the_remark_says_can_be_done() {
    let [csv, _] = orders_of("nan", 5);
    let log = read("log.csv", &csv);
    assert_eq!(log.summary.rejects, 5); // a value that is no number
    let remark = log.summary.remarks.concat();
    assert!(remark.starts_with("'nan' is the arrival_time of 5 rows"), "{remark}");
    let line = &remark[remark.find("absent = ").unwrap()..];
    let log = mapped(&format!("{line}\n{SAME}"), &(csv + orders_of("NULL", 1)[0].lines().nth(1).unwrap()));
    assert_eq!((log.events(), log.summary.remarks), (vec![format!("order_placed {T} - - -"); 6], vec![]));
}

#[test]
fn a_list_of_words_takes_the_place_of_the_usual_ones_and_is_for_every_field() {
    let mapping = format!("absent = [\"nan\", \"-1\"]\n{SAME}");
    let header = "kind,event_time,arrival_time,event_id,customer,order,value,rating";
    let log = mapped(
        &mapping,
        &format!("{header}\norder_placed,{T},nan,nan,-1,NULL,-1,nan\norder_placed,{T},,,,,-10, nan \n"),
    );
    assert_eq!(log.events(), [format!("order_placed {T} - NULL -"), format!("order_placed {T} - - -10.000")]);
}

#[test]
fn a_kind_that_is_listed_is_one_even_if_its_cell_is_a_word_for_nothing() {
    let mapping =
        |values: &str| format!("time = {{ column = \"t\" }}\nkind = {{ column = \"k\", values = {{ {values} }} }}\n");
    let csv = format!("t,k\n{T},NULL\n{T},\n{T},x\n");
    let kinds =
        |values: &str| -> Vec<Kind> { mapped(&mapping(values), &csv).trace.events.iter().map(Event::kind).collect() };
    assert_eq!(kinds("NULL = \"order_placed\", \"\" = \"page_viewed\""), [Kind::OrderPlaced, Kind::PageViewed]);
    assert_eq!(kinds("\"\" = \"page_viewed\""), [Kind::PageViewed; 2]);
    assert_eq!(kinds("x = \"page_viewed\""), [Kind::PageViewed]);
    let log = read("log.csv", format!("event_time,kind\n{T},NULL\n"));
    assert_eq!(log.rejects(), ["2 kind: it is missing or empty (or its pattern finds nothing)"]);
}

// Numbers (A.7, B17, B18).

/// Reads each text as the value of an order.
fn values(settings: &str, texts: &[&str]) -> Read {
    let rows: String = texts.iter().map(|text| format!("{T},\"{text}\"\n")).collect();
    let mapping = "time = { column = \"t\" }\nkind = { constant = \"order_placed\" }\nvalue = { column = \"v\" }\n";
    mapped(&format!("{settings}\n{mapping}"), &format!("t,v\n{rows}"))
}

#[test]
fn values_that_are_exact_are_read_however_they_are_written() {
    let texts =
        ["129.0000", "99.9900", "0.0000", ".5", "12.", "1.5e2", " 7", "7 ", "+5", "$5.99", "£5", "USD 5.99", "-$1"];
    let log = values("", &texts);
    let expected = [129_000, 99_990, 0, 500, 12_000, 150_000, 7000, 7000, 5000, 5990, 5000, 5990, -1000];
    assert_eq!((log.values(), log.rejects().len()), (expected.map(Some).to_vec(), 0));
    let log = values("decimal = \",\"\nthousands = \".\"", &["5,00 €", "2,55", "1.203,39", "1.000", "1203,390"]);
    assert_eq!(log.values(), [5000, 2550, 1_203_390, 1_000_000, 1_203_390].map(Some));
    let log = values("thousands = \",\"", &["1,234.50", "1,234,567", "999.9"]);
    assert_eq!(log.values(), [1_234_500, 1_234_567_000, 999_900].map(Some));
    let log = values("decimal = \",\"\nthousands = \" \"", &["1 234,50", "1\u{a0}234,50 €", "1\u{202f}234,50"]);
    assert_eq!(log.values(), [Some(1_234_500); 3]);
    // Without a mapping, too, and as a number of JSON.
    let rows = ["129.0000", "1.5e2", "\" $7\""]
        .map(|value| format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"value\":{value}}}\n"));
    assert_eq!(read("log.jsonl", rows.concat()).values(), [129_000, 150_000, 7000].map(Some));
}

#[test]
fn a_value_that_is_not_exact_or_not_a_number_is_rejected_with_the_likely_fix() {
    for (settings, text, told) in [
        ("", "1.2345", "'1.2345' is not a value: values have at most three decimals and are never rounded"),
        ("", "1e999999999", "'1e999999999' does not fit: the maximum value is 9223372036854775.807"),
        ("", "1e-999999999", "'1e-999999999' is not a value: values have at most three decimals and are never rounded"),
        ("", "cheap", "'cheap' is not a number"),
        ("", "1,234.50", "is not a number as this log is read; say how in a mapping: thousands = \",\""),
        ("", "1,5", "say how in a mapping: decimal = \",\""),
        ("", "1.203,39", "say how in a mapping: decimal = \",\" and thousands = \".\""),
        ("thousands = \",\"", "1,5", "say how in a mapping: decimal = \",\""),
        ("decimal = \",\"", "1.50", "say how in a mapping: decimal = \".\""),
    ] {
        let log = values(settings, &[text, "1"]);
        assert_eq!(log.values().len(), 1, "{text}");
        assert!(log.rejects()[0].starts_with("2 v: '") && log.rejects()[0].contains(told), "{:?}", log.rejects());
    }
}

#[test]
fn ratings_are_whole_and_load_times_are_rounded_to_the_millisecond() {
    let row = |load: &str, rating: &str| format!("page_viewed,{T},{load},{rating}\n");
    let rows = [row("1200.0", "5.0"), row("812.3000000119209", "1"), row("812.5", " 4"), row("-0.0", "3.00")];
    let log = read("log.csv", format!("kind,event_time,load_time_ms,rating\n{}", rows.concat()));
    let small: Vec<_> = log.trace.events.iter().map(|event| (event.load_time_ms(), event.rating())).collect();
    assert_eq!(small, [(1200, 5), (812, 1), (813, 4), (0, 3)].map(|(load, rating)| (Some(load), Some(rating))));
    let rows =
        [row("-0.1", ""), row("4294967294.5", ""), row("1e999999", ""), row("", "4.5"), row("", "6.0"), row("", "-1")];
    let log = read("log.csv", format!("kind,event_time,load_time_ms,rating\n{}", rows.concat()));
    assert_eq!(log.summary.rejects, 6, "{:?}", log.rejects());
}

#[test]
fn several_currencies_are_remarked_since_sums_would_mix_them() {
    assert_eq!(values("", &["$1", "$2", "3"]).summary.remarks, [""; 0]);
    let log = values("", &["$1", "€2", "EUR 3", "4 €"]);
    assert_eq!(log.summary.remarks, ["values are in several currencies ('$', '€', 'EUR'): sums mix them"]);
}

// Times (B1, B6, B20).

fn times(format: &str, texts: &[&str]) -> Read {
    let rows: String = texts.iter().map(|text| format!("{text},order_placed\n")).collect();
    mapped(&format!("time = {{ column = \"t\", {format} }}\nkind = {{ column = \"k\" }}\n"), &format!("t,k\n{rows}"))
}

#[test]
fn counts_since_1970_may_be_in_any_unit_with_a_fraction_or_an_exponent() {
    for (format, text) in [
        ("epoch_s", "1433226571.398"),
        ("epoch_s", "1433226571.3989"),
        ("epoch_ms", "1433226571398"),
        ("epoch_ms", "1433226571398.0"),
        ("epoch_ms", "1.433226571398E12"),
        ("epoch_us", "1433226571398000"),
        ("epoch_us", "1433226571398999"),
        ("epoch_ns", "1433226571398000001"),
        ("epoch_ns", " 1433226571398000001 "),
    ] {
        let log = times(&format!("format = \"{format}\""), &[text]);
        assert_eq!(log.trace.events[0].event_time_ms(), 1_433_226_571_398, "{format} {text}");
    }
    let log = times("format = \"epoch_ms\"", &["1433227005006.0", "1.43E12", "1e999999999", "soon"]);
    assert_eq!(
        log.trace.events.iter().map(Event::event_time_ms).collect::<Vec<_>>(),
        [1_433_227_005_006, 1_430_000_000_000]
    );
    assert_eq!(log.summary.rejects, 2);
}

#[test]
fn a_field_may_have_times_in_several_formats() {
    let log = times(
        "format = [\"%d/%m/%Y %H:%M\", \"epoch_s\"], timezone = \"Europe/London\"",
        &["01/07/2026 12:00", "1782903600", "2026-07-01"],
    );
    assert_eq!(log.events(), vec!["order_placed 2026-07-01T11:00:00.000Z - - -"; 2]);
    assert_eq!(log.rejects(), ["4 t: '2026-07-01' cannot be read as a time: none of the 2 formats reads it"]);
}

#[test]
fn a_time_that_says_utc_is_read_with_utc_in_the_format() {
    let log = times("format = \"%Y-%m-%d %H:%M:%S UTC\"", &["2019-10-01 00:00:00 UTC"]);
    assert_eq!(log.events(), ["order_placed 2019-10-01T00:00:00.000Z - - -"]);
    let kind = "kind = { column = \"k\" }\n";
    for (format, told) in [
        (
            "\"%Y-%m-%d %H:%M:%S %Z\"",
            "line 2, column 33: the format '%Y-%m-%d %H:%M:%S %Z' does not give a time: %Z, the \
          short name of a zone, cannot be read; write UTC itself, '%Y-%m-%d %H:%M:%S UTC'",
        ),
        ("\"epoch\"", "(formats: epoch_s, epoch_ms, epoch_us, epoch_ns, rfc3339, or a pattern such as"),
        (
            "[\"epoch_s\", \"epoch_sec\"]",
            "line 2, column 45: the format 'epoch_sec' does not give a time; did you mean 'epoch_s'?",
        ),
        ("[]", "line 2, column 33: format lists no format"),
        ("[1]", "line 2, column 34: a format must be a text in quotes"),
        ("[\"epoch_s\", \"epoch_ms\"], timezone = \"UTC\"", "a count since the epoch has no timezone"),
    ] {
        let error = wrong(&format!("{kind}time = {{ column = \"t\", format = {format} }}\n"));
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn seconds_that_are_read_as_a_finer_unit_are_noticed() {
    let log = times("format = \"epoch_ms\"", &["1569888000", "1569888060"]);
    let told = "no event time is later than 1970-01-19T04:04:48.060Z; is the format epoch_s? With it, the latest is \
                2019-10-01T00:01:00.000Z";
    assert_eq!(log.summary.remarks, [told]);
    assert_eq!(times("format = \"epoch_ms\"", &["1569888000", "1569888060000"]).summary.remarks, [""; 0]);
    assert_eq!(times("format = \"%Y-%m-%d\"", &["1969-10-01"]).summary.remarks, [""; 0]);
}

// Price times quantity, and the lines of an order (B4, B5).

const INVOICES: &str = r#"
    group = "Invoice"
    time = { column = "InvoiceDate", format = "%Y-%m-%d %H:%M:%S" }
    kind = { column = "Invoice", pattern = "^(C?)", values = { C = "order_cancelled", "" = "order_placed" } }
    order = { column = "Invoice" }
    customer = { column = "Customer ID", pattern = "^(\\d+)" }
    value = { column = "Price", times = "Quantity" }
"#;

#[test]
fn the_lines_of_an_order_are_one_event_with_the_sum_of_price_times_quantity() {
    let log = mapped(
        INVOICES,
        "Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID\n\
         489434,85048,12,2009-12-01 07:45:00,6.95,13085.0\n\
         489434,79323P,12,2009-12-01 07:45:00,6.75,13085.0\n\
         489434,22041,48,2009-12-01 07:46:00,2.1,13085\n\
         489435,22350,12,2009-12-01 07:46:00,2.55,13085.0\n\
         C489449,22087,-12,2009-12-01 10:33:00,2.95,16321.0\n\
         C489449,85206A,-6,2009-12-01 10:33:00,1.65,16321.0\n",
    );
    let expected = [
        "order_placed 2009-12-01T07:45:00.000Z 13085 489434 265.200",
        "order_placed 2009-12-01T07:46:00.000Z 13085 489435 30.600",
        "order_cancelled 2009-12-01T10:33:00.000Z 16321 C489449 -45.300",
    ];
    assert_eq!(log.events(), expected);
    assert_eq!(log.summary.to_string(), "6 rows: 3 events of 6 rows, 0 skipped, 0 rejected");
    assert_eq!(log.distinct_event_ids(), 3);
    assert_eq!(log.summary.remarks, [""; 0]);
}

#[test]
fn a_product_is_exact_or_rejected_and_absent_if_one_factor_is() {
    let mapping = "time = { column = \"t\" }\nkind = { constant = \"order_placed\" }\n\
                   value = { column = \"p\", times = \"q\" }\n";
    let row = |price: &str, quantity: &str| format!("{T},{price},{quantity}\n");
    let rows = [("0.0025", "400"), ("$2.50", "3"), ("", "3"), ("2", ""), ("2", "0"), ("1e13", "1.5e2")];
    let csv = |rows: &[(&str, &str)]| rows.iter().map(|(p, q)| row(p, q)).collect::<String>();
    let log = mapped(mapping, &format!("t,p,q\n{}", csv(&rows)));
    assert_eq!(log.values(), [Some(1000), Some(7500), None, None, Some(0), Some(1_500_000_000_000_000_000)]);
    let log =
        mapped(mapping, &format!("t,p,q\n{}", csv(&[("0.0025", "3"), ("1e13", "1e3"), ("2", "few"), ("x", "2")])));
    assert_eq!(
        log.rejects(),
        [
            "2 p: '0.0025' times '3' is not a value: values have at most three decimals and are never rounded",
            "3 p: '1e13' times '1e3' does not fit: the maximum value is 9223372036854775.807",
            "4 q: 'few' is not a number",
            "5 p: 'x' is not a number",
        ]
    );
}

const GROUPED: &str = "group = \"order\"\ntime = { column = \"t\" }\norder = { column = \"order\" }\n\
                       kind = { column = \"k\", values = { o = \"order_placed\", c = \"order_cancelled\" } }\n\
                       value = { column = \"v\" }\n";

#[test]
fn of_the_rows_of_a_group_behind_the_first_only_the_value_is_read() {
    // The orders of a shop: their further lines leave everything else empty.
    let log = mapped(
        GROUPED,
        &format!("t,order,k,v\n{T},#1001,o,10\n,#1001,,5.5\nnever,#1001,o,\n,#1001,,x\n{T},#1002,o,\n,#1002,,\n"),
    );
    assert_eq!(log.events(), [format!("order_placed {T} - #1001 15.500"), format!("order_placed {T} - #1002 -")]);
    assert_eq!(log.rejects(), ["5 v: 'x' is not a number"]);
    assert_eq!(log.summary.to_string(), "6 rows: 2 events of 5 rows, 0 skipped, 1 rejected");
}

#[test]
fn rows_that_are_rejected_or_skipped_belong_to_no_group() {
    let rows = format!(
        "t,order,k,v\nnever,A,o,1\n{T},A,o,2\n{T},A,shipping,4\n{T},A,o,8\n{T},A,c,16\n{T},A,c,32\n{T},,o,64\n{T},,o,128\n\
         {T},NULL,o,256\n"
    );
    let log = mapped(GROUPED, &rows);
    let cancelled = format!("order_cancelled {T} - A 48.000");
    let placed = |order: &str, value: &str| format!("order_placed {T} - {order} {value}");
    assert_eq!(
        log.events(),
        [placed("A", "10.000"), cancelled, placed("-", "64.000"), placed("-", "128.000"), placed("-", "256.000")]
    );
    assert_eq!(log.summary.to_string(), "9 rows: 5 events of 7 rows, 1 skipped ('shipping' 1), 1 rejected");
    assert_eq!(log.summary.remarks, [""; 0]);
}

#[test]
fn a_group_that_comes_again_is_another_event_and_remarked() {
    let row = |order: &str| format!("{T},{order},o,1\n");
    let log = mapped(GROUPED, &format!("t,order,k,v\n{}", ["A", "A", "B", "A", "B", "C"].map(row).concat()));
    assert_eq!(log.values(), [2000, 1000, 1000, 1000, 1000].map(Some));
    let told = "rows with the same 'order' are not all consecutive: 2 events repeat one that had an event before; sort the log \
                by it if each should be one event";
    assert_eq!(log.summary.remarks, [told]);
}

#[test]
fn a_sum_that_does_not_fit_rejects_the_row_that_makes_it_so() {
    let row = |value: &str| format!("{T},A,o,{value}\n");
    let rows = ["9223372036854775.807", "0.001", "-1", "0.5"].map(row).concat();
    let log = mapped(GROUPED, &format!("t,order,k,v\n{rows}"));
    assert_eq!(log.values(), [Some(9_223_372_036_854_775_307)]);
    assert_eq!(
        log.rejects(),
        ["3 v: with 0.001 the sum of its rows does not fit: the maximum is 9223372036854775.807"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_of_rows_are_summed_exactly(rows in prop::collection::vec((0..3_u8, any::<i32>(), -100..100_i64), 0..40)) {
        let row = |(key, price, quantity): &(u8, i32, i64)| {
            format!("{T},{key},o,{},{quantity}\n", Value((*price).into()))
        };
        let csv: String = rows.iter().map(row).collect();
        let mapping = GROUPED.replace("column = \"v\"", "column = \"v\", times = \"q\"");
        let log = mapped(&mapping, &format!("t,order,k,v,q\n{csv}"));
        let sum = |run: &[(u8, i32, i64)]| {
            Some(run.iter().map(|(_, price, quantity)| i64::from(*price) * quantity).sum::<i64>())
        };
        let expected: Vec<Option<i64>> = rows.chunk_by(|a, b| a.0 == b.0).map(sum).collect();
        prop_assert_eq!(log.values(), expected);
        prop_assert_eq!(log.summary.used, rows.len() as u64);
    }
}

// Several events in a row (B7).

const OLIST: &str = r#"
    order = { column = "order_id" }
    customer = { column = "customer_id" }
    [[event]]
    kind = { constant = "order_placed" }
    time = { column = "order_purchase_timestamp", format = "%Y-%m-%d %H:%M:%S" }
    [[event]]
    kind = { constant = "order_packed" }
    time = { column = "order_approved_at", format = "%Y-%m-%d %H:%M:%S" }
    [[event]]
    kind = { constant = "order_dispatched" }
    time = { column = "order_delivered_carrier_date", format = "%Y-%m-%d %H:%M:%S" }
    [[event]]
    kind = { constant = "order_delivered" }
    time = { column = "order_delivered_customer_date", format = "%Y-%m-%d %H:%M:%S" }
"#;

const OLIST_HEADER: &str = "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,\
                            order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n";

#[test]
fn a_row_with_several_times_is_several_events() {
    let log = mapped(
        OLIST,
        &format!(
            "{OLIST_HEADER}\
             e481,9ef4,delivered,2017-10-02 10:56:33,2017-10-02 11:07:15,2017-10-04 19:55:00,2017-10-10 21:25:13,2017-10-18\n\
             53cd,b083,invoiced,2018-07-24 20:41:37,, NULL ,,2018-08-13\n\
             47b7,ffff,created,,,,,2018-09-04\n\
             9494,f88b,shipped,2017-11-18 19:28:06,soon,2017-11-22 13:39:59,,2017-12-15\n"
        ),
    );
    let expected = [
        "order_placed 2017-10-02T10:56:33.000Z 9ef4 e481 -",
        "order_packed 2017-10-02T11:07:15.000Z 9ef4 e481 -",
        "order_dispatched 2017-10-04T19:55:00.000Z 9ef4 e481 -",
        "order_delivered 2017-10-10T21:25:13.000Z 9ef4 e481 -",
        "order_placed 2018-07-24T20:41:37.000Z b083 53cd -",
    ];
    assert_eq!(log.events(), expected);
    assert_eq!(log.distinct_event_ids(), 5);
    assert_eq!(log.rejects().len(), 1);
    assert!(
        log.rejects()[0].starts_with("5 order_approved_at: 'soon' cannot be read as a time"),
        "{:?}",
        log.rejects()
    );
    assert_eq!(log.summary.to_string(), "4 rows: 5 events of 2 rows, 1 skipped (without a time 1), 1 rejected");
}

#[test]
fn a_kind_that_is_not_listed_counts_as_skipped_once_and_only_where_its_row_is() {
    let mapping = r#"
        order = { column = "o" }
        [[event]]
        kind = { column = "k", values = { p = "order_placed" } }
        time = { column = "t1" }
        [[event]]
        kind = { column = "k", values = { p = "order_packed" } }
        time = { column = "t2" }
        [[event]]
        kind = { constant = "order_dispatched" }
        time = { column = "t3" }
    "#;
    let told = |row: &str| mapped(mapping, &format!("o,k,t1,t2,t3\n{row}\n")).summary.to_string();
    assert_eq!(told(&format!("1,zz,{T},,{T}")), "1 rows: 1 events, 0 skipped, 0 rejected");
    assert_eq!(told(&format!("1,p,{T},{T},{T}")), "1 rows: 3 events of 1 rows, 0 skipped, 0 rejected");
    assert_eq!(told(&format!("1,zz,{T},{T},")), "1 rows: 0 events, 1 skipped ('zz' 1), 0 rejected");
    assert_eq!(told(&format!("1,zz,{T},,soon")), "1 rows: 0 events, 0 skipped, 1 rejected");
    let told = |row: &str| {
        let kind = r#"{ column = "k", values = { p = "order_placed" } }"#;
        mapped(&format!("time = {{ column = \"t\" }}\nkind = {kind}"), &format!("k,t\n{row}")).summary.to_string()
    };
    let empty = told(&format!("p,{T}\n,{T}\nzz,{T}\n"));
    assert_eq!(empty, "3 rows: 1 events, 2 skipped (an empty kind 1, 'zz' 1), 0 rejected");
}

#[test]
fn an_event_of_a_row_has_its_own_fields_in_place_of_those_of_all() {
    let mapping = r#"
        absent = ["none"]
        event_id = { column = "id" }
        value = { column = "paid" }
        country = { constant = "GB" }
        [[event]]
        kind = { constant = "order_placed" }
        time = { column = "placed" }
        event_id = { column = "id", prefix = "placed-" }
        [[event]]
        kind = { constant = "order_cancelled" }
        time = { column = "cancelled", format = "epoch_s" }
        event_id = { column = "id", prefix = "cancelled-" }
        value = { column = "refund", times = "items" }
        country = { constant = "FR" }
    "#;
    let log = mapped(
        mapping,
        &format!("id,placed,cancelled,paid,refund,items\n7,{T},1782907260,10,-2.5,4\n8,{T},none,10,,\n"),
    );
    assert_eq!(
        log.events(),
        [
            format!("order_placed {T} - - 10.000"),
            "order_cancelled 2026-07-01T12:01:00.000Z - - -10.000".to_owned(),
            format!("order_placed {T} - - 10.000"),
        ]
    );
    assert_eq!(log.event_ids(), ["placed-7", "cancelled-7", "placed-8"]);
    let countries = log.trace.events.iter().map(|event| log.trace.symbols.country_name(event.country()));
    assert_eq!(countries.collect::<Vec<_>>(), ["GB", "FR", "GB"]);
}

// Mappings that cannot be.

#[test]
fn a_wrong_setting_is_told_with_its_place() {
    let fields = "time = { column = \"t\" }\nkind = { column = \"k\" }\n";
    for (mapping, told) in [
        ("absent = \"nan\"\n", "line 1, column 10: write it like absent = [\"nan\", \"None\"]"),
        ("absent = [\"nan\", 0]\n", "line 1, column 18: a word of absent must be a text in quotes"),
        ("abscent = [\"nan\"]\n", "line 1, column 1: 'abscent' is not a field; did you mean 'absent'?"),
        ("decimal = \";\"\n", "line 1, column 11: decimal is \".\" or \",\""),
        ("thousands = \"_\"\n", "line 1, column 13: thousands is \",\", \".\", \"'\" or a space"),
        ("thousands = \".\"\n", "line 1, column 13: \".\" is the decimal separator; did you mean decimal = \",\"?"),
        ("decimal = 5\n", "line 1, column 11: decimal must be a text in quotes"),
        ("group = [\"a\"]\n", "line 1, column 9: group must be a text in quotes"),
        ("event = 5\n", "line 1, column 9: write [[event]] above the fields of each event"),
        ("event = []\n", "line 1, column 9: write [[event]] above the fields of each event"),
        ("value = { column = \"v\", times = 2 }\n", "line 1, column 33: times must be a text in quotes"),
        ("order = { column = \"v\", times = \"q\" }\n", "line 1, column 25: 'times' is not a key of order"),
        ("order = { column = \"v\", prefix = \"q\" }\n", "line 1, column 25: 'prefix' is not a key of order"),
    ] {
        let error = wrong(&format!("{mapping}{fields}"));
        assert!(error.starts_with(told), "{error}\nexpected {told}");
    }
    for (mapping, told) in [
        (format!("group = \"g\"\n{fields}[[event]]\n"), "line 1, column 9: group and [[event]] cannot be combined"),
        (
            "kind = { column = \"k\" }\n[[event]]\nkind = { column = \"k\" }\n".to_owned(),
            "line 2, column 1: the field 'time'",
        ),
        (
            format!("{fields}[[event]]\nabsent = [\"nan\"]\n"),
            "line 4, column 1: 'absent' is for all events; move it above",
        ),
        (format!("{fields}[[event]]\ncustmer = {{ column = \"c\" }}\n"), "line 4, column 1: 'custmer' is not a field"),
        (
            format!("{fields}event_id = {{ column = \"id\" }}\n[[event]]\n[[event]]\n"),
            "line 5, column 1: two events of a row would have the same event_id; give the event_id of each [[event]] a prefix",
        ),
    ] {
        let error = wrong(&mapping);
        assert!(error.starts_with(told), "{error}\nexpected {told}");
    }
}

#[test]
fn a_column_that_only_a_setting_names_must_be_there() {
    let fields = "time = { column = \"t\" }\nkind = { column = \"k\" }\n";
    let missing = |mapping: &str| {
        let mapping = Mapping::parse(mapping, "map.toml").unwrap();
        let options = ReadOptions { mapping: Some(mapping), ..ReadOptions::default() };
        read_as("log.csv", format!("t,k,v,quantity\n{T},order_placed,1,2\n"), &options).unwrap_err().to_string()
    };
    let told = missing(&format!("{fields}value = {{ column = \"v\", times = \"qantity\" }}\n"));
    assert!(
        told.contains("there is no column 'qantity'; did you mean 'quantity'?") && told.contains("line 3"),
        "{told}"
    );
    let told = missing(&format!("group = \"invoice\"\n{fields}"));
    assert!(told.contains("there is no column 'invoice'") && told.contains("map.toml, line 1, asks for it"), "{told}");
}

// Kinds.

#[test]
fn a_kind_that_is_nearly_one_is_named_and_a_huge_one_is_not_compared() {
    let log = read(
        "log.csv",
        format!("kind,event_time\nOrder_Placed,{T}\n order_placed,{T}\n{},{T}\n", "order_placed".repeat(80_000)),
    );
    let rejects = log.rejects();
    assert!(
        rejects[0].starts_with("2 kind: 'Order_Placed' is not a kind; did you mean 'order_placed'?"),
        "{rejects:?}"
    );
    assert!(
        rejects[1].starts_with("3 kind: ' order_placed' is not a kind; did you mean 'order_placed'?"),
        "{rejects:?}"
    );
    assert!(rejects[2].contains("…' is not a kind (kinds: page_viewed, "), "{rejects:?}");
}

// In files of other shapes.

#[test]
fn json_lines_have_groups_and_several_events_a_row_too() {
    let read = |mapping: &str, json: &str| {
        let mapping = Mapping::parse(mapping, "map.toml").unwrap();
        read_as("log.jsonl", json, &ReadOptions { mapping: Some(mapping), ..ReadOptions::default() }).unwrap()
    };
    let line = |id: u8, price: &str| {
        format!("{{\"order\":{{\"id\":{id}}},\"at\":\"{T}\",\"price\":{price},\"n\":2,\"who\":\"NULL\"}}\n")
    };
    let grouped = "group = \"order.id\"\ntime = { column = \"at\" }\nkind = { constant = \"order_placed\" }\n\
                   order = { column = \"order.id\" }\ncustomer = { column = \"who\" }\n\
                   value = { column = \"price\", times = \"n\" }\n";
    let log = read(grouped, &[line(1, "2.5"), line(1, "\"$1.25\""), line(2, "1e1")].concat());
    assert_eq!(log.events(), [format!("order_placed {T} - 1 7.500"), format!("order_placed {T} - 2 20.000")]);
    let wide = "order = { column = \"id\" }\n[[event]]\nkind = { constant = \"order_placed\" }\n\
                time = { column = \"times.placed\" }\n[[event]]\nkind = { constant = \"order_delivered\" }\n\
                time = { column = \"times.delivered\", format = \"epoch_us\" }\n";
    let json = format!(
        "{{\"id\":1,\"times\":{{\"placed\":\"{T}\",\"delivered\":1782907260000000}}}}\n\
         {{\"id\":2,\"times\":{{\"placed\":\"{T}\",\"delivered\":null}}}}\n"
    );
    let expected = [
        format!("order_placed {T} - 1 -"),
        "order_delivered 2026-07-01T12:01:00.000Z - 1 -".to_owned(),
        format!("order_placed {T} - 2 -"),
    ];
    assert_eq!(read(wide, &json).events(), expected);
}

#[test]
fn a_decimal_comma_that_is_recognised_holds_for_every_event_of_a_row() {
    let mapping = "[[event]]\nkind = { constant = \"order_placed\" }\ntime = { column = \"placed\" }\n\
                   value = { column = \"paid\" }\n[[event]]\nkind = { constant = \"order_cancelled\" }\n\
                   time = { column = \"cancelled\" }\nvalue = { column = \"refund\" }\n";
    let log = mapped(mapping, &format!("placed;cancelled;paid;refund\n{T};{T};1.203,39;-5,00 €\n{T};;2,55;\n"));
    assert_eq!(log.values(), [Some(1_203_390), Some(-5000), Some(2550)]);
    assert!(log.summary.assumed.iter().any(|assumed| assumed.contains("decimal comma")), "{:?}", log.summary.assumed);
}

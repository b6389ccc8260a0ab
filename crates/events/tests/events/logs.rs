//! Logs in and out: what is written is read back the same, and bad input is told, counted and survived. The cases are
//! tables.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flowbench_events::{
    Channel, Event, EventId, EventWriter, Format, Input, Kind, Mapping, Output, ReadError, ReadOptions, ReadSummary,
    Record, Reject, RejectWriter, Symbols, TIME_MS_MAX, TIME_MS_MIN, Trace, Value, parse_rfc3339_ms, read_events,
    read_trace,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::reading::{Read, read, read_as, read_path, through};

const HEADER: &str =
    "event_id,kind,event_time,arrival_time,customer,order,product,value,country,load_time_ms,rating,channel";
const T: &str = "2026-07-01T12:00:00.000Z";

impl Read {
    /// The rejects as `line column`.
    fn places(&self) -> Vec<String> {
        self.rejects.iter().map(|reject| format!("{} {}", reject.line, reject.column)).collect()
    }

    fn customers(&self) -> Vec<String> {
        self.column(|event, symbols, text| symbols.push_id(event.record().customer, text))
    }
}

/// Reads a CSV text through a mapping.
fn mapped(mapping: &str, csv: &str) -> Result<Read, ReadError> {
    read_as("log.csv", csv, &through(mapping))
}

fn wrong_mapping(mapping: &str) -> String {
    Mapping::parse(mapping, "map.toml").unwrap_err().to_string()
}

pub(crate) fn write(path: &Path, format: Format, trace: &Trace) {
    let mut writer = EventWriter::new(Output::create(path).unwrap(), format);
    writer.write(&trace.events, &trace.symbols).unwrap();
    writer.finish().unwrap();
}

/// Writes a trace under each name in turn, each time from what was read before, and checks that nothing changed.
pub(crate) fn round_trip(trace: &Trace, names: &[&str]) {
    let folder = TempDir::new().unwrap();
    let mut current = trace.clone();
    for name in names {
        let path = folder.path().join(name);
        write(&path, Format::from_path(&path).unwrap(), &current);
        let read = read_path(&path, &ReadOptions { strict: true, ..ReadOptions::default() }).unwrap();
        assert_eq!(read.trace.digest(), trace.digest(), "{name}");
        current = read.trace;
    }
}

pub(crate) fn small_trace() -> Trace {
    let rows = format!("{HEADER}\n1,order_placed,{T},,17850,536365,,139.12,\"Korea, Republic of\",,,web\n");
    read("log.csv", rows + &format!("x-2,review_posted,{T},{T},é,536365,\"a \"\"b\"\"\",,,,5,mobile\n")).trace
}

// What is written is read back.

#[test]
fn the_formats_are_exactly_these() {
    let folder = TempDir::new().unwrap();
    let text = |name: &str, format| {
        let path = folder.path().join(name);
        write(&path, format, &small_trace());
        fs::read_to_string(path).unwrap()
    };
    assert_eq!(
        text("log.csv", Format::Csv),
        format!(
            "{HEADER}\n1,order_placed,{T},{T},17850,536365,,139.120,\"Korea, Republic of\",,,web\n\
             x-2,review_posted,{T},{T},é,536365,\"a \"\"b\"\"\",,,,5,mobile\n"
        )
    );
    assert_eq!(
        text("log.jsonl", Format::Jsonl),
        format!(
            "{{\"event_id\":\"1\",\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"arrival_time\":\"{T}\",\
             \"customer\":\"17850\",\"order\":\"536365\",\"value\":\"139.120\",\"country\":\"Korea, Republic of\",\
             \"channel\":\"web\"}}\n\
             {{\"event_id\":\"x-2\",\"kind\":\"review_posted\",\"event_time\":\"{T}\",\"arrival_time\":\"{T}\",\
             \"customer\":\"é\",\"order\":\"536365\",\"product\":\"a \\\"b\\\"\",\"rating\":5,\
             \"channel\":\"mobile\"}}\n"
        )
    );
}

#[test]
fn compressed_files_come_back() {
    round_trip(
        &small_trace(),
        &["a.csv.gz", "b.csv.zst", "c.jsonl.gz", "d.ndjson.zst", "e.cloudevents.jsonl.zst", "f.csv"],
    );
}

/// The texts that formats stumble over.
fn awkward() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        2 => "[0-9]{1,20}",
        3 => "[a-c,\"'\\\\\n\r\t ;é漢🙂\u{85}\u{2028}{}]{1,6}",
        1 => "\\PC{0,8}",
    ]
    // A text of its own that is one of these words is read as an absent field.
    .prop_filter("a word for an absent field", |text| !["NULL", "\\N"].contains(&text.as_str()))
}

pub(crate) fn record() -> impl Strategy<Value = (Record, [String; 5])> {
    let times = (TIME_MS_MIN..=TIME_MS_MAX, TIME_MS_MIN..=TIME_MS_MAX);
    let small = (0..8_usize, prop::option::of(0..u32::MAX), prop::option::of(1..=5_u8), 0..4_usize);
    let value = prop::option::of(prop_oneof![-100_000..100_000_i64, i64::MIN + 1..=i64::MAX]);
    let texts = [awkward(), awkward(), awkward(), awkward(), awkward()];
    (times, small, value, texts).prop_map(|((event_time_ms, arrival_time_ms), small, value, texts)| {
        let (kind, load_time_ms, rating, channel) = small;
        let channel = channel.checked_sub(1).map(|channel| Channel::ALL[channel]);
        let value = value.map(Value);
        let record = Record::new(0, Kind::ALL[kind], event_time_ms);
        (Record { arrival_time_ms, value, load_time_ms, rating, channel, ..record }, texts)
    })
}

pub(crate) fn trace(records: Vec<(Record, [String; 5])>) -> Trace {
    let mut trace = Trace::default();
    for (number, (record, [event_id, customer, order, product, country])) in (1..).zip(records) {
        let symbols = &mut trace.symbols;
        let record = Record {
            event_id: if event_id.is_empty() { EventId::absent(number) } else { symbols.event_id(&event_id) },
            customer: symbols.id(&customer).unwrap(),
            order: symbols.id(&order).unwrap(),
            product: symbols.id(&product).unwrap(),
            country: symbols.country(&country).unwrap(),
            ..record
        };
        trace.events.push(Event::try_from(record).unwrap());
    }
    trace
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_come_back_from_every_format(records in prop::collection::vec(record(), 0..8)) {
        round_trip(&trace(records), &["log.csv", "log.jsonl", "log.cloudevents.jsonl", "again.csv", "again.jsonl"]);
    }

    #[test]
    fn no_bytes_stop_the_reading(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let rows = [HEADER.as_bytes(), b"\n", &bytes].concat();
        let read_csv = read("log.csv", rows);
        // The first line keeps the bytes from naming another type of file.
        let read_jsonl = read("log.jsonl", [b"{}\n", bytes.as_slice()].concat());
        prop_assert!(read_csv.summary.events == 0 && read_jsonl.summary.events == 0);
    }
}

// The interchange formats, as others may write them.

#[test]
fn columns_come_in_any_order_and_most_may_be_missing() {
    let log = read("log.csv", format!("channel,event_time,kind\nweb,{T},page_viewed\n\n,{T},order_placed\n"));
    let noon_ms = parse_rfc3339_ms(T).unwrap();
    let first = Record { channel: Some(Channel::Web), ..Record::new(EventId::absent(1), Kind::PageViewed, noon_ms) };
    let records: Vec<Record> = log.trace.events.iter().map(Event::record).collect();
    assert_eq!(records, [first, Record::new(EventId::absent(2), Kind::OrderPlaced, noon_ms)]);
    assert_eq!(log.summary.to_string(), "2 rows: 2 events, 0 skipped, 0 rejected");
}

#[test]
fn columns_that_are_not_ours_are_ignored_and_named_once() {
    let log = read("log.csv", format!("kind,custommer,event_time\norder_placed,7,{T}\norder_placed,8,{T}\n"));
    assert_eq!((log.summary.events, log.summary.ignored_columns), (2, vec!["custommer".to_owned()]));
    let row = format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"note\":{{\"a\":[1]}}}}\n");
    let log = read("log.jsonl", row.repeat(2));
    assert_eq!((log.summary.events, &log.summary.ignored_columns), (2, &vec!["note".to_owned()]));
    assert!(log.summary.to_string().ends_with("; ignored columns: 'note'"));
}

#[test]
fn json_numbers_keep_their_digits() {
    let row = |rest: &str| format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",{rest}}}\n");
    let good =
        row(
            "\"value\": 9007199254740993.001, \"customer\": 42, \"order\": \"042\", \"event_id\": 18446744073709551616",
        ) + &row("\"value\":\"0.1\",\"customer\":null,\"load_time_ms\":12,\"rating\":\"5\",\"order\":\"\\u00e9\\n\"");
    let log = read("log.jsonl", &good);
    assert!(log.rejects.is_empty(), "{:?}", log.rejects);
    let values: Vec<_> = log.trace.events.iter().map(Event::value).collect();
    assert_eq!(values, [Some(Value(9_007_199_254_740_993_001)), Some(Value(100))]);
    assert_eq!(log.customers(), ["42", ""]);
    assert_eq!(log.event_ids(), ["18446744073709551616", "2"]);
    let orders = log.column(|event, symbols, text| symbols.push_id(event.record().order, text));
    assert_eq!(orders, ["042", "é\n"]);

    let bad = [
        ("\"value\":1e-4", "value"),
        ("\"value\":0.1234", "value"),
        ("\"customer\":1.0", "customer"),
        ("\"customer\":[1]", "customer"),
        ("\"order\":\"a\\u0000\"", "order"),
        ("\"order\":\"\\ud800\"", "order"),
        ("\"rating\":4.5", "rating"),
        ("\"rating\":true", "rating"),
        ("\"order\":1,\"order\":2", ""),
        ("\"order\":1,", ""),
    ];
    for (rest, column) in bad {
        let log = read("log.jsonl", row(rest) + &row("\"order\":3"));
        assert_eq!((log.places(), log.summary.events), (vec![format!("1 {column}")], 1), "{rest}");
    }
    let log = read("log.jsonl", "\n[1]\n{\n{}\nnull\n{} {}\n\u{feff}");
    assert_eq!(log.places(), ["2 ", "3 ", "4 kind", "5 ", "6 ", "7 "]);
}

#[test]
fn the_format_is_told_by_the_ending_or_guessed() {
    let json = format!("\u{feff} \n{{\"kind\":\"order_placed\",\"event_time\":\"{T}\"}}\n");
    let csv = format!("\u{feff}kind,event_time\r\norder_placed,{T}\r\n");
    for (name, text) in [("log", &json), ("log.txt", &csv), ("log.csv", &csv), ("log.ndjson", &json)] {
        assert_eq!(read(name, text).summary.events, 1, "{name}");
    }
    let options = ReadOptions { format: Some(Format::Jsonl), ..ReadOptions::default() };
    assert_eq!(read_as("log.csv", &json, &options).unwrap().summary.events, 1);
    let names =
        ["a.csv", "a.csv.gz", "a.jsonl.zst", "a.ndjson", "a.gz", "a", "-", "a.cloudevents.jsonl", "a.cloudevents"];
    let formats: Vec<Option<Format>> = names.into_iter().map(Format::from_path).collect();
    let (csv, jsonl) = (Some(Format::Csv), Some(Format::Jsonl));
    assert_eq!(formats, [csv, csv, jsonl, jsonl, None, None, None, Some(Format::CloudEvents), None]);
    assert!("json".parse::<Format>().unwrap_err().contains("csv, jsonl or cloudevents"));
}

#[test]
fn compression_is_recognised_where_no_ending_tells_it() {
    let folder = TempDir::new().unwrap();
    for name in ["a.csv.gz", "a.csv.zst"] {
        write(&folder.path().join(name), Format::Csv, &small_trace());
        fs::rename(folder.path().join(name), folder.path().join("plain")).unwrap();
        let read = read_path(&folder.path().join("plain"), &ReadOptions::default()).unwrap();
        assert_eq!(read.trace.digest(), small_trace().digest());
    }
}

// Bad rows.

/// Reads one bad row between two good ones, and gives back its reject as text.
fn bad_row(row: impl AsRef<[u8]>) -> String {
    let good = format!("7,order_placed,{T},,c,o,p,1,GB,5,5,web\n");
    let rows = [HEADER.as_bytes(), b"\n", good.as_bytes(), row.as_ref(), b"\n", good.as_bytes()].concat();
    let log = read("log.csv", rows);
    assert_eq!((log.summary.rows, log.summary.events, log.rejects.len()), (3, 2, 1));
    log.rejects[0].to_string()
}

#[test]
fn every_bad_row_is_rejected_with_its_place_and_reason() {
    let row = |cells: &str| cells.replace('@', T);
    for (cells, place, reason) in [
        ("1,order_placed,@", "line 3: ", "the row has 3 fields, the header 12"),
        ("1,order_placed,@,,,,,,,,,,x", "line 3: ", "the row has 13 fields, the header 12"),
        ("1,order_placed,2026-02-29T00:00:00.000Z,,,,,,,,,", "line 3, column event_time", "cannot be read as a time"),
        ("1,order_placed,,,,,,,,,,", "line 3, column event_time", "empty"),
        ("1,order_placed,2026-02-28T00:00:00,,,,,,,,,", "line 3, column event_time", "no offset"),
        ("1,order_placed,@,yesterday,,,,,,,,", "line 3, column arrival_time", "'yesterday' cannot be read as a time"),
        ("1,order_plcaed,@,,,,,,,,,", "line 3, column kind", "did you mean 'order_placed'"),
        ("1,,@,,,,,,,,,", "line 3, column kind", "empty"),
        ("1,order_placed,@,,,,,1.2345,,,,", "line 3, column value", "at most three decimals"),
        ("1,order_placed,@,,,,,dear,,,,", "line 3, column value", "'dear' is not a number"),
        ("1,order_placed,@,,,,,\"1,5\",,,,", "line 3, column value", "say how in a mapping: decimal = \",\""),
        ("1,order_placed,@,,,,,9223372036854775.808,,,,", "line 3, column value", "does not fit"),
        ("1,order_placed,@,,,,,,,-1,,", "line 3, column load_time_ms", "number of milliseconds from 0"),
        ("1,order_placed,@,,,,,,,,4.5,", "line 3, column rating", "'4.5' is not a whole number from 1 to 5"),
        ("1,order_placed,@,,,,,,,4294967295,,", "line 3, column load_time_ms", "4294967294"),
        ("1,order_placed,@,,,,,,,,6,", "line 3, column rating", "'6' is not a whole number from 1 to 5"),
        ("1,order_placed,@,,,,,,,,,fax", "line 3, column channel", "web, mobile, warehouse"),
        ("1,order_placed,@,,a\0b,,,,,,,", "line 3, column customer", "NUL"),
        ("1,order_placed,@,,\"a\"b,,,,,,,", "line 3, column customer", "text follows the quote"),
        ("1,order_placed,@,,\"a,,,,,,,", "line 3, column customer", "nothing closes it"),
    ] {
        let told = bad_row(row(cells));
        assert!(told.starts_with(place) && told.contains(reason), "{cells}: {told}");
    }
    let told = bad_row(b"1,order_placed,2026-07-01T12:00:00.000Z,,,,\xff,,,,,");
    assert_eq!(told, "line 3, column product: the field is not UTF-8");
}

#[test]
fn a_huge_field_is_no_trouble() {
    let huge = "x".repeat(10 << 20);
    let told = bad_row(format!("1,order_placed,{T},,{huge},,,,,,,"));
    assert_eq!(told, "line 3, column customer: the field has 10485760 bytes, more than 1 MiB");
    let told = bad_row(format!("1,order_placed,{T},,\"{}\",,,,,,,", "x\n".repeat(5 << 20)));
    assert_eq!(told, "line 3, column customer: the field has 10485760 bytes, more than 1 MiB");
    let json =
        |customer: &str| format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\",\"customer\":\"{customer}\"}}\n");
    let log = read("log.jsonl", json(&huge) + &json("a"));
    assert_eq!((log.places(), log.summary.events), (vec!["1 customer".to_owned()], 1));
}

#[test]
fn a_row_cut_off_at_the_end_is_rejected_and_a_missing_last_newline_is_not() {
    let rows = format!("{HEADER}\n1,order_placed,{T},,,,,1,,,,web");
    assert_eq!(read("log.csv", &rows).summary.events, 1);
    assert_eq!(read("log.csv", &rows[..rows.len() - 1]).places(), ["2 channel"]);
    assert_eq!(read("log.csv", &rows[..rows.len() - 3]).summary.events, 1); // Nothing tells that it was cut.
    assert_eq!(read("log.csv", &rows[..rows.len() - 4]).places(), ["2 "]);
    assert_eq!(read("log.csv", rows + "\n2,order_placed,\"2026-07").places(), ["3 event_time"]);
    let line = format!("{{\"kind\":\"order_placed\",\"event_time\":\"{T}\"}}");
    assert_eq!(read("log.jsonl", &line).summary.events, 1);
    assert_eq!(read("log.jsonl", &line[..line.len() - 1]).places(), ["1 "]);
}

#[test]
fn strict_makes_the_first_bad_row_the_error() {
    let rows = format!("{HEADER}\n1,order_placed,{T},,,,,1,,,,\n2,order_placed,{T},,,,,x,,,,\n3\n");
    let options = ReadOptions { strict: true, ..ReadOptions::default() };
    let error = read_as("log.csv", rows, &options).unwrap_err().to_string();
    assert!(error.contains("log.csv, line 3, column value: 'x' is not a number"), "{error}");
}

#[test]
fn rejects_are_written_as_csv() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rejects.csv");
    let mut writer = RejectWriter::new(Output::create(&path).unwrap());
    let mut reject = Reject { line: 3, column: "value".to_owned(), reason: "'1,5' is \"odd\"".to_owned() };
    writer.write(&reject).unwrap();
    reject.column.clear();
    reject.line = 9;
    writer.write(&reject).unwrap();
    writer.finish(7).unwrap();
    let text = fs::read_to_string(path).unwrap();
    let rows = "3,value,\"'1,5' is \"\"odd\"\"\"\n9,,\"'1,5' is \"\"odd\"\"\"\n";
    assert_eq!(text, format!("line,column,reason\n{rows},,and 7 more rows that are not listed\n"));
}

#[test]
fn what_the_caller_cannot_take_ends_the_reading() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.csv");
    fs::write(&path, format!("kind,event_time\nx,{T}\norder_placed,{T}\n")).unwrap();
    let full = || Err(io::Error::from(io::ErrorKind::StorageFull));
    let options = ReadOptions::default();
    assert!(matches!(read_trace(&Input::new(&path), &options, &mut |_| full()), Err(ReadError::Caller { .. })));
    let mut symbols = Symbols::default();
    let read = read_events(&Input::new(&path), &options, &mut symbols, &mut |_, _| full(), &mut |_| Ok(()));
    assert!(matches!(read, Err(ReadError::Caller { .. })));
}

// Bad files.

fn refused(name: &str, bytes: &[u8]) -> String {
    read_as(name, bytes, &ReadOptions::default()).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_an_error_and_a_lone_header_is_not() {
    for empty in ["", "\n\r\n", "\u{feff}"] {
        let told = refused("log.csv", empty.as_bytes());
        assert!(told.ends_with(&format!("log.csv is empty; expected a header line such as {HEADER}")), "{told}");
    }
    assert_eq!(read("log.csv", HEADER).summary, ReadSummary::default());
    assert_eq!(read("log.jsonl", "").summary, ReadSummary::default());
}

#[test]
fn a_header_that_does_not_fit_is_told_with_its_columns() {
    for (header, reason) in [
        (
            "event_id,kind,event_tme",
            "no column 'event_time'; did you mean 'event_tme'? (columns: event_id, kind, event_tme)",
        ),
        ("when,what", "there is no column 'kind' (columns: when, what)"),
        ("when,what", "a mapping"),
        ("kind,event_time,kind", "two columns are called 'kind'"),
        ("kind,event_time,value,value", "two columns are called 'value'"),
        ("{\"kind\":1}", "JSON Lines"),
        ("\u{1}\u{0}", "NUL"),
    ] {
        let told = refused("log.csv", header.as_bytes());
        assert!(told.contains(reason), "{header}: {told}");
    }
    assert!(refused("log.csv", b"\x01\x02\xff").contains("not UTF-8"));
}

#[test]
fn a_file_that_is_not_there_is_told_with_its_neighbour() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("orders.csv"), "").unwrap();
    let told = |path: &Path| read_path(path, &ReadOptions::default()).unwrap_err().to_string();
    let missing = told(&folder.path().join("order.csv"));
    assert!(missing.ends_with("order.csv: there is no such file; did you mean 'orders.csv'?"), "{missing}");
    assert!(told(&folder.path().join("nowhere/a.csv")).contains("nor a folder"));
    assert!(told(folder.path()).ends_with("is a folder; name a file in it"));
    assert!(Output::create(folder.path()).unwrap_err().to_string().ends_with("is a folder; name a file in it"));
    let nowhere = Output::create(folder.path().join("nowhere/a.csv")).unwrap_err().to_string();
    assert!(nowhere.contains("nowhere' does not exist; create it first"), "{nowhere}");
    let no_mapping = Mapping::load(folder.path().join("map.toml")).unwrap_err().to_string();
    assert!(no_mapping.ends_with("map.toml: there is no such file"), "{no_mapping}");
}

#[test]
fn a_compressed_file_that_is_cut_off_is_an_error() {
    let folder = TempDir::new().unwrap();
    for name in ["log.csv.gz", "log.csv.zst"] {
        let path = folder.path().join(name);
        let mut trace = small_trace();
        trace.events = trace.events.repeat(1000);
        write(&path, Format::Csv, &trace);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        let error = read_path(&path, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, ReadError::Interrupted { .. }), "{error}");
        assert!(error.to_string().contains("is the file complete?"), "{error}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for format in [Format::Csv, Format::Jsonl, Format::CloudEvents] {
        let mut writer = EventWriter::new(Output::create("/dev/full").unwrap(), format);
        let _ = writer.write(&small_trace().events, &small_trace().symbols);
        let error = writer.finish().unwrap_err();
        assert!(error.to_string().starts_with("/dev/full: cannot be written: "), "{error}");
        assert!(!error.is_broken_pipe());
    }
    let folder = TempDir::new().unwrap();
    for name in ["full.gz", "full.zst"] {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let writer = EventWriter::new(Output::create(&path).unwrap(), Format::Csv);
        assert!(writer.finish().is_err(), "{name}");
    }
}

#[test]
fn a_broken_pipe_can_be_told_from_other_failures() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut output = Output::from_writer("a pipe", Box::new(writer));
    output.write_all(b"x").unwrap();
    assert!(output.finish().unwrap_err().is_broken_pipe());
}

// A foreign CSV.

const KIND: &str = "kind = { column = \"what\", values = { order = \"order_placed\", view = \"page_viewed\" } }\n";

#[test]
fn a_mapping_gives_every_field() {
    let mapping = r#"
        time = { column = "when", format = "%d/%m/%Y %H:%M", timezone = "Europe/London" }
        arrival = { column = "ms", format = "epoch_ms" }
        kind = { column = "what", values = { bought = "order_placed" } }
        event_id = { column = "no" }
        customer = { column = "who", pattern = "^user:(.+)$" }
        order = { column = "no", pattern = "-(\\d+)" }
        product = { constant = "tea, green" }
        value = { column = "extra", pattern = "value=([-0-9.]+)" }
        country = { constant = "GB" }
        load_time_ms = { column = "extra", pattern = "load=(\\d+)" }
        rating = { column = "extra", pattern = "score=(\\d)" }
        channel = { column = "via" }
    "#;
    let log = mapped(
        mapping,
        "what,when,ms,who,no,via,extra,unused\n\
         bought,01/07/2026 00:30,1782862200123,user:ann,A-17,web,value=-12.5;score=4;load=88,x\n\
         bought,01/07/2026 00:31,,ann,B,,,\n\
         lost,never,,,,,,\n",
    );
    let log = log.unwrap();
    assert_eq!(log.summary.to_string(), "3 rows: 2 events, 1 skipped ('lost' 1), 0 rejected");
    let [first, second] = [0, 1].map(|row| log.trace.events[row].record());
    assert_eq!(first.event_time_ms, parse_rfc3339_ms("2026-06-30T23:30:00Z").unwrap());
    assert_eq!(first.arrival_time_ms, 1_782_862_200_123);
    assert_eq!(second.arrival_time_ms, second.event_time_ms);
    assert_eq!((first.value, first.rating, first.load_time_ms), (Some(Value(-12_500)), Some(4), Some(88)));
    assert_eq!((second.value, second.rating, second.load_time_ms), (None, None, None));
    assert_eq!((first.channel, second.channel), (Some(Channel::Web), None));
    assert_eq!(log.trace.symbols.country_name(second.country), "GB");
    assert_eq!(log.customers(), ["ann", ""]);
    assert_eq!(log.event_ids(), ["A-17", "B"]);
    let orders = log.column(|event, symbols, text| {
        symbols.push_id(event.record().order, text);
        symbols.push_id(event.record().product, text);
    });
    assert_eq!(orders, ["17tea, green", "tea, green"]);
}

#[test]
fn times_may_be_counts_since_the_epoch() {
    for (format, cell) in [("epoch_ms", "1782862200123"), ("epoch_s", "1782862200.123")] {
        let log = mapped(
            &format!("time = {{ column = \"t\", format = \"{format}\" }}\n{KIND}"),
            &format!("t,what\n{cell},view\nsoon,view\n"),
        );
        let log = log.unwrap();
        assert_eq!(log.trace.events[0].event_time_ms(), 1_782_862_200_123);
        assert_eq!(log.places(), ["3 t"]);
    }
}

#[test]
fn kinds_without_values_are_names_of_kinds() {
    let log =
        mapped("time = { column = \"t\" }\nkind = { column = \"k\" }", &format!("t,k\n{T},order_placed\n{T},x\n"));
    assert_eq!(log.unwrap().places(), ["3 k"]);
    let log = mapped("time = { column = \"t\" }\nkind = { constant = \"page_viewed\" }", &format!("t\n{T}\n"));
    assert_eq!(log.unwrap().trace.events[0].kind(), Kind::PageViewed);
}

#[test]
fn a_wrong_mapping_is_told_with_its_place() {
    let time = "time = { column = \"t\" }\n";
    for (mapping, told) in [
        (
            format!("{time}{KIND}custmer = {{ column = \"c\" }}"),
            "line 3, column 1: 'custmer' is not a field; did you mean 'customer'?",
        ),
        (
            format!("{KIND}event_time = {{ column = \"c\" }}"),
            "line 2, column 1: 'event_time' is not a field; did you mean 'time'?",
        ),
        (
            format!("{KIND}time = {{ colunm = \"c\" }}"),
            "line 2, column 10: 'colunm' is not a key of time; did you mean 'column'?",
        ),
        (
            format!("{time}{KIND}value = {{ column = \"c\", format = \"x\" }}"),
            "line 3, column 25: 'format' is not a key of value",
        ),
        (
            format!("{time}kind = {{ column = \"k\", values = {{ a = \"order\" }} }}"),
            "'order' is not a kind; did you mean",
        ),
        (
            format!("{time}kind = {{ column = \"k\", values = {{ }} }}"),
            "no word of column 'k' has a kind, so no row would count",
        ),
        (
            format!("{KIND}time = {{ column = \"t\", format = \"%H:%M\" }}"),
            "line 2, column 33: the format '%H:%M' does not give",
        ),
        (
            format!("{KIND}time = {{ column = \"t\", timezone = \"Mars\" }}"),
            "line 2, column 35: 'Mars' is not a time zone",
        ),
        (
            format!("{time}{KIND}rating = {{ column = \"x\", pattern = \"(\" }}"),
            "line 3, column 36: the pattern is not a regular",
        ),
        (format!("{time}{KIND}rating = {{ column = \"x\", pattern = \"a\" }}"), "the pattern has no group"),
        (
            format!("{time}{KIND}rating = {{ constant = \"6\" }}"),
            "line 3, column 23: '6' is not a whole number from 1 to 5",
        ),
        (format!("{time}{KIND}rating = {{ constant = 5 }}"), "constant must be a text in quotes"),
        (format!("{time}{KIND}rating = {{ }}"), "line 3, column 10: give a column or a constant"),
        (format!("{time}{KIND}rating = {{ column = \"a\", constant = \"5\" }}"), "not both"),
        (format!("{time}{KIND}rating = {{ constant = \"5\", pattern = \"(.)\" }}"), "a constant has no pattern"),
        (format!("{time}{KIND}rating = \"x\""), "line 3, column 10: write it like rating = { column = \"...\" }"),
        (time.to_owned(), "the field 'kind' is missing"),
        (format!("{time}kind = ["), "line 2, column"),
    ] {
        let error = wrong_mapping(&mapping);
        assert!(error.starts_with("map.toml, line ") && error.contains(told), "{error}\nexpected {told}");
    }
}

#[test]
fn a_mapping_that_asks_for_a_missing_column_lists_those_there_are() {
    let error = mapped(&format!("time = {{ column = \"tme\" }}\n{KIND}"), "time,what\n").unwrap_err().to_string();
    let told =
        "log.csv: there is no column 'tme'; did you mean 'time'? (columns: time, what); map.toml, line 1, asks for it";
    assert!(error.ends_with(told), "{error}");
}

// A real order log. The expected numbers were counted and added up with exact decimals by another program.

/// Rows of a kind and the sum of their values.
fn total(read: &Read, kind: Kind) -> (usize, String) {
    let values: Vec<i64> =
        read.trace.events.iter().filter(|event| event.kind() == kind).map(|event| event.value().unwrap().0).collect();
    (values.len(), Value(values.iter().sum()).to_string())
}

fn read_order_log(folder: &Path, name: &str) -> Read {
    let mapping = Mapping::load(folder.join("online_retail.toml")).unwrap();
    let options = ReadOptions { mapping: Some(mapping), ..ReadOptions::default() };
    read_path(&folder.join(name), &options).unwrap()
}

#[test]
fn an_excerpt_of_a_real_order_log_is_read_exactly() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let log = read_order_log(&folder, "online_retail_excerpt.csv");
    assert_eq!(log.summary.to_string(), "400 rows: 397 events, 3 skipped ('adjustment' 3), 0 rejected");
    assert_eq!(total(&log, Kind::OrderPlaced), (343, "187167.010".to_owned()));
    assert_eq!(total(&log, Kind::OrderCancelled), (54, "-4251.300".to_owned()));
    assert_eq!(log.customers().iter().filter(|customer| customer.is_empty()).count(), 40);
    round_trip(&log.trace, &["log.csv", "log.jsonl.zst", "log.csv.gz"]);
}

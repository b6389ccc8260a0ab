//! How fast events are read and written: `cargo bench -p flowbench-events`.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowbench_events::{
    Channel, Event, EventWriter, Format, Input, Kind, Mapping, Output, ReadOptions, Record, Trace, Value, mix,
    read_trace,
};

const EVENTS: u64 = 200_000;

/// Events of all kinds with numeric ids, a second apart on average.
fn made_up() -> Trace {
    let mut trace = Trace::default();
    let countries = ["GB", "FR", "DE"].map(|name| trace.symbols.country(name).unwrap_or_default());
    let event = |number: u64| {
        let draw = mix(number);
        let kind = Kind::ALL[(draw % 8) as usize];
        let event_time_ms = 1_700_000_000_000 + (number * 1000 + draw % 997) as i64;
        Event::pack(Record {
            arrival_time_ms: event_time_ms + (draw % 5000) as i64,
            customer: flowbench_events::Id((draw % 50_000) as u32),
            order: flowbench_events::Id(number as u32),
            value: (kind == Kind::OrderPlaced).then_some(Value((draw % 1_000_000) as i64)),
            country: countries[(draw % 3) as usize],
            load_time_ms: (kind == Kind::PageViewed).then_some((draw % 6000) as u32),
            rating: (kind == Kind::ReviewPosted).then_some((draw % 5 + 1) as u8),
            channel: Some(Channel::Web),
            ..Record::new(number, kind, event_time_ms)
        })
    };
    trace.events = (0..EVENTS).map(event).collect();
    trace
}

fn write(output: Output, format: Format, trace: &Trace) {
    let mut writer = EventWriter::new(output, format);
    writer.write(&trace.events, &trace.symbols).expect("the events are written");
    writer.finish().expect("the log is finished");
}

fn read(path: &Path, options: &ReadOptions) -> u64 {
    let (trace, summary) = read_trace(&Input::new(path), options, &mut |_| Ok(())).expect("the log is read");
    assert_eq!((trace.events.len() as u64, summary.rejects), (EVENTS, 0));
    summary.events
}

/// Writes orders as a foreign log, with local times in a pattern and kinds by value, with `quote` around each cell,
/// and with the same text in the last one.
fn foreign_log(path: &Path, quote: &str, last: &str) -> ReadOptions {
    let row = |number: u64| {
        let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
        let time = format!("2026-07-01T{hour:02}:{minute:02}:{second:02}");
        let cells =
            [time, "order".to_owned(), number.to_string(), format!("{}.50", mix(number) % 1000), last.to_owned()];
        format!("{quote}{}{quote}\n", cells.join(&format!("{quote},{quote}")))
    };
    let rows: String = (0..EVENTS).map(row).collect();
    fs::write(path, format!("when,what,order_id,value,currency\n{rows}")).expect("the log is written");
    let mapping = r#"
        time = { column = "when", format = "%Y-%m-%dT%H:%M:%S", timezone = "UTC" }
        kind = { column = "what", values = { order = "order_placed" } }
        order = { column = "order_id" }
        value = { column = "value" }
    "#;
    let mapping = Mapping::parse(mapping, "bench.toml").expect("a mapping");
    ReadOptions { mapping: Some(mapping), ..ReadOptions::default() }
}

fn benches(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = made_up();
    let mut group = criterion.benchmark_group("logs");
    group.throughput(Throughput::Elements(EVENTS));
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (format, name) in [(Format::Csv, "csv"), (Format::Jsonl, "jsonl"), (Format::CloudEvents, "cloudevents.jsonl")] {
        group.bench_function(format!("write {name}"), |bench| {
            bench.iter(|| write(Output::from_writer("nowhere", Box::new(io::sink())), format, black_box(&trace)));
        });
        let path = folder.path().join(format!("log.{name}"));
        write(Output::create(&path).expect("a file"), format, &trace);
        group.bench_function(format!("read {name}"), |bench| {
            bench.iter(|| read(black_box(&path), &ReadOptions::default()));
        });
    }
    for (quote, last, name) in [
        ("", "GBP", "read mapped csv"),
        ("\"", "GBP", "read quoted csv"),
        ("\"", "a \"\"b\"\"", "read csv with doubled quotes"),
    ] {
        let path = folder.path().join("foreign.csv");
        let options = foreign_log(&path, quote, last);
        group.bench_function(name, |bench| bench.iter(|| read(black_box(&path), &options)));
    }
    group.finish();
}

criterion_group!(csv, benches);
criterion_main!(csv);

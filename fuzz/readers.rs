//! What must hold of any bytes that are given to a reader of flowbench. Shared by the fuzz targets and by
//! `tests/fuzzed.rs`.

#![allow(dead_code, reason = "each target uses one of these")]
#![allow(clippy::unwrap_used, reason = "what cannot fail here is a finding if it does")]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flowbench_events::{
    EventWriter, Format, Input, Mapping, Output, Problem, ReadOptions, Reject, TextTable, Trace, draft_mapping,
    read_trace,
};
use flowbench_harness::experiment::{LoadedExperiment, Plan, parse_and_plan};
use flowbench_measurement::results_dir::{CASES_NDJSON, LATENCY_HLOG, RUN_JSON};
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Pipeline, Registry, oracle};
use flowbench_report::{Results, Screen, terminal_tables};

/// The record of a run that the other files of a run belong to.
const RUN: &str = include_str!("seeds/results/run");
/// Events to answer.
const LOG: &[u8] = include_bytes!("seeds/csv/native");
/// What separates a mapping from a log.
const SEPARATOR: &str = "\n===\n";

/// Reads a log as CSV.
pub(crate) fn csv(bytes: &[u8]) {
    log(bytes, Format::Csv);
}

/// Reads a log as JSON Lines, and as CloudEvents.
pub(crate) fn jsonl(bytes: &[u8]) {
    log(bytes, Format::Jsonl);
    log(bytes, Format::CloudEvents);
}

/// Reads a mapping, and a log with it.
pub(crate) fn mapping(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (mapping, log) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
    if let Ok(mapping) = Mapping::parse(mapping, "map.toml") {
        let path = file("log", log.as_bytes());
        for format in [Format::Csv, Format::Jsonl] {
            let _ = read(&path, format, Some(mapping.clone()));
        }
    }
}

/// Reads an experiment and plans its cases.
pub(crate) fn experiment(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (loaded, plan) = match parse_and_plan("x.toml", &text, Registry::default()) {
        Ok(planned) => planned,
        Err(problems) => {
            let is_inside = |problem: &Problem| problem.place.clone().is_none_or(|place| text.get(place).is_some());
            assert!(problems.list().iter().all(is_inside), "{problems:?}");
            return;
        }
    };
    let again = LoadedExperiment::parse("again.toml".to_owned(), &loaded.text, &[]).unwrap();
    let again = Plan::new(&again, Registry::default()).unwrap();
    assert_eq!(again.cases, plan.cases, "a run that is resumed has the cases of the experiment");
}

/// Reads a pipeline, and answers a few events with it.
pub(crate) fn pipeline(bytes: &[u8]) {
    pipeline_file("x.toml", bytes);
}

/// Reads a pipeline in SQL, and answers a few events with it.
pub(crate) fn sql(bytes: &[u8]) {
    pipeline_file("x.sql", bytes);
}

fn pipeline_file(name: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pipeline = match FilePipeline::parse(name, &text) {
        Ok(pipeline) => pipeline,
        Err(problems) => {
            let is_inside = |problem: &Problem| problem.place.clone().is_none_or(|place| text.get(place).is_some());
            assert!(problems.list().iter().all(is_inside), "{problems:?}");
            assert!(!problems.to_string().is_empty());
            return;
        }
    };
    if let Ok(sql) = pipeline.sql() {
        FilePipeline::parse("again.sql", &sql).unwrap();
    }
    let trace = read(&file("log", LOG), Format::Csv, None).unwrap();
    let bound = pipeline.prepare(&[], &trace.symbols).unwrap();
    let answers = bound.oracle(&oracle::occurrences(&trace.events));
    assert_eq!(answers.lines(&trace.symbols).len(), answers.fingerprints().len());
}

/// Reads the results of a run, one file of which is given: its name on a line, and its content.
pub(crate) fn results(bytes: &[u8]) {
    let names = [RUN_JSON, CASES_NDJSON, LATENCY_HLOG, "timeline.csv", "operators.csv", "channels.csv"];
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let Some(name) = names.into_iter().find(|name| name.as_bytes() == &bytes[..end]) else { return };
    let run = file(RUN_JSON, RUN.split_once('\n').unwrap().1.as_bytes());
    let other = file(name, &bytes[end + 1..]);
    let results = Results::read(run.parent().unwrap());
    fs::remove_file(other).unwrap();
    if let Ok(results) = results {
        let tables = terminal_tables(&results, Screen::plain(100));
        assert!(!tables.contains("NaN"), "{tables}");
        for histogram in results.cases.iter().map(|case| format!("{}.latency", case.tag())) {
            results.histograms.tagged(&histogram).for_each(drop);
        }
    }
}

/// Reads a log without a mapping and with the one that is drafted for it.
fn log(bytes: &[u8], format: Format) {
    let path = file("log", bytes);
    if let Some(trace) = read(&path, format, None) {
        for format in [Format::Csv, Format::Jsonl, Format::CloudEvents] {
            let written = file("written", &write(&trace, format));
            let again = read(&written, format, None).unwrap();
            assert_eq!(again.events.len(), trace.events.len(), "what was written is read again");
        }
    }
    table(&path, format);
    if let Ok(draft) = draft_mapping(&Input::new(&path), Some(format)) {
        match Mapping::parse(&draft, "draft") {
            Ok(mapping) => drop(read(&path, format, Some(mapping))),
            Err(unfinished) => assert!(unfinished.to_string().contains("so no row would count"), "{unfinished}"),
        }
    }
}

/// Reads the customers of a log as texts, as `judge` reads answers.
fn table(path: &Path, format: Format) {
    let columns = vec!["customer".to_owned()];
    let table = TextTable { format: Some(format), columns, ..TextTable::default() };
    let mut rows = 0;
    let mut on_row = |_, row: Result<&[&str], Reject>| {
        assert!(row.map_or(true, |cells| cells.len() == 1), "a row has the cells that are wanted");
        rows += 1;
    };
    if let Ok(summary) = table.read(&Input::new(path), &mut on_row) {
        assert_eq!(summary.rows, rows, "each row is passed on once");
    }
}

/// Returns the events of a log; `None` if it cannot be read.
fn read(path: &Path, format: Format, mapping: Option<Mapping>) -> Option<Trace> {
    let options = ReadOptions { format: Some(format), mapping, strict: false };
    let mut rejects = 0;
    let mut on_reject = |_: &_| {
        rejects += 1;
        Ok(())
    };
    let (trace, summary) = read_trace(&Input::new(path), &options, &mut on_reject).ok()?;
    assert_eq!((summary.events, summary.rejects), (trace.events.len() as u64, rejects));
    Some(trace)
}

fn write(trace: &Trace, format: Format) -> Vec<u8> {
    let bytes = Bytes::default();
    let mut writer = EventWriter::new(Output::from_writer("bytes", Box::new(bytes.clone())), format);
    writer.write(&trace.events, &trace.symbols).unwrap();
    writer.finish().unwrap();
    std::mem::take(&mut bytes.0.lock().unwrap())
}

thread_local! {
    /// The folder of this thread: a new one for each input would take most of the time.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
}

/// Writes a file into the folder of this thread and returns its path.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = FOLDER.with(|folder| folder.path().join(name));
    fs::write(&path, content).unwrap();
    path
}

/// Bytes that are written to memory.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

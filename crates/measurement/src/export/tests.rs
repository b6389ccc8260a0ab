//! Every format of one small run, compared with files in `golden/` that were read by the tools they are for.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::hlog::{self, HistogramLog};
use crate::latency::LatencyHistogram;
use crate::record::{CaseRecord, FigureKind, FigureSpec, Status, example};

/// A case with two repeats, one that failed in its second repeat, one whose answers were wrong, one of a closed loop, and
/// texts that need escaping.
fn source() -> ExportSource {
    let mut second = example::case(1, 2);
    let numbers = second.numbers.as_mut().unwrap();
    (numbers.throughput_events_per_s, numbers.latency.p99_ns) = (60_000.0, Some(700_000));
    let mut halved = [example::case(2, 1), example::failed_case(2, 2)];
    halved.iter_mut().for_each(|case| case.axes.settings = vec!["on=\"a|b\" <c> & d".into()]);
    halved[1].status = Status::Failed { cause: "panic, \"caught\"".into(), stderr_tail: "at\u{1b}[0m <here>".into() };
    let mut invalid = CaseRecord { numbers: None, doubts: vec![], ..example::case(3, 1) };
    invalid.axes.workers = 4;
    let mut closed = example::case(4, 1);
    closed.axes.load = "closed".into();
    invalid.status = Status::Invalid { cause: "2 answers < 3".into() };
    let [first_half, second_half] = halved;
    ExportSource {
        run: example::run(),
        cases: vec![example::case(1, 1), second, first_half, second_half, invalid, closed],
        histograms: histograms(),
        figures: vec![
            (figure("by-rate", FigureKind::Sweep), "series,rate (1/s),y_ns,low_ns,high_ns\na,1,5,4,6\n".into()),
            (figure("by-name", FigureKind::Bars), "series,pipeline,y_count,low_count,high_count\na,b,,,\n".into()),
        ],
    }
}

fn figure(name: &str, kind: FigureKind) -> FigureSpec {
    FigureSpec { question: "Which \"rate\"?".into(), log_y: true, ..FigureSpec::new(name, kind) }
}

fn histograms() -> HistogramLog {
    let mut histogram = LatencyHistogram::new();
    (1..=100).for_each(|n| histogram.record_ns(n * 1_000));
    let lines: String = ["c1r1.latency", "c1r2.latency", "c1r1.driver-lag"]
        .map(|tag| hlog::line(tag, 0, 1, &histogram).unwrap())
        .concat();
    HistogramLog::new(lines).unwrap()
}

fn exported(format: &str, source: &ExportSource) -> String {
    let files = ExportFormat::named(format).unwrap().files(source).unwrap();
    let head = |name: &str| if name.is_empty() { String::new() } else { format!("==> {name}\n") };
    files.iter().map(|file| head(&file.name) + str::from_utf8(&file.bytes).unwrap()).collect()
}

#[test]
fn every_format_is_as_its_golden_file() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/export/golden");
    // Parquet is no text; a baseline is the records themselves, and is read back by a test of its own.
    for format in EXPORT_FORMATS.iter().filter(|format| !["parquet", "baseline"].contains(&format.name)) {
        let text = exported(format.name, &source());
        let path = folder.join(format!("{}.txt", format.name));
        if std::env::var_os("FLOWBENCH_REWRITE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let golden = fs::read_to_string(path).unwrap_or_default();
        assert_eq!(text, golden, "{}:\n{text}", format.name);
    }
}

#[test]
fn what_is_not_finite_or_failed_exports_no_number() {
    let mut source = source();
    source.cases[5].numbers.as_mut().unwrap().throughput_events_per_s = f64::INFINITY;
    source.cases.push(CaseRecord { repeat: 2, ..source.cases[5].clone() });
    source.cases[6].numbers.as_mut().unwrap().throughput_events_per_s = f64::NAN;
    for format in ["bencher", "gha-smaller", "gha-bigger", "hyperfine"] {
        let text = exported(format, &source);
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{format}: {error}\n{text}"));
        let text = json.to_string();
        assert!(!text.contains("null") || format == "hyperfine", "{format}: {text}");
        assert!(!text.contains("/x4/"), "{format} knows the case whose answers were wrong");
    }
    let bencher: Value = serde_json::from_str(&exported("bencher", &source)).unwrap();
    let closed = &bencher["delay/sessions/gap=10min,any/exchange/x2/watermark/frontier/closed/rate=50000"];
    assert!(closed["throughput-events-per-s"].is_null() && closed["busy-ns-per-event"].is_object(), "{closed}");
}

#[test]
fn a_run_without_numbers_is_exported_where_that_says_something() {
    let mut source = source();
    source.cases.retain(|case| case.numbers.is_none());
    (source.histograms, source.figures) = (HistogramLog::default(), Vec::new());
    let exports = |format: &&ExportFormat| format.files(&source).is_ok();
    let names: Vec<&str> = EXPORT_FORMATS.iter().filter(exports).map(|format| format.name).collect();
    assert_eq!(names, ["junit", "prometheus", "markdown", "github", "csv", "jsonl", "history"]);
    let problem = ExportFormat::named("vega-lite").unwrap().files(&source).unwrap_err().to_string();
    assert!(problem.contains("flowbench report"), "{problem}");
}

#[test]
fn a_format_that_is_not_built_in_says_how_to_build_it() {
    let format = ExportFormat { files: None, ..*ExportFormat::named("parquet").unwrap() };
    let problem = format.files(&source()).unwrap_err().to_string();
    assert!(problem.contains("cargo build --release --features parquet"), "{problem}");
}

#[test]
fn file_names_are_of_their_own_and_stay_in_the_folder() {
    for format in EXPORT_FORMATS.iter().filter(|format| format.files.is_some()) {
        let files = format.files(&source()).unwrap();
        let mut names: Vec<String> = files.iter().map(|file| file.name.to_lowercase()).collect();
        assert!(names.iter().all(|name| !name.starts_with('/') && !name.contains("..")), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), files.len(), "{}", format.name);
        let is_folder = format.output == ExportOutput::Folder;
        assert!(files.iter().all(|file| file.name.is_empty() != is_folder), "{}", format.name);
    }
}

#[test]
fn a_run_with_fewer_results_than_planned_is_an_error_in_junit() {
    let text = |planned_cases| {
        let mut source = source();
        source.run.planned_cases = planned_cases;
        exported("junit", &source)
    };
    let found = source().cases.len();
    assert!(!text(found).contains("planned results"));
    let cut_short = text(found + 3);
    let said = format!("message=\"{found} of {} planned results\"", found + 3);
    assert!(cut_short.contains(&said) && cut_short.contains("type=\"incomplete\""), "{cut_short}");
}

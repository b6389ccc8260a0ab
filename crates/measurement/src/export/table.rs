//! Tables as CSV and JSON Lines: a row for each case, for one run or for a history of runs, and the tables of Apache Otava.

use serde_json::Value;

use crate::metrics::{Better, METRICS};
use crate::repeats::Spread;
use crate::table::csv_text;

use super::metric::{spread, spreads};
use super::source::{ExportSource, ExportedFile, FileGrowth, MeasuredCase};

/// Columns before those of the metrics.
const HEADER: [&str; 10] =
    ["time", "commit", "dirty", "flowbench", "experiment", "part", "case", "outcome", "repeats", "doubts"];
/// Those of them that are text in JSON.
const TEXTS: [&str; 8] = ["time", "commit", "flowbench", "experiment", "part", "case", "outcome", "doubts"];

/// The configuration of Otava, and its first lines.
const OTAVA_YAML: &str = "otava.yaml";
const OTAVA_HEAD: &str = "# Run `otava analyze` in this folder.\ntests:\n";

/// Returns a row for each case with the median of each metric and its ends; what was not measured is empty.
pub(crate) fn csv(source: &ExportSource) -> Vec<ExportedFile> {
    let rows = source.measured().iter().map(|case| row(source, case)).collect::<Vec<_>>();
    ExportedFile::only(csv_text(std::iter::once(header()).chain(rows)))
}

/// Name of the schema of a line of [`jsonl`], and its version: the columns of [`csv`].
const SCHEMA: (&str, u32) = ("flowbench-metrics", 1);

/// Returns the rows of [`csv`] as JSON objects, one a line; what was not measured is null.
pub(crate) fn jsonl(source: &ExportSource) -> Vec<ExportedFile> {
    let header = header();
    let object = |row: Vec<String>| {
        let cells = header.iter().zip(row).map(|(name, cell)| (name.clone(), json(name, cell)));
        let schema = [("schema", Value::from(SCHEMA.0)), ("schema_version", SCHEMA.1.into())];
        schema.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(cells).collect()
    };
    let objects = source.measured().into_iter().map(|case| Value::Object(object(row(source, &case))));
    ExportedFile::only(objects.map(|object| format!("{object}\n")).collect::<String>())
}

/// Returns a history without rows: what one that is there has to begin with.
pub(crate) fn empty_history() -> ExportedFile {
    ExportedFile { growth: FileGrowth::ByRows, ..ExportedFile::named(String::new(), csv_text([header()])) }
}

/// Returns the configuration of Otava without tests: what one that is there has to end with.
pub(crate) fn empty_otava() -> ExportedFile {
    let named = ExportedFile::named(OTAVA_YAML.to_owned(), OTAVA_HEAD.to_owned());
    ExportedFile { growth: FileGrowth::ByEntries, ..named }
}

fn header() -> Vec<String> {
    let ends = |column: &str| [column.to_owned(), format!("{column}_low"), format!("{column}_high")];
    let columns = METRICS.iter().flat_map(|metric| ends(metric.column));
    HEADER.map(str::to_owned).into_iter().chain(columns).collect()
}

/// Returns a cell of a column as JSON.
fn json(column: &str, cell: String) -> Value {
    if TEXTS.contains(&column) { Value::from(cell) } else { serde_json::from_str(&cell).unwrap_or(Value::Null) }
}

/// Returns the rows of [`csv`] as rows that are appended to those of other runs.
pub(crate) fn history(source: &ExportSource) -> Vec<ExportedFile> {
    csv(source).into_iter().map(|file| ExportedFile { growth: FileGrowth::ByRows, ..file }).collect()
}

fn row(source: &ExportSource, case: &MeasuredCase<'_>) -> Vec<String> {
    let (run, build) = (&source.run, &source.run.build);
    let measured = case.repeats.iter().filter(|repeat| repeat.numbers.is_some()).count();
    let mut row = vec![
        run.started_at.clone(),
        build.commit.clone().unwrap_or_default(),
        build.dirty.to_string(),
        build.flowbench.clone(),
        run.experiment.clone(),
        case.first().part.clone(),
        case.name.text(),
        case.outcome().to_owned(),
        measured.to_string(),
        case.doubts(),
    ];
    let text = |value: f64| value.to_string();
    let cells = |spread: Option<Spread>| {
        spread.map_or_else(Default::default, |spread| [spread.median, spread.low, spread.high].map(text))
    };
    row.extend(METRICS.iter().flat_map(|metric| cells(spread(metric, case))));
    row
}

/// Returns a table for each case that has numbers, with a row for this run, and the configuration that names them.
///
/// Otava reads a whole file as one series and takes no empty cell: hence a file for each case, which only grows by runs
/// in which it has numbers.
pub(crate) fn otava(source: &ExportSource) -> Vec<ExportedFile> {
    let commit = source.run.build.commit.clone().unwrap_or_default();
    let (mut files, mut tests) = (Vec::new(), String::new());
    for case in source.measured() {
        let medians = spreads(&case);
        if medians.is_empty() {
            continue;
        }
        let columns = medians.iter().map(|(metric, _)| metric.column.to_owned());
        let values = medians.iter().map(|(_, spread)| spread.median.to_string());
        let header: Vec<String> = ["time", "commit"].map(str::to_owned).into_iter().chain(columns).collect();
        let row = [source.run.started_at.clone(), commit.clone()].into_iter().chain(values).collect();
        let name = format!("{}.csv", case.name.file());
        tests.push_str(&format!("  {}:\n    type: csv\n    file: {}\n", quoted(&case.name.text()), quoted(&name)));
        tests.push_str("    time_column: time\n    attributes: [commit]\n    metrics:\n");
        for (metric, _) in &medians {
            let direction = if metric.better == Better::Higher { 1 } else { -1 };
            let column = metric.column;
            tests.push_str(&format!("      {column}: {{ column: {column}, direction: {direction}, scale: 1 }}\n"));
        }
        files.push(ExportedFile { growth: FileGrowth::ByRows, ..ExportedFile::named(name, csv_text([header, row])) });
    }
    if !files.is_empty() {
        let named = ExportedFile::named(OTAVA_YAML.to_owned(), format!("{OTAVA_HEAD}{tests}"));
        files.push(ExportedFile { growth: FileGrowth::ByEntries, ..named });
    }
    files
}

/// Returns a scalar of YAML: a JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

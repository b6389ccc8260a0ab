//! What there is, kind by kind: names with a line about each, from the place that defines them.

use std::fs;
use std::path::{Path, PathBuf};

use flowbench_generators::Profile;
use flowbench_harness::experiment::{LoadedExperiment, SHIPPED, Shipped, axis_catalogue};
use flowbench_harness::find_pipeline_file;
use flowbench_measurement::doubt_kinds::DOUBTS;
use flowbench_measurement::metrics::METRICS;
use flowbench_measurement::record::FigureKind;
use flowbench_pipelines::{Eviction, OrderName, Pipeline, Registry, RunConfig, Strategy};
use flowbench_report::column_catalogue;
use serde_json::{Value, json};

use super::terms::{terms, typed};
use crate::args::Listed;
use crate::failure::Failure;

/// The kinds of things there are, in the order in which they are listed, with the name of one of each.
pub(super) const KINDS: [(Listed, &str, &str); 12] = [
    (Listed::Pipelines, "pipelines", "pipeline"),
    (Listed::Strategies, "strategies", "strategy"),
    (Listed::Orders, "orders", "order policy"),
    (Listed::Evictions, "evictions", "eviction"),
    (Listed::Profiles, "profiles", "profile"),
    (Listed::Experiments, "experiments", "experiment"),
    (Listed::Axes, "axes", "axis"),
    (Listed::Figures, "figures", "kind of figure"),
    (Listed::Columns, "columns", "column"),
    (Listed::Metrics, "metrics", "metric"),
    (Listed::Doubts, "doubts", "doubt"),
    (Listed::Terms, "terms", "term"),
];

/// Something that has a name.
pub(super) struct Entry {
    pub(super) name: String,
    /// A sentence about it.
    pub(super) summary: String,
    /// A word between the two, such as a unit; empty if there is none.
    pub(super) mark: String,
    /// All that is known of it, as JSON.
    pub(super) json: Value,
}

impl Entry {
    fn new(name: &str, mark: &str, summary: &str, more: Value) -> Entry {
        let mut json = json!({ "name": name, "summary": summary });
        if let (Some(all), Value::Object(more)) = (json.as_object_mut(), more) {
            all.extend(more);
        }
        Entry { name: name.to_owned(), summary: summary.to_owned(), mark: mark.to_owned(), json }
    }

    fn plain(name: &str, summary: &str) -> Entry {
        Entry::new(name, "", summary, Value::Null)
    }
}

/// Returns everything of a kind.
pub(super) fn entries(kind: Listed, registry: Registry) -> Result<Vec<Entry>, Failure> {
    Ok(match kind {
        Listed::Pipelines => registry.pipelines().map(pipeline).collect(),
        Listed::Strategies => Strategy::ALL.iter().map(|one| Entry::plain(one.name(), one.summary())).collect(),
        Listed::Orders => OrderName::ALL.iter().map(|one| Entry::plain(one.name(), one.summary())).collect(),
        Listed::Evictions => Eviction::ALL.iter().map(eviction).collect(),
        Listed::Profiles => Profile::NAMES.iter().map(|name| profile(name)).collect::<Result<_, _>>()?,
        Listed::Experiments => SHIPPED.iter().map(experiment).collect::<Result<_, _>>()?,
        Listed::Axes => axes(),
        Listed::Figures => FigureKind::ALL.iter().map(|kind| Entry::plain(kind.name(), kind.summary())).collect(),
        Listed::Columns => columns(),
        Listed::Metrics => metrics(),
        Listed::Doubts => {
            DOUBTS.iter().map(|one| Entry::new(one.code, "", one.meaning, json!({ "advice": one.advice }))).collect()
        }
        Listed::Terms => terms().iter().map(|term| Entry::plain(&typed(&term.name), &term.meaning)).collect(),
    })
}

/// Returns the pipelines in the files of a folder, by their paths. A TOML file without stages is none.
pub(super) fn files(folder: &Path) -> Result<Vec<Entry>, Failure> {
    if folder.is_file() {
        let path = folder.display();
        return Err(Failure::usage_error(format!("{path}: is a file, not a folder; try: flowbench explain {path}")));
    }
    let unreadable = |error| Failure::failed(format!("{}: cannot be read: {error}", folder.display()));
    let paths = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = paths.map_err(unreadable)?;
    paths.sort();
    let entries: Vec<Entry> = paths.iter().filter_map(|path| file(path)).collect();
    if entries.is_empty() {
        let problem = "there is no pipeline in it, subfolders aside; a file of one ends in .toml or .sql, and one in TOML has \
                       [[stage]]";
        return Err(Failure::failed(format!("{}: {problem}", folder.display())));
    }
    Ok(entries)
}

/// Returns the pipeline of a file, or what is wrong with it; `None` if it is something else.
fn file(path: &Path) -> Option<Entry> {
    let ending = path.extension()?.to_str()?;
    // Whoever opened a pipe would wait for its writer.
    if !["sql", "toml"].contains(&ending) || !path.is_file() {
        return None;
    }
    let name = path.display().to_string();
    let problems = match find_pipeline_file(&name) {
        Ok(file) => return Some(pipeline(file)),
        Err(problems) => problems.to_string(),
    };
    let has_stages = || fs::read(path).is_ok_and(|text| String::from_utf8_lossy(&text).contains("[[stage"));
    if ending == "toml" && !has_stages() {
        return None;
    }
    let first = problems.lines().next().unwrap_or_default();
    let summary = format!("cannot be used: {first}; `flowbench explain {name}` shows all that is wrong");
    Some(Entry::plain(&name, &summary))
}

fn pipeline(pipeline: &dyn Pipeline) -> Entry {
    let about = pipeline.about();
    let gaps = gaps(pipeline);
    let served: Vec<&str> =
        Strategy::ALL.into_iter().map(Strategy::name).filter(|name| !gaps.contains_key(*name)).collect();
    let parameters = about.parameters.iter();
    let parameters: Value =
        parameters.map(|one| json!({ "name": one.name, "default": one.default, "meaning": one.meaning })).collect();
    let more = json!({ "columns": about.columns, "parameters": parameters, "strategies": served, "gaps": gaps });
    Entry::new(pipeline.name(), "", about.question, more)
}

/// Returns the strategies that do not serve a pipeline, with the reasons.
fn gaps(pipeline: &dyn Pipeline) -> serde_json::Map<String, Value> {
    let reason = |strategy: Strategy| pipeline.unsupported_reason(&RunConfig::plain(strategy));
    let gaps = Strategy::ALL.into_iter();
    gaps.filter_map(|strategy| Some((strategy.name().to_owned(), reason(strategy)?.into()))).collect()
}

fn eviction(eviction: &Eviction) -> Entry {
    let mark = if eviction.is_exact() { "exact" } else { "inexact" };
    let more = json!({ "exact": eviction.is_exact(), "default": eviction.to_string() });
    Entry::new(&eviction.form(), mark, eviction.summary(), more)
}

fn profile(name: &str) -> Result<Entry, Failure> {
    Ok(Entry::plain(name, &Profile::named(name).map_err(Failure::failed)?.about))
}

fn experiment(shipped: &Shipped) -> Result<Entry, Failure> {
    let loaded = LoadedExperiment::load(shipped.name, &[]).map_err(Failure::failed)?;
    Ok(Entry::plain(shipped.name, &loaded.experiment.title))
}

fn axes() -> Vec<Entry> {
    let entry = |axis: &flowbench_harness::experiment::AxisMeaning| {
        Entry::new(axis.name, axis.default, axis.meaning, json!({ "default": axis.default, "values": axis.values }))
    };
    axis_catalogue().iter().map(entry).collect()
}

fn columns() -> Vec<Entry> {
    let columns = column_catalogue();
    let entry = |column: &flowbench_report::ColumnMeaning| {
        let more = json!({ "unit": column.unit, "place": column.place, "absent_if": column.absent_if });
        Entry::new(column.name, column.unit, column.meaning, more)
    };
    columns.iter().map(entry).collect()
}

fn metrics() -> Vec<Entry> {
    let entry = |metric: &flowbench_measurement::metrics::Metric| {
        let more = json!({ "unit": metric.unit.word(), "title": metric.title });
        Entry::new(metric.column, metric.unit.word(), metric.summary, more)
    };
    METRICS.iter().map(entry).collect()
}

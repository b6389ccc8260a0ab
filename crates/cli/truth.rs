//! `generate --truth`: what is to be answered about the log, in a folder.
//!
//! Decision D-206.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flowbench_events::{Event, Output, Symbols, Trace, duration_text, rfc3339};
use flowbench_generators::{FactsCollector, Origin};
use flowbench_harness::find_pipeline;
use flowbench_harness::judge::DueAnswers;
use flowbench_harness::replay::ReplayRequest;
use flowbench_pipelines::{Answers, Pipeline, Registry, RunConfig, Strategy};

use crate::args::Generate;
use crate::failure::Failure;
use crate::json_output::json_text;

/// The file of the facts.
const FACTS: &str = "facts.json";

/// What is to be written about a log, once all its events are known.
pub(crate) struct Truth {
    folder: PathBuf,
    pipelines: Vec<&'static dyn Pipeline>,
    slacks_ms: Vec<i64>,
    events: Vec<Event>,
}

impl Truth {
    /// Checks what was asked for; `None` if nothing was.
    pub(crate) fn new(args: &Generate, registry: Registry) -> Result<Option<Truth>, Failure> {
        let Some(folder) = args.truth.clone() else { return Ok(None) };
        let pipelines = match args.truth_pipeline.is_empty() {
            true => Ok(registry.pipelines().collect()),
            false => args.truth_pipeline.iter().map(|name| find_pipeline(name, registry)).collect::<Result<_, _>>(),
        };
        let pipelines: Vec<&dyn Pipeline> = pipelines?;
        check_names(&pipelines)?;
        let is_taken = folder.read_dir().map_or(folder.exists(), |mut files| files.next().is_some());
        if is_taken {
            let problem = format!("--truth: {} is there already; name a new folder", folder.display());
            return Err(Failure::usage_error(problem));
        }
        Ok(Some(Truth { folder, pipelines, slacks_ms: args.truth_slack_ms.clone(), events: Vec::new() }))
    }

    /// Takes the next events of the log.
    pub(crate) fn take(&mut self, events: &[Event]) {
        self.events.extend_from_slice(events);
    }

    /// Writes the facts, the answers of each pipeline to all events, and for each slack those to the events that are not
    /// late, and the late ones.
    pub(crate) fn write(self, symbols: &Symbols, origin: &Origin) -> Result<(), Failure> {
        let trace = Trace { events: self.events, symbols: symbols.clone(), ..Trace::default() };
        fs::create_dir_all(&self.folder).map_err(|error| cannot_be_made(&self.folder, &error))?;
        write_facts(&self.folder.join(FACTS), &trace, origin)?;
        let folders: Vec<(PathBuf, i64)> =
            self.slacks_ms.iter().map(|ms| (self.folder.join(format!("slack-{}", duration_text(*ms))), *ms)).collect();
        for (folder, slack_ms) in &folders {
            fs::create_dir_all(folder).map_err(|error| cannot_be_made(folder, &error))?;
            write_late_events(&folder.join("late-events.csv"), &trace, *slack_ms)?;
        }
        for pipeline in self.pipelines {
            let request = ReplayRequest::new(pipeline, &[], RunConfig::plain(Strategy::SEQUENTIAL));
            let due = DueAnswers::new(&request, &trace).map_err(Failure::failed)?;
            let name = file_name(pipeline);
            write_answers(&self.folder.join(&name), due.truth(), &trace.symbols)?;
            for (folder, slack_ms) in &folders {
                write_answers(&folder.join(&name), &*due.for_slack(*slack_ms), &trace.symbols)?;
            }
        }
        Ok(())
    }
}

/// Returns the name of the file with the answers of a pipeline: that of the pipeline, or of its file.
fn file_name(pipeline: &dyn Pipeline) -> String {
    let name = Path::new(pipeline.name()).file_stem().unwrap_or_default();
    format!("{}.csv", name.to_string_lossy())
}

/// Checks that no two pipelines are written to one file.
fn check_names(pipelines: &[&dyn Pipeline]) -> Result<(), Failure> {
    let mut names = BTreeMap::new();
    for pipeline in pipelines {
        if let Some(other) = names.insert(file_name(*pipeline), pipeline.name()) {
            let problem = format!(
                "--truth-pipeline: {other} and {} would both be written to {}; name one of them",
                pipeline.name(),
                file_name(*pipeline)
            );
            return Err(Failure::usage_error(problem));
        }
    }
    Ok(())
}

fn write_facts(path: &Path, trace: &Trace, origin: &Origin) -> Result<(), Failure> {
    let mut facts = FactsCollector::new(0);
    facts.update(&trace.events, &trace.symbols);
    let mut json = serde_json::to_value(facts.finish()).map_err(Failure::failed)?;
    json["origin"] = serde_json::to_value(origin).map_err(Failure::failed)?;
    write_text(path, |output| output.write_all(json_text("facts", json).as_bytes()))
}

fn write_answers(path: &Path, answers: &dyn Answers, symbols: &Symbols) -> Result<(), Failure> {
    write_text(path, |output| answers.write_csv(symbols, output))
}

/// Writes the late events: the line of each in a CSV log, and the watermark when it arrived.
fn write_late_events(path: &Path, trace: &Trace, slack_ms: i64) -> Result<(), Failure> {
    write_text(path, |output| {
        writeln!(output, "line,event_id,kind,event_time,arrival_time,watermark")?;
        DueAnswers::late_events(trace, slack_ms).into_iter().try_for_each(|(number, event, watermark_ms)| {
            let mut id = String::new();
            trace.symbols.push_event_id(event.event_id(), &mut id);
            let times = [event.event_time_ms(), event.arrival_time_ms(), watermark_ms].map(rfc3339);
            writeln!(output, "{},{id},{},{}", number + 1, event.kind().name(), times.join(","))
        })
    })
}

fn write_text(path: &Path, write: impl FnOnce(&mut Output) -> std::io::Result<()>) -> Result<(), Failure> {
    let mut output = Output::create(path).map_err(Failure::failed)?;
    write(&mut output).map_err(|error| output.error(error))?;
    Ok(output.finish()?)
}

fn cannot_be_made(folder: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("--truth: the folder {} cannot be made: {error}", folder.display()))
}

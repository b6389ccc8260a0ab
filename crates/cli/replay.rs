//! `replay`: answers a question from a log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowbench_events::{Format, Output, ReadSummary, Trace, duration_text};
use flowbench_harness::cluster::{Participants, ReplayProcesses};
use flowbench_harness::replay::{ReplayRequest, Replayed, replay as replay_log};
use flowbench_harness::{Unsupported, check_supported, find_pipeline};
use flowbench_measurement::results_dir::check_writable;
use flowbench_pipelines::{Pipeline, Registry, RunConfig};
use flowbench_report::AnswersTable;

use crate::args::Replay;
use crate::axes::run_config;
use crate::failure::{Failure, OK, eprint};
use crate::log_input::{self, horizon};
use crate::overwriting::refuse_to_overwrite;
use crate::plot::{self, FigureFiles};
use crate::rejects::{Place, Rejects, rejects_beside, rejects_of};
use crate::replay_stats;
use crate::run::hosts;
use crate::signals::remove_unfinished_outputs_on_signals;

pub(crate) fn replay(args: &Replay, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    let pipeline = find_pipeline(&args.pipeline, registry)?;
    let config = config(args, pipeline)?;
    let mut request = ReplayRequest {
        slack_ms: args.slack_ms,
        changes: args.changes,
        measures: args.stats || args.stats_json.is_some(),
        ..ReplayRequest::new(pipeline, &args.set, config)
    };
    // A wrong setting should not cost the reading of the whole log.
    request.check_settings().map_err(Failure::usage_error)?;
    let rejects = check_outputs(args, pipeline)?;
    remove_unfinished_outputs_on_signals();
    let silence_max = Duration::from_millis(args.peer_timeout_ms);
    let processes = ReplayProcesses::connect(participants(args)?, config.workers, &request.fingerprint(), silence_max)
        .map_err(Failure::failed)?;
    // Only the first process lists rejects and prints remarks.
    let is_first = processes.is_first();
    let rejects = Rejects::new(if is_first { rejects } else { Place::Nowhere })?;
    let (trace, summary) = read(args, rejects, quiet || !is_first)?;
    processes.check_same_log(&trace.digest()).map_err(Failure::failed)?;
    request.counts_repeats = !quiet && is_first;
    let replayed = replay_log(&request, &trace, processes.deployment()).map_err(Failure::failed)?;
    if !is_first {
        return Ok(OK);
    }
    write(args, &replayed, &trace)?;
    if let Some(figure) = &args.figure {
        draw(figure, &replayed, &trace, &request, quiet)?;
    }
    if let Some(stats) = &replayed.stats {
        replay_stats::write(args, stats, &summary)?;
    }
    if !quiet {
        eprint(&summary);
        eprint(remarks(&replayed, &request));
    }
    Ok(OK)
}

/// Checks that the answers and the rejects can be written without replacing what is read; returns where rejects go.
fn check_outputs(args: &Replay, pipeline: &dyn Pipeline) -> Result<Place, Failure> {
    if Format::from_path(&args.output).is_some_and(|format| format != Format::Csv) {
        let path = args.output.display();
        return Err(Failure::usage_error(format!("{path}: answers are written as CSV; give a name that ends in .csv")));
    }
    Output::check(&args.output).map_err(Failure::failed)?;
    let is_stream = args.output == Path::new("-") || (args.output.exists() && !args.output.is_file());
    let beside = if is_stream { rejects_beside(&args.log.input) } else { rejects_of(&args.output) };
    let rejects = Place::new(args.log.rejects.as_deref(), Place::Default(beside));
    let mut read_files = log_input::read_files(&args.log);
    read_files.extend(args.cluster.hosts.as_deref().map(|hosts| ("list of hosts", hosts)));
    let mut written = log_input::written(Some(&args.output), &rejects);
    if let Some(stats) = &args.stats_json {
        Output::check(stats).map_err(Failure::failed)?;
        if stats == &args.output {
            let problem = "--stats-json: the answers go there; name another place for one of them with -o";
            return Err(Failure::usage_error(problem));
        }
        written.push((("statistics", stats), "--stats-json"));
    }
    let figures: Vec<PathBuf> = match &args.figure {
        Some(figure) => FigureFiles::new(figure)?.of_columns(pipeline.about().columns),
        None => Vec::new(),
    };
    for figure in &figures {
        check_writable(figure, false).map_err(|error| Failure::usage_error(format!("--figure: {error}")))?;
    }
    written.extend(figures.iter().map(|path| (("figure", path.as_path()), "--figure")));
    refuse_to_overwrite(&written, &read_files)?;
    Ok(rejects)
}

/// Reads the log, and prints remarks about it unless `quiet`.
fn read(args: &Replay, rejects: Rejects, quiet: bool) -> Result<(Arc<Trace>, ReadSummary), Failure> {
    let (trace, summary) = log_input::read(&args.log, rejects, quiet)?;
    if args.deduplicate && !quiet && trace.events.iter().all(|event| event.event_id().is_absent()) {
        eprint(
            "note: no event of this log has an id, so --deduplicate finds nothing; name its column as event_id in a \
             mapping",
        );
    }
    Ok((trace, summary))
}

fn write(args: &Replay, replayed: &Replayed, trace: &Trace) -> Result<(), Failure> {
    let mut output = Output::create(&args.output).map_err(Failure::failed)?;
    let written = match args.changes {
        true => replayed.write_changes(&trace.symbols, &mut output),
        false => replayed.write_answers(&trace.symbols, &mut output),
    };
    written.map_err(|error| output.error(error))?;
    Ok(output.finish()?)
}

/// Draws the final answers.
fn draw(
    figure: &Path,
    replayed: &Replayed,
    trace: &Trace,
    request: &ReplayRequest<'_>,
    quiet: bool,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    replayed.write_answers(&trace.symbols, &mut text).map_err(Failure::failed)?;
    let text = String::from_utf8(text).map_err(Failure::failed)?;
    let answers = AnswersTable::read(request.pipeline.name(), &text).map_err(Failure::failed)?;
    plot::draw(&answers, request.pipeline.about().question, &[], &FigureFiles::new(figure)?, quiet)
}

/// Returns one line about the answers.
fn remarks(replayed: &Replayed, request: &ReplayRequest<'_>) -> String {
    let mut text = format!("{} answers of {}", replayed.answers.len(), request.pipeline.name());
    text.push_str(&format!(", slack {}", duration_text(replayed.slack_ms)));
    text.push_str(&format!(", {} events dropped as late", replayed.late.count));
    if let Some(changes) = replayed.changes.as_ref().filter(|_| request.changes) {
        text.push_str(&format!(", {} answers taken back on the way", changes.retractions()));
    }
    if let Some(repeats) = replayed.repeats {
        text.push_str(&format!(", {repeats} repeats of an event not counted"));
    }
    if replayed.without_key > 0 {
        text.push_str(&format!(", {} events that lack the key not used", replayed.without_key));
    }
    if !request.config.eviction.is_exact() {
        text.push_str(&format!(
            "; {} forgets state that may still be needed, so answers may be missing or wrong",
            request.config.eviction
        ));
    }
    text
}

/// Parses the axes of a replay and checks that they can be combined.
fn config(args: &Replay, pipeline: &dyn Pipeline) -> Result<RunConfig, Failure> {
    let config = RunConfig {
        deduplicate: args.deduplicate.then(|| horizon(args.duplicate_horizon_ms)),
        ..run_config(&args.strategy, &args.order, &args.eviction, args.workers)?
    };
    if args.changes && !config.order.retracts() {
        let order = config.order.name();
        let problem = format!("--changes: order policy '{order}' takes no answer back; use --order speculative");
        return Err(Failure::usage_error(problem));
    }
    let processes = match hosts(&args.cluster)? {
        Some((hosts, ..)) => hosts.addresses().len(),
        None => args.cluster.processes.unwrap_or(1).into(),
    };
    check_supported(pipeline, &config, processes).map_err(|unsupported| {
        Failure::usage_error(match unsupported {
            Unsupported::Workers { strategy, workers, allowed } => {
                format!("--workers {workers}: strategy '{strategy}' runs on {allowed}")
            }
            Unsupported::Strategy { strategy, pipeline, reason } => {
                format!("--strategy {strategy} cannot serve {pipeline} this way: {reason}")
            }
        })
    })?;
    Ok(config)
}

/// Returns the processes that take part in a replay.
fn participants(args: &Replay) -> Result<Participants, Failure> {
    let cluster = &args.cluster;
    let several = cluster.hosts.is_some() || cluster.processes.is_some_and(|processes| processes > 1);
    if several && args.log.input == Path::new("-") {
        let problem = "standard input can be read by one process only; give the log as a file";
        return Err(Failure::usage_error(problem));
    }
    if let Some(address) = &args.replay_process_of {
        return Ok(Participants::StartedBy(address.clone()));
    }
    Ok(match hosts(cluster)? {
        Some((hosts, process, join_within)) => Participants::Hosts { hosts, process, join_within },
        None if several => Participants::Started(cluster.processes.unwrap_or(1).into()),
        None => Participants::ThisProcess,
    })
}

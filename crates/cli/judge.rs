//! `judge`: compares the answers of any engine with those that are due.

use std::path::Path;

use flowbench_events::{Input, Output, ReadError, Reject, TableSummary, TextTable, TimeReading, did_you_mean_or_list};
use flowbench_harness::find_pipeline;
use flowbench_harness::judge::{AnswerForm, Assessment, Changelog, DueAnswers, GivenAnswers, GivenRow, Operation};
use flowbench_harness::replay::ReplayRequest;
use flowbench_pipelines::{Pipeline, Registry, RunConfig, Strategy};

use crate::args::Judge;
use crate::failure::{Failure, NOT_EXACT, OK, eprint, print};
use crate::json_output::print_json;
use crate::judgement::Judgement;
use crate::log_input::{self, horizon};
use crate::overwriting::refuse_to_overwrite;
use crate::rejects::{Place, Rejects};
use crate::signals::remove_unfinished_outputs_on_signals;

/// Bad rows that are printed; `--differences` lists them all.
const BAD_ROWS_SHOWN: usize = 50;

pub(crate) fn judge(args: &Judge, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    let pipeline = find_pipeline(&args.pipeline, registry)?;
    let config = RunConfig {
        deduplicate: args.deduplicate.then(|| horizon(args.duplicate_horizon_ms)),
        ..RunConfig::plain(Strategy::SEQUENTIAL)
    };
    let mut request = ReplayRequest { slack_ms: args.slack_ms, ..ReplayRequest::new(pipeline, &args.set, config) };
    // What is wrong with the arguments should not cost the reading of the whole log.
    request.check_settings().map_err(Failure::usage_error)?;
    check_columns(args, pipeline)?;
    let times = TimeReading::new(args.time_format.as_deref(), args.timezone.as_deref());
    let times = times.map_err(|problem| Failure::usage_error(format!("--time-format, --timezone: {problem}")))?;
    check_files(args)?;
    remove_unfinished_outputs_on_signals();

    let (trace, _) = log_input::read(&args.log(), Rejects::new(Place::Nowhere)?, quiet)?;
    // What a session did not answer, because it was late, was not due.
    request.slack_ms = request.slack_ms.or(trace.recording.slack_ms);
    let due = DueAnswers::new(&request, &trace).map_err(Failure::failed)?;
    let form = due.form(pipeline, &args.ignore, times);
    let (answers, unreadable) = read_answers(args, &form, quiet)?;
    let assessment = Assessment::new(&request, &trace, &due, &form, &answers).map_err(Failure::failed)?;
    let judgement = Judgement { pipeline: pipeline.name(), request: &request, form: &form, assessment, unreadable };
    if let Some(path) = &args.differences {
        judgement.write_differences(path)?;
    }
    match args.json {
        true => print_json("judgement", judgement.as_json())?,
        false => print(&judgement.as_text())?,
    }
    if !quiet {
        judgement.remarks().iter().for_each(eprint);
    }
    Ok(if judgement.is_exact() { OK } else { NOT_EXACT })
}

/// Checks that each column that is renamed or ignored is one of the pipeline, and that some are left to compare.
fn check_columns(args: &Judge, pipeline: &dyn Pipeline) -> Result<(), Failure> {
    let known = || ["event_time"].into_iter().chain(pipeline.about().columns.iter().copied());
    let renamed = args.columns.iter().map(|(_, ours)| ("--columns", ours));
    for (option, name) in renamed.chain(args.ignore.iter().map(|name| ("--ignore", name))) {
        if !known().any(|column| column == name) {
            let near = did_you_mean_or_list(name, known());
            let problem = format!("{option}: answers of {} have no column '{name}'{near}", pipeline.name());
            return Err(Failure::usage_error(problem));
        }
    }
    if known().all(|column| args.ignore.iter().any(|name| name == column)) {
        return Err(Failure::usage_error("--ignore: nothing is left to compare; leave one column"));
    }
    Ok(())
}

fn check_files(args: &Judge) -> Result<(), Failure> {
    if args.answers == Path::new("-") && args.trace == Path::new("-") {
        return Err(Failure::usage_error("standard input cannot be both the answers and the log; give one as a file"));
    }
    let log = args.log();
    let mut read = log_input::read_files(&log);
    read.push(("answers", &args.answers));
    if let Some(path) = &args.differences {
        Output::check(path).map_err(Failure::failed)?;
        refuse_to_overwrite(&[(("differences", path.as_path()), "--differences")], &read)?;
    }
    Ok(())
}

/// Reads the answers, and the rows that are none. Fails if there are rows and all of them are bad.
fn read_answers(args: &Judge, form: &AnswerForm, quiet: bool) -> Result<(GivenAnswers, Vec<Reject>), Failure> {
    let input = Input::new(&args.answers);
    let columns = their_columns(args, form);
    let table = TextTable {
        format: args.format.map(Into::into),
        header: (!args.header.is_empty()).then(|| args.header.clone()),
        columns: columns.clone(),
    };
    let (mut changelog, mut rows, mut bad) = (Changelog::default(), Vec::new(), Vec::new());
    let mut on_row = |line: u64, cells: Result<&[&str], Reject>| match cells
        .and_then(|cells| answer(form, args.op.is_some(), line, cells, &columns))
    {
        Ok((given, Some(operation))) => changelog.push(given, operation),
        Ok((given, None)) => rows.push(given),
        Err(reject) => bad.push(reject),
    };
    let summary = table.read(&input, &mut on_row).map_err(|error| Failure::failed(with_fix(&error)))?;
    let answers = match args.op {
        Some(_) => changelog.finish(form),
        None => GivenAnswers { rows, ..GivenAnswers::default() },
    };
    tell_bad_rows(&input, &bad, &summary)?;
    if !quiet {
        notes(&input, &summary, &answers).iter().for_each(eprint);
    }
    Ok((answers, bad))
}

/// Returns the columns of the answers as the file calls them: those of the form, and that of operations.
fn their_columns(args: &Judge, form: &AnswerForm) -> Vec<String> {
    let theirs = |ours: &str| {
        let renamed = args.columns.iter().find(|(_, name)| name == ours);
        renamed.map_or_else(|| ours.to_owned(), |(theirs, _)| theirs.clone())
    };
    form.names().map(theirs).chain(args.op.clone()).collect()
}

/// Prints the first rows that are no answers. Fails if no other rows are there.
fn tell_bad_rows(input: &Input, bad: &[Reject], summary: &TableSummary) -> Result<(), Failure> {
    if bad.is_empty() {
        return Ok(());
    }
    let mut list: Vec<String> = bad.iter().take(BAD_ROWS_SHOWN).map(|one| format!("{input}, {one}")).collect();
    if bad.len() > BAD_ROWS_SHOWN {
        list.push(format!("… and {} more; --differences FILE lists all of them", bad.len() - BAD_ROWS_SHOWN));
    }
    let list = list.join("\n");
    if bad.len() as u64 == summary.rows {
        return Err(Failure::failed(format!("{input}: no row is an answer\n{list}")));
    }
    eprint(list);
    Ok(())
}

fn notes(input: &Input, summary: &TableSummary, answers: &GivenAnswers) -> Vec<String> {
    let mut notes = Vec::new();
    if !summary.assumed.is_empty() {
        notes.push(format!("read {input} as {}", summary.assumed.join(", ")));
    }
    if !summary.unused_columns.is_empty() {
        notes.push(format!("note: columns that are not compared: {}", summary.unused_columns.join(", ")));
    }
    if answers.is_upsert {
        notes.push("note: there are +U and no -U, so of all rows with one key the last one counts".to_owned());
    }
    notes
}

/// Returns the answer of a row, and what the row does in a changelog.
fn answer(
    form: &AnswerForm,
    has_operation: bool,
    line: u64,
    cells: &[&str],
    columns: &[String],
) -> Result<(GivenRow, Option<Operation>), Reject> {
    let (cells, operation) = match (cells.split_last(), has_operation) {
        (Some((operation, cells)), true) => (cells, Some(*operation)),
        _ => (cells, None),
    };
    let reject = |column: usize, reason| Reject { line, column: columns[column].clone(), reason };
    let row = form.row(cells).map_err(|wrong| reject(wrong.column, wrong.reason))?;
    let operation = operation.map(|text| text.parse().map_err(|reason| reject(cells.len(), reason))).transpose()?;
    Ok((GivenRow { line, row }, operation))
}

/// Returns an error with what is likely to help if a column is missing.
fn with_fix(error: &ReadError) -> String {
    match error {
        ReadError::Columns { .. } => {
            format!("{error}; --columns THEIRS=OURS renames a column, --ignore OURS leaves one out, --header names all")
        }
        _ => error.to_string(),
    }
}
